package issuer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	baseURL = "https://cards.example.cn"
	police  = "hunan-police"             // SM2
	market  = "hunan-market-supervision" // ES256
)

// start is half past eight in the morning in Changsha.
var start = time.Date(2026, 11, 22, 0, 30, 0, 0, time.UTC)

// registry is the registry that cmd adapts, cut down to a map.
type registry struct {
	mu          sync.Mutex
	authorities map[string]issuer.Authority
	frozenTypes map[string]bool
}

func (r *registry) Authority(_ context.Context, id string) (issuer.Authority, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.authorities[id]
	if !ok {
		return a, issuer.ErrIssuerUnknown
	}
	return a, nil
}

func (r *registry) TypeUsable(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozenTypes[id] {
		return fmt.Errorf("%w: %s", issuer.ErrTypeFrozen, id)
	}
	return nil
}

func (r *registry) change(id string, f func(*issuer.Authority)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.authorities[id]
	f(&a)
	r.authorities[id] = a
}

// fixture is an issuer over a real database and the in-process cache.
type fixture struct {
	*issuer.Issuer
	t         testing.TB
	cfg       issuer.Config
	store     *sqlstore.Store
	cache     *memstore.Store
	registry  *registry
	catalogue *schemas.Catalogue
	status    *key.Private
	clock     atomic.Int64 // Unix nanoseconds
	logs      *logs
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

func (f *fixture) now() time.Time { return time.Unix(0, f.clock.Load()) }

func (f *fixture) pass(d time.Duration) { f.clock.Add(int64(d)) }

func generate(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func newFixture(t testing.TB, change ...func(*issuer.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, logs: &logs{}, status: generate(t, key.SM2)}
	f.clock.Store(start.UnixNano())
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "key")
	require.NoError(t, key.NewKeyFile(keyFile))
	keys, err := key.CreateStore(filepath.Join(dir, "keystore.json"), key.Unlock{KeyFile: keyFile})
	require.NoError(t, err)
	f.store, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(dir, "db")), Keys: keys, Now: f.now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.store.Close()) })
	f.cache = f.newCache()
	f.catalogue, err = schemas.Embedded()
	require.NoError(t, err)
	f.registry = &registry{authorities: map[string]issuer.Authority{}, frozenTypes: map[string]bool{}}
	f.readAuthorities()
	f.cfg = issuer.Config{
		Record: f.store, Jobs: f.store, Statuses: f.store, Live: f.store, Cache: f.cache, Registry: f.registry, Types: f.catalogue,
		BaseURL: baseURL, StatusSigner: f.status, PermutationKey: bytes.Repeat([]byte{7}, 32),
		HolderID: holderID, Now: f.now, Logger: slog.New(slog.NewTextHandler(f.logs, nil)),
	}
	for _, c := range change {
		c(&f.cfg)
	}
	f.Issuer, err = issuer.New(f.cfg)
	require.NoError(t, err)
	return f
}

func holderID(h schemas.HolderRef) string { return h.Index([]byte("a test key for the holder index.")) }

func (f *fixture) newCache() *memstore.Store {
	cache, err := memstore.New(memstore.Config{Now: f.now})
	require.NoError(f.t, err)
	return cache
}

// readAuthorities takes the demo's authorities; the market one has a P-256 key.
func (f *fixture) readAuthorities() {
	data, err := testdata.Files.ReadFile("push/issuers.json")
	require.NoError(f.t, err)
	var all []struct {
		ID, USCC       string
		Name           schemas.Text
		Types, Regions []string
	}
	require.NoError(f.t, json.Unmarshal(data, &all))
	for _, a := range all {
		alg := key.SM2
		if a.ID == market {
			alg = key.ES256
		}
		f.registry.authorities[a.ID] = issuer.Authority{ID: a.ID, USCC: a.USCC, ISS: baseURL + "/issuers/" + a.ID, Name: a.Name,
			Types: a.Types, Regions: a.Regions, Signer: generate(f.t, alg)}
	}
}

// lines are the demo's rows of an authority.
func lines(t testing.TB, authority string) [][]byte {
	t.Helper()
	data, err := testdata.Files.ReadFile("push/" + authority + ".ndjson")
	require.NoError(t, err)
	var out [][]byte
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, schemas.MaxRow)
	for in.Scan() {
		out = append(out, bytes.Clone(in.Bytes()))
	}
	require.NoError(t, in.Err())
	require.NotEmpty(t, out)
	return out
}

// demo is the first row of each type.
var demo = sync.OnceValue(func() map[string]schemas.Row {
	first := map[string]schemas.Row{}
	for _, authority := range []string{police, market} {
		data, err := testdata.Files.ReadFile("push/" + authority + ".ndjson")
		if err != nil {
			panic(err)
		}
		for l := range bytes.SplitSeq(data, []byte("\n")) {
			r, problems := schemas.DecodeRow(l)
			if _, seen := first[r.Type]; !seen && len(problems) == 0 {
				first[r.Type] = r
			}
		}
	}
	return first
})

// row is the first demo row of a type.
func row(t testing.TB, typeID string) schemas.Row {
	t.Helper()
	r, ok := demo()[typeID]
	require.True(t, ok)
	r.Claims = r.Claims.Clone()
	return r
}

func licence(t testing.TB) schemas.Row { return row(t, "drivers-licence") }

func order(authority string) issuer.Order { return issuer.Order{Authority: authority, By: "client-1"} }

// issueOne issues a driver's licence under a key.
func (f *fixture) issueOne(key string) issuer.Issued {
	f.t.Helper()
	r := licence(f.t)
	r.Key = key
	out, err := f.Issue(f.t.Context(), order(police), r)
	require.NoError(f.t, err)
	return out
}

func (f *fixture) certificate(identifier string) issuer.Certificate {
	f.t.Helper()
	c, err := f.store.Certificate(f.t.Context(), identifier)
	require.NoError(f.t, err)
	return c
}

// verified parses a credential and checks its signature.
func (f *fixture) verified(authority, credential string) (*sdjwt.SDJWT, map[string]any) {
	f.t.Helper()
	s, err := sdjwt.Parse(credential, sdjwt.Type)
	require.NoError(f.t, err)
	require.NoError(f.t, s.Token.Verify(f.registry.authorities[authority].Signer.Public()))
	require.NoError(f.t, sdjwt.CheckVC(s))
	claims, err := s.Claims()
	require.NoError(f.t, err)
	values, err := claims.Values()
	require.NoError(f.t, err)
	return s, values
}

// lookup asks the cache as a verifier does.
func (f *fixture) lookup(s issuer.Slot) (status uint8, asOf time.Time, known bool) {
	f.t.Helper()
	status, asOf, known, err := f.cache.Lookup(f.t.Context(), s.List, s.Index)
	require.NoError(f.t, err)
	return status, asOf, known
}

// refusal returns the problems of an error that must be a refusal.
func refusal(t testing.TB, err error) []schemas.Problem {
	t.Helper()
	require.ErrorIs(t, err, issuer.ErrRefused)
	var refused *issuer.RefusedError
	require.ErrorAs(t, err, &refused)
	return refused.Problems
}
