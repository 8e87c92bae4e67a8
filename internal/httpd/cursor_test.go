package httpd_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

func TestCursor(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 4, 5, 6000, time.UTC)
	for _, id := range []string{"a", "5.", "job.with/dots", strings.Repeat("x", 256)} {
		c := httpd.Cursor{At: at, ID: id}
		got, ok := httpd.ParseCursor(c.String())
		require.True(t, ok)
		require.Equal(t, c, got)
	}
	require.Empty(t, httpd.Cursor{}.String())
	start, ok := httpd.ParseCursor("")
	require.True(t, ok)
	require.Zero(t, start)
	for _, bad := range []string{"1", "1.", ".a", "a.a", "1.\x00", "1.\x1b", "1.字", "1.\xff", "99999999999999999999.a", "1." + strings.Repeat("x", 257)} {
		_, ok := httpd.ParseCursor(base64.RawURLEncoding.EncodeToString([]byte(bad)))
		require.False(t, ok, "%q", bad)
	}
	_, ok = httpd.ParseCursor("nonsense!")
	require.False(t, ok)
}

func FuzzParseCursor(f *testing.F) {
	f.Add(httpd.Cursor{At: time.UnixMicro(1), ID: "a"}.String())
	f.Add("")
	f.Add("LTEuYQ")
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := httpd.ParseCursor(text)
		if !ok || c.At.IsZero() {
			return
		}
		again, ok := httpd.ParseCursor(c.String())
		require.True(t, ok)
		require.Equal(t, c, again)
	})
}

func TestNumber(t *testing.T) {
	for query, want := range map[string]int{"": 7, "?limit=": 7, "?limit=1": 1, "?limit=9": 9, "?limit=0": 0, "?limit=10": 0, "?limit=-1": 0, "?limit=x": 0} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodGet, "/"+query, nil)
		n, err := httpd.Number(c, "limit", 7, 9)
		require.Equal(t, want, n, query)
		if want == 0 {
			require.EqualError(t, err, "parameter-invalid: limit is a number from 1 to 9")
		} else {
			require.NoError(t, err)
		}
	}
}
