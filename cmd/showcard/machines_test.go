package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/registry"
)

// Suspending a client, its party or its authority bites in the process that was told at once and
// in another one that shares the database soon, for tokens that are out and for new ones.
func TestSuspensionBitesEverywhere(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", redis.URL)
	b := startDemo(t, data, "--volatile", redis.URL)
	operator := operatorsOf(t, data, a.base)
	for _, one := range []struct{ kind, id, client, path, code string }{
		{"client", "demo-auditor", "demo-auditor", "/v1/registry/types", "client-suspended"},
		{"party", "demo-bank", "demo-bank", "/v1/verifications/x/portrait", "party-suspended"},
		{"authority", "hunan-police", "hunan-police", "/v1/pushes/none", "issuer-frozen"},
	} {
		t.Run(one.kind, func(t *testing.T) {
			here, there := clientOf(t, data, a.base, one.client), clientOf(t, data, b.base, one.client)
			call := func(c *client) string {
				c.attempts = 1
				return codeOf(c.call(t.Context(), http.MethodGet, one.path, nil, "", nil))
			}
			require.NotEqual(t, one.code, call(here))
			require.NotEqual(t, one.code, call(there))
			require.NoError(t, operator.freeze(t.Context(), one.kind, one.id, "", true))
			told := time.Now()
			require.Equal(t, one.code, call(here))
			require.Eventually(t, func() bool { return call(there) == one.code }, 30*time.Second, 10*time.Millisecond)
			t.Logf("the other process refuses after %s", time.Since(told).Round(time.Millisecond))
			for _, c := range []*client{here, there} {
				c.forget()
				_, err := c.token(t.Context())
				require.Equal(t, one.code, codeOf(err), "no new token either")
			}
		})
	}
	kinds := auditKinds(t, filepath.Join(data, "showcard.db"))
	require.Positive(t, kinds["client.admitted"])
	require.Positive(t, kinds["client.refused"])
}

// auditKinds counts the entries of the audit log by kind.
func auditKinds(t *testing.T, path string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT leaf FROM audit_entries")
	require.NoError(t, err)
	defer rows.Close()
	kinds := map[string]int{}
	for rows.Next() {
		var leaf []byte
		var l struct{ Kind string }
		require.NoError(t, rows.Scan(&leaf))
		require.NoError(t, json.Unmarshal(leaf, &l))
		kinds[l.Kind]++
	}
	require.NoError(t, rows.Err())
	return kinds
}

// A process that has lost the database may have missed a suspension: it refuses machines.
func TestDatabaseCut(t *testing.T) {
	c := demoCommand{Data: t.TempDir(), Profile: "sm2", Volatile: "memory"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg, err := c.config(l.Addr().String())
	require.NoError(t, err)
	cfg.RegistryMaxAge = time.Second
	a, err := build(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	callers, err := a.seedRegistry(t.Context())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx, nil, l) }()
	auditor, err := newClientFor("http://"+l.Addr().String(), cfg.PublicURL, "demo-auditor", callers.keys["demo-auditor"], &http.Client{})
	require.NoError(t, err)
	auditor.attempts = 1
	read := func() error { return auditor.call(t.Context(), http.MethodGet, "/v1/registry/types", nil, "", nil) }
	require.NoError(t, read())
	require.NoError(t, a.store.Close())
	require.Eventually(t, func() bool { return codeOf(read()) == "registry-stale" }, 30*time.Second, 10*time.Millisecond)
	auditor.forget()
	_, err = auditor.token(t.Context())
	require.Equal(t, "registry-stale", codeOf(err))
	var refused *answerError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status)
	require.Positive(t, refused.RetryAfter)
	stop()
	<-ended // it may complain of the database
}

// token/2 signs as soon as it is in the keystore, in every process; token/1 is good until its
// tokens end, and token/3 puts it out of use.
func TestTokenKeyRotatesWhileRunning(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", redis.URL)
	b := startDemo(t, data, "--volatile", redis.URL)
	auditor := clientOf(t, data, a.base, "demo-auditor")
	get := func(base, token string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/registry/types", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	fresh := func() (token, kid string) {
		granted, err := auditor.token(t.Context())
		require.NoError(t, err)
		parsed, err := jose.Parse(granted.AccessToken, "at+jwt")
		require.NoError(t, err)
		return granted.AccessToken, parsed.Header.KeyID
	}
	first, firstKey := fresh()
	rotate := func(name string) (token string) {
		next := newKeyOf(t, data, name)
		require.Eventually(t, func() bool {
			var kid string
			token, kid = fresh()
			return kid == next.ID()
		}, 30*time.Second, 100*time.Millisecond)
		return token
	}
	second := rotate("token/2")
	require.Equal(t, http.StatusOK, get(b.base, second), "the other process looks for a key that it has not met")
	require.Equal(t, http.StatusOK, get(a.base, first))
	require.Equal(t, http.StatusOK, get(b.base, first))
	var published struct{ Keys []struct{ Kid string } }
	resp, err := http.Get(a.base + "/.well-known/jwks.json")
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&published))
	require.NoError(t, resp.Body.Close())
	require.Len(t, published.Keys, 2)
	require.Equal(t, firstKey, published.Keys[1].Kid)

	third := rotate("token/3")
	for _, base := range []string{a.base, b.base} {
		require.Equal(t, http.StatusOK, get(base, third))
		require.Equal(t, http.StatusOK, get(base, second))
		require.Eventually(t, func() bool { return get(base, first) == http.StatusUnauthorized }, 30*time.Second, 100*time.Millisecond)
	}
}

