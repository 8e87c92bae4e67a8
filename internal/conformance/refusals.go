package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// refusalChecks are about how requests are refused that need no credentials to be wrong.
var refusalChecks = []Check{
	{ID: "path-unknown", Clause: "RFC 9457 §3; docs/formats.md §9", What: "a path that is not there: 404, as a problem with all its members", needs: []string{"oauth-metadata"}, run: pathUnknown},
	{ID: "method-unknown", Clause: "RFC 9110 §15.5.6", What: "another method: 405, with Allow", needs: []string{"oauth-metadata"}, run: methodUnknown},
	{ID: "unauthenticated", Clause: "docs/access.md; RFC 6750 §3", What: "no token: 401 with WWW-Authenticate", needs: []string{"oauth-metadata"}, run: unauthenticated},
	{ID: "token-invalid", Clause: "docs/access.md; RFC 6750 §3.1", What: "a token that is none: 401 token-invalid", needs: []string{"oauth-metadata"}, run: tokenInvalid},
	{ID: "body-too-large", Clause: "RFC 9110 §15.5.14", What: "a body beyond the bound: 413", needs: []string{"oauth-metadata"}, run: bodyTooLarge},
	{ID: "media-type", Clause: "RFC 9110 §15.5.16", What: "a token request that is no form: refused", needs: []string{"oauth-metadata"}, run: mediaType},
	{ID: "grant-unsupported", Clause: "RFC 6749 §5.2; docs/formats.md §6", What: "another grant: unsupported_grant_type, with code and error_uri", needs: []string{"oauth-metadata"}, run: grantUnsupported},
	{ID: "assertion-malformed", Clause: "RFC 7523 §3.2; docs/formats.md §6", What: "an assertion that is none: invalid_client", needs: []string{"oauth-metadata"}, run: assertionMalformed},
	{ID: "request-id", Clause: "docs/formats.md §9", What: "the request id that a caller gives comes back; one that could be a person's number does not", run: requestID},
	{ID: "tls", Clause: "RFC 9325 §3.1.1; RFC 6797", What: "TLS 1.2 or later, with Strict-Transport-Security", run: tlsOf},
}

// watchedChecks are about all answers of the run, so they come last.
var watchedChecks = []Check{
	{ID: "headers", Clause: "docs/threats.md", What: "every answer of this run has its protective headers and a request id", run: headersOf},
	{ID: "retry-after", Clause: "RFC 9110 §10.2.3; docs/formats.md §9", What: "every 429 and 503 of this run says when to come again", run: retryAfter},
}

func pathUnknown(ctx context.Context, t *Tester) error {
	for _, path := range []string{"/v1/" + strings.ToLower(rand.Text()), "/no-such-page", "/v1/trust-list/"} {
		a, err := t.get(ctx, path, "Accept", "application/json")
		if err != nil {
			return err
		}
		if err := t.problem(a, http.StatusNotFound, "not-found"); err != nil {
			return err
		}
	}
	return nil
}

func methodUnknown(ctx context.Context, t *Tester) error {
	a, err := t.do(ctx, ask{method: http.MethodPost, path: "/v1/trust-list"})
	if err != nil {
		return err
	}
	if err := t.problem(a, http.StatusMethodNotAllowed, "method-not-allowed"); err != nil {
		return err
	}
	if !strings.Contains(a.header.Get("Allow"), http.MethodGet) {
		return fmt.Errorf("%s: Allow %q does not name GET", a.what, a.header.Get("Allow"))
	}
	return nil
}

func unauthenticated(ctx context.Context, t *Tester) error {
	for _, path := range []string{"/v1/wallet/holdings", "/v1/registry/clients", "/v1/status/changes", "/v1/audit/events"} {
		a, err := t.get(ctx, path)
		if err != nil {
			return err
		}
		if err := t.bearer401(a, "unauthenticated"); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tester) bearer401(a answer, code string) error {
	if err := t.problem(a, http.StatusUnauthorized, code); err != nil {
		return err
	}
	if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
		return fmt.Errorf("%s: WWW-Authenticate %q, want Bearer", a.what, a.header.Get("WWW-Authenticate"))
	}
	return nil
}

func tokenInvalid(ctx context.Context, t *Tester) error {
	a, err := t.get(ctx, "/v1/wallet/holdings", "Authorization", "Bearer conformance."+rand.Text()+".x")
	if err != nil {
		return err
	}
	return t.bearer401(a, "token-invalid")
}

const form = "application/x-www-form-urlencoded"

// tooMuch is beyond every bound of a token request that makes sense, and still little.
const tooMuch = 128 << 10

func bodyTooLarge(ctx context.Context, t *Tester) error {
	a, err := t.do(ctx, ask{http.MethodPost, "/oauth/token", map[string]string{"Content-Type": form, "Expect": "100-continue"}, bytes.Repeat([]byte("a"), tooMuch)})
	if err != nil {
		return err
	}
	return t.problem(a, http.StatusRequestEntityTooLarge, "body-too-large")
}

