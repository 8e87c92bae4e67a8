package backing

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedis(t *testing.T) {
	ctx := t.Context()
	r, err := StartRedis(ctx, RedisConfig{Args: []string{"--maxmemory", "8mb"}})
	require.NoError(t, err)
	require.True(t, r.Alive())
	require.Empty(t, r.Addr)
	_, err = r.Do(ctx, "SET", "a", "b")
	require.NoError(t, err)
	require.NoError(t, r.Start(ctx), "it runs: nothing to do")
	got, err := r.Do(ctx, "GET", "a")
	require.NoError(t, err)
	require.Equal(t, "b", got)

	require.NoError(t, r.Kill())
	require.NoError(t, r.Kill())
	require.False(t, r.Alive())
	require.Error(t, r.Pause())
	require.NoError(t, r.Start(ctx))
	got, err = r.Do(ctx, "GET", "a")
	require.NoError(t, err)
	require.Nil(t, got)
	require.NoError(t, r.Pause())
	require.NoError(t, r.Kill(), "a paused one, too")
	require.NoError(t, r.Close())
	_, err = os.Stat(r.dir)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What the server says about its own command line is in the error, and nothing is left.
func TestRedisThatDoesNotStart(t *testing.T) {
	_, err := StartRedis(t.Context(), RedisConfig{Args: []string{"--no-such-setting", "1"}})
	require.ErrorContains(t, err, "no-such-setting")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = StartRedis(over, RedisConfig{})
	require.ErrorIs(t, err, context.Canceled)
	t.Setenv("PATH", t.TempDir())
	_, err = StartRedis(t.Context(), RedisConfig{})
	require.ErrorContains(t, err, "Debian package redis-server")
	_, err = StartRedisCluster(t.Context(), 5)
	require.Error(t, err)
}

func TestRedisCluster(t *testing.T) {
	ctx := t.Context()
	c, err := StartRedisCluster(ctx, 6)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.Len(t, c.Nodes, 6)
	require.True(t, strings.HasPrefix(c.URL, "redis+cluster://127.0.0.1:"))
	before, err := c.Serving(ctx, "{a}")
	require.NoError(t, err)
	_, err = before.Do(ctx, "SET", "{a}", "1")
	require.NoError(t, err)
	_, err = before.Do(ctx, "WAIT", 1, 10_000)
	require.NoError(t, err)
	require.NoError(t, before.Kill())
	require.NoError(t, c.AwaitWhole(ctx))
	var after *Redis
	require.NoError(t, until(ctx, func() (bool, error) {
		after, err = c.Serving(ctx, "{a}")
		return err == nil, nil
	}))
	require.NotSame(t, before, after)
	got, err := after.Do(ctx, "GET", "{a}")
	require.NoError(t, err)
	require.Equal(t, "1", got)
	require.NoError(t, before.Start(ctx))
	require.NoError(t, c.AwaitWhole(ctx))
	info, err := before.text(ctx, "INFO", "replication")
	require.NoError(t, err)
	require.Contains(t, info, "role:slave", "it comes back as the replica")
}

func TestRedisSentinel(t *testing.T) {
	ctx := t.Context()
	s, err := StartRedisSentinel(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	before, err := s.Master(ctx)
	require.NoError(t, err)
	require.Same(t, s.Servers[0], before)
	require.NoError(t, before.Kill())
	require.NoError(t, until(ctx, func() (bool, error) {
		after, err := s.Master(ctx)
		return err == nil && after != before, err
	}))
	require.NoError(t, before.Start(ctx))
	require.NoError(t, until(ctx, func() (bool, error) {
		info, err := before.text(ctx, "INFO", "replication")
		return strings.Contains(info, "role:slave"), err
	}), "the sentinels make it a replica")
	require.NoError(t, s.AwaitReplicas(ctx))
}

func TestTail(t *testing.T) {
	var said tail
	for range 100 {
		_, err := said.Write([]byte(strings.Repeat("x", 1000)))
		require.NoError(t, err)
	}
	_, err := said.Write([]byte("the end\n"))
	require.NoError(t, err)
	require.Len(t, said.text, tailSize)
	require.True(t, strings.HasSuffix(said.String(), "xthe end"))
}
