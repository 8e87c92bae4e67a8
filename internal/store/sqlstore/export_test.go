package sqlstore

import (
	"context"
	"maps"
)

// Statements returns all statements that the store has prepared so far. For tests: nothing else
// may use the store meanwhile.
func (s *Store) Statements() []string {
	db := s.db.(*sqlite)
	all := map[string]bool{}
	collect := func(one *session) {
		for text := range maps.Keys(one.statements) {
			all[text] = true
		}
	}
	collect(db.writer)
	for range db.open {
		reader := <-db.idle
		collect(reader)
		db.idle <- reader
	}
	out := make([]string, 0, len(all))
	for text := range all {
		out = append(out, text)
	}
	return out
}

// Pragma asks the connection that writes.
func (s *Store) Pragma(name string) (value string, err error) {
	err = s.write(context.Background(), 1, func(q querier) error { return q.row("PRAGMA " + name).Scan(&value) })
	return value, err
}
