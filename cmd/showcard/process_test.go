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
	"github.com/showcard/showcard/internal/backing"
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
	addr := freeAddress(t)
	return startProcess(t, addr, "the demo is running", append([]string{"demo", "--data", data, "--addr", addr}, args...)...)
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := backing.FreePort()
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", port)
}

// startProcess starts the real binary and waits until it prints a line that says ready.
func startProcess(t *testing.T, addr, ready string, args ...string) *process {
	t.Helper()
	return startProcessWith(t, exec.Command(os.Args[0], args...), addr, ready)
}

// startProcessWith is startProcess by a command that ends in the test binary.
func startProcessWith(t *testing.T, cmd *exec.Cmd, addr, ready string) *process {
	t.Helper()
	p := &process{t: t, base: "http://" + addr, done: make(chan error, 1), cmd: cmd}
	p.cmd.Env = append(os.Environ(), processVariable+"=1")
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = p.cmd.Stdout
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	said := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), ready) {
			go func() {
				_, _ = io.Copy(io.Discard, out)
				p.done <- p.cmd.Wait()
			}()
			return p
		}
		said += lines.Text() + "\n"
	}
	p.done <- p.cmd.Wait()
	require.FailNow(t, "the process did not start", said)
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
	token, _, err := signIn(t.Context(), base, login, nil)
	require.NoError(t, err)
	c, err := newClientFor(base, "", "citizen", nil, &http.Client{})
	require.NoError(t, err)
	c.bearer, c.until = token, time.Now().Add(time.Hour)
	return c
}

// signInAs signs a person in by the demo's identity provider, as a browser does. The token is that of
// her session; the browser has it as a cookie.
func (d *demo) signInAs(t *testing.T, login string) (token string, browser *http.Client) {
	t.Helper()
	token, browser, err := signIn(t.Context(), d.base, login, nil)
	require.NoError(t, err)
	return token, browser
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

// toolOf runs a command as a person would and demands its exit status.
func toolOf(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	got := run(&env{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &errs}, args)
	require.Equal(t, want, got, "%v\n%s%s", args, &out, &errs)
	return out.String()
}

// getJSON reads what everybody may.
func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(into))
}

// newKeyOf puts a new key into the keystore of a demo, as `showcard keygen` does while it runs.
func newKeyOf(t *testing.T, data, name string) *key.Public {
	t.Helper()
	public, err := key.ParseJWK([]byte(toolOf(t, 0, "keygen", "--keystore", filepath.Join(data, "keystore.json"), "--key-file", filepath.Join(data, "demo.keyfile"), "--name", name)), false)
	require.NoError(t, err)
	return public
}

// firstRow is the first row of a department's file in the seed.
func firstRow(t *testing.T, department string) map[string]any {
	t.Helper()
	var row map[string]any
	require.NoError(t, seedLines("push/"+department+".ndjson", func(line []byte) error {
		if row == nil {
			return json.Unmarshal(line, &row)
		}
		return nil
	}))
	return row
}
