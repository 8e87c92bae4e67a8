package comb

import (
	"encoding/binary"
	"math/bits"
)

// An element is a number modulo
//
//	p = 2^256 - 2^224 - 2^96 + 2^64 - 1
//
// on four 64-bit limbs, the lowest first, times R = 2^256 mod p (Montgomery form). It is always
// reduced: every function below takes and gives numbers less than p, so that equal numbers are
// equal limbs.
type element [4]uint64

// The limbs of p.
const (
	p0 = 0xffffffffffffffff
	p1 = 0xffffffff00000000
	p2 = 0xffffffffffffffff
	p3 = 0xfffffffeffffffff
)

var (
	one = element{1, 0xffffffff, 0, 0x100000000} // R mod p
	// rr is R² mod p.
	rr = element{0x0000000200000003, 0x00000002ffffffff, 0x0000000100000001, 0x0000000400000002}
)

// reduce gives t - p when t ≥ p, for t = carry·2^256 + (t0…t3) < 2p.
func (z *element) reduce(t0, t1, t2, t3, carry uint64) {
	s0, b := bits.Sub64(t0, p0, 0)
	s1, b := bits.Sub64(t1, p1, b)
	s2, b := bits.Sub64(t2, p2, b)
	s3, b := bits.Sub64(t3, p3, b)
	_, b = bits.Sub64(carry, 0, b)
	keep := -b // all ones when t < p
	z[0] = s0 ^ keep&(s0^t0)
	z[1] = s1 ^ keep&(s1^t1)
	z[2] = s2 ^ keep&(s2^t2)
	z[3] = s3 ^ keep&(s3^t3)
}

// add sets z = x + y.
func (z *element) add(x, y *element) {
	t0, c := bits.Add64(x[0], y[0], 0)
	t1, c := bits.Add64(x[1], y[1], c)
	t2, c := bits.Add64(x[2], y[2], c)
	t3, c := bits.Add64(x[3], y[3], c)
	z.reduce(t0, t1, t2, t3, c)
}

// sub sets z = x - y.
func (z *element) sub(x, y *element) {
	t0, b := bits.Sub64(x[0], y[0], 0)
	t1, b := bits.Sub64(x[1], y[1], b)
	t2, b := bits.Sub64(x[2], y[2], b)
	t3, b := bits.Sub64(x[3], y[3], b)
	below := -b // all ones when x < y: p comes back on top
	var c uint64
	z[0], c = bits.Add64(t0, below&p0, 0)
	z[1], c = bits.Add64(t1, below&p1, c)
	z[2], c = bits.Add64(t2, below&p2, c)
	z[3], _ = bits.Add64(t3, below&p3, c)
}

// neg sets z = -x.
func (z *element) neg(x *element) { z.sub(&element{}, x) }

func (x *element) isZero() bool { return x[0]|x[1]|x[2]|x[3] == 0 }

