package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/schemas"
)

const (
	// heldLimit bounds how many certificates of one holder are told of.
	heldLimit = 200
	// refreshAhead is how long before a copy runs out it should be collected anew: long enough
	// that a phone in a drawer is no emergency.
	refreshAhead = 7 * 24 * time.Hour
	// refreshMargin is for clocks that differ.
	refreshMargin = time.Minute
)

// Held returns the certificates of holders, newest first.
func (i *Issuer) Held(ctx context.Context, holderIDs []string, only ...string) ([]Certificate, error) {
	if len(holderIDs) == 0 {
		return nil, nil
	}
	held, err := i.cfg.Record.Held(ctx, holderIDs, heldLimit, only...)
	if err != nil {
		return nil, fmt.Errorf("issuer: held: %w", err)
	}
	return held, nil
}

// Copied is a holder's copy of a certificate.
type Copied struct {
	Credential string
	ExpiresAt  time.Time // never zero
	// RefreshAt is when the wallet should collect anew: before the copy expires, and when a
	// predicate such as over-18 turns.
	RefreshAt time.Time
}

// Collect makes a copy of a certificate for its holder, bound to a key, with a place of its own
// in a status list. It fails with ErrNotHolder when the certificate is somebody else's and with
// ErrTransition when it has ended. The copy of a suspended certificate is suspended.
func (i *Issuer) Collect(ctx context.Context, identifier, holderID string, bind *key.Public) (Copied, error) {
	if bind == nil {
		return Copied{}, errors.New("issuer: collect: no key to bind the copy to")
	}
	c, err := i.cfg.Record.Certificate(ctx, identifier)
	if err != nil {
		return Copied{}, fmt.Errorf("issuer: collect: %w", err)
	}
	if c.HolderID != holderID || holderID == "" {
		return Copied{}, ErrNotHolder
	}
	if c.State.Terminal() {
		return Copied{}, fmt.Errorf("%w: it has ended", ErrTransition)
	}
	a, err := i.authority(ctx, c.Authority)
	if err != nil {
		return Copied{}, err
	}
	if err := a.stopped(c.Row.Region); err != nil {
		return Copied{}, fmt.Errorf("issuer: collect: %w", err)
	}
	if err := i.cfg.Registry.TypeUsable(ctx, c.Row.Type); err != nil {
		return Copied{}, fmt.Errorf("issuer: collect: %w", err)
	}
	t, err := i.cfg.Types.Version(c.Row.Type, c.TypeVer)
	if err != nil {
		return Copied{}, fmt.Errorf("issuer: collect: %w", err)
	}
	reserved, err := i.cfg.Record.Reserve(ctx, c.Authority, nil, 1)
	if err != nil {
		return Copied{}, fmt.Errorf("issuer: collect: %w", err)
	}
	slots, err := i.slots(ctx, reserved)
	if err == nil && len(slots) != 1 {
		err = errors.New("no slot")
	}
	if err != nil {
		return Copied{}, fmt.Errorf("issuer: collect: %w", err)
	}
	now := i.cfg.Now()
	out := Copied{}
	if out.ExpiresAt, out.RefreshAt, err = i.copyDates(t, c.Row, a, now); err != nil {
		return Copied{}, err
	}
	out.Credential, err = i.sign(signature{authority: a, typ: t, row: &c.Row, id: c.Identifier, salt: c.Salt,
		slot: slots[0], now: now, bind: bind, expires: out.ExpiresAt})
	if err != nil {
		return Copied{}, err
	}
	// Only now, when the record knows the slot, a change of state reaches the copy.
	var limit int64
	if i.cfg.KeyLimit != nil {
		limit = i.cfg.KeyLimit(bind)
	}
	err = i.cfg.Record.AddCopy(ctx, Copy{Identifier: c.Identifier, Slot: slots[0], KeyID: bind.Thumbprint(), KeyLimit: limit, ExpiresAt: out.ExpiresAt, CreatedAt: now})
	if err != nil {
		return Copied{}, fmt.Errorf("issuer: collect: %w", err)
	}
	if c.State != Valid || !i.publisher.knows(slots[0].List) {
		i.publish(ctx)
	}
	return out, nil
}

