package signer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

// ClientConfig says where a signer is.
type ClientConfig struct {
	Socket  string
	Timeout time.Duration // of a request, retries included; 0: 5 s
}

// Client is a [key.Module] behind a socket. One connection carries the requests of everybody, without
// one waiting for another; when it breaks, the next request makes a new one, and signatures that were
// under way are asked for again until their time is over: to sign twice does no harm.
type Client struct {
	cfg ClientConfig

	mu   sync.Mutex
	line *line
}

var _ key.Module = (*Client)(nil)

// NewClient makes a client. It does not connect yet.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Socket == "" || cfg.Timeout < 0 {
		return nil, errors.New("signer: name a socket")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	return &Client{cfg: cfg}, nil
}

// line is one connection.
type line struct {
	c net.Conn

	writing sync.Mutex
	w       *bufio.Writer
	queued  int // writers that are about to write; the last one flushes

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan frame
	broken  error
}

func (c *Client) connect(deadline time.Time) (*line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != nil && !c.line.isBroken() {
		return c.line, nil
	}
	conn, err := net.DialTimeout("unix", c.cfg.Socket, max(time.Millisecond, time.Until(deadline)))
	if err != nil {
		return nil, err
	}
	l := &line{c: conn, w: bufio.NewWriterSize(conn, 64<<10), waiting: map[uint64]chan frame{}}
	go l.listen()
	c.line = l
	return l, nil
}

// Close ends the connection. A later request makes a new one.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line == nil {
		return nil
	}
	l := c.line
	c.line = nil
	l.fail(net.ErrClosed)
	return nil
}

func (l *line) isBroken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken != nil
}

func (l *line) listen() {
	r := bufio.NewReaderSize(l.c, 64<<10)
	for {
		f, err := readFrame(r)
		if err != nil {
			l.fail(err)
			return
		}
		l.mu.Lock()
		answer := l.waiting[f.id]
		delete(l.waiting, f.id)
		l.mu.Unlock()
		if answer != nil {
			answer <- f
		}
	}
}

// fail tells everybody who waits that nothing more will come.
func (l *line) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return
	}
	l.broken = err
	_ = l.c.Close()
	for id, answer := range l.waiting {
		delete(l.waiting, id)
		close(answer)
	}
}

// ask sends a request and waits for its answer.
func (l *line) ask(op byte, payload []byte, deadline time.Time) (frame, error) {
	answer := make(chan frame, 1)
	l.mu.Lock()
	if l.broken != nil {
		defer l.mu.Unlock()
		return frame{}, l.broken
	}
	l.next++
	id := l.next
	l.waiting[id] = answer
	l.queued++
	l.mu.Unlock()
	if err := l.send(frame{id: id, kind: op, payload: payload}, deadline); err != nil {
		l.fail(err)
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case f, ok := <-answer:
		if !ok {
			return frame{}, io.ErrUnexpectedEOF
		}
		return f, nil
	case <-timer.C:
		l.mu.Lock()
		delete(l.waiting, id)
		l.mu.Unlock()
		return frame{}, errLate
	}
}

// awayError is ErrAway. It is a [net.Error], by which servers know that to ask again may help.
type awayError struct{ cause error }

func (e *awayError) Error() string   { return ErrAway.Error() + ": " + e.cause.Error() }
func (e *awayError) Unwrap() []error { return []error{ErrAway, e.cause} }
func (e *awayError) Timeout() bool   { return true }
func (e *awayError) Temporary() bool { return true }

var _ net.Error = (*awayError)(nil)

var errLate = errors.New("no answer in time")

func (l *line) send(f frame, deadline time.Time) error {
	b := appendFrame(make([]byte, 0, header+len(f.payload)), f)
	l.writing.Lock()
	defer l.writing.Unlock()
	_ = l.c.SetWriteDeadline(deadline.Add(time.Second))
	_, err := l.w.Write(b)
	l.mu.Lock()
	l.queued--
	last := l.queued == 0
	l.mu.Unlock()
	if err == nil && last {
		err = l.w.Flush()
	}
	return err
}

// call asks, and when the connection breaks and again says that asking twice does no harm, asks
// again until the time is over.
func (c *Client) call(op byte, payload []byte, again bool) ([]byte, error) {
	if 9+len(payload) > MaxFrame {
		return nil, fmt.Errorf("%w: %d bytes", ErrProtocol, len(payload))
	}
	deadline := time.Now().Add(c.cfg.Timeout)
	pause := 5 * time.Millisecond
	for {
		l, err := c.connect(deadline)
		sent := err == nil
		if sent {
			var f frame
			if f, err = l.ask(op, payload, deadline); err == nil {
				if f.kind == 0 {
					return f.payload, nil
				}
				err := errorOf(f.kind, string(f.payload))
				if errors.Is(err, ErrRate) {
					err = &awayError{err}
				}
				return nil, err
			}
		}
		if sent && !again || errors.Is(err, errLate) || time.Now().Add(pause).After(deadline) {
			return nil, &awayError{err}
		}
		timer := time.NewTimer(pause)
		<-timer.C
		pause = min(2*pause, 200*time.Millisecond)
	}
}

// Keys implements [key.Module].
func (c *Client) Keys() ([]key.ModuleKey, error) {
	data, err := c.call(opKeys, nil, true)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Name string          `json:"name"`
		JWK  json.RawMessage `json:"jwk"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	out := make([]key.ModuleKey, len(list))
	for i, k := range list {
		public, err := key.ParseJWK(k.JWK, false)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		out[i] = key.ModuleKey{Name: k.Name, Public: public}
	}
	return out, nil
}

// Sign implements [key.Module].
func (c *Client) Sign(name string, message []byte) ([]byte, error) {
	payload, err := named(name, message)
	if err != nil {
		return nil, err
	}
	signature, err := c.call(opSign, payload, true)
	if err == nil && len(signature) != 64 {
		err = fmt.Errorf("%w: a signature of %d bytes", ErrProtocol, len(signature))
	}
	return signature, err
}

// Generate implements [key.Module]. It is not asked for twice: when the answer is lost, look at Keys.
func (c *Client) Generate(name string, a key.Algorithm) (*key.Public, error) {
	payload, err := named(name, []byte(a))
	if err != nil {
		return nil, err
	}
	data, err := c.call(opGenerate, payload, false)
	if err != nil {
		return nil, err
	}
	return key.ParseJWK(data, false)
}

// Wrap implements [key.Wrapper].
func (c *Client) Wrap(name string, plain, aad []byte) ([]byte, error) {
	payload, err := named(name, sized(aad), aad, plain)
	if err != nil {
		return nil, err
	}
	return c.call(opWrap, payload, true)
}

// Unwrap implements [key.Wrapper].
func (c *Client) Unwrap(name string, wrapped, aad []byte) ([]byte, error) {
	payload, err := named(name, sized(aad), aad, wrapped)
	if err != nil {
		return nil, err
	}
	return c.call(opUnwrap, payload, true)
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) }
