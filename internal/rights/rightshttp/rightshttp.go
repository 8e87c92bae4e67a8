// Package rightshttp is the HTTP face of a person's rights: receipts of looks, disputes, export
// and erasure. Whose data it is comes from the sign-in and never from the request. Parties dispute
// their own checks here, and operators answer.
package rightshttp

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/rights"
)

// ScopeDisputes is what an operator's token must carry to answer disputes.
const ScopeDisputes = "disputes"

// API serves rights.
type API struct{ rights *rights.Service }

// New makes the API.
func New(s *rights.Service) (*API, error) {
	if s == nil {
		return nil, errors.New("rightshttp: incomplete configuration")
	}
	return &API{rights: s}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	person := func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Roles: []httpd.Role{httpd.RolePerson}, Scope: "wallet", Class: class, Handler: h}
	}
	party := func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Roles: []httpd.Role{httpd.RoleRelyingParty}, Scope: "verify", Class: class, Handler: h}
	}
	operator := func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Roles: []httpd.Role{httpd.RoleOperator}, Scope: ScopeDisputes, Class: class, Handler: h}
	}
	export := person(http.MethodGet, "/v1/wallet/export", httpd.ClassExport, a.export)
	export.Streaming = true
	return []httpd.Route{
		person(http.MethodGet, "/v1/wallet/history/:id/receipt", httpd.ClassRead, a.receipt),
		person(http.MethodGet, "/v1/wallet/history/:id/disputes", httpd.ClassRead, a.disputesOfLook),
		person(http.MethodPost, "/v1/wallet/history/:id/disputes", httpd.ClassWrite, a.fileAsHolder),
		export,
		person(http.MethodPost, "/v1/wallet/erasure", httpd.ClassWrite, a.erase),
		party(http.MethodGet, "/v1/verifications/:id/disputes", httpd.ClassRead, a.disputesOfCheck),
		party(http.MethodPost, "/v1/verifications/:id/disputes", httpd.ClassWrite, a.fileAsParty),
		operator(http.MethodGet, "/v1/disputes", httpd.ClassReport, a.list),
		operator(http.MethodPost, "/v1/disputes/:id/answer", httpd.ClassWrite, a.answer),
	}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: rights.ErrLookUnknown, Code: "verification-unknown"},
		{Err: rights.ErrNoReceipt, Code: "receipt-unknown"},
		{Err: rights.ErrDisputed, Code: "dispute-open"},
		{Err: rights.ErrTooMany, Code: "dispute-limit"},
		{Err: rights.ErrReason, Code: "dispute-reason"},
		{Err: rights.ErrDisputeUnknown, Code: "dispute-unknown"},
		{Err: rights.ErrDisputeClosed, Code: "dispute-closed"},
		{Err: rights.ErrVerdict, Code: "dispute-verdict"},
		{Err: rights.ErrNotFresh, Code: "sign-in-not-recent"},
		{Err: rights.ErrTooOften, Code: "export-limit"},
		{Err: rights.ErrConfirmation, Code: "erasure-confirmation"},
	}
}

func person(c *gin.Context) rights.Person {
	who, _ := httpd.CallerFrom(c) // the route has a role, so there is one
	return rights.Person{HolderID: who.Holder, FreshAt: freshAt(who)}
}

// freshAt is when she last proved who she is, by her provider's word or by a passkey. The end of a
// silent sign-in, which is what VerifiedAt is for a provider that does not say, proves nothing.
func freshAt(who httpd.Caller) time.Time {
	if who.StepUp.After(who.AuthTime) {
		return who.StepUp
	}
	return who.AuthTime
}

func (a *API) receipt(c *gin.Context) (any, error) {
	text, err := a.rights.Receipt(c, person(c), c.Param("id"))
	if err != nil {
		return nil, err
	}
	return struct {
		Receipt string `json:"receipt"`
	}{text}, nil
}

// dispute is a dispute as its sides see it. The words of the other side are left out.
type dispute struct {
	ID           string       `json:"id"`
	Verification string       `json:"verification"`
	Side         rights.Side  `json:"side"`
	Party        string       `json:"party,omitempty"`
	FiledBy      string       `json:"filed_by,omitempty"`
	Reason       string       `json:"reason,omitempty"`
	State        rights.State `json:"state"`
	FiledAt      time.Time    `json:"filed_at"`
	Answer       string       `json:"answer,omitempty"`
	AnsweredAt   *time.Time   `json:"answered_at,omitempty"`
}

