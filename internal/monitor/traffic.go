// Package monitor makes the picture of one process that operators look at: how many requests of
// which class, how long they took, what was refused, how old statuses are, whether the database and
// the volatile store answer, and what is wrong in plain words.
//
//	httpd      tells Traffic of each request when it is over
//	the parts  (database, volatile store, status lists) are asked every two seconds
//	alerts     are rules over both, each with a stable code, two sentences and a next action
//
// It is about this process and keeps its last ten minutes in a bounded memory: for long series, and
// for all processes together, there is /metrics. Nothing here says who asked for what.
package monitor

import (
	"maps"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/internal/httpd"
)

const (
	slotLength  = 10 * time.Second
	minuteSlots = 6  // the current one and five before: never more than the last minute
	points      = 60 // of the history: full slots
)

// Histogram of durations: eight buckets for each doubling of microseconds, so that a percentile is
// at most an eighth off. What took longer than the last counts as that: 134 s.
const (
	perDoubling = 8
	buckets     = 25 * perDoubling
)

func bucket(took time.Duration) int {
	us := uint64(max(took.Microseconds(), 0))
	if us < perDoubling {
		return int(us)
	}
	top := bits.Len64(us) - 4 // the highest bit is 8 or more: three below it count
	return min((top+1)*perDoubling+int(us>>top)-perDoubling, buckets-1)
}

// middle is a duration that stands for a bucket.
func middle(bucket int) time.Duration {
	if bucket < perDoubling {
		return time.Duration(bucket) * time.Microsecond
	}
	top := bucket/perDoubling - 1
	low := uint64(perDoubling+bucket%perDoubling) << top
	return time.Duration(low+(1<<top)/2) * time.Microsecond
}

// ring keeps a value of T for each of the last slots. Who counts takes no lock: the first of a new
// slot puts a fresh value in the place of the oldest, and of two one wins.
type ring[T any] struct{ cells []atomic.Pointer[timed[T]] }

type timed[T any] struct {
	slot  int64
	value T
}

func newRing[T any](slots int) *ring[T] {
	return &ring[T]{cells: make([]atomic.Pointer[timed[T]], slots)}
}

// at returns the value of a slot, to count in.
func (r *ring[T]) at(slot int64) *T {
	place := &r.cells[slot%int64(len(r.cells))]
	for {
		c := place.Load()
		if c != nil && c.slot >= slot {
			return &c.value
		}
		fresh := &timed[T]{slot: slot}
		if place.CompareAndSwap(c, fresh) {
			return &fresh.value
		}
	}
}

// each visits what there is of the slots from one to another.
func (r *ring[T]) each(from, to int64, visit func(*T)) {
	for slot := max(from, 0); slot <= to; slot++ {
		if c := r.cells[slot%int64(len(r.cells))].Load(); c != nil && c.slot == slot {
			visit(&c.value)
		}
	}
}

// cell counts requests in a slot.
type cell struct {
	count, refused, failed atomic.Uint64
	took                   [buckets]atomic.Uint32 // of those that were not refused
}

func (c *cell) add(o httpd.Observed, timed bool) {
	c.count.Add(1)
	switch {
	case o.Refused():
		c.refused.Add(1)
		return
	case o.Status >= 500:
		c.failed.Add(1)
	}
	if timed {
		c.took[bucket(o.Took)].Add(1)
	}
}

type outcomes struct{ valid, invalid, indeterminate atomic.Uint64 }

// Traffic counts what a process does. It is safe for concurrent use, and its memory does not grow
// with the requests: classes and codes are the program's own.
type Traffic struct {
	now     func() time.Time
	started time.Time

	all           *ring[cell]
	verifications *ring[outcomes]
	uncounted     *ring[atomic.Uint64] // let through because the limiter failed
	classes       named[cell]
	codes         named[atomic.Uint64]
}

// NewTraffic begins to count. now is for tests; nil is time.Now.
func NewTraffic(now func() time.Time) *Traffic {
	if now == nil {
		now = time.Now
	}
	return &Traffic{
		now: now, started: now(),
		all:           newRing[cell](points + 2),
		verifications: newRing[outcomes](minuteSlots + 1),
		uncounted:     newRing[atomic.Uint64](minuteSlots + 1),
	}
}

// named are rings by name. A name that is new is added under a lock; after that there is none.
type named[T any] struct {
	mu  sync.Mutex
	all atomic.Pointer[map[string]*ring[T]]
}

func (n *named[T]) of(name string) *ring[T] {
	if all := n.all.Load(); all != nil {
		if r, ok := (*all)[name]; ok {
			return r
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	grown := map[string]*ring[T]{}
	if all := n.all.Load(); all != nil {
		maps.Copy(grown, *all)
	}
	if grown[name] == nil {
		grown[name] = newRing[T](minuteSlots + 1)
		n.all.Store(&grown)
	}
	return grown[name]
}

func (n *named[T]) rings() map[string]*ring[T] {
	if all := n.all.Load(); all != nil {
		return *all
	}
	return nil
}

// slot is in which slot since the start a moment lies. Moments of one process are compared by its
// monotonic clock: to set the other one moves nothing.
func (t *Traffic) slot(at time.Time) int64 { return int64(max(at.Sub(t.started), 0) / slotLength) }

// Observe counts a request. It is called at the end of each, on its goroutine.
func (t *Traffic) Observe(o httpd.Observed) {
	slot := t.slot(o.At)
	class := string(o.Class)
	if class == "" {
		class = "unmatched" // no such address
	}
	t.classes.of(class).at(slot).add(o, !o.Waited || lasting(o.Class))
	// Probes are no traffic, and what lasts as long as somebody reads or waits is not slow.
	if o.Class != httpd.ClassOps {
		t.all.at(slot).add(o, !o.Waited && !lasting(o.Class))
	}
	if o.Code != "" {
		t.codes.of(o.Code).at(slot).Add(1)
	}
	if o.LimiterFailed {
		t.uncounted.at(slot).Add(1)
	}
}

func lasting(c httpd.Class) bool {
	switch c {
	case httpd.ClassWait, httpd.ClassEvents, httpd.ClassBulk, httpd.ClassResults, httpd.ClassExport, httpd.ClassCallback:
		return true
	}
	return false
}

// Answered counts the outcome of a verification.
func (t *Traffic) Answered(outcome string) {
	v := t.verifications.at(t.slot(t.now()))
	switch outcome {
	case "valid":
		v.valid.Add(1)
	case "invalid":
		v.invalid.Add(1)
	case "indeterminate":
		v.indeterminate.Add(1)
	}
}

// sum is what several cells counted.
type sum struct {
	count, refused, failed uint64
	took                   [buckets]uint64
}

func total(r *ring[cell], from, to int64) *sum {
	s := &sum{}
	r.each(from, to, func(c *cell) {
		s.count += c.count.Load()
		s.refused += c.refused.Load()
		s.failed += c.failed.Load()
		for i := range c.took {
			s.took[i] += uint64(c.took[i].Load())
		}
	})
	return s
}

// percentile is how long that share of the requests took at most, in milliseconds; 0 without any.
func (s *sum) percentile(share float64) float64 {
	var all, seen uint64
	for _, n := range s.took {
		all += n
	}
	for i, n := range s.took {
		if seen += n; seen > 0 && float64(seen) >= share*float64(all) {
			return float64(middle(i).Microseconds()) / 1000
		}
	}
	return 0
}

func count(r *ring[atomic.Uint64], from, to int64) (n uint64) {
	r.each(from, to, func(c *atomic.Uint64) { n += c.Load() })
	return n
}
