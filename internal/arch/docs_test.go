package arch

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// Every page and picture that a page links to is there, and every picture is on a page.
func TestLinksLead(t *testing.T) {
	const root = "../.."
	var pages []string
	for _, glob := range []string{"*.md", "docs/*.md", "docs/decisions/*.md", "sdk/*/*.md", "web/e2e/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, glob))
		require.NoError(t, err)
		pages = append(pages, found...)
	}
	require.Greater(t, len(pages), 60)
	link := regexp.MustCompile(`\]\(([^()\s#]+)(?:#[^()\s]*)?\)`)
	linked := map[string]bool{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], ":") {
				continue // elsewhere
			}
			to := filepath.Join(filepath.Dir(page), m[1])
			linked[to] = true
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "docs/img"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !linked[name] {
			t.Errorf("%s is on no page", name)
		}
		return err
	}))
}
