package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

// processVariable makes the test binary behave as the real one.
const processVariable = "SHOWCARD_TEST_PROCESS"

// process is the real binary, running.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string
	done chan error
}

// startDemo starts `showcard demo` and waits until it says that it is running.
func startDemo(t *testing.T, data string, args ...string) *process {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	p := &process{t: t, base: "http://" + addr, done: make(chan error, 1)}
	p.cmd = exec.Command(os.Args[0], append([]string{"demo", "--data", data, "--addr", addr}, args...)...)
	p.cmd.Env = append(os.Environ(), processVariable+"=1")
	var stderr bytes.Buffer
	p.cmd.Stderr = &stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "the demo is running") {
			go func() {
				_, _ = io.Copy(io.Discard, out)
				p.done <- p.cmd.Wait()
			}()
			return p
		}
	}
	p.done <- p.cmd.Wait()
	require.FailNow(t, "the demo did not start", stderr.String())
	return nil
}

// stop sends a signal and waits for the end. Stopping twice is fine.
func (p *process) stop(sig syscall.Signal) error {
	_ = p.cmd.Process.Signal(sig)
	err := <-p.done
	p.done <- err
	return err
}

// demoFileOf reads demo.json.
func demoFileOf(t *testing.T, data string) demoDocument {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, "demo.json"))
	require.NoError(t, err)
	var d demoDocument
	require.NoError(t, json.Unmarshal(raw, &d))
	return d
}

// clientOf is a caller of demo.json, talking to one of the processes.
func clientOf(t *testing.T, data, base, id string) *client {
	t.Helper()
	d := demoFileOf(t, data)
	caller, err := d.caller(id, "")
	require.NoError(t, err)
	k, err := key.ReadFile(filepath.Join(data, caller.KeyFile))
	require.NoError(t, err)
	c, err := newClientFor(base, d.BaseURL, id, k, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}})
	require.NoError(t, err)
	return c
}

// citizenOf signs a person in.
func citizenOf(t *testing.T, base, login string) *client {
	t.Helper()
	resp, err := http.Post(base+"/demo/sign-in", "application/json", strings.NewReader(`{"login":"`+login+`"}`))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var in signedIn
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&in))
	c, err := newClientFor(base, "", "citizen", nil, &http.Client{})
	require.NoError(t, err)
	c.bearer, c.until = in.AccessToken, time.Now().Add(time.Hour)
	return c
}

// holdingOf finds a person's certificate of a type in demo.json.
func holdingOf(t *testing.T, data, login, typ string) string {
	t.Helper()
	for _, p := range demoFileOf(t, data).People {
		for _, h := range p.Holdings {
			if p.Login == login && h.Type == typ {
				return h.Identifier
			}
		}
	}
	require.FailNow(t, "no such holding", "%s %s", login, typ)
	return ""
}

func showOf(t *testing.T, citizen *client, identifier string) string {
	t.Helper()
	var got struct{ Code string }
	require.NoError(t, citizen.call(context.Background(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, "", &got))
	return got.Code
}
