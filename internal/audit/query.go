package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrWaiting says that the tree has not taken an entry in yet: that takes about a second.
var ErrWaiting = errors.New("audit: the entry waits for its place in the tree")

// Proof is an entry and how it is proven.
type Proof struct {
	Index  uint64
	Leaf   []byte
	Path   [][]byte
	Signed Signed // the checkpoint whose root the path leads to; without Note for other sizes
}

// Inclusion proves that an entry stands in the tree of that size; 0 is the newest checkpoint's.
func (l *Log) Inclusion(ctx context.Context, index, size uint64) (Proof, error) {
	at, err := l.tree(ctx, size)
	if err != nil {
		return Proof{}, err
	}
	if index >= at.Size {
		return Proof{}, fmt.Errorf("%w: entry %d of %d", ErrRange, index, at.Size)
	}
	path, err := ProveInclusion(ctx, l.cfg.Store, index, at.Size)
	if err != nil {
		return Proof{}, err
	}
	leaves, err := l.cfg.Store.Leaves(ctx, index, 1)
	if err == nil && len(leaves) == 0 {
		err = fmt.Errorf("%w: entry %d is not there", ErrState, index)
	}
	if err != nil {
		return Proof{}, err
	}
	return Proof{index, leaves[0], path, at}, nil
}

// InclusionOf is Inclusion of an entry known by its id.
func (l *Log) InclusionOf(ctx context.Context, id string, size uint64) (Proof, error) {
	p, err := l.cfg.Entries.Find(ctx, id)
	if err != nil {
		return Proof{}, err
	}
	if p.Index == NoPlace {
		return Proof{}, fmt.Errorf("%w: %s", ErrWaiting, id)
	}
	return l.Inclusion(ctx, p.Index, size)
}

// tree returns the newest checkpoint, or that of a smaller size.
func (l *Log) tree(ctx context.Context, size uint64) (Signed, error) {
	newest, err := l.read(ctx, 0)
	switch {
	case err != nil || size == 0 || size == newest.Size:
		return newest, err
	case size > newest.Size:
		return newest, fmt.Errorf("%w: %d of %d", ErrRange, size, newest.Size)
	}
	root, err := RootFromTiles(ctx, l.cfg.Store, size)
	return Signed{Checkpoint: Checkpoint{Origin: l.cfg.Origin, Size: size, Root: root}}, err
}

// Consistency proves that the log of size to begins with that of size from.
func (l *Log) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	newest, err := l.read(ctx, 0)
	if err != nil {
		return nil, err
	}
	if from > to || to > newest.Size {
		return nil, fmt.Errorf("%w: from %d to %d of %d", ErrRange, from, to, newest.Size)
	}
	return ProveConsistency(ctx, l.cfg.Store, from, to)
}

// Bytes reads a tile, or a bundle of leaves, as tlog-tiles has it.
func (l *Log) Bytes(ctx context.Context, p TilePath) ([]byte, error) {
	if p.Index >= 1<<54 {
		return nil, fmt.Errorf("%w: %s", ErrRange, p)
	}
	if !p.Entries {
		hashes, err := l.cfg.Store.Tile(ctx, p.Level, p.Index, p.Width)
		if err == nil && len(hashes) < p.Width*hashSize {
			err = fmt.Errorf("%w: %s", ErrRange, p)
		}
		return hashes, err
	}
	leaves, err := l.cfg.Store.Leaves(ctx, p.Index<<tileHeight, p.Width)
	if err == nil && len(leaves) < p.Width {
		err = fmt.Errorf("%w: %s", ErrRange, p)
	}
	if err != nil {
		return nil, err
	}
	return FormatBundle(leaves)
}

// Query asks for entries. Empty fields ask for nothing.
type Query struct {
	Kind     string // exact, or all that begin so when it ends in a dot
	Actor    string
	Subject  string
	Holder   string
	From, To time.Time
	After    uint64 // places from here on
	Limit    int    // at most 100
}

