package httpd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// Everything that was accepted before the end is answered, while the door is already closed.
func TestDrainLosesNothing(t *testing.T) {
	const requests = 20
	entered, proceed := make(chan struct{}, requests), make(chan struct{})
	f := start(t, httpd.Config{DrainTimeout: time.Minute}, nil, public(http.MethodGet, "/slow", func(c *gin.Context) (any, error) {
		entered <- struct{}{}
		<-proceed
		return nil, c.Request.Context().Err()
	}))
	statuses := make(chan int, requests)
	for range requests {
		go func() {
			res, err := f.client.Get(f.url + "/slow")
			if err != nil {
				statuses <- 0
				return
			}
			_ = res.Body.Close()
			statuses <- res.StatusCode
		}()
	}
	for range requests {
		<-entered
	}
	require.Equal(t, 200, f.probe().Code)
	f.cancel()
	require.Eventually(t, func() bool { return f.probe().Code == 503 }, 10*time.Second, time.Millisecond)
	require.Contains(t, f.probe().Body.String(), `"status":"draining"`)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", f.addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond, "the door closes while requests are in progress")
	close(proceed)
	for range requests {
		require.Equal(t, 204, <-statuses)
	}
	require.NoError(t, f.stop())
}

// probe asks /readyz past the network.
func (f *fixture) probe() *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return w
}

func TestDrainTimeout(t *testing.T) {
	entered := make(chan struct{})
	var cause error
	f := start(t, httpd.Config{DrainTimeout: time.Millisecond}, nil, public(http.MethodGet, "/stuck", func(c *gin.Context) (any, error) {
		close(entered)
		<-c.Request.Context().Done()
		cause = context.Cause(c.Request.Context())
		return nil, cause
	}))
	done := make(chan error, 1)
	go func() {
		res, err := f.client.Get(f.url + "/stuck")
		if err == nil {
			_ = res.Body.Close()
		}
		done <- err
	}()
	<-entered
	require.ErrorIs(t, f.stop(), httpd.ErrDrainTimeout)
	require.Error(t, <-done)
	require.Error(t, cause, "the handler was told, and Serve waited for it")
}

// During the delay /readyz already says no, while the door is still open. Time is faked, so the
// listener is in memory.
func TestDrainDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := build(t, httpd.Config{DrainDelay: 10 * time.Second}, nil, public(http.MethodGet, "/ok", ok))
		l := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- f.server.Serve(ctx, nil, l) }()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: l.dial}}
		get := func(path string) *http.Response {
			res, err := client.Get("http://memory" + path)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			return res
		}
		require.Equal(t, 200, get("/readyz").StatusCode)
		began := time.Now()
		cancel()
		synctest.Wait()
		require.Equal(t, 503, get("/readyz").StatusCode)
		res := get("/ok")
		require.Equal(t, 200, res.StatusCode, "load balancers have not noticed yet")
		require.True(t, res.Close, "and are told to come with a new connection")
		require.NoError(t, <-served)
		require.GreaterOrEqual(t, time.Since(began), 10*time.Second)
	})
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// When one listener breaks the server goes down in order, and says why.
func TestListenerFails(t *testing.T) {
	f := build(t, httpd.Config{}, nil)
	good, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	bad := &brokenListener{Listener: good, err: errors.New("accept: out of descriptors")}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorIs(t, f.server.Serve(t.Context(), nil, other, bad), bad.err)
	_, err = net.Dial("tcp", other.Addr().String())
	require.Error(t, err, "the other listener is closed too")
	require.ErrorIs(t, f.server.Serve(t.Context(), nil, other), httpd.ErrServed)
	require.Error(t, f.server.Serve(t.Context(), nil))
}

type brokenListener struct {
	net.Listener
	err error
}

func (l *brokenListener) Accept() (net.Conn, error) { return nil, l.err }

func TestTLS(t *testing.T) {
	cert := selfSigned(t)
	f := build(t, httpd.Config{}, nil, public(http.MethodGet, "/ok", ok))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() {
		served <- f.server.Serve(ctx, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, l)
	}()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: proto == "HTTP/2.0"}
		res, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String() + "/ok")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, proto, res.Proto)
		require.Equal(t, "max-age=31536000", res.Header.Get("Strict-Transport-Security"))
		transport.CloseIdleConnections()
	}
	cancel()
	require.NoError(t, <-served)
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
