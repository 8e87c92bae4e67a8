package main

import (
	"cmp"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
)

// A workstation is a client of the registry like any program: its browser makes a key that never
// leaves it, and proves by private_key_jwt that it has it. In earnest an operator puts the entry,
// and another approves it; whoever tries the demo has no operators, so the demo does both at once.

const (
	browserPrefix = "browser-"
	// maxBrowsers live at once: the demo's registry is signed as a whole at each change.
	maxBrowsers = 200
	// browserLife is how long a browser's key is accepted. Coming again begins it anew, once half of
	// it is over; which entry is the oldest is read off its end.
	browserLife = 30 * 24 * time.Hour
)

// demoClient is a client of the demo that a browser may be like.
type demoClient struct {
	ClientID    string       `json:"client_id"`
	Role        string       `json:"role"`
	Name        schemas.Text `json:"name"`
	Party       string       `json:"party,omitempty"`
	Authorities []string     `json:"authorities,omitempty"`
}

// listStaff tells whom one can be at a workstation of the demo.
func (d *demoDesk) listStaff(*gin.Context) (any, error) {
	out := struct {
		Clients []demoClient `json:"clients"`
	}{[]demoClient{}}
	operators := 0
	for _, one := range d.callers.callers {
		c, err := d.registry.Client(one.ClientID)
		if err != nil {
			return nil, err
		}
		staff := demoClient{ClientID: c.ID, Role: c.Role, Party: c.Party, Authorities: c.Authorities}
		switch httpd.Role(c.Role) {
		case httpd.RoleOperator:
			operators++
			n := strconv.Itoa(operators)
			staff.Name = schemas.Text{ZH: "演示运营人员 " + n, EN: "Demo operator " + n}
		case httpd.RoleAuditor:
			staff.Name = schemas.Text{ZH: "演示审计人员", EN: "Demo auditor"}
		case httpd.RoleRelyingParty:
			p, err := d.registry.Party(c.Party)
			if err != nil {
				return nil, err
			}
			staff.Name = p.Name
		default:
			a, err := d.registry.Authority(c.Authorities[0])
			if err != nil {
				return nil, err
			}
			staff.Name = a.Name
		}
		out.Clients = append(out.Clients, staff)
	}
	return out, nil
}

type enrolRequest struct {
	ClientID string      `json:"client_id" required:"true"`
	JWK      *key.Public `json:"jwk" required:"true"`
}

type enrolled struct {
	ClientID string `json:"client_id"`
}

// enrol gives a browser an entry of its own: the role, the party or authorities, and the scopes of
// a client of the demo, under the browser's key. The same key is the same entry, like whichever
// client it named last. What was suspended stays so: the browser makes another key.
func (d *demoDesk) enrol(c *gin.Context) (any, error) {
	var body enrolRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(d.callers.callers, func(one demoCaller) bool { return one.ClientID == body.ClientID }) {
		return nil, &httpd.Problem{Code: "client-unknown"}
	}
	id, err := browserID(body.JWK)
	if err != nil {
		return nil, err
	}
	like, err := d.registry.Client(body.ClientID)
	if err != nil {
		return nil, err
	}
	if like.Suspended {
		return nil, &httpd.Problem{Code: access.CodeClientSuspended}
	}
	if d.enrolled(id, like, body.JWK) {
		return enrolled{id}, nil
	}
	return enrolled{id}, d.registry.Update(c, "demo", "a browser as "+like.ID, func(draft *registry.Draft) error {
		if old, err := draft.Client(id); err == nil {
			if old.Suspended {
				return &httpd.Problem{Code: access.CodeClientSuspended}
			}
			if len(old.Keys) > 0 && !old.Keys[0].Equal(body.JWK) {
				return fmt.Errorf("%w: %s", registry.ErrKeyTaken, id)
			}
		}
		now := d.now()
		d.makeRoom(draft, id, now)
		draft.PutClient(registry.Client{
			ID: id, Role: like.Role, Party: like.Party, Authorities: like.Authorities, Scopes: like.Scopes, Keys: []*key.Public{body.JWK},
			KeyEnds: registry.KeyEnds{{Key: body.JWK.ID(), Ends: now.Add(browserLife).UTC().Truncate(time.Second)}},
		})
		return nil
	})
}

// enrolled reports whether the entry stands as it would be written, so that a page may ask at each
// start without making a revision of the registry.
func (d *demoDesk) enrolled(id string, like registry.Client, k *key.Public) bool {
	c, err := d.registry.Client(id)
	if err != nil || c.Suspended || len(c.Keys) != 1 || !c.Keys[0].Equal(k) || c.Keys[0].ID() != k.ID() {
		return false
	}
	ends, _ := c.KeyEnds.Of(k.ID())
	return ends.Sub(d.now()) > browserLife/2 && c.Role == like.Role && c.Party == like.Party &&
		slices.Equal(c.Authorities, like.Authorities) && slices.Equal(c.Scopes, like.Scopes)
}

// makeRoom suspends the oldest browsers, so that with the next one no more than [maxBrowsers] live.
func (d *demoDesk) makeRoom(draft *registry.Draft, next string, now time.Time) {
	ends := func(c registry.Client) time.Time {
		var last time.Time
		for _, e := range c.KeyEnds {
			if e.Ends.After(last) {
				last = e.Ends
			}
		}
		return last
	}
	living := slices.DeleteFunc(d.registry.Clients(), func(c registry.Client) bool {
		return !strings.HasPrefix(c.ID, browserPrefix) || c.ID == next || c.Suspended || len(c.ActiveKeys(now)) == 0
	})
	slices.SortFunc(living, func(a, b registry.Client) int { return cmp.Or(ends(a).Compare(ends(b)), cmp.Compare(a.ID, b.ID)) })
	for _, old := range living[:max(0, len(living)-maxBrowsers+1)] {
		old.Suspended = true
		draft.PutClient(old)
	}
}

// browserID is the id of the entry of a key: 12 characters of its thumbprint, in letters that an id
// may have.
func browserID(k *key.Public) (string, error) {
	sum, err := base64.RawURLEncoding.DecodeString(k.Thumbprint())
	if err != nil {
		return "", err
	}
	return browserPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum))[:12], nil
}
