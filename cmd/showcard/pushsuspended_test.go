package main

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A client that is suspended while its file goes up stops there, not at the end of the file: the rows
// before stand, and after it was reinstated the rest goes up.
func TestPushOfASuspendedClient(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	o, c := operatorsOf(t, data, p.base), clientOf(t, data, p.base, "hunan-hrss")
	rows := strings.SplitAfter(string(manyRows(t, 4)), "\n")[:4]
	freeze := func(frozen bool) { require.NoError(t, o.freeze(t.Context(), "client", "hunan-hrss", "", frozen)) }
	var far job
	asked := func(want int64) bool {
		return c.call(t.Context(), http.MethodGet, "/v1/pushes/long", nil, "", &far) == nil && far.Rows == want
	}
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := uploadTo(c, "long", r)
		_ = r.CloseWithError(io.ErrClosedPipe)
		ended <- err
	}()
	_, err := io.WriteString(w, rows[0]+rows[1])
	require.NoError(t, err)
	require.Eventually(t, func() bool { return asked(2) }, 30*time.Second, 10*time.Millisecond)
	freeze(true)
	require.Eventually(t, func() bool {
		return codeOf(c.call(t.Context(), http.MethodGet, "/v1/pushes/long", nil, "", nil)) == "client-suspended"
	}, 30*time.Second, 10*time.Millisecond)
	_, err = io.WriteString(w, rows[2])
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Equal(t, "client-suspended", codeOf(<-ended))
	freeze(false)
	require.Eventually(t, func() bool { return asked(2) }, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, "interrupted", far.State)
	done, err := uploadTo(c, "long", strings.NewReader(strings.Join(rows, "")))
	require.NoError(t, err)
	require.EqualValues(t, 4, done.Accepted)
}
