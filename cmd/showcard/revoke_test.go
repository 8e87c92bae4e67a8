package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRevoke(t *testing.T) {
	o := newOffice(t)
	o.start(nil)
	c := o.dial()
	push := pushCommand{File: writeRows(t, policeRows(t, 5)), JSON: true, Quiet: true}
	out, _, err := runTool(t, nil, func(e *env) error { return push.as(e, c) })
	require.NoError(t, err)
	results := readLines(t, readSummary(t, out).Report)
	ids := make([]string, len(results))
	for i, line := range results {
		var r rowResult
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		ids[i] = r.Identifier
	}
	state := func(id string) string {
		var cert struct{ State, Reason string }
		require.NoError(t, c.call(t.Context(), "GET", "/v1/certificates/"+id, nil, "", &cert))
		return cert.State + " " + cert.Reason
	}

	done, err := revokeCommand{Suspend: true, Reason: "seized"}.one(t.Context(), c, change{Identifier: ids[0]})
	require.NoError(t, err)
	require.True(t, done.OK)
	require.Equal(t, "suspended seized", state(ids[0]))
	_, err = revokeCommand{Reinstate: true, Reason: "returned"}.one(t.Context(), c, change{Identifier: ids[0]})
	require.NoError(t, err)
	require.Equal(t, "valid returned", state(ids[0]))
	_, err = revokeCommand{Kind: "revoked", Reason: "17"}.one(t.Context(), c, change{Identifier: ids[0]})
	require.NoError(t, err)
	require.Equal(t, "revoked 17", state(ids[0]))
	_, err = revokeCommand{Reinstate: true}.one(t.Context(), c, change{Identifier: ids[0]})
	require.Equal(t, "state-transition-refused", codeOf(err))

	t.Run("a file, with faults in it", func(t *testing.T) {
		wrong := ids[1][:len(ids[1])-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(ids[1], "0")]
		lines := []string{"# moved away", ids[1], wrong, "", `{"identifier":"` + ids[2] + `","kind":"cancelled","reason":"died"}`, `{"identifier":`, results[3], ids[0]}
		file := filepath.Join(t.TempDir(), "list")
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
		cmd := revokeCommand{File: file, Kind: "transferred", Reason: "March", JSON: true}
		out, errs, err := runTool(t, nil, func(e *env) error { return cmd.many(e, c) })
		require.ErrorIs(t, err, errSilent)
		require.Contains(t, errs, "3 done, 3 failed")
		var report []changed
		for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
			var r changed
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			report = append(report, r)
		}
		require.Len(t, report, 6)
		require.Equal(t, changed{Line: 2, Identifier: ids[1], Action: "transferred", OK: true}, report[0])
		require.Equal(t, "identifier-checksum", report[1].Code)
		require.Equal(t, "cancelled", report[2].Action)
		require.Equal(t, "row-malformed", report[3].Code)
		require.True(t, report[4].OK)
		require.Equal(t, "state-transition-refused", report[5].Code)
		require.Equal(t, "transferred March", state(ids[1]))
		require.Equal(t, "cancelled died", state(ids[2]))
		require.Equal(t, "transferred March", state(ids[3]))
	})
	t.Run("a server that is gone stops the file", func(t *testing.T) {
		o.stop()
		c := o.dial()
		c.attempts = 1
		c.wait = func(context.Context, time.Duration) error { return nil }
		cmd := revokeCommand{File: "-", Kind: "lapsed"}
		_, errs, err := runTool(t, strings.NewReader(ids[4]+"\n"+ids[3]), func(e *env) error { return cmd.many(e, c) })
		require.Equal(t, "server-unreachable", codeOf(err))
		require.Contains(t, errs, "Stopped; what was done stays done")
	})
}
