package main

import (
	"context"
	"time"

	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// walletVolatile is what a wallet keeps where it may be lost.
type walletVolatile interface {
	wallet.Shows
	wallet.ShowIndex
	wallet.Bell
}

func (w verifierWallet) Redeem(ctx context.Context, r verifier.Redemption) (verifier.Offer, string, error) {
	if r.Ask == "" { // an ask hands back the name that it was given
		r.Claimant = w.blind(r.Claimant)
	}
	o, presentation, err := w.wallet.Redeem(ctx, wallet.Redemption(r))
	return verifier.Offer(o), presentation, walletError(err)
}

func (w verifierWallet) Spent(ctx context.Context, s verifier.Scan) error {
	return w.wallet.Spent(ctx, wallet.Scan(s))
}

func (w verifierWallet) Ask(ctx context.Context, r verifier.AskRequest) (verifier.Ask, error) {
	r.Claimant = w.blind(r.Claimant)
	a, err := w.wallet.Ask(ctx, wallet.AskRequest(r))
	return verifierAsk(a), walletError(err)
}

func (w verifierWallet) Asked(ctx context.Context, id, client string, patience <-chan struct{}) (verifier.Ask, error) {
	a, err := w.wallet.Asked(ctx, id, client, patience)
	return verifierAsk(a), walletError(err)
}

func verifierAsk(a wallet.Ask) verifier.Ask {
	return verifier.Ask{
		ID: a.ID, Ticket: a.Ticket, Type: a.Type, Party: a.Party, Purpose: a.Purpose, Shown: a.Shown, Asked: a.Asked, Expires: a.Expires,
		Answer: a.Answer, Claimant: a.Claimant, Note: a.Note,
	}
}

// lapses writes down, now and then, the silence of asks that no scanner came back for.
func (a *app) lapses(ctx context.Context) error {
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := a.wallet.Lapse(ctx); err != nil && ctx.Err() == nil {
				a.log.Warn("asks without an answer", "error", err)
			}
		}
	}
}
