package login_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/login"
)

// Whatever a provider signs with, and however we prove who we are.
func TestSignIn(t *testing.T) {
	for name, use := range map[string]func(*op){
		"RS256": func(o *op) { o.useRSA("RS256") }, "PS256": func(o *op) { o.useRSA("PS256") }, "EdDSA": (*op).useEdDSA,
		"ES256": func(o *op) { o.useKey(newKey(o.t, key.ES256)) }, "SM2": func(o *op) { o.useKey(newKey(o.t, key.SM2)) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t, time.Now)
			use(o)
			ours := newKey(t, key.SM2)
			s := newSite(t, nil, region(o, ours))
			require.Equal(t, "unauthenticated", s.in(s.browser))
			a := s.signIn(s.browser)
			require.Equal(t, http.StatusSeeOther, a.status, a.body)
			require.Equal(t, "/wallet", a.location)
			require.Equal(t, "张示例", s.in(s.browser))
			require.Equal(t, 1, s.entries("session.opened"))

			// We proved who we are by a fresh assertion for this token endpoint (RFC 7523 §3).
			form := o.redeemed[0].PostForm
			require.Equal(t, access.AssertionType, form.Get("client_assertion_type"))
			assertion, err := jose.Parse(form.Get("client_assertion"), "JWT")
			require.NoError(t, err)
			require.NoError(t, assertion.Verify(ours.Public()))
			var c struct{ Iss, Sub, Aud, Jti string }
			require.NoError(t, json.Unmarshal(assertion.Payload, &c))
			require.Equal(t, []string{"showcard", "showcard", o.server.URL + "/token"}, []string{c.Iss, c.Sub, c.Aud})
			require.NotEmpty(t, c.Jti)
			require.Empty(t, form.Get("client_secret"))
		})
	}
}

func TestRequest(t *testing.T) {
	o := newOP(t, time.Now)
	p := region(o, newKey(t, key.ES256))
	p.MaxAge, p.Require = time.Hour, access.AssuranceSubstantial
	s := newSite(t, nil, p)
	q := parse(t, s.begin(s.browser, "region", "")).Query()
	require.Equal(t, "code", q.Get("response_type"))
	require.Equal(t, "openid profile", q.Get("scope"))
	require.Equal(t, s.url+"/v1/sign-in/region/callback", q.Get("redirect_uri"))
	require.Equal(t, "S256", q.Get("code_challenge_method"))
	require.Equal(t, "3600", q.Get("max_age"))
	require.Equal(t, "urn:level:3 urn:level:2", q.Get("acr_values"), "best first")
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		require.GreaterOrEqual(t, len(q.Get(name)), 22, name)
	}
	again := parse(t, s.begin(s.browser, "region", "")).Query()
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		require.NotEqual(t, q.Get(name), again.Get(name), name)
	}
}

func TestSecretInTheHeader(t *testing.T) {
	o := newOP(t, time.Now)
	p := region(o, nil)
	p.Key, p.Secret = nil, "s3cret"
	s := newSite(t, nil, p)
	require.Equal(t, "/wallet", s.signIn(s.browser).location)
	id, secret, ok := o.redeemed[0].BasicAuth()
	require.True(t, ok)
	require.Equal(t, []string{"showcard", "s3cret"}, []string{id, secret})
	require.Empty(t, o.redeemed[0].PostForm.Get("client_assertion"))
}

func TestCookies(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	a := s.get(s.browser, s.url+"/v1/sign-in/region")
	require.Len(t, a.cookies, 1)
	transaction := a.cookies[0]
	require.Equal(t, http.SameSiteLaxMode, transaction.SameSite)
	require.True(t, transaction.HttpOnly)
	require.Equal(t, 600, transaction.MaxAge)
	state := parse(t, a.location).Query().Get("state")
	require.NotContains(t, transaction.Name+transaction.Value, state)

	done := s.get(s.browser, s.asked(s.browser, a.location))
	i := slices.IndexFunc(done.cookies, func(c *http.Cookie) bool { return c.Name == access.SessionCookie })
	session := done.cookies[i]
	require.Equal(t, http.SameSiteStrictMode, session.SameSite)
	require.True(t, session.HttpOnly)
	require.Equal(t, "/", session.Path)
	require.Empty(t, session.Domain)
	require.NotContains(t, session.Value, "430102")

	t.Run("over TLS", func(t *testing.T) {
		tls := newSite(t, func(c *login.Config) { c.PublicURL = "https://cards.example" }, region(o, newKey(t, key.ES256)))
		a := tls.get(tls.browser, tls.url+"/v1/sign-in/region")
		require.True(t, a.cookies[0].Secure)
		require.True(t, strings.HasPrefix(a.cookies[0].Name, "__Host-"))
		require.Equal(t, "/", a.cookies[0].Path)
		require.Equal(t, "https://cards.example/v1/sign-in/region/callback", parse(t, a.location).Query().Get("redirect_uri"))
	})
}