// mul sets z = x·y/R mod p. Each limb of y is multiplied in and, at once, the lowest limb is
// cleared and dropped (Montgomery's reduction, coarsely integrated): as p ≡ -1 mod 2^64, the
// multiple of p that clears the limb m is m·p itself, and
//
//	(m·p + m) / 2^64 = m·(2^192 - 2^160 - 2^32 + 1)
//
// takes shifts and subtractions, no multiplication. Before each row t < 2p, after it t < 2p again:
// (2p + (2^64-1)·p + (2^64-1)·p) / 2^64 ≤ 2p.
func (z *element) mul(x, y *element) {
	var t0, t1, t2, t3, t4, c, b, m, lo, hi uint64
	var h0, h1, h2, h3, l0, l1, l2, l3 uint64
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]

	m = y[0]
	h0, l0 = bits.Mul64(x0, m)
	h1, l1 = bits.Mul64(x1, m)
	h2, l2 = bits.Mul64(x2, m)
	h3, l3 = bits.Mul64(x3, m)
	t0 = l0
	t1, c = bits.Add64(l1, h0, 0)
	t2, c = bits.Add64(l2, h1, c)
	t3, c = bits.Add64(l3, h2, c)
	t4, _ = bits.Add64(h3, 0, c)
	lo, hi = t0<<32, t0>>32
	l0, b = bits.Sub64(t0, lo, 0)
	l1, b = bits.Sub64(0, hi, b)
	l2, b = bits.Sub64(0, lo, b)
	l3, _ = bits.Sub64(t0, hi, b)
	t0, c = bits.Add64(t1, l0, 0)
	t1, c = bits.Add64(t2, l1, c)
	t2, c = bits.Add64(t3, l2, c)
	t3, t4 = bits.Add64(t4, l3, c)

	m = y[1]
	h0, l0 = bits.Mul64(x0, m)
	h1, l1 = bits.Mul64(x1, m)
	h2, l2 = bits.Mul64(x2, m)
	h3, l3 = bits.Mul64(x3, m)
	l1, c = bits.Add64(l1, h0, 0)
	l2, c = bits.Add64(l2, h1, c)
	l3, c = bits.Add64(l3, h2, c)
	h3, _ = bits.Add64(h3, 0, c)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, l1, c)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	t4, c = bits.Add64(t4, h3, c)
	lo, hi = t0<<32, t0>>32
	l0, b = bits.Sub64(t0, lo, 0)
	l1, b = bits.Sub64(0, hi, b)
	l2, b = bits.Sub64(0, lo, b)
	l3, _ = bits.Sub64(t0, hi, b)
	h0, _ = bits.Add64(0, 0, c)
	t0, c = bits.Add64(t1, l0, 0)
	t1, c = bits.Add64(t2, l1, c)
	t2, c = bits.Add64(t3, l2, c)
	t3, c = bits.Add64(t4, l3, c)
	t4, _ = bits.Add64(h0, 0, c)

	m = y[2]
	h0, l0 = bits.Mul64(x0, m)
	h1, l1 = bits.Mul64(x1, m)
	h2, l2 = bits.Mul64(x2, m)
	h3, l3 = bits.Mul64(x3, m)
	l1, c = bits.Add64(l1, h0, 0)
	l2, c = bits.Add64(l2, h1, c)
	l3, c = bits.Add64(l3, h2, c)
	h3, _ = bits.Add64(h3, 0, c)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, l1, c)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	t4, c = bits.Add64(t4, h3, c)
	lo, hi = t0<<32, t0>>32
	l0, b = bits.Sub64(t0, lo, 0)
	l1, b = bits.Sub64(0, hi, b)
	l2, b = bits.Sub64(0, lo, b)
	l3, _ = bits.Sub64(t0, hi, b)
	h0, _ = bits.Add64(0, 0, c)
	t0, c = bits.Add64(t1, l0, 0)
	t1, c = bits.Add64(t2, l1, c)
	t2, c = bits.Add64(t3, l2, c)
	t3, c = bits.Add64(t4, l3, c)
	t4, _ = bits.Add64(h0, 0, c)

	m = y[3]
	h0, l0 = bits.Mul64(x0, m)
	h1, l1 = bits.Mul64(x1, m)
	h2, l2 = bits.Mul64(x2, m)
	h3, l3 = bits.Mul64(x3, m)
	l1, c = bits.Add64(l1, h0, 0)
	l2, c = bits.Add64(l2, h1, c)
	l3, c = bits.Add64(l3, h2, c)
	h3, _ = bits.Add64(h3, 0, c)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, l1, c)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	t4, c = bits.Add64(t4, h3, c)
	lo, hi = t0<<32, t0>>32
	l0, b = bits.Sub64(t0, lo, 0)
	l1, b = bits.Sub64(0, hi, b)
	l2, b = bits.Sub64(0, lo, b)
	l3, _ = bits.Sub64(t0, hi, b)
	h0, _ = bits.Add64(0, 0, c)
	t0, c = bits.Add64(t1, l0, 0)
	t1, c = bits.Add64(t2, l1, c)
	t2, c = bits.Add64(t3, l2, c)
	t3, c = bits.Add64(t4, l3, c)
	t4, _ = bits.Add64(h0, 0, c)
	z.reduce(t0, t1, t2, t3, t4)
}

