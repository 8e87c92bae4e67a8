package wallethttp

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// companyRoutes are for who acts for companies. The company in the path is one of the caller's,
// or it does not exist for her.
func (a *API) companyRoutes(route func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route) []httpd.Route {
	const agents = "/v1/wallet/companies/:company/agents"
	return []httpd.Route{
		route(http.MethodGet, "/v1/wallet/companies", httpd.ClassRead, a.companies),
		route(http.MethodGet, agents, httpd.ClassRead, a.agents),
		route(http.MethodPost, agents, httpd.ClassWrite, a.appoint),
		route(http.MethodDelete, agents+"/:id", httpd.ClassWrite, a.remove),
		route(http.MethodGet, "/v1/wallet/appointments", httpd.ClassRead, a.appointments),
		route(http.MethodPost, "/v1/wallet/appointments/:id", httpd.ClassWrite, a.respond),
	}
}

func companyErrors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: wallet.ErrCompanyUnknown, Code: "company-unknown"},
		{Err: wallet.ErrAppointmentUnknown, Code: "appointment-unknown"},
		{Err: wallet.ErrAppointmentOver, Code: "appointment-over"},
		{Err: wallet.ErrAppointmentLimit, Code: "appointment-limit"},
		{Err: wallet.ErrAppointmentReused, Code: "idempotency-key-reused"},
		{Err: wallet.ErrMayNotAppoint, Code: "appointment-forbidden"},
		{Err: wallet.ErrMoreThanHers, Code: "appointment-exceeds"},
		{Err: wallet.ErrNotAppointed, Code: "not-appointed"},
		{Err: wallet.ErrAgencyOver, Code: "agency-over"},
	}
}

type matter struct {
	Type     string   `json:"type" required:"true"`
	Views    []string `json:"views" required:"true"`
	Purposes []string `json:"purposes" required:"true"`
}

func wireMatters(all []wallet.Matter) []matter {
	out := make([]matter, len(all))
	for i, m := range all {
		out[i] = matter(m)
	}
	return out
}

type company struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Role        string   `json:"role"`
	Appointment string   `json:"appointment,omitempty"`
	Matters     []matter `json:"matters"`
	Until       string   `json:"until,omitempty"` // last day; a representative has none
}

func (a *API) companies(c *gin.Context) (any, error) {
	all, err := a.wallet.Agencies(c, person(c))
	if err != nil {
		return nil, err
	}
	out := make([]company, len(all))
	for i, g := range all {
		out[i] = company{ID: g.CompanyID, Name: g.CompanyName, Role: g.Role, Appointment: g.Appointment, Matters: wireMatters(g.Matters), Until: lastDay(g.Until)}
	}
	return struct {
		Companies []company `json:"companies"`
	}{out}, nil
}

// appointment is one as both sides see it. Her number is told by its end only.
type appointment struct {
	ID          string     `json:"id"`
	Company     string     `json:"company"`
	CompanyName string     `json:"company_name"`
	Name        string     `json:"name"`
	NumberEnd   string     `json:"number_end"`
	Role        string     `json:"role"`
	Matters     []matter   `json:"matters"`
	From        string     `json:"from"`  // first day
	Until       string     `json:"until"` // last day
	State       string     `json:"state"`
	Created     time.Time  `json:"created_at"`
	Answered    *time.Time `json:"answered_at,omitempty"`
	Ended       *time.Time `json:"ended_at,omitempty"`
}

func wireAppointment(a wallet.Appointed) appointment {
	optional := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	return appointment{
		ID: a.ID, Company: a.CompanyID, CompanyName: a.CompanyName, Name: a.PersonName, NumberEnd: a.NumberEnd, Role: a.Role,
		Matters: wireMatters(a.Matters), From: a.From.In(beijing).Format(time.DateOnly), Until: lastDay(a.Until), State: string(a.Now),
		Created: a.CreatedAt, Answered: optional(a.AnsweredAt), Ended: optional(a.EndedAt),
	}
}

func wireAppointments(all []wallet.Appointed) any {
	out := make([]appointment, len(all))
	for i, one := range all {
		out[i] = wireAppointment(one)
	}
	return struct {
		Appointments []appointment `json:"appointments"`
	}{out}
}

