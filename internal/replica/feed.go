package replica

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// feed keeps the entries of the last while for those who follow this replica: relying parties
// with bitmaps of their own. It is a window, not a record: who falls behind it reads every list.
type feed struct {
	mu      sync.Mutex
	floor   place // before the oldest batch
	last    place
	batches []batch
	changes int           // in all batches
	more    chan struct{} // closed when there is more
}

type batch struct {
	at      place
	entries []Entry
	changes int
}

const (
	maxBatches = 1 << 10
	maxChanges = 1 << 18 // a megabyte
	// maxHanded is how many entries are handed out at once.
	maxHanded = 1 << 10
)

// place is a position of the stream: two numbers, as Redis counts.
type place struct{ high, low uint64 }

func parsePlace(text string) (p place, ok bool) {
	high, low, ok := strings.Cut(text, "-")
	if !ok || len(text) > 41 {
		return p, false
	}
	var err, err2 error
	p.high, err = strconv.ParseUint(high, 10, 64)
	p.low, err2 = strconv.ParseUint(low, 10, 64)
	return p, err == nil && err2 == nil
}

func (p place) String() string {
	return strconv.FormatUint(p.high, 10) + "-" + strconv.FormatUint(p.low, 10)
}

func (p place) before(q place) bool { return p.high < q.high || p.high == q.high && p.low < q.low }

func (f *feed) init() { f.more = make(chan struct{}) }

// reset begins anew: everybody reads the lists again.
func (f *feed) reset(position string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches, f.changes = nil, 0
	f.floor, _ = parsePlace(position)
	f.last = f.floor
	f.wake()
}

// publish adds what was taken over, up to a position.
func (f *feed) publish(position string, entries []Entry) {
	at, ok := parsePlace(position)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b := batch{at: at, entries: entries}
	for i := range entries {
		b.changes += len(entries[i].Changes)
	}
	f.batches, f.last = append(f.batches, b), at
	f.changes += b.changes
	drop := 0
	for drop < len(f.batches)-1 && (len(f.batches)-drop > maxBatches || f.changes > maxChanges) {
		f.changes -= f.batches[drop].changes
		f.floor = f.batches[drop].at
		f.batches[drop] = batch{}
		drop++
	}
	f.batches = f.batches[drop:]
	f.wake()
}

func (f *feed) wake() {
	close(f.more)
	f.more = make(chan struct{})
}

// Position is how far this replica has read the stream.
func (r *Replica) Position() string {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	return r.feed.last.String()
}

// Next waits for entries after a position that this replica, or another one of the same stream,
// has given out. What they tell of is in the lists already. ok is false when the position is too
// far behind, or none of this stream: then the caller reads Position, every list, and goes on from
// there. A list of the kind Replaced has to be read, too.
func (r *Replica) Next(ctx context.Context, after string) (entries []Entry, position string, ok bool, err error) {
	p, ok := parsePlace(after)
	if !ok {
		return nil, "", false, nil
	}
	for {
		f := &r.feed
		f.mu.Lock()
		if p.before(f.floor) || f.last.before(p) {
			f.mu.Unlock()
			return nil, "", false, nil
		}
		first, _ := slices.BinarySearchFunc(f.batches, p, func(b batch, p place) int {
			if p.before(b.at) {
				return 1
			}
			return -1
		})
		for _, b := range f.batches[first:] {
			if len(entries) > 0 && len(entries)+len(b.entries) > maxHanded {
				break
			}
			entries, p = append(entries, b.entries...), b.at
		}
		more := f.more
		f.mu.Unlock()
		if len(entries) > 0 {
			return entries, p.String(), true, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, "", false, ctx.Err()
		}
	}
}

// Names are the lists that are followed, sorted.
func (r *Replica) Names() []string {
	all := *r.lists.Load()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// List returns a whole list as it stands here, into a buffer.
func (r *Replica) List(list string, buf []byte) (s Snapshot, ok bool) {
	b := r.bitmap(list)
	if b == nil {
		return Snapshot{}, false
	}
	s.Size = b.Size()
	s.Raw, s.Seq, s.AsOf = b.AppendRaw(buf[:0])
	return s, true
}

// Warm waits until every list is here.
func (r *Replica) Warm(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !r.warm.Load() {
		select {
		case <-ctx.Done():
			return r.Ready(ctx)
		case <-tick.C:
		}
	}
	return nil
}
