package cose_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	gocose "github.com/veraison/go-cose"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
)

func generate(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cose.Marshal(v)
	require.NoError(t, err)
	return b
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

func eachAlgorithm(t *testing.T, f func(t *testing.T, a key.Algorithm)) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		t.Run(string(a), func(t *testing.T) { f(t, a) })
	}
}

func TestSignRoundTrip(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k := generate(t, a)
		data, err := cose.Sign(k, map[any]any{cose.HeaderType: "application/example", 4: []byte("kid"), "note": 7},
			map[any]any{17: [][]byte{{1}}}, []byte("payload"))
		require.NoError(t, err)
		m, err := cose.Parse(data)
		require.NoError(t, err)
		require.NoError(t, m.Verify(k.Public()))
		require.Equal(t, []byte("payload"), m.Payload)
		require.Equal(t, []byte("kid"), m.KeyID())
		require.NoError(t, m.ExpectType("application/example"))
		require.ErrorIs(t, m.ExpectType("application/other"), cose.ErrType)
		require.ErrorIs(t, m.ExpectType(293), cose.ErrType)
		require.True(t, m.Unprotected.Has(17))
		note, there, err := m.Protected.Int("note")
		require.NoError(t, err)
		require.True(t, there)
		require.Equal(t, int64(7), note)
		want := cose.AlgES256
		if a == key.SM2 {
			want = -65537
		}
		require.Equal(t, want, m.Algorithm)

		other := key.SM2
		if a == key.SM2 {
			other = key.ES256
		}
		require.ErrorIs(t, m.Verify(generate(t, a).Public()), cose.ErrSignature)
		require.ErrorIs(t, m.Verify(generate(t, other).Public()), cose.ErrAlgorithm)

		empty, err := cose.Sign(k, nil, nil, nil)
		require.NoError(t, err)
		m, err = cose.Parse(empty)
		require.NoError(t, err)
		require.NoError(t, m.Verify(k.Public()))
		require.Empty(t, m.Payload)
		require.Nil(t, m.KeyID())
		require.ErrorIs(t, m.ExpectType("application/example"), cose.ErrType)
	})
}

// foreignSigner and foreignVerifier are the doors by which SM2 comes into go-cose, the foreign check.
type foreign struct{ k *key.Private }

func (f foreign) Algorithm() gocose.Algorithm {
	if f.k.Public().Algorithm() == key.SM2 {
		return gocose.Algorithm(cose.AlgSM2)
	}
	return gocose.AlgorithmES256
}

type foreignSigner struct{ foreign }

func (f foreignSigner) Sign(_ io.Reader, content []byte) ([]byte, error) {
	return f.k.Sign(content)
}

type foreignVerifier struct{ foreign }

func (f foreignVerifier) Verify(content, signature []byte) error {
	return f.k.Public().Verify(content, signature)
}

func TestGoCose(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k := generate(t, a)
		ours, err := cose.Sign(k, map[any]any{cose.HeaderType: "application/example"}, map[any]any{cose.HeaderKeyID: []byte("k")}, []byte("ours"))
		require.NoError(t, err)
		var m gocose.Sign1Message
		require.NoError(t, m.UnmarshalCBOR(ours))
		require.NoError(t, m.Verify(nil, foreignVerifier{foreign{k}}))
		require.Equal(t, []byte("ours"), m.Payload)

		theirs, err := gocose.Sign1(nil, foreignSigner{foreign{k}}, gocose.Headers{
			Protected:   gocose.ProtectedHeader{gocose.HeaderLabelAlgorithm: foreign{k}.Algorithm()},
			Unprotected: gocose.UnprotectedHeader{gocose.HeaderLabelKeyID: []byte("k")},
		}, []byte("theirs"), nil)
		require.NoError(t, err)
		mine, err := cose.Parse(theirs)
		require.NoError(t, err)
		require.NoError(t, mine.Verify(k.Public()))
		require.Equal(t, []byte("k"), mine.KeyID())
	})
}

