package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
)

// Every route of the server, walked from outside: what a browser is told about frames, scripts, types
// and origins, and that a page of another origin can neither act nor read, save public documents.
func TestEveryAnswerIsDefended(t *testing.T) {
	c := &demoCommand{Addr: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), Profile: "sm2", Volatile: "memory"}
	e := &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}
	require.NoError(t, c.start(e.ctx, func(ctx context.Context, d *demo) error {
		browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		public, acting := 0, 0
		for _, r := range d.server.Routes() {
			if r.Streaming && r.Method == http.MethodGet {
				continue // an open stream ends when its person signs in or the page closes
			}
			parts := strings.Split(r.Path, "/")
			for i, p := range parts {
				if p != "" && (p[0] == ':' || p[0] == '*') {
					parts[i] = "x"
				}
			}
			name := r.Method + " " + r.Path
			ask := func(method string, headers ...string) *http.Response {
				req, err := http.NewRequestWithContext(ctx, method, d.base+strings.Join(parts, "/"), strings.NewReader("{}"))
				require.NoError(t, err)
				if method == http.MethodGet || method == http.MethodHead {
					req.Body, req.ContentLength = nil, 0
				}
				for i := 0; i < len(headers); i += 2 {
					req.Header.Set(headers[i], headers[i+1])
				}
				res, err := browser.Do(req)
				require.NoError(t, err, name)
				require.NoError(t, res.Body.Close())
				return res
			}
			h := ask(r.Method).Header
			require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), name)
			require.Equal(t, "DENY", h.Get("X-Frame-Options"), name)
			require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), name)
			policy := h.Get("Content-Security-Policy")
			require.Contains(t, policy, "frame-ancestors 'none'", name)
			require.Regexp(t, `default-src '(none|self)'`, policy, name)
			for _, open := range []string{"'unsafe-eval'", "script-src *", "'unsafe-inline'; script", "http:"} {
				require.NotContains(t, policy, open, name)
			}
			for _, cookie := range h.Values("Set-Cookie") {
				require.Contains(t, cookie, "HttpOnly", name)
				require.Contains(t, cookie, "SameSite=", name)
			}
			if r.CORS {
				public++
				require.True(t, r.Public, name)
				require.Equal(t, "*", h.Get("Access-Control-Allow-Origin"), name)
				require.Empty(t, h.Get("Access-Control-Allow-Credentials"), name)
				continue
			}
			foreign := ask(r.Method, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
			require.Empty(t, foreign.Header.Get("Access-Control-Allow-Origin"), name)
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				acting++
				require.Equal(t, http.StatusForbidden, foreign.StatusCode, "%s: another site's page may not act", name)
			}
			require.Empty(t, ask(http.MethodOptions, "Origin", "https://evil.example", "Access-Control-Request-Method", r.Method).Header.Get("Access-Control-Allow-Origin"), name)
		}
		require.Greater(t, public, 5)
		require.Greater(t, acting, 20)
		return nil
	}, e))
}

