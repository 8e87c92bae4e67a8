package statuslist_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// The draft's own lists: every entry of 2^20 is compared, not only those that are set.
func TestPublishedVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var vectors map[string]struct {
		Bits     int                          `json:"bits"`
		List     string                       `json:"lst"`
		Entries  uint64                       `json:"entries"`
		Statuses map[uint64]statuslist.Status `json:"statuses"`
	}
	require.NoError(t, json.Unmarshal(data, &vectors))
	require.Len(t, vectors, 4)
	for name, v := range vectors {
		t.Run(name, func(t *testing.T) {
			packed, err := base64.RawURLEncoding.DecodeString(v.List)
			require.NoError(t, err)
			l, err := statuslist.Decompress(v.Bits, packed, v.Entries)
			require.NoError(t, err)
			require.Equal(t, v.Entries, l.Size())
			require.Equal(t, v.Bits, l.Bits())
			for i := range v.Entries { // a million times: no require inside
				s, err := l.Get(i)
				if err != nil || s != v.Statuses[i] {
					require.FailNowf(t, "differs", "index %d: %v, %v; want %v", i, s, err, v.Statuses[i])
				}
			}

			made, err := statuslist.New(v.Bits, v.Entries)
			require.NoError(t, err)
			for i, s := range v.Statuses {
				require.NoError(t, made.Set(i, s))
			}
			require.True(t, bytes.Equal(l.Raw(), made.Raw()), "a list made by hand is the same bytes")

			_, err = statuslist.Decompress(v.Bits, packed, v.Entries-8)
			require.ErrorIs(t, err, statuslist.ErrTooLarge)
		})
	}
}

// The small examples that the draft draws, bit by bit (§4.1, §4.2).
func TestDrawnExamples(t *testing.T) {
	for _, c := range []struct {
		bits     int
		raw      string
		packed   string
		statuses []statuslist.Status
	}{
		{1, "b9a3", "eNrbuRgAAhcBXQ", []statuslist.Status{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1}},
		{2, "c944f9", "eNo76fITAAPfAgc", []statuslist.Status{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3}},
	} {
		packed, err := base64.RawURLEncoding.DecodeString(c.packed)
		require.NoError(t, err)
		l, err := statuslist.Decompress(c.bits, packed, 1000)
		require.NoError(t, err)
		require.Equal(t, unhex(t, c.raw), l.Raw())
		require.Equal(t, uint64(len(c.statuses)), l.Size())
		raw, err := statuslist.FromRaw(c.bits, unhex(t, c.raw))
		require.NoError(t, err)
		for i, want := range c.statuses {
			for _, one := range []*statuslist.List{l, raw} {
				got, err := one.Get(uint64(i))
				require.NoError(t, err)
				require.Equal(t, want, got, "index %d", i)
			}
		}
	}
}

func TestListRoundTrip(t *testing.T) {
	for _, bits := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(bits)))
			const size = 4096
			l, err := statuslist.New(bits, size)
			require.NoError(t, err)
			want := make([]statuslist.Status, size)
			for range 3 * size { // entries are overwritten, and neighbours stay as they were
				i := random.Uint64N(size)
				want[i] = statuslist.Status(random.Uint32N(1 << bits))
				require.NoError(t, l.Set(i, want[i]))
			}
			packed, err := l.Compress()
			require.NoError(t, err)
			back, err := statuslist.Decompress(bits, packed, size)
			require.NoError(t, err)
			for i, s := range want {
				got, err := back.Get(uint64(i))
				require.NoError(t, err)
				require.Equal(t, s, got)
			}
			clone := back.Clone()
			require.NoError(t, clone.Set(0, want[0]^1))
			got, err := back.Get(0)
			require.NoError(t, err)
			require.Equal(t, want[0], got, "a clone is independent")
			raw := back.Raw()
			raw[0] ^= 1
			got, err = back.Get(0)
			require.NoError(t, err)
			require.Equal(t, want[0], got, "raw bytes are a copy")
		})
	}
}

