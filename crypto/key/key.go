// Package key gives every other room one kind of key, whichever algorithm is inside. A
// certificate is signed by a [Signer] and checked by a [Public]; the two know their own
// algorithm, so no code ever asks a token which algorithm it would like (RFC 8725 §3.1).
//
// Two algorithms exist, and one code path serves both:
//
//	SGD_SM3_SM2   SM2 over SM3, the national profile (docs/profile-sm.md)
//	ES256         ECDSA on P-256 over SHA-256, the international profile
//
// Keys travel as JWK (RFC 7517). The package reads and writes JWK itself, because the JOSE
// libraries of the Go world refuse the SM2 curve and one SM2 key makes them refuse a whole
// JWK Set. Two keys are the same key when their points are the same; key ids are only hints.
package key

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"sync"

	"github.com/showcard/showcard/crypto/sm"
)

// Algorithm is a JWS "alg" value.
type Algorithm string

// The two algorithms that showcard signs with.
const (
	SM2   Algorithm = sm.AlgJWS
	ES256 Algorithm = "ES256"
)

var (
	// ErrAlgorithm says that an algorithm is not one of the two, or not the key's own.
	ErrAlgorithm = errors.New("key: algorithm not allowed")
	// ErrMalformed says that something is not a key.
	ErrMalformed = errors.New("key: malformed")
	// ErrEncoding says that a signature is not r‖s with both numbers in range.
	ErrEncoding = errors.New("key: signature is not r‖s in range")
	// ErrSignature says that a signature is well formed and wrong.
	ErrSignature = errors.New("key: signature does not verify")
)

// A Signer holds a private key, in memory or in a security module.
type Signer interface {
	Public() *Public
	// Sign returns the 64 bytes r‖s over message.
	Sign(message []byte) ([]byte, error)
}

// Public is a public key. It is immutable and safe for concurrent use.
type Public struct {
	algorithm Algorithm
	id        string // if named; else the thumbprint, made when somebody asks: for most keys in certificates nobody does
	named     bool
	thumb     *thumb
	sm        *sm.PublicKey
	ec        *ecdsa.PublicKey
}

// NewSM2 wraps a point on sm2p256v1.
func NewSM2(k *sm.PublicKey) *Public {
	return &Public{algorithm: SM2, sm: k, thumb: &thumb{}}
}

// NewES256 wraps a point on P-256.
func NewES256(k *ecdsa.PublicKey) (*Public, error) {
	if k == nil || k.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: not on P-256", ErrMalformed)
	}
	if _, err := k.ECDH(); err != nil { // checks that the point is on the curve
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return &Public{algorithm: ES256, ec: k, thumb: &thumb{}}, nil
}

// FromPoint reads an uncompressed or compressed point for the algorithm.
func FromPoint(a Algorithm, point []byte) (*Public, error) {
	switch a {
	case SM2:
		k, err := sm.ParsePublicKey(point)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		return NewSM2(k), nil
	case ES256:
		var x, y *big.Int
		if len(point) == 33 {
			x, y = elliptic.UnmarshalCompressed(elliptic.P256(), point)
		} else if len(point) == 65 && point[0] == 4 {
			x, y = new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
		}
		if x == nil {
			return nil, fmt.Errorf("%w: not a point", ErrMalformed)
		}
		return NewES256(&ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y})
	}
	return nil, fmt.Errorf("%w: %q", ErrAlgorithm, a)
}

// Algorithm returns the one algorithm this key signs with.
func (p *Public) Algorithm() Algorithm { return p.algorithm }

// ID returns the key id: the JWK's own "kid", or else its RFC 7638 thumbprint.
func (p *Public) ID() string {
	if p.named {
		return p.id
	}
	return p.Thumbprint()
}

// Point returns 0x04‖x‖y.
func (p *Public) Point() []byte {
	if p.sm != nil {
		return p.sm.Bytes()
	}
	out := make([]byte, 65)
	out[0] = 4
	p.ec.X.FillBytes(out[1:33])
	p.ec.Y.FillBytes(out[33:])
	return out
}

// ECDSA returns the key in the form that certificate libraries take.
func (p *Public) ECDSA() *ecdsa.PublicKey {
	if p.sm != nil {
		return p.sm.ECDSA()
	}
	return p.ec
}

// Equal compares points, not ids or thumbprints.
func (p *Public) Equal(o *Public) bool {
	switch {
	case p == nil || o == nil || p.algorithm != o.algorithm:
		return false
	case p.sm != nil:
		return p.sm.Equal(o.sm)
	}
	return p.ec.Equal(o.ec)
}

