package httpd

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// Rank says who goes first when there is not enough for all.
type Rank int

// The ranks. A class that names none is RankUsual.
const (
	RankUsual  Rank = iota // somebody asked for it and can ask again: a new show, a look-up, a page
	RankScan               // a clerk, a citizen and a queue behind her wait
	RankRenew              // the next code of a citizen who stands in that queue; changes of state
	RankReport             // reports, exports, bulk: nobody stands and waits
	RankAside              // not counted among the work: probes, and what mostly waits for others
)

// order is the ranks that are worked on, first come first.
func order() [4]Rank { return [...]Rank{RankScan, RankRenew, RankUsual, RankReport} }

// errOverloaded is answered 503.
var errOverloaded = errors.New("no place for the request")

// What the regulator goes by. The two patiences are those of "Fail at Scale" (ACM Queue 13/8,
// 2015), which is CoDel (RFC 8289) with one rule: whoever waits in a line that has been empty lately
// waits out a burst; in a line that stands, waiting only makes everybody late.
const (
	admissionWindow  = 25 * time.Millisecond  // between two looks at the delays
	standingFor      = 100 * time.Millisecond // a line that was not empty for so long is standing
	burstPatience    = 30 * time.Millisecond
	standingPatience = 15 * time.Millisecond
	turnPatience     = 250 * time.Millisecond // of a stream that is held back

	// A goroutine that is ready waits for a processor no longer than this, or a refusal could not
	// be quick either: it needs a processor as well.
	enoughScheduling = 8 * time.Millisecond
	// Work takes no longer than twice what it takes when there is little of it, and this. It covers
	// what the scheduler does not see: the disk, the database, Redis.
	enoughService = 20 * time.Millisecond

	enoughServed            = 8 // requests of which the usual time is a time
	leastPlacesPerProcessor = 16
	firstPlacesPerProcessor = 48
	defaultPlaces           = 512
	longestLine             = 1024
)

// admission lets in as much work as the process can do and refuses the rest at once. All classes
// share its places, because they share the processors and the database: a cap for each class alone
// adds up to several times what there is. How many places there are is not configured but found: as
// many as keep both the wait for a processor and the time of a request short. Free places go to the
// highest rank that waits.
type admission struct {
	mu      sync.Mutex
	now     func() time.Time
	delay   func() time.Duration // how long goroutines waited for a processor since the last call
	limit   float64              // places
	least   float64
	most    float64
	busy    int // places taken
	busiest int // most of them in this window
	looked  time.Time
	times   [64]time.Duration // what some requests of this window took
	served  int
	floor   time.Duration // what they take when there is little to do
	lines   [RankAside]line
	last    time.Duration // delay of the last window, for the gauge
}

// line is who waits in one rank, in the order of coming.
type line struct {
	first, last *waiter
	length      int
	since       time.Time // when it was empty last
}

type waiter struct {
	in         chan struct{} // closed when a place is given
	given      bool
	prev, next *waiter
}

func newAdmission(processors, most int, now func() time.Time, delay func() time.Duration) *admission {
	a := &admission{now: now, delay: delay, most: float64(most)}
	a.least = min(a.most, float64(leastPlacesPerProcessor*processors))
	a.limit = min(a.most, float64(firstPlacesPerProcessor*processors))
	a.looked = now()
	return a
}

// share is how much of the places a rank may take, so that a scan finds one free also when all the
// lower ranks are busy.
func share(r Rank) float64 {
	switch r {
	case RankScan:
		return 1
	case RankRenew:
		return .95
	case RankReport:
		return .75
	default:
		return .9
	}
}

func (a *admission) room(r Rank) bool { return float64(a.busy) < a.limit*share(r) }

// enter takes a place, waiting a moment for it where that may help; leave must be called once
// after a nil error, with the time that enter returned.
func (a *admission) enter(ctx context.Context, r Rank) (time.Time, error) {
	return a.wait(ctx, r, 0)
}

