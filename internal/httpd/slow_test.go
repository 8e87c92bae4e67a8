package httpd_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// A caller who hangs up is no error of ours.
func TestClientGone(t *testing.T) {
	entered := make(chan struct{})
	left := make(chan struct{})
	f := start(t, httpd.Config{}, nil, public(http.MethodGet, "/slow", func(c *gin.Context) (any, error) {
		close(entered)
		<-c.Request.Context().Done()
		defer close(left)
		return nil, fmt.Errorf("store: %w", c.Request.Context().Err())
	}))
	conn, err := net.Dial("tcp", f.addr)
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-entered
	require.NoError(t, conn.Close())
	<-left
	require.NoError(t, f.stop())
	logs := f.logs.String()
	require.Contains(t, logs, `"status":499`)
	require.Contains(t, logs, `"code":"client-gone"`)
	require.NotContains(t, logs, `"level":"ERROR"`)
	require.NotContains(t, logs, `"level":"WARN"`)
}

func TestRequestTimeout(t *testing.T) {
	f := start(t, httpd.Config{RequestTimeout: 50 * time.Millisecond}, nil,
		public(http.MethodGet, "/slow", func(c *gin.Context) (any, error) {
			<-c.Request.Context().Done()
			return nil, errors.New("driver: interrupted")
		}),
		httpd.Route{Method: http.MethodGet, Path: "/stream", Public: true, Streaming: true, Handler: func(c *gin.Context) (any, error) {
			_, bounded := c.Request.Context().Deadline()
			return map[string]bool{"bounded": bounded}, nil
		}})
	a := f.get("/slow")
	a.problem(t, 503, "timed-out")
	require.Contains(t, []string{"1", "2"}, a.Header.Get("Retry-After"))
	require.JSONEq(t, `{"bounded":false}`, string(f.get("/stream").body))
}

// A body that trickles in is not waited for.
func TestBodyTooSlow(t *testing.T) {
	for _, streaming := range []bool{false, true} {
		t.Run(fmt.Sprint("streaming ", streaming), func(t *testing.T) {
			cfg := httpd.Config{RequestTimeout: 50 * time.Millisecond}
			if streaming {
				cfg = httpd.Config{StreamIdle: 300 * time.Millisecond} // also the time to write the answer in
			}
			f := start(t, cfg, nil,
				httpd.Route{Method: http.MethodPost, Path: "/in", Public: true, Streaming: streaming, Handler: func(c *gin.Context) (any, error) {
					_, err := httpd.Body(c, "text/plain")
					return nil, err
				}})
			conn, err := net.Dial("tcp", f.addr)
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nabc")
			require.NoError(t, err)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			answer{res, body}.problem(t, 408, "body-too-slow")
		})
	}
}

func TestBodyIncomplete(t *testing.T) {
	f := start(t, httpd.Config{}, nil, public(http.MethodPost, "/in", func(c *gin.Context) (any, error) {
		_, err := httpd.Body(c, "text/plain")
		return nil, err
	}))
	conn, err := net.Dial("tcp", f.addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nabc")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	answer{res, body}.problem(t, 400, "body-incomplete")
}
