package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/schemas"
)

// Naming is one appointment to be made.
type Naming struct {
	Person  schemas.HolderRef // number and name: both must be hers
	Role    string
	Matters []Matter
	From    time.Time // zero: now
	Until   time.Time
	Key     string // Idempotency-Key: the same again makes nothing new
}

const (
	maxMatters  = 20
	maxNames    = 20
	openPerFirm = 200 // offered and accepted at once
)

// Appoint offers a person to act for a company. It says nothing about whether there is such a
// person, or whether the name fits the number: the offer waits for her in her own space, and only
// who has both sees it.
func (w *Wallet) Appoint(ctx context.Context, p Person, companyID string, n Naming) (Appointed, error) {
	a, err := w.appoint(ctx, p, companyID, n)
	if err != nil {
		return Appointed{}, err
	}
	return w.told(ctx, a, w.cfg.Now())
}

func (w *Wallet) appoint(ctx context.Context, p Person, companyID string, n Naming) (Appointment, error) {
	mine, err := w.in(ctx, p, companyID)
	if err != nil {
		return Appointment{}, err
	}
	now := w.cfg.Now()
	by, err := appointer(mine, n)
	if err != nil {
		return Appointment{}, err
	}
	if wrong := w.cfg.Types.CheckPerson(n.Person, now); len(wrong) > 0 {
		return Appointment{}, &PersonError{Problems: wrong}
	}
	if err := w.checkMatters(n.Matters); err != nil {
		return Appointment{}, err
	}
	if !coverAll(by.Matters, n.Matters) {
		return Appointment{}, ErrMoreThanHers
	}
	if n.From, err = w.term(n, by, now); err != nil {
		return Appointment{}, err
	}
	a := Appointment{
		ID: appointmentID(p.HolderID, companyID, n.Key), CompanyID: companyID, CompanyName: by.CompanyName, PersonID: w.cfg.HolderID(n.Person), PersonName: n.Person.Name,
		NumberEnd: ending(n.Person.Number), Role: n.Role, By: p.HolderID, ByAppointment: by.Appointment, Matters: n.Matters,
		From: n.From.UTC().Truncate(time.Microsecond), Until: n.Until.UTC().Truncate(time.Microsecond), State: Offered, CreatedAt: now.UTC().Truncate(time.Microsecond),
	}
	known, err := w.cfg.Appointments.AppointmentsIn(ctx, companyID, maxAppointments)
	if err != nil {
		return Appointment{}, fmt.Errorf("wallet: appointments: %w", err)
	}
	open := 0
	for _, k := range known {
		if k.ID != a.ID && (k.State == Offered || k.State == Accepted) && now.Before(k.Until) {
			open++
		}
	}
	if open >= openPerFirm {
		return Appointment{}, ErrAppointmentLimit
	}
	err = w.cfg.Appointments.PutAppointment(ctx, a)
	if errors.Is(err, ErrAppointmentExists) {
		return w.repeated(ctx, a)
	}
	if err != nil {
		return Appointment{}, fmt.Errorf("wallet: appoint: %w", err)
	}
	return a, nil
}

// repeated answers a request that was made before, if it is the same one.
func (w *Wallet) repeated(ctx context.Context, a Appointment) (Appointment, error) {
	old, err := w.cfg.Appointments.Appointment(ctx, a.ID)
	if err != nil {
		return Appointment{}, fmt.Errorf("wallet: appoint: %w", err)
	}
	if old.CompanyID != a.CompanyID || old.PersonID != a.PersonID || old.PersonName != a.PersonName || old.Role != a.Role || !old.Until.Equal(a.Until) ||
		!coverAll(old.Matters, a.Matters) || !coverAll(a.Matters, old.Matters) {
		return Appointment{}, ErrAppointmentReused
	}
	return old, nil
}

// appointer is the right by which somebody may appoint: a representative's where she has one.
func appointer(mine []Agency, n Naming) (Agency, error) {
	if n.Role != RoleAdministrator && n.Role != RoleAgent {
		return Agency{}, fmt.Errorf("%w: role %q", ErrMayNotAppoint, n.Role)
	}
	if a, ok := withRole(mine, RoleRepresentative); ok {
		return a, nil
	}
	if n.Role != RoleAgent {
		return Agency{}, ErrMayNotAppoint
	}
	var last Agency
	for _, a := range mine {
		if a.Role != RoleAdministrator {
			continue
		}
		if last = a; coverAll(a.Matters, n.Matters) && !n.Until.After(a.Until) {
			return a, nil
		}
	}
	if last.Role == "" {
		return Agency{}, ErrMayNotAppoint
	}
	return last, nil // what she lacks is said by the checks that follow
}

