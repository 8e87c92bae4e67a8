package statuslist

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
)

// Media types of the two forms, for Accept and Content-Type (§8.1).
const (
	MediaTypeJWT = "application/statuslist+jwt"
	MediaTypeCWT = "application/statuslist+cwt"
)

// TypeJWT is the "typ" of the JWT form (§5.1).
const TypeJWT = "statuslist+jwt"

// Skew is how far in the future a token may be issued, because clocks differ.
const Skew = time.Minute

// maxTTL bounds the hint for caches: asking again too soon does no harm.
const maxTTL = 366 * 24 * time.Hour

// maxDate is 9999-12-31T23:59:59Z.
const maxDate = 253402300799

// Token is a status list token. Dates are whole seconds.
type Token struct {
	Subject        string        // the URI that certificates refer to
	IssuedAt       time.Time     // the moment whose state the list shows
	Expires        time.Time     // zero: does not expire
	TTL            time.Duration // how long to keep it before asking again; zero: no hint
	AggregationURI string        // where all lists of the issuer are named, or empty
	List           *List
}

// check holds what signing and verifying both demand.
func (t *Token) check() error {
	switch {
	case t.Subject == "" || len(t.Subject) > maxURI:
		return fmt.Errorf("%w: sub of %d bytes", ErrMalformed, len(t.Subject))
	case t.IssuedAt.Unix() <= 0 || t.IssuedAt.Unix() > maxDate:
		return fmt.Errorf("%w: iat out of range", ErrMalformed)
	case !t.Expires.IsZero() && (t.Expires.Unix() <= t.IssuedAt.Unix() || t.Expires.Unix() > maxDate):
		return fmt.Errorf("%w: exp out of range", ErrMalformed)
	case t.TTL < 0 || t.TTL > 0 && t.TTL < time.Second:
		return fmt.Errorf("%w: ttl %s", ErrMalformed, t.TTL)
	case len(t.AggregationURI) > maxURI:
		return fmt.Errorf("%w: aggregation_uri of %d bytes", ErrMalformed, len(t.AggregationURI))
	}
	return nil
}

type claimsJSON struct {
	Subject  string   `json:"sub"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp,omitempty"`
	TTL      int64    `json:"ttl,omitempty"`
	List     listJSON `json:"status_list"`
}

type listJSON struct {
	Bits           int    `json:"bits"`
	List           string `json:"lst"`
	AggregationURI string `json:"aggregation_uri,omitempty"`
}

// Sign makes the JWT form. x5c is the certificate chain of the signer in DER, leaf first, or
// nil.
func (t Token) Sign(s key.Signer, x5c [][]byte) (string, error) {
	packed, err := t.pack()
	if err != nil {
		return "", err
	}
	claims := claimsJSON{Subject: t.Subject, IssuedAt: t.IssuedAt.Unix(), TTL: int64(t.TTL / time.Second),
		List: listJSON{Bits: t.List.Bits(), List: base64.RawURLEncoding.EncodeToString(packed), AggregationURI: t.AggregationURI}}
	if !t.Expires.IsZero() {
		claims.Expires = t.Expires.Unix()
	}
	text, err := jose.SignJSON(s, jose.SignHeader{Type: TypeJWT, X5C: x5c}, claims)
	if err != nil {
		return "", fmt.Errorf("statuslist: %w", err)
	}
	if len(text) > jose.MaxSize {
		return "", fmt.Errorf("%w: token of %d bytes, a reader takes %d", ErrTooLarge, len(text), jose.MaxSize)
	}
	return text, nil
}

