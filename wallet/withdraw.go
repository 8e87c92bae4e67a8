package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Withdrawal stands until it is lifted: asks that it covers are answered with no by itself
// (PIPL §15). Codes are the holder's own act and go on working, unless Block shuts the party out.
type Withdrawal struct {
	ID          string
	PersonID    string
	Party       string // only this party; empty for any
	Certificate string // only this certificate; empty for any
	Block       bool   // of a party: it gets nothing from a code either
	At          time.Time
}

func (d Withdrawal) covers(party, identifier string) bool {
	return (d.Party == "" || d.Party == party) && (d.Certificate == "" || d.Certificate == identifier)
}

// Withdrawals is the durable record of them. A method that changes something MUST be durable
// when it returns nil, and enter the audit log in the same transaction.
type Withdrawals interface {
	// PutWithdrawal stores a withdrawal. When one of the same person, party and certificate
	// stands, it takes Block from the new one and is returned.
	PutWithdrawal(ctx context.Context, d Withdrawal) (Withdrawal, error)
	// Withdrawals returns those of a person, oldest first.
	Withdrawals(ctx context.Context, personID string) ([]Withdrawal, error)
	// LiftWithdrawal ends one; ErrWithdrawalUnknown when the person has no such.
	LiftWithdrawal(ctx context.Context, personID, id string, at time.Time) error
}

// ShowIndex finds a person's shows. It belongs to the volatile side: PutShow keeps the index.
type ShowIndex interface {
	// OpenShows returns the shows that a person has made and that are kept and not closed. A show
	// MUST be found as soon as PutShow returns.
	OpenShows(ctx context.Context, personID string) ([]Show, error)
}

// Withdrawn says what a withdrawal closed at once.
type Withdrawn struct {
	Withdrawal
	Shows, Asks int
}

// WithdrawRequest names what consent is withdrawn for: exactly one of a party, a certificate,
// and all.
type WithdrawRequest struct {
	Party       string
	Certificate string
	All         bool
	Block       bool // with Party
}

// maxWithdrawals bounds what stands of one person: all of it is read at each ask and each show, and
// blocked parties lie beside each show in memory. Nobody checks whether there are such parties.
const maxWithdrawals = 200

// Withdraw closes the person's outstanding shows and open asks and stands as a refusal. Any
// party may scan a code, so withdrawing from one closes every show; new ones are hers to make.
func (w *Wallet) Withdraw(ctx context.Context, p Person, r WithdrawRequest) (Withdrawn, error) {
	named := 0
	for _, on := range []bool{r.Party != "", r.Certificate != "", r.All} {
		if on {
			named++
		}
	}
	if named != 1 || r.Block && r.Party == "" || len(r.Party) > maxScene || len(r.Certificate) > maxScene {
		return Withdrawn{}, ErrWithdrawal
	}
	if r.Certificate != "" {
		if _, _, err := w.find(ctx, p, r.Certificate); err != nil {
			return Withdrawn{}, err
		}
	}
	standing, err := w.cfg.Withdrawals.Withdrawals(ctx, p.HolderID)
	if err != nil {
		return Withdrawn{}, fmt.Errorf("wallet: withdrawals: %w", err)
	}
	if len(standing) >= maxWithdrawals && !slices.ContainsFunc(standing, func(d Withdrawal) bool { return d.Party == r.Party && d.Certificate == r.Certificate }) {
		return Withdrawn{}, ErrWithdrawalLimit
	}
	// First what stands, then what is open: whoever asks or shows in between has read it, or is
	// found below.
	d, err := w.cfg.Withdrawals.PutWithdrawal(ctx, Withdrawal{
		ID: token(10), PersonID: p.HolderID, Party: r.Party, Certificate: r.Certificate, Block: r.Block, At: w.cfg.Now().UTC(),
	})
	if err != nil {
		return Withdrawn{}, fmt.Errorf("wallet: withdraw: %w", err)
	}
	out := Withdrawn{Withdrawal: d}
	// Also those that give out no more codes, while an ask on one may still be finished.
	shows, err := w.openShows(ctx, p.HolderID, w.cfg.ConsentWait+finishFor)
	if err != nil {
		return Withdrawn{}, err
	}
	for _, s := range shows {
		if r.Certificate != "" && s.Identifier != r.Certificate {
			continue
		}
		n, err := w.shut(ctx, s)
		if err != nil {
			return Withdrawn{}, err
		}
		out.Shows++
		out.Asks += n
	}
	asks, err := w.OpenAsks(ctx, p)
	if err != nil {
		return Withdrawn{}, err
	}
	for _, a := range asks { // of shows that the cache has lost, or that were put meanwhile
		if !d.covers(a.Party, a.Identifier) {
			continue
		}
		if _, err := w.decide(ctx, a, AnswerClosed); err != nil {
			return Withdrawn{}, err
		}
		out.Asks++
	}
	return out, nil
}

