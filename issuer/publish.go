package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
)

const (
	statusBits = 2 // valid, invalid, suspended
	// changesPage is how many changes travel to the cache at once.
	changesPage = 4096
	// maxCatchUp is from how many changes on the whole list is cheaper to send.
	maxCatchUp = 64 * changesPage
	// publishPatience bounds what an answer waits for the cache: a change is durable already.
	publishPatience = time.Second
	// roundPatience bounds a beat of Run, which may have whole lists to send.
	roundPatience = 30 * time.Second
	// publishLanes is how many lists are carried at the same time.
	publishLanes = 8
	// headAge is how old a look at the heads of the lists may be for serving signed lists.
	headAge = time.Second
)

// long ago: an as-of that moves nothing.
func longAgo() time.Time { return time.Unix(1, 0) }

// publisher carries the changes of the record to the cache. Any number of processes may publish
// to one cache: what one of them has done is a gap to the others, who look again.
type publisher struct {
	statuses Statuses
	cache    StatusCache
	now      func() time.Time
	log      *slog.Logger
	beats    func(context.Context) (bool, error) // whether it is our turn; nil: always

	turn chan struct{} // of one: one round at a time

	mu      sync.Mutex
	waiting *round // not begun yet
	heads   map[string]seenHead
	at      map[string]uint64 // how far the cache was when we were there last
	failing bool
}

// reach says how much of the lists a round looks at.
type reach int

const (
	// news carries what the cache has not had from us: what an answer waits for.
	news reach = iota
	// tick also beats, when it is this process's turn.
	tick
	// whole beats, and so finds whatever the cache may have lost.
	whole
)

// seenHead is how far a list had come at a moment.
type seenHead struct {
	ListHead
	at time.Time
}

// round is one walk over all lists, shared by all who asked for it before it began.
type round struct {
	done  chan struct{}
	err   error
	reach reach
}

// Run keeps the status cache up to date until ctx ends: every Heartbeat it carries over what is
// new, and says that there is nothing else. While it cannot, the cache grows old, and verifiers
// know that they do not know.
func (i *Issuer) Run(ctx context.Context) error {
	beats := time.NewTicker(i.cfg.Heartbeat)
	defer beats.Stop()
	for {
		beat, cancel := context.WithTimeout(ctx, roundPatience)
		_ = i.publisher.flush(beat, tick) // logged; the next beat tries again
		cancel()
		select {
		case <-ctx.Done():
			return nil
		case <-beats.C:
		}
	}
}

// Flush carries to the cache everything that was committed before it was called, and whatever the
// cache has lost.
func (i *Issuer) Flush(ctx context.Context) error { return i.publisher.flush(ctx, whole) }

// publish carries what is new for an answer that is about to be given: bounded, and not stopped by
// a caller who hangs up. It says whether the cache has got it.
func (i *Issuer) publish(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishPatience)
	defer cancel()
	return i.publisher.flush(ctx, news) == nil
}

func (p *publisher) flush(ctx context.Context, far reach) error {
	p.mu.Lock()
	r, lead := p.waiting, false
	if r == nil {
		r, lead = &round{done: make(chan struct{})}, true
		p.waiting = r
	}
	r.reach = max(r.reach, far)
	p.mu.Unlock()
	if lead {
		r.err = p.lead(ctx, r)
		close(r.done)
		return r.err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return fmt.Errorf("issuer: publish: %w", ctx.Err())
	}
	if ctx.Err() == nil && (errors.Is(r.err, context.Canceled) || errors.Is(r.err, context.DeadlineExceeded)) {
		return p.flush(ctx, far) // who led it was called off, or was in a greater hurry
	}
	return r.err
}

// lead waits for the round in progress and makes the next one.
func (p *publisher) lead(ctx context.Context, r *round) error {
	free := false
	select {
	case p.turn <- struct{}{}:
		free = true
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.waiting = nil // who asks from here on may have changed something that this round misses
	far := r.reach
	p.mu.Unlock()
	if !free {
		return fmt.Errorf("issuer: publish: %w", ctx.Err())
	}
	defer func() { <-p.turn }()
	err := p.walk(ctx, far)
	p.report(ctx, err)
	return err
}

// report logs the first failure and the recovery, not every beat in between. Being called
// off is no failure; running out of time is.
func (p *publisher) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return
	}
	p.mu.Lock()
	before := p.failing
	p.failing = err != nil
	p.mu.Unlock()
	switch {
	case err != nil && !before:
		p.log.LogAttrs(ctx, slog.LevelWarn, "status lists are not being published", slog.Any("error", err))
	case err == nil && before:
		p.log.LogAttrs(ctx, slog.LevelInfo, "status lists are being published again")
	}
}

