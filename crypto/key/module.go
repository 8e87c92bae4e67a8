package key

import (
	"errors"
	"fmt"
)

var errInModule = errors.New("key: a key in a module cannot be written anywhere")

// Module keeps keys elsewhere and uses them on request: a security module (GM/T 0018), or the
// reference signer (internal/signer). No method gives a private key out. Its methods are called by
// many at once and bound their own time.
type Module interface {
	// Keys lists what the module has for us, in the order it was made.
	Keys() ([]ModuleKey, error)
	// Sign returns the 64 bytes r‖s over message.
	Sign(name string, message []byte) ([]byte, error)
	// Generate makes a key under a new name; ErrExists when there is one.
	Generate(name string, a Algorithm) (*Public, error)
	Wrapper
}

// ModuleKey is a key in a module.
type ModuleKey struct {
	Name   string
	Public *Public
}

// Attach puts a module beside the keystore: keys that sign, and those that wrap, are the module's
// from then on; secrets stay in the file. Keys that the file has already go on signing, unless the
// module has one of the same name.
func (s *Store) Attach(m Module) error {
	keys, err := m.Keys()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.module, s.elsewhere = m, keys
	return nil
}

func (s *Store) attached() Module {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.module
}

// remote wants mu to be held.
func (s *Store) remote(name string) (*Private, bool) {
	for _, k := range s.elsewhere {
		if k.Name == name {
			return s.away(k), true
		}
	}
	return nil, false
}

func (s *Store) away(k ModuleKey) *Private {
	m := s.module
	return &Private{public: k.Public, module: func(message []byte) ([]byte, error) {
		signature, err := m.Sign(k.Name, message)
		if err != nil {
			return nil, fmt.Errorf("key: %s: %w", k.Name, err)
		}
		return signature, nil
	}}
}

// generateAway makes a key in the module.
func (s *Store) generateAway(m Module, name string, a Algorithm) (*Private, error) {
	public, err := m.Generate(name, a)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := ModuleKey{Name: name, Public: public}
	s.elsewhere = append(s.elsewhere, k)
	return s.away(k), nil
}
