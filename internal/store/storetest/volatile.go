// Package storetest holds what every store must do: one suite for each contract, run by the
// tests of each store that claims to keep it. A rule that only one store keeps is not in here.
//
// This half is about the volatile stores (memstore, redisstore). Their tests hand over a
// [VolatileSubject] for each case and call [Volatile], which runs all suites.
package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// VolatileStore is all that one volatile store offers. No package needs the whole of it; it
// is the sum of small contracts that their callers own.
type VolatileStore interface {
	walletVolatile
	verifier.Challenges
	issuer.StatusCache
	replica.Source // and so verifier.StatusCache
	// Once says whether a key is seen for the first time in the time it is kept: how a client
	// assertion is refused when it comes again.
	Once(ctx context.Context, key string, keep time.Duration) (first bool, err error)
	verifier.Limiter // of requests per minute, and of those in a time such as a day
}

type walletVolatile interface {
	wallet.Shows
	wallet.ShowIndex
	wallet.Bell
}

// VolatileSubject is a store to be tried, empty, used by nobody else.
type VolatileSubject struct {
	Store VolatileStore
	// Advance lets the store's clock go on by d: at once where the clock is ours, by waiting
	// for the server's clock where it is not. Cases never rely on a short time not having
	// passed, so that a slow machine changes nothing.
	Advance func(d time.Duration)
}

// Volatile runs every suite of the volatile contracts.
func Volatile(t *testing.T, open func(t *testing.T) VolatileSubject) {
	t.Run("shows", func(t *testing.T) { VolatileShows(t, open) })
	t.Run("bell", func(t *testing.T) { VolatileBell(t, open) })
	t.Run("challenges", func(t *testing.T) { VolatileChallenges(t, open) })
	t.Run("once", func(t *testing.T) { VolatileOnce(t, open) })
	t.Run("limiter", func(t *testing.T) { VolatileLimiter(t, open) })
	t.Run("status", func(t *testing.T) { VolatileStatus(t, open) })
	t.Run("status stream", func(t *testing.T) { VolatileStream(t, open) })
	t.Run("cancelled", func(t *testing.T) { volatileCancelled(t, open(t)) })
}

const (
	brief = 20 * time.Millisecond // to be waited for
	long  = 10 * time.Minute      // never over in a test
	crowd = 200                   // scanners that race for one code
)

// race starts n goroutines at the same moment and counts those that won.
func race(n int, try func(i int) bool) (winners int64) {
	var won atomic.Int64
	var ready, done sync.WaitGroup
	gun := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-gun
			if try(i) {
				won.Add(1)
			}
		})
	}
	ready.Wait()
	close(gun)
	done.Wait()
	return won.Load()
}

// VolatileChallenges is the suite of verifier.Challenges.
func VolatileChallenges(t *testing.T, open func(t *testing.T) VolatileSubject) {
	ctx := t.Context()
	cases := map[string]func(t *testing.T, s VolatileSubject){
		"taken once": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutChallenge(ctx, "n-1", "bank", long))
			require.NoError(t, s.Store.TakeChallenge(ctx, "n-1", "bank"))
			require.ErrorIs(t, s.Store.TakeChallenge(ctx, "n-1", "bank"), verifier.ErrChallengeUnknown)
		},
		"never made": func(t *testing.T, s VolatileSubject) {
			for _, nonce := range []string{"", "n", "{n}", "\x00", string(make([]byte, 1<<16))} {
				require.ErrorIs(t, s.Store.TakeChallenge(ctx, nonce, "bank"), verifier.ErrChallengeUnknown)
			}
		},
		"of another caller, who cannot use it up": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutChallenge(ctx, "ab", "c", long))
			require.ErrorIs(t, s.Store.TakeChallenge(ctx, "ab", "hospital"), verifier.ErrChallengeUnknown)
			require.ErrorIs(t, s.Store.TakeChallenge(ctx, "a", "bc"), verifier.ErrChallengeUnknown)
			require.ErrorIs(t, s.Store.TakeChallenge(ctx, "c", "ab"), verifier.ErrChallengeUnknown)
			require.NoError(t, s.Store.TakeChallenge(ctx, "ab", "c"))
		},
		"ends": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutChallenge(ctx, "n", "bank", brief))
			s.Advance(brief)
			require.ErrorIs(t, s.Store.TakeChallenge(ctx, "n", "bank"), verifier.ErrChallengeUnknown)
		},
		"must be kept for some time, by someone": func(t *testing.T, s VolatileSubject) {
			require.Error(t, s.Store.PutChallenge(ctx, "n", "bank", 0))
			require.Error(t, s.Store.PutChallenge(ctx, "n", "bank", -time.Second))
			require.Error(t, s.Store.PutChallenge(ctx, "", "bank", long))
			require.Error(t, s.Store.PutChallenge(ctx, "n", "", long))
			require.ErrorIs(t, s.Store.TakeChallenge(ctx, "n", "bank"), verifier.ErrChallengeUnknown)
		},
		"raced for": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutChallenge(ctx, "n", "bank", long))
			require.EqualValues(t, 1, race(crowd, func(int) bool {
				return s.Store.TakeChallenge(ctx, "n", "bank") == nil
			}))
		},
	}
	runCases(t, open, cases)
}

