package issuer_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

// recorder is who records serials.
type recorder struct {
	ends []time.Time
	err  error
}

func (r *recorder) record(_ context.Context, expires time.Time) error {
	r.ends = append(r.ends, expires)
	return r.err
}

func offlineOrder(f *fixture, identifier, view string, device *key.Public) issuer.OfflineOrder {
	return issuer.OfflineOrder{Identifier: identifier, HolderID: f.certificate(identifier).HolderID, View: view, Device: device, Serials: []sdcwt.Serial{sdcwt.NewSerial(), sdcwt.NewSerial()}}
}

func TestOffline(t *testing.T) {
	f := newFixture(t)
	one := f.issueOne("k1")
	for _, a := range []key.Algorithm{key.ES256, key.SM2} {
		device := generate(t, a)
		o := offlineOrder(f, one.Identifier, "may-drive-c1", device.Public())
		var r recorder
		got, err := f.Offline(t.Context(), o, r.record)
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.Equal(t, []time.Time{start.Truncate(time.Hour).Add(24 * time.Hour)}, r.ends, "whole hours: what was fetched when is not told")
		for i, cwt := range got {
			token, err := sdcwt.ParseCWT(cwt)
			require.NoError(t, err)
			require.NoError(t, token.VerifyIssuer(f.registry.authorities[police].Signer.Public()))
			require.NoError(t, token.VerifyDates(f.now()))
			c := token.Claims
			require.Equal(t, o.Serials[i], c.Serial)
			require.True(t, c.Device.Equal(device.Public()))
			require.Equal(t, start.Truncate(time.Hour), c.IssuedAt.UTC())
			require.Equal(t, r.ends[0], c.Expires.UTC())
			require.Equal(t, licence(t).Region, c.View.Region)
			read, err := f.catalogue.ReadOffline(schemas.OfflineView{Type: c.View.Type, Version: c.View.Version, View: c.View.View, Values: c.View.Values}, f.now())
			require.NoError(t, err)
			require.Equal(t, "drivers-licence", read.Type.ID)
			require.Equal(t, "may-drive-c1", read.View.Name)
			require.Equal(t, true, read.Claims()["may_drive_c1"])
			require.NotContains(t, read.Claims(), "id_number")

			// And it can be shown.
			code, err := sdcwt.Prove(t.Context(), device, cwt, sdcwt.Proof{Audience: "any", IssuedAt: f.now()})
			require.NoError(t, err)
			shown, err := sdcwt.Parse(code)
			require.NoError(t, err)
			require.NoError(t, shown.VerifyProof(sdcwt.Expect{Now: f.now(), Audiences: []string{"any"}}))
		}
	}
}

// Every offline view of every type of the demo can be made.
func TestOfflineViews(t *testing.T) {
	f := newFixture(t)
	device := generate(t, key.ES256).Public()
	for id, r := range demo() {
		authority := police
		for name, a := range f.registry.authorities {
			if slices.Contains(a.Types, id) {
				authority = name
			}
		}
		r.Key = "offline-" + id
		got, err := f.Issue(t.Context(), order(authority), r)
		require.NoError(t, err, id)
		typ, err := f.catalogue.Type(id)
		require.NoError(t, err)
		for _, view := range typ.Offline.Views {
			cwts, err := f.Offline(t.Context(), offlineOrder(f, got.Identifier, view, device), (&recorder{}).record)
			require.NoError(t, err, "%s of %s", view, id)
			require.Len(t, cwts, 2)
		}
	}
}

// A code does not outlive the certificate, or the right of who shows it.
func TestOfflineEnds(t *testing.T) {
	last, err := time.ParseInLocation(time.DateOnly, licence(t).ValidUntil, time.FixedZone("", 8*60*60))
	require.NoError(t, err)
	end := last.AddDate(0, 0, 1)
	day := start.Truncate(time.Hour).Add(24 * time.Hour)
	for name, tc := range map[string]struct{ now, notAfter, want time.Time }{
		"a day":             {now: start, want: day},
		"the certificate's": {now: end.Add(-90 * time.Minute), want: end},
		"the agent's":       {now: start, notAfter: start.Add(90 * time.Minute), want: start.Add(90 * time.Minute)},
		"of a later right":  {now: start, notAfter: day.Add(time.Second), want: day},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			o := offlineOrder(f, f.issueOne("k").Identifier, "may-drive-c1", generate(t, key.ES256).Public())
			f.clock.Store(tc.now.UnixNano())
			o.NotAfter = tc.notAfter
			var r recorder
			_, err := f.Offline(t.Context(), o, r.record)
			require.NoError(t, err)
			require.Equal(t, tc.want.UTC(), r.ends[0].UTC())
		})
	}
}

