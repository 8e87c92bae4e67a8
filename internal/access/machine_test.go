package access_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/store/memstore"
)

// Who is registered, and who is suspended, is told to nobody who does not hold the key.
func TestOneAnswerForStrangers(t *testing.T) {
	f := newFixture(t, key.SM2)
	stranger := newKey(t, key.SM2)
	f.clients["gone"] = access.Client{ID: "gone", Role: httpd.RoleOperator, Keys: []*key.Public{newKey(t, key.SM2).Public()}, Suspended: true}
	want := f.ask(form(f.signed(stranger, "JWT", nil)))
	require.Equal(t, "assertion-invalid", want.failed.Code)
	for name, assertion := range map[string]string{
		"unknown":                     f.signed(stranger, "JWT", map[string]any{"iss": "nobody", "sub": "nobody"}),
		"unknown, no kid":             f.signed(stranger.WithID("-"), "JWT", map[string]any{"iss": "nobody", "sub": "nobody"}),
		"suspended, wrong key":        f.signed(stranger, "JWT", map[string]any{"iss": "gone", "sub": "gone"}),
		"suspended, key of another":   f.signed(f.key, "JWT", map[string]any{"iss": "gone", "sub": "gone"}),
		"wrong key, expired":          f.signed(stranger, "JWT", map[string]any{"exp": 1}),
		"unknown, expired":            f.signed(stranger, "JWT", map[string]any{"iss": "nobody", "sub": "nobody", "exp": 1}),
		"wrong key, another audience": f.signed(stranger, "JWT", map[string]any{"aud": "https://other.example"}),
	} {
		t.Run(name, func(t *testing.T) {
			got := f.ask(form(assertion))
			require.Equal(t, want.failed, got.failed)
			require.Equal(t, want.status, got.status)
		})
	}
	t.Run("another algorithm", func(t *testing.T) {
		es := newKey(t, key.ES256)
		known := f.ask(form(f.signed(es, "JWT", nil)))
		unknown := f.ask(form(f.signed(es, "JWT", map[string]any{"iss": "nobody", "sub": "nobody"})))
		require.Equal(t, "assertion-algorithm", known.failed.Code)
		require.Equal(t, known.failed, unknown.failed)
	})
}

// A table would make the answer to a client that was here before quicker than to one that was not,
// and so tell who is registered. Our own tokens have one.
func TestNoTableForAssertions(t *testing.T) {
	tables, err := key.NewTables(sm.TablesConfig{Width: 4})
	require.NoError(t, err)
	f := newFixtureWith(t, key.SM2, func(c *access.Config) { c.Tables = tables })
	stranger := newKey(t, key.SM2)
	for range 3 {
		f.ask(form(f.signed(stranger, "JWT", nil)))
		f.ask(form(f.signed(stranger, "JWT", map[string]any{"iss": "nobody", "sub": "nobody"})))
		require.Empty(t, f.ask(form(f.signed(f.key, "JWT", nil))).failed.Code)
	}
	require.Zero(t, tables.Stats().Wide+tables.Stats().Small+tables.Stats().Returning)
	status, _ := f.bearer(f.token())
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, tables.Stats().Wide)
}

// visits are what would be in the audit log.
type visits struct {
	mu  sync.Mutex
	all []access.Visit
}

func (v *visits) note(_ context.Context, one access.Visit) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, one)
	return nil
}

