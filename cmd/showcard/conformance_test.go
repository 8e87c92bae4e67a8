package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/conformance"
)

// A demo passes every check that can be made of it, and what was not made is said.
func TestConformance(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	var r conformance.Report
	out := toolOf(t, 0, "conformance", p.base, "--data", data, "--client", "demo-bank", "--purpose", "account-opening", "--roots", filepath.Join(data, "roots.json"), "--json")
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, []string{"tls", "retry-after"}, idsOf(r, conformance.NotRun), out)
	require.Empty(t, idsOf(r, conformance.Failed), out)
	require.Len(t, r.Findings, len(conformance.Checks()))
	require.Equal(t, len(r.Findings)-2, r.OK)
	require.Less(t, r.Requests, conformance.MaxRequests)

	// Without credentials, for people, with the party's checks named as not run.
	out = toolOf(t, 0, "conformance", p.base)
	for _, c := range conformance.Checks() {
		require.Contains(t, out, c.ID)
		require.Contains(t, out, c.Clause)
	}
	require.Contains(t, out, "needs the credentials of a relying party")
	require.Contains(t, out, " 0 failed, ")

	require.Contains(t, toolOf(t, 0, "conformance", "--checks"), "presentation-faults")
	require.Contains(t, toolOf(t, 0, "conformance", "--data", data, "--only", "health"), "1 ok, 0 failed, 0 not run; 2 requests")
	require.Contains(t, toolOf(t, 0, "conformance", "--data", data, "--only", "status-jwt", "--list", "77"), "there is no status list")
	toolOf(t, 2, "conformance", p.base, "--only", "no-such-check")
	toolOf(t, 2, "conformance", "ftp://elsewhere.example")
	toolOf(t, 2, "conformance", "http://elsewhere.example", "--data", data, "--client", "demo-bank")
	toolOf(t, 2, "conformance", "--data", t.TempDir())
	toolOf(t, 1, "conformance", "http://"+freeAddress(t))
}

func idsOf(r conformance.Report, s conformance.State) []string {
	var out []string
	for _, f := range r.Findings {
		if f.State == s {
			out = append(out, f.ID)
		}
	}
	return out
}

// spoiler stands between and changes one thing.
type spoiler struct {
	request  func(*http.Request)
	response func(a *http.Response, body []byte) []byte
}

// on changes bodies of answers to requests whose method and path begin so.
func on(route, old, fresh string) spoiler {
	return answers(route, func(_ *http.Response, body []byte) []byte { return bytes.ReplaceAll(body, []byte(old), []byte(fresh)) })
}

func answers(route string, change func(*http.Response, []byte) []byte) spoiler {
	return spoiler{response: func(a *http.Response, body []byte) []byte {
		if strings.HasPrefix(a.Request.Method+" "+a.Request.URL.RequestURI(), route) {
			return change(a, body)
		}
		return body
	}}
}

func header(route, name string) spoiler {
	return answers(route, func(a *http.Response, body []byte) []byte { a.Header.Del(name); return body })
}

func status(route string, from, to int) spoiler {
	return answers(route, func(a *http.Response, body []byte) []byte {
		if a.StatusCode == from {
			a.StatusCode, a.Status = to, ""
		}
		return body
	})
}

func rerouted(change func(*http.Request)) spoiler { return spoiler{request: change} }

// flipped changes a bit near the end, where signatures are.
func flipped(_ *http.Response, body []byte) []byte {
	body[len(body)-20] ^= 1
	return body
}

// frozen answers always what was answered first.
func frozen(route string) spoiler {
	var once sync.Once
	var first []byte
	return answers(route, func(_ *http.Response, body []byte) []byte {
		once.Do(func() { first = bytes.Clone(body) })
		return bytes.Clone(first)
	})
}

// granted lets everybody have a token.
func granted() spoiler {
	return answers("POST /oauth/token", func(a *http.Response, body []byte) []byte {
		if a.StatusCode == http.StatusOK {
			return body
		}
		a.StatusCode, a.Status = http.StatusOK, ""
		return []byte(`{"access_token":"x","token_type":"Bearer","expires_in":600,"scope":"verify"}`)
	})
}

