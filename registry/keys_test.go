package registry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/registry"
)

func TestClientKeyRotates(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	ctx := t.Context()
	old, next := newKey(t), newKey(t)
	c := f.client("bank-1")
	c.Keys = []*key.Public{old.Public()}
	require.NoError(t, r.Update(ctx, "setup", "client", func(d *registry.Draft) error { d.PutClient(c); return nil }))
	words := func(current, next key.Signer, client, audience string, overlap time.Duration, at time.Time) [2]string {
		a, b, err := registry.SignKeyChange(current, next, client, audience, overlap, at)
		require.NoError(t, err)
		return [2]string{a, b}
	}
	now := f.clock.Now()
	good := words(old, next, "bank-1", base, time.Hour, now)
	other := words(old, newKey(t), "bank-1", base, time.Hour, now)
	noKey, err := jose.SignJSON(old, jose.SignHeader{Type: registry.KeyChangeType}, map[string]any{"iss": "bank-1", "aud": base, "iat": now.Unix(), "exp": now.Unix() + 60})
	require.NoError(t, err)
	wrongType, err := jose.SignJSON(old, jose.SignHeader{Type: "JWT"}, map[string]any{"iss": "bank-1"})
	require.NoError(t, err)
	for name, bad := range map[string][2]string{
		"not by a key of the client":    words(newKey(t), next, "bank-1", base, 0, now),
		"next key signs something else": {good[0], other[1]},
		"no possession":                 {good[0], good[0]},
		"for another client":            words(old, next, "counter-1", base, 0, now),
		"for another deployment":        words(old, next, "bank-1", "https://elsewhere.example", 0, now),
		"of yesterday":                  words(old, next, "bank-1", base, 0, now.Add(-24*time.Hour)),
		"of tomorrow":                   words(old, next, "bank-1", base, 0, now.Add(24*time.Hour)),
		"for ever":                      words(old, next, "bank-1", base, 1000*24*time.Hour, now),
		"no key":                        {noKey, noKey},
		"another type":                  {wrongType, wrongType},
		"nothing":                       {"", ""},
	} {
		_, err := r.AddClientKey(ctx, "bank-1", bad[0], bad[1])
		require.ErrorIs(t, err, registry.ErrKeyProof, name)
	}
	_, err = r.AddClientKey(ctx, "nobody", good[0], good[1])
	require.ErrorIs(t, err, registry.ErrUnknown)

	_, err = r.AddClientKey(ctx, "bank-1", good[0], good[1])
	require.NoError(t, err)
	_, err = r.AddClientKey(ctx, "bank-1", good[0], good[1])
	require.ErrorIs(t, err, registry.ErrKeyTaken, "replayed")
	active := func() []*key.Public {
		c, err := r.Client("bank-1")
		require.NoError(t, err)
		return c.ActiveKeys(f.clock.Now())
	}
	require.Len(t, active(), 2, "both work for the overlap")
	_, err = r.DropClientKey(ctx, "bank-1", "w", "bank-1", next.Public().ID())
	require.ErrorIs(t, err, registry.ErrKeyLast, "the client does not keep only keys that end")
	_, err = r.DropClientKey(ctx, "bank-1", "w", "bank-1", "none")
	require.ErrorIs(t, err, registry.ErrKeyUnknown)
	f.clock.add(time.Hour)
	require.Len(t, active(), 1, "the old one has ended")
	stale := words(old, newKey(t), "bank-1", base, 0, f.clock.Now())
	_, err = r.AddClientKey(ctx, "bank-1", stale[0], stale[1])
	require.ErrorIs(t, err, registry.ErrKeyProof, "and signs nothing")
	_, err = r.DropClientKey(ctx, "operator", "lost", "bank-1", next.Public().ID())
	require.ErrorIs(t, err, registry.ErrKeyLast)

	// The next ones: at most three at once, ended ones make room, one point is one key.
	third, fourth := newKey(t), newKey(t)
	for _, k := range []*key.Private{third, fourth} {
		w := words(next, k, "bank-1", base, 0, f.clock.Now())
		_, err = r.AddClientKey(ctx, "bank-1", w[0], w[1])
		require.NoError(t, err)
	}
	fifth := words(next, newKey(t), "bank-1", base, 0, f.clock.Now())
	_, err = r.AddClientKey(ctx, "bank-1", fifth[0], fifth[1])
	require.ErrorIs(t, err, registry.ErrKeyLimit)
	again := words(next, third.WithID("another-name"), "bank-1", base, 0, f.clock.Now())
	_, err = r.AddClientKey(ctx, "bank-1", again[0], again[1])
	require.ErrorIs(t, err, registry.ErrKeyTaken)
	dropped, err := r.DropClientKey(ctx, "operator", "stolen", "bank-1", next.Public().ID())
	require.NoError(t, err)
	require.Len(t, dropped.Keys, 2)
	_, ends := dropped.KeyEnds.Of(next.Public().ID())
	require.False(t, ends)
	past, err := r.History(ctx, 1, 100)
	require.NoError(t, err)
	require.Equal(t, "stolen", past[len(past)-1].Why)
	require.Contains(t, past[len(past)-1].Changes[0].Fields, "keys")
}

// Two operators with one key would be one operator.
func TestOperatorsDoNotShareKeys(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	c, err := r.Client(anna)
	require.NoError(t, err)
	twin := registry.Client{ID: "twin", Role: "auditor", Scopes: []string{"registry"}, Keys: c.Keys}
	_, err = r.Submit(t.Context(), anna, "w", registry.Change{Entry: twin})
	require.ErrorIs(t, err, registry.ErrInvalid)
}

