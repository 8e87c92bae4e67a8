package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
)

// The demo's simple sign-in does not exist in serve.
func TestServeHasNoDemoSignIn(t *testing.T) {
	folder := t.TempDir()
	cfg := config{PublicURL: "http://localhost:8080", Data: filepath.Join(folder, "data"), KeystoreKeyFile: filepath.Join(folder, "k"), Domain: domainConfig{Code: "TEST", Name: schemas.Text{ZH: "测试", EN: "test"}}}
	require.NoError(t, cfg.check())
	a, err := build(context.Background(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, a.close()) }()
	for _, r := range a.server.Routes() {
		require.False(t, strings.HasPrefix(r.Path, "/demo"), r.Path)
	}
}
