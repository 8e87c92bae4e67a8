package sm

import (
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm2/sm2ec"
	"github.com/emmansun/gmsm/smx509"
)

// Certificate is an X.509 certificate that may carry SM2 keys, which crypto/x509 does not
// read. Fields are those of crypto/x509.
type Certificate = smx509.Certificate

// What package key needs of X.509, by the names of crypto/x509.
const (
	KeyUsageDigitalSignature = smx509.KeyUsageDigitalSignature
	KeyUsageCertSign         = smx509.KeyUsageCertSign
	KeyUsageCRLSign          = smx509.KeyUsageCRLSign

	SM2WithSM3      = smx509.SM2WithSM3
	ECDSAWithSHA256 = smx509.ECDSAWithSHA256
)

// ErrCertificate says that bytes are not a certificate or a PKIX key.
var ErrCertificate = errors.New("sm: not a valid certificate or key encoding")

// ParseCertificate reads one DER certificate.
func ParseCertificate(der []byte) (*Certificate, error) {
	c, err := smx509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return c, nil
}

// CreateCertificate signs a certificate; signer is *sm2.PrivateKey or *ecdsa.PrivateKey. With
// parent equal to template it is self-signed.
func CreateCertificate(template, parent *Certificate, public *ecdsa.PublicKey, signer any) ([]byte, error) {
	der, err := smx509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, fmt.Errorf("sm: %w", err)
	}
	return der, nil
}

// Chains returns the ways from leaf to one of the roots at a time (RFC 5280 §6). The
// certificates' own extended key usages are not looked at.
func Chains(leaf *Certificate, intermediates, roots []*Certificate, now time.Time) ([][]*Certificate, error) {
	pool := func(certificates []*Certificate) *smx509.CertPool {
		p := smx509.NewCertPool() // never nil: nil would mean the roots of the system
		for _, c := range certificates {
			p.AddCert(c)
		}
		return p
	}
	if now.IsZero() {
		return nil, fmt.Errorf("%w: no time to check at", ErrCertificate)
	}
	chains, err := leaf.Verify(smx509.VerifyOptions{
		Roots: pool(roots), Intermediates: pool(intermediates), CurrentTime: now,
		KeyUsages: []smx509.ExtKeyUsage{smx509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return chains, nil
}

// OnCurve reports whether the key lies on sm2p256v1.
func OnCurve(k *ecdsa.PublicKey) bool { return k != nil && k.Curve == sm2ec.P256() }

// FromECDSA takes a key that a certificate carried.
func FromECDSA(k *ecdsa.PublicKey) (*PublicKey, error) {
	if !OnCurve(k) || k.X == nil || k.Y == nil || k.X.Sign() < 0 || k.Y.Sign() < 0 || k.X.BitLen() > 256 || k.Y.BitLen() > 256 {
		return nil, ErrKey
	}
	point := make([]byte, 65)
	point[0] = 4
	k.X.FillBytes(point[1:33])
	k.Y.FillBytes(point[33:])
	return ParsePublicKey(point)
}

// MarshalPKIX writes a public key, SM2 or P-256, as SubjectPublicKeyInfo ("PUBLIC KEY" in PEM).
func MarshalPKIX(k *ecdsa.PublicKey) ([]byte, error) {
	der, err := smx509.MarshalPKIXPublicKey(k)
	if err != nil {
		return nil, fmt.Errorf("sm: %w", err)
	}
	return der, nil
}

// ParsePKIX reads what MarshalPKIX writes.
func ParsePKIX(der []byte) (*ecdsa.PublicKey, error) {
	v, err := smx509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	k, ok := v.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: a key of another kind", ErrCertificate)
	}
	return k, nil
}

// MarshalPKCS8 writes a private key for tools that know nothing else; signer is
// *sm2.PrivateKey or *ecdsa.PrivateKey. It is not encrypted.
func MarshalPKCS8(signer any) ([]byte, error) {
	der, err := smx509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return nil, errors.New("sm: this private key has no PKCS #8 form")
	}
	return der, nil
}

// ParsePKCS8 reads an unencrypted PKCS #8 or SEC 1 private key and returns *PrivateKey for SM2
// or *ecdsa.PrivateKey for other curves. Errors say nothing of the bytes, which are a key.
func ParsePKCS8(der []byte) (any, error) {
	v, err := smx509.ParsePKCS8PrivateKey(der)
	if err != nil {
		v, err = smx509.ParseTypedECPrivateKey(der)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: not PKCS #8", ErrKey)
	}
	switch k := v.(type) {
	case *sm2.PrivateKey:
		return newPrivateKey(k), nil
	case *ecdsa.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("%w: a key of another kind", ErrKey)
}
