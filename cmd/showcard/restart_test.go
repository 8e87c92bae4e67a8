package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/bench"
	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
)

// loaded is a server process that makes codes when it is told to.
type loaded struct {
	bench.Target
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	http *http.Client
}

// startLoaded starts one over the given stores.
func startLoaded(ctx context.Context, addr, data, database, volatile string, more ...string) (*loaded, error) {
	l := &loaded{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}}
	l.cmd = exec.CommandContext(ctx, os.Args[0], append([]string{"bench-target", "--addr", addr, "--data", data, "--database", database, "--volatile", volatile}, more...)...)
	l.cmd.Env = append(os.Environ(), processVariable+"=1")
	var err error
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	said := &bytes.Buffer{}
	l.cmd.Stderr = said
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	l.out = bufio.NewScanner(out)
	l.out.Buffer(nil, 16<<20)
	if !l.out.Scan() {
		return nil, fmt.Errorf("did not start: %w: %s", l.cmd.Wait(), said)
	}
	return l, json.Unmarshal(l.out.Bytes(), &l.Target)
}

// kill ends it at once.
func (l *loaded) kill() {
	_ = l.cmd.Process.Signal(syscall.SIGKILL)
	_ = l.cmd.Wait()
}

func (l *loaded) mint(n int) ([]string, error) {
	if err := json.NewEncoder(l.in).Encode(bench.Order{Codes: n}); err != nil {
		return nil, err
	}
	if !l.out.Scan() {
		return nil, io.ErrUnexpectedEOF
	}
	var m bench.Minted
	if err := json.Unmarshal(l.out.Bytes(), &m); err != nil {
		return nil, err
	}
	if m.Error != "" {
		return nil, fmt.Errorf("mint: %s", m.Error)
	}
	return m.Codes, nil
}

// checkedCode is what came of a code. Status 0: no answer came.
type checkedCode struct {
	status  int
	ID      string
	Outcome string
	Reasons []struct{ Code string }
	Code    string
}

func (c checkedCode) good() bool { return c.status == http.StatusOK && c.Outcome == "valid" }

// check checks a code under a key of its own, so that it can be repeated.
func (l *loaded) check(ctx context.Context, base, code string) checkedCode {
	return l.checkAs(ctx, base, code, "once-"+code)
}

func (l *loaded) checkAs(ctx context.Context, base, code, key string) (c checkedCode) {
	body, err := json.Marshal(map[string]string{"code": code, "purpose": l.Purpose})
	if err != nil {
		return c
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/verifications", bytes.NewReader(body))
	if err != nil {
		return c
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+l.Token)
	req.Header.Set("Idempotency-Key", key)
	req.GetBody = nil // an answer that was lost is the test's to ask for again, not the transport's
	resp, err := l.http.Do(req)
	if err != nil {
		return c
	}
	defer resp.Body.Close()
	if json.NewDecoder(resp.Body).Decode(&c) == nil {
		c.status = resp.StatusCode
	}
	return c
}

// spend checks all codes, 16 at a time; after some answers it calls then.
func (l *loaded) spend(ctx context.Context, codes []string, after int64, then func()) []checkedCode {
	got := make([]checkedCode, len(codes))
	var next, answered atomic.Int64
	var once sync.Once
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(codes); i = next.Add(1) - 1 {
				got[i] = l.check(ctx, "http://"+l.Address, codes[i])
				if got[i].status != 0 && answered.Add(1) >= after {
					once.Do(then)
				}
			}
		})
	}
	all.Wait()
	return got
}

// A server that is told to end answers whatever it has taken; one that is killed under load has lost
// nothing that it acknowledged when it is there again, and every code is good for one check.
func TestRestartUnderLoad(t *testing.T) {
	redis := redistest.Start(t)
	postgres, err := backing.StartPostgres(t.Context(), backing.PostgresConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, postgres.Close()) })
	data, addr := filepath.Join(t.TempDir(), "data"), freeAddress(t)
	start := func() *loaded {
		t.Helper()
		l, err := startLoaded(t.Context(), addr, data, postgres.URL, redis.URL, "--drain", "500ms")
		require.NoError(t, err)
		t.Cleanup(l.kill)
		return l
	}
	count := func() string {
		t.Helper()
		n, err := postgres.Query(t.Context(), "showcard", "SELECT count(*) FROM verifications WHERE show_id <> ''")
		require.NoError(t, err)
		return string(bytes.TrimSpace([]byte(n)))
	}

	// SIGTERM: what is recorded was answered, and what was not taken left no trace.
	a := start()
	codes, err := a.mint(900)
	require.NoError(t, err)
	saidSo := make(chan string, 1)
	first := a.spend(t.Context(), codes, 200, func() {
		_ = a.cmd.Process.Signal(syscall.SIGTERM)
		go func() { saidSo <- draining("http://" + addr) }()
	})
	require.Equal(t, "draining", <-saidSo, "load balancers are told while requests are still taken")
	require.NoError(t, a.in.Close())
	require.NoError(t, a.cmd.Wait(), "every request was answered in time")
	good := 0
	for i, c := range first {
		require.True(t, c.good() || c.status == 0 || c.status == http.StatusServiceUnavailable, "%d: %+v", i, c)
		if c.good() {
			good++
		}
	}
	require.Greater(t, good, 199)
	require.Equal(t, fmt.Sprint(good), count())

	// SIGKILL, in the middle of the rest.
	b := start()
	var rest []string
	for i, c := range first {
		if !c.good() {
			rest = append(rest, codes[i])
		}
	}
	more, err := b.mint(300)
	require.NoError(t, err)
	rest = append(rest, more...)
	second := b.spend(t.Context(), rest, 200, func() { _ = b.cmd.Process.Signal(syscall.SIGKILL) })
	_ = b.cmd.Wait()

	c := start()
	for i, code := range rest {
		var last checkedCode
		require.Eventually(t, func() bool {
			last = c.check(t.Context(), "http://"+addr, code)
			return last.good()
		}, 30*time.Second, 20*time.Millisecond, "%+v", &last)
		if second[i].good() {
			require.Equal(t, second[i].ID, last.ID, "what was acknowledged stands, and is the same")
		}
	}
	require.Equal(t, fmt.Sprint(good+len(rest)), count(), "one check for each code")
	require.NoError(t, c.in.Close())
	require.NoError(t, c.cmd.Wait())
}

// draining asks until /readyz says that it is not ready, and returns what it says.
func draining(base string) string {
	for range 1000 {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			return "gone"
		}
		var said struct{ Status string }
		err = json.NewDecoder(resp.Body).Decode(&said)
		_ = resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusServiceUnavailable {
			return said.Status
		}
	}
	return "ready"
}
