package sdcwt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// maxDepth bounds tags, arrays and maps within one another. Byte strings that hold CBOR again
// start from zero. The format itself goes to four.
const maxDepth = 8

// Major types of CBOR (RFC 8949 §3.1).
const (
	unsigned byte = iota
	negative
	byteString
	textString
	array
	mapping
	tagged
	simple
)

// The simple values that the format has: a value is yes, no, or hidden.
const (
	simpleFalse = 20
	simpleTrue  = 21
	simpleNull  = 22
)

// item is one decoded data item. Nothing is copied: bytes and text point into the input.
type item struct {
	major byte
	n     int64  // integers; number of a simple value
	data  []byte // strings
	items []item // arrays; maps as key, value, key, value; the content of a tag
	raw   []byte // the whole item as it stands in the input
}

// scan reads one data item and nothing after it. It takes one spelling of a value only (RFC 8949
// §4.2.1), so that what was signed, what was shown and what is remembered are the same bytes.
func scan(data []byte) (item, error) {
	s := scanner{rest: data}
	it, err := s.item(0)
	if err == nil && len(s.rest) > 0 {
		err = fmt.Errorf("%w: %d bytes too many", ErrLength, len(s.rest))
	}
	if err != nil {
		return item{}, err
	}
	return it, nil
}

type scanner struct{ rest []byte }

// head reads the first byte of an item and the argument behind it.
func (s *scanner) head() (major byte, n uint64, err error) {
	if len(s.rest) == 0 {
		return 0, 0, fmt.Errorf("%w: ends too early", ErrLength)
	}
	major, info := s.rest[0]>>5, s.rest[0]&31
	s.rest = s.rest[1:]
	switch {
	case info < 24:
		return major, uint64(info), nil
	case info == 31 && major != unsigned && major != negative && major != tagged:
		// Also a break (0xff): it ends an indefinite length, which never began.
		return 0, 0, ErrIndefinite
	case info > 27:
		return 0, 0, fmt.Errorf("%w: reserved head", ErrItem)
	case major == simple:
		return 0, 0, fmt.Errorf("%w: a float, or a simple value of two bytes", ErrItem)
	}
	size := 1 << (info - 24)
	if len(s.rest) < size {
		return 0, 0, fmt.Errorf("%w: ends too early", ErrLength)
	}
	var wide [8]byte
	copy(wide[8-size:], s.rest[:size])
	s.rest = s.rest[size:]
	n = binary.BigEndian.Uint64(wide[:])
	if least := [...]uint64{24, 1 << 8, 1 << 16, 1 << 32}; n < least[info-24] {
		return 0, 0, fmt.Errorf("%w: a number is not in its shortest form", ErrSpelling)
	}
	return major, n, nil
}

func (s *scanner) item(depth int) (item, error) {
	from := s.rest
	major, n, err := s.head()
	if err != nil {
		return item{}, err
	}
	it := item{major: major}
	switch major {
	case unsigned, negative:
		if n > math.MaxInt64 {
			return item{}, fmt.Errorf("%w: an integer of more than 63 bits", ErrItem)
		}
		if it.n = int64(n); major == negative {
			it.n = -1 - it.n
		}
	case byteString, textString:
		if n > uint64(len(s.rest)) {
			return item{}, fmt.Errorf("%w: a string longer than the data", ErrLength)
		}
		it.data, s.rest = s.rest[:n:n], s.rest[n:]
		if major == textString && !utf8.Valid(it.data) {
			return item{}, fmt.Errorf("%w: text that is not UTF-8", ErrItem)
		}
	case simple:
		if n != simpleFalse && n != simpleTrue && n != simpleNull {
			return item{}, fmt.Errorf("%w: simple value %d", ErrItem, n)
		}
		it.n = int64(n)
	default:
		if err := s.compound(&it, n, depth); err != nil {
			return item{}, err
		}
	}
	it.raw = from[:len(from)-len(s.rest)]
	return it, nil
}

// compound reads what is inside of an array, a map or a tag.
func (s *scanner) compound(it *item, n uint64, depth int) error {
	if depth == maxDepth {
		return ErrNesting
	}
	switch {
	case it.major == tagged && n != tagSign1:
		return fmt.Errorf("%w: tag %d", ErrItem, n)
	case it.major == tagged:
		n = 1
	// Every item has a byte at least. Compared before anything is multiplied or allocated.
	case n > uint64(len(s.rest)):
		return fmt.Errorf("%w: more members than data", ErrLength)
	case it.major == mapping:
		n *= 2
	}
	for i := range n {
		member, err := s.item(depth + 1)
		if err != nil {
			return err
		}
		if it.major == mapping && i%2 == 0 && i > 0 {
			// One comparison with the key before finds both: a key that stands twice in order, and
			// keys out of order.
			switch bytes.Compare(it.items[i-2].raw, member.raw) {
			case 0:
				return ErrDuplicate
			case 1:
				return fmt.Errorf("%w: keys are out of order", ErrSpelling)
			}
		}
		it.items = append(it.items, member)
	}
	return nil
}

func (it item) isInt() bool { return it.major == unsigned || it.major == negative }

// get finds the value of an integer key in a map.
func (it item) get(label int64) (item, bool) {
	if it.major != mapping {
		return item{}, false
	}
	for i := 0; i < len(it.items); i += 2 {
		if k := it.items[i]; k.isInt() && k.n == label {
			return it.items[i+1], true
		}
	}
	return item{}, false
}

// exactly says whether a map has these integer keys and no other.
func (it item) exactly(labels ...int64) bool {
	if it.major != mapping || len(it.items) != 2*len(labels) {
		return false
	}
	for _, label := range labels {
		if _, there := it.get(label); !there {
			return false
		}
	}
	return true
}