// VolatileOnce is the suite of the memory for things that may be seen once.
func VolatileOnce(t *testing.T, open func(t *testing.T) VolatileSubject) {
	ctx := t.Context()
	once := func(t *testing.T, s VolatileSubject, key string, keep time.Duration) bool {
		first, err := s.Store.Once(ctx, key, keep)
		require.NoError(t, err)
		return first
	}
	cases := map[string]func(t *testing.T, s VolatileSubject){
		"first and again": func(t *testing.T, s VolatileSubject) {
			require.True(t, once(t, s, "client\x00jti", long))
			require.False(t, once(t, s, "client\x00jti", long))
			require.True(t, once(t, s, "client\x00jti2", long))
			require.True(t, once(t, s, "{client}", long))
		},
		"forgotten in the end": func(t *testing.T, s VolatileSubject) {
			require.True(t, once(t, s, "k", brief))
			s.Advance(brief)
			require.True(t, once(t, s, "k", long))
			require.False(t, once(t, s, "k", long))
		},
		"bad use": func(t *testing.T, s VolatileSubject) {
			for _, keep := range []time.Duration{0, -1} {
				first, err := s.Store.Once(ctx, "k", keep)
				require.Error(t, err)
				require.False(t, first)
			}
			first, err := s.Store.Once(ctx, "", long)
			require.Error(t, err)
			require.False(t, first)
		},
		"raced for": func(t *testing.T, s VolatileSubject) {
			require.EqualValues(t, 1, race(crowd, func(int) bool {
				first, err := s.Store.Once(ctx, "k", long)
				return err == nil && first
			}))
		},
	}
	runCases(t, open, cases)
}

// VolatileLimiter is the suite of the limiter: the generic cell rate algorithm with a burst of
// one minute's worth.
func VolatileLimiter(t *testing.T, open func(t *testing.T) VolatileSubject) {
	ctx := t.Context()
	cases := map[string]func(t *testing.T, s VolatileSubject){
		"a minute's worth, then not": func(t *testing.T, s VolatileSubject) {
			for range 3 {
				ok, wait, err := s.Store.Allow(ctx, "scan:bank", 3)
				require.NoError(t, err)
				require.True(t, ok)
				require.Zero(t, wait)
			}
			for range 3 { // being refused costs nothing
				ok, wait, err := s.Store.Allow(ctx, "scan:bank", 3)
				require.NoError(t, err)
				require.False(t, ok)
				require.Positive(t, wait)
				require.LessOrEqual(t, wait, 20*time.Second)
			}
			ok, _, err := s.Store.Allow(ctx, "scan:hospital", 3)
			require.NoError(t, err)
			require.True(t, ok, "keys are counted apart")
		},
		"after the wait it goes on": func(t *testing.T, s VolatileSubject) {
			wait := exhaust(t, s, "k", 600)
			require.LessOrEqual(t, wait, 100*time.Millisecond)
			s.Advance(wait)
			ok, _, err := s.Store.Allow(ctx, "k", 600)
			require.NoError(t, err)
			require.True(t, ok, "after %v", wait)
		},
		"a changed limit holds at once": func(t *testing.T, s VolatileSubject) {
			exhaust(t, s, "k", 600)
			ok, wait, err := s.Store.Allow(ctx, "k", 1)
			require.NoError(t, err)
			require.False(t, ok)
			require.LessOrEqual(t, wait, time.Minute)
			exhaust(t, s, "l", 1)
			ok, wait, err = s.Store.Allow(ctx, "l", 60_000)
			require.NoError(t, err)
			require.LessOrEqual(t, wait, time.Minute, "allowed: %v", ok)
		},
		"bad use": func(t *testing.T, s VolatileSubject) {
			for _, n := range []int{0, -1} {
				ok, _, err := s.Store.Allow(ctx, "k", n)
				require.Error(t, err)
				require.False(t, ok)
			}
			_, _, err := s.Store.Allow(ctx, "", 1)
			require.Error(t, err)
		},
		"a count to a limit": func(t *testing.T, s VolatileSubject) {
			for i := range 5 {
				ok, err := s.Store.Count(ctx, "day:bank:1", 3, long)
				require.NoError(t, err)
				require.Equal(t, i < 3, ok)
			}
			ok, err := s.Store.Count(ctx, "day:bank:2", 3, long)
			require.NoError(t, err)
			require.True(t, ok, "another day")
			ok, err = s.Store.Count(ctx, "short", 1, time.Second)
			require.NoError(t, err)
			require.True(t, ok)
			s.Advance(1100 * time.Millisecond)
			ok, err = s.Store.Count(ctx, "short", 1, time.Second)
			require.NoError(t, err)
			require.True(t, ok, "forgotten")
			for _, bad := range []func() (bool, error){
				func() (bool, error) { return s.Store.Count(ctx, "", 1, long) },
				func() (bool, error) { return s.Store.Count(ctx, "k", 0, long) },
				func() (bool, error) { return s.Store.Count(ctx, "k", 1, 0) },
			} {
				ok, err := bad()
				require.Error(t, err)
				require.False(t, ok)
			}
			require.EqualValues(t, 5, race(crowd, func(int) bool {
				ok, err := s.Store.Count(ctx, "raced", 5, long)
				return err == nil && ok
			}))
		},
		"very fast": func(t *testing.T, s VolatileSubject) {
			ok, _, err := s.Store.Allow(ctx, "k", 1<<31-1)
			require.NoError(t, err)
			require.True(t, ok)
		},
		"raced for": func(t *testing.T, s VolatileSubject) {
			require.EqualValues(t, 5, race(crowd, func(int) bool {
				ok, _, err := s.Store.Allow(ctx, "k", 5) // one more comes in 12 s
				return err == nil && ok
			}))
		},
	}
	runCases(t, open, cases)
}