// Verify checks the 64-byte signature r‖s over message.
func (p *Public) Verify(message, signature []byte) error {
	if p.sm != nil {
		switch err := p.sm.Verify(message, signature); {
		case err == nil:
			return nil
		case errors.Is(err, sm.ErrEncoding):
			return fmt.Errorf("%w: %w", ErrEncoding, err)
		default:
			return ErrSignature
		}
	}
	if len(signature) != 64 {
		return fmt.Errorf("%w: %d bytes, want 64", ErrEncoding, len(signature))
	}
	n := elliptic.P256().Params().N
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(n) >= 0 || s.Cmp(n) >= 0 {
		return ErrEncoding
	}
	digest := sha256.Sum256(message)
	if !ecdsa.Verify(p.ec, digest[:], r, s) {
		return ErrSignature
	}
	return nil
}

// thumbprint is SHA-256 for both algorithms: RFC 7638 is used with SHA-256 all over OAuth.
func (p *Public) thumbprint() string {
	j := p.fields()
	sum := sha256.Sum256([]byte(`{"crv":"` + j.Curve + `","kty":"EC","x":"` + j.X + `","y":"` + j.Y + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// thumb keeps a thumbprint. Copies of a key under other ids share it.
type thumb struct {
	once sync.Once
	text string
}

// Thumbprint returns the RFC 7638 thumbprint with SHA-256, base64url.
func (p *Public) Thumbprint() string {
	p.thumb.once.Do(func() { p.thumb.text = p.thumbprint() })
	return p.thumb.text
}

// WithID returns the same key under another id.
func (p *Public) WithID(id string) *Public {
	c := *p
	c.id, c.named = id, true
	return &c
}

// Private is a signer whose key lies in this process's memory, or in a module that signs for it
// (see [Store.Attach]). It never prints.
type Private struct {
	public *Public
	sm     *sm.PrivateKey
	ec     *ecdsa.PrivateKey
	module func(message []byte) ([]byte, error) // in place of the two
}

// Generate makes a new key.
func Generate(a Algorithm) (*Private, error) {
	switch a {
	case SM2:
		k, err := sm.GenerateKey()
		if err != nil {
			return nil, err
		}
		return &Private{public: NewSM2(k.Public()), sm: k}, nil
	case ES256:
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		p, err := NewES256(&k.PublicKey)
		if err != nil {
			return nil, err
		}
		return &Private{public: p, ec: k}, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrAlgorithm, a)
}

// FromScalar reads a private key of 32 bytes, big-endian.
func FromScalar(a Algorithm, d []byte) (*Private, error) {
	switch a {
	case SM2:
		k, err := sm.ParsePrivateKey(d)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		return &Private{public: NewSM2(k.Public()), sm: k}, nil
	case ES256:
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
		if err != nil {
			return nil, fmt.Errorf("%w: not a P-256 scalar", ErrMalformed)
		}
		p, err := NewES256(&k.PublicKey)
		if err != nil {
			return nil, err
		}
		return &Private{public: p, ec: k}, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrAlgorithm, a)
}

// Public implements [Signer].
func (k *Private) Public() *Public { return k.public }

// WithID returns the same key under another id.
func (k *Private) WithID(id string) *Private {
	c := *k
	c.public = k.public.WithID(id)
	return &c
}

// Sign implements [Signer].
func (k *Private) Sign(message []byte) ([]byte, error) {
	if k.module != nil {
		return k.module(message)
	}
	if k.sm != nil {
		return k.sm.Sign(message)
	}
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, k.ec, digest[:])
	if err != nil {
		return nil, fmt.Errorf("key: sign: %w", err)
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}

// CryptoKey returns the private key in the form that certificate libraries take:
// *sm2.PrivateKey or *ecdsa.PrivateKey. A key in a module has no such form: nil.
func (k *Private) CryptoKey() any {
	if k.module != nil {
		return nil
	}
	if k.sm != nil {
		return k.sm.SM2()
	}
	return k.ec
}

// scalar is for the keystore, which seals it.
func (k *Private) scalar() []byte {
	if k.module != nil {
		panic("key: a key in a module has no bytes")
	}
	if k.sm != nil {
		return k.sm.Scalar()
	}
	d, err := k.ec.Bytes()
	if err != nil {
		panic("key: a P-256 key that was checked has no bytes: " + err.Error())
	}
	return d
}

// Format implements fmt.Formatter: a private key has no printed form, not even a copy of it.
func (k Private) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[private key]") }

// LogValue implements slog.LogValuer.
func (k Private) LogValue() slog.Value { return slog.StringValue("[private key]") }

// MarshalJSON refuses: nothing may write a private key by accident.
func (k Private) MarshalJSON() ([]byte, error) {
	return nil, errors.New("key: a private key is not for JSON; see Store")
}

var (
	_ Signer         = (*Private)(nil)
	_ json.Marshaler = (*Private)(nil)
)
