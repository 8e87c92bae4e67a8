package httpd_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/httpd/problem"
)

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
