package trustlist_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

// published sends the list through its signed form, as a verifier gets it.
func (w *world) published(t testing.TB) *trustlist.List {
	t.Helper()
	l, err := w.roots.Verify(w.sign(t), now, 0)
	require.NoError(t, err)
	return l
}

func TestIssuerKeys(t *testing.T) {
	w := newWorld(t, key.SM2)
	i := &w.list.Issuers[0]
	second, stolen := generate(t, key.SM2), generate(t, key.ES256)
	i.Keys = append(i.Keys,
		trustlist.DatedKey{Key: second.Public(), NotBefore: now},
		trustlist.DatedKey{Key: stolen.Public(), Frozen: true})
	i, err := w.published(t).Issuer(i.ID)
	require.NoError(t, err)

	for name, c := range map[string]struct {
		key  *key.Public
		iat  time.Time
		want error
	}{
		"in use":                   {w.issuer.Public(), now, nil},
		"on its first second":      {w.issuer.Public(), now.AddDate(-1, 0, 0), nil},
		"on its last second":       {w.issuer.Public(), now.AddDate(1, 0, 0), nil},
		"before its dates":         {w.issuer.Public(), now.AddDate(-1, 0, 0).Add(-time.Second), trustlist.ErrKeyDates},
		"after its dates":          {w.issuer.Public(), now.AddDate(1, 0, 0).Add(time.Second), trustlist.ErrKeyDates},
		"open end":                 {second.Public(), now.AddDate(1, 6, 0), nil},
		"outside the issuer's own": {second.Public(), now.AddDate(3, 0, 0), trustlist.ErrKeyDates},
		"without a date":           {w.issuer.Public(), time.Time{}, trustlist.ErrKeyDates},
		"stolen":                   {stolen.Public(), now, trustlist.ErrKeyFrozen},
		"a provider's":             {w.provider.Public(), now, trustlist.ErrKeyUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			byID, errID := i.Key(c.key.ID(), c.iat)
			byLeaf, errLeaf := i.KeyOf(c.key, c.iat)
			if c.want != nil {
				require.ErrorIs(t, errID, c.want)
				require.ErrorIs(t, errLeaf, c.want)
				require.Nil(t, byID)
				require.Nil(t, byLeaf)
				return
			}
			require.NoError(t, errID)
			require.NoError(t, errLeaf)
			require.True(t, byID.Equal(c.key))
			require.True(t, byLeaf.Equal(c.key))
		})
	}
	_, err = i.Key("", now)
	require.ErrorIs(t, err, trustlist.ErrKeyUnknown, "with several keys, one must be named")
	_, err = i.KeyOf(nil, now)
	require.ErrorIs(t, err, trustlist.ErrKeyUnknown)
}

func TestFreezes(t *testing.T) {
	w := newWorld(t, key.SM2)
	w.list.Issuers[0].Frozen = true
	w.list.Types[0].Frozen = true
	w.list.Providers[0].Frozen = true
	l := w.published(t)

	i, err := l.Issuer(w.list.Issuers[0].ID)
	require.NoError(t, err)
	_, err = i.Key("", now)
	require.ErrorIs(t, err, trustlist.ErrFrozen)
	_, err = i.KeyOf(w.issuer.Public(), now)
	require.ErrorIs(t, err, trustlist.ErrFrozen)
	typ, err := l.Type(w.list.Types[0].VCT)
	require.ErrorIs(t, err, trustlist.ErrFrozen)
	require.Equal(t, "resident-id", typ.ID, "a frozen type can be named")
	_, _, err = l.ProviderKey(w.provider.Public(), now)
	require.ErrorIs(t, err, trustlist.ErrFrozen)
}

// Somebody who has an issuer's key has it wherever the list names it.
func TestFrozenKeyIsFrozenEverywhere(t *testing.T) {
	w := newWorld(t, key.SM2)
	w.list.Domains[0].StatusKeys = []trustlist.DatedKey{{Key: w.issuer.Public().WithID("status")}}
	w.list.Issuers[0].Keys[0].Frozen = true
	l := w.published(t)
	d, err := l.Domain("HN01")
	require.NoError(t, err)
	_, err = d.StatusKey("status", now)
	require.ErrorIs(t, err, trustlist.ErrKeyFrozen)
}

