// Package cose is to binary tokens what jose is to text: COSE_Sign1 (RFC 9052 §4.2), the CBOR
// below it, public keys as COSE_Key (RFC 9053 §7.1), and nothing else of COSE. The CWT form of
// status lists and the offline code are made of it.
//
// Reading has the same two steps, and the trusted key decides the algorithm here too:
//
//	m, err := cose.Parse(data)   // shape only; nothing is trusted yet
//	err = m.Verify(trustedKey)
//
// What is signed is not the message but a structure around it, so that a signature made for
// one purpose cannot be carried to another (RFC 9052 §4.4):
//
//	Sig_structure = ["Signature1", protected header as sent, external data (none), payload]
//
// The unprotected header is not signed. This package takes no algorithm and no type from it;
// what it carries is for whoever can check it otherwise, like the disclosures of an SD-CWT.
//
// The reader is strict: tag 18 and nothing before it, definite lengths, shortest lengths in
// the envelope, no label twice, also not once in each header, no "crit", no detached payload.
// SM2 has no number in the COSE registry, so the profile uses private ones (docs/profile-sm.md).
package cose

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
)

var (
	// ErrMalformed says that bytes are not what showcard accepts as COSE or CBOR.
	ErrMalformed = errors.New("cose: malformed")
	// ErrAlgorithm says that "alg" is not on the list, or not the trusted key's own.
	ErrAlgorithm = errors.New("cose: algorithm not allowed")
	// ErrType says that "typ" is not the expected one (RFC 9596).
	ErrType = errors.New("cose: wrong type of token")
	// ErrSignature says that the signature does not verify under the trusted key.
	ErrSignature = errors.New("cose: signature does not verify")
	// ErrEncoding says that the signature is not r‖s in range.
	ErrEncoding = errors.New("cose: signature is not r‖s in range")
)

// Algorithms in the IANA registry "COSE Algorithms", and the profile's own.
const (
	AlgSM2   int64 = sm.AlgCOSE
	AlgES256 int64 = -7
)

// Labels of headers ("COSE Header Parameters").
const (
	HeaderAlgorithm   int64 = 1
	HeaderCritical    int64 = 2
	HeaderContentType int64 = 3
	HeaderKeyID       int64 = 4
	HeaderType        int64 = 16
	HeaderX5Chain     int64 = 33
)

// Labels of claims ("CWT Claims").
const (
	ClaimIssuer       int64 = 1
	ClaimSubject      int64 = 2
	ClaimAudience     int64 = 3
	ClaimExpires      int64 = 4
	ClaimNotBefore    int64 = 5
	ClaimIssuedAt     int64 = 6
	ClaimID           int64 = 7
	ClaimConfirmation int64 = 8
)

// MaxSize bounds a message in bytes, like jose.MaxSize.
const MaxSize = 4 << 20

const tagSign1 = 18

// algorithm returns the COSE number of a key's own algorithm.
func algorithm(k *key.Public) (int64, error) {
	switch k.Algorithm() {
	case key.SM2:
		return AlgSM2, nil
	case key.ES256:
		return AlgES256, nil
	}
	return 0, fmt.Errorf("%w: %q", ErrAlgorithm, k.Algorithm())
}

// envelope is COSE_Sign1 (RFC 9052 §4.2).
type envelope struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected Raw
	Payload     []byte
	Signature   []byte
}

func (e *envelope) encode() ([]byte, error) {
	return Marshal(Tag{Number: tagSign1, Content: e})
}

// toBeSigned is the Sig_structure.
func (e *envelope) toBeSigned() ([]byte, error) {
	return Marshal([]any{"Signature1", e.Protected, []byte{}, e.Payload})
}

// Message is a COSE_Sign1 that was read and is not trusted.
type Message struct {
	Algorithm   int64
	Protected   Map
	Unprotected Map // never signed
	Payload     []byte
	envelope    envelope
}

// Sign makes a tagged COSE_Sign1. The algorithm is the signer's and is added to protected;
// unprotected may be nil. Labels are int64 or string.
func Sign(s key.Signer, protected, unprotected map[any]any, payload []byte) ([]byte, error) {
	alg, err := algorithm(s.Public())
	if err != nil {
		return nil, err
	}
	head := map[any]any{HeaderAlgorithm: alg}
	for label, v := range protected {
		if label = normal(label); label == HeaderAlgorithm {
			return nil, fmt.Errorf("%w: the signer sets the algorithm", ErrAlgorithm)
		}
		head[label] = v
	}
	if payload == nil {
		payload = []byte{}
	}
	if unprotected == nil {
		unprotected = map[any]any{}
	}
	e := envelope{Payload: payload}
	if e.Protected, err = Marshal(head); err != nil {
		return nil, err
	}
	if e.Unprotected, err = Marshal(unprotected); err != nil {
		return nil, err
	}
	signed, err := e.toBeSigned()
	if err != nil {
		return nil, err
	}
	if e.Signature, err = s.Sign(signed); err != nil {
		return nil, fmt.Errorf("cose: sign: %w", err)
	}
	out, err := e.encode()
	if err != nil {
		return nil, err
	}
	// A caller's header that no reader would take is found here and not there.
	if _, err := Parse(out); err != nil {
		return nil, err
	}
	return out, nil
}

