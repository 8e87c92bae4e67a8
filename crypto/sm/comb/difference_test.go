package comb_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"flag"
	"fmt"
	"math/big"
	mathrand "math/rand"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm2/sm2ec"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm/comb"
)

// cases is how many random cases TestDifference compares. CI takes what the test command can bear;
// `make sm2-difference` takes ten million and writes a log.
var cases = flag.Int("sm2.cases", 20_000, "random cases to compare with gmsm")

var (
	curve = sm2ec.P256()
	n     = curve.Params().N
	p     = curve.Params().P
)

// subject is a key with its tables.
type subject struct {
	name  string
	d     *big.Int
	key   *ecdsa.PublicKey
	wide  *comb.Table
	small *comb.Table
}

func newSubject(t testing.TB, name string, d *big.Int, width int) subject {
	d = new(big.Int).Mod(d, n)
	x, y := curve.ScalarBaseMult(d.FillBytes(make([]byte, 32)))
	var xb, yb [32]byte
	x.FillBytes(xb[:])
	y.FillBytes(yb[:])
	wide, err := comb.NewTable(&xb, &yb, width)
	require.NoError(t, err)
	small, err := comb.NewSmallTable(&xb, &yb)
	require.NoError(t, err)
	return subject{name, d, &ecdsa.PublicKey{Curve: curve, X: x, Y: y}, wide, small}
}

// over is a/b modulo n.
func over(a, b int64) *big.Int {
	return new(big.Int).Mul(big.NewInt(a), new(big.Int).ModInverse(new(big.Int).Mod(big.NewInt(b), n), n))
}

// subjects are random keys and those whose multiples meet the generator's.
func subjects(t testing.TB, width int) []subject {
	all := []subject{
		newSubject(t, "G", big.NewInt(1), width), newSubject(t, "-G", big.NewInt(-1), width),
		newSubject(t, "2G", big.NewInt(2), width), newSubject(t, "-2G", big.NewInt(-2), width),
		newSubject(t, "3G", big.NewInt(3), width), newSubject(t, "G/2", over(1, 2), width), newSubject(t, "-G/3", over(-1, 3), width),
		newSubject(t, "2^128 G", new(big.Int).Lsh(big.NewInt(1), 128), width), newSubject(t, "n/2 G", new(big.Int).Rsh(n, 1), width),
	}
	for i := range 3 {
		d, err := rand.Int(rand.Reader, n)
		require.NoError(t, err)
		all = append(all, newSubject(t, fmt.Sprint("random ", i), d.Add(d, big.NewInt(1)), width))
	}
	return all
}

// tally counts answers.
type tally struct {
	sync.Mutex
	good, bad, exceptional int
}

func (c *tally) add(a comb.Answer) {
	c.Lock()
	defer c.Unlock()
	switch a {
	case comb.Good:
		c.good++
	case comb.Bad:
		c.bad++
	case comb.Exceptional:
		c.exceptional++
	}
}

// compare asks both tables and gmsm.
func compare(t testing.TB, g *comb.Table, k subject, e, r, s *big.Int, c *tally) {
	var eb, rb, sb [32]byte
	e.FillBytes(eb[:])
	r.FillBytes(rb[:])
	s.FillBytes(sb[:])
	want := sm2.Verify(k.key, eb[:], r, s)
	for _, table := range []*comb.Table{k.wide, k.small} {
		got := comb.Verify(g, table, &eb, &rb, &sb)
		c.add(got)
		if got != comb.Exceptional && (got == comb.Good) != want {
			t.Fatalf("key %s (d = %x), e %x, r %x, s %x: gmsm says %v, the table of %d bytes %d", k.name, k.d, eb, rb, sb, want, table.Bytes(), got)
		}
	}
}

// fitting finds the digest that makes any r and s a good signature: e = r - x(s·G + t·Q).
func fitting(k subject, r, s *big.Int) (e *big.Int, ok bool) {
	u := new(big.Int).Add(r, s)
	u.Mul(u, k.d).Add(u, s).Mod(u, n) // s + t·d
	if u.Sign() == 0 {
		return nil, false
	}
	x, _ := curve.ScalarBaseMult(u.FillBytes(make([]byte, 32)))
	e = new(big.Int).Sub(r, x)
	return e.Mod(e, n), true
}

