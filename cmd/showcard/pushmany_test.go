package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	pushRows = flag.Int("push.rows", 20_000, "rows that TestPushMany pushes in one file")
	pushSpan = flag.Duration("push.span", 0, "TestPushMany ends its file after so long, however many rows that makes; 0: not before the last")
)

// endlessRows is a department's file that is never anywhere as a whole.
type endlessRows struct {
	before, after []byte // the key
	n             int    // rows so far
	until         func(n int) bool
	buf, rest     []byte
}

func newEndlessRows(t *testing.T, until func(n int) bool) *endlessRows {
	t.Helper()
	const mark = "THE-KEY"
	row := firstRow(t, "hunan-hrss")
	delete(row, "portrait")
	row["key"] = mark
	line, err := json.Marshal(row)
	require.NoError(t, err)
	r := &endlessRows{until: until}
	r.before, r.after, _ = bytes.Cut(line, []byte(mark))
	return r
}

func (r *endlessRows) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		r.buf = r.buf[:0]
		for len(r.buf) < 16<<10 && !r.until(r.n) {
			r.n++
			r.buf = append(r.buf, r.before...)
			r.buf = fmt.Appendf(r.buf, "MANY-%08d", r.n)
			r.buf = append(append(r.buf, r.after...), '\n')
		}
		if r.rest = r.buf; len(r.rest) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// peak is the largest resident memory that a process has had, in bytes.
func (p *process) peak(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, found)
	kb, err := strconv.ParseInt(string(found[1]), 10, 64)
	require.NoError(t, err)
	return kb << 10
}

// maxResident is what the server may take of memory in a push, however long it is.
const maxResident = 200 << 20

// A file of any length in bounded memory: the server is a process of its own, and what it took at
// most is what the kernel says. `make push-5m` does it with five million rows.
func TestPushMany(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	before := int64(0)
	if runtime.GOOS == "linux" {
		before = p.peak(t)
	}
	department := clientOf(t, data, p.base, "hunan-hrss")
	department.idle = time.Hour
	began, ticked := time.Now(), time.Now()
	rows := newEndlessRows(t, func(n int) bool {
		if *pushSpan > 0 && time.Since(ticked) > time.Minute {
			ticked = time.Now()
			t.Logf("%d rows sent in %s, %d MB", n, time.Since(began).Round(time.Second), p.peak(t)>>20)
		}
		return n == *pushRows || *pushSpan > 0 && time.Since(began) > *pushSpan
	})
	resp, err := department.once(context.Background(), request{
		method: http.MethodPut, path: "/v1/pushes/many", header: http.Header{"Content-Type": {"application/x-ndjson"}},
		body: func() (io.Reader, error) { return rows, nil },
	})
	require.NoError(t, err)
	took := time.Since(began)
	var end job
	require.NoError(t, readJSON(resp, &end))
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "done", end.State)
	require.EqualValues(t, rows.n, end.Accepted)
	if runtime.GOOS == "linux" {
		t.Logf("%d rows in %s: %.0f rows/s; resident at most %d MB, of which %d MB before", rows.n, took.Round(time.Second), float64(rows.n)/took.Seconds(),
			p.peak(t)>>20, before>>20)
		require.Less(t, p.peak(t), int64(maxResident))
	}
}
