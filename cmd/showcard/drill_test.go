package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
)

// An operator under stress freezes a region, and then everything, from the command line: it bites
// in both processes, nothing is issued or shown, and what is on screens is refused. Only two lift it.
func TestRegionAndAllFreeze(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", redis.URL)
	b := startDemo(t, data, "--volatile", redis.URL)
	citizen, police := citizenOf(t, a.base, "person-01"), clientOf(t, data, a.base, "hunan-police")
	here, there := clientOf(t, data, a.base, "demo-bank"), clientOf(t, data, b.base, "demo-bank")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	facts := map[string]any{"facts": map[string]any{"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": "张示例"}}, "purpose": "account-opening"}
	word := func(c *client) string {
		var got checked
		if err := c.call(t.Context(), http.MethodPost, "/v1/verifications", facts, "", &got); err != nil {
			return codeOf(err)
		}
		if len(got.Reasons) > 0 {
			return got.Outcome + " " + got.Reasons[0].Code
		}
		return got.Outcome
	}
	everywhere := func(want string) {
		t.Helper()
		require.Equal(t, want, word(here), "where it was decided it bites when the answer comes")
		require.Eventually(t, func() bool { return word(there) == want }, 30*time.Second, 20*time.Millisecond)
	}
	proposal := func(args ...string) (p registry.Proposal) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(toolOf(t, 0, append([]string{"freeze"}, append(args, "--json", "--reason", "drill", "--data", data, "--server", a.base)...)...)), &p))
		return p
	}
	push := func(request string) string {
		row := firstRow(t, "hunan-police")
		row["key"] = "STOPPED-1"
		return codeOf(police.call(t.Context(), http.MethodPost, "/v1/certificates", row, request, nil))
	}
	show := func() string {
		return codeOf(citizen.call(t.Context(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, "", nil))
	}
	var original struct{ Credential string }
	require.NoError(t, police.call(t.Context(), http.MethodGet, "/v1/certificates/"+url.PathEscape(identifier), nil, "", &original))
	file := filepath.Join(t.TempDir(), "original.txt")
	require.NoError(t, os.WriteFile(file, []byte(original.Credential), 0o600))
	sdk := func(status int) string {
		return toolOf(t, status, "verify", file, "--data", data, "--trust", a.base+"/v1/trust-list")
	}
	everywhere("valid")
	for _, c := range []struct{ kind, id, code string }{{"region", "430000", "region-frozen"}, {"all", "", "all-frozen"}} {
		onScreen := showOf(t, citizen, identifier)
		args := []string{"propose", c.kind}
		if c.id != "" {
			args = append(args, c.id)
		}
		p := proposal(append(args, "--urgent", "--client", "demo-operator")...)
		require.Equal(t, registry.ProposalOpen, p.State)
		everywhere("invalid " + c.code)
		require.Equal(t, "invalid "+c.code, outcomeOfCode(t, here, onScreen, "account-opening"))
		require.Equal(t, c.code, push("request-"+c.kind))
		require.Equal(t, "holding-not-showable", show())
		require.Contains(t, sdk(1), c.code)
		require.Contains(t, toolOf(t, 0, "freeze", "list", "--data", data, "--server", a.base), p.ID)
		toolOf(t, 1, "freeze", "approve", p.ID, "--reason", "mine", "--client", "demo-operator", "--data", data, "--server", a.base)
		require.Equal(t, registry.ProposalApproved, proposal("approve", p.ID, "--client", "demo-operator-2").State)
		everywhere("invalid " + c.code)
		thaw := proposal(append(args, "--thaw", "--client", "demo-operator")...)
		everywhere("invalid " + c.code)
		require.Equal(t, registry.ProposalApproved, proposal("approve", thaw.ID, "--client", "demo-operator-2").State)
		everywhere("valid")
		require.Empty(t, show())
		sdk(0)
	}
	p := proposal("propose", "region", "430000", "--client", "demo-operator")
	everywhere("valid")
	require.Equal(t, registry.ProposalRejected, proposal("reject", p.ID, "--client", "demo-operator").State)
}

