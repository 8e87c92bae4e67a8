package statuslist

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrGap says that changes do not follow what a bitmap holds: something between was missed, or
// the list on offer is older than the one at hand. The whole list has to be read anew.
var ErrGap = errors.New("statuslist: changes do not follow")

// Change is an entry that changed, in one word: the index above, two bits of status below.
type Change uint32

// NewChange packs a change. No list is long enough for an index that does not fit.
func NewChange(index uint64, s Status) (Change, error) {
	if index >= MaxEntries {
		return 0, fmt.Errorf("%w: %d", ErrIndex, index)
	}
	if s > 3 {
		return 0, fmt.Errorf("%w: %d in 2 bits", ErrStatus, s)
	}
	return Change(index<<2 | uint64(s)), nil
}

// Index is which entry.
func (c Change) Index() uint64 { return uint64(c >> 2) }

// Status is what it became.
func (c Change) Status() Status { return Status(c & 3) }

const (
	entriesPerWord = 32
	// A list may go back to a lower sequence number only when nobody has kept the higher one alive
	// for so long: then the record itself went back, restored from a backup.
	abandoned = 10 * time.Second
)

// Bitmap is a list of two-bit entries that is read while it changes. Readers take no lock and are
// never waited for. It knows its place in the gapless sequence of changes, and as of when the
// record stood there: only changes that follow without a gap move the two on.
//
// A reader loads as-of before the entry, and a writer stores it after the entries. So a reader may
// see an entry that is newer than the as-of that it reports, never an older one.
type Bitmap struct {
	size  uint64
	write sync.Mutex // one writer at a time
	seq   atomic.Uint64
	asOf  atomic.Int64 // µs
	// Words filled from the lowest bit are, little-endian, the bytes that the Token Status List
	// draws (§4.1).
	words []atomic.Uint64
}

// NewBitmap makes a bitmap of a list as it stood at a moment, from the packed bytes.
func NewBitmap(size, seq uint64, raw []byte, asOf time.Time) (*Bitmap, error) {
	if size == 0 || size > MaxEntries {
		return nil, fmt.Errorf("%w: %d entries, want 1 to %d", ErrTooLarge, size, MaxEntries)
	}
	b := &Bitmap{size: size, words: make([]atomic.Uint64, (size+entriesPerWord-1)/entriesPerWord)}
	return b, b.Load(seq, raw, asOf)
}

// Size is how many entries there are.
func (b *Bitmap) Size() uint64 { return b.size }

// Bytes is what the entries take in memory.
func (b *Bitmap) Bytes() int { return 8 * len(b.words) }

// Place is how far in the sequence of changes the bitmap is, and as of when.
func (b *Bitmap) Place() (seq uint64, asOf time.Time) {
	return b.seq.Load(), time.UnixMicro(b.asOf.Load()).UTC()
}

// Get returns an entry, and as of when it stood so at least.
func (b *Bitmap) Get(index uint64) (Status, time.Time, error) {
	if index >= b.size {
		return 0, time.Time{}, fmt.Errorf("%w: %d of %d", ErrIndex, index, b.size)
	}
	at := b.asOf.Load() // before the entry
	word := b.words[index/entriesPerWord].Load()
	return Status(word>>(index%entriesPerWord*2)) & 3, time.UnixMicro(at).UTC(), nil
}

// Load takes over a whole list of the same size. A list that is behind what is here is ErrGap and
// not believed, for instance of a cache that lost its last moments; unless it has been kept alive
// without what is here for ten seconds.
func (b *Bitmap) Load(seq uint64, raw []byte, asOf time.Time) error {
	at := asOf.UnixMicro()
	if uint64(len(raw)) != (b.size+3)/4 || at <= 0 {
		return fmt.Errorf("%w: %d entries in %d bytes as of %v", ErrMalformed, b.size, len(raw), asOf)
	}
	b.write.Lock()
	defer b.write.Unlock()
	old := b.asOf.Load()
	if here := b.seq.Load(); seq < here && at-old < abandoned.Microseconds() {
		return fmt.Errorf("%w: a list at %d, here is %d", ErrGap, seq, here)
	}
	whole := len(raw) / 8
	for i := range whole {
		b.words[i].Store(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	if whole < len(b.words) {
		var last [8]byte
		copy(last[:], raw[8*whole:])
		b.words[whole].Store(binary.LittleEndian.Uint64(last[:]))
	}
	b.seq.Store(seq)
	b.asOf.Store(max(at, old))
	return nil
}

// Advance takes over the changes from+1, from+2, … When they begin after what is here, that is
// ErrGap. Those that are here already are left out, and when they are behind what is here they say
// nothing about now: as-of stays. Without changes it is a heartbeat. On an error nothing changes.
func (b *Bitmap) Advance(from uint64, changes []Change, asOf time.Time) error {
	at := asOf.UnixMicro()
	if at <= 0 {
		return fmt.Errorf("%w: changes without as-of", ErrMalformed)
	}
	b.write.Lock()
	defer b.write.Unlock()
	here, to := b.seq.Load(), from+uint64(len(changes))
	switch {
	case from > here:
		return fmt.Errorf("%w: changes after %d, here is %d", ErrGap, from, here)
	case to < here:
		return nil
	}
	changes = changes[here-from:]
	for _, c := range changes {
		if c.Index() >= b.size {
			return fmt.Errorf("%w: %d of %d", ErrIndex, c.Index(), b.size)
		}
	}
	for _, c := range changes {
		word, low := &b.words[c.Index()/entriesPerWord], c.Index()%entriesPerWord*2
		word.Store(word.Load()&^(3<<low) | uint64(c.Status())<<low)
	}
	b.seq.Store(to)
	b.asOf.Store(max(at, b.asOf.Load())) // after the entries
	return nil
}

// AppendRaw appends the packed bytes to a buffer, and says where in the sequence they stand.
func (b *Bitmap) AppendRaw(to []byte) (raw []byte, seq uint64, asOf time.Time) {
	b.write.Lock()
	defer b.write.Unlock()
	end := len(to) + int(b.size+3)/4
	for i := range b.words {
		to = binary.LittleEndian.AppendUint64(to, b.words[i].Load())
	}
	return to[:end], b.seq.Load(), time.UnixMicro(b.asOf.Load()).UTC()
}
