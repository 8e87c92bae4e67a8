package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// Request is what to check: exactly one of Code, Image and Presentation, and always a Purpose.
type Request struct {
	Code         string `json:"code,omitempty"`  // as it was scanned, typed or pasted
	Image        []byte `json:"image,omitempty"` // PNG, JPEG or GIF of at most 5 MiB with one code in it
	Presentation string `json:"presentation,omitempty"`
	Nonce        string `json:"nonce,omitempty"` // of the challenge that the presentation answers
	Purpose      string `json:"purpose"`         // as registered for the caller
	// Fields are what is wanted of the certificate behind a code. What the holder does not show she is
	// asked for, and Verify waits for her answer.
	Fields        []string `json:"fields,omitempty"`
	ClerkCompared bool     `json:"clerk_compared,omitempty"` // the person with the portrait
	Receipt       bool     `json:"receipt,omitempty"`        // the answer is to bring the signed receipt
	// Key is the Idempotency-Key. Default: a random one for each call, kept over its tries. Give your own to
	// repeat a call of yours within 60 s.
	Key string `json:"-"`
	// Asked is told, once, when the holder is being asked.
	Asked func(Pending) `json:"-"`
}

// Facts are claims to compare with a certificate that nobody shows: Identifier or Holder, and Type.
type Facts struct {
	Identifier string
	Holder     schemas.HolderRef // its name is not used
	Type       string
	Claims     map[string]any // 1 to 32
	Purpose    string
	Receipt    bool
	Key        string
}

// Pending is a check whose holder is being asked for more than she showed.
type Pending struct {
	ID      string    `json:"id"`
	Expires time.Time `json:"expires_at"`
	Asked   []string  `json:"asked"`
}

// Answer is the deployment's answer to a check (docs/formats.md §8.2). Only verifier.Valid is a yes.
type Answer struct {
	verifier.Result
	ID      string          `json:"id"`
	Purpose string          `json:"purpose"`
	Reasons []Reason        `json:"reasons"`
	Live    map[string]any  `json:"live"` // what changes daily, looked up now
	LiveAt  *time.Time      `json:"live_at"`
	Matches map[string]bool `json:"matches"` // of facts
	// Portrait says that [Client.Portrait] answers for five minutes.
	Portrait bool              `json:"portrait"`
	Consent  *verifier.Consent `json:"consent"` // when the holder was asked
	Receipt  string            `json:"receipt"`
	Openings *receipt.Openings `json:"openings"`
}

// Reason is why an answer is not a yes, in words.
type Reason struct {
	Code  string       `json:"code"`
	Title schemas.Text `json:"title"`
	Next  schemas.Text `json:"next"`
}

// Verify checks a code, a picture of one, or a presentation.
func (c *Client) Verify(ctx context.Context, r Request) (*Answer, error) {
	return c.check(ctx, r, r.Key, r.Asked)
}

// CheckFacts compares facts with a certificate: a yes or no for each, and nothing disclosed.
func (c *Client) CheckFacts(ctx context.Context, f Facts) (*Answer, error) {
	facts := map[string]any{"type": f.Type, "claims": f.Claims}
	if f.Identifier != "" {
		facts["identifier"] = f.Identifier
	} else {
		facts["holder"] = map[string]string{"type": f.Holder.Type, "number": f.Holder.Number}
	}
	return c.check(ctx, map[string]any{"facts": facts, "purpose": f.Purpose, "receipt": f.Receipt}, f.Key, nil)
}

