package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
)

// The same deployment, command by command, with its record in PostgreSQL. While it serves, the
// database dies and comes back: callers are told to try again, and then all is as before.
func TestServeFromNothingOnPostgres(t *testing.T) {
	pg, err := backing.StartPostgres(t.Context(), backing.PostgresConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pg.Close()) })
	require.NoError(t, pg.SQL(t.Context(), "postgres", "CREATE ROLE showcard LOGIN"))
	require.NoError(t, pg.SQL(t.Context(), "postgres", "CREATE DATABASE record OWNER showcard TEMPLATE template0"))
	address := strings.Replace(pg.Database("record"), "postgres@", "showcard@", 1)

	dump := []string{"-c", "showcard.yaml", "--backup", "record.dump", "--taken", time.Now().UTC().Format(time.RFC3339)}
	serveFromNothing(t, "database: "+address+"\n", func(server, bank string) {
		require.NoFileExists(t, "data/showcard.db")
		ask := func() *http.Response {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+"/v1/verifications",
				strings.NewReader(`{"purpose": "account-opening", "facts": {"identifier": "none", "type": "resident-id", "claims": {"name": "x"}}}`))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+bank)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			return resp
		}
		pg.Kill()
		resp := ask()
		var problem struct{ Code string }
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&problem))
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, problem.Code)
		require.NotEmpty(t, resp.Header.Get("Retry-After"))
		require.NoError(t, pg.Start(t.Context()))
		require.Eventually(t, func() bool {
			resp := ask()
			defer resp.Body.Close()
			return resp.StatusCode < 300
		}, 20*time.Second, 50*time.Millisecond)
		ready, err := http.Get(server + "/readyz")
		require.NoError(t, err)
		require.NoError(t, ready.Body.Close())
		require.Equal(t, http.StatusOK, ready.StatusCode)

		// A server is backed up with its own tools; ours says so, and leaves nothing behind.
		out := filepath.Join(t.TempDir(), "backup.tar")
		toolOf(t, 1, "backup", "-c", "showcard.yaml", "--out", out)
		require.NoFileExists(t, out)
		require.NoError(t, pg.Dump(t.Context(), "record", filepath.Join(pg.Socket, "record.dump")))
		toolOf(t, 1, append([]string{"restored"}, dump...)...) // somebody serves
	}, func() {
		require.NoError(t, pg.SQL(t.Context(), "postgres", "DROP DATABASE record WITH (FORCE)"))
		require.NoError(t, pg.SQL(t.Context(), "postgres", "CREATE DATABASE record OWNER showcard TEMPLATE template0"))
		require.NoError(t, pg.Restore(t.Context(), "record", filepath.Join(pg.Socket, "record.dump")))
		require.Contains(t, toolOf(t, 0, append([]string{"restored"}, dump...)...), "restored record.dump")
		closed, err := pg.Query(t.Context(), "record", "SELECT count(*) FROM status_lists WHERE used < size")
		require.NoError(t, err)
		require.Equal(t, "0", closed, "no list gives out another slot")
	})
}
