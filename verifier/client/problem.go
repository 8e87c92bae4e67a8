package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/internal/retry"
	"github.com/showcard/showcard/schemas"
)

// Problem is a request that the deployment refused (RFC 9457). Programs go by Code; a code that is not
// known is one of a newer deployment.
type Problem struct {
	Status    int          `json:"status"`
	Code      string       `json:"code"`
	Title     string       `json:"title"`
	TitleZH   string       `json:"title_zh"`
	Next      schemas.Text `json:"next"` // what to do
	Detail    string       `json:"detail"`
	Faults    []Fault      `json:"errors"`
	RequestID string       `json:"request_id"` // for the operator
	// RetryAfter is when another try may help; 0: not said.
	RetryAfter time.Duration `json:"-"`
}

// Fault is what is wrong in one place of the request.
type Fault struct {
	Pointer string `json:"pointer"` // RFC 6901
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

func (p *Problem) Error() string {
	text := fmt.Sprintf("client: %s (HTTP %d)", p.Code, p.Status)
	for _, s := range []string{p.Title, p.Detail} {
		if s != "" {
			text += ": " + s
		}
	}
	if p.RequestID != "" {
		text += "; request " + p.RequestID
	}
	return text
}

// UnreachableError says that no answer came. Whether the request arrived nobody knows.
type UnreachableError struct{ err error }

func (e *UnreachableError) Error() string { return "client: no answer: " + e.err.Error() }

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.err }

func malformed(status int, detail string) error {
	return &Problem{Status: status, Code: "server-answer-malformed", Detail: detail}
}

// problem reads a refusal: problem+json, or OAuth's own form.
func (r *response) problem(now time.Time) error {
	var all struct {
		Problem
		OAuth       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(r.body, &all); err != nil {
		all.Problem = Problem{}
	}
	p := all.Problem
	p.Status = r.status
	if p.Code == "" {
		if p.Code, p.Detail = all.OAuth, all.Description; p.Code == "" {
			p.Code = "server-answer-malformed" // a proxy's page, say
		}
	}
	p.RetryAfter = retry.After(r.header.Get("Retry-After"), now)
	return &p
}

// passing says that an error may go away by itself.
func passing(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		return retry.Passing(p.Status)
	}
	var gone *UnreachableError
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &gone) && !errors.As(err, &untrusted)
}

// retry does something until it succeeds, fails for good, or the attempts or the time are over.
func (c *Client) retry(ctx context.Context, within time.Duration, do func() error) error {
	began := c.cfg.Now()
	for n := 1; ; n++ {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n >= c.cfg.Attempts || !passing(err) {
			return err
		}
		var after time.Duration
		if p := (*Problem)(nil); errors.As(err, &p) {
			after = p.RetryAfter
		}
		wait := retry.Pause(n, after)
		if wait > retry.MaxAfter || c.cfg.Now().Add(wait).Sub(began) > within {
			return err
		}
		if err := c.cfg.Wait(ctx, wait); err != nil {
			return err
		}
	}
}
