package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/qr/qrimage"
)

// TestToolsAgainstDemo drives the running demo with the tools alone, as its demo.json invites to.
func TestToolsAgainstDemo(t *testing.T) {
	data := t.TempDir()
	t.Setenv("SHOWCARD_DATA", data)
	c := demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2"}
	var said bytes.Buffer
	err := c.start(t.Context(), func(ctx context.Context, d *demo) error {
		driveDemo(t, ctx, d)
		return nil
	}, &env{ctx: t.Context(), stdout: &said, stderr: &said})
	require.NoError(t, err, said.String())
}

func driveDemo(t *testing.T, ctx context.Context, d *demo) {
	tool := func(want int, args ...string) string {
		var out, errs bytes.Buffer
		got := run(&env{ctx: ctx, stdout: &out, stderr: &errs}, args)
		require.Equal(t, want, got, "%v\n%s%s", args, &out, &errs)
		return out.String()
	}
	call := func(method, path, token string, in, out any) {
		body, err := json.Marshal(in)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(ctx, method, d.base+path, bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Less(t, resp.StatusCode, 300, string(answer))
		require.NoError(t, json.Unmarshal(answer, out))
	}
	folder := os.Getenv("SHOWCARD_DATA")
	var doc demoDocument
	text, err := os.ReadFile(filepath.Join(folder, "demo.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &doc))
	var person demoHolder
	var id string
	for _, p := range doc.People {
		for _, h := range p.Holdings {
			if h.Type == "resident-id" && id == "" {
				person, id = p, h.Identifier
			}
		}
	}
	token := strings.TrimSpace(tool(0, "token", "--client", "hunan-police"))
	var original struct{ Credential string }
	call(http.MethodGet, "/v1/certificates/"+id, token, nil, &original)
	file := filepath.Join(folder, "original.txt")
	require.NoError(t, os.WriteFile(file, []byte(original.Credential), 0o600))
	require.Contains(t, tool(0, "verify", file), "VALID")
	require.NotContains(t, tool(0, "inspect", file), person.Name)

	citizen := strings.TrimSpace(tool(0, "token", "--person", person.Login))
	tool(1, "token", "--person", "nobody")
	tool(2, "token", "--person", person.Login, "--client", "hunan-police")
	show := func() string {
		var shown struct{ Code string }
		call(http.MethodPost, "/v1/wallet/shows", citizen, map[string]string{"identifier": id, "view": "identity"}, &shown)
		return shown.Code
	}
	check := func(want int, what string) string {
		return tool(want, "verify", what, "--client", "demo-bank", "--purpose", "identity-check")
	}
	code := show()
	require.Contains(t, check(0, strings.ToLower(code)), person.Name)
	require.Contains(t, check(1, code), "code-used")
	picture, err := qrimage.PNG(show(), qrimage.Options{})
	require.NoError(t, err)
	image := filepath.Join(folder, "code.png")
	require.NoError(t, os.WriteFile(image, picture, 0o600))
	require.Contains(t, check(0, image), person.Name)

	tool(0, "revoke", id, "--suspend", "--reason", "lost", "--client", "hunan-police")
	require.Contains(t, check(1, show()), "certificate-suspended")
	tool(0, "revoke", id, "--reinstate", "--client", "hunan-police")
	check(0, show())
	tool(0, "revoke", id, "--kind", "cancelled", "--client", "hunan-police")
	tool(1, "revoke", id, "--reinstate", "--client", "hunan-police")
	tool(3, "verify", "SC1ABC", "--client", "demo-bank", "--purpose", "identity-check")

	rows := filepath.Join(folder, "rows.ndjson")
	require.NoError(t, os.WriteFile(rows, []byte(strings.Join(policeRows(t, 3), "\n")), 0o600))
	require.Contains(t, tool(0, "push", rows, "--client", "hunan-police", "--json"), `"accepted":3`)
	tool(1, "push", rows, "--client", "hunan-hrss", "--json") // not their certificates
}