// What is not there and what is somebody else's are answered alike: status, code and words. Who asks
// learns nothing of which identifiers, jobs, shows and checks exist.
func TestUnknownAndNotYoursAreOne(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	police, other, bank, squad := clientOf(t, data, p.base, "hunan-police"), clientOf(t, data, p.base, "hunan-hrss"), clientOf(t, data, p.base, "demo-bank"), clientOf(t, data, p.base, "traffic-squad")
	citizen, stranger := citizenOf(t, p.base, "person-01"), citizenOf(t, p.base, "person-02")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	absent := absentLike(t, identifier)

	var show struct{ Code, SVG string }
	require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, "", &show))
	showPath := strings.TrimSuffix(show.SVG[:strings.IndexAny(show.SVG+"?", "?")], ".svg")
	var check struct{ ID string }
	require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": show.Code, "purpose": "account-opening"}, "", &check))
	certificate := func(id string) string { return "/v1/certificates/" + url.PathEscape(id) }
	for name, c := range map[string]struct {
		as                *client
		method            string
		theirs, nowhere   string
		body, nowhereBody any
	}{
		"certificate":         {other, http.MethodGet, certificate(identifier), certificate(absent), nil, nil},
		"suspension":          {other, http.MethodPost, certificate(identifier) + "/suspend", certificate(absent) + "/suspend", map[string]any{"reason": "x"}, nil},
		"live data":           {other, http.MethodPut, certificate(identifier) + "/live", certificate(absent) + "/live", map[string]any{}, nil},
		"push":                {other, http.MethodGet, "/v1/pushes/seed-hunan-police", "/v1/pushes/none", nil, nil},
		"results of a push":   {other, http.MethodGet, "/v1/pushes/seed-hunan-police/results?from=1", "/v1/pushes/none/results?from=1", nil, nil},
		"show":                {stranger, http.MethodGet, showPath, "/v1/wallet/shows/" + strings.Repeat("a", 32), nil, nil},
		"renewal of a show":   {stranger, http.MethodPost, showPath + "/codes", "/v1/wallet/shows/" + strings.Repeat("a", 32) + "/codes", nil, nil},
		"end of a show":       {stranger, http.MethodDelete, showPath, "/v1/wallet/shows/" + strings.Repeat("a", 32), nil, nil},
		"holding":             {stranger, http.MethodPost, "/v1/wallet/shows", "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, map[string]any{"identifier": absent, "view": "identity"}},
		"portrait of a check": {squad, http.MethodGet, "/v1/verifications/" + check.ID + "/portrait", "/v1/verifications/" + strings.Repeat("A", len(check.ID)) + "/portrait", nil, nil},
		"receipt of a check":  {squad, http.MethodGet, "/v1/verifications/" + check.ID + "/receipt", "/v1/verifications/" + strings.Repeat("A", len(check.ID)) + "/receipt", nil, nil},
		"a check":             {squad, http.MethodGet, "/v1/verifications/" + check.ID, "/v1/verifications/" + strings.Repeat("A", len(check.ID)), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.nowhereBody == nil {
				c.nowhereBody = c.body
			}
			theirs, nowhere := problemOf(t, c.as, c.method, c.theirs, c.body), problemOf(t, c.as, c.method, c.nowhere, c.nowhereBody)
			require.GreaterOrEqual(t, int(theirs["status"].(float64)), 400)
			require.Equal(t, nowhere, theirs)
		})
	}
	require.NoError(t, police.call(t.Context(), http.MethodGet, certificate(identifier), nil, "", nil), "hers is there all the while")
}

// absentLike makes another well-formed identifier of one: another serial, and the check that fits it.
func absentLike(t *testing.T, identifier string) string {
	t.Helper()
	parts := strings.Split(identifier, ".")
	serial := []byte(parts[len(parts)-3])
	for i := range serial {
		serial[i] = 'A'
	}
	parts[len(parts)-3] = string(serial)
	for _, check := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*" {
		parts[len(parts)-1] = string(check)
		if _, err := schemas.ParseIdentifier(strings.Join(parts, ".")); err == nil {
			return strings.Join(parts, ".")
		}
	}
	require.FailNow(t, "no check character fits")
	return ""
}

// problemOf asks and returns the problem without what is of the one request.
func problemOf(t *testing.T, c *client, method, path string, body any) map[string]any {
	t.Helper()
	bearer, err := c.authorization(t.Context())
	require.NoError(t, err)
	var data []byte
	if body != nil {
		data, err = json.Marshal(body)
		require.NoError(t, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+path, bytes.NewReader(data))
	require.NoError(t, err)
	req.Header.Set("Authorization", bearer)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "same "+method)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	var p map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&p), "%s %s: %d", method, path, res.StatusCode)
	delete(p, "request_id")
	return p
}
