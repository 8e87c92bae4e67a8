package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// The four domains never import one another. Here one room's methods are handed to another
// behind the small interface that the caller owns; nothing is decided here.

// keyring finds the private halves of keys of one kind in the keystore, by their public halves.
// The keystore may gain keys while the server runs (showcard keygen, showcard rotate): it is read
// again when a key is asked for that was not there, for each of them at most once a second.
type keyring struct {
	store  *key.Store
	prefix string // of the names in the keystore

	mu     sync.Mutex
	known  map[string]*key.Private // by thumbprint
	missed map[string]time.Time    // likewise: when it was looked for last; no more than the registry names
}

func newKeyring(store *key.Store, prefix string) *keyring {
	return &keyring{store: store, prefix: prefix, known: map[string]*key.Private{}, missed: map[string]time.Time{}}
}

// signer signs under the id that the registry has for the key.
func (r *keyring) signer(public *key.Public) (*key.Private, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wanted := public.Thumbprint()
	if k, ok := r.known[wanted]; ok {
		return k.WithID(public.ID()), nil
	}
	if time.Since(r.missed[wanted]) < time.Second {
		return nil, key.ErrNotFound
	}
	if err := r.store.Reload(); err != nil {
		return nil, err
	}
	for _, name := range r.store.Names() {
		if !strings.HasPrefix(name, r.prefix) {
			continue
		}
		k, err := r.store.Signer(name)
		if err != nil {
			return nil, err
		}
		r.known[k.Public().Thumbprint()] = k
	}
	if k, ok := r.known[wanted]; ok {
		return k.WithID(public.ID()), nil
	}
	r.missed[wanted] = time.Now()
	return nil, key.ErrNotFound
}

// issuerRegistry is the registry as the issuer sees it.
type issuerRegistry struct {
	registry *registry.Registry
	keys     *keyring
	types    *schemas.Catalogue
	now      func() time.Time
}

func (r issuerRegistry) Authority(_ context.Context, id string) (issuer.Authority, error) {
	a, err := r.registry.Authority(id)
	if errors.Is(err, registry.ErrUnknown) {
		return issuer.Authority{}, issuer.ErrIssuerUnknown
	}
	if err != nil {
		return issuer.Authority{}, err
	}
	now := r.now()
	out := issuer.Authority{
		ID: a.ID, USCC: a.USCC, ISS: r.registry.IssuerURL(a.ID), Name: a.Name, Types: a.Types, Regions: a.Regions,
		StoppedRegions: r.registry.StoppedRegions(), StoppedAll: r.registry.StoppedAll(),
		Frozen: a.Frozen || now.Before(a.NotBefore) || !a.NotAfter.IsZero() && !now.Before(a.NotAfter),
	}
	for _, k := range a.Keys {
		if k.Frozen {
			continue
		}
		out.Keys = append(out.Keys, k.Public)
		if now.Before(k.NotBefore) || !k.NotAfter.IsZero() && !now.Before(k.NotAfter) {
			continue
		}
		s, err := r.keys.signer(k.Public)
		if errors.Is(err, key.ErrNotFound) {
			continue // another deployment's, or in a security module that is not here
		}
		if err != nil {
			return issuer.Authority{}, fmt.Errorf("key of %s: %w", id, err)
		}
		out.Signer, out.SignerFrom, out.X5C = s, k.NotBefore, k.X5C // the last one that may sign: the newest
	}
	return out, nil
}

func (r issuerRegistry) TypeUsable(_ context.Context, typeID string) error {
	newest, err := r.types.Type(typeID)
	if err != nil {
		return err
	}
	t, err := r.registry.TypeState(typeID)
	switch {
	case errors.Is(err, registry.ErrUnknown) || err == nil && (!t.Published || t.Version < newest.Version):
		// What the trust list does not name, no verifier would accept.
		return fmt.Errorf("%w: %s", schemas.ErrTypeUnpublished, typeID)
	case err != nil:
		return err
	case t.Frozen:
		return fmt.Errorf("%w: %s", issuer.ErrTypeFrozen, typeID)
	}
	return nil
}

