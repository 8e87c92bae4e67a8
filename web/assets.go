package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/showcard/showcard/internal/httpd"
)

// What Vite made of src, see Makefile. It is committed, so that building the binary takes nothing but Go.
//
//go:embed all:dist
var built embed.FS

// forever is for names that hold a hash; a page itself is asked for anew each time, and mostly
// answered 304.
const (
	forever    = "public, max-age=31536000, immutable"
	revalidate = "no-cache"
)

// asset is one document in both encodings.
type asset struct {
	contentType string
	cache       string
	csp         string
	plain       []byte
	gzipped     []byte // nil where it would not be smaller
}

func newAsset(contentType, cache string, body []byte) (*asset, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	a := &asset{contentType: contentType, cache: cache, plain: body}
	if buf.Len() < len(body) {
		a.gzipped = buf.Bytes()
	}
	return a, nil
}

func (a *asset) answer(r *http.Request) httpd.Raw {
	raw := httpd.Raw{ContentType: a.contentType, CacheControl: a.cache, Body: a.plain, CSP: a.csp, Header: http.Header{"Vary": {"Accept-Encoding"}}}
	if a.gzipped != nil && acceptsGzip(r) {
		raw.Body = a.gzipped
		raw.Header["Content-Encoding"] = []string{"gzip"}
	}
	raw.ETag = httpd.ETag(raw.Body) // strong: the encodings differ, RFC 9110 §8.8.3
	return raw
}

// acceptsGzip reads Accept-Encoding as far as it matters here: gzip named, and not with q=0.
func acceptsGzip(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept-Encoding") {
		for one := range strings.SplitSeq(header, ",") {
			name, params, _ := strings.Cut(one, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q := strings.ReplaceAll(strings.ToLower(params), " ", "")
			return !strings.HasPrefix(q, "q=0") || strings.Trim(q, "q=0.") != ""
		}
	}
	return false
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml",
	".png": "image/png", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json",
}

// errKind is wrapped when a built file is of a kind that nobody would know how to serve.
var errKind = errors.New("no content type for it")

// load takes what was built: files of assets/ have their hash in their names, those beside it have names that never change.
func (p *Pages) load(files fs.FS) error {
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		kind, ok := kinds[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s: %w", name, errKind)
		}
		folder, file := path.Split(name)
		cache := forever
		if folder == "" {
			cache = revalidate
		}
		a, err := newAsset(kind, cache, body)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if strings.Contains(file, ".worker.") {
			a.csp = wasmCSP // a worker's policy is that of its own script
		}
		if folder == "" {
			p.served["/"+file] = a
		} else {
			p.assets[file] = a
		}
		return nil
	})
	return err
}

// document is a description of the catalogue, under a name that holds its hash.
type document struct{ at string }

func (p *Pages) document(name string, body []byte) (document, error) {
	a, err := newAsset(kinds[".json"], forever, body)
	if err != nil {
		return document{}, fmt.Errorf("%s: %w", name, err)
	}
	file := name + "." + httpd.ETag(body)[:12] + ".json"
	p.assets[file] = a
	return document{at: "/assets/" + file}, nil
}
