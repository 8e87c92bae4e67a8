package registryhttp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/registryhttp"
	"github.com/showcard/showcard/schemas"
)

const base = "https://cards.example"

// fixture is a server with the registry and the token endpoint, over SQLite.
type fixture struct {
	t        *testing.T
	server   *httptest.Server
	registry *registry.Registry
	pinned   *trustlist.Roots
	police   *key.Private
	tokens   map[string]string
}

func newKey(t *testing.T) *key.Private {
	t.Helper()
	k, err := key.Generate(key.SM2)
	require.NoError(t, err)
	return k
}

func text(s string) schemas.Text { return schemas.Text{ZH: s, EN: s} }

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, police: newKey(t), tokens: map[string]string{}}
	folder := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(folder, "keystore.key")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	keys, err := key.CreateStore(filepath.Join(folder, "keystore.json"), unlock)
	require.NoError(t, err)
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + filepath.Join(folder, "db", "showcard.db"), Keys: keys})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	catalogue, err := schemas.Embedded()
	require.NoError(t, err)

	signer, a, b, now := newKey(t), newKey(t), newKey(t), time.Now().Truncate(time.Hour)
	roots := &trustlist.Roots{Version: 1, IssuedAt: now, Expires: now.Add(1000 * time.Hour), Threshold: 2,
		Keys: []*key.Public{a.Public(), b.Public()}, Signers: []trustlist.DatedKey{{Key: signer.Public(), NotBefore: now}}}
	signed, err := roots.Sign(a, b)
	require.NoError(t, err)
	f.pinned, err = trustlist.ParseRoots(signed)
	require.NoError(t, err)
	f.registry, err = registry.New(t.Context(), registry.Config{Store: store, Catalogue: catalogue, Signer: signer, Roots: signed, BaseURL: base})
	require.NoError(t, err)
	f.serve(store)
	clients := map[string]*key.Private{"operator": newKey(t), "auditor": newKey(t), "guest-operator": newKey(t)}
	require.NoError(t, f.registry.Update(t.Context(), "setup", "setup", func(d *registry.Draft) error {
		d.PutDomain(registry.Domain{Code: "DEMO", Name: text("Demo"), BaseURL: base, StatusPrefix: base + "/status/",
			StatusKeys: []registry.Key{{Public: newKey(t).Public(), NotBefore: now}}})
		d.PutAuthority(f.authority())
		for id, k := range clients {
			scopes := []string{"registry"}
			if id == "guest-operator" {
				scopes = nil
			}
			d.PutClient(registry.Client{ID: id, Role: strings.TrimPrefix(id, "guest-"), Scopes: scopes, Keys: []*key.Public{k.Public()}})
		}
		return nil
	}))
	for id, k := range clients {
		f.tokens[id] = f.signIn(id, k)
	}
	return f
}

func (f *fixture) serve(store registryhttp.Usage) {
	once, err := memstore.New(memstore.Config{})
	require.NoError(f.t, err)
	door, err := access.New(access.Config{Issuer: base, Signer: newKey(f.t), Once: once, Clients: func(id string) (access.Client, error) {
		c, err := f.registry.Client(id)
		if err != nil {
			return access.Client{}, access.ErrClientUnknown
		}
		return access.Client{ID: c.ID, Role: httpd.Role(c.Role), Scopes: c.Scopes, Keys: c.Keys, Suspended: c.Suspended}, nil
	}})
	require.NoError(f.t, err)
	server, err := httpd.New(httpd.Config{Logger: slog.New(slog.DiscardHandler), Authenticator: door})
	require.NoError(f.t, err)
	api, err := registryhttp.New(f.registry, store)
	require.NoError(f.t, err)
	require.NoError(f.t, server.Mount(door.Routes(), nil))
	require.NoError(f.t, server.Mount(api.Routes(), registryhttp.Errors()))
	f.server = httptest.NewServer(server.Handler())
	f.t.Cleanup(f.server.Close)
}

