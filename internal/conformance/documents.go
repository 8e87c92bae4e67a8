package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

// most of a kind are looked at; a province has hundreds of authorities.
const most = 12

func issuerMetadata(ctx context.Context, t *Tester) error {
	if len(t.list.Issuers) == 0 {
		return skip("the trust list has no issuer yet")
	}
	for i, one := range t.list.Issuers {
		if i == most {
			break
		}
		path := "/.well-known/jwt-vc-issuer" + strings.TrimPrefix(one.ID, t.public)
		a, err := t.get(ctx, path)
		if err != nil {
			return err
		}
		if one.Frozen {
			if err := t.problem(a, 403, "issuer-frozen"); err != nil {
				return err
			}
			continue
		}
		var m struct {
			Issuer string
			Keys   json.RawMessage `json:"jwks"`
		}
		if err := a.is("application/json"); err != nil {
			return err
		}
		if err := a.into(&m); err != nil {
			return err
		}
		set, err := key.ParseSet(m.Keys, false)
		if err != nil {
			return fmt.Errorf("%s: %w", a.what, err)
		}
		if m.Issuer != one.ID || len(set.Keys) == 0 {
			return fmt.Errorf("%s: issuer %q with %d keys, want %s", a.what, m.Issuer, len(set.Keys), one.ID)
		}
		for _, k := range set.Keys {
			if !slices.ContainsFunc(one.Keys, func(d trustlist.DatedKey) bool { return d.Key.Equal(k) && !d.Frozen }) {
				return fmt.Errorf("%s: key %s is not, or frozen, in the trust list", a.what, k.ID())
			}
		}
	}
	a, err := t.get(ctx, "/.well-known/jwt-vc-issuer/issuers/no-such-authority")
	if err != nil {
		return err
	}
	return t.problem(a, 404, "issuer-unknown")
}

func typeMetadata(ctx context.Context, t *Tester) error {
	if len(t.list.Types) == 0 {
		return skip("the trust list has no type yet")
	}
	for i, one := range t.list.Types {
		if i == most {
			break
		}
		path, err := t.path(one.VCT)
		if err != nil {
			return err
		}
		a, err := t.fetch(ctx, path, "application/json")
		if err != nil {
			return err
		}
		var m struct{ VCT string }
		if err := a.into(&m); err != nil {
			return err
		}
		if m.VCT != one.VCT {
			return fmt.Errorf("%s: vct %q, want %s", a.what, m.VCT, one.VCT)
		}
		if i == 0 {
			if err := t.cached(ctx, path, 3600); err != nil {
				return err
			}
		}
	}
	a, err := t.get(ctx, "/types/no-such-type/1")
	if err != nil {
		return err
	}
	return t.problem(a, 404, "not-found")
}

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func problems(ctx context.Context, t *Tester) error {
	a, err := t.fetch(ctx, "/problems", "application/json")
	if err != nil {
		return err
	}
	var table []struct {
		Code        string
		Status      int
		Title, Next struct{ ZH, EN string }
	}
	if err := a.into(&table); err != nil {
		return err
	}
	status := map[string]int{}
	for _, p := range table {
		if _, twice := status[p.Code]; twice || !codeForm.MatchString(p.Code) {
			return fmt.Errorf("code %q is no code, or stands twice", p.Code)
		}
		if p.Title.ZH == "" || p.Title.EN == "" || p.Next.ZH == "" || p.Next.EN == "" {
			return fmt.Errorf("%s: a sentence is missing in a language", p.Code)
		}
		status[p.Code] = p.Status
	}
	for _, e := range t.problems.Entries() {
		if got, there := status[e.Code]; !there || got != e.Status {
			return fmt.Errorf("%s: status %d, want %d (0 is not there)", e.Code, got, e.Status)
		}
	}
	return nil
}

func problemPage(ctx context.Context, t *Tester) error {
	a, err := t.fetch(ctx, "/problems/code-expired", "application/json", "Accept", "application/json")
	if err != nil {
		return err
	}
	var p struct{ Code string }
	if err := a.into(&p); err != nil {
		return err
	}
	if p.Code != "code-expired" {
		return fmt.Errorf("%s: code %q", a.what, p.Code)
	}
	if a, err = t.get(ctx, "/problems/no-such-problem"); err != nil {
		return err
	}
	return t.problem(a, 404, "not-found")
}

func openAPI(ctx context.Context, t *Tester) error {
	a, err := t.fetch(ctx, "/openapi.json", "application/json")
	if err != nil {
		return err
	}
	var d struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := a.into(&d); err != nil {
		return err
	}
	if !strings.HasPrefix(d.OpenAPI, "3.") {
		return fmt.Errorf("openapi %q", d.OpenAPI)
	}
	for _, route := range []string{"post /oauth/token", "get /v1/trust-list", "get /status/{list}", "post /v1/verifications", "post /v1/verifications/challenges", "get /problems"} {
		method, path, _ := strings.Cut(route, " ")
		if d.Paths[path][method] == nil {
			return fmt.Errorf("%s is not described", route)
		}
	}
	return nil
}

func cors(ctx context.Context, t *Tester) error {
	paths := []string{"/v1/trust-list", "/v1/trust-list/roots"}
	for _, one := range t.list.Types[:min(1, len(t.list.Types))] {
		vct, err := t.path(one.VCT)
		if err != nil {
			return err
		}
		paths = append(paths, vct)
	}
	for _, path := range paths {
		a, err := t.get(ctx, path, "Origin", "https://elsewhere.example")
		if err != nil {
			return err
		}
		if a.header.Get("Access-Control-Allow-Origin") != "*" {
			return fmt.Errorf("%s: Access-Control-Allow-Origin %q, want *", a.what, a.header.Get("Access-Control-Allow-Origin"))
		}
	}
	return nil
}
