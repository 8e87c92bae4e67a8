package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/showcard/showcard/registry"
)

// Load implements [registry.Store].
func (s *Store) Load(ctx context.Context) (registry.Snapshot, error) {
	var snap registry.Snapshot
	err := s.snapshot(ctx, func(q querier) (err error) {
		if snap.Revision, err = revision(q); err != nil {
			return err
		}
		return q.rows(`SELECT kind, id, body FROM registry_entries ORDER BY kind, id`, nil, func(row scanner) error {
			var e registry.Entry
			err := row.Scan(&e.Kind, &e.ID, &e.Body)
			snap.Entries = append(snap.Entries, e)
			return err
		})
	})
	return snap, err
}

// Revision implements [registry.Store].
func (s *Store) Revision(ctx context.Context) (n int64, err error) {
	err = s.read(ctx, func(q querier) (err error) {
		n, err = revision(q)
		return err
	})
	return n, err
}

func revision(q querier) (n int64, err error) {
	err = q.row(`SELECT COALESCE(MAX(revision), 0) FROM registry_revisions`).Scan(&n)
	return n, err
}

// Save implements [registry.Store]. Two that start from one revision both want the next
// number; its primary key lets one have it.
func (s *Store) Save(ctx context.Context, base int64, entries []registry.Entry, who, why string, at time.Time) error {
	log, err := s.audited(registryEvent(base+1, registryRevision{who, why, micros(at)}, entries))
	if err != nil {
		return err
	}
	return s.write(ctx, 2*len(entries)+2, func(q querier) error {
		current, err := revision(q)
		if err != nil {
			return err
		}
		if current != base {
			return fmt.Errorf("%w: at revision %d, not %d", registry.ErrConflict, current, base)
		}
		n, err := q.exec(`INSERT INTO registry_revisions (revision, who, why, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, base+1, who, why, micros(at))
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: revision %d was just taken", registry.ErrConflict, base+1)
		}
		for _, e := range entries {
			body := e.Body
			if body == nil {
				body = []byte{}
			}
			if _, err := q.exec(`INSERT INTO registry_history (revision, kind, id, body) VALUES ($1, $2, $3, $4)`, base+1, e.Kind, e.ID, body); err != nil {
				return err
			}
			if len(body) == 0 {
				_, err = q.exec(`DELETE FROM registry_entries WHERE kind = $1 AND id = $2`, e.Kind, e.ID)
			} else {
				_, err = q.exec(`INSERT INTO registry_entries (kind, id, body, revision) VALUES ($1, $2, $3, $4)
					ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, revision = excluded.revision`, e.Kind, e.ID, body, base+1)
			}
			if err != nil {
				return err
			}
		}
		return log.store(q)
	})
}