func TestProviderKey(t *testing.T) {
	w := newWorld(t, key.SM2)
	stolen := generate(t, key.SM2)
	w.list.Providers[0].Keys = append(w.list.Providers[0].Keys, trustlist.DatedKey{Key: stolen.Public(), Frozen: true})
	l := w.published(t)
	p, k, err := l.ProviderKey(w.provider.Public().WithID("any id will do"), now)
	require.NoError(t, err)
	require.Equal(t, "hosted-wallet", p.ID)
	require.True(t, k.Key.Equal(w.provider.Public()))
	_, _, err = l.ProviderKey(w.provider.Public(), now.AddDate(-1, 0, 0))
	require.ErrorIs(t, err, trustlist.ErrKeyDates)
	_, _, err = l.ProviderKey(stolen.Public(), now)
	require.ErrorIs(t, err, trustlist.ErrKeyFrozen, "not ErrKeyUnknown, or it would pass for a device's key")
	_, _, err = l.ProviderKey(generate(t, key.SM2).Public(), now)
	require.ErrorIs(t, err, trustlist.ErrKeyUnknown)
	_, _, err = l.ProviderKey(nil, now)
	require.ErrorIs(t, err, trustlist.ErrKeyUnknown)
	p, err = l.Provider("hosted-wallet")
	require.NoError(t, err)
	require.Len(t, p.Keys, 2)
}

func TestUnknown(t *testing.T) {
	l := newWorld(t, key.ES256).published(t)
	long := strings.Repeat("x", 10000)
	_, err := l.Issuer("https://zz.example.cn/issuers/police/")
	require.ErrorIs(t, err, trustlist.ErrIssuerUnknown)
	_, err = l.Issuer(long)
	require.ErrorIs(t, err, trustlist.ErrIssuerUnknown)
	require.Less(t, len(err.Error()), 200)
	_, err = l.Domain("HN02")
	require.ErrorIs(t, err, trustlist.ErrDomainUnknown)
	_, err = l.Type("https://zz.example.cn/types/resident-id/2")
	require.ErrorIs(t, err, trustlist.ErrTypeUnknown)
	_, err = l.Provider("")
	require.ErrorIs(t, err, trustlist.ErrProviderUnknown)
	d, err := l.Domain("HN01")
	require.NoError(t, err)
	_, err = d.StatusKey("nobody", now)
	require.ErrorIs(t, err, trustlist.ErrKeyUnknown)
}

func TestStatusURIs(t *testing.T) {
	l := newWorld(t, key.ES256).published(t)
	d, err := l.DomainOfStatus("https://zz.example.cn/status/3")
	require.NoError(t, err)
	require.Equal(t, "HN01", d.Code)
	require.True(t, d.HoldsStatus("https://zz.example.cn/status/2026/a_b-c.d~e"))
	for _, foreign := range []string{
		"", "https://zz.example.cn/status/", "https://zz.example.cn/status", "https://zz.example.cn.evil.example/status/3",
		"http://zz.example.cn/status/3", "https://zz.example.cn/status/../x", "https://zz.example.cn/status/%2e%2e/x",
		"https://zz.example.cn/status/3?x", "https://zz.example.cn/status/3#x", `https://zz.example.cn/status/\x`,
		"https://zz.example.cn/status/" + strings.Repeat("a", 1000),
	} {
		require.False(t, d.HoldsStatus(foreign), foreign)
		_, err := l.DomainOfStatus(foreign)
		require.ErrorIs(t, err, trustlist.ErrDomainUnknown)
	}
	require.False(t, (&trustlist.Domain{}).HoldsStatus("https://anything"))
}

// Look-ups from many sides at once, also on a list that was never sent.
func TestConcurrentLookups(t *testing.T) {
	w := newWorld(t, key.SM2)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := w.list.Issuer(w.list.Issuers[0].ID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(t, w.list.Fresh(now))
	require.ErrorIs(t, w.list.Fresh(w.list.Expires), trustlist.ErrStale)
}
