package web

import (
	"compress/gzip"
	"encoding/json"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
)

// budget is what a phone may have to load before a citizen sees her code, gzipped.
const budget = 30_720

func config(t *testing.T) Config {
	t.Helper()
	types, err := schemas.Embedded()
	require.NoError(t, err)
	return Config{Demo: true, PublicURL: "http://localhost:8080", Types: types, DomainName: schemas.Text{ZH: "演示域", EN: "Demo domain"}}
}

func serve(t *testing.T, cfg Config) (*Pages, http.Handler) {
	t.Helper()
	p, err := New(cfg)
	require.NoError(t, err)
	s, err := httpd.New(httpd.Config{PublicURL: cfg.PublicURL})
	require.NoError(t, err)
	require.NoError(t, s.Mount(p.Routes(), nil))
	return p, s.Handler()
}

func get(t *testing.T, h http.Handler, url string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		require.NoError(t, err)
		body = z
	}
	b, err := io.ReadAll(body)
	require.NoError(t, err)
	return string(b)
}

func paths() []string {
	return []string{"/", "/wallet", "/check", "/office", "/S/SC1DEMOABCDEFGHIJKLMNOPQRSTUVWXYZ0"}
}

func TestPagesKeepTheirPolicy(t *testing.T) {
	cfg := config(t)
	for _, demo := range []bool{true, false} {
		cfg.Demo = demo
		_, h := serve(t, cfg)
		for _, url := range paths() {
			r := get(t, h, url)
			require.Equal(t, http.StatusOK, r.StatusCode, url)
			csp := r.Header.Get("Content-Security-Policy")
			require.Contains(t, csp, httpd.PageCSP, url)
			require.NotContains(t, csp, "unsafe-inline", url)
			require.NotContains(t, csp, "'unsafe-eval'", url)
			require.Equal(t, "no-cache", r.Header.Get("Cache-Control"), url)
			page := text(t, r)
			// Whatever the policy would block must not be there in the first place.
			require.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|javascript:`, page, url)
			for _, tag := range regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`).FindAllStringSubmatch(page, -1) {
				require.Contains(t, tag[0], "src=", url)
				require.Empty(t, tag[1], url)
			}
			// Nothing from elsewhere, and whatever is named is served.
			named := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
			require.NotEmpty(t, named, url)
			said := told(t, page)
			require.Equal(t, demo, said.Demo, url)
			for _, ref := range append(named, []string{"", said.Types}, []string{"", said.Tables}) {
				require.Regexp(t, `^/[^/]`, ref[1], url)
				require.Equal(t, http.StatusOK, get(t, h, ref[1]).StatusCode, "%s -> %s", url, ref[1])
			}
		}
	}
}

// told reads what a page is told, the way a browser does.
func told(t *testing.T, document string) settings {
	t.Helper()
	attribute := regexp.MustCompile(`<body data-config="([^"]*)">`).FindStringSubmatch(document)
	require.NotNil(t, attribute)
	var s settings
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(attribute[1])), &s))
	return s
}

func TestScriptsWriteNoHTML(t *testing.T) {
	seen := 0
	require.NoError(t, filepath.WalkDir("src", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(path.Ext(name), ".ts") {
			return err
		}
		seen++
		source, err := os.ReadFile(name)
		require.NotRegexp(t, `(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment`, string(source), name)
		return err
	}))
	require.GreaterOrEqual(t, seen, 20)
	p, _ := serve(t, config(t))
	for name, a := range p.assets {
		if path.Ext(name) == ".js" {
			require.NotRegexp(t, `\beval\(|new Function\(`, string(a.plain), name)
		}
	}
}

func TestPagesEscapeWhatTheyAreToldToWrite(t *testing.T) {
	cfg := config(t)
	cfg.DomainName = schemas.Text{ZH: `<script>alert("域")</script>`, EN: `"><img src=x onerror=alert(1)>`}
	_, h := serve(t, cfg)
	for _, url := range paths() {
		page := text(t, get(t, h, url))
		require.NotContains(t, page, "<script>", url)
		require.NotContains(t, page, "<img src=x", url)
		require.Equal(t, cfg.DomainName, told(t, page).Domain, url)
	}
	// What stands in the address never comes back.
	require.NotContains(t, text(t, get(t, h, "/S/SC1%3Cscript%3E")), "SC1")
}

func TestAssetsAreKeptForAYearUnderTheirHash(t *testing.T) {
	p, h := serve(t, config(t))
	for name := range p.assets {
		url := "/assets/" + name
		r := get(t, h, url)
		require.Equal(t, http.StatusOK, r.StatusCode, name)
		require.Equal(t, forever, r.Header.Get("Cache-Control"), name)
		require.NotEmpty(t, r.Header.Get("ETag"), name)
		plain := text(t, r)
		z := get(t, h, url, "Accept-Encoding", "br, gzip")
		if z.Header.Get("Content-Encoding") == "gzip" {
			require.NotEqual(t, r.Header.Get("ETag"), z.Header.Get("ETag"), name)
			require.Equal(t, "Accept-Encoding", z.Header.Get("Vary"), name)
		}
		require.Equal(t, plain, text(t, z), name)
		again := get(t, h, url, "Accept-Encoding", "br, gzip", "If-None-Match", z.Header.Get("ETag"))
		require.Equal(t, http.StatusNotModified, again.StatusCode, name)
		require.Empty(t, text(t, &http.Response{Body: again.Body}), name)
	}
	require.Equal(t, http.StatusNotFound, get(t, h, "/assets/style.css").StatusCode)
	require.Equal(t, http.StatusNotFound, get(t, h, "/assets/..%2fweb.go").StatusCode)
}

