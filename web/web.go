// Package web is the pages of showcard: the citizen's (/wallet), the counter's (/check), the office's (/office), a landing page that
// leads to them, and the one where a phone's own camera lands.
//
// They are written in TypeScript with Preact (src), built by Vite, and committed as built (dist), so that the binary needs nothing but
// Go; make test builds them again and compares. They are served as they are, with one attribute filled in when the server starts
// (src/kit/config.ts), because nothing in them depends on who asks: all that is personal comes afterwards from the public API, with
// the caller's own cookie or token, and is written into the page as text and never as HTML. So a page can be cached, and there is no
// template into which a name could smuggle a script. The Content-Security-Policy forbids inline script and style and anything from
// elsewhere.
//
// Old phones on bad networks are the measure: everything before the code at most 30,720 bytes gzipped, what comes later loaded when
// it is asked for, assets cached for a year under a name that holds their hash, and a page that opens without a network. Every
// sentence stands once, in Chinese and in English (src/strings). Care mode shows one thing at a time, large.
//
// What certificates look like and what their fields are called comes from the catalogue of types, so that a new type needs no change
// here.
package web

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
)

// Config says what the pages are told.
type Config struct {
	// Demo adds the choice of a fictitious person or checker, and says that they are fictitious.
	Demo bool
	// PublicURL is the address that the landing page names for other devices.
	PublicURL string
	// Types describe the certificates: labels, tables of codes, views.
	Types *schemas.Catalogue
	// DomainName is who runs this deployment.
	DomainName schemas.Text
}

// Pages are built pages and their assets, immutable and safe for concurrent use.
type Pages struct {
	catalogue     *schemas.Catalogue
	assets        map[string]*asset // by the name behind /assets/
	served        map[string]*asset // pages and the like, by route
	types, tables document
}

// ErrConfig is wrapped by what New refuses.
var ErrConfig = errors.New("web: configuration")

// New prepares the pages.
func New(cfg Config) (*Pages, error) {
	if cfg.Types == nil {
		return nil, fmt.Errorf("%w: Types are missing", ErrConfig)
	}
	if !cfg.DomainName.Complete() {
		return nil, fmt.Errorf("%w: DomainName wants Chinese and English", ErrConfig)
	}
	if u, err := url.Parse(cfg.PublicURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%w: PublicURL wants http(s)://host", ErrConfig)
	}
	p := &Pages{catalogue: cfg.Types, assets: map[string]*asset{}, served: map[string]*asset{}}
	files, err := fs.Sub(built, "dist")
	if err == nil {
		err = p.load(files)
	}
	if err == nil {
		err = p.describe()
	}
	if err == nil {
		err = p.draw(files, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return p, nil
}

// describe adds the catalogue.
func (p *Pages) describe() error {
	types, tables, err := describe(p.catalogue)
	if err != nil {
		return err
	}
	if p.types, err = p.document("types", types); err != nil {
		return err
	}
	p.tables, err = p.document("tables", tables)
	return err
}

// Routes are the pages and what they load. All are public: the API behind them is not.
func (p *Pages) Routes() []httpd.Route {
	routes := []httpd.Route{}
	get := func(path string, h httpd.Handler) {
		routes = append(routes, httpd.Route{Method: http.MethodGet, Path: path, Public: true, Class: httpd.ClassPage, Handler: h})
	}
	for _, path := range slices.Sorted(maps.Keys(p.served)) {
		a := p.served[path]
		get(path, func(c *gin.Context) (any, error) { return a.answer(c.Request), nil })
	}
	get("/assets/:name", p.asset)
	get("/assets/regions/:code", p.region)
	return routes
}

func (p *Pages) asset(c *gin.Context) (any, error) {
	a, ok := p.assets[c.Param("name")]
	if !ok {
		return nil, &httpd.Problem{Code: httpd.CodeNotFound}
	}
	return a.answer(c.Request), nil
}
