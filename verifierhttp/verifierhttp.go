// Package verifierhttp is the HTTP face of verification: what scan guns, banks and hospitals
// call. It turns requests into verifier.Request and adds to every reason code the sentence and
// the next action that a clerk reads, in Chinese and English.
package verifierhttp

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// Scope is what a token must carry to verify.
const Scope = "verify"

// mostPictures is how many pictures for each core may be read or wait.
const mostPictures = 4

// API serves verification.
type API struct {
	service  *verifier.Service
	problems *problem.Table
	answered func(verifier.Outcome)
	pictures chan struct{} // places for pictures that are being read
	waiting  atomic.Int32  // pictures that wait for one
}

// Config says what the API stands on.
type Config struct {
	Service  *verifier.Service
	Problems *problem.Table
	Answered func(verifier.Outcome) // is told the outcome of each check that is answered; nil: nobody is
}

// New makes the API.
func New(cfg Config) (*API, error) {
	if cfg.Service == nil || cfg.Problems == nil {
		return nil, errors.New("verifierhttp: incomplete configuration")
	}
	if cfg.Answered == nil {
		cfg.Answered = func(verifier.Outcome) {}
	}
	return &API{service: cfg.Service, problems: cfg.Problems, answered: cfg.Answered, pictures: make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	parties := []httpd.Role{httpd.RoleRelyingParty}
	return []httpd.Route{
		{Method: http.MethodPost, Path: "/v1/verifications", Roles: parties, Scope: Scope, Class: httpd.ClassScan, MaxBody: 8 << 20, Timeout: longest, Handler: a.verify},
		{Method: http.MethodGet, Path: "/v1/verifications/:id", Roles: parties, Scope: Scope, Class: httpd.ClassWait, Timeout: longest, Handler: a.await},
		{Method: http.MethodPost, Path: "/v1/verifications/challenges", Roles: parties, Scope: Scope, Class: httpd.ClassScan, Handler: a.challenge},
		{Method: http.MethodPost, Path: "/v1/verifications/offline", Roles: parties, Scope: Scope, Class: httpd.ClassBulk, MaxBody: maxSettle, Timeout: longest, Handler: a.settle},
		{Method: http.MethodGet, Path: "/v1/verifications/:id/portrait", Roles: parties, Scope: Scope, Class: httpd.ClassRead, Handler: a.portrait},
		{Method: http.MethodPost, Path: "/v1/verifications/:id/person", Roles: parties, Scope: Scope, Class: httpd.ClassScan, Handler: a.person},
		{Method: http.MethodGet, Path: "/v1/verifications/:id/receipt", Roles: parties, Scope: Scope, Class: httpd.ClassRead, Handler: a.receipt},
	}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: verifier.ErrRequest, Code: "input-ambiguous"},
		{Err: verifier.ErrPurposeMissing, Code: "purpose-missing"},
		{Err: verifier.ErrPurposeNotRegistered, Code: "purpose-not-registered"},
		{Err: verifier.ErrPurposeNotChosen, Code: "purpose-not-chosen"},
		{Err: verifier.ErrTypeNotRegistered, Code: "type-not-registered"},
		{Err: verifier.ErrNothingToDisclose, Code: "nothing-to-disclose"},
		{Err: verifier.ErrFieldNotRegistered, Code: "field-not-registered"},
		{Err: verifier.ErrFieldsNeedCode, Code: "fields-need-code"},
		{Err: verifier.ErrHolderRefuses, Code: "holder-refuses"},
		{Err: verifier.ErrAnswerErased, Code: "answer-erased"},
		{Err: verifier.ErrPartySuspended, Code: "party-suspended"},
		{Err: verifier.ErrPartyNotReleased, Code: "party-not-released"},
		{Err: verifier.ErrPartyRetired, Code: "party-retired"},
		{Err: verifier.ErrPartyNotActive, Code: "party-not-yet-active"},
		{Err: verifier.ErrPartyUnknown, Code: "party-unknown"},
		{Err: verifier.ErrFactsMissing, Code: "facts-missing"},
		{Err: verifier.ErrChallengeUnknown, Code: "challenge-unknown"},
		{Err: verifier.ErrRequestReused, Code: "idempotency-key-reused"},
		{Err: verifier.ErrNoRecord, Code: "verification-unknown"},
		{Err: verifier.ErrNoReceipt, Code: "receipt-unknown"},
		{Err: verifier.ErrNoPortrait, Code: "portrait-unavailable"},
		{Err: verifier.ErrPersonRecorded, Code: "person-recorded"},
		{Err: verifier.ErrPersonLate, Code: "person-late"},
		{Err: qr.ErrTruncated, Code: "code-truncated"},
		{Err: qr.ErrTooLong, Code: "code-too-long"},
		{Err: qr.ErrCheckCharacter, Code: "code-check-character"},
		{Err: qr.ErrAlphabet, Code: "code-alphabet"},
		{Err: qr.ErrNotOurs, Code: "code-not-ours"},
		{Err: qrimage.ErrNoCode, Code: "image-no-code"},
		{Err: qrimage.ErrImageTooLarge, Code: "image-too-large"},
		{Err: qrimage.ErrImageFormat, Code: "image-format"},
	}
}

