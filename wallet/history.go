package wallet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/schemas"
)

// History returns who looked at a person's certificates and at those of her companies, newest
// first. Of a company a representative and an administrator see every look and who showed it; an
// agent sees the looks at what she showed herself. Every check that was recorded is there, by
// code, presentation or facts, every request that was turned away, and every stock of codes that a device was given. next is where the
// following page begins, zero when there is none.
func (w *Wallet) History(ctx context.Context, p Person, before Cursor, limit int) (looks []Look, next Cursor, err error) {
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	if before.At.IsZero() {
		before.At = w.cfg.Now().Add(time.Second)
	}
	ids, acting, err := w.spaces(ctx, p)
	if err != nil {
		return nil, Cursor{}, err
	}
	var all []Look
	for _, id := range ids {
		var looks []Look
		role := strongest(acting, id)
		if role == RoleAgent {
			looks, err = w.cfg.Store.LooksShownBy(ctx, id, p.HolderID, before, limit+1)
		} else {
			looks, err = w.cfg.Store.Looks(ctx, id, before, limit+1)
		}
		if err == nil {
			var given []Look
			person := ""
			if role == RoleAgent {
				person = p.HolderID
			}
			given, err = w.stocked(ctx, id, person, before, limit+1)
			looks = append(looks, given...)
		}
		if err == nil && role != "" {
			err = w.nameShowers(ctx, id, looks)
		}
		if err != nil {
			return nil, Cursor{}, fmt.Errorf("wallet: history: %w", err)
		}
		all = append(all, looks...)
	}
	slices.SortFunc(all, func(a, b Look) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID)) })
	if len(all) > limit {
		next = Cursor{At: all[limit-1].At, ID: all[limit-1].ID}
	}
	all = all[:min(len(all), limit)]
	if err := w.nameDevices(ctx, p, all); err != nil {
		return nil, Cursor{}, fmt.Errorf("wallet: history: %w", err)
	}
	return all, next, nil
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
