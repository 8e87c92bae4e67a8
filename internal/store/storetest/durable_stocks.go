package storetest

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

// stockOf is a stock of a certificate for the device "d-" and the person's id.
func stockOf(id, person string, c issuer.NewCertificate, n int) wallet.Stocked {
	t := wallet.Stocked{
		ID: id, At: durableStart, HolderID: c.HolderID, PersonID: person, DeviceID: "d-" + person, Session: "session-" + person, Identifier: c.Identifier,
		Type: "resident-id", View: "identity", Fields: []string{"name", "id_number"}, Codes: n, ExpiresAt: durableStart.Add(23 * time.Hour),
	}
	for range n {
		t.Serials = append(t.Serials, sdcwt.NewSerial())
	}
	return t
}

// withDevice signs somebody in and gives her a device.
func withDevice(t *testing.T, s DurableStore, person string) {
	t.Helper()
	signedIn(t, s, person)
	require.NoError(t, s.AddDevice(t.Context(), deviceOf(t, "d-"+person, person), 10))
}

// standing are the serials that a person's device may still show.
func standing(t *testing.T, s DurableStore, person string) (all []wallet.Serial) {
	t.Helper()
	groups, err := s.Standing(t.Context(), person, "d-"+person, durableStart)
	require.NoError(t, err)
	for _, g := range groups {
		all = append(all, g.Serials...)
	}
	return all
}

// revoked are all serials of the sequence, whose numbers must be without a gap.
func revoked(t *testing.T, s DurableStore) (all []wallet.Serial) {
	t.Helper()
	var after uint64
	for {
		head, page, err := s.RevokedSerials(t.Context(), after, durableStart, 3)
		require.NoError(t, err)
		for _, r := range page {
			require.Equal(t, after+1, r.Seq)
			require.Equal(t, durableStart.Add(23*time.Hour), r.ExpiresAt)
			after = r.Seq
			all = append(all, r.Serial)
		}
		if len(page) == 0 {
			require.Equal(t, head, after)
			return all
		}
	}
}

