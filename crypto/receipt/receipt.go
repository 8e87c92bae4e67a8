// Package receipt reads and writes receipts of verifications: signed statements of who checked a
// certificate, when, why and with what outcome, that say nothing about the person. A bank files
// one; years later anybody with the trust list can tell that it is genuine, and whoever filed the
// disclosed values beside it can prove which they were.
//
//	receipt    compact JWS (typ receipt+jwt), signed by the deployment that made the check
//	digests    one for each disclosed field and one for the certificate's identifier:
//	           HASH(salt ‖ value as canonical JSON), with 128 random bits of salt each
//	openings   the salts, handed to the checker apart from the receipt and never inside it
//
// Names and numbers can be found by trying, so a digest without a salt would be the value itself.
// Because no salt is in the receipt, whoever has the receipt alone learns no value, however long
// she tries; because every field has a salt of its own, one field can be proven and the others
// kept back.
//
// The key that signed must stand in the trust list as a service key for receipts of the
// deployment that the receipt names, and "iat" must lie within its dates.
package receipt

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/strictjson"
)

// Type is the "typ" of a receipt.
const Type = "receipt+jwt"

// Skew is how far in the future a receipt may be signed, because clocks differ.
const Skew = 5 * time.Minute

const (
	maxSize   = 64 << 10 // characters of a receipt
	maxFields = 512
	maxText   = 1024
	maxDepth  = 6
	saltSize  = 16
)

var (
	// ErrMalformed says that a text is no receipt as this package reads it.
	ErrMalformed = errors.New("receipt: malformed")
	// ErrSignature says that the signature does not verify under the key in the trust list.
	ErrSignature = errors.New("receipt: signature does not verify")
	// ErrFuture says that a receipt claims to be signed in the future, or before the check.
	ErrFuture = errors.New("receipt: dates cannot be")
)

// Hash is the hash of the digests: SM3, or SHA-256 in the international profile.
type Hash string

// The hashes.
const (
	SM3    Hash = "sm3"
	SHA256 Hash = "sha-256"
)

// HashFor is the hash that goes with a key's algorithm.
func HashFor(a key.Algorithm) Hash {
	if a == key.ES256 {
		return SHA256
	}
	return SM3
}

func (h Hash) sum(data []byte) []byte {
	if h == SHA256 {
		s := sha256.Sum256(data)
		return s[:]
	}
	s := sm.Sum(data)
	return s[:]
}

// Receipt is what one says. Times are NumericDate (RFC 7519 §2): whole seconds.
type Receipt struct {
	Issuer    string     `json:"iss"`        // public URL of the deployment that made the check
	ID        string     `json:"jti"`        // of the verification
	SignedAt  int64      `json:"iat"`        // of this signature: the same receipt may be signed again
	CheckedAt int64      `json:"checked_at"` // of the check
	Party     Party      `json:"party"`
	Client    string     `json:"client"` // of the party
	Purpose   string     `json:"purpose"`
	Via       string     `json:"via"` // code, presentation, facts, offline
	Outcome   string     `json:"outcome"`
	Reasons   []string   `json:"reasons"`
	CertType  string     `json:"type,omitempty"`
	Authority *Authority `json:"authority,omitempty"`
	Status    *Status    `json:"status,omitempty"`
	Holder    string     `json:"holder,omitempty"` // which key the certificate is bound to: provider, device, none
	Person    *Person    `json:"person,omitempty"`
	Consent   *Consent   `json:"consent,omitempty"` // when the holder was asked for more than she showed
	Hash      Hash       `json:"hash"`
	// Certificate is the digest of its identifier: the number itself stays out.
	Certificate string  `json:"certificate,omitempty"`
	Fields      []Field `json:"fields"`
}

// Party is the relying party, by the names that it was registered under at that moment.
type Party struct {
	ID   string         `json:"id"`
	Name trustlist.Name `json:"name"`
}

// Authority is who issued the certificate.
type Authority struct {
	Issuer string `json:"iss"`
	Code   string `json:"code,omitempty"` // unified social credit code
}

// Status is how fresh the knowledge was that the certificate had not ended.
type Status struct {
	State  string `json:"state"`
	AsOf   int64  `json:"as_of,omitempty"`
	Source string `json:"source,omitempty"`
}

// Person is how the person in front was verified.
type Person struct {
	State  string `json:"state"`
	Method string `json:"method,omitempty"`
	At     int64  `json:"at,omitempty"`
}

// Consent is what the holder was asked for besides what she showed, and what she said: yes, no,
// lapsed or refused.
type Consent struct {
	Answer string   `json:"answer"`
	Asked  []string `json:"asked"`
}

