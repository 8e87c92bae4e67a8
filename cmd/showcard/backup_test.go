package main

import (
	"archive/tar"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore/redistest"
)

// slotsOf reads every slot that a database has given to a certificate.
func slotsOf(t *testing.T, database string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.Query(`SELECT list || '/' || idx, identifier FROM slots`)
	require.NoError(t, err)
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var slot, identifier string
		require.NoError(t, rows.Scan(&slot, &identifier))
		out[slot] = identifier
	}
	require.NoError(t, rows.Err())
	return out
}

func putRows(t *testing.T, c *client, job string, rows []byte) {
	t.Helper()
	resp, err := c.send(t.Context(), request{
		method: http.MethodPut, path: "/v1/pushes/" + job, header: http.Header{"Content-Type": {"application/x-ndjson"}},
		body: func() (io.Reader, error) { return bytes.NewReader(rows), nil },
	})
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

// A backup is taken while a push runs, the data folder is destroyed, the backup is put back: what
// was issued still verifies, what was revoked stays revoked, no slot is used twice, caches and
// verifiers of before believe nothing old, and the department pushes again what was lost.
func TestBackupAndRestore(t *testing.T) {
	redis := redistest.Start(t) // lives through it, with the status cache of before
	folder := t.TempDir()
	data := filepath.Join(folder, "data")
	addr := freeAddress(t)
	p := startProcess(t, addr, "the demo is running", "demo", "--data", data, "--addr", addr, "--volatile", redis.URL)
	department, bank := clientOf(t, data, p.base, "hunan-hrss"), clientOf(t, data, p.base, "demo-bank")
	public := demoFileOf(t, data).BaseURL
	facts := func(bank *client, identifier string) (got checked) {
		require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"purpose": "account-opening",
			"facts": map[string]any{"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": "张示例"}}}, "", &got))
		return got
	}
	standing, ended := holdingOf(t, data, "person-01", "resident-id"), holdingOf(t, data, "person-01", "drivers-licence")
	police := clientOf(t, data, p.base, "hunan-police")
	require.NoError(t, police.call(t.Context(), http.MethodPost, "/v1/certificates/"+url.PathEscape(ended)+"/revoke", map[string]any{"kind": "revoked", "reason": "x"}, "r-1", nil))
	require.Equal(t, "valid", facts(bank, standing).Outcome)

	rows := bytes.SplitAfter(manyRows(t, 3000), []byte("\n"))
	pushed := make(chan struct{})
	go func() {
		defer close(pushed)
		for i := range 6 {
			resp, err := department.send(t.Context(), request{
				method: http.MethodPut, path: fmt.Sprint("/v1/pushes/night-", i), header: http.Header{"Content-Type": {"application/x-ndjson"}},
				body: func() (io.Reader, error) { return bytes.NewReader(bytes.Join(rows[500*i:500*(i+1)], nil)), nil },
			})
			if err == nil {
				err = resp.Body.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}
	}()
	require.Eventually(t, func() bool {
		var job struct{ Accepted int }
		return department.call(t.Context(), http.MethodGet, "/v1/pushes/night-0", nil, "", &job) == nil && job.Accepted > 0
	}, time.Minute, 5*time.Millisecond)
	archive, keys := filepath.Join(folder, "b.tar"), filepath.Join(folder, "keys.json")
	toolOf(t, 0, "backup", "--data", data, "--out", archive, "--keys-out", keys)
	toolOf(t, 1, "backup", "--data", data, "--out", archive) // never over an older one
	left, err := filepath.Glob(filepath.Join(folder, ".backup-*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing half made lies about")
	<-pushed
	require.NoError(t, p.stop(syscall.SIGTERM))
	before := slotsOf(t, filepath.Join(data, "showcard.db"))

	// Somebody keeps the clients' keys and the key file elsewhere. Then the disk is gone.
	kept := filepath.Join(folder, "kept")
	require.NoError(t, os.Rename(data, kept))
	configuration := func(data string) string {
		file := filepath.Join(folder, "showcard.yaml")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `{public_url: %q, listen: %q, data: %q, keystore_key_file: %q, volatile: %q,
  domain: {code: DEMO, name: {zh: 演示域, en: Demo domain}}}`, public, addr, data, filepath.Join(kept, "demo.keyfile"), redis.URL), 0o600))
		return file
	}
	t.Run("refused", func(t *testing.T) { restoreRefused(t, kept, archive, keys, configuration) })

	config := configuration(data)
	said := toolOf(t, 0, "restore", "-c", config, "--from", archive, "--keys", keys)
	require.Contains(t, said, "push again")
	require.Contains(t, toolOf(t, 0, "vault", "status", "-c", config), "seals")
	toolOf(t, 1, "restore", "-c", config, "--from", archive, "--keys", keys) // nothing is overwritten
	restored := slotsOf(t, filepath.Join(data, "showcard.db"))
	require.NotEmpty(t, restored)
	require.Less(t, len(restored), len(before), "the push went on after the backup")

	p = startProcess(t, addr, "serving", "serve", "-c", config)
	department, bank, police = clientOf(t, kept, p.base, "hunan-hrss"), clientOf(t, kept, p.base, "demo-bank"), clientOf(t, kept, p.base, "hunan-police")
	require.Eventually(t, func() bool { return facts(bank, standing).Outcome == "valid" }, 30*time.Second, 100*time.Millisecond)
	var gone struct{ State string }
	require.NoError(t, police.call(t.Context(), http.MethodGet, "/v1/certificates/"+url.PathEscape(ended), nil, "", &gone))
	require.Equal(t, "revoked", gone.State)
	var original struct{ Credential string }
	require.NoError(t, police.call(t.Context(), http.MethodGet, "/v1/certificates/"+url.PathEscape(standing), nil, "", &original))
	file := filepath.Join(folder, "original.txt")
	require.NoError(t, os.WriteFile(file, []byte(original.Credential), 0o600))
	require.Contains(t, toolOf(t, 0, "verify", file, "--roots", filepath.Join(data, "roots.json"), "--trust", p.base+"/v1/trust-list"), "VALID")
	require.NoError(t, police.call(t.Context(), http.MethodGet, "/v1/certificates/"+url.PathEscape(ended), nil, "", &original))
	require.NoError(t, os.WriteFile(file, []byte(original.Credential), 0o600))
	toolOf(t, 1, "verify", file, "--roots", filepath.Join(data, "roots.json"), "--trust", p.base+"/v1/trust-list")

	// All of it is pushed again: the old rows are answered as before, the lost ones get other slots.
	putRows(t, department, "again", bytes.Join(rows, nil))
	require.Len(t, resultsOf(t, department, "again"), 3000)
	require.NoError(t, p.stop(syscall.SIGTERM))
	after := slotsOf(t, filepath.Join(data, "showcard.db"))
	fresh := 0
	for slot, identifier := range after {
		if restored[slot] == identifier {
			continue
		}
		fresh++
		require.NotContains(t, before, slot, "given to %s once, and now to %s", before[slot], identifier)
	}
	require.NotZero(t, fresh)
}

