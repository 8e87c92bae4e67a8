package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/wallet"
)

var _ wallet.Appointments = (*Store)(nil)

// appointmentNames is what the sealed column names holds.
type appointmentNames struct {
	Person    string `json:"person"`
	NumberEnd string `json:"number_end"`
	Company   string `json:"company"`
}

// Licences implements [wallet.Appointments]. The dates lie in the sealed row: they are opened
// and judged at each use, so that a licence which ran out last night names nobody this morning.
func (s *Store) Licences(ctx context.Context, personID string) ([]wallet.Licence, error) {
	type found struct {
		identifier, company string
		created             int64
		row                 []byte
	}
	var rows []found
	// Not one statement: nearly everybody represents nobody, and a join may be planned while the
	// tables are small, and read the whole of them for good.
	err := s.read(ctx, func(q querier) error {
		var named []found
		err := q.rows(`SELECT identifier, company_id FROM representatives WHERE person_id = $1`, []any{personID}, func(row scanner) error {
			var f found
			err := row.Scan(&f.identifier, &f.company)
			named = append(named, f)
			return err
		})
		if err != nil {
			return err
		}
		rows = nil
		for _, f := range named {
			err := q.row(`SELECT created_at, row_data FROM certificates
				WHERE identifier = $1 AND holder_id = $2 AND state IN ('valid', 'suspended') AND replaced_by = ''`, f.identifier, f.company).Scan(&f.created, &f.row)
			switch {
			case err == nil:
				rows = append(rows, f)
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.created, a.created), cmp.Compare(a.identifier, b.identifier))
	})
	out := make([]wallet.Licence, len(rows))
	for i, f := range rows {
		var data rowData
		if err := s.openJSON("certificates", f.identifier, "row_data", f.row, &data); err != nil {
			return nil, err
		}
		out[i] = wallet.Licence{Identifier: f.identifier, CompanyID: f.company, CompanyName: data.Row.Holder.Name,
			ValidFrom: data.Row.ValidFrom, ValidUntil: data.Row.ValidUntil, Representatives: data.Row.Representatives}
	}
	return out, nil
}

const appointmentColumns = `id, company_id, person_id, role, by_person, by_appointment, matters, starts_at, ends_at, state, created_at, answered_at, ended_at, names`

// Those that are in use come first: offers that somebody heaps up cannot crowd them out of a
// bounded list.
const appointmentOrder = ` ORDER BY CASE state WHEN 'accepted' THEN 0 WHEN 'offered' THEN 1 ELSE 2 END, created_at DESC, id LIMIT $2`

func (s *Store) appointments(ctx context.Context, query string, args ...any) ([]wallet.Appointment, error) {
	var out []wallet.Appointment
	var sealed [][]byte
	err := s.read(ctx, func(q querier) error {
		return q.rows(query, args, func(row scanner) error {
			var a wallet.Appointment
			var matters, state string
			var from, until, created int64
			var answered, ended *int64
			var names []byte
			err := row.Scan(&a.ID, &a.CompanyID, &a.PersonID, &a.Role, &a.By, &a.ByAppointment, &matters, &from, &until, &state, &created, &answered, &ended, &names)
			if err == nil {
				err = json.Unmarshal([]byte(matters), &a.Matters)
			}
			a.State, a.From, a.Until, a.CreatedAt = wallet.AppointmentState(state), moment(from), moment(until), moment(created)
			a.AnsweredAt, a.EndedAt = optionalMoment(answered), optionalMoment(ended)
			out, sealed = append(out, a), append(sealed, names)
			return err
		})
	})
	for i := range out {
		if err != nil {
			break
		}
		var n appointmentNames
		err = s.openJSON("appointments", out[i].ID, "names", sealed[i], &n)
		out[i].PersonName, out[i].NumberEnd, out[i].CompanyName = n.Person, n.NumberEnd, n.Company
	}
	return out, err
}

// Appointment implements [wallet.Appointments].
func (s *Store) Appointment(ctx context.Context, id string) (wallet.Appointment, error) {
	found, err := s.appointments(ctx, `SELECT `+appointmentColumns+` FROM appointments WHERE id = $1`, id)
	if err != nil {
		return wallet.Appointment{}, err
	}
	if len(found) == 0 {
		return wallet.Appointment{}, wallet.ErrAppointmentUnknown
	}
	return found[0], nil
}