func TestListBounds(t *testing.T) {
	for _, bits := range []int{-1, 0, 3, 5, 16, 256 + 1} {
		_, err := statuslist.New(bits, 8)
		require.ErrorIs(t, err, statuslist.ErrMalformed)
		_, err = statuslist.FromRaw(bits, []byte{0})
		require.ErrorIs(t, err, statuslist.ErrMalformed)
		_, err = statuslist.Decompress(bits, []byte{0}, 8)
		require.ErrorIs(t, err, statuslist.ErrMalformed)
	}
	_, err := statuslist.New(2, 0)
	require.ErrorIs(t, err, statuslist.ErrTooLarge)
	_, err = statuslist.New(2, statuslist.MaxEntries+1)
	require.ErrorIs(t, err, statuslist.ErrTooLarge)
	_, err = statuslist.FromRaw(2, nil)
	require.ErrorIs(t, err, statuslist.ErrMalformed)

	l, err := statuslist.New(2, 5)
	require.NoError(t, err)
	require.Equal(t, uint64(8), l.Size(), "rounded up to a whole byte")
	for _, past := range []uint64{8, 9, 1 << 32, 1 << 62, 1 << 63, ^uint64(0)} {
		_, err = l.Get(past)
		require.ErrorIs(t, err, statuslist.ErrIndex)
		require.ErrorIs(t, l.Set(past, statuslist.Valid), statuslist.ErrIndex)
	}
	require.NoError(t, l.Set(7, 3))
	require.ErrorIs(t, l.Set(7, 4), statuslist.ErrStatus)
	s, err := l.Get(7)
	require.NoError(t, err)
	require.Equal(t, statuslist.Status(3), s)
	require.Equal(t, "SUSPENDED", statuslist.Suspended.String())
	require.Equal(t, "0x03", s.String())
}

func deflate(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestDecompressRefuses(t *testing.T) {
	good := deflate(t, []byte("0123456789abcdef"))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                {nil, statuslist.ErrMalformed},
		"not zlib":               {[]byte("hello, list"), statuslist.ErrMalformed},
		"raw deflate":            {good[2 : len(good)-4], statuslist.ErrMalformed},
		"empty list":             {deflate(t, nil), statuslist.ErrMalformed},
		"wrong checksum":         {flipped, statuslist.ErrMalformed},
		"no checksum":            {good[:len(good)-4], statuslist.ErrMalformed},
		"cut off":                {good[:len(good)/2], statuslist.ErrMalformed},
		"trailing garbage":       {append(bytes.Clone(good), 0), statuslist.ErrMalformed},
		"two containers":         {append(bytes.Clone(good), good...), statuslist.ErrMalformed},
		"one entry too many":     {deflate(t, make([]byte, 17)), statuslist.ErrTooLarge},
		"bomb, 4 MiB of nothing": {deflate(t, make([]byte, 4<<20)), statuslist.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := statuslist.Decompress(8, c.data, 16)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := statuslist.Decompress(8, good, 16)
	require.NoError(t, err)
	_, err = statuslist.Decompress(8, deflate(t, make([]byte, statuslist.MaxEntries+1)), 1<<60)
	require.ErrorIs(t, err, statuslist.ErrTooLarge, "whatever the caller allows, the package's bound holds")
}

// The draft's table of sizes: how large a list gets at which rate of revocation. Exact bytes
// depend on the compressor and its level (the draft used level 9); the order does not.
func TestSizeTable(t *testing.T) {
	for _, c := range []struct {
		entries uint64
		rate    float64
		kb      float64
	}{
		{1_000_000, 0.01, 13.7}, {1_000_000, 0.001, 2.2}, {100_000, 0.01, 1.5},
	} {
		l, err := statuslist.New(1, c.entries)
		require.NoError(t, err)
		random := rand.New(rand.NewPCG(9, 9))
		for range int(float64(c.entries) * c.rate) {
			require.NoError(t, l.Set(random.Uint64N(c.entries), statuslist.Invalid))
		}
		packed, err := l.Compress()
		require.NoError(t, err)
		require.InDelta(t, 1.1*c.kb*1000, len(packed), 0.3*c.kb*1000, "%d entries at %v", c.entries, c.rate)
	}
}

func FuzzDecompress(f *testing.F) {
	for _, s := range []string{"78dadbb918000217015d", "78da3be9f2130003df0207", "789c030000000001", ""} {
		f.Add(1, unhex(f, s))
	}
	f.Add(8, deflate(f, make([]byte, 1000)))
	f.Fuzz(func(t *testing.T, bits int, data []byte) {
		l, err := statuslist.Decompress(bits, data, 4096)
		if err != nil {
			return
		}
		require.LessOrEqual(t, l.Size(), uint64(4096))
		_, err = l.Get(l.Size() - 1)
		require.NoError(t, err)
		packed, err := l.Compress()
		require.NoError(t, err)
		back, err := statuslist.Decompress(bits, packed, 4096)
		require.NoError(t, err)
		require.Equal(t, l.Raw(), back.Raw())
	})
}