// Refusals and tokens are counted in a way that locks nobody out.
func TestLimitsLockNobodyOut(t *testing.T) {
	var noted visits
	f := newFixtureWith(t, key.SM2, func(c *access.Config) {
		limits, err := memstore.New(memstore.Config{Now: c.Now})
		require.NoError(t, err)
		c.Limiter, c.Note = limits, noted.note
	})
	stranger := newKey(t, key.SM2)
	ask := func(address, assertion string) string {
		_, err := f.service.GrantTo(t.Context(), form(assertion), access.Peer{Address: address})
		if err == nil {
			return ""
		}
		var r *access.Refusal
		require.ErrorAs(t, err, &r)
		if r.Code == "rate-limited" {
			require.Positive(t, r.RetryAfter)
		}
		return r.Code
	}
	for range 10 {
		require.Equal(t, "assertion-invalid", ask("attacker", f.signed(stranger, "JWT", nil)))
	}
	require.Len(t, noted.all, 10)
	require.Equal(t, access.Visit{Client: counter, Method: "private_key_jwt", Refused: "assertion-invalid"}, noted.all[0])
	require.Equal(t, "rate-limited", ask("attacker", f.signed(stranger, "JWT", nil)))
	require.Equal(t, "assertion-invalid", ask("elsewhere", f.signed(stranger, "JWT", nil)), "another address")
	require.Equal(t, "assertion-invalid", ask("attacker", f.signed(stranger, "JWT", map[string]any{"iss": "other", "sub": "other"})), "another client")
	require.Empty(t, ask("attacker", f.assertion(nil)), "the right key gets in, from the attacker's address too")
	require.Empty(t, ask("elsewhere", f.assertion(nil)))
	require.Equal(t, access.Visit{Client: counter, Method: "private_key_jwt"}, noted.all[len(noted.all)-1])
	t.Run("strangers write little", func(t *testing.T) {
		before := len(noted.all)
		for i := range 100 {
			id := "nobody-" + strconv.Itoa(i)
			require.Equal(t, "assertion-invalid", ask("attacker", f.signed(stranger, "JWT", map[string]any{"iss": id, "sub": id})))
		}
		require.Less(t, len(noted.all)-before, 20)
		require.Empty(t, noted.all[before].Client, "what a stranger calls himself is not written down")
	})
	t.Run("many strangers write little", func(t *testing.T) {
		f.wait(time.Minute)
		before := len(noted.all)
		for i := range 500 {
			require.Equal(t, "assertion-invalid", ask("bot-"+strconv.Itoa(i), f.signed(stranger, "JWT", nil)))
		}
		require.LessOrEqual(t, len(noted.all)-before, 120)
		require.Empty(t, ask("bot-1", f.assertion(nil)))
		require.Equal(t, access.Visit{Client: counter, Method: "private_key_jwt"}, noted.all[len(noted.all)-1], "who got in is always written down")
	})
	t.Run("tokens of a client", func(t *testing.T) {
		f.wait(time.Minute)
		for range 120 {
			require.Empty(t, ask("elsewhere", f.assertion(nil)))
		}
		require.Equal(t, "rate-limited", ask("elsewhere", f.assertion(nil)))
		f.clients["second"] = access.Client{ID: "second", Role: httpd.RoleOperator, Keys: []*key.Public{f.key.Public()}}
		require.Empty(t, ask("elsewhere", f.assertion(map[string]any{"iss": "second", "sub": "second"})))
	})
	t.Run("over HTTP it is a problem that says when", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+"/oauth/token", strings.NewReader(form(f.assertion(nil)).Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		require.NotEmpty(t, res.Header.Get("Retry-After"))
	})
}

// A deny-set that may have missed a suspension refuses.
func TestStaleRegistryRefuses(t *testing.T) {
	fresh := start
	f := newFixtureWith(t, key.SM2, func(c *access.Config) { c.Fresh = func() time.Time { return fresh } })
	machine := f.token()
	person, _ := f.signIn("holder-1")
	f.wait(5 * time.Second)
	status, _ := f.bearer(machine)
	require.Equal(t, http.StatusOK, status)
	f.wait(time.Millisecond)
	status, w := f.bearer(machine)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "registry-stale", w.Code)
	_, err := f.service.Grant(t.Context(), form(f.assertion(nil)))
	var p *httpd.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, "registry-stale", p.Code)
	require.Positive(t, p.RetryAfter)
	status, _ = f.bearer(person)
	require.Equal(t, http.StatusOK, status, "her session was looked up in the database")
	fresh = f.clock()
	status, _ = f.bearer(machine)
	require.Equal(t, http.StatusOK, status)
}

// A party's clients are suspended with it, and told so.
func TestSuspendedBecause(t *testing.T) {
	f := newFixture(t, key.SM2)
	token := f.token()
	f.register(func(c *access.Client) { c.Suspended, c.Because = true, "party-suspended" })
	require.Equal(t, "party-suspended", f.ask(form(f.assertion(nil))).failed.Code)
	status, w := f.bearer(token)
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "party-suspended", w.Code)
}

// A token ends with the key that it was got with.
func TestKeyTakenAway(t *testing.T) {
	f := newFixture(t, key.SM2)
	old := f.token()
	next := newKey(t, key.ES256)
	f.register(func(c *access.Client) { c.Keys = append(c.Keys, next.Public()) })
	status, _ := f.bearer(old)
	require.Equal(t, http.StatusOK, status)
	f.register(func(c *access.Client) { c.Keys = []*key.Public{next.Public()} })
	status, w := f.bearer(old)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "token-invalid", w.Code)
	got := f.ask(form(f.signed(next, "JWT", nil)))
	status, _ = f.bearer(got.granted.AccessToken)
	require.Equal(t, http.StatusOK, status)
}

// ring is keys that a test rotates.
type ring struct{ keys []*key.Private }

func (r *ring) Signer() (key.Signer, error) { return r.keys[0], nil }

