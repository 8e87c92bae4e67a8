package sdcwt

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
)

// MaxSize bounds an offline code in bytes: with SC2 in front it fills a version 25-M symbol
// (internal/qr says why no larger one is drawn).
const MaxSize = 905

// MaxLifetime bounds how long a CWT lives. It names no status list: this bound, and the list of
// serials revoked while unexpired, are all that ends it.
const MaxLifetime = 24 * time.Hour

// The window of a proof around its "iat", and how far a clock may be off against the dates of a CWT.
const (
	MaxAge  = 60 * time.Second
	MaxSkew = 10 * time.Second
)

// Values of "typ" (draft-ietf-spice-sd-cwt-07 §15.6, CoAP content formats).
const (
	TypeCWT int64 = 293 // application/sd-cwt
	TypeKBT int64 = 294 // application/kb+cwt
)

// Labels of headers and claims beyond those of crypto/cose.
const (
	headerKCWT  int64 = 13     // "kcwt" (RFC 9528 §9.8): here the SD-CWT that the token binds
	claimCNonce int64 = 39     // "cnonce" (RFC 9200 §5.8.4)
	claimView   int64 = -65537 // private use (RFC 8392 §9.1): the view, docs/formats.md §3.2
	cnfKey      int64 = 1      // COSE_Key in "cnf" (RFC 8747 §3.1)

	tagSign1    = 18
	keyIDLength = 8
	maxAudience = 64
	minNonce    = 8
	maxNonce    = 32
)

// Serial names one CWT, or one proof: eight random bytes that say nothing of whom they are about.
type Serial [8]byte

// NewSerial draws a serial.
func NewSerial() Serial {
	var s Serial
	_, _ = rand.Read(s[:]) // never fails (crypto/rand)
	return s
}

// String is the serial in hexadecimal.
func (s Serial) String() string { return hex.EncodeToString(s[:]) }

// Claims are what an authority signs for one view of one certificate. They are personal data and
// never print.
type Claims struct {
	Serial   Serial    // "cti": random and never used again; it is what is revoked
	IssuedAt time.Time // "iat", whole seconds
	Expires  time.Time // "exp": at most MaxLifetime later, and not beyond what the view says
	Device   *key.Public
	View     View
}

// View is the part of the claims that is about the holder, by the numbers of the type's JSON file:
// schemas makes it and reads it.
type View struct {
	Type    int64 // number of the type
	Version int64 // of the type's description
	View    int64 // number of the view in the type
	Region  string
	// Values by field number. Each is a string, an int64, a bool, nil (hidden by its mask) or
	// []any{string, int64}: what the mask keeps, and how many characters it hides.
	Values map[int64]any
}

// Proof is what the device signs around a CWT.
type Proof struct {
	// Audience is the scene that the holder picked ("any", "bank"), or the id of the checker that
	// showed its own code first. Always there.
	Audience string
	IssuedAt time.Time // "iat", whole seconds
	Serial   Serial    // "cti", random for each proof: checkers remember it against replay
	Nonce    []byte    // "cnonce" of the checker's own code, 8 to 32 bytes; nil when there was none
}

// Token is an offline code that was read. Nothing in it is trusted before VerifyIssuer, and it is
// nobody's before VerifyProof.
type Token struct {
	// KeyID is a hint which key signed the CWT: see KeyID.
	KeyID  []byte
	Claims Claims
	Proof  Proof

	cwt, kbt *cose.Message
}

// KeyID is the "kid" of a CWT: the first eight bytes of the key's thumbprint (RFC 7638, SHA-256),
// whatever name the key has elsewhere. Several keys may share one; the signature decides.
func KeyID(k *key.Public) []byte {
	// The thumbprint is of our own making: 43 characters of base64url.
	sum, err := base64.RawURLEncoding.DecodeString(k.Thumbprint())
	if err != nil || len(sum) != sha256.Size {
		return nil
	}
	return sum[:keyIDLength]
}

// Age is how long before now the proof was made: negative when its clock is ahead. It is told to
// whoever checks, because a window hides how far two clocks are apart.
func (t *Token) Age(now time.Time) time.Duration { return now.Sub(t.Proof.IssuedAt) }

const redacted = "[offline code redacted]"

// Format implements fmt.Formatter.
func (Claims) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Claims) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter.
func (View) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (View) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements fmt.Formatter.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }
