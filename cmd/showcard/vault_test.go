package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An operator's year on one data folder: every key that data lies under is rotated, most of them while
// the server runs, and the citizen and the bank notice nothing but that she signs in again, once.
func TestVaultCommands(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	identifier := holdingOf(t, data, "person-01", "resident-id")
	citizen, bank := citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	check := func() {
		t.Helper()
		var got checked
		require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": showOf(t, citizen, identifier), "purpose": "account-opening"}, "", &got))
		require.Equal(t, "valid", got.Outcome)
	}
	check()
	require.Contains(t, toolOf(t, 0, "vault", "rotate-data-key", "--data", data), "2")
	require.Contains(t, toolOf(t, 0, "vault", "reseal", "--data", data), "certificates")
	check()
	require.Contains(t, toolOf(t, 0, "vault", "rotate-kek", "--data", data), "kek/2")
	require.Contains(t, toolOf(t, 0, "vault", "rotate-kek", "--data", data), "kek/3")
	check()
	toolOf(t, 1, "vault", "destroy-data-key", "--data", data, "1") // the server may still be sealing under it
	require.Contains(t, toolOf(t, 0, "vault", "status", "--data", data), "kek/3")

	toolOf(t, 1, "vault", "rotate-lookup-key", "--data", data) // not while somebody serves
	require.NoError(t, p.stop(syscall.SIGTERM))
	said := toolOf(t, 0, "vault", "rotate-lookup-key", "--data", data)
	for _, table := range []string{"certificates", "wallet_copies", "verifications", "audit_entries", "sessions"} {
		require.Contains(t, said, table)
	}
	p = startDemo(t, data)
	old := citizen.bearer
	citizen, bank = citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	check()
	var history struct{ Looks []struct{ ID string } }
	require.NoError(t, citizen.call(t.Context(), http.MethodGet, "/v1/wallet/history", nil, "", &history))
	require.Len(t, history.Looks, 4, "what was looked at before is still hers")
	citizen.bearer = old
	require.Equal(t, "session-ended", codeOf(citizen.call(t.Context(), http.MethodGet, "/v1/wallet/holdings", nil, "", nil)))
	// The department pushes the same rows again: none is new.
	department := clientOf(t, data, p.base, "hunan-hrss")
	rows, err := os.ReadFile("../../testdata/push/hunan-hrss.ndjson")
	require.NoError(t, err)
	putRows(t, department, "again", rows)
	for key, again := range resultsOf(t, department, "again") {
		require.Equal(t, resultsOf(t, department, "seed-hunan-hrss")[key], again)
	}
	require.NoError(t, p.stop(syscall.SIGTERM))

	// A mistyped folder makes nothing.
	nowhere := filepath.Join(t.TempDir(), "none")
	for _, command := range []string{"status", "rotate-data-key", "rotate-lookup-key", "reseal", "rotate-kek"} {
		toolOf(t, 2, "vault", command, "--data", nowhere)
	}
	require.NoDirExists(t, nowhere)
	toolOf(t, 2, "vault", "status")
}

func TestOutboundConfiguration(t *testing.T) {
	for text, want := range map[string]string{"http://idp.example.org": "outbound_allow", "nonsense": "outbound_allow"} {
		_, err := newOutbound(config{OutboundAllow: []string{text}})
		require.ErrorIs(t, err, errConfig)
		require.Contains(t, err.Error(), want)
	}
	_, err := newOutbound(config{OutboundCA: filepath.Join(t.TempDir(), "none.pem")})
	require.ErrorIs(t, err, errConfig)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte("not PEM"), 0o600))
	_, err = newOutbound(config{OutboundCA: file})
	require.ErrorIs(t, err, errConfig)

	c, err := newOutbound(config{PublicURL: "http://localhost:1"})
	require.NoError(t, err)
	_, err = c.Get("http://localhost:1/")
	require.Error(t, err)
	require.False(t, strings.Contains(err.Error(), "refused: scheme"), "its own address is allowed on one machine")
	_, err = c.Get("http://localhost:2/")
	require.ErrorContains(t, err, "address refused")
}

