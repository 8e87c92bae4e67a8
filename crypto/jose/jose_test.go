package jose

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
)

var both = []key.Algorithm{key.SM2, key.ES256}

const typ = "test+jwt"

func generate(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs any header and payload bytes with the real key.
func forge(t testing.TB, k *key.Private, header, payload string) string {
	t.Helper()
	signed := b64(header) + "." + b64(payload)
	sig, err := k.Sign([]byte(signed))
	require.NoError(t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestSignAndVerify(t *testing.T) {
	for _, a := range both {
		k := generate(t, a).WithID("2026-1")
		text, err := SignJSON(k, SignHeader{Type: typ, X5C: [][]byte{{1, 2, 3}, {4}}}, map[string]any{"iss": "湖南", "n": 1})
		require.NoError(t, err)
		token, err := Parse(text, typ)
		require.NoError(t, err)
		require.Equal(t, Header{Algorithm: string(a), Type: typ, KeyID: "2026-1", X5C: [][]byte{{1, 2, 3}, {4}}}, token.Header)
		require.JSONEq(t, `{"iss":"湖南","n":1}`, string(token.Payload))
		require.NoError(t, token.Verify(k.Public()))
		require.NoError(t, token.VerifyForeign(k.Public()))
		require.ErrorIs(t, token.Verify(generate(t, a).Public()), ErrSignature)

		text, err = Sign(k, SignHeader{Type: typ, KeyID: "-"}, []byte(`{}`))
		require.NoError(t, err)
		token, err = Parse(text, typ)
		require.NoError(t, err)
		require.Empty(t, token.Header.KeyID)
		text, err = Sign(k, SignHeader{KeyID: "other"}, []byte(`{}`))
		require.NoError(t, err)
		token, err = Parse(text, "")
		require.NoError(t, err)
		require.Equal(t, "other", token.Header.KeyID)
	}
}

// dishonest is a signer whose security module answers in DER.
type dishonest struct{ *key.Private }

func (d dishonest) Sign(message []byte) ([]byte, error) {
	sig, err := d.Private.Sign(message)
	if err != nil {
		return nil, err
	}
	return sm.ToDER(sig)
}

// Nothing is signed that Parse would refuse.
func TestSignRefuses(t *testing.T) {
	k := generate(t, key.SM2)
	for name, payload := range map[string]string{
		"list": "[]", "string": `"x"`, "null": "null", "name twice": `{"a":1,"a":2}`, "deep": strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), "too large": `{"a":"` + strings.Repeat("a", MaxSize) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := SignJSON(k, SignHeader{Type: typ}, json.RawMessage(payload))
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
	_, err := Sign(k, SignHeader{Type: typ, X5C: make([][]byte, 9)}, []byte(`{}`))
	require.ErrorIs(t, err, ErrMalformed)
	_, err = Sign(k, SignHeader{Type: typ, KeyID: strings.Repeat("k", 20<<10)}, []byte(`{}`))
	require.ErrorIs(t, err, ErrMalformed)
	_, err = Sign(dishonest{k}, SignHeader{Type: typ}, []byte(`{}`))
	require.ErrorIs(t, err, ErrEncoding)
	_, err = SignJSON(k, SignHeader{Type: typ}, func() {})
	require.Error(t, err)
}

// Each case is signed by the trusted key, so that only the rule can refuse it.
func TestStrictness(t *testing.T) {
	k := generate(t, key.SM2)
	head := func(extra string) string { return `{"alg":"SGD_SM3_SM2","typ":"test+jwt"` + extra + `}` }
	good := forge(t, k, head(""), `{"a":1}`)
	parts := strings.Split(good, ".")
	_, err := Parse(good, typ)
	require.NoError(t, err)
	cert := base64.StdEncoding.EncodeToString([]byte("certificate, padded"))
	jwk, err := json.Marshal(k.Public())
	require.NoError(t, err)

	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":               {"", ErrMalformed},
		"dots only":           {"..", ErrMalformed},
		"one dot":             {parts[0] + "." + parts[1], ErrMalformed},
		"extra dot":           {good + ".", ErrMalformed},
		"extra part":          {good + ".AAAA", ErrMalformed},
		"leading dot":         {"." + good, ErrMalformed},
		"JSON serialization":  {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, ErrMalformed},
		"JWE":                 {"a.b.c.d.e", ErrMalformed},
		"no header":           {"." + parts[1] + "." + parts[2], ErrMalformed},
		"no payload":          {parts[0] + ".." + parts[2], ErrMalformed},
		"padded header":       {parts[0] + "=." + parts[1] + "." + parts[2], ErrMalformed},
		"padded payload":      {parts[0] + "." + parts[1] + "=." + parts[2], ErrMalformed},
		"padded signature":    {good + "==", ErrMalformed},
		"newline at the end":  {good + "\n", ErrMalformed},
		"carriage return":     {good + "\r", ErrMalformed},
		"newline inside":      {parts[0] + "." + parts[1][:3] + "\n" + parts[1][3:] + "." + parts[2], ErrMalformed},
		"space before":        {" " + good, ErrMalformed},
		"space after":         {good + " ", ErrMalformed},
		"percent":             {strings.Replace(good, ".", "%2e", 1), ErrMalformed},
		"standard base64":     {parts[0] + "." + parts[1] + "." + "++++" + parts[2][4:], ErrMalformed},
		"spare bits":          {good[:len(good)-1] + string(spare(good[len(good)-1])), ErrMalformed},
		"bytes behind":        {forge(t, k, head("")+" {}", `{}`), ErrMalformed},
		"header is a list":    {forge(t, k, `["alg"]`, `{}`), ErrMalformed},
		"header is half":      {forge(t, k, `{"alg":"SGD_SM3_SM2"`, `{}`), ErrMalformed},
		"header bad UTF-8":    {forge(t, k, head(",\"a\":\"\xff\""), `{}`), ErrMalformed},
		"header deep":         {forge(t, k, head(`,"a":[[[[[]]]]]`), `{}`), ErrMalformed},
		"header huge":         {forge(t, k, head(`,"a":"`+strings.Repeat("a", 20<<10)+`"`), `{}`), ErrMalformed},
		"crit":                {forge(t, k, head(`,"crit":["exp"],"exp":1`), `{}`), ErrMalformed},
		"crit empty":          {forge(t, k, head(`,"crit":[]`), `{}`), ErrMalformed},
		"b64 false":           {forge(t, k, head(`,"b64":false`), `{}`), ErrMalformed},
		"b64 true":            {forge(t, k, head(`,"b64":true`), `{}`), ErrMalformed},
		"own key":             {forge(t, k, head(`,"jwk":`+string(jwk)), `{}`), ErrMalformed},
		"jku":                 {forge(t, k, head(`,"jku":"https://evil.example/keys"`), `{}`), ErrMalformed},
		"x5u":                 {forge(t, k, head(`,"x5u":"https://evil.example/cert"`), `{}`), ErrMalformed},
		"compressed":          {forge(t, k, head(`,"zip":"DEF"`), `{}`), ErrMalformed},
		"alg twice":           {forge(t, k, head(`,"alg":"SGD_SM3_SM2"`), `{}`), ErrMalformed},
		"alg twice, escaped":  {forge(t, k, head(`,"\u0061lg":"ES256"`), `{}`), ErrMalformed},
		"typ twice":           {forge(t, k, head(`,"typ":"other+jwt"`), `{}`), ErrMalformed},
		"no alg":              {forge(t, k, `{"typ":"test+jwt"}`, `{}`), ErrMalformed},
		"alg null":            {forge(t, k, `{"alg":null,"typ":"test+jwt"}`, `{}`), ErrMalformed},
		"alg is a list":       {forge(t, k, `{"alg":["SGD_SM3_SM2"],"typ":"test+jwt"}`, `{}`), ErrMalformed},
		"alg empty":           {forge(t, k, `{"alg":"","typ":"test+jwt"}`, `{}`), ErrMalformed},
		"Alg":                 {forge(t, k, `{"Alg":"SGD_SM3_SM2","typ":"test+jwt"}`, `{}`), ErrMalformed},
		"alg none":            {b64(`{"alg":"none","typ":"test+jwt"}`) + "." + b64(`{}`) + ".", ErrAlgorithm},
		"alg None":            {forge(t, k, `{"alg":"None","typ":"test+jwt"}`, `{}`), ErrAlgorithm},
		"alg nOnE, signed":    {forge(t, k, `{"alg":"nOnE","typ":"test+jwt"}`, `{}`), ErrAlgorithm},
		"RS256":               {forge(t, k, `{"alg":"RS256","typ":"test+jwt"}`, `{}`), ErrAlgorithm},
		"ES256K":              {forge(t, k, `{"alg":"ES256K","typ":"test+jwt"}`, `{}`), ErrAlgorithm},
		"alg in other case":   {forge(t, k, `{"alg":"sgd_sm3_sm2","typ":"test+jwt"}`, `{}`), ErrAlgorithm},
		"alg with a space":    {forge(t, k, `{"alg":"SGD_SM3_SM2 ","typ":"test+jwt"}`, `{}`), ErrAlgorithm},
		"HS256":               {hs256(k.Public()), ErrAlgorithm},
		"wrong typ":           {forge(t, k, `{"alg":"SGD_SM3_SM2","typ":"kb+jwt"}`, `{}`), ErrType},
		"typ in other case":   {forge(t, k, `{"alg":"SGD_SM3_SM2","typ":"Test+JWT"}`, `{}`), ErrType},
		"no typ":              {forge(t, k, `{"alg":"SGD_SM3_SM2"}`, `{}`), ErrType},
		"typ null":            {forge(t, k, `{"alg":"SGD_SM3_SM2","typ":null}`, `{}`), ErrMalformed},
		"typ is a number":     {forge(t, k, `{"alg":"SGD_SM3_SM2","typ":7}`, `{}`), ErrMalformed},
		"kid is a number":     {forge(t, k, head(`,"kid":7`), `{}`), ErrMalformed},
		"x5c is a string":     {forge(t, k, head(`,"x5c":"`+cert+`"`), `{}`), ErrMalformed},
		"x5c empty":           {forge(t, k, head(`,"x5c":[]`), `{}`), ErrMalformed},
		"x5c of null":         {forge(t, k, head(`,"x5c":[null]`), `{}`), ErrMalformed},
		"x5c of nothing":      {forge(t, k, head(`,"x5c":[""]`), `{}`), ErrMalformed},
		"x5c in base64url":    {forge(t, k, head(`,"x5c":["_-8"]`), `{}`), ErrMalformed},
		"x5c with line break": {forge(t, k, head(`,"x5c":["`+cert[:4]+`\n`+cert[4:]+`"]`), `{}`), ErrMalformed},
		"x5c long":            {forge(t, k, head(`,"x5c":[`+strings.TrimSuffix(strings.Repeat(`"`+cert+`",`, 9), ",")+`]`), `{}`), ErrMalformed},
		"payload is a list":   {forge(t, k, head(""), `[]`), ErrMalformed},
		"payload is text":     {forge(t, k, head(""), `hello`), ErrMalformed},
		"payload half":        {forge(t, k, head(""), `{"a":`), ErrMalformed},
		"payload and more":    {forge(t, k, head(""), `{} {}`), ErrMalformed},
		"name twice":          {forge(t, k, head(""), `{"exp":1,"exp":2}`), ErrMalformed},
		"name twice, inside":  {forge(t, k, head(""), `{"cnf":{"jwk":1,"jwk":2}}`), ErrMalformed},
		"payload bad UTF-8":   {forge(t, k, head(""), "{\"a\":\"\xc3\x28\"}"), ErrMalformed},
		"payload deep":        {forge(t, k, head(""), `{"a":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`), ErrMalformed},
		"huge":                {good + strings.Repeat("A", MaxSize), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := Parse(c.text, typ)
			require.ErrorIs(t, err, c.want)
			require.Nil(t, token)
		})
	}
}

// spare flips an unused bit of the last character: 64 bytes leave four of them.
func spare(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

// hs256 is the classic attack: the public key as an HMAC secret.
func hs256(k *key.Public) string {
	signed := b64(`{"alg":"HS256","typ":"test+jwt"}`) + "." + b64(`{}`)
	mac := hmac.New(sha256.New, k.Point())
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// The key decides the algorithm, whatever the header says.
func TestAlgorithmIsTheKeys(t *testing.T) {
	for i, a := range both {
		k, other := generate(t, a), generate(t, both[1-i])
		text := forge(t, k, `{"alg":"`+string(both[1-i])+`","typ":"test+jwt"}`, `{}`)
		token, err := Parse(text, typ)
		require.NoError(t, err)
		require.ErrorIs(t, token.Verify(k.Public()), ErrAlgorithm)
		require.ErrorIs(t, token.VerifyForeign(k.Public()), ErrAlgorithm)
		require.ErrorIs(t, token.Verify(other.Public()), ErrSignature)
	}
	k, ec := generate(t, key.SM2), generate(t, key.ES256)
	for _, alias := range []string{"SM2", "SM2SM3"} {
		token, err := Parse(forge(t, k, `{"alg":"`+alias+`","typ":"test+jwt"}`, `{}`), typ)
		require.NoError(t, err)
		require.ErrorIs(t, token.Verify(k.Public()), ErrAlgorithm, "aliases are off by default")
		require.NoError(t, token.VerifyForeign(k.Public()))
		require.ErrorIs(t, token.VerifyForeign(ec.Public()), ErrAlgorithm)
		require.ErrorIs(t, token.VerifyForeign(generate(t, key.SM2).Public()), ErrSignature)
		token, err = Parse(forge(t, ec, `{"alg":"`+alias+`","typ":"test+jwt"}`, `{}`), typ)
		require.NoError(t, err)
		require.ErrorIs(t, token.VerifyForeign(ec.Public()), ErrAlgorithm)
	}
}

// After the kinds of fault that Project Wycheproof collects for JWS and for ECDSA signatures
// in r‖s form.
func TestSignatureFaults(t *testing.T) {
	for _, a := range both {
		k := generate(t, a)
		signed := b64(`{"alg":"`+string(a)+`","typ":"test+jwt"}`) + "." + b64(`{"a":1}`)
		sig, err := k.Sign([]byte(signed))
		require.NoError(t, err)
		der, err := sm.ToDER(sig)
		require.NoError(t, err)
		zero, high := make([]byte, 32), bytes.Repeat([]byte{0xff}, 32)
		one := append(make([]byte, 31), 1)
		join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
		for name, c := range map[string]struct {
			sig  []byte
			want error
		}{
			"none":            {nil, ErrEncoding},
			"DER":             {der, ErrEncoding},
			"one byte short":  {sig[:63], ErrEncoding},
			"one byte long":   {join(sig, []byte{0}), ErrEncoding},
			"zero in front":   {join([]byte{0}, sig), ErrEncoding},
			"both padded":     {join([]byte{0}, sig[:32], []byte{0}, sig[32:]), ErrEncoding},
			"P-521 size":      {make([]byte, 132), ErrEncoding},
			"twice":           {join(sig, sig), ErrEncoding},
			"r zero":          {join(zero, sig[32:]), ErrEncoding},
			"s zero":          {join(sig[:32], zero), ErrEncoding},
			"both zero":       {make([]byte, 64), ErrEncoding},
			"r too large":     {join(high, sig[32:]), ErrEncoding},
			"s too large":     {join(sig[:32], high), ErrEncoding},
			"psychic":         {join(one, zero), ErrEncoding},
			"one and one":     {join(one, one), ErrSignature},
			"swapped":         {join(sig[32:], sig[:32]), ErrSignature},
			"little endian":   {reversed(sig), ErrSignature},
			"of another text": {mustSign(t, k, signed+" "), ErrSignature},
			"of the payload":  {mustSign(t, k, `{"a":1}`), ErrSignature},
		} {
			t.Run(string(a)+" "+name, func(t *testing.T) {
				token, err := Parse(signed+"."+base64.RawURLEncoding.EncodeToString(c.sig), typ)
				require.NoError(t, err)
				require.ErrorIs(t, token.Verify(k.Public()), c.want)
			})
		}
	}
}

func mustSign(t *testing.T, k *key.Private, text string) []byte {
	t.Helper()
	sig, err := k.Sign([]byte(text))
	require.NoError(t, err)
	return sig
}

func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[len(b)-1-i] = b[i]
	}
	return out
}

// Every bit of a token matters: whichever byte is changed, to whatever, it is refused.
func TestFlipAnyByte(t *testing.T) {
	for _, a := range both {
		k := generate(t, a)
		text, err := SignJSON(k, SignHeader{Type: typ, KeyID: "-"}, map[string]any{"iss": "https://issuer.example", "n": 12345})
		require.NoError(t, err)
		for i := range text {
			for _, mask := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
				bad := []byte(text)
				bad[i] ^= mask
				token, err := Parse(string(bad), typ)
				if err != nil {
					continue
				}
				require.Error(t, token.Verify(k.Public()), "byte %d, mask %x", i, mask)
			}
		}
	}
}