// beijing is where days begin and end.
var beijing = time.FixedZone("CST", 8*60*60)

// lastDay is the last day on which something that ends at a moment still counts.
func lastDay(end time.Time) string {
	if end.IsZero() {
		return ""
	}
	return end.Add(-time.Microsecond).In(beijing).Format(time.DateOnly)
}

func (a *API) agents(c *gin.Context) (any, error) {
	all, err := a.wallet.Agents(c, person(c), c.Param("company"))
	if err != nil {
		return nil, err
	}
	return wireAppointments(all), nil
}

// appointRequest names a person by number and name. Nothing in it has a default but the first
// day: what she may do, and until when, is said.
type appointRequest struct {
	Person  personRef `json:"person" required:"true"`
	Role    string    `json:"role" required:"true"`
	Matters []matter  `json:"matters" required:"true"`
	From    string    `json:"from,omitempty"`
	Until   string    `json:"until" required:"true"`
}

type personRef struct {
	Type   string `json:"type" required:"true"`
	Number string `json:"number" required:"true"`
	Name   string `json:"name" required:"true"`
}

func (a *API) appoint(c *gin.Context) (any, error) {
	key, err := httpd.IdempotencyKey(c)
	if err != nil {
		return nil, err
	}
	var body appointRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	n := wallet.Naming{Person: schemas.HolderRef(body.Person), Role: body.Role, Key: key}
	if body.Role != wallet.RoleAdministrator && body.Role != wallet.RoleAgent {
		return nil, httpd.Invalid("/role", "administrator or agent")
	}
	for _, m := range body.Matters {
		n.Matters = append(n.Matters, wallet.Matter(m))
	}
	if body.From != "" {
		if n.From, err = time.ParseInLocation(time.DateOnly, body.From, beijing); err != nil {
			return nil, httpd.Invalid("/from", "a date as 2006-01-02")
		}
	}
	last, err := time.ParseInLocation(time.DateOnly, body.Until, beijing)
	if err != nil {
		return nil, httpd.Invalid("/until", "a date as 2006-01-02")
	}
	n.Until = last.AddDate(0, 0, 1)
	made, err := a.wallet.Appoint(c, person(c), c.Param("company"), n)
	var wrong *wallet.PersonError
	switch {
	case errors.As(err, &wrong):
		out := &httpd.Problem{Code: wrong.Problems[0].Code, Cause: err}
		for _, p := range wrong.Problems {
			out.Errors = append(out.Errors, httpd.FieldError{Pointer: "/person" + p.Pointer, Code: p.Code, Detail: p.Detail})
		}
		return nil, out
	case errors.Is(err, wallet.ErrMatters): // said in words of ours, without anything that was sent
		return nil, &httpd.Problem{Code: "matters-incomplete", Detail: err.Error(), Errors: []httpd.FieldError{{Pointer: "/matters", Code: "matters-incomplete"}}}
	case errors.Is(err, wallet.ErrTerm):
		return nil, &httpd.Problem{Code: "appointment-term", Detail: err.Error(), Errors: []httpd.FieldError{{Pointer: "/until", Code: "appointment-term"}}}
	case err != nil:
		return nil, err
	}
	return httpd.Created{Body: wireAppointment(made)}, nil
}

func (a *API) remove(c *gin.Context) (any, error) {
	return httpd.NoContent{}, a.wallet.Remove(c, person(c), c.Param("company"), c.Param("id"))
}

func (a *API) appointments(c *gin.Context) (any, error) {
	all, err := a.wallet.Appointments(c, person(c))
	if err != nil {
		return nil, err
	}
	return wireAppointments(all), nil
}

type appointmentAnswer struct {
	Answer string `json:"answer" required:"true"`
}

func (a *API) respond(c *gin.Context) (any, error) {
	var body appointmentAnswer
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	var answer wallet.AppointmentState
	switch body.Answer {
	case "accept":
		answer = wallet.Accepted
	case "decline":
		answer = wallet.Declined
	case "leave":
		answer = wallet.Left
	default:
		return nil, httpd.Invalid("/answer", "accept, decline or leave")
	}
	told, err := a.wallet.Respond(c, person(c), c.Param("id"), answer)
	if err != nil {
		return nil, err
	}
	return wireAppointment(told), nil
}
