package httpd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/httpd/problem"
)

var (
	errGeneral    = errors.New("general")
	errParticular = fmt.Errorf("particular: %w", errGeneral)
)

func failing(err error) httpd.Handler { return func(*gin.Context) (any, error) { return nil, err } }

func TestErrorTable(t *testing.T) {
	table := httpd.ErrorTable{{errParticular, "code-used"}, {errGeneral, "code-expired"}}
	f := start(t, httpd.Config{PublicURL: "https://cards.example/"}, table,
		public(http.MethodGet, "/particular", failing(fmt.Errorf("wrapped: %w", errParticular))),
		public(http.MethodGet, "/general", failing(fmt.Errorf("secret 110101: %w", errGeneral))),
		public(http.MethodGet, "/unknown", failing(errors.New("dial db.internal: refused"))),
		public(http.MethodGet, "/problem", failing(fmt.Errorf("wrapped: %w", &httpd.Problem{
			Code: "status-unavailable", Detail: "list 7", RetryAfter: 1500 * time.Millisecond,
			Errors: []httpd.FieldError{{Pointer: "/a", Code: "field-invalid"}}, Cause: errGeneral}))),
		public(http.MethodGet, "/typo", failing(&httpd.Problem{Code: "no-such-code", Detail: "secret"})),
		public(http.MethodGet, "/tool-only", failing(&httpd.Problem{Code: "file-unreadable"})),
		public(http.MethodGet, "/error-as-answer", func(*gin.Context) (any, error) { return errGeneral, nil }),
		public(http.MethodGet, "/not-json", func(*gin.Context) (any, error) { return make(chan int), nil }),
	)
	doc := f.get("/particular").problem(t, 409, "code-used")
	require.Equal(t, "https://cards.example/problems/code-used", doc.Type)
	require.Equal(t, "这个码已经用过了。", doc.TitleZH)

	a := f.get("/general")
	a.problem(t, 422, "code-expired")
	require.NotContains(t, string(a.body), "110101", "the error's own text stays inside")

	a = f.get("/problem")
	doc = a.problem(t, 503, "status-unavailable")
	require.Equal(t, "list 7", doc.Detail)
	require.Equal(t, []httpd.FieldError{{Pointer: "/a", Code: "field-invalid"}}, doc.Errors)
	require.Equal(t, "2", a.Header.Get("Retry-After"), "rounded up")

	for _, path := range []string{"/unknown", "/typo", "/tool-only", "/error-as-answer", "/not-json"} {
		a := f.get(path, "X-Request-Id", "find-me"+strings.ReplaceAll(path, "/", "."))
		doc := a.problem(t, 500, "internal")
		require.Empty(t, doc.Detail)
		require.Equal(t, "find-me"+strings.ReplaceAll(path, "/", "."), doc.RequestID)
		require.NotContains(t, string(a.body), "secret")
		require.NotContains(t, string(a.body), "db.internal")
		require.Contains(t, f.logs.String(), `"request_id":"`+doc.RequestID+`"`)
	}
	require.Contains(t, f.logs.String(), "dial db.internal: refused")
}

func TestNotFoundAndMethod(t *testing.T) {
	f := start(t, httpd.Config{}, nil, public(http.MethodGet, "/things/:id", ok), public(http.MethodPut, "/things/:id", ok))
	doc := f.get("/nothing").problem(t, 404, "not-found")
	require.Equal(t, "urn:showcard:problem:not-found", doc.Type)
	f.get("/things/1/").problem(t, 404, "not-found") // no redirect
	f.get("//things/1").problem(t, 404, "not-found")
	f.get("/THINGS/1").problem(t, 404, "not-found")
	a := f.do(http.MethodPost, "/things/1", "")
	a.problem(t, 405, "method-not-allowed")
	require.Equal(t, "GET, HEAD, PUT", a.Header.Get("Allow"))
	f.do(http.MethodOptions, "/things/1", "").problem(t, 405, "method-not-allowed")
	f.do("BREW", "/things/1", "").problem(t, 405, "method-not-allowed")
	f.do("BREW", "/nothing", "").problem(t, 404, "not-found")

	head := f.do(http.MethodHead, "/nothing", "")
	require.Equal(t, 404, head.StatusCode)
	require.Empty(t, head.body)
}