// Parse takes a tagged COSE_Sign1 apart and checks its form. It does not trust it, and it reads
// algorithms that Verify will refuse, so that a tool can show what a token says.
func Parse(data []byte) (*Message, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(data))
	}
	var tag cbor.RawTag
	if len(data) == 0 || data[0]>>5 != 6 {
		return nil, fmt.Errorf("%w: no tag", ErrMalformed)
	}
	if err := Unmarshal(data, &tag); err != nil {
		return nil, err
	}
	if tag.Number != tagSign1 {
		return nil, fmt.Errorf("%w: tag %d, want %d", ErrMalformed, tag.Number, tagSign1)
	}
	m := &Message{}
	e := &m.envelope
	if err := Unmarshal(tag.Content, e); err != nil {
		return nil, err
	}
	if e.Payload == nil {
		return nil, fmt.Errorf("%w: detached payload", ErrMalformed)
	}
	if e.Signature == nil {
		return nil, fmt.Errorf("%w: no signature", ErrMalformed)
	}
	// One spelling: nothing outside of the signature could be written in another way. This also
	// refuses arrays and nulls that the library takes for byte strings.
	if again, err := e.encode(); err != nil || !bytes.Equal(again, data) {
		return nil, fmt.Errorf("%w: envelope is not in its shortest form", ErrMalformed)
	}
	if err := m.headers(); err != nil {
		return nil, err
	}
	m.Payload = e.Payload
	return m, nil
}

func (m *Message) headers() (err error) {
	// An empty protected header is an empty string (RFC 9052 §3); it has no algorithm.
	if m.Protected, err = DecodeMap(m.envelope.Protected); err != nil {
		return fmt.Errorf("protected header: %w", err)
	}
	if m.Unprotected, err = DecodeMap(m.envelope.Unprotected); err != nil {
		return fmt.Errorf("unprotected header: %w", err)
	}
	for label := range m.Protected {
		if err := checkLabel(label); err != nil {
			return err
		}
		if m.Unprotected.Has(label) {
			return fmt.Errorf("%w: label %v is in both headers", ErrMalformed, label)
		}
	}
	for label := range m.Unprotected {
		if err := checkLabel(label); err != nil {
			return err
		}
		// What decides must be signed.
		if label == HeaderAlgorithm || label == HeaderType {
			return fmt.Errorf("%w: label %v is not protected", ErrMalformed, label)
		}
	}
	alg, there, err := m.Protected.Int(HeaderAlgorithm)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%w: no algorithm", ErrMalformed)
	}
	m.Algorithm = alg
	return nil
}

func checkLabel(label any) error {
	switch label.(type) {
	case int64, string:
	default:
		return fmt.Errorf("%w: label of type %T", ErrMalformed, label)
	}
	if label == HeaderCritical {
		return fmt.Errorf("%w: critical headers are not accepted", ErrMalformed)
	}
	return nil
}

// KeyID returns the "kid", from either header: it is a hint, and the trusted key decides.
func (m *Message) KeyID() []byte {
	for _, h := range []Map{m.Protected, m.Unprotected} {
		if id, there, err := h.Bytes(HeaderKeyID); there && err == nil {
			return id
		}
	}
	return nil
}

// X5Chain returns the certificates of "x5chain" (RFC 9360 §2) in DER, leaf first: one byte
// string, or an array of at least two. Whether they mean anything is for others to say.
func (m *Message) X5Chain() ([][]byte, error) {
	raw, there := m.Protected[HeaderX5Chain]
	if !there {
		raw, there = m.Unprotected[HeaderX5Chain]
	}
	if !there {
		return nil, nil
	}
	if len(raw) > 0 && raw[0]>>5 == 2 {
		var leaf []byte
		if err := Unmarshal(raw, &leaf); err != nil {
			return nil, err
		}
		return [][]byte{leaf}, nil
	}
	var parts []Raw
	if err := Unmarshal(raw, &parts); err != nil {
		return nil, err
	}
	if len(parts) < 2 || len(parts) > 8 {
		return nil, fmt.Errorf("%w: x5chain of %d certificates", ErrMalformed, len(parts))
	}
	chain := make([][]byte, len(parts))
	for i, part := range parts {
		if len(part) == 0 || part[0]>>5 != 2 {
			return nil, fmt.Errorf("%w: x5chain holds something else than certificates", ErrMalformed)
		}
		if err := Unmarshal(part, &chain[i]); err != nil {
			return nil, err
		}
	}
	return chain, nil
}

// ExpectType demands a "typ" (RFC 9596) in the protected header: a media type, or the number
// of a CoAP content format.
func (m *Message) ExpectType(want any) error {
	var got any
	if raw, there := m.Protected[HeaderType]; there {
		if err := Unmarshal(raw, &got); err != nil {
			return err
		}
	}
	if want = normal(want); got != want {
		return fmt.Errorf("%w: typ %v, want %v", ErrType, got, want)
	}
	return nil
}

// Deterministic reports whether both headers are in the one spelling of RFC 8949 §4.2.1. Parse does not
// ask for it, because others' tokens need not be; a format of our own may.
func (m *Message) Deterministic() bool {
	for _, header := range [][]byte{m.envelope.Protected, m.envelope.Unprotected} {
		var all any
		if Unmarshal(header, &all) != nil {
			return false
		}
		if again, err := Marshal(all); err != nil || !bytes.Equal(again, header) {
			return false
		}
	}
	return true
}

// Verify checks the signature. The algorithm is the key's own; a header that says otherwise is
// refused before any arithmetic.
func (m *Message) Verify(k *key.Public) error {
	alg, err := algorithm(k)
	if err != nil {
		return err
	}
	if m.Algorithm != alg {
		return fmt.Errorf("%w: message says %d, the trusted key is for %d", ErrAlgorithm, m.Algorithm, alg)
	}
	signed, err := m.envelope.toBeSigned()
	if err != nil {
		return err
	}
	switch err := k.Verify(signed, m.envelope.Signature); {
	case err == nil:
		return nil
	case errors.Is(err, key.ErrEncoding):
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	default:
		return ErrSignature
	}
}
