package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

func durableWallet(t *testing.T, open OpenDurable) {
	t.Run("copies", func(t *testing.T) {
		subject := openDurable(t, open)
		s := subject.Store
		ctx := t.Context()
		_, err := s.Copy(ctx, "h", "id")
		require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
		c := wallet.Copy{HolderID: "h", Identifier: "id", Credential: "eyJ~d~", KeyID: "k1", RefreshAt: durableStart.AddDate(0, 6, 0), CreatedAt: durableStart}
		require.NoError(t, s.PutCopy(ctx, c))
		other := c
		other.HolderID, other.Credential = "h2", "other"
		require.NoError(t, s.PutCopy(ctx, other))
		c.Credential, c.KeyID, c.RefreshAt = "eyK~d~", "k2", c.RefreshAt.Add(time.Hour)
		require.NoError(t, s.PutCopy(ctx, c))
		got, err := subject.Again(t).Copy(ctx, "h", "id")
		require.NoError(t, err)
		require.Equal(t, c, got)
		got, err = s.Copy(ctx, "h2", "id")
		require.NoError(t, err)
		require.Equal(t, other, got)
	})

	t.Run("looks", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		for i := range 5 {
			v := verification(numbered("v", i))
			v.At = durableStart.Add(time.Duration(i) * time.Minute)
			switch i {
			case 1:
				v.PersonID = "agent"
			case 2:
				v.HolderID = "another"
			}
			require.NoError(t, s.Record(ctx, v))
		}
		unknown := verification("nobody")
		unknown.HolderID = ""
		require.NoError(t, s.Record(ctx, unknown))
		ids := func(holder string, before time.Time, limit int) (ids []string) {
			looks, err := s.Looks(ctx, holder, wallet.Cursor{At: before}, limit)
			require.NoError(t, err)
			for _, l := range looks {
				ids = append(ids, l.ID)
			}
			return ids
		}
		late := durableStart.Add(time.Hour)
		require.Equal(t, []string{"v004", "v003", "v001", "v000"}, ids("h", late, 10))
		require.Equal(t, []string{"v004", "v003"}, ids("h", late, 2))
		require.Equal(t, []string{"v001", "v000"}, ids("h", durableStart.Add(3*time.Minute), 10))
		require.Empty(t, ids("", late, 10))
		looks, err := s.Looks(ctx, "another", wallet.Cursor{At: late}, 1)
		require.NoError(t, err)
		require.Equal(t, []wallet.Look{{
			ID: "v002", At: durableStart.Add(2 * time.Minute), Identifier: "id", Type: "resident-id", Party: "bank-1", PartyName: "演示银行", Purpose: "open-account",
			Fields: []string{"name", "over-18"}, Outcome: "valid", Reasons: []string{}, Via: "code", PersonID: "h", Client: "client-1", Holder: "another", Receipt: true,
		}}, looks)
		looks, err = s.LooksShownBy(ctx, "h", "agent", wallet.Cursor{At: late}, 10)
		require.NoError(t, err)
		require.Len(t, looks, 1)
		require.Equal(t, "v001", looks[0].ID)
		for _, none := range [][2]string{{"another", "agent"}, {"h", ""}, {"", "agent"}} {
			looks, err = s.LooksShownBy(ctx, none[0], none[1], wallet.Cursor{At: late}, 10)
			require.NoError(t, err)
			require.Empty(t, looks)
		}
	})
}

func verification(id string) verifier.Verification {
	return verifier.Verification{
		ID: id, At: durableStart, Caller: "client-1", Party: "bank-1", PartyName: "演示银行", RequestKey: "request-" + id, RequestHash: [32]byte{7},
		ShowID: "show-" + id, Ticket: digestOf("ticket-" + id), Challenge: "challenge-" + id, HolderID: "h", PersonID: "h", Identifier: "id", Type: "resident-id",
		Purpose: "open-account", Fields: []string{"name", "over-18"}, Outcome: "valid", Reasons: []string{}, Via: "code",
		Answer: []byte(`{"outcome":"valid"}`), AnswerUntil: durableStart.Add(time.Minute), Receipt: []byte(`{"receipt":{}}`),
	}
}

func digestOf(text string) [32]byte { return sm.Sum([]byte(text)) }

