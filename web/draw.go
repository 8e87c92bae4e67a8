package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
)

// page is one built document and where it is served.
type page struct {
	path string
	file string
	csp  string // empty is httpd.PageCSP
}

// wasmCSP lets a page run WebAssembly, which is no eval of text: the counter's page reads codes with it.
const wasmCSP = "script-src 'self' 'wasm-unsafe-eval'; " + httpd.PageCSP

func pages() []page {
	return []page{
		{path: "/", file: "index.html"},
		{path: "/wallet", file: "wallet.html"},
		{path: "/check", file: "check.html", csp: wasmCSP},
		{path: "/office", file: "office.html"},
		// Where a phone's own camera lands when codes are written as addresses (qr.FormatURL). The
		// code in the address is not looked at: only a checker's request may spend it.
		{path: "/S/:code", file: "scanned.html"},
	}
}

// settings is what a page is told (src/kit/config.ts): nothing of who asks, so that it can be cached.
type settings struct {
	Types     string       `json:"types"`
	Tables    string       `json:"tables"`
	Demo      bool         `json:"demo"`
	Domain    schemas.Text `json:"domain"`
	PublicURL string       `json:"publicUrl"`
}

// errNoPlace says that a built page has no place for its settings: it was built from other sources.
var errNoPlace = errors.New(`no data-config=""`)

func (p *Pages) draw(files fs.FS, cfg Config) error {
	said, err := json.Marshal(settings{Types: p.types.at, Tables: p.tables.at, Demo: cfg.Demo, Domain: cfg.DomainName, PublicURL: cfg.PublicURL})
	if err != nil {
		return err
	}
	place, filled := []byte(`data-config=""`), []byte(`data-config="`+html.EscapeString(string(said))+`"`)
	for _, one := range pages() {
		document, err := fs.ReadFile(files, one.file)
		if err != nil {
			return err
		}
		if bytes.Count(document, place) != 1 {
			return fmt.Errorf("%s: %w", one.file, errNoPlace)
		}
		a, err := newAsset("text/html; charset=utf-8", revalidate, bytes.Replace(document, place, filled, 1))
		if err != nil {
			return fmt.Errorf("%s: %w", one.file, err)
		}
		a.csp = one.csp
		p.served[one.path] = a
	}
	return nil
}
