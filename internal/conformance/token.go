package conformance

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
)

// tokenChecks are about how a client proves who it is.
var tokenChecks = []Check{
	{ID: "token", Clause: "RFC 7523 §3; RFC 6749 §5.1; docs/formats.md §6", What: "an assertion gets a token of ten minutes with the scope verify", Party: true, needs: []string{"oauth-metadata"}, run: token},
	{ID: "token-signed", Clause: "RFC 9068 §2; docs/formats.md §6", What: "the token is signed by a published key, for this deployment, for this client", Party: true, needs: []string{"token", "jwks"}, run: tokenSigned},
	{ID: "token-role", Clause: "docs/access.md", What: "the token opens no other role's door: 403", Party: true, needs: []string{"token"}, run: tokenRole},
	{ID: "scope-not-granted", Clause: "RFC 6749 §5.2", What: "a scope that the client does not have: invalid_scope", Party: true, needs: []string{"token"}, run: scopeNotGranted},
	{ID: "assertion-replayed", Clause: "RFC 7523 §3 (7)", What: "an assertion counts once", Party: true, needs: []string{"token"}, run: assertionReplayed},
	{ID: "assertion-audience", Clause: "RFC 7523 §3 (3)", What: "an assertion for another server", Party: true, needs: []string{"token"}, run: wrong("assertion-audience", func(a object, _ time.Time) { a["aud"] = "https://elsewhere.example" })},
	{ID: "assertion-expired", Clause: "RFC 7523 §3 (4)", What: "an assertion that has expired", Party: true, needs: []string{"token"}, run: wrong("assertion-expired", func(a object, now time.Time) { a["iat"], a["exp"] = now.Unix()-600, now.Unix()-300 })},
	{ID: "assertion-early", Clause: "RFC 7523 §3 (5)", What: "an assertion whose time has not come", Party: true, needs: []string{"token"}, run: wrong("assertion-early", func(a object, now time.Time) { a["nbf"], a["exp"] = now.Unix()+200, now.Unix()+260 })},
	{ID: "assertion-key", Clause: "RFC 7523 §3 (9)", What: "an assertion by a key that is not the client's", Party: true, needs: []string{"token"}, run: assertionKey},
	{ID: "assertion-none", Clause: "RFC 8725 §3.1, §3.2", What: "an assertion that is not signed at all", Party: true, needs: []string{"token"}, run: assertionNone},
}

type object map[string]any

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func assertionForm(assertion string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
}

// claims are those of a good assertion.
func (t *Tester) claims() object {
	now := t.cfg.Now()
	return object{"iss": t.cfg.Client, "sub": t.cfg.Client, "aud": t.public, "iat": now.Unix(), "exp": now.Unix() + 60, "jti": rand.Text()}
}

func assertionBy(s key.Signer, claims object) (string, error) {
	return jose.SignJSON(s, jose.SignHeader{Type: "client-authentication+jwt"}, claims)
}

func token(ctx context.Context, t *Tester) error {
	assertion, err := assertionBy(t.cfg.Signer, t.claims())
	if err != nil {
		return err
	}
	a, err := t.do(ctx, ask{http.MethodPost, "/oauth/token", map[string]string{"Content-Type": form}, []byte(assertionForm(assertion).Encode())})
	if err != nil {
		return err
	}
	var g struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		Scope   string `json:"scope"`
		Code    string `json:"code"`
	}
	if err := a.into(&g); err != nil {
		return err
	}
	switch {
	case a.status != http.StatusOK || g.Token == "":
		return fmt.Errorf("%s: HTTP %d, code %q: client %s gets no token", a.what, a.status, g.Code, t.cfg.Client)
	case g.Type != "Bearer" || g.Expires < 1 || g.Expires > 600:
		return fmt.Errorf("token_type %q, expires_in %d, want Bearer and at most 600", g.Type, g.Expires)
	case !slices.Contains(strings.Fields(g.Scope), "verify"):
		return fmt.Errorf("scope %q: the client is no relying party", g.Scope)
	case a.header.Get("Cache-Control") != "no-store":
		return fmt.Errorf("%s: Cache-Control %q, want no-store", a.what, a.header.Get("Cache-Control"))
	}
	t.bearer = g.Token
	return nil
}

