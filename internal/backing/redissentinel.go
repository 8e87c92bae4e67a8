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
)

// sentinelMaster is what the sentinels call the server that they watch.
const sentinelMaster = "showcard"

// RedisSentinel is a master with two replicas, watched by three sentinels, of which two must
// agree that it is gone. A server that has not answered for a second is replaced.
type RedisSentinel struct {
	URL       string // redis+sentinel://…, as redisstore.Config takes it
	Servers   []*Redis
	Sentinels []*Redis

	dir string
}

// StartRedisSentinel starts them. The arguments are added to the command line of the servers.
func StartRedisSentinel(ctx context.Context, args ...string) (*RedisSentinel, error) {
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return nil, fmt.Errorf("backing: %w", err)
	}
	s := &RedisSentinel{dir: dir}
	if err := s.start(ctx, args); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *RedisSentinel) start(ctx context.Context, args []string) error {
	for i := range 3 {
		r, err := startTCP(ctx, filepath.Join(s.dir, strconv.Itoa(i)), func() ([]string, error) {
			more := []string{"--repl-diskless-sync-delay", "0"}
			if i > 0 {
				host, port, _ := strings.Cut(s.Servers[0].Addr, ":")
				more = append(more, "--replicaof", host+" "+port)
			}
			return append(more, args...), nil
		})
		if err != nil {
			return err
		}
		s.Servers = append(s.Servers, r)
	}
	if err := s.AwaitReplicas(ctx); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Servers[0].Addr)
	if err != nil {
		return fmt.Errorf("backing: %w", err)
	}
	var addrs []string
	for i := range 3 {
		dir := filepath.Join(s.dir, "sentinel"+strconv.Itoa(i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("backing: %w", err)
		}
		// A sentinel writes what it learns into its own file.
		file := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor %[1]s %[2]s %[3]s 2\nsentinel down-after-milliseconds %[1]s 1000\n"+
			"sentinel failover-timeout %[1]s 2000\nsentinel parallel-syncs %[1]s 2\n", sentinelMaster, host, port)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return fmt.Errorf("backing: %w", err)
		}
		r, err := startTCP(ctx, dir, func() ([]string, error) { return nil, nil }, file, "--sentinel")
		if err != nil {
			return err
		}
		s.Sentinels = append(s.Sentinels, r)
		addrs = append(addrs, r.Addr)
	}
	s.URL = "redis+sentinel://" + strings.Join(addrs, ",") + "/" + sentinelMaster
	return s.awaitSentinels(ctx)
}

// AwaitReplicas waits until every server that runs is the master or has its data.
func (s *RedisSentinel) AwaitReplicas(ctx context.Context) error {
	for _, r := range s.Servers {
		if !r.Alive() {
			continue
		}
		if err := until(ctx, func() (bool, error) {
			info, err := r.text(ctx, "INFO", "replication")
			return err == nil && (strings.Contains(info, "role:master") || strings.Contains(info, "master_link_status:up")), ctx.Err()
		}); err != nil {
			return fmt.Errorf("%w: %s has no master", err, r.Addr)
		}
	}
	return nil
}

// awaitSentinels waits until each has found the others and the replicas.
func (s *RedisSentinel) awaitSentinels(ctx context.Context) error {
	want := fmt.Sprintf("status=ok,address=%s,slaves=%d,sentinels=%d", s.Servers[0].Addr, len(s.Servers)-1, len(s.Sentinels))
	for _, r := range s.Sentinels {
		if err := until(ctx, func() (bool, error) {
			info, err := r.text(ctx, "INFO", "sentinel")
			return err == nil && strings.Contains(info, want), ctx.Err()
		}); err != nil {
			return fmt.Errorf("%w: sentinel %s does not see %s", err, r.Addr, want)
		}
	}
	return nil
}

// Master returns the server that the sentinels that run now name as master. They may still be
// choosing: then it is the old one.
func (s *RedisSentinel) Master(ctx context.Context) (*Redis, error) {
	for _, sentinel := range s.Sentinels {
		if !sentinel.Alive() {
			continue
		}
		answer, err := sentinel.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinelMaster)
		if err != nil {
			return nil, err
		}
		parts, ok := answer.([]any)
		if !ok || len(parts) != 2 {
			continue
		}
		addr := net.JoinHostPort(fmt.Sprint(parts[0]), fmt.Sprint(parts[1]))
		for _, r := range s.Servers {
			if r.Addr == addr {
				return r, nil
			}
		}
	}
	return nil, errors.New("backing: no sentinel names a master")
}

// Close ends them all and removes their folders.
func (s *RedisSentinel) Close() error {
	var errs []error
	for _, r := range append(s.Sentinels, s.Servers...) {
		errs = append(errs, r.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
