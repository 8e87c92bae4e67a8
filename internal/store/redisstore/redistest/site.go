package redistest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
)

const aWhile = time.Minute // for what must come

// Site is a Redis that survives the loss of a server: a cluster, or a master that sentinels watch.
type Site struct {
	URL     string
	Servers []*backing.Redis

	t       testing.TB
	serving func(ctx context.Context, key string) (*backing.Redis, error)
	whole   func(ctx context.Context) error
}

// ClusterSite is [Cluster].
func ClusterSite(t testing.TB) Site {
	c := Cluster(t)
	return Site{URL: c.URL, Servers: c.Nodes, t: t, serving: c.Serving, whole: c.AwaitWhole}
}

// SentinelSite is [Sentinel].
func SentinelSite(t testing.TB) Site {
	s := Sentinel(t)
	return Site{
		URL: s.URL, Servers: s.Servers, t: t, whole: s.AwaitReplicas,
		serving: func(ctx context.Context, _ string) (*backing.Redis, error) { return s.Master(ctx) },
	}
}

// Serving is the server that has a key now; nil while there is none.
func (s Site) Serving(key string) *backing.Redis {
	r, err := s.serving(context.Background(), key)
	if err != nil {
		return nil
	}
	return r
}

// AwaitWhole waits until every server that runs has its place and its data.
func (s Site) AwaitWhole() {
	s.t.Helper()
	require.NoError(s.t, s.whole(context.Background()))
}

// Hearing is the server on which one client listens to a channel.
func (s Site) Hearing(channel string) (found *backing.Redis) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		for _, one := range s.Servers {
			if n, err := one.Do(context.Background(), "PUBSUB", "NUMSUB", channel); err == nil && strings.HasSuffix(fmt.Sprint(n), " 1]") {
				found = one
				return true
			}
		}
		return false
	}, aWhile, 10*time.Millisecond)
	return found
}
