package httpd_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// One caller who waits as often as she can leaves places to the others, whether a route belongs to
// the class or moves to it.
func TestOneCallerHasNotAllPlaces(t *testing.T) {
	entered, proceed := make(chan bool, 4), make(chan struct{})
	wait := func(path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: http.MethodGet, Path: path, Roles: httpd.Roles(), Class: class, Handler: h}
	}
	f := start(t, httpd.Config{Classes: map[httpd.Class]httpd.Limits{httpd.ClassWait: {Concurrent: 4, Each: 2}}}, nil,
		wait("/in", httpd.ClassWait, func(*gin.Context) (any, error) {
			entered <- true
			<-proceed
			return nil, nil
		}),
		wait("/moves", httpd.ClassScan, func(c *gin.Context) (any, error) {
			over, stop := httpd.Patience(c, time.Minute)
			defer stop()
			entered <- over != nil
			if over == nil {
				return nil, nil
			}
			<-proceed
			return nil, nil
		}))
	statuses := make(chan int, 4)
	ask := func(path, who string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
		if err != nil {
			statuses <- 0
			return
		}
		req.Header.Set("Authorization", "Bearer "+who)
		res, err := f.client.Do(req)
		if err != nil {
			statuses <- 0
			return
		}
		_ = res.Body.Close()
		statuses <- res.StatusCode
	}
	const greedy, other = "relying-party:greedy:x", "relying-party:other:x"
	go ask("/in", greedy)
	require.True(t, <-entered)
	go ask("/moves", greedy)
	require.True(t, <-entered)
	f.get("/in", "Authorization", "Bearer "+greedy).problem(t, 429, "rate-limited")
	require.Equal(t, 204, f.get("/moves", "Authorization", "Bearer "+greedy).StatusCode, "answers at once with what it has")
	require.False(t, <-entered)
	go ask("/in", other)
	require.True(t, <-entered)
	go ask("/moves", other)
	require.True(t, <-entered)
	close(proceed)
	for range 4 {
		require.Equal(t, 204, <-statuses)
	}
	require.Equal(t, 204, f.get("/in", "Authorization", "Bearer "+greedy).StatusCode, "places are given back")
}

// Bad tokens are counted for the address that sends them, and lock nobody out.
func TestBadTokensAreCounted(t *testing.T) {
	l := &counter{}
	f := start(t, httpd.Config{Limiter: l}, nil, httpd.Route{Method: http.MethodGet, Path: "/mine", Roles: httpd.Roles(), Handler: ok})
	f.get("/mine", "Authorization", "Bearer made-up").problem(t, 401, "token-invalid")
	require.Equal(t, 1, l.seen["bad-token:address:127.0.0.1"])
	f.get("/mine", "Authorization", "Bearer expired").problem(t, 401, "token-expired")
	f.get("/mine").problem(t, 401, "unauthenticated")
	require.Equal(t, 1, l.seen["bad-token:address:127.0.0.1"], "whoever was signed in once, or not yet, is no attacker")
	l.seen["bad-token:address:127.0.0.1"] = 1200
	f.get("/mine", "Authorization", "Bearer made-up").problem(t, 429, "rate-limited")
	require.Equal(t, 200, f.get("/mine", "Authorization", "Bearer person:a:x").StatusCode)
}
