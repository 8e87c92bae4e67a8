package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// Offer is what a code stands for, before anything is disclosed.
type Offer struct {
	ShowID     string
	Ticket     [32]byte // digest
	HolderID   string
	PersonID   string // who shows it
	Identifier string
	Type       string
	Fields     []string
	Scene      string
	Method     string
	VerifiedAt time.Time
}

// Peek tells what a code offers. It neither spends nor discloses.
func (w *Wallet) Peek(ctx context.Context, ticket [16]byte) (Offer, error) {
	o, _, err := w.peek(ctx, ticket)
	return o, err
}

func (w *Wallet) peek(ctx context.Context, ticket [16]byte) (Offer, Show, error) {
	d := qr.Digest(ticket)
	t, err := w.cfg.Shows.Ticket(ctx, d)
	if err != nil {
		return Offer{}, Show{}, err
	}
	o, s, err := w.offer(ctx, t.ShowID, d)
	if err == nil && !w.cfg.Now().Before(t.ExpiresAt) {
		err = ErrTicketExpired
	}
	if err == nil {
		// Asked anew at each look: who was removed a moment ago has nothing on her screen any more.
		err = w.mayShow(ctx, s)
	}
	return o, s, err
}

// offer is what a show offers while it is open.
func (w *Wallet) offer(ctx context.Context, showID string, ticket [32]byte) (Offer, Show, error) {
	s, closed, err := w.cfg.Shows.Show(ctx, showID)
	if errors.Is(err, ErrShowUnknown) {
		return Offer{}, Show{}, ErrTicketUnknown
	}
	if err != nil {
		return Offer{}, Show{}, err
	}
	o := Offer{ShowID: s.ID, Ticket: ticket, HolderID: s.HolderID, PersonID: s.PersonID, Identifier: s.Identifier, Type: s.Type, Fields: s.Fields, Scene: s.Scene, Method: s.Method, VerifiedAt: s.VerifiedAt}
	switch {
	case closed && s.Withdrawn:
		return o, s, ErrTicketClosed
	case closed:
		return o, s, ErrTicketTaken // used rather than expired: it tells the clerk more
	}
	return o, s, nil
}

// Redemption is one checker's claim on a code, or on the show of an ask.
type Redemption struct {
	Ticket   [16]byte
	Ask      string   // instead of Ticket: an ask whose time is over, or that is answered
	Claimant string   // the same claimant may come again within the lease
	Party    string   // whom it is disclosed to
	Purpose  string   // what for: of an ask the one that she was told
	Fields   []string // offered and allowed
	Audience string
	Nonce    string
}

// asked is what an ask lets its claimant have now. The yes that widens the offer is read here,
// from the record, and not taken from whoever says that there is one.
func (w *Wallet) asked(ctx context.Context, r Redemption) (Offer, Show, []string, error) {
	a, err := w.cfg.Consents.Ask(ctx, r.Ask)
	if errors.Is(err, ErrConsentUnknown) {
		return Offer{}, Show{}, nil, ErrTicketUnknown
	}
	if err != nil {
		return Offer{}, Show{}, nil, err
	}
	o, s, err := w.offer(ctx, a.ShowID, a.Ticket)
	switch {
	case err != nil:
		return o, s, nil, err
	case a.Claimant != r.Claimant, a.Party != r.Party, a.Purpose != r.Purpose:
		return o, s, nil, ErrTicketTaken
	case a.Answer == AnswerClosed:
		return o, s, nil, ErrTicketClosed
	case a.Answer == "", w.cfg.Now().After(a.Expires.Add(finishFor)):
		return o, s, nil, ErrTicketExpired
	}
	var consented []string
	if a.Answer == AnswerYes {
		consented = a.Asked
	}
	return o, s, consented, w.mayAgree(ctx, s, consented)
}

// mayAgree holds a show, widened by what is asked for, against the right of who shows it: an
// agent cannot agree to more of her company than she may show.
func (w *Wallet) mayAgree(ctx context.Context, s Show, asked []string) error {
	s.Fields = slices.Concat(s.Fields, asked)
	return w.mayShow(ctx, s)
}

