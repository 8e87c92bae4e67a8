package idp_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/login/idp"
	"github.com/showcard/showcard/schemas"
)

// stage is the provider on a real server, and its one client.
type stage struct {
	t        *testing.T
	issuer   string
	redirect string
	own, our *key.Private
	browser  *http.Client
}

func newStage(t *testing.T) *stage {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	s := &stage{t: t, issuer: "http://" + server.Listener.Addr().String() + "/demo/idp", redirect: "http://localhost/callback"}
	var err error
	s.own, err = key.Generate(key.ES256)
	require.NoError(t, err)
	s.our, err = key.Generate(key.ES256)
	require.NoError(t, err)
	p, err := idp.New(idp.Config{
		Issuer: s.issuer, Key: s.own, ClientID: "c", ClientKey: s.our.Public(), RedirectURIs: []string{s.redirect},
		People: []idp.Person{{Login: "person-01", Holder: schemas.HolderRef{Type: "111", Number: "430102198803129911", Name: "张示例"}}},
	})
	require.NoError(t, err)
	require.Equal(t, "/demo/idp", p.Base())
	server.Config.Handler = p
	server.Start()
	t.Cleanup(server.Close)
	s.browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

func (s *stage) do(req *http.Request, err error) (*http.Response, string) {
	s.t.Helper()
	require.NoError(s.t, err)
	resp, err := s.browser.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp, string(body)
}

func (s *stage) get(path string) (*http.Response, string) {
	s.t.Helper()
	return s.do(http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.issuer+path, nil))
}

func (s *stage) post(address string, form url.Values) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return s.do(req, err)
}

// verifier and challenge of RFC 7636, appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func (s *stage) asked(change map[string]string) string {
	q := url.Values{
		"client_id": {"c"}, "response_type": {"code"}, "scope": {"openid profile"}, "redirect_uri": {s.redirect}, "state": {"st"}, "nonce": {"no"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for name, v := range change {
		if q.Del(name); v != "" {
			q.Set(name, v)
		}
	}
	return "/authorize?" + q.Encode()
}

var action = regexp.MustCompile(`<form method="post" action="([^"]+)">`)

// choose goes to the page and posts a form; it returns where the browser is sent.
func (s *stage) choose(form url.Values) *url.URL {
	s.t.Helper()
	_, page := s.get(s.asked(nil))
	found := action.FindStringSubmatch(page)
	require.NotNil(s.t, found, page)
	base, err := url.Parse(s.issuer)
	require.NoError(s.t, err)
	resp, body := s.post(base.Scheme+"://"+base.Host+found[1], form)
	to, err := resp.Location()
	require.NoError(s.t, err, body)
	return to
}

func (s *stage) redeem(code, verifier string, change func(map[string]any)) (*http.Response, string) {
	s.t.Helper()
	claims := map[string]any{"iss": "c", "sub": "c", "aud": s.issuer + "/token", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": code + verifier}
	if change != nil {
		change(claims)
	}
	assertion, err := jose.SignJSON(s.our, jose.SignHeader{Type: "JWT"}, claims)
	require.NoError(s.t, err)
	return s.post(s.issuer+"/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {s.redirect}, "code_verifier": {verifier}, "client_id": {"c"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	})
}

// told redeems a code and reads what the ID token says.
func (s *stage) told(q url.Values) (claims map[string]any) {
	s.t.Helper()
	resp, body := s.redeem(q.Get("code"), verifier, nil)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, body)
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	require.NoError(s.t, json.Unmarshal([]byte(body), &tokens))
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.IDToken, ".")[1])
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(payload, &claims))
	return claims
}