func (w *Wallet) term(n Naming, by Agency, now time.Time) (time.Time, error) {
	longest := w.cfg.AgentTerm
	if n.Role == RoleAdministrator {
		longest = w.cfg.AdministratorTerm
	}
	from := n.From
	if from.Before(now) {
		from = now
	}
	switch {
	case !n.Until.After(from):
		return from, fmt.Errorf("%w: it ends before it begins", ErrTerm)
	case n.Until.Sub(from) > longest || from.Sub(now) > longest:
		return from, fmt.Errorf("%w: at most %d days", ErrTerm, int(longest/(24*time.Hour)))
	case !by.Until.IsZero() && n.Until.After(by.Until):
		return from, ErrMoreThanHers
	}
	return from, nil
}

// checkMatters wants everything said: a type, views of it, purposes. What the catalogue does not
// have would be a right that nobody can read.
func (w *Wallet) checkMatters(matters []Matter) error {
	if len(matters) == 0 || len(matters) > maxMatters {
		return fmt.Errorf("%w: 1 to %d matters", ErrMatters, maxMatters)
	}
	for _, m := range matters {
		if len(m.Views) == 0 || len(m.Purposes) == 0 || len(m.Views) > maxNames || len(m.Purposes) > maxNames {
			return fmt.Errorf("%w: views and purposes must be named, 1 to %d; %q means all", ErrMatters, maxNames, All)
		}
		if slices.Contains(m.Views, All) && len(m.Views) > 1 || slices.Contains(m.Purposes, All) && len(m.Purposes) > 1 {
			return fmt.Errorf("%w: %q stands alone", ErrMatters, All)
		}
		if slices.ContainsFunc(m.Purposes, func(s string) bool { return s == "" || len(s) > maxScene }) {
			return fmt.Errorf("%w: a purpose is empty or too long", ErrMatters)
		}
		if m.Type == All {
			if m.Views[0] != All {
				return fmt.Errorf("%w: all types have no views in common", ErrMatters)
			}
			continue
		}
		t, err := w.cfg.Types.Type(m.Type)
		if err != nil {
			return fmt.Errorf("%w: no such type", ErrMatters)
		}
		for _, v := range m.Views {
			if _, err := t.View(v); v != All && err != nil {
				return fmt.Errorf("%w: type %s has no such view", ErrMatters, t.ID)
			}
		}
	}
	return nil
}

// Appointed is an appointment as it is told of now.
type Appointed struct {
	Appointment
	Now AppointmentState
}

func (w *Wallet) told(ctx context.Context, a Appointment, now time.Time) (Appointed, error) {
	out := Appointed{Appointment: a, Now: a.State}
	founded := true
	if a.State == Offered || a.State == Accepted {
		var err error
		if founded, err = w.founded(ctx, a, now); err != nil {
			return out, err
		}
	}
	switch {
	case a.State == Offered && (!now.Before(a.Until) || now.Sub(a.CreatedAt) > w.cfg.OfferFor):
		out.Now = Lapsed
	case a.State == Accepted && !now.Before(a.Until):
		out.Now = Expired
	case !founded:
		out.Now = Interrupted
	case a.State == Accepted && now.Before(a.From):
		out.Now = Scheduled
	case a.State == Accepted:
		out.Now = Active
	}
	return out, nil
}

// Agents lists who was appointed for a company: all for a representative, those whom she
// appointed for an administrator.
func (w *Wallet) Agents(ctx context.Context, p Person, companyID string) ([]Appointed, error) {
	mine, err := w.in(ctx, p, companyID)
	if err != nil {
		return nil, err
	}
	_, head := withRole(mine, RoleRepresentative)
	if _, administers := withRole(mine, RoleAdministrator); !head && !administers {
		return nil, ErrMayNotAppoint
	}
	all, err := w.cfg.Appointments.AppointmentsIn(ctx, companyID, maxAppointments)
	if err != nil {
		return nil, fmt.Errorf("wallet: appointments: %w", err)
	}
	return w.tell(ctx, all, func(a Appointment) bool { return head || a.By == p.HolderID })
}