// request is the body of POST /v1/verifications: exactly one of code, image, presentation and
// facts.
type request struct {
	Code         string `json:"code,omitempty"`
	Image        string `json:"image,omitempty"` // base64 of a PNG, JPEG or GIF, at most 5 MiB
	Presentation string `json:"presentation,omitempty"`
	Nonce        string `json:"nonce,omitempty"`
	Facts        *facts `json:"facts,omitempty"`
	Purpose      string `json:"purpose"`
	// Fields are what the checker wants of a code. What it may see and the holder does not show, she
	// is asked for; Wait is how many seconds this request itself waits for her answer, at most 60.
	Fields        []string `json:"fields,omitempty"`
	Wait          int      `json:"wait,omitempty"`
	ClerkCompared bool     `json:"clerk_compared,omitempty"`
	Receipt       bool     `json:"receipt,omitempty"` // the answer is to bring the signed receipt
}

type facts struct {
	Identifier string             `json:"identifier,omitempty"`
	Holder     *schemas.HolderRef `json:"holder,omitempty"`
	Type       string             `json:"type"`
	Claims     map[string]any     `json:"claims"`
}

// answer is verifier.Answer with reasons that a clerk can read.
type answer struct {
	*verifier.Answer
	Reasons []reason `json:"reasons"`
}

type reason struct {
	Code  string       `json:"code"`
	Title problem.Text `json:"title"`
	Next  problem.Text `json:"next"`
}

func caller(c *gin.Context) verifier.Caller {
	who, _ := httpd.CallerFrom(c) // the route has roles, so there is one
	return verifier.Caller{Client: who.ID, Party: who.Party}
}

func (a *API) verify(c *gin.Context) (any, error) {
	var body request
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	req := verifier.Request{Code: body.Code, Presentation: body.Presentation, Nonce: body.Nonce, Purpose: body.Purpose, Fields: body.Fields, ClerkCompared: body.ClerkCompared, Receipt: body.Receipt}
	if body.Wait < 0 || body.Wait > mostWait {
		return nil, httpd.Invalid("/wait", "is a number of seconds from 0 to 60")
	}
	if c.GetHeader("Idempotency-Key") != "" {
		key, err := httpd.IdempotencyKey(c)
		if err != nil {
			return nil, err
		}
		req.Key = key
	}
	if body.Image != "" {
		if body.Code != "" {
			return nil, verifier.ErrRequest
		}
		code, err := a.readImage(c, body.Image)
		if err != nil {
			return nil, err
		}
		req.Code = code
	}
	if f := body.Facts; f != nil {
		req.Facts = &verifier.Facts{Identifier: f.Identifier, Type: f.Type, Claims: f.Claims}
		if f.Holder != nil {
			req.Facts.Holder = *f.Holder
		}
	}
	got, err := a.service.Check(c, caller(c), req)
	var asked *verifier.PendingError
	if errors.As(err, &asked) {
		return a.wait(c, asked.ID, body.Wait)
	}
	if err != nil {
		return nil, tooMany(err)
	}
	a.answered(got.Outcome)
	return a.wire(got), nil
}

