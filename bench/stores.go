package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// stores are the database and the Redis that a measurement runs over: real ones, its own, empty. The
// one place that says which.
type stores struct {
	folder   string
	volatile string
	stop     func() error
	made     int
}

func startStores(ctx context.Context) (*stores, error) {
	folder, err := os.MkdirTemp("", "showcard-bench")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	s := &stores{folder: folder}
	socket := filepath.Join(folder, "redis")
	cmd := exec.CommandContext(ctx, "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no") //nolint:gosec // a folder of ours
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("bench: redis-server: %w (Debian package redis-server)", err), os.RemoveAll(folder))
	}
	s.stop = func() error { return errors.Join(cmd.Process.Kill(), ignore(cmd.Wait())) }
	s.volatile = "unix://" + socket
	for range 500 {
		c, err := net.Dial("unix", socket)
		if err == nil {
			return s, c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.Join(errors.New("bench: redis-server does not answer"), s.close())
}

func ignore(error) error { return nil }

// database makes an empty one and returns its URL.
func (s *stores) database() (string, error) {
	s.made++
	return "sqlite:" + filepath.Join(s.folder, fmt.Sprintf("record-%d.db", s.made)), nil
}

// redis is a database of the one server, apart from the others.
func (s *stores) redis(n int) string { return fmt.Sprintf("%s?db=%d", s.volatile, n) }

func (s *stores) close() error { return errors.Join(s.stop(), os.RemoveAll(s.folder)) }
