package login

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/showcard/showcard/internal/httpd"
)

// Every way in which a sign-in ends without a session.
var (
	ErrProviderUnknown = errors.New("login: no such identity provider")
	ErrReturnTo        = errors.New("login: return_to is no path of this site")

	ErrState    = errors.New("login: not begun in this browser")
	ErrExpired  = errors.New("login: begun too long ago")
	ErrReplayed = errors.New("login: answer used before")
	ErrIssuer   = errors.New("login: answered by another provider than was asked")
	ErrDenied   = errors.New("login: the person or the provider said no")

	ErrUnreachable = errors.New("login: identity provider not reachable")
	ErrSlow        = errors.New("login: identity provider took too long")
	ErrProvider    = errors.New("login: identity provider did not answer as the standard says")

	ErrSignature  = errors.New("login: signature of the ID token does not verify under the provider's keys")
	ErrToken      = errors.New("login: ID token is not for this sign-in")
	ErrStale      = errors.New("login: the proof of identity is too old")
	ErrIdentity   = errors.New("login: the provider's claims name no valid holder")
	ErrAssurance  = errors.New("login: assurance level too low")
	ErrNoIdentity = errors.New("login: no identity provider is configured")
)

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: ErrNoIdentity, Code: "sign-in-not-offered"},
		{Err: ErrProviderUnknown, Code: "sign-in-provider-unknown"},
		{Err: ErrReturnTo, Code: "sign-in-return-refused"},
		{Err: ErrState, Code: "sign-in-state-unknown"},
		{Err: ErrExpired, Code: "sign-in-expired"},
		{Err: ErrReplayed, Code: "sign-in-replayed"},
		{Err: ErrIssuer, Code: "sign-in-issuer-wrong"},
		{Err: ErrDenied, Code: "sign-in-denied"},
		{Err: ErrSlow, Code: "sign-in-provider-slow"},
		{Err: ErrUnreachable, Code: "sign-in-provider-unreachable"},
		{Err: ErrSignature, Code: "sign-in-signature-invalid"},
		{Err: ErrStale, Code: "sign-in-stale"},
		{Err: ErrToken, Code: "sign-in-token-invalid"},
		{Err: ErrIdentity, Code: "sign-in-identity-invalid"},
		{Err: ErrAssurance, Code: "sign-in-assurance-low"},
		{Err: ErrProvider, Code: "sign-in-provider-failed"},
	}
}

// reach sorts an error of a request to the provider: away, slow, or answering nonsense.
func reach(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return err // she went away; nobody reads the answer
	}
	var network net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("%w: %w", ErrSlow, err)
	case errors.Is(err, errAway):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case errors.Is(err, errTooLarge), errors.Is(err, errRedirected):
		return fmt.Errorf("%w: %w", ErrProvider, err)
	case errors.As(err, &network):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return fmt.Errorf("%w: %w", ErrProvider, err)
}
