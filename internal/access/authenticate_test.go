package access_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
)

// everything was never seen before.
type everything struct{}

func (everything) Once(context.Context, string, time.Duration) (bool, error) { return true, nil }

// own signs a token with our own key: what a thief of another room's key could not.
func (f *fixture) own(typ string, claims map[string]any) string {
	f.t.Helper()
	if _, dated := claims["iat"]; !dated {
		claims["iat"] = f.clock().Unix()
	}
	text, err := jose.SignJSON(f.signer, jose.SignHeader{Type: typ}, claims)
	require.NoError(f.t, err)
	return text
}

func TestTokenRefused(t *testing.T) {
	f := newFixture(t, key.SM2)
	good := f.token()
	other := f.newService("https://other.example")
	elsewhere, err := other.Grant(t.Context(), form(f.assertion(map[string]any{"aud": "https://other.example"})))
	require.NoError(t, err)
	claims := func(change string, value any) map[string]any {
		c := map[string]any{"iss": us, "aud": us, "sub": counter, "client_id": counter, "scope": "verify", "role": "relying-party", "exp": f.clock().Add(time.Minute).Unix()}
		c[change] = value
		return c
	}
	status, _ := f.bearer(f.own("at+jwt", claims("jti", "1")))
	require.Equal(t, http.StatusOK, status, "the claims below are good but for one")

	for name, token := range map[string]string{
		"not a token":               "abc",
		"cut off":                   good[:len(good)-4],
		"with something after":      good + "x",
		"of another deployment":     elsewhere.AccessToken,
		"signed by somebody else":   f.signed(newKey(t, key.SM2).WithID(f.signer.Public().ID()), "at+jwt", claims("jti", "1")),
		"signed by the client":      f.signed(f.key, "at+jwt", claims("jti", "1")),
		"an assertion":              f.assertion(nil),
		"our signature, other type": f.own("trustlist+jwt", claims("jti", "1")),
		"another issuer":            f.own("at+jwt", claims("iss", "https://other.example")),
		"another audience":          f.own("at+jwt", claims("aud", "https://other.example")),
		"audience is a list":        f.own("at+jwt", claims("aud", []string{us})),
		"lives longer than any":     f.own("at+jwt", claims("iat", f.clock().Add(-8*time.Hour).Unix())),
		"no end":                    f.own("at+jwt", map[string]any{"iss": us, "aud": us, "client_id": counter, "role": "relying-party"}),
		"two tokens":                good + " " + good,
	} {
		t.Run(name, func(t *testing.T) {
			status, w := f.bearer(token)
			require.Equal(t, http.StatusUnauthorized, status)
			require.Contains(t, []string{"token-invalid", "token-expired"}, w.Code)
		})
	}
	f.wait(10*time.Minute - time.Second)
	status, _ = f.bearer(good)
	require.Equal(t, http.StatusOK, status)
	f.wait(time.Second)
	status, w := f.bearer(good)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "token-expired", w.Code)
}

// What the registry says now counts, not what it said when the token was made.
func TestRegistrationChangedSince(t *testing.T) {
	f := newFixture(t, key.SM2)
	token := f.token()
	was := f.clients[counter]

	f.register(func(c *access.Client) { c.Scopes = []string{"portrait", "registry"} })
	status, w := f.bearer(token)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []string{"portrait"}, w.Scopes, "taken away at once; what was added needs a new token")

	for name, change := range map[string]func(*access.Client){
		"suspended":    func(c *access.Client) { c.Suspended = true },
		"another role": func(c *access.Client) { c.Role = httpd.RoleOperator },
	} {
		t.Run(name, func(t *testing.T) {
			f.register(change)
			status, w := f.bearer(token)
			require.Equal(t, http.StatusForbidden, status)
			require.Equal(t, "client-suspended", w.Code)
			f.register(func(c *access.Client) { *c = was })
			status, _ = f.bearer(token)
			require.Equal(t, http.StatusOK, status)
		})
	}
	t.Run("removed", func(t *testing.T) {
		delete(f.clients, counter)
		status, w := f.bearer(token)
		require.Equal(t, http.StatusForbidden, status)
		require.Equal(t, "client-suspended", w.Code)
	})
	t.Run("registry broken", func(t *testing.T) {
		f.fails = errors.New("no database")
		status, w := f.bearer(token)
		require.Equal(t, http.StatusInternalServerError, status)
		require.Equal(t, "internal", w.Code)
	})
}

