package backing

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tailSize = 16 << 10             // of what a server has said last
	again    = 2 * time.Millisecond // between two tries of what is about to work
	endless  = 60 * time.Second     // no server needs longer to start or to take over
	bindings = 20                   // tries with other ports, should somebody be quicker
	loopback = "127.0.0.1"
	lowest   = 15000 // of the ports that servers get: above what has a name of its own
)

// process is one running server.
type process struct {
	cmd   *exec.Cmd
	said  *tail
	ended chan struct{} // closed when it is gone, and err says how
	err   error
}

// find looks for a command, and says which package has it.
func find(command, debian string) (string, error) {
	path, err := exec.LookPath(command)
	if err != nil {
		return "", fmt.Errorf("backing: %s not found: install Debian package %s (make tools)", command, debian)
	}
	return path, nil
}

// run starts a command that is to die with this process. The kernel ends it when the thread that
// started it ends, so that one waits for it and does nothing else.
func run(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, said: &tail{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.said, p.said
	dieWithParent(cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("backing: %w", err)
	}
	return p, nil
}

// kill ends it as kill -9 does, and returns when it is gone.
func (p *process) kill() error {
	if err := p.signal(os.Kill); err != nil {
		return err
	}
	<-p.ended
	return nil
}

func (p *process) signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("backing: %s: %w", p.cmd.Path, err)
	}
	return nil
}

// await tries until it works, the process is gone, or the context is over.
func (p *process) await(ctx context.Context, try func() error) error {
	var last error
	err := until(ctx, func() (bool, error) {
		if last = try(); last == nil {
			return true, nil
		}
		select {
		case <-p.ended:
			return false, fmt.Errorf("backing: %s ended: %w: %s", p.cmd.Path, p.err, p.said)
		default:
			return false, nil
		}
	})
	if err != nil && last != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return err
}

// until asks until the answer is yes, an error, or the context is over.
func until(ctx context.Context, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, endless)
	defer cancel()
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("backing: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// FreePort returns a TCP port of the loopback that was free a moment ago. Where it can it takes one from
// below those that the system gives to callers: on one of theirs a server that is started late, or again,
// may find any client of the machine.
func FreePort() (string, error) {
	first := ephemeral()
	for try := 0; ; try++ {
		port := 0
		if first > lowest && try < bindings {
			var b [4]byte
			_, _ = rand.Read(b[:]) // never fails
			port = lowest + int(binary.NativeEndian.Uint32(b[:])%uint32(first-lowest))
		}
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil && port != 0 {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("backing: %w", err)
		}
		_, found, err := net.SplitHostPort(l.Addr().String())
		if err := errors.Join(err, l.Close()); err != nil {
			return "", fmt.Errorf("backing: %w", err)
		}
		return found, nil
	}
}

// ephemeral is the lowest port that the system gives to callers, and 0 where it doesn't say.
func ephemeral() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\t")
	port, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return port
}

// tail keeps the end of what was written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
