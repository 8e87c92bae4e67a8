package access

import (
	"fmt"

	"github.com/showcard/showcard/crypto/key"
)

// Keys are the keys of access tokens. Rotation adds one: from then on it signs, and what the
// one before it has signed is good until it ends.
type Keys interface {
	// Signer returns the newest key.
	Signer() (key.Signer, error)
	// Find returns the public key of an id, or key.ErrNotFound. Another process may have begun to
	// sign with a key that this one has not met: Find MUST look.
	Find(id string) (*key.Public, error)
	// Public lists the keys whose tokens are good, the newest first.
	Public() ([]*key.Public, error)
}

// oneKey never rotates.
type oneKey struct{ signer key.Signer }

func (k oneKey) Signer() (key.Signer, error) { return k.signer, nil }

func (k oneKey) Find(id string) (*key.Public, error) {
	if public := k.signer.Public(); id == public.ID() {
		return public, nil
	}
	return nil, fmt.Errorf("%w: token key", key.ErrNotFound)
}

func (k oneKey) Public() ([]*key.Public, error) { return []*key.Public{k.signer.Public()}, nil }

// strangers have keys too: an assertion of somebody who is not registered is verified against
// one that nobody has, so that the answer takes as long as for somebody who is.
type strangers struct {
	usual key.Algorithm // of this deployment
	dummy map[key.Algorithm]*key.Public
}

func newStrangers(keys Keys) (strangers, error) {
	signer, err := keys.Signer()
	if err != nil {
		return strangers{}, err
	}
	s := strangers{usual: signer.Public().Algorithm(), dummy: map[key.Algorithm]*key.Public{}}
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		k, err := key.Generate(a)
		if err != nil {
			return s, err
		}
		s.dummy[a] = k.Public()
	}
	return s, nil
}