func (c *Client) check(ctx context.Context, body any, key string, asked func(Pending)) (*Answer, error) {
	if key == "" {
		key = rand.Text()
	}
	res, err := c.call(ctx, http.MethodPost, "/v1/verifications", key, body)
	for told := false; err == nil && res.status == http.StatusAccepted; told = true {
		var p Pending
		if err := res.json(&p); err != nil {
			return nil, err
		}
		if p.ID == "" || p.Expires.IsZero() {
			return nil, malformed(res.status, "a check that waits, without its id or end")
		}
		if asked != nil && !told {
			asked(p)
		}
		// She is told apart from a server that says so for ever: after her time an answer comes, or none does.
		began := c.cfg.Now()
		if began.After(p.Expires.Add(time.Minute)) {
			return nil, &Problem{Status: res.status, Code: "timed-out", Detail: "the holder was asked, and no answer came"}
		}
		res, err = c.call(ctx, http.MethodGet, fmt.Sprintf("/v1/verifications/%s?wait=%d", url.PathEscape(p.ID), askFor/time.Second), "", nil)
		if err == nil && res.status == http.StatusAccepted && c.cfg.Now().Sub(began) < time.Second {
			err = c.cfg.Wait(ctx, time.Second)
		}
	}
	if err != nil {
		return nil, err
	}
	return res.answer()
}

// Person says, after a check, whether the person in front is the one of the certificate: within five
// minutes, once, and the same word again is the same answer. Not the same makes the check invalid.
func (c *Client) Person(ctx context.Context, id string, same bool) (*Answer, error) {
	res, err := c.call(ctx, http.MethodPost, "/v1/verifications/"+url.PathEscape(id)+"/person", rand.Text(), map[string]bool{"same": same})
	if err != nil {
		return nil, err
	}
	return res.answer()
}

// answer reads the answer to a check.
func (r *response) answer() (*Answer, error) {
	a := &Answer{}
	if err := r.json(a); err != nil {
		return nil, err
	}
	if a.ID == "" || !slices.Contains([]verifier.Outcome{verifier.Valid, verifier.Invalid, verifier.Indeterminate}, a.Outcome) {
		return nil, malformed(r.status, "an answer without an outcome")
	}
	a.Result.Reasons = make([]string, len(a.Reasons))
	for i, r := range a.Reasons {
		a.Result.Reasons[i] = r.Code
	}
	return a, nil
}

// Challenge is a nonce for a presentation that the caller takes itself, or for a code of its own that a
// device is to answer. It is good for five minutes, and once.
type Challenge struct {
	Nonce    string    `json:"nonce"`
	Audience string    `json:"aud"` // what the proof must name: the relying party's id
	Expires  time.Time `json:"expires_at"`
}

// Challenge gets one.
func (c *Client) Challenge(ctx context.Context) (Challenge, error) {
	var out Challenge
	// Asked again, it is another: nothing is lost by the first.
	return out, c.read(ctx, http.MethodPost, "/v1/verifications/challenges", &out)
}

// Receipt gets the signed receipt of a check, and the salts of its digests. Package receipt checks it.
func (c *Client) Receipt(ctx context.Context, id string) (signed string, openings receipt.Openings, err error) {
	var out struct {
		Receipt  string           `json:"receipt"`
		Openings receipt.Openings `json:"openings"`
	}
	err = c.read(ctx, http.MethodGet, "/v1/verifications/"+url.PathEscape(id)+"/receipt", &out)
	return out.Receipt, out.Openings, err
}

// Portrait gets the holder's portrait, for five minutes after a check whose answer said that there is one,
// with the salt of the digest in its claims.
func (c *Client) Portrait(ctx context.Context, id string) (image []byte, mediaType string, salt []byte, err error) {
	res, err := c.call(ctx, http.MethodGet, "/v1/verifications/"+url.PathEscape(id)+"/portrait", "", nil)
	if err != nil {
		return nil, "", nil, err
	}
	if salt, err = res.salt(); err != nil {
		return nil, "", nil, err
	}
	return res.body, res.header.Get("Content-Type"), salt, nil
}

func (c *Client) read(ctx context.Context, method, path string, out any) error {
	res, err := c.call(ctx, method, path, "", nil)
	if err != nil {
		return err
	}
	return res.json(out)
}
