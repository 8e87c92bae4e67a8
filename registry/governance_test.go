package registry_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/registry"
)

const (
	anna = "operator-anna"
	bo   = "operator-bo"
)

// governed is a registry with two operators.
func (f *fixture) governed(s registry.Store) *registry.Registry {
	f.t.Helper()
	r := f.filled(s)
	require.NoError(f.t, r.Update(f.t.Context(), "setup", "operators", func(d *registry.Draft) error {
		for _, id := range []string{anna, bo} {
			d.PutClient(registry.Client{ID: id, Role: "operator", Scopes: []string{"registry"}, Keys: []*key.Public{newKey(f.t).Public()}})
		}
		return nil
	}))
	return r
}

func (f *fixture) bank() registry.Party {
	return registry.Party{ID: "bank", Name: text("bank"), Contact: "0731-1", LegalBasis: []registry.Basis{{Purpose: "account-opening", Basis: "law"}},
		Grants: []registry.Grant{{Type: "resident-id", Fields: []string{"name"}, Purposes: []string{"account-opening"}}}}
}

func TestPartyLife(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	ctx := t.Context()
	move := func(who, step string) (registry.Proposal, error) {
		return r.MoveParty(ctx, who, "because", "bank", step)
	}
	state := func() registry.PartyState {
		p, err := r.Party("bank")
		require.NoError(t, err)
		return p.State
	}
	require.ErrorIs(t, r.PartyUsable("bank"), registry.ErrUnknown)
	p, err := r.Submit(ctx, anna, "a new bank", registry.Change{Entry: f.bank()})
	require.NoError(t, err)
	require.Equal(t, registry.ProposalApplied, p.State, "a draft gives no right")
	require.Equal(t, registry.PartyRegistered, state())
	require.ErrorIs(t, r.PartyUsable("bank"), registry.ErrPartyNotReleased)
	for _, early := range []string{"release", "suspend"} {
		_, err = move(bo, early)
		require.ErrorIs(t, err, registry.ErrPartyState, early)
	}
	_, err = move(anna, "approve")
	require.ErrorIs(t, err, registry.ErrOwnProposal, "who wrote it down does not review it")
	_, err = move(bo, "reject")
	require.NoError(t, err)
	require.Equal(t, registry.PartyRejected, state())
	_, err = move(bo, "approve")
	require.ErrorIs(t, err, registry.ErrPartyState)

	lacking := f.bank()
	lacking.LegalBasis = nil
	_, err = r.Submit(ctx, anna, "again", registry.Change{Entry: lacking})
	require.NoError(t, err)
	_, err = move(bo, "approve")
	require.ErrorIs(t, err, registry.ErrPartyIncomplete)
	later := f.bank()
	later.NotBefore, later.NotAfter = start.Add(time.Hour), start.Add(48*time.Hour)
	_, err = r.Submit(ctx, anna, "complete", registry.Change{Entry: later})
	require.NoError(t, err)
	_, err = move(bo, "approve")
	require.NoError(t, err)
	require.ErrorIs(t, r.PartyUsable("bank"), registry.ErrPartyNotReleased)
	_, err = move(anna, "release")
	require.NoError(t, err)
	require.ErrorIs(t, r.PartyUsable("bank"), registry.ErrPartyNotActive, "its day has not come")
	f.clock.add(time.Hour)
	require.NoError(t, r.PartyUsable("bank"))
	_, err = move(anna, "release")
	require.ErrorIs(t, err, registry.ErrPartyState)

	_, err = move(anna, "suspend")
	require.NoError(t, err, "one is enough, and it bites at once")
	require.ErrorIs(t, r.PartyUsable("bank"), registry.ErrPartySuspended)
	again, err := move(anna, "resume")
	require.NoError(t, err)
	require.Equal(t, registry.ProposalOpen, again.State)
	require.ErrorIs(t, r.PartyUsable("bank"), registry.ErrPartySuspended)
	_, err = r.Decide(ctx, bo, "paid", again.ID, true)
	require.NoError(t, err)
	require.NoError(t, r.PartyUsable("bank"))
	f.clock.add(48 * time.Hour)
	require.ErrorIs(t, r.PartyUsable("bank"), registry.ErrPartyNotActive, "its end has come")

	client := f.client("bank-1")
	client.Party = "bank"
	given, err := r.Submit(ctx, anna, "its client", registry.Change{Entry: client})
	require.NoError(t, err)
	_, err = r.Decide(ctx, bo, "checked", given.ID, true)
	require.NoError(t, err)
	gone, err := move(anna, "retire")
	require.NoError(t, err)
	require.Equal(t, registry.ProposalOpen, gone.State, "what cannot be undone takes two")
	_, err = r.Decide(ctx, bo, "closed", gone.ID, true)
	require.NoError(t, err)
	require.ErrorIs(t, r.PartyUsable("bank"), registry.ErrPartyRetired)
	c, err := r.Client("bank-1")
	require.NoError(t, err)
	require.Empty(t, c.Keys)
	require.True(t, c.Suspended)
	for _, step := range []string{"approve", "reject", "release", "suspend", "resume", "retire"} {
		p, err := move(bo, step)
		if err == nil { // nothing is left that a proposal could do
			_, err = r.Decide(ctx, anna, "?", p.ID, true)
		}
		require.ErrorIs(t, err, registry.ErrPartyRetired, step)
	}
	_, err = r.Submit(ctx, anna, "back", registry.Change{Entry: f.bank()})
	require.ErrorIs(t, err, registry.ErrPartyRetired)
	stored, err := f.open(f.store()).Party("bank")
	require.NoError(t, err)
	require.Equal(t, registry.PartyRetired, stored.State)
	require.Equal(t, anna+" and "+bo, stored.Steps[len(stored.Steps)-1].By)
}

