package review

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
)

// Scope lets operators work on reviews, and auditors see that they do.
const Scope = "reviews"

// Routes are for people, under their own space, for those who look after reviews, and for parties.
func (d *Desk) Routes() []httpd.Route {
	person := func(method string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: "/v1/wallet/reviews", Roles: []httpd.Role{httpd.RolePerson}, Scope: "wallet", Class: class, Handler: h}
	}
	read := func(path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: http.MethodGet, Path: "/v1/reviews" + path, Roles: []httpd.Role{httpd.RoleOperator, httpd.RoleAuditor}, Scope: Scope, Class: class, Handler: h}
	}
	write := func(path string, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: http.MethodPost, Path: "/v1/reviews/:id" + path, Roles: []httpd.Role{httpd.RoleOperator}, Scope: Scope, Class: httpd.ClassWrite, Handler: h}
	}
	return []httpd.Route{
		person(http.MethodPost, httpd.ClassWrite, d.submit),
		person(http.MethodGet, httpd.ClassRead, d.mine),
		read("", httpd.ClassReport, d.list),
		read("/summary", httpd.ClassReport, d.summary),
		read("/:id", httpd.ClassRead, d.one),
		write("/claim", d.claim),
		write("/answer", d.answer),
		{Method: http.MethodGet, Path: "/v1/clients/self/reviews", Roles: []httpd.Role{httpd.RoleRelyingParty}, Scope: "verify", Class: httpd.ClassRead, Handler: d.own},
	}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: ErrUnknown, Code: "review-unknown"},
		{Err: ErrCheckUnknown, Code: "verification-unknown"},
		{Err: ErrReviewed, Code: "review-exists"},
		{Err: ErrLate, Code: "review-late"},
		{Err: ErrReused, Code: "idempotency-key-reused"},
		{Err: ErrClaimed, Code: "review-claimed"},
		{Err: ErrNotClaimed, Code: "review-not-claimed"},
		{Err: ErrAnswered, Code: "review-answered"},
		{Err: ErrClosed, Code: "review-closed"},
	}
}

// wire is a review as both sides see it.
type wire struct {
	ID           string     `json:"id"`
	Verification string     `json:"verification,omitempty"` // for her
	Party        string     `json:"party"`
	PartyName    string     `json:"party_name"`
	Purpose      string     `json:"purpose"`
	Type         string     `json:"type,omitempty"`
	Level        int        `json:"level"`
	Text         string     `json:"text,omitempty"`
	At           time.Time  `json:"at"`
	State        State      `json:"state"`
	Due          *time.Time `json:"due_at,omitempty"`
	Overdue      bool       `json:"overdue,omitempty"`
	ClaimedBy    string     `json:"claimed_by,omitempty"` // for operators and auditors
	Answer       string     `json:"answer,omitempty"`
	Measure      string     `json:"measure,omitempty"`
	Answered     *time.Time `json:"answered_at,omitempty"`
}

func (d *Desk) wire(r Review, hers bool) wire {
	w := wire{
		ID: r.ID, Party: r.Check.Party, PartyName: r.Check.PartyName, Purpose: r.Check.Purpose, Type: r.Check.Type, Level: r.Level, Text: r.Text, At: r.At,
		State: r.State, Overdue: d.Overdue(r), Answer: r.Answer, Measure: r.Measure,
	}
	if !r.DueAt.IsZero() {
		w.Due = &r.DueAt
	}
	if r.State == Answered {
		w.Answered = &r.EndedAt
	}
	if hers {
		w.Verification = r.Check.ID
	} else {
		w.ClaimedBy = r.ClaimedBy
	}
	return w
}

type list struct {
	Reviews []wire `json:"reviews"`
	Next    string `json:"next,omitempty"`
}

func (d *Desk) wires(all []Review, next Place, hers bool) list {
	out := list{Reviews: make([]wire, len(all)), Next: httpd.Cursor(next).String()}
	for i, r := range all {
		out.Reviews[i] = d.wire(r, hers)
	}
	return out
}

// part reads which part of a list is wanted.
func part(c *gin.Context) (Place, int, error) {
	after, ok := httpd.ParseCursor(c.Query("before"))
	if !ok {
		return Place{}, 0, &httpd.Problem{Code: "parameter-invalid", Detail: "before is what the page before said in next"}
	}
	limit, err := httpd.Number(c, "limit", usualList, maxList)
	return Place(after), limit, err
}

