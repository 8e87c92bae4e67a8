package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// vector is a file of testdata/vectors of either kind; the README there says what the members mean.
type vector struct {
	Name         string          `json:"name"`
	Comment      string          `json:"comment"`
	Profile      string          `json:"profile"`
	Issuer       *key.Public     `json:"issuer"`
	Holder       *key.Public     `json:"holder,omitempty"`
	Device       *key.Public     `json:"device,omitempty"`
	Presentation *string         `json:"presentation,omitempty"`
	Code         *string         `json:"code,omitempty"`
	Audiences    []string        `json:"audiences,omitzero"`
	Nonce        string          `json:"nonce,omitempty"`
	Audience     string          `json:"aud,omitempty"`
	Now          int64           `json:"now"`
	Expect       string          `json:"expect"`
	Claims       json.RawMessage `json:"claims,omitempty"`
	Token        json.RawMessage `json:"token,omitempty"`
}

func (v vector) offline() bool { return v.Code != nil }

// subject is the text that is checked.
func (v vector) subject() string {
	if v.offline() {
		return *v.Code
	}
	return *v.Presentation
}

func (v *vector) setSubject(s string) {
	if v.offline() {
		v.Code = &s
	} else {
		v.Presentation = &s
	}
}

// line is the vector as the answering processes read it: one line of ASCII, so that no reader of
// lines has an opinion about it.
func (v vector) line() ([]byte, error) {
	v.Claims, v.Token = nil, nil
	if v.offline() && v.Audiences == nil {
		v.Audiences = []string{}
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, r := range string(data) {
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return append(out, '\n'), nil
}

// file is the vector as it can be put into testdata/vectors.
func (v vector) file() ([]byte, error) {
	v.Claims, v.Token = nil, nil
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// corpus is what is mutated, and the keys to sign it anew with.
type corpus struct {
	vectors []vector
	good    []int // of them
	keys    map[string]*signer
}

// load reads testdata.
func load(root string) (*corpus, error) {
	c := &corpus{keys: map[string]*signer{}}
	for _, kind := range []string{"sdjwt", "sdcwt"} {
		files, err := filepath.Glob(filepath.Join(root, "vectors", kind, "*", "*.json"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			var v vector
			if err := json.Unmarshal(data, &v); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if (v.Presentation == nil) == (v.Code == nil) {
				return nil, fmt.Errorf("%s: neither a presentation nor a code", file)
			}
			if v.Expect == valid {
				c.good = append(c.good, len(c.vectors))
			}
			c.vectors = append(c.vectors, v)
		}
	}
	if len(c.good) == 0 {
		return nil, fmt.Errorf("no vectors in %s", root)
	}
	files, err := filepath.Glob(filepath.Join(root, "keys", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		k, err := readSigner(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		c.keys[k.public.Thumbprint()] = k
	}
	return c, nil
}

// private is the half that testdata/keys has of a key, or nil.
func (c *corpus) private(of *key.Public) *signer {
	if of == nil {
		return nil
	}
	return c.keys[of.Thumbprint()]
}

const valid = "valid"

// reader is Go's own answer.
type reader struct{ types *schemas.Catalogue }

func newReader() (*reader, error) {
	types, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	return &reader{types}, nil
}

// answer is what is said of a case: its code and, when that is valid, what was read.
type answer struct {
	Code  string `json:"code"`
	Says  string `json:"says,omitempty"` // canonical JSON (RFC 8785): claims, or the member "token" of a vector
	Crash string `json:"crash,omitempty"`
}

func (a answer) String() string {
	if a.Crash != "" || a.Code == "" {
		return "crash: " + a.Crash
	}
	return strings.TrimSpace(a.Code + " " + a.Says)
}

// answer checks in the order of testdata/vectors/README.md.
func (r *reader) answer(v vector) answer {
	var says any
	var code string
	if v.offline() {
		token, err := r.code(v)
		says, code = token, offlineCode(err)
	} else {
		says, code = presentation(v)
	}
	if code != valid {
		return answer{Code: code}
	}
	text, err := json.Marshal(says)
	if err == nil {
		text, err = receipt.Canonical(text)
	}
	if err != nil {
		return answer{Crash: err.Error()}
	}
	return answer{Code: code, Says: string(text)}
}

// said is the member "token" of a vector.
type said struct {
	KeyID   string         `json:"kid"`
	Serial  string         `json:"serial"`
	Issued  int64          `json:"iat"`
	Expires int64          `json:"exp"`
	Type    string         `json:"type"`
	Version int            `json:"version"`
	View    string         `json:"view"`
	Region  string         `json:"region"`
	Fields  schemas.Claims `json:"fields"`
	Proof   saidProof      `json:"proof"`
}

type saidProof struct {
	Serial   string `json:"serial"`
	IssuedAt int64  `json:"iat"`
	Audience string `json:"aud"`
	Nonce    string `json:"nonce,omitempty"`
}

func (r *reader) code(v vector) (*said, error) {
	now := time.Unix(v.Now, 0)
	code, err := qr.Parse(*v.Code)
	if err != nil {
		return nil, err
	}
	if code.Offline == nil {
		return nil, qr.ErrNotOurs // a ticket: nothing that an offline reader reads
	}
	t, err := sdcwt.Parse(code.Offline)
	if err != nil {
		return nil, err
	}
	var nonce []byte
	if v.Nonce != "" {
		if nonce, err = hex.DecodeString(v.Nonce); err != nil {
			return nil, err
		}
	}
	if err := t.Verify(v.Issuer, sdcwt.Expect{Now: now, Audiences: v.Audiences, Nonce: nonce}); err != nil {
		return nil, err
	}
	view := t.Claims.View
	reading, err := r.types.ReadOffline(schemas.OfflineView{Type: view.Type, Version: view.Version, View: view.View, Values: view.Values}, now)
	if err != nil {
		return nil, err
	}
	return &said{
		KeyID: hex.EncodeToString(t.KeyID), Serial: t.Claims.Serial.String(), Issued: t.Claims.IssuedAt.Unix(), Expires: t.Claims.Expires.Unix(),
		Type: reading.Type.ID, Version: reading.Type.Version, View: reading.View.Name, Region: view.Region, Fields: reading.Claims(),
		Proof: saidProof{t.Proof.Serial.String(), t.Proof.IssuedAt.Unix(), t.Proof.Audience, hex.EncodeToString(t.Proof.Nonce)},
	}, nil
}

func offlineCode(err error) string {
	if err == nil {
		return valid
	}
	if code := firstOf(err, codesOfText); code != "" {
		return code
	}
	if code := schemas.OfflineCode(err); code != "" {
		return code
	}
	return sdcwt.Code(err)
}

func presentation(v vector) (sdjwt.Claims, string) {
	s, err := sdjwt.Parse(*v.Presentation, sdjwt.Type)
	if err == nil {
		err = sdjwt.CheckVC(s)
	}
	if err != nil {
		return nil, codeOr(err, "presentation-malformed")
	}
	if err := s.Token.Verify(v.Issuer); err != nil {
		return nil, codeOr(err, "signature-invalid")
	}
	now := time.Unix(v.Now, 0)
	claims, err := s.Claims()
	if err == nil {
		err = claims.CheckTime(now, 10*time.Second)
	}
	if err != nil {
		return nil, codeOr(err, "presentation-malformed")
	}
	if v.Nonce == "" {
		return claims, valid
	}
	cnf, err := s.Confirmation()
	if err == nil {
		err = s.VerifyBinding(cnf, sdjwt.Expect{Audience: v.Audience, Nonce: v.Nonce, Now: now})
	}
	if err != nil {
		return nil, firstOrElse(err, codesOfBinding, "holder-binding-invalid")
	}
	return claims, valid
}

type codeOf struct {
	err  error
	code string
}

var (
	codesOfText = []codeOf{
		{qr.ErrNotOurs, "code-not-ours"}, {qr.ErrTruncated, "code-truncated"}, {qr.ErrTooLong, "code-too-long"},
		{qr.ErrAlphabet, "code-alphabet"}, {qr.ErrCheckCharacter, "code-check-character"},
	}
	codesOfToken = []codeOf{
		{sdjwt.ErrDisclosureDuplicate, "disclosure-duplicate"}, {sdjwt.ErrDisclosureUnknown, "disclosure-unknown"},
		{sdjwt.ErrDisclosureMalformed, "disclosure-malformed"}, {sdjwt.ErrHash, "algorithm-not-allowed"},
		{sdjwt.ErrExpired, "certificate-expired"}, {sdjwt.ErrNotYetValid, "certificate-not-yet-valid"},
		{jose.ErrAlgorithm, "algorithm-not-allowed"}, {jose.ErrEncoding, "signature-encoding"}, {jose.ErrSignature, "signature-invalid"},
	}
	// Whatever is wrong with the proof's own form or signature is one code.
	codesOfBinding = []codeOf{
		{sdjwt.ErrBindingMissing, "holder-binding-missing"}, {sdjwt.ErrNonce, "nonce-wrong"}, {sdjwt.ErrAudience, "audience-wrong"},
		{sdjwt.ErrProofOld, "proof-too-old"}, {sdjwt.ErrProofFuture, "proof-from-future"},
	}
)

func codeOr(err error, otherwise string) string { return firstOrElse(err, codesOfToken, otherwise) }

func firstOrElse(err error, table []codeOf, otherwise string) string {
	if code := firstOf(err, table); code != "" {
		return code
	}
	return otherwise
}

func firstOf(err error, table []codeOf) string {
	for _, row := range table {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	return ""
}
