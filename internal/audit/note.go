package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/showcard/showcard/crypto/key"
)

// Kinds of signatures in a note (C2SP signed-note).
const (
	typeEd25519  = 0x01
	typeCosigned = 0x04 // tlog-cosignature: Ed25519 over a moment and a checkpoint
	typeOther    = 0xff // followed by a name of the kind's own
)

// smKind names our SM2 signatures: r‖s over the note's text, SM3 with Z_A of the default identifier.
const smKind = "sm2-sm3@github.com/showcard/showcard"

// ErrKey says that a text is not a verifier key, or a name no name of one.
var ErrKey = errors.New("audit: not a key for notes")

// VerifierKey is a public key as text: "name+hash+base64". It verifies signatures in notes:
// Ed25519, SM2, or the cosignatures of a witness.
type VerifierKey struct {
	name   string
	public []byte // kind and key
	hash   uint32
	verify func(text, signature []byte) bool
}

var _ note.Verifier = VerifierKey{}

// Name implements note.Verifier.
func (v VerifierKey) Name() string { return v.name }

// KeyHash implements note.Verifier.
func (v VerifierKey) KeyHash() uint32 { return v.hash }

// Verify implements note.Verifier.
func (v VerifierKey) Verify(text, signature []byte) bool {
	return v.verify != nil && v.verify(text, signature)
}

// Witness reports whether the key is one for cosignatures.
func (v VerifierKey) Witness() bool { return len(v.public) > 0 && v.public[0] == typeCosigned }

// SM reports whether the key is an SM2 key.
func (v VerifierKey) SM() bool { return len(v.public) > 0 && v.public[0] == typeOther }

// String is the form that ParseVerifierKey reads.
func (v VerifierKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", v.name, v.hash, base64.StdEncoding.EncodeToString(v.public))
}

func newVerifierKey(name string, public []byte) (VerifierKey, error) {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsSpace) || strings.Contains(name, "+") {
		return VerifierKey{}, fmt.Errorf("%w: name %.64q", ErrKey, name)
	}
	h := sha256.Sum256(append([]byte(name+"\n"), public...))
	v := VerifierKey{name: name, public: public, hash: binary.BigEndian.Uint32(h[:])}
	if len(public) == 0 {
		return VerifierKey{}, ErrKey
	}
	kind, k := public[0], public[1:]
	switch {
	case kind == typeEd25519 && len(k) == ed25519.PublicKeySize:
		v.verify = func(text, sig []byte) bool { return len(sig) == ed25519.SignatureSize && ed25519.Verify(k, text, sig) }
	case kind == typeCosigned && len(k) == ed25519.PublicKeySize:
		v.verify = func(text, sig []byte) bool {
			return len(sig) == 8+ed25519.SignatureSize && ed25519.Verify(k, cosigned(text, binary.BigEndian.Uint64(sig)), sig[8:])
		}
	case kind == typeOther && strings.HasPrefix(string(k), smKind):
		p, err := key.FromPoint(key.SM2, k[len(smKind):])
		if err != nil || len(k) != len(smKind)+65 {
			return VerifierKey{}, fmt.Errorf("%w: not an SM2 point", ErrKey)
		}
		v.verify = func(text, sig []byte) bool { return p.Verify(text, sig) == nil }
	default:
		return VerifierKey{}, fmt.Errorf("%w: unknown kind %d", ErrKey, kind)
	}
	return v, nil
}

// ParseVerifierKey reads a key.
func ParseVerifierKey(text string) (VerifierKey, error) {
	if len(text) > 1024 {
		return VerifierKey{}, ErrKey
	}
	name, rest, _ := strings.Cut(text, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	public, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return VerifierKey{}, fmt.Errorf("%w: not base64", ErrKey)
	}
	v, err := newVerifierKey(name, public)
	if err != nil {
		return v, err
	}
	if v.String() != text {
		return VerifierKey{}, fmt.Errorf("%w: hash %.8s, want %08x", ErrKey, hash, v.hash)
	}
	return v, nil
}

// ParseVerifierKeys reads one key a line. Empty lines and such that begin with # do not count.
func ParseVerifierKeys(text string) ([]VerifierKey, error) {
	var keys []VerifierKey
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		v, err := ParseVerifierKey(line)
		if err != nil {
			return nil, err
		}
		if keys = append(keys, v); len(keys) > 64 {
			return nil, fmt.Errorf("%w: too many", ErrKey)
		}
	}
	return keys, nil
}

// Signer signs notes.
type Signer struct {
	key  VerifierKey
	sign func(text []byte) ([]byte, error)
}

var _ note.Signer = Signer{}

// Name implements note.Signer.
func (s Signer) Name() string { return s.key.name }

// KeyHash implements note.Signer.
func (s Signer) KeyHash() uint32 { return s.key.hash }

// Sign implements note.Signer.
func (s Signer) Sign(text []byte) ([]byte, error) { return s.sign(text) }

// Key is what verifies.
func (s Signer) Key() VerifierKey { return s.key }

// NewEd25519Signer makes a signer of a seed of 32 random bytes.
func NewEd25519Signer(name string, seed []byte) (Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return Signer{}, fmt.Errorf("%w: a seed of %d bytes", ErrKey, len(seed))
	}
	private := ed25519.NewKeyFromSeed(seed)
	v, err := newVerifierKey(name, append([]byte{typeEd25519}, private[ed25519.SeedSize:]...))
	return Signer{v, func(text []byte) ([]byte, error) { return ed25519.Sign(private, text), nil }}, err
}

// NewSM2Signer makes a signer of an SM2 key.
func NewSM2Signer(name string, k key.Signer) (Signer, error) {
	if k == nil || k.Public().Algorithm() != key.SM2 {
		return Signer{}, fmt.Errorf("%w: not SM2", ErrKey)
	}
	v, err := newVerifierKey(name, append(append([]byte{typeOther}, smKind...), k.Public().Point()...))
	return Signer{v, k.Sign}, err
}

// NewWitnessSigner makes a signer of cosignatures: what it signs says when (C2SP
// tlog-cosignature, version 1).
func NewWitnessSigner(name string, seed []byte, now func() time.Time) (Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return Signer{}, fmt.Errorf("%w: a seed of %d bytes", ErrKey, len(seed))
	}
	private := ed25519.NewKeyFromSeed(seed)
	v, err := newVerifierKey(name, append([]byte{typeCosigned}, private[ed25519.SeedSize:]...))
	return Signer{v, func(text []byte) ([]byte, error) {
		at := uint64(now().Unix())
		return append(binary.BigEndian.AppendUint64(nil, at), ed25519.Sign(private, cosigned(text, at))...), nil
	}}, err
}

// cosigned is what a witness signs.
func cosigned(text []byte, at uint64) []byte {
	return append([]byte("cosignature/v1\ntime "+strconv.FormatUint(at, 10)+"\n"), text...)
}

// Format keeps the private key out of every print.
func (s Signer) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[signer " + s.key.name + "]")) }
