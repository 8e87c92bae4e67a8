package wallet

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/showcard/showcard/schemas"
)

// Who may act for a company (法定代表人 → 证照管理员 → 办事人).
const (
	// RoleRepresentative is named by the company's own licence, for as long as that stands.
	RoleRepresentative = "representative"
	// RoleAdministrator is appointed by a representative: shows, and appoints agents.
	RoleAdministrator = "administrator"
	// RoleAgent is appointed by a representative or an administrator: shows.
	RoleAgent = "agent"
)

// All stands for every type, every view or every purpose. It must be said: an empty list is
// nothing.
const All = "*"

// Matter is what an appointment covers (事项): views of a certificate type, for purposes.
type Matter struct {
	Type     string   `json:"type"`     // or All
	Views    []string `json:"views"`    // or All alone
	Purposes []string `json:"purposes"` // or All alone
}

// everything is what the licence's own representatives may.
func everything() []Matter {
	return []Matter{{Type: All, Views: []string{All}, Purposes: []string{All}}}
}

// covers says whether all of one matter lies in another.
func (m Matter) covers(o Matter) bool {
	return (m.Type == All || m.Type == o.Type) && within(o.Views, m.Views) && within(o.Purposes, m.Purposes)
}

func within(some, all []string) bool {
	return slices.Contains(all, All) || !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(all, one) })
}

// coverAll says whether every matter of some lies in one of all: who appoints gives no more than
// she has.
func coverAll(all, some []Matter) bool {
	return !slices.ContainsFunc(some, func(o Matter) bool {
		return !slices.ContainsFunc(all, func(m Matter) bool { return m.covers(o) })
	})
}

// AppointmentState is how far an appointment has got.
type AppointmentState string

// What is stored. Everything but Offered and Accepted is an end.
const (
	Offered  AppointmentState = "offered"
	Accepted AppointmentState = "accepted"
	Declined AppointmentState = "declined"
	Removed  AppointmentState = "removed" // by the company
	Left     AppointmentState = "left"    // by herself
)

// What is told of an offered or accepted one, besides.
const (
	Lapsed      AppointmentState = "lapsed"      // offered, and not answered in time
	Scheduled   AppointmentState = "scheduled"   // accepted, begins later
	Active      AppointmentState = "active"      // accepted, and may be used now
	Expired     AppointmentState = "expired"     // past its end
	Interrupted AppointmentState = "interrupted" // whoever appointed her has lost her own right
)

// Appointment lets a person act for a company in some matters, until a day. It is worth no more
// than the right of who gave it, at each use.
type Appointment struct {
	ID        string
	CompanyID string // holder id
	PersonID  string // holder id
	Role      string // RoleAdministrator or RoleAgent
	By        string // holder id of who appointed her
	// ByAppointment is the appointment by which she did; empty for a representative.
	ByAppointment string
	Matters       []Matter
	From, Until   time.Time
	State         AppointmentState
	CreatedAt     time.Time
	AnsweredAt    time.Time // zero: not yet
	EndedAt       time.Time // zero: not ended by anybody

	// Sealed at rest.
	PersonName  string // as it was given; whoever has another name is not meant
	NumberEnd   string // the last characters of her number, for who appointed her
	CompanyName string
}

// Licence is a company's certificate that names who may act for it. It is the record's, not the
// wallet's: the register of companies says who represents one.
type Licence struct {
	Identifier      string
	CompanyID       string
	CompanyName     string
	ValidFrom       string // dates; an empty end is none
	ValidUntil      string
	Representatives []schemas.HolderRef
}

// Appointments is the durable side of acting for companies. A method that changes something MUST
// be durable when it returns nil and MUST enter the audit log in the same transaction. What one
// method returned true of must show in the next call of any process: a removal bites at once.
type Appointments interface {
	// Licences returns the certificates that name the person a representative and have not
	// ended. Whether they are in force by their dates is the caller's to judge.
	Licences(ctx context.Context, personID string) ([]Licence, error)
	// Appointment MUST return ErrAppointmentUnknown when there is none.
	Appointment(ctx context.Context, id string) (Appointment, error)
	// AppointmentsOf returns those of a person, AppointmentsIn those of a company; newest first,
	// at most limit.
	AppointmentsOf(ctx context.Context, personID string, limit int) ([]Appointment, error)
	AppointmentsIn(ctx context.Context, companyID string, limit int) ([]Appointment, error)
	// PutAppointment stores a new one and MUST return ErrAppointmentExists when its id is taken.
	PutAppointment(ctx context.Context, a Appointment) error
	// ChangeAppointment moves it to another state, if it is in one of from; otherwise it MUST
	// return ErrAppointmentOver and change nothing. by is a holder id.
	ChangeAppointment(ctx context.Context, id string, from []AppointmentState, to AppointmentState, by string, at time.Time) error
}

// The answers about acting for companies.
var (
	ErrCompanyUnknown     = errors.New("wallet: no such company among those she acts for")
	ErrAppointmentUnknown = errors.New("wallet: no such appointment")
	ErrAppointmentExists  = errors.New("wallet: appointment id taken")
	ErrAppointmentReused  = errors.New("wallet: the same key with another appointment")
	ErrAppointmentOver    = errors.New("wallet: the appointment is answered or over")
	ErrAppointmentLimit   = errors.New("wallet: too many appointments")
	ErrMayNotAppoint      = errors.New("wallet: her role may not appoint or remove this")
	ErrMoreThanHers       = errors.New("wallet: gives more than she has herself")
	ErrMatters            = errors.New("wallet: matters are not complete")
	ErrTerm               = errors.New("wallet: dates of the appointment out of range")
	ErrNotAppointed       = errors.New("wallet: not among the matters she was appointed for")
	// ErrAgencyOver says that a show was opened by somebody who may no longer act for its holder.
	ErrAgencyOver = errors.New("wallet: the right of who shows it is over")
)

// PersonError says what is wrong with the person named.
type PersonError struct{ Problems []schemas.Problem }

func (e *PersonError) Error() string { return "wallet: the person named: " + e.Problems[0].Detail }
