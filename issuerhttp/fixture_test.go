package issuerhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/issuerhttp"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	police = "hunan-police"             // SM2
	market = "hunan-market-supervision" // ES256
)

// fixture is an issuer behind a real listener, over a real database and the in-process cache.
type fixture struct {
	t           testing.TB
	issuer      *issuer.Issuer
	store       *sqlstore.Store
	cache       *memstore.Store
	authorities authorities
	status      *key.Private
	url, addr   string
	client      *http.Client
	stop        func() error
	logs        *logs
}

type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type authorities struct {
	all    map[string]issuer.Authority
	frozen *atomic.Pointer[string] // id of a frozen authority or type
}

func (r authorities) Authority(_ context.Context, id string) (issuer.Authority, error) {
	a, ok := r.all[id]
	if !ok {
		return a, issuer.ErrIssuerUnknown
	}
	a.Frozen = *r.frozen.Load() == id
	return a, nil
}

func (r authorities) TypeUsable(_ context.Context, id string) error {
	if *r.frozen.Load() == id {
		return issuer.ErrTypeFrozen
	}
	return nil
}

func (r authorities) freeze(id string) { r.frozen.Store(&id) }

func holderID(h schemas.HolderRef) string { return h.Index([]byte("a test key for the holder index.")) }

// tokens knows bearer tokens "role:issuer,issuer:scope,scope".
type tokens struct{}

func (tokens) Authenticate(r *http.Request) (httpd.Caller, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return httpd.Caller{}, httpd.ErrNoCredentials
	}
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return httpd.Caller{}, httpd.ErrBadCredentials
	}
	caller := httpd.Caller{ID: "client-of-" + parts[1], Role: httpd.Role(parts[0]), Scopes: strings.Split(parts[2], ",")}
	if parts[1] != "" {
		caller.Issuers = strings.Split(parts[1], ",")
	}
	return caller, nil
}

const (
	asPolice = "department:" + police + ":issue"
	asMarket = "department:" + market + ":issue"
	asBoth   = "department:" + police + "," + market + ":issue"
)

func start(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, logs: &logs{}, authorities: authorities{map[string]issuer.Authority{}, &atomic.Pointer[string]{}}}
	f.authorities.freeze("")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.addr = listener.Addr().String()
	f.url = "http://" + f.addr
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "key")
	require.NoError(t, key.NewKeyFile(keyFile))
	keys, err := key.CreateStore(filepath.Join(dir, "keystore.json"), key.Unlock{KeyFile: keyFile})
	require.NoError(t, err)
	f.store, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + filepath.Join(dir, "db"), Keys: keys})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.store.Close()) })
	f.cache, err = memstore.New(memstore.Config{})
	require.NoError(t, err)
	types, err := schemas.Embedded()
	require.NoError(t, err)
	f.status, err = key.Generate(key.SM2)
	require.NoError(t, err)
	f.readAuthorities()
	f.issuer, err = issuer.New(issuer.Config{
		Record: f.store, Jobs: f.store, Statuses: f.store, Live: f.store, Cache: f.cache, Registry: f.authorities, Types: types,
		BaseURL: f.url, StatusSigner: f.status, PermutationKey: bytes.Repeat([]byte{7}, 32), HolderID: holderID,
	})
	require.NoError(t, err)
	api, err := issuerhttp.New(issuerhttp.Config{Issuer: f.issuer, Idempotency: f.store})
	require.NoError(t, err)
	server, err := httpd.New(httpd.Config{Authenticator: tokens{}, PublicURL: f.url, StreamIdle: 2 * time.Second, DrainTimeout: 100 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(f.logs, nil))})
	require.NoError(t, err)
	require.NoError(t, server.Mount(api.Routes(), issuerhttp.Errors()))

	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, nil, listener) }()
	f.stop = sync.OnceValue(func() error { cancel(); return <-served })
	f.client = &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		_ = f.stop()
	})
	return f
}

