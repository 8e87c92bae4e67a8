package wallet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

func (s *space) ask(c wallet.Code, claimant string) (wallet.Ask, error) {
	return s.Ask(s.t.Context(), wallet.AskRequest{
		Ticket: ticket(s.t, c), Claimant: claimant, Client: "bank-client", Party: "bank", PartyName: schemas.Text{ZH: "银行", EN: "bank"},
		Purpose: "account-opening", Shown: []string{"name"}, Asked: []string{"address", "name"}, Note: []byte("{}"),
	})
}

func (s *space) redeemed(id, claimant, party string, fields ...string) ([]string, error) {
	_, presentation, err := s.Redeem(s.t.Context(), wallet.Redemption{Ask: id, Claimant: claimant, Party: party, Fields: fields, Audience: "bank", Nonce: "n"})
	if err != nil {
		return nil, err
	}
	vc, err := sdjwt.Parse(presentation, sdjwt.Type)
	require.NoError(s.t, err)
	return vc.Disclosed(), nil
}

// The wallet itself discloses what was asked for only with its own stored yes, for this ask, this
// claimant and this party.
func TestOnlyAYesDiscloses(t *testing.T) {
	s := newSpace(t)
	ctx := t.Context()
	a, err := s.ask(s.show(wallet.ShowRequest{Fields: []string{"name"}}), "c1")
	require.NoError(t, err)
	require.Equal(t, []string{"address"}, a.Asked, "what she shows anyway is not asked for")
	require.Empty(t, a.Answer)
	_, err = s.redeemed(a.ID, "c1", "bank", "name", "id_number")
	require.ErrorIs(t, err, wallet.ErrTicketExpired, "there is no answer yet")
	_, err = s.redeemed("another", "c1", "bank", "name")
	require.ErrorIs(t, err, wallet.ErrTicketUnknown)

	require.ErrorIs(t, s.Answer(ctx, wallet.Person{HolderID: "stranger"}, a.ID, true), wallet.ErrConsentUnknown)
	require.NoError(t, s.Answer(ctx, s.me(), a.ID, true))
	_, err = s.redeemed(a.ID, "c2", "bank", "name", "address")
	require.ErrorIs(t, err, wallet.ErrTicketTaken, "another claimant")
	_, err = s.redeemed(a.ID, "c1", "other", "name", "address")
	require.ErrorIs(t, err, wallet.ErrTicketTaken, "another party")
	_, err = s.redeemed(a.ID, "c1", "bank", "name", "id_number")
	require.ErrorIs(t, err, wallet.ErrFieldUnknown, "she agreed to the address, to nothing else")
	got, err := s.redeemed(a.ID, "c1", "bank", "name", "address")
	require.NoError(t, err)
	require.Equal(t, []string{"name"}, got, "this certificate has no address")

	{
		a, err = s.ask(s.show(wallet.ShowRequest{Fields: []string{"name"}}), "c1")
		require.NoError(t, err)
		require.NoError(t, s.Answer(ctx, s.me(), a.ID, false))
		_, err = s.redeemed(a.ID, "c1", "bank", "name", "address")
		require.ErrorIs(t, err, wallet.ErrFieldUnknown)
		got, err = s.redeemed(a.ID, "c1", "bank", "name")
		require.NoError(t, err)
		require.Equal(t, []string{"name"}, got)
	}
}

// Silence is a no when its time is over: not a moment sooner, and for good.
func TestSilence(t *testing.T) {
	s := newSpace(t)
	ctx := t.Context()
	a, err := s.ask(s.show(wallet.ShowRequest{Fields: []string{"name"}}), "c1")
	require.NoError(t, err)
	s.now = a.Expires.Add(-time.Microsecond)
	got, err := s.Asked(ctx, a.ID, "bank-client", nil)
	require.NoError(t, err)
	require.Empty(t, got.Answer)
	s.now = a.Expires
	require.ErrorIs(t, s.Answer(ctx, s.me(), a.ID, true), wallet.ErrConsentExpired)
	got, err = s.Asked(ctx, a.ID, "bank-client", make(chan struct{}))
	require.NoError(t, err)
	require.Equal(t, wallet.AnswerLapsed, got.Answer)
	require.ErrorIs(t, s.Answer(ctx, s.me(), a.ID, true), wallet.ErrConsentExpired, "also once it is written down")
	_, err = s.redeemed(a.ID, "c1", "bank", "name", "address")
	require.ErrorIs(t, err, wallet.ErrFieldUnknown)
	fields, err := s.redeemed(a.ID, "c1", "bank", "name")
	require.NoError(t, err, "the code itself has ended, and was scanned in time")
	require.Equal(t, []string{"name"}, fields)
	_, err = s.Asked(ctx, a.ID, "another-client", nil)
	require.ErrorIs(t, err, wallet.ErrConsentUnknown)

	s.now = a.Expires.Add(31 * time.Second)
	_, err = s.redeemed(a.ID, "c1", "bank", "name")
	require.ErrorIs(t, err, wallet.ErrTicketExpired, "nobody came back in time")
}