func TestParseRefuses(t *testing.T) {
	k := generate(t, key.ES256)
	good, err := cose.Sign(k, nil, nil, []byte("p"))
	require.NoError(t, err)
	_, err = cose.Parse(good)
	require.NoError(t, err)
	tagged := func(content ...any) []byte { return marshal(t, cbor.Tag{Number: 18, Content: content}) }
	head := func(m map[any]any) []byte { return marshal(t, m) }
	alg := head(map[any]any{1: -7})
	none := map[any]any{}
	p, sig := []byte("p"), make([]byte, 64)
	for name, data := range map[string][]byte{
		"nothing":                {},
		"no tag":                 good[1:],
		"another tag":            marshal(t, cbor.Tag{Number: 17, Content: []any{alg, none, p, sig}}),
		"CWT tag around":         append([]byte{0xd8, 61}, good...),
		"tag spelled long":       append([]byte{0xd8, 18}, good[1:]...),
		"array spelled long":     append([]byte{0xd2, 0x98, 4}, good[2:]...),
		"indefinite array":       append(append([]byte{0xd2, 0x9f}, good[2:]...), 0xff),
		"garbage behind":         append(bytes.Clone(good), 0),
		"cut off":                good[:len(good)-1],
		"three parts":            tagged(alg, none, p),
		"five parts":             tagged(alg, none, p, sig, sig),
		"detached payload":       tagged(alg, none, nil, sig),
		"undefined payload":      bytes.Replace(tagged(alg, none, p, sig), []byte{0x41, 'p'}, []byte{0xf7}, 1),
		"payload is text":        tagged(alg, none, "p", sig),
		"payload is an array":    tagged(alg, none, []int{112}, sig),
		"signature missing":      tagged(alg, none, p, nil),
		"protected is a map":     tagged(map[any]any{1: -7}, none, p, sig),
		"protected is empty":     tagged([]byte{}, none, p, sig),
		"protected is no map":    tagged([]byte{0x01}, none, p, sig),
		"no algorithm":           tagged(head(none), none, p, sig),
		"algorithm is text":      tagged(head(map[any]any{1: "ES256"}), none, p, sig),
		"algorithm is null":      tagged(head(map[any]any{1: nil}), none, p, sig),
		"algorithm is a float":   tagged(unhex(t, "a101fbc01c000000000000"), none, p, sig),
		"algorithm unprotected":  tagged(head(none), map[any]any{1: -7}, p, sig),
		"algorithm twice":        tagged(unhex(t, "a201260126"), none, p, sig),
		"algorithm twice, spelt": tagged(unhex(t, "a20126180126"), none, p, sig),
		"in both headers":        tagged(head(map[any]any{1: -7, 4: p}), map[any]any{4: p}, p, sig),
		"typ unprotected":        tagged(alg, map[any]any{16: "x"}, p, sig),
		"critical":               tagged(head(map[any]any{1: -7, 2: []int{1}}), none, p, sig),
		"critical unprotected":   tagged(alg, map[any]any{2: []int{1}}, p, sig),
		"label is true":          tagged(head(map[any]any{1: -7, true: 1}), none, p, sig),
		"label is a float":       tagged(head(map[any]any{1: -7, 1.5: 1}), none, p, sig),
		"nested twice":           tagged(unhex(t, "a201260ca201000100"), none, p, sig),
		"unprotected is null":    tagged(alg, nil, p, sig),
		"unprotected is a list":  tagged(alg, []int{}, p, sig),
		"bad UTF-8":              tagged(unhex(t, "a201260c61ff"), none, p, sig),
		"number beyond int64":    tagged(unhex(t, "a201260c1bffffffffffffffff"), none, p, sig),
		"deep":                   tagged(append(unhex(t, "a201260c"), append(bytes.Repeat([]byte{0x81}, 40), 0)...), none, p, sig),
		"a list of a million":    tagged(unhex(t, "a201260c9a000f4240"), none, p, sig),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := cose.Parse(data)
			require.ErrorIs(t, err, cose.ErrMalformed)
			require.Nil(t, m)
		})
	}
	_, err = cose.Parse(make([]byte, cose.MaxSize+1))
	require.ErrorIs(t, err, cose.ErrMalformed)
}