// The private keys lie in another process. It is killed in the middle of a push and started again: the
// push goes on, every row stands once, and the server's own keystore has no key to steal.
func TestSignerProcess(t *testing.T) {
	folder, err := os.MkdirTemp("", "signer") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "s")
	startSigner := func() *process {
		return startProcess(t, "signer", "signing", "signer", "--keystore", filepath.Join(folder, "signer.json"), "--key-file", filepath.Join(folder, "signer.key"), "--socket", socket)
	}
	s := startSigner()
	data := filepath.Join(t.TempDir(), "data")
	// The demo's own identity provider signs as libraries sign, with a key in memory: it stays a file's.
	require.NoError(t, os.Mkdir(data, 0o700))
	for _, name := range []string{"demo-idp", "demo-sign-in"} {
		toolOf(t, 0, "keygen", "--alg", "es256", "--keystore", filepath.Join(data, "keystore.json"), "--key-file", filepath.Join(data, "demo.keyfile"), "--name", name)
	}
	p := startDemo(t, data, "--signer", "unix:"+socket)
	own, err := os.ReadFile(filepath.Join(data, "keystore.json"))
	require.NoError(t, err)
	for _, name := range []string{"authority/", "status/1", "token/1", "trust-list/1", "wallet-provider/1", "kek/"} {
		require.NotContains(t, string(own), `"`+name, "the server keeps no such key")
	}
	bank := clientOf(t, data, p.base, "demo-bank")
	check := func() (got checked) {
		t.Helper()
		code := showOf(t, citizenOf(t, p.base, "person-03"), holdingOf(t, data, "person-03", "resident-id"))
		require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": "account-opening"}, "", &got))
		return got
	}
	require.Equal(t, "valid", check().Outcome)

	file := manyRows(t, 3000)
	department := clientOf(t, data, p.base, "hunan-hrss")
	pushed := make(chan error, 1)
	go func() {
		pushed <- func() error {
			for { // as showcard push does: again, until it is through
				resp, err := department.send(t.Context(), request{method: http.MethodPut, path: "/v1/pushes/night", header: http.Header{"Content-Type": {"application/x-ndjson"}}, body: bytesBody(file)})
				if err == nil {
					return resp.Body.Close()
				}
				if !passing(err) {
					return err
				}
			}
		}()
	}()
	require.Eventually(t, func() bool {
		var job struct{ Accepted int }
		return department.call(t.Context(), http.MethodGet, "/v1/pushes/night", nil, "", &job) == nil && job.Accepted > 0
	}, time.Minute, time.Millisecond)
	require.Error(t, s.stop(syscall.SIGKILL))
	s = startSigner()
	require.NoError(t, <-pushed)
	results := resultsOf(t, department, "night")
	require.Len(t, results, 3000)
	seen := map[string]bool{}
	for key, identifier := range results {
		require.NotEmpty(t, identifier, key)
		require.False(t, seen[identifier])
		seen[identifier] = true
	}
	require.Equal(t, "valid", check().Outcome)
	// Away for good: an answer that says that asking again may help, and what needs no key goes on.
	require.NoError(t, s.stop(syscall.SIGTERM))
	row := firstRow(t, "hunan-hrss")
	row["key"] = "LATER"
	err = department.call(t.Context(), http.MethodPost, "/v1/certificates", row, "", nil)
	require.Error(t, err)
	bank.attempts, department.attempts = 1, 1
	err = department.call(t.Context(), http.MethodPost, "/v1/certificates", row, "later", nil)
	require.Equal(t, "overloaded", codeOf(err))
	s = startSigner()
	require.NoError(t, department.call(t.Context(), http.MethodPost, "/v1/certificates", row, "later", nil))
	require.NoError(t, p.stop(syscall.SIGTERM))
	require.NoError(t, s.stop(syscall.SIGTERM))
}
