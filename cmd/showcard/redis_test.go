package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore/redistest"
)

func TestRedisConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte("none"), 0o600))
	for name, c := range map[string]config{
		"no such file":   {Volatile: "rediss://h:1", VolatileCA: filepath.Join(t.TempDir(), "ca.pem")},
		"no certificate": {Volatile: "rediss://h:1", VolatileCA: file},
		"no such kind":   {Volatile: "redis+both://u:hunter2@h:1"},
		"no master":      {Volatile: "redis+sentinel://u:hunter2@h:1,i:1"},
	} {
		_, err := openRedis(c)
		require.ErrorIs(t, err, errConfig, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// Two processes over a cluster, whose masters die one after the other while people show and counters
// scan. Nobody's code is taken twice; what cannot be answered is 503 or indeterminate; a certificate
// that was revoked is not called valid again; and everything goes on by itself.
func TestClusterLosesMasters(t *testing.T) {
	site := redistest.ClusterSite(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", site.URL)
	b := startDemo(t, data, "--volatile", site.URL)
	identifier := holdingOf(t, data, "person-01", "resident-id")
	police := clientOf(t, data, a.base, "hunan-police")
	banks := []*client{clientOf(t, data, a.base, "demo-bank"), clientOf(t, data, b.base, "demo-bank")}
	citizen := citizenOf(t, b.base, "person-01")

	// Tokens and the page's first code are got while all is well.
	for _, c := range banks {
		_, err := c.authorization(t.Context())
		require.NoError(t, err)
	}
	revoked := revokedOne(t, data, police, banks[0])

	valid, spent, away := 0, 0, map[string]int{}
	var mu sync.Mutex
	note := func(err error) {
		code := codeOf(err)
		mu.Lock()
		defer mu.Unlock()
		away[code]++
	}
	round := func() (ok bool) {
		var show struct{ Code string }
		if err := citizen.call(context.Background(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, "", &show); err != nil {
			note(err)
			return false
		}
		won := 0
		var both sync.WaitGroup
		for i, bank := range banks {
			both.Go(func() {
				for range 40 {
					var got checked
					if err := bank.call(context.Background(), http.MethodPost, "/v1/verifications", map[string]any{"code": show.Code, "purpose": "account-opening"}, "", &got); err != nil {
						note(err)
						continue
					}
					mu.Lock()
					switch got.Outcome {
					case "valid":
						won++
						valid++
					case "indeterminate":
						away[got.Reasons[0].Code]++
					default:
						spent++
					}
					mu.Unlock()
					if i == 0 || got.Outcome != "indeterminate" {
						return
					}
				}
			})
		}
		both.Wait()
		require.LessOrEqual(t, won, 1, "one code, one checker")
		return won == 1
	}
	never := func() {
		var got checked
		if err := banks[1].call(context.Background(), http.MethodPost, "/v1/verifications", revoked, "", &got); err != nil {
			note(err)
			return
		}
		require.NotEqual(t, "valid", got.Outcome)
	}
	require.True(t, round())
	for _, key := range []string{"showcard:{shows:x}", "showcard:{status:1}"} {
		victim := site.Serving(key)
		require.NotNil(t, victim)
		require.NoError(t, victim.Kill())
		for site.Serving(key) == nil || site.Serving(key) == victim {
			round()
			never()
		}
		require.Eventually(t, func() bool { never(); return round() }, time.Minute, 10*time.Millisecond, fmt.Sprint(away))
		require.NoError(t, victim.Start(context.Background()))
		site.AwaitWhole()
	}
	for code := range away {
		require.Contains(t, []string{"overloaded", "status-unavailable", "status-stale", "code-unknown", "timed-out", "rate-limited"}, code, away)
	}
	t.Logf("%d codes accepted, %d refused as spent or lost, without an answer: %v", valid, spent, away)
}

// revokedOne revokes a certificate and returns the question about it.
func revokedOne(t *testing.T, data string, police, bank *client) map[string]any {
	t.Helper()
	identifier := holdingOf(t, data, "person-02", "resident-id")
	question := map[string]any{"purpose": "account-opening", "facts": map[string]any{
		"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": holderOf(t, "person-02").Name}}}
	outcome := func() string {
		var got checked
		require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications", question, "", &got))
		return got.Outcome
	}
	require.Equal(t, "valid", outcome())
	require.NoError(t, police.call(t.Context(), http.MethodPost, "/v1/certificates/"+url.PathEscape(identifier)+"/revoke", map[string]any{"kind": "revoked"}, "r-1", nil))
	require.Equal(t, "invalid", outcome())
	return question
}
