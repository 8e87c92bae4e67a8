package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/registry"
)

// browserKey is a key as WebCrypto makes, exports and uses it.
type browserKey struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	jwk  map[string]any
	base string
}

func newBrowserKey(t *testing.T, base string) *browserKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	point, err := k.PublicKey.Bytes()
	require.NoError(t, err)
	return &browserKey{t: t, key: k, base: base, jwk: map[string]any{
		"crv": "P-256", "ext": true, "key_ops": []string{"verify"}, "kty": "EC",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}}
}

// fetch makes a call and answers with status and body.
func (b *browserKey) fetch(method, path, token, kind string, body []byte) (status int, answer map[string]any) {
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, bytes.NewReader(body))
	require.NoError(b.t, err)
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	require.NoError(b.t, json.NewDecoder(resp.Body).Decode(&answer))
	return resp.StatusCode, answer
}

func (b *browserKey) enrol(as string) (status int, answer map[string]any) {
	body, err := json.Marshal(map[string]any{"client_id": as, "jwk": b.jwk})
	require.NoError(b.t, err)
	return b.fetch(http.MethodPost, "/demo/enrol", "", "application/json", body)
}

// token is RFC 7523 by hand: ES256 as crypto.subtle.sign gives it, r and s side by side.
func (b *browserKey) token(client, audience string) (status int, answer map[string]any) {
	part := func(v any) string {
		data, err := json.Marshal(v)
		require.NoError(b.t, err)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	signed := part(map[string]any{"alg": "ES256", "typ": "JWT"}) + "." +
		part(map[string]any{"iss": client, "sub": client, "aud": audience, "exp": time.Now().Add(time.Minute).Unix(), "jti": rand.Text()})
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, b.key, sum[:])
	require.NoError(b.t, err)
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {access.AssertionType},
		"client_assertion": {signed + "." + base64.RawURLEncoding.EncodeToString(signature[:])}}
	return b.fetch(http.MethodPost, "/oauth/token", "", "application/x-www-form-urlencoded", []byte(form.Encode()))
}

func (b *browserKey) self(client, audience string) map[string]any {
	b.t.Helper()
	status, granted := b.token(client, audience)
	require.Equal(b.t, http.StatusOK, status, granted)
	status, me := b.fetch(http.MethodGet, "/v1/clients/self", granted["access_token"].(string), "", nil)
	require.Equal(b.t, http.StatusOK, status, me)
	return me
}

// A browser with a key of its own becomes a workstation of the demo, and is a client like any
// program from then on.
func TestEnrolBrowser(t *testing.T) {
	c := demoCommand{Addr: "127.0.0.1:0", Data: t.TempDir(), Profile: "sm2", Volatile: "memory"}
	require.NoError(t, c.start(t.Context(), func(ctx context.Context, d *demo) error {
		b := newBrowserKey(t, d.base)
		_, staff := b.fetch(http.MethodGet, "/demo/staff", "", "", nil)
		roles := map[string]int{}
		for _, one := range staff["clients"].([]any) {
			one := one.(map[string]any)
			roles[one["role"].(string)]++
			require.NotEmpty(t, one["name"].(map[string]any)["zh"])
			require.NotEmpty(t, one["name"].(map[string]any)["en"])
		}
		require.Equal(t, 2, roles["operator"])
		require.Equal(t, 1, roles["auditor"])
		require.NotZero(t, roles["department"])
		require.NotZero(t, roles["relying-party"])

		_, before := d.registry.TrustList()
		status, got := b.enrol("demo-bank")
		require.Equal(t, http.StatusOK, status, got)
		id := got["client_id"].(string)
		require.Regexp(t, `^browser-[a-z2-7]{12}$`, id)
		me := b.self(id, d.cfg.PublicURL)
		require.Equal(t, id, me["id"])
		require.Equal(t, []any{"verify"}, me["scopes"])
		party := me["party"].(map[string]any)
		require.Equal(t, "demo-bank", party["id"])
		require.Contains(t, party["purposes"], map[string]any{"code": "account-opening", "name": map[string]any{"zh": "开立账户", "en": "Opening an account"}})
		require.Contains(t, party["fields"].(map[string]any)["account-opening"].(map[string]any)["resident-id"], "name")
		require.NotContains(t, me, "operators")

		status, again := b.enrol("demo-bank")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, got, again)
		_, after := d.registry.TrustList()
		require.Equal(t, before+1, after, "the second time nothing was written")
		past, err := d.registry.History(ctx, after, 1)
		require.NoError(t, err)
		require.Equal(t, "a browser as demo-bank", past[0].Why)

		// The same key as somebody else is the same entry, with what she may.
		status, again = b.enrol("demo-operator-2")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, got, again)
		me = b.self(id, d.cfg.PublicURL)
		require.Equal(t, "operator", me["role"])
		require.EqualValues(t, 3, me["operators"])
		require.NotContains(t, me, "party")

		status, got = newBrowserKey(t, d.base).enrol("nobody")
		require.Equal(t, http.StatusUnauthorized, status)
		require.Equal(t, "client-unknown", got["code"])
		status, _ = newBrowserKey(t, d.base).enrol(id)
		require.Equal(t, http.StatusUnauthorized, status, "a browser is no pattern for others")
		private := newBrowserKey(t, d.base)
		private.jwk["d"] = private.jwk["x"]
		status, got = private.enrol("demo-bank")
		require.Equal(t, http.StatusUnprocessableEntity, status)
		require.Equal(t, "field-invalid", got["code"])

		// Who was suspended does not come back by asking.
		_, err = d.registry.Submit(ctx, "demo-operator", "test", registry.Change{Freeze: &registry.Freeze{Kind: "client", ID: id, Frozen: true}})
		require.NoError(t, err)
		status, got = b.enrol("demo-bank")
		require.Equal(t, http.StatusForbidden, status)
		require.Equal(t, "client-suspended", got["code"])
		return nil
	}, &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}))
}

// No more than so many browsers live at once: the oldest make room.
func TestEnrolManyBrowsers(t *testing.T) {
	c := demoCommand{Addr: "127.0.0.1:0", Data: t.TempDir(), Profile: "es256", Volatile: "memory"}
	require.NoError(t, c.start(t.Context(), func(ctx context.Context, d *demo) error {
		now := time.Now()
		require.NoError(t, d.registry.Update(ctx, "test", "many", func(draft *registry.Draft) error {
			for i := range maxBrowsers {
				k, err := key.Generate(key.ES256)
				if err != nil {
					return err
				}
				draft.PutClient(registry.Client{
					ID: fmt.Sprintf("browser-%012d", i), Role: "auditor", Scopes: []string{"audit"}, Keys: []*key.Public{k.Public()},
					KeyEnds: registry.KeyEnds{{Key: k.Public().ID(), Ends: now.Add(time.Duration(maxBrowsers+100-i) * time.Minute)}},
				})
			}
			return nil
		}))
		status, got := newBrowserKey(t, d.base).enrol("demo-bank")
		require.Equal(t, http.StatusOK, status, got)
		living, suspended := 0, []string{}
		for _, one := range d.registry.Clients() {
			switch {
			case one.Suspended:
				suspended = append(suspended, one.ID)
			case one.ID[:min(len(one.ID), len(browserPrefix))] == browserPrefix:
				living++
			}
		}
		require.Equal(t, maxBrowsers, living)
		require.Equal(t, []string{fmt.Sprintf("browser-%012d", maxBrowsers-1)}, suspended, "the one whose end is the nearest")
		return nil
	}, &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}))
}
