package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTour(t *testing.T) {
	for _, profile := range []string{"sm2", "es256"} {
		t.Run(profile, func(t *testing.T) {
			var out bytes.Buffer
			e := &env{ctx: context.Background(), stdin: strings.NewReader(""), stdout: &out, stderr: io.Discard}
			require.NoError(t, runTour(e, &demoCommand{Profile: profile}), out.String())
			require.Contains(t, out.String(), "everything happened as it must")
		})
	}
}

// A second start goes on with the same data, and Ctrl-C ends a demo cleanly.
func TestDemoStartsAgain(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	first := demoFileOf(t, data)
	require.GreaterOrEqual(t, len(first.People), 12)
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, p.stop(os.Interrupt.(syscall.Signal)))

	p = startDemo(t, data)
	require.Equal(t, first, demoFileOf(t, data))
	citizen := citizenOf(t, p.base, "person-01")
	code := showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"))
	var got checked
	require.NoError(t, clientOf(t, data, p.base, "demo-bank").call(context.Background(), http.MethodPost, "/v1/verifications",
		map[string]any{"code": code, "purpose": "account-opening"}, "", &got))
	require.Equal(t, "valid", got.Outcome)
	require.NoError(t, p.stop(syscall.SIGTERM))
}
