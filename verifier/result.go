package verifier

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/schemas"
)

// Outcome is the one word a clerk acts on.
type Outcome string

// The outcomes.
const (
	Valid         Outcome = "valid"         // every required check passed, with fresh status and trust
	Invalid       Outcome = "invalid"       // a check failed
	Indeterminate Outcome = "indeterminate" // nothing failed, but something could not be known
)

// State is how one check ended.
type State string

// The states of a check.
const (
	Passed     State = "passed"
	Failed     State = "failed"
	Unknown    State = "unknown"     // could not be found out
	NotChecked State = "not-checked" // not required here, or meaningless after what failed before
)

// Check is one check. Reason is a stable code when it did not pass (docs/formats.md lists them).
type Check struct {
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
}

func (c *Check) pass()               { c.State = Passed }
func (c *Check) skip()               { c.State = NotChecked }
func (c *Check) fail(code string)    { c.State, c.Reason = Failed, code }
func (c *Check) unknown(code string) { c.State, c.Reason = Unknown, code }

// SignatureCheck: was the certificate signed, unaltered, by the key that the list gives the issuer?
type SignatureCheck struct {
	Check
	Algorithm string `json:"algorithm,omitempty"`
}

// IssuerCheck: is the issuer trusted for this type, this region and that time?
type IssuerCheck struct {
	Check
	ID        string        `json:"id,omitempty"`
	Authority string        `json:"authority,omitempty"` // unified social credit code
	Name      *schemas.Text `json:"name,omitempty"`
}

// ValidityCheck: is today between the dates?
type ValidityCheck struct {
	Check
	NotBefore *time.Time `json:"not_before,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`
}

// StatusCheck: is it neither suspended nor ended, and how fresh is that knowledge?
type StatusCheck struct {
	Check
	AsOf   *time.Time `json:"as_of,omitempty"`
	Source string     `json:"source,omitempty"`
	Ending *Ending    `json:"ending,omitempty"`
}

// Ending tells an authorised caller how and when a certificate ended.
type Ending struct {
	State string    `json:"state"` // withdrawn, cancelled, lapsed, transferred, revoked, suspended
	At    time.Time `json:"at"`
}

// Bound says which key the certificate is bound to.
type Bound string

// The kinds of binding.
const (
	BoundProvider Bound = "provider" // a wallet provider's key: the provider vouches for the holder
	BoundDevice   Bound = "device"   // a key on the holder's own device
	BoundNone     Bound = "none"
)

// HolderCheck: did the one it was issued to show it, to us, now? For a code, the wallet
// proves it in answer to our nonce.
type HolderCheck struct {
	Check
	Bound    Bound  `json:"bound,omitempty"`
	Provider string `json:"provider,omitempty"`
}

// PersonCheck: how was the person in front verified, by whom, when? Real name, real person
// and real certificate (实名, 实人, 实证) stay three answers.
type PersonCheck struct {
	Check
	Method string     `json:"method,omitempty"` // sign-in, passkey, clerk, face-service
	At     *time.Time `json:"at,omitempty"`
}

// Result is the answer to a verification.
type Result struct {
	Outcome   Outcome        `json:"outcome"`
	Reasons   []string       `json:"reasons"` // stable codes, most telling first
	CheckedAt time.Time      `json:"checked_at"`
	Type      string         `json:"type,omitempty"`
	VCT       string         `json:"vct,omitempty"`
	Signature SignatureCheck `json:"signature"`
	Issuer    IssuerCheck    `json:"issuer"`
	Validity  ValidityCheck  `json:"validity"`
	Holder    HolderCheck    `json:"holder"`
	Person    PersonCheck    `json:"person"`
	Status    StatusCheck    `json:"status"`
	Offline   *OfflineCheck  `json:"offline,omitempty"` // of an offline code
	// Claims are the disclosed fields. They are there only when signature, issuer and holder are
	// good: nobody should read a forged name, or one that was shown to somebody else.
	Claims Claims `json:"claims,omitempty"`

	shown *sdjwt.SDJWT // once its signature was good
}

// Claims are disclosed fields by name. They do not print.
type Claims map[string]json.RawMessage

// Text returns a field that is a string, or "".
func (c Claims) Text(name string) string {
	var s string
	_ = json.Unmarshal(c[name], &s)
	return s
}

