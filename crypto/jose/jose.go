// Package jose reads and writes signed tokens: JWS in compact form (RFC 7515 §7.1), and
// nothing else of JOSE. Certificates, status lists, the trust list, access tokens and proofs
// of possession are all such tokens, told apart by "typ".
//
// Reading has two steps that cannot be taken in the wrong order:
//
//	token, err := jose.Parse(text, "dc+sd-jwt")   // shape only; nothing is trusted yet
//	err = token.Verify(trustedKey)                // the key decides the algorithm
//
// The parser is strict where the standards allow and where peers were bitten: canonical
// base64url, no duplicate names, no "crit", no "b64", no embedded "jwk" or "jku", one
// spelling per token. "none" and HMAC do not exist here.
package jose

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/strictjson"
)

var (
	// ErrMalformed says that a text is not a compact JWS as showcard accepts it.
	ErrMalformed = errors.New("jose: malformed token")
	// ErrAlgorithm says that "alg" is not on the list, or not the trusted key's own.
	ErrAlgorithm = errors.New("jose: algorithm not allowed")
	// ErrType says that "typ" is not the expected one: a token of one kind must never pass
	// for another (RFC 8725 §3.11).
	ErrType = errors.New("jose: wrong type of token")
	// ErrSignature says that the signature does not verify under the trusted key.
	ErrSignature = errors.New("jose: signature does not verify")
	// ErrEncoding says that the signature is not r‖s in range: DER, cut off, or made up.
	ErrEncoding = errors.New("jose: signature is not r‖s in range")
)

// MaxSize bounds a token in characters. The largest that exists, a status list of 2^20
// entries in a bad year, stays below it.
const MaxSize = 4 << 20

const (
	maxHeader = 16 << 10
	maxDepth  = 16
	maxChain  = 8
)

// Header is what showcard reads of a protected header.
type Header struct {
	Algorithm string
	Type      string
	KeyID     string
	X5C       [][]byte // DER, leaf first
}

// Token is a parsed, not yet trusted token.
type Token struct {
	Header  Header
	Payload []byte // JSON, checked for form
	signed  string // header.payload as signed
	sig     []byte
}

const redacted = "[token redacted]"

// Format implements fmt.Formatter: tokens carry personal data and access rights.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses: the compact form is the one that travels.
func (t Token) MarshalJSON() ([]byte, error) {
	return nil, errors.New("jose: a parsed token is not for JSON")
}

// Parse takes a compact JWS apart and checks its form and that its "typ" is one of the given
// ("": none, as in client assertions of RFC 7523). It does not trust it.
func Parse(text string, types ...string) (*Token, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: %d characters", ErrMalformed, len(text))
	}
	dot1 := strings.IndexByte(text, '.')
	dot2 := strings.LastIndexByte(text, '.')
	if dot1 < 0 || dot1 == dot2 || strings.IndexByte(text[dot1+1:dot2], '.') >= 0 {
		return nil, fmt.Errorf("%w: want header.payload.signature", ErrMalformed)
	}
	if dot1 > maxHeader {
		return nil, fmt.Errorf("%w: header of %d characters", ErrMalformed, dot1)
	}
	header, err := Decode(text[:dot1])
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	t := &Token{signed: text[:dot2]}
	if t.Header, err = parseHeader(header); err != nil {
		return nil, err
	}
	if !slices.Contains(types, t.Header.Type) {
		return nil, fmt.Errorf("%w: typ %q, want %q", ErrType, t.Header.Type, types)
	}
	if t.Payload, err = Decode(text[dot1+1 : dot2]); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	if err := checkPayload(t.Payload); err != nil {
		return nil, err
	}
	if t.sig, err = Decode(text[dot2+1:]); err != nil {
		return nil, fmt.Errorf("%w: signature: %w", ErrMalformed, err)
	}
	return t, nil
}

