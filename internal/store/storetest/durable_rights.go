package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

func filing(id, verification string, side rights.Side, at time.Time) rights.Filing {
	f := rights.Filing{Dispute: rights.Dispute{ID: id, Verification: verification, Side: side, Reason: "原因 " + id, State: rights.Open, FiledAt: at}, Holders: []string{"other", "h"}}
	if side == rights.SideParty {
		f.Party, f.FiledBy, f.Holders = "bank-1", "client-1", nil
	}
	return f
}

func durableDisputes(t *testing.T, open OpenDurable) {
	t.Run("filed, seen and answered", func(t *testing.T) {
		subject := openDurable(t, open)
		s := subject.Store
		ctx := t.Context()
		require.NoError(t, s.Record(ctx, verification("v1")))
		at := durableStart.Add(time.Hour)
		d, err := s.FileDispute(ctx, filing("d1", "v1", rights.SideHolder, at))
		require.NoError(t, err)
		require.Equal(t, "h", d.Holder)
		require.Equal(t, "bank-1", d.Party)
		_, err = s.FileDispute(ctx, filing("d2", "v1", rights.SideParty, at.Add(time.Second)))
		require.NoError(t, err, "each side has its own")
		_, err = s.FileDispute(ctx, filing("d3", "v1", rights.SideHolder, at))
		require.ErrorIs(t, err, rights.ErrDisputed)
		for _, f := range []rights.Filing{
			filing("d4", "none", rights.SideHolder, at), {Dispute: filing("d4", "v1", rights.SideHolder, at).Dispute, Holders: []string{"another", ""}},
			{Dispute: rights.Dispute{ID: "d4", Verification: "v1", Side: rights.SideParty, Party: "bank-2"}},
		} {
			_, err = s.FileDispute(ctx, f)
			require.ErrorIs(t, err, rights.ErrLookUnknown)
		}
		all, err := subject.Again(t).DisputesOf(ctx, "v1")
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, d, all[0])
		mine, err := s.DisputesBy(ctx, "h")
		require.NoError(t, err)
		require.Equal(t, []rights.Dispute{d}, mine)
		looks, err := s.Looks(ctx, "h", wallet.Cursor{At: at}, 1)
		require.NoError(t, err)
		require.Equal(t, "open", looks[0].Disputed)

		done, err := s.AnswerDispute(ctx, "d1", rights.Upheld, "有理", "operator", at.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, rights.Upheld, done.State)
		require.Equal(t, "有理", done.Answer)
		_, err = s.AnswerDispute(ctx, "d1", rights.Rejected, "x", "operator", at)
		require.ErrorIs(t, err, rights.ErrDisputeClosed)
		_, err = s.AnswerDispute(ctx, "d9", rights.Rejected, "x", "operator", at)
		require.ErrorIs(t, err, rights.ErrDisputeUnknown)
		for i := range rights.MaxPerLook - 1 {
			id := numbered("more", i)
			_, err := s.FileDispute(ctx, filing(id, "v1", rights.SideHolder, at))
			require.NoError(t, err)
			_, err = s.AnswerDispute(ctx, id, rights.Rejected, "x", "operator", at)
			require.NoError(t, err)
		}
		_, err = s.FileDispute(ctx, filing("d5", "v1", rights.SideHolder, at))
		require.ErrorIs(t, err, rights.ErrTooMany)
	})

	t.Run("one of many at once", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := background(t)
		require.NoError(t, s.Record(ctx, verification("v1")))
		var fates tally
		together(16, func(i int) {
			_, err := s.FileDispute(ctx, filing(numbered("d", i), "v1", rights.SideHolder, durableStart))
			if err == nil {
				fates.add("filed")
			} else {
				fates.add(err.Error())
			}
		})
		require.Equal(t, map[string]int{"filed": 1, rights.ErrDisputed.Error(): 15}, fates.counts)
	})

	t.Run("listed without losing any of one moment", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		var want []string
		for i := range 7 {
			id := numbered("v", i)
			require.NoError(t, s.Record(ctx, verification(id)))
			_, err := s.FileDispute(ctx, filing("d"+id, id, rights.SideHolder, durableStart.Add(time.Duration(i/4)*time.Second)))
			require.NoError(t, err)
			want = append(want, "d"+id)
		}
		var got []string
		var after rights.Place
		for {
			page, err := s.ListDisputes(ctx, rights.Open, after, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				got, after = append(got, d.ID), rights.Place{At: d.FiledAt, ID: d.ID}
			}
		}
		require.Equal(t, want, got)
		none, err := s.ListDisputes(ctx, rights.Upheld, rights.Place{}, 10)
		require.NoError(t, err)
		require.Empty(t, none)
		all, err := s.ListDisputes(ctx, "", rights.Place{}, 10)
		require.NoError(t, err)
		require.Len(t, all, 7)
	})

	t.Run("what is disputed is kept", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		for _, id := range []string{"v1", "v2"} {
			require.NoError(t, s.Record(ctx, verification(id)))
		}
		_, err := s.FileDispute(ctx, filing("d1", "v1", rights.SideHolder, durableStart))
		require.NoError(t, err)
		late := durableStart.AddDate(5, 0, 0)
		_, records, err := s.Sweep(ctx, late, late)
		require.NoError(t, err)
		require.EqualValues(t, 1, records)
		kept, err := s.ByID(ctx, "v1")
		require.NoError(t, err)
		require.NotEmpty(t, kept.Receipt, "with its receipt")
		_, err = s.AnswerDispute(ctx, "d1", rights.Rejected, "x", "operator", late)
		require.NoError(t, err)
		_, records, err = s.Sweep(ctx, late, late)
		require.NoError(t, err)
		require.EqualValues(t, 1, records)
		all, err := s.DisputesOf(ctx, "v1")
		require.NoError(t, err)
		require.Empty(t, all, "goes with the record")
	})
}