// Opened is an entry as an auditor reads it.
type Opened struct {
	Placed
	Event Event // without anything but id, moment and kind when the opening is not there
	// Fault says why the opening does not count: it was changed.
	Fault error
}

// Answer is a page of entries.
type Answer struct {
	Entries []Opened
	Next    uint64 // where to go on; 0 when there is no more
	Signed  Signed // the newest checkpoint
}

const (
	queryLimit = 100
	queryScan  = 10_000 // openings that one question may look through
	// disorder is how far apart the order of places and that of moments may be: a push keeps the
	// moment that it began.
	disorder = 15 * time.Minute
)

// Query reads entries that fit. Actors, subjects and holders stand in sealed openings, so that it
// looks through a bounded number of entries; Next says where to go on.
func (l *Log) Query(ctx context.Context, q Query) (Answer, error) {
	if q.Limit <= 0 || q.Limit > queryLimit {
		q.Limit = queryLimit
	}
	a := Answer{}
	var err error
	if a.Signed, err = l.read(ctx, 0); errors.Is(err, ErrNoCheckpoint) {
		return a, nil
	} else if err != nil {
		return a, err
	}
	at := min(q.After, a.Signed.Size)
	if !q.From.IsZero() {
		begin, err := l.seek(ctx, q.From.Add(-disorder), a.Signed.Size)
		if err != nil {
			return a, err
		}
		at = max(at, begin)
	}
	for scanned := 0; at < a.Signed.Size; {
		if scanned >= queryScan || len(a.Entries) >= q.Limit {
			a.Next = at
			return a, nil
		}
		page, err := l.cfg.Entries.Placed(ctx, at, int(min(tileWidth, a.Signed.Size-at)))
		if err != nil {
			return a, err
		}
		if len(page) == 0 {
			return a, nil
		}
		for _, p := range page {
			if p.Index >= a.Signed.Size || !q.To.IsZero() && p.At.After(q.To.Add(disorder)) {
				return a, nil
			}
			if len(a.Entries) >= q.Limit {
				break
			}
			at, scanned = p.Index+1, scanned+1
			if o := open(p); q.fits(o) {
				a.Entries = append(a.Entries, o)
			}
		}
	}
	return a, nil
}

func open(p Placed) Opened {
	o := Opened{Placed: p, Event: Event{ID: p.ID, At: p.At}, Fault: p.Damage}
	leaf, err := ParseLeaf(p.Leaf)
	if err != nil {
		o.Fault = err
		return o
	}
	o.Event.Kind = leaf.Kind
	if p.Opening != nil && o.Fault == nil {
		said, err := leaf.Open(p.Opening)
		if err != nil {
			o.Fault = err
			return o
		}
		o.Event = said
	}
	return o
}

func (q Query) fits(o Opened) bool {
	e := o.Event
	return (q.Kind == "" || e.Kind == q.Kind || strings.HasSuffix(q.Kind, ".") && strings.HasPrefix(e.Kind, q.Kind)) &&
		(q.Actor == "" || e.Actor == q.Actor) && (q.Subject == "" || e.Subject == q.Subject) &&
		(q.Holder == "" || o.Holder == q.Holder || e.Holder == q.Holder) &&
		(q.From.IsZero() || !e.At.Before(q.From)) && (q.To.IsZero() || e.At.Before(q.To))
}

// seek finds the first place whose entry happened at a moment or later, by halving.
func (l *Log) seek(ctx context.Context, moment time.Time, size uint64) (uint64, error) {
	low, high := uint64(0), size
	for low < high {
		middle := low + (high-low)/2
		page, err := l.cfg.Entries.Placed(ctx, middle, 1)
		if err != nil {
			return 0, err
		}
		if len(page) > 0 && page[0].Index < high && page[0].At.Before(moment) {
			low = page[0].Index + 1
		} else {
			high = middle
		}
	}
	return low, nil
}
