package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// check is one check under way.
type check struct {
	*Service
	caller Caller
	party  Party
	req    Request
	record Verification
	// consent is what the holder was asked for, and answered; nil: she was not asked.
	consent *Consent
}

// registered returns what the party may see of a type for the purpose that it stated.
func (k *check) registered(typeID string) ([]string, error) {
	may, typeOK, purposeOK := k.party.Fields(typeID, k.req.Purpose)
	switch {
	case !typeOK:
		return nil, fmt.Errorf("%w: %s", ErrTypeNotRegistered, typeID)
	case !purposeOK:
		return nil, fmt.Errorf("%w: %s for %s", ErrPurposeNotRegistered, k.req.Purpose, typeID)
	}
	return may, nil
}

// allowed returns which of the offered fields the party may see.
func (k *check) allowed(typeID string, offered []string) ([]string, error) {
	may, err := k.registered(typeID)
	if err != nil {
		return nil, err
	}
	fields := both(offered, may)
	if len(fields) == 0 {
		return nil, ErrNothingToDisclose
	}
	return fields, nil
}

func (k *check) code(ctx context.Context) (*Answer, error) {
	k.record.Via = "code"
	code, err := qr.Parse(k.req.Code)
	if err != nil {
		return nil, err
	}
	if code.Kind == qr.Offline && k.offline != nil {
		return k.offlineCode(ctx, code.Offline)
	}
	if code.Kind != qr.Ticket {
		return nil, fmt.Errorf("%w: an offline code", qr.ErrNotOurs)
	}
	if code.Domain != k.cfg.Domain {
		// Its home may know it; we cannot say anything of it.
		return k.refuse(Unknown, "code-other-domain"), nil
	}
	// A retry of the same request may take up its own claim; another request may not.
	claimant := k.caller.Client + "\x00" + k.req.Key
	if k.req.Key == "" {
		claimant += k.record.ID
	}
	offer, err := k.cfg.Wallet.Peek(ctx, code.Ticket)
	if err != nil {
		ended := errors.Is(err, ErrCodeExpired) || errors.Is(err, ErrCodeUsed) || errors.Is(err, ErrCodeClosed)
		if ended && k.req.Key != "" && len(k.req.Fields) > 0 {
			// The holder was asked for this very request, and the code has ended since.
			if a, askErr := k.wants(ctx, code.Ticket, claimant, offer, nil); a != nil && a.Consent != nil || isPending(askErr) {
				return a, askErr
			}
		}
		return k.refusedCode(ctx, qr.Digest(code.Ticket), err)
	}
	k.record.HolderID, k.record.Identifier, k.record.Type = offer.HolderID, offer.Identifier, offer.Type
	if offer.Scene != "" && offer.Scene != k.req.Purpose {
		return nil, k.turnedAway(ctx, fmt.Errorf("%w: %s", ErrPurposeNotChosen, offer.Scene))
	}
	may, err := k.registered(offer.Type)
	if err != nil {
		return nil, k.turnedAway(ctx, err)
	}
	for _, f := range k.req.Fields {
		if !slices.Contains(may, f) {
			return nil, k.turnedAway(ctx, fmt.Errorf("%w: %q", ErrFieldNotRegistered, f))
		}
	}
	fields := both(offer.Fields, may)
	if a, err := k.wants(ctx, code.Ticket, claimant, offer, fields); a != nil || err != nil {
		return a, err
	}
	if len(fields) == 0 {
		return nil, k.turnedAway(ctx, ErrNothingToDisclose)
	}
	return k.redeem(ctx, Redemption{Ticket: code.Ticket, Claimant: claimant, Party: k.party.ID, Purpose: k.req.Purpose, Fields: fields}, qr.Digest(code.Ticket))
}