func (r *ring) Find(id string) (*key.Public, error) {
	i := slices.IndexFunc(r.keys, func(k *key.Private) bool { return k.Public().ID() == id })
	if i < 0 {
		return nil, key.ErrNotFound
	}
	return r.keys[i].Public(), nil
}

func (r *ring) Public() ([]*key.Public, error) {
	var all []*key.Public
	for _, k := range r.keys {
		all = append(all, k.Public())
	}
	return all, nil
}

func TestTokenKeyRotates(t *testing.T) {
	keys := &ring{[]*key.Private{newKey(t, key.SM2)}}
	f := newFixtureWith(t, key.SM2, func(c *access.Config) { c.Signer, c.Keys = nil, keys })
	published := func() (ids []string, set *key.Set) {
		res, err := http.Get(f.server.URL + "/.well-known/jwks.json")
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, "application/jwk-set+json", res.Header.Get("Content-Type"))
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		set, err = key.ParseSet(body, false)
		require.NoError(t, err)
		require.NotContains(t, string(body), `"d"`)
		for _, k := range set.Keys {
			ids = append(ids, k.ID())
		}
		return ids, set
	}
	old := f.token()
	first := keys.keys[0].Public().ID()
	ids, set := published()
	require.Equal(t, []string{first}, ids)
	require.Equal(t, key.SM2, set.Keys[0].Algorithm())

	keys.keys = slices.Insert(keys.keys, 0, newKey(t, key.ES256)) // the algorithm may change too
	status, _ := f.bearer(old)
	require.Equal(t, http.StatusOK, status, "good until it ends")
	status, _ = f.bearer(f.token())
	require.Equal(t, http.StatusOK, status)
	ids, _ = published()
	require.Equal(t, []string{keys.keys[0].Public().ID(), first}, ids)

	keys.keys = keys.keys[:1]
	status, w := f.bearer(old)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "token-invalid", w.Code)
}

// The library keeps nothing and leaves nothing running; what it serves beside the token endpoint
// is not to be reached.
func TestLibraryIsContained(t *testing.T) {
	f := newFixture(t, key.SM2)
	_ = f.token()
	http.DefaultClient.CloseIdleConnections()
	before := goleak.IgnoreCurrent()
	for range 300 { // more than its own stores would hold
		_, err := f.service.Grant(t.Context(), form(f.assertion(nil)))
		require.NoError(t, err)
	}
	goleak.VerifyNone(t, before)
	for _, path := range []string{"/register", "/authorize", "/userinfo", "/jwks", "/.well-known/openid-configuration", "/token"} {
		res, err := http.Post(f.server.URL+path, "application/json", strings.NewReader("{}"))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusNotFound, res.StatusCode, path)
	}
	t.Run("a secret of the caller's own counts nothing", func(t *testing.T) {
		got := f.ask(url.Values{"grant_type": {"client_credentials"}, "client_id": {counter}, "client_secret": {""}, "scope": {"verify"}})
		require.Equal(t, "assertion-invalid", got.failed.Code)
	})
	t.Run("a caller who went away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.service.Grant(ctx, form(f.assertion(nil)))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func FuzzTokenForm(f *testing.F) {
	k, err := key.FromScalar(key.ES256, bytes.Repeat([]byte{7}, 32)) // the same in every worker
	require.NoError(f, err)
	s, err := access.New(access.Config{
		Issuer: us, Signer: k, Now: func() time.Time { return start }, Once: everything{},
		Clients: func(id string) (access.Client, error) {
			if id != counter {
				return access.Client{}, access.ErrClientUnknown
			}
			return access.Client{ID: counter, Role: httpd.RoleRelyingParty, Scopes: []string{"verify"}, Keys: []*key.Public{k.Public()}}, nil
		},
	})
	require.NoError(f, err)
	good, err := access.Assert(k, counter, us, start)
	require.NoError(f, err)
	f.Add(form(good).Encode())
	f.Add(form(good).Encode() + "&scope=verify+registry")
	f.Add("grant_type=client_credentials&client_id=counter-1&client_secret=x")
	f.Add("grant_type=client_credentials&client_assertion_type=" + url.QueryEscape(access.AssertionType) + "&client_assertion=a.b.c")
	f.Add("grant_type=authorization_code&code=1;a=b&%zz")
	f.Fuzz(func(t *testing.T, body string) {
		values, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		g, err := s.Grant(t.Context(), values)
		if err == nil {
			require.Equal(t, "verify", g.Scope)
			require.NotEmpty(t, g.AccessToken)
			_, err := json.Marshal(g)
			require.NoError(t, err)
			return
		}
		var r *access.Refusal
		require.ErrorAs(t, err, &r, "whatever is sent is the sender's fault")
		require.NotEmpty(t, r.Code)
	})
}