// Field is a disclosed field. Of a check of facts it is what the party claimed, and Matches is
// the yes or no that it got.
type Field struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`
	Matches *bool  `json:"matches,omitempty"`
}

// Openings are the salts of a receipt, by field. They are as secret as the values: who has them
// can find values by trying.
type Openings struct {
	Certificate string            `json:"certificate,omitempty"`
	Fields      map[string]string `json:"fields,omitempty"`
}

const redacted = "[openings redacted]"

// Format implements fmt.Formatter: with a salt a value can be found by trying.
func (o Openings) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (o Openings) LogValue() slog.Value { return slog.StringValue(redacted) }

// Seal commits a receipt to the identifier of the certificate ("" when it is not known) and to
// the values, in the order of Fields, and returns the salts. Of Fields the names are there.
func (r *Receipt) Seal(identifier string, values map[string]json.RawMessage) (Openings, error) {
	o := Openings{Fields: make(map[string]string, len(r.Fields))}
	var err error
	if identifier != "" {
		text, err := json.Marshal(identifier)
		if err != nil {
			return o, fmt.Errorf("receipt: %w", err)
		}
		if r.Certificate, o.Certificate, err = r.commit(text); err != nil {
			return o, err
		}
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		value, ok := values[f.Name]
		if !ok {
			return o, fmt.Errorf("receipt: no value of field %q", f.Name)
		}
		if f.Digest, o.Fields[f.Name], err = r.commit(value); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (r *Receipt) commit(value json.RawMessage) (digest, salt string, err error) {
	raw := make([]byte, saltSize)
	_, _ = rand.Read(raw)
	sum, err := r.Hash.digest(raw, value)
	return base64.RawURLEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(raw), err
}

func (h Hash) digest(salt []byte, value json.RawMessage) ([]byte, error) {
	text, err := Canonical(value)
	if err != nil {
		return nil, err
	}
	return h.sum(slices.Concat(salt, text)), nil
}

// Digest is the hash over the canonical JSON (RFC 8785) of what the receipt says, without the
// moment of the signature: the same for each signature of it. The audit log of the deployment
// has it from the moment of the check, so that a receipt of something that never happened, or not
// then, is found out by who may read the log.
func (r Receipt) Digest() string {
	return base64.RawURLEncoding.EncodeToString(r.Hash.sum(r.statement()))
}

// Sign signs the receipt at a moment.
func (r Receipt) Sign(s key.Signer, now time.Time) (string, error) {
	r.SignedAt = now.Unix()
	if err := r.validate(); err != nil {
		return "", err
	}
	text, err := jose.SignJSON(s, jose.SignHeader{Type: Type}, r)
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	if len(text) > maxSize {
		return "", fmt.Errorf("%w: %d characters, a reader takes %d", ErrMalformed, len(text), maxSize)
	}
	return text, nil
}

// Unverified is a receipt that was read and is not trusted yet.
type Unverified struct {
	Receipt Receipt
	KeyID   string
	token   *jose.Token
}

// Parse reads a receipt without trusting it. Members that it does not know are refused: a reader
// that shows half of a statement would put its name to the whole.
func Parse(text string) (*Unverified, error) {
	if len(text) > maxSize {
		return nil, fmt.Errorf("%w: %d characters", ErrMalformed, len(text))
	}
	t, err := jose.Parse(text, Type)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	u := &Unverified{KeyID: t.Header.KeyID, token: t}
	if err := strictjson.Decode(t.Payload, maxDepth, &u.Receipt); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := u.Receipt.validate(); err != nil {
		return nil, err
	}
	return u, nil
}

// Verify checks the receipt against a trust list: the deployment is in it, the key is one of its
// keys for receipts, was in its dates when it signed and is not frozen, and the signature holds.
// How fresh the list is, is the caller's to judge: what was frozen after the list was made, the
// list does not say.
func (u *Unverified) Verify(l *trustlist.List, now time.Time) (*Receipt, error) {
	d, err := l.DomainAt(u.Receipt.Issuer)
	if err != nil {
		return nil, err
	}
	k, err := d.ServiceKey(trustlist.UseReceipt, u.KeyID, time.Unix(u.Receipt.SignedAt, 0))
	if err != nil {
		return nil, err
	}
	if err := u.token.Verify(k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	signed := time.Unix(u.Receipt.SignedAt, 0)
	if signed.After(now.Add(Skew)) || time.Unix(u.Receipt.CheckedAt, 0).After(signed.Add(Skew)) {
		return nil, fmt.Errorf("%w: checked %d, signed %d", ErrFuture, u.Receipt.CheckedAt, u.Receipt.SignedAt)
	}
	return &u.Receipt, nil
}

// Verify reads a receipt and checks it against a trust list.
func Verify(l *trustlist.List, text string, now time.Time) (*Receipt, error) {
	u, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return u.Verify(l, now)
}

const maxDate = 253402300799 // 9999-12-31T23:59:59Z

func (r *Receipt) validate() error {
	switch {
	case r.Issuer == "" || r.ID == "" || r.Party.ID == "" || r.Outcome == "" || r.Via == "":
		return fmt.Errorf("%w: iss, jti, party, via and outcome are needed", ErrMalformed)
	case r.Hash != SM3 && r.Hash != SHA256:
		return fmt.Errorf("%w: hash %q", ErrMalformed, clip(string(r.Hash)))
	case len(r.Fields) > maxFields || len(r.Reasons) > maxFields || r.Consent != nil && len(r.Consent.Asked) > maxFields:
		return fmt.Errorf("%w: %d fields", ErrMalformed, len(r.Fields))
	}
	for _, at := range []int64{r.SignedAt, r.CheckedAt} {
		if at <= 0 || at > maxDate {
			return fmt.Errorf("%w: date %d", ErrMalformed, at)
		}
	}
	for _, s := range append([]string{r.Issuer, r.ID, r.Party.ID, r.Party.Name.ZH, r.Party.Name.EN, r.Client, r.Purpose, r.Via, r.Outcome, r.CertType, r.Holder}, r.Reasons...) {
		if len(s) > maxText {
			return fmt.Errorf("%w: a text of %d bytes", ErrMalformed, len(s))
		}
	}
	if r.Certificate != "" {
		if err := checkDigest(r.Certificate); err != nil {
			return err
		}
	}
	seen := make(map[string]bool, len(r.Fields))
	for _, f := range r.Fields {
		if f.Name == "" || len(f.Name) > 128 || seen[f.Name] {
			return fmt.Errorf("%w: field %q", ErrMalformed, clip(f.Name))
		}
		seen[f.Name] = true
		if err := checkDigest(f.Digest); err != nil {
			return err
		}
	}
	return nil
}

func checkDigest(text string) error {
	if sum, err := jose.Decode(text); err != nil || len(sum) != 32 {
		return fmt.Errorf("%w: digest %q", ErrMalformed, clip(text))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
