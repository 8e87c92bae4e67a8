package backing

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisConfig says how a server is to run. The zero value is good.
type RedisConfig struct {
	// Args are added to its command line, such as "--port", "6399" or "--maxmemory", "8mb".
	Args []string
	// Env is added to its environment, such as "TZ=UTC".
	Env []string
}

// Redis is a redis-server: empty, without persistence, on a unix socket, and on TCP only when its
// arguments say so.
type Redis struct {
	URL  string // unix:///…, as redisstore.Config takes it
	Addr string // host:port, or empty without TCP

	binary string
	dir    string
	socket string
	args   []string
	env    []string
	run    *process // nil when it was killed
	admin  *redis.Client
}

// StartRedis starts a server.
func StartRedis(ctx context.Context, cfg RedisConfig) (*Redis, error) {
	// Not below anybody's folder: the path of a unix socket may have some 100 characters.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return nil, fmt.Errorf("backing: %w", err)
	}
	r, err := newRedis(dir, cfg)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := r.Start(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// newRedis makes one in a folder that becomes its own. What leads is put before all arguments.
func newRedis(dir string, cfg RedisConfig, lead ...string) (*Redis, error) {
	binary, err := find("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	r := &Redis{binary: binary, dir: dir, socket: filepath.Join(dir, "s"), env: cfg.Env}
	r.URL = "unix://" + r.socket
	r.args = append(lead, append([]string{
		"--port", "0", "--unixsocket", r.socket, "--unixsocketperm", "700", "--bind", loopback, "--dir", dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning",
	}, cfg.Args...)...)
	if at := slices.Index(cfg.Args, "--port"); at >= 0 && at+1 < len(cfg.Args) && cfg.Args[at+1] != "0" {
		r.Addr = net.JoinHostPort(loopback, cfg.Args[at+1])
	}
	r.admin = redis.NewClient(&redis.Options{Network: "unix", Addr: r.socket, PoolSize: 2, MaxRetries: 1, ContextTimeoutEnabled: true})
	return r, nil
}

// Start starts it again after Kill, empty, at the same address. When it runs, nothing happens.
func (r *Redis) Start(ctx context.Context) error {
	if r.Alive() {
		return nil
	}
	if err := os.Remove(r.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("backing: %w", err)
	}
	cmd := exec.Command(r.binary, r.args...) //nolint:gosec // found by its own name; its arguments are those of our caller
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), r.env...)
	p, err := run(cmd)
	if err != nil {
		return err
	}
	r.run = p
	return p.await(ctx, r.ping)
}

// ping speaks to the socket directly: a client library would keep what fails now in its pool.
func (r *Redis) ping() error {
	c, err := net.DialTimeout("unix", r.socket, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.HasPrefix(line, "-LOADING") {
		return errors.New(strings.TrimSpace(line))
	}
	return nil // -NOAUTH is an answer, too
}

// Alive says whether the process is there; it may be paused.
func (r *Redis) Alive() bool {
	if r.run == nil {
		return false
	}
	select {
	case <-r.run.ended:
		return false
	default:
		return true
	}
}

// Kill ends the process as kill -9 does. What it held is gone.
func (r *Redis) Kill() error {
	if r.run == nil {
		return nil
	}
	if err := r.run.kill(); err != nil {
		return err
	}
	r.run = nil
	return nil
}

// Pause stops the process from running (SIGSTOP): connections stay, answers do not come.
func (r *Redis) Pause() error { return r.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (r *Redis) Resume() error { return r.signal(syscall.SIGCONT) }

func (r *Redis) signal(sig os.Signal) error {
	if r.run == nil {
		return errors.New("backing: redis-server does not run")
	}
	return r.run.signal(sig)
}

// PID is the number of its process, to measure it; 0 when it does not run.
func (r *Redis) PID() int {
	if r.run == nil {
		return 0
	}
	return r.run.cmd.Process.Pid
}

// Do sends it a command and returns the answer; no such key is a nil answer.
func (r *Redis) Do(ctx context.Context, args ...any) (any, error) {
	answer, err := r.admin.Do(ctx, args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("backing: redis: %v: %w", args[0], err)
	}
	return answer, nil
}

// text is Do for commands whose answer is text.
func (r *Redis) text(ctx context.Context, args ...any) (string, error) {
	answer, err := r.Do(ctx, args...)
	if err != nil {
		return "", err
	}
	s, ok := answer.(string)
	if !ok {
		return "", fmt.Errorf("backing: redis: %v: answer %T", args[0], answer)
	}
	return s, nil
}

// Close ends it and removes its folder.
func (r *Redis) Close() error {
	return errors.Join(r.Kill(), r.admin.Close(), os.RemoveAll(r.dir))
}
