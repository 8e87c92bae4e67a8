package qrimage

import "math/bits"

// deflater writes one block with the fixed Huffman codes of RFC 1951 §3.2.6. It searches for nothing: the caller
// knows what repeats.
type deflater struct {
	out  []byte
	acc  uint64
	held uint
}

const (
	minMatch = 3
	maxMatch = 258
)

// bits appends n bits of v, lowest first.
func (z *deflater) bits(v uint32, n uint) {
	z.acc |= uint64(v) << z.held
	for z.held += n; z.held >= 8; z.held -= 8 {
		z.out = append(z.out, byte(z.acc))
		z.acc >>= 8
	}
}

// symbol appends a literal or length symbol. Huffman codes go highest bit first (§3.1.1).
func (z *deflater) symbol(s uint32) {
	code, n := s+0x30, uint(8)
	switch {
	case s >= 280:
		code = s - 280 + 0xc0
	case s >= 256:
		code, n = s-256, 7
	case s >= 144:
		code, n = s-144+0x190, 9
	}
	z.bits(bits.Reverse32(code)>>(32-n), n)
}

// literals appends b, writing a byte that repeats as a match with the byte before it.
func (z *deflater) literals(b []byte) {
	for i := 0; i < len(b); {
		run := 1
		for i+run < len(b) && b[i+run] == b[i] {
			run++
		}
		z.symbol(uint32(b[i]))
		if run > minMatch {
			z.match(run-1, 1)
		} else {
			for range run - 1 {
				z.symbol(uint32(b[i]))
			}
		}
		i += run
	}
}

// match repeats n bytes from distance bytes back. n is 0 or at least 3.
func (z *deflater) match(n, distance int) {
	for n > 0 {
		step := min(n, maxMatch)
		if rest := n - step; rest > 0 && rest < minMatch {
			step -= minMatch // so that the last piece is not too short to be a match
		}
		z.length(step)
		z.distance(distance)
		n -= step
	}
}

// length appends a match length, 3 to 258 (§3.2.5): 257 to 264 are exact, then four symbols for each extra bit.
func (z *deflater) length(n int) {
	switch {
	case n == maxMatch:
		z.symbol(285)
	case n < 11:
		z.symbol(uint32(257 + n - minMatch))
	default:
		v := uint32(n - minMatch)
		extra := uint(bits.Len32(v)) - 3
		z.symbol(261 + 4*uint32(extra) + v>>extra - 4)
		z.bits(v&(1<<extra-1), extra)
	}
}

// distance appends a match distance, 1 to 32768: 0 to 3 are exact, then two symbols for each extra bit.
func (z *deflater) distance(d int) {
	v := uint32(d - 1)
	if v < 4 {
		z.bits(bits.Reverse32(v)>>27, 5)
		return
	}
	extra := uint(bits.Len32(v)) - 2
	z.bits(bits.Reverse32(2*uint32(extra)+v>>extra)>>27, 5)
	z.bits(v&(1<<extra-1), extra)
}

// endOfBlock appends the end symbol and fills up the last byte.
func (z *deflater) endOfBlock() {
	z.symbol(256)
	z.bits(0, (8-z.held)%8)
}
