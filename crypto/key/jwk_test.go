package key

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The key pair of GM/T 0003.5 Annex A and one of RFC 7515 A.3.
const (
	xSM = "CfnfMR5UIaFQ3X0WHkvFxnIXn60YM_wHawuPNV7zUCA"
	xEC = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
	yEC = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
)

func TestJWKRoundTrip(t *testing.T) {
	for _, a := range both {
		k := generate(t, a).WithID("2026-签发").Public()
		data, err := json.Marshal(k)
		require.NoError(t, err)
		var back Public
		require.NoError(t, json.Unmarshal(data, &back))
		require.True(t, back.Equal(k))
		require.Equal(t, "2026-签发", back.ID())
		require.Equal(t, a, back.Algorithm())

		bare, err := ParseJWK(k.Confirmation(), false)
		require.NoError(t, err)
		require.True(t, bare.Equal(k))
		require.Equal(t, k.Thumbprint(), bare.ID(), "without kid the thumbprint is the id")
		var names map[string]string
		require.NoError(t, json.Unmarshal(k.Confirmation(), &names))
		require.Len(t, names, 4, "a cnf carries nothing that links credentials but the key")
	}
}

// RFC 7638 §3.1 fixes the thumbprint's input; for P-256 the answer is RFC 7515 A.3's key,
// computed by hand over its canonical form.
func TestThumbprint(t *testing.T) {
	k, err := ParseJWK([]byte(`{"kty":"EC","crv":"P-256","x":"`+xEC+`","y":"`+yEC+`"}`), false)
	require.NoError(t, err)
	require.Equal(t, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", k.Thumbprint())
}

func TestParseJWK(t *testing.T) {
	sm2Key := generate(t, SM2).Public()
	f := sm2Key.fields()
	sm := func(extra string) string {
		return fmt.Sprintf(`{"kty":"EC","crv":"sm2p256v1","x":"%s","y":"%s"%s}`, f.X, f.Y, extra)
	}
	ec := func(extra string) string {
		return fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":"%s","y":"%s"%s}`, xEC, yEC, extra)
	}
	short := base64.RawURLEncoding.EncodeToString(make([]byte, 31))
	long := base64.RawURLEncoding.EncodeToString(make([]byte, 33))
	for name, c := range map[string]struct {
		in      string
		aliases bool
		err     error
	}{
		"SM2":                        {in: sm("")},
		"P-256":                      {in: ec("")},
		"SM2 with alg":               {in: sm(`,"alg":"SGD_SM3_SM2","use":"sig","kid":"a"`)},
		"unknown members":            {in: ec(`,"x5t":"abc","ext":true,"nested":{"a":[1]}`)},
		"key_ops verify":             {in: ec(`,"key_ops":["verify"]`)},
		"alias curve, allowed":       {in: strings.Replace(sm(""), "sm2p256v1", "SM2", 1), aliases: true},
		"alias curve 2, allowed":     {in: strings.Replace(sm(""), "sm2p256v1", "SM2-P-256", 1), aliases: true},
		"alias alg, allowed":         {in: sm(`,"alg":"SM2"`), aliases: true},
		"alias curve, off":           {in: strings.Replace(sm(""), "sm2p256v1", "SM2", 1), err: ErrUnsupported},
		"alias curve 2, off":         {in: strings.Replace(sm(""), "sm2p256v1", "SM2-P-256", 1), err: ErrUnsupported},
		"alias alg, off":             {in: sm(`,"alg":"SM2"`), err: ErrMalformed},
		"alias alg on P-256":         {in: ec(`,"alg":"SM2"`), aliases: true, err: ErrMalformed},
		"alg of the other kind":      {in: sm(`,"alg":"ES256"`), err: ErrMalformed},
		"alg of the other kind 2":    {in: ec(`,"alg":"SGD_SM3_SM2"`), err: ErrMalformed},
		"alg none":                   {in: ec(`,"alg":"none"`), err: ErrMalformed},
		"SM2 point said to be P-256": {in: strings.Replace(sm(""), "sm2p256v1", "P-256", 1), err: ErrMalformed},
		"P-256 point said to be SM2": {in: strings.Replace(ec(""), "P-256", "sm2p256v1", 1), err: ErrMalformed},
		"off the curve":              {in: strings.Replace(ec(""), yEC, xEC, 1), err: ErrMalformed},
		"SM2 off the curve":          {in: strings.Replace(sm(""), f.Y, xSM, 1), err: ErrMalformed},
		"private member":             {in: ec(`,"d":"AAAA"`), err: ErrMalformed},
		"private member, null":       {in: ec(`,"d":null`), err: ErrMalformed},
		"short coordinate":           {in: strings.Replace(ec(""), xEC, short, 1), err: ErrMalformed},
		"long coordinate":            {in: strings.Replace(ec(""), xEC, long, 1), err: ErrMalformed},
		"empty coordinate":           {in: strings.Replace(ec(""), xEC, "", 1), err: ErrMalformed},
		"padded coordinate":          {in: strings.Replace(ec(""), xEC, xEC+"=", 1), err: ErrMalformed},
		"line break in coordinate":   {in: strings.Replace(ec(""), xEC, xEC[:9]+`\n`+xEC[9:], 1), err: ErrMalformed},
		"spare bits":                 {in: strings.Replace(ec(""), xEC, xEC[:42]+"V", 1), err: ErrMalformed},
		"standard base64":            {in: strings.Replace(ec(""), "x_FEz", "x/FEz", 1), err: ErrMalformed},
		"no y":                       {in: `{"kty":"EC","crv":"P-256","x":"` + xEC + `"}`, err: ErrMalformed},
		"y is a number":              {in: `{"kty":"EC","crv":"P-256","x":"` + xEC + `","y":7}`, err: ErrMalformed},
		"kid is null":                {in: ec(`,"kid":null`), err: ErrMalformed},
		"kid huge":                   {in: ec(`,"kid":"` + strings.Repeat("k", 300) + `"`), err: ErrMalformed},
		"name twice":                 {in: ec(`,"crv":"P-256"`), err: ErrMalformed},
		"name twice, escaped":        {in: ec(`,"\u0063rv":"sm2p256v1"`), err: ErrMalformed},
		"case of a name":             {in: strings.Replace(ec(""), `"crv"`, `"CRV"`, 1), err: ErrUnsupported},
		"RSA":                        {in: `{"kty":"RSA","n":"AQAB","e":"AQAB"}`, err: ErrUnsupported},
		"oct":                        {in: `{"kty":"oct","k":"AAAA"}`, err: ErrUnsupported},
		"OKP":                        {in: `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`, err: ErrUnsupported},
		"P-384":                      {in: strings.Replace(ec(""), "P-256", "P-384", 1), err: ErrUnsupported},
		"for encryption":             {in: ec(`,"use":"enc"`), err: ErrUnsupported},
		"key_ops without verify":     {in: ec(`,"key_ops":["deriveKey"]`), err: ErrUnsupported},
		"key_ops is a string":        {in: ec(`,"key_ops":"verify"`), err: ErrMalformed},
		"no kty":                     {in: `{}`, err: ErrUnsupported},
		"list":                       {in: `[]`, err: ErrMalformed},
		"null":                       {in: `null`, err: ErrUnsupported},
		"empty":                      {in: ``, err: ErrMalformed},
		"two values":                 {in: ec("") + ec(""), err: ErrMalformed},
		"deep":                       {in: ec(`,"x5c":[[[[[]]]]]`), err: ErrMalformed},
		"huge":                       {in: ec(`,"a":"` + strings.Repeat("a", 9<<10) + `"`), err: ErrMalformed},
		"bad UTF-8":                  {in: ec(",\"a\":\"\xff\""), err: ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ParseJWK([]byte(c.in), c.aliases)
			if c.err == nil {
				require.NoError(t, err)
				require.Len(t, k.Point(), 65)
				return
			}
			require.ErrorIs(t, err, c.err)
			require.Nil(t, k)
		})
	}
}

