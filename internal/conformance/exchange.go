package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is one answer, read whole.
type answer struct {
	what   string // the request, for people
	status int
	header http.Header
	body   []byte
	tls    uint16 // version, 0: none
}

// ask is one request.
type ask struct {
	method, path string
	header       map[string]string
	body         []byte
}

const (
	tries       = 3
	longestWait = 20 * time.Second
)

// do makes a request, again when the deployment asks to come later.
func (t *Tester) do(ctx context.Context, q ask) (answer, error) {
	for n := 1; ; n++ {
		a, err := t.once(ctx, q)
		if err != nil || a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable {
			return a, err
		}
		seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			t.busy = append(t.busy, fmt.Sprintf("%s: HTTP %d without a Retry-After of at least a second", a.what, a.status))
			seconds = 1
		} else {
			t.busy = append(t.busy, "")
		}
		pause := time.Duration(seconds) * time.Second
		if n == tries || pause > longestWait {
			return a, skip("the deployment was busy: %s, HTTP %d", a.what, a.status)
		}
		if err := t.cfg.Wait(ctx, pause); err != nil {
			return a, skip("stopped: %v", err)
		}
	}
}

func (t *Tester) once(ctx context.Context, q ask) (answer, error) {
	a := answer{what: q.method + " " + shown(q.path)}
	if t.requests++; t.requests > MaxRequests {
		return a, skip("%d requests were made, and no more are in one run", MaxRequests)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, q.method, t.cfg.URL+q.path, bytes.NewReader(q.body))
	if err != nil {
		return a, err
	}
	if q.body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	req.Header.Set("User-Agent", "showcard-conformance")
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	resp, err := t.cfg.HTTP.Do(req)
	if err != nil {
		return a, fmt.Errorf("%s: %w", a.what, err)
	}
	defer resp.Body.Close()
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1)); err != nil {
		return a, fmt.Errorf("%s: %w", a.what, err)
	}
	if len(a.body) > MaxAnswer {
		return a, fmt.Errorf("%s: more than %d MiB", a.what, MaxAnswer>>20)
	}
	if a.status, a.header = resp.StatusCode, resp.Header; resp.TLS != nil {
		a.tls = resp.TLS.Version
	}
	t.watch(a)
	return a, nil
}

// shown is a path that is fit to print.
func shown(path string) string {
	if len(path) > 100 {
		return path[:100] + "…"
	}
	return path
}

// watch looks at what every answer must have.
func (t *Tester) watch(a answer) {
	for _, h := range [...]struct{ name, want string }{
		{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"}, {"X-Frame-Options", "DENY"}, {"X-Request-Id", ""}, {"Content-Security-Policy", ""}, {"Cache-Control", ""},
	} {
		got := a.header.Get(h.name)
		if got == "" || h.want != "" && got != h.want {
			t.headless = append(t.headless, fmt.Sprintf("%s: %s is %q", a.what, h.name, got))
		}
	}
}

func (t *Tester) get(ctx context.Context, path string, header ...string) (answer, error) {
	q := ask{method: http.MethodGet, path: path, header: map[string]string{}}
	for i := 0; i+1 < len(header); i += 2 {
		q.header[header[i]] = header[i+1]
	}
	return t.do(ctx, q)
}

// fetch gets a document: 200, of that media type.
func (t *Tester) fetch(ctx context.Context, path, mediaType string, header ...string) (answer, error) {
	a, err := t.get(ctx, path, header...)
	if err != nil {
		return a, err
	}
	if a.status != http.StatusOK {
		return a, fmt.Errorf("%s: HTTP %d, want 200", a.what, a.status)
	}
	return a, a.is(mediaType)
}

func (a answer) is(mediaType string) error {
	got, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || got != mediaType {
		return fmt.Errorf("%s: Content-Type %q, want %s", a.what, a.header.Get("Content-Type"), mediaType)
	}
	return nil
}

func (a answer) into(v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return fmt.Errorf("%s: not the JSON that it must be", a.what)
	}
	return nil
}

// cached checks that a document has an ETag, that whoever has it is told so without a body, and how
// long it may be kept.
func (t *Tester) cached(ctx context.Context, path string, longest int, header ...string) error {
	a, err := t.get(ctx, path, header...)
	if err != nil {
		return err
	}
	tag := a.header.Get("ETag")
	if tag == "" {
		return fmt.Errorf("%s: no ETag", a.what)
	}
	age, found := strings.CutPrefix(a.header.Get("Cache-Control"), "public, max-age=")
	if n, err := strconv.Atoi(age); !found || err != nil || n > longest {
		return fmt.Errorf("%s: Cache-Control %q, want public, max-age of at most %d", a.what, a.header.Get("Cache-Control"), longest)
	}
	again, err := t.get(ctx, path, append(header, "If-None-Match", tag)...)
	if err != nil {
		return err
	}
	if again.status == http.StatusOK && again.header.Get("ETag") != tag && again.header.Get("ETag") != "" {
		return nil // it has changed in between, and says so
	}
	if again.status != http.StatusNotModified || len(again.body) > 0 {
		return fmt.Errorf("%s with If-None-Match: HTTP %d and %d bytes, want 304 and none", a.what, again.status, len(again.body))
	}
	return nil
}

// path is where a document of the public URL stands at the address that is tried out.
func (t *Tester) path(address string) (string, error) {
	path, ours := strings.CutPrefix(address, t.public)
	if !ours || !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("%s is not below the public URL %s", address, t.public)
	}
	return path, nil
}

// problem checks an answer against RFC 9457 and our extension members, docs/formats.md section 9.
func (t *Tester) problem(a answer, status int, codes ...string) error {
	if a.status != status {
		return fmt.Errorf("%s: HTTP %d, want %d", a.what, a.status, status)
	}
	if err := a.is("application/problem+json"); err != nil {
		return err
	}
	var p struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		TitleZH   string `json:"title_zh"`
		Status    int    `json:"status"`
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
		Next      struct{ ZH, EN string }
	}
	if err := a.into(&p); err != nil {
		return err
	}
	entry, known := t.problems.Lookup(p.Code)
	right := false
	for _, code := range codes {
		right = right || p.Code == code
	}
	switch {
	case !right:
		return fmt.Errorf("%s: code %q, want %s", a.what, p.Code, strings.Join(codes, " or "))
	case p.Status != a.status || known && entry.Status != a.status:
		return fmt.Errorf("%s: status %d in the body, HTTP %d", a.what, p.Status, a.status)
	case p.Title == "" || p.TitleZH == "" || p.Next.ZH == "" || p.Next.EN == "":
		return fmt.Errorf("%s: a sentence is missing in a language", a.what)
	case p.RequestID == "" || p.RequestID != a.header.Get("X-Request-Id"):
		return fmt.Errorf("%s: request_id %q, header X-Request-Id %q", a.what, p.RequestID, a.header.Get("X-Request-Id"))
	case p.Type != t.public+"/problems/"+url.PathEscape(p.Code):
		return fmt.Errorf("%s: type %q, want the page of the code", a.what, p.Type)
	case a.header.Get("Cache-Control") != "no-store":
		return fmt.Errorf("%s: Cache-Control %q, want no-store", a.what, a.header.Get("Cache-Control"))
	}
	return nil
}
