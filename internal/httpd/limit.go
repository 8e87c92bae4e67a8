package httpd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// Class groups routes that share limits, so that a flood of one kind of work leaves the others alone.
type Class string

// The classes that are always there. Config.Classes changes their limits or adds more.
const (
	ClassDefault  Class = "default"  // what says nothing
	ClassRead     Class = "read"     // cheap look-ups and public documents
	ClassWrite    Class = "write"    // single changes
	ClassBulk     Class = "bulk"     // pushes: few, long
	ClassResults  Class = "results"  // answers to the rows of a push, as fast as the department reads
	ClassScan     Class = "scan"     // a clerk at a counter waits: kept to the last
	ClassRenew    Class = "renew"    // a page looking at what became of its code: can wait a second
	ClassShow     Class = "show"     // shows and codes of a holder: each lies in memory for minutes
	ClassPage     Class = "page"     // pages and their assets
	ClassSignIn   Class = "sign-in"  // guessed at by attackers
	ClassCallback Class = "callback" // to an identity provider and back: waits for it, and makes work there too
	ClassOps      Class = "ops"      // health, metrics: never limited
	ClassToken    Class = "token"    // machines prove who they are; wrong proofs are counted apart
	ClassWait     Class = "wait"     // a request that waits for a person: long, and costs next to nothing
	ClassEvents   Class = "events"   // server-sent events: longer still
	ClassExport   Class = "export"   // all that is held of a person, as fast as she reads
)

// Limits of a class.
type Limits struct {
	PerMinute  int           // requests of one caller, or of one address on public routes; 0: no limit
	Concurrent int           // requests in progress at once, of all callers; 0: no limit
	Queue      int           // how many may wait for a place
	QueueWait  time.Duration // how long; 0 is 30 ms, well below what a waiting scanner notices
	// Each is how many requests of one caller may be in progress at once, for classes in which they
	// last: or a few callers would have all the places. 0: no limit.
	Each int
}

func defaultLimits() map[Class]Limits {
	return map[Class]Limits{
		ClassDefault: {PerMinute: 600, Concurrent: 256, Queue: 256},
		ClassRead:    {PerMinute: 1200, Concurrent: 256, Queue: 256},
		ClassWrite:   {PerMinute: 600, Concurrent: 128, Queue: 128},
		ClassBulk:    {PerMinute: 60, Concurrent: 16, Queue: 4},
		ClassResults: {PerMinute: 120, Concurrent: 64, Queue: 16, Each: 8},
		ClassScan:    {PerMinute: 6000, Concurrent: 512, Queue: 512},
		ClassRenew:   {PerMinute: 120, Concurrent: 128, Queue: 128},
		// The shortest code lives 15 s, so that ten pages of one person fit in.
		ClassShow:   {PerMinute: 60, Concurrent: 128, Queue: 128},
		ClassPage:   {PerMinute: 1200, Concurrent: 256, Queue: 256},
		ClassSignIn: {PerMinute: 30, Concurrent: 64, Queue: 16},
		// Many people sit behind one address of a provider's network.
		ClassCallback: {PerMinute: 480, Concurrent: 128, Queue: 64},
		ClassOps:      {},
		ClassToken:    {PerMinute: 300, Concurrent: 64, Queue: 64},
		ClassWait:     {PerMinute: 6000, Concurrent: 4096, Each: 512},
		ClassEvents:   {PerMinute: 60, Concurrent: 16384},
		ClassExport:   {PerMinute: 10, Concurrent: 64, Queue: 64},
	}
}

const (
	defaultQueueWait = 30 * time.Millisecond
	// A limiter that does not answer must not hold up the work that it is to protect.
	limiterPatience = 200 * time.Millisecond
	// badTokensPerMinute is how many tokens that were never ours one address may send before it is
	// told to stop. It counts after the check: a good token gets in from the same address, however
	// many bad ones came before it.
	badTokensPerMinute = 1200
)

// Limiter counts requests per key. An implementation shared by several processes counts for all of
// them. When it fails the request goes through: the caps on concurrency still hold, and a lost
// counter must not close the counters of a city.
type Limiter interface {
	Allow(ctx context.Context, key string, perMinute int) (ok bool, retryAfter time.Duration, err error)
}

// errOverloaded is answered 503.
var errOverloaded = errors.New("no place in the class")

