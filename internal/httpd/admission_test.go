package httpd

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pass lets time pass inside a synctest bubble, where it passes as soon as everybody waits.
func pass(d time.Duration) { <-time.After(d) }

func quiet() time.Duration { return 0 }

// Free places go to the highest rank that waits, whoever came first.
func TestHigherRanksGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(1, 8, time.Now, quiet)
		held := make([]time.Time, 8)
		for i := range held {
			var err error
			held[i], err = a.enter(t.Context(), RankScan)
			require.NoError(t, err)
		}
		var mu sync.Mutex
		var in []Rank
		for _, r := range []Rank{RankReport, RankUsual, RankRenew, RankScan} {
			go func() {
				if _, err := a.enter(t.Context(), r); err == nil {
					mu.Lock()
					defer mu.Unlock()
					in = append(in, r)
				}
			}()
			synctest.Wait()
		}
		for _, at := range held {
			a.leave(at)
			synctest.Wait()
		}
		require.Equal(t, []Rank{RankScan, RankRenew, RankUsual, RankReport}, in)
	})
}

// Lower ranks leave places for scans, which so need not wait at all.
func TestPlacesAreKeptForScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(1, 20, time.Now, quiet)
		for rank, most := range map[Rank]int{RankReport: 15, RankUsual: 18, RankRenew: 19, RankScan: 20} {
			var in []time.Time
			for {
				at, err := a.enter(t.Context(), rank)
				if err != nil {
					break
				}
				in = append(in, at)
			}
			require.Len(t, in, most)
			for _, at := range in {
				a.leave(at)
			}
		}
	})
}

// A burst is waited out; in a line that stands, nobody waits for long.
func TestWaitingIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(1, 1, time.Now, quiet)
		at, err := a.enter(t.Context(), RankScan)
		require.NoError(t, err)
		refused := func() time.Duration {
			began := time.Now()
			_, err := a.enter(t.Context(), RankUsual)
			require.ErrorIs(t, err, errOverloaded)
			return time.Since(began)
		}
		require.Equal(t, burstPatience, refused())
		var others sync.WaitGroup
		for range 100 { // one comes each 2 ms, so that the line is never empty
			others.Go(func() { _, _ = a.enter(t.Context(), RankUsual) })
			pass(2 * time.Millisecond)
		}
		require.Equal(t, standingPatience, refused())
		others.Wait()
		require.Equal(t, burstPatience, refused(), "the line was empty")

		left, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err = a.enter(left, RankUsual)
		require.ErrorIs(t, err, context.Canceled)
		a.leave(at)
		at, err = a.enter(t.Context(), RankUsual)
		require.NoError(t, err, "whoever left the line has no place in it")
		a.leave(at)
	})
}

// There are as many places as keep the delays short.
func TestPlacesFollowTheDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delay, took := time.Duration(0), time.Millisecond
		a := newAdmission(2, 200, time.Now, func() time.Duration { return delay })
		run := func(windows, busy int) int {
			for range windows {
				places, _, _, _ := a.state()
				in := make([]time.Time, 0, busy)
				for range min(busy, places) {
					at, err := a.enter(t.Context(), RankScan)
					if err != nil {
						break // the number fell just now
					}
					in = append(in, at)
				}
				pass(took)
				for _, at := range in {
					a.leave(at)
				}
				pass(admissionWindow)
			}
			places, _, _, _ := a.state()
			return places
		}
		require.Equal(t, 96, run(40, 20), "enough is enough")
		require.Greater(t, run(40, 96), 96, "more are wanted, and nothing speaks against it")
		places := run(2, 4)
		delay = 2 * enoughScheduling
		require.Equal(t, places, run(40, 4), "few requests are not what makes the processors busy")
		require.Equal(t, 32, run(100, 80), "never fewer than the least")
		delay = 0
		require.Greater(t, run(100, 40), 38)
		took = 100 * time.Millisecond // a slow database is found without a busy processor
		require.Equal(t, 32, run(100, 80))
		require.Greater(t, run(800, 80), 32, "when the work is of another kind now, that is learned")
	})
}

// Twice as much comes as can be done. What can be done is done, scans before renewals before the rest,
// and what is refused is refused quickly. The machine is a model: two processors, a millisecond for
// each request, and a queue before them.
func TestTwiceTheCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		processors := make(chan struct{}, 2)
		var mu sync.Mutex
		var waits []time.Duration
		a := newAdmission(2, defaultPlaces, time.Now, func() time.Duration {
			mu.Lock()
			defer mu.Unlock()
			d := middle(waits)
			waits = waits[:0]
			return d
		})
		var done, refused [RankAside]int
		var slowest time.Duration
		var all sync.WaitGroup
		request := func(r Rank) {
			began := time.Now()
			at, err := a.enter(t.Context(), r)
			if err != nil {
				mu.Lock()
				refused[r]++
				slowest = max(slowest, time.Since(began))
				mu.Unlock()
				return
			}
			ready := time.Now()
			processors <- struct{}{}
			waited := time.Since(ready)
			pass(time.Millisecond)
			<-processors
			a.leave(at)
			mu.Lock()
			done[r]++
			if len(waits) < 100 {
				waits = append(waits, waited)
			}
			mu.Unlock()
		}
		const seconds = 3
		for range seconds * 1000 { // four come each millisecond, two can be served
			for _, r := range order() {
				all.Go(func() { request(r) })
			}
			pass(time.Millisecond)
		}
		all.Wait()
		total := 0
		for _, n := range done {
			total += n
		}
		require.Greater(t, total, 2000*seconds*9/10)
		require.Zero(t, refused[RankScan])
		require.Greater(t, done[RankRenew], 1000*seconds*8/10)
		require.Greater(t, done[RankRenew], 10*done[RankUsual])
		require.GreaterOrEqual(t, done[RankUsual], done[RankReport])
		require.Less(t, slowest, 50*time.Millisecond)
	})
}

// A push is read more slowly while others want the places, and goes on all the same.
func TestStreamsAreHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(1, 1, time.Now, quiet)
		took := func() time.Duration {
			began := time.Now()
			a.turn(t.Context(), RankReport)
			return time.Since(began)
		}
		require.Zero(t, took())
		at, err := a.enter(t.Context(), RankScan)
		require.NoError(t, err)
		require.Equal(t, turnPatience, took())
		time.AfterFunc(time.Millisecond, func() { a.leave(at) })
		require.Equal(t, time.Millisecond, took())
		_, busy, waiting, _ := a.state()
		require.Zero(t, busy)
		require.Zero(t, waiting)
	})
}

// Who was refused together does not come again together.
func TestComeBackApart(t *testing.T) {
	for r, most := range map[Rank]int{RankScan: 2, RankRenew: 5, RankUsual: 10, RankReport: 60} {
		seen := map[time.Duration]bool{}
		for range 2000 {
			wait := comeBack(r)
			require.GreaterOrEqual(t, wait, time.Second)
			require.LessOrEqual(t, wait, time.Duration(most)*time.Second)
			seen[wait] = true
		}
		require.GreaterOrEqual(t, len(seen), min(most, 9)-1)
	}
}
