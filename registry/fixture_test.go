package registry_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
)

const (
	base      = "https://cards.example"
	police    = "hunan-police"
	policeID  = "11430000MB1D000127"
	hall      = "service-hall"
	domain    = "DEMO"
	providers = "hosted-wallet"
)

var start = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fixture is a deployment: a database, a signed root set, and any number of registries over them.
type fixture struct {
	t         *testing.T
	clock     *clock
	path      string
	keys      *key.Store
	catalogue *schemas.Catalogue
	signer    *key.Private // of the list
	roots     []byte
	pinned    *trustlist.Roots

	police, provider, status *key.Private
}

func newKey(t *testing.T) *key.Private {
	t.Helper()
	k, err := key.Generate(key.SM2)
	require.NoError(t, err)
	return k
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	folder := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(folder, "keystore.key")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	keys, err := key.CreateStore(filepath.Join(folder, "keystore.json"), unlock)
	require.NoError(t, err)
	catalogue, err := schemas.Embedded()
	require.NoError(t, err)
	f := &fixture{
		t: t, clock: &clock{now: start}, path: filepath.Join(folder, "db", "showcard.db"), keys: keys, catalogue: catalogue,
		signer: newKey(t), police: newKey(t), provider: newKey(t), status: newKey(t),
	}
	f.roots, f.pinned = f.signRoots(f.signer)
	return f
}

func (f *fixture) signRoots(signers ...*key.Private) ([]byte, *trustlist.Roots) {
	f.t.Helper()
	a, b, c := newKey(f.t), newKey(f.t), newKey(f.t)
	roots := &trustlist.Roots{
		Version: 1, IssuedAt: start.Add(-time.Hour), Expires: start.Add(10 * 365 * 24 * time.Hour), Threshold: 2,
		Keys: []*key.Public{a.Public(), b.Public(), c.Public()},
	}
	for _, s := range signers {
		roots.Signers = append(roots.Signers, trustlist.DatedKey{Key: s.Public(), NotBefore: start.Add(-time.Hour)})
	}
	data, err := roots.Sign(a, b)
	require.NoError(f.t, err)
	pinned, err := trustlist.ParseRoots(data)
	require.NoError(f.t, err)
	return data, pinned
}

// store opens the database once more, as another process would.
func (f *fixture) store() registry.Store {
	f.t.Helper()
	s, err := sqlstore.Open(f.t.Context(), sqlstore.Config{URL: storetest.SQLite(f.t, f.path), Keys: f.keys, Now: f.clock.Now})
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, s.Close()) })
	return s
}

func (f *fixture) config(s registry.Store) registry.Config {
	return registry.Config{
		Store: s, Catalogue: f.catalogue, Signer: f.signer, Roots: f.roots, BaseURL: base, Now: f.clock.Now,
		Poll: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	}
}

func (f *fixture) open(s registry.Store) *registry.Registry {
	f.t.Helper()
	r, err := registry.New(f.t.Context(), f.config(s))
	require.NoError(f.t, err)
	return r
}

// filled is a registry with one entry of each kind.
func (f *fixture) filled(s registry.Store) *registry.Registry {
	f.t.Helper()
	r := f.open(s)
	require.True(f.t, r.Empty())
	require.NoError(f.t, r.Update(f.t.Context(), "setup", "first entries", func(d *registry.Draft) error {
		f.put(d)
		return nil
	}))
	require.False(f.t, r.Empty())
	return r
}

func text(s string) schemas.Text { return schemas.Text{ZH: s, EN: s} }

func (f *fixture) authority() registry.Authority {
	return registry.Authority{
		ID: police, USCC: policeID, Name: text("police"), Domain: domain, Types: []string{"resident-id"}, Regions: []string{"430000"},
		Keys: []registry.Key{{Public: f.police.Public(), NotBefore: start}},
	}
}

func (f *fixture) party() registry.Party {
	return registry.Party{ID: hall, Name: text("hall"), Grants: []registry.Grant{
		{Type: "resident-id", Fields: []string{"name", "over_18"}, Purposes: []string{"counter"}},
		{Type: "resident-id", Fields: []string{"name", "id_number"}, Purposes: []string{"audit", "counter"}},
	}}
}

func (f *fixture) client(id string) registry.Client {
	return registry.Client{ID: id, Role: "relying-party", Party: hall, Scopes: []string{"verify"}, Keys: []*key.Public{newKey(f.t).Public()}}
}

func (f *fixture) put(d *registry.Draft) {
	d.PutDomain(registry.Domain{
		Code: domain, Name: text("Demo"), BaseURL: base, StatusPrefix: base + "/status/",
		StatusKeys: []registry.Key{{Public: f.status.Public(), NotBefore: start}},
	})
	d.PutAuthority(f.authority())
	d.PutProvider(registry.Provider{ID: providers, Name: text("wallet"), Domain: domain, Keys: []registry.Key{{Public: f.provider.Public(), NotBefore: start}}})
	d.PutType(registry.TypeState{ID: "resident-id", Version: 1, Published: true})
	d.PutParty(f.party())
	d.PutClient(f.client("counter-1"))
}

// published is the list as a verifier with the pinned roots reads it.
func (f *fixture) published(r *registry.Registry) *trustlist.List {
	f.t.Helper()
	body, version := r.TrustList()
	list, err := f.pinned.Verify(body, f.clock.Now(), version)
	require.NoError(f.t, err)
	require.Equal(f.t, version, list.Version)
	return list
}

// edited is a store whose answers somebody changes on the way.
type edited struct {
	registry.Store
	edit func(*registry.Snapshot)
}

func (e edited) Load(ctx context.Context) (registry.Snapshot, error) {
	snap, err := e.Store.Load(ctx)
	if e.edit != nil {
		e.edit(&snap)
	}
	return snap, err
}

func (e edited) Revision(ctx context.Context) (int64, error) {
	snap, err := e.Load(ctx)
	return snap.Revision, err
}
