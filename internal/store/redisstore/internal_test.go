package redisstore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
)

// The mapping agrees with the list of the standard, for every place in a byte and every status.
func TestBitOffset(t *testing.T) {
	for index := range uint64(64) {
		for status := range statuslist.Status(4) {
			l, err := statuslist.New(2, 64)
			require.NoError(t, err)
			require.NoError(t, l.Set(index, status))
			raw := append(make([]byte, headerSize), l.Raw()...)
			at := bitOffset(index) // from the top, as BITFIELD reads it
			got := raw[at/8] >> (6 - at%8) & 3
			require.EqualValues(t, status, got, "entry %d", index)
		}
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		1: 1, time.Microsecond: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000, 1<<63 - 1: 9223372036855,
	} {
		require.Equal(t, want, millis(d), d)
	}
}

func TestJudge(t *testing.T) {
	const good = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\r\n# Memory\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\n# Replication\r\nrole:master\r\n"
	require.NoError(t, judge(parseInfo(good)))
	set := func(pairs ...string) map[string]string {
		info := parseInfo(good)
		for i := 0; i < len(pairs); i += 2 {
			info[pairs[i]] = pairs[i+1]
		}
		return info
	}
	require.NoError(t, judge(set("redis_version", "10.1")))
	require.NoError(t, judge(set("redis_version", "7.2.4", "server_name", "valkey")))
	for _, v := range []string{"6.2.14", "", "5", "x.7", "-7.0"} {
		require.ErrorIs(t, judge(set("redis_version", v)), ErrVersion, v)
	}
	require.ErrorIs(t, judge(set("maxmemory_policy", "volatile-lru")), ErrEvicts)
	require.NoError(t, judge(set("maxmemory_policy", "volatile-lru", "maxmemory", "0")))
	require.ErrorIs(t, judge(set("role", "slave")), ErrReplica)
	require.ErrorIs(t, judge(set("redis_mode", "cluster")), ErrCluster)
	all := judge(nil)
	for _, err := range []error{ErrVersion, ErrEvicts, ErrReplica} {
		require.ErrorIs(t, all, err, "what is not said is not good")
	}
}

func FuzzInfo(f *testing.F) {
	f.Add("# Server\r\nredis_version:7.0.15\r\nrole:master\r\n")
	f.Add("a:b:c\n:\n::\n#x:y")
	f.Fuzz(func(t *testing.T, text string) {
		for name := range parseInfo(text) {
			require.NotContains(t, name, "\n")
			require.NotContains(t, name, ":")
		}
		_ = judge(parseInfo(text))
	})
}
