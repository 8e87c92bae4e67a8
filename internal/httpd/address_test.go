package httpd_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// What no database text can hold comes to no room by an address either: PostgreSQL answers it with
// an error of its own.
func TestAddresses(t *testing.T) {
	answer := func(*gin.Context) (any, error) { return struct{}{}, nil }
	f := start(t, httpd.Config{}, nil,
		httpd.Route{Method: http.MethodGet, Path: "/things/:id", Roles: httpd.Roles(), Handler: answer},
		httpd.Route{Method: http.MethodGet, Path: "/page", Public: true, Class: httpd.ClassPage, Handler: answer})
	for path, want := range map[string]int{
		"/things/a?x=y":                  http.StatusOK,
		"/things/%E4%BD%A0?x=%E4%BD%A0&": http.StatusOK,
		"/things/%00":                    http.StatusNotFound,
		"/things/a%ff":                   http.StatusNotFound,
		"/things/a?x=%00":                http.StatusBadRequest,
		"/things/a?x=a%ff":               http.StatusBadRequest,
		"/things/a?%00=x":                http.StatusBadRequest,
		"/things/a?y=%zz&x=%00":          http.StatusBadRequest,
		"/page?from=%D6%D0":              http.StatusOK, // what it was opened from may be in any encoding
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer operator:op:x")
		resp, err := f.client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, path)
	}
}
