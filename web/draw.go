package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"

	"github.com/showcard/showcard/schemas"
)

//go:embed templates
var templateFiles embed.FS

// drawing is one page: where it is served, its template, its title and its script.
type drawing struct {
	path   string
	file   string
	title  schemas.Text
	script string // besides common.js; may be empty
}

func drawings() []drawing {
	return []drawing{
		{"/", "home.html", schemas.Text{ZH: "电子证照", EN: "Electronic certificates"}, ""},
		{"/wallet", "wallet.html", schemas.Text{ZH: "出示证照", EN: "Show a certificate"}, "wallet.js"},
		{"/check", "check.html", schemas.Text{ZH: "核验证照", EN: "Check a certificate"}, "check.js"},
		// Where a phone's own camera lands when codes are written as addresses (qr.FormatURL). The
		// code in the address is not looked at: only a checker's request may spend it.
		{"/S/:code", "scanned.html", schemas.Text{ZH: "这是证照码", EN: "This is a certificate code"}, ""},
	}
}

// view is what templates see.
type view struct {
	Config
	Title  schemas.Text
	Page   string // the template's name, for the navigation
	Script string
	assets map[string]string
}

// Asset is where a file is served.
func (v view) Asset(name string) (string, error) {
	if served, ok := v.assets[name]; ok {
		return served, nil
	}
	return "", fmt.Errorf("no asset %q", name)
}

// both writes a sentence in both languages; the style sheet shows the one that is chosen, and both
// where there is none.
func both(zh, en string) template.HTML {
	return template.HTML(`<span class="zh" lang="zh-CN">` + template.HTMLEscapeString(zh) + //nolint:gosec // escaped right here
		`</span> <span class="en" lang="en">` + template.HTMLEscapeString(en) + `</span>`)
}

func (p *Pages) draw(cfg Config) error {
	layout, err := template.New("layout.html").Funcs(template.FuncMap{
		"t":    both,
		"name": func(t schemas.Text) template.HTML { return both(t.ZH, t.EN) },
	}).ParseFS(templateFiles, "templates/layout.html")
	if err != nil {
		return err
	}
	for _, d := range drawings() {
		page, err := layout.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, "templates/"+d.file)
		}
		if err != nil {
			return err
		}
		var buf bytes.Buffer
		if err := page.Execute(&buf, view{Config: cfg, Title: d.title, Page: d.file, Script: d.script, assets: p.names}); err != nil {
			return fmt.Errorf("%s: %w", d.file, err)
		}
		if p.pages[d.path], err = newAsset("text/html; charset=utf-8", revalidate, buf.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", d.file, err)
		}
	}
	return nil
}
