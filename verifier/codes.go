package verifier

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/schemas"
)

// CodeState is what the record knows of an offline code that this deployment has given out.
type CodeState struct {
	Serial sdcwt.Serial
	// Whose certificate it is of, and who was given it; empty when nobody may know any more.
	Identifier, HolderID, PersonID string
	Device                         *key.Public // that it was given to; nil when that is not known any more
	RevokedAt                      time.Time   // zero: it was not
}

// ErrCodeMoved says that what is known of a code changed while it was checked.
var ErrCodeMoved = errors.New("verifier: the code was revoked, or lost its holder, meanwhile")

// OfflineCodes is the durable record of offline codes, and of the checks that were made of them offline.
type OfflineCodes interface {
	// OfflineCode returns what is known of a serial; ErrNoRecord when it is none of ours, or is not
	// kept any more. It MUST be the truth of the record: no cache.
	OfflineCode(ctx context.Context, serial sdcwt.Serial) (CodeState, error)
	// Settle records a check that was made offline. Of records with the same Proof it MUST, in one
	// transaction with the entries in the audit log:
	//   - when one is the party's, record nothing and return it, repeated; if Shown, with CodeShownOnline
	//     when that one was made here, and CodeShownElsewhere when it was made at another moment, unless
	//     Replayed;
	//   - else record this one; if Shown, with a conflict for each of another party's (CodeShownOnline
	//     when it was made here, else CodeShownElsewhere), and note CodeShownElsewhere on those;
	//   - find Code as it was, or fail with ErrCodeMoved.
	Settle(ctx context.Context, s Settling) (kept Verification, repeated bool, err error)
}

// CodesConfig says what checks of offline codes at the service stand on. Codes, Trust and Types are needed.
type CodesConfig struct {
	Codes  OfflineCodes
	Trust  TrustSource
	Types  *schemas.Catalogue
	Tables *key.Tables
	// ShutsOut says whether a person shows a party nothing. nil: nobody does.
	ShutsOut func(ctx context.Context, personID, party string) (bool, error)
	// SettleWithin is how long after it was made a check may be settled. Default seven days. Whose a
	// code was must be kept that long beyond its end.
	SettleWithin time.Duration
	// Settled is told of each row that was settled or refused, for figures and the log. nil: nobody.
	Settled func(ctx context.Context, c Caller, row SettledCheck)
}

func (c *CodesConfig) check() error {
	if c.Codes == nil || c.Trust == nil || c.Types == nil || c.SettleWithin < 0 {
		return errors.New("verifier: incomplete configuration of offline codes")
	}
	if c.SettleWithin == 0 {
		c.SettleWithin = 7 * 24 * time.Hour
	}
	return nil
}

// CodeUnlisted is the reason when a code is signed as it should be, and not one that we gave out.
const CodeUnlisted = "offline-serial-unknown"

// sourceRecord is the source of a status that was read where it is decided.
const sourceRecord = "record"

// tries bounds how often a check begins anew because its code was revoked or erased meanwhile.
const tries = 4

// judge makes every check of a code as of a moment, and returns what the record knows of it: nil when
// nothing, or when what it knows is of another device's code.
func (s *Service) judge(ctx context.Context, r *Result, t *sdcwt.Token, e sdcwt.Expect) (*CodeState, error) {
	if !s.offline.issuer(ctx, r, t) {
		return nil, nil
	}
	state, err := s.cfg.Offline.Codes.OfflineCode(ctx, t.Claims.Serial)
	if err != nil && !errors.Is(err, ErrNoRecord) {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	// A serial alone is the word of whoever signed it: the device must be the one that it was given
	// to, or one issuer could write its codes into the history of another's holder.
	known := err == nil && (state.Device == nil || state.Device.Thumbprint() == t.Claims.Device.Thumbprint())
	now := s.cfg.Now().UTC()
	r.Status.AsOf, r.Status.Source = &now, sourceRecord
	switch {
	case !known:
		r.Status.unknown(CodeUnlisted)
	case !state.RevokedAt.IsZero() && !state.RevokedAt.After(e.Now):
		r.Status.fail(CodeOfflineRevoked)
	default:
		r.Status.pass()
	}
	s.offline.holder(r, t, e)
	if !known {
		return nil, nil
	}
	return &state, nil
}

// proofDigest names a proof: the "cti" that its device drew, under the serial of what it proves, so that
// nobody else's proof can bear its name.
func proofDigest(t *sdcwt.Token) []byte {
	sum := sm.Sum(slices.Concat([]byte("offline proof\x00"), t.Claims.Serial[:], t.Proof.Serial[:]))
	return sum[:]
}

// offlineCode checks an offline code that was shown although there is a network.
func (k *check) offlineCode(ctx context.Context, code []byte) (*Answer, error) {
	r := &Result{CheckedAt: k.record.At}
	t := readToken(r, code, k.record.At)
	if t == nil {
		r.conclude()
		return &Answer{ID: k.record.ID, Result: r, Purpose: k.req.Purpose}, nil
	}
	e := sdcwt.Expect{Now: k.record.At, Audiences: []string{"any", k.req.Purpose, k.cfg.Audience(k.caller)}}
	if k.req.Nonce != "" {
		if err := k.cfg.Challenges.TakeChallenge(ctx, k.req.Nonce, k.caller.Client); err != nil {
			return nil, err
		}
		nonce, err := base64.RawURLEncoding.DecodeString(k.req.Nonce)
		if err != nil { // none of ours
			return nil, ErrChallengeUnknown
		}
		e.Nonce, e.Audiences, k.record.Challenge = nonce, []string{k.cfg.Audience(k.caller)}, k.req.Nonce
	}
	plain := k.record
	for range tries {
		k.record = plain
		a, err := k.judged(ctx, code, e)
		if !errors.Is(err, ErrCodeMoved) {
			return a, err
		}
	}
	return nil, ErrCodeMoved
}

// judged checks a code as it is known now, and records the check.
func (k *check) judged(ctx context.Context, code []byte, e sdcwt.Expect) (*Answer, error) {
	r := &Result{CheckedAt: k.record.At}
	t := readToken(r, code, k.record.At)
	state, err := k.judge(ctx, r, t, e)
	if err != nil {
		return nil, err
	}
	r.conclude()
	k.record.Type = r.Type
	if r.Claims == nil { // forged, or not shown by its device to us, now: it is in nobody's history
		return k.finish(ctx, r, "")
	}
	k.record.Proof = proofDigest(t)
	if state != nil {
		k.record.Code = state
		k.record.HolderID, k.record.PersonID, k.record.Identifier = state.HolderID, state.PersonID, state.Identifier
	}
	refusal, err := k.mayLook(ctx, r)
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, k.turnedAway(ctx, refusal)
	}
	return k.finish(ctx, r, "")
}

// mayLook holds a good code against what the party may see, and cuts the rest from the answer.
func (k *check) mayLook(ctx context.Context, r *Result) (refusal, err error) {
	fields, refusal := k.allowed(r.Type, slices.Sorted(maps.Keys(r.Claims)))
	if refusal != nil {
		return refusal, nil
	}
	if asks := k.cfg.Offline.ShutsOut; asks != nil && k.record.PersonID != "" {
		out, err := asks(ctx, k.record.PersonID, k.party.ID)
		if err != nil {
			return nil, err
		}
		if out {
			return ErrHolderRefuses, nil
		}
	}
	maps.DeleteFunc(r.Claims, func(name string, _ json.RawMessage) bool { return !slices.Contains(fields, name) })
	return nil, nil
}
