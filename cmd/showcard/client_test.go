package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
)

func TestTokenAndRefusals(t *testing.T) {
	o := newOffice(t)
	o.start(nil)
	granted, err := o.dial().token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "issue", granted.Scope)
	require.NotEmpty(t, granted.AccessToken)

	t.Run("a scope that the client does not have", func(t *testing.T) {
		c := o.dial()
		c.scope = "registry"
		_, err := c.token(t.Context())
		require.Equal(t, "scope-not-granted", codeOf(err))
	})
	t.Run("another key", func(t *testing.T) {
		c := o.dial()
		c.signer, err = key.Generate(key.SM2)
		require.NoError(t, err)
		_, err = c.token(t.Context())
		require.Equal(t, "assertion-invalid", codeOf(err))
		require.NotContains(t, err.Error(), "eyJ")
	})
	t.Run("a problem has its sentences, its place and its request id", func(t *testing.T) {
		err := o.dial().call(t.Context(), http.MethodPost, "/v1/certificates", map[string]any{"key": "a"}, "k1", nil)
		var a *answerError
		require.ErrorAs(t, err, &a)
		require.NotEmpty(t, a.RequestID)
		require.NotEmpty(t, a.Errors)
		var out bytes.Buffer
		tell(&out, err)
		require.Contains(t, out.String(), a.Errors[0].Pointer)
		require.Contains(t, out.String(), a.RequestID)
		require.Contains(t, out.String(), "。")
	})
	t.Run("what is not there", func(t *testing.T) {
		require.Equal(t, "push-job-unknown", codeOf(o.dial().call(t.Context(), http.MethodGet, "/v1/pushes/none", nil, "", nil)))
	})
}

func TestTokenIsRenewed(t *testing.T) {
	o := newOffice(t)
	o.start(nil)
	c := o.dial()
	first, err := c.authorization(t.Context())
	require.NoError(t, err)
	same, err := c.authorization(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, same)
	c.bearer = "worn-out" // the server restarted with another key, say
	require.Equal(t, "push-job-unknown", codeOf(c.call(t.Context(), http.MethodGet, "/v1/pushes/none", nil, "", nil)))
	c.until = time.Now().Add(-time.Second)
	later, err := c.authorization(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, first, later)
}

