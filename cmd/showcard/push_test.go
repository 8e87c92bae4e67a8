package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
)

func writeRows(t *testing.T, rows []string) string {
	path := filepath.Join(t.TempDir(), "rows.ndjson")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(rows, "\n")), 0o600)) // no line end at the end
	return path
}

func readSummary(t *testing.T, out string) summary {
	var s summary
	require.NoError(t, json.Unmarshal([]byte(out), &s), out)
	return s
}

func readLines(t *testing.T, path string) []string {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func TestPush(t *testing.T) {
	o := newOffice(t)
	o.start(nil)
	rows := policeRows(t, 30)
	broken := rows[7][:len(rows[7])/2]
	rows[7] = broken
	rows[20] = strings.Replace(rows[20], `"region":"43`, `"region":"99`, 1)
	file := writeRows(t, rows)
	cmd := pushCommand{File: file, JSON: true, Retries: 3}

	out, _, err := runTool(t, nil, func(e *env) error { return cmd.as(e, o.dial()) })
	require.ErrorIs(t, err, errSilent)
	s := readSummary(t, out)
	require.EqualValues(t, 30, s.Rows)
	require.EqualValues(t, 28, s.Accepted)
	require.EqualValues(t, 2, s.Rejected)
	require.Equal(t, map[string]int64{"row-malformed": 1, "issuer-not-entitled-region": 1}, s.Codes)
	results := readLines(t, s.Report)
	require.Len(t, results, 30)
	require.Contains(t, results[7], `"code"`)
	require.Equal(t, []string{broken, rows[20]}, readLines(t, s.Rejects))
	info, err := os.Stat(s.Rejects)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	t.Run("the same file is the same job, and gives the same identifiers", func(t *testing.T) {
		out, _, err := runTool(t, nil, func(e *env) error { return cmd.as(e, o.dial()) })
		require.ErrorIs(t, err, errSilent)
		again := readSummary(t, out)
		require.Equal(t, s.Job, again.Job)
		require.Equal(t, results, readLines(t, again.Report))
	})
	t.Run("mended, packed, through a pipe", func(t *testing.T) {
		mended := policeRows(t, 30)
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := io.WriteString(z, strings.Join(mended, "\n")+"\n")
		require.NoError(t, err)
		require.NoError(t, z.Close())
		dir := t.TempDir()
		piped := pushCommand{File: "-", Report: filepath.Join(dir, "r"), Rejects: filepath.Join(dir, "x")}
		require.NoError(t, os.WriteFile(piped.Rejects, []byte("from before"), 0o600))
		out, errs, err := runTool(t, &packed, func(e *env) error { return piped.as(e, o.dial()) })
		require.NoError(t, err)
		require.Contains(t, out, "30 rows: 30 stand, 0 refused")
		require.Contains(t, errs, "Pushing 30 rows")
		require.NoFileExists(t, piped.Rejects)
		for i, line := range readLines(t, piped.Report) {
			if i != 7 && i != 20 {
				require.JSONEq(t, results[i], line)
			}
		}
	})
}

// cutter closes connections that have brought too much.
type cutter struct {
	net.Listener
	after int64
	cuts  atomic.Int64 // left
	onCut func()
}

type cutConn struct {
	net.Conn
	from *cutter
	got  int64
}

func (l *cutter) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &cutConn{Conn: c, from: l}, err
}

func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.got += int64(n); c.got > c.from.after && c.from.cuts.Add(-1) >= 0 {
		if c.from.onCut != nil {
			c.from.onCut()
		}
		return 0, errors.Join(net.ErrClosed, c.Conn.Close())
	}
	return n, err
}