// scalars near every edge: of windows, of limbs, of the order and of the field.
func scalars() []*big.Int {
	var out []*big.Int
	seen := map[string]bool{}
	add := func(v *big.Int) {
		if v.Sign() >= 0 && v.BitLen() <= 256 && !seen[v.Text(16)] {
			seen[v.Text(16)] = true
			out = append(out, v)
		}
	}
	near := func(v *big.Int, by int64) {
		for d := -by; d <= by; d++ {
			add(new(big.Int).Add(v, big.NewInt(d)))
		}
	}
	near(new(big.Int), 3)
	near(n, 3)
	near(p, 2)
	near(new(big.Int).Rsh(n, 1), 2)
	near(new(big.Int).Sub(p, n), 2)
	for k := uint(8); k <= 256; k += 8 {
		near(new(big.Int).Lsh(big.NewInt(1), k), 1)
	}
	for _, pattern := range []byte{0x7f, 0x80, 0x81, 0xaa, 0xff} {
		b := make([]byte, 32)
		for i := range b {
			b[i] = pattern
		}
		add(new(big.Int).SetBytes(b))
		b[0] = 0x3f
		add(new(big.Int).SetBytes(b))
	}
	return out
}

// Every pair of edge values for r and s, with the digest that makes it good and with others.
func TestEdges(t *testing.T) {
	g, err := comb.NewBase(7)
	require.NoError(t, err)
	var c tally
	values := scalars()
	for i, k := range subjects(t, 6) {
		for j, r := range values {
			// Every key with every r, and an s that walks through all of them over the keys.
			for m := range values {
				if (m+i+j)%12 != 0 {
					continue
				}
				s := values[m]
				compare(t, g, k, values[(m*7+j)%len(values)], r, s, &c)
				if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(n) >= 0 || s.Cmp(n) >= 0 {
					continue
				}
				e, ok := fitting(k, r, s)
				if !ok {
					continue
				}
				compare(t, g, k, e, r, s, &c)
				// The same residue, spelled with n added, where 32 bytes hold it.
				if other := new(big.Int).Add(e, n); other.BitLen() <= 256 {
					compare(t, g, k, other, r, s, &c)
				}
			}
		}
	}
	t.Logf("%d good, %d bad, %d exceptional", c.good, c.bad, c.exceptional)
	require.Positive(t, c.good)
	require.Positive(t, c.bad)
	require.Positive(t, c.exceptional)
}

// Signatures made so that an addition on the way meets its own operand, or its opposite.
func TestExceptional(t *testing.T) {
	const width = 8
	g, err := comb.NewBase(width)
	require.NoError(t, err)
	shift := func(v int64, by uint) *big.Int { return new(big.Int).Lsh(big.NewInt(v), by) }
	for _, c := range []struct {
		name string
		d    *big.Int
		t, s *big.Int // s·G + t·Q; r = t - s
		// misses says that the sum is harmless, though its two halves are equal: no single addition is.
		misses bool
	}{
		{"2G + 2G", big.NewInt(2), big.NewInt(1), big.NewInt(2), false},
		{"2G - 2G", big.NewInt(2), big.NewInt(1), big.NewInt(-2), false},
		{"-G - G", big.NewInt(-1), big.NewInt(1), big.NewInt(-1), false},
		{"G - G", big.NewInt(1), big.NewInt(1), big.NewInt(-1), false},
		{"in the second window of G", new(big.Int).Add(shift(3, 8), big.NewInt(-5)), big.NewInt(1), new(big.Int).Add(shift(3, 8), big.NewInt(-5)), true},
		{"between windows of Q and G", shift(1, 16), big.NewInt(7), shift(7, 16), false},
		{"in the highest window", shift(1, 240), big.NewInt(5), shift(5, 240), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newSubject(t, c.name, c.d, width)
			s := new(big.Int).Mod(c.s, n)
			r := new(big.Int).Sub(c.t, s)
			r.Mod(r, n)
			var count tally
			if e, ok := fitting(k, r, s); ok {
				compare(t, g, k, e, r, s, &count)
			}
			compare(t, g, k, big.NewInt(1), r, s, &count)
			if c.misses {
				require.Zero(t, count.exceptional)
			} else {
				require.Positive(t, count.exceptional, "the case misses what it is made for")
			}
		})
	}
}

