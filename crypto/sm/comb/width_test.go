package comb

import (
	"fmt"
	"math/big"
	"math/rand"
	"testing"

	"github.com/emmansun/gmsm/sm2/sm2ec"
	"github.com/stretchr/testify/require"
)

var bigN = toBig([4]uint64{n0, n1, n2, n3})

// topScalars are numbers in [1, n-1] that bring about every carry of windows of w bits: near 0,
// n/2, 2^255 and n, near every window's edge, and with every digit (or all but one) at its
// greatest, 2^(w-1), or one more, which carries.
func topScalars(w uint) []*big.Int {
	var out []*big.Int
	near := func(v *big.Int) {
		for d := int64(-2); d <= 2; d++ {
			k := new(big.Int).Add(v, big.NewInt(d))
			if k.Sign() > 0 && k.Cmp(bigN) < 0 {
				out = append(out, k)
				out = append(out, new(big.Int).Sub(bigN, k))
			}
		}
	}
	near(new(big.Int))
	near(new(big.Int).Rsh(bigN, 1))
	near(new(big.Int).Lsh(big.NewInt(1), 255))
	near(new(big.Int).Sub(bigN, new(big.Int).Lsh(big.NewInt(1), 255)))
	for at := w; at < 256; at += w {
		near(new(big.Int).Lsh(big.NewInt(1), at))
		near(new(big.Int).Lsh(big.NewInt(1), at-1))
		near(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), new(big.Int).Lsh(big.NewInt(1), at)))
		near(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), new(big.Int).Lsh(big.NewInt(1), at-1)))
	}
	top := new(big.Int).Lsh(big.NewInt(1), 255)
	for digit := int64(1)<<(w-1) - 1; digit <= int64(1)<<(w-1)+1; digit++ {
		v := new(big.Int)
		for at := uint(0); at < 255; at += w {
			v.Or(v, new(big.Int).Lsh(big.NewInt(digit), at))
		}
		near(v.Mod(v, top))
	}
	near(new(big.Int).Sub(top, big.NewInt(1))) // every bit set: the last window takes a carry
	return out
}

func scalarOf(v *big.Int) scalar { return scalar(fromBig(v)) }

// affineOf divides. It reports false for infinity.
func (s *sum) affineOf() (x, y [32]byte, ok bool) {
	if s.empty || s.zz.isZero() {
		return x, y, false
	}
	var a [1]affine
	toAffine(a[:], []point{s.point})
	return a[0].x.bytes(), a[0].y.bytes(), true
}

// Every width that NewTable takes, those that divide 256 and those that do not, and the small
// table: products against gmsm's, and every point of the table on the curve.
func TestEveryWidth(t *testing.T) {
	curve := sm2ec.P256()
	random := rand.New(rand.NewSource(3))
	for _, w := range []int{0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13} { // 0: the small table
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			d := new(big.Int).Rand(random, bigN)
			bx, by := curve.ScalarBaseMult(d.FillBytes(make([]byte, 32)))
			var x, y [32]byte
			bx.FillBytes(x[:])
			by.FillBytes(y[:])
			var table *Table
			var err error
			if w == 0 {
				table, err = NewSmallTable(&x, &y)
			} else {
				table, err = NewTable(&x, &y, w)
				require.Equal(t, WideBytes(w), table.Bytes())
				require.Len(t, table.points, windows(w)<<(w-1))
				require.GreaterOrEqual(t, windows(w)*w, 256)
				require.Less(t, (windows(w)-1)*w, 256)
			}
			require.NoError(t, err)
			for i := range table.points {
				require.True(t, table.points[i].onCurve(), "entry %d", i)
			}
			edge := uint(w)
			if w == 0 {
				edge = apart
			}
			values := topScalars(edge)
			for range 100 {
				k := new(big.Int).Rand(random, bigN)
				values = append(values, k.Add(k, big.NewInt(1)).Mod(k, bigN))
			}
			for _, k := range values {
				if k.Sign() == 0 {
					continue
				}
				s := sum{empty: true}
				require.True(t, s.product(table, scalarOf(k)), "a product alone meets no exceptional case: %x", k)
				gx, gy, ok := s.affineOf()
				require.True(t, ok, "%x", k)
				wx, wy := curve.ScalarMult(bx, by, k.FillBytes(make([]byte, 32)))
				require.Equal(t, wx.FillBytes(make([]byte, 32)), gx[:], "k = %x", k)
				require.Equal(t, wy.FillBytes(make([]byte, 32)), gy[:], "k = %x", k)
			}
			t.Logf("%d products, %d bytes", len(values), table.Bytes())
		})
	}
	for _, w := range []int{-1, 0, MinWidth - 1, MaxWidth + 1, 64} {
		x, y := base.x.bytes(), base.y.bytes()
		_, err := NewTable(&x, &y, w)
		require.ErrorContains(t, err, "windows")
	}
}