// copyDates says how long a copy made now lives, and when to collect the next. The end is a
// whole hour from now like the "iat", so that it says no more about the moment than that does.
func (i *Issuer) copyDates(t *schemas.Type, r schemas.Row, a Authority, now time.Time) (expires, refresh time.Time, err error) {
	_, end, err := period(r)
	if err != nil {
		return expires, refresh, err
	}
	expires = issuedAt(now, a.SignerFrom).Add(i.cfg.CopyLife)
	refresh = expires.Add(-min(refreshAhead, i.cfg.CopyLife/10))
	claims := t.ClaimsOf(r)
	for at := now; ; {
		_, turns := t.Evaluate(claims, at)
		if !turns.After(at) || !turns.Before(expires) { // never, or too late to matter
			break
		}
		if before := turns.Add(-refreshMargin); before.Before(refresh) {
			refresh = before
		}
		// What is true now and will be wrong then must not outlive the moment. What is not yet
		// true may: and an "exp" at the birthday would tell it to everyone.
		if untrue(t, claims, now, turns) {
			expires = turns
			break
		}
		at = turns
	}
	if !end.IsZero() && end.Before(expires) {
		expires = end // collecting anew would not help, so refresh stays
	}
	return expires, refresh, nil
}

// untrue says whether a predicate that holds now does not hold at a later moment.
func untrue(t *schemas.Type, claims schemas.Claims, now, later time.Time) bool {
	before, _ := t.Evaluate(claims, now)
	after, _ := t.Evaluate(claims, later)
	for name, held := range before {
		if held && !after[name] {
			return true
		}
	}
	return false
}

// Portrait returns the holder's portrait and the salt of its digest in the certificate.
func (i *Issuer) Portrait(ctx context.Context, identifier string) (image, salt []byte, err error) {
	c, err := i.cfg.Record.Certificate(ctx, identifier)
	if err != nil {
		return nil, nil, fmt.Errorf("issuer: portrait: %w", err)
	}
	if len(c.Row.Portrait) == 0 {
		return nil, nil, ErrNoPortrait
	}
	return c.Row.Portrait, c.Salt, nil
}

// Live is what is looked up at verification.
type Live struct {
	Values  map[string]any // nil when the department never said any
	AsOf    time.Time
	State   State // with the kind of ending, which the public list does not tell
	StateAt time.Time
}

// LiveOf returns what changes daily, and the state in full.
func (i *Issuer) LiveOf(ctx context.Context, identifier string) (Live, error) {
	l, err := i.cfg.Record.Live(ctx, identifier)
	if err != nil {
		return Live{}, fmt.Errorf("issuer: live data: %w", err)
	}
	return l, nil
}

// Query finds originals for checking facts: by identifier, or by holder and type.
type Query struct {
	Identifier string
	Holder     schemas.HolderRef // type and number; the name does not count
	Type       string
}

// Originals returns the certificates that a query means, newest first; none is no error. By
// identifier a Type, when given, must fit.
func (i *Issuer) Originals(ctx context.Context, q Query) ([]Certificate, error) {
	var all []Certificate
	if q.Identifier != "" {
		c, err := i.cfg.Record.Certificate(ctx, q.Identifier)
		if errors.Is(err, ErrUnknown) || errors.Is(err, ErrContentErased) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("issuer: originals: %w", err)
		}
		all = []Certificate{c}
	} else {
		var err error
		if all, err = i.Held(ctx, []string{i.cfg.HolderID(q.Holder)}); err != nil {
			return nil, err
		}
	}
	var found []Certificate
	for _, c := range all {
		if q.Type == "" || c.Row.Type == q.Type {
			found = append(found, c)
		}
	}
	return found, nil
}