// A party that was stored before there were states is what it always was.
func TestPartyOfBefore(t *testing.T) {
	f := newFixture(t)
	s := f.store()
	r := f.filled(s)
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	for _, one := range []struct {
		body string
		err  error
	}{
		{`{"id":"old","name":{"zh":"o","en":"o"},"grants":[]}`, nil},
		{`{"id":"old","name":{"zh":"o","en":"o"},"grants":[],"suspended":true}`, registry.ErrPartySuspended},
	} {
		sealed, err := registry.SealFor(f.signer, snap, registry.Entry{Kind: "party", ID: "old", Body: []byte(one.body)})
		require.NoError(t, err)
		old := f.open(edited{Store: s, edit: func(to *registry.Snapshot) { *to = sealed }})
		require.ErrorIs(t, old.PartyUsable("old"), one.err)
	}
	require.NoError(t, r.PartyUsable(hall))
}

func TestNarrowingTakesOneAndWideningTwo(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	ctx := t.Context()
	hallNow := func() registry.Party {
		p, err := r.Party(hall)
		require.NoError(t, err)
		return p
	}
	for name, c := range map[string]struct {
		change func(*registry.Party)
		alone  bool
	}{
		"nothing":             {func(*registry.Party) {}, true},
		"a field less":        {func(p *registry.Party) { p.Grants[1].Fields = []string{"name"} }, true},
		"a purpose less":      {func(p *registry.Party) { p.Grants[1].Purposes = []string{"audit"} }, true},
		"no grants":           {func(p *registry.Party) { p.Grants = nil }, true},
		"a field more":        {func(p *registry.Party) { p.Grants[0].Fields = append(p.Grants[0].Fields, "address") }, false},
		"a field moved":       {func(p *registry.Party) { p.Grants[1].Purposes = append(p.Grants[1].Purposes, "curiosity") }, false},
		"another type":        {func(p *registry.Party) { p.Grants[0].Type = "drivers-licence"; p.Grants[0].Fields = []string{"name"} }, false},
		"the portrait":        {func(p *registry.Party) { p.Portrait = true }, false},
		"the ending":          {func(p *registry.Party) { p.Ending = true }, false},
		"another name":        {func(p *registry.Party) { p.Name = text("police") }, false},
		"another basis":       {func(p *registry.Party) { p.LegalBasis = []registry.Basis{{Purpose: "counter", Basis: "none"}} }, false},
		"another telephone":   {func(p *registry.Party) { p.Contact = "1" }, true},
		"a quota of the day":  {func(p *registry.Party) { p.PerDay = 10 }, true},
		"a quota of a minute": {func(p *registry.Party) { p.PerMinute = 100_000 }, false},
		"an end":              {func(p *registry.Party) { p.NotAfter = start.Add(time.Hour) }, true},
		"states do not count": {func(p *registry.Party) { p.State, p.Suspended, p.Steps = registry.PartyRetired, true, nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			r := f.governed(f.store())
			p, err := r.Party(hall)
			require.NoError(t, err)
			p.Grants = []registry.Grant{{Type: p.Grants[0].Type, Fields: append([]string{}, p.Grants[0].Fields...), Purposes: append([]string{}, p.Grants[0].Purposes...)},
				{Type: p.Grants[1].Type, Fields: append([]string{}, p.Grants[1].Fields...), Purposes: append([]string{}, p.Grants[1].Purposes...)}}
			c.change(&p)
			got, err := r.Submit(ctx, anna, "why", registry.Change{Entry: p})
			require.NoError(t, err)
			if c.alone {
				require.Equal(t, registry.ProposalApplied, got.State)
				require.NoError(t, r.PartyUsable(hall))
				return
			}
			require.Equal(t, registry.ProposalOpen, got.State)
			before, err := r.Party(hall)
			require.NoError(t, err)
			require.Equal(t, f.party().Grants, before.Grants, "the running version goes on")
			_, err = r.Decide(ctx, bo, "yes", got.ID, true)
			require.NoError(t, err)
			after, err := r.Party(hall)
			require.NoError(t, err)
			require.Equal(t, registry.PartyReleased, after.State)
			require.NotEqual(t, before, after)
		})
	}
	// What was narrowed meanwhile is not widened by the approval of something older.
	wider := hallNow()
	wider.Portrait = true
	old, err := r.Submit(ctx, anna, "portrait", registry.Change{Entry: wider})
	require.NoError(t, err)
	_, err = r.MoveParty(ctx, bo, "misuse", hall, "suspend")
	require.NoError(t, err)
	_, err = r.Decide(ctx, bo, "too late", old.ID, true)
	require.ErrorIs(t, err, registry.ErrProposalOutdated)

	for name, entry := range map[string]any{
		"an authority's region": func() any { a := f.authority(); a.Regions = []string{"430000", "440000"}; return a }(),
		"an authority's key": func() any {
			a := f.authority()
			a.Keys = nil
			a.Keys = append(a.Keys, registry.Key{Public: newKey(t).Public()})
			return a
		}(),
		"a domain":         registry.Domain{Code: "NEXT", Name: text("n"), BaseURL: "https://n.example", StatusPrefix: "https://n.example/s/", StatusKeys: []registry.Key{{Public: newKey(t).Public()}}},
		"a type withdrawn": registry.TypeState{ID: "resident-id", Version: 1},
		"an operator":      registry.Client{ID: "operator-anna-2", Role: "operator", Scopes: []string{"registry"}, Keys: []*key.Public{newKey(t).Public()}},
		"a client":         f.client("counter-9"),
	} {
		got, err := r.Submit(ctx, anna, "why", registry.Change{Entry: entry})
		require.NoError(t, err, name)
		require.Equal(t, registry.ProposalOpen, got.State, name)
	}
	c, err := r.Client("counter-1")
	require.NoError(t, err)
	c.Scopes = nil
	got, err := r.Submit(ctx, anna, "no scope", registry.Change{Entry: c})
	require.NoError(t, err)
	require.Equal(t, registry.ProposalApplied, got.State)
	// From the other operator nobody takes the scope alone: she would be the only one then.
	other, err := r.Client(bo)
	require.NoError(t, err)
	other.Scopes = nil
	got, err = r.Submit(ctx, anna, "no scope", registry.Change{Entry: other})
	require.NoError(t, err)
	require.Equal(t, registry.ProposalOpen, got.State)
	// Nor does she become the only one by suspending her.
	_, err = r.Submit(ctx, anna, "stolen laptop", registry.Change{Freeze: &registry.Freeze{Kind: "client", ID: bo, Frozen: true}})
	require.NoError(t, err)
	got, err = r.Submit(ctx, anna, "now that I am alone", registry.Change{Entry: f.client("counter-10")})
	require.NoError(t, err)
	require.Equal(t, registry.ProposalOpen, got.State)
}

