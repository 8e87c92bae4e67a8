package correction

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
)

// Scope lets an operator work on requests.
const Scope = "corrections"

// Routes are for people, under their own space, and for operators.
func (d *Desk) Routes() []httpd.Route {
	person := func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Roles: []httpd.Role{httpd.RolePerson}, Scope: "wallet", Class: class, Handler: h}
	}
	operator := func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Roles: []httpd.Role{httpd.RoleOperator}, Scope: Scope, Class: class, Handler: h}
	}
	return []httpd.Route{
		person(http.MethodPost, "/v1/wallet/corrections", httpd.ClassWrite, d.file),
		person(http.MethodGet, "/v1/wallet/corrections", httpd.ClassRead, d.mine),
		person(http.MethodGet, "/v1/wallet/corrections/:id", httpd.ClassRead, d.one),
		operator(http.MethodGet, "/v1/corrections", httpd.ClassReport, d.due),
		operator(http.MethodPost, "/v1/corrections/:id/claim", httpd.ClassWrite, d.claim),
		operator(http.MethodPost, "/v1/corrections/:id/answer", httpd.ClassWrite, d.answer),
	}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: ErrUnknown, Code: "correction-unknown"},
		{Err: ErrAboutUnknown, Code: "correction-about-unknown"},
		{Err: ErrLimit, Code: "correction-limit"},
		{Err: ErrReused, Code: "idempotency-key-reused"},
		{Err: ErrClaimed, Code: "correction-claimed"},
		{Err: ErrNotClaimed, Code: "correction-not-claimed"},
		{Err: ErrAnswered, Code: "correction-answered"},
		{Err: ErrOwnResult, Code: "correction-own-result"},
	}
}

type about struct {
	Kind string `json:"kind" required:"true"`
	ID   string `json:"id,omitempty"` // none for a sign-in
}

type filing struct {
	About   about  `json:"about" required:"true"`
	Field   string `json:"field,omitempty"`
	Says    string `json:"says" required:"true"`
	Contact string `json:"contact,omitempty"`
}

// wire is a request as both sides see it.
type wire struct {
	ID       string     `json:"id"`
	About    about      `json:"about"`
	Field    string     `json:"field,omitempty"`
	Says     string     `json:"says,omitempty"`
	Contact  string     `json:"contact,omitempty"`
	State    string     `json:"state"`
	Filed    time.Time  `json:"filed_at"`
	Due      time.Time  `json:"due_at"`
	Overdue  bool       `json:"overdue"`
	Outcome  string     `json:"outcome,omitempty"`
	Answer   string     `json:"answer,omitempty"`
	Answered *time.Time `json:"answered_at,omitempty"`
	// For operators.
	RecordedBy string `json:"recorded_by,omitempty"`
	ClaimedBy  string `json:"claimed_by,omitempty"`
}

func (d *Desk) wire(r Request, operator bool) wire {
	w := wire{
		ID: r.ID, About: about{r.Kind, r.About}, Field: r.Field, Says: r.Says, Contact: r.Contact, State: string(r.State), Filed: r.FiledAt, Due: r.DueAt,
		Overdue: d.Overdue(r), Outcome: string(r.Outcome), Answer: r.Answer,
	}
	if !r.AnsweredAt.IsZero() {
		w.Answered = &r.AnsweredAt
	}
	if operator {
		w.RecordedBy, w.ClaimedBy = r.RecordedBy, r.ClaimedBy
	}
	return w
}

func (d *Desk) list(all []Request, operator bool) any {
	out := make([]wire, len(all))
	for i, r := range all {
		out[i] = d.wire(r, operator)
	}
	return struct {
		Corrections []wire `json:"corrections"`
	}{out}
}

func (d *Desk) file(c *gin.Context) (any, error) {
	key, err := httpd.IdempotencyKey(c)
	if err != nil {
		return nil, err
	}
	var body filing
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	r, err := d.File(c, who.Holder, who.Method, Filing{Kind: body.About.Kind, About: body.About.ID, Field: body.Field, Says: body.Says, Contact: body.Contact, Key: key})
	if err != nil {
		return nil, err
	}
	return httpd.Created{Location: "/v1/wallet/corrections/" + r.ID, Body: d.wire(r, false)}, nil
}

func (d *Desk) mine(c *gin.Context) (any, error) {
	who, _ := httpd.CallerFrom(c)
	all, err := d.Mine(c, who.Holder)
	if err != nil {
		return nil, err
	}
	return d.list(all, false), nil
}

func (d *Desk) one(c *gin.Context) (any, error) {
	who, _ := httpd.CallerFrom(c)
	r, err := d.One(c, who.Holder, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return d.wire(r, false), nil
}

func (d *Desk) due(c *gin.Context) (any, error) {
	all, err := d.Due(c)
	if err != nil {
		return nil, err
	}
	return d.list(all, true), nil
}

func (d *Desk) claim(c *gin.Context) (any, error) {
	who, _ := httpd.CallerFrom(c)
	r, err := d.Claim(c, who.ID, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return d.wire(r, true), nil
}

type verdict struct {
	Outcome string `json:"outcome" required:"true"`
	Answer  string `json:"answer" required:"true"`
}

func (d *Desk) answer(c *gin.Context) (any, error) {
	var body verdict
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	r, err := d.Answer(c, who.ID, c.Param("id"), Outcome(body.Outcome), body.Answer)
	if err != nil {
		return nil, err
	}
	return d.wire(r, true), nil
}
