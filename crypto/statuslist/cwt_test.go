package statuslist_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/statuslist"
)

func TestCWTRoundTrip(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k, in := generate(t, a), newToken(t)
		data, err := in.SignCWT(k)
		require.NoError(t, err)
		require.Equal(t, byte(0xd2), data[0], "tag 18, no CWT tag")
		u, err := statuslist.ParseCWT(data)
		require.NoError(t, err)
		require.Equal(t, k.Public().ID(), u.KeyID)
		require.Equal(t, uri, u.Subject)
		require.Equal(t, now, u.IssuedAt)
		out, err := u.Verify(k.Public(), uri, now)
		require.NoError(t, err)
		require.Equal(t, in, *out)

		text, err := in.Sign(k, nil)
		require.NoError(t, err)
		require.Less(t, len(data), len(text))
		_, err = statuslist.Parse(string(data))
		require.ErrorIs(t, err, statuslist.ErrMalformed)
		_, err = statuslist.ParseCWT([]byte(text))
		require.ErrorIs(t, err, statuslist.ErrMalformed)

		bare := statuslist.Token{Subject: uri, IssuedAt: now, List: in.List}
		data, err = bare.SignCWT(k)
		require.NoError(t, err)
		u, err = statuslist.ParseCWT(data)
		require.NoError(t, err)
		out, err = u.Verify(k.Public(), uri, now.AddDate(50, 0, 0))
		require.NoError(t, err)
		require.Equal(t, bare, *out)
	})
}

func TestCWTVerifyRefuses(t *testing.T) {
	k := generate(t, key.SM2)
	data, err := newToken(t).SignCWT(k)
	require.NoError(t, err)
	u, err := statuslist.ParseCWT(data)
	require.NoError(t, err)
	_, err = u.Verify(generate(t, key.SM2).Public(), uri, now)
	require.ErrorIs(t, err, statuslist.ErrSignature)
	_, err = u.Verify(generate(t, key.ES256).Public(), uri, now)
	require.ErrorIs(t, err, cose.ErrAlgorithm)
	_, err = u.Verify(k.Public(), uri+"/", now)
	require.ErrorIs(t, err, statuslist.ErrSubject)
	_, err = u.Verify(k.Public(), uri, now.Add(time.Hour))
	require.ErrorIs(t, err, statuslist.ErrExpired)
	_, err = u.Verify(k.Public(), uri, now.Add(-time.Hour))
	require.ErrorIs(t, err, statuslist.ErrFuture)
}

