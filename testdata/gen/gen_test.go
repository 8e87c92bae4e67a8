package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is committed is what the program writes. Portraits are left out: the
// JPEG encoder may change from one Go release to the next.
func TestCommittedDataIsGenerated(t *testing.T) {
	all, err := generate()
	require.NoError(t, err)
	for name, want := range all {
		got, err := os.ReadFile(filepath.Join("..", "push", name))
		require.NoError(t, err)
		require.Equal(t, withoutPortraits(t, want), withoutPortraits(t, got), name)
	}
}

func withoutPortraits(t *testing.T, content []byte) []map[string]any {
	var list []map[string]any
	for _, line := range bytes.Split(bytes.TrimSpace(content), []byte("\n")) {
		var m map[string]any
		if json.Unmarshal(line, &m) != nil {
			// A pretty-printed file, compared as it stands.
			return []map[string]any{{"file": string(content)}}
		}
		delete(m, "portrait")
		list = append(list, m)
	}
	return list
}