func checkPayload(payload []byte) error {
	if len(payload) == 0 || payload[0] != '{' {
		return fmt.Errorf("%w: payload is not a JSON object", ErrMalformed)
	}
	if err := strictjson.Check(payload, maxDepth); err != nil {
		return fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	return nil
}

func parseHeader(data []byte) (Header, error) {
	var h Header
	if len(data) == 0 || data[0] != '{' {
		return h, fmt.Errorf("%w: header is not a JSON object", ErrMalformed)
	}
	h, x5c, err := headerMembers(data)
	if err != nil {
		return h, err
	}
	if h.Algorithm == "" {
		return h, fmt.Errorf("%w: no alg", ErrMalformed)
	}
	if !known(h.Algorithm) {
		return h, fmt.Errorf("%w: %q", ErrAlgorithm, h.Algorithm)
	}
	if x5c != nil && (len(x5c) == 0 || len(x5c) > maxChain) {
		return h, fmt.Errorf("%w: x5c of %d certificates", ErrMalformed, len(x5c))
	}
	for _, c := range x5c {
		// RFC 7515 §4.1.6: x5c alone is standard base64, padded.
		der, err := base64.StdEncoding.Strict().DecodeString(c)
		if err != nil || len(der) == 0 || strings.ContainsAny(c, "\r\n") {
			return h, fmt.Errorf("%w: x5c is not base64", ErrMalformed)
		}
		h.X5C = append(h.X5C, der)
	}
	return h, nil
}

// headerMembers takes the header apart by exact names; structs would fold their case.
func headerMembers(data []byte) (h Header, x5c []string, err error) {
	var room [8]strictjson.Member
	members, err := strictjson.Object(data, 4, room[:0])
	if err != nil {
		return h, nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	for _, m := range members {
		ok := true
		switch string(m.Name) {
		// crit and b64 change what is signed; jwk, jku and x5u let the token bring its own key.
		case "crit", "b64", "jwk", "jku", "x5u", "zip", "enc":
			return h, nil, fmt.Errorf("%w: header %q is not accepted", ErrMalformed, m.Name)
		case "alg":
			h.Algorithm, ok = text(m.Value)
		case "typ":
			h.Type, ok = text(m.Value)
		case "kid":
			h.KeyID, ok = strictjson.Text(m.Value)
		case "x5c":
			x5c, ok = texts(m.Value)
		}
		if !ok {
			return h, nil, fmt.Errorf("%w: header %q has the wrong type", ErrMalformed, m.Name)
		}
	}
	return h, x5c, nil
}

// text is strictjson.Text, without a copy of what nearly every header says.
func text(value []byte) (string, bool) {
	for _, common := range [...]string{`"` + string(key.SM2) + `"`, `"` + string(key.ES256) + `"`, `"dc+sd-jwt"`, `"kb+jwt"`} {
		if string(value) == common {
			return common[1 : len(common)-1], true
		}
	}
	return strictjson.Text(value)
}

func texts(value []byte) ([]string, bool) {
	elements, err := strictjson.Array(value, 2, nil)
	if err != nil {
		return nil, false
	}
	out := make([]string, len(elements)) // not nil: it is there
	for i, m := range elements {
		var ok bool
		if out[i], ok = strictjson.Text(m.Value); !ok {
			return nil, false
		}
	}
	return out, true
}

func known(alg string) bool {
	return alg == string(key.SM2) || alg == string(key.ES256) || sm.IsAlgAlias(alg)
}

// Verify checks the signature. The algorithm is the key's own; a header that says otherwise
// is refused before any arithmetic.
func (t *Token) Verify(k *key.Public) error {
	if t.Header.Algorithm != string(k.Algorithm()) {
		return fmt.Errorf("%w: token says %q, the trusted key is for %q", ErrAlgorithm, t.Header.Algorithm, k.Algorithm())
	}
	return t.check(k)
}

// VerifyForeign is Verify for tokens of older Chinese systems, whose header may call SM2 by
// another name. The trusted key still decides.
func (t *Token) VerifyForeign(k *key.Public) error {
	if k.Algorithm() == key.SM2 && sm.IsAlgAlias(t.Header.Algorithm) {
		return t.check(k)
	}
	return t.Verify(k)
}

func (t *Token) check(k *key.Public) error {
	switch err := k.Verify([]byte(t.signed), t.sig); {
	case err == nil:
		return nil
	case errors.Is(err, key.ErrEncoding):
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	default:
		return ErrSignature
	}
}

// SignHeader is what Sign writes besides "alg", which is the signer's.
type SignHeader struct {
	Type  string
	KeyID string   // empty: the signer's own id; "-" leaves it out
	X5C   [][]byte // DER, leaf first
}

// Sign makes a compact JWS over payload as it is, which must be a strict JSON object if anyone
// is to read it; SignJSON sees to that. It signs nothing too large for Parse.
func Sign(s key.Signer, h SignHeader, payload []byte) (string, error) {
	if len(h.X5C) > maxChain {
		return "", fmt.Errorf("%w: x5c of %d certificates", ErrMalformed, len(h.X5C))
	}
	public := s.Public()
	header := struct {
		Algorithm key.Algorithm `json:"alg"`
		Type      string        `json:"typ"`
		KeyID     string        `json:"kid,omitempty"`
		X5C       []string      `json:"x5c,omitempty"`
	}{Algorithm: public.Algorithm(), Type: h.Type, KeyID: h.KeyID}
	switch h.KeyID {
	case "":
		header.KeyID = public.ID()
	case "-":
		header.KeyID = ""
	}
	for _, der := range h.X5C {
		header.X5C = append(header.X5C, base64.StdEncoding.EncodeToString(der))
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	coding := base64.RawURLEncoding
	size := coding.EncodedLen(len(head)) + 1 + coding.EncodedLen(len(payload)) + 87
	if coding.EncodedLen(len(head)) > maxHeader || size > MaxSize {
		return "", fmt.Errorf("%w: too large for any reader", ErrMalformed)
	}
	text := append(coding.AppendEncode(make([]byte, 0, size), head), '.')
	text = coding.AppendEncode(text, payload)
	sig, err := s.Sign(text)
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	if len(sig) != 64 { // a security module that answers in DER, most likely
		return "", fmt.Errorf("%w: the signer returned %d bytes", ErrEncoding, len(sig))
	}
	return string(coding.AppendEncode(append(text, '.'), sig)), nil
}

// SignJSON marshals claims, which must make an object, and signs them. It signs nothing that
// Parse would refuse.
func SignJSON(s key.Signer, h SignHeader, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	if err := checkPayload(payload); err != nil {
		return "", err
	}
	return Sign(s, h, payload)
}

// strict is for canonical base64url only: spare bits must be zero and there is no padding, or two
// texts could carry one signature.
var strict = base64.RawURLEncoding.Strict()

// Decode takes canonical base64url only.
func Decode(s string) ([]byte, error) {
	b := make([]byte, strict.DecodedLen(len(s)))
	n, err := strict.Decode(b, []byte(s))
	return b[:n], whole(n, len(s), err)
}

// AppendDecode is Decode of bytes, behind what stands in to already.
func AppendDecode(to, s []byte) ([]byte, error) {
	start := len(to)
	to = slices.Grow(to, strict.DecodedLen(len(s)))[:start+strict.DecodedLen(len(s))]
	n, err := strict.Decode(to[start:], s)
	return to[:start+n], whole(n, len(s), err)
}

// whole refuses what encoding/base64 steps over: line breaks. Then there are fewer bytes than so
// many characters make.
func whole(n, characters int, err error) error {
	if err == nil && strict.EncodedLen(n) != characters {
		return base64.CorruptInputError(characters)
	}
	return err
}