// redeem takes the presentation, verifies it and records the check.
func (k *check) redeem(ctx context.Context, claim Redemption, ticket [32]byte) (*Answer, error) {
	claim.Audience, claim.Nonce = k.cfg.Audience(k.caller), randomText(24)
	offer, presentation, err := k.cfg.Wallet.Redeem(ctx, claim)
	if err != nil {
		return k.refusedCode(ctx, ticket, err)
	}
	r := k.cfg.Verifier.Verify(ctx, presentation, Expect{Audience: claim.Audience, Nonce: claim.Nonce})
	if !offer.VerifiedAt.IsZero() {
		r.Person.pass()
		r.Person.Method = offer.Method
		at := offer.VerifiedAt.UTC()
		r.Person.At = &at
	}
	k.record.ShowID, k.record.Ticket = offer.ShowID, offer.Ticket
	k.record.HolderID, k.record.PersonID, k.record.Identifier, k.record.Type = offer.HolderID, offer.PersonID, offer.Identifier, offer.Type
	a, err := k.finish(ctx, r, offer.Identifier)
	if err != nil || a.Reasons != nil && slices.Contains(a.Reasons, "code-used") {
		return a, err
	}
	// The record has decided; closing the show only makes later scans cheap. If it fails,
	// they are refused by the record.
	_ = k.cfg.Wallet.Spent(context.WithoutCancel(ctx), Scan{
		ShowID: offer.ShowID, PersonID: offer.PersonID, Verification: k.record.ID, At: k.record.At, PartyName: k.party.Name,
		Purpose: k.req.Purpose, Fields: k.record.Fields, Outcome: k.record.Outcome, Reasons: k.record.Reasons,
	})
	return a, nil
}

// refusedCode tells a clerk why a code does not work. An unknown code may be one whose
// cache entry was lost after it was spent: the record remembers.
func (k *check) refusedCode(ctx context.Context, ticket [32]byte, err error) (*Answer, error) {
	if errors.Is(err, ErrCodeUsed) || errors.Is(err, ErrCodeClosed) || errors.Is(err, ErrCodeUnknown) {
		if a, again := k.overtaken(ctx); a != nil || again != nil {
			return a, again
		}
	}
	switch {
	case errors.Is(err, ErrCodeReserved):
		return k.refuse(Failed, "code-reserved"), nil
	case errors.Is(err, ErrCodeUsed):
		return k.refuse(Failed, "code-used"), nil
	case errors.Is(err, ErrCodeExpired):
		return k.refuse(Failed, "code-expired"), nil
	case errors.Is(err, ErrAgencyOver):
		return k.refuse(Failed, "agency-over"), nil
	case errors.Is(err, ErrNotShowable):
		return k.refuse(Failed, "holding-not-showable"), nil
	case errors.Is(err, ErrCodeUnknown), errors.Is(err, ErrCodeClosed):
		code := "code-unknown"
		if errors.Is(err, ErrCodeClosed) {
			code = "code-closed"
		}
		_, err := k.cfg.Records.ByTicket(ctx, ticket)
		if err == nil {
			return k.refuse(Failed, "code-used"), nil
		}
		if !errors.Is(err, ErrNoRecord) {
			return nil, fmt.Errorf("verifier: %w", err)
		}
		return k.refuse(Failed, code), nil
	}
	if errors.Is(err, ErrHolderRefuses) {
		return nil, k.turnedAway(ctx, err) // she sees that the party tried
	}
	return nil, err
}

// Refused is the outcome in the record of a request that was turned away: the party got no
// answer, and the code was not spent.
const Refused Outcome = "refused"

// turnedAway records that a party wanted of a certificate what it may not have. Nothing was
// disclosed; the holder sees who tried. It returns what the party is told.
func (k *check) turnedAway(ctx context.Context, refusal error) error {
	if k.record.HolderID == "" {
		return refusal
	}
	v := k.record
	// Neither code, challenge nor request is used up: the party may come again with a right.
	v.RequestKey, v.RequestHash, v.ShowID, v.Ticket, v.Challenge, v.Ask = "", [32]byte{}, "", [32]byte{}, "", ""
	v.Proof, v.Code = nil, nil
	v.Outcome, v.Reasons, v.AnswerUntil = string(Refused), []string{refusalCode(refusal)}, v.At
	if err := k.cfg.Records.Record(ctx, v); err != nil {
		return fmt.Errorf("verifier: record: %w", err)
	}
	return refusal
}

