package qrimage

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// SVG draws text as one path in a view box of modules. Width and height say Options.Module pixels per module; a page
// may set others, because crispEdges keeps the modules whole. The white ground is part of the image: pages have dark
// themes. With a title the image presents itself to screen readers; without one the page is expected to.
func SVG(text string, o Options) ([]byte, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := encode(text, o.Level)
	if err != nil {
		return nil, err
	}
	side := s.size + 2*o.Quiet
	view, pixels := strconv.Itoa(side), strconv.Itoa(side*o.Module)

	var b strings.Builder
	b.Grow(512 + 5*s.size*s.size)
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="` + pixels + `" height="` + pixels +
		`" viewBox="0 0 ` + view + " " + view + `" shape-rendering="crispEdges"`)
	if o.Title != "" {
		b.WriteString(` role="img"><title>`)
		// EscapeText replaces what XML cannot hold; a strings.Builder never fails.
		_ = xml.EscapeText(&b, []byte(o.Title))
		b.WriteString("</title>")
	} else {
		b.WriteString(">")
	}
	b.WriteString(`<rect width="` + view + `" height="` + view + `" fill="#fff"/><path d="`)
	var num [8]byte
	for y := range s.size {
		s.runs(y, func(x0, x1 int) {
			b.WriteByte('M')
			b.Write(strconv.AppendInt(num[:0], int64(x0+o.Quiet), 10))
			b.WriteByte(' ')
			b.Write(strconv.AppendInt(num[:0], int64(y+o.Quiet), 10))
			width := strconv.AppendInt(num[:0], int64(x1-x0), 10)
			b.WriteByte('h')
			b.Write(width)
			b.WriteString("v1h-")
			b.Write(width)
			b.WriteByte('z')
		})
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}
