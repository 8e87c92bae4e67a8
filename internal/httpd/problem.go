package httpd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd/problem"
)

// Codes that this package answers with itself. The rest of testdata/problems.json belongs to the rooms.
const (
	CodeBodyMalformed           = "body-malformed"
	CodeBodyIncomplete          = "body-incomplete"
	CodeBodyTrailingData        = "body-trailing-data"
	CodeBodyTooLarge            = "body-too-large"
	CodeBodyTooDeep             = "body-too-deep"
	CodeBodyTooSlow             = "body-too-slow"
	CodeBodyNotUTF8             = "body-not-utf8"
	CodeFieldDuplicate          = "field-duplicate"
	CodeFieldUnknown            = "field-unknown"
	CodeFieldMissing            = "field-missing"
	CodeFieldType               = "field-type"
	CodeFieldInvalid            = "field-invalid"
	CodeParameterInvalid        = "parameter-invalid"
	CodeNotFound                = "not-found"
	CodeMethodNotAllowed        = "method-not-allowed"
	CodeUnsupportedMediaType    = "unsupported-media-type"
	CodeNotAcceptable           = "not-acceptable"
	CodeCrossOriginRefused      = "cross-origin-refused"
	CodeAddressRefused          = "address-refused"
	CodeUnauthenticated         = "unauthenticated"
	CodeTokenExpired            = "token-expired"
	CodeTokenInvalid            = "token-invalid"
	CodeForbiddenRole           = "forbidden-role"
	CodeForbiddenScope          = "forbidden-scope"
	CodeRateLimited             = "rate-limited"
	CodeOverloaded              = "overloaded"
	CodeTimedOut                = "timed-out"
	CodeInternal                = "internal"
	CodeIdempotencyKeyMissing   = "idempotency-key-missing"
	CodeIdempotencyKeyMalformed = "idempotency-key-malformed"
)

// statusClientGone is what logs and metrics say when the caller hung up before the answer; nobody
// receives it. The number is the one that operators know from other servers.
const statusClientGone = 499

// FieldError points at one place in the request.
type FieldError struct {
	Pointer string `json:"pointer"` // RFC 6901 into the request body; "" is the whole body
	Code    string `json:"code"`
	Detail  string `json:"detail,omitempty"`
}

// Problem is an error that knows its answer. Handlers return one where a sentinel in the ErrorTable
// is not enough, because a place in the body or a waiting time must be told.
type Problem struct {
	Code       string        // in testdata/problems.json, with an HTTP status
	Detail     string        // technical, English, for the integrator; never repeats what the caller sent
	Errors     []FieldError  // which fields
	RetryAfter time.Duration // 0: none, except that 429 and 503 always say at least a second
	Cause      error         // logged when the status is 5xx, never sent
	Back       string        // path of this site from which a person may try again; for pages
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Code
	}
	return p.Code + ": " + p.Detail
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Invalid says of one place in the body what it must be.
func Invalid(pointer, detail string) error {
	return &Problem{Code: CodeFieldInvalid, Errors: []FieldError{{Pointer: pointer, Code: CodeFieldInvalid, Detail: detail}}}
}

// ErrorTable is a room's one list from sentinel to code. The first errors.Is match wins, so the more
// particular error stands first. What is in no table is 500 internal.
type ErrorTable []struct {
	Err  error
	Code string
}