// The first operator acts alone, and cannot make the second.
func TestOneOperator(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	require.NoError(t, r.Update(t.Context(), "setup", "operator", func(d *registry.Draft) error {
		d.PutClient(registry.Client{ID: anna, Role: "operator", Scopes: []string{"registry"}, Keys: []*key.Public{newKey(t).Public()}})
		return nil
	}))
	p, err := r.Submit(t.Context(), anna, "w", registry.Change{Freeze: &registry.Freeze{Kind: "all", ID: "all", Frozen: true}})
	require.NoError(t, err)
	require.Equal(t, registry.ProposalApplied, p.State)
	_, err = r.Submit(t.Context(), anna, "w", registry.Change{Entry: registry.Client{ID: "me-too", Role: "operator", Keys: []*key.Public{newKey(t).Public()}}})
	require.ErrorIs(t, err, registry.ErrSecondOperator)

	cfg := f.config(f.store())
	cfg.AlwaysTwo = true
	strict, err := registry.New(t.Context(), cfg)
	require.NoError(t, err)
	p, err = strict.Submit(t.Context(), anna, "w", registry.Change{Freeze: &registry.Freeze{Kind: "all", ID: "all"}})
	require.NoError(t, err)
	require.Equal(t, registry.ProposalOpen, p.State)
}

