package bundle

import (
	"fmt"
	"math/bits"
)

// maxShift bounds k: no gap of a list is longer.
const maxShift = 24

// encodeSet writes ascending indices as the gaps between them: each as gap >> k ones and a zero, and
// then the k low bits, the highest first; behind the last, zeros to the whole byte.
func encodeSet(set []uint32, size uint64) (k uint64, out []byte, err error) {
	// The median of a geometric distribution, 0.69 of its mean, is where half of the gaps take one bit
	// of unary and the other half more (Golomb: "Run-length encodings", 1966).
	if mean := size * 69 / 100 / uint64(len(set)); mean > 1 {
		k = uint64(bits.Len64(mean) - 1)
	}
	var w bitWriter
	next := uint64(0)
	for _, index := range set {
		at := uint64(index)
		if at < next || at >= size {
			return 0, nil, fmt.Errorf("%w: indices out of order or range", ErrMalformed)
		}
		gap := at - next
		for range gap >> k {
			w.bit(1)
		}
		w.bit(0)
		for i := k; i > 0; i-- {
			w.bit(byte(gap >> (i - 1) & 1))
		}
		next = at + 1
	}
	return k, w.out, nil
}

// decodeSet reads n indices. What it makes is no larger than 32 times the input, whatever n says.
func decodeSet(k, n uint64, data []byte, size uint64) ([]uint32, error) {
	total := uint64(len(data)) * 8
	// Each takes a bit of unary and k others at least, so this also bounds n by the data.
	if k > maxShift || n == 0 || n > total/(k+1) {
		return nil, fmt.Errorf("%w: a set of %d entries in %d bytes", ErrMalformed, n, len(data))
	}
	set := make([]uint32, 0, n)
	at, next := uint64(0), uint64(0)
	short := fmt.Errorf("%w: a set ends too early", ErrMalformed)
	bit := func() uint64 { b := uint64(data[at/8]>>(7-at%8)) & 1; at++; return b }
	for range n {
		gap := uint64(0)
		for {
			if at >= total {
				return nil, short
			}
			if bit() == 0 {
				break
			}
			gap++
		}
		if total-at < k {
			return nil, short
		}
		for range k {
			gap = gap<<1 | bit()
		}
		index := next + gap
		if index >= size {
			return nil, fmt.Errorf("%w: an entry behind the end of the list", ErrMalformed)
		}
		set = append(set, uint32(index))
		next = index + 1
	}
	if total-at >= 8 {
		return nil, fmt.Errorf("%w: bytes behind a set", ErrMalformed)
	}
	for at < total {
		if bit() != 0 {
			return nil, fmt.Errorf("%w: bits behind a set", ErrMalformed)
		}
	}
	return set, nil
}

type bitWriter struct {
	out  []byte
	used uint // bits of the last byte
}

func (w *bitWriter) bit(b byte) {
	if w.used == 0 {
		w.out = append(w.out, 0)
	}
	w.out[len(w.out)-1] |= b << (7 - w.used)
	w.used = (w.used + 1) % 8
}
