package arch

import (
	"go/ast"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every package keeps to its doors. Tests may reach further: they put rooms together.
func TestDoors(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range house(t) {
		seen[f.room] = true
		if f.test {
			continue
		}
		allowed, known := doors[f.room]
		if !known {
			t.Errorf("%s: package %s has no row in doors: say there what it may import", f.path, f.room)
			continue
		}
		ours, _ := f.imports()
		for _, i := range ours {
			if !allows(allowed, i) {
				t.Errorf("%s: %s must not import %s", f.path, f.room, i)
			}
			if allows(forTests, i) {
				t.Errorf("%s: %s is for tests", f.path, i)
			}
		}
	}
	for room := range doors {
		if !seen[room] {
			t.Errorf("doors has a row for %s, which is gone", room)
		}
	}
}

// The domains meet in signed bytes only, and nothing below them knows them. The table says so
// already; this says it in a way that no edit of a row can weaken unseen.
func TestDomainsAreApart(t *testing.T) {
	for _, f := range house(t) {
		if f.test {
			continue
		}
		ours, _ := f.imports()
		for _, i := range ours {
			top, _, _ := strings.Cut(i, "/")
			low := strings.HasPrefix(f.room, "crypto/") || f.room == "schemas" || f.room == "internal/strictjson"
			switch {
			case allows(domains, f.room) && (allows(domains, i) || strings.HasSuffix(top, "http") || strings.HasPrefix(i, "internal/store") || strings.HasPrefix(i, "internal/httpd") || top == "cmd"):
				t.Errorf("%s: the domain %s must not import %s", f.path, f.room, i)
			case low && !strings.HasPrefix(i, "crypto/") && i != "internal/strictjson":
				t.Errorf("%s: %s must not import %s, which is above it", f.path, f.room, i)
			case top == "cmd":
				t.Errorf("%s: nothing imports a command", f.path)
			}
		}
	}
}

func TestEachLibraryAtHome(t *testing.T) {
	for _, f := range house(t) {
		_, others := f.imports()
		for _, i := range others {
			home := ""
			for library := range homes {
				if (i == library || strings.HasPrefix(i, library) && (strings.HasSuffix(library, "/") || i[len(library)] == '/')) && len(library) > len(home) {
					home = library
				}
			}
			if i == "log/slog" || strings.HasPrefix(i, "net/http/") && f.test {
				continue
			}
			third := strings.Contains(strings.SplitN(i, "/", 2)[0], ".")
			switch {
			case f.test:
			case home == "" && third:
				t.Errorf("%s: %s has no home: give it one in homes", f.path, i)
			case home != "" && !allows(homes[home], f.room):
				t.Errorf("%s: %s must not import %s, whose home is %q", f.path, f.room, i, homes[home])
			}
		}
	}
}

// comb computes in variable time: it may see public numbers only. It imports nothing that makes or
// holds a private key, no randomness to make one from, and no word of it speaks of one.
func TestCombSeesNoPrivateKey(t *testing.T) {
	for _, f := range house(t) {
		if f.room != "crypto/sm/comb" || f.test {
			continue
		}
		ours, others := f.imports()
		for _, i := range append(ours, others...) {
			if !allows("encoding/binary encoding/hex errors fmt math/bits", i) {
				t.Errorf("%s: comb must not import %s", f.path, i)
			}
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok && strings.Contains(strings.ToLower(name.Name), "private") {
				t.Errorf("%s: %s", f.at(n), name.Name)
			}
			return true
		})
	}
}

// crypto and schemas do not log, and only keys touch files.
func TestQuietBelow(t *testing.T) {
	for _, f := range house(t) {
		if f.test || f.Name.Name == "main" || !strings.HasPrefix(f.room, "crypto/") && f.room != "schemas" && f.room != "internal/strictjson" {
			continue
		}
		_, others := f.imports()
		for _, i := range others {
			if i == "os" && f.room != "crypto/key" || strings.HasPrefix(i, "os/") || i == "io/ioutil" || i == "syscall" && f.room != "crypto/key" {
				t.Errorf("%s: %s does no I/O, and imports %s", f.path, f.room, i)
			}
		}
		f.selectors(func(n ast.Node, x, name string) {
			// Types redact themselves through slog.LogValuer; that is all.
			if x == "slog" && name != "Value" && name != "LogValuer" && name != "String" && !strings.HasSuffix(name, "Value") {
				t.Errorf("%s: slog.%s: %s does not log", f.at(n), name, f.room)
			}
		})
	}
}

// The closure of verifier, libraries included, as the go command sees it.
func TestSDKIsLight(t *testing.T) {
	_, err := os.ReadFile("../../go.sum") // so that go test runs this again when a library changes
	require.NoError(t, err)
	house(t)
	cmd := exec.Command("go", "list", "-deps", module+"/verifier")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, module+"/crypto/sm")
	for _, d := range deps {
		for _, heavy := range notInTheSDK {
			if strings.HasPrefix(d, heavy) {
				t.Errorf("verifier reaches %s", d)
			}
		}
		if rest, ok := strings.CutPrefix(d, module+"/"); ok && rest != "verifier" && !allows(doors["verifier"], rest) {
			t.Errorf("verifier reaches %s", rest)
		}
	}
}

// What the server fetches it fetches through internal/outbound, which refuses the addresses of the
// inside. An http.Client made elsewhere would go round that.
func TestFetchesAreGuarded(t *testing.T) {
	used := map[string]bool{}
	for _, f := range house(t) {
		if f.test || f.room == "internal/outbound" || strings.HasPrefix(f.room, "internal/store/storetest") {
			continue
		}
		report := func(n ast.Node, what string) {
			used[f.path] = true
			if fetching[f.path] == "" {
				t.Errorf("%s: %s: fetch through internal/outbound, or say in fetching why not", f.at(n), what)
			}
		}
		f.selectors(func(n ast.Node, x, name string) {
			if x == "http" && allows("Get Head Post PostForm DefaultClient DefaultTransport Client Transport", name) {
				if name != "Client" || !typeOnly(f, n) {
					report(n, "http."+name)
				}
			}
		})
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fn, ok := call.Fun.(*ast.SelectorExpr)
			if ok && allows("FetchTrust FetchStatus", fn.Sel.Name) && len(call.Args) > 0 {
				if last, ok := call.Args[len(call.Args)-1].(*ast.Ident); ok && last.Name == "nil" {
					report(call, fn.Sel.Name+" with a client of its own")
				}
			}
			return true
		})
	}
	for name := range fetching {
		if !used[name] {
			t.Errorf("fetching has a row for %s, which makes no client", name)
		}
	}
}

// typeOnly says that a mention of http.Client names the type, as *http.Client, and makes none.
func typeOnly(f *file, at ast.Node) bool {
	only := false
	ast.Inspect(f.File, func(n ast.Node) bool {
		if star, ok := n.(*ast.StarExpr); ok && star.X == at {
			only = true
		}
		return !only
	})
	return only
}
