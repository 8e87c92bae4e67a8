package issuer_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

// move asks for a change by its name.
func (f *fixture) move(to issuer.State, identifier string) (issuer.Changed, error) {
	c := issuer.StateChange{Authority: police, Identifier: identifier, Reason: "because", By: "clerk"}
	switch to {
	case issuer.Valid:
		return f.Reinstate(f.t.Context(), c)
	case issuer.Suspended:
		return f.Suspend(f.t.Context(), c)
	}
	return f.End(f.t.Context(), c, to)
}

// Every pair of states: which edges there are, what repeating says, and what the world sees.
func TestEdges(t *testing.T) {
	f := newFixture(t)
	states := append([]issuer.State{issuer.Valid, issuer.Suspended}, issuer.Endings()...)
	for _, from := range states {
		for _, to := range states {
			t.Run(string(from)+" to "+string(to), func(t *testing.T) {
				id := f.issueOne(string(from) + ">" + string(to)).Identifier
				if from != issuer.Valid {
					out, err := f.move(from, id)
					require.NoError(t, err)
					require.True(t, out.Published)
				}
				out, err := f.move(to, id)
				allowed := from == issuer.Valid && to != issuer.Valid || from == issuer.Suspended ||
					from == to && from != issuer.Valid // the change that was last made
				want := to
				if allowed {
					require.NoError(t, err)
					require.Equal(t, to, out.Certificate.State)
				} else {
					require.ErrorIs(t, err, issuer.ErrTransition)
					want = from
				}
				c := f.certificate(id)
				require.Equal(t, want, c.State)
				status, _, known := f.lookup(c.Slot)
				require.True(t, known)
				require.Equal(t, want.Public(), statuslist.Status(status))
			})
		}
	}
	_, err := f.End(t.Context(), issuer.StateChange{Authority: police, Identifier: f.issueOne("x").Identifier}, "burnt")
	require.ErrorIs(t, err, issuer.ErrTransition)
	_, err = f.End(t.Context(), issuer.StateChange{Authority: police, Identifier: f.issueOne("x").Identifier}, issuer.Suspended)
	require.ErrorIs(t, err, issuer.ErrTransition)
}

func TestChangesAreTheAuthoritysOwn(t *testing.T) {
	f := newFixture(t)
	id := f.issueOne("k1").Identifier
	_, err := f.Suspend(t.Context(), issuer.StateChange{Authority: market, Identifier: id})
	require.ErrorIs(t, err, issuer.ErrUnknown)
	_, err = f.Certificate(t.Context(), id, market, "hunan-hrss")
	require.ErrorIs(t, err, issuer.ErrUnknown)
	_, err = f.Certificate(t.Context(), id)
	require.ErrorIs(t, err, issuer.ErrUnknown)
	c, err := f.Certificate(t.Context(), id, market, police)
	require.NoError(t, err)
	require.Equal(t, id, c.Identifier)
	_, err = f.Suspend(t.Context(), issuer.StateChange{Authority: police, Identifier: id, Reason: strings.Repeat("因", issuer.MaxReason+1)})
	require.ErrorIs(t, err, issuer.ErrRefused)
	_, err = f.Suspend(t.Context(), issuer.StateChange{Authority: police, Identifier: id, Reason: strings.Repeat("因", issuer.MaxReason)})
	require.NoError(t, err)
}

// list fetches a signed list and checks it as a stranger does.
func (f *fixture) list(name string) *statuslist.Token {
	f.t.Helper()
	signed, err := f.StatusListJWT(f.t.Context(), name)
	require.NoError(f.t, err)
	u, err := statuslist.Parse(string(signed.Body))
	require.NoError(f.t, err)
	token, err := u.Verify(f.status.Public(), f.StatusPrefix()+name, f.now())
	require.NoError(f.t, err)
	require.Equal(f.t, 60*time.Second, token.TTL)
	binary, err := f.StatusListCWT(f.t.Context(), name)
	require.NoError(f.t, err)
	u, err = statuslist.ParseCWT(binary.Body)
	require.NoError(f.t, err)
	twin, err := u.Verify(f.status.Public(), f.StatusPrefix()+name, f.now())
	require.NoError(f.t, err)
	require.Equal(f.t, token.List.Raw(), twin.List.Raw())
	return token
}

