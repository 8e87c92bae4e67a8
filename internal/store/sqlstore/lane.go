package sqlstore

import (
	"context"
	"sync"
	"sync/atomic"
)

// A lane carries all writes of a process to a database that takes one writer at a time. While
// one group is being flushed to the disk the next one gathers, so that the more writers there
// are, the more of them share a flush; a lone writer waits for nobody.
type lane struct {
	run   func(group []*ticket) // answers every ticket
	queue chan *ticket
	done  chan struct{}

	mu     sync.RWMutex // held for reading while a ticket is being queued
	closed bool
}

// groupRows bounds a group: a bulk push must not keep a scanner waiting for long.
const (
	groupRows    = 1024
	groupTickets = 512
)

// ticket is one work in the lane.
type ticket struct {
	work  work
	state atomic.Int32
	err   chan error
}

const (
	waiting int32 = iota
	started
	abandoned
)

func newLane(run func([]*ticket)) *lane {
	l := &lane{run: run, queue: make(chan *ticket, groupTickets), done: make(chan struct{})}
	go l.drive()
	return l
}

// write queues work and waits for its answer. A caller who gives up before the work was begun
// leaves nothing behind; afterwards she waits, because only then the answer is certain.
func (l *lane) write(ctx context.Context, w work) error {
	t := &ticket{work: w, err: make(chan error, 1)}
	l.mu.RLock()
	if l.closed {
		l.mu.RUnlock()
		return ErrClosed
	}
	select {
	case l.queue <- t:
		l.mu.RUnlock()
	case <-ctx.Done():
		l.mu.RUnlock()
		return ctx.Err()
	}
	select {
	case err := <-t.err:
		return err
	case <-ctx.Done():
		if t.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		return <-t.err
	}
}

func (l *lane) drive() {
	defer close(l.done)
	for first := range l.queue {
		group, rows := l.add(nil, first), first.work.rows
	gather:
		for rows < groupRows && len(group) < groupTickets {
			select {
			case t, ok := <-l.queue:
				if !ok {
					break gather
				}
				group, rows = l.add(group, t), rows+t.work.rows
			default:
				break gather
			}
		}
		if len(group) > 0 {
			l.run(group)
		}
	}
}

func (l *lane) add(group []*ticket, t *ticket) []*ticket {
	if t.state.CompareAndSwap(waiting, started) {
		group = append(group, t)
	}
	return group
}

// close lets what is queued finish.
func (l *lane) close() {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.done
		return
	}
	l.closed = true
	close(l.queue)
	l.mu.Unlock()
	<-l.done
}
