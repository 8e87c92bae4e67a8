package issuer

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

var testKey = []byte("a key of thirty-two bytes, a test")

// bijective walks the whole domain: every counter has an index, no index has two.
func bijective(t *testing.T, p *permutation) {
	t.Helper()
	seen := make([]bool, p.size)
	for c := range p.size {
		i, err := p.index(c)
		if err != nil || i >= p.size || seen[i] {
			require.FailNowf(t, "no bijection", "size %d, counter %d, index %d, %v", p.size, c, i, err)
		}
		seen[i] = true
	}
	_, err := p.index(p.size)
	require.Error(t, err)
}

func TestPermutationIsABijection(t *testing.T) {
	sizes := []uint64{1000, 1023, 1024, 1025, 4096, 4097, 65535, 65536, 65537, ListSize}
	for size := uint64(1); size <= 300; size++ {
		sizes = append(sizes, size)
	}
	for _, size := range sizes {
		p, err := newPermutation(testKey, "1", size)
		require.NoError(t, err)
		bijective(t, p)
	}
}

// Indices must tell nothing: neither the order of the counters, nor that of another list or key.
func TestPermutationHidesTheCount(t *testing.T) {
	a, err := newPermutation(testKey, "1", ListSize)
	require.NoError(t, err)
	b, err := newPermutation(testKey, "2", ListSize)
	require.NoError(t, err)
	c, err := newPermutation([]byte("another key of thirty-two bytes!"), "1", ListSize)
	require.NoError(t, err)
	const n = 20_000
	var near, ascending, same int
	buckets := make([]int, 16)
	before := uint64(0)
	for k := range uint64(n) {
		i, err := a.index(k)
		require.NoError(t, err)
		j, err := b.index(k)
		require.NoError(t, err)
		l, err := c.index(k)
		require.NoError(t, err)
		if i == j || i == l {
			same++
		}
		if max(i, before)-min(i, before) < 64 {
			near++
		}
		if i > before {
			ascending++
		}
		buckets[i*16/ListSize]++
		before = i
	}
	// A random permutation would have about 0.04, 2.4, and half of them.
	require.Less(t, same, 5)
	require.Less(t, near, 15)
	require.InDelta(t, n/2, ascending, 500)
	for _, got := range buckets {
		require.InDelta(t, n/16, got, 250)
	}
}

func TestPermutationRefuses(t *testing.T) {
	_, err := newPermutation(testKey[:15], "1", 8)
	require.Error(t, err)
	_, err = newPermutation(testKey, "1", 0)
	require.Error(t, err)
	_, err = newPermutation(testKey, "1", 1<<40)
	require.Error(t, err)
}

// The vector is GM/T 0042's construction computed with OpenSSL:
// printf abc | openssl dgst -sm3 -mac HMAC -macopt hexkey:<key>.
func TestHMACSM3(t *testing.T) {
	short := hmacSM3([]byte("key"), []byte("abc"))
	require.Equal(t, hmacShort, hex.EncodeToString(short[:]))
	long := hmacSM3([]byte("a key that is longer than the sixty-four bytes of a block of SM3, so hashed"), []byte("abc"))
	require.Equal(t, hmacLong, hex.EncodeToString(long[:]))
}

const (
	hmacShort = "28e63256e7c5a087b1f073265dc53092163f7b82729735d06f28f10af9d52393"
	hmacLong  = "c56243a890330d2a6896d2e48a7a55c132cfd3f801f3f9e1b127e6ba05b0c3ea"
)

func BenchmarkPermutation(b *testing.B) {
	p, err := newPermutation(testKey, "1", ListSize)
	require.NoError(b, err)
	for k := uint64(0); b.Loop(); k++ {
		_, _ = p.index(k % ListSize)
	}
}
