package httpd

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd/problem"
)

// navigates reports whether a person will look at the answer: a browser that goes somewhere, as
// against a page's script or a program. Old browsers send no Sec-Fetch-Mode but do ask for HTML.
func navigates(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	for one := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(one); err == nil && kind == "text/html" {
			return true
		}
	}
	return false
}

// pageStyle is all the style that a problem's page has; it loads nothing, because whatever is
// wrong may be wrong with that too.
const pageStyle = `body{font:17px/1.6 sans-serif;max-width:34rem;margin:0 auto;padding:1.5rem 1rem;color:#17202b;background:#f3f5f8}` +
	`h1{font-size:1.4rem;margin:0 0 .3rem}a{display:inline-block;margin-top:1rem;padding:.6rem 1.1rem;border-radius:10px;background:#123a70;color:#fff;text-decoration:none}` +
	`.en{color:#4b5563}code{font-size:.85rem;color:#4b5563}`

var problemPage = template.Must(template.New("problem").Parse(`<!DOCTYPE html>
<html lang="zh-CN">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title.ZH}} · {{.Title.EN}}</title><style>` + pageStyle + `</style></head>
<body><main>
<h1>{{.Title.ZH}}</h1>
<p>{{.Next.ZH}}</p>
<p class="en" lang="en"><strong>{{.Title.EN}}</strong> {{.Next.EN}}</p>
<p><a href="{{.Back}}">返回 <span lang="en">Go back</span></a></p>
<p><code id="code">{{.Code}}</code> <code>{{.RequestID}}</code></p>
</main></body>
</html>
`))

func pageCSP() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// writeProblemPage shows a problem in both languages, with what to do next and its code.
func (s *Server) writeProblemPage(c *gin.Context, p *Problem, entry problem.Entry) {
	back := p.Back
	if back == "" {
		back = "/"
	}
	var page bytes.Buffer
	err := problemPage.Execute(&page, struct {
		problem.Entry
		Back, RequestID string
	}{entry, back, RequestID(c.Request.Context())})
	if err != nil { // the page is fixed and its values are texts
		page.Reset()
		page.WriteString(entry.Code)
	}
	c.Header("Content-Security-Policy", pageCSP())
	c.Header("Vary", "Accept, Sec-Fetch-Mode")
	write(c, entry.Status, "text/html; charset=utf-8", page.Bytes())
}
