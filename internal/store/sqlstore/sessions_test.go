package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/store/sqlstore"
)

// Every change of a session leaves one entry in the audit log, and what changed nothing leaves none.
func TestSessionsAreAudited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "showcard.db")
	s := open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	entries := 0
	added := func(n int) {
		t.Helper()
		var now int
		require.NoError(t, db.QueryRow(`SELECT count(*) FROM audit_entries WHERE holder_id = 'h'`).Scan(&now))
		require.Equal(t, entries+n, now)
		entries = now
	}
	ctx, now := t.Context(), time.Now()
	session := func(id string) access.Session {
		return access.Session{ID: id, Holder: "h", Method: "oidc:demo", At: now, SignedInAt: now, Expires: now.Add(time.Hour)}
	}
	require.NoError(t, s.OpenSession(ctx, session("1")))
	require.NoError(t, s.OpenSession(ctx, session("2")))
	added(2)
	require.Error(t, s.OpenSession(ctx, session("1")))
	added(0)
	require.NoError(t, s.StepUpSession(ctx, "1", now))
	added(1)
	require.NoError(t, s.EndSession(ctx, "1"))
	added(1)
	require.NoError(t, s.EndSession(ctx, "1"))
	require.ErrorIs(t, s.StepUpSession(ctx, "1", now), access.ErrSessionEnded)
	added(0)
	n, err := s.EndSessions(ctx, "h")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	added(1)
	n, err = s.EndSessions(ctx, "h")
	require.NoError(t, err)
	require.Zero(t, n)
	added(0)
}