func TestFreezeTakesTwo(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	other := f.open(f.store()) // another process
	ctx := t.Context()
	freeze := func(kind, id, kid string, frozen bool) registry.Proposal {
		p, err := r.Submit(ctx, anna, "why", registry.Change{Freeze: &registry.Freeze{Kind: kind, ID: id, Key: kid, Frozen: frozen}})
		require.NoError(t, err, kind)
		return p
	}
	seen := func(kind string) bool {
		require.NoError(t, registry.Follow(other, ctx))
		l := f.published(other)
		i, err := l.Issuer(base + "/issuers/" + police)
		require.NoError(t, err)
		switch kind {
		case "region":
			return len(l.FrozenRegions) == 1 && l.FrozenRegions[0] == "430100"
		case "all":
			return l.FrozenAll
		case "authority":
			return i.Frozen
		case "authority-key":
			return i.Keys[0].Frozen
		case "type":
			return l.Types[0].Frozen
		case "provider":
			return l.Providers[0].Frozen
		}
		return l.Domains[0].StatusKeys[0].Frozen
	}
	for kind, id := range map[string]string{"region": "430100", "all": "all", "authority": police, "type": "resident-id", "provider": providers} {
		p := freeze(kind, id, "", true)
		require.Equal(t, registry.ProposalOpen, p.State, kind)
		require.False(t, seen(kind), kind)
		_, err := r.Decide(ctx, anna, "myself", p.ID, true)
		require.ErrorIs(t, err, registry.ErrOwnProposal)
		done, err := other.Decide(ctx, bo, "yes", p.ID, true)
		require.NoError(t, err)
		require.Equal(t, registry.ProposalApproved, done.State)
		require.True(t, seen(kind), kind)
		_, err = other.Decide(ctx, bo, "again", p.ID, true)
		require.ErrorIs(t, err, registry.ErrProposalDecided)
		thaw := freeze(kind, id, "", false)
		require.Equal(t, registry.ProposalOpen, thaw.State, "a thaw takes two, always")
		require.True(t, seen(kind), kind)
		_, err = r.Decide(ctx, bo, "over", thaw.ID, true)
		require.NoError(t, err)
		require.False(t, seen(kind), kind)
	}
	for kind, of := range map[string][2]string{"authority-key": {police, f.police.Public().ID()}, "status-key": {domain, f.status.Public().ID()}} {
		p := freeze(kind, of[0], of[1], true)
		require.False(t, seen(kind), kind)
		_, err := r.Decide(ctx, bo, "yes", p.ID, true)
		require.NoError(t, err)
		require.True(t, seen(kind), kind)
	}
	for _, f := range []registry.Freeze{{Kind: "region", ID: "4301"}, {Kind: "all", ID: "everything"}, {Kind: "authority", ID: "nobody"}, {Kind: "authority-key", ID: police, Key: "k"}} {
		f.Frozen = true
		_, err := r.Submit(ctx, anna, "w", registry.Change{Freeze: &f})
		require.Error(t, err, "nobody is asked to approve what cannot be: %v", f)
	}
	_, err := r.Submit(ctx, anna, "w", registry.Change{Freeze: &registry.Freeze{Kind: "region", ID: "440000"}})
	require.ErrorIs(t, err, registry.ErrUnknown, "not frozen")
}

