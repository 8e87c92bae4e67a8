package httpd

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// place is where a request is counted.
type place struct {
	server  *Server
	gate    *gate
	caller  string    // one of whose it is; empty: nobody's
	working bool      // it has a place among the work
	entered time.Time // since when
}

// admit lets a request in or refuses it. Nothing of it was looked at yet but its route.
func (s *Server) admit(ctx context.Context, r Route, g *gate) (*place, error) {
	p := &place{server: s, gate: g}
	if !g.enter() {
		return nil, overloaded(g)
	}
	if g.limits.Rank == RankAside {
		return p, nil
	}
	var err error
	if p.entered, err = s.admission.enter(ctx, g.limits.Rank); err != nil {
		g.leave()
		if errors.Is(err, errOverloaded) {
			err = overloaded(g)
		}
		return nil, err
	}
	p.working = true
	if r.Streaming { // lasts for minutes, and is held back as it goes: see turn
		p.working = false
		s.admission.step()
	}
	return p, nil
}

func overloaded(g *gate) error {
	return &Problem{Code: CodeOverloaded, RetryAfter: comeBack(g.limits.Rank)}
}

// settle counts the request for its caller.
func (p *place) settle(caller Caller) error {
	if !p.gate.take(caller.ID) {
		return &Problem{Code: CodeRateLimited, RetryAfter: comeBack(RankScan)}
	}
	p.caller = caller.ID
	return nil
}

// move takes the request to another class that is set aside, if there is room.
func (p *place) move(to *gate) bool {
	if p.gate == to {
		return true
	}
	if !to.take(p.caller) {
		return false
	}
	if !to.enter() {
		to.release(p.caller)
		return false
	}
	p.leave()
	p.gate, p.working = to, false
	return true
}

func (p *place) leave() {
	p.gate.release(p.caller)
	p.gate.leave()
	if p.working {
		p.server.admission.leave(p.entered)
	}
}

// turn lets a stream of low rank go on when others do not need the places more.
func (p *place) turn(ctx context.Context) {
	if p.gate.limits.Rank == RankReport {
		p.server.admission.turn(ctx, RankReport)
	}
}

const placeKey = "httpd.place"

func placeOf(c *gin.Context) *place {
	v, _ := c.Get(placeKey)
	p, _ := v.(*place)
	return p
}

// turnOf is what a stream waits for before each piece.
func turnOf(c *gin.Context) func() {
	p := placeOf(c)
	if p == nil {
		return nil
	}
	return func() { p.turn(c.Request.Context()) }
}

// refusals gathers what is refused, for the log: a line for each would cost more than the refusal.
type refusals struct {
	mu     sync.Mutex
	told   time.Time
	counts map[Class]int
}

// refusalsTold is how often the log tells.
const refusalsTold = time.Second

// add counts one and returns what is to be told now, if anything.
func (r *refusals) add(class Class, now time.Time) map[Class]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[Class]int{}
	}
	r.counts[class]++
	if now.Sub(r.told) < refusalsTold {
		return nil
	}
	r.told = now
	counts := r.counts
	r.counts = nil
	return counts
}

func (s *Server) reportRefusal(ctx context.Context, class Class) {
	counts := s.refusals.add(class, s.now())
	if counts == nil {
		return
	}
	attrs := make([]slog.Attr, 0, len(counts))
	for class, n := range counts {
		attrs = append(attrs, slog.Int(string(class), n))
	}
	slices.SortFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	s.log.LogAttrs(ctx, slog.LevelWarn, "overloaded: refused since the last such line", attrs...)
}
