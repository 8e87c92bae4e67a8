package bundle_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/statuslist"
)

var start = time.Unix(1800000000, 0)

func signer(t testing.TB, alg key.Algorithm) key.Signer {
	t.Helper()
	s, err := key.Generate(alg)
	require.NoError(t, err)
	return s
}

func serial(n int) (s sdcwt.Serial) {
	binary.BigEndian.PutUint64(s[:], uint64(n)*0x9e3779b97f4a7c15)
	return s
}

// some draws n indices of a list.
func some(r *rand.Rand, n int, size uint64) []uint32 {
	seen := map[uint32]bool{}
	for len(seen) < n {
		seen[uint32(r.Uint64N(size))] = true
	}
	out := make([]uint32, 0, n)
	for i := range seen {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}

func example() *bundle.Bundle {
	r := rand.New(rand.NewPCG(1, 2))
	marked := some(r, 43, 1<<12)
	b := &bundle.Bundle{Issuer: "https://cards.example.gov.cn", IssuedAt: start,
		Trust:   &bundle.Trust{Roots: [][]byte{[]byte("{}")}, List: "a.b.c"},
		Serials: bundle.Serials{Head: 40},
		Lists: map[string]bundle.List{
			"1": {Seq: 17, Size: 1 << 12, Sets: [4][]uint32{nil, marked[3:], marked[:3], nil}},
			"2": {Seq: 0, Size: 100},
		}}
	for i := range 40 {
		b.Serials.Revoked = append(b.Serials.Revoked, bundle.Revoked{Serial: serial(i), Until: start.Add(time.Duration(i%5) * time.Hour)})
	}
	return b
}

func open(t testing.TB, data []byte, s key.Signer) *bundle.Bundle {
	t.Helper()
	u, err := bundle.Parse(data)
	require.NoError(t, err)
	require.Equal(t, s.Public().ID(), u.KeyID)
	b, err := u.Verify(s.Public())
	require.NoError(t, err)
	return b
}

func TestSignAndRead(t *testing.T) {
	for _, alg := range []key.Algorithm{key.SM2, key.ES256} {
		s := signer(t, alg)
		want := example()
		data, err := want.Sign(s)
		require.NoError(t, err)
		got := open(t, data, s)
		require.ElementsMatch(t, want.Serials.Revoked, got.Serials.Revoked)
		got.Serials.Revoked = want.Serials.Revoked
		require.Equal(t, want, got)

		again, err := example().Sign(fixed{s})
		require.NoError(t, err)
		once, err := example().Sign(fixed{s})
		require.NoError(t, err)
		require.Equal(t, once, again, "one content, one spelling")
	}
}

// fixed signs everything alike, so that what is signed can be compared.
type fixed struct{ key.Signer }

func (f fixed) Sign([]byte) ([]byte, error) { return bytes.Repeat([]byte{1}, 64), nil }

// What a day of a city takes, see docs/formats.md §12.
func TestSize(t *testing.T) {
	const size = 1<<20 - 256
	r := rand.New(rand.NewPCG(3, 4))
	b := &bundle.Bundle{Issuer: "https://cards.example.gov.cn", IssuedAt: start, Lists: map[string]bundle.List{}}
	// A million certificates of which 1 % are revoked, each with a copy that has an entry of its own.
	for _, name := range []string{"1", "2"} {
		var sets [4][]uint32
		for i, index := range some(r, 10_000, size) {
			status := 1
			if i%10 == 0 {
				status = 2
			}
			sets[status] = append(sets[status], index)
		}
		b.Lists[name] = bundle.List{Seq: 10000, Size: size, Sets: sets}
	}
	s := signer(t, key.SM2)
	data, err := b.Sign(s)
	require.NoError(t, err)
	t.Logf("a million certificates and their copies, 1 %% revoked: %d bytes", len(data))
	require.Less(t, len(data), 25_000)

	b.Lists["1"] = bundle.List{From: 9990, Seq: 10000, Size: size, Sets: [4][]uint32{{5}, some(r, 9, size-6), nil, nil}}
	b.Lists["2"] = bundle.List{From: 10000, Seq: 10000, Size: size}
	b.Serials = bundle.Serials{From: 5, Head: 6, Revoked: []bundle.Revoked{{Serial: serial(1), Until: start}}}
	data, err = b.Sign(s)
	require.NoError(t, err)
	t.Logf("ten changes and a serial: %d bytes", len(data))
	require.Less(t, len(data), 300)
}

func TestState(t *testing.T) {
	s := &bundle.State{}
	require.False(t, s.Revoked(serial(0)))
	_, _, known, err := s.Status("1", 0)
	require.NoError(t, err)
	require.False(t, known)

	whole := example()
	s, err = s.Apply(whole)
	require.NoError(t, err)
	require.Equal(t, start, s.AsOf())
	require.EqualValues(t, 40, s.Head())
	require.Equal(t, map[string]uint64{"1": 17, "2": 0}, s.Lists())
	for i := range 40 {
		require.True(t, s.Revoked(serial(i)))
	}
	require.False(t, s.Revoked(serial(40)))
	marked := whole.Lists["1"].Sets[1][7]
	requireStatus(t, s, "1", marked, statuslist.Invalid, start)
	_, _, _, err = s.Status("2", 100)
	require.ErrorIs(t, err, statuslist.ErrIndex, "the list has a byte of room that is none of its entries")

	// A change: reinstated, and suspended. One who has seen half of it already takes it as well.
	later := start.Add(3 * time.Hour)
	change := &bundle.Bundle{Issuer: whole.Issuer, IssuedAt: later,
		Serials: bundle.Serials{From: 38, Head: 41, Revoked: []bundle.Revoked{{Serial: serial(41), Until: later.Add(time.Hour)}}},
		Lists:   map[string]bundle.List{"1": {From: 16, Seq: 19, Size: 1 << 12, Sets: [4][]uint32{{marked}, nil, {0}, nil}}}}
	next, err := s.Apply(change)
	require.NoError(t, err)
	requireStatus(t, next, "1", marked, statuslist.Valid, later)
	requireStatus(t, next, "1", 0, statuslist.Suspended, later)
	requireStatus(t, next, "2", 0, statuslist.Valid, start) // it was not told of
	requireStatus(t, s, "1", marked, statuslist.Invalid, start)
	require.True(t, next.Revoked(serial(41)))
	require.False(t, next.Revoked(serial(0)), "ended three hours ago: nobody takes it")
	require.True(t, next.Revoked(serial(4)))

	refused := func(why error, edit func(b *bundle.Bundle)) {
		t.Helper()
		b := *change
		b.Lists = map[string]bundle.List{"1": change.Lists["1"]}
		edit(&b)
		_, err := s.Apply(&b)
		require.ErrorIs(t, err, why)
	}
	refused(bundle.ErrRolledBack, func(b *bundle.Bundle) { b.IssuedAt = start.Add(-time.Second) })
	refused(bundle.ErrRolledBack, func(b *bundle.Bundle) { b.Serials = bundle.Serials{Head: 39} })
	refused(bundle.ErrGap, func(b *bundle.Bundle) { b.Serials = bundle.Serials{From: 41, Head: 42} })
	refused(bundle.ErrRolledBack, func(b *bundle.Bundle) { b.Lists["1"] = bundle.List{Seq: 16, Size: 1 << 12} })
	refused(bundle.ErrGap, func(b *bundle.Bundle) { b.Lists["1"] = bundle.List{From: 18, Seq: 19, Size: 1 << 12} })
	refused(bundle.ErrGap, func(b *bundle.Bundle) { b.Lists["1"] = bundle.List{From: 17, Seq: 19, Size: 1 << 11} })
	refused(bundle.ErrGap, func(b *bundle.Bundle) { b.Lists["3"] = bundle.List{From: 1, Seq: 19, Size: 1 << 11} })
	refused(bundle.ErrTooLarge, func(b *bundle.Bundle) {
		for _, name := range "abcdefghijklmnopq" {
			b.Lists[string(name)] = bundle.List{Seq: 1, Size: bundle.MaxListSize}
		}
	})
}

func requireStatus(t *testing.T, s *bundle.State, list string, index uint32, want statuslist.Status, asOf time.Time) {
	t.Helper()
	got, at, known, err := s.Status(list, uint64(index))
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, want, got)
	require.Equal(t, asOf, at)
}

