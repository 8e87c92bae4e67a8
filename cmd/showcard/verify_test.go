package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/qr"
)

// deployment publishes what a checker of files needs: trust list, roots and a status list.
type published struct {
	base, roots    string
	issuer, holder *key.Private
}

func publish(t *testing.T) published {
	k, listKey := generated(t, key.SM2), generated(t, key.SM2)
	var list, status string
	raw := func(kind string, text *string) httpd.Handler {
		return func(*gin.Context) (any, error) { return httpd.Raw{ContentType: kind, Body: []byte(*text)}, nil }
	}
	c := serveRoutes(t,
		httpd.Route{Method: http.MethodGet, Path: "/v1/trust-list", Handler: raw("application/jose", &list)},
		httpd.Route{Method: http.MethodGet, Path: "/status/1", Handler: raw(statuslist.MediaTypeJWT, &status)})
	now := time.Now()
	roots, text := trustOf(t, k, listKey, c.base, now)
	list = text
	states, err := statuslist.New(2, 64)
	require.NoError(t, err)
	require.NoError(t, states.Set(1, statuslist.Suspended))
	require.NoError(t, states.Set(2, statuslist.Invalid))
	status, err = statuslist.Token{Subject: c.base + "/status/1", IssuedAt: now.Truncate(time.Second), Expires: now.Add(time.Hour).Truncate(time.Second), TTL: time.Minute, List: states}.Sign(k, nil)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "roots.json")
	require.NoError(t, os.WriteFile(file, roots, 0o600))
	return published{base: c.base, roots: file, issuer: k, holder: generated(t, key.ES256)}
}

func (p published) file(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "certificate.txt")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

func TestVerifyFile(t *testing.T) {
	p := publish(t)
	run := func(cmd verifyCommand) (string, string, error) {
		cmd.Roots, cmd.Trust = p.roots, p.base+"/v1/trust-list"
		return runTool(t, nil, cmd.Run)
	}
	t.Run("valid", func(t *testing.T) {
		out, _, err := run(verifyCommand{What: p.file(t, certificate(t, p.issuer, nil, p.base, 0))})
		require.NoError(t, err, out)
		for _, want := range []string{"有  效   VALID", "签名 signature  通过 passed", "湖南省公安厅", "姓名", "张示例", "男 male", "list"} {
			require.Contains(t, out, want)
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		out, _, err := run(verifyCommand{What: p.file(t, certificate(t, p.issuer, nil, p.base, 0)), JSON: true})
		require.NoError(t, err)
		var answer struct{ Outcome string }
		require.NoError(t, json.Unmarshal([]byte(out), &answer))
		require.Equal(t, "valid", answer.Outcome)
	})
	t.Run("suspended", func(t *testing.T) {
		out, _, err := run(verifyCommand{What: p.file(t, certificate(t, p.issuer, nil, p.base, 1))})
		require.ErrorIs(t, err, errSilent)
		require.Contains(t, out, "INVALID")
		require.Contains(t, out, "certificate-suspended")
		require.Contains(t, out, "。")
	})
	t.Run("another issuer's key", func(t *testing.T) {
		out, _, err := run(verifyCommand{What: p.file(t, certificate(t, generated(t, key.SM2), nil, p.base, 0))})
		require.ErrorIs(t, err, errSilent)
		require.Contains(t, out, "issuer-untrusted")
		require.NotContains(t, out, "张示例")
	})
	t.Run("a presentation", func(t *testing.T) {
		copied, err := sdjwt.Parse(certificate(t, p.issuer, p.holder, p.base, 0), sdjwt.Type)
		require.NoError(t, err)
		shown, err := copied.Present([]string{"over_18"}, p.holder, sdjwt.Binding{Audience: "bank", Nonce: "n-1", IssuedAt: time.Now()})
		require.NoError(t, err)
		out, _, err := run(verifyCommand{What: p.file(t, shown), Aud: "bank", Nonce: "n-1"})
		require.NoError(t, err)
		require.NotContains(t, out, "张示例")
		out, _, err = run(verifyCommand{What: p.file(t, shown), Aud: "bank", Nonce: "n-2"})
		require.ErrorIs(t, err, errSilent)
		require.Contains(t, out, "nonce-wrong")
		_, _, err = run(verifyCommand{What: p.file(t, shown)})
		require.ErrorIs(t, err, errConfig)
	})
	t.Run("no trust list is no verdict", func(t *testing.T) {
		cmd := verifyCommand{What: p.file(t, certificate(t, p.issuer, nil, p.base, 0)), Roots: p.roots, Trust: p.base + "/elsewhere"}
		out, _, err := runTool(t, nil, cmd.Run)
		require.ErrorIs(t, err, statusIndeterminate)
		require.Contains(t, out, "INDETERMINATE")
		require.Contains(t, out, "trust-list-unavailable")
	})
}

func TestVerifyByServer(t *testing.T) {
	ticket, err := qr.FormatTicket("DEMO", [16]byte{9})
	require.NoError(t, err)
	var got map[string]any
	var repeat string
	c := serveRoutes(t, httpd.Route{Method: http.MethodPost, Path: "/v1/verifications", Handler: func(c *gin.Context) (any, error) {
		repeat = c.GetHeader("Idempotency-Key")
		body, err := httpd.Body(c, "application/json")
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &got); err != nil {
			return nil, err
		}
		return json.RawMessage(`{"id":"v1","outcome":"invalid","purpose":"identity-check","type":"drivers-licence",
			"reasons":[{"code":"code-used","title":{"zh":"码已用过。","en":"Used."},"next":{"zh":"请刷新。","en":"Ask for a new one."}}],
			"signature":{"state":"not-checked"},"issuer":{"state":"not-checked"},"validity":{"state":"not-checked"},"holder":{"state":"failed","reason":"code-used"},
			"person":{"state":"not-checked"},"status":{"state":"not-checked"},"live":{"points":3}}`), nil
	}})
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "k.jwk")
	require.NoError(t, key.WriteFile(keyFile, generated(t, key.SM2)))
	cmd := verifyCommand{What: ticket + "\r\n", Purpose: "identity-check", connection: connection{Server: c.base, Client: "bank", Key: keyFile}}
	out, errs, err := runTool(t, nil, cmd.Run)
	require.ErrorIs(t, err, errSilent, errs)
	require.Contains(t, out, "INVALID")
	require.Contains(t, out, "Ask for a new one.")
	require.NotEmpty(t, repeat)
	require.Equal(t, "identity-check", got["purpose"])

	cmd.Purpose = ""
	_, _, err = runTool(t, nil, cmd.Run)
	require.ErrorIs(t, err, errConfig)
}

func TestCleanKeepsTerminalsSafe(t *testing.T) {
	require.Equal(t, "a�[31mb�c", clean("a\x1b[31mb\u202ec"))
}
