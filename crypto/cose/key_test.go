package cose_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
)

func TestKeyRoundTrip(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		for range 16 { // both signs of y
			k := generate(t, a).Public()
			long, err := cose.EncodeKey(k, false)
			require.NoError(t, err)
			short, err := cose.EncodeKey(k, true)
			require.NoError(t, err)
			require.Equal(t, len(long)-33, len(short))
			for _, data := range [][]byte{long, short} {
				back, err := cose.ParseKey(data)
				require.NoError(t, err)
				require.True(t, back.Equal(k))
				require.Equal(t, k.ID(), back.ID(), "without a kid, the thumbprint")
			}
		}
	})
}

func TestParseKeyRefuses(t *testing.T) {
	k := generate(t, key.SM2).Public()
	x, y := k.Point()[1:33], k.Point()[33:]
	with := func(change map[int64]any) []byte {
		m := map[int64]any{1: 2, -1: -65537, -2: x, -3: y}
		for label, v := range change {
			if v == nil {
				delete(m, label)
			} else {
				m[label] = v
			}
		}
		return marshal(t, m)
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":            {nil, cose.ErrMalformed},
		"not a map":          {[]byte{0x80}, cose.ErrMalformed},
		"no type":            {with(map[int64]any{1: nil}), cose.ErrMalformed},
		"type as text":       {with(map[int64]any{1: "EC2"}), cose.ErrMalformed},
		"octet key":          {with(map[int64]any{1: 1}), key.ErrUnsupported},
		"no curve":           {with(map[int64]any{-1: nil}), cose.ErrMalformed},
		"another curve":      {with(map[int64]any{-1: 2}), key.ErrUnsupported},
		"point not on it":    {with(map[int64]any{-1: 1}), cose.ErrMalformed},
		"private":            {with(map[int64]any{-4: x}), cose.ErrMalformed},
		"other algorithm":    {with(map[int64]any{3: -7}), cose.ErrMalformed},
		"algorithm as text":  {with(map[int64]any{3: "SM2"}), cose.ErrMalformed},
		"no x":               {with(map[int64]any{-2: nil}), cose.ErrMalformed},
		"short x":            {with(map[int64]any{-2: x[1:]}), cose.ErrMalformed},
		"x as text":          {with(map[int64]any{-2: "x"}), cose.ErrMalformed},
		"no y":               {with(map[int64]any{-3: nil}), cose.ErrMalformed},
		"short y":            {with(map[int64]any{-3: y[1:]}), cose.ErrMalformed},
		"y is a number":      {with(map[int64]any{-3: 1}), cose.ErrMalformed},
		"key id is text":     {with(map[int64]any{2: "kid"}), cose.ErrMalformed},
		"long key id":        {with(map[int64]any{2: make([]byte, 300)}), cose.ErrMalformed},
		"too long":           {with(map[int64]any{99: make([]byte, 1024)}), cose.ErrMalformed},
		"x beyond the field": {with(map[int64]any{-2: unhex(t, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")}), cose.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cose.ParseKey(c.data)
			require.ErrorIs(t, err, c.want)
		})
	}
	named, err := cose.ParseKey(with(map[int64]any{2: []byte("kid"), 3: -65537, 4: []int{2}, 99: "unknown"}))
	require.NoError(t, err)
	require.Equal(t, "kid", named.ID())
	require.True(t, named.Equal(k))
}

func TestMap(t *testing.T) {
	m, err := cose.DecodeMap(marshal(t, map[any]any{1: "a", 2: []byte("b"), -3: -4, "m": map[any]any{1: 2}, 5: nil, 6: []int{1}, 7: 8.0}))
	require.NoError(t, err)
	text, there, err := m.Text(1)
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, "a", text)
	for _, label := range []any{2, -3, "m", 5, 6, 7} {
		_, _, err = m.Text(label)
		require.ErrorIs(t, err, cose.ErrMalformed)
	}
	for _, label := range []any{1, 2, "m", 5, 6, 7} {
		_, _, err = m.Int(label)
		require.ErrorIs(t, err, cose.ErrMalformed)
	}
	for _, label := range []any{1, -3, "m", 5, 6, 7} {
		_, _, err = m.Bytes(label)
		require.ErrorIs(t, err, cose.ErrMalformed)
	}
	inner, there, err := m.Map("m")
	require.NoError(t, err)
	require.True(t, there)
	require.True(t, inner.Has(1))
	_, there, err = m.Int(99)
	require.NoError(t, err)
	require.False(t, there)
	_, err = cose.DecodeMap(unhex(t, "a10ca201000100"))
	require.ErrorIs(t, err, cose.ErrMalformed, "a key twice, deep inside")
	_, err = cose.DecodeMap(unhex(t, "bf0102ff"))
	require.ErrorIs(t, err, cose.ErrMalformed, "indefinite length")
}

func FuzzParseKey(f *testing.F) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		for _, compress := range []bool{true, false} {
			data, err := cose.EncodeKey(generate(f, a).Public(), compress)
			require.NoError(f, err)
			f.Add([]byte(data))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := cose.ParseKey(data)
		if err != nil {
			return
		}
		again, err := cose.EncodeKey(k, true)
		require.NoError(t, err)
		back, err := cose.ParseKey(again)
		require.NoError(t, err)
		require.True(t, k.Equal(back))
	})
}