// conclude sets what was not reached to not-checked, gathers the reasons and draws the outcome.
func (r *Result) conclude() {
	checks := [...]*Check{&r.Issuer.Check, &r.Signature.Check, &r.Validity.Check, &r.Status.Check, &r.Holder.Check, &r.Person.Check}
	r.Reasons = []string{}
	failed, unknown := false, false
	// Person is reported beside the outcome: which assurance is enough, the caller's rules say. That
	// somebody else stands there, a clerk can say afterwards ([Service.Person]).
	for _, c := range checks {
		if c.State == "" {
			c.State = NotChecked
		}
		if c != &r.Person.Check {
			failed = failed || c.State == Failed
			unknown = unknown || c.State == Unknown
		}
		if c.Reason != "" && !slices.Contains(r.Reasons, c.Reason) {
			r.Reasons = append(r.Reasons, c.Reason)
		}
	}
	switch {
	case failed:
		r.Outcome = Invalid
	case unknown || r.Signature.State != Passed:
		r.Outcome = Indeterminate
	default:
		r.Outcome = Valid
	}
	if r.Signature.State != Passed || r.Issuer.State != Passed || r.Holder.State == Failed {
		r.Claims = nil
	} else if r.Claims == nil && r.shown != nil {
		names := r.shown.Disclosed()
		r.Claims = make(Claims, len(names))
		for _, name := range names {
			r.Claims[name], _ = r.shown.Claim(name)
		}
	}
}

// parseCode gives the stable code of a presentation that could not be read.
func parseCode(err error) string {
	switch {
	case errors.Is(err, sdjwt.ErrDisclosureDuplicate):
		return "disclosure-duplicate"
	case errors.Is(err, sdjwt.ErrDisclosureUnknown):
		return "disclosure-unknown"
	case errors.Is(err, sdjwt.ErrDisclosureMalformed):
		return "disclosure-malformed"
	case errors.Is(err, jose.ErrAlgorithm), errors.Is(err, sdjwt.ErrHash):
		return "algorithm-not-allowed"
	}
	return "presentation-malformed"
}

func signatureCode(err error) string {
	switch {
	case errors.Is(err, jose.ErrAlgorithm):
		return "algorithm-not-allowed"
	case errors.Is(err, jose.ErrEncoding):
		return "signature-encoding"
	}
	return "signature-invalid"
}

func trustCode(err error) string {
	switch {
	case errors.Is(err, trustlist.ErrStale):
		return "trust-list-stale"
	case errors.Is(err, trustlist.ErrRolledBack):
		return "trust-list-rolled-back"
	case errors.Is(err, trustlist.ErrIssuerUnknown), errors.Is(err, trustlist.ErrKeyUnknown):
		return "issuer-untrusted"
	case errors.Is(err, trustlist.ErrFrozen):
		return "issuer-frozen"
	case errors.Is(err, trustlist.ErrKeyFrozen):
		return "key-frozen"
	case errors.Is(err, trustlist.ErrKeyDates):
		return "key-out-of-dates"
	case errors.Is(err, trustlist.ErrMalformed), errors.Is(err, trustlist.ErrSignature), errors.Is(err, trustlist.ErrThreshold):
		return "trust-list-invalid"
	}
	return "trust-list-unavailable"
}

func bindingCode(err error) string {
	switch {
	case errors.Is(err, sdjwt.ErrBindingMissing):
		return "holder-binding-missing"
	case errors.Is(err, sdjwt.ErrNonce):
		return "nonce-wrong"
	case errors.Is(err, sdjwt.ErrAudience):
		return "audience-wrong"
	case errors.Is(err, sdjwt.ErrProofOld):
		return "proof-too-old"
	case errors.Is(err, sdjwt.ErrProofFuture):
		return "proof-from-future"
	}
	return "holder-binding-invalid"
}

// statusCode tells a status that proves something wrong from one that is merely not known.
func statusCode(err error) (code string, failed bool) {
	switch {
	case errors.Is(err, statuslist.ErrIndex):
		return "status-index-out-of-range", true
	case errors.Is(err, statuslist.ErrSubject), errors.Is(err, trustlist.ErrKeyUnknown), errors.Is(err, trustlist.ErrKeyFrozen):
		return "status-list-wrong-signer", false
	case errors.Is(err, statuslist.ErrMalformed), errors.Is(err, statuslist.ErrSignature):
		return "status-list-invalid", false
	case errors.Is(err, statuslist.ErrExpired):
		return "status-stale", false
	case errors.Is(err, ErrListNotTaken):
		return "bundle-list-missing", false
	}
	return "status-unavailable", false
}