func wire(d rights.Dispute) dispute {
	out := dispute{ID: d.ID, Verification: d.Verification, Side: d.Side, Party: d.Party, FiledBy: d.FiledBy, Reason: d.Reason, State: d.State, FiledAt: d.FiledAt, Answer: d.Answer}
	if !d.AnsweredAt.IsZero() {
		out.AnsweredAt = &d.AnsweredAt
	}
	return out
}

type disputes struct {
	Disputes []dispute `json:"disputes"`
	Next     string    `json:"next,omitempty"`
}

func wireAll(all []rights.Dispute, next string) disputes {
	out := disputes{Disputes: make([]dispute, len(all)), Next: next}
	for i, d := range all {
		out.Disputes[i] = wire(d)
	}
	return out
}

type filing struct {
	Reason string `json:"reason"`
}

func (a *API) fileAsHolder(c *gin.Context) (any, error) {
	var body filing
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	d, err := a.rights.FileAsHolder(c, person(c), c.Param("id"), body.Reason)
	if err != nil {
		return nil, err
	}
	return httpd.Created{Location: "/v1/wallet/history/" + d.Verification + "/disputes", Body: wire(d)}, nil
}

func (a *API) disputesOfLook(c *gin.Context) (any, error) {
	all, err := a.rights.AboutLookOf(c, person(c), c.Param("id"))
	return wireAll(all, ""), err
}

func (a *API) fileAsParty(c *gin.Context) (any, error) {
	var body filing
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	d, err := a.rights.FileAsParty(c, who.Party, who.ID, c.Param("id"), body.Reason)
	if err != nil {
		return nil, err
	}
	return httpd.Created{Location: "/v1/verifications/" + d.Verification + "/disputes", Body: wire(d)}, nil
}

func (a *API) disputesOfCheck(c *gin.Context) (any, error) {
	who, _ := httpd.CallerFrom(c)
	all, err := a.rights.AboutLook(c, rights.SideParty, []string{who.Party}, c.Param("id"))
	return wireAll(all, ""), err
}

func (a *API) list(c *gin.Context) (any, error) {
	state := rights.State(c.Query("state"))
	switch state {
	case "", rights.Open, rights.Upheld, rights.Rejected, rights.Withdrawn:
	default:
		return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "state is open, upheld, rejected or withdrawn"}
	}
	after, ok := httpd.ParseCursor(c.Query("after"))
	if !ok {
		return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "after is what the page before said in next"}
	}
	limit, err := httpd.Number(c, "limit", 0, 200)
	if err != nil {
		return nil, err
	}
	all, next, err := a.rights.List(c, state, rights.Place(after), limit)
	if err != nil {
		return nil, err
	}
	return wireAll(all, httpd.Cursor(next).String()), nil
}

type verdict struct {
	State  rights.State `json:"state"`
	Answer string       `json:"answer"`
}

func (a *API) answer(c *gin.Context) (any, error) {
	var body verdict
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	d, err := a.rights.Answer(c, who.ID, c.Param("id"), body.State, body.Answer)
	if err != nil {
		return nil, err
	}
	return wire(d), nil
}

// export streams everything that is held of the person as one JSON document.
func (a *API) export(c *gin.Context) (any, error) {
	who := person(c)
	err := a.rights.BeginExport(c, who)
	if errors.Is(err, rights.ErrTooOften) {
		return nil, &httpd.Problem{Code: "export-limit", RetryAfter: time.Hour, Cause: err}
	}
	if err != nil {
		return nil, err
	}
	ctx := c.Request.Context()
	return httpd.Stream(func(w io.Writer, _ func()) error {
		c.Header("Content-Type", "application/json")
		c.Header("Content-Disposition", `attachment; filename="showcard-export.json"`)
		return a.rights.Export(ctx, who, w)
	}), nil
}

type erasure struct {
	Confirm string `json:"confirm,omitempty"`
}

type prepared struct {
	Confirm   string    `json:"confirm"`
	ExpiresAt time.Time `json:"expires_at"`
}

type erased struct {
	Erased map[string]int64 `json:"erased"`
}

// erase is both steps: without confirm it gives one out, with it everything goes.
func (a *API) erase(c *gin.Context) (any, error) {
	var body erasure
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if body.Confirm == "" {
		token, until, err := a.rights.PrepareErasure(c, person(c))
		if err != nil {
			return nil, err
		}
		return httpd.Accepted{Location: "/v1/wallet/erasure", Body: prepared{token, until}}, nil
	}
	done, err := a.rights.Erase(c, person(c), body.Confirm)
	if err != nil {
		return nil, err
	}
	out := erased{Erased: map[string]int64{}}
	for _, e := range done {
		out.Erased[strings.ReplaceAll(e.What, " ", "_")] = e.Rows
	}
	return out, nil
}