// An acknowledged revocation stands in the cache and in both forms of the signed list.
func TestRevocationIsVisible(t *testing.T) {
	f := newFixture(t)
	id := f.issueOne("k1").Identifier
	other := f.certificate(f.issueOne("k2").Identifier).Slot
	slot := f.certificate(id).Slot
	for _, step := range []struct {
		to   issuer.State
		want statuslist.Status
	}{{issuer.Suspended, statuslist.Suspended}, {issuer.Valid, statuslist.Valid}, {issuer.Revoked, statuslist.Invalid}} {
		f.pass(time.Second)
		out, err := f.move(step.to, id)
		require.NoError(t, err)
		require.True(t, out.Published)
		status, asOf, known := f.lookup(slot)
		require.True(t, known)
		require.Equal(t, step.want, statuslist.Status(status))
		require.Equal(t, f.now().UTC(), asOf)
		token := f.list(slot.List)
		got, err := token.List.Get(slot.Index)
		require.NoError(t, err)
		require.Equal(t, step.want, got)
		got, err = token.List.Get(other.Index)
		require.NoError(t, err)
		require.Equal(t, statuslist.Valid, got)
	}
}

// A signed list is signed again when it moved or half its ttl is over, and not for every reader.
func TestSignedListsAreKept(t *testing.T) {
	f := newFixture(t)
	id := f.issueOne("k1").Identifier
	list := f.certificate(id).Slot.List
	get := func() string {
		out, err := f.StatusListJWT(t.Context(), list)
		require.NoError(t, err)
		require.Equal(t, statuslist.MediaTypeJWT, out.MediaType)
		require.Equal(t, 30*time.Second, out.TTL)
		return string(out.Body)
	}
	first := get()
	f.pass(29 * time.Second)
	require.Equal(t, first, get())
	f.pass(time.Second)
	second := get()
	require.NotEqual(t, first, second)
	_, err := f.move(issuer.Suspended, id)
	require.NoError(t, err)
	require.NotEqual(t, second, get())
	_, err = f.StatusListJWT(t.Context(), "99")
	require.ErrorIs(t, err, issuer.ErrListUnknown)
	_, err = f.StatusListCWT(t.Context(), "")
	require.ErrorIs(t, err, issuer.ErrListUnknown)
}

// A change that another process made is signed after a second at the latest.
func TestSignedListFollowsOtherProcesses(t *testing.T) {
	f := newFixture(t)
	c := f.certificate(f.issueOne("k1").Identifier)
	f.list(c.Slot.List)
	_, err := f.store.ChangeState(t.Context(), issuer.Change{Authority: police, Identifier: c.Identifier,
		From: []issuer.State{issuer.Valid}, To: issuer.Revoked, At: f.now()})
	require.NoError(t, err)
	f.pass(time.Second)
	got, err := f.list(c.Slot.List).List.Get(c.Slot.Index)
	require.NoError(t, err)
	require.Equal(t, statuslist.Invalid, got)
}

// swap is a cache that can be exchanged, as an emptied one is.
type swap struct{ atomic.Pointer[memstore.Store] }

func (s *swap) Applied(ctx context.Context, list string) (uint64, bool, error) {
	return s.Load().Applied(ctx, list)
}

func (s *swap) Replace(ctx context.Context, head issuer.ListHead, raw []byte, asOf time.Time) error {
	return s.Load().Replace(ctx, head, raw, asOf)
}

func (s *swap) Apply(ctx context.Context, list string, from, to uint64, changes []issuer.StatusChange, asOf time.Time) error {
	return s.Load().Apply(ctx, list, from, to, changes, asOf)
}

func (s *swap) Beat(ctx context.Context, heads []issuer.ListHead, asOf time.Time) ([]string, error) {
	return s.Load().Beat(ctx, heads, asOf)
}