// AppointmentsOf implements [wallet.Appointments].
func (s *Store) AppointmentsOf(ctx context.Context, personID string, limit int) ([]wallet.Appointment, error) {
	return s.appointments(ctx, `SELECT `+appointmentColumns+` FROM appointments WHERE person_id = $1`+appointmentOrder, personID, limit)
}

// AppointmentsIn implements [wallet.Appointments].
func (s *Store) AppointmentsIn(ctx context.Context, companyID string, limit int) ([]wallet.Appointment, error) {
	return s.appointments(ctx, `SELECT `+appointmentColumns+` FROM appointments WHERE company_id = $1`+appointmentOrder, companyID, limit)
}

// PutAppointment implements [wallet.Appointments].
func (s *Store) PutAppointment(ctx context.Context, a wallet.Appointment) error {
	matters, err := json.Marshal(a.Matters)
	if err != nil {
		return fmt.Errorf("sqlstore: appointment: %w", err)
	}
	sealed, err := s.sealJSON("appointments", a.ID, "names", appointmentNames{a.PersonName, a.NumberEnd, a.CompanyName})
	if err != nil {
		return err
	}
	log, err := s.audited(audit.Event{Kind: "agency.offered", Once: a.ID, Actor: "person:" + a.By, Subject: a.ID, Holder: a.PersonID,
		Detail: map[string]string{"company": a.CompanyID, "role": a.Role, "matters": string(matters), "until": a.Until.Format(time.RFC3339)}})
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		n, err := q.exec(`INSERT INTO appointments (`+appointmentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING`,
			a.ID, a.CompanyID, a.PersonID, a.Role, a.By, a.ByAppointment, string(matters), micros(a.From), micros(a.Until), string(a.State),
			micros(a.CreatedAt), optional(a.AnsweredAt), optional(a.EndedAt), sealed)
		if err != nil {
			return err
		}
		if n == 0 {
			return wallet.ErrAppointmentExists
		}
		return log.store(q)
	})
}

// appointmentEvent says how the log calls a change.
func appointmentEvent(to wallet.AppointmentState) (kind string, ok bool) {
	switch to {
	case wallet.Accepted:
		return "agency.granted", true
	case wallet.Declined, wallet.Removed, wallet.Left:
		return "agency." + string(to), true
	}
	return "", false
}

// ChangeAppointment implements [wallet.Appointments].
func (s *Store) ChangeAppointment(ctx context.Context, id string, from []wallet.AppointmentState, to wallet.AppointmentState, by string, at time.Time) error {
	kind, ok := appointmentEvent(to)
	if !ok {
		return fmt.Errorf("sqlstore: appointment: no way to state %q", to)
	}
	a, err := s.Appointment(ctx, id)
	if err != nil {
		return err
	}
	log, err := s.audited(audit.Event{Kind: kind, Once: id, Actor: "person:" + by, Subject: id, Holder: a.PersonID,
		Detail: map[string]string{"company": a.CompanyID, "role": a.Role}})
	if err != nil {
		return err
	}
	column := "ended_at"
	if to == wallet.Accepted || to == wallet.Declined {
		column = "answered_at"
	}
	return s.write(ctx, 2, func(q querier) error {
		var state string
		err := q.row(`SELECT state FROM appointments WHERE id = $1`+s.db.lock(), id).Scan(&state)
		if errors.Is(err, sql.ErrNoRows) {
			return wallet.ErrAppointmentUnknown
		}
		if err != nil {
			return err
		}
		if !slices.Contains(from, wallet.AppointmentState(state)) {
			return wallet.ErrAppointmentOver
		}
		if _, err := q.exec(`UPDATE appointments SET state = $2, `+column+` = $3 WHERE id = $1`, id, string(to), micros(at)); err != nil {
			return err
		}
		if wallet.AppointmentState(state) == wallet.Accepted {
			if err := s.dismissed(q, a); err != nil {
				return err
			}
		}
		return log.store(q)
	})
}

// dismissed revokes what devices were given by an appointment that is over: an agent's own codes; of
// an administrator all of the company, for agents of hers have lost their right with her.
func (s *Store) dismissed(q querier, a wallet.Appointment) error {
	if err := q.alone(stocksOf(a.CompanyID)); err != nil {
		return err
	}
	where, args := `holder_id = $2 AND person_id = $3`, []any{a.CompanyID, a.PersonID}
	if a.Role == wallet.RoleAdministrator {
		where, args = `holder_id = $2`, args[:1]
	}
	_, err := s.revokeSerials(q, where, args...)
	return err
}
