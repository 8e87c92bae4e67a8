package httpd_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
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
