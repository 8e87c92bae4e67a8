package outbound_test

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/outbound"
)

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "223.5.5.5": true, "2400:3200::1": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true, "100.63.255.255": true, "172.32.0.1": true,
		"127.0.0.1": false, "127.255.255.254": false, "::1": false, "::": false, "0.0.0.0": false, "0.1.2.3": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "fd00:ec2::254": false, "fc00::1": false,
		"169.254.169.254": false, "169.254.170.2": false, "fe80::1": false, "fe80::1%eth0": false, "100.100.100.200": false, "192.0.0.192": false,
		"224.0.0.1": false, "ff02::1": false, "255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false, "203.0.113.7": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::a00:1": false,
		"2002:7f00:1::": false, "2001:0:7f00:1::": false, "2001:db8::1": false, "fec0::1": false,
	} {
		require.Equal(t, want, outbound.Public(netip.MustParseAddr(text)), text)
	}
	require.False(t, outbound.Public(netip.Addr{}))
}

// reached counts what arrives at a server that must not be reached.
func reached(t *testing.T, tls bool) (*httptest.Server, *atomic.Int64) {
	var n atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n.Add(1) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			n.Add(1)
		}
	}
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, &n
}

func client(t *testing.T, cfg outbound.Config) *http.Client {
	t.Helper()
	c, err := outbound.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestInsideIsOutOfReach(t *testing.T) {
	secure, hits := reached(t, true)
	plain, plainHits := reached(t, false)
	_, port, err := net.SplitHostPort(secure.Listener.Addr().String())
	require.NoError(t, err)
	c := client(t, outbound.Config{})
	for _, address := range []string{
		secure.URL, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://127.1:" + port, "https://2130706433:" + port, "https://0x7f.0.0.1:" + port, "https://0.0.0.0:" + port,
		plain.URL, "http://localhost/", "http://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/", "https://user:secret@8.8.8.8/",
		"https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://10.0.0.1/", "https://100.100.100.200/",
	} {
		res, err := c.Get(address)
		if err == nil {
			_ = res.Body.Close()
		}
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "secret")
	}
	require.Zero(t, hits.Load())
	require.Zero(t, plainHits.Load())
	_, err = c.Get("https://10.0.0.1/")
	require.ErrorIs(t, err, outbound.ErrRefused)
	_, err = c.Post("http://8.8.8.8/", "text/plain", strings.NewReader("x"))
	require.ErrorIs(t, err, outbound.ErrRefused)
}

// A name that leads outside when it is judged and inside when it is dialled is refused: what is
// judged is what is dialled.
func TestRebinding(t *testing.T) {
	secure, hits := reached(t, true)
	_, port, err := net.SplitHostPort(secure.Listener.Addr().String())
	require.NoError(t, err)
	var asked atomic.Int64
	c := client(t, outbound.Config{Resolver: resolver(t, func() netip.Addr {
		asked.Add(1)
		return netip.MustParseAddr("127.0.0.1") // an answer of "now", whatever was told before
	}), Timeout: 5 * time.Second})
	_, err = c.Get("https://rebind.example.org:" + port)
	require.ErrorIs(t, err, outbound.ErrRefused)
	require.NotZero(t, asked.Load())
	require.Zero(t, hits.Load())

	// The same name, allowed by configuration, is reached.
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	allowed := client(t, outbound.Config{Allow: []string{"https://example.com:" + port}, Roots: roots,
		Resolver: resolver(t, func() netip.Addr { return netip.MustParseAddr("127.0.0.1") })})
	res, err := allowed.Get("https://EXAMPLE.com:" + port + "/") // the test certificate's name
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	_, err = allowed.Get("https://example.com:1/") // the origin, not the host
	require.ErrorIs(t, err, outbound.ErrRefused)
}