// restoreRefused tries what must not be put back, and where.
func restoreRefused(t *testing.T, kept, archive, keys string, configuration func(string) string) {
	good, err := os.ReadFile(archive)
	require.NoError(t, err)
	nowhere := filepath.Join(t.TempDir(), "data")
	config := configuration(nowhere)
	bad := filepath.Join(t.TempDir(), "bad.tar")
	try := func(name string, data []byte, want string) {
		require.NoError(t, os.WriteFile(bad, data, 0o600))
		var errs bytes.Buffer
		got := run(&env{ctx: t.Context(), stdin: strings.NewReader(""), stdout: io.Discard, stderr: &errs}, []string{"restore", "-c", config, "--from", bad, "--keys", keys})
		require.Equal(t, 1, got, name)
		require.Contains(t, errs.String(), want, name)
		require.NoDirExists(t, nowhere, name)
		left, err := filepath.Glob(filepath.Join(filepath.Dir(nowhere), ".restore-*"))
		require.NoError(t, err)
		require.Empty(t, left, name)
	}
	flip := func(at int) []byte {
		data := bytes.Clone(good)
		data[at] ^= 1
		return data
	}
	try("a byte of the database", flip(len(good)/2), "is not what was backed up")
	try("a byte of the manifest", flip(bytes.Index(good, []byte(`"sm3"`))+10), "cannot be put back")
	try("cut off", good[:len(good)/2], "cannot be put back")
	try("empty", nil, "cannot be put back")
	// A byte and its digest: the seal is over the digests.
	edited := flip(len(good) / 2)
	m := manifestOf(t, good)
	m.Files[0].SM3 = m.Files[1].SM3
	require.NotEqual(t, m, manifestOf(t, good))
	text, err := json.MarshalIndent(m, "", "  ")
	require.NoError(t, err)
	copy(edited[512:], text)
	try("a byte and its digest", edited, "seal")

	// Another keystore; another deployment; a folder that is not empty; a wrong key file.
	other := filepath.Join(t.TempDir(), "other.json")
	toolOf(t, 0, "keygen", "--keystore", other, "--key-file", filepath.Join(kept, "demo.keyfile"), "--name", "status/1")
	toolOf(t, 1, "restore", "-c", config, "--from", archive, "--keys", other)
	yaml, err := os.ReadFile(config)
	require.NoError(t, err)
	elsewhere := filepath.Join(t.TempDir(), "other.yaml")
	require.NoError(t, os.WriteFile(elsewhere, bytes.Replace(yaml, []byte("DEMO"), []byte("TEST"), 1), 0o600))
	toolOf(t, 1, "restore", "-c", elsewhere, "--from", archive, "--keys", keys)
	require.NoError(t, os.WriteFile(filepath.Join(t.TempDir(), "k"), bytes.Repeat([]byte{7}, 32), 0o600))
	require.NoDirExists(t, nowhere)
	require.NoError(t, os.MkdirAll(nowhere, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(nowhere, "x"), nil, 0o600))
	toolOf(t, 1, "restore", "-c", config, "--from", archive, "--keys", keys)
	require.NoError(t, os.RemoveAll(nowhere))

	// Neither file holds what opens the other, nor anybody's name.
	secret, err := os.ReadFile(filepath.Join(kept, "demo.keyfile"))
	require.NoError(t, err)
	sealed, err := os.ReadFile(keys)
	require.NoError(t, err)
	for _, never := range [][]byte{secret, []byte("张示例"), []byte("430102199")} {
		require.False(t, bytes.Contains(good, never))
		require.False(t, bytes.Contains(sealed, never))
	}
	for _, name := range []string{archive, keys} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}
}

func manifestOf(t *testing.T, archive []byte) (m manifest) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(archive))
	_, err := r.Next()
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(r).Decode(&m))
	return m
}