// tooMany says when to come again.
func tooMany(err error) error {
	var limited *verifier.RateLimitedError
	if errors.As(err, &limited) {
		return &httpd.Problem{Code: httpd.CodeRateLimited, RetryAfter: limited.RetryAfter}
	}
	var day *verifier.DayQuotaError
	if errors.As(err, &day) {
		return &httpd.Problem{Code: "day-quota-used", RetryAfter: day.RetryAfter}
	}
	return err
}

func (a *API) wire(got *verifier.Answer) answer {
	out := answer{Answer: got, Reasons: make([]reason, 0, len(got.Reasons))}
	for _, code := range got.Reasons {
		r := reason{Code: code}
		if e, ok := a.problems.Lookup(code); ok {
			r.Title, r.Next = e.Title, e.Next
		}
		out.Reasons = append(out.Reasons, r)
	}
	return out
}

// readImage finds the one code of ours in a photograph. Other codes in it (a poster on the
// wall) are stepped over. One picture can take seconds of a core and 150 MB, so only as many are
// read at once as there are cores; a few others wait, as long as their callers do. They keep places
// from scans that bring their code as text, so that more of them are refused.
func (a *API) readImage(ctx context.Context, text string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if waiting := a.waiting.Add(1); int(waiting) > mostPictures*cap(a.pictures) {
		a.waiting.Add(-1)
		return "", &httpd.Problem{Code: httpd.CodeOverloaded}
	}
	defer a.waiting.Add(-1)
	select {
	case a.pictures <- struct{}{}:
		defer func() { <-a.pictures }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	image, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", &httpd.Problem{Code: "image-format", Detail: "image is not standard base64"}
	}
	found, err := qrimage.Scan(image)
	if err != nil {
		return "", err
	}
	var ours []string
	for _, payload := range found {
		if _, err := qr.Parse(payload); err == nil {
			ours = append(ours, payload)
		}
	}
	switch len(ours) {
	case 0:
		return found[0], nil // its own error says what is wrong with it
	case 1:
		return ours[0], nil
	}
	return "", &httpd.Problem{Code: "image-several-codes"}
}

type challenge struct {
	Nonce     string    `json:"nonce"`
	Audience  string    `json:"aud"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (a *API) challenge(c *gin.Context) (any, error) {
	who := caller(c)
	nonce, expires, err := a.service.Challenge(c, who)
	if err != nil {
		return nil, err
	}
	return challenge{Nonce: nonce, Audience: a.service.Audience(who), ExpiresAt: expires}, nil
}

// signed is a receipt with its salts, which stay apart from it.
type signed struct {
	Receipt  string            `json:"receipt"`
	Openings verifier.Openings `json:"openings"`
}

// receipt answers with the receipt of a check, to any client of the party that made it.
func (a *API) receipt(c *gin.Context) (any, error) {
	text, openings, err := a.service.Receipt(c, caller(c), c.Param("id"))
	if err != nil {
		return nil, err
	}
	return signed{text, openings}, nil
}

// personRequest is the clerk's word. It has no default: a forgotten "same" is no yes.
type personRequest struct {
	Same bool `json:"same" required:"true"`
}

// person takes the clerk's word on whether it is the person of the certificate. An Idempotency-Key
// may come along and changes nothing: the check has one word, and its repetition is answered.
func (a *API) person(c *gin.Context) (any, error) {
	var body personRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if c.GetHeader("Idempotency-Key") != "" {
		if _, err := httpd.IdempotencyKey(c); err != nil {
			return nil, err
		}
	}
	got, err := a.service.Person(c, caller(c), c.Param("id"), body.Same)
	if err != nil {
		return nil, err
	}
	return a.wire(got), nil
}

// portrait answers with the image; the salt of its signed digest stands in a header, so that
// the caller can hold the image against portrait_digest.
func (a *API) portrait(c *gin.Context) (any, error) {
	image, salt, err := a.service.Portrait(c, caller(c), c.Param("id"))
	if err != nil {
		return nil, err
	}
	return httpd.Raw{
		ContentType: http.DetectContentType(image), Body: image,
		Header: http.Header{"Portrait-Salt": {base64.RawURLEncoding.EncodeToString(salt)}},
	}, nil
}
