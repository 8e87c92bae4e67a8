package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The files and this program must not drift apart.
func TestFilesAreCurrent(t *testing.T) {
	for _, p := range profiles {
		keys, err := loadKeys(t.TempDir(), p)
		require.NoError(t, err)
		cases, err := build(p, keys)
		require.NoError(t, err)
		folder := filepath.Join("..", "..", "vectors", "sdjwt", p.name)
		files, err := filepath.Glob(filepath.Join(folder, "*.json"))
		require.NoError(t, err)
		require.Len(t, files, len(cases), "a file too many or too few: go run ./testdata/gen/vectors")
		for _, v := range cases {
			old, err := os.ReadFile(filepath.Join(folder, v.Name+".json"))
			require.NoError(t, err)
			data, err := v.encode()
			require.NoError(t, err)
			require.True(t, same(old, data), "%s is not current: go run ./testdata/gen/vectors", v.Name)
		}
		codes, masks, err := offlineFiles(p, keys)
		require.NoError(t, err)
		folder = filepath.Join("..", "..", "vectors", "sdcwt", p.name)
		files, err = filepath.Glob(filepath.Join(folder, "*.json"))
		require.NoError(t, err)
		require.Len(t, files, len(codes), "a file too many or too few: go run ./testdata/gen/vectors")
		for i, v := range codes {
			old, err := os.ReadFile(filepath.Join(folder, v.Name+".json"))
			require.NoError(t, err)
			require.True(t, sameOffline(old, v, masks[i]), "%s is not current: go run ./testdata/gen/vectors", v.Name)
		}
		bundles := bundleFiles(p, keys)
		folder = filepath.Join("..", "..", "vectors", "bundle", p.name)
		files, err = filepath.Glob(filepath.Join(folder, "*.json"))
		require.NoError(t, err)
		require.Len(t, files, len(bundles), "a file too many or too few: go run ./testdata/gen/vectors")
		for _, v := range bundles {
			old, err := os.ReadFile(filepath.Join(folder, v.Name+".json"))
			require.NoError(t, err)
			require.True(t, sameBundle(old, v), "%s is not current: go run ./testdata/gen/vectors", v.Name)
		}
	}
}

func TestRunTwice(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, run(root))
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "*", "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 150)
	before := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		before[f] = string(data)
	}
	require.NoError(t, run(root))
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		require.Equal(t, before[f], string(data))
	}
}