// resolver is a DNS server of one answer, over a pipe.
func resolver(t *testing.T, answer func() netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		t.Cleanup(func() { _ = there.Close() })
		go func() {
			// A pipe is no packet connection, so messages are as over TCP: length first.
			for {
				var size [2]byte
				if _, err := io.ReadFull(there, size[:]); err != nil {
					return
				}
				q := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(there, q); err != nil {
					return
				}
				end := 12
				for q[end] != 0 {
					end += int(q[end]) + 1
				}
				question := q[12 : end+5]
				r := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
				if binary.BigEndian.Uint16(question[len(question)-4:]) == 1 { // A
					r[7] = 1
					a := answer().As4()
					r = append(append(r, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), a[:]...)
				}
				if _, err := there.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(r))), r...)); err != nil {
					return
				}
			}
		}()
		return here, nil
	}}
}

func TestAllowedOrigin(t *testing.T) {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	other, hits := reached(t, false)
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 100)) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush() // no length told
		_, _ = io.WriteString(w, strings.Repeat("x", 101))
	})
	mux.HandleFunc("/told", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "101")
		_, _ = io.WriteString(w, strings.Repeat("x", 101))
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) })
	stop := make(chan struct{})
	mux.HandleFunc("/never", func(http.ResponseWriter, *http.Request) { <-stop })
	t.Cleanup(func() { close(stop) })

	c := client(t, outbound.Config{Allow: []string{s.URL + "/"}, MaxBody: 100})
	read := func(path string) (int, string, error) {
		res, err := c.Get(s.URL + path)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return res.StatusCode, string(body), err
	}
	status, body, err := read("/ok")
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Len(t, body, 100)
	_, body, err = read("/long")
	require.ErrorIs(t, err, outbound.ErrTooLarge)
	require.Len(t, body, 100)
	_, _, err = read("/told")
	require.ErrorIs(t, err, outbound.ErrTooLarge)
	status, _, err = read("/away")
	require.NoError(t, err)
	require.Equal(t, 302, status, "told, not followed")
	require.Zero(t, hits.Load())
	_, _, err = read("/headers")
	require.Error(t, err)

	hurried := client(t, outbound.Config{Allow: []string{s.URL}, Timeout: 50 * time.Millisecond})
	_, err = hurried.Get(s.URL + "/never")
	var timeout net.Error
	require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
}

// The environment's proxy would be asked in place of the address that was judged.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	proxy, hits := reached(t, false)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("HTTP_PROXY", proxy.URL)
	_, err := client(t, outbound.Config{}).Get("https://10.0.0.1/")
	require.ErrorIs(t, err, outbound.ErrRefused)
	require.Zero(t, hits.Load())
}

func TestConfigRefused(t *testing.T) {
	for _, allow := range []string{"", "localhost:8080", "http://idp.example.org", "ftp://localhost", "https://", "https://a/b", "https://u:p@a", "https://a?x=1", "https://a#x", "http://10.0.0.1", "::"} {
		_, err := outbound.New(outbound.Config{Allow: []string{allow}})
		require.Error(t, err, allow)
	}
	for _, cfg := range []outbound.Config{{Timeout: -1}, {MaxBody: -1}} {
		_, err := outbound.New(cfg)
		require.Error(t, err)
	}
	for _, allow := range []string{"http://localhost:8080", "http://127.0.0.1:1/", "http://[::1]:2", "https://idp.internal"} {
		_, err := outbound.New(outbound.Config{Allow: []string{allow}})
		require.NoError(t, err, allow)
	}
}

func FuzzAllow(f *testing.F) {
	for _, s := range []string{"https://a", "http://localhost:1", "http://127.0.0.1@evil", "https://[::1]", "http://localhost.evil.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := outbound.New(outbound.Config{Allow: []string{text}})
		if err != nil {
			return
		}
		// Whatever was allowed, the metadata service is only reached when its origin was named.
		if !strings.Contains(text, "169.254.169.254") {
			_, err := c.Get("https://169.254.169.254/")
			if !errors.Is(err, outbound.ErrRefused) {
				t.Fatal(fmt.Sprint(err))
			}
		}
	})
}
