package monitor

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

func TestBuckets(t *testing.T) {
	before := -1
	for us := int64(0); us < int64(3*time.Minute/time.Microsecond); us += 1 + us/50 {
		took := time.Duration(us) * time.Microsecond
		b := bucket(took)
		require.GreaterOrEqual(t, b, before, took)
		require.Less(t, b, buckets)
		if b < buckets-1 {
			require.InDelta(t, took.Seconds(), middle(b).Seconds(), took.Seconds()/8, took)
		}
		before = b
	}
	require.Equal(t, buckets-1, before)
	require.Zero(t, bucket(-time.Second))
}

func TestPercentiles(t *testing.T) {
	s := &sum{}
	require.Zero(t, s.percentile(.99))
	times := make([]time.Duration, 10_000)
	for i := range times {
		times[i] = time.Duration(rand.ExpFloat64() * float64(20*time.Millisecond))
		s.took[bucket(times[i])]++
	}
	slices.Sort(times)
	for _, share := range []float64{.5, .9, .99, 1} {
		exact := times[int(share*float64(len(times)-1))]
		require.InEpsilon(t, float64(exact)/float64(time.Millisecond), s.percentile(share), .13)
	}
}

// Many at once, over the turns of several slots: nothing is lost that is still in sight, and what
// is older is forgotten.
func TestCountsAtOnce(t *testing.T) {
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	traffic := NewTraffic(func() time.Time { return start })
	const each, workers = 500, 8
	classes := []httpd.Class{httpd.ClassScan, httpd.ClassRead, ""}
	for slot := range int64(2 * points) {
		at := start.Add(time.Duration(slot) * slotLength)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := range each / 10 {
					o := httpd.Observed{At: at.Add(time.Duration(i)), Class: classes[(w+i)%len(classes)], Status: 200, Took: time.Duration(i) * time.Millisecond}
					if i%10 == 0 {
						o.Status, o.Code = 503, httpd.CodeOverloaded
					}
					traffic.Observe(o)
				}
			})
		}
		wg.Wait()
		per := uint64(workers * each / 10)
		s := total(traffic.all, slot, slot)
		require.Equal(t, per, s.count)
		require.Equal(t, per/10, s.refused)
		require.Zero(t, s.failed, "to refuse is no failure")
		minute := min(slot+1, minuteSlots)
		require.Equal(t, uint64(minute)*per, total(traffic.all, slot-minuteSlots+1, slot).count)
		require.Equal(t, uint64(minute)*per/10, count(traffic.codes.of(httpd.CodeOverloaded), slot-minuteSlots+1, slot))
		sum := uint64(0)
		for _, r := range traffic.classes.rings() {
			sum += total(r, slot, slot).count
		}
		require.Equal(t, per, sum)
	}
	require.Zero(t, total(traffic.all, 0, points-3).count, "forgotten")
	require.Len(t, traffic.classes.rings(), len(classes))
	require.Len(t, traffic.codes.rings(), 1)
	for _, r := range traffic.classes.rings() {
		require.Len(t, r.cells, minuteSlots+1)
	}
}

// A moment before the start, or one of a slot that is over, is counted and breaks nothing.
func TestOddMoments(t *testing.T) {
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	traffic := NewTraffic(func() time.Time { return start })
	for _, after := range []time.Duration{-time.Hour, 0, time.Minute, 30 * time.Minute, 29 * time.Minute, 365 * 24 * time.Hour, time.Minute} {
		traffic.Observe(httpd.Observed{At: start.Add(after), Class: httpd.ClassRead, Status: 200})
	}
	require.EqualValues(t, 1, total(traffic.all, traffic.slot(start.Add(30*time.Minute)), traffic.slot(start.Add(30*time.Minute))).count)
}

func BenchmarkObserve(b *testing.B) {
	traffic := NewTraffic(nil)
	o := httpd.Observed{At: time.Now(), Class: httpd.ClassScan, Status: 200, Took: 3 * time.Millisecond}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			traffic.Observe(o)
		}
	})
}
