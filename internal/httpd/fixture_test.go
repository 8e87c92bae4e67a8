package httpd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// fixture is a server on a real listener.
type fixture struct {
	t      *testing.T
	server *httpd.Server
	addr   string
	url    string
	client *http.Client
	logs   *logBuffer
	cancel context.CancelFunc
	served chan error
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// build makes the server without serving it.
func build(t *testing.T, cfg httpd.Config, table httpd.ErrorTable, routes ...httpd.Route) *fixture {
	t.Helper()
	f := &fixture{t: t, logs: &logBuffer{}, served: make(chan error, 1)}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewJSONHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if cfg.Authenticator == nil {
		cfg.Authenticator = tokens{}
	}
	var err error
	f.server, err = httpd.New(cfg)
	require.NoError(t, err)
	require.NoError(t, f.server.Mount(routes, table))
	return f
}

// start serves it until the test ends.
func start(t *testing.T, cfg httpd.Config, table httpd.ErrorTable, routes ...httpd.Route) *fixture {
	t.Helper()
	f := build(t, cfg, table, routes...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.addr = listener.Addr().String()
	f.url = "http://" + f.addr
	f.client = &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.cancel = cancel
	go func() { f.served <- f.server.Serve(ctx, nil, listener) }()
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		if err := f.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f
}

// stop ends the server, once; later calls give nil.
func (f *fixture) stop() error {
	f.cancel()
	err, open := <-f.served
	if open {
		close(f.served)
	}
	return err
}

type answer struct {
	*http.Response
	body []byte
}

func (f *fixture) do(method, path, body string, headers ...string) answer {
	f.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, reader)
	require.NoError(f.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := f.client.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	return answer{res, data}
}

func (f *fixture) get(path string, headers ...string) answer {
	f.t.Helper()
	return f.do(http.MethodGet, path, "", headers...)
}

type problemDoc struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	TitleZH string `json:"title_zh"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Next    struct {
		ZH string `json:"zh"`
		EN string `json:"en"`
	} `json:"next"`
	Errors    []httpd.FieldError `json:"errors"`
	RequestID string             `json:"request_id"`
}

// problem checks everything that every problem must have.
func (a answer) problem(t *testing.T, status int, code string) problemDoc {
	t.Helper()
	require.Equal(t, status, a.StatusCode, string(a.body))
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.DisallowUnknownFields()
	var doc problemDoc
	require.NoError(t, dec.Decode(&doc))
	require.Equal(t, code, doc.Code)
	require.Equal(t, status, doc.Status)
	require.NotEmpty(t, doc.Title)
	require.NotEmpty(t, doc.TitleZH)
	require.NotEmpty(t, doc.Next.ZH)
	require.NotEmpty(t, doc.Next.EN)
	require.Equal(t, a.Header.Get("X-Request-Id"), doc.RequestID)
	return doc
}

// tokens knows bearer tokens of the form role:id:scope.
type tokens struct{}

func (tokens) Authenticate(r *http.Request) (httpd.Caller, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return httpd.Caller{}, httpd.ErrNoCredentials
	}
	switch token {
	case "expired":
		return httpd.Caller{}, httpd.ErrExpiredCredentials
	case "store-down":
		return httpd.Caller{}, io.ErrClosedPipe
	case "suspended":
		return httpd.Caller{}, &httpd.Problem{Code: "client-suspended"}
	case "nobody":
		return httpd.Caller{}, nil
	}
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return httpd.Caller{}, httpd.ErrBadCredentials
	}
	return httpd.Caller{Role: httpd.Role(parts[0]), ID: parts[1], Scopes: []string{parts[2]}, Name: "张三", Holder: "h-secret"}, nil
}

func public(method, path string, h httpd.Handler) httpd.Route {
	return httpd.Route{Method: method, Path: path, Public: true, Handler: h}
}

func ok(*gin.Context) (any, error) { return map[string]string{"ok": "yes"}, nil }
