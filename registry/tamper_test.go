package registry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/registry"
)

// find returns the place of an entry.
func find(t *testing.T, s *registry.Snapshot, kind, id string) int {
	t.Helper()
	at := slices.IndexFunc(s.Entries, func(e registry.Entry) bool { return e.Kind == kind && e.ID == id })
	require.GreaterOrEqual(t, at, 0, "%s %s", kind, id)
	return at
}

func TestTamperedStoreIsRefused(t *testing.T) {
	f := newFixture(t)
	s := f.store()
	r := f.filled(s)
	older, err := s.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Freeze(t.Context(), "operator", "stolen", registry.Freeze{Kind: "authority", ID: police, Frozen: true}))
	intruder := f.client("intruder")
	for name, edit := range map[string]func(t *testing.T, snap *registry.Snapshot){
		"thawed": func(t *testing.T, snap *registry.Snapshot) {
			e := &snap.Entries[find(t, snap, "authority", police)]
			e.Body = bytes.Replace(e.Body, []byte(`"frozen":true`), []byte(`"frozen":false`), 1)
		},
		"one byte": func(t *testing.T, snap *registry.Snapshot) {
			e := &snap.Entries[find(t, snap, "party", hall)]
			e.Body = bytes.Replace(e.Body, []byte("hall"), []byte("hill"), 1)
		},
		"client added": func(t *testing.T, snap *registry.Snapshot) {
			body, err := json.Marshal(intruder)
			require.NoError(t, err)
			snap.Entries = append(snap.Entries, registry.Entry{Kind: "client", ID: intruder.ID, Body: body})
		},
		"entry dropped": func(t *testing.T, snap *registry.Snapshot) {
			at := find(t, snap, "client", "counter-1")
			snap.Entries = slices.Delete(snap.Entries, at, at+1)
		},
		"entry renamed": func(t *testing.T, snap *registry.Snapshot) {
			snap.Entries[find(t, snap, "client", "counter-1")].ID = "counter-2"
		},
		"older list": func(t *testing.T, snap *registry.Snapshot) {
			snap.Entries[find(t, snap, "trust-list", "current")] = older.Entries[find(t, &older, "trust-list", "current")]
		},
		"older everything under the new revision": func(_ *testing.T, snap *registry.Snapshot) {
			snap.Entries = older.Entries
		},
		"older entries, seal kept": func(t *testing.T, snap *registry.Snapshot) {
			kept := snap.Entries[find(t, snap, "seal", "current")]
			snap.Entries = slices.Clone(older.Entries)
			snap.Entries[find(t, snap, "seal", "current")] = kept
		},
		"revision raised": func(_ *testing.T, snap *registry.Snapshot) { snap.Revision++ },
		"seal gone": func(t *testing.T, snap *registry.Snapshot) {
			at := find(t, snap, "seal", "current")
			snap.Entries = slices.Delete(snap.Entries, at, at+1)
		},
		"all gone":          func(_ *testing.T, snap *registry.Snapshot) { snap.Entries = nil },
		"revision set to 0": func(_ *testing.T, snap *registry.Snapshot) { snap.Revision = 0 },
		"seal is the list":  swapSeal(func(e *registry.Entry, list string) { e.Body = []byte(list) }),
		"seal by another": swapSeal(func(e *registry.Entry, _ string) {
			parsed, err := jose.Parse(string(e.Body), "registry-seal+jwt")
			require.NoError(t, err)
			forged, err := jose.Sign(newKey(t), jose.SignHeader{Type: "registry-seal+jwt", KeyID: f.signer.Public().ID()}, parsed.Payload)
			require.NoError(t, err)
			e.Body = []byte(forged)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			bad := edited{Store: s, edit: func(snap *registry.Snapshot) { edit(t, snap) }}
			_, err := registry.New(t.Context(), f.config(bad))
			require.ErrorIs(t, err, registry.ErrTampered)
		})
	}
	_, err = registry.New(t.Context(), f.config(s))
	require.NoError(t, err, "the store itself is whole")
}

func swapSeal(swap func(e *registry.Entry, list string)) func(*testing.T, *registry.Snapshot) {
	return func(t *testing.T, snap *registry.Snapshot) {
		list := string(snap.Entries[find(t, snap, "trust-list", "current")].Body)
		swap(&snap.Entries[find(t, snap, "seal", "current")], list)
	}
}

// A process that runs goes on with what it had, says so once, and makes no change on top of
// what it does not believe.
func TestTamperedUnderARunningProcess(t *testing.T) {
	f := newFixture(t)
	s := f.store()
	f.filled(s)
	bad := &edited{Store: s}
	var log bytes.Buffer
	cfg := f.config(bad)
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	r, err := registry.New(t.Context(), cfg)
	require.NoError(t, err)
	before, version := r.TrustList()

	require.NoError(t, f.open(s).Freeze(t.Context(), "operator", "w", registry.Freeze{Kind: "authority", ID: police, Frozen: true}))
	bad.edit = func(snap *registry.Snapshot) {
		e := &snap.Entries[find(t, snap, "authority", police)]
		e.Body = bytes.Replace(e.Body, []byte(`"frozen":true`), []byte(`"frozen":false`), 1)
	}
	require.ErrorIs(t, registry.Follow(r, t.Context()), registry.ErrTampered)
	require.ErrorIs(t, r.Update(t.Context(), "x", "y", func(*registry.Draft) error { return nil }), registry.ErrTampered)
	after, same := r.TrustList()
	require.Equal(t, before, after)
	require.Equal(t, version, same)

	bad.edit = nil
	require.NoError(t, registry.Follow(r, t.Context()), "mended")
	a, err := r.Authority(police)
	require.NoError(t, err)
	require.True(t, a.Frozen)
}

func TestRolledBackStore(t *testing.T) {
	f := newFixture(t)
	s := f.store()
	first := f.filled(s)
	backup, err := s.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, first.Freeze(t.Context(), "operator", "w", registry.Freeze{Kind: "authority", ID: police, Frozen: true}))

	restored := &edited{Store: s}
	r := f.open(restored)
	restored.edit = func(snap *registry.Snapshot) { *snap = backup }
	require.ErrorIs(t, registry.Follow(r, t.Context()), registry.ErrRolledBack)
	a, err := r.Authority(police)
	require.NoError(t, err)
	require.True(t, a.Frozen, "what was in force stays in force")
	require.EqualValues(t, 2, f.published(r).Version)
}

func TestStoreOfANewerVersion(t *testing.T) {
	f := newFixture(t)
	s := f.store()
	f.filled(s)
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	body, err := registry.SealFor(f.signer, snap, registry.Entry{Kind: "hologram", ID: "x", Body: []byte("{}")})
	require.NoError(t, err)
	_, err = registry.New(t.Context(), f.config(edited{Store: s, edit: func(snap *registry.Snapshot) { *snap = body }}))
	require.ErrorContains(t, err, "does not know the kind")
	require.NotErrorIs(t, err, registry.ErrTampered)
}
