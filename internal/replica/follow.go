package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
)

// Run follows the source until ctx ends.
func (r *Replica) Run(ctx context.Context) error {
	failing := false
	for {
		err := r.follow(ctx, func() {
			if failing {
				r.log.LogAttrs(ctx, slog.LevelInfo, "status lists are being followed again")
			}
			failing = false
		})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // called off
		}
		if !failing { // told once
			r.log.LogAttrs(ctx, slog.LevelWarn, "status lists are not being followed", slog.Any("error", err))
		}
		failing = true
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

// follow goes on from where it was until something fails.
func (r *Replica) follow(ctx context.Context, well func()) error {
	if r.position == "" {
		if err := r.tail(ctx); err != nil {
			return err
		}
	}
	for {
		r.repair(ctx)
		wait := readWait
		if len(r.broken) > 0 {
			wait = again
		}
		entries, position, err := r.source.StatusEntries(ctx, r.position, wait)
		if err != nil {
			return err
		}
		well()
		if position != r.position {
			r.position = position
			r.takeAll(entries)
			continue
		}
		if wait == readWait {
			// Nobody publishes, or the stream begins anew below our position: after a failover, say,
			// to a server whose clock is behind.
			if err := r.tail(ctx); err != nil {
				return err
			}
		}
	}
}

// tail looks where the stream ends, and goes there when it is not where we are: what is skipped
// shows in the beats.
func (r *Replica) tail(ctx context.Context) error {
	position, beat, err := r.source.StatusTail(ctx)
	if err != nil || position == r.position {
		return err
	}
	r.position = position
	r.feed.reset(position)
	if beat.Kind == Beat {
		r.take(beat)
	}
	return nil
}

// takeAll takes entries over and hands them on, with the lists that were read since the last.
func (r *Replica) takeAll(entries []Entry) {
	taken := r.repaired
	r.repaired = nil
	for _, e := range entries {
		if e, ok := r.take(e); ok {
			taken = append(taken, e)
		}
	}
	r.feed.publish(r.position, taken)
	for {
		select {
		case list := <-r.wanted:
			if r.bitmap(list) == nil {
				r.mark(list)
			}
		default:
			return
		}
	}
}

// take takes one entry over, and returns what of it holds here.
func (r *Replica) take(e Entry) (_ Entry, ok bool) {
	switch e.Kind {
	case Changes:
		if !r.advance(e.Heads[0], e.Changes, e.AsOf) {
			return e, false
		}
		r.applied.Add(int64(len(e.Changes)))
		return e, true
	case Replaced:
		r.mark(e.Heads[0].List) // also at our number: it may be that of a record that went back
	case Beat:
		r.beaten = true
		held := make([]Head, 0, len(e.Heads)) // the source keeps its own
		for _, h := range e.Heads {
			if r.advance(h, nil, e.AsOf) {
				held = append(held, h)
			}
		}
		e.Heads = held
		return e, true
	}
	return e, false
}

func (r *Replica) advance(h Head, changes []statuslist.Change, asOf time.Time) bool {
	b := r.bitmap(h.List)
	if b != nil && b.Advance(h.Seq, changes, asOf) == nil {
		return true
	}
	r.mark(h.List)
	return false
}

// mark has a list read anew.
func (r *Replica) mark(list string) {
	if _, ok := r.broken[list]; !ok {
		r.broken[list] = time.Time{}
	}
}

// repair reads the lists that are marked. It does so between two reads of the stream: a list that
// is read now contains whatever the entries so far told of, so those that come next follow.
func (r *Replica) repair(ctx context.Context) {
	now := time.Now() // a pause, whatever clock the answers go by
	var due []string
	for list, at := range r.broken {
		if now.Sub(at) >= again {
			due = append(due, list)
		}
	}
	if len(due) > 0 {
		r.load(ctx, due)
	}
	if len(r.broken) == 0 && r.beaten {
		r.warm.Store(true)
	}
}

type loaded struct {
	list   string
	bitmap *statuslist.Bitmap
	err    error
}

// load reads lists, a few at a time.
func (r *Replica) load(ctx context.Context, lists []string) {
	todo, done := make(chan string), make(chan loaded)
	var wait sync.WaitGroup
	for range min(loaders, len(lists)) {
		wait.Go(func() {
			buf := make([]byte, listBytes)
			for list := range todo {
				b, err := r.read(ctx, list, buf)
				done <- loaded{list, b, err}
			}
		})
	}
	go func() {
		for _, list := range lists {
			todo <- list
		}
		close(todo)
		wait.Wait()
		close(done)
	}()
	fresh := make(map[string]*statuslist.Bitmap, len(lists))
	var failed error
	for one := range done {
		if one.err != nil {
			r.broken[one.list] = time.Now()
			failed = fmt.Errorf("%s: %w", one.list, one.err)
			continue
		}
		fresh[one.list] = one.bitmap
	}
	if err := r.put(fresh); err != nil {
		failed = err
	} else {
		for list := range fresh {
			delete(r.broken, list)
			r.repaired = append(r.repaired, Entry{Kind: Replaced, Heads: []Head{{List: list}}})
		}
	}
	if failed != nil && !r.unread && ctx.Err() == nil {
		r.log.LogAttrs(ctx, slog.LevelWarn, "a status list could not be read", slog.Any("error", failed))
	}
	r.unread = failed != nil
}

var errAway = errors.New("not in the cache")

// read reads one list, into the bitmap that is here when the size fits.
func (r *Replica) read(ctx context.Context, list string, buf []byte) (*statuslist.Bitmap, error) {
	s, ok, err := r.source.StatusSnapshot(ctx, list, buf)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errAway
	}
	r.reads.Add(1)
	b := r.bitmap(list)
	if b == nil || b.Size() != s.Size {
		return statuslist.NewBitmap(s.Size, s.Seq, s.Raw, s.AsOf)
	}
	r.gaps.Add(1)
	return b, b.Load(s.Seq, s.Raw, s.AsOf)
}