// Nobody's memory but the database's is needed: an emptied cache is filled again, and until then
// it knows nothing.
func TestLostCacheIsRebuilt(t *testing.T) {
	var cache swap
	f := newFixture(t, func(c *issuer.Config) {
		cache.Store(c.Cache.(*memstore.Store))
		c.Cache = &cache
	})
	bad, good := f.issueOne("k1").Identifier, f.issueOne("k2").Identifier
	_, err := f.move(issuer.Revoked, bad)
	require.NoError(t, err)

	f.cache = f.newCache()
	cache.Store(f.cache)
	_, _, known := f.lookup(f.certificate(bad).Slot)
	require.False(t, known)
	f.pass(time.Second)
	require.NoError(t, f.Flush(t.Context()))
	status, asOf, known := f.lookup(f.certificate(bad).Slot)
	require.True(t, known)
	require.Equal(t, statuslist.Invalid, statuslist.Status(status))
	require.Equal(t, f.now().UTC(), asOf)
	status, _, known = f.lookup(f.certificate(good).Slot)
	require.True(t, known)
	require.Equal(t, statuslist.Valid, statuslist.Status(status))
}

// A cache that has missed changes which the record does not keep any more gets the list whole.
func TestForgottenChanges(t *testing.T) {
	f := newFixture(t)
	a, b := f.issueOne("k1").Identifier, f.issueOne("k2").Identifier
	slot := f.certificate(a).Slot
	_, err := f.move(issuer.Revoked, b)
	require.NoError(t, err)
	seq, ok := f.Published(slot.List)
	require.True(t, ok)
	require.EqualValues(t, 1, seq)
	_, err = f.store.ChangeState(t.Context(), issuer.Change{Authority: police, Identifier: a,
		From: []issuer.State{issuer.Valid}, To: issuer.Suspended, At: f.now()})
	require.NoError(t, err)
	n, err := f.store.SweepStatusChanges(t.Context(), f.now().Add(time.Second), func(string) (uint64, bool) { return seq + 1, true })
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	f.pass(time.Second)
	require.NoError(t, f.Flush(t.Context()))
	status, asOf, known := f.lookup(slot)
	require.True(t, known)
	require.Equal(t, statuslist.Suspended, statuslist.Status(status))
	require.Equal(t, f.now().UTC(), asOf)
}

// Many changes of another process are carried over in pages; publishers share one cache.
func TestTwoPublishers(t *testing.T) {
	f := newFixture(t)
	cfg := f.cfg
	second, err := issuer.New(cfg)
	require.NoError(t, err)
	var ids []string
	for i := range 40 {
		ids = append(ids, f.issueOne(string(rune('A'+i))).Identifier)
	}
	done := make(chan error, 2)
	for k, one := range []*issuer.Issuer{f.Issuer, second} {
		go func() {
			var all error
			for _, id := range ids[k*20 : k*20+20] {
				out, err := one.Suspend(t.Context(), issuer.StateChange{Authority: police, Identifier: id})
				all = errors.Join(all, err)
				if !out.Published {
					all = errors.Join(all, errors.New("not published"))
				}
			}
			done <- all
		}()
	}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	for _, id := range ids {
		status, _, known := f.lookup(f.certificate(id).Slot)
		require.True(t, known)
		require.Equal(t, statuslist.Suspended, statuslist.Status(status))
	}
}

// broken is a database that can be unreachable.
type broken struct {
	issuer.Statuses
	down atomic.Bool
}

func (b *broken) Lists(ctx context.Context) ([]issuer.ListHead, error) {
	if b.down.Load() {
		return nil, errors.New("database is down")
	}
	return b.Statuses.Lists(ctx)
}

// Without the database the cache must grow old, not young: as-of is only what was really known.
func TestHeartbeatNeedsTheDatabase(t *testing.T) {
	var db broken
	f := newFixture(t, func(c *issuer.Config) {
		db.Statuses = c.Statuses
		c.Statuses = &db
	})
	slot := f.certificate(f.issueOne("k1").Identifier).Slot
	f.pass(time.Second)
	require.NoError(t, f.Flush(t.Context()))
	_, before, _ := f.lookup(slot)
	require.Equal(t, f.now().UTC(), before)

	db.down.Store(true)
	f.pass(time.Minute)
	require.Error(t, f.Flush(t.Context()))
	require.Error(t, f.Flush(t.Context()))
	_, asOf, known := f.lookup(slot)
	require.True(t, known)
	require.Equal(t, before, asOf)
	require.Equal(t, 1, strings.Count(f.logs.String(), "not being published"), "told once")

	db.down.Store(false)
	require.NoError(t, f.Flush(t.Context()))
	_, asOf, _ = f.lookup(slot)
	require.Equal(t, f.now().UTC(), asOf)
	require.Contains(t, f.logs.String(), "published again")
}

