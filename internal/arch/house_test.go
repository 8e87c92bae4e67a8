package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/showcard/showcard"

// file is one Go file of the module.
type file struct {
	path  string // below the module's root, with slashes
	room  string // its folder
	test  bool
	lines int
	fset  *token.FileSet
	*ast.File
}

// at says where a node stands.
func (f *file) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

// imports returns the import paths; those of this module without its name before them.
func (f *file) imports() (ours, others []string) {
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		if rest, ok := strings.CutPrefix(p, module+"/"); ok {
			ours = append(ours, rest)
		} else {
			others = append(others, p)
		}
	}
	return ours, others
}

// house parses every Go file. It reads them itself instead of asking the go command, so that go
// test knows what the result depends on and caches rightly.
func house(t *testing.T) []*file {
	t.Helper()
	const root = "../.."
	var all []*file
	fset := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); rel != "." && (base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(fset, name, data, parser.ParseComments)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		all = append(all, &file{path: rel, room: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), lines: bytes.Count(data, []byte("\n")), fset: fset, File: parsed})
		return nil
	}))
	require.NotEmpty(t, all)
	return all
}

// allows reports whether a name is on a list of names, where x/* stands for all below x.
func allows(list, name string) bool {
	for one := range strings.FieldsSeq(list) {
		below, wild := strings.CutSuffix(one, "*")
		if one == name || wild && strings.HasPrefix(name, below) {
			return true
		}
	}
	return false
}

// calls runs f on every selector expression x.name whose x is a plain identifier.
func (f *file) selectors(do func(n ast.Node, x, name string)) {
	ast.Inspect(f.File, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				do(n, x.Name, s.Sel.Name)
			}
		}
		return true
	})
}
