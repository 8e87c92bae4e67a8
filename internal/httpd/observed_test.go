package httpd_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// brokenLimiter counts nothing.
type brokenLimiter struct{}

func (brokenLimiter) Allow(context.Context, string, int) (bool, time.Duration, error) {
	return false, 0, errors.New("away")
}

// Whoever watches is told of each request: its class, status and code, and not who asked.
func TestObserved(t *testing.T) {
	var mu sync.Mutex
	var seen []httpd.Observed
	answer := func(err error) httpd.Handler {
		return func(*gin.Context) (any, error) { return struct{}{}, err }
	}
	f := start(t, httpd.Config{Limiter: brokenLimiter{}, Observed: func(o httpd.Observed) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, o)
	}}, nil,
		httpd.Route{Method: http.MethodGet, Path: "/good", Public: true, Class: httpd.ClassScan, Handler: answer(nil)},
		httpd.Route{Method: http.MethodGet, Path: "/bad", Public: true, Class: httpd.ClassRead, Handler: answer(errors.New("broken"))},
		httpd.Route{Method: http.MethodGet, Path: "/asked", Public: true, Class: httpd.ClassScan, Handler: func(c *gin.Context) (any, error) {
			_, stop := httpd.Patience(c, time.Hour)
			stop()
			return struct{}{}, nil
		}},
		httpd.Route{Method: http.MethodGet, Path: "/busy", Public: true, Class: httpd.ClassOps, Handler: answer(&httpd.Problem{Code: httpd.CodeOverloaded})})
	for _, path := range []string{"/good", "/bad", "/asked", "/busy", "/nowhere"} {
		resp, err := f.client.Get(f.url + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.Eventually(t, func() bool { return f.server.Load().InFlight == 0 }, 10*time.Second, time.Millisecond)
	require.Positive(t, f.server.Load().Places)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, seen, 5)
	for i, want := range []httpd.Observed{
		{Class: httpd.ClassScan, Status: 200, LimiterFailed: true},
		{Class: httpd.ClassRead, Status: 500, Code: httpd.CodeInternal, LimiterFailed: true},
		{Class: httpd.ClassScan, Status: 200, Waited: true, LimiterFailed: true},
		{Class: httpd.ClassOps, Status: 503, Code: httpd.CodeOverloaded},
		{Status: 404, Code: httpd.CodeNotFound},
	} {
		require.False(t, seen[i].At.IsZero())
		require.GreaterOrEqual(t, seen[i].Took, time.Duration(0))
		require.Equal(t, want.Code == httpd.CodeOverloaded, seen[i].Refused())
		seen[i].At, seen[i].Took = time.Time{}, 0
		require.Equal(t, want, seen[i])
	}
}
