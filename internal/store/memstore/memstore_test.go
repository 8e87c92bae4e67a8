package memstore_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

// clock stands still until it is told to go on.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) Advance(d time.Duration) { c.at.Add(int64(d)) }

func open(t testing.TB, cfg memstore.Config) (*memstore.Store, *clock) {
	c := newClock()
	cfg.Now = c.Now
	s, err := memstore.New(cfg)
	require.NoError(t, err)
	return s, c
}

func TestVolatile(t *testing.T) {
	storetest.Volatile(t, func(t *testing.T) storetest.VolatileSubject {
		s, c := open(t, memstore.Config{})
		return storetest.VolatileSubject{Store: s, Advance: c.Advance}
	})
}

func TestConfig(t *testing.T) {
	_, err := memstore.New(memstore.Config{MaxEntries: -1})
	require.Error(t, err)
	_, err = memstore.New(memstore.Config{MaxLists: -1})
	require.Error(t, err)
	s, err := memstore.New(memstore.Config{})
	require.NoError(t, err)
	first, err := s.Once(t.Context(), "k", time.Hour)
	require.NoError(t, err)
	require.True(t, first)
}

// Entries last to the very end, and not a microsecond longer.
func TestEndsExactly(t *testing.T) {
	s, c := open(t, memstore.Config{})
	ctx := t.Context()
	require.NoError(t, s.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour))
	require.NoError(t, s.Claim(ctx, "a", "x", time.Minute))
	c.Advance(time.Minute - time.Microsecond)
	require.ErrorIs(t, s.Claim(ctx, "a", "y", time.Minute), wallet.ErrTicketTaken)
	c.Advance(time.Microsecond)
	require.NoError(t, s.Claim(ctx, "a", "y", time.Minute))
	c.Advance(59*time.Minute - time.Microsecond)
	_, _, err := s.Show(ctx, "a")
	require.NoError(t, err)
	c.Advance(time.Microsecond)
	_, _, err = s.Show(ctx, "a")
	require.ErrorIs(t, err, wallet.ErrShowUnknown)

	first, err := s.Once(ctx, "k", time.Second)
	require.NoError(t, err)
	require.True(t, first)
	c.Advance(time.Second - time.Microsecond)
	first, err = s.Once(ctx, "k", time.Hour) // does not prolong it
	require.NoError(t, err)
	require.False(t, first)
	c.Advance(time.Microsecond)
	first, err = s.Once(ctx, "k", time.Nanosecond)
	require.NoError(t, err)
	require.True(t, first)
}

func TestLimiterExactly(t *testing.T) {
	s, c := open(t, memstore.Config{})
	allow := func(perMinute int) (bool, time.Duration) {
		ok, wait, err := s.Allow(t.Context(), "k", perMinute)
		require.NoError(t, err)
		return ok, wait
	}
	for range 6 {
		ok, _ := allow(6)
		require.True(t, ok)
	}
	ok, wait := allow(6)
	require.False(t, ok)
	require.Equal(t, 10*time.Second, wait)
	c.Advance(10*time.Second - time.Microsecond)
	ok, wait = allow(6)
	require.False(t, ok)
	require.Equal(t, time.Microsecond, wait)
	c.Advance(time.Microsecond)
	ok, _ = allow(6)
	require.True(t, ok)
	ok, _ = allow(6)
	require.False(t, ok)
	c.Advance(25 * time.Second) // two and a half
	for i := range 3 {
		ok, _ = allow(6)
		require.Equal(t, i < 2, ok)
	}
	c.Advance(time.Hour)
	for i := range 7 {
		ok, _ = allow(6)
		require.Equal(t, i < 6, ok)
	}
	c.Advance(-time.Hour) // the clock was wrong: nobody waits longer than the limit means
	_, wait = allow(6)
	require.LessOrEqual(t, wait, 10*time.Second)
}

// A full table refuses what is new, keeps what it has, and has room again when entries end.
func TestBounded(t *testing.T) {
	const limit = 1000
	s, c := open(t, memstore.Config{MaxEntries: limit, MaxLists: 2})
	ctx := t.Context()
	full := func(put func(i int) error) {
		t.Helper()
		for i := range limit {
			require.NoError(t, put(i), i)
		}
		for i := limit; i < limit+100; i++ {
			require.ErrorIs(t, put(i), memstore.ErrFull)
		}
		require.NoError(t, put(0), "what is there can still change")
	}
	putShow := func(i int) error { return s.PutShow(ctx, wallet.Show{ID: fmt.Sprint(i)}, time.Minute) }
	full(putShow)
	require.NoError(t, s.Claim(ctx, "7", "x", time.Second))
	require.NoError(t, s.Close(ctx, "7", time.Hour))
	require.ErrorIs(t, s.Close(ctx, "not here", time.Hour), memstore.ErrFull)
	full(func(i int) error {
		return s.PutTicket(ctx, [32]byte{byte(i), byte(i >> 8)}, wallet.Ticket{ShowID: "1"}, time.Minute)
	})
	full(func(i int) error { return s.PutChallenge(ctx, fmt.Sprint(i), "bank", time.Minute) })
	full(func(i int) error { _, err := s.Once(ctx, fmt.Sprint(i), time.Minute); return err })
	full(func(i int) error { _, _, err := s.Allow(ctx, fmt.Sprint(i), 100); return err })
	require.NoError(t, s.TakeChallenge(ctx, "5", "bank"))
	require.NoError(t, s.PutChallenge(ctx, "new", "bank", time.Minute))

	c.Advance(time.Minute)
	for i := range limit - 1 { // all but the closed show have ended
		require.NoError(t, putShow(limit+i))
	}
	require.ErrorIs(t, putShow(3*limit), memstore.ErrFull)
	require.ErrorIs(t, s.Claim(ctx, "7", "y", time.Second), wallet.ErrTicketTaken)

	for i := range 3 {
		err := s.Replace(ctx, issuer.ListHead{Name: fmt.Sprint(i), Size: 4}, []byte{0}, c.Now())
		if i < 2 {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, memstore.ErrFull)
		}
	}
	require.NoError(t, s.Replace(ctx, issuer.ListHead{Name: "1", Size: 8}, []byte{0, 0}, c.Now()))
}