func TestWhatIsRepeated(t *testing.T) {
	for name, tt := range map[string]struct {
		method, key string
		problem     *httpd.Problem
		requests    int64
		code        string
	}{
		"GET that is overloaded":         {http.MethodGet, "", &httpd.Problem{Code: "overloaded"}, 3, ""},
		"GET that is limited":            {http.MethodGet, "", &httpd.Problem{Code: "rate-limited", RetryAfter: 2 * time.Second}, 3, ""},
		"PUT that is overloaded":         {http.MethodPut, "", &httpd.Problem{Code: "overloaded"}, 3, ""},
		"POST with an idempotency key":   {http.MethodPost, "k", &httpd.Problem{Code: "overloaded"}, 3, ""},
		"POST without":                   {http.MethodPost, "", &httpd.Problem{Code: "overloaded"}, 1, "overloaded"},
		"a refusal is final":             {http.MethodGet, "", &httpd.Problem{Code: "forbidden-role"}, 1, "forbidden-role"},
		"a fault of theirs is not tried": {http.MethodGet, "", &httpd.Problem{Code: "internal"}, 1, "internal"},
		"nobody waits an hour":           {http.MethodGet, "", &httpd.Problem{Code: "rate-limited", RetryAfter: time.Hour}, 1, "rate-limited"},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			c := serveRoutes(t, httpd.Route{Method: tt.method, Path: "/x", Handler: func(*gin.Context) (any, error) {
				if requests.Add(1) < 3 {
					return nil, tt.problem
				}
				return map[string]any{}, nil
			}})
			var asked time.Duration
			c.wait = func(_ context.Context, d time.Duration) error { asked = max(asked, d); return nil }
			err := c.call(t.Context(), tt.method, "/x", nil, tt.key, nil)
			require.Equal(t, tt.requests, requests.Load())
			if tt.code == "" {
				require.NoError(t, err)
				require.GreaterOrEqual(t, asked, tt.problem.RetryAfter)
				return
			}
			require.Equal(t, tt.code, codeOf(err))
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Bool
	c := serveRoutes(t,
		httpd.Route{Method: http.MethodGet, Path: "/x", Handler: func(*gin.Context) (any, error) { return httpd.Redirect{Location: "/y"}, nil }},
		httpd.Route{Method: http.MethodGet, Path: "/y", Handler: func(*gin.Context) (any, error) { elsewhere.Store(true); return map[string]any{}, nil }})
	h, err := connection{}.http()
	require.NoError(t, err)
	c.http = h
	require.Equal(t, "server-answer-malformed", codeOf(c.call(t.Context(), http.MethodGet, "/x", nil, "", nil)))
	require.False(t, elsewhere.Load())
}

func TestStalledServerIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	c := serveRoutes(t, httpd.Route{Method: http.MethodGet, Path: "/x", Handler: func(*gin.Context) (any, error) { <-release; return map[string]any{}, nil }})
	defer close(release)
	_, err := c.authorization(t.Context())
	require.NoError(t, err)
	c.idle, c.attempts = time.Millisecond, 1
	err = c.call(t.Context(), http.MethodGet, "/x", nil, "", nil)
	require.ErrorIs(t, err, errStalled)
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	k, err := key.Generate(key.SM2)
	require.NoError(t, err)
	require.NoError(t, key.WriteFile(filepath.Join(dir, "a.jwk"), k))
	data, err := json.Marshal(demoFile{BaseURL: "http://localhost:1", Callers: []demoCaller{
		{ClientID: "a", KeyFile: "a.jwk", Scopes: []string{"issue"}}, {ClientID: "b", KeyFile: "b.jwk", Scopes: []string{"verify"}}, {ClientID: "c", KeyFile: "c.jwk", Scopes: []string{"verify"}},
	}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "demo.json"), data, 0o600))

	c, err := connection{Data: dir}.resolve("issue")
	require.NoError(t, err)
	require.Equal(t, "a", c.id)
	require.Equal(t, "http://localhost:1", c.base)

	_, err = connection{Data: dir}.resolve("verify")
	require.ErrorIs(t, err, errConfig)
	require.ErrorContains(t, err, "b, c")
	_, err = connection{Data: dir, Client: "z"}.resolve("issue")
	require.ErrorContains(t, err, "the demo has a")
	_, err = connection{Data: dir, Client: "b"}.resolve("verify")
	require.Equal(t, "file-unreadable", codeOf(err))

	c, err = connection{Data: dir, Server: "https://127.0.0.1:8443", Client: "a"}.resolve("issue")
	require.NoError(t, err)
	require.Equal(t, "https://127.0.0.1:8443", c.base)
	require.Equal(t, "http://localhost:1", c.aud, "assertions are for the deployment, not for the address")

	for _, server := range []string{"http://cards.example.cn", "ftp://x", "cards.example.cn", "https://u:p@cards.example.cn", "https://cards.example.cn/api"} {
		_, err := newClientFor(server, "", "a", k, nil)
		require.ErrorIs(t, err, errConfig, server)
	}
}

func TestTellKnowsEveryCodeThatTheToolsGive(t *testing.T) {
	all, err := loadSentences()
	require.NoError(t, err)
	for _, row := range localCodes() {
		require.Contains(t, all, row.code)
	}
	for _, code := range []string{
		"server-unreachable", "server-answer-malformed", "assertion-invalid", "scope-not-granted", "grant-unsupported", "push-incomplete",
		"push-job-id-invalid", "push-line-broken", "input-unrecognised",
	} {
		require.Contains(t, all, code)
	}
	var out bytes.Buffer
	tell(&out, errSilent)
	require.Empty(t, out.String())
	tell(&out, access.ErrClientUnknown)
	require.Equal(t, "showcard: access: no such client\n", out.String())
}
