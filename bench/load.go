package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The load is sent over plain connections with requests that were written before: the generator
// shares the processors with what it measures, and an HTTP client costs as much as a good server.

// shot is one request, ready to be sent.
type shot struct {
	kind int    // index of whatever the caller counts apart
	text []byte // whole HTTP/1.1 request
}

// post makes a request.
func post(host, path, token, key string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, host, token, len(body))
	if key != "" {
		fmt.Fprintf(&b, "Idempotency-Key: %s\r\n", key)
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// get makes a request.
func get(host, path, token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, host, token)
}

// reply is what came back.
type reply struct {
	kind       int
	status     int // 0: nothing came
	retryAfter bool
	good       bool // the body has the word that was wanted
	took       time.Duration
	late       time.Duration // sent so much after its time
	said       []byte        // the beginning of an answer that was not wanted
	err        error
}

// gun is a connection.
type gun struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

// fire sends a request and reads the answer. wanted, when it is not empty, must stand in the body.
func (g *gun) fire(ctx context.Context, s shot, wanted []byte) (r reply) {
	r.kind = s.kind
	began := time.Now()
	if g.conn == nil {
		var d net.Dialer
		if g.conn, r.err = d.DialContext(ctx, "tcp", g.addr); r.err != nil {
			return r
		}
		g.in = bufio.NewReaderSize(g.conn, 8<<10)
	}
	_ = g.conn.SetDeadline(began.Add(30 * time.Second))
	if _, r.err = g.conn.Write(s.text); r.err == nil {
		r.err = g.read(&r, wanted)
	}
	r.took = time.Since(began)
	if r.err != nil {
		g.close()
	}
	return r
}

func (g *gun) close() {
	if g.conn != nil {
		_ = g.conn.Close()
		g.conn = nil
	}
}

var errAnswer = errors.New("bench: not an HTTP answer")

func (g *gun) read(r *reply, wanted []byte) error {
	line, err := g.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 {
		return errAnswer
	}
	if r.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return errAnswer
	}
	length, hangup, chunked := 0, false, false
	for {
		line, err = g.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return errAnswer
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Retry-After")):
			r.retryAfter = true
		case bytes.EqualFold(name, []byte("Connection")):
			hangup = bytes.EqualFold(value, []byte("close"))
		}
	}
	if chunked {
		if err := g.chunks(); err != nil {
			return err
		}
	} else {
		if cap(g.body) < length {
			g.body = make([]byte, length)
		}
		g.body = g.body[:length]
		if _, err := io.ReadFull(g.in, g.body); err != nil {
			return err
		}
	}
	body := g.body
	r.good = r.status < 300 && (len(wanted) == 0 || bytes.Contains(body, wanted))
	if !r.good {
		r.said = bytes.Clone(body[:min(len(body), 400)])
	}
	if hangup {
		g.close()
	}
	return nil
}

// chunks reads a body of RFC 9112 §7.1.
func (g *gun) chunks() error {
	g.body = g.body[:0]
	for {
		line, err := g.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(bytes.TrimRight(line, "\r\n")), 16, 24)
		if err != nil {
			return errAnswer
		}
		begin := len(g.body)
		g.body = append(g.body, make([]byte, n+2)...)
		if _, err := io.ReadFull(g.in, g.body[begin:]); err != nil {
			return err
		}
		g.body = g.body[:begin+int(n)]
		if n == 0 {
			return nil
		}
	}
}

// volley sends all shots over a number of connections, each the next as soon as its last was
// answered, and says how long that took.
func volley(ctx context.Context, addr string, connections int, shots []shot, wanted []byte) ([]reply, time.Duration, error) {
	replies := make([]reply, len(shots))
	next := make(chan int, len(shots))
	for i := range shots {
		next <- i
	}
	close(next)
	guns := make([]gun, connections)
	defer func() {
		for i := range guns {
			guns[i].close()
		}
	}()
	for i := range guns {
		guns[i].addr = addr
	}
	var all sync.WaitGroup
	began := time.Now()
	for c := range guns {
		all.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					return
				}
				replies[i] = guns[c].fire(ctx, shots[i], wanted)
			}
		})
	}
	all.Wait()
	return replies, time.Since(began), ctx.Err()
}

// barrage sends shots at their times, a rate each second, whatever the answers do: so come the people of
// a city. A shot that finds all connections busy waits for one, and its wait counts.
func barrage(ctx context.Context, addr string, connections int, rate float64, shots []shot, wanted []byte) ([]reply, error) {
	replies := make([]reply, len(shots))
	next := make(chan int, len(shots))
	began := time.Now()
	due := func(i int) time.Time { return began.Add(time.Duration(float64(i) / rate * float64(time.Second))) }
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			g := gun{addr: addr}
			defer g.close()
			for i := range next {
				late := time.Since(due(i))
				replies[i] = g.fire(ctx, shots[i], wanted)
				replies[i].late = late
			}
		})
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; i < len(shots) && ctx.Err() == nil; {
		for ; i < len(shots) && !time.Now().Before(due(i)); i++ {
			next <- i
		}
		<-tick.C
	}
	close(next)
	all.Wait()
	return replies, ctx.Err()
}

// quantile of durations; it orders them.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(int(float64(len(d))*q), len(d)-1)]
}

func milliseconds(d time.Duration) float64 { return round(float64(d.Microseconds()) / 1000) }
