package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
)

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

// From an empty machine to a certificate that a bank has checked, by the commands of an
// operator, a department and a bank. Whoever sets up a deployment can follow it line by line.
func TestServeFromNothing(t *testing.T) { serveFromNothing(t, "", nil, nil) }

// serveFromNothing takes lines for the configuration, and what is to happen while the server runs and
// when it does not.
func serveFromNothing(t *testing.T, lines string, meanwhile func(server, bank string), between func()) {
	t.Chdir(t.TempDir())
	addr := freeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	server := "http://localhost:" + port
	tool := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(toolOf(t, 0, args...))
	}
	// curl -X METHOD -H "Authorization: Bearer $(showcard token …)" -d BODY SERVER/PATH
	curl := func(token, method, path, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, server+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Less(t, resp.StatusCode, 300, "%s %s: %s", method, path, answer)
		return string(answer)
	}

	// The operator: a key of her own, a configuration, a server.
	require.NoError(t, os.WriteFile("operator-1.public.jwk", []byte(tool("keygen", "--out", "operator-1.jwk")), 0o600))
	require.NoError(t, os.WriteFile("showcard.yaml", []byte(`
public_url: `+server+`
listen: `+addr+`
data: data
keystore_key_file: safe/keystore.key
domain: {code: "4300", name: {zh: 湖南省, en: Hunan}}
operators:
  - {id: operator-1, jwk: operator-1.public.jwk}
`+lines), 0o600))
	require.NoError(t, os.Mkdir("safe", 0o700))
	p := startProcess(t, addr, "serving", "serve", "-config", "showcard.yaml")

	// She carries the root keys away and registers an authority, whose key is made in the
	// keystore, under authority/ID/1, while the server runs.
	require.NoError(t, os.Rename("data/offline-root-keys", "safe/offline-root-keys"))
	authority := tool("keygen", "--keystore", "data/keystore.json", "--key-file", "safe/keystore.key", "--name", "authority/hunan-police/1")
	operator := tool("token", "--server", server, "--client", "operator-1", "--key", "operator-1.jwk")
	now := time.Now().UTC().Format(time.RFC3339)
	curl(operator, "PUT", "/v1/registry/authorities/hunan-police", `{
		"id": "hunan-police", "uscc": "11430000MB1D000127", "name": {"zh": "湖南省公安厅", "en": "Hunan Public Security Department"},
		"domain": "4300", "types": ["resident-id", "drivers-licence", "vehicle-licence"], "regions": ["430000"],
		"keys": [{"jwk": `+authority+`, "not_before": "`+now+`"}]}`)
	// Its client, and a bank that may see names and numbers to open accounts.
	curl(operator, "PUT", "/v1/registry/clients/police-1", `{"id": "police-1", "role": "department", "authorities": ["hunan-police"], "scopes": ["issue"],
		"keys": [`+tool("keygen", "--out", "police-1.jwk")+`]}`)
	var bank struct{ Steps []struct{ At string } }
	require.NoError(t, json.Unmarshal([]byte(curl(operator, "PUT", "/v1/registry/parties/bank", `{"id": "bank", "name": {"zh": "银行", "en": "Bank"}, "contact": "0731-12345",
		"legal_basis": [{"purpose": "account-opening", "basis": "Anti-Money Laundering Law, article 29"}],
		"grants": [{"type": "resident-id", "fields": ["name", "id_number", "not_expired"], "purposes": ["account-opening"]}]}`)), &bank))
	// As long as she is the only operator, her review is hers.
	curl(operator, "POST", "/v1/registry/parties/bank/approve", `{"reason": "contract 2026-17", "seen": "`+bank.Steps[0].At+`"}`)
	curl(operator, "POST", "/v1/registry/parties/bank/release", `{"reason": "contract 2026-17"}`)
	curl(operator, "PUT", "/v1/registry/clients/bank-1", `{"id": "bank-1", "role": "relying-party", "party": "bank", "scopes": ["verify"],
		"keys": [`+tool("keygen", "--out", "bank-1.jwk")+`]}`)

	// The department pushes a file; every row stands.
	require.NoError(t, os.WriteFile("rows.ndjson", []byte(strings.Join(policeRows(t, 5), "\n")), 0o600))
	police := []string{"--server", server, "--client", "police-1", "--key", "police-1.jwk"}
	var pushed struct{ Accepted int }
	require.NoError(t, json.Unmarshal([]byte(tool(append([]string{"push", "rows.ndjson", "--json"}, police...)...)), &pushed))
	require.Equal(t, 5, pushed.Accepted)
	results, err := os.ReadFile("rows.results.ndjson")
	require.NoError(t, err)
	var first struct{ Key, Identifier string }
	require.NoError(t, json.Unmarshal(bytes.SplitN(results, []byte("\n"), 2)[0], &first))

	// The original, checked with nothing but the roots.
	var original struct{ Credential string }
	require.NoError(t, json.Unmarshal([]byte(curl(tool(append([]string{"token"}, police...)...), "GET", "/v1/certificates/"+url.PathEscape(first.Identifier), "")), &original))
	require.NoError(t, os.WriteFile("original.txt", []byte(original.Credential), 0o600))
	verify := []string{"verify", "original.txt", "--roots", "data/roots.json", "--trust", server + "/v1/trust-list"}
	require.Contains(t, tool(verify...), "VALID")

	// The bank has facts checked.
	facts := func() (answer checked) {
		token := tool("token", "--server", server, "--client", "bank-1", "--key", "bank-1.jwk")
		require.NoError(t, json.Unmarshal([]byte(curl(token, "POST", "/v1/verifications", `{"purpose": "account-opening",
			"facts": {"identifier": "`+first.Identifier+`", "type": "resident-id", "claims": {"name": "张示例"}}}`)), &answer))
		return answer
	}
	require.Equal(t, "valid", facts().Outcome)
	if meanwhile != nil {
		meanwhile(server, tool("token", "--server", server, "--client", "bank-1", "--key", "bank-1.jwk"))
		require.Equal(t, "valid", facts().Outcome)
	}

	// A second start goes on without the root keys, and a revocation bites.
	require.NoError(t, p.stop(syscall.SIGTERM))
	if between != nil {
		between()
	}
	startProcess(t, addr, "serving", "serve", "-config", "showcard.yaml")
	require.Equal(t, "valid", facts().Outcome)
	tool(append([]string{"revoke", first.Identifier, "--kind", "revoked", "--reason", "decision 2026-17"}, police...)...)
	got := facts()
	require.Equal(t, "invalid", got.Outcome)
	require.Equal(t, "certificate-ended", got.Reasons[0].Code)
	require.Contains(t, toolOf(t, 1, verify...), "INVALID")
}
