package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/wallet"
)

func open(t testing.TB, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second // 200 goroutines on a small machine
	}
	s, err := redisstore.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Shutdown()) })
	return s
}

// subjects opens stores on one server, each with keys of its own.
func subjects(server *redistest.Server, cfg redisstore.Config) func(t *testing.T) storetest.VolatileSubject {
	n := 0
	return func(t *testing.T) storetest.VolatileSubject {
		n++
		cfg := cfg
		cfg.Prefix = fmt.Sprintf("showcard:%d:", n)
		return storetest.VolatileSubject{Store: open(t, cfg), Advance: func(d time.Duration) { advance(t, server, d) }}
	}
}

// advance waits until the server's clock has gone on by d.
func advance(t *testing.T, server *redistest.Server, d time.Duration) {
	t.Helper()
	end := serverTime(t, server) + d.Microseconds() + 2000 // it ends keys by the millisecond
	require.Eventually(t, func() bool { return serverTime(t, server) >= end }, d+time.Minute, time.Millisecond)
}

func serverTime(t *testing.T, server *redistest.Server) int64 {
	t.Helper()
	parts := server.Do("TIME").([]any)
	var sec, micro int64
	_, err := fmt.Sscan(parts[0].(string)+" "+parts[1].(string), &sec, &micro)
	require.NoError(t, err)
	return sec*1_000_000 + micro
}

func TestVolatile(t *testing.T) {
	server := redistest.Start(t)
	cfg := redisstore.Config{URL: server.URL}
	storetest.Volatile(t, subjects(server, cfg))
	require.NoError(t, open(t, cfg).PutChallenge(t.Context(), "one that nobody took", "bank", time.Hour))
	requireExpiries(t, server)
}

// requireExpiries: everything ends but the status lists and their stream.
func requireExpiries(t *testing.T, server *redistest.Server) {
	t.Helper()
	seen := map[string]int{}
	for _, k := range server.Do("KEYS", "*").([]any) {
		key := k.(string)
		_, kind, ok := strings.Cut(key, "{")
		require.True(t, ok, key)
		kind, _, _ = strings.Cut(kind, ":")
		seen[kind]++
		ttl := server.Do("PTTL", key).(int64)
		if ttl == -2 {
			continue // it ended since KEYS: so it had an end
		}
		if kind == "status" || kind == "status-stream}" {
			require.EqualValues(t, -1, ttl, key)
		} else {
			require.Positive(t, ttl, key)
		}
	}
	for _, kind := range []string{"show", "shows", "ticket", "challenge", "once", "limit", "status", "status-stream}"} {
		require.Positive(t, seen[kind], kind)
	}
}

// Two processes, one code: the scanners are spread over two clients of the same server.
func TestRaceOfTwoProcesses(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	stores := []*redisstore.Store{open(t, redisstore.Config{URL: server.URL}), open(t, redisstore.Config{URL: server.URL})}
	for round := range 5 {
		id := fmt.Sprint(round)
		require.NoError(t, stores[round%2].PutShow(ctx, wallet.Show{ID: id}, time.Hour))
		var won, taken atomic.Int64
		var wg sync.WaitGroup
		gun := make(chan struct{})
		for i := range 200 {
			wg.Go(func() {
				<-gun
				switch err := stores[i%2].Claim(ctx, id, fmt.Sprint(i), time.Hour); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, wallet.ErrTicketTaken):
					taken.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		close(gun)
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
		require.EqualValues(t, 199, taken.Load())
	}
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]redisstore.Config{
		"no URL":         {},
		"other scheme":   {URL: "http://user:hunter2@localhost"},
		"bad port":       {URL: "redis://user:hunter2@localhost:hunter2"},
		"bad escape":     {URL: "redis://user:hunter2%zz@localhost"},
		"bad database":   {URL: "redis://user:hunter2@localhost/hunter2"},
		"bad parameter":  {URL: "redis://user:hunter2@localhost?hunter2=hunter2"},
		"braces":         {URL: "redis://localhost", Prefix: "a{b}"},
		"negative":       {URL: "redis://localhost", Timeout: -1},
		"TLS without it": {URL: "redis://user:hunter2@localhost", TLS: testTLS(t).client},
	} {
		_, err := redisstore.New(cfg)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
	cfg := redisstore.Config{URL: "redis://user:hunter2@localhost", Prefix: "p:"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "config", cfg)
	for _, text := range []string{fmt.Sprint(cfg), fmt.Sprintf("%v %+v %#v %s %q %d", cfg, cfg, cfg, cfg, cfg, cfg), fmt.Sprint(&cfg), log.String()} {
		require.NotContains(t, text, "hunter2")
		require.Contains(t, text, "p:")
	}
}

func TestCheck(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	require.NoError(t, s.Ready(ctx))
	require.NoError(t, s.Check(ctx))
	server.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	require.NoError(t, s.Check(ctx), "without maxmemory nothing is evicted")
	server.Do("CONFIG", "SET", "maxmemory", "100mb")
	for _, policy := range []string{"allkeys-lru", "volatile-ttl", "allkeys-random"} {
		server.Do("CONFIG", "SET", "maxmemory-policy", policy)
		err := s.Check(ctx)
		require.ErrorIs(t, err, redisstore.ErrEvicts)
		require.ErrorContains(t, err, policy)
	}
	server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	require.NoError(t, s.Check(ctx))
	server.Do("REPLICAOF", "127.0.0.1", "1")
	require.ErrorIs(t, s.Check(ctx), redisstore.ErrReplica)
	server.Do("REPLICAOF", "NO", "ONE")
	require.NoError(t, s.Check(ctx))
	server.Kill()
	require.Error(t, s.Ready(ctx))
	require.Error(t, s.Check(ctx))
	over, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, s.Ready(over), context.Canceled)
	require.ErrorIs(t, s.Check(over), context.Canceled)
}