func refusalCode(err error) string {
	switch {
	case errors.Is(err, ErrPurposeNotChosen):
		return "purpose-not-chosen"
	case errors.Is(err, ErrTypeNotRegistered):
		return "type-not-registered"
	case errors.Is(err, ErrFieldNotRegistered):
		return "field-not-registered"
	case errors.Is(err, ErrPurposeNotRegistered):
		return "purpose-not-registered"
	case errors.Is(err, ErrHolderRefuses):
		return "holder-refuses"
	}
	return "nothing-to-disclose"
}

// refuse answers about a code that leads to no certificate. Nothing was looked at, so there
// is nothing to record.
func (k *check) refuse(state State, code string) *Answer {
	r := &Result{CheckedAt: k.record.At}
	r.Holder.Check = Check{State: state, Reason: code}
	r.conclude()
	return &Answer{ID: k.record.ID, Result: r, Purpose: k.req.Purpose, Consent: k.consent}
}

func (k *check) presentation(ctx context.Context) (*Answer, error) {
	k.record.Via = "presentation"
	if err := k.cfg.Challenges.TakeChallenge(ctx, k.req.Nonce, k.caller.Client); err != nil {
		return nil, err
	}
	k.record.Challenge = k.req.Nonce
	r := k.cfg.Verifier.Verify(ctx, k.req.Presentation, Expect{Audience: k.cfg.Audience(k.caller), Nonce: k.req.Nonce})
	k.record.Type = r.Type
	if r.Claims == nil {
		return k.finish(ctx, r, "")
	}
	// Before what the party may not see is taken out: the record is the holder's history.
	ours, err := k.original(ctx, r)
	if err != nil {
		return nil, err
	}
	// The holder has sent what she has sent; the party still gets no more than it may see.
	k.record.HolderID, k.record.Identifier = ours.HolderID, ours.Identifier
	fields, err := k.allowed(r.Type, r.shown.Disclosed())
	if err != nil {
		return nil, k.turnedAway(ctx, err)
	}
	for name := range r.Claims {
		if !slices.Contains(fields, name) {
			delete(r.Claims, name)
		}
	}
	return k.finish(ctx, r, ours.Identifier)
}

// original finds what was presented among our own certificates, or nothing. An identifier alone
// is the word of whoever signed it: type and issuer must be the same as well, or one issuer
// could borrow the live data and the portrait of another's certificate.
func (k *check) original(ctx context.Context, r *Result) (Original, error) {
	identifier := r.Claims.Text(schemas.IdentifierClaim)
	if identifier == "" {
		return Original{}, nil
	}
	found, err := k.cfg.Originals.Find(ctx, identifier, schemas.HolderRef{}, r.Type)
	if err != nil {
		return Original{}, fmt.Errorf("verifier: %w", err)
	}
	for _, o := range found {
		vc, err := sdjwt.ParseIssued(o.Credential, sdjwt.Type)
		if err != nil {
			return Original{}, fmt.Errorf("verifier: original: %w", err)
		}
		claims, err := vc.Claims()
		if err != nil {
			return Original{}, fmt.Errorf("verifier: original: %w", err)
		}
		if iss, err := claims.Text("iss"); err == nil && iss == r.Issuer.ID && o.Type == r.Type {
			return o, nil
		}
	}
	return Original{}, nil
}

