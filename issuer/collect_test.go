package issuer_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

func slotOf(t *testing.T, f *fixture, credential string) issuer.Slot {
	t.Helper()
	vc, err := sdjwt.Parse(credential, sdjwt.Type)
	require.NoError(t, err)
	var open struct {
		Status json.RawMessage `json:"status"`
	}
	require.NoError(t, json.Unmarshal(vc.Token.Payload, &open))
	ref, err := statuslist.ParseReference(open.Status)
	require.NoError(t, err)
	return issuer.Slot{List: ref.URI[len(f.StatusPrefix()):], Index: ref.Index}
}

func TestCollect(t *testing.T) {
	f := newFixture(t)
	original := f.issueOne("k1")
	c := f.certificate(original.Identifier)
	bind := generate(t, key.SM2).Public()

	_, err := f.Collect(t.Context(), original.Identifier, holderID(schemas.HolderRef{Type: "111", Number: "110101199003074514"}), bind)
	require.ErrorIs(t, err, issuer.ErrNotHolder)
	_, err = f.Collect(t.Context(), original.Identifier, "", bind)
	require.ErrorIs(t, err, issuer.ErrNotHolder)
	_, err = f.Collect(t.Context(), original.Identifier, c.HolderID, nil)
	require.Error(t, err)
	_, err = f.Collect(t.Context(), "1.2.156.3005.2.nothing", c.HolderID, bind)
	require.ErrorIs(t, err, issuer.ErrUnknown)

	copies := map[issuer.Slot]bool{c.Slot: true}
	salts := map[string]bool{}
	for range 3 {
		got, err := f.Collect(t.Context(), original.Identifier, c.HolderID, bind)
		require.NoError(t, err)
		vc, claims := f.verified(police, got.Credential)
		cnf, err := vc.Confirmation()
		require.NoError(t, err)
		require.True(t, bind.Equal(cnf))
		slot := slotOf(t, f, got.Credential)
		require.False(t, copies[slot], "a place of its own")
		copies[slot] = true
		for _, d := range vc.Disclosures {
			require.False(t, salts[d.Salt])
			salts[d.Salt] = true
		}
		require.Equal(t, original.Identifier, claims[issuer.ClaimIdentifier])
		require.Equal(t, claims["name"], c.Row.Holder.Name)
		status, _, known := f.lookup(slot)
		require.True(t, known)
		require.EqualValues(t, statuslist.Valid, status)
	}

	// What happens to the certificate happens to every copy.
	check := func(want statuslist.Status) {
		for slot := range copies {
			status, _, known := f.lookup(slot)
			require.True(t, known)
			require.Equal(t, want, statuslist.Status(status))
		}
	}
	_, err = f.move(issuer.Suspended, original.Identifier)
	require.NoError(t, err)
	check(statuslist.Suspended)
	late, err := f.Collect(t.Context(), original.Identifier, c.HolderID, bind)
	require.NoError(t, err)
	copies[slotOf(t, f, late.Credential)] = true
	check(statuslist.Suspended)
	_, err = f.move(issuer.Valid, original.Identifier)
	require.NoError(t, err)
	check(statuslist.Valid)
	_, err = f.move(issuer.Cancelled, original.Identifier)
	require.NoError(t, err)
	check(statuslist.Invalid)
	_, err = f.Collect(t.Context(), original.Identifier, c.HolderID, bind)
	require.ErrorIs(t, err, issuer.ErrTransition)
}

// How long a copy lives: 180 days, or until a predicate turns, or until the certificate ends.
func TestCopyDates(t *testing.T) {
	f := newFixture(t)
	bind := generate(t, key.SM2).Public()
	hour := start.Truncate(time.Hour)
	beijing := time.FixedZone("", 8*3600)
	r := row(t, "resident-id")
	birth, err := time.ParseInLocation(time.DateOnly, r.Claims["birth_date"].(string), beijing)
	require.NoError(t, err)
	_, err = f.Issue(t.Context(), order(police), r)
	require.NoError(t, err)
	held, err := f.Held(t.Context(), []string{holderID(r.Holder)})
	require.NoError(t, err)
	require.Len(t, held, 1)
	id, holder := held[0].Identifier, held[0].HolderID
	end, err := time.ParseInLocation(time.DateOnly, r.ValidUntil, beijing)
	require.NoError(t, err)
	end = end.AddDate(0, 0, 1)

	collect := func() (issuer.Copied, map[string]any) {
		got, err := f.Collect(t.Context(), id, holder, bind)
		require.NoError(t, err)
		_, claims := f.verified(police, got.Credential)
		var open struct {
			Expires int64 `json:"exp"`
		}
		vc, err := sdjwt.Parse(got.Credential, sdjwt.Type)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(vc.Token.Payload, &open))
		require.Equal(t, got.ExpiresAt.Unix(), open.Expires)
		return got, claims
	}

	got, claims := collect()
	require.Equal(t, true, claims["over_18"])
	require.True(t, got.ExpiresAt.Equal(hour.Add(180*24*time.Hour)), got.ExpiresAt)
	require.True(t, got.RefreshAt.Equal(hour.Add(173*24*time.Hour)), got.RefreshAt)

	// A predicate turns on a birthday (over_60), before the 180 days are over.
	turns := birth.AddDate(60, 0, 0)
	if turns.Before(end) {
		f.clock.Store(turns.Add(-10 * 24 * time.Hour).UnixNano())
		got, claims = collect()
		require.Equal(t, false, claims["over_60"])
		require.True(t, got.ExpiresAt.Equal(turns))
		require.True(t, got.RefreshAt.Equal(turns.Add(-time.Minute)))
		f.clock.Store(turns.UnixNano())
		_, claims = collect()
		require.Equal(t, true, claims["over_60"])
	}

	// The certificate itself ends.
	f.clock.Store(end.Add(-24 * time.Hour).UnixNano())
	got, _ = collect()
	require.True(t, got.ExpiresAt.Equal(end))
	// And has ended: the copy says so, and nobody collects it again for each show.
	f.clock.Store(end.Add(24 * time.Hour).UnixNano())
	got, _ = collect()
	require.True(t, got.ExpiresAt.Equal(end))
	require.True(t, got.RefreshAt.After(f.now().Add(100*24*time.Hour)))
}

func TestOriginals(t *testing.T) {
	f := newFixture(t)
	id := f.issueOne("k1").Identifier
	r := row(t, "resident-id")
	_, err := f.Issue(t.Context(), order(police), r)
	require.NoError(t, err)
	holder := licence(t).Holder
	holder.Name = "" // does not count

	for name, c := range map[string]struct {
		q    issuer.Query
		want int
	}{
		"identifier":              {issuer.Query{Identifier: id}, 1},
		"identifier and type":     {issuer.Query{Identifier: id, Type: "drivers-licence"}, 1},
		"identifier, other type":  {issuer.Query{Identifier: id, Type: "resident-id"}, 0},
		"unknown identifier":      {issuer.Query{Identifier: id[:len(id)-1]}, 0},
		"holder":                  {issuer.Query{Holder: holder, Type: "drivers-licence"}, 1},
		"holder, type not theirs": {issuer.Query{Holder: holder, Type: "business-licence"}, 0},
		"nobody":                  {issuer.Query{Holder: schemas.HolderRef{Type: "111", Number: "1"}}, 0},
	} {
		got, err := f.Originals(t.Context(), c.q)
		require.NoError(t, err, name)
		require.Len(t, got, c.want, name)
	}
	held, err := f.Held(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, held)
}
