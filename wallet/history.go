package wallet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/schemas"
)

// History returns who looked at a person's certificates and at those of her companies, newest
// first. Of a company a representative and an administrator see every look and who showed it; an
// agent sees the looks at what she showed herself.
func (w *Wallet) History(ctx context.Context, p Person, before time.Time, limit int) ([]Look, error) {
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	if before.IsZero() {
		before = w.cfg.Now().Add(time.Second)
	}
	ids, acting, err := w.spaces(ctx, p)
	if err != nil {
		return nil, err
	}
	var all []Look
	for _, id := range ids {
		var looks []Look
		role := strongest(acting, id)
		if role == RoleAgent {
			looks, err = w.cfg.Store.LooksShownBy(ctx, id, p.HolderID, before, limit)
		} else {
			looks, err = w.cfg.Store.Looks(ctx, id, before, limit)
		}
		if err == nil && role != "" {
			err = w.nameShowers(ctx, id, looks)
		}
		if err != nil {
			return nil, fmt.Errorf("wallet: history: %w", err)
		}
		all = append(all, looks...)
	}
	slices.SortFunc(all, func(a, b Look) int { return b.At.Compare(a.At) })
	return all[:min(len(all), limit)], nil
}

// nameShowers says who showed a company's certificates: the names come from the licence and from
// the appointments, ended ones included, because the company must know who acted for it.
func (w *Wallet) nameShowers(ctx context.Context, companyID string, looks []Look) error {
	var appointed []Appointment
	for i, l := range looks {
		if l.PersonID == "" {
			continue
		}
		if appointed == nil {
			var err error
			if appointed, err = w.cfg.Appointments.AppointmentsIn(ctx, companyID, maxAppointments); err != nil {
				return err
			}
		}
		who := &Shower{}
		licences, err := w.cfg.Appointments.Licences(ctx, l.PersonID)
		if err != nil {
			return err
		}
		for _, licence := range licences {
			j := slices.IndexFunc(licence.Representatives, func(h schemas.HolderRef) bool { return w.cfg.HolderID(h) == l.PersonID })
			if licence.CompanyID == companyID && j >= 0 {
				who.Name, who.Role = licence.Representatives[j].Name, RoleRepresentative
			}
		}
		for _, a := range appointed {
			if who.Name == "" && a.PersonID == l.PersonID && a.State != Offered && a.State != Declined {
				who.Name = a.PersonName
				if a.State == Accepted {
					who.Role = a.Role
				}
			}
		}
		looks[i].ShownBy = who
	}
	return nil
}