func durableVerifications(t *testing.T, open OpenDurable) {
	t.Run("found again", func(t *testing.T) {
		subject := openDurable(t, open)
		s := subject.Store
		ctx := t.Context()
		want := verification("v1")
		require.NoError(t, s.Record(ctx, want))
		for _, s := range []DurableStore{s, subject.Again(t)} {
			got, err := s.ByID(ctx, "v1")
			require.NoError(t, err)
			require.Equal(t, want, got)
			got, err = s.ByRequest(ctx, "client-1", "request-v1")
			require.NoError(t, err)
			require.Equal(t, want, got)
			got, err = s.ByTicket(ctx, want.Ticket)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		_, err := s.ByID(ctx, "v2")
		require.ErrorIs(t, err, verifier.ErrNoRecord)
		_, err = s.ByRequest(ctx, "client-2", "request-v1")
		require.ErrorIs(t, err, verifier.ErrNoRecord)
		_, err = s.ByTicket(ctx, [32]byte{9})
		require.ErrorIs(t, err, verifier.ErrNoRecord)
	})

	t.Run("what stands in the way", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		first := verification("v1")
		require.NoError(t, s.Record(ctx, first))
		for name, tc := range map[string]struct {
			edit func(*verifier.Verification)
			want error
		}{
			"nothing":                        {func(*verifier.Verification) {}, nil},
			"the show":                       {func(v *verifier.Verification) { v.ShowID = first.ShowID }, verifier.ErrSpent},
			"the code":                       {func(v *verifier.Verification) { v.Ticket = first.Ticket }, verifier.ErrSpent},
			"the challenge":                  {func(v *verifier.Verification) { v.Challenge = first.Challenge }, verifier.ErrSpent},
			"the request":                    {func(v *verifier.Verification) { v.RequestKey = first.RequestKey }, verifier.ErrRequestReused},
			"the same request and code":      {func(v *verifier.Verification) { v.RequestKey, v.ShowID = first.RequestKey, first.ShowID }, verifier.ErrRequestReused},
			"another caller's request":       {func(v *verifier.Verification) { v.RequestKey, v.Caller = first.RequestKey, "client-2" }, nil},
			"a code that was not spent":      {func(v *verifier.Verification) { v.Ticket, v.ShowID = first.Ticket, "" }, nil},
			"nothing to conflict with":       {func(v *verifier.Verification) { v.RequestKey, v.ShowID, v.Challenge = "", "", "" }, nil},
			"nothing to conflict with again": {func(v *verifier.Verification) { v.RequestKey, v.ShowID, v.Challenge = "", "", "" }, nil},
		} {
			v := verification(name)
			tc.edit(&v)
			err := s.Record(ctx, v)
			require.ErrorIs(t, err, tc.want, name)
			_, err = s.ByID(ctx, name)
			require.Equal(t, tc.want != nil, errors.Is(err, verifier.ErrNoRecord), name)
		}
		require.Error(t, s.Record(ctx, verification("nothing")), "an id stands once")
		_, err := s.ByRequest(ctx, "client-1", "")
		require.ErrorIs(t, err, verifier.ErrNoRecord)
		got, err := s.ByTicket(ctx, first.Ticket)
		require.NoError(t, err)
		require.Equal(t, "v1", got.ID)
	})

	t.Run("200 recorders of one show", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		ctx := background(t)
		var answers tally
		together(200, func(i int) {
			v := verification(numbered("v", i))
			v.ShowID, v.Ticket = "the show", digestOf("the code")
			if i%2 == 1 {
				v.Ticket = digestOf(numbered("another code of it", i))
			}
			err := stores[i%3%2].Record(ctx, v)
			// Others in the same moment, with shows of their own, are not harmed.
			own := verification(numbered("own", i))
			ownErr := stores[i%2].Record(ctx, own)
			switch {
			case ownErr != nil:
				answers.add("own: " + ownErr.Error())
			case err == nil:
				answers.add("won")
			case errors.Is(err, verifier.ErrSpent):
				answers.add("spent")
			default:
				answers.add(err.Error())
			}
		})
		require.Equal(t, map[string]int{"won": 1, "spent": 199}, answers.counts)
		for i := range 200 {
			_, err := subject.Store.ByID(t.Context(), numbered("own", i))
			require.NoError(t, err)
		}
	})

	t.Run("swept", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		old, young := verification("old"), verification("young")
		old.At, old.AnswerUntil = durableStart.AddDate(-3, 0, 0), durableStart.AddDate(-3, 0, 0)
		young.AnswerUntil = durableStart.Add(time.Hour)
		answered, none := verification("answered"), verification("none")
		none.Answer = nil
		for _, v := range []verifier.Verification{old, young, answered, none} {
			require.NoError(t, s.Record(ctx, v))
		}
		answers, records, err := s.Sweep(ctx, durableStart.Add(2*time.Minute), durableStart.AddDate(-1, 0, 0))
		require.NoError(t, err)
		require.EqualValues(t, 2, answers)
		require.EqualValues(t, 1, records)
		_, err = s.ByID(ctx, "old")
		require.ErrorIs(t, err, verifier.ErrNoRecord)
		got, err := s.ByID(ctx, "answered")
		require.NoError(t, err)
		require.Nil(t, got.Answer)
		got, err = s.ByID(ctx, "young")
		require.NoError(t, err)
		require.Equal(t, young, got)
		again := verification("again")
		again.ShowID = answered.ShowID
		require.ErrorIs(t, s.Record(ctx, again), verifier.ErrSpent, "an erased answer leaves the code spent")
	})
}

