package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/showcard/showcard/internal/audit"
)

var (
	_ audit.Store   = (*Store)(nil)
	_ audit.Entries = (*Store)(nil)
)

// Tree implements [audit.Store].
func (s *Store) Tree(ctx context.Context) (state audit.State, err error) {
	err = s.read(ctx, func(q querier) (err error) {
		state, err = selectTree(q, "")
		return err
	})
	return state, err
}

func selectTree(q querier, lock string) (audit.State, error) {
	var size int64
	var hashes []byte
	err := q.row(`SELECT size, hashes FROM audit_tree WHERE one = 1`+lock).Scan(&size, &hashes)
	if errors.Is(err, sql.ErrNoRows) || err == nil && size < 0 {
		err = fmt.Errorf("%w: no size", audit.ErrState)
	}
	return audit.State{Size: uint64(size), Hashes: hashes}, err
}

func selectTile(q querier, level int, index uint64) (hashes []byte, err error) {
	err = q.row(`SELECT hashes FROM audit_tiles WHERE level = $1 AND idx = $2`, level, int64(index)).Scan(&hashes)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil // whoever asked finds it too short
	}
	return hashes, err
}

// Tile implements [audit.Tiles].
func (s *Store) Tile(ctx context.Context, level int, index uint64, width int) (hashes []byte, err error) {
	err = s.read(ctx, func(q querier) (err error) {
		hashes, err = selectTile(q, level, index)
		return err
	})
	return hashes[:min(len(hashes), width*32)], err
}

