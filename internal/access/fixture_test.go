package access_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
)

const (
	us      = "https://cards.example"
	counter = "counter-1"
	// sessionCookie is what browsers keep of a site that is reached over TLS.
	sessionCookie = "__Host-" + access.SessionCookie
)

var start = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// fixture is a token endpoint on a real server, with one client whose registration tests change.
type fixture struct {
	t       *testing.T
	mu      sync.Mutex
	now     time.Time
	clients map[string]access.Client
	fails   error // what the registry answers, when it is broken
	change  func(*access.Config)

	record  *sqlstore.Store
	key     *key.Private // the client's
	signer  *key.Private // ours
	service *access.Service
	server  *httptest.Server
}

func newKey(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func newFixture(t *testing.T, a key.Algorithm) *fixture {
	t.Helper()
	return newFixtureWith(t, a, nil)
}

// newFixtureWith changes the configuration of its services.
func newFixtureWith(t *testing.T, a key.Algorithm, change func(*access.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, now: start, key: newKey(t, a), signer: newKey(t, a), change: change}
	f.clients = map[string]access.Client{counter: {
		ID: counter, Role: httpd.RoleRelyingParty, Party: "service-hall", Scopes: []string{"verify", "portrait"}, Keys: []*key.Public{f.key.Public()},
	}}
	f.record = newRecord(t, f.clock)
	f.service = f.newService(us)
	server, err := httpd.New(httpd.Config{Logger: slog.New(slog.DiscardHandler), Authenticator: f.service})
	require.NoError(t, err)
	require.NoError(t, server.Mount(f.service.Routes(), nil))
	require.NoError(t, server.Mount([]httpd.Route{{
		Method: http.MethodGet, Path: "/whoami", Roles: httpd.Roles(), Class: httpd.ClassRead,
		Handler: func(c *gin.Context) (any, error) {
			caller, _ := httpd.CallerFrom(c)
			return map[string]any{"id": caller.ID, "role": caller.Role, "scopes": caller.Scopes, "holder": caller.Holder, "party": caller.Party,
				"issuers": caller.Issuers, "method": caller.Method, "name": caller.Name, "assurance": caller.Assurance, "session": caller.Session, "step_up": caller.StepUp}, nil
		},
	}}, nil))
	f.server = httptest.NewServer(server.Handler())
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) newService(issuer string) *access.Service {
	f.t.Helper()
	once, err := memstore.New(memstore.Config{Now: f.clock})
	require.NoError(f.t, err)
	cfg := access.Config{Issuer: issuer, Signer: f.signer, Clients: f.client, Once: once, Now: f.clock, Sessions: f.record}
	if f.change != nil {
		f.change(&cfg)
	}
	s, err := access.New(cfg)
	require.NoError(f.t, err)
	return s
}

func newRecord(t testing.TB, now func() time.Time) *sqlstore.Store {
	t.Helper()
	dir := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(dir, "key")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	keys, err := key.CreateStore(filepath.Join(dir, "keystore.json"), unlock)
	require.NoError(t, err)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(dir, "showcard.db")), Keys: keys, Now: now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// signIn opens a session for a person.
func (f *fixture) signIn(holder string) (token string, session access.Session) {
	f.t.Helper()
	token, session, err := f.service.SignIn(f.t.Context(), access.Session{
		Holder: holder, Name: "张三", Method: "oidc:demo", Assurance: access.AssuranceHigh, At: f.clock().Add(-time.Minute),
	})
	require.NoError(f.t, err)
	return token, session
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) wait(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fixture) client(id string) (access.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails != nil {
		return access.Client{}, f.fails
	}
	c, ok := f.clients[id]
	if !ok {
		return access.Client{}, access.ErrClientUnknown
	}
	return c, nil
}

// register changes what the registry says of the client.
func (f *fixture) register(change func(*access.Client)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[counter]
	change(&c)
	f.clients[counter] = c
}

// assertion is a good one, with claims replaced, or removed where nil.
func (f *fixture) assertion(replace map[string]any) string {
	f.t.Helper()
	return f.signed(f.key, "JWT", replace)
}

func (f *fixture) signed(k key.Signer, typ string, replace map[string]any) string {
	f.t.Helper()
	claims := map[string]any{"iss": counter, "sub": counter, "aud": us, "iat": f.clock().Unix(), "exp": f.clock().Add(time.Minute).Unix(), "jti": f.t.Name() + random()}
	maps.Copy(claims, replace)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text, err := jose.SignJSON(k, jose.SignHeader{Type: typ}, claims)
	require.NoError(f.t, err)
	return text
}

func form(assertion string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {access.AssertionType}, "client_assertion": {assertion}}
}

type answer struct {
	status  int
	header  http.Header
	granted access.Granted
	failed  struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Code        string `json:"code"`
		URI         string `json:"error_uri"`
	}
}

func (f *fixture) post(body, contentType string) answer {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.server.URL+"/oauth/token", strings.NewReader(body))
	require.NoError(f.t, err)
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	to := any(&a.failed)
	if a.status == http.StatusOK {
		to = &a.granted
	}
	require.NoError(f.t, json.NewDecoder(res.Body).Decode(to))
	return a
}

func (f *fixture) ask(values url.Values) answer {
	f.t.Helper()
	return f.post(values.Encode(), "application/x-www-form-urlencoded")
}

// token is a good access token.
func (f *fixture) token() string {
	f.t.Helper()
	a := f.ask(form(f.assertion(nil)))
	require.Equal(f.t, http.StatusOK, a.status, a.failed)
	return a.granted.AccessToken
}

type who struct {
	ID, Role, Holder, Party, Method, Name, Code, Assurance, Session string

	Scopes, Issuers []string
	StepUp          time.Time `json:"step_up"`
}

// whoami calls with headers, in pairs, and returns the status and what the server knows.
func (f *fixture) whoami(headers ...string) (int, who) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.server.URL+"/whoami", nil)
	require.NoError(f.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close()
	var w who
	require.NoError(f.t, json.NewDecoder(res.Body).Decode(&w))
	return res.StatusCode, w
}

func (f *fixture) bearer(token string) (int, who) {
	f.t.Helper()
	return f.whoami("Authorization", "Bearer "+token)
}