func TestSignRefuses(t *testing.T) {
	s := signer(t, key.ES256)
	for name, edit := range map[string]func(b *bundle.Bundle){
		"no issuer":     func(b *bundle.Bundle) { b.Issuer = "" },
		"serial twice":  func(b *bundle.Bundle) { b.Serials.Revoked[1].Serial = b.Serials.Revoked[0].Serial },
		"numbers":       func(b *bundle.Bundle) { b.Serials.From = 41 },
		"order":         func(b *bundle.Bundle) { b.Lists["1"].Sets[1][0], b.Lists["1"].Sets[1][1] = 9, 3 },
		"beyond":        func(b *bundle.Bundle) { b.Lists["1"].Sets[1][39] = 1 << 12 },
		"name":          func(b *bundle.Bundle) { b.Lists["../1"] = b.Lists["2"] },
		"too large":     func(b *bundle.Bundle) { b.Lists["3"] = bundle.List{Size: bundle.MaxListSize + 1} },
		"valid entries": func(b *bundle.Bundle) { b.Lists["3"] = bundle.List{Size: 9, Sets: [4][]uint32{{1}}} },
		"no list":       func(b *bundle.Bundle) { b.Trust.List = "" },
		"number":        func(b *bundle.Bundle) { b.Serials.Head = 1 << 53 },
		"in two sets":   func(b *bundle.Bundle) { l := b.Lists["1"]; l.Sets[3] = l.Sets[1][3:4]; b.Lists["1"] = l },
	} {
		b := example()
		edit(b)
		_, err := b.Sign(s)
		require.ErrorIs(t, err, bundle.ErrMalformed, name)
	}
}

