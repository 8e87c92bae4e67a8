package storetest

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
)

// proofOf is the digest of a proof.
func proofOf(text string) []byte {
	sum := digestOf("proof-" + text)
	return sum[:]
}

// shownOnline is a check of an offline code that was made here.
func shownOnline(id, party, proof string) verifier.Verification {
	v := verification(id)
	v.ShowID, v.Ticket, v.Challenge, v.RequestKey, v.RequestHash = "", [32]byte{}, "", "", [32]byte{}
	v.Party, v.Proof = party, proofOf(proof)
	return v
}

// madeOffline is one that settles.
func madeOffline(id, party, proof string) verifier.Settling {
	v := shownOnline(id, party, proof)
	v.Via, v.Answer, v.SettledAt = verifier.ViaOffline, nil, durableStart.Add(time.Hour)
	return verifier.Settling{Verification: v, Shown: true, Said: verifier.Valid, BundleAsOf: durableStart.Add(-time.Hour)}
}

func durableSettlements(t *testing.T, open OpenDurable) {
	t.Run("whose a code was", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		c := store(t, s, person("row-1", "p"), person("row-2", "p"))
		withDevice(t, s, "p")
		stocks := [][]sdcwt.Serial{}
		for i := range c {
			w := stockOf("s"+strconv.Itoa(i), "p", c[i], 1)
			require.NoError(t, s.PutStock(ctx, w, 10))
			stocks = append(stocks, w.Serials)
		}
		_, err := s.OfflineCode(ctx, sdcwt.NewSerial())
		require.ErrorIs(t, err, verifier.ErrNoRecord)
		_, err = s.ChangeState(ctx, change(c[1], issuer.Suspended, issuer.Valid))
		require.NoError(t, err)
		devices, err := s.Devices(ctx, "p")
		require.NoError(t, err)
		again := subject.Again(t)
		for i, revoked := range []time.Time{{}, durableStart} {
			got, err := again.OfflineCode(ctx, stocks[i][0])
			require.NoError(t, err)
			require.Equal(t, devices[0].Key.Thumbprint(), got.Device.Thumbprint())
			got.Device = nil
			require.Equal(t, verifier.CodeState{Serial: stocks[i][0], Identifier: c[i].Identifier, HolderID: "p", PersonID: "p", RevokedAt: revoked}, got)
		}
		require.NoError(t, s.PrepareErasure(ctx, "p", "token", durableStart.Add(time.Minute)))
		_, err = s.Erase(ctx, "p", "token", durableStart)
		require.NoError(t, err)
		for i := range c {
			got, err := again.OfflineCode(ctx, stocks[i][0])
			require.NoError(t, err)
			require.Equal(t, verifier.CodeState{Serial: stocks[i][0], RevokedAt: durableStart}, got, "ours, and nobody's")
		}
		n, err := s.SweepCodes(ctx, durableStart.Add(24*time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		_, err = again.OfflineCode(ctx, stocks[0][0])
		require.ErrorIs(t, err, verifier.ErrNoRecord)
	})

	t.Run("a proof counts once here", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		want := shownOnline("v1", "bank-1", "x")
		want.RequestKey, want.RequestHash, want.Conflicts = "request", [32]byte{7}, []string{"conflict-said-valid"}
		require.NoError(t, s.Record(ctx, want))
		got, err := subject.Again(t).ByID(ctx, "v1")
		require.NoError(t, err)
		require.Equal(t, want, got)
		for _, party := range []string{"bank-1", "bank-2"} {
			require.ErrorIs(t, s.Record(ctx, shownOnline("v2", party, "x")), verifier.ErrSpent)
		}
		again := shownOnline("v2", "bank-1", "x")
		again.RequestKey = "request"
		require.ErrorIs(t, s.Record(ctx, again), verifier.ErrRequestReused, "it is to be answered")
		require.NoError(t, s.Record(ctx, shownOnline("v3", "bank-1", "y")))
		_, repeated, err := s.Settle(ctx, madeOffline("v4", "bank-1", "z"))
		require.NoError(t, err)
		require.False(t, repeated)
		require.ErrorIs(t, s.Record(ctx, shownOnline("v5", "bank-2", "z")), verifier.ErrSpent, "settled before")
	})

	t.Run("settled", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		settle := func(w verifier.Settling) (verifier.Verification, bool) {
			t.Helper()
			kept, repeated, err := s.Settle(ctx, w)
			require.NoError(t, err)
			return kept, repeated
		}
		conflicts := func(id string) []string {
			t.Helper()
			v, err := s.ByID(ctx, id)
			require.NoError(t, err)
			return v.Conflicts
		}
		want := madeOffline("a", "bank-1", "x")
		kept, repeated := settle(want)
		require.False(t, repeated)
		require.Equal(t, want.Verification, kept)
		got, err := subject.Again(t).ByID(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, want.Verification, got)
		kept, repeated = settle(madeOffline("b", "bank-1", "x"))
		require.True(t, repeated)
		require.Equal(t, "a", kept.ID)
		require.Empty(t, kept.Conflicts)

		// At another party.
		other := madeOffline("c", "bank-2", "x")
		other.Conflicts = []string{verifier.CodeRevokedBefore}
		kept, repeated = settle(other)
		require.False(t, repeated)
		require.Equal(t, []string{verifier.CodeRevokedBefore, verifier.CodeShownElsewhere}, kept.Conflicts)
		require.Equal(t, kept.Conflicts, conflicts("c"))
		require.Equal(t, []string{verifier.CodeShownElsewhere}, conflicts("a"))
		kept, repeated = settle(madeOffline("d", "bank-1", "x"))
		require.True(t, repeated)
		require.Equal(t, []string{verifier.CodeShownElsewhere}, kept.Conflicts, "told when it comes again")

		// A second time at the same party, unless the counter itself saw that.
		replay := madeOffline("e", "bank-3", "y")
		settle(replay)
		replay.ID, replay.At, replay.SaidReasons = "f", replay.At.Add(time.Second), []string{verifier.CodeReplayed}
		kept, repeated = settle(replay)
		require.True(t, repeated)
		require.Empty(t, kept.Conflicts)
		replay.SaidReasons = nil
		for range 2 {
			kept, repeated = settle(replay)
			require.True(t, repeated)
			require.Equal(t, []string{verifier.CodeShownElsewhere}, kept.Conflicts)
		}

		// What no device showed is no conflict.
		forged := madeOffline("k", "bank-1", "forged")
		forged.Shown = false
		settle(forged)
		forged.ID, forged.Party = "l", "bank-2"
		kept, _ = settle(forged)
		require.Empty(t, kept.Conflicts)
		forged.At = forged.At.Add(time.Second)
		kept, repeated = settle(forged)
		require.True(t, repeated)
		require.Empty(t, kept.Conflicts)

		// Here, and then offline.
		require.NoError(t, s.Record(ctx, shownOnline("g", "bank-1", "z")))
		kept, repeated = settle(madeOffline("h", "bank-2", "z"))
		require.False(t, repeated)
		require.Equal(t, []string{verifier.CodeShownOnline}, kept.Conflicts)
		require.Equal(t, []string{verifier.CodeShownElsewhere}, conflicts("g"))
		kept, repeated = settle(madeOffline("i", "bank-1", "z"))
		require.True(t, repeated)
		require.Equal(t, "g", kept.ID)
		require.Equal(t, []string{verifier.CodeShownElsewhere, verifier.CodeShownOnline}, kept.Conflicts)
	})

	t.Run("a code that moved", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		c := store(t, s, person("row-1", "p"))
		withDevice(t, s, "p")
		w := stockOf("s", "p", c[0], 1)
		require.NoError(t, s.PutStock(ctx, w, 10))
		state, err := s.OfflineCode(ctx, w.Serials[0])
		require.NoError(t, err)
		online, offline := shownOnline("a", "bank-1", "x"), madeOffline("b", "bank-1", "y")
		online.Code, offline.Code = &state, &state
		require.NoError(t, s.Record(ctx, online))
		_, _, err = s.Settle(ctx, offline)
		require.NoError(t, err)
		_, err = s.KillDevices(ctx, kill("p", "d-p"))
		require.NoError(t, err)
		online.ID, online.Proof, offline.ID, offline.Proof = "c", proofOf("c"), "d", proofOf("d")
		require.ErrorIs(t, s.Record(ctx, online), verifier.ErrCodeMoved)
		_, _, err = s.Settle(ctx, offline)
		require.ErrorIs(t, err, verifier.ErrCodeMoved)
		for _, id := range []string{"c", "d"} {
			_, err = s.ByID(ctx, id)
			require.ErrorIs(t, err, verifier.ErrNoRecord)
		}
	})

	t.Run("at once", func(t *testing.T) { settledAtOnce(t, open) })
}