// finish adds what only this deployment knows, records and answers.
func (k *check) finish(ctx context.Context, r *Result, identifier string) (*Answer, error) {
	a := &Answer{ID: k.record.ID, Result: r, Purpose: k.req.Purpose, Consent: k.consent}
	if k.req.ClerkCompared {
		at := k.record.At
		r.Person.pass()
		r.Person.Method, r.Person.At = methodClerk, &at
	}
	if identifier != "" && !answersOnly(r.Claims) {
		if err := k.addLive(ctx, a, identifier); err != nil {
			return nil, err
		}
	}
	for name := range r.Claims {
		k.record.Fields = append(k.record.Fields, name)
	}
	slices.Sort(k.record.Fields)
	_, shown := r.Claims[schemas.PortraitClaim]
	a.Portrait = shown && k.party.Portrait && identifier != ""
	return k.store(ctx, a)
}

// overtaken is the recorded answer to this very check, when it was made twice at once: two waited for
// the same holder and went on together, or a request was sent twice. Otherwise it is nil, nil.
func (k *check) overtaken(ctx context.Context) (*Answer, error) {
	if k.record.Ask != "" {
		v, err := k.cfg.Records.ByID(ctx, k.record.ID)
		if err == nil && v.Caller == k.caller.Client {
			return k.stored(ctx, v, k.req.Receipt)
		}
		if err != nil && !errors.Is(err, ErrNoRecord) {
			return nil, fmt.Errorf("verifier: %w", err)
		}
	}
	if k.req.Key == "" {
		return nil, nil
	}
	return k.repeat(ctx, k.caller, k.req.Key, k.record.RequestHash, k.req.Receipt)
}

// answersOnly says that nothing but a yes or a no was shown: who proves that she is over 18
// tells nobody her points. Nor does one who shows nothing.
func answersOnly(c Claims) bool {
	for _, raw := range c {
		if v := string(raw); v != "true" && v != "false" {
			return false
		}
	}
	return true
}

// addLive looks up what is never signed: what changes daily, as far as the party may see it,
// and how the certificate ended.
func (k *check) addLive(ctx context.Context, a *Answer, identifier string) error {
	live, at, ending, err := k.cfg.Originals.Live(ctx, identifier)
	if err != nil {
		return fmt.Errorf("verifier: live data: %w", err)
	}
	may, _, _ := k.party.Fields(a.Type, k.req.Purpose)
	for name, value := range live {
		if !slices.Contains(may, name) {
			continue
		}
		if a.Live == nil {
			a.Live, a.LiveAt = map[string]any{}, &at
		}
		a.Live[name] = value
		k.record.Fields = append(k.record.Fields, name)
	}
	if k.party.Ending && a.Status.State == Failed {
		a.Status.Ending = ending
	}
	return nil
}

// store makes the record durable. Only then may the answer leave.
func (k *check) store(ctx context.Context, a *Answer) (*Answer, error) {
	k.record.Outcome, k.record.Reasons = string(a.Outcome), a.Reasons
	answer, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	k.record.Answer, k.record.AnswerUntil = answer, k.record.At.Add(k.cfg.RepeatFor)
	kept, err := k.receipt(a)
	if err != nil {
		return nil, err
	}
	switch err := k.cfg.Records.Record(ctx, k.record); {
	case err == nil:
		if k.req.Receipt && kept != nil {
			return k.withReceipt(ctx, a, kept), nil
		}
		return a, nil
	case errors.Is(err, ErrSpent):
		if a, err := k.overtaken(ctx); a != nil || err != nil {
			return a, err
		}
		// Another scanner was faster: no name, no field leaves.
		if k.record.Proof != nil {
			return k.refuse(Failed, CodeReplayed), nil
		}
		return k.refuse(Failed, "code-used"), nil
	case errors.Is(err, ErrRequestReused):
		if same, err := k.repeat(ctx, k.caller, k.req.Key, k.record.RequestHash, k.req.Receipt); same != nil || err != nil {
			return same, err
		}
		return nil, ErrRequestReused
	default:
		return nil, fmt.Errorf("verifier: record: %w", err)
	}
}