func tokenSigned(ctx context.Context, t *Tester) error {
	a, err := t.fetch(ctx, "/.well-known/jwks.json", "application/jwk-set+json")
	if err != nil {
		return err
	}
	set, err := key.ParseSet(a.body, false)
	if err != nil {
		return err
	}
	parsed, err := jose.Parse(t.bearer, "at+jwt")
	if err != nil {
		return err
	}
	k, ok := set.Find(parsed.Header.KeyID)
	if !ok {
		return fmt.Errorf("key %q of the token is not published", parsed.Header.KeyID)
	}
	if err := parsed.Verify(k); err != nil {
		return err
	}
	var c struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		Subject  string `json:"sub"`
		Client   string `json:"client_id"`
		Role     string `json:"role"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
		ID       string `json:"jti"`
	}
	if err := json.Unmarshal(parsed.Payload, &c); err != nil {
		return fmt.Errorf("claims of the token: %w", err)
	}
	now := t.cfg.Now().Unix()
	if c.Issuer != t.public || c.Audience != t.public || c.Subject != t.cfg.Client || c.Client != t.cfg.Client || c.Role != "relying-party" || c.ID == "" ||
		c.IssuedAt > now+60 || c.Expires <= now || c.Expires-c.IssuedAt > 600 {
		return fmt.Errorf("claims of the token: iss %q aud %q sub %q client_id %q role %q, %d seconds", c.Issuer, c.Audience, c.Subject, c.Client, c.Role, c.Expires-c.IssuedAt)
	}
	return nil
}

func (t *Tester) authorization() string { return "Bearer " + t.bearer }

func tokenRole(ctx context.Context, t *Tester) error {
	for _, path := range []string{"/v1/registry/clients", "/v1/wallet/holdings", "/v1/audit/events"} {
		a, err := t.get(ctx, path, "Authorization", t.authorization())
		if err != nil {
			return err
		}
		if err := t.problem(a, http.StatusForbidden, "forbidden-role"); err != nil {
			return err
		}
	}
	return nil
}

func scopeNotGranted(ctx context.Context, t *Tester) error {
	assertion, err := assertionBy(t.cfg.Signer, t.claims())
	if err != nil {
		return err
	}
	values := assertionForm(assertion)
	values.Set("scope", "registry")
	return t.refusedToken(ctx, values, "invalid_scope", "scope-not-granted")
}

func assertionReplayed(ctx context.Context, t *Tester) error {
	assertion, err := assertionBy(t.cfg.Signer, t.claims())
	if err != nil {
		return err
	}
	a, err := t.do(ctx, ask{http.MethodPost, "/oauth/token", map[string]string{"Content-Type": form}, []byte(assertionForm(assertion).Encode())})
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("%s: HTTP %d the first time", a.what, a.status)
	}
	return t.refusedToken(ctx, assertionForm(assertion), "invalid_client", "assertion-replayed")
}

// wrong is a check with one thing of a good assertion changed.
func wrong(code string, change func(object, time.Time)) func(context.Context, *Tester) error {
	return func(ctx context.Context, t *Tester) error {
		claims := t.claims()
		change(claims, t.cfg.Now())
		assertion, err := assertionBy(t.cfg.Signer, claims)
		if err != nil {
			return err
		}
		return t.refusedToken(ctx, assertionForm(assertion), "invalid_client", code)
	}
}

func assertionKey(ctx context.Context, t *Tester) error {
	stranger, err := key.Generate(t.cfg.Signer.Public().Algorithm())
	if err != nil {
		return err
	}
	assertion, err := assertionBy(stranger, t.claims())
	if err != nil {
		return err
	}
	return t.refusedToken(ctx, assertionForm(assertion), "invalid_client", "assertion-invalid")
}

func assertionNone(ctx context.Context, t *Tester) error {
	claims, err := json.Marshal(t.claims())
	if err != nil {
		return err
	}
	part := base64.RawURLEncoding.EncodeToString
	return t.refusedToken(ctx, assertionForm(part([]byte(`{"alg":"none","typ":"JWT"}`))+"."+part(claims)+"."), "invalid_client", "assertion-algorithm")
}