func TestTokensNeverPrint(t *testing.T) {
	k := generate(t, key.SM2)
	text, err := Sign(k, SignHeader{Type: typ}, []byte(`{"name":"张三"}`))
	require.NoError(t, err)
	token, err := Parse(text, typ)
	require.NoError(t, err)
	var out bytes.Buffer
	for _, v := range []any{token, *token, struct{ T *Token }{token}, []*Token{token}, map[string]any{"t": *token}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		_, err := json.Marshal(v)
		require.Error(t, err)
	}
	for _, secret := range []string{"张三", fmt.Sprint([]byte("张三")), fmt.Sprintf("%x", "张三"), text, strings.Split(text, ".")[1]} {
		require.NotContains(t, out.String(), secret)
	}
}

func FuzzParse(f *testing.F) {
	k := generate(f, key.SM2)
	ec := generate(f, key.ES256)
	for _, s := range []*key.Private{k, ec} {
		text, err := Sign(s, SignHeader{Type: typ, X5C: [][]byte{{1}}}, []byte(`{"a":{"b":[1,2,"\u0061"]}}`))
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add(b64(`{"alg":"none","typ":"test+jwt"}`) + "." + b64(`{}`) + ".")
	f.Add(b64(`{"alg":"SM2","typ":"test+jwt","crit":["b64"]}`) + "." + b64(`{}`) + ".AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text, typ)
		if err != nil {
			return
		}
		require.True(t, json.Valid(token.Payload))
		// One spelling: the parts put together again are the text.
		require.Equal(t, text, token.signed+"."+base64.RawURLEncoding.EncodeToString(token.sig))
		_, payload, _ := strings.Cut(token.signed, ".")
		require.Equal(t, payload, base64.RawURLEncoding.EncodeToString(token.Payload))
		_ = token.VerifyForeign(k.Public())
		_ = token.VerifyForeign(ec.Public())
	})
}
