package verifier_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// goodCounter is a checker that has taken a bundle along, and a good code.
func goodCounter(t *testing.T, edit func(*verifier.OfflineConfig)) (*verifier.OfflineChecker, string) {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/bundle/sm/good-whole.json")
	require.NoError(t, err)
	var v bundleVector
	require.NoError(t, json.Unmarshal(data, &v))
	var code string
	c := newCounter(t, v, time.Unix(v.Steps[0].At, 0))
	for _, s := range v.Steps {
		if s.Do == "take" && c.bundles.AsOf().IsZero() {
			raw, err := base64.RawURLEncoding.DecodeString(s.Bundle)
			require.NoError(t, err)
			require.NoError(t, c.bundles.Take(raw))
		}
		if s.Do == "check" && s.Expect == "valid" {
			code = s.Code
		}
	}
	types, err := schemas.Embedded()
	require.NoError(t, err)
	cfg := verifier.OfflineConfig{Trust: c.bundles, Revoked: c.bundles, Types: types, Scenes: []string{"bank"}, Now: func() time.Time { return c.now }}
	edit(&cfg)
	checker, err := verifier.NewOfflineChecker(cfg)
	require.NoError(t, err)
	return checker, code
}

// All scanners of a counter share a memory: one of them wins.
func TestOfflineShownAtOnce(t *testing.T) {
	checker, code := goodCounter(t, func(*verifier.OfflineConfig) {})
	var mu sync.Mutex
	outcomes := map[string]int{}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			r := checker.Check(t.Context(), code, verifier.Asked{})
			mu.Lock()
			defer mu.Unlock()
			if r.Outcome == verifier.Valid {
				outcomes["valid"]++
				return
			}
			require.Empty(t, r.Claims, "nobody reads what was shown to somebody else")
			outcomes[r.Reasons[0]]++
		})
	}
	wg.Wait()
	require.Equal(t, map[string]int{"valid": 1, verifier.CodeReplayed: 31}, outcomes)
}

func TestOfflineMemoryFull(t *testing.T) {
	checker, code := goodCounter(t, func(c *verifier.OfflineConfig) { c.Memory = -1 })
	r := checker.Check(t.Context(), code, verifier.Asked{})
	require.Equal(t, verifier.Indeterminate, r.Outcome)
	require.Equal(t, []string{"overloaded"}, r.Reasons)
}

func TestOfflineAsked(t *testing.T) {
	checker, code := goodCounter(t, func(*verifier.OfflineConfig) {})
	require.Equal(t, []string{"offline-audience-wrong"}, checker.Check(t.Context(), code, verifier.Asked{Checker: "bank-7", Nonce: []byte("12345678")}).Reasons)
	require.Equal(t, []string{"offline-nonce-missing"}, checker.Check(t.Context(), code, verifier.Asked{Nonce: []byte("12345678")}).Reasons)
	for text, want := range map[string]string{"": "code-not-ours", "SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47": "code-not-ours", code[:len(code)-9]: "code-truncated", "SC2!": "code-alphabet"} {
		r := checker.Check(t.Context(), text, verifier.Asked{})
		require.Equal(t, verifier.Invalid, r.Outcome)
		require.Equal(t, []string{want}, r.Reasons, "%q", text)
	}
	other, code := goodCounter(t, func(c *verifier.OfflineConfig) { c.Scenes = []string{"hospital"} })
	require.Equal(t, []string{"offline-audience-wrong"}, other.Check(t.Context(), code, verifier.Asked{}).Reasons)
	r := checker.Check(t.Context(), code, verifier.Asked{})
	require.Equal(t, verifier.Valid, r.Outcome)
	require.EqualValues(t, 5, r.Offline.ProofAge)
	require.Equal(t, verifier.BoundDevice, r.Holder.Bound)
	require.Equal(t, "bundle", r.Status.Source)
	require.NotNil(t, r.Status.AsOf)
	require.Equal(t, "identity", r.Offline.View)
}

func TestOfflineConfig(t *testing.T) {
	_, err := verifier.NewOfflineChecker(verifier.OfflineConfig{})
	require.Error(t, err)
	_, err = verifier.KeepBundles(verifier.BundleConfig{Base: "https://a", Roots: []byte("{}")})
	require.Error(t, err)
	data, err := os.ReadFile("../testdata/vectors/bundle/sm/good-whole.json")
	require.NoError(t, err)
	var v bundleVector
	require.NoError(t, json.Unmarshal(data, &v))
	_, err = verifier.KeepBundles(verifier.BundleConfig{Base: v.Base, Roots: []byte(v.Roots), MaxAge: 25 * time.Hour})
	require.Error(t, err, "after a day it says nothing")
	b, err := verifier.KeepBundles(verifier.BundleConfig{Base: v.Base, Roots: []byte(v.Roots)})
	require.NoError(t, err)
	require.Error(t, b.Renew(t.Context()), "no token")
	_, err = verifier.NewOfflineChecker(verifier.OfflineConfig{Trust: b, Revoked: b, Types: &schemas.Catalogue{}, MaxAge: 25 * time.Hour})
	require.Error(t, err)
}