// One kind that is not known must not cost the rest (RFC 7517 §5); one that is broken must.
func TestParseSet(t *testing.T) {
	a, b := generate(t, SM2).WithID("a").Public(), generate(t, ES256).WithID("b").Public()
	aj, err := json.Marshal(a)
	require.NoError(t, err)
	bj, err := json.Marshal(b)
	require.NoError(t, err)
	set, err := ParseSet([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"r"},`+string(aj)+`,{"kty":"OKP","crv":"Ed25519","x":"AA"},`+string(bj)+`,{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}],"more":1}`), false)
	require.NoError(t, err)
	require.Len(t, set.Keys, 2)
	k, ok := set.Find("a")
	require.True(t, ok)
	require.True(t, k.Equal(a))
	_, ok = set.Find("r")
	require.False(t, ok)
	_, ok = set.Find("")
	require.False(t, ok, "two keys: without an id there is no answer")

	data, err := json.Marshal(set)
	require.NoError(t, err)
	again, err := ParseSet(data, false)
	require.NoError(t, err)
	require.Len(t, again.Keys, 2)

	set, err = ParseSet([]byte(`{"keys":[`+string(aj)+`]}`), false)
	require.NoError(t, err)
	k, ok = set.Find("")
	require.True(t, ok)
	require.True(t, k.Equal(a))

	set, err = ParseSet([]byte(`{"keys":[]}`), false)
	require.NoError(t, err)
	require.Empty(t, set.Keys)

	for name, in := range map[string]string{
		"no keys": `{}`, "keys null": `{"keys":null}`, "keys object": `{"keys":{}}`, "list": `[]`, "other case": `{"Keys":[]}`,
		"broken key":  `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`,
		"private key": strings.Replace(`{"keys":[`+string(aj)+`]}`, `"kty"`, `"d":"AA","kty"`, 1),
		"keys twice":  `{"keys":[],"keys":[]}`,
		"too many":    `{"keys":[` + strings.TrimSuffix(strings.Repeat(string(aj)+",", 65), ",") + `]}`,
		"number":      `{"keys":[1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseSet([]byte(in), false)
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
}

func FuzzParseJWK(f *testing.F) {
	for _, a := range both {
		k := generate(f, a).Public()
		data, err := json.Marshal(k)
		require.NoError(f, err)
		f.Add(data, false)
		f.Add([]byte(k.Confirmation()), true)
	}
	f.Add([]byte(`{"kty":"EC","crv":"SM2","x":"`+xSM+`","y":"AA"}`), true)
	f.Add([]byte(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`), false)
	f.Fuzz(func(t *testing.T, data []byte, aliases bool) {
		k, err := ParseJWK(data, aliases)
		if err != nil {
			return
		}
		// What was taken must come back the same, by the names of the profile.
		out, err := json.Marshal(k)
		require.NoError(t, err)
		again, err := ParseJWK(out, false)
		require.NoError(t, err)
		require.True(t, again.Equal(k))
		require.Equal(t, k.ID(), again.ID())
	})
}

func FuzzParseSet(f *testing.F) {
	k, err := json.Marshal(generate(f, SM2).Public())
	require.NoError(f, err)
	f.Add([]byte(`{"keys":[` + string(k) + `,{"kty":"oct"}]}`))
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := ParseSet(data, true)
		if err != nil {
			return
		}
		out, err := json.Marshal(set)
		require.NoError(t, err)
		if len(set.Keys) > 0 {
			again, err := ParseSet(out, false)
			require.NoError(t, err)
			require.Len(t, again.Keys, len(set.Keys))
		}
	})
}
