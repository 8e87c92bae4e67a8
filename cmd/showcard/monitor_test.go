package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// monitor looks at a demo that has worked for a while.
func (j *judge) monitor(operator, auditor, party string) {
	const path = "/v1/monitor"
	first := j.call(http.MethodGet, path, operator, nil, http.StatusOK)
	second := j.call(http.MethodGet, path, auditor, nil, http.StatusOK)
	require.Equal(j.t, first["process"], second["process"])
	j.call(http.MethodGet, path, party, nil, http.StatusForbidden)
	classes := map[string]map[string]any{}
	for _, c := range second["classes"].([]any) {
		c := c.(map[string]any)
		classes[c["class"].(string)] = c
	}
	require.Positive(j.t, classes["scan"]["per_second"])
	require.Positive(j.t, classes["scan"]["p99_ms"])
	require.Positive(j.t, second["status"].(map[string]any)["lists"])
	require.Equal(j.t, map[string]any{"kind": "memory", "ok": true}, second["volatile"])
	require.Equal(j.t, "sqlite", second["database"].(map[string]any)["kind"])
	require.NotEmpty(j.t, second["trust_list"])
	require.NotEmpty(j.t, second["refusals"])
	outcomes := second["verifications"].(map[string]any)
	require.Positive(j.t, outcomes["valid"])
	require.Positive(j.t, outcomes["invalid"])
}

func TestVolatileKinds(t *testing.T) {
	for url, kind := range map[string]string{
		"memory": "memory", "redis://u:p@h:1/0": "redis", "rediss://h:1": "redis", "unix:///run/redis": "redis",
		"redis+sentinel://h:1,i:2/m": "redis-sentinel", "rediss+cluster://h:1": "redis-cluster",
	} {
		require.Equal(t, kind, volatileKind(url), url)
	}
}
