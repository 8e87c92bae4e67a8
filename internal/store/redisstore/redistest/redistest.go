// Package redistest runs real Redis servers for tests, each gone when its test ends: the servers of
// package backing, with errors that end the test.
//
//	server := redistest.Start(t)
//	store, err := redisstore.New(redisstore.Config{URL: server.URL})
package redistest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
)

const patience = 20 * time.Second

// Server is a running redis-server.
type Server struct {
	*backing.Redis
	t testing.TB
}

// Start runs a server until the test ends. The arguments are added to its command line, such as
// "--port", "6399" or "--maxmemory", "8mb".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	r, err := backing.StartRedis(t.Context(), backing.RedisConfig{Args: args})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return Use(t, r)
}

// Use gives a test the hand on a server of a cluster or of a Sentinel group.
func Use(t testing.TB, r *backing.Redis) *Server { return &Server{Redis: r, t: t} }

// Cluster runs six nodes until the test ends, three of them masters.
func Cluster(t testing.TB, args ...string) *backing.RedisCluster {
	t.Helper()
	c, err := backing.StartRedisCluster(t.Context(), 6, args...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Sentinel runs a master, two replicas and three sentinels until the test ends.
func Sentinel(t testing.TB, args ...string) *backing.RedisSentinel {
	t.Helper()
	s, err := backing.StartRedisSentinel(t.Context(), args...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// FreePort returns a TCP port of the loopback that was free a moment ago.
func FreePort(t testing.TB) string {
	t.Helper()
	port, err := backing.FreePort()
	require.NoError(t, err)
	return port
}

// Kill ends the process as kill -9 does.
func (s *Server) Kill() {
	s.t.Helper()
	require.NoError(s.t, s.Redis.Kill())
}

// Restart kills the server, if it runs, and starts an empty one at the same address.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	require.NoError(s.t, s.Start(context.Background()))
}

// Pause stops the process from running (SIGSTOP): connections stay, answers do not come.
func (s *Server) Pause() {
	s.t.Helper()
	require.NoError(s.t, s.Redis.Pause())
}

// Resume ends a pause.
func (s *Server) Resume() {
	s.t.Helper()
	require.NoError(s.t, s.Redis.Resume())
}

// Empty deletes everything (FLUSHALL).
func (s *Server) Empty() { s.Do("FLUSHALL") }

// Do sends a command and returns the answer; an error ends the test.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := s.Redis.Do(ctx, args...)
	require.NoError(s.t, err)
	return answer
}
