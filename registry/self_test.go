package registry_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
)

// A client is told what it may do, in the words of the registry, and nothing of others.
func TestSelf(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	ending, operators := newKey(t).Public(), []string{"operator-1", "operator-2"}
	require.NoError(t, r.Update(t.Context(), "test", "clients of each role", func(d *registry.Draft) error {
		p := f.party()
		p.Contact, p.PerDay, p.Portrait = "0731-1", 100, true
		p.Grants[0].Fields = append(p.Grants[0].Fields, "portrait_digest")
		p.LegalBasis = []registry.Basis{{Purpose: "counter", Basis: "law", Name: text("at the counter")}}
		d.PutParty(p)
		c := f.client("counter-1")
		c.Keys = append(c.Keys, ending)
		c.KeyEnds = registry.KeyEnds{{Key: ending.ID(), Ends: start.Add(time.Hour)}}
		d.PutClient(c)
		d.PutClient(registry.Client{ID: "police-1", Role: "department", Authorities: []string{police}, Scopes: []string{"issue"}, Keys: []*key.Public{newKey(t).Public()}})
		for _, id := range operators {
			d.PutClient(registry.Client{ID: id, Role: "operator", Scopes: []string{"registry"}, Keys: []*key.Public{newKey(t).Public()}})
		}
		return nil
	}))

	me, err := r.Self("counter-1")
	require.NoError(t, err)
	require.Equal(t, "relying-party", me.Role)
	require.Equal(t, []string{"verify"}, me.Scopes)
	require.Len(t, me.Keys, 2)
	require.Equal(t, registry.SelfKey{ID: ending.ID(), Ends: start.Add(time.Hour)}, me.Keys[1])
	require.Equal(t, []registry.Purpose{{Code: "counter", Name: text("at the counter")}, {Code: "audit"}}, me.Party.Purposes)
	require.Equal(t, map[string]map[string][]string{
		"counter": {"resident-id": {"id_number", "name", "over_18"}}, "audit": {"resident-id": {"id_number", "name"}},
	}, me.Party.Fields, "of all grants together, without the portrait")
	require.Equal(t, []string{"any", "counter", "audit", hall}, me.Party.Scenes)
	require.Equal(t, registry.PartyReleased, me.Party.State)
	require.True(t, me.Party.Portrait)
	require.Empty(t, me.Authorities)
	require.Zero(t, me.Operators)
	body, err := json.Marshal(me)
	require.NoError(t, err)
	require.NotContains(t, string(body), "0731-1", "whom the operators call is theirs")
	require.NotContains(t, string(body), `"name":{"zh":"","en":""}`)

	f.clock.add(2 * time.Hour)
	me, err = r.Self("counter-1")
	require.NoError(t, err)
	require.Len(t, me.Keys, 1, "the other has ended")

	me, err = r.Self("police-1")
	require.NoError(t, err)
	require.Nil(t, me.Party)
	require.Equal(t, []registry.SelfAuthority{{
		ID: police, Name: text("police"), Types: []registry.TypeState{{ID: "resident-id", Version: 1, Published: true}}, Regions: []string{"430000"},
	}}, me.Authorities)

	me, err = r.Self("operator-1")
	require.NoError(t, err)
	require.Equal(t, 2, me.Operators)

	_, err = r.Self("nobody")
	require.ErrorIs(t, err, registry.ErrUnknown)
}

func TestNameOfAPurpose(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	half := f.party()
	half.LegalBasis = []registry.Basis{{Purpose: "counter", Basis: "law", Name: schemas.Text{ZH: "柜台"}}}
	err := r.Update(t.Context(), "test", "half a name", func(d *registry.Draft) error { d.PutParty(half); return nil })
	require.ErrorIs(t, err, registry.ErrInvalid)
}
