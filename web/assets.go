package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/showcard/showcard/internal/httpd"
)

//go:embed static
var staticFiles embed.FS

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
	raw := httpd.Raw{ContentType: a.contentType, CacheControl: a.cache, Body: a.plain, Header: http.Header{"Vary": {"Accept-Encoding"}}}
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

func (p *Pages) loadAssets() error {
	files, err := fs.Sub(staticFiles, "static")
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		body, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return err
		}
		if err := p.addAsset(e.Name(), body); err != nil {
			return err
		}
	}
	types, tables, err := describe(p.types)
	if err != nil {
		return err
	}
	if err := p.addAsset("types.json", types); err != nil {
		return err
	}
	return p.addAsset("tables.json", tables)
}

// addAsset serves a file under a name with its hash in it: style.css as style.3f9a….css.
func (p *Pages) addAsset(name string, body []byte) error {
	kind, ok := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml",
	}[path.Ext(name)]
	if !ok {
		return fmt.Errorf("%s: no content type for it", name)
	}
	a, err := newAsset(kind, forever, body)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ext := path.Ext(name)
	served := strings.TrimSuffix(name, ext) + "." + httpd.ETag(body)[:12] + ext
	p.assets[served] = a
	p.names[name] = "/assets/" + served
	return nil
}