// Whatever byte is changed, nothing that was changed is believed.
func TestAnyByteFlipped(t *testing.T) {
	s := signer(t, key.ES256)
	data, err := example().Sign(s)
	require.NoError(t, err)
	for i := range data {
		broken := bytes.Clone(data)
		broken[i] ^= 0x20
		u, err := bundle.Parse(broken)
		if err != nil {
			require.ErrorIs(t, err, bundle.ErrMalformed)
			continue
		}
		_, err = u.Verify(s.Public())
		require.ErrorIs(t, err, bundle.ErrSignature, "byte %d", i)
	}
	for i := range data {
		_, err := bundle.Parse(data[:i])
		require.ErrorIs(t, err, bundle.ErrMalformed)
	}
}

// What a signer could write and nobody takes.
func TestParseRefuses(t *testing.T) {
	s := signer(t, key.ES256)
	set := func(k, n int, data ...byte) map[int64]any { return map[int64]any{1: []any{k, n, data}} }
	with := func(label int64, v any) map[int64]any {
		m := map[int64]any{1: "https://a", 6: 1800000000, -65539: []any{0, 0, map[int64]any{}}}
		if v == nil {
			delete(m, label)
		} else {
			m[label] = v
		}
		return m
	}
	list := func(v ...any) map[int64]any { return with(-65540, map[string]any{"1": v}) }
	for name, payload := range map[string]any{
		"not a map":                 []any{},
		"no issuer":                 with(1, nil),
		"no iat":                    with(6, nil),
		"no serials":                with(-65539, nil),
		"another claim":             with(4, 1800000000),
		"iat as float":              with(6, 1.5),
		"iat null":                  with(6, cose.Raw{0xf6}),
		"year 10000":                with(6, 253402300800),
		"serials, two parts":        with(-65539, []any{0, 0}),
		"serials, four parts":       with(-65539, []any{0, 0, map[int64]any{}, 0}),
		"serials null":              with(-65539, []any{cose.Raw{0xf6}, 0, map[int64]any{}}),
		"seven bytes":               with(-65539, []any{0, 0, map[int64]any{500000: make([]byte, 7)}}),
		"an empty hour":             with(-65539, []any{0, 0, map[int64]any{500000: []byte{}}}),
		"serials, no order":         with(-65539, []any{0, 0, map[int64]any{500000: append(bytes.Repeat([]byte{2}, 8), bytes.Repeat([]byte{1}, 8)...)}}),
		"a serial twice":            with(-65539, []any{0, 0, map[int64]any{500000: bytes.Repeat([]byte{2}, 16)}}),
		"hours null":                with(-65539, []any{0, 0, cose.Raw{0xf6}}),
		"a serial twice, two hours": with(-65539, []any{0, 0, map[int64]any{500000: bytes.Repeat([]byte{2}, 8), 500001: bytes.Repeat([]byte{2}, 8)}}),
		"roots null":                with(-65538, []any{cose.Raw{0xf6}, "a.b.c"}),
		"a root null":               with(-65538, []any{[]any{cose.Raw{0xf6}}, "a.b.c"}),
		"sets null":                 list(0, 1, 100, cose.Raw{0xf6}),
		"in two sets":               list(0, 1, 100, map[int64]any{1: []any{0, 1, []byte{0}}, 2: []any{0, 1, []byte{0}}}),
		"no lists":                  with(-65540, map[string]any{}),
		"trust without list":        with(-65538, []any{[]any{}, ""}),
		"trust, text roots":         with(-65538, []any{[]any{"{}"}, "a.b.c"}),
		"status 4":                  list(0, 1, 100, map[int64]any{4: []any{0, 1, []byte{0}}}),
		"an empty set":              list(0, 1, 100, set(0, 0)),
		"k of 25":                   list(0, 1, 100, set(25, 1, 0, 0, 0, 0)),
		"more than data":            list(0, 1, 100, set(0, 9, 0)),
		"ends in unary":             list(0, 1, 100, set(0, 1, 0xff)),
		"ends in the rest":          list(0, 1, 100, set(6, 1, 0b1111_0000)),
		"behind the list":           list(0, 1, 7, set(0, 1, 0b1111_1110)),
		"a byte too many":           list(0, 1, 100, set(0, 1, 0, 0)),
		"a bit too many":            list(0, 1, 100, set(0, 1, 0b0000_0001)),
		"bits as text":              list(0, 1, 100, map[int64]any{1: []any{0, 1, "a"}}),
		"seq below from":            list(2, 1, 100, map[int64]any{}),
		"no size":                   list(0, 1, 0, map[int64]any{}),
	} {
		body, err := cose.Marshal(payload)
		require.NoError(t, err)
		data, err := cose.Sign(s, map[any]any{cose.HeaderType: bundle.Type, cose.HeaderKeyID: []byte("k")}, nil, body)
		require.NoError(t, err)
		_, err = bundle.Parse(data)
		require.ErrorIs(t, err, bundle.ErrMalformed, name)
	}
	body, err := cose.Marshal(with(4, nil))
	require.NoError(t, err)
	for name, header := range map[string][2]map[any]any{
		"no kid":         {{cose.HeaderType: bundle.Type}, nil},
		"another type":   {{cose.HeaderType: "application/statuslist+cwt", cose.HeaderKeyID: []byte("k")}, nil},
		"further header": {{cose.HeaderType: bundle.Type, cose.HeaderKeyID: []byte("k"), 3: "x"}, nil},
		"unprotected":    {{cose.HeaderType: bundle.Type, cose.HeaderKeyID: []byte("k")}, {33: []byte("x")}},
	} {
		data, err := cose.Sign(s, header[0], header[1], body)
		require.NoError(t, err)
		_, err = bundle.Parse(data)
		require.ErrorIs(t, err, bundle.ErrMalformed, name)
	}
	data, err := cose.Sign(s, map[any]any{cose.HeaderType: bundle.Type, cose.HeaderKeyID: []byte("k")}, nil, body)
	require.NoError(t, err)
	_, err = bundle.Parse(data)
	require.NoError(t, err, "the rest of it is good")
}

// Whatever a signer sends, a checker takes or refuses it within bounds, and what it takes it can
// write again.
func FuzzParse(f *testing.F) {
	s := signer(f, key.ES256)
	for _, b := range []*bundle.Bundle{example(), {Issuer: "a", IssuedAt: start}} {
		data, err := b.Sign(s)
		require.NoError(f, err)
		m, err := cose.Parse(data)
		require.NoError(f, err)
		f.Add(m.Payload)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		data, err := cose.Sign(fixed{s}, map[any]any{cose.HeaderType: bundle.Type, cose.HeaderKeyID: []byte("k")}, nil, body)
		if err != nil {
			return
		}
		u, err := bundle.Parse(data)
		if err != nil {
			require.ErrorIs(t, err, bundle.ErrMalformed)
			return
		}
		b, err := u.Contents().Sign(fixed{s})
		require.NoError(t, err)
		m, err := bundle.Parse(b)
		require.NoError(t, err)
		require.Equal(t, len(u.Contents().Lists), len(m.Contents().Lists))
	})
}
