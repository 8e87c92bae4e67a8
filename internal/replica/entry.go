package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
)

// Kind says what an entry of the stream is about.
type Kind byte

// The kinds of entries.
const (
	// Changes are changes From+1, From+2, … of one list; without any it is its heartbeat.
	Changes Kind = 1
	// Replaced says that a list was put into the cache whole.
	Replaced Kind = 2
	// Beat says where lists stand, many at once.
	Beat Kind = 3
)

// Head is how far a list has come.
type Head struct {
	List string
	Seq  uint64
}

// Entry is one message of the stream. AsOf is when the record was looked at, before it was read:
// what the entry says holds as of then.
type Entry struct {
	Kind  Kind
	AsOf  time.Time // to the microsecond
	Heads []Head    // of Changes: the list, and from where the changes go on; of Replaced: the list; of Beat: any number
	// Changes in order, of the kind Changes only.
	Changes []statuslist.Change
}

// ErrEntry says that a message of the stream is none of ours.
var ErrEntry = errors.New("replica: malformed stream entry")

// The message:
//
//	byte     version, 1
//	byte     kind
//	8 bytes  as-of in µs, little-endian
//	         one head, or of a Beat uvarint count and as many heads:
//	           uvarint length, name, uvarint sequence number
//	4 bytes  each change: index × 4 + status, little-endian, to the end
//
// A change takes four bytes and no digits, so that a burst of a million is a thousand messages of
// 4 KB. A list of a beat takes some six bytes.
const (
	entryVersion = 1
	entryHead    = 10
	maxName      = 256
)

// Append appends the message to a buffer.
func (e Entry) Append(to []byte) []byte {
	to = append(to, entryVersion, byte(e.Kind))
	to = binary.LittleEndian.AppendUint64(to, uint64(e.AsOf.UnixMicro()))
	if e.Kind == Beat {
		to = binary.AppendUvarint(to, uint64(len(e.Heads)))
	}
	for _, h := range e.Heads {
		to = binary.AppendUvarint(to, uint64(len(h.List)))
		to = append(to, h.List...)
		to = binary.AppendUvarint(to, h.Seq)
	}
	for _, c := range e.Changes {
		to = binary.LittleEndian.AppendUint32(to, uint32(c))
	}
	return to
}

// ParseEntry reads a message.
func ParseEntry(data string) (Entry, error) {
	if len(data) < entryHead || data[0] != entryVersion {
		return Entry{}, ErrEntry
	}
	e := Entry{Kind: Kind(data[1])}
	micros := int64(0)
	for i := range 8 {
		micros |= int64(data[2+i]) << (8 * i)
	}
	if micros <= 0 || micros > 1<<53 {
		return Entry{}, fmt.Errorf("%w: as-of %d", ErrEntry, micros)
	}
	e.AsOf = time.UnixMicro(micros).UTC()
	r := reader{data[entryHead:], true}
	n := uint64(1)
	if e.Kind == Beat {
		n = r.uvarint()
	}
	if n > uint64(len(r.rest)/2) { // each head takes two bytes at least
		return Entry{}, fmt.Errorf("%w: %d heads in %d bytes", ErrEntry, n, len(r.rest))
	}
	e.Heads = make([]Head, n)
	for i := range e.Heads {
		e.Heads[i] = Head{r.text(), r.uvarint()}
	}
	whole := len(r.rest)%4 == 0
	switch {
	case !r.ok, e.Kind < Changes || e.Kind > Beat, e.Kind != Changes && r.rest != "", !whole:
		return Entry{}, ErrEntry
	case r.rest == "":
		return e, nil
	}
	e.Changes = make([]statuslist.Change, len(r.rest)/4)
	for i := range e.Changes {
		b := r.rest[4*i : 4*i+4]
		e.Changes[i] = statuslist.Change(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
	}
	return e, nil
}

type reader struct {
	rest string
	ok   bool
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		b := r.rest[i]
		if i == binary.MaxVarintLen64-1 && b > 1 {
			break // more than 64 bits
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.ok, r.rest = false, ""
	return 0
}

func (r *reader) text() string {
	n := r.uvarint()
	if n == 0 || n > maxName || n > uint64(len(r.rest)) {
		r.ok, r.rest = false, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}
