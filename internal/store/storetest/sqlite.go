package storetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/sqlstore"
)

// tables is the file of an empty database with all tables.
var tables = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "tables")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "db")
	if err := sqlstore.Migrate(context.Background(), sqlstore.Config{URL: "sqlite:" + path}); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// SQLite makes an empty database of SQLite and returns its URL. Its tables are there already: making them
// takes longer than most tests that want some, so it is done once. One that is there stays.
func SQLite(t testing.TB, path string) string {
	t.Helper()
	url := "sqlite:" + path
	if _, err := os.Stat(path); err == nil {
		return url
	}
	file, err := tables()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, file, 0o600))
	return url
}
