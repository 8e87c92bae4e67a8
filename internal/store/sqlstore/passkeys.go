package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/login/passkey"
)

var _ passkey.Store = (*Store)(nil)

// PasskeyHandle implements [passkey.Store].
func (s *Store) PasskeyHandle(ctx context.Context, personID string, fresh []byte) (handle []byte, err error) {
	find := func(q querier) error {
		return q.row(`SELECT handle FROM passkey_users WHERE person_id = $1`, personID).Scan(&handle)
	}
	if err := s.read(ctx, find); !errors.Is(err, sql.ErrNoRows) {
		return handle, err
	}
	err = s.write(ctx, 1, func(q querier) error {
		if _, err := q.exec(`INSERT INTO passkey_users (person_id, handle, created_at) VALUES ($1, $2, $3) ON CONFLICT (person_id) DO NOTHING`,
			personID, fresh, micros(s.cfg.Now())); err != nil {
			return err
		}
		return find(q)
	})
	return handle, err
}

// Passkeys implements [passkey.Store].
func (s *Store) Passkeys(ctx context.Context, personID string) ([]passkey.Key, error) {
	var out []passkey.Key
	var sealed [][]byte
	err := s.read(ctx, func(q querier) error {
		return q.rows(`SELECT id, credential_id, public_key, sign_count, flags, name, transports, created_at, used_at FROM passkeys
			WHERE person_id = $1 ORDER BY created_at, id`, []any{personID}, func(row scanner) error {
			k := passkey.Key{PersonID: personID}
			var count, flags, created int64
			var used *int64
			var name []byte
			var transports string
			err := row.Scan(&k.ID, &k.CredentialID, &k.PublicKey, &count, &flags, &name, &transports, &created, &used)
			if err == nil {
				k.Transports, err = parseNames(transports)
			}
			k.SignCount, k.Flags, k.CreatedAt, k.UsedAt = uint32(count), byte(flags), moment(created), optionalMoment(used)
			out, sealed = append(out, k), append(sealed, name)
			return err
		})
	})
	for i := range out {
		if err != nil {
			break
		}
		out[i].Name, err = s.openText("passkeys", out[i].ID, "name", sealed[i])
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Store) passkeyEvent(kind, personID, id string, detail map[string]string) (entries, error) {
	return s.audited(audit.Event{Kind: kind, Actor: "person:" + personID, Subject: id, Holder: personID, Detail: detail})
}

// AddPasskey implements [passkey.Store].
func (s *Store) AddPasskey(ctx context.Context, k passkey.Key, limit int) error {
	name, err := s.sealer.Seal("passkeys", k.ID, "name", []byte(k.Name))
	if err != nil {
		return err
	}
	log, err := s.passkeyEvent("passkey.registered", k.PersonID, k.ID, nil)
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		if err := q.alone("passkeys " + k.PersonID); err != nil {
			return err
		}
		var have int
		if err := q.row(`SELECT count(*) FROM passkeys WHERE person_id = $1`, k.PersonID).Scan(&have); err != nil {
			return err
		}
		if have >= limit {
			return passkey.ErrLimit
		}
		n, err := q.exec(`INSERT INTO passkeys (id, credential_id, person_id, public_key, sign_count, flags, name, transports, created_at, used_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			k.ID, k.CredentialID, k.PersonID, k.PublicKey, int64(k.SignCount), int64(k.Flags), name, names(k.Transports), micros(k.CreatedAt), optional(k.UsedAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return passkey.ErrExists
		}
		return log.store(q)
	})
}

// UsePasskey implements [passkey.Store]. The comparison stands in the statement, so that of two
// answers with one counter only one counts, in whatever processes they arrive. Devices that sync
// their passkeys say zero always (WebAuthn Level 3 §6.1.1).
func (s *Store) UsePasskey(ctx context.Context, personID, id string, count uint32, flags byte, at time.Time) error {
	log, err := s.passkeyEvent("passkey.used", personID, id, nil)
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		n, err := q.exec(`UPDATE passkeys SET sign_count = $3, flags = $4, used_at = $5
			WHERE id = $1 AND person_id = $2 AND (sign_count < $3 OR sign_count = 0 AND $3 = 0)`, id, personID, int64(count), int64(flags), micros(at))
		if err != nil {
			return err
		}
		if n == 1 {
			return log.store(q)
		}
		var stored int64
		err = q.row(`SELECT sign_count FROM passkeys WHERE id = $1 AND person_id = $2`, id, personID).Scan(&stored)
		if errors.Is(err, sql.ErrNoRows) {
			return passkey.ErrUnknown
		}
		if err != nil {
			return err
		}
		return passkey.ErrCounter
	})
}

// RefusedPasskey implements [passkey.Store].
func (s *Store) RefusedPasskey(ctx context.Context, personID, id, why string) error {
	log, err := s.passkeyEvent("passkey.refused", personID, id, map[string]string{"why": why})
	if err != nil {
		return err
	}
	return s.write(ctx, 1, log.store)
}

// RemovePasskey implements [passkey.Store].
func (s *Store) RemovePasskey(ctx context.Context, personID, id string) error {
	log, err := s.passkeyEvent("passkey.removed", personID, id, nil)
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		n, err := q.exec(`DELETE FROM passkeys WHERE id = $1 AND person_id = $2`, id, personID)
		if err != nil {
			return err
		}
		if n == 0 {
			return passkey.ErrUnknown
		}
		return log.store(q)
	})
}