// chain signs roots that follow one another; keys[i] is replaced at each step.
type chain struct {
	t    *testing.T
	keys []*key.Private
	last *trustlist.Roots
}

func (c *chain) next(by []*key.Private, signers ...*key.Private) []byte {
	c.t.Helper()
	r := *c.last
	r.Version++
	r.Keys, r.Signers = nil, nil
	for _, k := range c.keys {
		r.Keys = append(r.Keys, k.Public())
	}
	for _, s := range signers {
		r.Signers = append(r.Signers, trustlist.DatedKey{Key: s.Public(), NotBefore: start.Add(-time.Hour)})
	}
	all := make([]key.Signer, len(by))
	for i, k := range by {
		all[i] = k
	}
	data, err := r.Sign(all...)
	require.NoError(c.t, err)
	return data
}

func (c *chain) take(data []byte) {
	c.t.Helper()
	next, err := c.last.Next(data, start)
	require.NoError(c.t, err)
	c.last = next
}

// Roots follow one another under a running registry, with a key lost on the way and the list key
// rotated; another process and a restart follow; what does not follow is refused.
func TestRootsFollow(t *testing.T) {
	f := newFixture(t)
	c := &chain{t: t, keys: []*key.Private{newKey(t), newKey(t), newKey(t)}}
	c.last = &trustlist.Roots{Version: 0, IssuedAt: start.Add(-time.Hour), Expires: start.Add(10 * 365 * 24 * time.Hour), Threshold: 2}
	first := c.next(c.keys[:2], f.signer)
	f.roots = first
	var err error
	c.last, err = trustlist.ParseRoots(first)
	require.NoError(t, err)
	f.pinned = c.last
	nextList := newKey(t)
	cfg := f.config(f.store())
	cfg.Keys = func(p *key.Public) (key.Signer, error) {
		if p.Equal(nextList.Public()) {
			return nextList, nil
		}
		return nil, key.ErrNotFound
	}
	r, err := registry.New(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, r.Update(t.Context(), "setup", "first", func(d *registry.Draft) error { f.put(d); return nil }))
	cfg.Store = f.store()
	other, err := registry.New(t.Context(), cfg)
	require.NoError(t, err)
	ctx := t.Context()
	add := func(data []byte) error {
		_, err := r.AddRoots(ctx, "operator", "drill", data)
		return err
	}

	// The third key is lost; the list key rotates in the same document.
	lost, fresh := c.keys[2], newKey(t)
	c.keys = []*key.Private{c.keys[0], c.keys[1], fresh}
	second := c.next(c.keys[:2], f.signer, nextList)
	require.ErrorIs(t, add(c.next([]*key.Private{c.keys[0], fresh}, f.signer)), trustlist.ErrThreshold, "one old and one new key are one of each too few")
	require.ErrorIs(t, add(c.next(c.keys[:1], f.signer)), trustlist.ErrThreshold)
	require.ErrorIs(t, add(c.next(c.keys[:2], newKey(t))), registry.ErrRootsSigner)
	require.ErrorIs(t, add([]byte(`{}`)), trustlist.ErrMalformed)
	require.ErrorIs(t, add([]byte(strings.Replace(string(second), `"signature":"`, `"signature":"AAAA`, 1))), trustlist.ErrSignature)
	_, before := r.TrustList()
	require.NoError(t, add(second))
	require.NoError(t, add(second), "once more changes nothing")
	_, after := r.TrustList()
	require.Equal(t, before+1, after)
	c.take(second)
	third := c.next([]*key.Private{c.keys[1], fresh}, nextList)
	c.take(third)
	fourth := c.next([]*key.Private{c.keys[1], fresh}, nextList)
	require.ErrorIs(t, add(fourth), trustlist.ErrGap)
	require.NoError(t, add(third))
	require.ErrorIs(t, add(second), trustlist.ErrRolledBack)
	require.NoError(t, registry.Follow(other, ctx))

	// Whoever pinned the first walks; the list is by the new key; the old one signs nothing.
	restarted, err := registry.New(ctx, cfg)
	require.NoError(t, err)
	for _, one := range []*registry.Registry{r, other, restarted} {
		text, version := one.TrustList()
		_, err = f.pinned.Verify(text, start, version)
		require.ErrorIs(t, err, trustlist.ErrKeyUnknown)
		roots := f.pinned
		for n := int64(2); n <= 3; n++ {
			data, err := one.RootsVersion(n)
			require.NoError(t, err)
			roots, err = roots.Next(data, start)
			require.NoError(t, err)
		}
		_, err = roots.Verify(text, start, version)
		require.NoError(t, err)
		require.EqualValues(t, 3, roots.Version)
		_, err = one.RootsVersion(4)
		require.ErrorIs(t, err, registry.ErrUnknown)
	}
	require.NoError(t, other.Freeze(ctx, "operator", "goes on", registry.Freeze{Kind: "type", ID: "resident-id", Frozen: true}))

	// A stranger's roots in the store are the store's lie, not our trust.
	c.keys = []*key.Private{newKey(t), newKey(t), lost}
	forged := c.next(c.keys, nextList)
	snap, err := cfg.Store.Load(ctx)
	require.NoError(t, err)
	snap, err = registry.SealFor(nextList, snap, registry.Entry{Kind: "roots", ID: "4", Body: forged})
	require.NoError(t, err)
	cfg.Store = edited{Store: cfg.Store, edit: func(to *registry.Snapshot) { *to = snap }}
	_, err = registry.New(ctx, cfg)
	require.ErrorIs(t, err, registry.ErrTampered)
}
