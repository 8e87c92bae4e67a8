package httpd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
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
	ClassScan     Class = "scan"     // a clerk at a counter waits: kept to the last
	ClassRenew    Class = "renew"    // a page renewing its code: can wait a second
	ClassPage     Class = "page"     // pages and their assets
	ClassSignIn   Class = "sign-in"  // guessed at by attackers
	ClassCallback Class = "callback" // back from an identity provider: makes work there too
	ClassOps      Class = "ops"      // health, metrics: never limited
	ClassToken    Class = "token"    // machines prove who they are; wrong proofs are counted apart
	ClassWait     Class = "wait"     // a request that waits for a person: long, and costs next to nothing
	ClassEvents   Class = "events"   // server-sent events: longer still
)

// Limits of a class.
type Limits struct {
	PerMinute  int           // requests of one caller, or of one address on public routes; 0: no limit
	Concurrent int           // requests in progress at once, of all callers; 0: no limit
	Queue      int           // how many may wait for a place
	QueueWait  time.Duration // how long; 0 is 30 ms, well below what a waiting scanner notices
}

func defaultLimits() map[Class]Limits {
	return map[Class]Limits{
		ClassDefault: {PerMinute: 600, Concurrent: 256, Queue: 256},
		ClassRead:    {PerMinute: 1200, Concurrent: 256, Queue: 256},
		ClassWrite:   {PerMinute: 600, Concurrent: 128, Queue: 128},
		ClassBulk:    {PerMinute: 60, Concurrent: 16, Queue: 4},
		ClassScan:    {PerMinute: 6000, Concurrent: 512, Queue: 512},
		ClassRenew:   {PerMinute: 120, Concurrent: 128, Queue: 128},
		ClassPage:    {PerMinute: 1200, Concurrent: 256, Queue: 256},
		ClassSignIn:  {PerMinute: 30, Concurrent: 64, Queue: 16},
		// Many people sit behind one address of a provider's network.
		ClassCallback: {PerMinute: 240, Concurrent: 64, Queue: 64},
		ClassOps:      {},
		ClassToken:    {PerMinute: 300, Concurrent: 64, Queue: 64},
		ClassWait:     {PerMinute: 6000, Concurrent: 4096},
		ClassEvents:   {PerMinute: 60, Concurrent: 16384},
	}
}

const (
	defaultQueueWait = 30 * time.Millisecond
	// A limiter that does not answer must not hold up the work that it is to protect.
	limiterPatience = 200 * time.Millisecond
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
}

func newGate(class Class, l Limits) (*gate, error) {
	if l.PerMinute < 0 || l.Concurrent < 0 || l.Queue < 0 || l.QueueWait < 0 {
		return nil, fmt.Errorf("class %q: negative limit", class)
	}
	g := &gate{queue: int64(l.Queue), wait: l.QueueWait, limits: l}
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

// allow asks the limiter on behalf of the caller, or of the address when there is none.
func (s *Server) allow(c *gin.Context, class Class, g *gate, caller Caller) error {
	if s.limiter == nil || g.limits.PerMinute == 0 {
		return nil
	}
	who := "caller:" + caller.ID
	if caller.ID == "" {
		who = "address:" + addressKey(c.ClientIP())
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), limiterPatience)
	defer cancel()
	ok, wait, err := s.limiter.Allow(ctx, string(class)+":"+who, g.limits.PerMinute)
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
