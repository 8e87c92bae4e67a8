package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/schemas"
)

// ErrNotValid says that a certificate is suspended, or not in force today.
var ErrNotValid = errors.New("issuer: the certificate is not valid now")

// OfflineOrder asks for codes of one view of a certificate that need no network.
type OfflineOrder struct {
	Identifier string
	HolderID   string // must be the certificate's
	View       string
	Device     *key.Public // that shows them
	Serials    []sdcwt.Serial
	NotAfter   time.Time // they end then at the latest; zero: no bound
}

// Offline signs one CWT for each serial. They name no status list: they are only made while the
// certificate is valid, live for a day at most, and their serials are revoked with it. So record is
// told of their end, and must have the serials on the disk, before anything is signed: like a slot in
// a status list, a serial that a crash leaves behind is nobody's, and no stranger is signed.
func (i *Issuer) Offline(ctx context.Context, o OfflineOrder, record func(ctx context.Context, expires time.Time) error) ([][]byte, error) {
	if o.Device == nil || len(o.Serials) == 0 || record == nil {
		return nil, errors.New("issuer: offline: incomplete order")
	}
	c, a, t, err := i.offlineCertificate(ctx, o)
	if err != nil {
		return nil, err
	}
	now := i.cfg.Now()
	claims, err := offlineClaims(t, c.Row, a, o, now)
	if err != nil {
		return nil, err
	}
	if err := record(ctx, claims.Expires); err != nil {
		return nil, fmt.Errorf("issuer: offline: %w", err)
	}
	out := make([][]byte, len(o.Serials))
	for n, serial := range o.Serials {
		claims.Serial = serial
		if out[n], err = sdcwt.Issue(ctx, a.Signer, claims); err != nil {
			return nil, fmt.Errorf("issuer: offline: %w", err)
		}
	}
	return out, nil
}

// offlineCertificate finds a certificate of which such codes may be made.
func (i *Issuer) offlineCertificate(ctx context.Context, o OfflineOrder) (Certificate, Authority, *schemas.Type, error) {
	c, err := i.cfg.Record.Certificate(ctx, o.Identifier)
	if err != nil {
		return c, Authority{}, nil, fmt.Errorf("issuer: offline: %w", err)
	}
	switch {
	case c.HolderID != o.HolderID || o.HolderID == "":
		return c, Authority{}, nil, ErrNotHolder
	case c.State.Terminal():
		return c, Authority{}, nil, fmt.Errorf("%w: it has ended", ErrTransition)
	case c.State != Valid:
		return c, Authority{}, nil, fmt.Errorf("%w: %s", ErrNotValid, c.State)
	}
	a, err := i.authority(ctx, c.Authority)
	if err != nil {
		return c, a, nil, err
	}
	if err := a.stopped(c.Row.Region); err != nil {
		return c, a, nil, fmt.Errorf("issuer: offline: %w", err)
	}
	if err := i.cfg.Registry.TypeUsable(ctx, c.Row.Type); err != nil {
		return c, a, nil, fmt.Errorf("issuer: offline: %w", err)
	}
	t, err := i.cfg.Types.Version(c.Row.Type, c.TypeVer)
	if err != nil {
		return c, a, nil, fmt.Errorf("issuer: offline: %w", err)
	}
	return c, a, t, nil
}

// offlineClaims are the claims of a code but for its serial. Its "iat" is a whole hour, as that of a
// copy: it does not tell when she had network last.
func offlineClaims(t *schemas.Type, r schemas.Row, a Authority, o OfflineOrder, now time.Time) (sdcwt.Claims, error) {
	from, end, err := period(r)
	if err != nil {
		return sdcwt.Claims{}, err
	}
	if now.Before(from) {
		return sdcwt.Claims{}, fmt.Errorf("%w: it begins later", ErrNotValid)
	}
	all := t.ClaimsOf(r)
	view, turns, err := t.OfflineView(o.View, all, now)
	if err != nil {
		return sdcwt.Claims{}, fmt.Errorf("issuer: offline: %w", err)
	}
	issued := issuedAt(now, a.SignerFrom)
	expires := issued.Add(sdcwt.MaxLifetime)
	// What is true now and will be wrong then ends the code. What is not yet true does not: an end at
	// the birthday would tell it to everyone.
	for at := now; turns.After(at) && turns.Before(expires); {
		at = turns
		later, next, err := t.OfflineView(o.View, all, at)
		if err != nil {
			return sdcwt.Claims{}, fmt.Errorf("issuer: offline: %w", err)
		}
		if ceased(view.Values, later.Values) {
			expires = at
			break
		}
		turns = next
	}
	for _, bound := range []time.Time{end, o.NotAfter} {
		if !bound.IsZero() && bound.Before(expires) {
			expires = bound
		}
	}
	if expires = expires.Truncate(time.Second); !expires.After(now) || !expires.After(issued) {
		return sdcwt.Claims{}, fmt.Errorf("%w: it is over", ErrNotValid)
	}
	return sdcwt.Claims{
		IssuedAt: issued, Expires: expires, Device: o.Device,
		View: sdcwt.View{Type: view.Type, Version: view.Version, View: view.View, Region: r.Region, Values: view.Values},
	}, nil
}

// ceased says whether an answer that is yes now is not yes later.
func ceased(now, later map[int64]any) bool {
	for number, v := range now {
		if v == true && later[number] != true {
			return true
		}
	}
	return false
}
