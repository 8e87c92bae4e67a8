package signer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

// ServerConfig says what a signer stands on.
type ServerConfig struct {
	Keys   *key.Store
	Policy Policy // nil: DefaultPolicy
	// Users may connect, by their ids, besides the one that the signer runs as. Linux only; elsewhere
	// the socket's mode alone decides.
	Users  []int
	Logger *slog.Logger     // nil: slog.Default()
	Now    func() time.Time // nil: time.Now
}

// Server answers requests with the keys of a keystore.
type Server struct {
	cfg   ServerConfig
	gate  *gate
	slots chan struct{} // requests in work

	mu    sync.Mutex
	known map[string]*key.Private
	open  map[net.Conn]bool
}

// NewServer makes a signer.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Keys == nil {
		return nil, errors.New("signer: no keystore")
	}
	if cfg.Policy == nil {
		cfg.Policy = DefaultPolicy()
	}
	if err := cfg.Policy.check(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Server{
		cfg: cfg, gate: &gate{policy: cfg.Policy, now: cfg.Now}, slots: make(chan struct{}, 4*runtime.GOMAXPROCS(0)),
		known: map[string]*key.Private{}, open: map[net.Conn]bool{},
	}, nil
}

// Listen makes the socket, mode 0600. One that a killed signer left behind is removed; one that
// answers is not.
func Listen(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		return nil, errors.Join(fmt.Errorf("signer: another signer answers at %s", path), c.Close())
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("signer: %s is there and no socket", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// Nobody may connect between bind and chmod: the socket is made in a folder of our own and moved.
	folder, err := os.MkdirTemp(dirOf(path), ".signer-*") // mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	made := folder + "/s"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func dirOf(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i+1]
		}
	}
	return "."
}

// Serve answers until ctx ends; requests in work are finished and answered.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.open {
			_ = c.SetReadDeadline(time.Now()) // no more requests
		}
	})
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := s.admit(c); err != nil {
			s.cfg.Logger.Warn("connection refused", "error", err)
			_ = c.Close()
			continue
		}
		s.mu.Lock()
		s.open[c] = true
		s.mu.Unlock()
		if ctx.Err() != nil {
			_ = c.SetReadDeadline(time.Now())
		}
		wg.Go(func() {
			err := s.converse(c)
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
			if err = errors.Join(err, c.Close()); err != nil {
				s.cfg.Logger.Info("connection ended", "error", err)
			}
		})
	}
}

func (s *Server) admit(c net.Conn) error {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return errors.New("signer: not a unix socket")
	}
	uid, told, err := peerUser(u)
	if err != nil || !told {
		return err
	}
	if uid != os.Getuid() && !slices.Contains(s.cfg.Users, uid) {
		return fmt.Errorf("signer: user %d may not connect", uid)
	}
	return nil
}

// converse reads requests as they come and answers each when it is done.
func (s *Server) converse(c net.Conn) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	out := &answers{w: bufio.NewWriterSize(c, 64<<10)}
	in := bufio.NewReaderSize(c, 64<<10)
	for {
		f, err := readFrame(in)
		if err != nil {
			var timeout net.Error
			if isEnd(err) || errors.As(err, &timeout) && timeout.Timeout() {
				return nil
			}
			return err
		}
		s.slots <- struct{}{}
		wg.Go(func() {
			payload, err := s.answer(f)
			a := frame{id: f.id, payload: payload}
			if err != nil {
				a.kind, a.payload = resultOf(err), []byte(err.Error())
				s.cfg.Logger.Warn("request refused", "error", err)
			}
			<-s.slots
			out.send(a) // who does not read is cut by his own connection
		})
	}
}

// answers writes answers, and flushes when no other is ready to be written.
type answers struct {
	ready atomic.Int64
	mu    sync.Mutex
	w     *bufio.Writer
}

func (a *answers) send(f frame) {
	b := appendFrame(make([]byte, 0, header+len(f.payload)), f)
	a.ready.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = a.w.Write(b)
	if a.ready.Add(-1) == 0 {
		_ = a.w.Flush()
	}
}

func (s *Server) answer(f frame) ([]byte, error) {
	if f.kind == opKeys {
		return s.keys()
	}
	name, rest, err := splitName(f.payload)
	if err != nil {
		return nil, err
	}
	switch f.kind {
	case opSign:
		if err := s.gate.allow(name, rest); err != nil {
			return nil, err
		}
		k, err := s.signer(name)
		if err != nil {
			return nil, err
		}
		return k.Sign(rest)
	case opGenerate:
		if _, ok := s.cfg.Policy.rule(name); !ok {
			return nil, fmt.Errorf("%w: no rule for %s", ErrPolicy, name)
		}
		k, err := s.cfg.Keys.Generate(name, key.Algorithm(rest))
		if err != nil {
			return nil, err
		}
		return json.Marshal(k.Public())
	case opWrap, opUnwrap:
		aad, value, err := splitSized(rest)
		if err != nil {
			return nil, err
		}
		if !isKEK(name) {
			return nil, fmt.Errorf("%w: %s is no key-encryption key", ErrPolicy, name)
		}
		if f.kind == opWrap {
			return s.cfg.Keys.Wrap(name, value, aad)
		}
		return s.cfg.Keys.Unwrap(name, value, aad)
	}
	return nil, fmt.Errorf("%w: operation %d", ErrProtocol, f.kind)
}

// isKEK keeps requests to wrap away from every other entry of the keystore.
func isKEK(name string) bool { return len(name) > 4 && name[:4] == "kek/" }

// signer finds a key; the file may have gained it since (showcard keygen).
func (s *Server) signer(name string) (*key.Private, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.known[name]; ok {
		return k, nil
	}
	k, err := s.cfg.Keys.Signer(name)
	if errors.Is(err, key.ErrNotFound) {
		if err := s.cfg.Keys.Reload(); err != nil {
			return nil, err
		}
		k, err = s.cfg.Keys.Signer(name)
	}
	if err == nil {
		s.known[name] = k
	}
	return k, err
}

// wireKey is a key in the answer to "keys".
type wireKey struct {
	Name string      `json:"name"`
	JWK  *key.Public `json:"jwk"`
}

func (s *Server) keys() ([]byte, error) {
	if err := s.cfg.Keys.Reload(); err != nil {
		return nil, err
	}
	list := []wireKey{}
	for _, name := range s.cfg.Keys.Names() {
		if _, ok := s.cfg.Policy.rule(name); !ok {
			continue
		}
		k, err := s.cfg.Keys.Signer(name)
		if err != nil {
			return nil, err
		}
		list = append(list, wireKey{name, k.Public()})
	}
	return json.Marshal(list)
}