func (w *Wallet) tell(ctx context.Context, all []Appointment, which func(Appointment) bool) ([]Appointed, error) {
	now := w.cfg.Now()
	var out []Appointed
	for _, a := range all {
		if !which(a) {
			continue
		}
		one, err := w.told(ctx, a, now)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// Remove ends an appointment at once: the next use of it, in any process, is refused, and codes
// on a screen stop working. A representative may remove anybody, an administrator whom she
// appointed herself.
func (w *Wallet) Remove(ctx context.Context, p Person, companyID, id string) error {
	mine, err := w.in(ctx, p, companyID)
	if err != nil {
		return err
	}
	a, err := w.cfg.Appointments.Appointment(ctx, id)
	if err != nil {
		return err
	}
	_, head := withRole(mine, RoleRepresentative)
	_, administers := withRole(mine, RoleAdministrator)
	switch {
	case a.CompanyID != companyID:
		return ErrAppointmentUnknown
	case !head && !administers:
		return ErrMayNotAppoint
	case !head && a.By != p.HolderID:
		return ErrAppointmentUnknown // others' are not hers to see
	}
	if err := w.cfg.Appointments.ChangeAppointment(ctx, id, []AppointmentState{Offered, Accepted}, Removed, p.HolderID, w.cfg.Now()); err != nil {
		return err
	}
	w.agencyOver(ctx, a)
	return nil
}

// agencyOver tells the pages of whose right ended with an appointment, and of whom she appointed:
// her right is what theirs stands on. A page that is not told learns it at the next use of a code.
func (w *Wallet) agencyOver(ctx context.Context, a Appointment) {
	all, _ := w.cfg.Appointments.AppointmentsIn(ctx, a.CompanyID, maxAppointments)
	people := []string{a.PersonID}
	for _, one := range all {
		if one.By == a.PersonID && one.State == Accepted {
			people = append(people, one.PersonID)
		}
	}
	slices.Sort(people)
	for _, person := range slices.Compact(people) {
		w.ring(ctx, personTopic(person), Event{Kind: EventAgency})
	}
}

// Appointments lists what a person was offered and has accepted. Whoever named her by another
// name named somebody else.
func (w *Wallet) Appointments(ctx context.Context, p Person) ([]Appointed, error) {
	if w.cfg.Appointments == nil {
		return nil, nil
	}
	all, err := w.cfg.Appointments.AppointmentsOf(ctx, p.HolderID, maxAppointments)
	if err != nil {
		return nil, fmt.Errorf("wallet: appointments: %w", err)
	}
	return w.tell(ctx, all, func(a Appointment) bool { return sameName(a.PersonName, p.Name) })
}

// Respond is her answer: Accepted or Declined to an offer, Left to end what she accepted.
func (w *Wallet) Respond(ctx context.Context, p Person, id string, answer AppointmentState) (Appointed, error) {
	if w.cfg.Appointments == nil {
		return Appointed{}, ErrAppointmentUnknown
	}
	a, err := w.cfg.Appointments.Appointment(ctx, id)
	if err != nil {
		return Appointed{}, err
	}
	if a.PersonID != p.HolderID || !sameName(a.PersonName, p.Name) {
		return Appointed{}, ErrAppointmentUnknown
	}
	now := w.cfg.Now()
	told, err := w.told(ctx, a, now)
	if err != nil {
		return Appointed{}, err
	}
	from := Offered
	switch {
	case answer == Left:
		from = Accepted
	case answer == Accepted && told.Now != Offered: // lapsed, or nobody stands behind it any more
		return Appointed{}, ErrAppointmentOver
	}
	if err := w.cfg.Appointments.ChangeAppointment(ctx, id, []AppointmentState{from}, answer, p.HolderID, now); err != nil {
		return Appointed{}, err
	}
	if answer == Left {
		w.agencyOver(ctx, a)
	}
	if a, err = w.cfg.Appointments.Appointment(ctx, id); err != nil {
		return Appointed{}, err
	}
	return w.told(ctx, a, now)
}

// sameName compares names as people write them: with or without blanks, and with any of the dots
// that stand between the parts of minority names.
func sameName(a, b string) bool {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			switch r {
			case ' ', '\u3000':
				return -1
			case '•', '‧', '・', '．', '.':
				return '·'
			}
			return r
		}, strings.ToUpper(s))
	}
	return a != "" && plain(a) == plain(b)
}

func ending(number string) string {
	return number[max(0, len(number)-4):]
}

// appointmentID is the same for the same request of the same person, so that a repeated one
// finds what it made.
func appointmentID(personID, companyID, key string) string {
	if key == "" {
		return token(16)
	}
	return sm.Name("showcard appointment", personID, companyID, key)
}