func TestVerifyRefusesSpelling(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k := generate(t, a)
		data, err := cose.Sign(k, nil, nil, []byte("p"))
		require.NoError(t, err)
		resign := func(signature []byte) error {
			cut := bytes.Clone(data[:len(data)-66])
			m, err := cose.Parse(append(cut, marshal(t, signature)...))
			require.NoError(t, err)
			return m.Verify(k.Public())
		}
		sig := data[len(data)-64:]
		require.NoError(t, resign(sig))
		require.ErrorIs(t, resign([]byte{}), cose.ErrEncoding)
		require.ErrorIs(t, resign(sig[:63]), cose.ErrEncoding)
		require.ErrorIs(t, resign(append(bytes.Clone(sig), 0)), cose.ErrEncoding)
		require.ErrorIs(t, resign(make([]byte, 64)), cose.ErrEncoding)
		require.ErrorIs(t, resign(bytes.Repeat([]byte{0xff}, 64)), cose.ErrEncoding)
		require.ErrorIs(t, resign(append(bytes.Clone(sig[32:]), sig[:32]...)), cose.ErrSignature)
	})
}

func TestX5Chain(t *testing.T) {
	k := generate(t, key.SM2)
	read := func(protected, unprotected map[any]any) ([][]byte, error) {
		data, err := cose.Sign(k, protected, unprotected, nil)
		require.NoError(t, err)
		m, err := cose.Parse(data)
		require.NoError(t, err)
		return m.X5Chain()
	}
	a, b := []byte{1}, []byte{2, 3}
	chain, err := read(nil, nil)
	require.NoError(t, err)
	require.Empty(t, chain)
	chain, err = read(map[any]any{33: a}, nil)
	require.NoError(t, err)
	require.Equal(t, [][]byte{a}, chain)
	chain, err = read(nil, map[any]any{33: [][]byte{a, b}})
	require.NoError(t, err)
	require.Equal(t, [][]byte{a, b}, chain)
	for name, v := range map[string]any{
		"null": nil, "text": "x", "empty": [][]byte{}, "array of one": [][]byte{a}, "array of text": []string{"a", "b"},
		"nine": [][]byte{a, a, a, a, a, a, a, a, a}, "nested": [][][]byte{{a}, {b}},
	} {
		_, err := read(map[any]any{33: v}, nil)
		require.ErrorIs(t, err, cose.ErrMalformed, name)
	}
}

func TestSignRefuses(t *testing.T) {
	k := generate(t, key.SM2)
	_, err := cose.Sign(k, map[any]any{1: -7}, nil, nil)
	require.ErrorIs(t, err, cose.ErrAlgorithm)
	for name, h := range map[string][2]map[any]any{
		"critical":           {{2: []int{1}}, nil},
		"both headers":       {{4: []byte{1}}, {4: []byte{1}}},
		"one label twice":    {nil, {17: 1, int64(17): 1}},
		"label of odd type":  {{true: 1}, nil},
		"type not protected": {nil, {16: "x"}},
	} {
		_, err := cose.Sign(k, h[0], h[1], nil)
		require.ErrorIs(t, err, cose.ErrMalformed, name)
	}
	_, err = cose.Sign(k, map[any]any{5: make(chan int)}, nil, nil)
	require.Error(t, err)
}

func TestFlipAnyByte(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k := generate(t, a)
		data, err := cose.Sign(k, map[any]any{cose.HeaderType: "application/example", cose.HeaderKeyID: []byte("kid")}, nil, []byte("a payload"))
		require.NoError(t, err)
		for i := range data {
			for bit := range 8 {
				b := bytes.Clone(data)
				b[i] ^= 1 << bit
				m, err := cose.Parse(b)
				if err == nil {
					err = m.Verify(k.Public())
				}
				require.Error(t, err, "byte %d bit %d", i, bit)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	k := generate(f, key.SM2)
	data, err := cose.Sign(k, map[any]any{cose.HeaderType: 293}, map[any]any{17: [][]byte{{1}}}, []byte{0xa0})
	require.NoError(f, err)
	f.Add(data)
	for _, name := range []string{"kbt.cbor", "issuer_cwt.cbor", "nested_kbt.cbor", "decoy.cbor"} {
		f.Add(file(f, name))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := cose.Parse(in)
		if err != nil {
			require.ErrorIs(t, err, cose.ErrMalformed)
			require.Nil(t, m)
			return
		}
		// What we read, go-cose reads as well, or our reading would be the generous one. It does
		// not take tags inside of headers, though, which SD-CWT needs.
		var theirs gocose.Sign1Message
		if theirs.UnmarshalCBOR(in) == nil {
			require.True(t, bytes.Equal(theirs.Payload, m.Payload))
		}
		_, _ = cose.DecodeMap(m.Payload)
	})
}
