package access

import (
	"errors"
	"time"
)

// The errors of the token endpoint, by their OAuth names (RFC 6749 §5.2).
var (
	ErrRequest   = errors.New("invalid_request")
	ErrClient    = errors.New("invalid_client")
	ErrGrantType = errors.New("unsupported_grant_type")
	ErrScope     = errors.New("invalid_scope")
)

// The codes under which people find the sentence, finer than OAuth's names. A stranger and
// whoever has the wrong key get one answer, CodeAssertionInvalid: who is registered here, and
// whether suspended, is told to those only who hold the key.
const (
	CodeRequestMalformed    = "token-request-malformed"
	CodeGrantUnsupported    = "grant-unsupported"
	CodeScopeNotGranted     = "scope-not-granted"
	CodeAssertionInvalid    = "assertion-invalid"
	CodeAssertionAlgorithm  = "assertion-algorithm"
	CodeAssertionAudience   = "assertion-audience"
	CodeAssertionExpired    = "assertion-expired"
	CodeAssertionEarly      = "assertion-early"
	CodeAssertionReplayed   = "assertion-replayed"
	CodeCertificateUnknown  = "client-certificate-unknown"
	CodeCertificateMismatch = "client-certificate-mismatch"
	CodeClientSuspended     = "client-suspended"
	CodeRegistryStale       = "registry-stale"
	CodeRateLimited         = "rate-limited"
)

// Refusal is the token endpoint's no.
type Refusal struct {
	Kind       error  // one of OAuth's
	Code       string // ours
	Detail     string // for the engineer; never repeats what the caller sent
	RetryAfter time.Duration
	Cause      error
}

func (r *Refusal) Error() string { return r.Kind.Error() + ": " + r.Detail }

// Unwrap gives the kind and the cause.
func (r *Refusal) Unwrap() []error { return []error{r.Kind, r.Cause} }

func refuse(kind error, code, detail string) *Refusal {
	return &Refusal{Kind: kind, Code: code, Detail: detail}
}
