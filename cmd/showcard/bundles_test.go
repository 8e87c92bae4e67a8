package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// phone is a device with a stock of codes.
type phone struct {
	t    *testing.T
	key  *key.Private
	id   string
	cwts []string
}

func newPhone(t *testing.T, citizen *client, identifier, view string, codes int) *phone {
	t.Helper()
	p := &phone{t: t, key: deviceKey(t, key.ES256)}
	p.id = registerDevice(t, citizen, p.key)
	p.fill(citizen, identifier, view, codes)
	return p
}

func (p *phone) fill(citizen *client, identifier, view string, codes int) {
	p.t.Helper()
	var got stockAnswer
	require.NoError(p.t, citizen.call(p.t.Context(), http.MethodPost, "/v1/wallet/devices/"+p.id+"/stock", map[string]any{"identifier": identifier, "view": view, "count": codes}, "", &got))
	p.cwts = append(p.cwts, got.CWTs...)
}

// show makes the text of a code, without a network.
func (p *phone) show(n int, proof sdcwt.Proof) string {
	p.t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(p.cwts[n])
	require.NoError(p.t, err)
	if proof.IssuedAt.IsZero() {
		proof.IssuedAt = time.Now()
	}
	token, err := sdcwt.Prove(p.t.Context(), p.key, raw, proof)
	require.NoError(p.t, err)
	return qr.FormatOffline(token)
}

// A counter in the cellar: what it took along, what is taken back meanwhile, and what it is told.
func TestOfflineCounter(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDemo(t, data)
	ctx := t.Context()
	citizen, police, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "hunan-police"), clientOf(t, data, d.base, "demo-bank")
	licence := holdingOf(t, data, "person-01", "drivers-licence")
	mobile := newPhone(t, citizen, licence, "may-drive-c1", 4)
	roots, err := os.ReadFile(filepath.Join(data, rootsFile))
	require.NoError(t, err)
	types, err := schemas.Embedded()
	require.NoError(t, err)

	now := time.Now
	counter := func() (*verifier.Bundles, *verifier.OfflineChecker) {
		kept, err := verifier.KeepBundles(verifier.BundleConfig{Base: demoFileOf(t, data).BaseURL, Roots: roots, Statuses: true, Now: func() time.Time { return now() },
			Token: func(ctx context.Context) (string, error) { g, err := bank.token(ctx); return g.AccessToken, err }})
		require.NoError(t, err)
		checker, err := verifier.NewOfflineChecker(verifier.OfflineConfig{Trust: kept, Revoked: kept, Types: types, Scenes: []string{"bank"}, Now: func() time.Time { return now() }})
		require.NoError(t, err)
		return kept, checker
	}
	kept, checker := counter()
	check := func(code string) *verifier.Result { return checker.Check(ctx, code, verifier.Asked{}) }

	// Nothing taken along: nothing is valid, and nothing is invalid either.
	require.Equal(t, verifier.Indeterminate, check(mobile.show(0, sdcwt.Proof{Audience: "bank"})).Outcome)

	require.NoError(t, kept.Renew(ctx))
	first := kept.AsOf()
	shown := mobile.show(0, sdcwt.Proof{Audience: "bank"})
	r := check(shown)
	require.Equal(t, verifier.Valid, r.Outcome, r.Reasons)
	require.Equal(t, "drivers-licence", r.Type)
	require.Equal(t, "may-drive-c1", r.Offline.View)
	require.Equal(t, "true", string(r.Claims["may_drive_c1"]))
	require.Equal(t, []string{verifier.CodeReplayed}, check(shown).Reasons)
	require.Equal(t, []string{sdcwt.CodeAudience}, check(mobile.show(0, sdcwt.Proof{Audience: "hospital"})).Reasons)
	nonce := []byte("the counter's own code")
	r = checker.Check(ctx, mobile.show(0, sdcwt.Proof{Audience: "bank-7", Nonce: nonce}), verifier.Asked{Checker: "bank-7", Nonce: nonce})
	require.Equal(t, verifier.Valid, r.Outcome, r.Reasons)

	// What happens meanwhile it cannot know. With the network it is a few hundred bytes.
	require.NoError(t, police.call(ctx, http.MethodPost, "/v1/certificates/"+licence+"/suspend", map[string]any{}, "", nil))
	require.Equal(t, verifier.Valid, check(mobile.show(1, sdcwt.Proof{Audience: "any"})).Outcome)
	require.NoError(t, kept.Renew(ctx))
	require.Len(t, kept.Kept(), 2)
	require.Less(t, len(kept.Kept()[1]), 1000)
	require.Less(t, len(kept.Kept()[1]), len(kept.Kept()[0])/4)
	for n := range mobile.cwts {
		r = check(mobile.show(n, sdcwt.Proof{Audience: "any"}))
		require.Equal(t, verifier.Invalid, r.Outcome)
		require.Equal(t, []string{verifier.CodeOfflineRevoked}, r.Reasons)
	}

	// Reinstated, new codes: they are no one's to revoke.
	require.NoError(t, police.call(ctx, http.MethodPost, "/v1/certificates/"+licence+"/reinstate", map[string]any{}, "", nil))
	mobile.fill(citizen, licence, "may-drive-c1", 2)
	require.Equal(t, verifier.Valid, check(mobile.show(4, sdcwt.Proof{Audience: "any"})).Outcome)

	// A restart, from the disk.
	again, checker2 := counter()
	require.NoError(t, again.Restore(kept.Kept()))
	require.Equal(t, kept.AsOf(), again.AsOf())
	require.Equal(t, []string{verifier.CodeOfflineRevoked}, checker2.Check(ctx, mobile.show(1, sdcwt.Proof{Audience: "any"}), verifier.Asked{}).Reasons)
	require.Equal(t, "bundle-rolled-back", verifier.BundleCode(again.Take(kept.Kept()[0])))
	fresh, _ := counter()
	require.Equal(t, "bundle-trust-missing", verifier.BundleCode(fresh.Take(kept.Kept()[1])), "a change is nothing to who has nothing")
	broken := append([]byte(nil), kept.Kept()[0]...)
	broken[len(broken)-1] ^= 1
	require.Equal(t, "bundle-signature-invalid", verifier.BundleCode(fresh.Take(broken)))
	require.Zero(t, fresh.AsOf())

	// A day later there is nothing left to believe.
	now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	r = check(mobile.show(4, sdcwt.Proof{Audience: "any", IssuedAt: now()}))
	require.Equal(t, []string{"trust-list-stale"}, r.Reasons)
	require.Equal(t, verifier.Indeterminate, r.Outcome)
	now = func() time.Time { return first.Add(-2 * time.Hour) }
	require.Equal(t, "bundle-from-future", verifier.BundleCode(fresh.Take(kept.Kept()[0])))
	now = time.Now

	// Asked by hand.
	ask := func(body map[string]any) error {
		return bank.call(ctx, http.MethodPost, "/v1/offline/bundle", body, "", nil)
	}
	for member, value := range map[string]any{"statuses": "some", "serials": -1, "lists": map[string]any{"none": 0}, "list": "1"} {
		require.Contains(t, []string{"field-invalid", "field-type"}, codeOf(ask(map[string]any{member: value})), member)
	}
	require.Equal(t, "forbidden-role", codeOf(police.call(ctx, http.MethodPost, "/v1/offline/bundle", map[string]any{}, "", nil)))
}

