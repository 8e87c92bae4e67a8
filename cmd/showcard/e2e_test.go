package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
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

func TestTour(t *testing.T) {
	for _, profile := range []string{"sm2", "es256"} {
		t.Run(profile, func(t *testing.T) {
			var out bytes.Buffer
			e := &env{ctx: context.Background(), stdin: strings.NewReader(""), stdout: &out, stderr: io.Discard}
			require.NoError(t, runTour(e, &demoCommand{Profile: profile}), out.String())
			require.Contains(t, out.String(), "everything happened as it must")
		})
	}
}

// A second start goes on with the same data, and Ctrl-C ends a demo cleanly.
func TestDemoStartsAgain(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	first := demoFileOf(t, data)
	require.GreaterOrEqual(t, len(first.People), 12)
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, p.stop(os.Interrupt.(syscall.Signal)))

	p = startDemo(t, data)
	require.Equal(t, first, demoFileOf(t, data))
	citizen := citizenOf(t, p.base, "person-01")
	code := showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"))
	var got checked
	require.NoError(t, clientOf(t, data, p.base, "demo-bank").call(context.Background(), http.MethodPost, "/v1/verifications",
		map[string]any{"code": code, "purpose": "account-opening"}, "", &got))
	require.Equal(t, "valid", got.Outcome)
	require.NoError(t, p.stop(syscall.SIGTERM))
}

// 200 scanners in two verifier processes that share a database and a Redis fight for one
// ticket, again and again: exactly one gets the certificate.
func TestOneTicketOneScanner(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", redis.URL)
	b := startDemo(t, data, "--volatile", redis.URL)
	identifier := holdingOf(t, data, "person-01", "resident-id")
	citizen := citizenOf(t, a.base, "person-01")
	scanners := []*client{clientOf(t, data, a.base, "demo-bank"), clientOf(t, data, b.base, "demo-bank"), clientOf(t, data, a.base, "changsha-service-hall"), clientOf(t, data, b.base, "changsha-service-hall")}
	purposes := []string{"account-opening", "account-opening", "government-service", "government-service"}
	for _, s := range scanners {
		_, err := s.authorization(context.Background())
		require.NoError(t, err)
	}
	for round := range 3 {
		code := showOf(t, citizen, identifier)
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[string]int{}
		start := make(chan struct{})
		for i := range 200 {
			wg.Go(func() {
				<-start
				var got checked
				err := scanners[i%4].call(context.Background(), http.MethodPost, "/v1/verifications",
					map[string]any{"code": code, "purpose": purposes[i%4]}, fmt.Sprintf("race-%d-%d", round, i), &got)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					outcomes[codeOf(err)]++
					return
				}
				if got.Outcome == "valid" {
					outcomes["valid"]++
					return
				}
				if len(got.Claims) > 0 {
					outcomes["leaked"]++
				}
				outcomes[got.Reasons[0].Code]++
			})
		}
		close(start)
		wg.Wait()
		require.Equal(t, 1, outcomes["valid"], outcomes)
		require.Zero(t, outcomes["leaked"], outcomes)
		require.Equal(t, 199, outcomes["code-used"], outcomes)
	}
}