func mediaType(ctx context.Context, t *Tester) error {
	a, err := t.do(ctx, ask{http.MethodPost, "/oauth/token", map[string]string{"Content-Type": "application/json"}, []byte(`{"grant_type":"client_credentials"}`)})
	if err != nil {
		return err
	}
	if a.status < 400 || a.status > 499 {
		return fmt.Errorf("%s: HTTP %d, want 4xx", a.what, a.status)
	}
	return nil
}

// refusedToken posts a form to the token endpoint and checks the refusal, RFC 6749 §5.2 with our two
// members.
func (t *Tester) refusedToken(ctx context.Context, values url.Values, kind string, codes ...string) error {
	a, err := t.do(ctx, ask{http.MethodPost, "/oauth/token", map[string]string{"Content-Type": form}, []byte(values.Encode())})
	if err != nil {
		return err
	}
	var said struct {
		Error  string `json:"error"`
		Code   string `json:"code"`
		Page   string `json:"error_uri"`
		Access string `json:"access_token"`
	}
	if err := a.is("application/json"); err != nil {
		return err
	}
	if err := json.Unmarshal(a.body, &said); err != nil {
		return fmt.Errorf("%s: no JSON", a.what)
	}
	right := false
	for _, code := range codes {
		right = right || said.Code == code
	}
	switch {
	case said.Access != "" || a.status < 400 || a.status > 499:
		return fmt.Errorf("%s: HTTP %d, was not refused", a.what, a.status)
	case said.Error != kind || !right:
		return fmt.Errorf("%s: error %q, code %q, want %s, %s", a.what, said.Error, said.Code, kind, strings.Join(codes, " or "))
	case said.Page != t.public+"/problems/"+said.Code:
		return fmt.Errorf("%s: error_uri %q, want the page of the code", a.what, said.Page)
	case kind == "invalid_client" && a.status != http.StatusUnauthorized || kind != "invalid_client" && a.status != http.StatusBadRequest:
		return fmt.Errorf("%s: HTTP %d for %s", a.what, a.status, kind)
	case a.header.Get("Cache-Control") != "no-store":
		return fmt.Errorf("%s: Cache-Control %q, want no-store", a.what, a.header.Get("Cache-Control"))
	}
	return nil
}

func grantUnsupported(ctx context.Context, t *Tester) error {
	return t.refusedToken(ctx, url.Values{"grant_type": {"password"}, "username": {"conformance"}, "password": {"x"}}, "unsupported_grant_type", "grant-unsupported")
}

func assertionMalformed(ctx context.Context, t *Tester) error {
	return t.refusedToken(ctx, assertionForm("conformance"), "invalid_client", "assertion-invalid")
}

func requestID(ctx context.Context, t *Tester) error {
	mine := "conformance-" + rand.Text()[:8]
	a, err := t.get(ctx, "/healthz", "X-Request-Id", mine)
	if err != nil {
		return err
	}
	if got := a.header.Get("X-Request-Id"); got != mine {
		return fmt.Errorf("%s: X-Request-Id %q, want %q back", a.what, got, mine)
	}
	const number = "11010519491231002X" // of GB 11643's own example
	if a, err = t.get(ctx, "/healthz", "X-Request-Id", number); err != nil {
		return err
	}
	if got := a.header.Get("X-Request-Id"); got == number || got == "" {
		return fmt.Errorf("%s: X-Request-Id %q: a citizen's number gets into logs", a.what, got)
	}
	return nil
}

func tlsOf(ctx context.Context, t *Tester) error {
	u, err := url.Parse(t.cfg.URL)
	if err != nil {
		return err
	}
	if u.Scheme != "https" {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			return skip("http on this machine")
		}
		return fmt.Errorf("%s is without TLS", t.cfg.URL)
	}
	a, err := t.get(ctx, "/healthz")
	if err != nil {
		return err
	}
	if a.tls < tls.VersionTLS12 {
		return fmt.Errorf("TLS version %#x", a.tls)
	}
	if !strings.HasPrefix(a.header.Get("Strict-Transport-Security"), "max-age=") {
		return fmt.Errorf("%s: Strict-Transport-Security %q", a.what, a.header.Get("Strict-Transport-Security"))
	}
	return nil
}

func headersOf(_ context.Context, t *Tester) error {
	if len(t.headless) > 0 {
		return fmt.Errorf("%d times, first %s", len(t.headless), t.headless[0])
	}
	if t.requests == 0 {
		return skip("nothing was asked")
	}
	return nil
}

func retryAfter(_ context.Context, t *Tester) error {
	for _, b := range t.busy {
		if b != "" {
			return fmt.Errorf("%s", b)
		}
	}
	if len(t.busy) == 0 {
		return skip("no answer of this run was 429 or 503, and none was provoked: that would take a flood")
	}
	return nil
}
