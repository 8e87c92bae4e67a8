package sqlstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// replicas are standbys that answer look-ups which may lag behind: what a person reads of who looked
// at her, a party's use, the registry's history. Nothing that decides is asked of them: not whether
// a code is spent, not the state of a certificate, no session, no sequence of a list, nothing before
// a write.
//
// How far one lags is not asked of its clock. Once a second the primary's place in its log is noted;
// a standby that has replayed up to there shows all that was acknowledged by then. One that is
// older than maxLag, or does not answer, is passed over, and the primary is asked.
type replicas struct {
	pools []*replica
	next  atomic.Uint64
	stop  context.CancelFunc
	done  sync.WaitGroup
}

type replica struct {
	pool *pgxpool.Pool
	asOf atomic.Int64 // microseconds of our own clock; zero is never
	seen atomic.Int64 // asOf when it last was not zero; at first the moment of opening
}

const (
	maxLag     = 5 * time.Second
	lookAtLogs = time.Second
)

// openReplicas prepares connections; whether a standby is there shows later, and again each second.
func (d *postgres) openReplicas(ctx context.Context, addresses []string) error {
	d.copies = &replicas{}
	for i, address := range addresses {
		cfg, err := postgresConfig(address)
		if err != nil {
			return fmt.Errorf("replica %d: %w", i+1, err)
		}
		cfg.ConnConfig.ValidateConnect = nil // a standby takes no writes, and need not
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err != nil {
			return fmt.Errorf("replica %d: %w", i+1, err)
		}
		one := &replica{pool: pool}
		one.seen.Store(time.Now().UnixMicro())
		d.copies.pools = append(d.copies.pools, one)
	}
	if len(addresses) == 0 {
		return nil
	}
	watching, stop := context.WithCancel(context.Background())
	d.copies.stop = stop
	d.copies.done.Go(func() {
		tick := time.NewTicker(lookAtLogs)
		defer tick.Stop()
		for {
			d.lookAtLogs(watching)
			select {
			case <-tick.C:
			case <-watching.Done():
				return
			}
		}
	})
	return nil
}

// lookAtLogs compares the places of all logs.
func (d *postgres) lookAtLogs(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxLag)
	defer cancel()
	now := time.Now().UnixMicro()
	var place string
	if err := d.readers.QueryRow(ctx, `SELECT pg_current_wal_lsn()::text`).Scan(&place); err != nil {
		return // without the primary nobody knows who lags
	}
	var asked sync.WaitGroup
	for _, r := range d.copies.pools {
		asked.Go(func() {
			// A standby is a moment behind even when nothing is wrong: it may catch up while it is asked.
			for ctx.Err() == nil {
				var there bool
				err := r.pool.QueryRow(ctx, `SELECT COALESCE(pg_last_wal_replay_lsn() >= $1::pg_lsn, false)`, place).Scan(&there)
				if err != nil {
					return
				}
				if there {
					r.asOf.Store(now)
					r.seen.Store(now)
					return
				}
				select {
				case <-time.After(50 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	asked.Wait()
}

// Kind says which database it is: sqlite or postgres.
func (s *Store) Kind() string {
	if _, ok := s.db.(*postgres); ok {
		return "postgres"
	}
	return "sqlite"
}

// ReplicaLag is how long ago the standby that is furthest behind was known to have everything; false
// without standbys. Beyond 5 s a standby is asked nothing.
func (s *Store) ReplicaLag() (lag time.Duration, ok bool) {
	d, ok := s.db.(*postgres)
	if !ok || d.copies == nil {
		return 0, false
	}
	now := time.Now()
	for _, one := range d.copies.pools {
		lag = max(lag, now.Sub(moment(one.seen.Load())))
	}
	return lag, len(d.copies.pools) > 0
}

// fresh gives a standby that lags no more than it may, nil when there is none.
func (r *replicas) fresh(now time.Time) *replica {
	if r == nil || len(r.pools) == 0 {
		return nil
	}
	n := uint64(len(r.pools))
	first := r.next.Add(1)
	for i := range n {
		one := r.pools[(first+i)%n]
		if asOf := one.asOf.Load(); asOf > 0 && now.Sub(moment(asOf)) <= maxLag {
			return one
		}
	}
	return nil
}

// lookup asks a standby; done is false when the primary has to be asked.
func (d *postgres) lookup(ctx context.Context, snapshot bool, queries func(querier) error) (done bool, err error) {
	r := d.copies.fresh(time.Now())
	if r == nil || d.closed.Load() {
		return false, nil
	}
	rows, err := readOnce(ctx, r.pool, snapshot, queries)
	if err == nil || ctx.Err() != nil || rows > 0 || !standbyTrouble(err) {
		return true, troubled(err, false)
	}
	r.asOf.Store(0) // until it is looked at again
	return false, nil
}

// standbyTrouble says that an error is the standby's and not the question's: it is away, or what it
// replays was in the way of the query (40001).
func standbyTrouble(err error) bool { return lost(err) || repeatable(err) }

func (r *replicas) close() {
	if r == nil {
		return
	}
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
	for _, one := range r.pools {
		one.pool.Close()
	}
}
