package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// What Check finds. None of them makes an answer about a certificate wrong.
var (
	ErrEvicts    = errors.New("redisstore: Redis may evict keys: set maxmemory-policy noeviction")
	ErrFull      = errors.New("redisstore: Redis has little memory left")
	ErrVersion   = errors.New("redisstore: Redis is older than 7.0")
	ErrReplica   = errors.New("redisstore: Redis is a read-only replica")
	ErrCluster   = errors.New("redisstore: Redis is a node of a cluster: the URL must be redis+cluster://")
	ErrNoCluster = errors.New("redisstore: Redis is no cluster: the URL must not be redis+cluster://")
	ErrSentinel  = errors.New("redisstore: this is a sentinel: the URL must be redis+sentinel://")
	ErrMaster    = errors.New("redisstore: the sentinels know no such master")
	ErrQuorum    = errors.New("redisstore: too few could agree that a master is gone")
	ErrAlone     = errors.New("redisstore: a master has no replica that could follow it")
	ErrDown      = errors.New("redisstore: the cluster does not serve all keys")
)

const (
	oldestMajor  = 7
	fewestVoters = 3   // sentinels or masters: with fewer, one that dies leaves no majority
	nearlyFull   = 0.9 // of maxmemory
)

// Ready says whether Redis takes commands that write. It is for /readyz: one cheap command. A
// cluster is ready when it says so; whether it does when a part of it is away is its own setting,
// cluster-require-full-coverage.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if s.to.cluster != nil {
		text, err := s.client.ClusterInfo(ctx).Result()
		if err == nil && parseInfo(text)["cluster_state"] != "ok" {
			err = ErrDown
		}
		if err != nil {
			return fmt.Errorf("redisstore: ready: %w", err)
		}
		return nil
	}
	if err := s.scripts.ready.Run(ctx, s.client, []string{s.name("ready", "")}).Err(); err != nil {
		return fmt.Errorf("redisstore: ready: %w", err)
	}
	return nil
}

// Check looks at how the servers are set up, and returns everything it dislikes, joined. It is
// for start-up and for showcard doctor.
func (s *Store) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bulkFactor*s.timeout)
	defer cancel()
	var err error
	switch {
	case s.to.cluster != nil:
		err = s.checkCluster(ctx)
	case s.to.sentinel != nil:
		err = s.checkSentinel(ctx)
	default:
		var text string
		if text, err = s.client.Info(ctx).Result(); err == nil {
			return judge(parseInfo(text))
		}
	}
	if err != nil {
		return fmt.Errorf("redisstore: check: %w", err)
	}
	return nil
}

// checkCluster asks any node how the cluster is, and every master how it is itself.
func (s *Store) checkCluster(ctx context.Context) error {
	text, err := s.client.ClusterInfo(ctx).Result()
	if err != nil {
		if strings.Contains(err.Error(), "cluster support disabled") {
			return ErrNoCluster
		}
		return err
	}
	state := parseInfo(text)
	var found []error
	if state["cluster_state"] != "ok" || state["cluster_slots_ok"] != "16384" {
		found = append(found, fmt.Errorf("%w: its state is %q, with %s of 16384 slots", ErrDown, state["cluster_state"], state["cluster_slots_ok"]))
	}
	if n, err := strconv.Atoi(state["cluster_size"]); err != nil || n < fewestVoters {
		found = append(found, fmt.Errorf("%w: %s masters", ErrQuorum, state["cluster_size"]))
	}
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return errors.Join(found...)
	}
	var mu sync.Mutex
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		text, err := node.Info(ctx).Result()
		if err == nil {
			info := parseInfo(text)
			delete(info, "redis_mode") // it is what it is to be
			err = errors.Join(judge(info), judgeFollowed(info))
		}
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, fmt.Errorf("%s: %w", node.Options().Addr, err))
		}
		return nil
	})
	return errors.Join(append(found, err)...)
}

// checkSentinel asks every sentinel whether it knows the master and could replace it, and the
// master how it is.
func (s *Store) checkSentinel(ctx context.Context) error {
	var found []error
	answering := 0
	for _, addr := range s.to.sentinel.SentinelAddrs {
		err := s.askSentinel(ctx, addr)
		if err == nil {
			answering++
			continue
		}
		found = append(found, fmt.Errorf("sentinel %s: %w", addr, err))
	}
	if answering > 0 && len(s.to.sentinel.SentinelAddrs) < fewestVoters {
		found = append(found, fmt.Errorf("%w: the URL names %d sentinels, and if those are away nobody tells where the master is", ErrQuorum, len(s.to.sentinel.SentinelAddrs)))
	}
	text, err := s.client.Info(ctx).Result()
	if err != nil {
		return errors.Join(append(found, err)...)
	}
	info := parseInfo(text)
	return errors.Join(append(found, judge(info), judgeFollowed(info))...)
}

func (s *Store) askSentinel(ctx context.Context, addr string) error {
	o := s.to.sentinel
	client := redis.NewSentinelClient(&redis.Options{
		Addr: addr, Username: o.SentinelUsername, Password: o.SentinelPassword, TLSConfig: o.TLSConfig, ContextTimeoutEnabled: true,
		DialTimeout: o.DialTimeout, DialerRetries: 1, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, MaxRetries: -1, PoolSize: 1, DisableIdentity: true,
	})
	defer func() { _ = client.Close() }()
	if err := client.GetMasterAddrByName(ctx, o.MasterName).Err(); err != nil {
		if errors.Is(err, redis.Nil) {
			return fmt.Errorf("%w: %q", ErrMaster, o.MasterName)
		}
		return err
	}
	if err := client.CkQuorum(ctx, o.MasterName).Err(); err != nil {
		if redis.HasErrorPrefix(err, "NOQUORUM") {
			return fmt.Errorf("%w: %w", ErrQuorum, err)
		}
		return err
	}
	return nil
}

// parseInfo reads the answer to INFO: "name:value" lines, and headings.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(name, "#") {
			info[name] = value
		}
	}
	return info
}

// judge looks at one server.
func judge(info map[string]string) error {
	if info["redis_mode"] == "sentinel" {
		return ErrSentinel
	}
	var found []error
	major, _, _ := strings.Cut(info["redis_version"], ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestMajor {
		found = append(found, fmt.Errorf("%w: it says %q", ErrVersion, info["redis_version"]))
	}
	// Without a maxmemory nothing is ever evicted, whatever the policy says.
	if policy := info["maxmemory_policy"]; policy != "noeviction" && info["maxmemory"] != "0" {
		found = append(found, fmt.Errorf("%w: it is %q", ErrEvicts, policy))
	}
	used, err1 := strconv.ParseFloat(info["used_memory"], 64)
	most, err2 := strconv.ParseFloat(info["maxmemory"], 64)
	if err1 == nil && err2 == nil && most > 0 && used > nearlyFull*most {
		found = append(found, fmt.Errorf("%w: %.0f of %.0f bytes are used", ErrFull, used, most))
	}
	if role := info["role"]; role != "master" {
		found = append(found, fmt.Errorf("%w: its role is %q", ErrReplica, role))
	}
	if info["redis_mode"] == "cluster" {
		found = append(found, ErrCluster)
	}
	return errors.Join(found...)
}

// judgeFollowed looks at whether somebody could take a master's place.
func judgeFollowed(info map[string]string) error {
	if info["role"] == "master" && info["connected_slaves"] == "0" {
		return ErrAlone
	}
	return nil
}
