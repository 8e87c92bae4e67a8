package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/verifier"
)

// kill -9 in the middle of a push; the file is pushed again: every row exactly once.
func TestKilledPush(t *testing.T) {
	const rows = 6000
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	file := manyRows(t, rows)
	department := clientOf(t, data, p.base, "hunan-hrss")
	upload := func(c *client) error {
		resp, err := c.once(context.Background(), request{
			method: http.MethodPut, path: "/v1/pushes/night", header: http.Header{"Content-Type": {"application/x-ndjson"}},
			body: func() (io.Reader, error) { return bytes.NewReader(file), nil },
		})
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	_, err := department.authorization(context.Background())
	require.NoError(t, err)
	pushed := make(chan error, 1)
	go func() { pushed <- upload(department) }()
	// As soon as some rows are durable, the power fails.
	var job struct{ Accepted, Rows int64 }
	require.Eventually(t, func() bool {
		err := department.call(context.Background(), http.MethodGet, "/v1/pushes/night", nil, "", &job)
		return err == nil && job.Accepted > 0
	}, 30*time.Second, time.Millisecond)
	require.Less(t, job.Accepted, int64(rows), "the push was faster than the kill; make it longer")
	require.Error(t, p.stop(syscall.SIGKILL))
	require.Error(t, <-pushed)

	p = startDemo(t, data)
	department = clientOf(t, data, p.base, "hunan-hrss")
	before := resultsOf(t, department, "night")
	require.NotEmpty(t, before)
	require.Less(t, len(before), rows)
	// The killed upload held a lease on the job; it runs out.
	require.Eventually(t, func() bool {
		return upload(department) == nil
	}, time.Minute, 3*time.Second)
	after := resultsOf(t, department, "night")
	require.Len(t, after, rows)
	seen := map[string]bool{}
	for key, identifier := range after {
		require.NotEmpty(t, identifier, key)
		require.False(t, seen[identifier], "one certificate for two rows")
		seen[identifier] = true
		if was, ok := before[key]; ok {
			require.Equal(t, was, identifier, "row %s was answered before", key)
		}
	}
}

// resultsOf reads all results of a job: row key to identifier.
func resultsOf(t *testing.T, c *client, job string) map[string]string {
	t.Helper()
	resp, err := c.send(context.Background(), request{method: http.MethodGet, path: "/v1/pushes/" + job + "/results?from=1"})
	require.NoError(t, err)
	defer resp.Body.Close()
	out := map[string]string{}
	d := json.NewDecoder(resp.Body)
	for d.More() {
		var r struct{ Key, Identifier string }
		require.NoError(t, d.Decode(&r))
		out[r.Key] = r.Identifier
	}
	return out
}

// manyRows makes a department's file out of one row of the seed.
func manyRows(t *testing.T, n int) []byte {
	t.Helper()
	row := firstRow(t, "hunan-hrss")
	delete(row, "portrait")
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	for i := range n {
		row["key"] = fmt.Sprintf("NIGHT-%06d", i)
		require.NoError(t, e.Encode(row))
	}
	return out.Bytes()
}

// Redis emptied in the middle of a run: until the status is rebuilt from the database answers
// are indeterminate, never valid; afterwards they are as before.
func TestRedisEmptied(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	own := demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: redis.URL}
	e := &env{ctx: context.Background(), stdout: io.Discard, stderr: io.Discard}
	require.NoError(t, own.start(e.ctx, func(context.Context, *demo) error { return nil }, e)) // seeds
	cfg, err := own.config("127.0.0.1:0")
	require.NoError(t, err)
	// The rooms without their loops: nothing is rebuilt behind the test's back.
	a, err := build(context.Background(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, a.close()) }()
	check := func() *verifier.Answer {
		got, err := a.verifier.Check(context.Background(), verifier.Caller{Client: "demo-bank", Party: "demo-bank"}, verifier.Request{
			Purpose: "account-opening",
			Facts:   &verifier.Facts{Identifier: holdingOf(t, data, "person-01", "resident-id"), Type: "resident-id", Claims: map[string]any{"name": "张示例"}},
		})
		require.NoError(t, err)
		return got
	}
	require.NoError(t, a.issuer.Flush(context.Background()))
	require.Equal(t, verifier.Valid, check().Outcome)
	redis.Empty()
	got := check()
	require.Equal(t, verifier.Indeterminate, got.Outcome)
	require.Contains(t, got.Reasons, "status-unavailable")
	require.NoError(t, a.issuer.Flush(context.Background()))
	require.Equal(t, verifier.Valid, check().Outcome)
}
