package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
)

// cluster is a primary with two standbys, one of which must have a write before it is acknowledged.
type cluster struct {
	primary  *backing.Postgres
	standbys [2]*backing.Postgres
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{}
	var err error
	c.primary, err = backing.StartPostgres(t.Context(), backing.PostgresConfig{Folder: inMemory()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.primary.Close()) })
	for i := range c.standbys {
		c.standbys[i], err = c.primary.Standby(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.standbys[i].Close()) })
	}
	require.NoError(t, c.primary.Set(t.Context(), "synchronous_standby_names", "ANY 1 (standby1, standby2)"))
	return c
}

// url names all three; the one that takes writes is meant.
func (c *cluster) url() string {
	all := []string{c.primary.Socket, c.standbys[0].Socket, c.standbys[1].Socket}
	q := url.Values{"host": {strings.Join(all, ",")}, "port": {"5432,5432,5432"}, "sslmode": {"disable"}, "target_session_attrs": {"read-write"}}
	return "postgres://postgres@/showcard?" + q.Encode()
}

// failover is what a cluster manager does: the old primary is fenced first, then the standby that has
// the most is promoted, and the other one follows it.
func (c *cluster) failover(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, c.primary.Fence())
	var has [2]uint64
	for i, s := range c.standbys {
		var err error
		has[i], err = s.Received(ctx)
		require.NoError(t, err)
	}
	next, other, name := c.standbys[0], c.standbys[1], "standby2"
	if has[1] > has[0] {
		next, other, name = other, next, "standby1"
	}
	require.NoError(t, next.Promote(ctx))
	require.NoError(t, other.Follow(ctx, next, name))
	require.NoError(t, next.Set(ctx, "synchronous_standby_names", "ANY 1 ("+name+")"))
	require.Error(t, c.primary.Start(ctx), "it cannot come back")
}

// told is what clients were told.
type told struct {
	mu      sync.Mutex
	rows    map[string]string // row key -> identifier
	spent   []string
	changes int
	retries atomic.Int64
	wrong   []error
}

// insist repeats a request as clients do: for as long as they are told that they may.
func (o *told) insist(ctx context.Context, request func() error) bool {
	for ctx.Err() == nil {
		err := request()
		var again net.Error
		switch {
		case err == nil:
			return true
		case errors.As(err, &again):
			o.retries.Add(1)
		default:
			o.mu.Lock()
			o.wrong = append(o.wrong, err)
			o.mu.Unlock()
			return false
		}
	}
	return false
}

// The primary dies under load and a standby takes over. Nothing that was acknowledged is lost, nothing
// is there twice, and clients see nothing but errors that they may repeat.
func TestFailoverLosesNothing(t *testing.T) {
	c := newCluster(t)
	s := open(t, sqlstore.Config{URL: c.url(), Keys: newKeys(t)})
	o := &told{rows: map[string]string{}}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	enough := make(chan struct{}) // the clients stop
	progress := make(chan int, 1<<20)
	var clients sync.WaitGroup
	for n := range 2 {
		clients.Go(func() { o.push(ctx, s, n, progress, enough) })
	}
	for n := range 8 {
		clients.Go(func() { o.verify(ctx, s, n, progress, enough) })
	}
	acknowledged := func(n int) {
		for n > 0 {
			select {
			case more := <-progress:
				n -= more
			case <-ctx.Done():
				t.Fatal("clients do not get on")
			}
		}
	}
	acknowledged(300)
	c.failover(t)
	acknowledged(len(progress)*20 + 300) // what was said before it counts no more
	close(enough)
	clients.Wait()

	require.Empty(t, o.wrong)
	t.Logf("%d rows, %d verifications, %d repeats", len(o.rows), len(o.spent), o.retries.Load())
	for key, identifier := range o.rows {
		held, err := s.Held(ctx, []string{"holder " + key}, 10)
		require.NoError(t, err)
		require.Len(t, held, 1, key)
		require.Equal(t, identifier, held[0].Identifier)
	}
	for _, id := range o.spent {
		v, err := s.ByID(ctx, id)
		require.NoError(t, err)
		again := v
		again.ID, again.RequestKey = id+" again", ""
		require.ErrorIs(t, s.Record(ctx, again), verifier.ErrSpent)
	}
}

// push uploads rows in batches, each until it is acknowledged.
func (o *told) push(ctx context.Context, s *sqlstore.Store, n int, progress chan<- int, enough <-chan struct{}) {
	const batch = 20
	for round := 0; ; round++ {
		select {
		case <-enough:
			return
		default:
		}
		keys := make([]string, batch)
		for i := range keys {
			keys[i] = fmt.Sprintf("row %d of client %d", round*batch+i, n)
		}
		answers := make([]string, batch)
		if !o.insist(ctx, func() error {
			r, err := s.Reserve(ctx, "police", keys, batch)
			if err != nil {
				return err
			}
			b := issuer.Batch{Authority: "police"}
			var at []int
			for i, k := range keys {
				if taken, ok := r.Taken[k]; ok { // by an attempt whose outcome was not known
					answers[i] = taken.Identifier
					continue
				}
				c := sealedCertificate(fmt.Sprintf("%s/%s/%d", k, r.List, r.Counters[i]), k)
				c.HolderID, c.Slot = "holder "+k, issuer.Slot{List: r.List, Index: r.Counters[i]}
				b.Certificates, at = append(b.Certificates, c), append(at, i)
			}
			done, err := s.Commit(ctx, b)
			for i, d := range done {
				err = errors.Join(err, d.Err)
				answers[at[i]] = d.Identifier
			}
			return err
		}) {
			return
		}
		o.mu.Lock()
		for i, k := range keys {
			o.rows[k] = answers[i]
		}
		o.mu.Unlock()
		progress <- batch
	}
}

// verify records verifications. Whose request was done already is told so by its key.
func (o *told) verify(ctx context.Context, s *sqlstore.Store, n int, progress chan<- int, enough <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-enough:
			return
		default:
		}
		v := benchmarkVerification(int64(n*1_000_000 + i))
		v.ID = fmt.Sprintf("verification %d of client %d", i, n)
		first := true
		if !o.insist(ctx, func() error {
			err := s.Record(ctx, v)
			if !first && errors.Is(err, verifier.ErrRequestReused) {
				return nil // the first one came through after all
			}
			first = false
			return err
		}) {
			return
		}
		o.mu.Lock()
		o.spent = append(o.spent, v.ID)
		o.mu.Unlock()
		progress <- 1
	}
}
