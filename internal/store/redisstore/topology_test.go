package redisstore_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

const aWhile = time.Minute // for what must come

// requireUnavailable: the server answers 503, and not that something is wrong with it.
func requireUnavailable(t *testing.T, err error) {
	t.Helper()
	var away net.Error
	require.ErrorAs(t, err, &away)
}

// allow gives a user to every server, who may do only what doc.go says.
func allow(t *testing.T, rules []any, servers ...*backing.Redis) {
	t.Helper()
	for _, one := range servers {
		redistest.Use(t, one).Do(append([]any{"ACL", "SETUSER", "showcard", "on", ">s3cret", "~showcard:*", "&showcard:*"}, rules...)...)
	}
}

// signedIn is the URL with that user.
func signedIn(url string) string { return strings.Replace(url, "://", "://showcard:s3cret@", 1) }

// All suites over six nodes, as the user of doc.go: no script touches two slots, whatever is asked
// of the cluster itself is allowed, and events go from node to node.
func TestVolatileOnCluster(t *testing.T) {
	ctx := t.Context()
	cluster := redistest.Cluster(t)
	allow(t, append(storeRules(), "+cluster|slots", "+cluster|info"), cluster.Nodes...)
	cfg := redisstore.Config{URL: signedIn(cluster.URL)}
	storetest.Volatile(t, subjects(redistest.Use(t, cluster.Nodes[0]), cfg))
	s := open(t, cfg)
	require.NoError(t, s.Ready(ctx))
	require.NoError(t, s.Check(ctx))
	spread := 0
	for _, node := range cluster.Nodes[:3] {
		if redistest.Use(t, node).Do("DBSIZE").(int64) > 0 {
			spread++
		}
	}
	require.Equal(t, 3, spread)

	one := open(t, redisstore.Config{URL: "redis://showcard:s3cret@" + cluster.Nodes[0].Addr})
	require.ErrorIs(t, one.Check(ctx), redisstore.ErrCluster)
	redistest.Use(t, cluster.Nodes[1]).Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	redistest.Use(t, cluster.Nodes[1]).Do("CONFIG", "SET", "maxmemory", "1gb")
	err := s.Check(ctx)
	require.ErrorIs(t, err, redisstore.ErrEvicts)
	require.ErrorContains(t, err, cluster.Nodes[1].Addr)
	require.NotContains(t, err.Error(), cluster.Nodes[0].Addr)
	require.NoError(t, cluster.Nodes[5].Kill())
	require.Eventually(t, func() bool { return s.Check(ctx) != nil && strings.Contains(s.Check(ctx).Error(), "no replica") }, aWhile, 10*time.Millisecond)
	require.NoError(t, s.Ready(ctx))
	require.NoError(t, cluster.Nodes[2].Kill()) // and now nobody has its keys
	require.Eventually(t, func() bool { return s.Ready(ctx) != nil }, aWhile, 10*time.Millisecond)
	require.ErrorIs(t, s.Ready(ctx), redisstore.ErrDown)
	require.ErrorIs(t, s.Check(ctx), redisstore.ErrDown)
	unavailable := s.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour)
	require.ErrorContains(t, unavailable, "CLUSTERDOWN")
	requireUnavailable(t, unavailable)
}

// All suites by way of sentinels, who have a password of their own.
func TestVolatileOnSentinel(t *testing.T) {
	ctx := t.Context()
	group := redistest.Sentinel(t)
	allow(t, storeRules(), group.Servers...)
	for _, one := range group.Sentinels {
		redistest.Use(t, one).Do("ACL", "SETUSER", "watcher", "on", ">w0rd", "&*",
			"+sentinel|get-master-addr-by-name", "+sentinel|sentinels", "+sentinel|replicas", "+sentinel|ckquorum", "+subscribe", "+info", "+@connection")
	}
	cfg := redisstore.Config{URL: signedIn(group.URL) + "?sentinel_username=watcher&sentinel_password=w0rd"}
	storetest.Volatile(t, subjects(redistest.Use(t, group.Servers[0]), cfg))
	s := open(t, cfg)
	require.NoError(t, s.Ready(ctx))
	require.NoError(t, s.Check(ctx))

	wrong := open(t, redisstore.Config{URL: strings.Replace(cfg.URL, "=w0rd", "=wr0ng", 1), Timeout: 200 * time.Millisecond})
	require.ErrorContains(t, wrong.Check(ctx), "WRONGPASS")
	require.Error(t, wrong.Ready(ctx))
	stranger := open(t, redisstore.Config{URL: strings.Replace(cfg.URL, "/showcard?", "/another?", 1), Timeout: 200 * time.Millisecond})
	require.ErrorIs(t, stranger.Check(ctx), redisstore.ErrMaster)
	_, err := stranger.Ticket(ctx, [32]byte{1})
	require.NotErrorIs(t, err, wallet.ErrTicketUnknown, "that the sentinels know no such master does not mean that there is no such code")
	requireUnavailable(t, err)
	require.NotErrorIs(t, stranger.TakeChallenge(ctx, "n", "bank"), verifier.ErrChallengeUnknown)
	as := open(t, redisstore.Config{URL: "redis://watcher:w0rd@" + group.Sentinels[0].Addr})
	require.ErrorIs(t, as.Check(ctx), redisstore.ErrSentinel)
	none := open(t, redisstore.Config{URL: "redis+cluster://" + group.Servers[0].Addr})
	require.ErrorIs(t, none.Check(ctx), redisstore.ErrNoCluster)
	replica := open(t, redisstore.Config{URL: "redis://showcard:s3cret@" + group.Servers[1].Addr})
	require.ErrorIs(t, replica.Check(ctx), redisstore.ErrReplica)
	for name, err := range map[string]error{
		"ready": replica.Ready(ctx), "put": replica.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour), "claim": replica.Claim(ctx, "a", "x", time.Hour),
		"take": replica.TakeChallenge(ctx, "n", "bank"),
	} {
		require.ErrorContains(t, err, "READONLY", name)
		requireUnavailable(t, err)
	}

	require.NoError(t, group.Sentinels[1].Kill())
	require.NoError(t, group.Sentinels[2].Kill())
	require.Eventually(t, func() bool {
		err := s.Check(ctx)
		return err != nil && strings.Contains(err.Error(), "could agree")
	}, aWhile, 50*time.Millisecond)
	require.ErrorIs(t, s.Check(ctx), redisstore.ErrQuorum)
	require.NoError(t, s.Ready(ctx))
}
