package memstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/issuer"
)

// lists is the status cache. Readers take no lock: the map is replaced and never changed, and
// the words of a list are read and written atomically.
type lists struct {
	max   int
	write sync.Mutex // one writer at a time; writers are few
	all   atomic.Pointer[map[string]*list]
}

// list holds two bits per entry, sixteen entries to a word. Little-endian words filled from
// the lowest bit are the bytes that the Token Status List draws (§4.1).
//
// A reader loads asOf before the entry, and a writer stores it after the entries. So a reader
// may see an entry that is newer than the as-of it reports, never an older one.
type list struct {
	size  uint64
	seq   uint64 // guarded by lists.write
	asOf  atomic.Int64
	words []atomic.Uint32
}

const (
	entriesPerWord = 16
	// A list may go back to a lower sequence number only when nobody has kept the higher one
	// alive for so long, see Replace.
	abandoned = 10 * time.Second
)

func (l *lists) get(name string) *list {
	all := l.all.Load()
	if all == nil {
		return nil
	}
	return (*all)[name]
}

// Lookup implements the verifier's StatusCache. An index past the end of a known list is
// statuslist.ErrIndex.
func (s *Store) Lookup(ctx context.Context, name string, index uint64) (status uint8, asOf time.Time, known bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, time.Time{}, false, err
	}
	l := s.lists.get(name)
	if l == nil {
		return 0, time.Time{}, false, nil
	}
	if index >= l.size {
		return 0, time.Time{}, false, fmt.Errorf("memstore: %w: %d of %d", statuslist.ErrIndex, index, l.size)
	}
	at := l.asOf.Load() // before the entry
	word := l.words[index/entriesPerWord].Load()
	return uint8(word>>(index%entriesPerWord*2)) & 3, time.UnixMicro(at).UTC(), true, nil
}

// Applied implements the issuer's StatusCache.
func (s *Store) Applied(ctx context.Context, name string) (seq uint64, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	s.lists.write.Lock()
	defer s.lists.write.Unlock()
	l := s.lists.get(name)
	if l == nil {
		return 0, false, nil
	}
	return l.seq, true, nil
}

// Replace implements the issuer's StatusCache. A snapshot with a lower sequence number than
// the cache has was overtaken by another publisher: issuer.ErrCacheGap. Only when the higher
// number has had no heartbeat for ten seconds has the record itself gone back, restored from a
// backup, and is believed.
func (s *Store) Replace(ctx context.Context, head issuer.ListHead, raw []byte, asOf time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	at := asOf.UnixMicro()
	switch {
	case head.Name == "" || len(head.Name) > maxName:
		return fmt.Errorf("memstore: list name of %d bytes", len(head.Name))
	case head.Size == 0 || head.Size > statuslist.MaxEntries || uint64(len(raw)) != (head.Size+3)/4:
		return fmt.Errorf("memstore: list of %d entries in %d bytes", head.Size, len(raw))
	case at <= 0:
		return errors.New("memstore: list without as-of")
	}
	l := &list{size: head.Size, seq: head.Seq, words: make([]atomic.Uint32, (head.Size+entriesPerWord-1)/entriesPerWord)}
	for i := range l.words {
		var b [4]byte
		copy(b[:], raw[4*i:])
		l.words[i].Store(binary.LittleEndian.Uint32(b[:]))
	}

	s.lists.write.Lock()
	defer s.lists.write.Unlock()
	old := s.lists.get(head.Name)
	if old != nil {
		oldAt := old.asOf.Load()
		if head.Seq < old.seq && at-oldAt < abandoned.Microseconds() {
			return fmt.Errorf("%w: at %d, the snapshot at %d", issuer.ErrCacheGap, old.seq, head.Seq)
		}
		at = max(at, oldAt)
	}
	l.asOf.Store(at)
	all := map[string]*list{}
	if now := s.lists.all.Load(); now != nil {
		all = maps.Clone(*now)
	}
	if old == nil && len(all) >= s.lists.max {
		return fmt.Errorf("%w: %d status lists", ErrFull, len(all))
	}
	all[head.Name] = l
	s.lists.all.Store(&all)
	s.stream.add(s.now(), replica.Entry{Kind: replica.Replaced, AsOf: time.UnixMicro(asOf.UnixMicro()).UTC(), Heads: []replica.Head{{List: head.Name, Seq: head.Seq}}})
	return nil
}

// Apply implements the issuer's StatusCache. A change past the end of the list is
// statuslist.ErrIndex; like every other error it leaves the list as it was.
func (s *Store) Apply(ctx context.Context, name string, from, to uint64, changes []issuer.StatusChange, asOf time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkChanges(from, to, changes, asOf); err != nil {
		return err
	}
	s.lists.write.Lock()
	defer s.lists.write.Unlock()
	l := s.lists.get(name)
	if l == nil {
		return fmt.Errorf("%w: not there", issuer.ErrCacheGap)
	}
	if l.seq != from {
		return fmt.Errorf("%w: at %d, not %d", issuer.ErrCacheGap, l.seq, from)
	}
	for _, c := range changes {
		if c.Index >= l.size {
			return fmt.Errorf("memstore: %w: %d of %d", statuslist.ErrIndex, c.Index, l.size)
		}
	}
	for _, c := range changes {
		w, low := &l.words[c.Index/entriesPerWord], c.Index%entriesPerWord*2
		w.Store(w.Load()&^(3<<low) | uint32(c.Status)<<low)
	}
	l.seq = to
	l.asOf.Store(max(asOf.UnixMicro(), l.asOf.Load())) // after the entries
	s.tellChanges(name, from, changes, asOf)
	return nil
}

func checkChanges(from, to uint64, changes []issuer.StatusChange, asOf time.Time) error {
	if to < from || uint64(len(changes)) != to-from {
		return fmt.Errorf("memstore: %d changes from %d to %d", len(changes), from, to)
	}
	if asOf.UnixMicro() <= 0 {
		return errors.New("memstore: changes without as-of")
	}
	for i, c := range changes {
		if c.Seq != from+1+uint64(i) {
			return fmt.Errorf("memstore: change %d where %d is due", c.Seq, from+1+uint64(i))
		}
		if c.Status > 3 {
			return fmt.Errorf("memstore: %w: %d in 2 bits", statuslist.ErrStatus, c.Status)
		}
	}
	return nil
}