type submission struct {
	Verification string `json:"verification" required:"true"`
	Level        int    `json:"level" required:"true"`
	Text         string `json:"text,omitempty"`
}

func (d *Desk) submit(c *gin.Context) (any, error) {
	key, err := httpd.IdempotencyKey(c)
	if err != nil {
		return nil, err
	}
	var body submission
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	r, err := d.Submit(c, who.Holder, Submission{Check: body.Verification, Level: body.Level, Text: body.Text, Key: key})
	if err != nil {
		return nil, err
	}
	return httpd.Created{Location: "/v1/wallet/reviews", Body: d.wire(r, true)}, nil
}

func (d *Desk) mine(c *gin.Context) (any, error) {
	after, limit, err := part(c)
	if err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	all, next, err := d.Mine(c, who.Holder, after, limit)
	if err != nil {
		return nil, err
	}
	return d.wires(all, next, true), nil
}

func (d *Desk) list(c *gin.Context) (any, error) {
	f := Filter{Party: c.Query("party")}
	switch state := c.DefaultQuery("state", string(Open)); state {
	case string(Open), string(Answered):
		f.State = State(state)
	case "all":
	default:
		return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "state is open, answered or all"}
	}
	after, limit, err := part(c)
	if err != nil {
		return nil, err
	}
	all, next, err := d.List(c, f, after, limit)
	if err != nil {
		return nil, err
	}
	return d.wires(all, next, false), nil
}

// one is for the operator who claimed it, with its words, and for auditors without.
func (d *Desk) one(c *gin.Context) (any, error) {
	who, _ := httpd.CallerFrom(c)
	var r Review
	var err error
	if who.Role == httpd.RoleOperator {
		r, err = d.Read(c, who.ID, c.Param("id"))
	} else {
		r, err = d.Look(c, c.Param("id"))
	}
	if err != nil {
		return nil, err
	}
	return d.wire(r, false), nil
}

func (d *Desk) claim(c *gin.Context) (any, error) {
	who, _ := httpd.CallerFrom(c)
	r, err := d.Claim(c, who.ID, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return d.wire(r, false), nil
}

type answer struct {
	Text    string `json:"text" required:"true"`
	Measure string `json:"measure,omitempty"`
}

func (d *Desk) answer(c *gin.Context) (any, error) {
	var body answer
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	r, err := d.Answer(c, who.ID, c.Param("id"), body.Text, body.Measure)
	if err != nil {
		return nil, err
	}
	return d.wire(r, false), nil
}

// row is a line of the summary.
type row struct {
	Party     string         `json:"party"`
	PartyName string         `json:"party_name"`
	Count     int            `json:"count"`
	Levels    map[string]int `json:"levels"`
	Open      int            `json:"open"`
	Overdue   int            `json:"overdue"`
	Average   *float64       `json:"average,omitempty"` // absent without reviews
}

func (t Tally) row() row {
	n, average := t.Count()
	r := row{Party: t.Party, PartyName: t.PartyName, Count: n, Levels: map[string]int{}, Open: t.Open, Overdue: t.Overdue}
	for level := VeryDissatisfied; level <= VerySatisfied; level++ {
		r.Levels[strconv.Itoa(level)] = t.Levels[level]
	}
	if n > 0 {
		average = math.Round(average*100) / 100
		r.Average = &average
	}
	return r
}

const (
	usualDays = 30
	maxDays   = 366
)

func (d *Desk) summary(c *gin.Context) (any, error) {
	days, err := httpd.Number(c, "days", usualDays, maxDays)
	if err != nil {
		return nil, err
	}
	from, all, err := d.Summary(c, "", days)
	if err != nil {
		return nil, err
	}
	out := struct {
		From    string `json:"from"`
		Parties []row  `json:"parties"`
	}{from, make([]row, len(all))}
	for i, t := range all {
		out.Parties[i] = t.row()
	}
	return out, nil
}

// own tells a party how often it got which level, and no words.
func (d *Desk) own(c *gin.Context) (any, error) {
	days, err := httpd.Number(c, "days", usualDays, maxDays)
	if err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	from, all, err := d.Summary(c, who.Party, days)
	if err != nil {
		return nil, err
	}
	mine := Tally{Party: who.Party}
	if len(all) > 0 {
		mine = all[0]
	}
	return struct {
		From string `json:"from"`
		row
	}{from, mine.row()}, nil
}