func TestProvider(t *testing.T) {
	s := newStage(t)
	var m map[string]any
	_, body := s.get("/.well-known/openid-configuration")
	require.NoError(t, json.Unmarshal([]byte(body), &m))
	require.Equal(t, s.issuer, m["issuer"])
	require.Equal(t, s.issuer+"/authorize", m["authorization_endpoint"])
	require.Equal(t, true, m["authorization_response_iss_parameter_supported"])
	_, body = s.get("/jwks")
	require.NotContains(t, body, `"d"`, "no private key")

	resp, page := s.get(s.asked(nil))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	for _, want := range []string{"演示 DEMO", "fictitious", "张示例", "person-01"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "430102", "no number on the page")
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")

	q := s.choose(url.Values{"login": {"person-01"}}).Query()
	require.Equal(t, []string{"st", s.issuer}, []string{q.Get("state"), q.Get("iss")})
	c := s.told(q)
	require.Equal(t, []any{"person-01", "no", "张示例", "111", "430102198803129911", idp.ACR}, []any{c["sub"], c["nonce"], c["name"], c[idp.ClaimHolderType], c[idp.ClaimHolderNumber], c["acr"]})
	require.WithinDuration(t, time.Now(), time.Unix(int64(c["auth_time"].(float64)), 0), time.Minute)

	resp, _ = s.redeem(q.Get("code"), verifier, func(c map[string]any) { c["jti"] = "other" })
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, "a code is good once")
	require.Equal(t, idp.ACRTicked, s.told(s.choose(url.Values{"login": {"person-01"}, "face": {"yes"}}).Query())["acr"])
}

// The library reads, checks and saves; the memory makes a code good once all the same.
func TestCodeRace(t *testing.T) {
	s := newStage(t)
	code := s.choose(url.Values{"login": {"person-01"}}).Query().Get("code")
	var taken sync.Map
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			resp, _ := s.redeem(code, verifier, func(c map[string]any) { c["jti"] = string(rune('a' + i)) })
			if resp.StatusCode == http.StatusOK {
				taken.Store(i, true)
			}
		})
	}
	done.Wait()
	n := 0
	taken.Range(func(any, any) bool { n++; return true })
	require.Equal(t, 1, n)
}

func TestProviderRefuses(t *testing.T) {
	s := newStage(t)
	t.Run("no PKCE", func(t *testing.T) {
		resp, _ := s.get(s.asked(map[string]string{"code_challenge": "", "code_challenge_method": ""}))
		to, err := resp.Location()
		require.NoError(t, err)
		require.Equal(t, "invalid_request", to.Query().Get("error"))
	})
	for name, change := range map[string]map[string]string{
		"another redirect URI": {"redirect_uri": "http://localhost/callback/"}, "redirect URI elsewhere": {"redirect_uri": "https://evil.example/"}, "unknown client": {"client_id": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, page := s.get(s.asked(change))
			require.Equal(t, http.StatusBadRequest, resp.StatusCode)
			require.Empty(t, resp.Header.Get("Location"))
			require.Contains(t, page, "Go back and sign in again")
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		require.Equal(t, "access_denied", s.choose(url.Values{"cancel": {"yes"}}).Query().Get("error"))
	})
	t.Run("nobody", func(t *testing.T) {
		_, page := s.get(s.asked(nil))
		u, err := url.Parse(s.issuer)
		require.NoError(t, err)
		resp, page := s.post("http://"+u.Host+action.FindStringSubmatch(page)[1], url.Values{"login": {"nobody"}})
		require.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode)
		require.Contains(t, page, "没有这个人")
	})
	t.Run("nobody is signed in here", func(t *testing.T) {
		resp, _ := s.get(s.asked(map[string]string{"prompt": "none"}))
		to, err := resp.Location()
		require.NoError(t, err)
		require.Equal(t, "login_required", to.Query().Get("error"))
	})
	t.Run("wrong verifier", func(t *testing.T) {
		code := s.choose(url.Values{"login": {"person-01"}}).Query().Get("code")
		resp, _ := s.redeem(code, verifier[:42]+"x", nil)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	})
	t.Run("assertion replayed", func(t *testing.T) {
		for _, want := range []int{http.StatusOK, http.StatusUnauthorized} {
			code := s.choose(url.Values{"login": {"person-01"}}).Query().Get("code")
			resp, body := s.redeem(code, verifier, func(c map[string]any) { c["jti"] = "same" })
			require.Equal(t, want, resp.StatusCode, body)
		}
	})
	t.Run("a stranger's key", func(t *testing.T) {
		code := s.choose(url.Values{"login": {"person-01"}}).Query().Get("code")
		our := s.our
		defer func() { s.our = our }()
		stranger, err := key.Generate(key.ES256)
		require.NoError(t, err)
		s.our = stranger.WithID(our.Public().ID())
		resp, _ := s.redeem(code, verifier, nil)
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	})
}