// An ask that no scanner comes back for is written down as silence.
func TestLapse(t *testing.T) {
	s := newSpace(t)
	ctx := t.Context()
	a, err := s.ask(s.show(wallet.ShowRequest{Fields: []string{"name"}}), "c1")
	require.NoError(t, err)
	s.now = a.Expires.Add(time.Second)
	list, err := s.Consents(ctx, s.me(), time.Time{}, 0)
	require.NoError(t, err)
	require.Equal(t, wallet.AnswerLapsed, list[0].Answer, "it is told at once")
	n, err := s.Lapse(ctx)
	require.NoError(t, err)
	require.Zero(t, n, "the scanner may still come")
	s.now = a.Expires.Add(time.Minute)
	n, err = s.Lapse(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	open, err := s.State(ctx, s.me())
	require.NoError(t, err)
	require.Empty(t, open.Asks)
}

// A party asks once on a show. A repeated request finds its ask, also when the code has ended.
func TestAskedOnce(t *testing.T) {
	s := newSpace(t)
	ctx := t.Context()
	c := s.show(wallet.ShowRequest{Fields: []string{"name"}})
	a, err := s.ask(c, "c1")
	require.NoError(t, err)
	_, err = s.ask(c, "c2")
	require.ErrorIs(t, err, wallet.ErrTicketReserved)
	require.ErrorIs(t, err, wallet.ErrTicketTaken)
	require.NoError(t, s.Answer(ctx, s.me(), a.ID, false))
	s.now = s.now.Add(80 * time.Second) // the reservation is over; the page shows a newer code
	again, err := s.ask(c, "c1")
	require.NoError(t, err)
	require.Equal(t, wallet.AnswerNo, again.Answer)
	next, err := s.Renew(ctx, s.me(), c.ShowID)
	require.NoError(t, err)
	_, err = s.ask(next, "c3")
	require.ErrorIs(t, err, wallet.ErrAskedBefore)
	_, err = s.Ask(ctx, wallet.AskRequest{Ticket: ticket(t, s.show(wallet.ShowRequest{Fields: []string{"name"}})), Claimant: "c", Client: "x", Party: "x", Asked: []string{"shoe_size", "name"}})
	require.ErrorIs(t, err, wallet.ErrNothingAsked)
}

// Events reach her page, and a withdrawal of a certificate closes its shows only.
func TestWithdrawCertificate(t *testing.T) {
	s := newSpace(t)
	ctx := t.Context()
	events, stop, err := s.Watch(ctx, s.me())
	require.NoError(t, err)
	defer stop()
	c := s.show(wallet.ShowRequest{Fields: []string{"name"}})
	a, err := s.ask(c, "c1")
	require.NoError(t, err)
	require.Equal(t, wallet.Event{Kind: wallet.EventAsk, AskID: a.ID, ShowID: c.ShowID}, <-events)
	state, err := s.State(ctx, s.me())
	require.NoError(t, err)
	require.Len(t, state.Asks, 1)
	require.Len(t, state.Shows, 1)
	_, err = s.Withdraw(ctx, s.me(), wallet.WithdrawRequest{Certificate: "another"})
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
	done, err := s.Withdraw(ctx, s.me(), wallet.WithdrawRequest{Certificate: identifier})
	require.NoError(t, err)
	require.Equal(t, 1, done.Shows)
	require.Equal(t, 1, done.Asks)
	require.Equal(t, wallet.EventShowClosed, (<-events).Kind)
	require.Equal(t, wallet.AnswerClosed, (<-events).Answer)
	require.ErrorIs(t, s.Answer(ctx, s.me(), a.ID, true), wallet.ErrShowClosed)
	_, err = s.redeemed(a.ID, "c1", "bank", "name")
	require.ErrorIs(t, err, wallet.ErrTicketClosed)
	a, err = s.ask(s.show(wallet.ShowRequest{Fields: []string{"name"}}), "c2")
	require.NoError(t, err)
	require.Equal(t, wallet.AnswerRefused, a.Answer, "any party, this certificate")
	list, err := s.Withdrawals(ctx, s.me())
	require.NoError(t, err)
	require.NoError(t, s.Lift(ctx, s.me(), list[0].ID))
	a, err = s.ask(s.show(wallet.ShowRequest{Fields: []string{"name"}}), "c3")
	require.NoError(t, err)
	require.Empty(t, a.Answer)
}