// pointAt is a point with this x, where there is one.
func pointAt(x *big.Int) (y *big.Int) {
	y2 := new(big.Int).Exp(x, big.NewInt(3), p)
	y2.Sub(y2, new(big.Int).Mul(big.NewInt(3), x)).Add(y2, curve.Params().B).Mod(y2, p)
	return new(big.Int).ModSqrt(y2, p)
}

// summing is the key with which s·G + (r+s)·Q is the point (x, y): Q = ((x, y) - s·G)/(r+s). Nobody
// knows its private key.
func summing(t *testing.T, x, y, r, s *big.Int) subject {
	t.Helper()
	sx, sy := curve.ScalarBaseMult(s.FillBytes(make([]byte, 32)))
	qx, qy := curve.Add(x, y, sx, new(big.Int).Sub(p, sy))
	over := new(big.Int).Add(r, s)
	over.ModInverse(over.Mod(over, n), n)
	qx, qy = curve.ScalarMult(qx, qy, over.FillBytes(make([]byte, 32)))
	var xb, yb [32]byte
	qx.FillBytes(xb[:])
	qy.FillBytes(yb[:])
	wide, err := comb.NewTable(&xb, &yb, 8)
	require.NoError(t, err)
	small, err := comb.NewSmallTable(&xb, &yb)
	require.NoError(t, err)
	return subject{fmt.Sprintf("with the sum at x = %x", x), new(big.Int), &ecdsa.PublicKey{Curve: curve, X: qx, Y: qy}, wide, small}
}

// A point whose x lies in [n, p): one in 2^129 has, and its signatures hold by x - n.
func TestHighX(t *testing.T) {
	g, err := comb.NewBase(8)
	require.NoError(t, err)
	found := 0
	for i := int64(0); found < 8; i++ {
		x := new(big.Int).Add(n, big.NewInt(i))
		y := pointAt(x)
		if y == nil {
			continue
		}
		found++
		s, err := rand.Int(rand.Reader, n)
		require.NoError(t, err)
		e, err := rand.Int(rand.Reader, n)
		require.NoError(t, err)
		r := new(big.Int).Add(e, x)
		r.Mod(r, n)
		var c tally
		k := summing(t, x, y, r, s)
		compare(t, g, k, e, r, s, &c)
		require.Equal(t, 2, c.good, "x = n + %d", i)
		compare(t, g, k, new(big.Int).Xor(e, big.NewInt(1)), r, s, &c)
		require.Equal(t, 2, c.bad)
	}
}

// The second candidate c + n counts only below p. Whoever forgot that would take it for x modulo p, or
// modulo 2^256, and pass signatures with c = x + p - n and c = x + 2^256 - n.
func TestNoThirdCandidate(t *testing.T) {
	g, err := comb.NewBase(8)
	require.NoError(t, err)
	whole := new(big.Int).Lsh(big.NewInt(1), 256)
	tried := map[string]int{}
	for _, from := range []*big.Int{big.NewInt(0), big.NewInt(1 << 40), new(big.Int).Sub(p, n), new(big.Int).Sub(whole, p), new(big.Int).Rsh(n, 1)} {
		x, y := new(big.Int).Set(from), pointAt(from)
		for ; y == nil; y = pointAt(x) {
			x.Add(x, big.NewInt(1))
		}
		s, err := rand.Int(rand.Reader, n)
		require.NoError(t, err)
		r, err := rand.Int(rand.Reader, n)
		require.NoError(t, err)
		k := summing(t, x, y, r, s)
		for name, more := range map[string]*big.Int{
			"x": new(big.Int), "p - n": new(big.Int).Sub(p, n), "2^256 - n": new(big.Int).Sub(whole, n), "2^256 - p": new(big.Int).Sub(whole, p),
		} {
			c := new(big.Int).Add(x, more)
			if c.Cmp(n) >= 0 {
				continue
			}
			e := new(big.Int).Sub(r, c)
			var got tally
			compare(t, g, k, e.Mod(e, n), r, s, &got)
			if name == "x" {
				require.Equal(t, 2, got.good)
			} else {
				require.Equal(t, 2, got.bad, "x = %x, c = x + %s", x, name)
			}
			tried[name]++
		}
	}
	require.Len(t, tried, 4)
}

