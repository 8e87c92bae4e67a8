package sdjwt

import (
	"encoding/base64"
	"encoding/json"
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
	for _, payload := range []string{`{"_sd":["x","x"]}`, `{"a":[{"...":"x"},{"b":{"_sd":[]}}],"_sd_alg":"sm3"}`, `{"_sd":[null]}`} {
		token, err := jose.Sign(k, jose.SignHeader{Type: Type}, []byte(payload))
		require.NoError(f, err)
		f.Add(token + "~")
		f.Add(token + "~WyJhIiwiYiIsMV0~")
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, Type)
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
		s, err := Parse(token+"~"+enc(d0)+"~"+enc(d1)+"~", Type)
		if err != nil {
			return
		}
		claims, err := s.Claims()
		require.NoError(t, err)
		for _, raw := range claims {
			require.NoError(t, plain(raw))
		}
		require.Len(t, s.Disclosures, 2)
	})
}

func keys(c Claims) []string {
	var names []string
	for name := range c {
		names = append(names, name)
	}
	return names
}
