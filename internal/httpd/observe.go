package httpd

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
)

const recordKey = "httpd.record"

// record is what becomes of one request, for its log line and its metrics.
type record struct {
	route        string
	class        Class
	code         string
	waited       bool // for a person
	refused      bool // for want of a place, before anything was looked at
	page         bool // problems are shown to browsers as pages
	caller       Caller
	limiterError error
}

func recordOf(c *gin.Context) *record {
	if v, ok := c.Get(recordKey); ok {
		return v.(*record)
	}
	return &record{} // outside observe nobody will read it
}

type requestIDKey struct{}

// WithRequestID puts a request id into a context.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID is the id under which a request is logged and answered; a *gin.Context serves as ctx.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// requestID takes over an id that the caller or a proxy chose, if it cannot disturb a log, and is
// nobody's number: an id stands in every line.
func requestID(offered string) string {
	if len(offered) < 1 || len(offered) > 64 {
		return rand.Text()
	}
	digits := 0
	for i, b := range []byte(offered + ".") {
		if b >= '0' && b <= '9' || digits == 17 && (b == 'X' || b == 'x') {
			digits++
			continue
		}
		if digits == 11 || digits == 15 || digits == 18 { // telephone, old and new citizen's number
			return rand.Text()
		}
		digits = 0
		if i < len(offered) && !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '-' || b == '_' || b == '.') {
			return rand.Text()
		}
	}
	return offered
}

// observe is the outermost layer of every request, those without a route included.
func (s *Server) observe(c *gin.Context) {
	started := s.now()
	s.busy.add()
	defer s.busy.done()
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()

	rec := &record{route: "unmatched"}
	c.Set(recordKey, rec)
	id := requestID(c.GetHeader("X-Request-Id"))
	c.Request = c.Request.WithContext(WithRequestID(c.Request.Context(), id))
	s.setHeaders(c, id)
	// A peer that takes nothing of the answer is cut in the end, whatever the route.
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(s.requestTimeout + s.streamIdle))

	abort := s.guarded(c)
	s.report(c, rec, id, started, s.now())
	if abort {
		panic(http.ErrAbortHandler) // net/http closes the connection and says nothing
	}
}

// guarded runs the rest of the chain and turns a panic into a 500. abort says that the answer had
// begun and can only be cut off.
func (s *Server) guarded(c *gin.Context) (abort bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is what is thrown
			abort = true
			return
		}
		s.metrics.panics.Inc()
		rec := recordOf(c)
		s.log.LogAttrs(c.Request.Context(), slog.LevelError, "panic", slog.String("request_id", RequestID(c.Request.Context())),
			slog.String("route", rec.route), slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
		rec.code = CodeInternal
		if c.Writer.Written() {
			abort = true
			return
		}
		entry, _ := s.problems.Lookup(CodeInternal)
		s.writeProblem(c, &Problem{Code: CodeInternal}, entry)
	}()
	c.Next()
	return false
}

func (s *Server) setHeaders(c *gin.Context, id string) {
	h := c.Writer.Header()
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", apiCSP)
	h.Set("Cache-Control", "no-store") // answers are about people unless a handler says otherwise
	if s.https || s.publicURL == "" && c.Request.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if s.phase.Load() >= phaseDraining {
		h.Set("Connection", "close") // the next request had better go to another replica
	}
}

func (s *Server) report(c *gin.Context, rec *record, id string, started, ended time.Time) {
	status, took := c.Writer.Status(), ended.Sub(started)
	s.metrics.observe(rec, c.Request.Method, status, took)
	if s.observed != nil {
		s.observed(Observed{At: ended, Class: rec.class, Status: status, Code: rec.code, Took: took, Waited: rec.waited, LimiterFailed: rec.limiterError != nil})
	}
	if rec.refused {
		s.reportRefusal(c.Request.Context(), rec.class)
		return
	}
	level := slog.LevelInfo
	if rec.class == ClassOps {
		level = slog.LevelDebug // probes come every few seconds
	}
	ctx := c.Request.Context()
	if !s.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", id), slog.String("method", knownMethod(c.Request.Method)), slog.String("route", rec.route),
		slog.Int("status", status), slog.Int("bytes", max(c.Writer.Size(), 0)), slog.Duration("took", took),
		slog.String("remote", c.ClientIP()),
	}
	if rec.code != "" {
		attrs = append(attrs, slog.String("code", rec.code))
	}
	if rec.caller.ID != "" {
		attrs = append(attrs, slog.Any("caller", rec.caller))
	}
	if rec.limiterError != nil {
		attrs = append(attrs, slog.Any("limiter_error", rec.limiterError))
	}
	s.log.LogAttrs(ctx, level, "request", attrs...)
}

// knownMethod keeps a caller's invented methods out of labels and logs.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
