package conformance

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
)

// What a list of ours is, docs/formats.md §4.
const (
	entries     = 1<<20 - 256
	bitsEach    = 2
	longestTTL  = 60 * time.Second
	longestLife = time.Hour
)

// listed gets one status list in one form and checks all that can be checked of it.
func (t *Tester) listed(ctx context.Context, name, form string) (*statuslist.Token, error) {
	uri := t.own.StatusPrefix + name
	path, err := t.path(uri)
	if err != nil {
		return nil, err
	}
	a, err := t.get(ctx, path, "Accept", form)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		return nil, skip("there is no status list %s: nothing was issued yet, or the lists have other names", uri)
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%s: HTTP %d, want 200", a.what, a.status)
	}
	if err := a.is(form); err != nil {
		return nil, err
	}
	var u *statuslist.Unverified
	if form == statuslist.MediaTypeCWT {
		u, err = statuslist.ParseCWT(a.body)
	} else {
		u, err = statuslist.Parse(string(a.body))
	}
	if err != nil {
		return nil, err
	}
	k, err := t.own.StatusKey(u.KeyID, u.IssuedAt)
	if err != nil {
		return nil, fmt.Errorf("%s: key %q: %w", a.what, u.KeyID, err)
	}
	token, err := u.Verify(k, uri, t.cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.what, err)
	}
	life := token.Expires.Sub(token.IssuedAt)
	switch {
	case token.TTL <= 0 || token.TTL > longestTTL:
		return nil, fmt.Errorf("%s: ttl %s, want at most %s", a.what, token.TTL, longestTTL)
	case token.Expires.IsZero() || life > longestLife:
		return nil, fmt.Errorf("%s: lives %s, want at most %s", a.what, life, longestLife)
	case t.cfg.Now().Sub(token.IssuedAt) > longestTTL+statuslist.Skew:
		return nil, fmt.Errorf("%s: signed %s ago, longer than the ttl", a.what, t.cfg.Now().Sub(token.IssuedAt).Round(time.Second))
	case token.List.Bits() != bitsEach || token.List.Size() != entries:
		return nil, fmt.Errorf("%s: %d entries of %d bits, want %d of %d", a.what, token.List.Size(), token.List.Bits(), entries, bitsEach)
	}
	return token, nil
}

func statusJWT(ctx context.Context, t *Tester) error { return t.each(ctx, statuslist.MediaTypeJWT) }
func statusCWT(ctx context.Context, t *Tester) error { return t.each(ctx, statuslist.MediaTypeCWT) }

func (t *Tester) each(ctx context.Context, form string) error {
	for _, name := range t.cfg.Lists {
		if _, err := t.listed(ctx, name, form); err != nil {
			return err
		}
	}
	return nil
}

// statusSame compares the two forms. Between them something may be revoked: then they are asked for
// again, a few times.
func statusSame(ctx context.Context, t *Tester) error {
	for _, name := range t.cfg.Lists {
		same := false
		for n := 0; n < tries && !same; n++ {
			one, err := t.listed(ctx, name, statuslist.MediaTypeJWT)
			if err != nil {
				return err
			}
			two, err := t.listed(ctx, name, statuslist.MediaTypeCWT)
			if err != nil {
				return err
			}
			same = slices.Equal(one.List.Raw(), two.List.Raw())
		}
		if !same {
			return fmt.Errorf("list %s: JWT and CWT differ, %d times in a row", name, tries)
		}
	}
	return nil
}

func (t *Tester) firstList() string {
	return strings.TrimPrefix(t.own.StatusPrefix, t.public) + t.cfg.Lists[0]
}

func statusCache(ctx context.Context, t *Tester) error {
	for _, form := range []string{statuslist.MediaTypeJWT, statuslist.MediaTypeCWT} {
		a, err := t.fetch(ctx, t.firstList(), form, "Accept", form)
		if err != nil {
			return err
		}
		if !slices.Contains(a.header.Values("Vary"), "Accept") {
			return fmt.Errorf("%s: Vary %q does not name Accept", a.what, a.header.Values("Vary"))
		}
		if err := t.cached(ctx, t.firstList(), int(longestTTL/time.Second), "Accept", form); err != nil {
			return err
		}
	}
	return nil
}

func statusAccept(ctx context.Context, t *Tester) error {
	a, err := t.get(ctx, t.firstList(), "Accept", "text/html")
	if err != nil {
		return err
	}
	return t.problem(a, http.StatusNotAcceptable, "not-acceptable")
}

func statusHistory(ctx context.Context, t *Tester) error {
	a, err := t.get(ctx, t.firstList()+"?time=1700000000")
	if err != nil {
		return err
	}
	return t.problem(a, http.StatusNotImplemented, "status-history-unsupported")
}

func statusUnknown(ctx context.Context, t *Tester) error {
	a, err := t.get(ctx, "/status/no-such-list")
	if err != nil {
		return err
	}
	return t.problem(a, http.StatusNotFound, "not-found")
}