// A suspended party gets no token and its tokens stop, in each process; a released one that is
// suspended and resumed goes on; the quota of the day says when it ends.
func TestPartyLifeOverHTTP(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	o, citizen, bank := operatorsOf(t, data, p.base), citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	check := func() string { return outcomeOf(t, citizen, bank, identifier, "account-opening") }
	step := func(name string) error {
		return o.both(t.Context(), http.MethodPost, "/v1/registry/parties/demo-bank/"+name, map[string]any{"reason": "test"})
	}
	require.Equal(t, "valid", check())
	require.NoError(t, step("suspend"))
	err := bank.call(t.Context(), http.MethodPost, "/v1/verifications/challenges", nil, "", nil)
	require.Contains(t, []string{"client-suspended", "party-suspended"}, codeOf(err), "its token has stopped")
	_, err = clientOf(t, data, p.base, "demo-bank").token(t.Context())
	require.Error(t, err, "and it gets no other")
	require.NoError(t, step("resume"))
	require.Equal(t, "valid", check())

	var usage registry.Usage
	require.NoError(t, o.second.call(t.Context(), http.MethodGet, "/v1/registry/parties/demo-bank/usage?days=1", nil, "", &usage))
	require.EqualValues(t, 2, usage.Checks)
	require.Equal(t, "account-opening", usage.Groups[0].Purpose)
	require.NotEmpty(t, usage.Fields)
	changeEntry(t, o, "parties", "demo-bank", func(v *registry.Party) { v.PerDay = 1 })
	require.Equal(t, "valid", check())
	code := showOf(t, citizen, identifier)
	err = bank.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": "account-opening"}, "", nil)
	var refused *answerError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "day-quota-used", refused.Code)
	require.Positive(t, refused.RetryAfter)
	require.LessOrEqual(t, refused.RetryAfter, 24*time.Hour)

	var history struct{ Revisions []registry.Past }
	require.NoError(t, o.first.call(t.Context(), http.MethodGet, "/v1/registry/history?from=1", nil, "", &history))
	last := history.Revisions[len(history.Revisions)-1]
	require.Equal(t, "demo-operator", last.Who)
	require.Equal(t, registry.Changed{Kind: "party", ID: "demo-bank", How: "changed", Fields: []string{"per_day", "steps"}}, last.Changes[0])
}

// The deployment's own keys rotate while it serves: verifications go on, and what is signed from
// then on is signed by the next key.
func TestDeploymentKeysRotate(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	citizen, bank, police := citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank"), clientOf(t, data, p.base, "hunan-police")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	check := func() string { return outcomeOf(t, citizen, bank, identifier, "account-opening") }
	require.Equal(t, "valid", check())
	rotated := func(kind string) string {
		var jwk struct{ Kid string }
		require.NoError(t, json.Unmarshal([]byte(toolOf(t, 0, "rotate", kind, "--data", data)), &jwk))
		require.NotEmpty(t, jwk.Kid)
		return jwk.Kid
	}
	providerKey := rotated("wallet-provider")
	require.Equal(t, "valid", check())
	statusKey := rotated("status")
	require.Equal(t, "valid", check())
	o := operatorsOf(t, data, p.base)
	var providersNow struct{ Providers []registry.Provider }
	require.Eventually(t, func() bool { // the running server has seen what the command wrote
		require.NoError(t, o.first.call(t.Context(), http.MethodGet, "/v1/registry/providers", nil, "", &providersNow))
		return len(providersNow.Providers[0].Keys) == 2
	}, 30*time.Second, 20*time.Millisecond)
	keys := providersNow.Providers[0].Keys
	require.Equal(t, providerKey, keys[1].Public.ID())
	require.False(t, keys[0].NotAfter.IsZero())

	// A change of state has the list signed anew, by the next key.
	require.NoError(t, police.call(t.Context(), http.MethodPost, "/v1/certificates/"+url.PathEscape(identifier)+"/suspend", map[string]any{"reason": "test"}, "", nil))
	var published struct{ Credential string }
	require.NoError(t, police.call(t.Context(), http.MethodGet, "/v1/certificates/"+url.PathEscape(identifier), nil, "", &published))
	file := filepath.Join(t.TempDir(), "original.txt")
	require.NoError(t, os.WriteFile(file, []byte(published.Credential), 0o600))
	uri := statusURIOf(t, published.Credential)
	require.Eventually(t, func() bool { return headerOf(t, p.base+uri).Kid == statusKey }, 30*time.Second, 20*time.Millisecond)
	require.Contains(t, toolOf(t, 1, "verify", file, "--data", data, "--trust", p.base+"/v1/trust-list"), "certificate-suspended")
	require.NoError(t, police.call(t.Context(), http.MethodPost, "/v1/certificates/"+url.PathEscape(identifier)+"/reinstate", map[string]any{"reason": "test"}, "", nil))
	require.Eventually(t, func() bool { return check() == "valid" }, 30*time.Second, 50*time.Millisecond)
	require.NoError(t, p.stop(syscall.SIGTERM))
	p = startProcess(t, strings.TrimPrefix(p.base, "http://"), "the demo is running", "demo", "--data", data, "--addr", strings.TrimPrefix(p.base, "http://"))
	require.Equal(t, "valid", outcomeOf(t, citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank"), identifier, "account-opening"))
}

// statusURIOf is the path of the status list that a certificate names.
func statusURIOf(t *testing.T, credential string) string {
	t.Helper()
	var claims struct {
		Status struct {
			StatusList struct{ URI string } `json:"status_list"`
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(credential, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &claims))
	u, err := url.Parse(claims.Status.StatusList.URI)
	require.NoError(t, err)
	return u.Path
}

// headerOf is the header of a JWS that everybody may fetch.
func headerOf(t *testing.T, address string) (h struct{ Kid string }) {
	t.Helper()
	resp, err := http.Get(address)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(string(body), ".")[0])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &h))
	return h
}