// exhaust asks until it is refused, and returns how long to wait.
func exhaust(t *testing.T, s VolatileSubject, key string, perMinute int) time.Duration {
	t.Helper()
	for range 1_000_000 {
		ok, wait, err := s.Store.Allow(t.Context(), key, perMinute)
		require.NoError(t, err)
		if !ok {
			require.Positive(t, wait)
			return wait
		}
	}
	require.FailNow(t, "the limit never bites")
	return 0
}

// volatileCancelled: a call whose context is over does nothing and says so.
func volatileCancelled(t *testing.T, s VolatileSubject) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	at := time.Unix(1_800_000_000, 0)
	head := issuer.ListHead{Name: "1", Size: 4, Seq: 1}
	calls := map[string]func() error{
		"PutShow":       func() error { return s.Store.PutShow(over, aShow("s"), long) },
		"Show":          func() error { _, _, err := s.Store.Show(over, "s"); return err },
		"PutTicket":     func() error { return s.Store.PutTicket(over, [32]byte{1}, wallet.Ticket{ShowID: "s"}, long) },
		"Ticket":        func() error { _, err := s.Store.Ticket(over, [32]byte{1}); return err },
		"Claim":         func() error { return s.Store.Claim(over, "s", "a", long) },
		"Close":         func() error { return s.Store.Close(over, "s", long) },
		"OpenShows":     func() error { _, err := s.Store.OpenShows(over, "p"); return err },
		"Ring":          func() error { return s.Store.Ring(over, "t", wallet.Event{}) },
		"Listen":        func() error { _, _, err := s.Store.Listen(over, "t"); return err },
		"PutChallenge":  func() error { return s.Store.PutChallenge(over, "n", "a", long) },
		"TakeChallenge": func() error { return s.Store.TakeChallenge(over, "n", "a") },
		"Once":          func() error { _, err := s.Store.Once(over, "k", long); return err },
		"Allow":         func() error { _, _, err := s.Store.Allow(over, "k", 1); return err },
		"Count":         func() error { _, err := s.Store.Count(over, "k", 1, long); return err },
		"Applied":       func() error { _, _, err := s.Store.Applied(over, "1"); return err },
		"Replace":       func() error { return s.Store.Replace(over, head, []byte{0}, at) },
		"Apply":         func() error { return s.Store.Apply(over, "1", 1, 1, nil, at) },
		"Lookup":        func() error { _, _, _, err := s.Store.Lookup(over, "1", 0); return err },
	}
	for name, call := range calls {
		require.ErrorIs(t, call(), context.Canceled, name)
	}
	first, err := s.Store.Once(t.Context(), "k", long)
	require.NoError(t, err)
	require.True(t, first)
	_, _, err = s.Store.Show(t.Context(), "s")
	require.ErrorIs(t, err, wallet.ErrShowUnknown)
	_, known, err := s.Store.Applied(t.Context(), "1")
	require.NoError(t, err)
	require.False(t, known)
}

func runCases(t *testing.T, open func(t *testing.T) VolatileSubject, cases map[string]func(*testing.T, VolatileSubject)) {
	t.Helper()
	for name, run := range cases {
		t.Run(name, func(t *testing.T) { run(t, open(t)) })
	}
}

func aShow(id string) wallet.Show {
	at := time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC)
	return wallet.Show{
		ID: id, HolderID: "h-" + id, PersonID: "p-" + id, Identifier: fmt.Sprintf("1.2.156.3005.2.%s", id), Type: "resident-id",
		View: "identity", Fields: []string{"name", "over-18"}, Scene: "bank", Lifetime: time.Minute, OpenUntil: at.Add(long),
		Method: "sign-in", VerifiedAt: at,
	}
}