// Redeem claims the show for the claimant and returns the presentation.
func (w *Wallet) Redeem(ctx context.Context, r Redemption) (Offer, string, error) {
	var o Offer
	var s Show
	var consented []string
	var err error
	if r.Ask != "" {
		o, s, consented, err = w.asked(ctx, r)
	} else {
		o, s, err = w.peek(ctx, r.Ticket)
	}
	if err != nil {
		return o, "", err
	}
	if slices.Contains(s.Blocked, r.Party) {
		return o, "", ErrPartyBlocked
	}
	if err := w.cfg.Shows.Claim(ctx, o.ShowID, r.Claimant, w.cfg.Lease); err != nil {
		return o, "", w.reserved(ctx, s, err)
	}
	for _, f := range r.Fields {
		if !slices.Contains(o.Fields, f) && !slices.Contains(consented, f) {
			return o, "", fmt.Errorf("%w: %q was not chosen", ErrFieldUnknown, f)
		}
	}
	credential, signer, err := w.copy(ctx, o.HolderID, o.Identifier, false)
	if err != nil {
		return o, "", err
	}
	vc, err := sdjwt.ParseIssued(credential, sdjwt.Type)
	if err != nil {
		return o, "", fmt.Errorf("wallet: kept copy: %w", err)
	}
	// What the certificate does not have (an optional field) cannot be shown.
	has := vc.Disclosed()
	fields := slices.DeleteFunc(slices.Clone(r.Fields), func(f string) bool { return !slices.Contains(has, f) })
	presentation, err := vc.Present(fields, signer, sdjwt.Binding{Audience: r.Audience, Nonce: r.Nonce, IssuedAt: w.cfg.Now()})
	if err != nil {
		return o, "", fmt.Errorf("wallet: present: %w", err)
	}
	return o, presentation, nil
}

// Scan tells of a recorded verification that spent a show.
type Scan struct {
	ShowID       string
	PersonID     string
	Verification string
	At           time.Time
	PartyName    schemas.Text
	Purpose      string
	Fields       []string
	Outcome      string
	Reasons      []string // codes, when it is not valid
}

// Spent closes a show after its verification was recorded, and tells her page.
func (w *Wallet) Spent(ctx context.Context, s Scan) error {
	err := w.cfg.Shows.Close(ctx, s.ShowID, keepAfter)
	w.ring(ctx, personTopic(s.PersonID), Event{
		Kind: EventScanned, ShowID: s.ShowID, Verification: s.Verification, At: s.At, PartyName: s.PartyName, Purpose: s.Purpose, Fields: s.Fields, Outcome: s.Outcome, Reasons: s.Reasons,
	})
	return err
}

// copy returns a usable copy of a certificate and the signer of the key it is bound to,
// collecting it first where needed.
func (w *Wallet) copy(ctx context.Context, holderID, identifier string, showing bool) (string, key.Signer, error) {
	keys, err := w.cfg.Keys(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("wallet: provider keys: %w", err)
	}
	if len(keys) == 0 {
		return "", nil, ErrNoKey
	}
	now := w.cfg.Now()
	c, err := w.cfg.Store.Copy(ctx, holderID, identifier)
	if err == nil && now.Before(c.RefreshAt) && !(showing && w.stale(c)) {
		for _, k := range keys {
			if k.Public().Thumbprint() == c.KeyID {
				return c.Credential, k, nil
			}
		}
	}
	if err != nil && !errors.Is(err, ErrHoldingUnknown) {
		return "", nil, fmt.Errorf("wallet: copy: %w", err)
	}
	for _, k := range keys {
		fresh, err := w.cfg.Issuer.Collect(ctx, identifier, holderID, k.Public())
		if errors.Is(err, ErrKeyFull) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("wallet: collect: %w", err)
		}
		c = Copy{HolderID: holderID, Identifier: identifier, Credential: fresh.Credential, KeyID: k.Public().Thumbprint(), RefreshAt: fresh.RefreshAt, CreatedAt: now}
		if err := w.cfg.Store.PutCopy(ctx, c); err != nil {
			return "", nil, fmt.Errorf("wallet: keep copy: %w", err)
		}
		return c.Credential, k, nil
	}
	return "", nil, ErrNoKey // an operator must add one
}

// stale says that a kept copy was signed by a key whose word does not count any more: shown, it
// would be refused, so it is collected anew. A code that was on the screen already is redeemed
// with the copy it was drawn for, and the checker hears what is wrong with the key.
func (w *Wallet) stale(c Copy) bool {
	if w.cfg.Frozen == nil {
		return false
	}
	vc, err := sdjwt.Parse(c.Credential, sdjwt.Type)
	if err != nil {
		return true
	}
	claims, err := vc.Claims()
	if err != nil {
		return true
	}
	iss, err := claims.Text("iss")
	return err != nil || w.cfg.Frozen(iss, vc.Token.Header.KeyID)
}