// The first certificate of a list is known to the cache when it is acknowledged.
func TestFirstOfAListIsKnown(t *testing.T) {
	f := newFixture(t)
	_, _, known := f.lookup(f.certificate(f.issueOne("k1").Identifier).Slot)
	require.True(t, known)
}

func TestRun(t *testing.T) {
	f := newFixture(t, func(c *issuer.Config) { c.Heartbeat = time.Millisecond })
	slot := f.certificate(f.issueOne("k1").Identifier).Slot
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	f.pass(time.Hour)
	require.Eventually(t, func() bool {
		_, asOf, _, err := f.cache.Lookup(t.Context(), slot.List, slot.Index)
		return err == nil && asOf.Equal(f.now())
	}, 10*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

// A flush that is called off does not take others with it.
func TestFlushIsBoundedByItsCaller(t *testing.T) {
	f := newFixture(t)
	f.issueOne("k1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, f.Flush(ctx))
	require.NoError(t, f.Flush(t.Context()))
}

func TestLive(t *testing.T) {
	f := newFixture(t)
	id := f.issueOne("k1").Identifier
	live, err := f.LiveOf(t.Context(), id)
	require.NoError(t, err)
	require.Nil(t, live.Values)
	require.Equal(t, issuer.Valid, live.State)

	good := schemas.Claims{"points": json.Number("3"), "licence_state": "A"}
	f.pass(time.Second)
	_, err = f.SetLive(t.Context(), police, id, good)
	require.NoError(t, err)
	live, err = f.LiveOf(t.Context(), id)
	require.NoError(t, err)
	said, err := json.Marshal(live.Values)
	require.NoError(t, err)
	require.JSONEq(t, `{"points":3,"licence_state":"A"}`, string(said))
	require.Equal(t, f.now().UTC(), live.AsOf.UTC())

	for name, c := range map[string]struct {
		values schemas.Claims
		code   string
	}{
		"signed field":  {schemas.Claims{"points": json.Number("3"), "licence_state": "A", "name": "王"}, schemas.CodeFieldUnknown},
		"missing":       {schemas.Claims{"points": json.Number("3")}, schemas.CodeFieldMissing},
		"wrong type":    {schemas.Claims{"points": "3", "licence_state": "A"}, schemas.CodeFieldType},
		"out of range":  {schemas.Claims{"points": json.Number("-1"), "licence_state": "A"}, schemas.CodeFieldRange},
		"unknown state": {schemas.Claims{"points": json.Number("3"), "licence_state": "Z"}, schemas.CodeNotInTable},
	} {
		_, err := f.SetLive(t.Context(), police, id, c.values)
		require.Equal(t, c.code, refusal(t, err)[0].Code, name)
	}
	_, err = f.SetLive(t.Context(), market, id, good)
	require.ErrorIs(t, err, issuer.ErrUnknown)
	_, err = f.LiveOf(t.Context(), "1.2.156.3005.2.nothing")
	require.ErrorIs(t, err, issuer.ErrUnknown)
}

func TestMetadata(t *testing.T) {
	f := newFixture(t)
	old := generate(t, key.SM2).Public()
	f.registry.change(police, func(a *issuer.Authority) { a.Keys = []*key.Public{a.Signer.Public(), old} })
	data, err := f.Metadata(t.Context(), police)
	require.NoError(t, err)
	var doc struct {
		Issuer string          `json:"issuer"`
		Keys   json.RawMessage `json:"jwks"`
	}
	require.NoError(t, json.Unmarshal(data, &doc))
	require.Equal(t, baseURL+"/issuers/"+police, doc.Issuer)
	set, err := key.ParseSet(doc.Keys, false)
	require.NoError(t, err)
	require.Len(t, set.Keys, 2)
	k, ok := set.Find(old.ID())
	require.True(t, ok)
	require.True(t, old.Equal(k))

	data, err = f.Metadata(t.Context(), market)
	require.NoError(t, err)
	require.Contains(t, string(data), `"ES256"`)

	data, err = f.TypeMetadata("drivers-licence", 1)
	require.NoError(t, err)
	require.Contains(t, string(data), baseURL+"/types/drivers-licence/1")
	_, err = f.TypeMetadata("drivers-licence", 2)
	require.ErrorIs(t, err, schemas.ErrTypeUnknown)
}
