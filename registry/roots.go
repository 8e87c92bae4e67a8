package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

// ErrRootsSigner refuses roots that name no list key that this deployment has: after them nobody
// could sign a list, not even one that takes them back.
var ErrRootsSigner = errors.New("registry: the roots name no list key that is here")

// walkRoots follows the chain from the roots of the configuration to the newest that are stored.
// Each vouches for the next, so that whoever writes into the store can at most leave some out.
func (s *state) walkRoots(now time.Time) error {
	for {
		version := s.roots.Version + 1
		body, ok := s.bodies[entryID{kindRoots, strconv.FormatInt(version, 10)}]
		if !ok {
			return nil
		}
		next, err := s.roots.Next(body, now)
		if err != nil {
			return fmt.Errorf("%w: roots %d: %w", ErrTampered, version, err)
		}
		s.roots, s.rootTexts[version] = next, body
	}
}

// signerFor finds the newest key that the roots let sign a list now.
func (r *Registry) signerFor(roots *trustlist.Roots, now time.Time) (key.Signer, error) {
	now = now.Truncate(time.Second)
	for i := len(roots.Signers) - 1; i >= 0; i-- {
		d := roots.Signers[i]
		if d.Frozen || now.Before(d.NotBefore) || !d.NotAfter.IsZero() && now.After(d.NotAfter) {
			continue
		}
		if d.Key.Equal(r.cfg.Signer.Public()) && d.Key.ID() == r.cfg.Signer.Public().ID() {
			return r.cfg.Signer, nil
		}
		if r.cfg.Keys == nil {
			continue
		}
		signer, err := r.cfg.Keys(d.Key)
		if errors.Is(err, key.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("registry: list key: %w", err)
		}
		return signer, nil
	}
	return nil, fmt.Errorf("%w: root set %d", ErrRootsSigner, roots.Version)
}

// Roots returns the newest signed roots.
func (r *Registry) Roots() []byte {
	s := r.current.Load()
	return s.rootTexts[s.roots.Version]
}

// RootsVersion returns one root set of the chain, for verifiers that walk it step by step.
func (r *Registry) RootsVersion(version int64) ([]byte, error) {
	text, ok := r.current.Load().rootTexts[version]
	if !ok {
		return nil, fmt.Errorf("%w: roots %d", ErrUnknown, version)
	}
	return text, nil
}

// AddRoots takes the root set that follows. It needs no second operator: a threshold of root keys
// has signed it. The list and the seal are signed anew with what it says. Adding the newest again
// changes nothing.
func (r *Registry) AddRoots(ctx context.Context, who, why string, data []byte) (version int64, err error) {
	errThere := errors.New("there already")
	err = r.Update(ctx, who, why, func(d *Draft) error {
		next, err := d.base.roots.Next(data, d.now)
		if err != nil {
			version = d.base.roots.Version
			if errors.Is(err, trustlist.ErrRolledBack) && sameRoots(d.base.rootTexts[version], data) {
				return errThere
			}
			return err
		}
		if _, err := r.signerFor(next, d.now); err != nil {
			return err
		}
		version, d.roots = next.Version, next
		d.touched[entryID{kindRoots, strconv.FormatInt(version, 10)}] = json.RawMessage(data)
		d.event("roots.changed", strconv.FormatInt(version, 10), nil)
		return nil
	})
	if errors.Is(err, errThere) {
		err = nil
	}
	return version, err
}

// sameRoots compares what was signed. More signatures on it change nothing.
func sameRoots(a, b []byte) bool {
	var x, y struct{ Payload string }
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x.Payload != "" && x.Payload == y.Payload
}