// settledAtOnce has three parties, over two stores, settle and check the same proofs.
func settledAtOnce(t *testing.T, open OpenDurable) {
	subject := openDurable(t, open)
	ctx := background(t)
	stores := []DurableStore{subject.Store, subject.Again(t)}
	const proofs, parties = 5, 3
	together(4*proofs*parties, func(i int) {
		proof, party, s := "p"+strconv.Itoa(i%proofs), "bank-"+strconv.Itoa(i/proofs%parties), stores[i%2]
		id := "v" + strconv.Itoa(i)
		if party == "bank-0" {
			if err := s.Record(ctx, shownOnline(id, party, proof)); err != nil && !errors.Is(err, verifier.ErrSpent) {
				t.Error(err)
			}
			return
		}
		if _, _, err := s.Settle(ctx, madeOffline(id, party, proof)); err != nil {
			t.Error(err)
		}
	})
	for p := range proofs {
		found := map[string]verifier.Verification{}
		for i := range 4 * proofs * parties {
			v, err := stores[0].ByID(ctx, "v"+strconv.Itoa(i))
			if errors.Is(err, verifier.ErrNoRecord) || err == nil && string(v.Proof) != string(proofOf("p"+strconv.Itoa(p))) {
				continue
			}
			require.NoError(t, err)
			require.NotContains(t, found, v.Party, "one for each party")
			found[v.Party] = v
		}
		require.Contains(t, found, "bank-1")
		require.Contains(t, found, "bank-2")
		for party, v := range found {
			require.NotEmpty(t, v.Conflicts, party)
		}
	}
}