func TestNewestKeys(t *testing.T) {
	names := []string{"token/1", "status/9", "token/10", "token/2", "token/x", "token/0", "token/-3", "token/", "tokens/7"}
	require.Equal(t, []string{"token/10", "token/2"}, newestKeys(names, "token/", 2))
	require.Equal(t, []string{"token/10", "token/2", "token/1"}, newestKeys(names, "token/", 9))
	require.Empty(t, newestKeys(nil, "token/", 2))
}

const opensslCertificates = "../../internal/access/testdata"

func clientPair(t *testing.T, name string) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	c, err := tls.LoadX509KeyPair(filepath.Join(opensslCertificates, name+".pem"), filepath.Join(opensslCertificates, name+".key"))
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	require.NoError(t, err)
	return c, leaf
}

// `showcard serve` with a second door for machines with certificates: a token got there is worth
// nothing at the first door, which asks nobody for one.
func TestServeMutualTLS(t *testing.T) {
	pairs := map[string]tls.Certificate{}
	for _, name := range []string{"client", "other"} {
		pairs[name], _ = clientPair(t, name)
	}
	_, leaf := clientPair(t, "client")
	folder, err := filepath.Abs(opensslCertificates)
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	server, err := selfMade(nil, time.Now())
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("tls.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate[0]}), 0o600))
	require.NoError(t, os.WriteFile("tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	require.NoError(t, os.WriteFile("operator-1.public.jwk", []byte(toolOf(t, 0, "keygen", "--out", "operator-1.jwk")), 0o600))
	addr, mutual := freeAddress(t), freeAddress(t)
	require.NoError(t, os.WriteFile("showcard.yaml", []byte(`
public_url: https://`+addr+`
listen: `+addr+`
tls_certificate: tls.pem
tls_key: tls.key
mtls_listen: `+mutual+`
mtls_url: https://`+mutual+`
metrics: [operators]
data: data
keystore_key_file: keystore.key
domain: {code: "4300", name: {zh: 湖南省, en: Hunan}}
operators:
  - {id: operator-1, jwk: operator-1.public.jwk}
`), 0o600))
	startProcess(t, addr, "serving", "serve", "-config", "showcard.yaml")
	roots := x509.NewCertPool()
	root, err := x509.ParseCertificate(server.Certificate[0])
	require.NoError(t, err)
	roots.AddCert(root)
	dial := func(name string) *http.Client {
		cfg := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		if name != "" {
			cfg.Certificates = []tls.Certificate{pairs[name]}
		}
		transport := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	k, err := key.ReadFile("operator-1.jwk")
	require.NoError(t, err)
	operator, err := newClientFor("https://"+addr, "", "operator-1", k, dial(""))
	require.NoError(t, err)
	thumbprint := access.Thumbprint(leaf)
	require.NoError(t, operator.call(t.Context(), http.MethodPut, "/v1/registry/clients/auditor-1",
		registry.Client{ID: "auditor-1", Role: "auditor", Scopes: []string{"registry"}, Certificates: []string{thumbprint}}, "", nil))

	ask := func(base, name string) (token, code string) {
		resp, err := dial(name).PostForm("https://"+base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"auditor-1"}})
		require.NoError(t, err)
		defer resp.Body.Close()
		var got struct {
			AccessToken string `json:"access_token"`
			Code        string `json:"code"`
		}
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
		return got.AccessToken, got.Code
	}
	use := func(base, name, path, token string) (status int, proto string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+base+path, nil)
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := dial(name).Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, resp.Proto
	}
	token, code := ask(mutual, "client")
	require.Empty(t, code)
	status, proto := use(mutual, "client", "/v1/registry/types", token)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "HTTP/2.0", proto)
	for where, name := range map[string]string{mutual: "other", addr: "client"} {
		status, _ := use(where, name, "/v1/registry/types", token)
		require.Equal(t, http.StatusUnauthorized, status, where)
	}
	_, code = ask(mutual, "other")
	require.Equal(t, "client-certificate-unknown", code)
	_, code = ask(addr, "client")
	require.Equal(t, "assertion-invalid", code, "the first door asks for no certificate")

	// The tool does the same.
	certs := []string{"--cert", filepath.Join(folder, "client.pem"), "--cert-key", filepath.Join(folder, "client.key"), "--ca", "tls.pem"}
	out := toolOf(t, 0, append([]string{"token", "--server", "https://" + mutual, "--client", "auditor-1"}, certs...)...)
	status, _ = use(mutual, "client", "/v1/registry/types", strings.TrimSpace(out))
	require.Equal(t, http.StatusOK, status)
	toolOf(t, 2, "token", "--server", "https://"+mutual, "--client", "auditor-1", "--cert", "tls.pem")
	toolOf(t, 2, append([]string{"token", "--client", "auditor-1"}, certs...)...)

	// /metrics is the operators' and the auditors'.
	status, _ = use(mutual, "client", "/metrics", token)
	require.Equal(t, http.StatusOK, status)
	status, _ = use(mutual, "client", "/metrics", "")
	require.Equal(t, http.StatusUnauthorized, status)
}

