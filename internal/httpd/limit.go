package httpd

import (
	"context"
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
	ClassScan     Class = "scan"     // a clerk at a counter waits: served before all others
	ClassRenew    Class = "renew"    // the next code of a show, its picture, and what became of it
	ClassShow     Class = "show"     // new shows of a holder: each lies in memory for minutes
	ClassPage     Class = "page"     // pages and their assets
	ClassSignIn   Class = "sign-in"  // guessed at by attackers
	ClassCallback Class = "callback" // to an identity provider and back: waits for it, and makes work there too
	ClassOps      Class = "ops"      // health, metrics: never limited
	ClassToken    Class = "token"    // machines prove who they are; wrong proofs are counted apart
	ClassWait     Class = "wait"     // a request that waits for a person: long, and costs next to nothing
	ClassEvents   Class = "events"   // server-sent events: longer still
	ClassReport   Class = "report"   // long lists for those who look after things
	ClassExport   Class = "export"   // all that is held of a person, as fast as she reads
)

// Limits of a class.
type Limits struct {
	Rank      Rank // who goes first when there is not enough for all
	PerMinute int  // requests of one caller, or of one address on public routes; 0: no limit
	// Concurrent bounds the requests in progress at once, of all callers, where they last or wait
	// for others: what they hold is memory. 0: no limit but the places of the process.
	Concurrent int
	// Each is how many requests of one caller may be in progress at once, for classes in which they
	// last: or a few callers would have all the places. 0: no limit.
	Each int
}

func defaultLimits() map[Class]Limits {
	return map[Class]Limits{
		// A token is asked for once and serves ten thousand scans: without it there are none.
		ClassScan:  {Rank: RankScan, PerMinute: 6000},
		ClassToken: {Rank: RankScan, PerMinute: 300},
		// The shortest code lives 15 s, so that several pages of one person fit in; they also look
		// at what became of their codes.
		ClassRenew: {Rank: RankRenew, PerMinute: 180},
		// What was revoked must be known to be; it is little.
		ClassWrite:   {Rank: RankRenew, PerMinute: 600},
		ClassShow:    {PerMinute: 60},
		ClassDefault: {PerMinute: 600},
		ClassRead:    {PerMinute: 1200},
		ClassPage:    {PerMinute: 1200},
		ClassSignIn:  {PerMinute: 30, Concurrent: 64},
		ClassReport:  {Rank: RankReport, PerMinute: 120},
		ClassExport:  {Rank: RankReport, PerMinute: 10, Concurrent: 64},
		ClassBulk:    {Rank: RankReport, PerMinute: 60, Concurrent: 16},
		// Many people sit behind one address of a provider's network; the provider takes its time.
		ClassCallback: {Rank: RankAside, PerMinute: 480, Concurrent: 128},
		ClassWait:     {Rank: RankAside, PerMinute: 6000, Concurrent: 4096, Each: 512},
		ClassResults:  {Rank: RankAside, PerMinute: 120, Concurrent: 64, Each: 8},
		ClassEvents:   {Rank: RankAside, PerMinute: 60, Concurrent: 16384},
		ClassOps:      {Rank: RankAside},
	}
}

const (
	// A limiter that does not answer must not hold up the work that it is to protect.
	limiterPatience = 200 * time.Millisecond
	// badTokensPerMinute is how many tokens that were never ours one address may send before it is
	// told to stop. It counts after the check: a good token gets in from the same address, however
	// many bad ones came before it.
	badTokensPerMinute = 1200
)

// Limiter counts requests per key. An implementation shared by several processes counts for all of
// them. When it fails the request goes through: the places of the process still hold, and a lost
// counter must not close the counters of a city.
type Limiter interface {
	Allow(ctx context.Context, key string, perMinute int) (ok bool, retryAfter time.Duration, err error)
}

// gate is what a class holds its requests to.
type gate struct {
	class  Class
	limits Limits
	inside atomic.Int64

	mu   sync.Mutex
	each map[string]int // requests in progress by caller, where Limits.Each
}

func newGate(class Class, l Limits) (*gate, error) {
	if l.PerMinute < 0 || l.Concurrent < 0 || l.Each < 0 || l.Rank < RankUsual || l.Rank > RankAside {
		return nil, fmt.Errorf("class %q: negative limit, or no such rank", class)
	}
	return &gate{class: class, limits: l, each: map[string]int{}}, nil
}

// enter counts a request; leave must be called once after true.
func (g *gate) enter() bool {
	if n := g.inside.Add(1); g.limits.Concurrent > 0 && n > int64(g.limits.Concurrent) {
		g.inside.Add(-1)
		return false
	}
	return true
}

func (g *gate) leave() { g.inside.Add(-1) }

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