// Grow implements [audit.Store]. The row of the tree is locked from the first statement to the
// commit: of several processes exactly one gives a place away.
func (s *Store) Grow(ctx context.Context, limit int, plan func(audit.State, []audit.Tile, [][]byte) (audit.State, []audit.Tile, error)) (n int, err error) {
	waiting := false // most ticks find nothing to do, and need no turn of the writer
	err = s.read(ctx, func(q querier) error {
		var one int
		err := q.row(`SELECT 1 FROM audit_entries WHERE idx IS NULL LIMIT 1`).Scan(&one)
		waiting = err == nil
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	if err != nil || !waiting {
		return 0, err
	}
	err = s.writeAbout(ctx, auditTree, limit, func(q querier) error {
		state, err := selectTree(q, s.db.lock())
		if err != nil {
			return err
		}
		var edge []audit.Tile
		for _, p := range state.Edge() {
			hashes, err := selectTile(q, p.Level, p.Index)
			if err != nil {
				return err
			}
			edge = append(edge, audit.Tile{Level: p.Level, Index: p.Index, Hashes: hashes})
		}
		var ids []string
		var leaves [][]byte
		err = q.rows(`SELECT id, leaf FROM audit_entries WHERE idx IS NULL ORDER BY at LIMIT $1`, []any{limit}, func(row scanner) error {
			var id string
			var leaf []byte
			err := row.Scan(&id, &leaf)
			ids, leaves = append(ids, id), append(leaves, leaf)
			return err
		})
		if err != nil {
			return err
		}
		if n = len(ids); n == 0 {
			return nil
		}
		next, tiles, err := plan(state, edge, leaves)
		if err != nil {
			return err
		}
		if err := place(q, ids, int64(state.Size)); err != nil {
			return err
		}
		for _, t := range tiles {
			_, err := q.exec(`INSERT INTO audit_tiles (level, idx, hashes) VALUES ($1, $2, $3) ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes`,
				t.Level, int64(t.Index), t.Hashes)
			if err != nil {
				return err
			}
		}
		_, err = q.exec(`UPDATE audit_tree SET size = $1, hashes = $2 WHERE one = 1`, int64(next.Size), next.Hashes)
		return err
	})
	return n, err
}

// place gives entries their places, from first on: with PostgreSQL in one trip.
func place(q querier, ids []string, first int64) error {
	if _, ok := q.(bulk); ok {
		_, err := q.exec(`UPDATE audit_entries SET idx = $2::bigint + p.nth - 1 FROM unnest($1::text[]) WITH ORDINALITY AS p(id, nth) WHERE audit_entries.id = p.id`, planAnew, ids, first)
		return err
	}
	for i, id := range ids {
		if _, err := q.exec(`UPDATE audit_entries SET idx = $2 WHERE id = $1`, id, first+int64(i)); err != nil {
			return err
		}
	}
	return nil
}

// Leaves implements [audit.Store].
func (s *Store) Leaves(ctx context.Context, from uint64, n int) (leaves [][]byte, err error) {
	err = s.read(ctx, func(q querier) error {
		return q.rows(`SELECT leaf FROM audit_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx`, []any{int64(from), int64(from) + int64(n)}, func(row scanner) error {
			var leaf []byte
			err := row.Scan(&leaf)
			leaves = append(leaves, leaf)
			return err
		})
	})
	return leaves, err
}

// PutCheckpoint implements [audit.Store].
func (s *Store) PutCheckpoint(ctx context.Context, size uint64, at time.Time, change func(string) (string, int, error)) error {
	return s.write(ctx, 1, func(q querier) error {
		if err := q.alone("checkpoint"); err != nil { // a row that is not there cannot be locked
			return err
		}
		var was string
		err := q.row(`SELECT note FROM audit_checkpoints WHERE size = $1`+s.db.lock(), int64(size)).Scan(&was)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		note, witnesses, err := change(was)
		if err != nil || note == was {
			return err
		}
		_, err = q.exec(`INSERT INTO audit_checkpoints (size, at, note, witnesses) VALUES ($1, $2, $3, $4)
			ON CONFLICT (size) DO UPDATE SET note = excluded.note, witnesses = excluded.witnesses`, int64(size), micros(at), note, witnesses)
		return err
	})
}

// Checkpoint implements [audit.Store].
func (s *Store) Checkpoint(ctx context.Context, witnesses int) (note string, err error) {
	err = s.read(ctx, func(q querier) error {
		return q.row(`SELECT note FROM audit_checkpoints WHERE witnesses >= $1 ORDER BY size DESC LIMIT 1`, witnesses).Scan(&note)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = audit.ErrNoCheckpoint
	}
	return note, err
}

const placedColumns = `idx, id, at, holder_id, leaf, opening`

// placedIn reads an entry; its opening is still sealed.
func placedIn(row scanner) (audit.Placed, error) {
	p := audit.Placed{Index: audit.NoPlace}
	var index *int64
	var at int64
	err := row.Scan(&index, &p.ID, &at, &p.Holder, &p.Leaf, &p.Opening)
	if index != nil {
		p.Index = uint64(*index)
	}
	p.At = moment(at)
	return p, err
}

func (s *Store) openPlaced(p *audit.Placed) {
	if p.Opening != nil {
		p.Opening, p.Damage = s.sealer.Open("audit_entries", p.ID, "opening", p.Opening)
	}
}

// Placed implements [audit.Entries].
func (s *Store) Placed(ctx context.Context, from uint64, n int) ([]audit.Placed, error) {
	all, err := s.placedSealed(ctx, from, n)
	for i := range all {
		s.openPlaced(&all[i])
	}
	return all, err
}

func (s *Store) placedSealed(ctx context.Context, from uint64, n int) (all []audit.Placed, err error) {
	err = s.read(ctx, func(q querier) error {
		return q.rows(`SELECT `+placedColumns+` FROM audit_entries WHERE idx >= $1 ORDER BY idx LIMIT $2`, []any{int64(min(from, 1<<62)), n}, func(row scanner) error {
			p, err := placedIn(row)
			all = append(all, p)
			return err
		})
	})
	return all, err
}

// Find implements [audit.Entries].
func (s *Store) Find(ctx context.Context, id string) (p audit.Placed, err error) {
	err = s.read(ctx, func(q querier) (err error) {
		p, err = placedIn(q.row(`SELECT `+placedColumns+` FROM audit_entries WHERE id = $1`, id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return p, fmt.Errorf("%w: %s", audit.ErrUnknown, id)
	}
	s.openPlaced(&p)
	return p, err
}

// Waiting implements [audit.Entries].
func (s *Store) Waiting(ctx context.Context) (n int64, oldest time.Time, err error) {
	err = s.read(ctx, func(q querier) error {
		var at *int64
		err := q.row(`SELECT COUNT(*), MIN(at) FROM audit_entries WHERE idx IS NULL`).Scan(&n, &at)
		oldest = optionalMoment(at)
		return err
	})
	return n, oldest, err
}

// SweepOpenings implements [audit.Entries]. It goes through the places in order, from where it
// stood, and so needs no index over the moments.
func (s *Store) SweepOpenings(ctx context.Context, before time.Time) (total int64, err error) {
	for {
		var n int64
		err := s.writeAbout(ctx, auditTree, sweepRows, func(q querier) error {
			var swept, end int64
			if err := q.row(`SELECT swept FROM audit_tree WHERE one = 1` + s.db.lock()).Scan(&swept); err != nil {
				return err
			}
			err := q.row(`SELECT COALESCE(MIN(idx), $2) FROM audit_entries WHERE idx >= $1 AND idx < $2 AND at >= $3`, swept, swept+sweepRows, micros(before)).Scan(&end)
			if err != nil {
				return err
			}
			n, err = q.exec(`UPDATE audit_entries SET opening = NULL, holder_id = '' WHERE idx >= $1 AND idx < $2`, swept, end)
			if err != nil || n == 0 {
				return err
			}
			_, err = q.exec(`UPDATE audit_tree SET swept = $1 WHERE one = 1`, swept+n)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("sqlstore: sweep openings: %w", err)
		}
		if total += n; n < sweepRows {
			break
		}
	}
	if total > 0 {
		if err := s.Note(ctx, audit.Event{Kind: sweptKind, Actor: "retention", Detail: map[string]string{
			"count": strconv.FormatInt(total, 10), "before": before.UTC().Format(time.RFC3339Nano),
		}}); err != nil {
			return total, err
		}
	}
	_, err = s.sweep(ctx, `DELETE FROM audit_checkpoints WHERE size IN (SELECT size FROM audit_checkpoints
		WHERE witnesses = 0 AND at < $1 AND size < (SELECT MAX(size) FROM audit_checkpoints) ORDER BY size LIMIT $2)`, micros(s.cfg.Now().Add(-24*time.Hour)), sweepRows)
	return total, err
}
