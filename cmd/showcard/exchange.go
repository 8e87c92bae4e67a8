package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/internal/retry"
)

// request is one request, which can be made again.
type request struct {
	method string
	path   string // escaped, from the slash on, with the query
	header http.Header
	body   func() (io.Reader, error) // anew for each try; nil: no body
	public bool                      // goes without a token
}

// bytesBody is a body that lies in memory.
func bytesBody(data []byte) func() (io.Reader, error) {
	return func() (io.Reader, error) { return bytes.NewReader(data), nil }
}

// answerError is a refusal by the server: problem+json (RFC 9457), or OAuth's own form.
type answerError struct {
	Status     int                `json:"status"`
	Code       string             `json:"code"`
	Title      string             `json:"title"`
	Next       problem.Text       `json:"next"`
	Detail     string             `json:"detail"`
	Errors     []httpd.FieldError `json:"errors"`
	RequestID  string             `json:"request_id"`
	RetryAfter time.Duration      `json:"-"`
}

func (a *answerError) Error() string {
	parts := []string{fmt.Sprintf("HTTP %d", a.Status)}
	for _, s := range []string{a.Title, a.Detail} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if a.RequestID != "" {
		parts = append(parts, "request "+a.RequestID)
	}
	return strings.Join(parts, "; ")
}

func malformed(format string, args ...any) error {
	return &coded{code: "server-answer-malformed", err: fmt.Errorf(format, args...)}
}

var errStalled = errors.New("nothing moved for too long")

// stall cancels a request in which nothing moves: no byte sent, none received.
type stall struct {
	timer *time.Timer
	idle  time.Duration
	stop  context.CancelCauseFunc
}

func (s *stall) moved() { s.timer.Reset(s.idle) }

// stallReader tells the stall of each read: of the request's body, or of the response's.
type stallReader struct {
	io.Reader
	stall *stall
	close func() error // of a response: ends the watch too
}

func (r *stallReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.stall.moved()
	return n, err
}

func (r *stallReader) Close() error {
	if r.close == nil {
		if c, ok := r.Reader.(io.Closer); ok {
			return c.Close()
		}
		return nil
	}
	return r.close()
}

// once makes a request once. What is not a success is a *coded error.
func (c *client) once(ctx context.Context, r request) (*http.Response, error) {
	var authorization string
	if !r.public {
		var err error
		if authorization, err = c.authorization(ctx); err != nil {
			return nil, err
		}
	}
	inner, stop := context.WithCancelCause(ctx)
	w := &stall{idle: c.idle, stop: stop}
	w.timer = time.AfterFunc(c.idle, func() { stop(errStalled) })
	end := func() { w.timer.Stop(); stop(nil) }

	var body io.Reader
	length := int64(0) // with a body: not known, net/http sends chunks
	if r.body != nil {
		b, err := r.body()
		if err != nil {
			end()
			return nil, err
		}
		if sized, ok := b.(interface{ Len() int }); ok {
			length = int64(sized.Len())
		}
		body = &stallReader{Reader: b, stall: w}
	}
	req, err := http.NewRequestWithContext(inner, r.method, c.base+r.path, body)
	if err != nil {
		end()
		return nil, err
	}
	req.ContentLength = length
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "showcard/"+version)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		cause := context.Cause(inner)
		end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(cause, errStalled) {
			err = errStalled
		}
		return nil, &coded{code: "server-unreachable", err: fmt.Errorf("%s %s: %w", r.method, c.base, unwrapURL(err))}
	}
	resp.Body = &stallReader{Reader: resp.Body, stall: w, close: closer(resp.Body, end)}
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		w.moved()
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.refusal(resp)
}

func closer(body io.Closer, end func()) func() error {
	return func() error {
		err := body.Close()
		end()
		return err
	}
}

// unwrapURL drops the address from net/http's errors: a path may hold what is not for logs.
func unwrapURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil && strings.Contains(fmt.Sprintf("%T", err), "url.Error") {
		return inner
	}
	return err
}

const maxAnswer = 8 << 20

func readJSON(resp *http.Response, v any) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return &coded{code: "server-unreachable", err: fmt.Errorf("answer cut off: %w", err)}
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" || len(data) > maxAnswer {
		return malformed("an answer of type %q and %d bytes", kind, len(data))
	}
	// Members that we do not know are those of a newer server.
	if err := json.Unmarshal(data, v); err != nil {
		return malformed("%w", err)
	}
	return nil
}

// refusal turns an answer that is no success into an error with a code.
func (c *client) refusal(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return &coded{code: "server-unreachable", err: fmt.Errorf("answer cut off: %w", err)}
	}
	a := &answerError{}
	switch kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind {
	case "application/problem+json":
		if json.Unmarshal(data, a) != nil {
			a = &answerError{}
		}
	case "application/json":
		a.Code, a.Detail = oauthRefusal(data)
	}
	a.Status, a.RetryAfter = resp.StatusCode, retry.After(resp.Header.Get("Retry-After"), c.now())
	if a.Code == "" { // some proxy's page
		a.Code = "server-answer-malformed"
		if passing(a) {
			a.Code = "server-unreachable"
		}
	}
	return &coded{code: a.Code, err: a}
}

// oauthRefusal reads RFC 6749 §5.2.
func oauthRefusal(data []byte) (code, detail string) {
	var o struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Code        string `json:"code"` // ours, and finer
	}
	if json.Unmarshal(data, &o) != nil {
		return "", ""
	}
	detail = strings.TrimPrefix(o.Description, o.Error+": ")
	if o.Code != "" {
		return o.Code, detail
	}
	return map[string]string{
		"invalid_client": "assertion-invalid", "invalid_scope": "scope-not-granted", "unsupported_grant_type": "grant-unsupported",
	}[o.Error], detail
}
