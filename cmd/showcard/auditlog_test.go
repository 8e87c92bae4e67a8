package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/internal/audit"
)

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	require.Eventually(t, yes, 60*time.Second, 100*time.Millisecond, what)
}

func pageText(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// reportOf runs `showcard audit verify --json` and wants an exit status.
func reportOf(t *testing.T, status int, args ...string) (r auditReport) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(toolOf(t, status, append([]string{"audit", "verify", "--json"}, args...)...)), &r))
	return r
}

func meddleWith(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err)
	}
}

// TestWitnessedLog is a deployment, its witness, and an auditor, by their commands: all is well;
// then the operator of the deployment rewrites the past, with all keys in his hand.
func TestWitnessedLog(t *testing.T) {
	t.Chdir(t.TempDir())
	addr, witnessAddr := freeAddress(t), freeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	server := "http://localhost:" + port
	signer, err := (&witnessCommand{Key: "witness.key", Name: "witness.test"}).signer()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("operator-1.public.jwk", []byte(toolOf(t, 0, "keygen", "--out", "operator-1.jwk")), 0o600))
	require.NoError(t, os.WriteFile("showcard.yaml", []byte(`
public_url: `+server+`
listen: `+addr+`
data: data
keystore_key_file: keystore.key
domain: {code: "4300", name: {zh: 湖南省, en: Hunan}}
operators:
  - {id: operator-1, jwk: operator-1.public.jwk}
audit:
  interval: 200ms
  witness_interval: 300ms
  witnesses:
    - {url: "http://`+witnessAddr+`", key: "`+signer.Key().String()+`"}
`), 0o600))
	p := startProcess(t, addr, "serving", "serve", "-config", "showcard.yaml")
	eventually(t, "a checkpoint", func() bool { status, _ := pageText(t, server+"/v1/audit/checkpoint"); return status == http.StatusOK })
	w := startProcess(t, witnessAddr, "witnessing", "witness", "--log", server, "--key", "witness.key", "--data", "witness", "--listen", witnessAddr, "--interval", "1s")
	list, err := readKeys(filepath.Join("witness", "log-keys"))
	require.NoError(t, err)
	keys, err := audit.NewKeys(append(list, signer.Key()))
	require.NoError(t, err)
	var signed audit.Signed
	eventually(t, "a cosigned checkpoint", func() bool {
		_, text := pageText(t, server+"/v1/audit/checkpoint")
		var err error
		signed, err = keys.Open(text)
		require.NoError(t, err)
		return len(signed.Witnesses) == 1
	})
	_, text := pageText(t, server+"/v1/audit/keys")
	require.NoError(t, os.WriteFile("keys", []byte(text), 0o600))
	require.NoError(t, os.WriteFile("witness.pub", []byte(signer.Key().String()+"\n"), 0o600))
	eventually(t, "copied leaves", func() bool {
		_, text := pageText(t, "http://"+witnessAddr+"/metrics")
		return strings.Contains(text, "showcard_witness_leaves ") && !strings.Contains(text, "showcard_witness_leaves 0")
	})

	// The auditor, over the network, beside the deployment, and with a copy of its database.
	over := []string{"--log", server, "--log-keys", "keys", "--witness", "http://" + witnessAddr, "--witness-key", "witness.pub"}
	r := reportOf(t, 0, over...)
	require.NotZero(t, r.Proven)
	require.Equal(t, r.Size, r.Proven)
	require.False(t, r.OwnWord)
	require.True(t, reportOf(t, 0, "--log", server, "--witness", "http://"+witnessAddr).OwnWord)
	r = reportOf(t, 0, "--config", "showcard.yaml", "--witness", "witness")
	require.NotZero(t, r.Opened)
	require.NotZero(t, r.Rows)
	r = reportOf(t, 0, "--database", "sqlite:data/showcard.db", "--log-keys", "keys", "--witness", filepath.Join("witness", "checkpoints.ndjson"), "--witness-key", "witness.pub")
	require.NotZero(t, r.Proven)
	toolOf(t, 2, "audit", "verify")
	toolOf(t, 2, "audit", "verify", "--database", "sqlite:data/showcard.db")
	toolOf(t, 3, "audit", "verify", "--database", "sqlite:nothing.db", "--log-keys", "keys")
	toolOf(t, 3, "audit", "verify", "--log", "http://"+witnessAddr)
	one, err := os.ReadFile(filepath.Join("witness", "leaves"))
	require.NoError(t, err)
	leaf, err := audit.ParseLeaf(one[2 : 2+int(one[0])<<8+int(one[1])])
	require.NoError(t, err)
	require.Contains(t, toolOf(t, 0, "audit", "prove", leaf.ID, "--log", server, "--log-keys", "keys", "--save", "proof.json"), leaf.Kind)
	toolOf(t, 0, "audit", "prove", "--proof", "proof.json", "--log-keys", "keys")
	proof, err := os.ReadFile("proof.json")
	require.NoError(t, err)
	for name, bad := range map[string]string{
		"place": strings.Replace(string(proof), `"index": 0`, `"index": 1`, 1), "entry": strings.Replace(string(proof), leaf.ID, strings.ToLower(leaf.ID), 1),
		"size": strings.Replace(string(proof), `"size": `, `"size": 9`, 1), "checkpoint": strings.Replace(string(proof), `\n\n`, `\n`, 1), "log": strings.ReplaceAll(string(proof), "localhost", "elsewhere"),
	} {
		require.NotEqual(t, string(proof), bad, name)
		require.NoError(t, os.WriteFile("bad.json", []byte(bad), 0o600))
		toolOf(t, 1, "audit", "prove", "--proof", "bad.json", "--log-keys", "keys")
	}

	// One byte of one entry, with a tool of databases: named over the network, and beside it.
	require.NoError(t, p.stop(syscall.SIGTERM))
	require.NoError(t, w.stop(syscall.SIGTERM))
	meddleWith(t, "data/showcard.db", `UPDATE audit_entries SET leaf = CAST(replace(CAST(leaf AS TEXT), 'registry.changed', 'registry.chanGed') AS BLOB) WHERE idx = 0`)
	r = reportOf(t, 1, "--config", "showcard.yaml", "--witness", "witness")
	require.Equal(t, audit.FoundChanged, r.Wrong[0].Code)
	require.Zero(t, *r.Wrong[0].Index)
	require.Zero(t, r.Proven)
	said := toolOf(t, 1, "audit", "verify", "--database", "sqlite:data/showcard.db", "--log-keys", "keys")
	require.Contains(t, said, "entry 0 registry.chanGed")
	require.Contains(t, said, "2 entries that no witness bears out", "although the log's own checkpoint is cosigned")

	// Now the whole of it: the tree anew, hashes, checkpoints, signatures. The deployment alone is
	// flawless; the witness cries out, keeps the evidence, and ends.
	meddleWith(t, "data/showcard.db", `DELETE FROM audit_entries WHERE idx = 1`, `UPDATE audit_entries SET idx = NULL`, `UPDATE audit_tree SET size = 0, hashes = '', swept = 0`,
		`DELETE FROM audit_tiles`, `DELETE FROM audit_checkpoints`)
	p = startProcess(t, addr, "serving", "serve", "-config", "showcard.yaml")
	eventually(t, "a checkpoint", func() bool { status, _ := pageText(t, server+"/v1/audit/checkpoint"); return status == http.StatusOK })
	require.Empty(t, reportOf(t, 3, "--log", server, "--log-keys", "keys").Wrong)
	require.NotEmpty(t, reportOf(t, 1, "--log", server, "--log-keys", "keys", "--witness", "witness", "--witness-key", "witness.pub").Wrong)
	require.Contains(t, toolOf(t, 1, "audit", "verify", "--config", "showcard.yaml", "--witness", "witness"), "audit-row-unlogged")
	fork := &witnessCommand{Log: server, Key: "witness.key", Data: "witness", Listen: witnessAddr, Interval: time.Second}
	err = fork.Run(&env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard})
	require.Equal(t, audit.FoundForked, codeOf(err))
	err = fork.Run(&env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard})
	require.Equal(t, audit.FoundForked, codeOf(err), "and does not start again over the evidence")
	require.NoError(t, p.stop(syscall.SIGTERM))
}

