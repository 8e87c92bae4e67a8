package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2" //nolint:depguard // jitter of a pause is no secret
	"net/http"
	"slices"
	"strconv"
	"time"

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

// maxRetryAfter bounds what a deployment may ask us to wait; beyond it a person decides.
const maxRetryAfter = 5 * time.Minute

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
	text := r.header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil && at.After(now) {
		p.RetryAfter = at.Sub(now)
	}
	return &p
}

// passing says that an error may go away by itself.
func passing(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		return slices.Contains([]int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, p.Status)
	}
	var gone *UnreachableError
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &gone) && !errors.As(err, &untrusted)
}

// retry waits as the deployment asks, or with growing, random pauses, so that a thousand clients of a
// restarted one do not come back in step.
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
		ceiling := min(250*time.Millisecond<<min(n-1, 16), 20*time.Second)
		wait := ceiling/2 + rand.N(ceiling/2) //nolint:gosec // spreads load, keeps no secret
		var p *Problem
		if errors.As(err, &p) && p.RetryAfter > 0 {
			wait = p.RetryAfter + rand.N(250*time.Millisecond) //nolint:gosec // as above
		}
		if wait > maxRetryAfter || c.cfg.Now().Add(wait).Sub(began) > within {
			return err
		}
		if err := c.cfg.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
