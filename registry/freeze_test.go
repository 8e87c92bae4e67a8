package registry_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/registry"
)

func payload(t *testing.T, r *registry.Registry) string {
	t.Helper()
	body, _ := r.TrustList()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(body, ".")[1])
	require.NoError(t, err)
	return string(raw)
}

// When Freeze returns, the list that anybody fetches has it, here and in a process that opens
// the same database.
func TestFreezeIsPublishedAtOnce(t *testing.T) {
	f := newFixture(t)
	iat := start.Add(time.Hour)
	seen := map[string]func(*registry.Registry, *trustlist.List) error{
		"authority": func(r *registry.Registry, l *trustlist.List) error {
			i, err := l.Issuer(r.IssuerURL(police))
			require.NoError(t, err)
			_, err = i.Key("", iat)
			return err
		},
		"provider": func(_ *registry.Registry, l *trustlist.List) error {
			_, _, err := l.ProviderKey(f.provider.Public(), iat)
			return err
		},
		"type": func(_ *registry.Registry, l *trustlist.List) error {
			_, err := l.Type(base + "/types/resident-id/1")
			return err
		},
		"status": func(_ *registry.Registry, l *trustlist.List) error {
			d, err := l.Domain(domain)
			require.NoError(t, err)
			_, err = d.StatusKey("", iat)
			return err
		},
	}
	for _, c := range []struct {
		freeze registry.Freeze
		what   string
		err    error
		thaws  bool
	}{
		{registry.Freeze{Kind: "authority", ID: police}, "authority", trustlist.ErrFrozen, true},
		{registry.Freeze{Kind: "authority-key", ID: police, Key: f.police.Public().ID()}, "authority", trustlist.ErrKeyFrozen, false},
		{registry.Freeze{Kind: "provider", ID: providers}, "provider", trustlist.ErrFrozen, true},
		{registry.Freeze{Kind: "provider-key", ID: providers, Key: f.provider.Public().ID()}, "provider", trustlist.ErrKeyFrozen, false},
		{registry.Freeze{Kind: "status-key", ID: domain, Key: f.status.Public().ID()}, "status", trustlist.ErrKeyFrozen, false},
		{registry.Freeze{Kind: "type", ID: "resident-id"}, "type", trustlist.ErrFrozen, true},
	} {
		t.Run(c.freeze.Kind, func(t *testing.T) {
			f := &fixture{t: t, clock: f.clock, path: t.TempDir() + "/db/showcard.db", keys: f.keys, catalogue: f.catalogue,
				signer: f.signer, roots: f.roots, pinned: f.pinned, police: f.police, provider: f.provider, status: f.status}
			r := f.filled(f.store())
			require.NoError(t, seen[c.what](r, f.published(r)))
			require.True(t, r.ProviderKeyUsable(providers, f.provider.Public().ID()))

			c.freeze.Frozen = true
			require.NoError(t, r.Freeze(t.Context(), "operator", "test", c.freeze))
			for _, one := range []*registry.Registry{r, f.open(f.store())} {
				require.ErrorIs(t, seen[c.what](one, f.published(one)), c.err)
				current, err := one.Current(t.Context())
				require.NoError(t, err)
				require.ErrorIs(t, seen[c.what](one, current), c.err, "and in this process")
				require.Equal(t, c.what != "provider", one.ProviderKeyUsable(providers, f.provider.Public().ID()))
			}

			c.freeze.Frozen = false
			err := r.Freeze(t.Context(), "operator", "test", c.freeze)
			if c.thaws {
				require.NoError(t, err)
				require.NoError(t, seen[c.what](r, f.published(r)))
			} else {
				require.ErrorIs(t, err, registry.ErrInvalid)
				require.ErrorIs(t, seen[c.what](r, f.published(r)), c.err)
			}
		})
	}
}

func TestSuspend(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	for _, frozen := range []bool{true, false} {
		require.NoError(t, r.Freeze(t.Context(), "operator", "fee not paid", registry.Freeze{Kind: "client", ID: "counter-1", Frozen: frozen}))
		require.NoError(t, r.Freeze(t.Context(), "operator", "fee not paid", registry.Freeze{Kind: "party", ID: hall, Frozen: frozen}))
		c, err := r.Client("counter-1")
		require.NoError(t, err)
		require.Equal(t, frozen, c.Suspended)
		p, err := r.Party(hall)
		require.NoError(t, err)
		require.Equal(t, frozen, p.Suspended)
	}
}

