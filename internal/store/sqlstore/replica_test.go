package sqlstore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// Histories are read from a standby, and what decides is not: a standby that has stopped replaying
// shows an old history until it is too old, and never lets a code be spent twice.
func TestReplicaAnswersLookUps(t *testing.T) {
	ctx := t.Context()
	primary, err := backing.StartPostgres(ctx, backing.PostgresConfig{Folder: inMemory()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, primary.Close()) })
	standby, err := primary.Standby(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Close()) })
	s := open(t, sqlstore.Config{URL: primary.URL, Replicas: []string{standby.URL}, Keys: newKeys(t)})

	looks := func() int {
		all, err := s.Looks(ctx, "holder1", wallet.Cursor{At: time.Now().Add(time.Hour)}, 10)
		require.NoError(t, err)
		return len(all)
	}
	v := benchmarkVerification(1)
	require.NoError(t, s.Record(ctx, v))
	s.AwaitReplica(ctx) // it is known to be up to date
	before := s.AskedReplicas()
	require.Equal(t, 1, looks())
	require.Greater(t, s.AskedReplicas(), before, "the standby was asked")

	require.NoError(t, standby.SQL(ctx, "postgres", "SELECT pg_wal_replay_pause()"))
	second := benchmarkVerification(2)
	second.HolderID = v.HolderID
	require.NoError(t, s.Record(ctx, second))
	// What decides sees it at once.
	_, err = s.ByTicket(ctx, second.Ticket)
	require.NoError(t, err)
	again := second
	again.ID, again.RequestKey = "again", ""
	require.ErrorIs(t, s.Record(ctx, again), verifier.ErrSpent)
	// The history does when the standby has been behind for too long: the primary is asked.
	for looks() != 2 {
		require.NoError(t, ctx.Err())
	}
	paused, there := s.ReplicaLag()
	require.True(t, there)

	require.NoError(t, standby.SQL(ctx, "postgres", "SELECT pg_wal_replay_resume()"))
	s.AwaitReplica(ctx)
	require.Equal(t, 2, looks())
	lag, _ := s.ReplicaLag()
	require.Less(t, lag, paused)
	require.Equal(t, "postgres", s.Kind())
	standby.Kill()
	require.Equal(t, 2, looks(), "it is away: the primary is asked")

	alone := open(t, sqlstore.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "showcard.db"), Keys: newKeys(t)})
	_, there = alone.ReplicaLag()
	require.False(t, there)
	require.Equal(t, "sqlite", alone.Kind())
}
