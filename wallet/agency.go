package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/schemas"
)

// Agency is one right of a person to act for a company, as it stands now.
type Agency struct {
	CompanyID   string
	CompanyName string
	Role        string
	Appointment string // id; empty for a representative
	Matters     []Matter
	Until       time.Time // zero for a representative: as long as the licence
}

// maxAppointments bounds what one person or company has in this space, ended ones included in
// what is read and not in what may be made.
const maxAppointments = 500

// agencies returns what a person may act for now. Every right is held against its whole chain,
// down to a licence in force: nothing is kept that could outlive a removal.
func (w *Wallet) agencies(ctx context.Context, personID string) ([]Agency, error) {
	if w.cfg.Appointments == nil {
		return nil, nil
	}
	now := w.cfg.Now()
	licences, err := w.cfg.Appointments.Licences(ctx, personID)
	if err != nil {
		return nil, fmt.Errorf("wallet: licences: %w", err)
	}
	var out []Agency
	for _, l := range licences {
		known := slices.ContainsFunc(out, func(a Agency) bool { return a.CompanyID == l.CompanyID })
		if !known && schemas.Standing(l.ValidFrom, l.ValidUntil, now) {
			out = append(out, Agency{CompanyID: l.CompanyID, CompanyName: l.CompanyName, Role: RoleRepresentative, Matters: everything()})
		}
	}
	mine, err := w.cfg.Appointments.AppointmentsOf(ctx, personID, maxAppointments)
	if err != nil {
		return nil, fmt.Errorf("wallet: appointments: %w", err)
	}
	for _, a := range mine {
		stands, err := w.stands(ctx, a, now)
		if err != nil {
			return nil, err
		}
		if stands {
			out = append(out, Agency{CompanyID: a.CompanyID, CompanyName: a.CompanyName, Role: a.Role, Appointment: a.ID, Matters: a.Matters, Until: a.Until})
		}
	}
	return out, nil
}

// stands holds an appointment against its chain. An administrator's word counts as long as her
// own appointment does and covers what she gave; a representative's as long as the licence does.
func (w *Wallet) stands(ctx context.Context, a Appointment, now time.Time) (bool, error) {
	if a.State != Accepted || now.Before(a.From) || !now.Before(a.Until) {
		return false, nil
	}
	return w.founded(ctx, a, now)
}

// founded says whether who made an appointment may still make it.
func (w *Wallet) founded(ctx context.Context, a Appointment, now time.Time) (bool, error) {
	if a.ByAppointment == "" {
		return w.represents(ctx, a.By, a.CompanyID, now)
	}
	by, err := w.cfg.Appointments.Appointment(ctx, a.ByAppointment)
	if errors.Is(err, ErrAppointmentUnknown) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("wallet: appointment: %w", err)
	}
	// An administrator is made by a representative only, so that a chain has two links at most.
	if by.Role != RoleAdministrator || by.ByAppointment != "" || by.CompanyID != a.CompanyID || by.PersonID != a.By || !coverAll(by.Matters, a.Matters) {
		return false, nil
	}
	return w.stands(ctx, by, now)
}

func (w *Wallet) represents(ctx context.Context, personID, companyID string, now time.Time) (bool, error) {
	licences, err := w.cfg.Appointments.Licences(ctx, personID)
	if err != nil {
		return false, fmt.Errorf("wallet: licences: %w", err)
	}
	return slices.ContainsFunc(licences, func(l Licence) bool {
		return l.CompanyID == companyID && schemas.Standing(l.ValidFrom, l.ValidUntil, now)
	}), nil
}

// Agencies lists the companies that a person may act for now.
func (w *Wallet) Agencies(ctx context.Context, p Person) ([]Agency, error) {
	return w.agencies(ctx, p.HolderID)
}

// in returns a person's rights in one company; ErrCompanyUnknown when she has none, whether or
// not there is such a company.
func (w *Wallet) in(ctx context.Context, p Person, companyID string) ([]Agency, error) {
	all, err := w.agencies(ctx, p.HolderID)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(a Agency) bool { return a.CompanyID != companyID })
	if len(all) == 0 {
		return nil, ErrCompanyUnknown
	}
	return all, nil
}

func withRole(all []Agency, role string) (Agency, bool) {
	i := slices.IndexFunc(all, func(a Agency) bool { return a.Role == role })
	if i < 0 {
		return Agency{}, false
	}
	return all[i], true
}

// strongest is the role by which a person is told of in a company.
func strongest(all []Agency, companyID string) string {
	for _, role := range []string{RoleRepresentative, RoleAdministrator, RoleAgent} {
		if slices.ContainsFunc(all, func(a Agency) bool { return a.CompanyID == companyID && a.Role == role }) {
			return role
		}
	}
	return ""
}

// touches says whether any right reaches certificates of a type.
func touches(all []Agency, companyID, typeID string) bool {
	return slices.ContainsFunc(all, func(a Agency) bool {
		return a.CompanyID == companyID && slices.ContainsFunc(a.Matters, func(m Matter) bool { return m.Type == All || m.Type == typeID })
	})
}

// views returns which views of a type a person may show for a company.
func views(all []Agency, companyID string, t *schemas.Type) []schemas.View {
	return slices.DeleteFunc(slices.Clone(t.Views), func(v schemas.View) bool {
		return !slices.ContainsFunc(all, func(a Agency) bool {
			return a.CompanyID == companyID && slices.ContainsFunc(a.Matters, func(m Matter) bool {
				return (m.Type == All || m.Type == t.ID) && within([]string{v.Name}, m.Views)
			})
		})
	})
}

// permits says whether one of the rights covers showing these fields for this purpose. Fields
// that are chosen one by one must lie in one view that was given.
func permits(all []Agency, companyID string, t *schemas.Type, fields []string, purpose string) bool {
	for _, a := range all {
		if a.CompanyID != companyID {
			continue
		}
		for _, m := range a.Matters {
			if m.Type != All && m.Type != t.ID || !slices.Contains(m.Purposes, All) && !slices.Contains(m.Purposes, purpose) {
				continue
			}
			if slices.Contains(m.Views, All) || slices.ContainsFunc(t.Views, func(v schemas.View) bool {
				return slices.Contains(m.Views, v.Name) && within(fields, v.Disclosable())
			}) {
				return true
			}
		}
	}
	return false
}

// mayShow holds a show of a company's certificate against the right of who shows it, as it is at
// this moment. A show of one's own needs none.
func (w *Wallet) mayShow(ctx context.Context, s Show) error {
	if s.PersonID == s.HolderID {
		return nil
	}
	all, err := w.agencies(ctx, s.PersonID)
	if err != nil {
		return err
	}
	t, err := w.cfg.Types.Version(s.Type, s.TypeVer)
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	if !permits(all, s.HolderID, t, s.Fields, s.Scene) {
		return ErrAgencyOver
	}
	return nil
}
