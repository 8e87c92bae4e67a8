package key

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/pem"
	"fmt"

	"github.com/showcard/showcard/crypto/sm"
)

// MarshalPublicPEM writes a public key as OpenSSL and Java read it ("PUBLIC KEY").
func MarshalPublicPEM(p *Public) ([]byte, error) {
	der, err := sm.MarshalPKIX(p.ECDSA())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// ParsePublicPEM reads what MarshalPublicPEM writes.
func ParsePublicPEM(data []byte) (*Public, error) {
	block, err := onePEM(data, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	k, err := sm.ParsePKIX(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return certified(&sm.Certificate{PublicKey: k})
}

// MarshalPrivatePEM writes a private key in the clear ("PRIVATE KEY", PKCS #8), for a client
// that has no keystore. The file needs mode 0600.
func MarshalPrivatePEM(k *Private) ([]byte, error) {
	der, err := sm.MarshalPKCS8(k.CryptoKey())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParsePrivatePEM reads a PKCS #8 or SEC 1 private key that is not encrypted.
func ParsePrivatePEM(data []byte) (*Private, error) {
	block, err := onePEM(data, "PRIVATE KEY", "EC PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	v, err := sm.ParsePKCS8(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch k := v.(type) {
	case *sm.PrivateKey:
		return &Private{public: NewSM2(k.Public()), sm: k}, nil
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			break
		}
		d, err := k.Bytes()
		if err != nil {
			break
		}
		return FromScalar(ES256, d)
	}
	return nil, fmt.Errorf("%w: neither SM2 nor P-256", ErrMalformed)
}

// onePEM wants exactly one block, of one of the types; OpenSSL writes the curve's name into a
// block of its own before an EC PRIVATE KEY, which is stepped over.
func onePEM(data []byte, types ...string) ([]byte, error) {
	if len(data) > 64<<10 {
		return nil, fmt.Errorf("%w: PEM of %d bytes", ErrMalformed, len(data))
	}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return nil, fmt.Errorf("%w: no PEM block of type %s", ErrMalformed, types[0])
		}
		if block.Type == "EC PARAMETERS" {
			continue
		}
		for _, t := range types {
			if block.Type == t && len(bytes.TrimSpace(data)) == 0 {
				return block.Bytes, nil
			}
		}
		return nil, fmt.Errorf("%w: want one PEM block of type %s", ErrMalformed, types[0])
	}
}
