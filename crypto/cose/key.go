package cose

import (
	"fmt"
	"unicode/utf8"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
)

// Labels and values of COSE_Key (RFC 9052 §7.1, RFC 9053 §7.1.1).
const (
	keyType      int64 = 1
	keyID        int64 = 2
	keyAlgorithm int64 = 3
	keyCurve     int64 = -1
	keyX         int64 = -2
	keyY         int64 = -3
	keyD         int64 = -4

	typeEC2   int64 = 2
	curveP256 int64 = 1
)

// maxKey bounds an encoded COSE_Key.
const maxKey = 1 << 10

// EncodeKey returns the COSE_Key of a public key with no more than it needs. With compress, y
// is one bit and the key 33 bytes shorter, which is what a dense code wants.
func EncodeKey(k *key.Public, compress bool) (Raw, error) {
	curve := curveP256
	if k.Algorithm() == key.SM2 {
		curve = sm.CurveCOSE
	}
	point := k.Point()
	var y any = point[33:]
	if compress {
		y = point[64]&1 == 1 // RFC 9053 §7.1.1: the sign bit
	}
	return Marshal(map[int64]any{keyType: typeEC2, keyCurve: curve, keyX: point[1:33], keyY: y})
}

// ParseKey reads a public COSE_Key. Labels that it does not know are ignored, as RFC 9052 §7
// asks, but a private key is refused. Kinds of key that showcard has no use for are
// [key.ErrUnsupported].
func ParseKey(data []byte) (*key.Public, error) {
	if len(data) > maxKey {
		return nil, fmt.Errorf("%w: COSE_Key of %d bytes", ErrMalformed, len(data))
	}
	m, err := DecodeMap(data)
	if err != nil {
		return nil, err
	}
	if m.Has(keyD) {
		return nil, fmt.Errorf("%w: private key where a public one belongs", ErrMalformed)
	}
	kind, there, err := m.Int(keyType)
	switch {
	case err != nil:
		return nil, err
	case !there:
		return nil, fmt.Errorf("%w: COSE_Key without a type", ErrMalformed)
	case kind != typeEC2:
		return nil, fmt.Errorf("%w: COSE_Key type %d", key.ErrUnsupported, kind)
	}
	curve, there, err := m.Int(keyCurve)
	if err != nil || !there {
		return nil, fmt.Errorf("%w: COSE_Key without a curve", ErrMalformed)
	}
	var a key.Algorithm
	var alg int64
	switch curve {
	case curveP256:
		a, alg = key.ES256, AlgES256
	case sm.CurveCOSE:
		a, alg = key.SM2, AlgSM2
	default:
		return nil, fmt.Errorf("%w: COSE_Key curve %d", key.ErrUnsupported, curve)
	}
	if said, there, err := m.Int(keyAlgorithm); err != nil || there && said != alg {
		return nil, fmt.Errorf("%w: algorithm %d on curve %d", ErrMalformed, said, curve)
	}
	point, err := m.point()
	if err != nil {
		return nil, err
	}
	k, err := key.FromPoint(a, point)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	id, _, err := m.Bytes(keyID)
	if err != nil || len(id) > 256 {
		return nil, fmt.Errorf("%w: key id", ErrMalformed)
	}
	if len(id) > 0 && utf8.Valid(id) {
		k = k.WithID(string(id))
	}
	return k, nil
}

// point puts the coordinates into SEC 1 form. RFC 9053 §7.1.1: leading zeros are kept.
func (m Map) point() ([]byte, error) {
	x, _, err := m.Bytes(keyX)
	if err != nil || len(x) != 32 {
		return nil, fmt.Errorf("%w: x is not 32 bytes", ErrMalformed)
	}
	raw := m[keyY]
	if len(raw) == 1 && (raw[0] == 0xf4 || raw[0] == 0xf5) { // false, true
		return append([]byte{2 + raw[0]&1}, x...), nil
	}
	y, _, err := m.Bytes(keyY)
	if err != nil || len(y) != 32 {
		return nil, fmt.Errorf("%w: y is not 32 bytes or a sign", ErrMalformed)
	}
	return append(append([]byte{4}, x...), y...), nil
}
