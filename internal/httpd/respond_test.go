package httpd_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

func giving(v any) httpd.Handler { return func(*gin.Context) (any, error) { return v, nil } }

func TestAnswers(t *testing.T) {
	page := []byte("<!doctype html><p>hi")
	f := start(t, httpd.Config{}, nil,
		public(http.MethodGet, "/json", giving(map[string]string{"a": "<&>证"})),
		public(http.MethodPost, "/created", giving(httpd.Created{Location: "/things/7", Body: map[string]int{"id": 7}})),
		public(http.MethodPost, "/accepted", giving(httpd.Accepted{Location: "/jobs/7", RetryAfter: time.Second, Body: []int{}})),
		public(http.MethodPost, "/accepted-bare", giving(httpd.Accepted{})),
		public(http.MethodPost, "/nothing", giving(httpd.NoContent{})),
		public(http.MethodPost, "/nil", giving(nil)),
		public(http.MethodPost, "/form", giving(httpd.Redirect{Location: "/json"})),
		public(http.MethodGet, "/bad-redirect", giving(httpd.Redirect{Location: "/json", Status: 200})),
		public(http.MethodGet, "/page", giving(httpd.Raw{ContentType: "text/html; charset=utf-8", Body: page, ETag: httpd.ETag(page),
			CacheControl: "private, max-age=60", Header: http.Header{"vary": {"Accept"}}})),
		public(http.MethodGet, "/own-csp", giving(httpd.Raw{ContentType: "text/html", CSP: "default-src 'self' 'wasm-unsafe-eval'"})),
		public(http.MethodGet, "/teapot", giving(httpd.Raw{Status: 418, ContentType: "text/plain", Body: []byte("short"), ETag: "x"})),
		public(http.MethodGet, "/raw-without-type", giving(httpd.Raw{Body: page})),
		public(http.MethodGet, "/foreign", httpd.HTTP(http.RedirectHandler("/json", http.StatusFound))),
		public(http.MethodGet, "/failed-late", func(c *gin.Context) (any, error) {
			c.Header("ETag", `"x"`)
			c.Header("Location", "/y")
			return nil, &httpd.Problem{Code: "not-found"}
		}),
	)
	a := f.get("/json")
	require.Equal(t, "{\"a\":\"<&>证\"}\n", string(a.body))
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))

	a = f.do(http.MethodPost, "/created", "")
	require.Equal(t, 201, a.StatusCode)
	require.Equal(t, "/things/7", a.Header.Get("Location"))
	require.JSONEq(t, `{"id":7}`, string(a.body))
	a = f.do(http.MethodPost, "/accepted", "")
	require.Equal(t, 202, a.StatusCode)
	require.Equal(t, "/jobs/7", a.Header.Get("Location"))
	require.Equal(t, "1", a.Header.Get("Retry-After"))
	a = f.do(http.MethodPost, "/accepted-bare", "")
	require.Equal(t, 202, a.StatusCode)
	require.Empty(t, a.body)
	require.Equal(t, 204, f.do(http.MethodPost, "/nothing", "").StatusCode)
	require.Equal(t, 204, f.do(http.MethodPost, "/nil", "").StatusCode)
	a = f.do(http.MethodPost, "/form", "")
	require.Equal(t, 303, a.StatusCode)
	require.Equal(t, "/json", a.Header.Get("Location"))
	f.get("/bad-redirect").problem(t, 500, "internal")

	a = f.get("/page")
	require.Equal(t, page, a.body)
	require.Equal(t, httpd.PageCSP, a.Header.Get("Content-Security-Policy"))
	require.Equal(t, "private, max-age=60", a.Header.Get("Cache-Control"))
	require.Equal(t, "Accept", a.Header.Get("Vary"))
	tag := a.Header.Get("ETag")
	for _, header := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		b := f.get("/page", "If-None-Match", header)
		require.Equal(t, 304, b.StatusCode, header)
		require.Empty(t, b.body)
		require.Equal(t, tag, b.Header.Get("ETag"))
		require.Equal(t, "private, max-age=60", b.Header.Get("Cache-Control"))
	}
	require.Equal(t, 200, f.get("/page", "If-None-Match", `"other"`).StatusCode)
	require.Equal(t, "default-src 'self' 'wasm-unsafe-eval'", f.get("/own-csp").Header.Get("Content-Security-Policy"))
	a = f.get("/teapot", "If-None-Match", `"x"`)
	require.Equal(t, 418, a.StatusCode)
	require.Empty(t, a.Header.Get("ETag"))
	f.get("/raw-without-type").problem(t, 500, "internal")
	require.Equal(t, 302, f.get("/foreign").StatusCode)
	a = f.get("/failed-late")
	a.problem(t, 404, "not-found")
	require.Empty(t, a.Header.Get("ETag"))
	require.Empty(t, a.Header.Get("Location"))
}

