// Package comb verifies SM2 signatures (GB/T 32918.2) with tables of multiples of the public key. A
// verification computes s·G + t·Q; where Q was met before, its multiples are looked up and added, and
// the doublings, three quarters of the work, fall away.
//
// It has its own arithmetic: numbers modulo p and n (field.go, scalar.go), points (point.go), tables
// (table.go), and the verification on top (verify.go). It runs in variable time, and may: it sees public
// numbers only, never a private key, and does not sign. Where its formulas do not hold, which only
// a forger brings about, it says Exceptional, and crypto/sm asks the library.
//
// docs/sm2-verification.md says why each step is right.
package comb

import "math/bits"

// Answer is what Verify found.
type Answer int

// The answers. Exceptional says that an addition met a case that its formula does not cover;
// an attacker who chooses r and s can bring that about, nobody else will. The caller asks another
// implementation.
const (
	Bad Answer = iota
	Good
	Exceptional
)

// Verify checks an SM2 signature (GB/T 32918.2 §7.1, steps B1 to B2 and B5 to B7) of the digest
// e = SM3(Z_A ‖ M) by the key whose table is q. g is a table of the generator, made by NewBase:
// a small one would double what stands of Q.
//
//	t = r + s mod n, refused when 0
//	(x, y) = s·G + t·Q
//	valid when r = e + x mod n
//
// Where the sum stands as (X : Y : ZZ : ZZZ), x = X/ZZ. Instead of dividing, X is compared with
// c·ZZ for the numbers c ≡ r - e mod n that are less than p: c itself, and c + n for the few c
// below p - n.
func Verify(g, q *Table, e, r, s *[32]byte) Answer {
	var kr, ks, ke, t scalar
	if !kr.setBytes(r) || !ks.setBytes(s) {
		return Bad
	}
	ke.reduce(e)
	t.add(&kr, &ks)
	if t.isZero() {
		return Bad
	}
	sum := sum{empty: true}
	// The small table doubles what is there already, so it comes first.
	if !sum.product(q, t) || !sum.product(g, ks) || sum.empty || sum.zz.isZero() {
		return Exceptional
	}
	var c scalar
	c.sub(&kr, &ke)
	var x, want element
	x.enter((*[4]uint64)(&c)) // c < n < p
	want.mul(&x, &sum.zz)
	if want == sum.x {
		return Good
	}
	// c + n < p?
	var carry, b uint64
	var u [4]uint64
	u[0], carry = bits.Add64(c[0], n0, 0)
	u[1], carry = bits.Add64(c[1], n1, carry)
	u[2], carry = bits.Add64(c[2], n2, carry)
	u[3], carry = bits.Add64(c[3], n3, carry)
	_, b = bits.Sub64(u[0], p0, 0)
	_, b = bits.Sub64(u[1], p1, b)
	_, b = bits.Sub64(u[2], p2, b)
	_, b = bits.Sub64(u[3], p3, b)
	if carry == 1 || b == 0 {
		return Bad
	}
	x.enter(&u)
	want.mul(&x, &sum.zz)
	if want == sum.x {
		return Good
	}
	return Bad
}

// sum accumulates points. It starts empty; it is never the point at infinity, because an addition
// that would lead there is exceptional.
type sum struct {
	point
	empty bool
}

// addSigned adds q or -q. It reports false in the exceptional case.
func (s *sum) addSigned(q *affine, negative bool) bool {
	if negative {
		minus := affine{x: q.x}
		minus.y.neg(&q.y)
		q = &minus
	}
	if s.empty {
		s.set(q)
		s.empty = false
		return true
	}
	return s.add(q)
}

// product adds k·P, where the table holds P.
func (s *sum) product(t *Table, k scalar) bool {
	if t.width == 0 {
		return s.combed(t, k)
	}
	return s.windowed(t, k)
}

// windowed takes k in windows of w bits as digits -2^(w-1)+1 … 2^(w-1), the carry going up. As
// k < 2^255 the last window takes the last carry.
func (s *sum) windowed(t *Table, k scalar) bool {
	negative := k.half()
	w := uint(t.width)
	half := uint64(1) << (w - 1)
	carry := uint64(0)
	row := t.points
	for at := uint(0); at < 256; at += w {
		d := k[at/64] >> (at % 64)
		if at%64+w > 64 && at/64 < 3 {
			d |= k[at/64+1] << (64 - at%64)
		}
		d = d&(2*half-1) + carry
		carry = 0
		minus := negative
		if d > half {
			d, carry, minus = 2*half-d, 1, !negative
		}
		if d != 0 && !s.addSigned(&row[d-1], minus) {
			return false
		}
		row = row[half:]
	}
	return true
}

// combed takes k as 258 digits of +1 and -1, which an odd k has: with 2^258 - 1 added and halved,
// its bits say where the digits are +1. For an even k it is n - k, which is odd, and -P.
func (s *sum) combed(t *Table, k scalar) bool {
	negative := k[0]&1 == 0
	if negative {
		k.sub(&scalar{}, &k)
	}
	// (k + 2^258 - 1)/2 = (k - 1)/2 + 2^257
	var c [5]uint64
	for i := range 3 {
		c[i] = k[i]>>1 | k[i+1]<<63
	}
	c[3] = k[3] >> 1
	c[4] = 1 << (257 - 256)
	digit := func(at int) int { return int(c[at>>6]>>(at&63)) & 1 }
	for j := apart - 1; j >= 0; j-- {
		if !s.empty {
			s.double()
		}
		for v := range 2 {
			column := j + apart*v
			if column >= columns {
				continue
			}
			e := 0
			for i := range teeth - 1 {
				e |= digit(columns*i+column) << i
			}
			minus := negative
			if digit(columns*(teeth-1)+column) == 0 { // the entry with all signs turned
				e, minus = e^(entries-1), !negative
			}
			if !s.addSigned(&t.points[v*entries+e], minus) {
				return false
			}
		}
	}
	return true
}