// verifierParties is the registry as the verifier sees it.
type verifierParties struct{ registry *registry.Registry }

func (p verifierParties) Party(_ context.Context, id string) (verifier.Party, error) {
	v, err := p.registry.Party(id)
	if errors.Is(err, registry.ErrUnknown) {
		return verifier.Party{}, verifier.ErrPartyUnknown
	}
	if err == nil {
		err = partyError(p.registry.PartyUsable(id))
	}
	return verifier.Party{ID: v.ID, Name: v.Name, Suspended: v.Suspended, PerMinute: v.PerMinute, PerDay: v.PerDay, Ending: v.Ending, Portrait: v.Portrait, Fields: v.Fields}, err
}

// verifierWallet is the wallet as the verifier sees it. Claimants, which wait where codes in flight
// are, go by blind names: callers put citizens' numbers into the keys of their requests.
type verifierWallet struct {
	wallet *wallet.Wallet
	blind  func(claimant string) string
}

func walletError(err error) error {
	switch {
	case errors.Is(err, wallet.ErrTicketUnknown), errors.Is(err, wallet.ErrShowUnknown):
		return fmt.Errorf("%w: %w", verifier.ErrCodeUnknown, err)
	case errors.Is(err, wallet.ErrTicketExpired):
		return fmt.Errorf("%w: %w", verifier.ErrCodeExpired, err)
	case errors.Is(err, wallet.ErrTicketClosed):
		return fmt.Errorf("%w: %w", verifier.ErrCodeClosed, err)
	case errors.Is(err, wallet.ErrTicketReserved):
		return fmt.Errorf("%w: %w", verifier.ErrCodeReserved, err)
	case errors.Is(err, wallet.ErrTicketTaken):
		return fmt.Errorf("%w: %w", verifier.ErrCodeUsed, err)
	case errors.Is(err, wallet.ErrAgencyOver):
		return fmt.Errorf("%w: %w", verifier.ErrAgencyOver, err)
	case errors.Is(err, wallet.ErrNoKey), errors.Is(err, wallet.ErrHoldingFrozen), errors.Is(err, wallet.ErrHoldingEnded), errors.Is(err, wallet.ErrHoldingUnknown):
		return fmt.Errorf("%w: %w", verifier.ErrNotShowable, err)
	case errors.Is(err, wallet.ErrPartyBlocked):
		return fmt.Errorf("%w: %w", verifier.ErrHolderRefuses, err)
	case errors.Is(err, wallet.ErrNothingAsked), errors.Is(err, wallet.ErrAskedBefore):
		return fmt.Errorf("%w: %w", verifier.ErrNotAsked, err)
	case errors.Is(err, wallet.ErrConsentUnknown):
		return fmt.Errorf("%w: %w", verifier.ErrNoRecord, err)
	}
	return err
}

func (w verifierWallet) Peek(ctx context.Context, ticket [16]byte) (verifier.Offer, error) {
	o, err := w.wallet.Peek(ctx, ticket)
	return verifier.Offer(o), walletError(err)
}

// walletIssuer is the issuer as the wallet sees it.
type walletIssuer struct {
	issuer   *issuer.Issuer
	registry *registry.Registry
	types    *schemas.Catalogue
}

func (w walletIssuer) Held(ctx context.Context, holderIDs []string, only ...string) ([]wallet.Held, error) {
	all, err := w.issuer.Held(ctx, holderIDs, only...)
	if err != nil {
		return nil, err
	}
	out := make([]wallet.Held, len(all))
	for i, c := range all {
		t, err := w.types.Version(c.Row.Type, c.TypeVer)
		if err != nil {
			return nil, err
		}
		a, err := w.registry.Authority(c.Authority)
		if err != nil {
			return nil, err
		}
		until := c.Row.ValidUntil
		if until == "" {
			until = schemas.LongTerm
		}
		out[i] = wallet.Held{
			Identifier: c.Identifier, HolderID: c.HolderID, HolderName: c.Row.Holder.Name, Type: c.Row.Type, TypeVer: c.TypeVer, Authority: a.Name,
			State: string(c.State), Ended: c.State.Terminal(), Stopped: stopped(w.registry, c.Row.Region), ValidFrom: c.Row.ValidFrom, ValidUntil: until, Claims: t.ClaimsOf(c.Row), IssuedAt: c.CreatedAt,
		}
	}
	return out, nil
}