// gate lets a bounded number in and a bounded number wait, briefly. Refusing at once is kinder than
// a long queue: behind a full queue everybody is late, and the late give up and come again.
type gate struct {
	slots   chan struct{} // nil: no limit
	waiting atomic.Int64
	queue   int64
	wait    time.Duration
	limits  Limits

	mu   sync.Mutex
	each map[string]int // requests in progress by caller, where Limits.Each
}

func newGate(class Class, l Limits) (*gate, error) {
	if l.PerMinute < 0 || l.Concurrent < 0 || l.Queue < 0 || l.QueueWait < 0 || l.Each < 0 {
		return nil, fmt.Errorf("class %q: negative limit", class)
	}
	g := &gate{queue: int64(l.Queue), wait: l.QueueWait, limits: l, each: map[string]int{}}
	if g.wait == 0 {
		g.wait = defaultQueueWait
	}
	if l.Concurrent > 0 {
		g.slots = make(chan struct{}, l.Concurrent)
	}
	return g, nil
}

// enter takes a place; leave must be called once after a nil error.
func (g *gate) enter(ctx context.Context) error {
	if g.slots == nil {
		return nil
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return errOverloaded
	}
	defer g.waiting.Add(-1)
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errOverloaded
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() {
	if g.slots != nil {
		<-g.slots
	}
}

// take counts a request of a caller; after true, release must be called once.
func (g *gate) take(caller string) bool {
	if g.limits.Each == 0 || caller == "" {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.each[caller] >= g.limits.Each {
		return false
	}
	g.each[caller]++
	return true
}

func (g *gate) release(caller string) {
	if g.limits.Each == 0 || caller == "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.each[caller]--; g.each[caller] == 0 {
		delete(g.each, caller)
	}
}

// place is where a request is counted.
type place struct {
	server *Server
	gate   *gate
	caller string // one of whose it is; empty: nobody's
}

// settle counts the request for its caller.
func (p *place) settle(caller Caller) error {
	if !p.gate.take(caller.ID) {
		return &Problem{Code: CodeRateLimited, RetryAfter: time.Second}
	}
	p.caller = caller.ID
	return nil
}

// move takes the request to another class, if there is room.
func (p *place) move(ctx context.Context, to *gate) bool {
	if p.gate == to {
		return true
	}
	if !to.take(p.caller) {
		return false
	}
	if to.enter(ctx) != nil {
		to.release(p.caller)
		return false
	}
	p.leave()
	p.gate = to
	return true
}

func (p *place) leave() {
	p.gate.release(p.caller)
	p.gate.leave()
}

// allow asks the limiter on behalf of the caller, or of the address when there is none.
func (s *Server) allow(c *gin.Context, class Class, g *gate, caller Caller) error {
	if g.limits.PerMinute == 0 {
		return nil
	}
	who := "caller:" + caller.ID
	if caller.ID == "" {
		who = "address:" + addressKey(c.ClientIP())
	}
	return s.count(c, string(class)+":"+who, g.limits.PerMinute)
}

// count asks the limiter. One that fails lets everybody through.
func (s *Server) count(c *gin.Context, key string, perMinute int) error {
	if s.limiter == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), limiterPatience)
	defer cancel()
	ok, wait, err := s.limiter.Allow(ctx, key, perMinute)
	if err != nil {
		s.metrics.limiterErrors.Inc()
		recordOf(c).limiterError = err
		return nil
	}
	if !ok {
		return &Problem{Code: CodeRateLimited, RetryAfter: wait}
	}
	return nil
}

// AddressKey names the address that a request comes from, for counting.
func AddressKey(c *gin.Context) string { return addressKey(c.ClientIP()) }

// addressKey groups an IPv6 client by its /64, which one household or one attacker owns whole.
func addressKey(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// preflight answers the CORS question of a browser. Only what a public document needs is granted: no
// credentials, no Authorization header.
func (s *Server) preflight(path string) gin.HandlerFunc {
	return func(c *gin.Context) {
		recordOf(c).route = Route{Path: path}.Template()
		h := c.Writer.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", corsMethods(s.cors[path]))
		h.Set("Access-Control-Allow-Headers", "Accept, Content-Type, If-None-Match")
		h.Set("Access-Control-Max-Age", "86400")
		c.Status(http.StatusNoContent)
	}
}
