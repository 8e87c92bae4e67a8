package comb

import (
	"math/big"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

func toBig(l [4]uint64) *big.Int {
	v := new(big.Int)
	for i := 3; i >= 0; i-- {
		v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(l[i]))
	}
	return v
}

func fromBig(v *big.Int) (l [4]uint64) {
	var b [32]byte
	v.FillBytes(b[:])
	return limbs(&b)
}

var (
	bigP = toBig([4]uint64{p0, p1, p2, p3})
	bigR = new(big.Int).Mod(new(big.Int).Lsh(big.NewInt(1), 256), bigP)
)

// edges are numbers below m near every carry and reduction: 0, m, 2^64k and 2^32k, and each of
// them in each limb, more or less a little.
func edges(m *big.Int) []*big.Int {
	var out []*big.Int
	near := func(v *big.Int) {
		for d := int64(-3); d <= 3; d++ {
			w := new(big.Int).Add(v, big.NewInt(d))
			out = append(out, w.Mod(w, m))
		}
	}
	near(big.NewInt(0))
	near(m)
	near(new(big.Int).Rsh(m, 1))
	for k := uint(32); k <= 256; k += 32 {
		near(new(big.Int).Lsh(big.NewInt(1), k))
	}
	words := []uint64{0, 1, 1<<32 - 1, 1 << 32, 1<<64 - 1, p1, p3, n0, n1}
	for _, a := range words {
		for _, b := range words {
			for i := range 4 {
				var l [4]uint64
				for j := range l {
					l[j] = a
				}
				l[i] = b
				v := toBig(l)
				out = append(out, v.Mod(v, m))
			}
		}
	}
	return out
}

func TestFieldAgainstBig(t *testing.T) {
	all := edges(bigP)
	r := rand.New(rand.NewSource(1))
	for range 200 {
		all = append(all, new(big.Int).Rand(r, bigP))
	}
	rInv := new(big.Int).ModInverse(bigR, bigP)
	for _, a := range all {
		x := element(fromBig(a))
		var z element
		z.sqr(&x)
		want := new(big.Int).Mul(a, a)
		want.Mul(want, rInv).Mod(want, bigP)
		require.Equal(t, want, toBig(z), "square of %x", a)
		z.neg(&x)
		require.Equal(t, new(big.Int).Mod(new(big.Int).Neg(a), bigP).Text(16), toBig(z).Text(16))
		for _, b := range all {
			y := element(fromBig(b))
			z.mul(&x, &y)
			want := new(big.Int).Mul(a, b)
			want.Mul(want, rInv).Mod(want, bigP)
			if want.Cmp(toBig(z)) != 0 {
				t.Fatalf("%x * %x = %x, want %x", a, b, toBig(z), want)
			}
			z.add(&x, &y)
			if want.Add(a, b).Mod(want, bigP).Cmp(toBig(z)) != 0 {
				t.Fatalf("%x + %x = %x", a, b, toBig(z))
			}
			z.sub(&x, &y)
			if want.Sub(a, b).Mod(want, bigP).Cmp(toBig(z)) != 0 {
				t.Fatalf("%x - %x = %x", a, b, toBig(z))
			}
		}
	}
}

func TestInvert(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	for range 50 {
		a := new(big.Int).Rand(r, bigP)
		var b [32]byte
		a.FillBytes(b[:])
		var x, z element
		require.True(t, x.setBytes(&b))
		require.Equal(t, b, x.bytes())
		z.invert(&x)
		z.mul(&z, &x)
		require.Equal(t, one, z)
	}
}

func BenchmarkMul(b *testing.B) {
	x, y := rr, element{5, 6, 7, 8}
	for b.Loop() {
		x.mul(&x, &y)
	}
}

func BenchmarkSqr(b *testing.B) {
	x := rr
	for b.Loop() {
		x.sqr(&x)
	}
}
