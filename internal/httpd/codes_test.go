package httpd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd/problem"
)

// Every code that the module's Go source names must have its sentences. Named means: the Code member
// of a Problem or FieldError literal, the string of an ErrorTable row, or a constant Code… or Reason….
func TestEveryCodeHasItsSentences(t *testing.T) {
	table, err := problem.Embedded()
	require.NoError(t, err)
	const root = "../.."
	files := token.NewFileSet()
	named := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, lit := range codesIn(file) {
			code, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			named++
			if _, ok := table.Lookup(code); !ok {
				t.Errorf("%s: %q is not in testdata/problems.json", files.Position(lit.Pos()), code)
			}
		}
		return nil
	}))
	require.GreaterOrEqual(t, named, 28, "the walk finds at least this package's own")
}

var (
	codeName   = regexp.MustCompile(`^(Code|Reason)[A-Z]`)
	codeString = regexp.MustCompile(`^"[a-z0-9]+(-[a-z0-9]+)*"$`)
)

func codesIn(file *ast.File) []*ast.BasicLit {
	var found []*ast.BasicLit
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING && codeString.MatchString(lit.Value) {
			found = append(found, lit)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if codeName.MatchString(name.Name) && i < len(n.Values) {
					add(n.Values[i])
				}
			}
		case *ast.CompositeLit:
			switch kind := typeName(n.Type); kind {
			case "Problem", "FieldError":
				addCode(n, add)
			case "[]Problem", "[]FieldError", "ErrorTable":
				for _, e := range n.Elts {
					row, ok := e.(*ast.CompositeLit)
					if !ok || row.Type != nil {
						continue
					}
					addCode(row, add)
					if len(row.Elts) == 2 {
						add(row.Elts[1])
					}
				}
			}
		}
		return true
	})
	return found
}

func addCode(lit *ast.CompositeLit, add func(ast.Expr)) {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Code" {
				add(kv.Value)
			}
		}
	}
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.ArrayType:
		return "[]" + typeName(e.Elt)
	}
	return ""
}

func TestCodesInFindsThem(t *testing.T) {
	const source = `package x
const CodeA = "a-one"
const Codec = "no-two"
var _ = httpd.Problem{Code: "b-three", Detail: "no-four"}
var _ = &Problem{Code: "b-five"}
var _ = []FieldError{{Pointer: "/x", Code: "b-six"}}
var _ = httpd.ErrorTable{{ErrX, "c-seven"}, {Err: ErrY, Code: "c-eight"}, {ErrZ, CodeA}}
var _ = Type{Code: "no-nine"}
`
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, 0)
	require.NoError(t, err)
	var got []string
	for _, lit := range codesIn(file) {
		got = append(got, lit.Value)
	}
	require.Equal(t, []string{`"a-one"`, `"b-three"`, `"b-five"`, `"b-six"`, `"c-seven"`, `"c-eight"`}, got)
}
