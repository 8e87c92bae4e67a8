package login_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/login"
)

// hold keeps requests waiting until the test ends.
func hold(t *testing.T) http.HandlerFunc {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	return func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // a server notices that its peer is gone once the body is read
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
}

func hasty(c *login.Config) { c.Patience = time.Second }

// A provider that is away, slow, or talks nonsense when it is asked for its endpoints.
func TestDiscovery(t *testing.T) {
	for name, c := range map[string]struct {
		handler func(*testing.T, *op) http.HandlerFunc
		code    string
	}{
		"slow":         {func(t *testing.T, _ *op) http.HandlerFunc { return hold(t) }, "sign-in-provider-slow"},
		"down":         {func(*testing.T, *op) http.HandlerFunc { return status(http.StatusServiceUnavailable) }, "sign-in-provider-unreachable"},
		"busy":         {func(*testing.T, *op) http.HandlerFunc { return status(http.StatusTooManyRequests) }, "sign-in-provider-unreachable"},
		"not there":    {func(*testing.T, *op) http.HandlerFunc { return status(http.StatusNotFound) }, "sign-in-provider-failed"},
		"not JSON":     {func(*testing.T, *op) http.HandlerFunc { return text("<html>") }, "sign-in-provider-failed"},
		"endless":      {func(*testing.T, *op) http.HandlerFunc { return text(strings.Repeat("[", 2<<20)) }, "sign-in-provider-failed"},
		"of another":   {func(*testing.T, *op) http.HandlerFunc { return text(`{"issuer":"https://other.example"}`) }, "sign-in-provider-failed"},
		"no endpoints": {func(_ *testing.T, o *op) http.HandlerFunc { return text(`{"issuer":"` + o.server.URL + `"}`) }, "sign-in-provider-failed"},
		"sent elsewhere": {func(*testing.T, *op) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://other.example/", http.StatusFound)
			}
		}, "sign-in-provider-failed"},
		"plain http": {func(_ *testing.T, o *op) http.HandlerFunc {
			return text(`{"issuer":"` + o.server.URL + `","authorization_endpoint":"https://a.example/","token_endpoint":"http://a.example/","jwks_uri":"https://a.example/"}`)
		}, "sign-in-provider-failed"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t, time.Now)
			good := o.server.Config.Handler
			var handler atomic.Pointer[http.HandlerFunc] // a request that was given up may still be read
			set := func(h http.HandlerFunc) { handler.Store(&h) }
			set(c.handler(t, o))
			o.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handler.Load())(w, r) })
			s := newSite(t, hasty, region(o, newKey(t, key.ES256)))
			require.Equal(t, c.code, s.get(s.browser, s.url+"/v1/sign-in/region").code)
			set(good.ServeHTTP)
			require.Equal(t, c.code, s.get(s.browser, s.url+"/v1/sign-in/region").code, "it is not asked at every click")
			s.wait(2 * time.Second)
			require.Equal(t, "/wallet", s.signIn(s.browser).location, "once it is back, no restart is needed")
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		o := newOP(t, time.Now)
		s := newSite(t, nil, region(o, newKey(t, key.ES256)))
		o.server.Close()
		require.Equal(t, "sign-in-provider-unreachable", s.get(s.browser, s.url+"/v1/sign-in/region").code)
	})
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

// What was learnt stays good while the provider is away.
func TestProviderGoesAway(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, hasty, region(o, newKey(t, key.ES256)))
	s.signIn(s.browser)
	back := s.asked(s.browser, s.begin(s.browser, "region", ""))
	o.token = hold(t)
	require.Equal(t, "sign-in-provider-slow", s.get(s.browser, back).code)
	o.token = nil
	back = s.asked(s.browser, s.begin(s.browser, "region", ""))
	o.server.Close()
	require.Equal(t, "sign-in-provider-unreachable", s.get(s.browser, back).code)
	s.wait(2 * time.Hour)
	require.NotEmpty(t, s.begin(s.browser, "region", ""), "its endpoints are remembered")
	require.Equal(t, "张示例", s.in(s.browser), "sessions do not need it")
}

// While one request waits for a provider's endpoints to be read again, the others go on with those
// that are known.
func TestSlowRefreshHoldsNobodyUp(t *testing.T) {
	o := newOP(t, time.Now)
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	s.begin(s.browser, "region", "")
	arrived, release := make(chan struct{}), make(chan struct{})
	good := o.server.Config.Handler
	o.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "well-known") {
			close(arrived) // once: a second fetch would panic
			<-release
		}
		good.ServeHTTP(w, r)
	})
	s.wait(2 * time.Hour)
	first := make(chan int, 1)
	go func() {
		resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(s.url + "/v1/sign-in/region")
		if err != nil {
			first <- 0
			return
		}
		_ = resp.Body.Close()
		first <- resp.StatusCode
	}()
	<-arrived
	require.NotEmpty(t, s.begin(s.browser, "region", ""))
	close(release)
	require.Equal(t, http.StatusSeeOther, <-first)
}

// A provider that rotates its keys is followed at once; made-up key ids do not make us hammer it.
func TestKeyRotation(t *testing.T) {
	o := newOP(t, time.Now)
	asked := 0
	good := o.server.Config.Handler
	o.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/jwks" {
			asked++
		}
		good.ServeHTTP(w, r)
	})
	s := newSite(t, nil, region(o, newKey(t, key.ES256)))
	require.Equal(t, "/wallet", s.signIn(s.browser).location)
	require.Equal(t, 1, asked)
	o.useKey(newKey(t, key.SM2))
	require.Equal(t, "sign-in-signature-invalid", s.signIn(s.browser).code, "just fetched")
	s.wait(10 * time.Second)
	require.Equal(t, "/wallet", s.signIn(s.browser).location)
	require.Equal(t, 2, asked)
	for range 3 {
		o.header = func(h map[string]any) { h["kid"] = "made-up" }
		s.signIn(s.browser)
	}
	require.Equal(t, 2, asked)
}