func TestUrgentFreeze(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	ctx := t.Context()
	kid := f.police.Public().ID()
	frozen := func() bool { return r.IssuerKeyFrozen(r.IssuerURL(police), kid) }
	stolen := registry.Change{Freeze: &registry.Freeze{Kind: "authority-key", ID: police, Key: kid, Frozen: true}, Urgent: true}
	p, err := r.Submit(ctx, anna, "stolen?", stolen)
	require.NoError(t, err)
	require.Equal(t, registry.ProposalOpen, p.State)
	require.True(t, frozen(), "it bites before it is approved")
	require.True(t, f.published(r).Issuers[0].Keys[0].Frozen)
	require.True(t, r.Authorities()[0].Keys[0].Frozen, "operators see what bites")
	// An operator who mends the entry as she reads it does not make the freeze last.
	_, err = r.Submit(ctx, bo, "mend", registry.Change{Entry: r.Authorities()[0]})
	require.NoError(t, err)

	f.clock.add(registry.UrgentLife)
	_, err = r.Decide(ctx, bo, "late", p.ID, true)
	require.ErrorIs(t, err, registry.ErrProposalLapsed)
	require.NoError(t, registry.Follow(r, ctx))
	require.False(t, frozen(), "nobody approved: lifted by itself, the key thaws because it never was frozen for good")
	lapsed, err := r.Proposal(p.ID)
	require.NoError(t, err)
	require.Equal(t, registry.ProposalLapsed, lapsed.State)
	_, err = r.Decide(ctx, bo, "later still", p.ID, true)
	require.ErrorIs(t, err, registry.ErrProposalLapsed)
	_, err = r.Submit(ctx, anna, "once more", stolen)
	require.ErrorIs(t, err, registry.ErrUrgentAgain, "an hour of one person's word is not two")
	_, err = r.Submit(ctx, bo, "I too", stolen)
	require.NoError(t, err)
	var second string
	for _, p := range r.Proposals() {
		if p.State == registry.ProposalOpen {
			second = p.ID
		}
	}
	_, err = r.Decide(ctx, anna, "yes", second, true)
	require.NoError(t, err)
	f.clock.add(48 * time.Hour)
	require.NoError(t, registry.Follow(r, ctx))
	require.True(t, frozen(), "approved, it is for good")

	all, err := r.Submit(ctx, anna, "attack", registry.Change{Freeze: &registry.Freeze{Kind: "all", ID: "all", Frozen: true}, Urgent: true})
	require.NoError(t, err)
	require.True(t, r.StoppedAll())
	stopped, everything := r.FrozenRegion("430102")
	require.True(t, stopped && everything)
	_, err = r.Decide(ctx, bo, "false alarm", all.ID, false)
	require.NoError(t, err)
	require.False(t, r.StoppedAll())
	region, err := r.Submit(ctx, anna, "attack", registry.Change{Freeze: &registry.Freeze{Kind: "region", ID: "430000", Frozen: true}, Urgent: true})
	require.NoError(t, err)
	stopped, everything = r.FrozenRegion("430102")
	require.True(t, stopped && !everything)
	stopped, _ = r.FrozenRegion("440102")
	require.False(t, stopped)
	_, err = r.Decide(ctx, anna, "my mistake", region.ID, false)
	require.NoError(t, err, "whoever proposed may withdraw")
	require.Empty(t, r.StoppedRegions())
}

func TestProposals(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	ctx := t.Context()
	_, err := r.Decide(ctx, bo, "w", "nothing", true)
	require.ErrorIs(t, err, registry.ErrProposalUnknown)
	p, err := r.Submit(ctx, anna, "w", registry.Change{Freeze: &registry.Freeze{Kind: "type", ID: "resident-id", Frozen: true}})
	require.NoError(t, err)
	f.clock.add(registry.ProposalLife)
	_, err = r.Decide(ctx, bo, "w", p.ID, true)
	require.ErrorIs(t, err, registry.ErrProposalLapsed)
	require.NoError(t, registry.Follow(r, ctx))
	require.NoError(t, registry.Follow(r, ctx))

	// Many approve at once, in several processes: one does.
	p, err = r.Submit(ctx, anna, "w", registry.Change{Freeze: &registry.Freeze{Kind: "region", ID: "430000", Frozen: true}})
	require.NoError(t, err)
	var won, decided int
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, process := range []*registry.Registry{r, f.open(f.store()), f.open(f.store())} {
		for _, approve := range []bool{true, false} {
			all.Go(func() {
				_, err := process.Decide(ctx, bo, "race", p.ID, approve)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if strings.Contains(err.Error(), "already decided") {
					decided++
				}
			})
		}
	}
	all.Wait()
	require.Equal(t, 1, won)
	require.Equal(t, 5, decided)

	for range 50 {
		if _, err = r.Submit(ctx, anna, "w", registry.Change{Entry: f.client("many")}); err != nil {
			break
		}
	}
	require.NoError(t, err)
	_, err = r.Submit(ctx, anna, "w", registry.Change{Entry: f.client("many")})
	require.ErrorIs(t, err, registry.ErrProposalLimit)
	_, err = r.Submit(ctx, bo, "w", registry.Change{Entry: f.client("many")})
	require.NoError(t, err, "the other operator is not kept from her work")
	f.clock.add(40 * 24 * time.Hour)
	require.NoError(t, registry.Follow(r, ctx))
	_, err = r.Submit(ctx, anna, "w", registry.Change{Entry: f.client("many")})
	require.NoError(t, err)
	require.Len(t, r.Proposals(), 1, "what was decided long ago is in the history only")
	_, err = f.open(f.store()).Client("many")
	require.ErrorIs(t, err, registry.ErrUnknown)
}