// The drill: a root key is lost and replaced, the list key rotates and the old one is dropped, on
// a deployment that serves all the while, for somebody who pinned the first roots.
func TestRootsDrill(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	safe := t.TempDir()
	for _, name := range []string{"root-1.jwk", "root-2.jwk"} { // root-3 is lost
		require.NoError(t, os.Rename(filepath.Join(data, offlineRootKeys, name), filepath.Join(safe, name)))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(data, offlineRootKeys)))
	in := func(name string) string { return filepath.Join(safe, name) }
	pinned, err := os.ReadFile(filepath.Join(data, "roots.json"))
	require.NoError(t, err)
	early, err := verifier.FetchTrust(p.base, pinned, nil)
	require.NoError(t, err)
	memory := filepath.Join(t.TempDir(), "trust.json")
	require.NoError(t, early.Remember(memory))
	before, err := early.Current(t.Context())
	require.NoError(t, err)
	o, citizen, bank := operatorsOf(t, data, p.base), citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	put := func(name string) error {
		doc, err := os.ReadFile(in(name))
		require.NoError(t, err)
		return o.first.call(t.Context(), http.MethodPut, "/v1/registry/roots", json.RawMessage(doc), "", nil)
	}

	require.NoError(t, os.WriteFile(in("list-2.jwk"), []byte(toolOf(t, 0, "rotate", "trust-list", "--data", data)), 0o600))
	toolOf(t, 0, "keygen", "--out", in("root-4.jwk"))
	next := []string{"roots", "next", "--current", filepath.Join(data, "roots.json"), "--keys", in("root-1.jwk"), "--replace", "3", "--new-key", in("root-4.jwk"), "--list-key", in("list-2.jwk"), "--out", in("roots-2.json")}
	require.Contains(t, toolOf(t, 0, next...), "signatures are missing")
	toolOf(t, 1, next...) // never overwritten
	toolOf(t, 1, "roots", "show", in("roots-2.json"), "--current", filepath.Join(data, "roots.json"))
	require.Equal(t, "roots-too-few-signatures", codeOf(put("roots-2.json")))
	toolOf(t, 0, "roots", "sign", in("roots-2.json"), "--keys", in("root-2.jwk"))
	toolOf(t, 2, "roots", "sign", in("roots-2.json"), "--keys", in("root-2.jwk"))
	require.Contains(t, toolOf(t, 0, "roots", "show", in("roots-2.json"), "--current", filepath.Join(data, "roots.json")), "may follow")
	require.NoError(t, put("roots-2.json"))
	require.Equal(t, "valid", outcomeOf(t, citizen, bank, identifier, "account-opening"))

	signer := headerOf(t, p.base+"/v1/trust-list")
	require.Contains(t, toolOf(t, 0, "roots", "show", in("roots-2.json")), signer.Kid)
	var old string
	for _, line := range strings.Split(toolOf(t, 0, "roots", "show", filepath.Join(data, "roots.json")), "\n") {
		if fields := strings.Fields(line); len(fields) > 3 && strings.Contains(line, "list key") {
			old = fields[3]
		}
	}
	require.NotEqual(t, old, signer.Kid)
	toolOf(t, 0, "roots", "next", "--current", in("roots-2.json"), "--keys", in("root-2.jwk"), "--keys", in("root-4.jwk"), "--drop-list-key", old, "--out", in("roots-3.json"))
	require.NoError(t, put("roots-3.json"))
	require.NoError(t, put("roots-3.json"), "once more")
	require.Equal(t, "roots-rolled-back", codeOf(put("roots-2.json")))
	require.Equal(t, "valid", outcomeOf(t, citizen, bank, identifier, "account-opening"))

	// Whoever pinned the first walks both steps; a restarted server goes on from the third.
	require.NoError(t, p.stop(syscall.SIGTERM))
	addr := strings.TrimPrefix(p.base, "http://")
	p = startProcess(t, addr, "the demo is running", "demo", "--data", data, "--addr", addr)
	late, err := verifier.FetchTrust(p.base, pinned, nil)
	require.NoError(t, err)
	require.NoError(t, late.Remember(memory))
	after, err := late.Current(t.Context())
	require.NoError(t, err)
	require.Greater(t, after.Version, before.Version)
	var seen struct {
		Version int64 `json:"trust_list_version"`
		Roots   int64 `json:"roots_version"`
	}
	raw, err := os.ReadFile(memory)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &seen))
	require.Equal(t, after.Version, seen.Version)
	require.EqualValues(t, 3, seen.Roots, "also the step that only drops a key, though the list fits the one before")
	require.NoError(t, os.WriteFile(memory, []byte(`{"trust_list_version":9007199254740991}`), 0o600))
	third, err := verifier.FetchTrust(p.base, pinned, nil)
	require.NoError(t, err)
	require.NoError(t, third.Remember(memory))
	_, err = third.Current(t.Context())
	require.ErrorIs(t, err, trustlist.ErrRolledBack, "who has seen more believes no older list, restarted or not")
	require.NoError(t, os.WriteFile(memory, []byte(`what?`), 0o600))
	require.Error(t, third.Remember(memory))
	require.Equal(t, "valid", outcomeOf(t, citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank"), identifier, "account-opening"))
}