func TestHead(t *testing.T) {
	f := start(t, httpd.Config{}, nil,
		public(http.MethodGet, "/json", ok),
		public(http.MethodGet, "/raw", giving(httpd.Raw{ContentType: "text/plain", Body: []byte("12345"), ETag: "t"})),
		public(http.MethodGet, "/stream", giving(httpd.Stream(func(io.Writer, func()) error { panic("not for HEAD") }))),
		public(http.MethodGet, "/refused", failing(&httpd.Problem{Code: "code-used"})),
		httpd.Route{Method: http.MethodGet, Path: "/mine", Roles: httpd.Roles(), Handler: ok})
	for _, tc := range []struct {
		path           string
		status, length int
	}{{"/json", 200, 13}, {"/raw", 200, 5}, {"/stream", 200, -1}, {"/refused", 409, 0}, {"/mine", 401, 0}} {
		a := f.do(http.MethodHead, tc.path, "")
		require.Equal(t, tc.status, a.StatusCode, tc.path)
		require.Empty(t, a.body)
		if tc.length != 0 {
			require.EqualValues(t, tc.length, a.ContentLength, tc.path)
		} else {
			require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
		}
	}
}

// Rows arrive as they are flushed, while the handler is still at work.
func TestStream(t *testing.T) {
	next := make(chan struct{})
	f := start(t, httpd.Config{StreamIdle: time.Minute}, httpd.ErrorTable{{errGeneral, "push-job-unknown"}},
		httpd.Route{Method: http.MethodGet, Path: "/rows", Public: true, Streaming: true, Handler: giving(httpd.Stream(func(w io.Writer, flush func()) error {
			for _, row := range []string{"{\"n\":1}\n", "{\"n\":2}\n"} {
				if _, err := io.WriteString(w, row); err != nil {
					return err
				}
				flush()
				<-next
			}
			return nil
		}))},
		public(http.MethodGet, "/refused", giving(httpd.Stream(func(io.Writer, func()) error { return errGeneral }))),
		public(http.MethodGet, "/broken", giving(httpd.Stream(func(w io.Writer, flush func()) error {
			_, _ = io.WriteString(w, "{}\n")
			flush()
			return errors.New("disk gone")
		}))))
	res, err := f.client.Get(f.url + "/rows")
	require.NoError(t, err)
	require.Equal(t, "application/x-ndjson", res.Header.Get("Content-Type"))
	r := bufio.NewReader(res.Body)
	for _, want := range []string{"{\"n\":1}\n", "{\"n\":2}\n"} {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, line)
		next <- struct{}{}
	}
	_, err = r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, res.Body.Close())

	f.get("/refused").problem(t, 404, "push-job-unknown")

	res, err = f.client.Get(f.url + "/broken")
	require.NoError(t, err)
	data, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "{}\n", string(data))
	require.NoError(t, res.Body.Close())
	require.Contains(t, f.logs.String(), "disk gone")
}

