package key

import (
	"crypto/ecdsa"
	"fmt"

	"github.com/emmansun/gmsm/smx509"

	"github.com/showcard/showcard/crypto/sm"
)

// LeafKey returns the key of the first certificate of an x5c header, DER, leaf first. It says
// nothing of whether the chain is to be trusted.
func LeafKey(x5c [][]byte) (*Public, error) {
	if len(x5c) == 0 {
		return nil, fmt.Errorf("%w: no certificate", ErrMalformed)
	}
	cert, err := smx509.ParseCertificate(x5c[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	ec, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: certificate key", ErrUnsupported)
	}
	return FromECDSA(ec)
}

// FromECDSA takes a key from the certificate libraries, on either curve.
func FromECDSA(ec *ecdsa.PublicKey) (*Public, error) {
	if !sm.IsSM2(ec) {
		return NewES256(ec)
	}
	point := make([]byte, 65)
	point[0] = 4
	ec.X.FillBytes(point[1:33])
	ec.Y.FillBytes(point[33:])
	return FromPoint(SM2, point)
}
