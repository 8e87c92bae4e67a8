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
	"github.com/showcard/showcard/internal/strictjson"
)

// Claims is the processed payload: what the issuer signed openly and what the holder chose
// to disclose, with the digests gone. Values keep the issuer's bytes, so that numbers stay
// exact. As JSON it is the plain object; it never prints otherwise.
type Claims map[string]json.RawMessage

// Claims returns the processed payload (RFC 9901 §7.1 step 3). The map is the caller's own; the
// values are not to be changed.
func (s *SDJWT) Claims() (Claims, error) {
	if s.claims != nil {
		return maps.Clone(s.claims), nil
	}
	claims := make(Claims, len(s.issued.open)+len(s.Disclosures))
	for _, m := range s.issued.open {
		claims[m.name] = m.value
	}
	for i := range s.Disclosures {
		claims[s.Disclosures[i].Name] = s.Disclosures[i].Value
	}
	return claims, nil
}

// Claim returns one claim of the processed payload, without the map. It is not to be changed.
func (s *SDJWT) Claim(name string) (json.RawMessage, bool) {
	if s.claims != nil {
		raw, ok := s.claims[name]
		return raw, ok
	}
	if raw, ok := s.issued.find(name); ok {
		return raw, ok
	}
	for i := range s.Disclosures {
		if s.Disclosures[i].Name == name {
			return s.Disclosures[i].Value, true
		}
	}
	return nil, false
}

// Disclosed lists the top-level claims that were disclosed, in the order of the text.
func (s *SDJWT) Disclosed() []string {
	names := make([]string, 0, len(s.Disclosures))
	for i := range s.Disclosures {
		if s.Disclosures[i].top {
			names = append(names, s.Disclosures[i].Name)
		}
	}
	return names
}

// Confirmation returns the holder's key, "cnf"."jwk" (RFC 7800 §3.2). A token without any cnf
// is bound to nobody: its error is ErrBindingMissing as well.
func (s *SDJWT) Confirmation() (*key.Public, error) {
	cnf, ok := s.Claim(nameConfirm)
	if !ok {
		return nil, fmt.Errorf("%w: %w", ErrConfirmation, ErrBindingMissing)
	}
	if open, ok := s.issued.find(nameConfirm); ok && s.claims == nil {
		return s.issued.confirmation(open)
	}
	return confirmation(cnf)
}

// Decode unmarshals the claim of that name into v; null counts as missing.
func (c Claims) Decode(name string, v any) error { return decode(name, c[name], v) }

func decode(name string, raw json.RawMessage, v any) error {
	if raw == nil || bytes.Equal(raw, []byte("null")) {
		return fmt.Errorf("%w: no %s", ErrClaim, name)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: %s has the wrong type", ErrClaim, name)
	}
	return nil
}

// Text returns a claim that is a string.
func (c Claims) Text(name string) (string, error) { return Text(name, c[name]) }

// Text reads a claim that is a string; nil and null count as missing.
func Text(name string, raw json.RawMessage) (string, error) {
	if s, ok := strictjson.Text(raw); ok {
		return s, nil
	}
	var s string
	return s, decode(name, raw, &s)
}

// Time returns a claim that is a NumericDate (RFC 7519 §2); fractions are cut off.
func (c Claims) Time(name string) (time.Time, error) { return Time(name, c[name]) }

// Time reads a claim that is a NumericDate; nil and null count as missing.
func Time(name string, raw json.RawMessage) (time.Time, error) {
	if n, err := strconv.ParseUint(string(raw), 10, 37); err == nil && raw[0] != '0' { // nearly always
		return time.Unix(int64(n), 0).UTC(), nil
	}
	var n json.Number
	if len(raw) > 0 && raw[0] == '"' { // json.Number would take a quoted one
		return time.Time{}, fmt.Errorf("%w: %s is not a NumericDate", ErrClaim, name)
	}
	if err := decode(name, raw, &n); err != nil {
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
	return checkTime(c["exp"], c["nbf"], now, skew)
}

func checkTime(expires, notBefore json.RawMessage, now time.Time, skew time.Duration) error {
	if expires != nil {
		exp, err := Time("exp", expires)
		if err != nil {
			return err
		}
		if !now.Add(-skew).Before(exp) {
			return ErrExpired
		}
	}
	if notBefore != nil {
		nbf, err := Time("nbf", notBefore)
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