func durableRegistry(t *testing.T, open OpenDurable) {
	entry := func(kind, id, body string) registry.Entry {
		return registry.Entry{Kind: kind, ID: id, Body: []byte(body)}
	}

	t.Run("revisions", func(t *testing.T) {
		subject := openDurable(t, open)
		s := subject.Store
		ctx := t.Context()
		snap, err := s.Load(ctx)
		require.NoError(t, err)
		require.Zero(t, snap)

		require.NoError(t, s.Save(ctx, 0, []registry.Entry{entry("party", "bank", `{"v":1}`), entry("authority", "police", `{}`)}, "operator", "first", durableStart))
		require.ErrorIs(t, s.Save(ctx, 0, []registry.Entry{entry("party", "bank", `{"v":0}`)}, "operator", "late", durableStart), registry.ErrConflict)
		require.ErrorIs(t, s.Save(ctx, 7, nil, "operator", "early", durableStart), registry.ErrConflict)
		require.NoError(t, s.Save(ctx, 1, []registry.Entry{entry("party", "bank", `{"v":2}`), entry("authority", "police", ""), entry("type", "resident-id", `{}`)}, "operator", "second", durableStart))

		other := subject.Again(t)
		revision, err := other.Revision(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 2, revision)
		snap, err = other.Load(ctx)
		require.NoError(t, err)
		require.Equal(t, registry.Snapshot{Revision: 2, Entries: []registry.Entry{entry("party", "bank", `{"v":2}`), entry("type", "resident-id", `{}`)}}, snap)

		// Auditors read what each revision wrote and what was there before; events of the change are in
		// the log with it.
		require.NoError(t, s.Save(ctx, 2, []registry.Entry{entry("authority", "police", `{"v":9}`), entry("seal", "current", "x")}, "operator", "third", durableStart,
			registry.Event{Kind: "freeze.proposed", Actor: "operator", Subject: "430000", Detail: map[string]string{"kind": "region"}}))
		past, err := other.History(ctx, 2, 10)
		require.NoError(t, err)
		require.Len(t, past, 2)
		require.Equal(t, "second", past[0].Why)
		require.True(t, durableStart.Equal(past[0].At))
		body := func(text string) []byte { return []byte(text) }
		require.Equal(t, []registry.Written{{Kind: "authority", ID: "police", Before: body(`{}`)}, {Kind: "party", ID: "bank", Before: body(`{"v":1}`), After: body(`{"v":2}`)},
			{Kind: "type", ID: "resident-id", After: body(`{}`)}}, past[0].Entries)
		require.Equal(t, []registry.Written{{Kind: "authority", ID: "police", After: body(`{"v":9}`)}}, past[1].Entries, "seals and lists are in every revision")
		past, err = other.History(ctx, 1, 1)
		require.NoError(t, err)
		require.Len(t, past, 1)
		past, err = other.History(ctx, 9, 1)
		require.NoError(t, err)
		require.Empty(t, past)
	})

	t.Run("one of many writers wins each revision", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		ctx := background(t)
		var answers tally
		together(16, func(i int) {
			s := stores[i%2]
			for range 4 {
				for {
					base, err := s.Revision(ctx)
					if err == nil {
						err = s.Save(ctx, base, []registry.Entry{entry("party", numbered("p", i), numbered("", int(base)))}, "o", "w", durableStart)
					}
					if err == nil {
						answers.add("saved")
						break
					}
					if !errors.Is(err, registry.ErrConflict) {
						answers.add(err.Error())
						return
					}
				}
			}
		})
		require.Equal(t, map[string]int{"saved": 64}, answers.counts)
		snap, err := subject.Store.Load(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 64, snap.Revision)
		require.Len(t, snap.Entries, 16)
	})
}
