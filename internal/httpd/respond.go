package httpd

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Created answers 201. Location is the path of what was made.
type Created struct {
	Location string
	Body     any
}

// Accepted answers 202: taken, not finished. Location is where to ask how far it is.
type Accepted struct {
	Location   string
	Body       any
	RetryAfter time.Duration // when asking again makes sense
}

// NoContent answers 204.
type NoContent struct{}

// Redirect answers 303, so that the browser asks for Location with GET, or Status if that is set.
type Redirect struct {
	Location string
	Status   int
}

// Raw answers bytes that are no JSON of ours: signed documents, images, pages.
type Raw struct {
	Status       int // 0 is 200
	ContentType  string
	Body         []byte
	CacheControl string // empty is no-store
	// ETag is the opaque tag without quotes, see ETag. With it a GET that already has the document
	// gets 304 and no body.
	ETag string
	// CSP is the Content-Security-Policy. Empty is PageCSP for HTML and "nothing at all" otherwise.
	CSP    string
	Header http.Header // anything else: Vary, Content-Disposition, Last-Modified
}

// PageCSP is for pages that bring everything from this server and put no script into the HTML.
const PageCSP = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; " +
	"form-action 'self'; frame-ancestors 'none'"

const apiCSP = "default-src 'none'; frame-ancestors 'none'"

// Stream answers 200 with NDJSON, written as it comes. flush sends what has been written so far. An
// error before the first byte becomes a problem; one after it cuts the connection, so that the
// reader can tell a broken stream from a finished one. Its route should say Streaming.
type Stream func(w io.Writer, flush func()) error

// Handled says that the handler has written the answer itself.
type Handled struct{}

// HTTP makes a Handler of a net/http one, such as an OAuth library's. It passes through the same
// callers, limits and caps; its errors are its own.
func HTTP(h http.Handler) Handler {
	return func(c *gin.Context) (any, error) {
		h.ServeHTTP(c.Writer, c.Request)
		return Handled{}, nil
	}
}

// ETag is a strong entity tag for a body: the same bytes, the same tag, in every process.
func ETag(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// respond turns what a handler returned into an answer.
func (s *Server) respond(c *gin.Context, result any) error {
	switch r := result.(type) {
	case nil, NoContent:
		c.Status(http.StatusNoContent)
	case Handled:
	case Created:
		return s.respondJSON(c, http.StatusCreated, r.Location, r.Body)
	case Accepted:
		if r.RetryAfter > 0 {
			c.Header("Retry-After", strconv.Itoa(int(math.Ceil(r.RetryAfter.Seconds()))))
		}
		return s.respondJSON(c, http.StatusAccepted, r.Location, r.Body)
	case Redirect:
		if r.Status == 0 {
			r.Status = http.StatusSeeOther
		}
		if r.Status < 300 || r.Status > 399 || r.Location == "" {
			return fmt.Errorf("redirect with status %d", r.Status)
		}
		c.Header("Location", r.Location)
		c.Status(r.Status)
	case Raw:
		return s.respondRaw(c, r)
	case Stream:
		return s.respondStream(c, r)
	case Events:
		return s.respondEvents(c, r)
	case error:
		return fmt.Errorf("a handler returned an error as its answer: %v", r) //nolint:errorlint // a mistake in the handler, not an answer from the table
	default:
		return s.respondJSON(c, http.StatusOK, "", result)
	}
	return nil
}

func (s *Server) respondJSON(c *gin.Context, status int, location string, v any) error {
	if location != "" {
		c.Header("Location", location)
	}
	if v == nil {
		c.Header("Content-Length", "0")
		c.Status(status)
		return nil
	}
	// All of it before the first byte: half an answer must not look like a whole one.
	body, err := encodeJSON(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	write(c, status, "application/json", body)
	return nil
}

func (s *Server) respondRaw(c *gin.Context, r Raw) error {
	if r.ContentType == "" {
		return errors.New("raw answer without a content type")
	}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	h := c.Writer.Header()
	for name, values := range r.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if r.CacheControl != "" {
		h.Set("Cache-Control", r.CacheControl)
	}
	switch {
	case r.CSP != "":
		h.Set("Content-Security-Policy", r.CSP)
	case strings.HasPrefix(r.ContentType, "text/html"):
		h.Set("Content-Security-Policy", PageCSP)
	}
	if r.ETag != "" && r.Status == http.StatusOK {
		h.Set("ETag", `"`+r.ETag+`"`)
		if matches(c.Request, r.ETag) {
			c.Status(http.StatusNotModified)
			return nil
		}
	}
	write(c, r.Status, r.ContentType, r.Body)
	return nil
}

// matches compares If-None-Match weakly, RFC 9110 §13.1.2.
func matches(r *http.Request, tag string) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for _, header := range r.Header.Values("If-None-Match") {
		for one := range strings.SplitSeq(header, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == `"`+tag+`"` {
				return true
			}
		}
	}
	return false
}

// patientWriter gives each write its own time, so that a stream lasts as long as somebody reads it.
type patientWriter struct {
	c      *gin.Context
	conn   *http.ResponseController
	idle   time.Duration
	turn   func() // waited for before each write; nil: nothing
	broken bool
}

func (w *patientWriter) Write(p []byte) (int, error) {
	if w.turn != nil {
		w.turn()
	}
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.idle)) // not every ResponseWriter can; then there is no bound
	n, err := w.c.Writer.Write(p)
	w.broken = w.broken || err != nil
	return n, err
}

