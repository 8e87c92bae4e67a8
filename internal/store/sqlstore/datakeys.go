package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

var (
	// ErrKeyInUse says that a data key seals, or that values are still sealed under it.
	ErrKeyInUse = errors.New("sqlstore: data key is in use")
	// ErrKeyUnknown says that there is no data key of that number.
	ErrKeyUnknown = errors.New("sqlstore: no such data key")
)

// drawer keeps the sealer's data keys. See [key.DataKeys].
type drawer struct{ db database }

var _ key.DataKeys = drawer{}

// DataKeys implements [key.DataKeys].
func (d drawer) DataKeys(ctx context.Context) ([]key.DataKey, error) {
	var out []key.DataKey
	err := d.db.keys(ctx, func(q querier) error {
		out = nil
		return q.rows(`SELECT id, kek, wrapped, fingerprint, used, created_at FROM data_keys ORDER BY id`, nil, func(row scanner) error {
			var k key.DataKey
			var created int64
			err := row.Scan(&k.ID, &k.KEK, &k.Wrapped, &k.Fingerprint, &k.Used, &created)
			k.Created = moment(created)
			out = append(out, k)
			return err
		})
	})
	return out, err
}

// AddDataKey implements [key.DataKeys].
func (d drawer) AddDataKey(ctx context.Context, k key.DataKey) (ok bool, err error) {
	err = d.db.write(ctx, work{rows: 1, about: counters, do: func(q querier) error {
		n, err := q.exec(`INSERT INTO data_keys (id, fingerprint, used, kek, wrapped, created_at)
			SELECT $1, $2, 0, $3, $4, $5 WHERE (SELECT COALESCE(MAX(id), 0) FROM data_keys) = $6 ON CONFLICT DO NOTHING`,
			int64(k.ID), k.Fingerprint, k.KEK, k.Wrapped, micros(k.Created), int64(k.ID)-1)
		ok = n == 1
		return err
	}})
	return ok && err == nil, err
}

// ReserveSeals implements [key.DataKeys].
func (d drawer) ReserveSeals(ctx context.Context, id uint32, n, limit int64) (ok bool, err error) {
	err = d.db.write(ctx, work{rows: 1, clean: true, about: counters, do: func(q querier) error {
		changed, err := q.exec(`UPDATE data_keys SET used = used + $2 WHERE id = $1 AND used + $2 <= $3`, int64(id), n, limit)
		ok = changed == 1
		return err
	}})
	return ok && err == nil, err
}

// ReplaceDataKey implements [key.DataKeys].
func (d drawer) ReplaceDataKey(ctx context.Context, was, now key.DataKey) (ok bool, err error) {
	err = d.db.write(ctx, work{rows: 1, clean: true, do: func(q querier) error {
		changed, err := q.exec(`UPDATE data_keys SET kek = $3, wrapped = $4 WHERE id = $1 AND wrapped = $2`, int64(was.ID), was.Wrapped, now.KEK, now.Wrapped)
		ok = changed == 1
		return err
	}})
	return ok && err == nil, err
}

// DataKeys lists the data keys. The last one seals.
func (s *Store) DataKeys(ctx context.Context) ([]key.DataKey, error) {
	return drawer{s.db}.DataKeys(ctx)
}

// RotateDataKey makes the next data key and returns its number. Processes that serve seal with it
// within a minute.
func (s *Store) RotateDataKey(ctx context.Context) (uint32, error) {
	return s.sealer.RotateDataKey(ctx)
}

// Rewrap puts the data keys under another key-encryption key. See [key.Sealer.Rewrap].
func (s *Store) Rewrap(ctx context.Context, kek string) (int, error) {
	return s.sealer.Rewrap(ctx, kek)
}

// settled is how old the successor of a data key must be before the key may be destroyed: other
// processes look for a new key once a minute, and finish what they had begun to write.
const settled = 5 * time.Minute

// DestroyDataKey destroys a data key under which nothing is sealed any more. ErrKeyInUse when
// something is: Reseal first.
func (s *Store) DestroyDataKey(ctx context.Context, id uint32) error {
	keys, err := s.DataKeys(ctx)
	if err != nil {
		return err
	}
	at := -1
	for i, k := range keys {
		if k.ID == id {
			at = i
		}
	}
	switch {
	case at < 0:
		return fmt.Errorf("%w: %d", ErrKeyUnknown, id)
	case keys[at].Destroyed():
		return nil
	case keys[at].KEK == "":
		return fmt.Errorf("%w: %d is derived from the keystore's secret and cannot be destroyed apart from it", ErrKeyInUse, id)
	case at == len(keys)-1:
		return fmt.Errorf("%w: %d seals now", ErrKeyInUse, id)
	case s.cfg.Now().Sub(keys[at+1].Created) < settled:
		return fmt.Errorf("%w: its successor is less than %s old; processes that run may not have followed yet", ErrKeyInUse, settled)
	}
	for _, p := range sealedPlaces() {
		for _, column := range p.columns {
			n, err := s.sealedUnder(ctx, p, column, id)
			if err != nil {
				return err
			}
			if n > 0 {
				return fmt.Errorf("%w: %d values in %s.%s", ErrKeyInUse, n, p.table, column)
			}
		}
	}
	gone := keys[at]
	gone.Wrapped = nil
	ok, err := drawer{s.db}.ReplaceDataKey(ctx, keys[at], gone)
	if err == nil && !ok {
		err = fmt.Errorf("%w: %d was wrapped anew this moment; try again", ErrKeyInUse, id)
	}
	return err
}
