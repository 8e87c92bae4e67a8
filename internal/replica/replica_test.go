package replica_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ verifier.StatusCache = (*replica.Replica)(nil)

const patience = 30 * time.Second

// cache is both sides: what publishers write and replicas follow.
type cache interface {
	issuer.StatusCache
	replica.Source
}

func memory(t testing.TB) *memstore.Store {
	t.Helper()
	s, err := memstore.New(memstore.Config{})
	require.NoError(t, err)
	return s
}

func connect(t testing.TB, url string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(redisstore.Config{URL: url, Timeout: 10 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Shutdown()) })
	return s
}

// follow runs a replica until the test ends.
func follow(t testing.TB, cfg replica.Config) *replica.Replica {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r, err := replica.New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return r
}

func warm(t testing.TB, r *replica.Replica) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, r.Warm(ctx))
	require.NoError(t, r.Ready(ctx))
}

func put(t testing.TB, c issuer.StatusCache, list string, size, seq uint64, asOf time.Time) {
	t.Helper()
	require.NoError(t, c.Replace(t.Context(), issuer.ListHead{Name: list, Size: size, Seq: seq}, make([]byte, (size+3)/4), asOf))
}

func revoke(t testing.TB, c issuer.StatusCache, list string, seq, index uint64, asOf time.Time) {
	t.Helper()
	require.NoError(t, c.Apply(t.Context(), list, seq-1, seq, []issuer.StatusChange{{Seq: seq, Index: index, Status: statuslist.Invalid}}, asOf))
}

func beat(t testing.TB, c issuer.StatusCache, asOf time.Time, heads ...issuer.ListHead) {
	t.Helper()
	behind, err := c.Beat(t.Context(), heads, asOf)
	require.NoError(t, err)
	require.Empty(t, behind)
}

// soon waits until a replica itself knows an entry.
func soon(t testing.TB, r *replica.Replica, list string, index uint64, want statuslist.Status, asOf time.Time) {
	t.Helper()
	require.Eventually(t, func() bool {
		got, at, known, err := r.Lookup(t.Context(), list, index)
		return err == nil && known && got == uint8(want) && at.Equal(asOf)
	}, patience, time.Millisecond)
}

// both runs a test over memory and over Redis.
func both(t *testing.T, test func(t *testing.T, c cache)) {
	t.Run("memory", func(t *testing.T) { test(t, memory(t)) })
	t.Run("redis", func(t *testing.T) { test(t, connect(t, redistest.Start(t).URL)) })
}

func TestFollows(t *testing.T) {
	both(t, func(t *testing.T, c cache) {
		put(t, c, "1", 100, 0, moment)
		put(t, c, "2", 50, 7, moment)
		revoke(t, c, "1", 1, 42, moment)
		r := follow(t, replica.Config{Source: c})
		require.Error(t, r.Ready(t.Context()), "no beat has said which lists there are")
		beat(t, c, moment, issuer.ListHead{Name: "1", Seq: 1}, issuer.ListHead{Name: "2", Seq: 7})
		warm(t, r)
		soon(t, r, "1", 42, statuslist.Invalid, moment)
		soon(t, r, "1", 41, statuslist.Valid, moment)
		require.Equal(t, []string{"1", "2"}, r.Names())

		later := moment.Add(time.Second)
		revoke(t, c, "2", 8, 49, later)
		soon(t, r, "2", 49, statuslist.Invalid, later)
		soon(t, r, "1", 42, statuslist.Invalid, moment) // nobody said so of this one
		beat(t, c, later, issuer.ListHead{Name: "1", Seq: 1}, issuer.ListHead{Name: "2", Seq: 8})
		soon(t, r, "1", 42, statuslist.Invalid, later)
		_, _, known, err := r.Lookup(t.Context(), "2", 50)
		require.ErrorIs(t, err, statuslist.ErrIndex)
		require.False(t, known)

		put(t, c, "3", 4, 0, later)
		soon(t, r, "3", 0, statuslist.Valid, later)
		require.Eventually(t, func() bool { return r.Stats().Lists == 3 }, patience, time.Millisecond)
		require.Positive(t, r.Stats().Bytes)
		require.Positive(t, r.Stats().Applied)
	})
}

// A deployment without certificates is ready; its first list is known as soon as it is there.
func TestWarmWithoutLists(t *testing.T) {
	both(t, func(t *testing.T, c cache) {
		r := follow(t, replica.Config{Source: c})
		beat(t, c, moment)
		warm(t, r)
		put(t, c, "1", 4, 0, moment)
		soon(t, r, "1", 0, statuslist.Valid, moment)
		_, _, known, err := r.Lookup(t.Context(), "2", 0)
		require.NoError(t, err)
		require.False(t, known)
	})
}

