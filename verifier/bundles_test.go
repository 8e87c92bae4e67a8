package verifier_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

type bundleVector struct {
	Name, Base, Roots string
	Steps             []struct {
		Do     string
		At     int64
		Bundle string
		Code   string
		List   string
		Index  uint64 `json:"idx"`
		Wants  json.RawMessage
		Expect string
	}
}

// counter is an offline checker whose clock stands.
type counter struct {
	now     time.Time
	bundles *verifier.Bundles
	checker *verifier.OfflineChecker
}

// restart makes it forget everything, in memory.
func (c *counter) restart(t *testing.T, v bundleVector) {
	t.Helper()
	clock := func() time.Time { return c.now }
	var err error
	c.bundles, err = verifier.KeepBundles(verifier.BundleConfig{Base: v.Base, Roots: []byte(v.Roots), Now: clock, Statuses: true})
	require.NoError(t, err)
	types, err := schemas.Embedded()
	require.NoError(t, err)
	c.checker, err = verifier.NewOfflineChecker(verifier.OfflineConfig{Trust: c.bundles, Revoked: c.bundles, Types: types, Scenes: []string{"bank"}, Now: clock})
	require.NoError(t, err)
}

func newCounter(t *testing.T, v bundleVector, now time.Time) *counter {
	t.Helper()
	c := &counter{now: now}
	c.restart(t, v)
	return c
}

// The vectors that every SDK runs: see testdata/vectors/README.md.
func TestBundleVectors(t *testing.T) {
	files, err := filepath.Glob("../testdata/vectors/bundle/*/*.json")
	require.NoError(t, err)
	require.Greater(t, len(files), 170)
	problems, err := os.ReadFile("../testdata/problems.json")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			var v bundleVector
			require.NoError(t, json.Unmarshal(data, &v))
			c := newCounter(t, v, time.Unix(v.Steps[0].At, 0))
			for n, s := range v.Steps {
				c.now = time.Unix(s.At, 0)
				got := c.step(t, v, s.Do, s.Bundle, s.Code, s.List, s.Index, s.Wants)
				require.Equal(t, s.Expect, got, "step %d: %s", n, s.Do)
				switch got {
				case "", "taken", "valid", "invalid", "suspended", "application-specific":
				default:
					require.Contains(t, string(problems), `"`+got+`"`)
				}
			}
		})
	}
}

func (c *counter) step(t *testing.T, v bundleVector, do, data, code, list string, index uint64, wants json.RawMessage) string {
	t.Helper()
	outcome := func(err error) string {
		if err != nil {
			require.NotEmpty(t, verifier.BundleCode(err), err)
			return verifier.BundleCode(err)
		}
		return "taken"
	}
	switch do {
	case "take":
		raw, err := base64.RawURLEncoding.DecodeString(data)
		require.NoError(t, err)
		return outcome(c.bundles.Take(raw))
	case "restart":
		kept := c.bundles.Kept()
		c.restart(t, v)
		return outcome(c.bundles.Restore(kept))
	case "wants":
		got, err := json.Marshal(c.bundles.Wants())
		require.NoError(t, err)
		require.JSONEq(t, string(wants), string(got))
		return ""
	case "status":
		home := &trustlist.Domain{BaseURL: v.Base, StatusPrefix: v.Base + "/status/"}
		if list, err := c.bundles.Current(t.Context()); err == nil {
			home, err = list.DomainAt(v.Base)
			require.NoError(t, err)
		}
		a, err := c.bundles.Status(context.Background(), statuslist.Reference{URI: home.StatusPrefix + list, Index: index}, home)
		if err != nil {
			return verifier.StatusCode(err)
		}
		return map[statuslist.Status]string{0: "valid", 1: "invalid", 2: "suspended", 3: "application-specific"}[a.Status]
	case "check":
		r := c.checker.Check(t.Context(), code, verifier.Asked{})
		if r.Outcome == verifier.Valid {
			require.Empty(t, r.Reasons)
			require.NotEmpty(t, r.Claims.Text("name"))
			return "valid"
		}
		require.Len(t, r.Reasons, 1)
		return r.Reasons[0]
	}
	require.FailNow(t, "no such step", do)
	return ""
}
