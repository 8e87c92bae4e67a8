package trustlist

import (
	"fmt"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

// UseReceipt is the use of the keys that sign receipts of verifications.
const UseReceipt = "receipt"

// A ServiceKey signs what a deployment says in its own name, such as receipts. Keys that were
// rotated away stay in the list with their end, so that what they signed stays checkable.
type ServiceKey struct {
	Use string // what it signs; a reader steps over uses that it does not know
	DatedKey
}

// StatusKey returns the key under which a status list of the domain was signed at iat.
func (d *Domain) StatusKey(kid string, iat time.Time) (*key.Public, error) {
	k := find(d.StatusKeys, kid)
	if k == nil {
		return nil, fmt.Errorf("%w: status list signer of domain %s", ErrKeyUnknown, d.Code)
	}
	if err := k.covers(iat); err != nil {
		return nil, err
	}
	return k.Key, nil
}

// ServiceKey returns the key under which the domain signed something of a use at iat. The key
// must be named: several of one use overlap while they rotate.
func (d *Domain) ServiceKey(use, kid string, iat time.Time) (*key.Public, error) {
	for i := range d.ServiceKeys {
		k := &d.ServiceKeys[i]
		if k.Use != use || k.Key.ID() != kid {
			continue
		}
		if err := k.covers(iat); err != nil {
			return nil, err
		}
		return k.Key, nil
	}
	return nil, fmt.Errorf("%w: %s key %q of domain %s", ErrKeyUnknown, use, clip(kid), d.Code)
}

// HoldsStatus reports whether a status list URI belongs to the domain: a certificate that
// points elsewhere chose its own judge. What follows the prefix is a plain name, so that no
// dots, queries or escapes can lead out of it again.
func (d *Domain) HoldsStatus(uri string) bool {
	rest, ok := strings.CutPrefix(uri, d.StatusPrefix)
	return ok && d.StatusPrefix != "" && rest != "" && len(uri) <= maxURL &&
		!strings.Contains(rest, "..") && strings.Trim(rest, pathCharacters) == ""
}