// spoilt has for every check a deployment that fails it.
func spoilt(t *testing.T, data, base string) map[string]spoiler {
	t.Helper()
	stranger, err := key.Generate(key.SM2)
	require.NoError(t, err)
	keys, times := 0, 0
	return map[string]spoiler{
		"health":         on("GET /readyz", `"ready"`, `"not-ready"`),
		"oauth-metadata": on("GET /.well-known/oauth", "/oauth/token", "/elsewhere"),
		"jwks":           on("GET /.well-known/jwks", `"kty"`, `"d":"AAAA","kty"`),
		"roots":          on("GET /v1/trust-list/roots", `"signature":"`, `"signature":"AAAA`),
		"roots-chain":    on("GET /v1/trust-list/roots?version", `"signature":"`, `"signature":"AAAA`),
		"trust-list":     answers("GET /v1/trust-list", notRoots(flipped)),
		"trust-list-whole": answers("GET /.well-known/oauth", func(_ *http.Response, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(demoFileOf(t, data).BaseURL), []byte("https://elsewhere.example"))
		}),
		"trust-list-cache": header("GET /v1/trust-list", "ETag"),
		"roots-cache":      rerouted(func(r *http.Request) { r.Header.Del("If-None-Match") }),
		"issuer-metadata":  on("GET /.well-known/jwt-vc-issuer", "/issuers/", "/issuers/x"),
		"type-metadata":    on("GET /types/", "/types/", "/types/x"),
		"status-jwt":       answers("GET /status/1", of(statuslist.MediaTypeJWT, flipped)),
		"status-cwt":       answers("GET /status/1", of(statuslist.MediaTypeCWT, flipped)),
		"status-same":      staleCWT(t, data, base),
		"status-cache":     header("GET /status/", "Vary"),
		"status-accept": rerouted(func(r *http.Request) {
			r.Header.Set("Accept", strings.Replace(r.Header.Get("Accept"), "text/html", "*/*", 1))
		}),
		"status-history": rerouted(func(r *http.Request) { r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery, "time=1700000000") }),
		"status-unknown": status("GET /status/no", 404, 200),
		"problems":       on("GET /problems", `"code":"address-refused"`, `"code":"address-welcome"`),
		"problem-page":   on("GET /problems/", `"code":"code-expired"`, `"code":"code-used"`),
		"openapi":        on("GET /openapi.json", `"openapi":`, `"openapi":"2.0","x":`),
		"cors":           header("GET /v1/trust-list/roots", "Access-Control-Allow-Origin"),
		"path-unknown": answers("GET /no-such-page", func(a *http.Response, body []byte) []byte {
			a.Header.Set("Content-Type", "application/json")
			return body
		}),
		"method-unknown":      header("POST /v1/trust-list", "Allow"),
		"unauthenticated":     header("GET /v1/audit/events", "WWW-Authenticate"),
		"token-invalid":       on("GET /v1/wallet/holdings", "token-invalid", "token-expired"),
		"body-too-large":      status("POST /oauth/token", 413, 400),
		"media-type":          status("POST /oauth/token", 400, 200),
		"grant-unsupported":   on("POST /oauth/token", "error_uri", "error_url"),
		"assertion-malformed": on("POST /oauth/token", "assertion-invalid", "assertion-expired"),
		"request-id":          rerouted(func(r *http.Request) { r.Header.Del("X-Request-Id") }),
		"tls":                 {},
		"token":               on("POST /oauth/token", `"expires_in":600`, `"expires_in":6000`),
		"token-signed": answers("GET /.well-known/jwks", func(_ *http.Response, body []byte) []byte {
			set, err := key.ParseSet(body, false)
			require.NoError(t, err)
			other, err := json.Marshal(key.Set{Keys: []*key.Public{stranger.Public().WithID(set.Keys[0].ID())}})
			require.NoError(t, err)
			return other
		}),
		"token-role":          status("GET /v1/audit/events", 403, 404),
		"scope-not-granted":   on("POST /oauth/token", "invalid_scope", "invalid_request"),
		"assertion-replayed":  granted(),
		"assertion-audience":  granted(),
		"assertion-expired":   granted(),
		"assertion-early":     granted(),
		"assertion-key":       granted(),
		"assertion-none":      granted(),
		"request-strict":      on("POST /v1/verifications", "field-duplicate", "field-unknown"),
		"purpose-missing":     status("POST /v1/verifications", 422, 400),
		"input-one":           on("POST /v1/verifications", "input-ambiguous", "input-missing"),
		"code-faults":         on("POST /v1/verifications", "code-check-character", "code-alphabet"),
		"code-unknown":        on("POST /v1/verifications", `"invalid"`, `"valid"`),
		"challenge":           frozen("POST /v1/verifications/challenges"),
		"challenge-once":      status("POST /v1/verifications", 404, 200),
		"presentation-faults": on("POST /v1/verifications", "disclosure-duplicate", "disclosure-unknown"),
		"idempotency-key":     on("POST /v1/verifications", "idempotency-key-malformed", "idempotency-key-missing"),
		"facts-unknown":       on("POST /v1/verifications", "certificate-unknown", "certificate-expired"),
		"idempotency": rerouted(func(r *http.Request) {
			if r.Header.Get("Idempotency-Key") != "" { // nobody remembers it
				keys++
				r.Header.Set("Idempotency-Key", strconv.Itoa(keys)+r.Header.Get("Idempotency-Key"))
			}
		}),
		"bundle": answers("POST /v1/offline/bundle", flipped),
		"bundle-change": rerouted(func(r *http.Request) {
			if r.URL.Path == "/v1/offline/bundle" { // knows nobody
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
				r.Header.Set("Content-Length", "2")
			}
		}),
		"headers": header("GET /healthz", "X-Content-Type-Options"),
		"retry-after": answers("GET /healthz", func(a *http.Response, body []byte) []byte {
			if times++; times == 1 {
				a.StatusCode, a.Status = http.StatusServiceUnavailable, ""
			}
			return body
		}),
	}
}

