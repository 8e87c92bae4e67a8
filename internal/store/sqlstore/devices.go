package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/wallet"
)

var _ wallet.Devices = (*Store)(nil)

// pointOf is how a key is kept: whose form is one and the same for one key.
func pointOf(k *key.Public) []byte {
	point := k.Point()
	return append([]byte{2 + point[64]&1}, point[1:33]...)
}

// AddDevice implements [wallet.Devices]. It holds the session's row: a sign-out either comes first,
// or finds the device.
func (s *Store) AddDevice(ctx context.Context, d wallet.Device, limit int) error {
	name, err := s.sealer.Seal("devices", d.ID, "name", []byte(d.Name))
	if err != nil {
		return err
	}
	log, err := s.audited(audit.Event{Kind: "device.registered", Once: d.ID, At: d.CreatedAt, Actor: "person:" + d.PersonID, Subject: d.ID, Holder: d.PersonID,
		Detail: map[string]string{"algorithm": string(d.Key.Algorithm()), "key": d.Key.Thumbprint()}})
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		if err := q.alone("devices " + d.PersonID); err != nil {
			return err
		}
		if err := s.inSession(q, d.PersonID, d.Session); err != nil {
			return err
		}
		var have int
		if err := q.row(`SELECT COUNT(*) FROM devices WHERE person_id = $1 AND killed_at IS NULL`, d.PersonID).Scan(&have); err != nil {
			return err
		}
		if have >= limit {
			return wallet.ErrDeviceLimit
		}
		n, err := q.exec(`INSERT INTO devices (id, person_id, algorithm, public_key, name, session, created_at, used_at, killed_at, killed_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, '') ON CONFLICT DO NOTHING`,
			d.ID, d.PersonID, string(d.Key.Algorithm()), pointOf(d.Key), name, d.Session, micros(d.CreatedAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return wallet.ErrDeviceExists
		}
		return log.store(q)
	})
}

// inSession holds a session of a person until the transaction ends, or says that it is over.
func (s *Store) inSession(q querier, personID, id string) error {
	var one int
	err := q.row(`SELECT 1 FROM sessions WHERE id = $1 AND holder_id = $2 AND expires > $3`+s.db.lock(), id, personID, micros(s.cfg.Now())).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return wallet.ErrSessionOver
	}
	return err
}

// RefusedDevice implements [wallet.Devices].
func (s *Store) RefusedDevice(ctx context.Context, personID, why string) error {
	log, err := s.audited(audit.Event{Kind: "device.refused", Actor: "person:" + personID, Holder: personID, Detail: map[string]string{"why": why}})
	if err != nil {
		return err
	}
	return s.write(ctx, 1, log.store)
}

// Devices implements [wallet.Devices].
func (s *Store) Devices(ctx context.Context, personID string) ([]wallet.Device, error) {
	type stored struct {
		wallet.Device
		algorithm   string
		point, name []byte
	}
	var found []stored
	err := s.read(ctx, func(q querier) error {
		found = nil
		return q.rows(`SELECT id, algorithm, public_key, name, session, created_at, used_at, killed_at, killed_by FROM devices
			WHERE person_id = $1 ORDER BY created_at, id`, []any{personID}, func(row scanner) error {
			d := stored{Device: wallet.Device{PersonID: personID}}
			var created int64
			var used, killed *int64
			err := row.Scan(&d.ID, &d.algorithm, &d.point, &d.name, &d.Session, &created, &used, &killed, &d.KilledBy)
			d.CreatedAt, d.UsedAt, d.KilledAt = moment(created), optionalMoment(used), optionalMoment(killed)
			found = append(found, d)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	out := make([]wallet.Device, len(found))
	for i, d := range found {
		if d.Name, err = s.openText("devices", d.ID, "name", d.name); err != nil {
			return nil, err
		}
		if d.Key, err = key.FromPoint(key.Algorithm(d.algorithm), d.point); err != nil {
			return nil, fmt.Errorf("sqlstore: device %s: %w", d.ID, err)
		}
		out[i] = d.Device
	}
	return out, nil
}

// KillDevices implements [wallet.Devices].
func (s *Store) KillDevices(ctx context.Context, k wallet.DeviceKill) (n int, err error) {
	if k.ID == "" && k.PersonID == "" {
		return 0, wallet.ErrDeviceUnknown // '' stands where nobody is known
	}
	log, err := s.killing(k, "")
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, 20, func(q querier) error {
		n = 0
		where, args := `person_id = $3`, []any{k.PersonID}
		if k.ID != "" {
			var owner string
			err := q.row(`SELECT person_id FROM devices WHERE id = $1`, k.ID).Scan(&owner)
			if errors.Is(err, sql.ErrNoRows) || err == nil && k.PersonID != "" && owner != k.PersonID {
				return wallet.ErrDeviceUnknown
			}
			if err != nil {
				return err
			}
			log.about(owner)
			where, args = `id = $3`, []any{k.ID}
		}
		if n, err = s.killDevices(q, k.By, k.At, where, args...); err != nil || n == 0 {
			return err
		}
		return log.store(q)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// killing is the event of a kill. which says it in words where no device is named.
func (s *Store) killing(k wallet.DeviceKill, which string) (entries, error) {
	e := audit.Event{Kind: "device.killed", At: k.At, Actor: k.Actor, Subject: k.ID, Holder: k.PersonID, Detail: map[string]string{"by": k.By}}
	if k.Reason != "" {
		e.Detail["reason"] = k.Reason
	}
	if which == "" && k.ID == "" {
		which = "all"
	}
	if which != "" {
		e.Detail["which"] = which
	}
	return s.audited(e)
}

// killDevices kills the living keys that fit, where reads its arguments from $3 on, and revokes the
// codes that they were given. Who gives a device codes holds its row, and so comes before the kill,
// with serials that are found here, or after it, and is refused.
func (s *Store) killDevices(q querier, by string, at time.Time, where string, args ...any) (int, error) {
	var ids []string
	err := q.rows(`UPDATE devices SET killed_at = $1, killed_by = $2 WHERE killed_at IS NULL AND `+where+` RETURNING id`,
		append([]any{micros(at), by}, args...), func(row scanner) error {
			var id string
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		})
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, err := s.revokeSerials(q, `device_id = $2`, id); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// SweepDevices forgets devices that were killed before.
func (s *Store) SweepDevices(ctx context.Context, before time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE killed_at < $1 ORDER BY killed_at LIMIT $2)`, micros(before), sweepRows)
}