func (w walletIssuer) Collect(ctx context.Context, identifier, holderID string, bind *key.Public) (wallet.Collected, error) {
	c, err := w.issuer.Collect(ctx, identifier, holderID, bind)
	return wallet.Collected{Credential: c.Credential, RefreshAt: c.RefreshAt}, collectError(err)
}

// collectError says in the wallet's words why an issuer hands nothing out.
func collectError(err error) error {
	switch {
	case errors.Is(err, issuer.ErrUnknown), errors.Is(err, issuer.ErrNotHolder):
		err = fmt.Errorf("%w: %w", wallet.ErrHoldingUnknown, err)
	case errors.Is(err, issuer.ErrTransition):
		err = fmt.Errorf("%w: %w", wallet.ErrHoldingEnded, err)
	case errors.Is(err, issuer.ErrKeyFull):
		err = fmt.Errorf("%w: %w", wallet.ErrKeyFull, err)
	case errors.Is(err, issuer.ErrIssuerFrozen), errors.Is(err, issuer.ErrTypeFrozen), errors.Is(err, issuer.ErrNoSigner),
		errors.Is(err, issuer.ErrRegionFrozen), errors.Is(err, issuer.ErrAllFrozen):
		err = fmt.Errorf("%w: %w", wallet.ErrHoldingFrozen, err)
	}
	return err
}

// verifierOriginals is the issuer as the verifier sees it.
type verifierOriginals struct {
	issuer *issuer.Issuer
	types  *schemas.Catalogue
}

func (o verifierOriginals) Find(ctx context.Context, identifier string, holder schemas.HolderRef, typeID string) ([]verifier.Original, error) {
	found, err := o.issuer.Originals(ctx, issuer.Query{Identifier: identifier, Holder: holder, Type: typeID})
	if err != nil {
		return nil, err
	}
	out := make([]verifier.Original, len(found))
	for i, c := range found {
		t, err := o.types.Version(c.Row.Type, c.TypeVer)
		if err != nil {
			return nil, err
		}
		predicates, _ := t.Evaluate(t.ClaimsOf(c.Row), time.Now())
		out[i] = verifier.Original{Identifier: c.Identifier, HolderID: c.HolderID, Type: c.Row.Type, Credential: c.Credential, Predicates: predicates}
	}
	return out, nil
}

func (o verifierOriginals) Live(ctx context.Context, identifier string) (map[string]any, time.Time, *verifier.Ending, error) {
	l, err := o.issuer.LiveOf(ctx, identifier)
	if err != nil {
		return nil, time.Time{}, nil, err
	}
	var ending *verifier.Ending
	if l.State != issuer.Valid {
		ending = &verifier.Ending{State: string(l.State), At: l.StateAt}
	}
	return l.Values, l.AsOf, ending, nil
}

func (o verifierOriginals) Portrait(ctx context.Context, identifier string) (image, salt []byte, err error) {
	image, salt, err = o.issuer.Portrait(ctx, identifier)
	if errors.Is(err, issuer.ErrUnknown) || errors.Is(err, issuer.ErrNoPortrait) {
		err = fmt.Errorf("%w: %w", verifier.ErrNoPortrait, err)
	}
	return image, salt, err
}

// partyName names a relying party for the pages of those whose certificates it looked at.
func (a *app) partyName(id string) schemas.Text {
	p, err := a.registry.Party(id)
	if err != nil {
		return schemas.Text{}
	}
	return p.Name
}