// A worker's policy is that of its own script: the one that reads codes runs WebAssembly.
func TestWorkersHaveAPolicy(t *testing.T) {
	p := &Pages{assets: map[string]*asset{}, served: map[string]*asset{}}
	require.NoError(t, p.load(fstest.MapFS{"assets/zxing.worker.abc.js": {Data: []byte("1")}, "assets/check.abc.js": {Data: []byte("2")}}))
	require.Contains(t, p.assets["zxing.worker.abc.js"].csp, "'wasm-unsafe-eval'")
	require.Contains(t, p.assets["zxing.worker.abc.js"].csp, httpd.PageCSP)
	require.Empty(t, p.assets["check.abc.js"].csp)
}

// wireSize is what it weighs for a browser of this century.
func (a *asset) wireSize() int {
	if a.gzipped != nil {
		return len(a.gzipped)
	}
	return len(a.plain)
}

// What a page names in its head is all it loads before it draws: scripts, what they import (modulepreload) and style.
func TestPageBudget(t *testing.T) {
	p, h := serve(t, config(t))
	total := p.served["/wallet"].wireSize()
	t.Logf("%6d wallet page", total)
	named := regexp.MustCompile(`(?:src|href)="/(?:assets/)?([^"]*)"`).FindAllStringSubmatch(text(t, get(t, h, "/wallet")), -1)
	scripts := 0
	for _, ref := range named {
		a := p.assets[ref[1]]
		if a == nil {
			a = p.served["/"+ref[1]]
		}
		require.NotNil(t, a, ref[1])
		if path.Ext(ref[1]) == ".js" {
			scripts++
		}
		t.Logf("%6d %s", a.wireSize(), ref[1])
		total += a.wireSize()
	}
	require.Positive(t, scripts)
	t.Logf("%6d bytes gzipped before a citizen sees her code, without the API's own answers", total)
	require.LessOrEqual(t, total, budget-4_096, "the API's answers and the code itself need room too")
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip;q=0.8": true, "GZIP": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=1": true,
		"identity": false, "x-gzip": false, "gzip;q=0.001": true,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		require.Equal(t, want, acceptsGzip(r), header)
	}
}

func TestTypesAreDescribedForThePages(t *testing.T) {
	p, h := serve(t, config(t))
	var types map[string]struct {
		Name   [2]string
		Face   []string
		Fields []struct {
			N, K, T string
			L       [2]string
		}
	}
	var tables map[string]map[string][2]string
	require.NoError(t, json.Unmarshal([]byte(text(t, get(t, h, p.types.at))), &types))
	require.NoError(t, json.Unmarshal([]byte(text(t, get(t, h, p.tables.at))), &tables))
	for _, ty := range p.catalogue.Types() {
		d, ok := types[strings.TrimPrefix(ty.Path(), "/types/")]
		require.True(t, ok, ty.ID)
		require.Equal(t, ty.Name.ZH, d.Name[0])
		require.Len(t, d.Face, 2, ty.ID)
		known := map[string]bool{}
		for _, f := range d.Fields {
			known[f.N] = true
			require.NotEmpty(t, f.L[0], f.N)
			require.NotEmpty(t, f.L[1], f.N)
			if f.T != "" {
				require.NotEmpty(t, tables[f.T], f.T)
			}
		}
		for _, v := range ty.Views {
			for _, name := range v.Disclosable() {
				require.True(t, known[name], "%s: %s shows %s, which the pages cannot name", ty.ID, v.Name, name)
			}
		}
	}
}

func TestRegionNames(t *testing.T) {
	_, h := serve(t, config(t))
	require.JSONEq(t, `{"name":"湖南省长沙市芙蓉区"}`, text(t, get(t, h, "/assets/regions/430102")))
	for _, bad := range []string{"999999", "abc", "43010200"} {
		require.Equal(t, http.StatusNotFound, get(t, h, "/assets/regions/"+bad).StatusCode, bad)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no types":        func(c *Config) { c.Types = nil },
		"no English name": func(c *Config) { c.DomainName.EN = "" },
		"no URL":          func(c *Config) { c.PublicURL = "" },
		"script URL":      func(c *Config) { c.PublicURL = "javascript:alert(1)" },
	} {
		cfg := config(t)
		spoil(&cfg)
		_, err := New(cfg)
		require.ErrorIs(t, err, ErrConfig, name)
	}
}