func notRoots(change func(*http.Response, []byte) []byte) func(*http.Response, []byte) []byte {
	return func(a *http.Response, body []byte) []byte {
		if strings.Contains(a.Request.URL.Path, "roots") {
			return body
		}
		return change(a, body)
	}
}

func of(form string, change func(*http.Response, []byte) []byte) func(*http.Response, []byte) []byte {
	return func(a *http.Response, body []byte) []byte {
		if a.Header.Get("Content-Type") != form {
			return body
		}
		return change(a, body)
	}
}

// staleCWT goes on giving the CWT of before a suspension.
func staleCWT(t *testing.T, data, base string) spoiler {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/status/1", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Accept", statuslist.MediaTypeCWT)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	old, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, clientOf(t, data, base, "hunan-police").call(t.Context(), http.MethodPost,
		"/v1/certificates/"+holdingOf(t, data, "person-01", "resident-id")+"/suspend", map[string]any{"reason": "test"}, "", nil))
	return answers("GET /status/1", of(statuslist.MediaTypeCWT, func(*http.Response, []byte) []byte { return bytes.Clone(old) }))
}

// between is the deployment, spoilt.
func between(t *testing.T, base string, s spoiler) http.Handler {
	t.Helper()
	target, err := url.Parse(base)
	require.NoError(t, err)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Accept-Encoding")
			if s.request != nil {
				s.request(r.Out)
			}
		},
		Transport: &http.Transport{DisableCompression: true},
		ModifyResponse: func(a *http.Response) error {
			if s.response == nil {
				return nil
			}
			body, err := io.ReadAll(a.Body)
			if err != nil {
				return err
			}
			body = s.response(a, body)
			a.Body, a.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			a.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return nil
		},
	}
}

// Each check can fail: for every one there is a deployment that does one thing differently, and it is
// that check that tells.
func TestConformanceTells(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	caller, err := demoFileOf(t, data).caller("demo-bank", "verify")
	require.NoError(t, err)
	signer, err := key.ReadFile(filepath.Join(data, caller.KeyFile))
	require.NoError(t, err)
	all := spoilt(t, data, p.base)
	for _, c := range conformance.Checks() {
		t.Run(c.ID, func(t *testing.T) {
			s, there := all[c.ID]
			require.True(t, there, "a check that nothing proves able to fail")
			server := httptest.NewUnstartedServer(between(t, p.base, s))
			if c.ID == "tls" { // without Strict-Transport-Security, and that is what it lacks
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()
			h := server.Client()
			h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			cfg := conformance.Config{
				URL: server.URL, HTTP: h, Client: "demo-bank", Signer: signer, Purpose: "account-opening", Type: "resident-id", Field: "name", Only: []string{c.ID},
				Wait: func(context.Context, time.Duration) error { return nil },
			}
			if c.ID == "headers" || c.ID == "retry-after" {
				cfg.Only = append(cfg.Only, "health") // they look at what others asked
			}
			tester, err := conformance.New(cfg)
			require.NoError(t, err)
			r := tester.Run(t.Context())
			require.Equal(t, []string{c.ID}, idsOf(r, conformance.Failed), "%+v", r.Findings)
			require.Empty(t, idsOf(r, conformance.NotRun), "%+v", r.Findings)
		})
	}
	require.Len(t, all, len(conformance.Checks()))

	// The two that a demo on this machine leaves out can be passed: over TLS, by one who is busy and says so.
	busy := true
	server := httptest.NewTLSServer(between(t, p.base, answers("GET /healthz", func(a *http.Response, body []byte) []byte {
		a.Header.Set("Strict-Transport-Security", "max-age=31536000")
		if busy {
			a.StatusCode, a.Status, busy = http.StatusServiceUnavailable, "", false
			a.Header.Set("Retry-After", "7")
		}
		return body
	})))
	defer server.Close()
	waited := time.Duration(0)
	tester, err := conformance.New(conformance.Config{URL: server.URL, HTTP: server.Client(), Only: []string{"health", "tls", "retry-after"},
		Wait: func(_ context.Context, d time.Duration) error { waited += d; return nil }})
	require.NoError(t, err)
	r := tester.Run(t.Context())
	require.Equal(t, []string{"health", "tls", "retry-after"}, idsOf(r, conformance.OK), "%+v", r.Findings)
	require.Equal(t, 7*time.Second, waited)
}

// docs/conformance.md names every check.
func TestConformancePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/conformance.md")
	require.NoError(t, err)
	for _, c := range conformance.Checks() {
		who := ""
		if c.Party {
			who = "party"
		}
		require.Contains(t, string(page), "| `"+c.ID+"` | "+who+" | "+c.What+" | "+c.Clause+" |\n")
	}
}
