package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/showcard/showcard/schemas"
)

// MaxReason bounds the reason of a change of state, in characters.
const MaxReason = 500

// Endings returns the states in which a certificate can end, in the order of GB/T 36903.
func Endings() []State { return []State{Withdrawn, Cancelled, Lapsed, Transferred, Revoked} }

// StateChange asks for a change of state.
type StateChange struct {
	Authority  string
	Identifier string
	Reason     string // for the file; never public
	By         string // caller
}

// Changed is the answer to a change of state.
type Changed struct {
	Certificate Certificate
	// Published: the change already stands in the cache that verifiers ask. When it does not,
	// the change is durable all the same, and follows with the next heartbeat.
	Published bool
}

// Suspend stops a valid certificate until it is reinstated (暂扣).
func (i *Issuer) Suspend(ctx context.Context, c StateChange) (Changed, error) {
	return i.change(ctx, c, Suspended, Valid)
}

// Reinstate gives a suspended certificate back (暂扣发还).
func (i *Issuer) Reinstate(ctx context.Context, c StateChange) (Changed, error) {
	return i.change(ctx, c, Valid, Suspended)
}

// End ends a certificate for good: kind is one of Endings. What has ended stays so, of the same
// kind: there is no edge out of a terminal state, nor from one ending to another.
func (i *Issuer) End(ctx context.Context, c StateChange, kind State) (Changed, error) {
	if !slices.Contains(Endings(), kind) {
		return Changed{}, fmt.Errorf("%w: %q is no ending", ErrTransition, kind)
	}
	return i.change(ctx, c, kind, Valid, Suspended)
}

func (i *Issuer) change(ctx context.Context, c StateChange, to State, from ...State) (Changed, error) {
	if err := checkReason(c.Reason); err != nil {
		return Changed{}, err
	}
	cert, err := i.cfg.Record.ChangeState(ctx, Change{Authority: c.Authority, Identifier: c.Identifier,
		From: from, To: to, Reason: c.Reason, By: c.By, At: i.cfg.Now()})
	if err != nil {
		return Changed{}, fmt.Errorf("issuer: change of state: %w", err)
	}
	return Changed{Certificate: cert, Published: i.publish(ctx)}, nil
}

func checkReason(s string) error {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > MaxReason || strings.ContainsRune(s, 0) {
		return &RefusedError{Problems: []schemas.Problem{{Code: schemas.CodeFieldTooLong, Pointer: "/reason", Detail: "at most 500 characters"}}}
	}
	return nil
}

// Certificate returns a certificate of one of the authorities. Those of others are ErrUnknown:
// nobody learns here what another department has issued.
func (i *Issuer) Certificate(ctx context.Context, identifier string, authorities ...string) (Certificate, error) {
	c, err := i.cfg.Record.Certificate(ctx, identifier)
	if err != nil && !errors.Is(err, ErrContentErased) {
		return c, fmt.Errorf("issuer: certificate: %w", err)
	}
	if !slices.Contains(authorities, c.Authority) {
		return Certificate{}, ErrUnknown
	}
	return c, err
}

// SetLive replaces what changes daily, after holding it against the live fields of the
// certificate's type. It is looked up at verification and never signed.
func (i *Issuer) SetLive(ctx context.Context, authority, identifier string, live schemas.Claims) (Certificate, error) {
	c, err := i.Certificate(ctx, identifier, authority)
	if err != nil {
		return c, err
	}
	t, err := i.cfg.Types.Version(c.Row.Type, c.TypeVer)
	if err != nil {
		return c, fmt.Errorf("issuer: live data: %w", err)
	}
	now := i.cfg.Now()
	if problems := t.ValidateLive(live, now); schemas.Refused(problems) {
		return c, &RefusedError{Problems: problems}
	}
	if err := i.cfg.Live.SetLive(ctx, authority, identifier, live, now); err != nil {
		return c, fmt.Errorf("issuer: live data: %w", err)
	}
	c.Live, c.LiveAt = live, now
	return c, nil
}