func (t *Token) pack() ([]byte, error) {
	if t.List == nil {
		return nil, fmt.Errorf("%w: no list", ErrMalformed)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t.List.Compress()
}

// Unverified is a token that was read and is not trusted. What it says of itself helps to find
// the key that will decide.
type Unverified struct {
	Header jose.Header // of the JWT form
	KeyID  string      // of either form
	// Subject and IssuedAt are claims of a stranger until Verify has spoken.
	Subject  string
	IssuedAt time.Time

	token  Token // all but the list
	bits   int
	packed []byte
	verify func(*key.Public) error
}

// Parse reads the JWT form.
func Parse(text string) (*Unverified, error) {
	t, err := jose.Parse(text, TypeJWT)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	u := &Unverified{Header: t.Header, KeyID: t.Header.KeyID, verify: t.Verify}
	if err := u.readJSON(t.Payload); err != nil {
		return nil, err
	}
	if err := u.complete(); err != nil {
		return nil, err
	}
	return u, nil
}

func (u *Unverified) readJSON(payload []byte) error {
	all, err := object(payload)
	if err != nil {
		return err
	}
	var iat, exp, ttl int64
	if err := required(all, "sub", &u.token.Subject); err != nil {
		return err
	}
	if err := required(all, "iat", &iat); err != nil {
		return err
	}
	hasExp, err := optional(all, "exp", &exp)
	if err != nil {
		return err
	}
	hasTTL, err := optional(all, "ttl", &ttl)
	if err != nil {
		return err
	}
	if err := u.dates(iat, exp, hasExp, ttl, hasTTL); err != nil {
		return err
	}
	list, err := object(all["status_list"])
	if err != nil {
		return fmt.Errorf("status_list: %w", err)
	}
	var lst string
	if err := required(list, "bits", &u.bits); err != nil {
		return err
	}
	if err := required(list, "lst", &lst); err != nil {
		return err
	}
	if _, err := optional(list, "aggregation_uri", &u.token.AggregationURI); err != nil {
		return err
	}
	if strings.ContainsAny(lst, "\r\n") { // encoding/base64 would skip them
		return fmt.Errorf("%w: lst is not base64url", ErrMalformed)
	}
	if u.packed, err = base64.RawURLEncoding.Strict().DecodeString(lst); err != nil {
		return fmt.Errorf("%w: lst is not base64url", ErrMalformed)
	}
	return nil
}

// dates reads the numbers of either form. A value that is there must make sense.
func (u *Unverified) dates(iat, exp int64, hasExp bool, ttl int64, hasTTL bool) error {
	if iat <= 0 || iat > maxDate || hasExp && (exp <= iat || exp > maxDate) || hasTTL && ttl <= 0 {
		return fmt.Errorf("%w: iat %d, exp %d, ttl %d", ErrMalformed, iat, exp, ttl)
	}
	u.token.IssuedAt = time.Unix(iat, 0).UTC()
	if hasExp {
		u.token.Expires = time.Unix(exp, 0).UTC()
	}
	if hasTTL {
		u.token.TTL = time.Duration(min(ttl, int64(maxTTL/time.Second))) * time.Second
	}
	return nil
}

func (u *Unverified) complete() error {
	if _, err := shiftOf(u.bits); err != nil {
		return err
	}
	u.Subject, u.IssuedAt = u.token.Subject, u.token.IssuedAt
	return u.token.check()
}

// Verify checks the signature under the trusted key, that the token is about the list that the
// certificate names, and its dates (§8.3). Only then it unpacks the list.
func (u *Unverified) Verify(k *key.Public, uri string, now time.Time) (*Token, error) {
	if k == nil {
		return nil, fmt.Errorf("%w: no key to trust", ErrSignature)
	}
	if err := u.verify(k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	t := u.token
	if t.Subject != uri {
		return nil, ErrSubject
	}
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return nil, fmt.Errorf("%w: on %s", ErrExpired, t.Expires.Format(time.RFC3339))
	}
	if t.IssuedAt.After(now.Add(Skew)) {
		return nil, fmt.Errorf("%w: %s", ErrFuture, t.IssuedAt.Format(time.RFC3339))
	}
	var err error
	if t.List, err = Decompress(u.bits, u.packed, MaxEntries); err != nil {
		return nil, err
	}
	return &t, nil
}