// Who turns 18 tomorrow does not have it told by the end of a code; who is 18 has it said.
func TestOfflineBirthday(t *testing.T) {
	f := newFixture(t)
	number := "43010220081123001" // born on 2008-11-23
	sum := 0
	for i, weight := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += weight * int(number[i]-'0')
	}
	number += string("10X98765432"[sum%11])
	r := row(t, "resident-id")
	r.Key, r.Holder.Number, r.Number, r.IssuedOn, r.ValidFrom, r.ValidUntil = "young", number, number, "2026-01-05", "2026-01-05", "2036-01-05"
	r.Claims["id_number"], r.Claims["birth_date"], r.Claims["sex"] = number, "2008-11-23", "1"
	got, err := f.Issue(t.Context(), order(police), r)
	require.NoError(t, err)
	for i, over := range []bool{false, true} {
		o := offlineOrder(f, got.Identifier, "over-18", generate(t, key.ES256).Public())
		var rec recorder
		cwts, err := f.Offline(t.Context(), o, rec.record)
		require.NoError(t, err)
		require.Equal(t, start.Truncate(time.Hour).Add(time.Duration(i+1)*24*time.Hour), rec.ends[0].UTC())
		token, err := sdcwt.ParseCWT(cwts[0])
		require.NoError(t, err)
		v := token.Claims.View
		read, err := f.catalogue.ReadOffline(schemas.OfflineView{Type: v.Type, Version: v.Version, View: v.View, Values: v.Values}, f.now())
		require.NoError(t, err)
		require.Equal(t, over, read.Claims()["over_18"])
		f.pass(24 * time.Hour)
	}
}

func TestOfflineRefuses(t *testing.T) {
	device := generate(t, key.ES256).Public()
	change := func(f *fixture, id string, do func(context.Context, issuer.StateChange) (issuer.Changed, error)) {
		_, err := do(f.t.Context(), issuer.StateChange{Authority: police, Identifier: id, By: "x"})
		require.NoError(f.t, err)
	}
	broken := errors.New("the disk is full")
	for name, tc := range map[string]struct {
		edit     func(*fixture, *issuer.OfflineOrder)
		record   error
		want     error
		recorded int
	}{
		"another holder":   {edit: func(_ *fixture, o *issuer.OfflineOrder) { o.HolderID = "x" }, want: issuer.ErrNotHolder},
		"no holder":        {edit: func(_ *fixture, o *issuer.OfflineOrder) { o.HolderID = "" }, want: issuer.ErrNotHolder},
		"unknown":          {edit: func(_ *fixture, o *issuer.OfflineOrder) { o.Identifier = "x" }, want: issuer.ErrUnknown},
		"view for the net": {edit: func(_ *fixture, o *issuer.OfflineOrder) { o.View = "full" }, want: schemas.ErrOfflineView},
		"suspended":        {edit: func(f *fixture, o *issuer.OfflineOrder) { change(f, o.Identifier, f.Suspend) }, want: issuer.ErrNotValid},
		"ended": {edit: func(f *fixture, o *issuer.OfflineOrder) {
			change(f, o.Identifier, func(ctx context.Context, c issuer.StateChange) (issuer.Changed, error) {
				return f.End(ctx, c, issuer.Revoked)
			})
		}, want: issuer.ErrTransition},
		"authority frozen": {edit: func(f *fixture, _ *issuer.OfflineOrder) {
			f.registry.change(police, func(a *issuer.Authority) { a.Frozen = true })
		}, want: issuer.ErrIssuerFrozen},
		"key frozen": {edit: func(f *fixture, _ *issuer.OfflineOrder) {
			f.registry.change(police, func(a *issuer.Authority) { a.Signer = nil })
		}, want: issuer.ErrNoSigner},
		"type frozen": {edit: func(f *fixture, _ *issuer.OfflineOrder) { f.registry.frozenTypes["drivers-licence"] = true }, want: issuer.ErrTypeFrozen},
		"region frozen": {edit: func(f *fixture, _ *issuer.OfflineOrder) {
			f.registry.change(police, func(a *issuer.Authority) { a.StoppedRegions = []string{"430000"} })
		}, want: issuer.ErrRegionFrozen},
		"everything frozen": {edit: func(f *fixture, _ *issuer.OfflineOrder) {
			f.registry.change(police, func(a *issuer.Authority) { a.StoppedAll = true })
		}, want: issuer.ErrAllFrozen},
		"out of date":   {edit: func(f *fixture, _ *issuer.OfflineOrder) { f.pass(100 * 365 * 24 * time.Hour) }, want: issuer.ErrNotValid},
		"right is over": {edit: func(f *fixture, o *issuer.OfflineOrder) { o.NotAfter = f.now() }, want: issuer.ErrNotValid},
		"not recorded":  {record: broken, want: broken, recorded: 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			one := f.issueOne("k1")
			o := offlineOrder(f, one.Identifier, "identity", device)
			if tc.edit != nil {
				tc.edit(f, &o)
			}
			r := recorder{err: tc.record}
			got, err := f.Offline(t.Context(), o, r.record)
			require.ErrorIs(t, err, tc.want)
			require.Empty(t, got, "nothing is signed that is not recorded")
			require.Len(t, r.ends, tc.recorded)
		})
	}
	f := newFixture(t)
	one := f.issueOne("k1")
	for _, edit := range []func(*issuer.OfflineOrder){func(o *issuer.OfflineOrder) { o.Device = nil }, func(o *issuer.OfflineOrder) { o.Serials = nil }} {
		o := offlineOrder(f, one.Identifier, "identity", device)
		edit(&o)
		_, err := f.Offline(t.Context(), o, (&recorder{}).record)
		require.Error(t, err)
	}
}
