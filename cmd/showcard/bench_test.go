package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/bench"
)

// The figures are there, and mean something; how large they are is not for a test to say.
func TestBench(t *testing.T) {
	t.Setenv(processVariable, "1") // the servers that are measured are this binary again
	out, _, err := runTool(t, nil, (&benchCommand{Quick: true, JSON: true}).Run)
	require.NoError(t, err)
	var report bench.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	var raw struct {
		Metrics []map[string]any `json:"metrics"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &raw))
	require.True(t, report.Quick)
	require.Positive(t, report.Machine.Cores)
	seen := map[string]bench.Metric{}
	for _, m := range report.Metrics {
		require.Positive(t, m.Value, m.Name)
		require.NotEmpty(t, m.Unit, m.Name)
		require.Equal(t, m.Goal == "", m.Met == nil, m.Name)
		require.NotContains(t, seen, m.Name)
		seen[m.Name] = m
	}
	for _, name := range []string{"sm2_issuer_ratio", "sm2_returning_ratio", "sm2_issuer_all_cores_ratio", "sm2_returning_all_cores_ratio", "sm2_issuer_table_build_ms", "sm2_issuer_table_kb", "sm2_returning_table_build_us",
		"verify_api_warm_ratio", "verify_api_cold_ratio", "verify_api_warm_p99_ms", "overload_goodput_ratio", "overload_work_ratio", "overload_refusal_p99_ms", "overload_scans_kept",

		"status_lookup_ratio", "status_memory_ratio", "revocation_p50_ms", "revocation_p99_ms", "status_propagation_per_s", "replica_cold_start_s"} {
		require.Contains(t, seen, name)
	}
	for _, entry := range raw.Metrics {
		for _, field := range []string{"name", "value", "unit", "goal", "baseline", "ours"} {
			require.Contains(t, entry, field, entry["name"])
		}
	}
	require.Equal(t, ">= 1.8", seen["sm2_returning_ratio"].Goal)
	require.Equal(t, ">= 3.5", seen["sm2_issuer_ratio"].Goal)
	require.NotEmpty(t, seen["sm2_issuer_ratio"].Baseline)
}
