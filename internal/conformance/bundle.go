package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/showcard/showcard/crypto/bundle"
)

// bundleChecks are about what offline checkers take along.
var bundleChecks = []Check{
	{ID: "bundle", Clause: "docs/formats.md §12", What: "a bundle for offline checkers: signed by a status key, of now, with a trust list that the roots vouch for", Party: true, needs: []string{"token", "trust-list-whole"}, run: wholeBundle},
	{ID: "bundle-change", Clause: "docs/formats.md §12", What: "who has a bundle gets what is new, and no trust list that is known", Party: true, needs: []string{"bundle"}, run: bundleChange},
}

// oldestBundle is how long ago one may have been made.
const oldestBundle = 10 * time.Minute

// bundled asks for a bundle and verifies it.
func (t *Tester) bundled(ctx context.Context, known object) (*bundle.Bundle, error) {
	body, err := json.Marshal(known)
	if err != nil {
		return nil, err
	}
	a, err := t.post(ctx, "/v1/offline/bundle", string(body))
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%s: HTTP %d, want 200", a.what, a.status)
	}
	if err := a.is(bundle.Type); err != nil {
		return nil, err
	}
	u, err := bundle.Parse(a.body)
	if err != nil {
		return nil, err
	}
	k, err := t.own.StatusKey(u.KeyID, u.IssuedAt())
	if err != nil {
		return nil, fmt.Errorf("%s: key %q: %w", a.what, u.KeyID, err)
	}
	b, err := u.Verify(k)
	if err != nil {
		return nil, err
	}
	age := t.cfg.Now().Sub(b.IssuedAt)
	switch {
	case b.Issuer != t.public:
		return nil, fmt.Errorf("%s: iss %q, want %s", a.what, b.Issuer, t.public)
	case age < -time.Minute || age > oldestBundle:
		return nil, fmt.Errorf("%s: as of %s ago", a.what, age.Round(time.Second))
	}
	return b, nil
}

func wholeBundle(ctx context.Context, t *Tester) error {
	b, err := t.bundled(ctx, object{"roots": t.roots.Version})
	if err != nil {
		return err
	}
	if b.Trust == nil || b.Serials.From != 0 {
		return fmt.Errorf("the first bundle is not whole: trust list %t, serials from %d", b.Trust != nil, b.Serials.From)
	}
	if _, err := t.roots.Verify(b.Trust.List, t.cfg.Now(), t.list.Version); err != nil {
		return fmt.Errorf("trust list of the bundle: %w", err)
	}
	state, err := new(bundle.State).Apply(b)
	if err == nil {
		t.bundle = state
	}
	return err
}

func bundleChange(ctx context.Context, t *Tester) error {
	b, err := t.bundled(ctx, object{"roots": t.roots.Version, "list": t.list.Version, "serials": t.bundle.Head(), "statuses": "named", "lists": t.bundle.Lists()})
	if err != nil {
		return err
	}
	if b.Trust != nil {
		list, err := t.roots.Verify(b.Trust.List, t.cfg.Now(), t.list.Version)
		if err != nil || list.Version == t.list.Version {
			return fmt.Errorf("trust list %d is known, and sent again", t.list.Version)
		}
	}
	_, err = t.bundle.Apply(b)
	if err == nil && b.Serials.From != t.bundle.Head() {
		err = fmt.Errorf("serials from %d, want what came after %d", b.Serials.From, t.bundle.Head())
	}
	for name, seq := range t.bundle.Lists() {
		if l, there := b.Lists[name]; err == nil && there && l.From != seq && l.From == 0 && seq > 0 {
			err = fmt.Errorf("list %s whole, although it is known up to %d", name, seq)
		}
	}
	return err
}