// A store that goes on for long keeps no more than what has not ended.
func TestForgets(t *testing.T) {
	s, c := open(t, memstore.Config{MaxEntries: 5000})
	for i := range 20_000 {
		_, err := s.Once(t.Context(), fmt.Sprint(i), time.Second)
		require.NoError(t, err)
		c.Advance(time.Millisecond)
	}
}

// The reader takes no lock, so the order in which it loads counts: an entry that is still valid
// must never come with the as-of at which it was revoked. Writer and reader meet at each entry.
func TestLookupOrder(t *testing.T) {
	s, c := open(t, memstore.Config{})
	ctx := context.Background()
	const steps = 4_000
	require.NoError(t, s.Replace(ctx, issuer.ListHead{Name: "1", Size: steps + 4}, make([]byte, steps/4+1), c.Now()))
	asOf := func(step uint64) time.Time { return c.Now().Add(time.Duration(step) * time.Second) }
	var reached atomic.Uint64
	done := make(chan error, 1)
	go func() {
		for i := uint64(1); i <= steps; i++ {
			for status := uint8(0); status == 0; {
				var at time.Time
				var err error
				status, at, _, err = s.Lookup(ctx, "1", i)
				reached.Store(i)
				if err != nil || status == 0 && !at.Before(asOf(i)) {
					done <- fmt.Errorf("entry %d: status %d as of %v, %v", i, status, at, err)
					reached.Store(steps)
					return
				}
			}
		}
		done <- nil
	}()
	for i := uint64(1); i <= steps; i++ {
		for reached.Load() < i {
			runtime.Gosched()
		}
		require.NoError(t, s.Apply(ctx, "1", i-1, i, []issuer.StatusChange{{Seq: i, Index: i, Status: statuslist.Invalid}}, asOf(i)))
	}
	require.NoError(t, <-done)
}

func BenchmarkLookup(b *testing.B) {
	s, c := open(b, memstore.Config{})
	l, err := statuslist.New(2, storetest.FullList)
	require.NoError(b, err)
	require.NoError(b, s.Replace(b.Context(), issuer.ListHead{Name: "1", Size: storetest.FullList}, l.Raw(), c.Now()))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		ctx := context.Background()
		for i := uint64(0); pb.Next(); i += 7919 {
			if _, _, known, err := s.Lookup(ctx, "1", i%storetest.FullList); err != nil || !known {
				b.Error(known, err)
				return
			}
		}
	})
}

func BenchmarkClaim(b *testing.B) {
	s, _ := open(b, memstore.Config{})
	for i := range 1024 {
		require.NoError(b, s.PutShow(b.Context(), wallet.Show{ID: fmt.Sprint(i)}, time.Hour))
	}
	ids := make([]string, 1024)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		ctx := context.Background()
		for i := 0; pb.Next(); i++ {
			if err := s.Claim(ctx, ids[i%1024], "bank:1", time.Minute); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkAllow(b *testing.B) {
	s, _ := open(b, memstore.Config{})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Allow(b.Context(), "scan:caller:bank", 1<<30); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory tells what full tables take, as the comment on Config says.
func BenchmarkMemory(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, _ := open(b, memstore.Config{})
		for i := range 1 << 18 {
			id := fmt.Sprintf("show-%015d", i)
			sh := wallet.Show{
				ID: id, HolderID: "holder-" + id, PersonID: "person-" + id, Identifier: "1.2.156.3005.2." + id, Type: "resident-id",
				Fields: []string{"name", "number", "sex", "ethnicity", "birth_date", "address", "valid_from", "valid_until"},
			}
			require.NoError(b, s.PutShow(ctx, sh, time.Hour))
			require.NoError(b, s.PutTicket(ctx, [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, wallet.Ticket{ShowID: id}, time.Hour))
			require.NoError(b, s.PutChallenge(ctx, id, "bank", time.Hour))
			_, err := s.Once(ctx, id, time.Hour)
			require.NoError(b, err)
			_, _, err = s.Allow(ctx, id, 10)
			require.NoError(b, err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB")
		runtime.KeepAlive(s)
	}
}