func TestPushSurvivesCutConnections(t *testing.T) {
	o := newOffice(t)
	var cut *cutter
	o.start(func(l net.Listener) net.Listener {
		cut = &cutter{Listener: l, after: 16 << 10}
		cut.cuts.Store(3)
		return cut
	})
	cmd := pushCommand{File: writeRows(t, policeRows(t, 500)), JSON: true, Retries: 12}
	out, errs, err := runTool(t, nil, func(e *env) error { return cmd.as(e, o.dial()) })
	require.NoError(t, err, errs)
	require.Negative(t, cut.cuts.Load(), "the upload was too small to be cut")
	s := readSummary(t, out)
	require.EqualValues(t, 500, s.Accepted)
	require.Contains(t, errs, "Interrupted; trying again")

	seen := map[string]bool{}
	for i, line := range readLines(t, s.Report) {
		var r rowResult
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		require.EqualValues(t, i+1, r.Line)
		require.False(t, seen[r.Identifier], "one identifier for two rows")
		seen[r.Identifier] = true
	}
	require.Len(t, seen, 500)
}

func TestPushSurvivesRestart(t *testing.T) {
	o := newOffice(t)
	cut := make(chan struct{})
	o.start(func(l net.Listener) net.Listener {
		c := &cutter{Listener: l, after: 16 << 10, onCut: func() { close(cut) }}
		c.cuts.Store(1)
		return c
	})
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		<-cut
		o.stop()
		o.start(nil)
	}()
	cmd := pushCommand{File: writeRows(t, policeRows(t, 500)), JSON: true, Retries: 14}
	out, errs, err := runTool(t, nil, func(e *env) error { return cmd.as(e, o.dial()) })
	<-restarted
	require.NoError(t, err, errs)
	require.EqualValues(t, 500, readSummary(t, out).Accepted)
}

func TestPushInterruptedSaysHowToGoOn(t *testing.T) {
	o := newOffice(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.start(func(l net.Listener) net.Listener {
		c := &cutter{Listener: l, after: 16 << 10, onCut: cancel} // the person presses Ctrl-C
		c.cuts.Store(1)
		return c
	})
	file := writeRows(t, policeRows(t, 500))
	cmd := pushCommand{File: file, Retries: 12, connection: connection{Data: "the data"}}
	var out, errs bytes.Buffer
	err := cmd.as(&env{ctx: ctx, stdout: &out, stderr: &errs}, o.dial())
	require.ErrorIs(t, err, errSilent)
	require.Contains(t, errs.String(), "To go on: showcard push "+file+" --data 'the data'")
	require.NoFileExists(t, strings.TrimSuffix(file, ".ndjson")+".results.ndjson")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{file}, left, "half a report was left behind")

	cmd.Quiet = true
	_, _, err = runTool(t, nil, func(e *env) error { return cmd.as(e, o.dial()) })
	require.NoError(t, err)
}

// counter is a server of one's own making behind the real web server, for what the real rooms do
// only in bad moments.
func serveRoutes(t *testing.T, routes ...httpd.Route) *client {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s, err := httpd.New(httpd.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for i := range routes {
		routes[i].Public = true
	}
	require.NoError(t, s.Mount(append(routes, httpd.Route{Method: http.MethodPost, Path: "/oauth/token", Public: true, Handler: func(*gin.Context) (any, error) {
		return map[string]any{"access_token": "t", "token_type": "Bearer", "expires_in": 600}, nil
	}}), nil))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, nil, l) }()
	t.Cleanup(func() { cancel(); <-done })
	k, err := key.Generate(key.ES256)
	require.NoError(t, err)
	c, err := newClientFor("http://"+l.Addr().String(), "", "c", k, &http.Client{Transport: &http.Transport{}})
	require.NoError(t, err)
	return c
}