func TestFreezeRefuses(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	for _, kind := range []string{"authority", "authority-key", "provider", "provider-key", "status-key", "type", "party", "client"} {
		require.ErrorIs(t, r.Freeze(t.Context(), "o", "w", registry.Freeze{Kind: kind, ID: "nobody", Frozen: true}), registry.ErrUnknown, kind)
	}
	for kind, id := range map[string]string{"authority-key": police, "provider-key": providers, "status-key": domain} {
		require.ErrorIs(t, r.Freeze(t.Context(), "o", "w", registry.Freeze{Kind: kind, ID: id, Key: "nokey", Frozen: true}), registry.ErrUnknown, kind)
	}
	require.ErrorIs(t, r.Freeze(t.Context(), "o", "w", registry.Freeze{Kind: "weather", ID: "x", Frozen: true}), registry.ErrInvalid)
}

// A frozen key never thaws, whichever way somebody tries.
func TestFrozenKeyNeverThaws(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	stolen := f.police.Public()
	require.NoError(t, r.Freeze(t.Context(), "operator", "stolen", registry.Freeze{Kind: "authority-key", ID: police, Key: stolen.ID(), Frozen: true}))
	fresh := registry.Key{Public: newKey(t).Public(), NotBefore: start}
	for name, change := range map[string]func(*registry.Draft){
		"put unfrozen": func(d *registry.Draft) { d.PutAuthority(f.authority()) },
		"put under another id": func(d *registry.Draft) {
			a := f.authority()
			a.Keys = []registry.Key{{Public: stolen.WithID("new-name"), NotBefore: start}}
			d.PutAuthority(a)
		},
		"left out": func(d *registry.Draft) {
			a := f.authority()
			a.Keys = []registry.Key{fresh}
			d.PutAuthority(a)
		},
		"given to a wallet provider": func(d *registry.Draft) {
			p, err := d.Provider(providers)
			require.NoError(t, err)
			p.Keys = append(p.Keys, registry.Key{Public: stolen, NotBefore: start})
			d.PutProvider(p)
		},
		"given to a client": func(d *registry.Draft) {
			c := f.client("counter-2")
			c.Keys = []*key.Public{stolen}
			d.PutClient(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, r.Update(t.Context(), "x", "y", func(d *registry.Draft) error {
				change(d)
				return nil
			}), registry.ErrInvalid)
		})
	}
	require.NoError(t, r.Update(t.Context(), "operator", "new key", func(d *registry.Draft) error {
		a, err := d.Authority(police)
		require.NoError(t, err)
		a.Keys = append(a.Keys, fresh)
		d.PutAuthority(a)
		return nil
	}))
	issuer, err := f.published(r).Issuer(r.IssuerURL(police))
	require.NoError(t, err)
	_, err = issuer.Key(stolen.ID(), start)
	require.ErrorIs(t, err, trustlist.ErrKeyFrozen)
	_, err = issuer.Key(fresh.Public.ID(), start)
	require.NoError(t, err)
}

// An authority may run the wallet and sign the status lists with one key. When it is stolen,
// it is stolen everywhere.
func TestFreezeReachesEveryPlaceOfAKey(t *testing.T) {
	f := newFixture(t)
	f.provider, f.status = f.police, f.police
	r := f.filled(f.store())
	require.NoError(t, r.Freeze(t.Context(), "operator", "stolen", registry.Freeze{Kind: "authority-key", ID: police, Key: f.police.Public().ID(), Frozen: true}))
	require.True(t, r.Authorities()[0].Keys[0].Frozen)
	require.True(t, r.Providers()[0].Keys[0].Frozen)
	require.True(t, r.Domains()[0].StatusKeys[0].Frozen)
	require.False(t, r.ProviderKeyUsable(providers, f.police.Public().ID()))
}

// Certificates round their "iat" down to the hour. A copy bound to a key that begins within the
// hour would be dated before the key, and refused by every verifier.
func TestProviderKeyBeginsWithTheHour(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	next := newKey(t).Public()
	half := start.Truncate(time.Hour).Add(30 * time.Minute)
	require.NoError(t, r.Update(t.Context(), "operator", "rotation", func(d *registry.Draft) error {
		p, err := d.Provider(providers)
		if err != nil {
			return err
		}
		p.Keys = append(p.Keys, registry.Key{Public: next, NotBefore: half})
		d.PutProvider(p)
		return nil
	}))
	f.clock.add(half.Add(20 * time.Minute).Sub(f.clock.Now()))
	require.False(t, r.ProviderKeyUsable(providers, next.ID()))
	require.True(t, r.ProviderKeyUsable(providers, f.provider.Public().ID()))
	f.clock.add(10 * time.Minute)
	require.True(t, r.ProviderKeyUsable(providers, next.ID()))
}
