package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/wallet"
)

var _ access.Sessions = (*Store)(nil)

// OpenSession implements [access.Sessions].
func (s *Store) OpenSession(ctx context.Context, o access.Session) error {
	name, err := s.sealText("sessions", o.ID, "name", o.Name)
	if err != nil {
		return err
	}
	log, err := s.audited(audit.Event{
		Kind: "session.opened", Actor: "person:" + o.Holder, Subject: o.ID, Holder: o.Holder,
		Detail: map[string]string{"method": o.Method, "assurance": o.Assurance},
	})
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		_, err := q.exec(`INSERT INTO sessions (id, holder_id, name, method, assurance, at, step_up, signed_in_at, expires)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			o.ID, o.Holder, name, o.Method, o.Assurance, micros(o.At), optional(o.StepUp), micros(o.SignedInAt), micros(o.Expires))
		if err != nil {
			return err
		}
		return log.store(q)
	})
}

// Session implements [access.Sessions].
func (s *Store) Session(ctx context.Context, id string) (access.Session, error) {
	o := access.Session{ID: id}
	var name []byte
	var at, signedIn, expires int64
	var stepUp *int64
	err := s.read(ctx, func(q querier) error {
		return q.row(`SELECT holder_id, name, method, assurance, at, step_up, signed_in_at, expires FROM sessions WHERE id = $1 AND expires > $2`,
			id, micros(s.cfg.Now())).Scan(&o.Holder, &name, &o.Method, &o.Assurance, &at, &stepUp, &signedIn, &expires)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return access.Session{}, access.ErrSessionEnded
	}
	if err != nil {
		return access.Session{}, fmt.Errorf("sqlstore: session: %w", err)
	}
	o.At, o.StepUp, o.SignedInAt, o.Expires = moment(at), optionalMoment(stepUp), moment(signedIn), moment(expires)
	o.Name, err = s.openText("sessions", id, "name", name)
	return o, err
}

// StepUpSession implements [access.Sessions].
func (s *Store) StepUpSession(ctx context.Context, id string, at time.Time) error {
	o, err := s.Session(ctx, id)
	if err != nil {
		return err
	}
	log, err := s.audited(audit.Event{Kind: "session.stepped-up", Actor: "person:" + o.Holder, Subject: id, Holder: o.Holder})
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		n, err := q.exec(`UPDATE sessions SET step_up = $2 WHERE id = $1 AND expires > $3`, id, micros(at), micros(s.cfg.Now()))
		if err != nil {
			return err
		}
		if n == 0 { // ended since
			return access.ErrSessionEnded
		}
		return log.store(q)
	})
}

// EndSession implements [access.Sessions].
func (s *Store) EndSession(ctx context.Context, id string) error {
	o, err := s.Session(ctx, id)
	if errors.Is(err, access.ErrSessionEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	log, err := s.audited(audit.Event{
		Kind: "session.ended", Actor: "person:" + o.Holder, Subject: id, Holder: o.Holder, Detail: map[string]string{"which": "this one"},
	})
	if err != nil {
		return err
	}
	now := s.cfg.Now().UTC()
	killed, err := s.killing(signedOut(o.Holder, now), "of the session")
	if err != nil {
		return err
	}
	return s.write(ctx, 4, func(q querier) error {
		n, err := q.exec(`DELETE FROM sessions WHERE id = $1`, id)
		if err != nil || n == 0 {
			return err
		}
		dead, err := s.killDevices(q, wallet.KilledBySignOut, now, `session = $3`, id)
		if err != nil {
			return err
		}
		if dead > 0 {
			if err := killed.store(q); err != nil {
				return err
			}
		}
		return log.store(q)
	})
}

// EndSessions implements [access.Sessions].
func (s *Store) EndSessions(ctx context.Context, holder string) (n int, err error) {
	log, err := s.audited(audit.Event{
		Kind: "session.ended", Actor: "person:" + holder, Holder: holder, Detail: map[string]string{"which": "all"},
	})
	if err != nil {
		return 0, err
	}
	at := s.cfg.Now().UTC()
	killed, err := s.killing(signedOut(holder, at), "all")
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, 2, func(q querier) error {
		n = 0
		now := micros(s.cfg.Now())
		if err := q.rows(`DELETE FROM sessions WHERE holder_id = $1 RETURNING expires`, []any{holder}, func(row scanner) error {
			var expires int64
			err := row.Scan(&expires)
			if expires > now {
				n++
			}
			return err
		}); err != nil {
			return err
		}
		// Also of devices that she uses in no session at the moment: a phone was lost.
		dead, err := s.killDevices(q, wallet.KilledBySignOut, at, `person_id = $3`, holder)
		if err != nil {
			return err
		}
		if dead > 0 {
			if err := killed.store(q); err != nil {
				return err
			}
		}
		if n == 0 {
			return nil
		}
		return log.store(q)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func signedOut(holder string, at time.Time) wallet.DeviceKill {
	return wallet.DeviceKill{PersonID: holder, By: wallet.KilledBySignOut, Actor: "person:" + holder, At: at}
}

// SweepSessions implements [access.Sessions].
func (s *Store) SweepSessions(ctx context.Context, now time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= $1 ORDER BY expires LIMIT $2)`, micros(now), sweepRows)
}