func (a *admission) wait(ctx context.Context, r Rank, patience time.Duration) (time.Time, error) {
	a.mu.Lock()
	now := a.now()
	a.adapt(now)
	l := &a.lines[r]
	if l.length == 0 && a.room(r) { // a line of higher rank is empty as well, or there were no room
		a.take()
		a.mu.Unlock()
		return now, nil
	}
	if l.length == 0 {
		l.since = now
	}
	if patience == 0 {
		patience = burstPatience
		if now.Sub(l.since) > standingFor {
			patience = standingPatience
		}
	}
	if l.length >= longestLine {
		a.mu.Unlock()
		return now, errOverloaded
	}
	w := &waiter{in: make(chan struct{})}
	l.push(w)
	a.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	err := errOverloaded
	select {
	case <-w.in:
		return a.now(), nil
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.given { // at the last moment
		return a.now(), nil
	}
	l.remove(w)
	return now, err
}

// leave gives a place back. entered is what enter returned.
func (a *admission) leave(entered time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.times[a.served%len(a.times)] = now.Sub(entered)
	a.served++
	a.free(now)
}

// step gives a place back without having done work in it.
func (a *admission) step() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free(a.now())
}

func (a *admission) free(now time.Time) {
	a.busy--
	a.adapt(now)
	a.grant()
}

// turn holds a stream of low rank back for as long as others want the places, at most
// turnPatience: it goes on slowly then, and whoever sends or reads it feels the slowness.
func (a *admission) turn(ctx context.Context, r Rank) {
	if _, err := a.wait(ctx, r, turnPatience); err == nil {
		a.step()
	}
}

// take counts a place.
func (a *admission) take() {
	a.busy++
	a.busiest = max(a.busiest, a.busy)
}

// grant gives free places to those who wait, by rank.
func (a *admission) grant() {
	for _, r := range order() {
		for l := &a.lines[r]; l.first != nil && a.room(r); {
			w := l.first
			l.remove(w)
			w.given = true
			close(w.in)
			a.take()
		}
	}
}

// adapt looks at the delays of the window that is over. The number of places falls by a tenth when
// they are too long and the places were used, and rises slowly while all are used and delays are
// short (AIMD: it settles, whatever the machine).
func (a *admission) adapt(now time.Time) {
	if now.Sub(a.looked) < admissionWindow {
		return
	}
	a.looked = now
	a.last = a.delay()
	slow, known := a.last > enoughScheduling, a.served >= enoughServed
	if known {
		usual := middle(a.times[:min(a.served, len(a.times))])
		if a.floor == 0 || usual < a.floor {
			a.floor = usual
		} else {
			a.floor += a.floor / 200 // the kind of work changes; forgotten in half a minute of load
		}
		slow = slow || usual > 2*a.floor+enoughService
		a.served = 0
	}
	switch {
	case slow && float64(a.busiest)*2 >= a.limit:
		a.limit = max(a.least, a.limit*.9)
	case !slow && known && float64(a.busiest) >= a.limit*.7:
		a.limit = min(a.most, a.limit*1.03+1)
	}
	a.busiest = a.busy
	a.grant()
}

// middle is the median; it orders what it is given.
func middle(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	for i := 1; i < len(d); i++ {
		for j := i; j > 0 && d[j] < d[j-1]; j-- {
			d[j], d[j-1] = d[j-1], d[j]
		}
	}
	return d[len(d)/2]
}

// state is what the gauges show.
func (a *admission) state() (places, busy, waiting int, delay time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.lines {
		waiting += a.lines[i].length
	}
	return int(a.limit), a.busy, waiting, a.last
}

func (l *line) push(w *waiter) {
	w.prev = l.last
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	l.length++
}

func (l *line) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	l.length--
}

// comeBack is after how long a refused client should come again: scanners soon, reports late, and
// no two in step, or what was refused together would come together. The seconds of Retry-After are
// whole, so that the spread is wide.
func comeBack(r Rank) time.Duration {
	least, spread := 1, 3
	switch r {
	case RankScan:
		spread = 2
	case RankRenew:
		spread = 5
	case RankUsual:
		least, spread = 2, 9
	case RankReport:
		least, spread = 15, 46
	}
	var b [1]byte
	_, _ = rand.Read(b[:])
	return time.Duration(least+int(b[0])%spread) * time.Second
}