func durableStocks(t *testing.T, open OpenDurable) {
	t.Run("given, and told", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		c := store(t, s, person("row-1", "p"), person("row-2", "p"))
		withDevice(t, s, "p")
		withDevice(t, s, "q")
		first, second := stockOf("one", "p", c[0], 3), stockOf("two", "p", c[1], 2)
		second.At = durableStart.Add(time.Second)
		require.NoError(t, s.PutStock(ctx, first, 6))
		require.NoError(t, s.PutStock(ctx, second, 6))
		require.ErrorIs(t, s.PutStock(ctx, stockOf("three", "p", c[0], 2), 6), wallet.ErrStockFull)
		require.ElementsMatch(t, append(slices.Clone(first.Serials), second.Serials...), standing(t, subject.Again(t), "p"))
		none, err := s.Standing(ctx, "q", "d-p", durableStart)
		require.NoError(t, err)
		require.Empty(t, none, "not hers")
		none, err = s.Standing(ctx, "p", "d-p", first.ExpiresAt)
		require.NoError(t, err)
		require.Empty(t, none, "expired")

		devices, err := s.Devices(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, second.At, devices[0].UsedAt)
		told := func(w wallet.Stocked) wallet.Stocked { w.Session, w.Serials = "", nil; return w }
		got, err := s.Stocked(ctx, "p", "", wallet.Cursor{At: durableStart.Add(time.Hour)}, 10)
		require.NoError(t, err)
		require.Equal(t, []wallet.Stocked{told(second), told(first)}, got)
		got, err = s.Stocked(ctx, "p", "p", wallet.Cursor{At: second.At, ID: second.ID}, 10)
		require.NoError(t, err)
		require.Equal(t, []wallet.Stocked{told(first)}, got)
		got, err = s.Stocked(ctx, "p", "q", wallet.Cursor{At: durableStart.Add(time.Hour)}, 10)
		require.NoError(t, err)
		require.Empty(t, got)
		require.Empty(t, revoked(t, s))
	})

	t.Run("refused", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		c := store(t, s, person("row-1", "p"), person("row-2", "p"), person("row-3", "p"))
		withDevice(t, s, "p")
		withDevice(t, s, "q")
		_, err := s.ChangeState(ctx, change(c[1], issuer.Suspended, issuer.Valid))
		require.NoError(t, err)
		_, err = s.ChangeState(ctx, change(c[2], issuer.Cancelled, issuer.Valid))
		require.NoError(t, err)
		for name, tc := range map[string]struct {
			edit func(*wallet.Stocked)
			want error
		}{
			"another holder's":       {func(w *wallet.Stocked) { w.HolderID = "q" }, wallet.ErrHoldingUnknown},
			"nobody's certificate":   {func(w *wallet.Stocked) { w.Identifier = "none" }, wallet.ErrHoldingUnknown},
			"suspended":              {func(w *wallet.Stocked) { w.Identifier = c[1].Identifier }, wallet.ErrHoldingSuspended},
			"ended":                  {func(w *wallet.Stocked) { w.Identifier = c[2].Identifier }, wallet.ErrHoldingEnded},
			"session over":           {func(w *wallet.Stocked) { w.Session = "none" }, wallet.ErrSessionOver},
			"another's session":      {func(w *wallet.Stocked) { w.Session = "session-q" }, wallet.ErrSessionOver},
			"another's device":       {func(w *wallet.Stocked) { w.DeviceID = "d-q" }, wallet.ErrDeviceUnknown},
			"no device":              {func(w *wallet.Stocked) { w.DeviceID = "none" }, wallet.ErrDeviceUnknown},
			"more than a device may": {func(w *wallet.Stocked) { w.Serials = make([]wallet.Serial, 11) }, wallet.ErrStockFull},
		} {
			w := stockOf("s", "p", c[0], 2)
			tc.edit(&w)
			require.ErrorIs(t, s.PutStock(ctx, w, 10), tc.want, name)
		}
		_, err = s.KillDevices(ctx, kill("p", "d-p"))
		require.NoError(t, err)
		require.ErrorIs(t, s.PutStock(ctx, stockOf("s", "p", c[0], 2), 10), wallet.ErrDeviceKilled)
		require.Empty(t, standing(t, s, "p"))
		got, err := s.Stocked(ctx, "p", "", wallet.Cursor{At: durableStart.Add(time.Hour)}, 10)
		require.NoError(t, err)
		require.Empty(t, got)
	})

	t.Run("swept", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		c := store(t, s, person("row-1", "p"))
		withDevice(t, s, "p")
		for i := range 2 {
			require.NoError(t, s.PutStock(ctx, stockOf("s"+strconv.Itoa(i), "p", c[0], 2), 10))
			if i == 0 {
				_, err := s.ChangeState(ctx, change(c[0], issuer.Suspended, issuer.Valid))
				require.NoError(t, err)
				_, err = s.ChangeState(ctx, change(c[0], issuer.Valid, issuer.Suspended))
				require.NoError(t, err)
			}
		}
		for _, sweep := range []struct {
			run  func(context.Context, time.Time) (int64, error)
			rows int64
		}{{s.SweepSerials, 2}, {s.SweepCodes, 4}} {
			n, err := sweep.run(ctx, durableStart.Add(23*time.Hour))
			require.NoError(t, err)
			require.Zero(t, n)
			n, err = sweep.run(ctx, durableStart.Add(24*time.Hour))
			require.NoError(t, err)
			require.Equal(t, sweep.rows, n)
		}
		head, page, err := s.RevokedSerials(ctx, 0, durableStart, 10)
		require.NoError(t, err)
		require.EqualValues(t, 2, head, "numbers are not given twice")
		require.Empty(t, page)
		n, err := s.SweepStocks(ctx, durableStart.Add(time.Second))
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
	})
}