// sqr sets z = x²/R mod p: the six products of different limbs once, doubled, and four squares.
func (z *element) sqr(x *element) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	var c, b, lo, hi uint64
	t2, t1 := bits.Mul64(x0, x1)
	h, l := bits.Mul64(x0, x2)
	t2, c = bits.Add64(t2, l, 0)
	t4, t3 := bits.Mul64(x0, x3)
	t3, c = bits.Add64(t3, h, c)
	t4, _ = bits.Add64(t4, 0, c)
	h, l = bits.Mul64(x1, x2)
	t3, c = bits.Add64(t3, l, 0)
	t4, c = bits.Add64(t4, h, c)
	h, l = bits.Mul64(x1, x3)
	t5, _ := bits.Add64(h, 0, c)
	t4, c = bits.Add64(t4, l, 0)
	t6, l := bits.Mul64(x2, x3)
	t5, c = bits.Add64(t5, l, c)
	t6, _ = bits.Add64(t6, 0, c)

	t1, c = bits.Add64(t1, t1, 0)
	t2, c = bits.Add64(t2, t2, c)
	t3, c = bits.Add64(t3, t3, c)
	t4, c = bits.Add64(t4, t4, c)
	t5, c = bits.Add64(t5, t5, c)
	t6, c = bits.Add64(t6, t6, c)
	t7, _ := bits.Add64(0, 0, c)

	h, t0 := bits.Mul64(x0, x0)
	t1, c = bits.Add64(t1, h, 0)
	h, l = bits.Mul64(x1, x1)
	t2, c = bits.Add64(t2, l, c)
	t3, c = bits.Add64(t3, h, c)
	h, l = bits.Mul64(x2, x2)
	t4, c = bits.Add64(t4, l, c)
	t5, c = bits.Add64(t5, h, c)
	h, l = bits.Mul64(x3, x3)
	t6, c = bits.Add64(t6, l, c)
	t7, _ = bits.Add64(t7, h, c)

	lo, hi = t0<<32, t0>>32
	l0, b := bits.Sub64(t0, lo, 0)
	l1, b := bits.Sub64(0, hi, b)
	l2, b := bits.Sub64(0, lo, b)
	l3, _ := bits.Sub64(t0, hi, b)
	t0, c = bits.Add64(t1, l0, 0)
	t1, c = bits.Add64(t2, l1, c)
	t2, c = bits.Add64(t3, l2, c)
	t3, _ = bits.Add64(0, l3, c)

	lo, hi = t0<<32, t0>>32
	l0, b = bits.Sub64(t0, lo, 0)
	l1, b = bits.Sub64(0, hi, b)
	l2, b = bits.Sub64(0, lo, b)
	l3, _ = bits.Sub64(t0, hi, b)
	t0, c = bits.Add64(t1, l0, 0)
	t1, c = bits.Add64(t2, l1, c)
	t2, c = bits.Add64(t3, l2, c)
	t3, _ = bits.Add64(0, l3, c)

	lo, hi = t0<<32, t0>>32
	l0, b = bits.Sub64(t0, lo, 0)
	l1, b = bits.Sub64(0, hi, b)
	l2, b = bits.Sub64(0, lo, b)
	l3, _ = bits.Sub64(t0, hi, b)
	t0, c = bits.Add64(t1, l0, 0)
	t1, c = bits.Add64(t2, l1, c)
	t2, c = bits.Add64(t3, l2, c)
	t3, _ = bits.Add64(0, l3, c)

	lo, hi = t0<<32, t0>>32
	l0, b = bits.Sub64(t0, lo, 0)
	l1, b = bits.Sub64(0, hi, b)
	l2, b = bits.Sub64(0, lo, b)
	l3, _ = bits.Sub64(t0, hi, b)
	t0, c = bits.Add64(t1, l0, 0)
	t1, c = bits.Add64(t2, l1, c)
	t2, c = bits.Add64(t3, l2, c)
	t3, _ = bits.Add64(0, l3, c)

	t0, c = bits.Add64(t0, t4, 0)
	t1, c = bits.Add64(t1, t5, c)
	t2, c = bits.Add64(t2, t6, c)
	t3, c = bits.Add64(t3, t7, c)
	z.reduce(t0, t1, t2, t3, c)
}

// pow2k sets z = x^(2^k).
func (z *element) pow2k(x *element, k int) {
	*z = *x
	for range k {
		z.sqr(z)
	}
}

// invert sets z = 1/x, and 0 for 0, as x^(p-2) (Fermat). It is used while tables are built,
// never while verifying.
//
//	p - 2 = fffffffeffffffff ffffffffffffffff ffffffff00000000 fffffffffffffffd
func (z *element) invert(x *element) {
	var e2, e4, e8, e16, e30, e32, t element
	ones := func(z, x *element, k int, y *element) { // z = x^(2^k)·y: k more ones
		t.pow2k(x, k)
		z.mul(&t, y)
	}
	ones(&e2, x, 1, x)
	ones(&e4, &e2, 2, &e2)
	ones(&e8, &e4, 4, &e4)
	ones(&e16, &e8, 8, &e8)
	ones(&e30, &e16, 8, &e8)
	ones(&e30, &e30, 4, &e4)
	ones(&e30, &e30, 2, &e2)
	ones(&e32, &e30, 2, &e2)

	var a element
	ones(&a, &e30, 1, x)
	a.sqr(&a) // fffffffe
	for range 4 {
		ones(&a, &a, 32, &e32) // ffffffff, four times
	}
	ones(&a, &a, 64, &e32) // 00000000ffffffff
	ones(&a, &a, 30, &e30)
	ones(z, &a, 2, x) // fffffffd
}

// setBytes reads 32 bytes, big-endian, and reports whether they are less than p.
func (z *element) setBytes(in *[32]byte) bool {
	t := limbs(in)
	_, b := bits.Sub64(t[0], p0, 0)
	_, b = bits.Sub64(t[1], p1, b)
	_, b = bits.Sub64(t[2], p2, b)
	_, b = bits.Sub64(t[3], p3, b)
	z.enter(&t)
	return b == 1
}

// enter brings a number less than p into Montgomery form.
func (z *element) enter(number *[4]uint64) {
	r := rr
	z.mul((*element)(number), &r)
}

// bytes writes the number, out of Montgomery form, big-endian.
func (x *element) bytes() (out [32]byte) {
	var t element
	t.mul(x, &element{1})
	for i := range 4 {
		binary.BigEndian.PutUint64(out[24-8*i:], t[i])
	}
	return out
}

// limbs reads 32 bytes, big-endian.
func limbs(in *[32]byte) (out [4]uint64) {
	for i := range 4 {
		out[i] = binary.BigEndian.Uint64(in[24-8*i:])
	}
	return out
}
