// Package sdjwt makes and reads certificates whose holder chooses what to show: SD-JWT
// (RFC 9901) and the credential profile on top of it, SD-JWT VC.
//
// An SD-JWT is a signed token followed by disclosures, divided by "~":
//
//	<issuer-signed JWT>~<disclosure>~…~<disclosure>~<key-binding JWT>
//
// The signed token does not contain the personal attributes, only digests of them ("_sd").
// A disclosure is the base64url text of ["salt", "name", value]; whoever gets it can hash it,
// find the digest in the signed token and so trust the value. Whoever does not get it learns
// nothing: the salt has 128 random bits. The holder leaves out what she will not show, and
// closes with a key-binding JWT, signed by the key that the certificate names in "cnf", over
// exactly this selection, this verifier and this verifier's nonce.
//
// Reading goes in this order, and the first step trusts nothing:
//
//	s, err := sdjwt.Parse(text, sdjwt.Type)         // form, and all of RFC 9901 §7.1 that needs no key
//	err = s.Token.Verify(issuerKey)                 // the issuer, from the trust list
//	cnf, err := s.Confirmation()
//	err = s.VerifyBinding(cnf, sdjwt.Expect{…})     // the holder, if policy wants one
//	claims, err := s.Claims()                       // what was disclosed
//	err = claims.CheckTime(now, skew)
//
// Whether a key binding is wanted is the verifier's policy, never read off the token
// (RFC 9901 §9.5): a thief would leave it out.
package sdjwt

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
)

var (
	// ErrMalformed says that a text is not an SD-JWT.
	ErrMalformed = errors.New("sdjwt: malformed")
	// ErrHash says that "_sd_alg" names a hash that is not on the list.
	ErrHash = errors.New("sdjwt: hash algorithm not allowed")
	// ErrDisclosureDuplicate says that a disclosure, or a digest, occurs twice.
	ErrDisclosureDuplicate = errors.New("sdjwt: disclosure or digest occurs twice")
	// ErrDisclosureUnknown says that the issuer signed no digest of a disclosure.
	ErrDisclosureUnknown = errors.New("sdjwt: disclosure is not in the signed token")
	// ErrDisclosureMalformed says that a disclosure has the wrong form for the place of its
	// digest, or a name that may not stand there.
	ErrDisclosureMalformed = errors.New("sdjwt: malformed disclosure")
	// ErrConfirmation says that the token names no key of its holder that can be used.
	ErrConfirmation = errors.New("sdjwt: no usable holder key in cnf")
	// ErrBindingMissing says that a key binding was wanted and is not there.
	ErrBindingMissing = errors.New("sdjwt: key binding missing")
	// ErrBindingUnexpected says that an issuer handed out a token that is already bound to
	// some verifier (RFC 9901 §7.2).
	ErrBindingUnexpected = errors.New("sdjwt: key binding where none belongs")
	// ErrBinding says that the key binding is not the holder's, or not over this selection.
	ErrBinding = errors.New("sdjwt: key binding does not verify")
	// ErrNonce says that the key binding answers another challenge.
	ErrNonce = errors.New("sdjwt: key binding has another nonce")
	// ErrAudience says that the key binding was made for another verifier.
	ErrAudience = errors.New("sdjwt: key binding is for another audience")
	// ErrProofOld says that the key binding was made too long ago.
	ErrProofOld = errors.New("sdjwt: key binding too old")
	// ErrProofFuture says that the key binding claims to be made in the future.
	ErrProofFuture = errors.New("sdjwt: key binding from the future")
	// ErrClaim says that a claim is missing, reserved, or of the wrong type.
	ErrClaim = errors.New("sdjwt: claim not usable")
	// ErrExpired says that "exp" has passed.
	ErrExpired = errors.New("sdjwt: expired")
	// ErrNotYetValid says that "nbf" has not come.
	ErrNotYetValid = errors.New("sdjwt: not yet valid")
	// ErrVC says that an SD-JWT breaks a rule of SD-JWT VC.
	ErrVC = errors.New("sdjwt: not a verifiable credential")
)

// MaxSize bounds an SD-JWT in characters. Certificates carry no images, so a real one has a
// tenth of it.
const MaxSize = 256 << 10

const (
	maxDisclosures = 512
	maxDepth       = 16 // of one disclosure
	maxNesting     = 32 // of disclosures within disclosures, all levels counted
)

// Names that the format itself uses (RFC 9901 §4.1, §4.2.4).
const (
	nameDigests = "_sd"
	nameHash    = "_sd_alg"
	nameElement = "..."
	nameConfirm = "cnf"
)

// Hash is an "_sd_alg" value.
type Hash string

// The two hashes. SM3 is a value that the SM2/SM3 profile defines, as RFC 9901 §4.1.1 allows.
const (
	SM3    Hash = sm.HashSDJWT
	SHA256 Hash = "sha-256"
)

// Sum hashes data. The hash must be one of the two: Parse and Sign see to it.
func (h Hash) Sum(data []byte) []byte {
	sum := h.sum(data)
	return sum[:]
}

func (h Hash) sum(data []byte) [32]byte {
	if h == SM3 {
		return sm.Sum(data)
	}
	return sha256.Sum256(data)
}

// text is the digest of a text as it stands in a token.
func (h Hash) text(of []byte) string {
	sum := h.sum(of)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (h Hash) known() bool { return h == SM3 || h == SHA256 }

// SDJWT is a parsed SD-JWT whose disclosures fit the signed token. Nothing of it is trusted
// before Token.Verify. It is immutable and safe for concurrent use, and never prints.
type SDJWT struct {
	Token       *jose.Token
	Hash        Hash
	Disclosures []Disclosure // in the order of the text
	KeyBinding  string       // the key-binding JWT, "" when there is none

	text   []byte // issuer JWT and disclosures up to the last "~": what sd_hash covers
	jwt    string // the issuer JWT alone
	issued *issuerPart
	cache  *Cache          // of such; nil: none
	by     *key.Public     // whose signature it is remembered to be
	claims Claims          // of the long way; nil: open claims and disclosures stand as they are
	holes  map[string]bool // top-level claims with a digest somewhere inside; of the long way
}

// Disclosure is one thing that the holder chose to show. It never prints.
type Disclosure struct {
	Salt    string
	Name    string // "" for an array element
	Value   json.RawMessage
	Encoded string // the text that is hashed

	raw     []byte // the same
	element bool
	top     bool   // stands at the top level of the payload
	root    string // the top-level claim that it is, or is part of
	used    bool
}

const redacted = "[SD-JWT redacted]"

// Format implements fmt.Formatter: certificates are personal data and have no printed form.
func (s SDJWT) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (s SDJWT) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses; Select gives the text that travels.
func (s SDJWT) MarshalJSON() ([]byte, error) {
	return nil, errors.New("sdjwt: a parsed SD-JWT is not for JSON; see Select")
}

// Format implements fmt.Formatter.
func (d Disclosure) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[disclosure redacted]") }

// LogValue implements slog.LogValuer.
func (d Disclosure) LogValue() slog.Value { return slog.StringValue("[disclosure redacted]") }

// MarshalJSON refuses; Encoded is the form that travels.
func (d Disclosure) MarshalJSON() ([]byte, error) {
	return nil, errors.New("sdjwt: a disclosure is not for JSON; see Encoded")
}
