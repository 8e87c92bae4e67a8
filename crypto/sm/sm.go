// Package sm is the home of the Chinese commercial algorithms: SM2 signatures (GB/T 32918.2),
// the SM3 hash (GB/T 32905) and SM4-GCM (GB/T 32907, RFC 8998). It is the only package that
// imports gmsm, so that the rest of showcard sees three small things: a [PublicKey] that
// verifies, a [PrivateKey] that signs, and an AEAD.
//
// An SM2 signature does not cover the message alone. The signer hashes
//
//	e = SM3( Z_A ‖ M ),  Z_A = SM3( ENTL ‖ ID ‖ a ‖ b ‖ x_G ‖ y_G ‖ x_A ‖ y_A )
//
// where Z_A ties the signature to the curve, the signer's key and her identifier
// (GB/T 32918.2 §5.5). Z_A never changes for a key, so both key types compute it once.
//
// On the wire a signature is always the 64 bytes r‖s, as in JOSE and COSE. DER, which
// OpenSSL and most Chinese libraries emit, is refused by Verify: one signature, one spelling.
// [FromDER] and [ToDER] convert where a foreign tool needs it.
package sm

import (
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"sync"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm2/sm2ec"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// SignatureSize is the length of r‖s in bytes.
const SignatureSize = 64

var (
	// ErrKey says that bytes are not a key on sm2p256v1.
	ErrKey = errors.New("sm: not a valid SM2 key")
	// ErrEncoding says that a signature is not r‖s with both numbers in [1, n-1]: it is in
	// DER, has the wrong length, or was made up.
	ErrEncoding = errors.New("sm: signature is not r‖s in range")
	// ErrSignature says that a well-formed signature does not belong to key and message.
	ErrSignature = errors.New("sm: signature does not verify")
)

// Sum returns the SM3 digest of data.
func Sum(data []byte) [32]byte { return sum(data) }

// Name is an id that the same parts give again: 128 bits of their SM3 digest as 26 letters and digits.
// The first part says what is named, so that two kinds of things never share a name.
func Name(parts ...string) string {
	sum := Sum([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// NewHash returns a new SM3 hash; it implements encoding.BinaryMarshaler.
func NewHash() hash.Hash { return sm3.New() }

// NewGCM returns SM4-GCM with a 16-byte key, 12-byte nonces and 16-byte tags.
func NewGCM(key []byte) (cipher.AEAD, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("sm: %w", err)
	}
	return cipher.NewGCM(block)
}

// PublicKey is a point on sm2p256v1 with its Z_A. It is immutable and safe for concurrent use.
type PublicKey struct {
	point [65]byte // 0x04 ‖ x ‖ y
	za    [32]byte
	ec    *ecdsa.PublicKey
	fast  *fastKey // nil for a key that no Tables gave out
}

// ParsePublicKey reads a point in SEC 1 form, uncompressed (65 bytes) or compressed (33
// bytes). The point at infinity and points off the curve are refused.
func ParsePublicKey(point []byte) (*PublicKey, error) {
	if len(point) == 33 && (point[0] == 2 || point[0] == 3) {
		x, y := elliptic.UnmarshalCompressed(sm2ec.P256(), point)
		if x == nil {
			return nil, ErrKey
		}
		full := make([]byte, 65)
		full[0] = 4
		x.FillBytes(full[1:33])
		y.FillBytes(full[33:])
		point = full
	}
	if len(point) != 65 || point[0] != 4 {
		return nil, ErrKey
	}
	ec, err := sm2.NewPublicKey(point)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return newPublicKey(ec), nil
}

// zaPrefix is what stands before the key's coordinates in Z_A (GB/T 32918.2 §5.5) for the one id
// that the profile knows: ENTL, the id, a, b, and the generator (GB/T 32918.5).
const zaPrefix = "\x00\x80" + DefaultID +
	"\xff\xff\xff\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xfc" +
	"\x28\xe9\xfa\x9e\x9d\x9f\x5e\x34\x4d\x5a\x9e\x4b\xcf\x65\x09\xa7\xf3\x97\x89\xf5\x15\xab\x8f\x92\xdd\xbc\xbd\x41\x4d\x94\x0e\x93" +
	"\x32\xc4\xae\x2c\x1f\x19\x81\x19\x5f\x99\x04\x46\x6a\x39\xc9\x94\x8f\xe3\x0b\xbf\xf2\x66\x0b\xe1\x71\x5a\x45\x89\x33\x4c\x74\xc7" +
	"\xbc\x37\x36\xa2\xf4\xf6\x77\x9c\x59\xbd\xce\xe3\x6b\x69\x21\x53\xd0\xa9\x87\x7c\xc6\x2a\x47\x40\x02\xdf\x32\xe5\x21\x39\xf0\xa0"

func newPublicKey(ec *ecdsa.PublicKey) *PublicKey {
	k := &PublicKey{ec: ec}
	k.point[0] = 4
	ec.X.FillBytes(k.point[1:33])
	ec.Y.FillBytes(k.point[33:])
	k.za = sum([]byte(zaPrefix), k.point[1:])
	return k
}

// Bytes returns the uncompressed point, 0x04‖x‖y.
func (k *PublicKey) Bytes() []byte { return append([]byte(nil), k.point[:]...) }

// Equal compares points.
func (k *PublicKey) Equal(o *PublicKey) bool { return k.point == o.point }

// Compressed returns the 33-byte compressed point.
func (k *PublicKey) Compressed() []byte {
	out := append([]byte{2 + k.point[64]&1}, k.point[1:33]...)
	return out
}

// ECDSA returns the key in the form that smx509 takes.
func (k *PublicKey) ECDSA() *ecdsa.PublicKey { return k.ec }

// Digest returns e = SM3(Z_A‖message), the number that is signed. Z_A is half a block of SM3, so
// that a state kept after it would save no compression.
func (k *PublicKey) Digest(message []byte) []byte {
	e := k.digest(message)
	return e[:]
}

func (k *PublicKey) digest(message []byte) [32]byte { return sum(k.za[:], message) }

// state is a hash to use again, with room for its answer. None is read that was not reset, so that
// nothing is carried from one use to the next.
type state struct {
	hash.Hash
	sum [32]byte
}

var states = sync.Pool{New: func() any { return &state{Hash: sm3.New()} }}

func sum(parts ...[]byte) [32]byte {
	h := states.Get().(*state)
	defer states.Put(h)
	h.Reset()
	for _, p := range parts {
		_, _ = h.Write(p) // a hash never fails
	}
	h.Sum(h.sum[:0])
	return h.sum
}

// Verify checks the 64-byte signature of message (GB/T 32918.2 §7.1).
func (k *PublicKey) Verify(message, signature []byte) error {
	if err := checkRange(signature); err != nil {
		return err
	}
	e := k.digest(message)
	return k.verifyDigest(e[:], signature)
}

// verifyDigest asks the key's table, where it has one, and the library where that is not sure.
func (k *PublicKey) verifyDigest(e, signature []byte) error {
	good, sure := false, false
	if k.fast != nil {
		if good, sure = k.fast.verify(e, signature); sure && k.fast.tables.cfg.Mode == Fast {
			return verdict(good)
		}
	}
	library := sm2.Verify(k.ec, e, new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	if sure && good != library {
		k.fast.tables.disagree(k, e, signature, library)
	}
	return verdict(library)
}

func verdict(good bool) error {
	if !good {
		return ErrSignature
	}
	return nil
}

// checkRange insists on r‖s with 1 ≤ r, s ≤ n-1 (§7.1 B1, B2), so that the answer does not depend
// on how a library treats numbers out of range.
func checkRange(signature []byte) error {
	if len(signature) != SignatureSize {
		return fmt.Errorf("%w: %d bytes, want %d", ErrEncoding, len(signature), SignatureSize)
	}
	for _, v := range [][]byte{signature[:32], signature[32:]} {
		if string(v) >= orderBytes || string(v) == zeroBytes {
			return fmt.Errorf("%w: r or s is outside [1, n-1]", ErrEncoding)
		}
	}
	return nil
}

// The order n of the curve (GB/T 32918.5), and nothing, as 32 bytes.
const (
	orderBytes = "\xff\xff\xff\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x72\x03\xdf\x6b\x21\xc6\x05\x2b\x53\xbb\xf4\x09\x39\xd5\x41\x23"
	zeroBytes  = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

func inRange(v *big.Int) bool {
	return v.Sign() > 0 && v.Cmp(sm2ec.P256().Params().N) < 0
}

// PrivateKey signs. It never prints: every formatter shows a fixed word.
type PrivateKey struct {
	key    *sm2.PrivateKey
	public *PublicKey
}

// GenerateKey makes a new key from the system's randomness.
func GenerateKey() (*PrivateKey, error) {
	k, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sm: %w", err)
	}
	return newPrivateKey(k), nil
}

// ParsePrivateKey reads the 32-byte big-endian scalar d, 1 ≤ d ≤ n-2.
func ParsePrivateKey(d []byte) (*PrivateKey, error) {
	k, err := sm2.NewPrivateKey(d)
	if err != nil {
		return nil, ErrKey // the library's error could quote the key
	}
	return newPrivateKey(k), nil
}

func newPrivateKey(k *sm2.PrivateKey) *PrivateKey {
	return &PrivateKey{key: k, public: newPublicKey(&k.PublicKey)}
}

// Public returns the key that verifies.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Scalar returns d. Only the keystore, which seals it, has business with it.
func (k *PrivateKey) Scalar() []byte {
	d := make([]byte, 32)
	k.key.D.FillBytes(d)
	return d
}

// SM2 returns the key in the form that smx509 takes.
func (k *PrivateKey) SM2() *sm2.PrivateKey { return k.key }

// Sign returns r‖s over message. Nonces are hedged: made from the key, the digest and fresh
// randomness, so that neither a poor generator nor a repeated message gives the key away.
func (k *PrivateKey) Sign(message []byte) ([]byte, error) {
	der, err := sm2.SignASN1(rand.Reader, k.key, k.public.Digest(message), nil)
	if err != nil {
		return nil, fmt.Errorf("sm: sign: %w", err)
	}
	return FromDER(der)
}

// FromDER turns SEQUENCE{r, s} (GM/T 0009 §7) into r‖s.
func FromDER(der []byte) ([]byte, error) {
	var r, s big.Int
	var inner cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() ||
		!inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || !inner.Empty() ||
		!inRange(&r) || !inRange(&s) {
		return nil, ErrEncoding
	}
	out := make([]byte, SignatureSize)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}

// ToDER turns r‖s into SEQUENCE{r, s} for tools that know nothing else.
func ToDER(signature []byte) ([]byte, error) {
	if err := checkRange(signature); err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[:32]))
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[32:]))
	})
	return b.Bytes()
}

// Format implements fmt.Formatter: a private key has no printed form, not even a copy of it.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[SM2 private key]") }

// LogValue implements slog.LogValuer.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue("[SM2 private key]") }

// MarshalJSON refuses: nothing may write a private key by accident.
func (k PrivateKey) MarshalJSON() ([]byte, error) {
	return nil, errors.New("sm: a private key is not for JSON")
}
