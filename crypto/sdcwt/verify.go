package sdcwt

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
)

// Expect is what a checker wants of a proof.
type Expect struct {
	Now time.Time
	// Audiences are those that count here: the scenes of this checker, or, when it showed its own
	// code first, its id alone.
	Audiences []string
	// Nonce is the one in the checker's own code; nil when it showed none.
	Nonce []byte
}

// Verify makes every check of this package, in their order. The issuer is the trusted key.
func (t *Token) Verify(issuer *key.Public, e Expect) error {
	if err := t.VerifyIssuer(issuer); err != nil {
		return err
	}
	if err := t.VerifyDates(e.Now); err != nil {
		return err
	}
	return t.VerifyProof(e)
}

// VerifyIssuer checks the signature of the CWT. The trusted key decides the algorithm.
func (t *Token) VerifyIssuer(issuer *key.Public) error {
	return verify(t.cwt, issuer, ErrAlgorithm, ErrEncoding, ErrSignature)
}

// VerifyDates checks that the CWT is in force. Both clocks may be MaxSkew apart.
func (t *Token) VerifyDates(now time.Time) error {
	switch c := t.Claims; {
	case c.IssuedAt.After(now.Add(MaxSkew)):
		return fmt.Errorf("%w: for another %s", ErrNotYet, c.IssuedAt.Sub(now).Round(time.Second))
	case !now.Add(-MaxSkew).Before(c.Expires):
		return fmt.Errorf("%w: %s ago", ErrExpired, now.Sub(c.Expires).Round(time.Second))
	}
	return nil
}

// VerifyProof checks that the device that the CWT was issued to made the proof, for this checker,
// now. The device's key is the one in the CWT: VerifyIssuer comes before.
func (t *Token) VerifyProof(e Expect) error {
	if t.kbt == nil {
		return fmt.Errorf("%w: there is none", ErrProof)
	}
	if err := verify(t.kbt, t.Claims.Device, ErrProofAlgorithm, ErrProofEncoding, ErrProof); err != nil {
		return err
	}
	p := t.Proof
	switch age := t.Age(e.Now); {
	case !slices.Contains(e.Audiences, p.Audience):
		return fmt.Errorf("%w: %q", ErrAudience, p.Audience)
	case e.Nonce != nil && p.Nonce == nil:
		return ErrNonceMissing
	case subtle.ConstantTimeCompare(e.Nonce, p.Nonce) != 1:
		return ErrNonce
	case age > MaxAge:
		return fmt.Errorf("%w: %s", ErrProofOld, age.Round(time.Second))
	case -age > MaxSkew:
		return fmt.Errorf("%w: by %s", ErrProofFuture, (-age).Round(time.Second))
	}
	return nil
}

// verify gives a refusal of the room below its name here.
func verify(m *cose.Message, k *key.Public, algorithm, encoding, signature error) error {
	switch err := m.Verify(k); {
	case err == nil:
		return nil
	case errors.Is(err, cose.ErrAlgorithm):
		return fmt.Errorf("%w: %w", algorithm, err)
	case errors.Is(err, cose.ErrEncoding):
		return fmt.Errorf("%w: %w", encoding, err)
	default:
		return fmt.Errorf("%w: %w", signature, err)
	}
}