func TestPushWaitsAsAskedAndTakesUpResults(t *testing.T) {
	const rows = 10
	var uploads, streams atomic.Int64
	readAll := func(c *gin.Context) error { _, err := io.Copy(io.Discard, c.Request.Body); return err }
	c := serveRoutes(t,
		httpd.Route{Method: http.MethodPut, Path: "/v1/pushes/:job", Streaming: true, MaxBody: httpd.NoBodyLimit, Handler: func(c *gin.Context) (any, error) {
			if uploads.Add(1) <= 2 {
				return nil, &httpd.Problem{Code: httpd.CodeOverloaded, RetryAfter: 7 * time.Second}
			}
			return job{State: "done", Rows: rows}, readAll(c)
		}},
		httpd.Route{Method: http.MethodGet, Path: "/v1/pushes/:job", Handler: func(*gin.Context) (any, error) {
			return job{State: "done", Rows: rows, Accepted: rows}, nil
		}},
		httpd.Route{Method: http.MethodGet, Path: "/v1/pushes/:job/results", Streaming: true, Handler: func(c *gin.Context) (any, error) {
			from := 0
			_, err := fmt.Sscan(c.Query("from"), &from)
			if err != nil {
				return nil, err
			}
			cut := streams.Add(1) == 1
			return httpd.Stream(func(w io.Writer, flush func()) error {
				for i := from; i <= rows; i++ {
					line := fmt.Sprintf(`{"line":%d,"key":"k","identifier":"id-%d"}`, i, i)
					if cut && i == 4 {
						_, _ = io.WriteString(w, line[:10]) // half a line, and the connection is gone
						flush()
						return errors.New("cut")
					}
					if _, err := fmt.Fprintln(w, line); err != nil {
						return err
					}
				}
				return nil
			}), nil
		}})
	var waits []time.Duration
	c.wait = func(ctx context.Context, d time.Duration) error {
		if d != watchEvery { // of the one who watches the progress
			waits = append(waits, d)
		} else {
			<-ctx.Done()
		}
		return ctx.Err()
	}
	lines := make([]string, rows)
	for i := range lines {
		lines[i] = "{}"
	}
	cmd := pushCommand{File: writeRows(t, lines), JSON: true, Retries: 5}
	out, errs, err := runTool(t, nil, func(e *env) error { return cmd.as(e, c) })
	require.NoError(t, err, errs)
	require.EqualValues(t, 3, uploads.Load())
	require.EqualValues(t, 2, streams.Load())
	require.Len(t, waits, 3)
	for _, w := range waits[:2] {
		require.GreaterOrEqual(t, w, 7*time.Second)
		require.Less(t, w, 8*time.Second)
	}
	require.Len(t, readLines(t, readSummary(t, out).Report), rows)
}

func TestPushGivesUp(t *testing.T) {
	o := newOffice(t)
	o.start(nil)
	c := o.dial()
	c.attempts = 2
	o.stop()
	cmd := pushCommand{File: writeRows(t, policeRows(t, 2)), Retries: 2, Quiet: true}
	_, _, err := runTool(t, nil, func(e *env) error { return cmd.as(e, c) })
	require.Equal(t, "server-unreachable", codeOf(err))
}

func TestSourceNoticesAChange(t *testing.T) {
	file := writeRows(t, []string{"{}", "{}"})
	s, err := openSource(file, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, s.rows)
	require.NoError(t, os.WriteFile(file, []byte("{}\n{ }\n"), 0o600))
	body, err := s.upload(1, func(int64) {})
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, body)
	require.ErrorIs(t, err, errFileChanged)
}

func TestLinesAreCopiedWhole(t *testing.T) {
	long := strings.Repeat("x", 200<<10) // longer than any buffer
	s, err := openSource(writeRows(t, []string{"one", long, "three", "four"}), nil)
	require.NoError(t, err)
	l, err := s.lines()
	require.NoError(t, err)
	defer l.close()
	var out bytes.Buffer
	require.NoError(t, l.copy(&out, 2))
	require.NoError(t, l.copy(&out, 4))
	require.Equal(t, long+"\nfour\n", out.String())
	require.ErrorIs(t, l.copy(&out, 5), errFileChanged)
}

func TestProgressLines(t *testing.T) {
	c := counts{Sent: 4_950_000, Total: 10_000_000, Accepted: 4_800_000, Rejected: 120_000}
	bar := c.bar(100 * time.Second)
	require.LessOrEqual(t, len(bar), 79)
	require.Contains(t, bar, " 50% [#########...........] 4950k/10M rows 49500/s ok 4800k refused 120k")
	require.Contains(t, bar, "1:42")
	require.Contains(t, c.plain(100*time.Second), "4950000 of 10000000 rows sent")
	require.NotPanics(t, func() { _ = counts{}.bar(0) })
}