// A reader who leaves a stream in the middle is everyday.
func TestStreamReaderGone(t *testing.T) {
	left := make(chan struct{})
	f := start(t, httpd.Config{}, nil, httpd.Route{Method: http.MethodGet, Path: "/rows", Public: true, Streaming: true,
		Handler: giving(httpd.Stream(func(w io.Writer, flush func()) error {
			defer close(left)
			row := bytes.Repeat([]byte("x"), 1<<16)
			for {
				if _, err := w.Write(row); err != nil {
					return err
				}
				flush()
			}
		}))})
	res, err := f.client.Get(f.url + "/rows")
	require.NoError(t, err)
	_, err = io.ReadFull(res.Body, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	<-left
	require.NoError(t, f.stop())
	require.Contains(t, f.logs.String(), `"code":"client-gone"`)
	require.NotContains(t, f.logs.String(), `"level":"ERROR"`)
}

// An upload that is read as a stream has no cap and no end, and answers after it.
func TestStreamingUpload(t *testing.T) {
	f := start(t, httpd.Config{MaxBody: 10}, nil, httpd.Route{Method: http.MethodPut, Path: "/up", Public: true, Streaming: true, MaxBody: httpd.NoBodyLimit,
		Handler: func(c *gin.Context) (any, error) {
			n, err := io.Copy(io.Discard, c.Request.Body)
			if err != nil {
				return nil, err
			}
			return map[string]int64{"bytes": n}, nil
		}})
	require.JSONEq(t, `{"bytes":3000000}`, string(f.do(http.MethodPut, "/up", strings.Repeat("x", 3_000_000)).body))
}

func TestNegotiate(t *testing.T) {
	f := start(t, httpd.Config{}, nil, public(http.MethodGet, "/status", func(c *gin.Context) (any, error) {
		kind, err := httpd.Negotiate(c, "application/statuslist+jwt", "application/statuslist+cwt")
		return httpd.Raw{ContentType: kind, Body: []byte("x")}, err
	}))
	jwt, cwt := "application/statuslist+jwt", "application/statuslist+cwt"
	for accept, want := range map[string]string{
		"":                           jwt,
		"*/*":                        jwt,
		"application/*":              jwt,
		cwt:                          cwt,
		jwt + ";q=0.5, " + cwt:       cwt,
		cwt + ";q=0.5, */*;q=0.1":    cwt,
		"text/html, */*;q=0.8":       jwt,
		jwt + ";q=0, */*":            cwt,
		"APPLICATION/statuslist+CWT": cwt,
		"rubbish;;, " + cwt:          cwt,
	} {
		headers := []string{"Accept", accept}
		if accept == "" {
			headers = nil
		}
		require.Equal(t, want, f.get("/status", headers...).Header.Get("Content-Type"), accept)
	}
	for _, accept := range []string{"text/html", "application/json, text/*", jwt + ";q=0", jwt + ";q=2", "rubbish"} {
		f.get("/status", "Accept", accept).problem(t, 406, "not-acceptable")
	}
}

func TestIdempotencyKey(t *testing.T) {
	f := start(t, httpd.Config{}, nil,
		public(http.MethodPost, "/things/:id", func(c *gin.Context) (any, error) {
			key, err := httpd.IdempotencyKey(c)
			if err != nil {
				return nil, err
			}
			var body map[string]any
			if err := httpd.Decode(c, &body); err != nil {
				return nil, err
			}
			digest, err := httpd.RequestDigest(c)
			if err != nil {
				return nil, err
			}
			again, err := httpd.RequestDigest(c)
			require.Equal(t, again, digest)
			return map[string]any{"key": key, "digest": digest[:]}, err
		}),
		public(http.MethodPost, "/unread", func(c *gin.Context) (any, error) {
			_, err := httpd.RequestDigest(c)
			return nil, err
		}))
	post := func(path, body string, headers ...string) answer {
		return f.do(http.MethodPost, path, body, append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	post("/things/1", "{}").problem(t, 400, "idempotency-key-missing")
	for _, bad := range []string{"", strings.Repeat("k", 256), "schlüssel", "a\tb"} {
		post("/things/1", "{}", "Idempotency-Key", bad).problem(t, 400, "idempotency-key-malformed")
	}
	post("/things/1", "{}", "Idempotency-Key", "a", "Idempotency-Key", "b").problem(t, 400, "idempotency-key-malformed")

	key := []string{"Idempotency-Key", strings.Repeat("k", 255)}
	first := post("/things/1", `{"a":1}`, key...)
	require.Equal(t, 200, first.StatusCode)
	require.Equal(t, first.body, post("/things/1", `{"a":1}`, key...).body)
	for _, other := range []answer{post("/things/2", `{"a":1}`, key...), post("/things/1", `{"a":2}`, key...), post("/things/1?x", `{"a":1}`, key...)} {
		require.Equal(t, 200, other.StatusCode)
		require.NotEqual(t, first.body, other.body)
	}
	post("/unread", "{}").problem(t, 500, "internal")
	require.Equal(t, 204, f.do(http.MethodPost, "/unread", "").StatusCode, "no body, nothing to read")
}
