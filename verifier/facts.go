package verifier

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

const viaFacts = "facts"

// facts checks claims against a certificate without a code: a yes or no for each, and nothing
// disclosed.
func (k *check) facts(ctx context.Context) (*Answer, error) {
	k.record.Via = viaFacts
	f := k.req.Facts
	if len(f.Claims) == 0 || len(f.Claims) > 32 || (f.Identifier == "") == (f.Holder.Number == "") {
		return nil, ErrFactsMissing
	}
	names := make([]string, 0, len(f.Claims))
	for name := range f.Claims {
		names = append(names, name)
	}
	slices.Sort(names)
	if f.Type == "" {
		return nil, ErrFactsMissing
	}
	allowed, err := k.allowed(f.Type, names)
	if err != nil {
		return nil, err
	}
	if len(allowed) != len(names) {
		return nil, fmt.Errorf("%w: not every fact may be asked", ErrNothingToDisclose)
	}
	found, err := k.cfg.Originals.Find(ctx, f.Identifier, f.Holder, f.Type)
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	// Who has several of a type is asked about the best: valid before anything else.
	var best *Result
	var of Original
	for _, o := range found {
		if o.Type != f.Type {
			continue
		}
		r := k.cfg.Verifier.Verify(ctx, o.Credential, Expect{Unbound: true})
		if best == nil || best.Outcome != Valid && r.Outcome == Valid {
			best, of = r, o
		}
	}
	if best == nil {
		return k.refuse(Failed, "certificate-unknown"), nil
	}
	matches := make(map[string]bool, len(names))
	for _, name := range names {
		matches[name] = equalJSON(best.Claims[name], f.Claims[name])
	}
	if slices.ContainsFunc(names, func(name string) bool { return !matches[name] }) {
		// A valid certificate with another name on it is not a yes.
		best.Outcome = Invalid
		best.Reasons = append(best.Reasons, "facts-mismatch")
	}
	best.Claims = nil // yes or no; nothing is disclosed
	k.record.HolderID, k.record.Identifier, k.record.Type, k.record.Fields = of.HolderID, of.Identifier, of.Type, names
	a := &Answer{ID: k.record.ID, Result: best, Purpose: k.req.Purpose, Matches: matches}
	return k.store(ctx, a)
}

func equalJSON(have json.RawMessage, claimed any) bool {
	if have == nil {
		return false
	}
	want, err := json.Marshal(claimed)
	if err != nil {
		return false
	}
	var a, b any
	if json.Unmarshal(have, &a) != nil || json.Unmarshal(want, &b) != nil {
		return false
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
