package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/retry"
)

// uploadTo sends a body as a push.
func uploadTo(c *client, path string, body io.Reader, header ...string) (job, error) {
	h := http.Header{"Content-Type": {"application/x-ndjson"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	var end job
	resp, err := c.once(context.Background(), request{method: http.MethodPut, path: "/v1/pushes/" + path, header: h, body: func() (io.Reader, error) { return body, nil }})
	if err != nil {
		return end, err
	}
	defer resp.Body.Close()
	return end, readJSON(resp, &end)
}

func answersOf(t *testing.T, c *client, job string) (all []rowResult) {
	t.Helper()
	resp, err := c.send(context.Background(), request{method: http.MethodGet, path: "/v1/pushes/" + job + "/results"})
	require.NoError(t, err)
	defer resp.Body.Close()
	for d := json.NewDecoder(resp.Body); d.More(); {
		var r rowResult
		require.NoError(t, d.Decode(&r))
		all = append(all, r)
	}
	return all
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := io.WriteString(z, text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.String()
}

// What may come instead of a file of rows, or happen to one, against a server process: each ends in
// a code of its own, rows in front of it stand, and the server goes on in bounded memory.
func TestPushMishaps(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	c := clientOf(t, data, p.base, "hunan-hrss")
	lines := strings.SplitAfter(string(manyRows(t, 40)), "\n")[:40]
	rows := func(from, to int) string { return strings.Join(lines[from:to], "") }

	t.Run("what ends the upload", func(t *testing.T) {
		whole := packed(t, rows(0, 4))
		for name, one := range map[string]struct{ body, code string }{
			"gzip bomb":             {packed(t, rows(0, 4)+strings.Repeat(" ", 256<<20)), "gzip-expands"},
			"truncated gzip":        {whole[:len(whole)-9], "push-incomplete"},
			"garbage behind gzip":   {whole + "garbage", "gzip-malformed"},
			"zeros behind gzip":     {whole + strings.Repeat("\x00", 32), "gzip-malformed"},
			"a damaged gzip":        {whole[:40] + "XXXX" + whole[44:], "gzip-malformed"},
			"not gzip, but said so": {rows(0, 4), "gzip-malformed"},
		} {
			name = strings.NewReplacer(" ", "-", ",", "").Replace(name)
			_, err := uploadTo(c, name, strings.NewReader(one.body), "Content-Encoding", "gzip")
			require.Equal(t, one.code, codeOf(err), name)
			var j job
			require.NoError(t, c.call(t.Context(), http.MethodGet, "/v1/pushes/"+name, nil, "", &j))
			require.Equal(t, "interrupted", j.State, name)
			end, err := uploadTo(c, name, strings.NewReader(rows(0, 4)))
			require.NoError(t, err, name)
			require.EqualValues(t, 4, end.Accepted, name)
		}
	})
	t.Run("rows that are none", func(t *testing.T) {
		end, err := uploadTo(c, "odd", io.MultiReader(strings.NewReader("\xef\xbb\xbf"+strings.TrimSuffix(lines[4], "\n")+"\r\n"+"key,name\n"+`{"key":"`),
			strings.NewReader(strings.Repeat("k", 10<<20)), strings.NewReader("\"}\n[\n"+lines[5]+"]\n{\x00\n"+lines[6][:80])))
		require.NoError(t, err)
		require.Equal(t, "done", end.State)
		var codes []string
		for _, r := range answersOf(t, c, "odd") {
			codes = append(codes, r.Code)
		}
		require.Equal(t, []string{"", "row-malformed", "row-too-large", "row-malformed", "", "row-malformed", "row-malformed", "push-line-broken"}, codes)
	})
	t.Run("the same row twenty thousand times", func(t *testing.T) {
		end, err := uploadTo(c, "same", strings.NewReader(strings.Repeat(lines[7], 20_000)))
		require.NoError(t, err)
		require.EqualValues(t, 20_000, end.Accepted)
		seen := map[string]bool{}
		for _, r := range answersOf(t, c, "same") {
			seen[r.Identifier] = true
		}
		require.Len(t, seen, 1)
	})
	t.Run("a connection cut in a row, and a second upload meanwhile", func(t *testing.T) {
		conn := rawUpload(t, c, p.base, "cut", len(rows(8, 12)))
		_, err := io.WriteString(conn, rows(8, 10)+lines[10][:50])
		require.NoError(t, err)
		waitForRows(t, c, "cut", "running", 2)
		_, err = uploadTo(c, "cut", strings.NewReader(rows(8, 12)))
		require.Equal(t, "push-job-conflict", codeOf(err))
		require.NoError(t, conn.Close())
		waitForRows(t, c, "cut", "interrupted", 3)
		require.Equal(t, "push-line-broken", answersOf(t, c, "cut")[2].Code)
		end, err := uploadTo(c, "cut", strings.NewReader(rows(8, 12)))
		require.NoError(t, err)
		require.EqualValues(t, 4, end.Accepted)
	})
	t.Run("a job of another content", func(t *testing.T) {
		_, err := uploadTo(c, "again?content=one", strings.NewReader(rows(12, 16)))
		require.NoError(t, err)
		before := answersOf(t, c, "again")
		_, err = uploadTo(c, "again?content=two&from=3", strings.NewReader(rows(18, 20)))
		require.Equal(t, "push-resume-refused", codeOf(err))
		require.Equal(t, before, answersOf(t, c, "again"))
		end, err := uploadTo(c, "again?content=two", strings.NewReader(strings.Replace(lines[12], `"region":"430`, `"region":"439`, 1)+rows(18, 20)))
		require.NoError(t, err)
		require.EqualValues(t, 2, end.Accepted)
		require.Len(t, answersOf(t, c, "again"), 3)
		_, err = uploadTo(c, "again?kind=nonsense", strings.NewReader(""))
		require.Equal(t, "parameter-invalid", codeOf(err))
	})
	if runtime.GOOS == "linux" {
		require.Less(t, p.peak(t), int64(maxResident))
	}
	require.NoError(t, p.stop(syscall.SIGTERM))
}

// rawUpload opens a connection and begins an upload on it.
func rawUpload(t *testing.T, c *client, base, name string, length int) net.Conn {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	bearer, err := c.authorization(t.Context())
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "PUT /v1/pushes/%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n", name, bearer, length)
	require.NoError(t, err)
	return conn
}

func waitForRows(t *testing.T, c *client, name, state string, rows int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		var j job
		err := c.call(t.Context(), http.MethodGet, "/v1/pushes/"+name, nil, "", &j)
		return err == nil && j.State == state && j.Rows == rows
	}, 20*time.Second, 5*time.Millisecond)
}