// lossy loses entries, as a stream does that is trimmed or whose server fails over.
type lossy struct {
	cache
	lose atomic.Bool
}

func (l *lossy) StatusEntries(ctx context.Context, after string, wait time.Duration) ([]replica.Entry, string, error) {
	entries, position, err := l.cache.StatusEntries(ctx, after, wait)
	if l.lose.Load() {
		entries = nil
	}
	return entries, position, err
}

func TestLostEntryShowsAtTheBeat(t *testing.T) {
	both(t, func(t *testing.T, c cache) {
		l := &lossy{cache: c}
		put(t, c, "1", 100, 0, moment)
		beat(t, c, moment, issuer.ListHead{Name: "1"})
		r := follow(t, replica.Config{Source: l})
		warm(t, r)
		l.lose.Store(true)
		later := moment.Add(time.Second)
		position := r.Position()
		revoke(t, c, "1", 1, 5, later)
		require.Eventually(t, func() bool { return r.Position() != position }, patience, time.Millisecond)
		status, asOf, _, err := r.Lookup(t.Context(), "1", 5)
		require.NoError(t, err)
		require.Zero(t, status)
		require.Equal(t, moment, asOf, "what is not known does not look fresh")
		l.lose.Store(false)
		beat(t, c, later, issuer.ListHead{Name: "1", Seq: 1})
		soon(t, r, "1", 5, statuslist.Invalid, later)
		require.EqualValues(t, 1, r.Stats().Gaps)
	})
}

// A list that a beat never vouches for grows old, whatever is said of others.
func TestAsOfStandsStillWithoutWord(t *testing.T) {
	now := moment
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	c := memory(t)
	put(t, c, "1", 4, 0, moment)
	put(t, c, "2", 4, 0, moment)
	beat(t, c, moment, issuer.ListHead{Name: "1"}, issuer.ListHead{Name: "2"})
	r := follow(t, replica.Config{Source: c, Now: clock, MaxAge: 10 * time.Second})
	warm(t, r)
	mu.Lock()
	now = moment.Add(11 * time.Second)
	mu.Unlock()
	beat(t, c, moment.Add(11*time.Second), issuer.ListHead{Name: "1"})
	soon(t, r, "1", 0, statuslist.Valid, moment.Add(11*time.Second))
	_, asOf, _, err := r.Lookup(t.Context(), "2", 0)
	require.NoError(t, err)
	require.Equal(t, moment, asOf)
	require.Equal(t, 11*time.Second, r.Stats().Lag)
	require.ErrorContains(t, r.Ready(t.Context()), "11s old")
}

func TestEmptiedRedis(t *testing.T) {
	server := redistest.Start(t)
	c := connect(t, server.URL)
	put(t, c, "1", 100, 3, moment)
	beat(t, c, moment, issuer.ListHead{Name: "1", Seq: 3})
	r := follow(t, replica.Config{Source: c})
	warm(t, r)
	server.Empty()
	_, asOf, known, err := r.Lookup(t.Context(), "1", 5)
	require.NoError(t, err)
	require.True(t, known, "what is known stays known")
	require.Equal(t, moment, asOf, "and grows old")
	later := moment.Add(time.Second)
	put(t, c, "1", 100, 3, later)
	revoke(t, c, "1", 4, 5, later)
	soon(t, r, "1", 5, statuslist.Invalid, later)
}

// The server is killed and comes back empty; its clock may even be behind, so that positions begin
// below those that were read.
func TestRestartedRedis(t *testing.T) {
	server := redistest.Start(t)
	c := connect(t, server.URL)
	put(t, c, "1", 100, 3, moment)
	beat(t, c, moment, issuer.ListHead{Name: "1", Seq: 3})
	server.Do("XADD", "showcard:{status-stream}", fmt.Sprintf("%d-0", time.Now().Add(time.Hour).UnixMilli()), "e", "of a newer process")
	r := follow(t, replica.Config{Source: c})
	warm(t, r)
	server.Kill()
	require.Eventually(t, func() bool { return c.Ready(t.Context()) != nil }, patience, time.Millisecond)
	server.Restart()
	require.Eventually(t, func() bool { return c.Ready(t.Context()) == nil }, patience, time.Millisecond)
	later := moment.Add(time.Second)
	put(t, c, "1", 100, 3, later)
	revoke(t, c, "1", 4, 5, later)
	beat(t, c, later, issuer.ListHead{Name: "1", Seq: 4})
	soon(t, r, "1", 5, statuslist.Invalid, later)
}

