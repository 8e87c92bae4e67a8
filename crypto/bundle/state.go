package bundle

import (
	"fmt"
	"maps"
	"time"

	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/statuslist"
)

// State is what a checker knows, from the bundles it has taken over. It does not change: Apply gives
// the next one. The zero State knows nothing.
type State struct {
	asOf    time.Time
	head    uint64
	serials map[sdcwt.Serial]time.Time // until when each must be known
	lists   map[string]*known
}

type known struct {
	seq, size uint64
	asOf      time.Time
	entries   *statuslist.List
}

// forgetAfter is how long a revoked serial is kept beyond its end: clocks may differ.
const forgetAfter = time.Hour

// Apply takes a verified bundle over. When it refuses, what was known is known still.
func (s *State) Apply(b *Bundle) (*State, error) {
	if b.IssuedAt.Before(s.asOf) {
		return nil, fmt.Errorf("%w: of %s, known is %s", ErrRolledBack, b.IssuedAt.UTC().Format(time.RFC3339), s.asOf.UTC().Format(time.RFC3339))
	}
	if err := s.follows(b); err != nil {
		return nil, err
	}
	if err := s.room(b.Lists); err != nil {
		return nil, err
	}
	next := &State{asOf: b.IssuedAt, head: b.Serials.Head, serials: map[sdcwt.Serial]time.Time{}, lists: maps.Clone(s.lists)}
	keep := func(serial sdcwt.Serial, until time.Time) {
		if b.IssuedAt.Before(until.Add(forgetAfter)) {
			next.serials[serial] = until
		}
	}
	if b.Serials.From > 0 {
		for serial, until := range s.serials {
			keep(serial, until)
		}
	}
	for _, r := range b.Serials.Revoked {
		keep(r.Serial, r.Until)
	}
	for name, l := range b.Lists {
		if next.lists == nil {
			next.lists = map[string]*known{}
		}
		k, err := s.lists[name].apply(l)
		if err != nil {
			return nil, err
		}
		k.asOf = b.IssuedAt
		next.lists[name] = k
	}
	return next, nil
}

// room bounds what all lists take before any is made.
func (s *State) room(lists map[string]List) error {
	entries := uint64(0)
	for _, l := range lists {
		entries += l.Size
	}
	for name, k := range s.lists {
		if _, replaced := lists[name]; !replaced {
			entries += k.size
		}
	}
	if entries > MaxEntries {
		return fmt.Errorf("%w: lists of %d entries", ErrTooLarge, entries)
	}
	return nil
}

// follows: nothing in the bundle is older than what is known, and then, nothing is missing in between.
func (s *State) follows(b *Bundle) error {
	if b.Serials.Head < s.head {
		return fmt.Errorf("%w: revoked codes to %d, known is %d", ErrRolledBack, b.Serials.Head, s.head)
	}
	for name, l := range b.Lists {
		if k := s.lists[name]; k != nil && l.Seq < k.seq {
			return fmt.Errorf("%w: list %s to %d, known is %d", ErrRolledBack, name, l.Seq, k.seq)
		}
	}
	if b.Serials.From > s.head {
		return fmt.Errorf("%w: revoked codes from %d on, known is %d", ErrGap, b.Serials.From, s.head)
	}
	for name, l := range b.Lists {
		switch k := s.lists[name]; {
		case l.From == 0:
		case k == nil || l.From > k.seq:
			return fmt.Errorf("%w: list %s from %d on", ErrGap, name, l.From)
		case l.Size != k.size:
			return fmt.Errorf("%w: list %s has another size", ErrGap, name)
		}
	}
	return nil
}

// apply makes the list that follows k, which may be nil when l is whole.
func (k *known) apply(l List) (*known, error) {
	next := &known{seq: l.Seq, size: l.Size}
	if l.From > 0 {
		next.entries = k.entries.Clone()
	} else {
		var err error
		// Two bits each, whole bytes.
		if next.entries, err = statuslist.New(2, (l.Size+3)&^3); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	for status, set := range l.Sets {
		for _, index := range set {
			if err := next.entries.Set(uint64(index), statuslist.Status(status)); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
			}
		}
	}
	return next, nil
}

// Only is the state without the lists that a bundle says nothing of.
func (s *State) Only(b *Bundle) *State {
	out := *s
	out.lists = maps.Clone(s.lists)
	maps.DeleteFunc(out.lists, func(name string, _ *known) bool { _, named := b.Lists[name]; return !named })
	return &out
}

// AsOf is the moment of the newest bundle; zero: there was none.
func (s *State) AsOf() time.Time { return s.asOf }

// Head is how far the serials go.
func (s *State) Head() uint64 { return s.head }

// Serials is how many are known that were revoked.
func (s *State) Serials() int { return len(s.serials) }

// Lists says which status lists are known, and how far.
func (s *State) Lists() map[string]uint64 {
	out := make(map[string]uint64, len(s.lists))
	for name, k := range s.lists {
		out[name] = k.seq
	}
	return out
}

// Revoked says whether an offline code was revoked before its end.
func (s *State) Revoked(serial sdcwt.Serial) bool {
	_, there := s.serials[serial]
	return there
}

// Status looks an entry of a status list up. known is false when the list is not among those that
// were taken along.
func (s *State) Status(list string, index uint64) (status statuslist.Status, asOf time.Time, known bool, err error) {
	k := s.lists[list]
	if k == nil {
		return 0, time.Time{}, false, nil
	}
	if index >= k.size {
		return 0, time.Time{}, true, fmt.Errorf("%w: %d of %d", statuslist.ErrIndex, index, k.size)
	}
	status, err = k.entries.Get(index)
	return status, k.asOf, true, err
}
