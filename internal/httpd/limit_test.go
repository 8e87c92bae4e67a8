package httpd_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// counter is a Limiter that lets perMinute requests through per key and never forgets.
type counter struct {
	mu   sync.Mutex
	seen map[string]int
	err  error
}

func (l *counter) Allow(ctx context.Context, key string, perMinute int) (bool, time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, bounded := ctx.Deadline(); !bounded {
		return false, 0, errors.New("unbounded")
	}
	if l.err != nil {
		return false, 0, l.err
	}
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	l.seen[key]++
	return l.seen[key] <= perMinute, 2500 * time.Millisecond, nil
}

func TestRateLimit(t *testing.T) {
	l := &counter{}
	mine := httpd.Route{Method: http.MethodGet, Path: "/mine", Roles: httpd.Roles(), Class: httpd.ClassScan, Handler: ok}
	open := public(http.MethodGet, "/open", ok)
	open.Class = "tiny"
	f := start(t, httpd.Config{Limiter: l, TrustedProxies: []string{"127.0.0.1"}, Classes: map[httpd.Class]httpd.Limits{
		httpd.ClassScan: {PerMinute: 2}, "tiny": {PerMinute: 1},
	}}, nil, mine, open)
	for range 2 {
		require.Equal(t, 200, f.get("/mine", "Authorization", "Bearer person:a:x").StatusCode)
	}
	a := f.get("/mine", "Authorization", "Bearer person:a:x")
	a.problem(t, 429, "rate-limited")
	require.Equal(t, "3", a.Header.Get("Retry-After"))
	require.Equal(t, 200, f.get("/mine", "Authorization", "Bearer person:b:x").StatusCode, "others go on")

	// Public routes count by address, a whole IPv6 /64 as one.
	for _, from := range []string{"192.0.2.1", "192.0.2.2", "2001:db8:0:1::1"} {
		require.Equal(t, 200, f.get("/open", "X-Forwarded-For", from).StatusCode, from)
	}
	for _, from := range []string{"192.0.2.1", "2001:db8:0:1:ffff::2", "::ffff:192.0.2.2"} {
		f.get("/open", "X-Forwarded-For", from).problem(t, 429, "rate-limited")
	}
	require.Contains(t, l.seen, "tiny:address:2001:db8:0:1::/64")
	require.Contains(t, l.seen, "scan:caller:a")
	require.Contains(t, string(f.get("/metrics").body), `showcard_http_refused_total{class="scan",code="rate-limited"} 1`)
	for range 5 {
		require.Equal(t, 200, f.get("/healthz").StatusCode, "probes are never counted")
	}
}

func TestProxiesAreNotTrustedByDefault(t *testing.T) {
	l := &counter{}
	f := start(t, httpd.Config{Limiter: l}, nil, public(http.MethodGet, "/open", ok))
	f.get("/open", "X-Forwarded-For", "192.0.2.1", "X-Real-Ip", "192.0.2.1")
	require.Contains(t, l.seen, "default:address:127.0.0.1")
}

// A limiter that is down does not close the counters.
func TestLimiterDown(t *testing.T) {
	f := start(t, httpd.Config{Limiter: &counter{err: errors.New("redis: refused")}}, nil, public(http.MethodGet, "/open", ok))
	require.Equal(t, 200, f.get("/open").StatusCode)
	require.Contains(t, f.logs.String(), "redis: refused")
	require.Contains(t, string(f.get("/metrics").body), "showcard_http_limiter_errors_total 1")
}

// When all places are taken by work, more of it is refused before anything of it is looked at, and
// what costs nothing goes on.
func TestOverload(t *testing.T) {
	const places = 3
	entered, proceed := make(chan struct{}, places), make(chan struct{})
	slow := public(http.MethodGet, "/slow", func(*gin.Context) (any, error) {
		entered <- struct{}{}
		<-proceed
		return nil, nil
	})
	limiter := &counter{}
	aside := public(http.MethodGet, "/aside", ok)
	aside.Class = httpd.ClassWait
	mine := httpd.Route{Method: http.MethodPost, Path: "/mine", Roles: httpd.Roles(), Class: httpd.ClassReport, Handler: ok}
	f := start(t, httpd.Config{Places: places, Limiter: limiter}, nil, slow, aside, mine)
	statuses := make(chan int, places)
	for range places {
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
	for range places {
		<-entered
	}
	counted := len(limiter.seen)
	for range 20 {
		a := f.get("/slow")
		a.problem(t, 503, "overloaded")
		seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
		require.NoError(t, err)
		require.True(t, seconds >= 2 && seconds <= 10, seconds)
	}
	a := f.do(http.MethodPost, "/mine", strings.Repeat("x", 4<<20), "Authorization", "Bearer store-down")
	a.problem(t, 503, "overloaded")
	require.Len(t, limiter.seen, counted, "nobody asked the limiter, nor who it was, nor read what she sent")
	require.Equal(t, 200, f.get("/aside").StatusCode, "waiting is no work")
	require.Equal(t, 200, f.get("/healthz").StatusCode)
	metrics := string(f.get("/metrics").body)
	require.Contains(t, metrics, `showcard_http_refused_total{class="default",code="overloaded"} 20`)
	require.Contains(t, metrics, "showcard_http_places 3\n")
	require.Contains(t, metrics, "showcard_http_places_taken 3\n")
	require.Contains(t, f.logs.String(), `"overloaded: refused since the last such line","default":1`)
	close(proceed)
	for range places {
		require.Equal(t, 204, <-statuses)
	}
	require.Equal(t, 204, f.get("/slow").StatusCode, "places are given back")
}

// Every way out of a handler gives the place back.
func TestPlacesAreGivenBack(t *testing.T) {
	route := func(path string, h httpd.Handler) httpd.Route {
		r := public(http.MethodGet, path, h)
		r.Class = "one"
		return r
	}
	f := start(t, httpd.Config{Places: 1, Classes: map[httpd.Class]httpd.Limits{"one": {Concurrent: 1}}}, nil,
		route("/panic", func(*gin.Context) (any, error) { panic("x") }),
		route("/error", failing(errGeneral)),
		route("/ok", ok))
	for i := range 60 {
		path, want := "/ok", 200
		if i%3 == 1 {
			path, want = "/panic", 500
		} else if i%3 == 2 {
			path, want = "/error", 500
		}
		require.Equal(t, want, f.get(path).StatusCode)
	}
}
