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
	d := qr.Digest(ticket)
	t, err := w.cfg.Shows.Ticket(ctx, d)
	if err != nil {
		return Offer{}, err
	}
	s, closed, err := w.cfg.Shows.Show(ctx, t.ShowID)
	if errors.Is(err, ErrShowUnknown) {
		return Offer{}, ErrTicketUnknown
	}
	if err != nil {
		return Offer{}, err
	}
	o := Offer{ShowID: s.ID, Ticket: d, HolderID: s.HolderID, PersonID: s.PersonID, Identifier: s.Identifier, Type: s.Type, Fields: s.Fields, Scene: s.Scene, Method: s.Method, VerifiedAt: s.VerifiedAt}
	switch {
	case closed && s.Withdrawn:
		return o, ErrTicketClosed
	case closed:
		return o, ErrTicketTaken // used rather than expired: it tells the clerk more
	}
	if !w.cfg.Now().Before(t.ExpiresAt) {
		return o, ErrTicketExpired
	}
	// Asked anew at each look: who was removed a moment ago has nothing on her screen any more.
	return o, w.mayShow(ctx, s)
}

// Redemption is one checker's claim on a code.
type Redemption struct {
	Ticket   [16]byte
	Claimant string   // the same claimant may come again within the lease
	Fields   []string // offered and allowed
	Audience string
	Nonce    string
}

// Redeem claims the show for the claimant and returns the presentation.
func (w *Wallet) Redeem(ctx context.Context, r Redemption) (Offer, string, error) {
	o, err := w.Peek(ctx, r.Ticket)
	if err != nil {
		return o, "", err
	}
	if err := w.cfg.Shows.Claim(ctx, o.ShowID, r.Claimant, w.cfg.Lease); err != nil {
		return o, "", err
	}
	for _, f := range r.Fields {
		if !slices.Contains(o.Fields, f) {
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

// Spent closes a show after its verification was recorded.
func (w *Wallet) Spent(ctx context.Context, showID string) error {
	return w.cfg.Shows.Close(ctx, showID, keepAfter)
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