// half brings every scalar below 2^255 and keeps its product.
func TestHalf(t *testing.T) {
	bound := new(big.Int).Lsh(big.NewInt(1), 255)
	for _, v := range append(edges(bigN), topScalars(8)...) {
		k := scalarOf(v)
		negative := k.half()
		got := toBig(k)
		require.Negative(t, got.Cmp(bound), "%x", v)
		if negative {
			got.Sub(bigN, got)
		}
		require.Equal(t, v.Text(16), got.Text(16))
	}
}

// The arithmetic modulo n that a signature meets.
func TestScalarsAgainstBig(t *testing.T) {
	all := edges(bigN)
	for _, a := range all {
		x := scalarOf(a)
		for _, b := range all {
			y := scalarOf(b)
			var z scalar
			z.add(&x, &y)
			want := new(big.Int).Add(a, b)
			if want.Mod(want, bigN).Cmp(toBig(z)) != 0 {
				t.Fatalf("%x + %x = %x", a, b, toBig(z))
			}
			z.sub(&x, &y)
			if want.Sub(a, b).Mod(want, bigN).Cmp(toBig(z)) != 0 {
				t.Fatalf("%x - %x = %x", a, b, toBig(z))
			}
		}
	}
	whole := new(big.Int).Lsh(big.NewInt(1), 256)
	for _, a := range edges(whole) {
		var b [32]byte
		a.FillBytes(b[:])
		var k scalar
		require.Equal(t, a.Sign() > 0 && a.Cmp(bigN) < 0, k.setBytes(&b), "%x", a)
		k.reduce(&b)
		require.Equal(t, new(big.Int).Mod(a, bigN).Text(16), toBig(k).Text(16))
		var z element
		require.Equal(t, a.Cmp(bigP) < 0, z.setBytes(&b), "%x", a)
		if a.Cmp(bigP) < 0 {
			require.Equal(t, b, z.bytes())
		}
	}
}

// A table is made of a point of the curve, spelled the one way, or not at all.
func FuzzNewTable(f *testing.F) {
	curve := sm2ec.P256()
	g := curve.Params()
	add := func(x, y *big.Int) {
		var a, b [32]byte
		x.FillBytes(a[:])
		y.FillBytes(b[:])
		f.Add(a[:], b[:], uint8(4))
	}
	add(g.Gx, g.Gy)
	add(g.Gx, new(big.Int).Sub(g.P, g.Gy))
	add(g.Gx, new(big.Int).Add(g.Gy, big.NewInt(1)))
	add(g.Gy, g.Gx)
	add(new(big.Int), new(big.Int))
	add(g.P, g.Gy)
	add(new(big.Int), new(big.Int).ModSqrt(g.B, g.P)) // x = 0
	add(g.P, new(big.Int).ModSqrt(g.B, g.P))          // the same, spelled p
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	add(all, all)
	f.Fuzz(func(t *testing.T, xs, ys []byte, width uint8) {
		if len(xs) != 32 || len(ys) != 32 {
			return
		}
		x, y := [32]byte(xs), [32]byte(ys)
		bx, by := new(big.Int).SetBytes(xs), new(big.Int).SetBytes(ys)
		want := bx.Cmp(g.P) < 0 && by.Cmp(g.P) < 0 && curve.IsOnCurve(bx, by)
		small, err := NewSmallTable(&x, &y)
		require.Equal(t, want, err == nil)
		wide, wideErr := NewTable(&x, &y, MinWidth+int(width)%4)
		require.Equal(t, want, wideErr == nil)
		if !want {
			require.ErrorIs(t, err, ErrPoint)
			require.ErrorIs(t, wideErr, ErrPoint)
			require.Nil(t, small)
			require.Nil(t, wide)
			return
		}
		require.Equal(t, x, wide.points[0].x.bytes())
		require.Equal(t, y, wide.points[0].y.bytes())
		k := scalarOf(new(big.Int).Sub(bigN, big.NewInt(int64(width)+1)))
		one, other := sum{empty: true}, sum{empty: true}
		require.True(t, one.product(small, k))
		require.True(t, other.product(wide, k))
		ax, ay, _ := one.affineOf()
		cx, cy, _ := other.affineOf()
		require.Equal(t, ax, cx)
		require.Equal(t, ay, cy)
	})
}