func durableErasures(t *testing.T, open OpenDurable) {
	t.Run("a person", func(t *testing.T) {
		subject := openDurable(t, open)
		s := subject.Store
		ctx := t.Context()
		for _, holder := range []string{"h", "h2"} {
			v := verification("v-" + holder)
			v.HolderID, v.PersonID = holder, holder
			require.NoError(t, s.Record(ctx, v))
			require.NoError(t, s.PutCopy(ctx, wallet.Copy{HolderID: holder, Identifier: "id", Credential: "eyJ~", RefreshAt: durableStart, CreatedAt: durableStart}))
			f := filing("d-"+holder, v.ID, rights.SideHolder, durableStart)
			f.Holders = []string{holder}
			_, err := s.FileDispute(ctx, f)
			require.NoError(t, err)
		}
		_, err := s.FileDispute(ctx, filing("d-party", "v-h", rights.SideParty, durableStart))
		require.NoError(t, err)
		require.NoError(t, s.NoteExport(ctx, "h", durableStart, durableStart.Add(-time.Hour), 1))
		require.ErrorIs(t, s.NoteExport(ctx, "h", durableStart, durableStart.Add(-time.Hour), 1), rights.ErrTooOften)
		require.NoError(t, s.NoteExport(ctx, "h", durableStart.Add(2*time.Hour), durableStart, 1), "another day")

		until := durableStart.Add(time.Minute)
		require.NoError(t, s.PrepareErasure(ctx, "h", "token", until))
		for _, try := range []struct {
			holder, token string
			at            time.Time
		}{{"h", "other", durableStart}, {"h2", "token", durableStart}, {"", "token", durableStart}, {"h", "token", until}} {
			_, err := s.Erase(ctx, try.holder, try.token, try.at)
			require.ErrorIs(t, err, rights.ErrConfirmation)
		}
		_, err = s.PutWithdrawal(ctx, wallet.Withdrawal{ID: "w", PersonID: "h", Party: "bank", At: durableStart})
		require.NoError(t, err)
		done, err := s.Erase(ctx, "h", "token", durableStart)
		require.NoError(t, err)
		counts := map[string]int64{}
		for _, e := range done {
			require.NotContains(t, counts, e.What, "told once")
			counts[e.What] = e.Rows
		}
		require.EqualValues(t, 1, counts["withdrawals"])
		require.EqualValues(t, 1, counts["links of verifications"])
		_, err = s.Erase(ctx, "h", "token", durableStart)
		require.ErrorIs(t, err, rights.ErrConfirmation, "once")

		s = subject.Again(t)
		_, err = s.Copy(ctx, "h", "id")
		require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
		looks, err := s.Looks(ctx, "h", wallet.Cursor{At: durableStart.Add(time.Hour)}, 10)
		require.NoError(t, err)
		require.Empty(t, looks)
		v, err := s.ByID(ctx, "v-h")
		require.NoError(t, err)
		require.Empty(t, v.HolderID+v.PersonID+v.Identifier+string(v.Answer))
		require.NotEmpty(t, v.Receipt, "the party's")
		again := verification("v-again")
		again.Ticket = v.Ticket
		require.ErrorIs(t, s.Record(ctx, again), verifier.ErrSpent, "a spent code stays spent")
		about, err := s.DisputesOf(ctx, "v-h")
		require.NoError(t, err)
		require.Len(t, about, 2)
		for _, d := range about {
			require.Empty(t, d.Holder)
			if d.Side == rights.SideHolder {
				require.Equal(t, rights.Withdrawn, d.State)
				require.Empty(t, d.Reason)
			} else {
				require.Equal(t, rights.Open, d.State)
				require.NotEmpty(t, d.Reason)
			}
		}
		_, err = s.Copy(ctx, "h2", "id")
		require.NoError(t, err, "nobody else's")
		looks, err = s.Looks(ctx, "h2", wallet.Cursor{At: durableStart.Add(time.Hour)}, 10)
		require.NoError(t, err)
		require.Len(t, looks, 1)
	})

	t.Run("an ended certificate", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		c := store(t, s, person("row-1", "h"))[0]
		erase := issuer.Erasure{Authority: "hunan-police", Identifier: c.Identifier, EndedBefore: durableStart.AddDate(5, 0, 0), By: "police", At: durableStart.AddDate(5, 0, 1)}
		require.ErrorIs(t, s.EraseContent(ctx, erase), issuer.ErrContentKept, "it stands")
		_, err := s.ChangeState(ctx, change(c, issuer.Revoked, issuer.Valid))
		require.NoError(t, err)
		early := erase
		early.EndedBefore = durableStart
		require.ErrorIs(t, s.EraseContent(ctx, early), issuer.ErrContentKept, "ended too lately")
		foreign := erase
		foreign.Authority = "another"
		require.ErrorIs(t, s.EraseContent(ctx, foreign), issuer.ErrUnknown)
		require.NoError(t, s.EraseContent(ctx, erase))
		require.NoError(t, s.EraseContent(ctx, erase), "again")
		left, err := s.Certificate(ctx, c.Identifier)
		require.ErrorIs(t, err, issuer.ErrContentErased)
		require.Empty(t, left.Credential+left.HolderID+left.Row.Holder.Number)
		require.Equal(t, issuer.Revoked, left.State)
		held, err := s.Held(ctx, []string{"h"}, 10)
		require.NoError(t, err)
		require.Empty(t, held)
		events, err := s.Events(ctx, c.Identifier)
		require.NoError(t, err)
		require.Len(t, events, 2)
		require.Empty(t, events[1].Reason)
		requireConsistent(t, s)

		// The row's key stays taken: nothing new comes under it.
		r, err := s.Reserve(ctx, "hunan-police", []string{"row-1"}, 1)
		require.NoError(t, err)
		require.Equal(t, c.Identifier, r.Taken["row-1"].Identifier)
		next := person("row-1", "h")
		next.Identifier += "2"
		next.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}
		done, err := s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Certificates: []issuer.NewCertificate{next}})
		require.NoError(t, err)
		require.ErrorIs(t, done[0].Err, issuer.ErrRowReused)
	})
}

