package trustlist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

func withServices(t *testing.T) (*world, *key.Private, *key.Private) {
	w := newWorld(t, key.SM2)
	old, current := generate(t, key.SM2), generate(t, key.SM2)
	w.list.Domains[0].ServiceKeys = []trustlist.ServiceKey{
		{Use: trustlist.UseReceipt, DatedKey: trustlist.DatedKey{Key: old.Public(), NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0)}},
		{Use: trustlist.UseReceipt, DatedKey: trustlist.DatedKey{Key: current.Public(), NotBefore: now.AddDate(-1, 0, 0)}},
		{Use: "something-newer", DatedKey: trustlist.DatedKey{Key: generate(t, key.ES256).Public()}},
	}
	return w, old, current
}

func TestServiceKeys(t *testing.T) {
	w, old, current := withServices(t)
	l, err := w.roots.Verify(w.sign(t), now, 0)
	require.NoError(t, err)
	d, err := l.DomainAt("https://zz.example.cn")
	require.NoError(t, err)
	_, err = l.DomainAt("https://zz.example.cn/")
	require.ErrorIs(t, err, trustlist.ErrDomainUnknown)
	k, err := d.ServiceKey(trustlist.UseReceipt, current.Public().ID(), now)
	require.NoError(t, err)
	require.True(t, k.Equal(current.Public()))
	_, err = d.ServiceKey(trustlist.UseReceipt, old.Public().ID(), now.AddDate(-1, -1, 0))
	require.NoError(t, err, "what was signed in its time")
	for _, tc := range []struct {
		use, kid string
		at       time.Time
		want     error
	}{
		{trustlist.UseReceipt, old.Public().ID(), now, trustlist.ErrKeyDates},
		{trustlist.UseReceipt, current.Public().ID(), now.AddDate(-3, 0, 0), trustlist.ErrKeyDates},
		{trustlist.UseReceipt, current.Public().ID(), time.Time{}, trustlist.ErrKeyDates},
		{"audit", current.Public().ID(), now, trustlist.ErrKeyUnknown},
		{trustlist.UseReceipt, "", now, trustlist.ErrKeyUnknown},
		{trustlist.UseReceipt, w.status.Public().ID(), now, trustlist.ErrKeyUnknown},
	} {
		_, err := d.ServiceKey(tc.use, tc.kid, tc.at)
		require.ErrorIs(t, err, tc.want, "%s %s", tc.use, tc.kid)
	}
}

// A key that was stolen as a status key is frozen as a service key as well.
func TestFreezeReachesServiceKeys(t *testing.T) {
	w, _, current := withServices(t)
	w.list.Domains[0].StatusKeys = append(w.list.Domains[0].StatusKeys, trustlist.DatedKey{Key: current.Public(), Frozen: true})
	l, err := w.roots.Verify(w.sign(t), now, 0)
	require.NoError(t, err)
	_, err = l.Domains[0].ServiceKey(trustlist.UseReceipt, current.Public().ID(), now)
	require.ErrorIs(t, err, trustlist.ErrKeyFrozen)
}

func TestBadServiceKeys(t *testing.T) {
	for name, spoil := range map[string]func(*trustlist.Domain){
		"use in capitals": func(d *trustlist.Domain) { d.ServiceKeys[0].Use = "Receipt" },
		"no use":          func(d *trustlist.Domain) { d.ServiceKeys[0].Use = "" },
		"no key":          func(d *trustlist.Domain) { d.ServiceKeys[0].Key = nil },
		"twice":           func(d *trustlist.Domain) { d.ServiceKeys[1].DatedKey = d.ServiceKeys[0].DatedKey },
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _ := withServices(t)
			spoil(&w.list.Domains[0])
			require.ErrorIs(t, w.list.Validate(), trustlist.ErrMalformed)
		})
	}
}

// Lists from before there were service keys read as they did, and have none.
func TestListWithoutServiceKeys(t *testing.T) {
	w := newWorld(t, key.SM2)
	require.NotContains(t, payloadOf(t, w.sign(t)), "service_keys")
	l, err := w.roots.Verify(w.sign(t), now, 0)
	require.NoError(t, err)
	require.Empty(t, l.Domains[0].ServiceKeys)
}

// A list that was filed away is read years later; everything but its age is still checked.
func TestArchived(t *testing.T) {
	w, _, _ := withServices(t)
	text := w.sign(t)
	late := now.AddDate(9, 0, 0)
	_, err := w.roots.Verify(text, late, 0)
	require.ErrorIs(t, err, trustlist.ErrStale)
	l, err := w.roots.Archived(text)
	require.NoError(t, err)
	require.ErrorIs(t, l.Fresh(late), trustlist.ErrStale, "and says so")
	for i := 0; i < len(text); i += 7 {
		_, err := w.roots.Archived(text[:i] + string(text[i]^1) + text[i+1:])
		require.Error(t, err, "byte %d", i)
	}
	w.roots.Signers[0].NotAfter = w.list.IssuedAt.Add(-time.Minute)
	_, err = w.roots.Archived(text)
	require.ErrorIs(t, err, trustlist.ErrKeyDates)
	w.roots.Signers = nil
	_, err = w.roots.Archived(text)
	require.ErrorIs(t, err, trustlist.ErrKeyUnknown)
}
