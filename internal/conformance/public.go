package conformance

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

// publicChecks are about the documents that everybody may read.
var publicChecks = []Check{
	{ID: "health", Clause: "docs/operations.md", What: "/healthz and /readyz say that the deployment can be asked", run: health},
	{ID: "oauth-metadata", Clause: "RFC 8414 §3.2; docs/formats.md §6", What: "authorization server metadata names the public URL, the token endpoint and its methods", run: oauthMetadata},
	{ID: "jwks", Clause: "RFC 7517 §5; docs/formats.md §6", What: "keys of access tokens: public halves alone", needs: []string{"oauth-metadata"}, run: jwks},
	{ID: "roots", Clause: "docs/formats.md §5.2", What: "trust roots are signed by their own threshold, in force, and no root key signs lists", needs: []string{"oauth-metadata"}, run: roots},
	{ID: "roots-chain", Clause: "docs/formats.md §5.2", What: "a chain of roots leads from the pinned ones, or the first, to those that are served", needs: []string{"roots"}, run: rootsChain},
	{ID: "trust-list", Clause: "docs/formats.md §5.1", What: "the trust list is signed by a signer of the roots and in force", needs: []string{"roots"}, run: trustList},
	{ID: "trust-list-whole", Clause: "docs/formats.md §5.1", What: "domains, issuers, providers and types of the list fit each other and the public URL", needs: []string{"trust-list"}, run: trustListWhole},
	{ID: "trust-list-cache", Clause: "docs/formats.md §5.1; RFC 9110 §13.1.2", What: "ETag of the list is its version; who has it gets 304", needs: []string{"trust-list"}, run: trustListCache},
	{ID: "roots-cache", Clause: "RFC 9110 §13.1.2", What: "roots have an ETag; who has them gets 304", needs: []string{"roots"},
		run: func(ctx context.Context, t *Tester) error { return t.cached(ctx, "/v1/trust-list/roots", 300) }},
	{ID: "issuer-metadata", Clause: "docs/formats.md §5.3; SD-JWT VC, JWT VC Issuer Metadata", What: "each issuer's keys are those of the trust list, without the frozen ones", needs: []string{"trust-list-whole"}, run: issuerMetadata},
	{ID: "type-metadata", Clause: "docs/formats.md §5.3; SD-JWT VC, Type Metadata", What: "metadata stands at each type's vct and names it", needs: []string{"trust-list-whole"}, run: typeMetadata},
	{ID: "status-jwt", Clause: "docs/formats.md §4; Token Status List §5.1", What: "status list as JWT: signed by a status key, sub, dates, ttl, 2 bits, size", needs: []string{"trust-list-whole"}, run: statusJWT},
	{ID: "status-cwt", Clause: "docs/formats.md §4; Token Status List §5.2", What: "the same as CWT", needs: []string{"trust-list-whole"}, run: statusCWT},
	{ID: "status-same", Clause: "docs/formats.md §4", What: "both forms say the same of every certificate", needs: []string{"status-jwt", "status-cwt"}, run: statusSame},
	{ID: "status-cache", Clause: "docs/formats.md §4; Token Status List §8.1", What: "status lists: ETag, 304, at most the ttl, Vary: Accept", needs: []string{"status-jwt"}, run: statusCache},
	{ID: "status-accept", Clause: "docs/formats.md §4; RFC 9110 §15.5.7", What: "no third form of a status list: 406", needs: []string{"status-jwt"}, run: statusAccept},
	{ID: "status-history", Clause: "docs/formats.md §4; Token Status List §8.4", What: "?time= is answered 501", needs: []string{"status-jwt"}, run: statusHistory},
	{ID: "status-unknown", Clause: "docs/formats.md §9", What: "a status list that is not there is 404", needs: []string{"oauth-metadata"}, run: statusUnknown},
	{ID: "problems", Clause: "docs/formats.md §9", What: "the table of problems is whole: every code, its status, sentences in both languages", run: problems},
	{ID: "problem-page", Clause: "RFC 9457 §3.1.1", What: "each type of a problem can be looked up; one that is none is 404", needs: []string{"oauth-metadata", "problems"}, run: problemPage},
	{ID: "openapi", Clause: "docs/architecture.md", What: "/openapi.json describes the routes that are tried out here", run: openAPI},
	{ID: "cors", Clause: "docs/formats.md §4, §5", What: "pages from elsewhere may read trust list, roots and metadata", needs: []string{"trust-list-whole"}, run: cors},
}