// What the demo does is logged, its auditor reads it with proofs, and is logged herself. Without
// a witness the check says plainly what that is worth.
func TestAuditorReads(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	c := &demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: "memory"}
	require.NoError(t, c.start(t.Context(), func(ctx context.Context, d *demo) error {
		citizen := citizenOf(t, d.base, "person-01")
		code := showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"))
		var got struct{ ID string }
		require.NoError(t, clientOf(t, data, d.base, "demo-bank").call(ctx, http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": "account-opening"}, "", &got))
		_, err := d.audit.Build(ctx)
		require.NoError(t, err)
		auditor := clientOf(t, data, d.base, "demo-auditor")
		type page struct {
			Events []struct {
				Index, Size   uint64
				Kind, Actor   string
				Leaf, Opening string
				Subject, Root string
				Detail        map[string]string
			}
			Checkpoint string
			Next       uint64
		}
		var answer page
		require.NoError(t, auditor.call(ctx, http.MethodGet, "/v1/audit/events?kind=verification.recorded&subject="+got.ID, nil, "", &answer))
		require.Len(t, answer.Events, 1)
		e := answer.Events[0]
		require.Equal(t, "demo-bank", e.Actor)
		require.Equal(t, "account-opening", e.Detail["purpose"])
		require.NotEmpty(t, e.Opening)
		var kept struct{ Receipt string }
		require.NoError(t, clientOf(t, data, d.base, "demo-bank").call(ctx, http.MethodGet, "/v1/verifications/"+got.ID+"/receipt", nil, "", &kept))
		u, err := receipt.Parse(kept.Receipt)
		require.NoError(t, err)
		digest := u.Receipt.Digest()
		require.Equal(t, digest, e.Detail["receipt"], "a receipt made up or dated back later is not the log's")
		leaf, err := audit.ParseLeaf([]byte(e.Leaf))
		require.NoError(t, err)
		require.Equal(t, "verification.recorded", leaf.Kind)
		require.Contains(t, answer.Checkpoint, e.Root)
		_, err = d.audit.Build(ctx)
		require.NoError(t, err)
		answer = page{}
		require.NoError(t, auditor.call(ctx, http.MethodGet, "/v1/audit/events?kind=audit.&actor=demo-auditor", nil, "", &answer))
		require.Len(t, answer.Events, 1, "who watches is watched")
		require.Equal(t, got.ID, answer.Events[0].Detail["subject"])

		for path, code := range map[string]string{
			"events?limit=0": "parameter-invalid", "events?limit=1000": "parameter-invalid", "events?from=yesterday": "parameter-invalid", "events?after=-1": "parameter-invalid",
			"events?kind=" + strings.Repeat("k", 300): "parameter-invalid", "proofs/inclusion": "parameter-invalid", "proofs/inclusion?entry=a&index=1": "parameter-invalid",
			"proofs/inclusion?entry=NONE": "audit-entry-unknown", "proofs/inclusion?index=4611686018427387903": "audit-size-unknown", "proofs/inclusion?index=1&size=4611686018427387903": "audit-size-unknown",
			"proofs/inclusion?index=99999999999999999999": "parameter-invalid", "proofs/consistency?from=5&to=2": "audit-size-unknown", "proofs/consistency?from=1&to=4611686018427387903": "audit-size-unknown",
			"tile/0/x999/999": "audit-size-unknown", "tile/9/000": "not-found", "tile/entries/..": "not-found", "checkpoint?newest=maybe": "parameter-invalid",
			"tile/7/x999/x999/x999/x999/x999/999": "audit-size-unknown",
		} {
			err := auditor.call(ctx, http.MethodGet, "/v1/audit/"+path, nil, "", &page{})
			require.Equal(t, code, codeOf(err), "%s: %v", path, err)
		}
		err = clientOf(t, data, d.base, "demo-bank").call(ctx, http.MethodGet, "/v1/audit/events", nil, "", &answer)
		require.Equal(t, "forbidden-role", codeOf(err))

		_, err = d.audit.Build(ctx)
		require.NoError(t, err)
		said := toolOf(t, 3, "audit", "verify", "--data", data)
		require.Contains(t, said, "EVERYTHING: no witness")
		require.Contains(t, said, "nothing is wrong that can be seen")
		r := reportOf(t, 3, "--data", data)
		require.Zero(t, r.Proven)
		require.Greater(t, r.Rows, 50)
		return nil
	}, &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}))
}

