package issuerhttp

import (
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

// How long the pages of lists are.
const (
	usualPage = 20
	mostPage  = 100
)

// searchWire is a question about certificates. It comes in a body, because numbers of people do
// not belong in addresses, which lie in logs.
type searchWire struct {
	Identifier string       `json:"identifier,omitempty"`
	Holder     *holderWire  `json:"holder,omitempty"`
	Type       string       `json:"type,omitempty"`
	State      issuer.State `json:"state,omitempty"`
	Limit      *int         `json:"limit,omitempty"`
	After      string       `json:"after,omitempty"`
}

type holderWire struct {
	Type   string `json:"type" required:"true"`
	Number string `json:"number" required:"true"`
}

// foundWire is a certificate in a list: nothing of its holder.
type foundWire struct {
	Identifier string       `json:"identifier"`
	Type       string       `json:"type"`
	Version    int          `json:"version"`
	State      issuer.State `json:"state"`
	Authority  string       `json:"authority"`
	Region     string       `json:"region"`
	IssuedAt   time.Time    `json:"issued_at"`
	ValidFrom  string       `json:"valid_from"`
	ValidUntil string       `json:"valid_until"`
	ReplacedBy string       `json:"replaced_by,omitempty"`
}

// search finds certificates of the caller's authorities, the newest first.
func (a *API) search(c *gin.Context) (any, error) {
	var in searchWire
	if err := httpd.Decode(c, &in); err != nil {
		return nil, err
	}
	caller, _ := httpd.CallerFrom(c)
	q := issuer.Question{Authorities: caller.Issuers, Type: in.Type, State: in.State, Limit: usualPage}
	if in.Limit != nil {
		if q.Limit = *in.Limit; q.Limit < 1 || q.Limit > mostPage {
			return nil, httpd.Invalid("/limit", "a number from 1 to 100")
		}
	}
	if in.State != "" && !slices.Contains(issuer.States(), in.State) {
		return nil, httpd.Invalid("/state", "valid, suspended, withdrawn, cancelled, lapsed, transferred or revoked")
	}
	if in.Identifier != "" {
		id, err := schemas.ParseIdentifier(strings.TrimSpace(in.Identifier))
		if err != nil {
			return nil, err
		}
		q.Identifier = id.String()
	}
	var holder *schemas.HolderRef
	if in.Holder != nil {
		holder = &schemas.HolderRef{Type: in.Holder.Type, Number: in.Holder.Number}
		if err := holder.CheckNumber(); err != nil {
			return nil, httpd.Invalid("/holder/number", "not a number of this type of holder")
		}
	}
	var err error
	if q.After, err = placeOf(in.After); err != nil {
		return nil, err
	}
	page, err := a.issuer.Find(c, q, holder)
	if err != nil {
		return nil, err
	}
	out := struct {
		Certificates []foundWire `json:"certificates"`
		Next         string      `json:"next,omitempty"`
	}{make([]foundWire, len(page.Certificates)), httpd.Cursor(page.Next).String()}
	for i, f := range page.Certificates {
		out.Certificates[i] = foundWire{
			Identifier: f.Identifier, Type: f.Type, Version: f.TypeVer, State: f.State, Authority: f.Authority, Region: f.Region,
			IssuedAt: f.CreatedAt.UTC(), ValidFrom: f.ValidFrom, ValidUntil: f.ValidUntil, ReplacedBy: f.ReplacedBy,
		}
		if f.ValidUntil == "" {
			out.Certificates[i].ValidUntil = schemas.LongTerm
		}
	}
	return out, nil
}

// pushes lists the pushes of the caller's authorities, the newest first.
func (a *API) pushes(c *gin.Context) (any, error) {
	limit, err := httpd.Number(c, "limit", usualPage, mostPage)
	if err != nil {
		return nil, err
	}
	after, err := placeOf(c.Query("after"))
	if err != nil {
		return nil, err
	}
	caller, _ := httpd.CallerFrom(c)
	jobs, next, err := a.issuer.Pushes(c, caller.Issuers, after, limit)
	if err != nil {
		return nil, err
	}
	out := struct {
		Jobs []jobWire `json:"jobs"`
		Next string    `json:"next,omitempty"`
	}{make([]jobWire, len(jobs)), httpd.Cursor(next).String()}
	for i, j := range jobs {
		out.Jobs[i] = jobOf(j)
	}
	return out, nil
}

func placeOf(text string) (issuer.Place, error) {
	cursor, ok := httpd.ParseCursor(text)
	if !ok {
		return issuer.Place{}, &httpd.Problem{Code: "parameter-invalid", Detail: "after is the next of the page before"}
	}
	return issuer.Place(cursor), nil
}
