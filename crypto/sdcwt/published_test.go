package sdcwt_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/qr"
)

func tokenOf(v sharedVector) ([]byte, error) {
	code, err := qr.Parse(v.Code)
	return code.Offline, err
}

func published(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

// The examples of the draft: every disclosure is hashed anew and stands where its digest stood.
func TestPublishedDisclosures(t *testing.T) {
	claims, err := sdcwt.ReadClaims(published(t, "kbt.cbor"))
	require.NoError(t, err)
	require.Equal(t, "https://issuer.example", claims[int64(1)])
	require.Equal(t, true, claims[int64(500)])
	require.Equal(t, "ABCD-123456", claims[int64(501)], "disclosed")
	require.Equal(t, []any{int64(1549560720), int64(1674004740)}, claims[int64(502)], "one of two dates disclosed, one always open")
	require.Equal(t, map[any]any{"country": "us", "region": "ca"}, claims[int64(503)], "postal_code is kept back")
	require.NotContains(t, claims, cose.Simple(59))

	claims, err = sdcwt.ReadClaims(published(t, "issuer_cwt.cbor"))
	require.NoError(t, err)
	require.Equal(t, []any{int64(1549560720), int64(1612560720), int64(1674004740)}, claims[int64(502)], "all dates, in their places")
	require.Equal(t, map[any]any{"country": "us", "region": "ca", "postal_code": "94188"}, claims[int64(503)])

	claims, err = sdcwt.ReadClaims(published(t, "decoy.cbor"))
	require.NoError(t, err)
	require.Equal(t, []any{"fr"}, claims[int64(98)], "a decoy is nothing")
	require.Equal(t, true, claims[int64(500)])

	for _, name := range []string{"nested_cwt.cbor", "nested_kbt.cbor"} {
		claims, err = sdcwt.ReadClaims(published(t, name))
		require.NoError(t, err, name)
		require.Equal(t, []any{
			map[any]any{int64(500): true, int64(502): int64(1549560720), int64(501): "DCBA-101777", int64(503): map[any]any{int64(1): "us"}},
			map[any]any{int64(500): true, int64(502): int64(1674004740), int64(501): "ABCD-123456", int64(503): map[any]any{int64(1): "us", int64(2): "ca"}},
		}, claims[int64(504)], name)
	}
	claims, err = sdcwt.ReadClaims(published(t, "nested_issuer_cwt.cbor"))
	require.NoError(t, err)
	require.Len(t, claims[int64(504)], 3)
}

// They are not offline codes: these have another signer, more claims and disclosures.
func TestPublishedAreNoOfflineCodes(t *testing.T) {
	for name, want := range map[string]error{"kbt.cbor": sdcwt.ErrMalformed, "nested_kbt.cbor": sdcwt.ErrTooLarge, "issuer_cwt.cbor": sdcwt.ErrType, "decoy.cbor": sdcwt.ErrType} {
		_, err := sdcwt.Parse(published(t, name))
		require.ErrorIs(t, err, want, name)
	}
}

// sdCWT signs a foreign SD-CWT with the disclosures and claims that are given.
func sdCWT(t testing.TB, hash any, disclosures [][]byte, claims map[any]any) []byte {
	t.Helper()
	payload, err := cose.Marshal(claims)
	require.NoError(t, err)
	head := map[any]any{16: 293}
	if hash != nil {
		head[170] = hash
	}
	data, err := cose.Sign(generate(t, key.ES256), head, map[any]any{17: disclosures}, payload)
	require.NoError(t, err)
	return data
}

func TestReadClaims(t *testing.T) {
	salt := func(b byte) []byte { return append(make([]byte, 15), b) }
	encode := func(parts ...any) []byte {
		data, err := cose.Marshal(parts)
		require.NoError(t, err)
		return data
	}
	digest := func(disclosure []byte) []byte {
		whole, err := cose.Marshal(disclosure)
		require.NoError(t, err)
		sum := sm.Sum(whole)
		return sum[:]
	}
	name, decoy, element := encode(salt(1), "张三", int64(501)), encode(salt(2)), encode(salt(3), "x")
	hidden := cose.Simple(59)
	got, err := sdcwt.ReadClaims(sdCWT(t, -65538, [][]byte{name, decoy, element}, map[any]any{
		1: "i", hidden: [][]byte{digest(name), digest(decoy)}, 7: []any{cose.Tag{Number: 60, Content: digest(element)}, "y"}}))
	require.NoError(t, err, "SM3")
	require.Equal(t, map[any]any{int64(1): "i", int64(501): "张三", int64(7): []any{"x", "y"}}, got)

	for label, c := range map[string]struct {
		hash        any
		disclosures [][]byte
		claims      map[any]any
	}{
		"another hash":             {-16, [][]byte{name}, map[any]any{hidden: [][]byte{digest(name)}}},
		"the default is SHA-256":   {nil, [][]byte{name}, map[any]any{hidden: [][]byte{digest(name)}}},
		"unknown hash":             {-43, nil, map[any]any{1: 1}},
		"not signed":               {-65538, [][]byte{name}, map[any]any{1: 1}},
		"twice shown":              {-65538, [][]byte{name, name}, map[any]any{hidden: [][]byte{digest(name)}}},
		"digest twice":             {-65538, [][]byte{name}, map[any]any{hidden: [][]byte{digest(name), digest(name)}}},
		"key is taken":             {-65538, [][]byte{name}, map[any]any{501: 1, hidden: [][]byte{digest(name)}}},
		"member as element":        {-65538, [][]byte{name}, map[any]any{7: []any{cose.Tag{Number: 60, Content: digest(name)}}}},
		"element as member":        {-65538, [][]byte{element}, map[any]any{hidden: [][]byte{digest(element)}}},
		"salt is short":            {-65538, [][]byte{encode([]byte{1}, 1, 2)}, map[any]any{1: 1}},
		"salt is text":             {-65538, [][]byte{encode("salt", 1, 2)}, map[any]any{1: 1}},
		"four parts":               {-65538, [][]byte{encode(salt(1), 1, 2, 3)}, map[any]any{1: 1}},
		"no array":                 {-65538, [][]byte{{0x01}}, map[any]any{1: 1}},
		"digests are no list":      {-65538, nil, map[any]any{hidden: 1}},
		"a digest is no bytes":     {-65538, nil, map[any]any{hidden: []any{1}}},
		"key of a digest is bytes": {-65538, [][]byte{encode(salt(1), 1, true)}, map[any]any{hidden: [][]byte{digest(encode(salt(1), 1, true))}}},
	} {
		_, err := sdcwt.ReadClaims(sdCWT(t, c.hash, c.disclosures, c.claims))
		require.Error(t, err, label)
		require.NotEmpty(t, sdcwt.Code(err), label)
	}
	for _, in := range [][]byte{nil, {0xd2}, make([]byte, 1<<17), []byte(hex.EncodeToString(salt(1)))} {
		_, err := sdcwt.ReadClaims(in)
		require.Error(t, err)
	}
}

func FuzzReadClaims(f *testing.F) {
	for _, name := range []string{"kbt.cbor", "issuer_cwt.cbor", "decoy.cbor", "nested_cwt.cbor", "nested_issuer_cwt.cbor", "nested_kbt.cbor"} {
		f.Add(published(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		claims, err := sdcwt.ReadClaims(data)
		if err != nil {
			require.Nil(t, claims)
			require.NotEmpty(t, sdcwt.Code(err))
		}
	})
}
