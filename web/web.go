// Package web is the plain pages of showcard: one where a person shows a certificate as a code
// that renews itself, one where a counter checks a code that was scanned, typed, pasted or
// photographed, and a landing page that leads to both.
//
// The pages are drawn once, when the server starts, because nothing in them depends on who asks:
// all that is personal comes afterwards from the JSON API, with the caller's own cookie or token,
// and is written into the page as text and never as HTML. So a page can be cached, and there is no
// template into which a name could smuggle a script. The Content-Security-Policy forbids inline
// script and style and anything from elsewhere.
//
// Old phones on bad networks are the measure: no framework, no build step, JavaScript of 2017
// (ES2017, classic scripts), everything before the code at most 30,720 bytes gzipped, assets cached
// for a year under a name that holds their hash. Every sentence is in Chinese and in English; one
// button changes between them, another enlarges everything.
//
// What certificates look like and what their fields are called comes from the catalogue of types,
// so that a new type needs no change here.
package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
)

// Config says what the pages are drawn for.
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

// Pages are drawn pages and their assets, immutable and safe for concurrent use.
type Pages struct {
	types  *schemas.Catalogue
	assets map[string]*asset // by the name that is served
	names  map[string]string // from file name to served path
	pages  map[string]*asset // by route
}

// ErrConfig is wrapped by what New refuses.
var ErrConfig = errors.New("web: configuration")

// New draws the pages.
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
	p := &Pages{types: cfg.Types, assets: map[string]*asset{}, names: map[string]string{}, pages: map[string]*asset{}}
	if err := p.loadAssets(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if err := p.draw(cfg); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return p, nil
}

// Routes are the pages and what they load. All are public: the API behind them is not.
func (p *Pages) Routes() []httpd.Route {
	routes := []httpd.Route{}
	get := func(path string, h httpd.Handler) {
		routes = append(routes, httpd.Route{Method: http.MethodGet, Path: path, Public: true, Class: httpd.ClassPage, Handler: h})
	}
	for _, d := range drawings() {
		page := p.pages[d.path]
		get(d.path, func(c *gin.Context) (any, error) { return page.answer(c.Request), nil })
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
