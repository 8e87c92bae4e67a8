package sdjwt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strconv"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

// Claims is the processed payload: what the issuer signed openly and what the holder chose
// to disclose, with the digests gone. Values keep the issuer's bytes, so that numbers stay
// exact. As JSON it is the plain object; it never prints otherwise.
type Claims map[string]json.RawMessage

// Claims returns the processed payload (RFC 9901 §7.1 step 3). The map is the caller's own.
func (s *SDJWT) Claims() (Claims, error) { return maps.Clone(s.claims), nil }

// Disclosed lists the top-level claims that were disclosed, in the order of the text.
func (s *SDJWT) Disclosed() []string {
	var names []string
	for _, d := range s.Disclosures {
		if d.top {
			names = append(names, d.Name)
		}
	}
	return names
}

// Confirmation returns the holder's key, "cnf"."jwk" (RFC 7800 §3.2). A token without any cnf
// is bound to nobody: its error is ErrBindingMissing as well.
func (s *SDJWT) Confirmation() (*key.Public, error) {
	if _, ok := s.claims[nameConfirm]; !ok {
		return nil, fmt.Errorf("%w: %w", ErrConfirmation, ErrBindingMissing)
	}
	var cnf map[string]json.RawMessage
	if err := s.claims.Decode(nameConfirm, &cnf); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfirmation, err)
	}
	jwk, ok := cnf["jwk"]
	if !ok {
		return nil, fmt.Errorf("%w: no jwk", ErrConfirmation)
	}
	k, err := key.ParseJWK(jwk, false)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfirmation, err)
	}
	return k, nil
}

// Decode unmarshals the claim of that name into v; null counts as missing.
func (c Claims) Decode(name string, v any) error {
	raw, ok := c[name]
	if !ok || bytes.Equal(raw, []byte("null")) {
		return fmt.Errorf("%w: no %s", ErrClaim, name)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: %s has the wrong type", ErrClaim, name)
	}
	return nil
}

// Text returns a claim that is a string.
func (c Claims) Text(name string) (string, error) {
	var s string
	return s, c.Decode(name, &s)
}

// Time returns a claim that is a NumericDate (RFC 7519 §2); fractions are cut off.
func (c Claims) Time(name string) (time.Time, error) {
	var n json.Number
	raw := c[name]
	if len(raw) > 0 && raw[0] == '"' { // json.Number would take a quoted one
		return time.Time{}, fmt.Errorf("%w: %s is not a NumericDate", ErrClaim, name)
	}
	if err := c.Decode(name, &n); err != nil {
		return time.Time{}, err
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || f < 0 || f > 253402300799 { // the year 9999
		return time.Time{}, fmt.Errorf("%w: %s is not a NumericDate", ErrClaim, name)
	}
	return time.Unix(int64(f), 0).UTC(), nil
}

// CheckTime checks "nbf" and "exp" where they are present. It belongs after Parse, on the
// processed payload (RFC 9901 §7.1 step 6).
func (c Claims) CheckTime(now time.Time, skew time.Duration) error {
	if _, ok := c["exp"]; ok {
		exp, err := c.Time("exp")
		if err != nil {
			return err
		}
		if !now.Add(-skew).Before(exp) {
			return ErrExpired
		}
	}
	if _, ok := c["nbf"]; ok {
		nbf, err := c.Time("nbf")
		if err != nil {
			return err
		}
		if now.Add(skew).Before(nbf) {
			return ErrNotYetValid
		}
	}
	return nil
}

// Values decodes everything, with numbers as json.Number so that none changes.
func (c Claims) Values() (map[string]any, error) {
	out := make(map[string]any, len(c))
	for name, raw := range c {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%w: %s", ErrClaim, name)
		}
		out[name] = v
	}
	return out, nil
}

// Format implements fmt.Formatter.
func (c Claims) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[claims redacted]") }

// LogValue implements slog.LogValuer.
func (c Claims) LogValue() slog.Value { return slog.StringValue("[claims redacted]") }
