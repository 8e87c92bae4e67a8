package key

import (
	"fmt"

	"github.com/showcard/showcard/crypto/sm"
)

// LeafKey returns the key of the first certificate of an x5c header, DER, leaf first. It says
// nothing of whether the chain is to be trusted; [Anchors.Verify] does.
func LeafKey(x5c [][]byte) (*Public, error) {
	if len(x5c) == 0 {
		return nil, fmt.Errorf("%w: no certificate", ErrCertificate)
	}
	c, err := sm.ParseCertificate(x5c[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return certified(c)
}