func (f *fixture) signIn(id string, k key.Signer) string {
	f.t.Helper()
	assertion, err := access.Assert(k, id, base, time.Now())
	require.NoError(f.t, err)
	res, err := http.PostForm(f.server.URL+"/oauth/token", map[string][]string{
		"grant_type": {"client_credentials"}, "client_assertion_type": {access.AssertionType}, "client_assertion": {assertion}})
	require.NoError(f.t, err)
	defer res.Body.Close()
	var g access.Granted
	require.NoError(f.t, json.NewDecoder(res.Body).Decode(&g))
	require.NotEmpty(f.t, g.AccessToken)
	return g.AccessToken
}

func (f *fixture) authority() registry.Authority {
	return registry.Authority{ID: "police", USCC: "11430000MB1D000127", Name: text("police"), Domain: "DEMO", Types: []string{"resident-id"},
		Regions: []string{"430000"}, Keys: []registry.Key{{Public: f.police.Public(), NotBefore: time.Now().Truncate(time.Hour)}}}
}

// answer is what came back; Code is empty unless it is a problem.
type answer struct {
	*http.Response `json:"-"`
	body           []byte
	Code           string `json:"code"`
	// Detail and Errors say what was wrong.
	Detail string             `json:"detail"`
	Errors []httpd.FieldError `json:"errors"`
}

func (f *fixture) do(as, method, path string, body any, headers ...string) answer {
	f.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		require.NoError(f.t, err)
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.server.URL+path, reader)
	require.NoError(f.t, err)
	req.Header.Set("Content-Type", "application/json")
	if as != "" {
		req.Header.Set("Authorization", "Bearer "+f.tokens[as])
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close()
	a := answer{Response: res}
	a.body, err = io.ReadAll(res.Body)
	require.NoError(f.t, err)
	if res.Header.Get("Content-Type") == "application/problem+json" {
		require.NoError(f.t, json.Unmarshal(a.body, &a))
	}
	return a
}

func (f *fixture) list() (*trustlist.List, answer) {
	f.t.Helper()
	a := f.do("", http.MethodGet, "/v1/trust-list", nil)
	require.Equal(f.t, http.StatusOK, a.StatusCode, string(a.body))
	l, err := f.pinned.Verify(string(a.body), time.Now(), 0)
	require.NoError(f.t, err)
	return l, a
}

func TestNew(t *testing.T) {
	_, err := registryhttp.New(nil, nil)
	require.Error(t, err)
}

func TestTrustListIsPublic(t *testing.T) {
	f := newFixture(t)
	list, a := f.list()
	require.EqualValues(t, 1, list.Version)
	require.Equal(t, "*", a.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "public, max-age=1", a.Header.Get("Cache-Control"))
	again := f.do("", http.MethodGet, "/v1/trust-list", nil, "If-None-Match", a.Header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.StatusCode)
	require.Empty(t, again.body)

	roots := f.do("", http.MethodGet, "/v1/trust-list/roots", nil)
	require.Equal(t, http.StatusOK, roots.StatusCode)
	parsed, err := trustlist.ParseRoots(roots.body)
	require.NoError(t, err)
	require.Equal(t, f.pinned.Version, parsed.Version)
}

// The answer to a freeze comes when the list that anybody fetches has it.
func TestFreezeBitesAtOnce(t *testing.T) {
	f := newFixture(t)
	_, before := f.list()
	a := f.do("operator", http.MethodPost, "/v1/registry/freezes", map[string]any{
		"kind": "authority-key", "id": "police", "key": f.police.Public().ID(), "frozen": true, "reason": "seal stolen"})
	require.Equal(t, http.StatusOK, a.StatusCode, string(a.body))
	list, after := f.list()
	require.NotEqual(t, before.Header.Get("ETag"), after.Header.Get("ETag"))
	require.Contains(t, string(a.body), fmt.Sprintf(`"trust_list_version":%d`, list.Version))
	require.Contains(t, string(a.body), `"state":"applied"`, "the only operator asks nobody")
	issuer, err := list.Issuer(base + "/issuers/police")
	require.NoError(t, err)
	_, err = issuer.Key("", time.Now())
	require.ErrorIs(t, err, trustlist.ErrKeyFrozen)

	// It never thaws, on this way or that.
	a = f.do("operator", http.MethodPost, "/v1/registry/freezes", map[string]any{
		"kind": "authority-key", "id": "police", "key": f.police.Public().ID(), "frozen": false, "reason": "found again"})
	require.Equal(t, "registry-entry-invalid", a.Code)
	a = f.do("operator", http.MethodPut, "/v1/registry/authorities/police", f.authority())
	require.Equal(t, "registry-entry-invalid", a.Code)
	require.Contains(t, a.Detail, "never thaws", "the operator is told")
}