func TestAuditConfig(t *testing.T) {
	good := auditConfig{}
	require.NoError(t, good.check())
	require.Equal(t, 26280*time.Hour, good.Retention)
	for name, c := range map[string]auditConfig{
		"retention":        {Retention: 4000 * time.Hour},
		"interval":         {Interval: time.Hour},
		"witness interval": {WitnessInterval: 2 * time.Hour},
		"key":              {Witnesses: []witnessConfig{{URL: "https://w.example", Key: "nonsense"}}},
	} {
		require.ErrorIs(t, c.check(), errConfig, name)
	}
	signer, err := (&witnessCommand{Key: filepath.Join(t.TempDir(), "k"), Name: "w"}).signer()
	require.NoError(t, err)
	for _, url := range []string{"", "w.example", "http://w.example", "ftp://w.example"} {
		c := auditConfig{Witnesses: []witnessConfig{{URL: url, Key: signer.Key().String()}}}
		require.ErrorIs(t, c.check(), errConfig, url)
	}
}

// auditor asks the log what it answers to everyone and to auditors.
func (j *judge) auditor(token string) {
	const get = http.MethodGet
	j.call(get, "/v1/audit/checkpoint?newest=true", "", nil, http.StatusOK)
	j.call(get, "/v1/audit/keys", "", nil, http.StatusOK)
	j.call(get, "/v1/audit/tile/nothing", "", nil, http.StatusNotFound)
	j.call(get, "/v1/audit/proofs/inclusion?index=1", "", nil, http.StatusOK)
	j.call(get, "/v1/audit/proofs/inclusion", "", nil, http.StatusBadRequest)
	j.call(get, "/v1/audit/proofs/inclusion?entry=none", "", nil, http.StatusNotFound)
	j.call(get, "/v1/audit/proofs/consistency?from=1&to=2", "", nil, http.StatusOK)
	j.call(get, "/v1/audit/events?limit=3", token, nil, http.StatusOK)
	j.call(get, "/v1/audit/events?limit=300", token, nil, http.StatusBadRequest)
	j.call(get, "/v1/audit/events", "", nil, http.StatusUnauthorized)
}