func durableRetention(t *testing.T, open OpenDurable) {
	s := openDurable(t, open).Store
	ctx := t.Context()
	for _, job := range []string{"old", "open"} {
		_, err := s.BeginJob(ctx, issuer.JobStart{ID: job, Authority: "hunan-police", Holder: "upload", At: durableStart, Lease: time.Minute})
		require.NoError(t, err)
		c := person("row-"+job, "h")
		r, err := s.Reserve(ctx, "hunan-police", nil, 1)
		require.NoError(t, err)
		c.Slot, c.Line = issuer.Slot{List: r.List, Index: r.Counters[0]}, 1
		_, err = s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Job: job, JobHolder: "upload", Certificates: []issuer.NewCertificate{c}})
		require.NoError(t, err)
	}
	_, err := s.EndJob(ctx, "old", "upload", true, durableStart)
	require.NoError(t, err)
	n, err := s.SweepPushes(ctx, durableStart)
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = s.SweepPushes(ctx, durableStart.Add(30*time.Second))
	require.NoError(t, err)
	require.EqualValues(t, 2, n, "a job and its row; the other is being uploaded")
	_, err = s.Job(ctx, "old", "hunan-police")
	require.ErrorIs(t, err, issuer.ErrJobUnknown)
	results, err := s.Results(ctx, "open", "hunan-police", 0, 10)
	require.NoError(t, err)
	require.Len(t, results, 1)
	_, err = s.Certificate(ctx, person("row-old", "h").Identifier)
	require.NoError(t, err, "the certificate stays")

	// A consent goes with its check, and like it not while that is disputed.
	for _, id := range []string{"plain", "disputed"} {
		_, err := s.PutAsk(ctx, anAsk(id))
		require.NoError(t, err)
		v := verification(id)
		v.Ask = id
		require.NoError(t, s.Record(ctx, v))
	}
	_, err = s.FileDispute(ctx, filing("d", "disputed", rights.SideParty, durableStart))
	require.NoError(t, err)
	n, err = s.SweepConsents(ctx, durableStart)
	require.NoError(t, err)
	require.Zero(t, n, "not old enough")
	n, err = s.SweepConsents(ctx, durableStart.Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	_, err = s.Ask(ctx, "disputed")
	require.NoError(t, err)
	_, err = s.AnswerDispute(ctx, "d", rights.Rejected, "no", "operator", durableStart)
	require.NoError(t, err)
	n, err = s.SweepConsents(ctx, durableStart.Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)

	require.NoError(t, s.NoteExport(ctx, "h", durableStart, durableStart, 1))
	require.NoError(t, s.PrepareErasure(ctx, "h", "t", durableStart.Add(time.Minute)))
	n, err = s.SweepExports(ctx, durableStart.Add(time.Hour), durableStart.Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
}