// A failover to a server that has not heard of a revocation: the list that is read there is not
// believed, what was known stays, and does not grow young again before the list has come as far.
func TestFailoverForgetsNothing(t *testing.T) {
	server := redistest.Start(t)
	c := connect(t, server.URL)
	put(t, c, "1", 100, 3, moment)
	revoke(t, c, "1", 4, 5, moment)
	beat(t, c, moment, issuer.ListHead{Name: "1", Seq: 4})
	r := follow(t, replica.Config{Source: c})
	warm(t, r)
	server.Empty()
	put(t, c, "1", 100, 3, moment) // as it was before
	before := r.Position()
	beat(t, c, moment.Add(time.Second), issuer.ListHead{Name: "1", Seq: 3})
	require.Eventually(t, func() bool { return r.Position() != before }, patience, time.Millisecond)
	status, asOf, _, err := r.Lookup(t.Context(), "1", 5)
	require.NoError(t, err)
	require.EqualValues(t, statuslist.Invalid, status)
	require.Equal(t, moment, asOf)
	later := moment.Add(2 * time.Second)
	revoke(t, c, "1", 4, 5, later) // the publisher does it again
	soon(t, r, "1", 5, statuslist.Invalid, later)
}

// Readers, a publisher with bursts and lost entries at once: in the end a replica holds what the
// cache holds. For the race detector.
func TestBurstsWithLosses(t *testing.T) {
	both(t, func(t *testing.T, c cache) {
		const lists, size, rounds, burst = 3, 4096, 30, 300
		l := &lossy{cache: c}
		var heads []issuer.ListHead
		for i := range lists {
			heads = append(heads, issuer.ListHead{Name: fmt.Sprint(i), Size: size})
			put(t, c, heads[i].Name, size, 0, moment)
		}
		beat(t, c, moment, heads...)
		r := follow(t, replica.Config{Source: l})
		warm(t, r)
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for i := uint64(0); ; i++ {
					select {
					case <-stop:
						return
					default:
						if _, _, known, err := r.Lookup(context.Background(), fmt.Sprint(i%lists), i%size); err != nil || !known {
							t.Error(known, err)
							return
						}
					}
				}
			})
		}
		for round := range rounds {
			l.lose.Store(round%5 == 4)
			for i := range heads {
				h := &heads[i]
				var changes []issuer.StatusChange
				for k := range uint64(1 + burst*(round%2)) {
					changes = append(changes, issuer.StatusChange{Seq: h.Seq + 1 + k, Index: (h.Seq + k) * 31 % size, Status: statuslist.Status(h.Seq+k) % 3})
				}
				require.NoError(t, c.Apply(t.Context(), h.Name, h.Seq, h.Seq+uint64(len(changes)), changes, moment))
				h.Seq += uint64(len(changes))
			}
		}
		l.lose.Store(false)
		later := moment.Add(time.Second)
		beat(t, c, later, heads...)
		for _, h := range heads {
			soon(t, r, h.Name, 0, lookup(t, c, h.Name, 0), later)
			want, ok, err := c.StatusSnapshot(t.Context(), h.Name, nil)
			require.NoError(t, err)
			require.True(t, ok)
			got, ok := r.List(h.Name, nil)
			require.True(t, ok)
			require.Equal(t, want, got)
		}
		close(stop)
		readers.Wait()
	})
}

func lookup(t *testing.T, c cache, list string, index uint64) statuslist.Status {
	t.Helper()
	s, _, known, err := c.Lookup(t.Context(), list, index)
	require.NoError(t, err)
	require.True(t, known)
	return statuslist.Status(s)
}

func TestBounds(t *testing.T) {
	_, err := replica.New(replica.Config{})
	require.Error(t, err)
	c := memory(t)
	r := follow(t, replica.Config{Source: c, MaxLists: 1})
	put(t, c, "1", 4, 0, moment)
	beat(t, c, moment, issuer.ListHead{Name: "1"})
	warm(t, r)
	put(t, c, "2", 4, 0, moment)
	soon(t, r, "2", 0, statuslist.Valid, moment) // by its source
	require.Equal(t, 1, r.Stats().Lists)
}

func BenchmarkLookup(b *testing.B) {
	c := memory(b)
	const size = 1<<20 - 256
	var names []string
	var heads []issuer.ListHead
	for i := range 64 {
		names = append(names, fmt.Sprint(i+1))
		heads = append(heads, issuer.ListHead{Name: names[i], Size: size})
		put(b, c, names[i], size, 0, moment)
	}
	beat(b, c, moment, heads...)
	r := follow(b, replica.Config{Source: c})
	warm(b, r)
	b.ReportAllocs()
	ctx := b.Context()
	for i := uint64(0); b.Loop(); i += 0x9e3779b97f4a7c15 {
		if _, _, known, _ := r.Lookup(ctx, names[i>>58], i>>20%size); !known {
			b.Fatal("unknown")
		}
	}
}
