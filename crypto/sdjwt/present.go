package sdjwt

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/strictjson"
)

// TypeBinding is the "typ" of a key-binding JWT.
const TypeBinding = "kb+jwt"

// Select returns the SD-JWT with only the disclosures that belong to these top-level claims:
// the claims themselves and everything inside them. Claims that the issuer signed openly are
// always there and may be named. A name that the SD-JWT does not have is an error. Without
// names nothing is disclosed.
func (s *SDJWT) Select(names ...string) (string, error) {
	for _, name := range names {
		if _, ok := s.Claim(name); !ok {
			return "", fmt.Errorf("%w: no %s to disclose", ErrClaim, name)
		}
	}
	var b strings.Builder
	b.WriteString(s.jwt)
	b.WriteByte('~')
	for _, d := range s.Disclosures {
		if slices.Contains(names, d.root) {
			b.WriteString(d.Encoded)
			b.WriteByte('~')
		}
	}
	return b.String(), nil
}

// Binding is what a holder promises when she shows a certificate.
type Binding struct {
	Audience string // the verifier's id
	Nonce    string // the verifier's fresh challenge
	IssuedAt time.Time
}

// Present returns an SD-JWT+KB: these claims, bound to the holder's key, the verifier and
// its nonce (RFC 9901 §4.3).
func (s *SDJWT) Present(names []string, holder key.Signer, b Binding) (string, error) {
	if b.Audience == "" || b.Nonce == "" || b.IssuedAt.IsZero() {
		return "", errors.New("sdjwt: a binding has audience, nonce and time")
	}
	cnf, err := s.Confirmation()
	if err != nil {
		return "", err
	}
	if !cnf.Equal(holder.Public()) {
		return "", fmt.Errorf("%w: the certificate is bound to another key", ErrBinding)
	}
	text, err := s.Select(names...)
	if err != nil {
		return "", err
	}
	// No kid: the verifier takes the key from cnf, and an id would only link presentations.
	kb, err := jose.SignJSON(holder, jose.SignHeader{Type: TypeBinding, KeyID: "-"}, map[string]any{
		"iat": b.IssuedAt.Unix(), "aud": b.Audience, "nonce": b.Nonce, "sd_hash": s.Hash.text([]byte(text)),
	})
	if err != nil {
		return "", err
	}
	return text + kb, nil
}

// Expect is what a verifier wants of a key binding.
type Expect struct {
	Audience string
	Nonce    string
	Now      time.Time
	MaxAge   time.Duration // zero: 60 s
	Skew     time.Duration // how far ahead the holder's clock may be; zero: 10 s
}

// bindingClaims are what VerifyBinding looks at, in its order.
var bindingClaims = [...]string{"sd_hash", "nonce", "aud", "iat", "exp", "nbf"}

// VerifyBinding checks the key binding: the holder's signature, over exactly these
// disclosures, for this verifier, its nonce, and now (RFC 9901 §7.3 step 5).
func (s *SDJWT) VerifyBinding(cnf *key.Public, e Expect) error {
	if s.KeyBinding == "" {
		return ErrBindingMissing
	}
	if cnf == nil || e.Audience == "" || e.Nonce == "" || e.Now.IsZero() {
		return fmt.Errorf("%w: nothing to check it against", ErrBinding)
	}
	kb, err := jose.Parse(s.KeyBinding, TypeBinding)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBinding, err)
	}
	if err := kb.Verify(cnf); err != nil {
		return fmt.Errorf("%w: %w", ErrBinding, err)
	}
	var room [8]strictjson.Member
	members, err := strictjson.Object(kb.Payload, maxPayload, room[:0])
	if err != nil {
		return fmt.Errorf("%w: payload", ErrBinding)
	}
	var claims [len(bindingClaims)]json.RawMessage // by exact name
	for _, m := range members {
		if i := slices.Index(bindingClaims[:], string(m.Name)); i >= 0 {
			claims[i] = m.Value
		}
	}
	// All four are required, aud as a single string (§4.3): Text refuses a list.
	for i, want := range [...]struct {
		value string
		wrong error
	}{{s.Hash.text(s.text), ErrBinding}, {e.Nonce, ErrNonce}, {e.Audience, ErrAudience}} {
		got, err := Text(bindingClaims[i], claims[i])
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBinding, err)
		}
		if subtle.ConstantTimeCompare([]byte(got), []byte(want.value)) != 1 {
			return fmt.Errorf("%w: %s differs", want.wrong, bindingClaims[i])
		}
	}
	iat, err := Time("iat", claims[3])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBinding, err)
	}
	if e.MaxAge == 0 {
		e.MaxAge = time.Minute
	}
	if e.Skew == 0 {
		e.Skew = 10 * time.Second
	}
	switch {
	case iat.After(e.Now.Add(e.Skew)):
		return fmt.Errorf("%w: by %s", ErrProofFuture, iat.Sub(e.Now).Round(time.Second))
	case iat.Before(e.Now.Add(-e.MaxAge)):
		return fmt.Errorf("%w: %s", ErrProofOld, e.Now.Sub(iat).Round(time.Second))
	}
	// A wallet may bound its proof further.
	if err := checkTime(claims[4], claims[5], e.Now, e.Skew); err != nil {
		return fmt.Errorf("%w: %w", ErrProofOld, err)
	}
	return nil
}
