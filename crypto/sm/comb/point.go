package comb

import "encoding/hex"

// An affine point of the curve. The point at infinity has none of these; tables never hold it.
type affine struct{ x, y element }

// A point in coordinates XYZZ: x = X/ZZ, y = Y/ZZZ with ZZ³ = ZZZ². They make the one operation
// that verification repeats, adding an affine point, as cheap as it gets without inversions: 8
// multiplications and 2 squarings. ZZ = 0 is the point at infinity.
type point struct{ x, y, zz, zzz element }

// set makes p the affine point q.
func (p *point) set(q *affine) { p.x, p.y, p.zz, p.zzz = q.x, q.y, one, one }

// add sets p = p + q, and reports false, leaving p as it was, when the formula does not hold:
// when p and q have the same x, that is p = q or p = -q. p must not be the point at infinity.
//
// madd-2008-s of the Explicit-Formulas Database (short Weierstrass, XYZZ).
func (p *point) add(q *affine) bool {
	var u, s, h, r, hh, hhh, v, t element
	u.mul(&q.x, &p.zz)
	s.mul(&q.y, &p.zzz)
	h.sub(&u, &p.x)
	r.sub(&s, &p.y)
	if h.isZero() {
		return false
	}
	hh.sqr(&h)
	hhh.mul(&h, &hh)
	v.mul(&p.x, &hh)
	p.x.sqr(&r)
	p.x.sub(&p.x, &hhh)
	p.x.sub(&p.x, &v)
	p.x.sub(&p.x, &v)
	t.sub(&v, &p.x)
	t.mul(&r, &t)
	v.mul(&p.y, &hhh)
	p.y.sub(&t, &v)
	p.zz.mul(&p.zz, &hh)
	p.zzz.mul(&p.zzz, &hhh)
	return true
}

// double sets p = 2p. The curve has odd order, so no point but infinity doubles to infinity.
//
// dbl-2008-s-1 of the Explicit-Formulas Database, with a = -3:
// M = 3·X² - 3·ZZ² = 3·(X - ZZ)·(X + ZZ).
func (p *point) double() {
	var u, v, w, s, m, t element
	u.add(&p.y, &p.y)
	v.sqr(&u)
	w.mul(&u, &v)
	s.mul(&p.x, &v)
	m.sub(&p.x, &p.zz)
	t.add(&p.x, &p.zz)
	t.mul(&m, &t)
	m.add(&t, &t)
	m.add(&m, &t)
	p.x.sqr(&m)
	p.x.sub(&p.x, &s)
	p.x.sub(&p.x, &s)
	t.sub(&s, &p.x)
	t.mul(&m, &t)
	s.mul(&w, &p.y)
	p.y.sub(&t, &s)
	p.zz.mul(&v, &p.zz)
	p.zzz.mul(&w, &p.zzz)
}

// toAffine brings points to affine form with a single inversion (Montgomery's trick). None may
// be infinity.
func toAffine(out []affine, in []point) {
	if len(in) == 0 {
		return
	}
	// before[i] is the product of all zzz before i.
	before := make([]element, len(in))
	all := one
	for i := range in {
		before[i] = all
		all.mul(&all, &in[i].zzz)
	}
	var inverse element
	inverse.invert(&all)
	for i := len(in) - 1; i >= 0; i-- {
		p := &in[i]
		var zzz, zz element
		zzz.mul(&inverse, &before[i]) // 1/zzz
		inverse.mul(&inverse, &p.zzz)
		zz.mul(&zzz, &p.zz) // zz/zzz = 1/z
		zz.sqr(&zz)         // 1/zz
		out[i].x.mul(&p.x, &zz)
		out[i].y.mul(&p.y, &zzz)
	}
}

// onCurve reports whether y² = x³ - 3x + b.
func (a *affine) onCurve() bool {
	b := curveB
	var l, r, t element
	l.sqr(&a.y)
	r.sqr(&a.x)
	r.mul(&r, &a.x)
	t.add(&a.x, &a.x)
	t.add(&t, &a.x)
	r.sub(&r, &t)
	r.add(&r, &b)
	return l == r
}

// b of the curve, in Montgomery form (GB/T 32918.5).
var curveB = fixed("28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93")

// base is the generator G (GB/T 32918.5).
var base = affine{
	fixed("32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"),
	fixed("bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"),
}

func fixed(text string) (z element) {
	var b [32]byte
	if n, err := hex.Decode(b[:], []byte(text)); err != nil || n != 32 || !z.setBytes(&b) {
		panic("comb: " + text)
	}
	return z
}
