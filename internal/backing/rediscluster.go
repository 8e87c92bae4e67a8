package backing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	slots   = 16384
	answers = 500 * time.Millisecond // a server that runs does, by then
)

// RedisCluster is a Redis Cluster on the loopback: its first half began as masters, and node
// half+i as the replica of node i. A node that has not answered for a second and a half is given
// up by the others, and its replica takes over.
type RedisCluster struct {
	URL   string // redis+cluster://…, as redisstore.Config takes it
	Nodes []*Redis

	dir string
}

// StartRedisCluster starts one of n nodes, half of them masters; six is the smallest that can vote
// after it has lost one. The arguments are added to each node's command line.
func StartRedisCluster(ctx context.Context, n int, args ...string) (*RedisCluster, error) {
	if n < 6 || n%2 != 0 {
		return nil, fmt.Errorf("backing: a cluster of %d", n)
	}
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return nil, fmt.Errorf("backing: %w", err)
	}
	c := &RedisCluster{dir: dir}
	if err := c.start(ctx, n, args); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *RedisCluster) start(ctx context.Context, n int, args []string) error {
	addrs := make([]string, n)
	for i := range n {
		node, err := startTCP(ctx, filepath.Join(c.dir, strconv.Itoa(i)), func() ([]string, error) {
			bus, err := FreePort()
			return append([]string{
				"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1500", "--cluster-announce-ip", loopback,
				"--repl-diskless-sync-delay", "0",
			}, args...), err
		})
		if err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, node)
		addrs[i] = node.Addr
	}
	c.URL = "redis+cluster://" + strings.Join(addrs, ",")
	return c.join(ctx)
}

// join is what redis-cli --cluster create does.
func (c *RedisCluster) join(ctx context.Context) error {
	masters := len(c.Nodes) / 2
	ids := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		var err error
		if ids[i], err = node.text(ctx, "CLUSTER", "MYID"); err != nil {
			return err
		}
		// Different from the start, so that no two masters claim the same epoch.
		if _, err := node.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1); err != nil {
			return err
		}
		if i < masters {
			if _, err := node.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1); err != nil {
				return err
			}
		}
		if i == 0 {
			continue
		}
		host, port, err := net.SplitHostPort(c.Nodes[0].Addr)
		if err != nil {
			return fmt.Errorf("backing: %w", err)
		}
		bus, err := c.Nodes[0].Do(ctx, "CONFIG", "GET", "cluster-port")
		if err != nil {
			return err
		}
		if _, err := node.Do(ctx, "CLUSTER", "MEET", host, port, setting(bus)); err != nil {
			return err
		}
	}
	for i, node := range c.Nodes[masters:] {
		// It is told of its master by gossip.
		if err := until(ctx, func() (bool, error) {
			_, err := node.Do(ctx, "CLUSTER", "REPLICATE", ids[i])
			return err == nil, ctx.Err()
		}); err != nil {
			return err
		}
	}
	return c.AwaitWhole(ctx)
}

// setting takes the value out of an answer to CONFIG GET of one setting.
func setting(answer any) string {
	switch a := answer.(type) {
	case map[any]any:
		for _, v := range a {
			return fmt.Sprint(v)
		}
	case []any:
		if len(a) == 2 {
			return fmt.Sprint(a[1])
		}
	}
	return ""
}

// AwaitWhole waits until every node that runs says that the cluster is well, knows every other
// one, and every replica has its master's data.
func (c *RedisCluster) AwaitWhole(ctx context.Context) error {
	for _, node := range c.Nodes {
		if !node.Alive() {
			continue
		}
		if err := until(ctx, func() (bool, error) { return c.whole(ctx, node), ctx.Err() }); err != nil {
			return fmt.Errorf("%w: the cluster is not whole at %s", err, node.Addr)
		}
	}
	return nil
}

func (c *RedisCluster) whole(ctx context.Context, node *Redis) bool {
	state, err := node.text(ctx, "CLUSTER", "INFO")
	if err != nil || !strings.Contains(state, "cluster_state:ok") || !strings.Contains(state, fmt.Sprintf("cluster_known_nodes:%d\r", len(c.Nodes))) {
		return false
	}
	info, err := node.text(ctx, "INFO", "replication")
	return err == nil && (strings.Contains(info, "role:master") || strings.Contains(info, "master_link_status:up"))
}

// Serving returns the node that is now the master of a key.
func (c *RedisCluster) Serving(ctx context.Context, key string) (*Redis, error) {
	for _, node := range c.Nodes {
		if !node.Alive() {
			continue
		}
		// A replica or another master answers MOVED, and one that is paused nothing.
		soon, cancel := context.WithTimeout(ctx, answers)
		_, err := node.Do(soon, "TYPE", key)
		cancel()
		if err == nil {
			return node, nil
		}
	}
	return nil, fmt.Errorf("backing: nobody serves %q", key)
}

// Close ends all nodes and removes their folders.
func (c *RedisCluster) Close() error {
	var errs []error
	for _, node := range c.Nodes {
		errs = append(errs, node.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

// startTCP starts a server on a free port of the loopback. Somebody may take the port meanwhile;
// then it is another one.
func startTCP(ctx context.Context, dir string, args func() ([]string, error), lead ...string) (*Redis, error) {
	for try := 1; ; try++ {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		more, err := args()
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("backing: %w", err)
		}
		r, err := newRedis(dir, RedisConfig{Args: append([]string{"--port", port}, more...)}, lead...)
		if err != nil {
			return nil, err
		}
		if err = r.Start(ctx); err == nil {
			return r, nil
		}
		err = errors.Join(err, r.Close())
		if try == bindings || ctx.Err() != nil {
			return nil, err
		}
	}
}
