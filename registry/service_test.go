package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/registry"
)

func serviceKey(k *key.Private, from time.Time) registry.ServiceKey {
	return registry.ServiceKey{Use: trustlist.UseReceipt, Key: registry.Key{Public: k.Public(), NotBefore: from}}
}

// A key for receipts is published, rotates by an end date, and never leaves the list: what it
// signed years ago is to stay checkable.
func TestServiceKeysStay(t *testing.T) {
	f := newFixture(t)
	s := f.store()
	r := f.filled(s)
	first, second := newKey(t), newKey(t)
	change := func(do func(*registry.Domain)) error {
		return r.Update(t.Context(), "op", "receipts", func(d *registry.Draft) error {
			v, err := d.Domain(domain)
			require.NoError(t, err)
			do(&v)
			d.PutDomain(v)
			return nil
		})
	}
	require.NoError(t, change(func(v *registry.Domain) { v.ServiceKeys = []registry.ServiceKey{serviceKey(first, start)} }))
	require.NoError(t, change(func(v *registry.Domain) {
		v.ServiceKeys[0].NotAfter = start.Add(24 * time.Hour)
		v.ServiceKeys = append(v.ServiceKeys, serviceKey(second, start.Add(time.Hour)))
	}))
	for name, spoil := range map[string]func(*registry.Domain){
		"left out":      func(v *registry.Domain) { v.ServiceKeys = v.ServiceKeys[1:] },
		"all left out":  func(v *registry.Domain) { v.ServiceKeys = nil },
		"another use":   func(v *registry.Domain) { v.ServiceKeys[0].Use = "audit" },
		"use in shouts": func(v *registry.Domain) { v.ServiceKeys[0].Use = "RECEIPT" },
		"twice":         func(v *registry.Domain) { v.ServiceKeys = append(v.ServiceKeys, v.ServiceKeys[0]) },
		"no key":        func(v *registry.Domain) { v.ServiceKeys = append(v.ServiceKeys, registry.ServiceKey{Use: "receipt"}) },
	} {
		require.ErrorIs(t, change(spoil), registry.ErrInvalid, name)
	}
	d, err := f.published(f.open(s)).DomainAt(base)
	require.NoError(t, err)
	require.Len(t, d.ServiceKeys, 2)
	_, err = d.ServiceKey(trustlist.UseReceipt, first.Public().ID(), start.Add(time.Minute))
	require.NoError(t, err)
	_, err = d.ServiceKey(trustlist.UseReceipt, first.Public().ID(), start.Add(25*time.Hour))
	require.ErrorIs(t, err, trustlist.ErrKeyDates)

	require.NoError(t, r.Freeze(t.Context(), "op", "stolen", registry.Freeze{Kind: "service-key", ID: domain, Key: first.Public().ID(), Frozen: true}))
	d, err = f.published(r).DomainAt(base)
	require.NoError(t, err)
	_, err = d.ServiceKey(trustlist.UseReceipt, first.Public().ID(), start.Add(time.Minute))
	require.ErrorIs(t, err, trustlist.ErrKeyFrozen)
	require.ErrorIs(t, change(func(v *registry.Domain) { v.ServiceKeys[0].Frozen = false }), registry.ErrInvalid, "it never thaws")
}
