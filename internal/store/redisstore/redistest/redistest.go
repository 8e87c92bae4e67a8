// Package redistest runs a real redis-server for tests: an empty one, on a unix socket, without
// persistence, gone when the test ends. It can be paused, killed, started again and emptied,
// which is what a cache has to be tried against.
//
//	server := redistest.Start(t)
//	store, err := redisstore.New(redisstore.Config{URL: server.URL})
package redistest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second

// Server is a running redis-server.
type Server struct {
	URL string // unix:///…, as redisstore.Config takes it

	t      testing.TB
	binary string
	socket string
	args   []string
	log    *bytes.Buffer
	cmd    *exec.Cmd
	ended  chan error // the process is gone
	admin  *redis.Client
}

// Start runs a server until the test ends. The arguments are added to its command line, such as
// "--port", "6399" or "--maxmemory", "8mb".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server not found: install Debian package redis-server (make tools)")
	}
	// Not t.TempDir: the path of a unix socket may have some 100 characters, and that one
	// carries the name of the test.
	run, err := os.MkdirTemp("", "redis")
	require.NoError(t, err)
	socket := filepath.Join(run, "s")
	s := &Server{URL: "unix://" + socket, t: t, binary: binary, socket: socket}
	s.args = append([]string{
		"--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--bind", "127.0.0.1", "--dir", t.TempDir(),
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning",
	}, args...)
	s.admin = redis.NewClient(&redis.Options{Network: "unix", Addr: socket, PoolSize: 2, MaxRetries: 1})
	t.Cleanup(func() {
		_ = s.admin.Close()
		s.Kill()
		_ = os.RemoveAll(run)
	})
	s.start()
	return s
}

// FreePort returns a TCP port of the loopback that was free a moment ago.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

func (s *Server) start() {
	s.t.Helper()
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command(s.binary, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	require.NoError(s.t, s.cmd.Start())
	s.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(s.cmd, s.ended)

	deadline := time.After(patience)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		if s.ping() == nil {
			return
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			s.t.Fatalf("redis-server ended: %v\n%s", err, s.log)
		case <-deadline:
			s.t.Fatal("redis-server does not answer")
		case <-again.C:
		}
	}
}

// ping speaks to the socket directly: a client library would keep what fails now in its pool.
func (s *Server) ping() error {
	c, err := net.DialTimeout("unix", s.socket, time.Second)
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

// Kill ends the process as kill -9 does.
func (s *Server) Kill() {
	s.t.Helper()
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("kill redis-server: %v", err)
		return
	}
	<-s.ended
	s.cmd = nil
}

// Restart kills the server, if it runs, and starts an empty one at the same address.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	_ = os.Remove(s.socket)
	s.start()
}

// Pause stops the process from running (SIGSTOP): connections stay, answers do not come.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(sig))
}

// Empty deletes everything (FLUSHALL).
func (s *Server) Empty() { s.Do("FLUSHALL") }

// Do sends a command and returns the answer; an error ends the test.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := s.admin.Do(ctx, args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		s.t.Fatalf("redis: %v: %v", fmt.Sprint(args[0]), err)
	}
	return answer
}
