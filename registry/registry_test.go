package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
)

func TestNew(t *testing.T) {
	f := newFixture(t)
	s := f.store()
	for name, spoil := range map[string]func(*registry.Config){
		"no store":        func(c *registry.Config) { c.Store = nil },
		"no catalogue":    func(c *registry.Config) { c.Catalogue = nil },
		"no signer":       func(c *registry.Config) { c.Signer = nil },
		"no base":         func(c *registry.Config) { c.BaseURL = "" },
		"no roots":        func(c *registry.Config) { c.Roots = nil },
		"foreign signer":  func(c *registry.Config) { c.Signer = newKey(t) },
		"broken database": func(c *registry.Config) { c.Store = failing{s} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := f.config(s)
			spoil(&cfg)
			_, err := registry.New(t.Context(), cfg)
			require.Error(t, err)
		})
	}
	r := f.open(s)
	body, version := r.TrustList()
	require.Empty(t, body)
	require.Zero(t, version)
	_, err := r.Current(t.Context())
	require.ErrorIs(t, err, registry.ErrUnknown)
	require.NoError(t, registry.Follow(r, t.Context()), "nothing to sign before the first entries")
	require.True(t, r.Empty())
}

type failing struct{ registry.Store }

func (failing) Load(context.Context) (registry.Snapshot, error) {
	return registry.Snapshot{}, errors.New("no disk")
}

func TestEntriesSurvive(t *testing.T) {
	f := newFixture(t)
	first := f.filled(f.store())
	again := f.open(f.store())
	require.Equal(t, first.Authorities(), again.Authorities())
	require.Equal(t, first.Parties(), again.Parties())
	require.Equal(t, first.Clients(), again.Clients())
	require.Equal(t, first.Providers(), again.Providers())
	require.Equal(t, first.Domains(), again.Domains())
	require.Equal(t, first.Types(), again.Types())
	require.Equal(t, f.roots, again.Roots())

	list := f.published(again)
	issuer, err := list.Issuer(again.IssuerURL(police))
	require.NoError(t, err)
	_, err = issuer.Key(f.police.Public().ID(), start.Add(time.Hour))
	require.NoError(t, err)
	_, err = issuer.Key(f.police.Public().ID(), start.Add(-time.Second))
	require.ErrorIs(t, err, trustlist.ErrKeyDates)
	require.NotContains(t, payload(t, again), hall, "relying parties are nobody else's business")
	require.NotContains(t, payload(t, again), "counter-1", "nor are clients")

	_, err = again.Authority("nobody")
	require.ErrorIs(t, err, registry.ErrUnknown)
	_, err = again.Client("nobody")
	require.ErrorIs(t, err, registry.ErrUnknown)
	_, err = again.TypeState("nothing")
	require.ErrorIs(t, err, registry.ErrUnknown)
	_, err = again.Party("nobody")
	require.ErrorIs(t, err, registry.ErrUnknown)
}

func TestRights(t *testing.T) {
	f := newFixture(t)
	fields, typeOK, purposeOK := f.party().Fields("resident-id", "counter")
	require.True(t, typeOK && purposeOK)
	require.Equal(t, []string{"id_number", "name", "over_18"}, fields, "the union of the grants for the purpose")
	fields, typeOK, purposeOK = f.party().Fields("resident-id", "curiosity")
	require.True(t, typeOK)
	require.False(t, purposeOK)
	require.Empty(t, fields)
	_, typeOK, _ = f.party().Fields("drivers-licence", "counter")
	require.False(t, typeOK)

	typeOK, regionOK := f.authority().May("resident-id", "430102")
	require.True(t, typeOK && regionOK)
	typeOK, regionOK = f.authority().May("business-licence", "440100")
	require.False(t, typeOK || regionOK)
}

