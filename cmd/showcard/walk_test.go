package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/registry"
)

var update = flag.Bool("update", false, "write the routes of docs/access.md anew")

// knock sends a request that no handler sees: its body is said to be larger than any. The answer
// is the door's, and 413 when the door let it pass. A route without a bound on its body gets none.
func knock(t *testing.T, addr string, r httpd.Route, header string) (status int, code string) {
	t.Helper()
	parts := strings.Split(r.Path, "/")
	for i, p := range parts {
		if p != "" && (p[0] == ':' || p[0] == '*') {
			parts[i] = "x"
		}
	}
	length := "1099511627776"
	if r.MaxBody == httpd.NoBodyLimit {
		length = "0"
	}
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	if header != "" {
		header += "\r\n"
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %s\r\nConnection: close\r\n%s\r\n", r.Method, strings.Join(parts, "/"), addr, length, header)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	var p struct{ Code string }
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&p))
	}
	return resp.StatusCode, p.Code
}

// walker has a token of every role, got by the real exchange, and some that are worth nothing.
type walker struct {
	t     *testing.T
	d     *demo
	full  map[httpd.Role]string // with every scope that a route of the role asks for
	bare  map[httpd.Role]string // with another scope
	stale map[string][]string   // by the code that they must be refused with
}

func newWalker(t *testing.T, d *demo) *walker {
	w := &walker{t: t, d: d, full: map[httpd.Role]string{}, bare: map[httpd.Role]string{}, stale: map[string][]string{}}
	past, elsewhere := w.service(d.cfg.PublicURL, time.Now().Add(-9*time.Hour)), w.service("https://other.example", time.Now())
	issuers, parties := d.registry.Authorities(), d.registry.Parties()
	for _, role := range httpd.Roles() {
		if role == httpd.RolePerson {
			w.full[role], _ = d.signInAs(t, "person-01")
			for code, s := range map[string]*access.Service{"token-expired": past, "token-invalid": elsewhere} {
				token, _, err := s.SignIn(t.Context(), access.Session{Holder: "x", Method: "oidc:demo", At: time.Now()})
				require.NoError(t, err)
				w.stale[code] = append(w.stale[code], token)
			}
			continue
		}
		scopes := []string{}
		for _, r := range d.server.Routes() {
			if r.Scope != "" && slices.Contains(r.Roles, role) {
				scopes = append(scopes, r.Scope)
			}
		}
		slices.Sort(scopes)
		c := registry.Client{ID: "walk-" + string(role), Role: string(role), Scopes: append(slices.Compact(scopes), "nothing")}
		switch role {
		case httpd.RoleDepartment:
			c.Authorities = []string{issuers[0].ID}
		case httpd.RoleRelyingParty:
			c.Party = parties[0].ID
		}
		k, err := key.Generate(key.SM2)
		require.NoError(t, err)
		c.Keys = []*key.Public{k.Public()}
		require.NoError(t, d.registry.Update(t.Context(), "test", "a client of each role", func(draft *registry.Draft) error {
			draft.PutClient(c)
			return nil
		}))
		w.full[role], w.bare[role] = w.token(c.ID, k, ""), w.token(c.ID, k, "nothing")
		w.stale["token-expired"] = append(w.stale["token-expired"], w.grant(past, c.ID, k, d.cfg.PublicURL, time.Now().Add(-9*time.Hour)))
		w.stale["token-invalid"] = append(w.stale["token-invalid"], w.grant(elsewhere, c.ID, k, "https://other.example", time.Now()))
	}
	return w
}

// service signs with the keys of the demo, at another time or for another deployment.
func (w *walker) service(issuer string, now time.Time) *access.Service {
	w.t.Helper()
	once, err := memstore.New(memstore.Config{})
	require.NoError(w.t, err)
	s, err := access.New(access.Config{
		Issuer: issuer, Keys: &tokenKeys{store: w.d.keys, now: time.Now}, Clients: accessClients(w.d.registry), Once: once, Sessions: w.d.store,
		Now: func() time.Time { return now },
	})
	require.NoError(w.t, err)
	return s
}

func (w *walker) token(id string, k *key.Private, scope string) string {
	w.t.Helper()
	c, err := newClientFor(w.d.base, w.d.cfg.PublicURL, id, k, &http.Client{})
	require.NoError(w.t, err)
	c.scope = scope
	granted, err := c.token(w.t.Context())
	require.NoError(w.t, err)
	return granted.AccessToken
}

func (w *walker) grant(s *access.Service, id string, k *key.Private, audience string, now time.Time) string {
	w.t.Helper()
	assertion, err := access.Assert(k, id, audience, now)
	require.NoError(w.t, err)
	granted, err := s.Grant(w.t.Context(), url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {access.AssertionType}, "client_assertion": {assertion}})
	require.NoError(w.t, err)
	return granted.AccessToken
}