// The draft's lists, in the CBOR that it prints and in CBOR made of its JSON.
func TestCWTVectors(t *testing.T) {
	k := generate(t, key.ES256)
	verify := func(list any) *statuslist.List {
		payload, err := cose.Marshal(map[int64]any{2: uri, 6: now.Unix(), 65533: list})
		require.NoError(t, err)
		data, err := cose.Sign(k, map[any]any{16: "application/statuslist+cwt"}, nil, payload)
		require.NoError(t, err)
		u, err := statuslist.ParseCWT(data)
		require.NoError(t, err)
		token, err := u.Verify(k.Public(), uri, now)
		require.NoError(t, err)
		return token.List
	}
	l := verify(cose.Raw(unhex(t, "a2646269747301636c73744a78dadbb918000217015d")))
	require.Equal(t, 1, l.Bits())
	require.Equal(t, unhex(t, "b9a3"), l.Raw())

	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var vectors map[string]struct {
		Bits     int                          `json:"bits"`
		List     string                       `json:"lst"`
		Entries  uint64                       `json:"entries"`
		Statuses map[uint64]statuslist.Status `json:"statuses"`
	}
	require.NoError(t, json.Unmarshal(data, &vectors))
	for _, v := range vectors {
		packed, err := base64.RawURLEncoding.DecodeString(v.List)
		require.NoError(t, err)
		l := verify(map[string]any{"bits": v.Bits, "lst": packed})
		require.Equal(t, v.Entries, l.Size())
		for i, want := range v.Statuses {
			got, err := l.Get(i)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}

func TestParseCWTRefuses(t *testing.T) {
	k := generate(t, key.ES256)
	type m = map[any]any
	list := m{"bits": 1, "lst": unhex(t, "78dadbb918000217015d")}
	with := func(change m) []byte {
		claims := m{2: "a", 6: 9, 65533: list}
		for label, v := range change {
			if v == nil {
				delete(claims, label)
			} else {
				claims[label] = v
			}
		}
		b, err := cose.Marshal(claims)
		require.NoError(t, err)
		return b
	}
	for name, payload := range map[string][]byte{
		"no sub":             with(m{2: nil}),
		"sub is bytes":       with(m{2: []byte("a")}),
		"empty sub":          with(m{2: ""}),
		"no iat":             with(m{6: nil}),
		"iat is a float":     with(m{6: 9.0}),
		"iat zero":           with(m{6: 0}),
		"exp before iat":     with(m{4: 8}),
		"exp as text":        with(m{4: "10"}),
		"ttl zero":           with(m{65534: 0}),
		"no list":            with(m{65533: nil}),
		"list as bytes":      with(m{65533: []byte{1}}),
		"no bits":            with(m{65533: m{"lst": []byte{1}}}),
		"three bits":         with(m{65533: m{"bits": 3, "lst": []byte{1}}}),
		"2^32 + 1 bits":      with(m{65533: m{"bits": 1<<32 + 1, "lst": []byte{1}}}),
		"no lst":             with(m{65533: m{"bits": 1}}),
		"lst as text":        with(m{65533: m{"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}),
		"aggregation number": with(m{65533: m{"bits": 1, "lst": []byte{1}, "aggregation_uri": 1}}),
		"not a map":          {0x80},
		"nothing":            {},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := cose.Sign(k, map[any]any{16: statuslist.TypeCWT}, nil, payload)
			require.NoError(t, err)
			_, err = statuslist.ParseCWT(data)
			require.ErrorIs(t, err, statuslist.ErrMalformed)
		})
	}
	for name, head := range map[string]map[any]any{
		"no typ":          nil,
		"another typ":     {16: "application/statuslist+jwt"},
		"number for typ":  {16: 293},
		"broken x5chain":  {16: statuslist.TypeCWT, 33: "x"},
		"only its ending": {16: "statuslist+cwt"},
	} {
		data, err := cose.Sign(k, head, nil, with(nil))
		require.NoError(t, err)
		_, err = statuslist.ParseCWT(data)
		require.ErrorIs(t, err, statuslist.ErrMalformed, name)
	}
	data, err := cose.Sign(k, map[any]any{16: statuslist.TypeCWT, 33: []byte{7}}, nil, with(m{1: "iss", 100: "unknown"}))
	require.NoError(t, err)
	u, err := statuslist.ParseCWT(data)
	require.NoError(t, err)
	require.Equal(t, [][]byte{{7}}, u.Header.X5C)
	_, err = u.Verify(k.Public(), "a", now)
	require.NoError(t, err)
}

func TestCWTFlipAnyByte(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k := generate(t, a)
		data, err := newToken(t).SignCWT(k)
		require.NoError(t, err)
		for i := range data {
			b := bytes.Clone(data)
			b[i] ^= 1 << (i % 8)
			u, err := statuslist.ParseCWT(b)
			if err == nil {
				_, err = u.Verify(k.Public(), uri, now)
			}
			require.Error(t, err, "byte %d bit %d", i, i%8)
		}
	})
}

func FuzzParseCWT(f *testing.F) {
	k := generate(f, key.SM2)
	good, err := newToken(f).SignCWT(k)
	require.NoError(f, err)
	f.Add(good)
	f.Add(unhex(f, "d28443a10126a0428000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := statuslist.ParseCWT(data)
		if err != nil {
			require.ErrorIs(t, err, statuslist.ErrMalformed)
			require.Nil(t, u)
			return
		}
		// The unprotected header is nobody's; what is under the signature can only be ours.
		if token, err := u.Verify(k.Public(), uri, now); err == nil {
			require.Equal(t, newToken(t), *token)
		}
	})
}