// A change that fails leaves nothing behind, not even through the slices it was given.
func TestUpdateIsAllOrNothing(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	before, version := r.TrustList()
	stop := errors.New("changed my mind")
	require.ErrorIs(t, r.Update(t.Context(), "x", "y", func(d *registry.Draft) error {
		a, err := d.Authority(police)
		require.NoError(t, err)
		a.Keys[0].Frozen, a.Types[0], a.Regions[0] = true, "x", "999999"
		d.PutAuthority(a)
		a.Keys[0].MaxCopies = 7
		p, err := d.Party(hall)
		require.NoError(t, err)
		p.Grants[0].Fields[0] = "x"
		c, err := d.Client("counter-1")
		require.NoError(t, err)
		c.Scopes[0] = "registry"
		v, err := d.Domain(domain)
		require.NoError(t, err)
		v.StatusKeys[0].Frozen = true
		w, err := d.Provider(providers)
		require.NoError(t, err)
		w.Keys[0].Frozen = true
		return stop
	}), stop)
	a, err := r.Authority(police)
	require.NoError(t, err)
	require.False(t, a.Keys[0].Frozen)
	require.Equal(t, []string{"resident-id"}, a.Types)
	require.Equal(t, []string{"430000"}, a.Regions)
	c, err := r.Client("counter-1")
	require.NoError(t, err)
	require.Equal(t, []string{"verify"}, c.Scopes)
	require.Equal(t, "name", r.Parties()[0].Grants[0].Fields[0])
	require.False(t, r.Domains()[0].StatusKeys[0].Frozen)
	require.False(t, r.Providers()[0].Keys[0].Frozen)
	after, same := r.TrustList()
	require.Equal(t, before, after)
	require.Equal(t, version, same)
}

