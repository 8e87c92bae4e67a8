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
	k.record.Fields = names
	if best == nil {
		// Recorded all the same: whoever tries numbers is to leave a trace, and whom the number
		// belongs to is to see it, though she holds no such certificate.
		k.record.Type = f.Type
		if f.Holder.Number != "" && k.cfg.HolderID != nil {
			k.record.HolderID = k.cfg.HolderID(f.Holder)
		} else if len(found) > 0 { // of another type
			k.record.HolderID = found[0].HolderID
		}
		return k.store(ctx, k.refuse(Failed, "certificate-unknown"))
	}
	var matches map[string]bool
	if best.Claims != nil { // with a forged or untrusted certificate nothing is compared
		if matches, err = k.match(ctx, best, of, names); err != nil {
			return nil, err
		}
	}
	if matches != nil && slices.ContainsFunc(names, func(name string) bool { return !matches[name] }) {
		// A valid certificate with another name on it is not a yes.
		best.Outcome = Invalid
		best.Reasons = append(best.Reasons, "facts-mismatch")
	}
	best.Claims = nil // yes or no; nothing is disclosed
	k.record.HolderID, k.record.Identifier, k.record.Type = of.HolderID, of.Identifier, of.Type
	a := &Answer{ID: k.record.ID, Result: best, Purpose: k.req.Purpose, Matches: matches}
	return k.store(ctx, a)
}

// match compares what is claimed with the certificate as it is today: predicates are evaluated
// anew, and what is never signed is looked up.
func (k *check) match(ctx context.Context, r *Result, of Original, names []string) (map[string]bool, error) {
	matches := make(map[string]bool, len(names))
	var live map[string]any
	for _, name := range names {
		have, signed := r.Claims[name]
		if !signed && live == nil {
			var err error
			if live, _, _, err = k.cfg.Originals.Live(ctx, of.Identifier); err != nil {
				return nil, fmt.Errorf("verifier: live data: %w", err)
			}
			if live == nil {
				live = map[string]any{} // looked up, and nothing there
			}
		}
		var today any
		if p, ok := of.Predicates[name]; ok && signed {
			today = p
		} else if v, ok := live[name]; ok && !signed {
			today = v
		}
		if today != nil {
			var err error
			if have, err = json.Marshal(today); err != nil {
				return nil, fmt.Errorf("verifier: %s: %w", name, err)
			}
		}
		matches[name] = equalJSON(have, k.req.Facts.Claims[name])
	}
	return matches, nil
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
