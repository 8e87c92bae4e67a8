package comb_test

import (
	"crypto/rand"
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm2/sm2ec"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm/comb"
)

type signed struct{ e, r, s [32]byte }

func sign(t testing.TB, k *sm2.PrivateKey) (out signed) {
	_, _ = rand.Read(out.e[:])
	r, s, err := sm2.Sign(rand.Reader, &k.PrivateKey, out.e[:])
	require.NoError(t, err)
	r.FillBytes(out.r[:])
	s.FillBytes(out.s[:])
	return out
}

func xy(k *sm2.PrivateKey) (x, y [32]byte) {
	k.X.FillBytes(x[:])
	k.Y.FillBytes(y[:])
	return x, y
}

func TestVerify(t *testing.T) {
	for _, width := range []int{4, 5, 8, 10} {
		g, err := comb.NewBase(width)
		require.NoError(t, err)
		for range 5 {
			k, err := sm2.GenerateKey(rand.Reader)
			require.NoError(t, err)
			x, y := xy(k)
			wide, err := comb.NewTable(&x, &y, width)
			require.NoError(t, err)
			small, err := comb.NewSmallTable(&x, &y)
			require.NoError(t, err)
			for range 50 {
				v := sign(t, k)
				require.Equal(t, comb.Good, comb.Verify(g, wide, &v.e, &v.r, &v.s))
				require.Equal(t, comb.Good, comb.Verify(g, small, &v.e, &v.r, &v.s))
				v.e[3] ^= 4
				require.Equal(t, comb.Bad, comb.Verify(g, wide, &v.e, &v.r, &v.s))
				require.Equal(t, comb.Bad, comb.Verify(g, small, &v.e, &v.r, &v.s))
			}
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	k, err := sm2.GenerateKey(rand.Reader)
	require.NoError(b, err)
	x, y := xy(k)
	v := sign(b, k)
	r, s := new(big.Int).SetBytes(v.r[:]), new(big.Int).SetBytes(v.s[:])
	_ = sm2ec.P256()
	b.Run("gmsm", func(b *testing.B) {
		for b.Loop() {
			sm2.Verify(&k.PublicKey, v.e[:], r, s)
		}
	})
	for _, w := range []int{8, 10, 12} {
		g, _ := comb.NewBase(10)
		q, _ := comb.NewTable(&x, &y, w)
		b.Run("wide"+string(rune('0'+w/10))+string(rune('0'+w%10)), func(b *testing.B) {
			for b.Loop() {
				comb.Verify(g, q, &v.e, &v.r, &v.s)
			}
		})
	}
	g, _ := comb.NewBase(10)
	q, _ := comb.NewSmallTable(&x, &y)
	b.Run("small", func(b *testing.B) {
		for b.Loop() {
			comb.Verify(g, q, &v.e, &v.r, &v.s)
		}
	})
	b.Run("build-small", func(b *testing.B) {
		for b.Loop() {
			_, _ = comb.NewSmallTable(&x, &y)
		}
	})
	b.Run("build-wide8", func(b *testing.B) {
		for b.Loop() {
			_, _ = comb.NewTable(&x, &y, 8)
		}
	})
}
