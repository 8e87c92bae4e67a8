package redisstore

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	got, err := parse("redis+sentinel://user:p%40ss%2F,@s1:26379,[2001:db8::1]:26380/master-1?db=3&pool_size=7&sentinel_username=w&sentinel_password=x%26y")
	require.NoError(t, err)
	require.Nil(t, got.simple)
	require.Nil(t, got.cluster)
	s := got.sentinel
	require.Equal(t, []string{"s1:26379", "[2001:db8::1]:26380"}, s.SentinelAddrs)
	require.Equal(t, []any{"master-1", 3, 7, "user", "p@ss/,", "w", "x&y"}, []any{s.MasterName, s.DB, s.PoolSize, s.Username, s.Password, s.SentinelUsername, s.SentinelPassword})
	require.Nil(t, s.TLSConfig)

	got, err = parse("rediss+sentinel://s1:1,s2:2/m")
	require.NoError(t, err)
	require.Empty(t, got.sentinel.Username+got.sentinel.Password+got.sentinel.SentinelUsername+got.sentinel.SentinelPassword)
	require.NoError(t, got.secure(nil))
	require.NotNil(t, got.sentinel.TLSConfig)
	require.Empty(t, got.sentinel.TLSConfig.ServerName, "each is checked by its own name")
	require.EqualValues(t, tls.VersionTLS12, got.sentinel.TLSConfig.MinVersion)

	got, err = parse("rediss+cluster://user:pw@a:1,b:2,c:3/?pool_size=9")
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2", "c:3"}, got.cluster.Addrs)
	require.Equal(t, []any{"user", "pw", 9}, []any{got.cluster.Username, got.cluster.Password, got.cluster.PoolSize})
	require.NoError(t, got.secure(&tls.Config{ServerName: "redis.internal", MinVersion: tls.VersionTLS13}))
	require.Equal(t, "redis.internal", got.cluster.TLSConfig.ServerName)
	require.EqualValues(t, tls.VersionTLS13, got.cluster.TLSConfig.MinVersion)

	got, err = parse("rediss://a:1/2")
	require.NoError(t, err)
	require.NoError(t, got.secure(&tls.Config{})) // what is not said is added
	require.Equal(t, "a", got.simple.TLSConfig.ServerName)
	require.EqualValues(t, tls.VersionTLS12, got.simple.TLSConfig.MinVersion)
	got, err = parse("redis+cluster://a:1")
	require.NoError(t, err)
	require.Error(t, got.secure(&tls.Config{MinVersion: tls.VersionTLS12}), "TLS that the URL does not ask for")

	for _, bad := range []string{
		"redis+sentinel://a:1,b:2", "redis+sentinel://a:1/", "redis+sentinel://a:1/m/2", "redis+sentinel://a:1/m?db=x", "redis+sentinel://a:1/m?master_name=n",
		"redis+sentinel://a:1/m?addr=b:2", "redis+sentinel://a:1/m#x", "redis+sentinel://,/m", "redis+sentinel:///m", "redis+sentinel://a/m",
		"redis+cluster://a:1/0", "redis+cluster://a,b", "redis+cluster://a:1,", "redis+cluster://", "redis+cluster://a:1?db=1", "redis+cluster://u:hunter2%zz@a:1",
		"redis+cluster://a:1?read_only=true", "redis+cluster://a:1?route_randomly=true", "redis+sentinel://a:1/m?replica_only=true", "redis+sentinel://a:1/m?route_by_latency=1",
		"unix+cluster://a:1", "http+sentinel://a:1/m", "+cluster://a:1", "redis+both://a:1", "redis:a:1", "", "memory", "redis://a:1,b:2",
	} {
		_, err := parse(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"redis://u:p@h:1/2", "unix:///s", "redis+sentinel://u:p@a:1,b:2/m?db=1&sentinel_password=x", "rediss+cluster://u:p@a:1,[::1]:2", "redis+cluster://@:,/?#",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := parse(raw)
		if err != nil {
			require.Equal(t, target{}, got)
			return
		}
		n := 0
		for _, there := range []bool{got.simple != nil, got.sentinel != nil, got.cluster != nil} {
			if there {
				n++
			}
		}
		require.Equal(t, 1, n)
		if got.sentinel != nil {
			require.NotEmpty(t, got.sentinel.MasterName)
			require.False(t, got.sentinel.ReplicaOnly || got.sentinel.RouteByLatency || got.sentinel.RouteRandomly)
		}
		if got.cluster != nil {
			require.NotEmpty(t, got.cluster.Addrs)
			require.False(t, got.cluster.ReadOnly || got.cluster.RouteByLatency || got.cluster.RouteRandomly)
		}
	})
}
