package arch

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

func TestPackagesExplainThemselves(t *testing.T) {
	explained := map[string]bool{}
	for _, f := range house(t) {
		if allows(drawers, f.Name.Name) {
			t.Errorf("%s: package %s: a name that says what lies inside, please", f.path, f.Name.Name)
		}
		if f.test {
			continue
		}
		text := f.Doc.Text()
		begins := strings.HasPrefix(text, "Package "+f.Name.Name+" ") || f.Name.Name == "main" && strings.HasPrefix(text, "Command ")
		if explained[f.room] = explained[f.room] || begins; text != "" && !begins {
			t.Errorf("%s: the package comment begins with %q", f.path, strings.SplitN(text, "\n", 2)[0])
		}
	}
	for room, ok := range explained {
		if !ok {
			t.Errorf("package %s has no comment", room)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range house(t) {
		seen[f.path] = true
		limit := maxLines
		if f.test {
			limit = maxTestLines
		}
		if f.lines > limit && longFiles[f.path] == "" {
			t.Errorf("%s has %d lines, more than %d: divide it, or say in longFiles why not", f.path, f.lines, limit)
		}
	}
	for name := range longFiles {
		if !seen[name] {
			t.Errorf("longFiles has a row for %s, which is gone", name)
		}
	}
}

func TestInterfacesAreSmall(t *testing.T) {
	for _, f := range house(t) {
		ast.Inspect(f.File, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			i, ok := s.Type.(*ast.InterfaceType)
			if !ok {
				return true
			}
			count := 0
			for _, m := range i.Methods.List {
				count += max(1, len(m.Names))
			}
			if name := f.room + "." + s.Name.Name; count > maxMethods && bigInterfaces[name] == "" {
				t.Errorf("%s: %s has %d methods, more than %d: divide it, or say in bigInterfaces why not", f.at(s), name, count, maxMethods)
			}
			return true
		})
	}
}

// Tests wait for things, not for clocks, and what they need is there or they fail.
func TestTestsNeitherSleepNorSkip(t *testing.T) {
	for _, f := range house(t) {
		f.selectors(func(n ast.Node, x, name string) {
			skips := name == "Skip" || name == "Skipf" || name == "SkipNow"
			switch {
			case f.test && x == "time" && name == "Sleep":
				t.Errorf("%s: a test sleeps", f.at(n))
			case skips && (x == "t" || x == "b" || x == "f" || x == "tb"):
				t.Errorf("%s: a test skips", f.at(n))
			}
		})
	}
}

func TestNothingHappensInInit(t *testing.T) {
	for _, f := range house(t) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: func init", f.at(fn))
			}
		}
	}
}

func TestOnlyCommandsPrint(t *testing.T) {
	for _, f := range house(t) {
		if f.test || f.Name.Name == "main" {
			continue
		}
		f.selectors(func(n ast.Node, x, name string) {
			if x == "fmt" && strings.HasPrefix(name, "Print") || x == "os" && (name == "Exit" || name == "Stdout") || x == "log" && name != "LogValuer" && ast.IsExported(name) && importsLog(f) {
				t.Errorf("%s: %s.%s: only commands print and exit", f.at(n), x, name)
			}
		})
	}
}

func importsLog(f *file) bool {
	_, others := f.imports()
	return allows(strings.Join(others, " "), "log")
}

// Packages keep no state: two of anything can live in one process, and tests need no order. A
// package-level variable is a constant that Go has no word for; nobody writes to it.
func TestNoStateInPackages(t *testing.T) {
	rooms := map[string][]*file{}
	for _, f := range house(t) {
		if !f.test && f.Name.Name != "main" {
			rooms[f.room] = append(rooms[f.room], f)
		}
	}
	for _, files := range rooms {
		vars := map[string]string{}
		for _, f := range files {
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.VAR {
					continue
				}
				for _, s := range g.Specs {
					v := s.(*ast.ValueSpec)
					if len(v.Values) == 0 && !embedded(g.Doc) && !embedded(v.Doc) {
						t.Errorf("%s: variable %s begins empty, so it is filled later", f.at(v), v.Names[0].Name)
					}
					for _, name := range v.Names {
						vars[name.Name] = f.at(v)
					}
				}
			}
		}
		delete(vars, "_")
		for _, f := range files {
			f.writes(func(n ast.Node, name string) {
				if where, ok := vars[name]; ok {
					t.Errorf("%s: writes to %s of %s", f.at(n), name, where)
				}
			})
		}
	}
}

func embedded(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//go:embed ") {
			return true
		}
	}
	return false
}

// writes finds what is assigned to, stepped or has its address taken, and is no local name.
func (f *file) writes(do func(n ast.Node, name string)) {
	report := func(n ast.Node, e ast.Expr) {
		for {
			switch v := e.(type) {
			case *ast.IndexExpr:
				e = v.X
				continue
			case *ast.SelectorExpr:
				e = v.X
				continue
			case *ast.StarExpr:
				e = v.X
				continue
			case *ast.ParenExpr:
				e = v.X
				continue
			case *ast.Ident:
				// The parser resolves names inside a file: a local one has a local declaration.
				if v.Obj == nil || topLevel(f, v.Obj) {
					do(n, v.Name)
				}
			}
			return
		}
	}
	ast.Inspect(f.File, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				for _, l := range s.Lhs {
					report(s, l)
				}
			}
		case *ast.IncDecStmt:
			report(s, s.X)
		case *ast.UnaryExpr:
			if s.Op == token.AND {
				report(s, s.X)
			}
		}
		return true
	})
}

// topLevel reports whether an object is declared at the top of the file.
func topLevel(f *file, o *ast.Object) bool { //nolint:staticcheck // the parser's own resolution is enough here
	return f.Scope != nil && f.Scope.Lookup(o.Name) == o
}
