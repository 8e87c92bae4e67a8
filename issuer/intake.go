package issuer

import (
	"bytes"
	"sync"

	"github.com/showcard/showcard/schemas"
)

// intake is where lines wait to become a batch. Whoever takes gets all that is there: one row
// when rows come slowly, a full batch when they come faster than they are stored. So nobody waits
// for a batch to fill, and under load every transaction is full.
type intake struct {
	maxRows, maxBytes int

	mu     sync.Mutex
	change sync.Cond
	lines  []*entry
	bytes  int
	closed bool // no more lines
	broken bool // nobody takes any more
}

func newIntake(maxRows, maxBytes int) *intake {
	t := &intake{maxRows: maxRows, maxBytes: maxBytes}
	t.change.L = &t.mu
	return t
}

// put waits for room, and is false when nobody takes any more.
func (t *intake) put(l line) bool {
	e := &entry{line: l.number, size: l.size, open: l.open}
	if l.tooLarge {
		e.refuse(schemas.CodeRowTooLarge, "", "more than 65536 bytes")
	} else {
		e.raw = bytes.Clone(l.text)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.broken && len(t.lines) > 0 && (len(t.lines) >= t.maxRows || t.bytes+len(e.raw) > t.maxBytes) {
		t.change.Wait()
	}
	if t.broken {
		return false
	}
	t.lines = append(t.lines, e)
	t.bytes += len(e.raw)
	t.change.Broadcast()
	return true
}

// take waits for lines and returns all; nil when there are none and will be none.
func (t *intake) take() []*entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.lines) == 0 && !t.closed && !t.broken {
		t.change.Wait()
	}
	if t.broken {
		return nil
	}
	all := t.lines
	t.lines, t.bytes = nil, 0
	t.change.Broadcast()
	return all
}

func (t *intake) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.change.Broadcast()
}

func (t *intake) abort() {
	t.mu.Lock()
	t.broken = true
	t.mu.Unlock()
	t.change.Broadcast()
}
