package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

func anAsk(id string) wallet.Ask {
	return wallet.Ask{
		ID: id, ShowID: "show-" + id, Ticket: [32]byte{1, 2}, HolderID: "h", PersonID: "p", Identifier: "1.2.156", Type: "resident-id", Client: "bank-client",
		Party: "bank", PartyName: schemas.Text{ZH: "银行", EN: "bank"}, Purpose: "account-opening", Shown: []string{"name"}, Asked: []string{"address", "sex"},
		At: durableStart, Expires: durableStart.Add(45 * time.Second), Claimant: "bank-client\x00k", Note: []byte("{}"),
	}
}

func durableConsents(t *testing.T, open OpenDurable) {
	t.Run("an ask stands once put", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		_, err := s.Ask(ctx, "a")
		require.ErrorIs(t, err, wallet.ErrConsentUnknown)
		got, err := s.PutAsk(ctx, anAsk("a"))
		require.NoError(t, err)
		require.Equal(t, anAsk("a"), got)
		other := anAsk("a")
		other.Claimant, other.Asked = "someone else", []string{"everything"}
		got, err = subject.Again(t).PutAsk(ctx, other)
		require.NoError(t, err)
		require.Equal(t, anAsk("a"), got, "the first one stands")
	})

	t.Run("answered once, by whoever is first", func(t *testing.T) {
		subject := openDurable(t, open)
		s, again, ctx := subject.Store, subject.Again(t), background(t)
		_, err := s.Decide(ctx, "a", wallet.AnswerYes, durableStart)
		require.ErrorIs(t, err, wallet.ErrConsentUnknown)
		for _, id := range []string{"a", "b", "c", "d"} {
			_, err := s.PutAsk(ctx, anAsk(id))
			require.NoError(t, err)
			var answers tally
			won := race(40, func(i int) bool {
				store, answer := s, wallet.AnswerNo
				if i%2 == 1 {
					store = again
				}
				if i%3 == 0 {
					answer = wallet.AnswerYes
				}
				got, err := store.Decide(ctx, id, answer, durableStart.Add(time.Second))
				answers.add(got.Answer)
				if err != nil && !errors.Is(err, wallet.ErrConsentAnswered) {
					t.Error(err)
				}
				return err == nil
			})
			require.EqualValues(t, 1, won)
			require.Len(t, answers.counts, 1, "everybody was told the same answer")
			got, err := again.Ask(ctx, id)
			require.NoError(t, err)
			require.Equal(t, 40, answers.counts[got.Answer])
			require.Equal(t, durableStart.Add(time.Second), got.AnsweredAt)
		}
	})

	t.Run("lists", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		put := func(id string, change func(*wallet.Ask)) {
			a := anAsk(id)
			change(&a)
			_, err := s.PutAsk(ctx, a)
			require.NoError(t, err)
		}
		put("first", func(*wallet.Ask) {})
		put("later", func(a *wallet.Ask) { a.At, a.Expires = a.At.Add(time.Minute), a.Expires.Add(time.Minute) })
		put("agent's", func(a *wallet.Ask) { a.PersonID = "q" })
		put("company's", func(a *wallet.Ask) { a.HolderID = "company" })
		put("refused", func(a *wallet.Ask) { a.Answer, a.AnsweredAt = wallet.AnswerRefused, a.At })
		ids := func(all []wallet.Ask, err error) (ids []string) {
			require.NoError(t, err)
			for _, a := range all {
				ids = append(ids, a.ID)
			}
			return ids
		}
		require.Equal(t, []string{"later", "agent's", "first", "refused"}, ids(s.Asks(ctx, "h", "", durableStart.Add(time.Hour), 10)))
		require.Equal(t, []string{"later", "agent's"}, ids(s.Asks(ctx, "h", "", durableStart.Add(time.Hour), 2)))
		require.Equal(t, []string{"agent's"}, ids(s.Asks(ctx, "h", "q", durableStart.Add(time.Hour), 10)))
		require.Equal(t, []string{"agent's", "first", "refused"}, ids(s.Asks(ctx, "h", "", durableStart.Add(time.Minute), 10)))
		require.Equal(t, []string{"company's", "first", "later"}, ids(s.OpenAsks(ctx, "p", durableStart)))
		require.Equal(t, []string{"later"}, ids(s.OpenAsks(ctx, "p", durableStart.Add(45*time.Second))), "at its end it is over")
		over, err := s.Overdue(ctx, durableStart.Add(time.Minute), 10)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"first", "agent's", "company's"}, over)
		_, err = s.Decide(ctx, "first", wallet.AnswerLapsed, durableStart.Add(time.Minute))
		require.NoError(t, err)
		over, err = s.Overdue(ctx, durableStart.Add(time.Minute), 1)
		require.NoError(t, err)
		require.Len(t, over, 1)
		require.Equal(t, []string{"company's", "later"}, ids(s.OpenAsks(ctx, "p", durableStart)))
	})

	t.Run("the record of the check is noted in the receipt", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		_, err := s.PutAsk(ctx, anAsk("a"))
		require.NoError(t, err)
		v := verification("a")
		v.HolderID = "h"
		v.Ask, v.At = "a", durableStart
		require.NoError(t, s.Record(ctx, v))
		require.Error(t, s.Record(ctx, v))
		got, err := s.Ask(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, "a", got.Verification)
		require.Empty(t, got.Claimant, "what the checker noted is gone with it")
		require.Empty(t, got.Note)
		_, err = s.Decide(ctx, "a", wallet.AnswerYes, durableStart)
		require.NoError(t, err)
		looks, err := s.Looks(ctx, "h", wallet.Cursor{At: durableStart.Add(time.Hour)}, 10)
		require.NoError(t, err)
		require.Equal(t, wallet.AnswerYes, looks[0].Consent)
		require.Equal(t, []string{"address", "sex"}, looks[0].Asked)
	})

	t.Run("withdrawals", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		one := wallet.Withdrawal{ID: "1", PersonID: "p", Party: "bank", At: durableStart}
		all := wallet.Withdrawal{ID: "2", PersonID: "p", At: durableStart.Add(time.Second)}
		for _, d := range []wallet.Withdrawal{one, all, {ID: "3", PersonID: "q", Certificate: "c", At: durableStart}} {
			got, err := s.PutWithdrawal(ctx, d)
			require.NoError(t, err)
			require.Equal(t, d, got)
		}
		again := wallet.Withdrawal{ID: "4", PersonID: "p", Party: "bank", Block: true, At: durableStart.Add(time.Hour)}
		got, err := s.PutWithdrawal(ctx, again)
		require.NoError(t, err)
		one.Block = true
		require.Equal(t, one, got, "the one that stands, and now blocks")
		list, err := subject.Again(t).Withdrawals(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, []wallet.Withdrawal{one, all}, list)
		require.ErrorIs(t, s.LiftWithdrawal(ctx, "q", "1", durableStart), wallet.ErrWithdrawalUnknown, "another's")
		require.NoError(t, s.LiftWithdrawal(ctx, "p", "1", durableStart))
		require.ErrorIs(t, s.LiftWithdrawal(ctx, "p", "1", durableStart), wallet.ErrWithdrawalUnknown)
		list, err = s.Withdrawals(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, []wallet.Withdrawal{all}, list)
	})
}
