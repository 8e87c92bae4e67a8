package httpd

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "GZIP": true, "gzip;q=1.0": true,
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0.0": false, "*": false,
	} {
		require.Equal(t, want, acceptsGzip(header), header)
	}
}

// A long list is sent compressed to who takes it; answers to POST never are.
func TestLongAnswersAreCompressed(t *testing.T) {
	long := map[string]string{"list": strings.Repeat("certificate ", 500)}
	answer := func(*gin.Context) (any, error) { return long, nil }
	s, err := New(Config{})
	require.NoError(t, err)
	require.NoError(t, s.Mount([]Route{
		{Method: http.MethodGet, Path: "/long", Public: true, Handler: answer},
		{Method: http.MethodPost, Path: "/long", Public: true, Handler: answer},
		{Method: http.MethodGet, Path: "/short", Public: true, Handler: func(*gin.Context) (any, error) { return "x", nil }},
	}, nil))
	ask := func(method, path, encoding string) *http.Response {
		req, err := http.NewRequest(method, path, nil)
		require.NoError(t, err)
		req.Header.Set("Accept-Encoding", encoding)
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, req)
		return rec.Result()
	}
	for _, c := range []struct {
		method, path, encoding string
		want                   string
	}{
		{http.MethodGet, "/long", "gzip", "gzip"}, {http.MethodGet, "/long", "", ""},
		{http.MethodPost, "/long", "gzip", ""}, {http.MethodGet, "/short", "gzip", ""},
	} {
		res := ask(c.method, c.path, c.encoding)
		require.Equal(t, c.want, res.Header.Get("Content-Encoding"), c)
		body := io.Reader(res.Body)
		if c.want == "gzip" {
			require.Contains(t, res.Header.Values("Vary"), "Accept-Encoding")
			z, err := gzip.NewReader(body)
			require.NoError(t, err)
			body = z
		}
		data, err := io.ReadAll(body)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(data), "{\"list\"") || string(data) == "\"x\"\n", string(data))
	}
}