func health(ctx context.Context, t *Tester) error {
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
		a, err := t.fetch(ctx, path, "application/json")
		if err != nil {
			return err
		}
		var said struct{ Status string }
		if err := a.into(&said); err != nil {
			return err
		}
		if said.Status != want {
			return fmt.Errorf("%s says %q, want %q", path, said.Status, want)
		}
	}
	return nil
}

func oauthMetadata(ctx context.Context, t *Tester) error {
	a, err := t.fetch(ctx, "/.well-known/oauth-authorization-server", "application/json")
	if err != nil {
		return err
	}
	var m struct {
		Issuer  string   `json:"issuer"`
		Token   string   `json:"token_endpoint"`
		JWKS    string   `json:"jwks_uri"`
		Grants  []string `json:"grant_types_supported"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Signing []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	}
	if err := a.into(&m); err != nil {
		return err
	}
	u, err := url.Parse(m.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.HasSuffix(m.Issuer, "/"):
		return fmt.Errorf("issuer %q is no public URL", m.Issuer)
	case m.Token != m.Issuer+"/oauth/token" || m.JWKS != m.Issuer+"/.well-known/jwks.json":
		return fmt.Errorf("token_endpoint %q or jwks_uri %q is not where it must be below %s", m.Token, m.JWKS, m.Issuer)
	case !slices.Equal(m.Grants, []string{"client_credentials"}):
		return fmt.Errorf("grant_types_supported %q", m.Grants)
	case !slices.Contains(m.Methods, "private_key_jwt"):
		return fmt.Errorf("no private_key_jwt among %q", m.Methods)
	case !slices.Contains(m.Signing, string(key.SM2)) || !slices.Contains(m.Signing, string(key.ES256)) || slices.Contains(m.Signing, "none") || slices.Contains(m.Signing, "HS256"):
		return fmt.Errorf("algorithms of assertions: %q, want %s and %s", m.Signing, key.SM2, key.ES256)
	}
	t.public = m.Issuer
	return nil
}

func jwks(ctx context.Context, t *Tester) error {
	a, err := t.fetch(ctx, "/.well-known/jwks.json", "application/jwk-set+json")
	if err != nil {
		return err
	}
	set, err := key.ParseSet(a.body, false) // refuses private members
	if err != nil {
		return err
	}
	if len(set.Keys) == 0 {
		return fmt.Errorf("%s: no key", a.what)
	}
	return nil
}

func roots(ctx context.Context, t *Tester) error {
	a, err := t.fetch(ctx, "/v1/trust-list/roots", "application/json")
	if err != nil {
		return err
	}
	r, err := trustlist.ParseRoots(a.body)
	if err != nil {
		return err
	}
	if err := r.Validate(); err != nil {
		return err
	}
	now := t.cfg.Now()
	switch {
	case r.Threshold < 2:
		return fmt.Errorf("one key alone can change the roots: threshold %d", r.Threshold)
	case !r.Expires.After(now):
		return fmt.Errorf("the roots expired %s", r.Expires.Format(time.RFC3339))
	case r.IssuedAt.After(now.Add(trustlist.Skew)):
		return fmt.Errorf("the roots are from the future: %s", r.IssuedAt.Format(time.RFC3339))
	}
	t.roots = r
	return nil
}

const longestChain = 20

func rootsChain(ctx context.Context, t *Tester) error {
	start := t.cfg.Roots
	if start == nil {
		a, err := t.fetch(ctx, "/v1/trust-list/roots?version=1", "application/json")
		if err != nil {
			return err
		}
		start = a.body
	}
	at, err := trustlist.ParseRoots(start)
	if err != nil {
		return fmt.Errorf("where the chain begins: %w", err)
	}
	version := at.Version
	if t.roots.Version < version {
		return fmt.Errorf("roots %d are served, older than the pinned %d", t.roots.Version, version)
	}
	if t.roots.Version-version > longestChain {
		return skip("more than %d roots since version %d: pin newer ones", longestChain, version)
	}
	for version++; version <= t.roots.Version; version++ {
		a, err := t.fetch(ctx, fmt.Sprintf("/v1/trust-list/roots?version=%d", version), "application/json")
		if err != nil {
			return err
		}
		if at, err = at.Next(a.body, t.cfg.Now()); err != nil {
			return fmt.Errorf("version %d: %w", version, err)
		}
	}
	if at.Version != t.roots.Version || !slices.EqualFunc(at.Keys, t.roots.Keys, (*key.Public).Equal) {
		return fmt.Errorf("the chain ends at other roots than those that are served")
	}
	return nil
}

func trustList(ctx context.Context, t *Tester) error {
	a, err := t.fetch(ctx, "/v1/trust-list", "application/jose")
	if err != nil {
		return err
	}
	list, err := t.roots.Verify(string(a.body), t.cfg.Now(), 0)
	if err != nil {
		return err
	}
	if life := list.Expires.Sub(list.IssuedAt); life > 24*time.Hour {
		return fmt.Errorf("the list lives %s, want at most 24 h", life)
	}
	again, err := t.fetch(ctx, "/v1/trust-list", "application/jose")
	if err != nil {
		return err
	}
	if _, err := t.roots.Verify(string(again.body), t.cfg.Now(), list.Version); err != nil {
		return fmt.Errorf("asked again: %w", err)
	}
	t.list = list
	return nil
}

func trustListWhole(_ context.Context, t *Tester) error {
	own, err := t.list.DomainAt(t.public)
	if err != nil {
		return fmt.Errorf("no domain has the base_url %s", t.public)
	}
	if !strings.HasPrefix(own.StatusPrefix, t.public+"/") || !strings.HasSuffix(own.StatusPrefix, "/") || len(own.StatusKeys) == 0 {
		return fmt.Errorf("domain %s: status_prefix %q, %d status keys", own.Code, own.StatusPrefix, len(own.StatusKeys))
	}
	types := map[string]bool{}
	for _, one := range t.list.Types {
		if types[one.ID] = true; one.VCT != fmt.Sprintf("%s/types/%s/%d", t.public, one.ID, one.Version) {
			return fmt.Errorf("type %s version %d has the vct %s", one.ID, one.Version, one.VCT)
		}
	}
	for _, one := range t.list.Issuers {
		if !strings.HasPrefix(one.ID, t.public+"/issuers/") {
			return fmt.Errorf("issuer %s is not below %s", one.ID, t.public)
		}
		if _, err := t.list.Domain(one.Domain); err != nil {
			return fmt.Errorf("issuer %s: %w", one.ID, err)
		}
		for _, id := range one.Types {
			if !types[id] {
				return fmt.Errorf("issuer %s may issue %s, which the list does not have", one.ID, id)
			}
		}
	}
	for _, one := range t.list.Providers {
		if _, err := t.list.Domain(one.Domain); err != nil {
			return fmt.Errorf("wallet provider %s: %w", one.ID, err)
		}
	}
	t.own = own
	return nil
}

func trustListCache(ctx context.Context, t *Tester) error {
	a, err := t.get(ctx, "/v1/trust-list")
	if err != nil {
		return err
	}
	list, err := t.roots.Verify(string(a.body), t.cfg.Now(), 0)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf(`"%d"`, list.Version); a.header.Get("ETag") != want {
		return fmt.Errorf("ETag %s, want %s", a.header.Get("ETag"), want)
	}
	return t.cached(ctx, "/v1/trust-list", 60)
}
