package login_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/login"
)

// set replaces a claim, or removes it where nil.
func set(name string, v any) func(*op) {
	return func(o *op) { o.claims = func(c map[string]any) { c[name] = v } }
}

// Every way in which a provider, or somebody in its place, can answer wrongly.
func TestAnswerRefused(t *testing.T) {
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	swap := func(head string) func(*op) {
		return func(o *op) {
			o.raw = func(text string) string {
				parts := strings.Split(text, ".")
				return b64([]byte(head)) + "." + parts[1] + "." + parts[2]
			}
		}
	}
	for name, c := range map[string]struct {
		wrong func(*op)
		code  string
	}{
		"nonce of another sign-in": {set("nonce", "another"), "sign-in-token-invalid"},
		"no nonce":                 {set("nonce", nil), "sign-in-token-invalid"},
		"aud of another client":    {set("aud", "another"), "sign-in-token-invalid"},
		"no aud":                   {set("aud", nil), "sign-in-token-invalid"},
		"two audiences, no azp":    {set("aud", []string{"showcard", "another"}), "sign-in-token-invalid"},
		"azp of another":           {set("azp", "another"), "sign-in-token-invalid"},
		"iss of another":           {set("iss", "https://other.example"), "sign-in-token-invalid"},
		"iss with a slash":         {func(o *op) { set("iss", o.server.URL+"/")(o) }, "sign-in-token-invalid"},
		"no iss":                   {set("iss", nil), "sign-in-token-invalid"},
		"no sub":                   {set("sub", nil), "sign-in-token-invalid"},
		"sub too long":             {set("sub", strings.Repeat("x", 256)), "sign-in-token-invalid"},
		"expired":                  {set("exp", at(-time.Second)), "sign-in-stale"},
		"no exp":                   {set("exp", nil), "sign-in-stale"},
		"exp is text":              {set("exp", "tomorrow"), "sign-in-token-invalid"},
		"no iat":                   {set("iat", nil), "sign-in-token-invalid"},
		"iat of the future":        {set("iat", at(time.Hour)), "sign-in-token-invalid"},
		"issued long ago":          {set("iat", at(-time.Hour)), "sign-in-stale"},
		"not valid yet":            {set("nbf", at(time.Hour)), "sign-in-token-invalid"},
		"auth_time of the future":  {set("auth_time", at(time.Hour)), "sign-in-token-invalid"},
		"auth_time long ago":       {set("auth_time", at(-2*time.Hour)), "sign-in-stale"},
		"no auth_time":             {set("auth_time", nil), "sign-in-token-invalid"},

		"alg none":           {swap(`{"alg":"none"}`), "sign-in-signature-invalid"},
		"alg HS256":          {swap(`{"alg":"HS256","kid":"r"}`), "sign-in-signature-invalid"},
		"alg swapped":        {swap(`{"alg":"ES256","kid":"r"}`), "sign-in-signature-invalid"},
		"alg swapped to SM2": {swap(`{"alg":"SGD_SM3_SM2","kid":"r"}`), "sign-in-signature-invalid"},
		"alg twice":          {swap(`{"alg":"RS256","alg":"none"}`), "sign-in-token-invalid"},
		"key brought along":  {swap(`{"alg":"RS256","jwk":{"kty":"RSA"}}`), "sign-in-token-invalid"},
		"unknown key id":     {swap(`{"alg":"RS256","kid":"x"}`), "sign-in-signature-invalid"},
		"payload changed": {func(o *op) {
			o.raw = func(text string) string {
				parts := strings.Split(text, ".")
				var c map[string]any
				payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
				_ = json.Unmarshal(payload, &c)
				c["id_number"] = "21010219740616991X"
				payload, _ = json.Marshal(c)
				return parts[0] + "." + b64(payload) + "." + parts[2]
			}
		}, "sign-in-signature-invalid"},
		"key swapped": {func(o *op) {
			good := o.jwks
			o.useKey(newKey(o.t, key.ES256))
			o.jwks = good
		}, "sign-in-signature-invalid"},
		"SM2 key swapped, same id": {func(o *op) {
			k := newKey(o.t, key.SM2)
			o.useKey(k)
			o.jwks = []any{newKey(o.t, key.SM2).Public().WithID(k.Public().ID())}
		}, "sign-in-signature-invalid"},
		"no keys":            {func(o *op) { o.jwks = []any{} }, "sign-in-signature-invalid"},
		"ID token of a book": {func(o *op) { o.raw = func(string) string { return strings.Repeat("x", 70_000) } }, "sign-in-token-invalid"},
		"ID token cut":       {func(o *op) { o.raw = func(text string) string { return text[:len(text)-3] } }, "sign-in-signature-invalid"},
		"not an ID token":    {func(o *op) { o.raw = func(string) string { return "x" } }, "sign-in-token-invalid"},
		"no ID token":        {func(o *op) { o.raw = func(string) string { return "" } }, "sign-in-provider-failed"},

		"denied":                {func(o *op) { o.answer = failure("access_denied") }, "sign-in-denied"},
		"login required":        {func(o *op) { o.answer = failure("login_required") }, "sign-in-denied"},
		"away for a while":      {func(o *op) { o.answer = failure("temporarily_unavailable") }, "sign-in-provider-unreachable"},
		"any other error":       {func(o *op) { o.answer = failure("invalid_scope") }, "sign-in-provider-failed"},
		"no code and no error":  {func(o *op) { o.answer = func(v url.Values) { v.Del("code") } }, "sign-in-provider-failed"},
		"code of nobody":        {func(o *op) { o.answer = func(v url.Values) { v.Set("code", "x") } }, "sign-in-provider-failed"},
		"code twice":            {func(o *op) { o.answer = func(v url.Values) { v.Add("code", "x") } }, "sign-in-provider-failed"},
		"answered by another":   {func(o *op) { o.answer = func(v url.Values) { v.Set("iss", "https://other.example") } }, "sign-in-issuer-wrong"},
		"answered by it knows":  {func(o *op) { o.metadata = names }, "sign-in-issuer-wrong"},
		"token endpoint denies": {func(o *op) { o.token = status(http.StatusForbidden) }, "sign-in-provider-failed"},
		"token endpoint down":   {func(o *op) { o.token = status(http.StatusBadGateway) }, "sign-in-provider-unreachable"},
		"token endpoint moved": {func(o *op) {
			o.token = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
			}
		}, "sign-in-provider-failed"},
		"token endpoint endless": {func(o *op) {
			o.token = func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"id_token":"` + strings.Repeat("x", 2<<20) + `"}`))
			}
		}, "sign-in-provider-failed"},

		"number wrong":       {set("id_number", "430102198803129912"), "sign-in-identity-invalid"},
		"number missing":     {set("id_number", nil), "sign-in-identity-invalid"},
		"number is a number": {set("id_number", 430102198803129911), "sign-in-identity-invalid"},
		"name missing":       {set("name", " "), "sign-in-identity-invalid"},
		"level too low":      {set("acr", "urn:level:1"), "sign-in-assurance-low"},
		"no level":           {set("acr", nil), "sign-in-assurance-low"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t, time.Now)
			c.wrong(o)
			p := region(o, newKey(t, key.ES256))
			p.MaxAge, p.Require = time.Hour, access.AssuranceSubstantial
			s := newSite(t, nil, p)
			a := s.signIn(s.browser)
			require.Equal(t, c.code, a.code, a.body)
			require.NotContains(t, a.body, "43010219", "nothing of her is told")
			require.Empty(t, a.cookies)
			require.Equal(t, "unauthenticated", s.in(s.browser))
			require.Equal(t, 1, s.entries("session.refused"))
			require.Zero(t, s.entries("session.opened"))
		})
	}
}

func failure(code string) func(url.Values) {
	return func(v url.Values) { v.Del("code"); v.Set("error", code) }
}

func names(m map[string]any) { m["authorization_response_iss_parameter_supported"] = true }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// What needs no wrong to be good must pass where the cases above are refused.
func TestAnswerTaken(t *testing.T) {
	for name, right := range map[string]func(*op){
		"plain": func(*op) {},
		"several audiences": func(o *op) {
			o.claims = func(c map[string]any) { c["aud"], c["azp"] = []string{"x", "showcard"}, "showcard" }
		},
		"names itself":          func(o *op) { o.metadata = names; o.answer = func(v url.Values) { v.Set("iss", o.server.URL) } },
		"small x":               set("id_number", "11010119900307002x"),
		"its clock is ahead":    set("iat", time.Now().Add(30*time.Second).Unix()),
		"higher level":          set("acr", "urn:level:3"),
		"no type in the header": func(o *op) { o.header = func(h map[string]any) { delete(h, "typ") } },
		"no key id":             func(o *op) { o.jwks[0].(map[string]any)["kid"] = "" },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t, time.Now)
			right(o)
			p := region(o, newKey(t, key.ES256))
			p.MaxAge, p.Require = time.Hour, access.AssuranceSubstantial
			s := newSite(t, nil, p)
			a := s.signIn(s.browser)
			require.Equal(t, "/wallet", a.location, a.body)
		})
	}
}

func TestCallbackOfAnother(t *testing.T) {
	o := newOP(t, time.Now)
	second := region(o, newKey(t, key.ES256))
	second.ID = "second"
	s := newSite(t, nil, region(o, newKey(t, key.ES256)), second)
	back := s.asked(s.browser, s.begin(s.browser, "region", ""))

	require.Equal(t, "sign-in-state-unknown", s.get(newBrowser(t), back).code, "of another browser: somebody made her click")
	require.Equal(t, "sign-in-state-unknown", s.get(s.browser, query(t, back, "state", "made-up")).code)
	require.Equal(t, "sign-in-state-unknown", s.get(s.browser, query(t, back, "state", "")).code)
	require.Equal(t, "sign-in-state-unknown", s.get(s.browser, query(t, back, "state", strings.Repeat("x", 1000))).code)
	require.Zero(t, s.entries("session.refused"), "strangers are counted, and do not fill the log")
	require.Equal(t, "sign-in-issuer-wrong", s.get(s.browser, strings.Replace(back, "/region/", "/second/", 1)).code, "begun with one provider, answered at another's address")

	// A transaction whose cookie was renamed, cut, or sealed by somebody else is none.
	other := newSite(t, func(c *login.Config) { c.Secret = []byte("fedcba9876543210fedcba9876543210") }, region(o, newKey(t, key.ES256)))
	jar := s.browser.Jar.Cookies(parse(t, s.url))
	thief := newBrowser(t)
	thief.Jar.SetCookies(parse(t, other.url), jar)
	require.Equal(t, "sign-in-state-unknown", s.get(thief, other.url+parse(t, back).RequestURI()).code)

	require.Equal(t, "/wallet", s.get(s.browser, back).location, "none of this has spoilt it")
}

func TestReplay(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	back := s.asked(s.browser, s.begin(s.browser, "region", ""))
	require.Equal(t, "/wallet", s.get(s.browser, back).location)
	require.Equal(t, "sign-in-replayed", s.get(s.browser, back).code)
	require.Len(t, o.redeemed, 1, "the provider is not even asked")
	require.Equal(t, "张示例", s.in(s.browser), "she stays signed in")
}

func TestTooLate(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	back := s.asked(s.browser, s.begin(s.browser, "region", ""))
	s.wait(10*time.Minute + time.Second)
	require.Equal(t, "sign-in-expired", s.get(s.browser, back).code)
}

// A person sees a page, in both languages, with a way on; a program sees a problem.
func TestRefusalIsAPage(t *testing.T) {
	o := newOP(t, time.Now)
	o.answer = failure("access_denied")
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	back := s.asked(s.browser, s.begin(s.browser, "region", "?return_to=/wallet%3Fa=1%26b=2"))
	a := s.get(s.browser, back, "Sec-Fetch-Mode", "navigate", "Accept", "text/html,*/*")
	require.Equal(t, http.StatusForbidden, a.status)
	require.Equal(t, "text/html; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.NotContains(t, a.header.Get("Content-Security-Policy"), "unsafe")
	for _, want := range []string{"登录已取消", "cancelled", "请返回重试", "Go back and try again", `href="/wallet?a=1&amp;b=2"`, "sign-in-denied"} {
		require.Contains(t, a.body, want)
	}
	a = s.get(s.browser, s.url+"/v1/sign-in/nobody", "Accept", "text/html")
	require.Contains(t, a.body, "sign-in-provider-unknown")
	a = s.get(s.browser, s.url+"/v1/sign-in/nobody", "Sec-Fetch-Mode", "cors", "Accept", "text/html")
	require.Equal(t, "sign-in-provider-unknown", a.code, "a page's script reads JSON")
	a = s.get(s.browser, s.url+"/v1/me", "Accept", "text/html")
	require.Equal(t, "unauthenticated", a.code, "as before where nobody navigates")
}