// walk brings lists up to date. One that fails does not hold up the others.
func (p *publisher) walk(ctx context.Context, far reach) error {
	asOf := p.now() // before the database is read: what is true then may not be claimed of later
	heads, err := p.look(ctx)
	if err != nil {
		return err
	}
	if far == tick && p.beats != nil {
		// Only who has seen the database may take the turn. Should nobody know whose it is, it is ours.
		if ours, err := p.beats(ctx); err == nil && !ours {
			far = news
		}
	}
	var all error
	if far == news {
		heads = slices.DeleteFunc(heads, func(h ListHead) bool { return p.stood(h.Name, h.Seq) })
	} else if heads, err = p.beat(ctx, heads, asOf); err != nil {
		all = fmt.Errorf("issuer: status lists: %w", err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	lane := make(chan struct{}, publishLanes)
	for _, head := range heads {
		lane <- struct{}{}
		wg.Go(func() {
			defer func() { <-lane }()
			err := p.carry(ctx, head, asOf)
			p.stands(head, err == nil)
			if err != nil {
				mu.Lock()
				all = errors.Join(all, fmt.Errorf("issuer: status list %s: %w", head.Name, err))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return all
}

// look reads how far the lists have come, and remembers it.
func (p *publisher) look(ctx context.Context) ([]ListHead, error) {
	at := p.now()
	heads, err := p.statuses.Lists(ctx)
	if err != nil {
		return nil, fmt.Errorf("issuer: status lists: %w", err)
	}
	seen := make(map[string]seenHead, len(heads))
	for _, h := range heads {
		seen[h.Name] = seenHead{h, at}
	}
	p.mu.Lock()
	p.heads = seen
	p.mu.Unlock()
	return heads, nil
}

// find returns the head of a list, however old.
func (p *publisher) find(ctx context.Context, list string) (seenHead, error) {
	p.mu.Lock()
	h, ok := p.heads[list]
	p.mu.Unlock()
	if ok {
		return h, nil
	}
	if _, err := p.look(ctx); err != nil {
		return h, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if h, ok = p.heads[list]; !ok {
		return h, ErrListUnknown
	}
	return h, nil
}

// head returns how far a list has come, as of at most headAge ago.
func (p *publisher) head(ctx context.Context, list string) (seenHead, error) {
	p.mu.Lock()
	h, ok := p.heads[list]
	p.mu.Unlock()
	if age := p.now().Sub(h.at); ok && age >= 0 && age < headAge {
		return h, nil
	}
	if _, err := p.look(ctx); err != nil {
		return h, err
	}
	return p.find(ctx, list)
}

// errForgotten says that the record does not keep the changes that the cache has missed any more.
var errForgotten = errors.New("issuer: changes that old are not kept")

// carry brings one list up to date.
func (p *publisher) carry(ctx context.Context, head ListHead, asOf time.Time) error {
	const attempts = 4
	var err error
	for range attempts {
		var at uint64
		var ok bool
		if at, ok, err = p.cache.Applied(ctx, head.Name); err != nil {
			return err
		}
		switch {
		case ok && at == head.Seq:
			err = p.cache.Apply(ctx, head.Name, at, at, nil, asOf)
		case ok && at < head.Seq && head.Seq-at <= maxCatchUp:
			if err = p.catchUp(ctx, head, at, asOf); errors.Is(err, errForgotten) {
				if head, err = p.replace(ctx, head.Name, asOf); err == nil {
					continue
				}
			}
		case ok && at > head.Seq && p.reaches(ctx, &head, at):
			continue // another publisher knew more than our look did
		default:
			// The cache has lost the list, or knows more than the database, which was restored
			// from a backup then. The database is right.
			if head, err = p.replace(ctx, head.Name, asOf); err == nil {
				continue // in between another publisher may have been further: look again
			}
		}
		if !errors.Is(err, ErrCacheGap) {
			return err
		}
	}
	return err
}

// reaches says whether the record has come as far as the cache since we looked, and moves head.
func (p *publisher) reaches(ctx context.Context, head *ListHead, at uint64) bool {
	if at-head.Seq > maxCatchUp {
		return false
	}
	changes, err := p.statuses.Changes(ctx, head.Name, head.Seq, int(at-head.Seq))
	if err != nil || len(changes) == 0 || changes[len(changes)-1].Seq != at {
		return false
	}
	head.Seq = at
	return true
}

// catchUp sends the changes after at, a page at a time.
func (p *publisher) catchUp(ctx context.Context, head ListHead, at uint64, asOf time.Time) error {
	for at < head.Seq {
		changes, err := p.statuses.Changes(ctx, head.Name, at, int(min(changesPage, head.Seq-at)))
		if err != nil {
			return err
		}
		if len(changes) == 0 || changes[0].Seq > at+1 {
			return fmt.Errorf("%w: after %d", errForgotten, at)
		}
		for k, c := range changes {
			if c.Seq != at+uint64(k)+1 {
				return fmt.Errorf("change %d of the record follows %d", c.Seq, at+uint64(k))
			}
		}
		to := changes[len(changes)-1].Seq
		stands := asOf
		if to < head.Seq {
			stands = longAgo() // only the last page makes the list as good as the record
		}
		if err := p.cache.Apply(ctx, head.Name, at, to, changes, stands); err != nil {
			return err
		}
		at = to
	}
	return nil
}

// replace sends the whole list, and returns how far it is.
func (p *publisher) replace(ctx context.Context, name string, asOf time.Time) (ListHead, error) {
	head, list, err := snapshot(ctx, p.statuses, name)
	if err != nil {
		return head, err
	}
	return head, p.cache.Replace(ctx, head, list.Raw(), asOf)
}

// snapshot reads a list as it stands in the record.
func snapshot(ctx context.Context, s Statuses, name string) (ListHead, *statuslist.List, error) {
	head, changed, err := s.Snapshot(ctx, name)
	if err != nil {
		return head, nil, err
	}
	list, err := statuslist.New(statusBits, head.Size)
	if err != nil {
		return head, nil, err
	}
	for _, c := range changed {
		if err := list.Set(c.Index, c.Status); err != nil {
			return head, nil, err
		}
	}
	return head, list, nil
}