func TestEscapedSlashStaysInItsParameter(t *testing.T) {
	var got string
	f := start(t, httpd.Config{}, nil, public(http.MethodGet, "/things/:id", func(c *gin.Context) (any, error) {
		got = c.Param("id")
		return nil, nil
	}))
	require.Equal(t, 204, f.get("/things/a%2Fb%20c").StatusCode)
	require.Equal(t, "a/b c", got)
}

func TestPanic(t *testing.T) {
	f := start(t, httpd.Config{}, nil,
		public(http.MethodGet, "/panic", func(*gin.Context) (any, error) { panic("boom 42") }),
		public(http.MethodGet, "/late", func(*gin.Context) (any, error) {
			return httpd.Stream(func(w io.Writer, flush func()) error {
				_, _ = io.WriteString(w, "{}\n")
				flush()
				panic("late boom")
			}), nil
		}),
		public(http.MethodGet, "/ok", ok),
	)
	a := f.get("/panic")
	a.problem(t, 500, "internal")
	require.NotContains(t, string(a.body), "boom")
	require.Contains(t, f.logs.String(), "boom 42")
	require.Contains(t, f.logs.String(), "server_test.go", "with the stack")

	res, err := f.client.Get(f.url + "/late")
	require.NoError(t, err)
	_, err = io.ReadAll(res.Body)
	require.Error(t, err, "a broken answer must not look like a whole one")
	require.NoError(t, res.Body.Close())

	require.Equal(t, 200, f.get("/ok").StatusCode)
	require.Contains(t, string(f.get("/metrics").body), "showcard_http_panics_total 2")
}

func TestCallers(t *testing.T) {
	var caller httpd.Caller
	var viaGin bool
	route := httpd.Route{Method: http.MethodGet, Path: "/mine", Roles: []httpd.Role{httpd.RoleDepartment, httpd.RoleOperator}, Scope: "push",
		Handler: func(c *gin.Context) (any, error) {
			caller, _ = httpd.CallerFrom(c.Request.Context())
			_, viaGin = httpd.CallerFrom(c)
			return nil, nil
		}}
	f := start(t, httpd.Config{}, nil, route, public(http.MethodGet, "/open", func(c *gin.Context) (any, error) {
		_, known := httpd.CallerFrom(c)
		return map[string]bool{"known": known}, nil
	}))
	for _, tc := range []struct {
		token, code string
		status      int
		challenge   string
	}{
		{"", "unauthenticated", 401, `Bearer realm="showcard"`},
		{"expired", "token-expired", 401, `Bearer realm="showcard", error="invalid_token"`},
		{"rubbish", "token-invalid", 401, `Bearer realm="showcard", error="invalid_token"`},
		{"suspended", "client-suspended", 403, ""},
		{"person:p:push", "forbidden-role", 403, ""},
		{"department:d:read", "forbidden-scope", 403, `Bearer realm="showcard", error="insufficient_scope", scope="push"`},
		{"store-down", "internal", 500, ""},
		{"nobody", "internal", 500, ""},
	} {
		t.Run(tc.code+"/"+tc.token, func(t *testing.T) {
			var headers []string
			if tc.token != "" {
				headers = []string{"Authorization", "Bearer " + tc.token}
			}
			a := f.get("/mine", headers...)
			a.problem(t, tc.status, tc.code)
			require.Equal(t, tc.challenge, a.Header.Get("WWW-Authenticate"))
		})
	}
	require.Equal(t, 204, f.get("/mine", "Authorization", "Bearer department:d7:push").StatusCode)
	require.Equal(t, "d7", caller.ID)
	require.True(t, viaGin)
	require.JSONEq(t, `{"known":false}`, string(f.get("/open", "Authorization", "Bearer department:d7:push").body))

	logs := f.logs.String()
	require.Contains(t, logs, `"caller":{"id":"d7","role":"department"}`)
	for _, secret := range []string{"张三", "h-secret", "Bearer"} {
		require.NotContains(t, logs, secret)
	}
	require.Equal(t, "department:d7", fmt.Sprintf("%+v", caller))
}