func TestFreezeRefuses(t *testing.T) {
	f := newFixture(t)
	good := map[string]any{"kind": "authority", "id": "police", "frozen": true, "reason": "r"}
	for name, c := range map[string]struct {
		change map[string]any
		code   string
	}{
		"frozen forgotten":  {map[string]any{"frozen": nil}, "field-missing"},
		"kind forgotten":    {map[string]any{"kind": nil}, "field-missing"},
		"reason forgotten":  {map[string]any{"reason": nil}, "field-missing"},
		"reason empty":      {map[string]any{"reason": ""}, "field-missing"},
		"reason too long":   {map[string]any{"reason": strings.Repeat("r", 1001)}, "field-invalid"},
		"kind made up":      {map[string]any{"kind": "moon"}, "registry-entry-invalid"},
		"entry unknown":     {map[string]any{"id": "nobody"}, "registry-entry-unknown"},
		"field unknown":     {map[string]any{"until": "tomorrow"}, "field-unknown"},
		"frozen not a bool": {map[string]any{"frozen": "yes"}, "field-type"},
	} {
		t.Run(name, func(t *testing.T) {
			body := map[string]any{}
			for _, m := range []map[string]any{good, c.change} {
				for k, v := range m {
					if body[k] = v; v == nil {
						delete(body, k)
					}
				}
			}
			a := f.do("operator", http.MethodPost, "/v1/registry/freezes", body)
			require.Equal(t, c.code, a.Code, string(a.body))
		})
	}
	list, _ := f.list()
	require.EqualValues(t, 1, list.Version, "nothing happened")
}

func TestPut(t *testing.T) {
	f := newFixture(t)
	dated := []registry.Key{{Public: newKey(t).Public(), NotBefore: time.Now().Truncate(time.Hour)}}
	entries := []struct {
		path  string
		entry any
		list  string
	}{
		{"domains/NEXT", registry.Domain{Code: "NEXT", Name: text("n"), BaseURL: "https://n.example", StatusPrefix: "https://n.example/status/", StatusKeys: dated}, "domains"},
		{"authorities/second", registry.Authority{ID: "second", USCC: "11430000MB1D000127", Name: text("s"), Domain: "NEXT", Types: []string{"resident-id"}, Regions: []string{"430000"}, Keys: []registry.Key{{Public: newKey(t).Public()}}}, "authorities"},
		{"providers/wallet-2", registry.Provider{ID: "wallet-2", Name: text("w"), Domain: "DEMO", Keys: []registry.Key{{Public: newKey(t).Public(), MaxCopies: 1000}}}, "providers"},
		{"types/resident-id", registry.TypeState{ID: "resident-id", Version: 1, Published: true}, "types"},
		{"parties/hall", registry.Party{ID: "hall", Name: text("h"), Grants: []registry.Grant{{Type: "resident-id", Fields: []string{"name"}, Purposes: []string{"counter"}}}}, "parties"},
		{"clients/hall-1", registry.Client{ID: "hall-1", Role: "relying-party", Party: "hall", Scopes: []string{"verify"}, Keys: []*key.Public{newKey(t).Public()}}, "clients"},
	}
	for i, e := range entries {
		a := f.do("operator", http.MethodPut, "/v1/registry/"+e.path, e.entry)
		require.Equal(t, http.StatusOK, a.StatusCode, string(a.body))
		want, err := json.Marshal(e.entry)
		require.NoError(t, err)
		var wanted, stored map[string]any
		require.NoError(t, json.Unmarshal(want, &wanted))
		require.NoError(t, json.Unmarshal(a.body, &stored))
		delete(stored, "state") // a party's life is its own
		delete(stored, "steps")
		require.Equal(t, wanted, stored)
		list, _ := f.list()
		require.EqualValues(t, i+2, list.Version)
		for _, reader := range []string{"operator", "auditor"} {
			a = f.do(reader, http.MethodGet, "/v1/registry/"+e.list, nil)
			require.Equal(t, http.StatusOK, a.StatusCode, string(a.body))
			var all map[string][]json.RawMessage
			require.NoError(t, json.Unmarshal(a.body, &all))
			require.Contains(t, fmt.Sprintf("%s", all[e.list]), e.path[strings.LastIndexByte(e.path, '/')+1:])
		}
	}
	list, _ := f.list()
	_, _, err := list.ProviderKey(f.registry.Providers()[0].Keys[0].Public, time.Now())
	require.NoError(t, err)
	_, err = list.Domain("NEXT")
	require.NoError(t, err)
	_, err = list.Type(base + "/types/resident-id/1")
	require.NoError(t, err)
}