// The tools: a bundle is fetched, brought up to date, explained, and checks a code when the server is gone.
func TestBundleTools(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDemo(t, data)
	file := filepath.Join(t.TempDir(), "counter.bundle")
	citizen := citizenOf(t, d.base, "person-01")
	mobile := newPhone(t, citizen, holdingOf(t, data, "person-01", "drivers-licence"), "may-drive-c1", 2)
	toolOf(t, 3, "verify", mobile.show(0, sdcwt.Proof{Audience: "any"}), "--bundle", file, "--data", data)
	for range 2 {
		require.Contains(t, toolOf(t, 0, "bundle", file, "--statuses", "--data", data, "--client", "demo-bank"), "as of 20")
	}
	toolOf(t, 1, "bundle", file, "--data", data, "--client", "hunan-police")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	flipped := append([]byte(nil), kept...)
	flipped[len(flipped)-9] ^= 1
	damaged := [][]byte{kept[:len(kept)-1], flipped, []byte("no bundle")} // a disk that lost or gained something
	for _, broken := range damaged {
		require.NoError(t, os.WriteFile(file, broken, 0o600))
		require.Contains(t, toolOf(t, 0, "bundle", file, "--statuses", "--data", data, "--client", "demo-bank"), "as of 20")
		aside, err := os.ReadFile(file + ".damaged")
		require.NoError(t, err)
		require.Equal(t, broken, aside)
		toolOf(t, 0, "verify", mobile.show(0, sdcwt.Proof{Audience: "any"}), "--bundle", file, "--data", data)
	}
	kept, err = os.ReadFile(file)
	require.NoError(t, err)
	_ = d.stop(syscall.SIGTERM)

	out := toolOf(t, 0, "verify", mobile.show(0, sdcwt.Proof{Audience: "any"}), "--bundle", file, "--data", data)
	require.Contains(t, out, "VALID")
	require.Contains(t, out, "bundle")
	require.Contains(t, toolOf(t, 1, "verify", mobile.show(0, sdcwt.Proof{Audience: "bank"}), "--bundle", file, "--data", data), "offline-audience-wrong")
	toolOf(t, 0, "verify", mobile.show(1, sdcwt.Proof{Audience: "bank"}), "--bundle", file, "--data", data, "--scene", "bank", "--json")
	toolOf(t, 2, "verify", "SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47", "--bundle", file, "--data", data)

	one := filepath.Join(t.TempDir(), "one.cbor")
	first, _, err := cose.First(kept)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(one, first, 0o600))
	out = toolOf(t, 0, "inspect", one)
	require.Contains(t, out, "revoked codes")
	require.Contains(t, out, "status list 1")
	require.Contains(t, out, "trust list")

	for _, broken := range damaged {
		require.NoError(t, os.WriteFile(file, broken, 0o600))
		toolOf(t, 3, "verify", mobile.show(0, sdcwt.Proof{Audience: "any"}), "--bundle", file, "--data", data)
	}
}

// bundles walks the route.
func (j *judge) bundles(bank string) {
	const bundle = "/v1/offline/bundle"
	j.call(http.MethodPost, bundle, bank, map[string]any{}, http.StatusOK)
	j.call(http.MethodPost, bundle, bank, map[string]any{"roots": 1, "list": 1, "serials": 0, "statuses": "named", "lists": map[string]any{"1": 0}}, http.StatusOK)
	j.call(http.MethodPost, bundle, bank, map[string]any{"statuses": "some"}, http.StatusUnprocessableEntity)
	j.call(http.MethodPost, bundle, bank, map[string]any{"lists": map[string]any{"none": 0}}, http.StatusUnprocessableEntity)
}