// Every sign-in is a session of its own, whatever the browser had before.
func TestNoFixation(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	tokens := map[string]bool{}
	for range 3 {
		for _, c := range s.signIn(s.browser).cookies {
			if c.Name == access.SessionCookie {
				tokens[c.Value] = true
			}
		}
	}
	require.Len(t, slices.Collect(maps.Keys(tokens)), 3)
}

func TestTwoTabsAtOnce(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	one, two := s.begin(s.browser, "region", "?return_to=/one"), s.begin(s.browser, "region", "?return_to=/two")
	back2, back1 := s.asked(s.browser, two), s.asked(s.browser, one)
	require.Equal(t, "/one", s.get(s.browser, back1).location)
	require.Equal(t, "/two", s.get(s.browser, back2).location)
	// Tabs that were never finished go, the oldest first.
	first := s.asked(s.browser, s.begin(s.browser, "region", ""))
	for range 3 {
		s.wait(time.Second)
		s.begin(s.browser, "region", "")
	}
	s.wait(time.Second)
	last := s.asked(s.browser, s.begin(s.browser, "region", ""))
	require.LessOrEqual(t, len(s.browser.Jar.Cookies(parse(t, s.url))), 5, "four, and the session")
	require.Equal(t, "sign-in-state-unknown", s.get(s.browser, first).code)
	require.Equal(t, "/wallet", s.get(s.browser, last).location)
}

func TestMe(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	s.signIn(s.browser)
	var me map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.get(s.browser, s.url+"/v1/me").body), &me))
	at, err := time.Parse(time.RFC3339, me["verified_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	delete(me, "verified_at")
	require.Equal(t, map[string]any{"name": "张示例", "assurance": "substantial", "method": "oidc:region"}, me)
}

func TestSignOut(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	out := func(browser *http.Client, body string, headers ...string) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/sign-out", strings.NewReader(body))
		require.NoError(t, err)
		return s.do(browser, req, append(headers, "Content-Type", "application/json")...)
	}
	phone, laptop := newBrowser(t), newBrowser(t)
	s.signIn(phone)
	s.signIn(laptop)
	stolen := phone.Jar.Cookies(parse(t, s.url))
	require.Equal(t, "cross-origin-refused", out(phone, "", "Sec-Fetch-Site", "cross-site").code)
	a := out(phone, "")
	require.Equal(t, http.StatusNoContent, a.status)
	require.Negative(t, a.cookies[0].MaxAge)
	require.Equal(t, "unauthenticated", s.in(phone))
	thief := newBrowser(t)
	thief.Jar.SetCookies(parse(t, s.url), stolen)
	require.Equal(t, "session-ended", s.in(thief), "a copy of the cookie is worth nothing")
	require.Equal(t, "张示例", s.in(laptop))
	require.Equal(t, 1, s.entries("session.ended"))

	s.signIn(phone)
	require.Equal(t, http.StatusNoContent, out(phone, `{"everywhere":true}`).status)
	s.wait(time.Second)
	require.Equal(t, "session-ended", s.in(laptop))
	require.Equal(t, "field-unknown", func() string { s.signIn(phone); return out(phone, `{"everywhere":true,"x":1}`).code }())
}

func TestProviders(t *testing.T) {
	o := newOP(t, time.Now)
	second := region(o, newKey(t, key.ES256))
	second.ID = "other"
	s := newSite(t, nil, region(o, newKey(t, key.ES256)), second)
	var list struct {
		Providers []struct {
			ID   string
			Name struct{ ZH, EN string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.get(s.browser, s.url+"/v1/sign-in/providers").body), &list))
	require.Len(t, list.Providers, 2)
	require.Equal(t, "统一身份认证", list.Providers[0].Name.ZH)
	require.Equal(t, "sign-in-provider-unknown", s.get(s.browser, s.url+"/v1/sign-in/nobody").code)

	none := newSite(t, nil)
	require.JSONEq(t, `{"providers":[]}`, none.get(none.browser, none.url+"/v1/sign-in/providers").body)
	require.Equal(t, "sign-in-not-offered", none.get(none.browser, none.url+"/v1/sign-in/region").code)
}

func TestReturnTo(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	for _, good := range []string{"/", "/wallet?tab=history", "/a/b.c~d-e_f"} {
		back := s.asked(s.browser, s.begin(s.browser, "region", "?return_to="+strings.ReplaceAll(good, "?", "%3F")))
		require.Equal(t, good, s.get(s.browser, back).location)
	}
	for _, bad := range []string{
		"https://evil.example/", "//evil.example/", "/%5Cevil.example", "/%5C%5Cevil.example", "%5C%5Cevil.example", "javascript:alert(1)", "wallet", "/%2F/evil.example",
		"/%09/evil.example", "/%0D%0ALocation:x", "/a%20b", "/%23x", "/%E4%BD%A0", "/" + strings.Repeat("a", 600), "/%252F%252Fevil%2500",
	} {
		a := s.get(s.browser, s.url+"/v1/sign-in/region?return_to="+bad)
		require.Equal(t, "sign-in-return-refused", a.code, bad)
	}
}
