package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/showcard/showcard/crypto/key"
)

// ErrReindexing says that a rotation of the keys of names has begun and not ended. Until it has, one
// half of the names is of one kind and one of the other, and nobody serves.
var ErrReindexing = errors.New("sqlstore: names are being turned to another key; finish it with `showcard vault rotate-lookup-key`")

// generation reads which keys of names are in force.
func generation(ctx context.Context, db database) (g int, complete bool, fingerprint []byte, err error) {
	g, complete = 1, true
	err = db.read(ctx, reading{}, func(q querier) error {
		return q.rows(`SELECT generation, complete, fingerprint FROM lookup_keys ORDER BY generation DESC LIMIT 1`, nil, func(row scanner) error {
			var done int
			err := row.Scan(&g, &done, &fingerprint)
			complete = done == 1
			return err
		})
	})
	return g, complete, fingerprint, err
}

// openSealer makes the sealer for the generation of names that the database has.
func (s *Store) openSealer(ctx context.Context, maintenance bool) error {
	g, complete, fingerprint, err := generation(ctx, s.db)
	if err != nil {
		return err
	}
	if !complete && !maintenance {
		return ErrReindexing
	}
	seals := s.cfg.Seals
	seals.Keys, seals.DataKeys, seals.Generation = s.cfg.Keys, drawer{s.db}, g
	if seals.Now == nil {
		seals.Now = s.cfg.Now
	}
	if s.sealer, err = key.NewSealer(seals); err != nil {
		return err
	}
	own := s.sealer.NameKeyCheck()
	if fingerprint == nil {
		return s.write(ctx, 1, func(q querier) error {
			_, err := q.exec(`INSERT INTO lookup_keys (generation, fingerprint, complete, at) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING`, g, own, micros(s.cfg.Now()))
			return err
		})
	}
	if !bytes.Equal(own, fingerprint) {
		return fmt.Errorf("sqlstore: keys of names: %w", key.ErrOtherKeystore)
	}
	return nil
}

// HolderID gives the first generation's id of a holder, schemas.HolderRef.Index, its present form.
func (s *Store) HolderID(first string) string { return s.sealer.CurrentID(first) }