// The server is killed under the tool, and comes back: the tool goes on by itself, and every row
// stands once.
func TestToolSurvivesKilledServer(t *testing.T) {
	const rows = 4000
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	c := clientOf(t, data, p.base, "hunan-hrss")
	c.wait = func(ctx context.Context, d time.Duration) error { return retry.Wait(ctx, min(d, time.Second)) }
	file := filepath.Join(t.TempDir(), "night.ndjson")
	require.NoError(t, os.WriteFile(file, manyRows(t, rows), 0o600))
	addr := strings.TrimPrefix(p.base, "http://")
	watcher := clientOf(t, data, p.base, "hunan-hrss")
	var out, errs string
	pushed := make(chan error, 1)
	go func() {
		cmd := pushCommand{File: file, Job: "night", JSON: true, Retries: 400}
		var err error
		out, errs, err = runTool(t, nil, func(e *env) error { return cmd.as(e, c) })
		pushed <- err
	}()
	require.Eventually(t, func() bool {
		var j job
		err := watcher.call(t.Context(), http.MethodGet, "/v1/pushes/night", nil, "", &j)
		return err == nil && j.Accepted > 0
	}, 30*time.Second, time.Millisecond)
	require.Error(t, p.stop(syscall.SIGKILL))
	startProcess(t, addr, "the demo is running", "demo", "--data", data, "--addr", addr)
	require.NoError(t, <-pushed, errs)
	require.Contains(t, errs, "Going on from row")
	s := readSummary(t, out)
	require.EqualValues(t, rows, s.Accepted)
	seen := map[string]bool{}
	for i, line := range readLines(t, s.Report) {
		var r rowResult
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		require.EqualValues(t, i+1, r.Line)
		require.False(t, seen[r.Identifier], "one certificate for two rows")
		seen[r.Identifier] = true
	}
	require.Len(t, seen, rows)
}

// The disk is full in the middle of a push: the department is told, what was answered stands, and
// once there is room the same push ends. The disk is a small tmpfs of the server's own, which takes
// root, or a user namespace, to mount.
func TestPushDiskFull(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", folder).CombinedOutput(); err != nil {
		t.Logf("no tmpfs can be mounted here: %v %s", err, out)
		return
	}
	addr := freeAddress(t)
	p := &process{t: t, base: "http://" + addr, done: make(chan error, 1)}
	script := `mount -t tmpfs -o size=24m tmpfs "$1" && shift && exec "$@"`
	start := func() {
		p = startProcessWith(t, exec.Command("unshare", "-m", "sh", "-c", script, "sh", folder, os.Args[0], "demo", "--data", folder+"/data", "--addr", addr), addr, "the demo is running")
	}
	start()
	seen := fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, folder) // the folder as the server sees it
	c := clientOf(t, seen+"/data", p.base, "hunan-hrss")
	text := manyRows(t, 20_000)
	_, err := uploadTo(c, "full?content=x", bytes.NewReader(text))
	require.Equal(t, "storage-full", codeOf(err))
	var j job
	require.Eventually(t, func() bool {
		err := c.call(t.Context(), http.MethodGet, "/v1/pushes/full", nil, "", &j)
		return err == nil && j.Rows > 0
	}, 20*time.Second, 50*time.Millisecond)
	stood := answersOf(t, c, "full")
	require.EqualValues(t, j.Rows, len(stood))
	require.Less(t, len(stood), 20_000)

	// The operator gives it more room.
	out, err := exec.Command("nsenter", "-t", fmt.Sprint(p.cmd.Process.Pid), "-m", "mount", "-o", "remount,size=400m", folder).CombinedOutput()
	require.NoError(t, err, string(out))
	var end job
	require.Eventually(t, func() bool { // the lease of the upload that could not be closed runs out
		end, err = uploadTo(c, "full", bytes.NewReader(text[:bytes.LastIndexByte(text[:2<<20], '\n')+1]))
		return err == nil
	}, 40*time.Second, time.Second)
	require.Zero(t, end.Rejected)
	again := answersOf(t, c, "full")
	for i := range min(len(stood), len(again)) {
		require.Equal(t, stood[i], again[i])
	}
	require.NoError(t, p.stop(syscall.SIGTERM))
}