func (s *Server) respondStream(c *gin.Context, stream Stream) error {
	h := c.Writer.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("X-Accel-Buffering", "no") // proxies that know it pass each row on at once
	if c.Request.Method == http.MethodHead {
		c.Status(http.StatusOK)
		return nil
	}
	w := &patientWriter{c: c, conn: http.NewResponseController(c.Writer), idle: s.streamIdle, turn: turnOf(c)}
	err := stream(w, func() {
		_ = w.conn.SetWriteDeadline(time.Now().Add(w.idle))
		c.Writer.Flush()
	})
	if err != nil && !c.Writer.Written() {
		h.Del("Content-Type")
		h.Del("X-Accel-Buffering")
	}
	if w.broken {
		return errors.Join(errPeerGone, err) // also when the stream itself took no notice
	}
	return err
}

// write sends a whole body with its length.
func write(c *gin.Context, status int, contentType string, body []byte) {
	h := c.Writer.Header()
	if small, ok := squeeze(c, status, contentType, body); ok {
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		body = small
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.Status(status)
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return
	}
	_, _ = c.Writer.Write(body) // a caller who hung up cannot be told so
}

// worthSqueezing is the size from which a JSON answer is sent compressed: below it the saving
// fits into the packet that is sent anyway.
const worthSqueezing = 1400

// squeeze compresses the JSON answer to a GET: a list of certificates is five times smaller on
// a phone's slow line. Answers to POST are left alone: they may hold tokens beside what the
// caller sent, and the size of both compressed together tells of the token (BREACH).
func squeeze(c *gin.Context, status int, contentType string, body []byte) ([]byte, bool) {
	h := c.Writer.Header()
	if c.Request.Method != http.MethodGet || status != http.StatusOK || len(body) < worthSqueezing || contentType != "application/json" ||
		h.Get("ETag") != "" || h.Get("Content-Encoding") != "" || !acceptsGzip(c.GetHeader("Accept-Encoding")) {
		return nil, false
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(body); err != nil || z.Close() != nil || out.Len() >= len(body) {
		return nil, false
	}
	return out.Bytes(), true
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3); gzip;q=0 is a no.
func acceptsGzip(header string) bool {
	for one := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			return !ok || strings.Trim(q, "0.") != ""
		}
	}
	return false
}