// RotateLookups turns every blind name of a database to a new key: holder ids and what is sealed
// under them, row keys, digests of requests. Nobody may serve from the database meanwhile. It works
// in small transactions; killed half way, the database does not open for serving, and calling it
// again goes on where it stopped. report, if not nil, is told what was done.
func RotateLookups(ctx context.Context, cfg Config, report func(table string, rows int64)) (generationNow int, err error) {
	s, err := open(ctx, cfg, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if report == nil {
		report = func(string, int64) {}
	}
	g, complete, _, err := generation(ctx, s.db)
	if err != nil {
		return 0, err
	}
	if complete {
		if g, err = s.beginTurn(ctx, g); err != nil {
			return 0, err
		}
	}
	for _, c := range holderIDs() {
		if err := s.turnIDs(ctx, c, report); err != nil {
			return g, fmt.Errorf("sqlstore: %s.%s: %w", c.table, c.column, err)
		}
	}
	for _, p := range blindBytes() {
		if err := s.turnNames(ctx, p, report); err != nil {
			return g, fmt.Errorf("sqlstore: %s: %w", p.table, err)
		}
	}
	return g, s.write(ctx, 100, func(q querier) error {
		// Names of requests have no values to turn from. Nobody repeats one across a maintenance
		// window, and who did would be answered by the row keys.
		if _, err := q.exec(`DELETE FROM requests`); err != nil {
			return err
		}
		_, err := q.exec(`UPDATE lookup_keys SET complete = 1 WHERE generation = $1`, g)
		return err
	})
}

// beginTurn makes the next key, in the keystore first, and notes that turning has begun.
func (s *Store) beginTurn(ctx context.Context, g int) (int, error) {
	g++
	if g > key.MaxGeneration {
		return 0, fmt.Errorf("sqlstore: names were turned %d times; that is the end", g)
	}
	seals := s.cfg.Seals
	seals.Keys, seals.DataKeys, seals.Generation = s.cfg.Keys, drawer{s.db}, g
	next, err := key.NewSealer(seals)
	if err != nil {
		return 0, err
	}
	s.sealer = next
	return g, s.write(ctx, 1, func(q querier) error {
		_, err := q.exec(`INSERT INTO lookup_keys (generation, fingerprint, complete, at) VALUES ($1, $2, 0, $3)`, g, next.NameKeyCheck(), micros(s.cfg.Now()))
		return err
	})
}

// turnRows bounds a transaction of a rotation.
const turnRows = 2000

// turnIDs turns one column of holder ids. Ids of the present generation are marked, so that what is
// left is found by looking.
func (s *Store) turnIDs(ctx context.Context, c column, report func(string, int64)) error {
	from, to := s.sealer.PresentIDs()
	for {
		var old []string
		err := s.read(ctx, func(q querier) error {
			old = nil
			return q.rows(`SELECT DISTINCT `+c.column+` FROM `+c.table+` WHERE `+c.column+` <> '' AND (`+c.column+` < $1 OR `+c.column+` >= $2) LIMIT $3`,
				[]any{from, to, turnRows}, func(row scanner) error {
					var id string
					err := row.Scan(&id)
					old = append(old, id)
					return err
				})
		})
		if err != nil || len(old) == 0 {
			return err
		}
		resealed, err := s.resealUnder(ctx, c, old)
		if err != nil {
			return err
		}
		var n int64
		err = s.write(ctx, 3*len(old), func(q querier) error {
			for _, r := range resealed {
				if _, err := q.exec(r.update, r.args...); err != nil {
					return err
				}
			}
			for _, id := range old {
				if _, err := q.exec(`INSERT INTO lookup_moves (before, after) VALUES ($1, $2)`, id, s.sealer.TurnID(id)); err != nil {
					return err
				}
			}
			var err error
			if n, err = q.exec(`UPDATE ` + c.table + ` SET ` + c.column + ` = (SELECT after FROM lookup_moves WHERE before = ` + c.column + `)
				WHERE ` + c.column + ` IN (SELECT before FROM lookup_moves)`); err != nil {
				return err
			}
			_, err = q.exec(`DELETE FROM lookup_moves`)
			return err
		})
		if err != nil {
			return err
		}
		report(c.table, n)
	}
}

// resealed is a value under the new name of its row.
type resealed struct {
	update string
	args   []any
}

// resealUnder seals anew what is sealed under a name that has the old id in it. The old names still
// stand when this is read, so nothing has been sealed twice.
func (s *Store) resealUnder(ctx context.Context, c column, old []string) ([]resealed, error) {
	var out []resealed
	for _, p := range sealedPlaces() {
		part := slices.Index(p.rowColumns(), c.column)
		if p.table != c.table || part < 0 {
			continue
		}
		row := p.rowColumns()
		for _, id := range old {
			for _, col := range p.columns {
				found, err := s.pageOf(ctx, p, col, c.column, id)
				if err != nil {
					return nil, err
				}
				for _, f := range found {
					plain, err := s.sealer.Open(p.table, rowName(f.name), col, f.value)
					if err != nil {
						return nil, err
					}
					next := slices.Clone(f.name)
					next[part] = s.sealer.TurnID(id)
					value, err := s.sealer.Seal(p.table, rowName(next), col, plain)
					if err != nil {
						return nil, err
					}
					out = append(out, resealed{`UPDATE ` + p.table + ` SET ` + col + ` = $1 WHERE ` + equals(row, 2), append([]any{value}, f.name...)})
				}
			}
		}
	}
	return out, nil
}

type named struct {
	name  []any
	value []byte
}

// pageOf reads the sealed values of the rows of one holder.
func (s *Store) pageOf(ctx context.Context, p sealedPlace, column, holder, id string) ([]named, error) {
	row := p.rowColumns()
	var out []named
	err := s.read(ctx, func(q querier) error {
		out = nil
		query := `SELECT `
		for _, c := range row {
			query += c + `, `
		}
		return q.rows(query+column+` FROM `+p.table+` WHERE `+holder+` = $1 AND `+column+` IS NOT NULL`, []any{id}, func(r scanner) error {
			f := named{name: make([]any, len(row))}
			dest := make([]any, 0, len(row)+1)
			for i := range f.name {
				dest = append(dest, &f.name[i])
			}
			err := r.Scan(append(dest, &f.value)...)
			if _, ok := key.SealedUnder(f.value); ok {
				out = append(out, f)
			}
			return err
		})
	})
	return out, err
}

// turnNames turns columns of binary blind names, walking the table.
func (s *Store) turnNames(ctx context.Context, p sealedPlace, report func(string, int64)) error {
	for _, c := range p.columns {
		var cursor []any
		for {
			found, err := s.page(ctx, p, []string{c}, cursor, turnRows, condition{})
			if err != nil {
				return err
			}
			if len(found) == 0 {
				break
			}
			cursor = found[len(found)-1].key
			update := `UPDATE ` + p.table + ` SET ` + c + ` = $1 WHERE ` + equals(p.key, 2)
			var n int64
			err = s.write(ctx, len(found), func(q querier) error {
				n = 0
				for _, f := range found {
					next := s.sealer.Turn(f.values[0])
					if bytes.Equal(next, f.values[0]) {
						continue // before we were killed
					}
					changed, err := q.exec(update, append([]any{next}, f.key...)...)
					if err != nil {
						return err
					}
					n += changed
				}
				return nil
			})
			if err != nil {
				return err
			}
			if n > 0 {
				report(p.table, n)
			}
		}
	}
	return nil
}