func (f *fixture) readAuthorities() {
	data, err := testdata.Files.ReadFile("push/issuers.json")
	require.NoError(f.t, err)
	var all []struct {
		ID, USCC       string
		Types, Regions []string
	}
	require.NoError(f.t, json.Unmarshal(data, &all))
	for _, a := range all {
		alg := key.SM2
		if a.ID == market {
			alg = key.ES256
		}
		signer, err := key.Generate(alg)
		require.NoError(f.t, err)
		f.authorities.all[a.ID] = issuer.Authority{ID: a.ID, USCC: a.USCC, ISS: f.url + "/issuers/" + a.ID, Types: a.Types, Regions: a.Regions, Signer: signer}
	}
}

// rows are the demo's rows of an authority.
func rows(t testing.TB, authority string) []string {
	t.Helper()
	data, err := testdata.Files.ReadFile("push/" + authority + ".ndjson")
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// licence is a driver's licence under a key, as one line.
func licence(t testing.TB, key string, change ...func(*schemas.Row)) string {
	t.Helper()
	for _, l := range rows(t, police) {
		r, problems := schemas.DecodeRow([]byte(l))
		require.Empty(t, problems)
		if r.Type != "drivers-licence" {
			continue
		}
		r.Key, r.Issuer = key, ""
		for _, c := range change {
			c(&r)
		}
		data, err := json.Marshal(r)
		require.NoError(t, err)
		return string(data)
	}
	t.Fatal("no licence")
	return ""
}

type answer struct {
	*http.Response
	body []byte
}

func (f *fixture) do(as, method, path string, body io.Reader, headers ...string) answer {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, body)
	require.NoError(f.t, err)
	if as != "" {
		req.Header.Set("Authorization", "Bearer "+as)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := f.client.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	return answer{res, data}
}

func (f *fixture) get(as, path string, headers ...string) answer {
	f.t.Helper()
	return f.do(as, http.MethodGet, path, nil, headers...)
}

// post sends JSON, with an Idempotency-Key unless that is empty.
func (f *fixture) post(as, path, key, body string) answer {
	f.t.Helper()
	headers := []string{}
	if key != "" {
		headers = append(headers, "Idempotency-Key", key)
	}
	if body == "" {
		return f.do(as, http.MethodPost, path, nil, headers...)
	}
	return f.do(as, http.MethodPost, path, strings.NewReader(body), append(headers, "Content-Type", "application/json")...)
}

func (f *fixture) push(as, path, body string, headers ...string) answer {
	f.t.Helper()
	return f.do(as, http.MethodPut, path, strings.NewReader(body), append([]string{"Content-Type", "application/x-ndjson"}, headers...)...)
}

func (a answer) into(t testing.TB, status int, v any) {
	t.Helper()
	require.Equal(t, status, a.StatusCode, string(a.body))
	require.NoError(t, json.Unmarshal(a.body, v))
}

type problemDoc struct {
	Code   string
	Status int
	Errors []httpd.FieldError
	Next   schemas.Text
}

func (a answer) problem(t testing.TB, status int, code string) problemDoc {
	t.Helper()
	var p problemDoc
	a.into(t, status, &p)
	require.Equal(t, code, p.Code)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	require.True(t, p.Next.Complete())
	return p
}

type issued struct {
	Identifier, Key, Credential, Replaces string
	Existing                              bool
	Warnings                              []schemas.Problem
}

// issue posts a licence.
func (f *fixture) issue(key string) issued {
	f.t.Helper()
	var out issued
	f.post(asPolice, "/v1/certificates", "key of "+key, licence(f.t, key)).into(f.t, http.StatusCreated, &out)
	return out
}

type job struct {
	Job, Issuer, State, Results     string
	Rows, Accepted, Rejected, Bytes int64
}

type result struct {
	Line                                   int64
	Key, Identifier, Code, Pointer, Detail string
	Warnings                               []string
}

func (f *fixture) results(as, path string) []result {
	f.t.Helper()
	a := f.get(as, path)
	require.Equal(f.t, http.StatusOK, a.StatusCode, string(a.body))
	require.Equal(f.t, "application/x-ndjson", a.Header.Get("Content-Type"))
	var out []result
	for dec := json.NewDecoder(bytes.NewReader(a.body)); dec.More(); {
		var r result
		require.NoError(f.t, dec.Decode(&r))
		out = append(out, r)
	}
	return out
}