// walk tries one route with everything.
func (w *walker) walk(r httpd.Route) {
	addr := strings.TrimPrefix(w.d.base, "http://")
	name := r.Method + " " + r.Path
	try := func(who, token, want string) {
		w.t.Helper()
		header := ""
		if token != "" {
			header = "Authorization: Bearer " + token
		}
		status, code := knock(w.t, addr, r, header)
		if want != "" {
			require.Equal(w.t, want, code, "%s with %s", name, who)
			require.Contains(w.t, []int{http.StatusUnauthorized, http.StatusForbidden}, status, "%s with %s", name, who)
			return
		}
		passed := []int{http.StatusRequestEntityTooLarge, http.StatusTooManyRequests} // both come after the door
		if r.MaxBody == httpd.NoBodyLimit {
			require.NotContains(w.t, []int{http.StatusUnauthorized, http.StatusForbidden}, status, "%s with %s: %s", name, who, code)
			return
		}
		require.Contains(w.t, passed, status, "%s with %s: %s", name, who, code)
	}
	unless := func(code string) string {
		if r.Public {
			return ""
		}
		return code
	}
	try("nothing", "", unless("unauthenticated"))
	try("a made-up token", "x", unless("token-invalid"))
	for code, tokens := range w.stale {
		for _, token := range tokens {
			try("a token for another deployment or of another day", token, unless(code))
		}
	}
	for _, role := range httpd.Roles() {
		want, bare := "", ""
		if !r.Public && !slices.Contains(r.Roles, role) {
			want, bare = "forbidden-role", "forbidden-role"
		} else if r.Scope != "" {
			bare = "forbidden-scope"
		}
		try(string(role), w.full[role], want)
		if w.bare[role] != "" {
			try(string(role)+" without the scope", w.bare[role], bare)
		}
	}
}

// TestEveryRouteWithEveryRole knocks at every door of a running demo with every role, and with
// tokens that are worth nothing. docs/access.md says who may pass; nobody else does.
func TestEveryRouteWithEveryRole(t *testing.T) {
	serve := demoCommand{Data: t.TempDir(), Profile: "sm2", Volatile: "memory"}
	cfg, err := serve.config("127.0.0.1:8080")
	require.NoError(t, err)
	a, err := build(t.Context(), cfg, slog.New(slog.DiscardHandler)) // what serve serves
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.close()) })
	c := demoCommand{Addr: "127.0.0.1:0", Data: t.TempDir(), Profile: "sm2", Volatile: "memory"}
	err = c.start(t.Context(), func(_ context.Context, d *demo) error {
		routes := d.server.Routes()
		holdPage(t, a.server.Routes(), routes)
		w := newWalker(t, d)
		for _, r := range routes {
			w.walk(r)
		}
		return nil
	}, &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard})
	require.NoError(t, err)
}

const (
	accessPage = "../../docs/access.md"
	routesMark = "<!-- The rest is written by: go test ./cmd/showcard -run TestEveryRouteWithEveryRole -update -->\n"
)

// holdPage holds the page against the running routes.
func holdPage(t *testing.T, serve, all []httpd.Route) {
	t.Helper()
	page, err := os.ReadFile(accessPage)
	require.NoError(t, err)
	above, _, marked := strings.Cut(string(page), routesMark)
	require.True(t, marked, "docs/access.md has lost its mark")
	want := above + routesMark + "\n" + routesTable(serve, all)
	if *update {
		require.NoError(t, os.WriteFile(accessPage, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(page), "routes have changed: run with -update and read what it writes")
}

func routesTable(serve, all []httpd.Route) string {
	same := func(a, b httpd.Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	}
	inServe := func(r httpd.Route) bool {
		return slices.ContainsFunc(serve, func(s httpd.Route) bool { return same(r, s) == 0 })
	}
	var b strings.Builder
	table := func(title string, which func(httpd.Route) bool) {
		fmt.Fprintf(&b, "## %s\n\n| Route | Who | Scope | Class |\n|---|---|---|---|\n", title)
		for _, r := range slices.SortedFunc(slices.Values(all), same) {
			if !which(r) {
				continue
			}
			who := "everyone"
			switch {
			case len(r.Networks) > 0:
				who = "everyone on this machine (`metrics`)"
			case !r.Public:
				names := make([]string, len(r.Roles))
				for i, role := range r.Roles {
					names[i] = string(role)
				}
				who = strings.Join(names, ", ")
			}
			scope := ""
			if r.Scope != "" {
				scope = "`" + r.Scope + "`"
			}
			fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s |\n", r.Method, r.Template(), who, scope, r.Class)
		}
	}
	table("Routes", inServe)
	b.WriteString("\n")
	table("Routes of `showcard demo` alone", func(r httpd.Route) bool { return !inServe(r) })
	return b.String()
}