// Who mends an entry that is frozen does not thaw it by leaving a member out: going on again takes
// a freeze that says so, with a reason.
func TestPutDoesNotThaw(t *testing.T) {
	f := newFixture(t)
	provider := registry.Provider{ID: "wallet-2", Name: text("w"), Domain: "DEMO", Keys: []registry.Key{{Public: newKey(t).Public()}}}
	typ := registry.TypeState{ID: "resident-id", Version: 1, Published: true}
	hall := registry.Party{ID: "hall", Name: text("h"), Contact: "0731-12345"}
	client := registry.Client{ID: "hall-1", Role: "relying-party", Party: "hall", Scopes: []string{"verify"}, Keys: []*key.Public{newKey(t).Public()}}
	for _, e := range []struct {
		kind, id, path, member string
		entry                  any
	}{
		{"authority", "police", "authorities/police", "frozen", f.authority()},
		{"provider", "wallet-2", "providers/wallet-2", "frozen", provider},
		{"type", "resident-id", "types/resident-id", "frozen", typ},
		{"party", "hall", "parties/hall", "suspended", hall},
		{"client", "hall-1", "clients/hall-1", "suspended", client},
	} {
		put := func() map[string]any {
			a := f.do("operator", http.MethodPut, "/v1/registry/"+e.path, e.entry)
			require.Equal(t, http.StatusOK, a.StatusCode, string(a.body))
			var stored map[string]any
			require.NoError(t, json.Unmarshal(a.body, &stored))
			return stored
		}
		freeze := func(on bool) {
			a := f.do("operator", http.MethodPost, "/v1/registry/freezes", map[string]any{"kind": e.kind, "id": e.id, "frozen": on, "reason": "r"})
			require.Equal(t, http.StatusOK, a.StatusCode, string(a.body))
		}
		stored := put()
		require.Nil(t, stored[e.member], e.kind)
		if e.kind == "party" {
			review := func(step string, body map[string]any, status int) {
				a := f.do("operator", http.MethodPost, "/v1/registry/parties/hall/"+step, body)
				require.Equal(t, status, a.StatusCode, string(a.body))
			}
			steps := stored["steps"].([]any)
			seen := steps[len(steps)-1].(map[string]any)["at"]
			review("approve", map[string]any{"reason": "r"}, http.StatusUnprocessableEntity)
			review("approve", map[string]any{"reason": "r", "seen": "2026-01-01T00:00:00Z"}, http.StatusConflict)
			review("approve", map[string]any{"reason": "r", "seen": seen}, http.StatusOK)
			review("release", map[string]any{"reason": "r"}, http.StatusOK)
		}
		freeze(true)
		require.Equal(t, true, put()[e.member], e.kind)
		list := f.do("operator", http.MethodGet, "/v1/registry/"+e.path[:strings.IndexByte(e.path, '/')], nil)
		require.Contains(t, string(list.body), `"`+e.member+`":true`, e.kind)
		freeze(false)
		require.Nil(t, put()[e.member], e.kind)
	}
}

