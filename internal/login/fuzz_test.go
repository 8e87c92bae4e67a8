package login

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzReturnTo(f *testing.F) {
	for _, seed := range []string{"", "/", "/wallet?a=b", "//evil.example", "/\\evil.example", "/%2F/evil", "https://evil.example", "/a#b", "/\t/x"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://cards.example/v1/sign-in/region/callback")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		to, err := returnTo(text)
		if err != nil {
			return
		}
		u, err := base.Parse(to)
		require.NoError(t, err)
		require.Equal(t, "https://cards.example", u.Scheme+"://"+u.Host)
		// Browsers read a backslash as a slash, and drop tabs and line breaks (WHATWG URL §4.4).
		require.False(t, strings.HasPrefix(strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(to), "//"))
	})
}

func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"sm2p256v1","x":"MrG_sbmK57rJ5VKcJZ6jkeDLnGJjVN9oqRcuLSgqfRY","y":"AA"},{"kty":"OKP","crv":"Ed25519","x":"MrG_sbmK57rJ5VKcJZ6jkeDLnGJjVN9oqRcuLSgqfRY"}]}`))
	f.Add([]byte(`{"keys":[null,1,"x",{"kty":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeys(data)
		if err != nil {
			return
		}
		for _, k := range keys {
			require.True(t, (k.standard == nil) != (k.sm2 == nil), "one kind each")
		}
	})
}

// Whatever gets through is for us, from the issuer, of this sign-in and in time.
func FuzzClaims(f *testing.F) {
	now := time.Unix(1780301000, 0)
	p := &provider{Provider: Provider{Issuer: "https://id.example", ClientID: "showcard", MaxAge: time.Hour}}
	f.Add([]byte(`{"iss":"https://id.example","aud":"showcard","sub":"1","nonce":"n","exp":1780301300,"iat":1780301000,"auth_time":1780301000}`))
	f.Add([]byte(`{"iss":"https://id.example","aud":["showcard","x"],"azp":"showcard","sub":"1","nonce":"n","exp":1e300,"iat":1780301000,"auth_time":1780300000}`))
	f.Add([]byte(`{"ISS":"https://id.example","aud":"showcard","exp":-1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v, err := p.checkClaims(payload, "n", now)
		if err != nil {
			return
		}
		var c map[string]any
		require.NoError(t, json.Unmarshal(payload, &c))
		require.Equal(t, []any{"https://id.example", "n"}, []any{c["iss"], c["nonce"]})
		require.Greater(t, c["exp"], float64(now.Unix()))
		require.WithinDuration(t, now, v.at, time.Hour+skew)
	})
}

// A cookie opens only as it was sealed.
func FuzzTransaction(f *testing.F) {
	s, err := newSealer([]byte("0123456789abcdef"))
	require.NoError(f, err)
	want := transaction{Provider: "region", State: "state", Nonce: "n", Verifier: "v", ReturnTo: "/", Began: time.Unix(1780301000, 0).UTC()}
	name := nameFor("state", false)
	good, err := s.seal(name, want)
	require.NoError(f, err)
	f.Add(name, good)
	f.Add(name, good[:len(good)-1])
	f.Add(nameFor("other", false), good)
	f.Add(name, "")
	f.Fuzz(func(t *testing.T, name, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: name, Value: value})
		s.surplus(r, false)
		if got, ok := s.begun(r, "state", false); ok {
			require.Equal(t, want, got)
		}
	})
}