// The answer was lost on its way: the same caller asks again with the same key and gets the
// same answer; with another body she is told so; another caller gets nothing.
func TestRepeatedRequest(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	code := showOf(t, citizenOf(t, p.base, "person-01"), holdingOf(t, data, "person-01", "resident-id"))
	bank := clientOf(t, data, p.base, "demo-bank")
	ask := func(c *client, purpose string) (map[string]any, error) {
		var got map[string]any
		err := c.call(context.Background(), http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": purpose}, "k-1", &got)
		return got, err
	}
	first, err := ask(bank, "account-opening")
	require.NoError(t, err)
	require.Equal(t, "valid", first["outcome"])
	again, err := ask(bank, "account-opening")
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = ask(bank, "identity-check")
	require.Equal(t, "idempotency-key-reused", codeOf(err))
	other, err := ask(clientOf(t, data, p.base, "changsha-service-hall"), "government-service")
	require.NoError(t, err)
	require.Equal(t, "invalid", other["outcome"])
}

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
	var row map[string]any
	require.NoError(t, seedLines("push/hunan-hrss.ndjson", func(line []byte) error {
		if row == nil {
			return json.Unmarshal(line, &row)
		}
		return nil
	}))
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

// The demo's simple sign-in does not exist in serve.
func TestServeHasNoDemoSignIn(t *testing.T) {
	folder := t.TempDir()
	cfg := config{PublicURL: "http://localhost:8080", Data: filepath.Join(folder, "data"), KeystoreKeyFile: filepath.Join(folder, "k"), Domain: domainConfig{Code: "TEST", Name: schemas.Text{ZH: "测试", EN: "test"}}}
	require.NoError(t, cfg.check())
	a, err := build(context.Background(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, a.close()) }()
	for _, r := range a.server.Routes() {
		require.False(t, strings.HasPrefix(r.Path, "/demo"), r.Path)
	}
}

// What the wallet draws, an image upload reads back through the API.
func TestVerifyImage(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	code := showOf(t, citizenOf(t, p.base, "person-01"), holdingOf(t, data, "person-01", "resident-id"))
	image, err := qrimage.PNG(code, qrimage.Options{})
	require.NoError(t, err)
	var got checked
	require.NoError(t, clientOf(t, data, p.base, "demo-bank").call(context.Background(), http.MethodPost, "/v1/verifications",
		map[string]any{"image": image, "purpose": "account-opening"}, "", &got))
	require.Equal(t, "valid", got.Outcome)
}

// Every bad input at the counter has its own code.
func TestBadCodes(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	citizen, bank := citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	code := showOf(t, citizen, identifier)
	ask := func(body map[string]any) (string, error) {
		var got checked
		err := bank.call(context.Background(), http.MethodPost, "/v1/verifications", body, "", &got)
		if err != nil {
			var c *coded
			if errors.As(err, &c) {
				return c.code, nil
			}
			return "", err
		}
		if got.Outcome == "valid" {
			return "valid", nil
		}
		return got.Reasons[0].Code, nil
	}
	for name, c := range map[string]struct {
		body map[string]any
		want string
	}{
		"no purpose":         {map[string]any{"code": code}, "purpose-missing"},
		"purpose not ours":   {map[string]any{"code": code, "purpose": "traffic-inspection"}, "purpose-not-registered"},
		"nothing given":      {map[string]any{"purpose": "account-opening"}, "input-ambiguous"},
		"two things given":   {map[string]any{"code": code, "presentation": "x", "purpose": "account-opening"}, "input-ambiguous"},
		"truncated":          {map[string]any{"code": code[:20], "purpose": "account-opening"}, "code-truncated"},
		"check character":    {map[string]any{"code": code[:33] + other(code[33]), "purpose": "account-opening"}, "code-check-character"},
		"not a code of ours": {map[string]any{"code": "HTTPS://EXAMPLE.COM/", "purpose": "account-opening"}, "code-not-ours"},
		"unknown field":      {map[string]any{"code": code, "purpose": "account-opening", "extra": 1}, "field-unknown"},
		"image without code": {map[string]any{"image": "AAAA", "purpose": "account-opening"}, "image-format"},
		"unknown challenge":  {map[string]any{"presentation": "a.b.c~", "nonce": "n", "purpose": "account-opening"}, "challenge-unknown"},
		"facts not allowed":  {map[string]any{"facts": map[string]any{"identifier": identifier, "type": "drivers-licence", "claims": map[string]any{"name": "x"}}, "purpose": "account-opening"}, "type-not-registered"},
		"facts wrong":        {map[string]any{"facts": map[string]any{"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": "x"}}, "purpose": "account-opening"}, "facts-mismatch"},
		"facts right":        {map[string]any{"facts": map[string]any{"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": "张示例"}}, "purpose": "account-opening"}, "valid"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	// None of that has spent the code, and a gun's newline and lower case do no harm.
	got, err := ask(map[string]any{"code": " " + strings.ToLower(code) + "\r\n", "purpose": "account-opening"})
	require.NoError(t, err)
	require.Equal(t, "valid", got)
}

// other returns a check character that is not c.
func other(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// A wallet with a key of its own: the holder collects a copy bound to her device, answers the
// bank's challenge, and the bank checks it, through the API and with the SDK over the network.
func TestRawPresentation(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	own := demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: "memory"}
	e := &env{ctx: context.Background(), stdout: io.Discard, stderr: io.Discard}
	require.NoError(t, own.start(e.ctx, func(ctx context.Context, d *demo) error {
		device, err := key.Generate(key.SM2)
		require.NoError(t, err)
		identifier := holdingOf(t, data, "person-01", "resident-id")
		copied, err := d.issuer.Collect(ctx, identifier, d.holderID(d.people[0].holder), device.Public())
		require.NoError(t, err)
		vc, err := sdjwt.Parse(copied.Credential, sdjwt.Type)
		require.NoError(t, err)

		bank := clientOf(t, data, d.base, "demo-bank")
		var challenge struct{ Nonce, Aud string }
		require.NoError(t, bank.call(ctx, http.MethodPost, "/v1/verifications/challenges", nil, "", &challenge))
		presentation, err := vc.Present([]string{"name", "address", "issue_date"}, device, sdjwt.Binding{Audience: challenge.Aud, Nonce: challenge.Nonce, IssuedAt: time.Now()})
		require.NoError(t, err)
		post := func() (map[string]any, error) {
			var got map[string]any
			err := bank.call(ctx, http.MethodPost, "/v1/verifications", map[string]any{"presentation": presentation, "nonce": challenge.Nonce, "purpose": "account-opening"}, "", &got)
			return got, err
		}
		got, err := post()
		require.NoError(t, err)
		require.Equal(t, "valid", got["outcome"], got["reasons"])
		require.Equal(t, "device", got["holder"].(map[string]any)["bound"])
		claims := got["claims"].(map[string]any)
		require.Contains(t, claims, "address")
		require.NotContains(t, claims, "issue_date", "the bank is not registered to see it")
		_, err = post()
		require.Equal(t, "challenge-unknown", codeOf(err), "a challenge is good once")

		roots, err := os.ReadFile(filepath.Join(data, rootsFile))
		require.NoError(t, err)
		// The public URL of a demo names localhost and the port it listens on.
		trust, err := verifier.FetchTrust(d.base, roots, nil)
		require.NoError(t, err)
		v, err := verifier.New(verifier.Config{Trust: trust, Status: verifier.FetchStatus(nil)})
		require.NoError(t, err)
		r := v.Verify(ctx, presentation, verifier.Expect{Audience: challenge.Aud, Nonce: challenge.Nonce})
		require.Equal(t, verifier.Valid, r.Outcome, r.Reasons)
		require.Equal(t, "list", r.Status.Source)
		r = v.Verify(ctx, presentation, verifier.Expect{Audience: "another", Nonce: challenge.Nonce})
		require.Equal(t, verifier.Invalid, r.Outcome)

		// Pinning other roots trusts nothing.
		other, err := os.ReadFile(filepath.Join(data, "keystore.json"))
		require.NoError(t, err)
		_, err = verifier.FetchTrust(d.base, other, nil)
		require.Error(t, err)
		return nil
	}, e))
}
