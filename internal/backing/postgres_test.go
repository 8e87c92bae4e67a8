package backing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
)

func TestPostgresComesBack(t *testing.T) {
	p, err := backing.StartPostgres(t.Context(), backing.PostgresConfig{Settings: map[string]string{"work_mem": "8MB"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	set, err := p.Query(t.Context(), "showcard", "SHOW work_mem")
	require.NoError(t, err)
	require.Equal(t, "8MB", set)
	require.NoError(t, p.SQL(t.Context(), "showcard", "CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (1)"))
	p.Kill()
	require.Zero(t, p.PID())
	require.Error(t, p.SQL(t.Context(), "showcard", "SELECT 1"))
	require.NoError(t, p.Start(t.Context()))
	n, err := p.Query(t.Context(), "showcard", "SELECT n FROM t")
	require.NoError(t, err)
	require.Equal(t, "1", n)
}

func TestPostgresStandbyIsPromoted(t *testing.T) {
	p, err := backing.StartPostgres(t.Context(), backing.PostgresConfig{})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	s, err := p.Standby(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, p.Set(t.Context(), "synchronous_standby_names", "ANY 1 (standby1)"))
	require.NoError(t, p.SQL(t.Context(), "showcard", "CREATE TABLE t (n BIGINT)"))
	require.NoError(t, p.SQL(t.Context(), "showcard", "INSERT INTO t VALUES (7)"))
	require.NoError(t, p.Fence())
	require.Error(t, p.Start(t.Context()))
	got, err := s.Received(t.Context())
	require.NoError(t, err)
	require.NotZero(t, got)
	require.NoError(t, s.Promote(t.Context()))
	require.NoError(t, s.SQL(t.Context(), "showcard", "INSERT INTO t VALUES (8)"))
	n, err := s.Query(t.Context(), "showcard", "SELECT sum(n) FROM t")
	require.NoError(t, err)
	require.Equal(t, "15", n)
}