// Behind a proxy that ends TLS: only what a trusted one says counts.
func TestClientCertHeader(t *testing.T) {
	_, leaf := clientPair(t, "client")
	good := ":" + base64.StdEncoding.EncodeToString(leaf.Raw) + ":"
	find, err := clientCertificate(config{ClientCertHeader: true, TrustedProxies: []string{"10.0.0.0/8", "192.0.2.7"}})
	require.NoError(t, err)
	for _, tt := range []struct {
		name, from string
		headers    []string
		found      bool
	}{
		{"trusted range", "10.1.2.3:4000", []string{good}, true},
		{"trusted address", "192.0.2.7:4000", []string{good}, true},
		{"mapped address", "[::ffff:10.1.2.3]:4000", []string{good}, true},
		{"somebody else", "192.0.2.8:4000", []string{good}, false},
		{"nothing", "10.1.2.3:4000", nil, false},
		{"two", "10.1.2.3:4000", []string{good, good}, false},
		{"no byte sequence", "10.1.2.3:4000", []string{strings.Trim(good, ":")}, false},
		{"cut off", "10.1.2.3:4000", []string{good[:len(good)-9] + ":"}, false},
		{"rubbish", "10.1.2.3:4000", []string{":AAAA:"}, false},
		{"no address", "", []string{good}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := find(&http.Request{RemoteAddr: tt.from, Header: http.Header{"Client-Cert": tt.headers}})
			require.Equal(t, tt.found, got != nil)
		})
	}
	none, err := clientCertificate(config{TrustedProxies: []string{"10.0.0.0/8"}})
	require.NoError(t, err)
	require.Nil(t, none, "not asked for: the header counts nothing")
}

func FuzzClientCertHeader(f *testing.F) {
	c, err := tls.LoadX509KeyPair(filepath.Join(opensslCertificates, "client.pem"), filepath.Join(opensslCertificates, "client.key"))
	require.NoError(f, err)
	f.Add(":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":")
	f.Add("::")
	f.Add(":AAAA:")
	f.Fuzz(func(t *testing.T, header string) {
		if got := parseClientCert(header); got != nil {
			require.Equal(t, header, ":"+base64.StdEncoding.EncodeToString(got.Raw)+":")
		}
	})
}

func TestMachinesConfig(t *testing.T) {
	for name, change := range map[string]func(*config){
		"mtls_listen without TLS":   func(c *config) { c.MTLSListen, c.MTLSURL = "127.0.0.1:1", "https://m.example" },
		"mtls_url alone":            func(c *config) { c.MTLSURL = "https://m.example" },
		"mtls_listen without a URL": func(c *config) { c.MTLSListen, c.TLSCertificate, c.TLSKey = "127.0.0.1:1", "a", "b" },
		"mtls_url in the clear": func(c *config) {
			c.ClientCertHeader, c.MTLSURL, c.TrustedProxies = true, "http://m.example", []string{"10.0.0.1"}
		},
		"client_cert_header of anybody": func(c *config) { c.ClientCertHeader, c.MTLSURL = true, "https://m.example" },
		"proxy that is no address": func(c *config) {
			c.ClientCertHeader, c.MTLSURL, c.TrustedProxies = true, "https://m.example", []string{"proxy"}
		},
		"registry_max_age too short": func(c *config) { c.RegistryMaxAge = time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			c := config{PublicURL: "https://cards.example", Data: "x", KeystoreKeyFile: "k", Domain: domainConfig{Code: "TEST"}}
			c.Domain.Name.ZH, c.Domain.Name.EN = "测试", "test"
			require.NoError(t, c.check())
			change(&c)
			require.ErrorIs(t, c.check(), errConfig)
		})
	}
}