// A digest of n or more counts modulo n, also where r - e borrows twice: r small, e - n larger.
func TestDigestBeyondTheOrder(t *testing.T) {
	g, err := comb.NewBase(8)
	require.NoError(t, err)
	for _, bit := range []uint{4, 64, 130, 200, 223} {
		x := new(big.Int).Sub(n, new(big.Int).Lsh(big.NewInt(1), bit))
		y := pointAt(x)
		for ; y == nil; y = pointAt(x) {
			x.Sub(x, big.NewInt(1))
		}
		r := big.NewInt(3)
		s, err := rand.Int(rand.Reader, n)
		require.NoError(t, err)
		k := summing(t, x, y, r, s)
		e := new(big.Int).Sub(r, x)
		e.Mod(e, n)
		var c tally
		compare(t, g, k, e, r, s, &c)
		compare(t, g, k, e.Add(e, n), r, s, &c)
		require.Equal(t, 4, c.good, "n - 2^%d", bit)
	}
}

func TestDifference(t *testing.T) {
	g, err := comb.NewBase(8)
	require.NoError(t, err)
	keys := subjects(t, 8)
	edges := scalars()
	var c tally
	var wait sync.WaitGroup
	const workers = 4
	seed := mathrand.Int63()
	t.Logf("seed %d, %d cases", seed, *cases)
	for w := range workers {
		wait.Go(func() {
			random := mathrand.New(mathrand.NewSource(seed + int64(w)))
			number := func(below *big.Int) *big.Int {
				if random.Intn(4) > 0 {
					return new(big.Int).Rand(random, below)
				}
				v := new(big.Int).Xor(edges[random.Intn(len(edges))], new(big.Int).Lsh(big.NewInt(int64(random.Intn(4))), uint(random.Intn(254))))
				return v.Mod(v, below)
			}
			for range *cases / workers {
				k := keys[random.Intn(len(keys))]
				r, s := number(n), number(n)
				e, ok := fitting(k, r, s)
				switch change := random.Intn(8); {
				case !ok || change == 0:
					e = number(new(big.Int).Lsh(big.NewInt(1), 256))
				case change == 1:
					e.Xor(e, new(big.Int).Lsh(big.NewInt(1), uint(random.Intn(256))))
				case change == 2:
					r.Xor(r, new(big.Int).Lsh(big.NewInt(1), uint(random.Intn(255))))
				case change == 3:
					s.Xor(s, new(big.Int).Lsh(big.NewInt(1), uint(random.Intn(255))))
				}
				compare(t, g, k, e, r, s, &c)
			}
		})
	}
	wait.Wait()
	t.Logf("%d good, %d bad, %d exceptional", c.good, c.bad, c.exceptional)
	require.Greater(t, c.good, *cases/2)
	require.Greater(t, c.bad, *cases/4)
}

func FuzzVerify(f *testing.F) {
	g, err := comb.NewBase(6)
	require.NoError(f, err)
	keys := subjects(f, 6)
	for i, v := range scalars() {
		f.Add(uint8(i), v.Bytes(), v.Bytes(), v.Bytes(), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, which uint8, e, r, s []byte, fit bool) {
		if len(e) > 32 || len(r) > 32 || len(s) > 32 {
			return
		}
		k := keys[int(which)%len(keys)]
		eb, rb, sb := new(big.Int).SetBytes(e), new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)
		if fit && rb.Sign() > 0 && sb.Sign() > 0 && rb.Cmp(n) < 0 && sb.Cmp(n) < 0 {
			if fitted, ok := fitting(k, rb, sb); ok {
				eb = fitted
			}
		}
		compare(t, g, k, eb, rb, sb, &tally{})
	})
}