// durableSerials tries everything that ends the right to show a code.
func durableSerials(t *testing.T, open OpenDurable) {
	type scene struct {
		s    DurableStore
		c    []issuer.NewCertificate // two of hers, one of somebody else's
		mine [][]wallet.Serial
	}
	for name, tc := range map[string]struct {
		do   func(t *testing.T, v scene) error
		gone []int // of the certificates
	}{
		"suspended": {func(t *testing.T, v scene) error {
			_, err := v.s.ChangeState(t.Context(), change(v.c[0], issuer.Suspended, issuer.Valid))
			return err
		}, []int{0}},
		"revoked": {func(t *testing.T, v scene) error {
			_, err := v.s.ChangeState(t.Context(), change(v.c[1], issuer.Revoked, issuer.Valid))
			return err
		}, []int{1}},
		"revoked in bulk": {func(t *testing.T, v scene) error {
			_, err := v.s.Commit(t.Context(), issuer.Batch{Authority: "hunan-police", Changes: []issuer.BulkChange{
				{Change: change(v.c[0], issuer.Cancelled, issuer.Valid), Line: 1}, {Change: change(v.c[1], issuer.Cancelled, issuer.Valid), Line: 2},
			}})
			return err
		}, []int{0, 1}},
		"replaced": {func(t *testing.T, v scene) error {
			next := person("row-1-2", "p")
			next.Replaces = v.c[0].Identifier
			r, err := v.s.Reserve(t.Context(), "hunan-police", nil, 1)
			require.NoError(t, err)
			next.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}
			done, err := v.s.Commit(t.Context(), issuer.Batch{Authority: "hunan-police", Certificates: []issuer.NewCertificate{next}})
			require.NoError(t, err)
			return done[0].Err
		}, []int{0}},
		"device killed": {func(t *testing.T, v scene) error {
			_, err := v.s.KillDevices(t.Context(), kill("p", "d-p"))
			return err
		}, []int{0, 1}},
		"all devices":           {func(t *testing.T, v scene) error { _, err := v.s.KillDevices(t.Context(), kill("p", "")); return err }, []int{0, 1}},
		"signed out":            {func(t *testing.T, v scene) error { return v.s.EndSession(t.Context(), "session-p") }, []int{0, 1}},
		"signed out everywhere": {func(t *testing.T, v scene) error { _, err := v.s.EndSessions(t.Context(), "p"); return err }, []int{0, 1}},
		"withdrawn for a certificate": {func(t *testing.T, v scene) error {
			_, err := v.s.PutWithdrawal(t.Context(), wallet.Withdrawal{ID: "w", PersonID: "p", Certificate: v.c[1].Identifier, At: durableStart})
			return err
		}, []int{1}},
		"withdrawn from a party": {func(t *testing.T, v scene) error {
			_, err := v.s.PutWithdrawal(t.Context(), wallet.Withdrawal{ID: "w", PersonID: "p", Party: "bank", At: durableStart})
			return err
		}, []int{0, 1}},
		"erased": {func(t *testing.T, v scene) error {
			require.NoError(t, v.s.PrepareErasure(t.Context(), "p", "token", durableStart.Add(time.Minute)))
			_, err := v.s.Erase(t.Context(), "p", "token", durableStart)
			return err
		}, []int{0, 1}},
		"another's certificate": {func(t *testing.T, v scene) error {
			_, err := v.s.ChangeState(t.Context(), change(v.c[2], issuer.Revoked, issuer.Valid))
			return err
		}, []int{2}},
		"nothing": {func(t *testing.T, v scene) error {
			_, err := v.s.ChangeState(t.Context(), change(v.c[0], issuer.Suspended, issuer.Suspended))
			require.ErrorIs(t, err, issuer.ErrTransition)
			return v.s.StepUpSession(t.Context(), "session-p", durableStart)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			subject := openDurable(t, open)
			v := scene{s: subject.Store}
			v.c = store(t, v.s, person("row-1", "p"), person("row-2", "p"), person("row-3", "q"))
			withDevice(t, v.s, "p")
			withDevice(t, v.s, "q")
			for i, c := range v.c {
				w := stockOf("s"+strconv.Itoa(i), c.HolderID, c, 2)
				require.NoError(t, v.s.PutStock(t.Context(), w, 10))
				v.mine = append(v.mine, w.Serials)
			}
			require.NoError(t, tc.do(t, v))
			var gone, left []wallet.Serial
			for i, serials := range v.mine {
				if slices.Contains(tc.gone, i) {
					gone = append(gone, serials...)
				} else {
					left = append(left, serials...)
				}
			}
			again := subject.Again(t)
			require.ElementsMatch(t, gone, revoked(t, again))
			require.ElementsMatch(t, left, append(standing(t, again, "p"), standing(t, again, "q")...))
		})
	}

	t.Run("of a company", func(t *testing.T) { serialsOfCompany(t, open) })
	t.Run("at once", func(t *testing.T) { serialsAtOnce(t, open) })
}
