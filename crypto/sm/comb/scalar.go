package comb

import "math/bits"

// A scalar is a number modulo the order n of the curve, the lowest limb first, less than n.
type scalar [4]uint64

// The limbs of n.
const (
	n0 = 0x53bbf40939d54123
	n1 = 0x7203df6b21c6052b
	n2 = 0xffffffffffffffff
	n3 = 0xfffffffeffffffff
)

// setBytes reads 32 bytes, big-endian, and reports whether they are in [1, n-1].
func (k *scalar) setBytes(in *[32]byte) bool {
	*k = limbs(in)
	_, b := bits.Sub64(k[0], n0, 0)
	_, b = bits.Sub64(k[1], n1, b)
	_, b = bits.Sub64(k[2], n2, b)
	_, b = bits.Sub64(k[3], n3, b)
	return b == 1 && k[0]|k[1]|k[2]|k[3] != 0
}

// reduce reads any 32 bytes modulo n: n > 2^255, so one subtraction is enough.
func (k *scalar) reduce(in *[32]byte) {
	t := limbs(in)
	k.below(t[0], t[1], t[2], t[3], 0)
}

// below sets k to t, less n when t ≥ n, for t < 2n.
func (k *scalar) below(t0, t1, t2, t3, carry uint64) {
	s0, b := bits.Sub64(t0, n0, 0)
	s1, b := bits.Sub64(t1, n1, b)
	s2, b := bits.Sub64(t2, n2, b)
	s3, b := bits.Sub64(t3, n3, b)
	if _, b = bits.Sub64(carry, 0, b); b == 1 {
		*k = scalar{t0, t1, t2, t3}
	} else {
		*k = scalar{s0, s1, s2, s3}
	}
}

func (k *scalar) add(x, y *scalar) {
	t0, c := bits.Add64(x[0], y[0], 0)
	t1, c := bits.Add64(x[1], y[1], c)
	t2, c := bits.Add64(x[2], y[2], c)
	t3, c := bits.Add64(x[3], y[3], c)
	k.below(t0, t1, t2, t3, c)
}

// sub sets k = x - y mod n.
func (k *scalar) sub(x, y *scalar) {
	var b, c uint64
	k[0], b = bits.Sub64(x[0], y[0], 0)
	k[1], b = bits.Sub64(x[1], y[1], b)
	k[2], b = bits.Sub64(x[2], y[2], b)
	k[3], b = bits.Sub64(x[3], y[3], b)
	if b == 1 {
		k[0], c = bits.Add64(k[0], n0, 0)
		k[1], c = bits.Add64(k[1], n1, c)
		k[2], c = bits.Add64(k[2], n2, c)
		k[3], _ = bits.Add64(k[3], n3, c)
	}
}

func (k *scalar) isZero() bool { return k[0]|k[1]|k[2]|k[3] == 0 }

// half brings k into [0, 2^255) by turning its sign where it has 256 bits: k·P is then
// (n-k)·(-P). It reports whether it did. Windows with signed digits need the free bit on top.
func (k *scalar) half() (negative bool) {
	if k[3]>>63 == 0 {
		return false
	}
	k.sub(&scalar{}, k)
	return true
}