// document is the body of an answer, RFC 9457 §3 with our extension members.
type document struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	TitleZH   string       `json:"title_zh"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	Code      string       `json:"code"`
	Next      problem.Text `json:"next"`
	Errors    []FieldError `json:"errors,omitempty"`
	RequestID string       `json:"request_id"`
}

// errTimedOut is the cause of a request context that ran out of its own time, as against a caller
// who went away.
var errTimedOut = errors.New("request took longer than its time")

// problemFor decides how an error is answered. known is false for what must be logged as a fault.
func (s *Server) problemFor(ctx context.Context, table ErrorTable, err error) (p *Problem, known bool) {
	if errors.As(err, &p) {
		return p, true
	}
	for _, row := range table {
		if errors.Is(err, row.Err) {
			return &Problem{Code: row.Code, Cause: err}, true
		}
	}
	if errors.Is(context.Cause(ctx), errTimedOut) {
		// Not every driver wraps the context's error when it gives up.
		return &Problem{Code: CodeTimedOut, Cause: err}, true
	}
	// A store that cannot be reached is no fault of this request: asking again soon may do. The
	// cause is logged as for every 503.
	if unreachable := net.Error(nil); errors.As(err, &unreachable) || errors.Is(err, context.DeadlineExceeded) {
		return &Problem{Code: CodeOverloaded, Cause: err}, true
	}
	return &Problem{Code: CodeInternal, Cause: err}, false
}

// errPeerGone is a stream whose reader stopped reading.
var errPeerGone = errors.New("peer gone")

// peerGone says that the request was cut short from outside: nobody reads the answer any more.
func peerGone(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), errTimedOut)
}

// fail answers an error. It is the only place where an error becomes bytes.
func (s *Server) fail(c *gin.Context, table ErrorTable, err error) {
	ctx := c.Request.Context()
	rec := recordOf(c)
	p, known := s.problemFor(ctx, table, err)
	if errors.Is(err, errPeerGone) || peerGone(ctx) && (!known || errors.Is(err, context.Canceled)) {
		s.abandon(c, rec, err)
		return
	}
	entry, ok := s.problems.Lookup(p.Code)
	if !ok || entry.Status == 0 {
		// A code that nobody wrote a sentence for is a fault of ours, not of the caller's.
		err = fmt.Errorf("problem code %q cannot be sent: %w", p.Code, err)
		p, known = &Problem{Code: CodeInternal, Cause: err}, false
		entry, _ = s.problems.Lookup(CodeInternal)
	}
	rec.code = p.Code
	if !known || entry.Status >= http.StatusInternalServerError && p.Cause != nil {
		level := slog.LevelWarn
		if !known {
			level = slog.LevelError
		}
		s.log.LogAttrs(ctx, level, "request failed", slog.String("request_id", RequestID(ctx)),
			slog.String("route", rec.route), slog.String("code", p.Code), slog.Any("error", causeOf(p, err)))
	}
	if c.Writer.Written() {
		// The answer had begun; cutting the connection is the only way left to say that it is not whole.
		panic(http.ErrAbortHandler)
	}
	s.writeProblem(c, p, entry)
}

// abandon ends a request whose caller hung up. That is everyday and no error of anybody's.
func (s *Server) abandon(c *gin.Context, rec *record, err error) {
	rec.code = "client-gone"
	ctx := c.Request.Context()
	if !errors.Is(err, context.Canceled) && !errors.Is(err, errPeerGone) {
		s.log.LogAttrs(ctx, slog.LevelInfo, "request abandoned", slog.String("request_id", RequestID(ctx)),
			slog.String("route", rec.route), slog.Any("error", err))
	}
	if c.Writer.Written() {
		panic(http.ErrAbortHandler) // a peer that closed only its sending side must not take this for the end
	}
	c.Header("Connection", "close")
	c.Status(statusClientGone)
}

func causeOf(p *Problem, err error) error {
	if p.Cause != nil {
		return p.Cause
	}
	return err
}

func (s *Server) writeProblem(c *gin.Context, p *Problem, entry problem.Entry) {
	doc := document{
		Type: s.problemType(entry.Code), Title: entry.Title.EN, TitleZH: entry.Title.ZH, Status: entry.Status,
		Code: entry.Code, Next: entry.Next, RequestID: RequestID(c.Request.Context()),
	}
	if entry.Code != CodeInternal {
		doc.Detail, doc.Errors = p.Detail, p.Errors
	}
	h := c.Writer.Header()
	for _, name := range []string{"ETag", "Location", "Content-Disposition", "Last-Modified", "Content-Encoding"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	if entry.Status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", challenge(entry.Code, ""))
	}
	wait := p.RetryAfter
	if wait <= 0 && (entry.Status == http.StatusTooManyRequests || entry.Status == http.StatusServiceUnavailable) {
		wait = comeBack(RankScan) // who was told this together comes again apart
	}
	if wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if recordOf(c).page && navigates(c.Request) {
		s.writeProblemPage(c, p, entry)
		return
	}
	body, err := encodeJSON(doc)
	if err != nil { // strings and numbers only: it cannot fail, but an empty answer must not look like a success
		body = []byte("{}")
	}
	write(c, entry.Status, "application/problem+json", body)
}

// problemType is the RFC 9457 §3.1.1 type: a page of this server once it has an address, else a name.
func (s *Server) problemType(code string) string {
	if s.publicURL == "" {
		return "urn:showcard:problem:" + code
	}
	return s.publicURL + "/problems/" + code
}

func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // nosniff and the content type keep browsers from reading it as HTML
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// ownCodes lists what this package itself answers with, and the status that the protocol demands.
func ownCodes() map[string]int {
	return map[string]int{
		CodeBodyMalformed: 400, CodeBodyIncomplete: 400, CodeBodyTrailingData: 400, CodeBodyTooLarge: 413,
		CodeBodyTooDeep: 400, CodeBodyTooSlow: 408, CodeBodyNotUTF8: 400, CodeFieldDuplicate: 400,
		CodeFieldUnknown: 422, CodeFieldMissing: 422, CodeFieldType: 422, CodeFieldInvalid: 422,
		CodeParameterInvalid: 400, CodeNotFound: 404, CodeMethodNotAllowed: 405, CodeUnsupportedMediaType: 415, CodeNotAcceptable: 406,
		CodeCrossOriginRefused: 403, CodeAddressRefused: 403, CodeUnauthenticated: 401, CodeTokenExpired: 401, CodeTokenInvalid: 401,
		CodeForbiddenRole: 403, CodeForbiddenScope: 403, CodeRateLimited: 429, CodeOverloaded: 503,
		CodeTimedOut: 503, CodeInternal: 500, CodeIdempotencyKeyMissing: 400, CodeIdempotencyKeyMalformed: 400,
	}
}
