package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/schemas"
)

const identityYAML = `
public_url: https://cards.example.gov.cn
data: data
keystore_key_file: k
domain: {code: "4300", name: {zh: 湖南省, en: Hunan}}
identity:
  - id: region
    name: {zh: 省统一身份认证, en: Provincial identity}
    issuer: https://id.example.gov.cn
    client_id: showcard
    key_file: region.jwk
    claims: {holder_number: id_number, holder_type: id_type, types: {"0": "111"}}
    acr: {"urn:face": high}
    require: low
    max_age: 12h
`

// A provider of the configuration is offered by serve, which does not wait for it to be there; the
// demo's is not, and cannot be configured into being.
func TestServeOffersProviders(t *testing.T) {
	t.Chdir(t.TempDir())
	k, err := key.Generate(key.SM2)
	require.NoError(t, err)
	require.NoError(t, key.WriteFile("region.jwk", k))
	require.NoError(t, os.WriteFile("config.yaml", []byte(identityYAML), 0o600))
	cfg, err := readConfig("config.yaml")
	require.NoError(t, err)
	a, err := build(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, a.close()) }()
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		a.server.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://cards.example.gov.cn"+path, nil))
		return w.Code, w.Body.String()
	}
	_, body := get("/v1/sign-in/providers")
	require.JSONEq(t, `{"providers":[{"id":"region","name":{"zh":"省统一身份认证","en":"Provincial identity"}}]}`, body)
	for _, path := range []string{"/demo/idp/authorize", "/demo/idp/.well-known/openid-configuration", "/v1/sign-in/demo"} {
		status, _ := get(path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
}

func TestIdentityRefused(t *testing.T) {
	good := func() identityConfig {
		return identityConfig{
			ID: "region", Name: cfgName(), Issuer: "https://id.example.gov.cn", ClientID: "showcard", SecretFile: "secret", Claims: identityClaims{HolderNumber: "id_number"},
		}
	}
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("secret", []byte("s3cret\n"), 0o600))
	try := func(name string, providers ...identityConfig) error {
		cfg := config{
			PublicURL: "http://localhost:8080", Data: filepath.Join(t.TempDir(), "data"), KeystoreKeyFile: filepath.Join(t.TempDir(), "k"),
			Domain: domainConfig{Code: "TEST", Name: cfgName()}, Identity: providers,
		}
		require.NoError(t, cfg.check(), name)
		a, err := build(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err == nil {
			require.NoError(t, a.close())
		}
		return err
	}
	require.NoError(t, try("good", good()))
	for name, change := range map[string]func(*identityConfig){
		"id with a slash":        func(c *identityConfig) { c.ID = "a/b" },
		"id of a route":          func(c *identityConfig) { c.ID = "providers" },
		"no name":                func(c *identityConfig) { c.Name.EN = "" },
		"plain http":             func(c *identityConfig) { c.Issuer = "http://id.example.gov.cn" },
		"no client":              func(c *identityConfig) { c.ClientID = "" },
		"neither key nor secret": func(c *identityConfig) { c.SecretFile = "" },
		"secret not there":       func(c *identityConfig) { c.SecretFile = "nowhere" },
		"key not there":          func(c *identityConfig) { c.KeyFile = "nowhere" },
		"no number":              func(c *identityConfig) { c.Claims.HolderNumber = "" },
		"level made up":          func(c *identityConfig) { c.ACR = map[string]string{"x": "gold"} },
		"negative age":           func(c *identityConfig) { c.MaxAge = -1 },
	} {
		c := good()
		change(&c)
		require.ErrorIs(t, try(name, c), errConfig, name)
	}
	require.ErrorIs(t, try("twice", good(), good()), errConfig)
}

// The demo signs people in by its own provider over HTTP; the session ends where it is ended.
func TestDemoSignIn(t *testing.T) {
	e := &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}
	c := &demoCommand{Addr: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), Profile: "sm2", Volatile: "memory"}
	require.NoError(t, c.start(e.ctx, func(_ context.Context, d *demo) error {
		token, browser := d.signInAs(t, "person-02")
		resp, err := browser.Get(d.base + "/v1/me")
		require.NoError(t, err)
		var me struct{ Name, Assurance, Method string }
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&me))
		require.NoError(t, resp.Body.Close())
		require.Equal(t, []string{d.people[1].Name, "substantial", "oidc:demo"}, []string{me.Name, me.Assurance, me.Method})
		require.NotContains(t, token, d.people[1].holder.Number)

		resp, err = browser.Post(d.base+"/v1/sign-out", "application/json", nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNoContent, resp.StatusCode)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.base+"/v1/me", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err = http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)

		_, _, err = signIn(t.Context(), d.base, "nobody", nil)
		require.ErrorContains(t, err, "nobody by that login")
		return nil
	}, e))
}

func cfgName() schemas.Text { return schemas.Text{ZH: "测试", EN: "test"} }