func TestAuthenticatorsInTurn(t *testing.T) {
	none := authenticator(func() (httpd.Caller, error) { return httpd.Caller{}, httpd.ErrNoCredentials })
	bad := authenticator(func() (httpd.Caller, error) { return httpd.Caller{}, httpd.ErrBadCredentials })
	good := authenticator(func() (httpd.Caller, error) { return httpd.Caller{ID: "x"}, nil })
	caller, err := httpd.Authenticators{none, good, bad}.Authenticate(nil)
	require.NoError(t, err)
	require.Equal(t, "x", caller.ID)
	_, err = httpd.Authenticators{none, bad, good}.Authenticate(nil)
	require.ErrorIs(t, err, httpd.ErrBadCredentials)
	_, err = httpd.Authenticators{none}.Authenticate(nil)
	require.ErrorIs(t, err, httpd.ErrNoCredentials)
	_, err = httpd.Authenticators(nil).Authenticate(nil)
	require.ErrorIs(t, err, httpd.ErrNoCredentials)
}

type authenticator func() (httpd.Caller, error)

func (a authenticator) Authenticate(*http.Request) (httpd.Caller, error) { return a() }

// A page of another site must not act for whoever is signed in here.
func TestCrossOrigin(t *testing.T) {
	open := public(http.MethodPost, "/shared", ok)
	open.CORS = true
	f := start(t, httpd.Config{PublicURL: "https://cards.example"}, nil, public(http.MethodPost, "/act", ok), public(http.MethodGet, "/act", ok), open)
	f.do(http.MethodPost, "/act", "", "Sec-Fetch-Site", "cross-site").problem(t, 403, "cross-origin-refused")
	f.do(http.MethodPost, "/act", "", "Origin", "https://evil.example").problem(t, 403, "cross-origin-refused")
	for _, headers := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Origin", f.url}, {"Origin", "https://cards.example"}} {
		require.Equal(t, 200, f.do(http.MethodPost, "/act", "", headers...).StatusCode)
	}
	a := f.get("/act", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 200, a.StatusCode)
	require.Empty(t, a.Header.Get("Access-Control-Allow-Origin"))

	a = f.do(http.MethodPost, "/shared", "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 200, a.StatusCode)
	require.Equal(t, "*", a.Header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, a.Header.Get("Access-Control-Allow-Credentials"))
	a = f.do(http.MethodOptions, "/shared", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	require.Equal(t, 204, a.StatusCode)
	require.Equal(t, "OPTIONS, POST", a.Header.Get("Access-Control-Allow-Methods"))
	require.NotContains(t, a.Header.Get("Access-Control-Allow-Headers"), "Authorization")
}

func TestRequestIDAndHeaders(t *testing.T) {
	f := start(t, httpd.Config{PublicURL: "https://cards.example"}, nil, public(http.MethodGet, "/id", func(c *gin.Context) (any, error) {
		return map[string]string{"id": httpd.RequestID(c), "same": httpd.RequestID(c.Request.Context())}, nil
	}))
	a := f.get("/id?token=query-secret", "X-Request-Id", "abc-DEF_1.2", "Cookie", "session=cookie-secret")
	require.JSONEq(t, `{"id":"abc-DEF_1.2","same":"abc-DEF_1.2"}`, string(a.body))
	for name, want := range map[string]string{
		"X-Request-Id": "abc-DEF_1.2", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Strict-Transport-Security": "max-age=31536000", "Content-Type": "application/json",
	} {
		require.Equal(t, want, a.Header.Get(name), name)
	}
	for _, bad := range []string{"a b", "a\"b", strings.Repeat("a", 65), "ä"} {
		got := f.get("/id", "X-Request-Id", bad).Header.Get("X-Request-Id")
		require.NotEqual(t, bad, got)
		require.GreaterOrEqual(t, len(got), 26)
	}
	f.get("/nothing/SC1TICKET?x=query-secret")
	logs := f.logs.String()
	for _, secret := range []string{"query-secret", "cookie-secret", "SC1TICKET"} {
		require.NotContains(t, logs, secret)
	}
	require.Contains(t, logs, `"route":"/id"`)
	require.Contains(t, logs, `"route":"unmatched"`)

	plain := start(t, httpd.Config{}, nil, public(http.MethodGet, "/id", ok))
	require.Empty(t, plain.get("/id").Header.Get("Strict-Transport-Security"))
}

func TestMountRefuses(t *testing.T) {
	good := public(http.MethodGet, "/good", ok)
	change := func(f func(*httpd.Route)) []httpd.Route {
		r := good
		f(&r)
		return []httpd.Route{r}
	}
	for name, tc := range map[string]struct {
		routes []httpd.Route
		table  httpd.ErrorTable
	}{
		"public by accident":     {routes: change(func(r *httpd.Route) { r.Public = false })},
		"public with roles":      {routes: change(func(r *httpd.Route) { r.Roles = httpd.Roles() })},
		"public with scope":      {routes: change(func(r *httpd.Route) { r.Scope = "x" })},
		"unknown role":           {routes: change(func(r *httpd.Route) { r.Public, r.Roles = false, []httpd.Role{"king"} })},
		"unknown class":          {routes: change(func(r *httpd.Route) { r.Class = "royal" })},
		"no handler":             {routes: change(func(r *httpd.Route) { r.Handler = nil })},
		"HEAD":                   {routes: change(func(r *httpd.Route) { r.Method = http.MethodHead })},
		"no method":              {routes: change(func(r *httpd.Route) { r.Method = "" })},
		"relative path":          {routes: change(func(r *httpd.Route) { r.Path = "good" })},
		"negative MaxBody":       {routes: change(func(r *httpd.Route) { r.MaxBody = -2 })},
		"quote in scope":         {routes: change(func(r *httpd.Route) { r.Public, r.Roles, r.Scope = false, httpd.Roles(), `a"b` })},
		"CORS with callers":      {routes: change(func(r *httpd.Route) { r.Public, r.Roles, r.CORS = false, httpd.Roles(), true })},
		"twice":                  {routes: []httpd.Route{good, good}},
		"conflicting parameters": {routes: []httpd.Route{public(http.MethodGet, "/a/:x", ok), public(http.MethodGet, "/a/:y", ok)}},
		"taken by the server":    {routes: change(func(r *httpd.Route) { r.Path = "/healthz" })},
		"unknown code":           {table: httpd.ErrorTable{{errGeneral, "no-such-code"}}},
		"code for tools only":    {table: httpd.ErrorTable{{errGeneral, "file-unreadable"}}},
		"nil error":              {table: httpd.ErrorTable{{nil, "not-found"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := httpd.New(httpd.Config{Authenticator: tokens{}})
			require.NoError(t, err)
			require.ErrorIs(t, s.Mount(tc.routes, tc.table), httpd.ErrRoute)
		})
	}
	s, err := httpd.New(httpd.Config{})
	require.NoError(t, err)
	require.ErrorIs(t, s.Mount(change(func(r *httpd.Route) { r.Public, r.Roles = false, httpd.Roles() }), nil), httpd.ErrRoute, "no authenticator")
	require.NoError(t, s.Mount([]httpd.Route{good}, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, s.Serve(ctx, nil, l))
	require.ErrorIs(t, s.Mount([]httpd.Route{public(http.MethodGet, "/late", ok)}, nil), httpd.ErrRoute)
}

func TestNewRefuses(t *testing.T) {
	table, err := problem.Load([]byte(`[{"code":"internal","status":500,"title":{"zh":"错。","en":"E."},"next":{"zh":"试。","en":"T."}}]`))
	require.NoError(t, err)
	check := func(context.Context) error { return nil }
	for name, cfg := range map[string]httpd.Config{
		"public URL without scheme": {PublicURL: "cards.example"},
		"public URL with path":      {PublicURL: "https://cards.example/x"},
		"public URL with user":      {PublicURL: "https://me@cards.example"},
		"public URL of a file":      {PublicURL: "file:///x"},
		"codes missing":             {Problems: table},
		"negative limit":            {Classes: map[httpd.Class]httpd.Limits{"x": {Concurrent: -1}}},
		"negative time":             {DrainTimeout: -1},
		"proxy":                     {TrustedProxies: []string{"everybody"}},
		"check without name":        {Checks: []httpd.Check{{Check: check}}},
		"check without function":    {Checks: []httpd.Check{{Name: "db"}}},
		"check twice":               {Checks: []httpd.Check{{"db", check}, {"db", check}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := httpd.New(cfg)
			require.Error(t, err)
		})
	}
}

func TestRoutesListsTheWholeSurface(t *testing.T) {
	f := build(t, httpd.Config{OpenAPI: []byte("{}")}, nil, public(http.MethodPost, "/v1/things/:id/do/*rest", ok))
	var got []string
	for _, r := range f.server.Routes() {
		got = append(got, r.Method+" "+r.Template())
	}
	require.Equal(t, []string{"GET /healthz", "GET /readyz", "GET /metrics", "GET /problems", "GET /problems/{code}", "GET /openapi.json",
		"POST /v1/things/{id}/do/{rest}"}, got)
}

func TestOps(t *testing.T) {
	var down error
	f := start(t, httpd.Config{Version: "v1.2.3", OpenAPI: []byte(`{"openapi":"3.1.0"}`), Checks: []httpd.Check{
		{"database", func(context.Context) error { return down }},
		{"redis", func(ctx context.Context) error { _, bounded := ctx.Deadline(); require.True(t, bounded); return nil }},
	}}, nil, public(http.MethodGet, "/things/:id", ok))
	require.JSONEq(t, `{"status":"ok","version":"v1.2.3"}`, string(f.get("/healthz").body))
	a := f.get("/readyz")
	require.Equal(t, 200, a.StatusCode)
	require.JSONEq(t, `{"status":"ready","checks":[{"name":"database","ok":true},{"name":"redis","ok":true}]}`, string(a.body))
	down = errors.New("dial postgres://user:pw@db")
	a = f.get("/readyz")
	require.Equal(t, 503, a.StatusCode)
	require.JSONEq(t, `{"status":"not-ready","checks":[{"name":"database","ok":false},{"name":"redis","ok":true}]}`, string(a.body))
	require.Contains(t, f.logs.String(), "not ready")

	a = f.get("/openapi.json")
	require.Equal(t, `{"openapi":"3.1.0"}`, string(a.body))
	require.Equal(t, 304, f.get("/openapi.json", "If-None-Match", a.Header.Get("ETag")).StatusCode)

	f.get("/things/7")
	f.get("/nothing")
	text := string(f.get("/metrics").body)
	require.Contains(t, text, `showcard_http_request_duration_seconds_count{method="GET",route="/things/{id}",status="200"} 1`)
	require.Contains(t, text, `showcard_http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1`)
	require.Contains(t, text, "showcard_http_in_flight 1")
	require.Contains(t, text, "go_goroutines")

	var entry problem.Entry
	require.NoError(t, json.Unmarshal(f.get("/problems/code-used").body, &entry))
	require.Equal(t, 409, entry.Status)
	f.get("/problems/no-such-code").problem(t, 404, "not-found")
	var all []problem.Entry
	require.NoError(t, json.Unmarshal(f.get("/problems").body, &all))
	require.Greater(t, len(all), 100)
}

// A check that panics or does not listen to its context cannot take the server with it.
func TestReadinessOfBadChecks(t *testing.T) {
	f := start(t, httpd.Config{Checks: []httpd.Check{{"wild", func(context.Context) error { panic("wild") }}}}, nil)
	require.Equal(t, 503, f.get("/readyz").StatusCode)
	require.Contains(t, f.logs.String(), "panic: wild")
}

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
	require.Equal(t, "1", a.Header.Get("Retry-After"))
	require.JSONEq(t, `{"bounded":false}`, string(f.get("/stream").body))
}

// A body that trickles in is not waited for.
func TestBodyTooSlow(t *testing.T) {
	for _, streaming := range []bool{false, true} {
		t.Run(fmt.Sprint("streaming ", streaming), func(t *testing.T) {
			f := start(t, httpd.Config{RequestTimeout: 50 * time.Millisecond, StreamIdle: 50 * time.Millisecond}, nil,
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
