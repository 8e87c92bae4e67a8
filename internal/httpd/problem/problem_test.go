package problem_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/testdata"
)

var update = flag.Bool("update", false, "sort and format testdata/problems.json")

const file = "../../../testdata/problems.json"

// The file is kept in one canonical form, so that two branches which add codes merge cleanly.
func TestFileIsCanonical(t *testing.T) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var entries []problem.Entry
	require.NoError(t, json.Unmarshal(data, &entries))
	slices.SortFunc(entries, func(a, b problem.Entry) int { return cmp.Compare(a.Code, b.Code) })
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(entries))
	if *update {
		require.NoError(t, os.WriteFile(file, want.Bytes(), 0o644))
		return
	}
	require.Equal(t, want.String(), string(data), "run: go test ./internal/httpd/problem -update")
}

func TestEmbedded(t *testing.T) {
	table, err := problem.Embedded()
	require.NoError(t, err)
	entries := table.Entries()
	require.Greater(t, len(entries), 100)
	for _, e := range entries {
		got, ok := table.Lookup(e.Code)
		require.True(t, ok)
		require.Equal(t, e, got)
		require.Less(t, len([]rune(e.Title.ZH)), 40, e.Code)
		require.Less(t, len(e.Title.EN), 90, e.Code)
		require.Less(t, len(e.Next.EN), 90, e.Code)
	}
	_, ok := table.Lookup("no-such-code")
	require.False(t, ok)
}

// Two codes with the same sentence cannot be told apart by the person who reads it.
func TestSentencesTellCodesApart(t *testing.T) {
	table, err := problem.Embedded()
	require.NoError(t, err)
	seen := map[string]string{}
	for _, e := range table.Entries() {
		for _, s := range []string{e.Title.ZH, e.Title.EN} {
			require.Empty(t, seen[s], "%s says the same as %s", e.Code, seen[s])
			seen[s] = e.Code
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	const good = `{"code":"a-b","status":400,"title":{"zh":"错了。","en":"Wrong."},"next":{"zh":"重来。","en":"Again."}}`
	_, err := problem.Load([]byte("[" + good + "]"))
	require.NoError(t, err)
	for name, data := range map[string]string{
		"not JSON":         `[`,
		"empty":            `[]`,
		"null":             `null`,
		"trailing":         "[" + good + "] 1",
		"twice":            "[" + good + "," + good + "]",
		"unknown member":   "[" + strings.Replace(good, `"status"`, `"x":1,"status"`, 1) + "]",
		"upper case":       "[" + strings.Replace(good, "a-b", "A-b", 1) + "]",
		"empty code":       "[" + strings.Replace(good, "a-b", "", 1) + "]",
		"two hyphens":      "[" + strings.Replace(good, "a-b", "a--b", 1) + "]",
		"long code":        "[" + strings.Replace(good, "a-b", strings.Repeat("a", 65), 1) + "]",
		"status 200":       "[" + strings.Replace(good, "400", "200", 1) + "]",
		"status 600":       "[" + strings.Replace(good, "400", "600", 1) + "]",
		"no Chinese":       "[" + strings.Replace(good, "错了。", "wrong。", 1) + "]",
		"no Chinese stop":  "[" + strings.Replace(good, "错了。", "错了", 1) + "]",
		"no English":       "[" + strings.Replace(good, "Again.", "", 1) + "]",
		"Chinese as Engl.": "[" + strings.Replace(good, "Again.", "重来.", 1) + "]",
		"missing next":     `[{"code":"a-b","status":400,"title":{"zh":"错了。","en":"Wrong."}}]`,
		"out of order":     "[" + good + "," + strings.Replace(good, "a-b", "a-a", 1) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := problem.Load([]byte(data))
			require.ErrorIs(t, err, problem.ErrTable)
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(testdata.Problems)
	f.Add([]byte(`[{"code":"a","status":0,"title":{"zh":"错。","en":"."},"next":{"zh":"错。","en":"."}}]`))
	f.Add([]byte(`[{}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := problem.Load(data)
		if err != nil {
			require.ErrorIs(t, err, problem.ErrTable)
			return
		}
		for _, e := range table.Entries() {
			_, ok := table.Lookup(e.Code)
			require.True(t, ok)
		}
	})
}
