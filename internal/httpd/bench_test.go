package httpd_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// What the house itself costs a request: callers, gates, headers, log line, metrics, strict JSON.
func BenchmarkRequest(b *testing.B) {
	s, err := httpd.New(httpd.Config{Authenticator: tokens{}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	require.NoError(b, s.Mount([]httpd.Route{{Method: http.MethodPost, Path: "/v", Roles: httpd.Roles(), Class: httpd.ClassScan,
		Handler: func(c *gin.Context) (any, error) {
			var in struct {
				Code    string `json:"code" required:"true"`
				Purpose string `json:"purpose" required:"true"`
			}
			return httpd.NoContent{}, httpd.Decode(c, &in)
		}}}, nil))
	const body = `{"code":"SC1ABCD0123456789ABCDEFGHIJKLMNOPQ","purpose":"check-in"}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer relying-party:r:x")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			b.Fatal(w.Code, w.Body)
		}
	}
}
