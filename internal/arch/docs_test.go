package arch

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A threat that names the test which shows its answer names one that is there. Decisions and other
// pages are held to the same.
func TestDocsNameRealTests(t *testing.T) {
	there := map[string]bool{}
	for _, f := range house(t) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test {
				there[fn.Name.Name] = true
			}
		}
	}
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	more, err := filepath.Glob("../../docs/decisions/*.md")
	require.NoError(t, err)
	word := regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]+`)
	named := 0
	for _, page := range append(pages, more...) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range word.FindAllString(string(text), -1) {
			named++
			if !there[name] {
				t.Errorf("%s names %s, which is no test", filepath.Base(page), name)
			}
		}
	}
	require.Greater(t, named, 100)
}
