package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/registry"
)

// What is slipped in between a reviewer's reading and her approval is not approved, also within
// one second.
func TestReviewOfWhatWasRead(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	_, err := r.Submit(t.Context(), anna, "harmless", registry.Change{Entry: f.bank()})
	require.NoError(t, err)
	read := lastStep(r, "bank")
	wide := f.bank()
	wide.Portrait, wide.Grants[0].Fields = true, []string{"name", "address"}
	_, err = r.Submit(t.Context(), anna, "slipped in", registry.Change{Entry: wide})
	require.NoError(t, err)
	_, err = r.MoveParty(t.Context(), bo, "fine", "bank", "approve", read)
	require.ErrorIs(t, err, registry.ErrProposalOutdated)
	_, err = r.MoveParty(t.Context(), bo, "fine", "bank", "approve", time.Time{})
	require.ErrorIs(t, err, registry.ErrProposalOutdated)
	_, err = r.MoveParty(t.Context(), bo, "read again", "bank", "approve", lastStep(r, "bank"))
	require.NoError(t, err)
}

// A thaw was proposed against one freeze; it does not undo a newer one.
func TestThawOfAnOlderFreeze(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	ctx := t.Context()
	region := func(frozen bool) registry.Change {
		return registry.Change{Freeze: &registry.Freeze{Kind: "region", ID: "430000", Frozen: frozen}}
	}
	approved := func(c registry.Change) {
		p, err := r.Submit(ctx, anna, "why", c)
		require.NoError(t, err)
		_, err = r.Decide(ctx, bo, "yes", p.ID, true)
		require.NoError(t, err)
	}
	approved(region(true))
	old, err := r.Submit(ctx, anna, "withdrawn", region(false))
	require.NoError(t, err)
	approved(region(false))
	f.clock.add(time.Minute)
	approved(region(true))
	_, err = r.Decide(ctx, bo, "in the list of what waits", old.ID, true)
	require.ErrorIs(t, err, registry.ErrProposalOutdated)
	frozen, _ := r.FrozenRegion("430100")
	require.True(t, frozen)
}

// One operator does not freeze a nation region by region, an hour each.
func TestUrgentFreezesOneAfterTheOther(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	ctx := t.Context()
	urgent := func(who, region string) error {
		_, err := r.Submit(ctx, who, "why", registry.Change{Freeze: &registry.Freeze{Kind: "region", ID: region, Frozen: true}, Urgent: true})
		return err
	}
	require.NoError(t, urgent(anna, "430000"))
	require.NoError(t, urgent(anna, "440000"), "an emergency may have two regions")
	f.clock.add(registry.UrgentLife)
	require.NoError(t, registry.Follow(r, ctx))
	require.ErrorIs(t, urgent(anna, "450000"), registry.ErrUrgentAgain)
	require.NoError(t, urgent(bo, "450000"))
	f.clock.add(registry.ProposalLife)
	require.NoError(t, registry.Follow(r, ctx))
	require.NoError(t, urgent(anna, "450000"))
}