// Two processes change the registry at once: nothing is lost, each change is one revision.
func TestTwoProcesses(t *testing.T) {
	f := newFixture(t)
	one := f.filled(f.store())
	two := f.open(f.store())
	const each = 15
	var wg sync.WaitGroup
	for n, r := range []*registry.Registry{one, two} {
		for i := range each {
			c := f.client(fmt.Sprintf("client-%d-%d", n, i))
			wg.Go(func() {
				if err := r.Update(t.Context(), "load", "test", func(d *registry.Draft) error {
					d.PutClient(c)
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	require.NoError(t, registry.Follow(one, t.Context()))
	require.NoError(t, registry.Follow(two, t.Context()))
	require.Len(t, one.Clients(), 2*each+1)
	require.Equal(t, one.Clients(), two.Clients())
	require.EqualValues(t, 2*each+1, f.published(one).Version)
	a, _ := one.TrustList()
	b, _ := two.TrustList()
	require.Equal(t, a, b)
}

func TestRunFollowsOtherProcesses(t *testing.T) {
	f := newFixture(t)
	one := f.filled(f.store())
	two := f.open(f.store())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- two.Run(ctx) }()
	require.NoError(t, one.Freeze(t.Context(), "operator", "stolen seal", registry.Freeze{Kind: "authority", ID: police, Frozen: true}))
	require.Eventually(t, func() bool {
		a, err := two.Authority(police)
		return err == nil && a.Frozen
	}, 10*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-done)
}

func TestListIsSignedAnew(t *testing.T) {
	f := newFixture(t)
	one := f.filled(f.store())
	two := f.open(f.store())
	f.clock.add(12 * time.Hour)
	require.NoError(t, registry.Follow(one, t.Context()))
	require.EqualValues(t, 1, f.published(one).Version, "young enough")
	f.clock.add(time.Minute)
	require.NoError(t, registry.Follow(one, t.Context()))
	require.EqualValues(t, 2, f.published(one).Version)
	require.Equal(t, f.clock.Now().Add(24*time.Hour), f.published(one).Expires)
	require.NoError(t, registry.Follow(two, t.Context()))
	require.EqualValues(t, 2, f.published(two).Version, "one of the processes is enough")

	// Everything was switched off over the holidays.
	f.clock.add(7 * 24 * time.Hour)
	_, err := one.Current(t.Context())
	require.ErrorIs(t, err, trustlist.ErrStale)
	three := f.open(f.store())
	_, err = three.Current(t.Context())
	require.Error(t, err)
	require.NoError(t, registry.Follow(three, t.Context()))
	require.EqualValues(t, 3, f.published(three).Version)
	current, err := three.Current(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, current.Version)
}

// Two processes find the list old at the same moment: the slower one sees that it is done.
func TestListIsSignedAnewOnce(t *testing.T) {
	f := newFixture(t)
	one := f.filled(f.store())
	slow := &meeting{Store: f.store()}
	two := f.open(slow)
	f.clock.add(13 * time.Hour)
	slow.before = func() { require.NoError(t, registry.Follow(one, t.Context())) }
	require.NoError(t, registry.Follow(two, t.Context()))
	require.EqualValues(t, 2, f.published(two).Version)
}

// meeting is a store that lets somebody else be faster, once.
type meeting struct {
	registry.Store
	before func()
}

func (m *meeting) Save(ctx context.Context, base int64, entries []registry.Entry, who, why string, at time.Time, events ...registry.Event) error {
	if f := m.before; f != nil {
		m.before = nil
		f()
	}
	return m.Store.Save(ctx, base, entries, who, why, at, events...)
}

func TestConflictHasAnEnd(t *testing.T) {
	f := newFixture(t)
	f.filled(f.store())
	r := f.open(unlucky{f.store()})
	runs := 0
	err := r.Update(t.Context(), "x", "y", func(*registry.Draft) error { runs++; return nil })
	require.ErrorIs(t, err, registry.ErrConflict)
	require.Greater(t, runs, 1)
}

type unlucky struct{ registry.Store }

func (unlucky) Save(context.Context, int64, []registry.Entry, string, string, time.Time, ...registry.Event) error {
	return registry.ErrConflict
}

// Whoever asked hung up right after the change became durable: it counts all the same.
func TestCallerGone(t *testing.T) {
	f := newFixture(t)
	f.filled(f.store())
	ctx, cancel := context.WithCancel(t.Context())
	r := f.open(hangingUp{f.store(), cancel})
	require.NoError(t, r.Freeze(ctx, "operator", "why", registry.Freeze{Kind: "authority", ID: police, Frozen: true}))
	a, err := r.Authority(police)
	require.NoError(t, err)
	require.True(t, a.Frozen)
}

type hangingUp struct {
	registry.Store
	cancel func()
}

func (h hangingUp) Save(ctx context.Context, base int64, entries []registry.Entry, who, why string, at time.Time, events ...registry.Event) error {
	err := h.Store.Save(ctx, base, entries, who, why, at, events...)
	h.cancel()
	return err
}

// A new version of a type does not end the certificates of the old one.
func TestVersionsOfAType(t *testing.T) {
	f := newFixture(t)
	raw, err := fs.ReadFile(schemas.Files(), "types/resident-id-1.json")
	require.NoError(t, err)
	require.Contains(t, string(raw), `"version": 1`)
	second := strings.Replace(string(raw), `"version": 1`, `"version": 2`, 1)
	f.catalogue, err = schemas.Load(schemas.Files(), fstest.MapFS{"types/resident-id-2.json": {Data: []byte(second)}})
	require.NoError(t, err)
	r := f.filled(f.store())
	_, err = f.published(r).Type(base + "/types/resident-id/2")
	require.ErrorIs(t, err, trustlist.ErrTypeUnknown, "in the catalogue, not yet published")
	put := func(s registry.TypeState) {
		require.NoError(t, r.Update(t.Context(), "operator", "types", func(d *registry.Draft) error {
			d.PutType(s)
			return nil
		}))
	}
	put(registry.TypeState{ID: "resident-id", Version: 2, Published: true})
	for _, v := range []string{"1", "2"} {
		_, err = f.published(r).Type(base + "/types/resident-id/" + v)
		require.NoError(t, err)
	}
	put(registry.TypeState{ID: "resident-id", Version: 2, Published: false})
	_, err = f.published(r).Type(base + "/types/resident-id/1")
	require.ErrorIs(t, err, trustlist.ErrTypeUnknown)
}

func TestBothProfiles(t *testing.T) {
	f := newFixture(t)
	signer, err := key.Generate(key.ES256)
	require.NoError(t, err)
	f.signer = signer
	f.roots, f.pinned = f.signRoots(signer)
	f.police, err = key.Generate(key.ES256)
	require.NoError(t, err)
	r := f.filled(f.store())
	issuer, err := f.published(f.open(f.store())).Issuer(r.IssuerURL(police))
	require.NoError(t, err)
	k, err := issuer.Key("", start)
	require.NoError(t, err)
	require.Equal(t, key.ES256, k.Algorithm())
}