func TestWhereCredentialsStand(t *testing.T) {
	f := newFixture(t, key.SM2)
	machine := f.token()
	person, _ := f.signIn("holder-1")
	cookie := access.SessionCookie + "=" + person
	for _, c := range []struct {
		name    string
		headers []string
		code    string
	}{
		{"nothing", nil, "unauthenticated"},
		{"another cookie", []string{"Cookie", "a=b"}, "unauthenticated"},
		{"empty cookie", []string{"Cookie", access.SessionCookie + "="}, "unauthenticated"},
		{"cookie for machines", []string{"Cookie", access.SessionCookie + "=" + machine}, "token-invalid"},
		{"cookie twice", []string{"Cookie", cookie + "; " + cookie}, "token-invalid"},
		{"cookie of rubbish", []string{"Cookie", access.SessionCookie + "=x"}, "token-invalid"},
		{"broken token beside a good cookie", []string{"Authorization", "Bearer x", "Cookie", cookie}, "token-invalid"},
		{"empty header beside a good cookie", []string{"Authorization", "", "Cookie", cookie}, "token-invalid"},
		{"scheme beside a good cookie", []string{"Authorization", "Basic YTpi", "Cookie", cookie}, "token-invalid"},
		{"basic", []string{"Authorization", "Basic YTpi"}, "token-invalid"},
		{"scheme alone", []string{"Authorization", "Bearer"}, "token-invalid"},
		{"no token", []string{"Authorization", "Bearer "}, "token-invalid"},
		{"token alone", []string{"Authorization", machine}, "token-invalid"},
		{"two headers", []string{"Authorization", "Bearer " + machine, "Authorization", "Bearer " + machine}, "token-invalid"},
		{"tab", []string{"Authorization", "Bearer\t" + machine}, "token-invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, w := f.whoami(c.headers...)
			require.Equal(t, http.StatusUnauthorized, status)
			require.Equal(t, c.code, w.Code)
		})
	}
	for _, scheme := range []string{"bearer ", "BEARER ", "Bearer  "} {
		status, _ := f.whoami("Authorization", scheme+machine)
		require.Equal(t, http.StatusOK, status, scheme)
	}
}

func FuzzAuthorization(f *testing.F) {
	k, err := key.FromScalar(key.SM2, bytes.Repeat([]byte{7}, 32)) // the same in every worker
	require.NoError(f, err)
	s, err := access.New(access.Config{
		Issuer: us, Signer: k, Now: func() time.Time { return start }, Once: everything{},
		Clients:  func(string) (access.Client, error) { return access.Client{}, access.ErrClientUnknown },
		Sessions: newRecord(f, func() time.Time { return start }),
	})
	require.NoError(f, err)
	token, _, err := s.SignIn(f.Context(), access.Session{Holder: "holder-1", Name: "张三", Method: "oidc:demo", At: start})
	require.NoError(f, err)
	f.Add("Bearer "+token, "")
	f.Add("", access.SessionCookie+"="+token)
	f.Add("Bearer "+token[:40], "a=b; "+access.SessionCookie+"=x")
	f.Add("Basic YTpi", "")
	f.Add("bearer  .. ", "")
	f.Fuzz(func(t *testing.T, authorization, cookie string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		caller, err := s.Authenticate(r)
		if err != nil {
			require.Empty(t, caller.ID)
			return
		}
		require.Equal(t, "holder-1", caller.Holder, "the one person that ever got a token")
	})
}
