package sqlstore

import (
	"context"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
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
	keys := <-db.keyReader
	collect(keys)
	db.keyReader <- keys
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

// MigratePostgres makes the tables of a database.
func MigratePostgres(ctx context.Context, url string) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	return migratePostgres(ctx, cfg)
}

// Readers is how many connections read.
func (s *Store) Readers() int { return s.db.(*sqlite).open }

// Read takes one of them.
func (s *Store) Read(ctx context.Context, do func() error) error {
	return s.read(ctx, func(querier) error { return do() })
}

// AwaitReplica looks at the logs until some standby is up to date.
func (s *Store) AwaitReplica(ctx context.Context) {
	d := s.db.(*postgres)
	for d.copies.pools[0].asOf.Store(0); d.copies.fresh(time.Now()) == nil && ctx.Err() == nil; {
		d.lookAtLogs(ctx)
	}
}

// AskedReplicas is how often a connection to a standby was taken.
func (s *Store) AskedReplicas() (n int64) {
	for _, r := range s.db.(*postgres).copies.pools {
		n += r.pool.Stat().AcquireCount()
	}
	return n
}

// Pragma asks the connection that writes.
func (s *Store) Pragma(name string) (value string, err error) {
	err = s.write(context.Background(), 1, func(q querier) error { return q.row("PRAGMA " + name).Scan(&value) })
	return value, err
}

// Listed is what the registry of columns says: table.column to why it is there.
func Listed() (bytes, holders map[string]string) {
	bytes, holders = map[string]string{}, map[string]string{}
	for what, places := range map[string][]sealedPlace{"sealed": sealedPlaces(), "blind": blindBytes()} {
		for _, p := range places {
			for _, c := range p.columns {
				bytes[p.table+"."+c] = what
			}
			for _, c := range append(p.key, p.rowColumns()...) {
				bytes[p.table+"."+c+" (key)"] = what
			}
		}
	}
	for c, why := range openBytes() {
		bytes[c.table+"."+c.column] = why
	}
	for _, c := range holderIDs() {
		holders[c.table+"."+c.column] = "holder"
	}
	return bytes, holders
}

// Under counts the values sealed under a data key, over all tables.
func (s *Store) Under(ctx context.Context, id uint32) (total int64, err error) {
	for _, p := range sealedPlaces() {
		for _, c := range p.columns {
			n, err := s.sealedUnder(ctx, p, c, id)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

// TakenByKey asks PostgreSQL which of many row keys are taken.
var TakenByKey = takenByKey
