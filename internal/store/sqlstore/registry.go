package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/showcard/showcard/internal/audit"
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
func (s *Store) Save(ctx context.Context, base int64, entries []registry.Entry, who, why string, at time.Time, events ...registry.Event) error {
	noted := []audit.Event{registryEvent(base+1, registryRevision{who, why, micros(at)}, entries)}
	for _, e := range events {
		noted = append(noted, audit.Event{Kind: e.Kind, At: at, Actor: e.Actor, Subject: e.Subject, Detail: e.Detail})
	}
	log, err := s.audited(noted...)
	if err != nil {
		return err
	}
	return s.write(ctx, 2*len(entries)+1+len(log), func(q querier) error {
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

// History implements [registry.Store].
func (s *Store) History(ctx context.Context, from int64, limit int) ([]registry.Revision, error) {
	var out []registry.Revision
	err := s.db.read(ctx, reading{snapshot: true, late: true}, func(q querier) error {
		out = nil
		byNumber := map[int64]int{}
		err := q.rows(`SELECT revision, who, why, at FROM registry_revisions WHERE revision >= $1 ORDER BY revision LIMIT $2`, []any{from, limit}, func(row scanner) error {
			var r registry.Revision
			var at int64
			err := row.Scan(&r.Number, &r.Who, &r.Why, &at)
			r.At = moment(at)
			byNumber[r.Number] = len(out)
			out = append(out, r)
			return err
		})
		if err != nil || len(out) == 0 {
			return err
		}
		return q.rows(`SELECT h.revision, h.kind, h.id, h.body, COALESCE((SELECT p.body FROM registry_history p
				WHERE p.kind = h.kind AND p.id = h.id AND p.revision < h.revision ORDER BY p.revision DESC LIMIT 1), h.body) AS before_body,
				EXISTS (SELECT 1 FROM registry_history p WHERE p.kind = h.kind AND p.id = h.id AND p.revision < h.revision) AS existed
			FROM registry_history h WHERE h.revision >= $1 AND h.revision <= $2 AND h.kind NOT IN ('trust-list', 'seal') ORDER BY h.revision, h.kind, h.id`,
			[]any{out[0].Number, out[len(out)-1].Number}, func(row scanner) error {
				var n int64
				var w registry.Written
				var existed bool
				if err := row.Scan(&n, &w.Kind, &w.ID, &w.After, &w.Before, &existed); err != nil {
					return err
				}
				if !existed || len(w.Before) == 0 { // a driver may give an empty value either way
					w.Before = nil
				}
				if len(w.After) == 0 {
					w.After = nil
				}
				at, ok := byNumber[n]
				if !ok {
					return fmt.Errorf("registry history without its revision %d", n)
				}
				out[at].Entries = append(out[at].Entries, w)
				return nil
			})
	})
	return out, err
}
