package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What Check finds. None of them makes an answer about a certificate wrong.
var (
	ErrEvicts  = errors.New("redisstore: Redis may evict keys: set maxmemory-policy noeviction")
	ErrVersion = errors.New("redisstore: Redis is older than 7.0")
	ErrReplica = errors.New("redisstore: Redis is a read-only replica")
	ErrCluster = errors.New("redisstore: Redis is a node of a cluster, and the URL is used as standalone")
)

const oldestMajor = 7

// Ready says whether Redis answers commands. It is for /readyz: one cheap command.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redisstore: ready: %w", err)
	}
	return nil
}

// Check looks at how the server is set up, and returns everything it dislikes, joined. It is
// for start-up and for showcard doctor.
func (s *Store) Check(ctx context.Context) error {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	text, err := s.client.Info(ctx).Result()
	if err != nil {
		return fmt.Errorf("redisstore: check: %w", err)
	}
	return judge(parseInfo(text))
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

func judge(info map[string]string) error {
	var found []error
	major, _, _ := strings.Cut(info["redis_version"], ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestMajor {
		found = append(found, fmt.Errorf("%w: it says %q", ErrVersion, info["redis_version"]))
	}
	// Without a maxmemory nothing is ever evicted, whatever the policy says.
	if policy := info["maxmemory_policy"]; policy != "noeviction" && info["maxmemory"] != "0" {
		found = append(found, fmt.Errorf("%w: it is %q", ErrEvicts, policy))
	}
	if role := info["role"]; role != "master" {
		found = append(found, fmt.Errorf("%w: its role is %q", ErrReplica, role))
	}
	if info["redis_mode"] == "cluster" {
		found = append(found, ErrCluster)
	}
	return errors.Join(found...)
}