func TestPutRefuses(t *testing.T) {
	f := newFixture(t)
	spoiled := f.authority()
	spoiled.USCC = "11430000MB1D000128"
	private := `{"id":"x","role":"operator","scopes":[],"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}]}`
	for name, c := range map[string]struct {
		path string
		body any
		code string
	}{
		"id not the path's": {"authorities/other", f.authority(), "field-invalid"},
		"wrong code":        {"authorities/police", spoiled, "registry-entry-invalid"},
		"not JSON":          {"authorities/police", "{", "body-malformed"},
		"member twice":      {"types/resident-id", `{"id":"resident-id","version":1,"published":true,"published":false}`, "field-duplicate"},
		"unknown member":    {"types/resident-id", `{"id":"resident-id","version":1,"published":true,"colour":1}`, "field-unknown"},
		"other case":        {"types/resident-id", `{"id":"resident-id","version":1,"published":true,"FROZEN":true}`, "field-unknown"},
		"a private key":     {"clients/x", private, "field-invalid"},
		"key null":          {"clients/x", `{"id":"x","role":"auditor","scopes":[],"keys":[null]}`, "registry-entry-invalid"},
		"an operator alone": {"clients/x", `{"id":"x","role":"operator","scopes":[],"keys":[]}`, "second-operator-needed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.do("operator", http.MethodPut, "/v1/registry/"+c.path, c.body)
			require.Equal(t, c.code, a.Code, string(a.body))
		})
	}
	list, _ := f.list()
	require.EqualValues(t, 1, list.Version)
}

func TestWhoMay(t *testing.T) {
	f := newFixture(t)
	paths := []string{"authorities", "parties", "clients", "providers", "domains", "types"}
	for _, p := range paths {
		require.Equal(t, "unauthenticated", f.do("", http.MethodGet, "/v1/registry/"+p, nil).Code)
		require.Equal(t, "forbidden-scope", f.do("guest-operator", http.MethodGet, "/v1/registry/"+p, nil).Code)
		require.Equal(t, "unauthenticated", f.do("", http.MethodPut, "/v1/registry/"+p+"/x", "{}").Code)
		require.Equal(t, "forbidden-role", f.do("auditor", http.MethodPut, "/v1/registry/"+p+"/x", "{}").Code)
	}
	freeze := map[string]any{"kind": "client", "id": "operator", "frozen": true, "reason": "r"}
	require.Equal(t, "forbidden-role", f.do("auditor", http.MethodPost, "/v1/registry/freezes", freeze).Code)
	require.Equal(t, http.StatusOK, f.do("operator", http.MethodPost, "/v1/registry/freezes", freeze).StatusCode)
	require.Equal(t, "client-suspended", f.do("operator", http.MethodGet, "/v1/registry/types", nil).Code, "suspended between its token and its use")
}

// Every machine may ask what it is; it takes no scope, and tells nothing of others.
func TestSelf(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, "unauthenticated", f.do("", http.MethodGet, "/v1/clients/self", nil).Code)
	for _, who := range []string{"operator", "guest-operator", "auditor"} {
		a := f.do(who, http.MethodGet, "/v1/clients/self", nil)
		require.Equal(t, http.StatusOK, a.StatusCode, string(a.body))
		var me registry.Self
		require.NoError(t, json.Unmarshal(a.body, &me))
		require.Equal(t, who, me.ID)
		require.Equal(t, strings.TrimPrefix(who, "guest-"), me.Role)
		require.Len(t, me.Keys, 1)
	}
}
