package access_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
)

const mutual = "https://mtls.cards.example"

// wire is a TLS server that asks for client certificates, made with OpenSSL (testdata/README.md).
type wire struct {
	*fixture
	tls *httptest.Server
}

func newWire(t *testing.T) *wire {
	f := newFixtureWith(t, key.SM2, func(c *access.Config) { c.MutualTLS = mutual })
	f.wait(365 * 24 * time.Hour) // within the dates of the certificates
	w := &wire{fixture: f, tls: httptest.NewUnstartedServer(f.server.Config.Handler)}
	w.tls.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	w.tls.StartTLS()
	t.Cleanup(w.tls.Close)
	return w
}

func pair(t *testing.T, name string) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	c, err := tls.LoadX509KeyPair(filepath.Join("testdata", name+".pem"), filepath.Join("testdata", name+".key"))
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	require.NoError(t, err)
	return c, leaf
}

// dial makes a client that shows a certificate; "" shows none.
func (w *wire) dial(name string) *http.Client {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.tls.Certificate())
	cfg := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if name != "" {
		c, _ := pair(w.t, name)
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	}
	transport := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (w *wire) askTLS(name string, values url.Values) answer {
	w.t.Helper()
	res, err := w.dial(name).Post(w.tls.URL+"/oauth/token", "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
	require.NoError(w.t, err)
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	to := any(&a.failed)
	if a.status == http.StatusOK {
		to = &a.granted
	}
	require.NoError(w.t, json.NewDecoder(res.Body).Decode(to))
	return a
}

// use calls with a token over a connection with a certificate, and returns status and code.
func (w *wire) use(name, token string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.tls.URL+"/whoami", nil)
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := w.dial(name).Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	var got who
	require.NoError(w.t, json.NewDecoder(res.Body).Decode(&got))
	return res.StatusCode, got.Code
}

func (w *wire) good(name, token string) {
	w.t.Helper()
	status, code := w.use(name, token)
	require.Equal(w.t, http.StatusOK, status, code)
}

func (w *wire) bad(name, token, want string) {
	w.t.Helper()
	status, code := w.use(name, token)
	require.Equal(w.t, http.StatusUnauthorized, status)
	require.Equal(w.t, want, code)
}

func byCertificate(id string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}}
}

func TestMutualTLS(t *testing.T) {
	for _, name := range []string{"client", "rsa"} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			_, leaf := pair(t, name)
			w.register(func(c *access.Client) { c.Keys, c.Certificates = nil, []string{access.Thumbprint(leaf)} })
			got := w.askTLS(name, byCertificate(counter))
			require.Equal(t, http.StatusOK, got.status, got.failed)
			require.Equal(t, "verify portrait", got.granted.Scope)
			token := got.granted.AccessToken
			w.good(name, token)
			w.bad("", token, "client-certificate-mismatch")
			w.bad("other", token, "client-certificate-mismatch")
			status, plain := w.bearer(token) // over the door that asks for none
			require.Equal(t, http.StatusUnauthorized, status)
			require.Equal(t, "client-certificate-mismatch", plain.Code)

			w.register(func(c *access.Client) { c.Certificates = nil })
			w.bad(name, token, "client-certificate-mismatch") // taken away: bites at once
			require.Equal(t, "client-certificate-unknown", w.askTLS(name, byCertificate(counter)).failed.Code)
		})
	}
}

func TestMutualTLSByKey(t *testing.T) {
	w := newWire(t)
	_, leaf := pair(t, "client")
	public := publicOf(t, leaf)
	w.register(func(c *access.Client) { c.Keys = []*key.Public{public} })
	token := w.askTLS("client", byCertificate(counter)).granted.AccessToken
	w.good("client", token)
	require.Equal(t, "client-certificate-unknown", w.askTLS("rsa", byCertificate(counter)).failed.Code)
	w.wait(100 * 365 * 24 * time.Hour)
	require.Equal(t, "client-certificate-unknown", w.askTLS("client", byCertificate(counter)).failed.Code, "its dates are over")
}

func publicOf(t *testing.T, c *x509.Certificate) *key.Public {
	t.Helper()
	public, err := key.LeafKey([][]byte{c.Raw})
	require.NoError(t, err)
	return public
}

func TestMutualTLSRefused(t *testing.T) {
	w := newWire(t)
	_, leaf := pair(t, "client")
	w.register(func(c *access.Client) { c.Certificates = []string{access.Thumbprint(leaf)} })
	unknown := w.askTLS("client", byCertificate("nobody"))
	require.Equal(t, "client-certificate-unknown", unknown.failed.Code)
	require.Equal(t, unknown.failed, w.askTLS("other", byCertificate(counter)).failed, "a stranger and the wrong certificate")
	require.Equal(t, unknown.failed, w.askTLS("other", byCertificate("")).failed)
	require.Equal(t, "assertion-invalid", w.askTLS("", byCertificate(counter)).failed.Code, "no certificate, no assertion")
	wide := byCertificate(counter)
	wide.Set("scope", "registry")
	require.Equal(t, "scope-not-granted", w.askTLS("client", wide).failed.Code)
	w.register(func(c *access.Client) { c.Suspended = true })
	require.Equal(t, "client-suspended", w.askTLS("client", byCertificate(counter)).failed.Code)
	require.Equal(t, unknown.failed, w.askTLS("other", byCertificate(counter)).failed)
}

// An assertion over a connection with a registered certificate gives a token that is bound to it;
// a certificate that nobody knows changes nothing.
func TestAssertionOverMutualTLS(t *testing.T) {
	w := newWire(t)
	token := w.askTLS("other", form(w.assertion(nil))).granted.AccessToken
	w.good("", token)
	_, leaf := pair(t, "client")
	w.register(func(c *access.Client) { c.Certificates = []string{access.Thumbprint(leaf)} })
	bound := w.askTLS("client", form(w.assertion(nil))).granted.AccessToken
	w.good("client", bound)
	w.bad("", bound, "client-certificate-mismatch")
	w.good("", token)
	require.Equal(t, "assertion-invalid", w.askTLS("client", form("x")).failed.Code, "a broken assertion is not saved by a certificate")
}

func TestMutualTLSMetadata(t *testing.T) {
	w := newWire(t)
	res, err := http.Get(w.server.URL + "/.well-known/oauth-authorization-server")
	require.NoError(t, err)
	defer res.Body.Close()
	var m struct {
		Methods []string          `json:"token_endpoint_auth_methods_supported"`
		Bound   bool              `json:"tls_client_certificate_bound_access_tokens"`
		Aliases map[string]string `json:"mtls_endpoint_aliases"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&m))
	require.Equal(t, []string{"private_key_jwt", "self_signed_tls_client_auth"}, m.Methods)
	require.True(t, m.Bound)
	require.Equal(t, map[string]string{"token_endpoint": mutual + "/oauth/token"}, m.Aliases)
}