// Withdrawals lists what stands.
func (w *Wallet) Withdrawals(ctx context.Context, p Person) ([]Withdrawal, error) {
	return w.cfg.Withdrawals.Withdrawals(ctx, p.HolderID)
}

// Lift ends a withdrawal.
func (w *Wallet) Lift(ctx context.Context, p Person, id string) error {
	return w.cfg.Withdrawals.LiftWithdrawal(ctx, p.HolderID, id, w.cfg.Now().UTC())
}

func (w *Wallet) refuses(ctx context.Context, personID, party, identifier string) (bool, error) {
	all, err := w.cfg.Withdrawals.Withdrawals(ctx, personID)
	if err != nil {
		return false, fmt.Errorf("wallet: withdrawals: %w", err)
	}
	return slices.ContainsFunc(all, func(d Withdrawal) bool { return d.covers(party, identifier) }), nil
}

// blocked returns the parties that a person shuts out.
func (w *Wallet) blocked(ctx context.Context, personID string) (parties []string, err error) {
	all, err := w.cfg.Withdrawals.Withdrawals(ctx, personID)
	if err != nil {
		return nil, fmt.Errorf("wallet: withdrawals: %w", err)
	}
	for _, d := range all {
		if d.Block {
			parties = append(parties, d.Party)
		}
	}
	return parties, nil
}

// ShutsOut says whether a person shows a party nothing. Shows have it with them; it is for codes that
// were made for a checker without a network and are shown to one that has it.
func (w *Wallet) ShutsOut(ctx context.Context, personID, party string) (bool, error) {
	parties, err := w.blocked(ctx, personID)
	return slices.Contains(parties, party), err
}

// openShows returns a person's shows that still take a scan, or did so not longer ago than past.
func (w *Wallet) openShows(ctx context.Context, personID string, past time.Duration) ([]Show, error) {
	all, err := w.cfg.Index.OpenShows(ctx, personID)
	if err != nil {
		return nil, fmt.Errorf("wallet: open shows: %w", err)
	}
	now := w.cfg.Now()
	return slices.DeleteFunc(all, func(s Show) bool { return !now.Before(s.OpenUntil.Add(past)) }), nil
}

// CloseAll closes all that a person is showing, with the asks on it.
func (w *Wallet) CloseAll(ctx context.Context, personID string) error {
	shows, err := w.openShows(ctx, personID, w.cfg.ConsentWait+finishFor)
	for _, s := range shows {
		if _, shutErr := w.shut(ctx, s); shutErr != nil {
			err = errors.Join(err, shutErr)
		}
	}
	return err
}

// shut closes a show by its person's will, with the asks on it, and counts those.
func (w *Wallet) shut(ctx context.Context, s Show) (asked int, err error) {
	if err := w.cfg.Shows.Close(ctx, s.ID, keepAfter); err != nil {
		return 0, fmt.Errorf("wallet: close: %w", err)
	}
	// Closed it is; this only tells a later scanner why.
	s.Withdrawn = true
	if err := w.cfg.Shows.PutShow(ctx, s, keepAfter); err != nil {
		return 0, fmt.Errorf("wallet: close: %w", err)
	}
	w.ring(ctx, personTopic(s.PersonID), Event{Kind: EventShowClosed, ShowID: s.ID})
	asks, err := w.cfg.Consents.OpenAsks(ctx, s.PersonID, w.cfg.Now())
	if err != nil {
		return 0, fmt.Errorf("wallet: close: %w", err)
	}
	for _, a := range asks {
		if a.ShowID != s.ID {
			continue
		}
		if _, err := w.decide(ctx, a, AnswerClosed); err != nil {
			return asked, err
		}
		asked++
	}
	return asked, nil
}
