package login_test

import (
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/login"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/schemas"
)

// site is a showcard that people sign in to, on a real server over a real store.
type site struct {
	t       *testing.T
	mu      sync.Mutex
	now     time.Time
	url     string
	db      string
	store   *sqlstore.Store
	access  *access.Service
	cfg     login.Config
	server  *httptest.Server
	browser *http.Client
}

func newKey(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

// region is the provider of most tests.
func region(o *op, k key.Signer) login.Provider {
	return login.Provider{
		ID: "region", Name: schemas.Text{ZH: "统一身份认证", EN: "Unified identity"}, Issuer: o.server.URL, ClientID: "showcard", Key: k,
		Scopes: []string{"profile"}, ACR: map[string]string{"urn:level:2": access.AssuranceSubstantial, "urn:level:3": access.AssuranceHigh},
		Claims: login.Claims{HolderNumber: "id_number"},
	}
}

// newSite starts a site. configure sees the configuration before it is used.
func newSite(t *testing.T, configure func(*login.Config), providers ...login.Provider) *site {
	t.Helper()
	s := &site{t: t, now: time.Now().Truncate(time.Second)}
	s.server = httptest.NewUnstartedServer(nil)
	s.url = "http://" + s.server.Listener.Addr().String()
	dir := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(dir, "key")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	keys, err := key.CreateStore(filepath.Join(dir, "keystore.json"), unlock)
	require.NoError(t, err)
	s.db = filepath.Join(dir, "showcard.db")
	s.store, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, s.db), Keys: keys, Now: s.clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.store.Close()) })
	once, err := memstore.New(memstore.Config{Now: s.clock})
	require.NoError(t, err)
	s.access, err = access.New(access.Config{
		Issuer: s.url, Signer: newKey(t, key.SM2), Once: once, Sessions: s.store, Now: s.clock,
		Clients: func(string) (access.Client, error) { return access.Client{}, access.ErrClientUnknown },
	})
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s.cfg = login.Config{
		PublicURL: s.url, Providers: providers, Access: s.access, Once: once, Notes: s.store, Secret: []byte("0123456789abcdef0123456789abcdef"), Now: s.clock,
		HolderID: func(h schemas.HolderRef) string { return h.Index([]byte("index")) }, Client: &http.Client{Transport: transport}, Logger: slog.New(slog.DiscardHandler),
	}
	if configure != nil {
		configure(&s.cfg)
	}
	service, err := login.New(s.cfg)
	require.NoError(t, err)
	web, err := httpd.New(httpd.Config{PublicURL: s.url, Logger: slog.New(slog.DiscardHandler), Authenticator: s.access})
	require.NoError(t, err)
	require.NoError(t, web.Mount(service.Routes(), login.Errors()))
	s.server.Config.Handler = web.Handler()
	s.server.Start()
	t.Cleanup(s.server.Close)
	s.browser = newBrowser(t)
	return s
}

// newBrowser keeps cookies, follows nothing by itself and says what browsers say.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// answer is what came back.
type answer struct {
	status   int
	header   http.Header
	location string
	cookies  []*http.Cookie
	body     string
	code     string // of a problem
}

func (s *site) get(browser *http.Client, address string, headers ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	require.NoError(s.t, err)
	return s.do(browser, req, headers...)
}

func (s *site) do(browser *http.Client, req *http.Request, headers ...string) answer {
	s.t.Helper()
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := browser.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	a := answer{status: resp.StatusCode, header: resp.Header, location: resp.Header.Get("Location"), cookies: resp.Cookies(), body: string(data)}
	var p struct{ Code string }
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		require.NoError(s.t, json.Unmarshal(data, &p))
		a.code = p.Code
	}
	return a
}

// begin starts a sign-in and returns where the provider is asked.
func (s *site) begin(browser *http.Client, provider, query string) string {
	s.t.Helper()
	a := s.get(browser, s.url+"/v1/sign-in/"+provider+query)
	require.Equal(s.t, http.StatusSeeOther, a.status, a.body)
	return a.location
}

// asked takes the browser to the provider and returns the address that it sends the browser back to.
func (s *site) asked(browser *http.Client, authorize string) string {
	s.t.Helper()
	a := s.get(browser, authorize)
	require.Equal(s.t, http.StatusFound, a.status, a.body)
	return a.location
}

// signIn goes the whole way.
func (s *site) signIn(browser *http.Client) answer {
	s.t.Helper()
	return s.get(browser, s.asked(browser, s.begin(browser, "region", "")))
}

// in says who is signed in: the name, or the code of the refusal.
func (s *site) in(browser *http.Client) string {
	s.t.Helper()
	a := s.get(browser, s.url+"/v1/me")
	if a.status != http.StatusOK {
		return a.code
	}
	var m struct{ Name string }
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &m))
	return m.Name
}

// entries counts audit entries of a kind.
func (s *site) entries(kind string) (n int) {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.db)
	require.NoError(s.t, err)
	defer db.Close()
	require.NoError(s.t, db.QueryRow(`SELECT count(*) FROM audit_entries WHERE CAST(leaf AS TEXT) LIKE $1`, `%"`+kind+`"%`).Scan(&n))
	return n
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u
}

// query is an address with parameters replaced, or removed where empty.
func query(t *testing.T, address string, pairs ...string) string {
	t.Helper()
	u := parse(t, address)
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
