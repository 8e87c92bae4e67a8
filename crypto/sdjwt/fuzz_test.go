package sdjwt

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
)

func FuzzParse(f *testing.F) {
	for _, a := range both {
		i := issue(f, a)
		f.Add(i.text)
		f.Add(i.present(f, "name", "address"))
	}
	k := generate(f, key.SM2)
	simple, err := Sign(k, Issue{Claims: map[string]any{"vct": "x"}, Disclosable: []Claim{{"a", "1"}, {"b", []int{2}}}, Decoys: 1})
	require.NoError(f, err)
	f.Add(simple)
	for _, payload := range []string{`{"_sd":["x","x"]}`, `{"a":[{"...":"x"},{"b":{"_sd":[]}}],"_sd_alg":"sm3"}`, `{"_sd":[null]}`} {
		token, err := jose.Sign(k, jose.SignHeader{Type: Type}, []byte(payload))
		require.NoError(f, err)
		f.Add(token + "~")
		f.Add(token + "~WyJhIiwiYiIsMV0~")
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, Type)
		requireSameAsTheLongWay(t, text, s, err)
		if err != nil {
			require.Nil(t, s)
			return
		}
		claims, err := s.Claims()
		require.NoError(t, err)
		for name, raw := range claims {
			require.False(t, reservedName(name))
			require.True(t, json.Valid(raw))
			require.NoError(t, plain(raw), "the format's own names are gone, at every depth")
		}
		// One spelling: all claims selected give back the text, without the key binding.
		again, err := s.Select(append(keys(claims), s.Disclosed()...)...)
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(text, s.KeyBinding), again)
		_ = CheckVC(s)
		if cnf, err := s.Confirmation(); err == nil {
			_ = s.VerifyBinding(cnf, Expect{Audience: audience, Nonce: nonce, Now: then})
		}
		_ = claims.CheckTime(then, 0)
	})
}

// FuzzProcess lets the fuzzer write payload and disclosures, which a signature would hide.
func FuzzProcess(f *testing.F) {
	k := generate(f, key.ES256)
	f.Add(`{"_sd":["DIGEST0"],"a":[{"...":"DIGEST1"}]}`, `["s","n",{"_sd":["x"]}]`, `["s",[1]]`)
	f.Add(`{"a":{"_sd":["DIGEST0","DIGEST1"]},"_sd_alg":"sm3"}`, `["s","n",1]`, `["s","n",2]`)
	f.Add(`{"_sd":["DIGEST1","DIGEST0"],"n":"\\u0041"}`, `["s","m",{"x":1}]`, `["\\"","o","_sd"]`)
	f.Add(`{"_sd":["DIGEST0","DIGEST1"],"a":1}`, `["s","a",1]`, `["s","b",2]`)
	f.Add(`{"_sd":["DIGEST0","DIGEST1"]}`, `["s","a",1]`, `["t","a",1]`)
	f.Add(`{"_sd":["DIGEST1"]}`, `["s","n",1]`, `["s","m",{"_sd":["DIGEST0"]}]`)
	f.Fuzz(func(t *testing.T, payload, d0, d1 string) {
		hash := SHA256
		if strings.Contains(payload, `"sm3"`) {
			hash = SM3
		}
		enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		digest := func(d string) string { return base64.RawURLEncoding.EncodeToString(hash.Sum([]byte(enc(d)))) }
		d1 = strings.ReplaceAll(d1, "DIGEST0", digest(d0))
		payload = strings.NewReplacer("DIGEST0", digest(d0), "DIGEST1", digest(d1)).Replace(payload)
		token, err := jose.Sign(k, jose.SignHeader{Type: Type}, []byte(payload))
		if err != nil {
			return
		}
		text := token + "~" + enc(d0) + "~" + enc(d1) + "~"
		s, err := Parse(text, Type)
		requireSameAsTheLongWay(t, text, s, err)
		if err != nil {
			return
		}
		// And once more, remembered.
		c := NewCache(0)
		c.put(s.issued, Type, k.Public())
		again, err := c.Parse(text, Type)
		requireSameAsTheLongWay(t, text, again, err)
		require.True(t, again.VerifiedBy(k.Public()))
		claims, err := s.Claims()
		require.NoError(t, err)
		for _, raw := range claims {
			require.NoError(t, plain(raw))
		}
		require.Len(t, s.Disclosures, 2)
	})
}

// requireSameAsTheLongWay holds the short way, and what was remembered, against the long way through
// the standard: same verdict, same fault, same claims.
func requireSameAsTheLongWay(t *testing.T, text string, s *SDJWT, err error) {
	t.Helper()
	first, last := strings.IndexByte(text, '~'), strings.LastIndexByte(text, '~')
	if first < 0 || len(text) > MaxSize {
		require.Error(t, err)
		return
	}
	long := &SDJWT{jwt: text[:first], text: []byte(text[:last+1]), KeyBinding: text[last+1:]}
	var longErr error
	if long.issued, longErr = parseIssuer(long.jwt, Type); longErr == nil {
		long.Token = long.issued.token
		if first < last {
			longErr = long.parseDisclosures(text[first+1:last], long.text[first+1:last])
		}
		if longErr == nil {
			longErr = long.process()
		}
	}
	if longErr != nil {
		require.EqualError(t, err, longErr.Error())
		return
	}
	require.NoError(t, err)
	want, err := long.Claims()
	require.NoError(t, err)
	got, err := s.Claims()
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, long.Disclosed(), s.Disclosed())
	require.Equal(t, long.Hash, s.Hash)
	require.Equal(t, fmt.Sprint(CheckVC(long)), fmt.Sprint(CheckVC(s)))
	for name := range want {
		a, errA := long.Select(name)
		b, errB := s.Select(name)
		require.NoError(t, errA)
		require.NoError(t, errB)
		require.Equal(t, a, b)
		value, ok := s.Claim(name)
		require.True(t, ok)
		require.Equal(t, want[name], value)
	}
	a, errA := long.Confirmation()
	b, errB := s.Confirmation()
	require.Equal(t, fmt.Sprint(errA), fmt.Sprint(errB))
	require.True(t, errA != nil || a.Equal(b))
}

func keys(c Claims) []string {
	var names []string
	for name := range c {
		names = append(names, name)
	}
	return names
}
