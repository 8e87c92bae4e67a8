package conformance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/qr"
)

// verificationChecks are about POST /v1/verifications.
var verificationChecks = []Check{
	{ID: "request-strict", Clause: "docs/formats.md §8.1, §1", What: "JSON that is cut off, has a name twice or one that is not known is refused", Party: true, needs: []string{"token"}, run: requestStrict},
	{ID: "purpose-missing", Clause: "docs/formats.md §8.1", What: "no purpose", Party: true, needs: []string{"token"}, run: purposeMissing},
	{ID: "input-one", Clause: "docs/formats.md §8.1", What: "exactly one of code, image, presentation, facts", Party: true, needs: []string{"token"}, run: inputOne},
	{ID: "code-faults", Clause: "docs/formats.md §3.3", What: "each fault of a code has its code", Party: true, needs: []string{"token", "trust-list-whole"}, run: codeFaults},
	{ID: "code-unknown", Clause: "docs/formats.md §8.3", What: "a ticket that nobody made is invalid, one of another domain indeterminate", Party: true, needs: []string{"token", "trust-list-whole"}, run: codeUnknown},
	{ID: "challenge", Clause: "docs/formats.md §8.1", What: "challenges: fresh, for this party, five minutes", Party: true, needs: []string{"token"}, run: challenge},
	{ID: "challenge-once", Clause: "docs/formats.md §8.1, §8.3", What: "a challenge counts once, also when what came with it was refused; one that was not made never", Party: true, needs: []string{"challenge"}, run: challengeOnce},
	{ID: "presentation-faults", Clause: "docs/formats.md §1, §2, §8.3; testdata/vectors", What: "each kind of fault of a presentation that needs no key has its code; one by a stranger is untrusted", Party: true, needs: []string{"challenge"}, run: presentationFaults},
	{ID: "idempotency-key", Clause: "docs/formats.md §8.1", What: "a malformed Idempotency-Key", Party: true, needs: []string{"token"}, run: idempotencyKey},
	{ID: "facts-unknown", Clause: "docs/formats.md §8.1, §8.3", What: "facts about a certificate that does not exist are invalid", Party: true, needs: []string{"token"}, run: factsUnknown},
	{ID: "idempotency", Clause: "docs/formats.md §8.1", What: "the same key and request get the same answer, another request is refused", Party: true, needs: []string{"facts-unknown"}, run: idempotency},
}

// post asks for a check.
func (t *Tester) post(ctx context.Context, path, body string, header ...string) (answer, error) {
	q := ask{http.MethodPost, path, map[string]string{"Content-Type": "application/json", "Authorization": t.authorization()}, []byte(body)}
	for i := 0; i+1 < len(header); i += 2 {
		q.header[header[i]] = header[i+1]
	}
	return t.do(ctx, q)
}

const verifications = "/v1/verifications"

func (t *Tester) verify(ctx context.Context, body object, header ...string) (answer, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	return t.post(ctx, verifications, string(data), header...)
}

// purpose is one for requests that are refused before it is looked at.
func (t *Tester) purpose() string {
	if t.cfg.Purpose == "" {
		return "conformance"
	}
	return t.cfg.Purpose
}

// judged checks that there was an answer with that outcome, for that reason.
func judged(a answer, outcome, reason string) error {
	if a.status != http.StatusOK {
		return fmt.Errorf("%s: HTTP %d, want 200 with %s", a.what, a.status, reason)
	}
	var v struct {
		Outcome string
		Reasons []struct {
			Code        string
			Title, Next struct{ ZH, EN string }
		}
		Claims map[string]any
	}
	if err := a.into(&v); err != nil {
		return err
	}
	var codes []string
	for _, r := range v.Reasons {
		if codes = append(codes, r.Code); r.Title.ZH == "" || r.Next.EN == "" {
			return fmt.Errorf("%s: reason %s without its sentences", a.what, r.Code)
		}
	}
	if v.Outcome != outcome || !slices.Contains(codes, reason) {
		return fmt.Errorf("%s: outcome %s for %q, want %s for %s", a.what, v.Outcome, codes, outcome, reason)
	}
	if len(v.Claims) > 0 {
		return fmt.Errorf("%s: claims in an answer that is not valid", a.what)
	}
	return nil
}

func requestStrict(ctx context.Context, t *Tester) error {
	for _, c := range []struct {
		body, code string
		status     int
	}{
		{`{"purpose":`, "body-malformed", 400},
		{`{"purpose":"a","purpose":"a","code":"x"}`, "field-duplicate", 400},
		{`{"purpose":"a","code":"x","no-such-member":1}`, "field-unknown", 422},
		{`{"purpose":"a","code":"x"} {}`, "body-trailing-data", 400},
		{`{"purpose":"` + "\xff" + `","code":"x"}`, "body-not-utf8", 400},
	} {
		a, err := t.post(ctx, verifications, c.body)
		if err != nil {
			return err
		}
		if err := t.problem(a, c.status, c.code); err != nil {
			return err
		}
	}
	return nil
}

func purposeMissing(ctx context.Context, t *Tester) error {
	a, err := t.verify(ctx, object{"code": "SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47"})
	if err != nil {
		return err
	}
	return t.problem(a, http.StatusUnprocessableEntity, "purpose-missing")
}

func inputOne(ctx context.Context, t *Tester) error {
	a, err := t.verify(ctx, object{"code": "SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47", "presentation": "a.b.c~", "nonce": "x", "purpose": t.purpose()})
	if err != nil {
		return err
	}
	if err := t.problem(a, http.StatusUnprocessableEntity, "input-ambiguous"); err != nil {
		return err
	}
	if a, err = t.verify(ctx, object{"purpose": t.purpose()}); err != nil {
		return err
	}
	return t.problem(a, http.StatusUnprocessableEntity, "input-ambiguous", "input-missing")
}

// ticket is one that nobody made.
func ticket(domain string) (string, error) {
	var bits [16]byte
	_, _ = rand.Read(bits[:])
	return qr.FormatTicket(domain, bits)
}

func codeFaults(ctx context.Context, t *Tester) error {
	good, err := ticket(t.own.Code)
	if err != nil {
		return err
	}
	last := "A"
	if strings.HasSuffix(good, last) {
		last = "B"
	}
	for _, c := range []struct{ code, want string }{
		{"HTTPS://EXAMPLE.COM/MENU", "code-not-ours"}, {good[:20], "code-truncated"}, {good + "AA", "code-too-long"}, {good + good, "code-too-long"},
		{good[:20] + "!" + good[21:], "code-alphabet"}, {good[:33] + last, "code-check-character"},
	} {
		a, err := t.verify(ctx, object{"code": c.code, "purpose": t.purpose()})
		if err != nil {
			return err
		}
		if err := t.problem(a, http.StatusUnprocessableEntity, c.want); err != nil {
			return err
		}
	}
	return nil
}

func codeUnknown(ctx context.Context, t *Tester) error {
	other := "ZZZZ"
	if t.own.Code == other {
		other = "YYYY"
	}
	for _, c := range []struct{ domain, outcome, reason string }{{t.own.Code, "invalid", "code-unknown"}, {other, "indeterminate", "code-other-domain"}} {
		code, err := ticket(c.domain)
		if err != nil {
			return err
		}
		a, err := t.verify(ctx, object{"code": code, "purpose": t.purpose()})
		if err != nil {
			return err
		}
		if err := judged(a, c.outcome, c.reason); err != nil {
			return err
		}
	}
	return nil
}

// challenged asks for a challenge.
func (t *Tester) challenged(ctx context.Context) (nonce, audience string, expires time.Time, err error) {
	a, err := t.post(ctx, verifications+"/challenges", "")
	if err != nil {
		return "", "", time.Time{}, err
	}
	var c struct {
		Nonce   string    `json:"nonce"`
		Aud     string    `json:"aud"`
		Expires time.Time `json:"expires_at"`
	}
	if a.status != http.StatusOK {
		return "", "", time.Time{}, fmt.Errorf("%s: HTTP %d, want 200", a.what, a.status)
	}
	err = a.into(&c)
	return c.Nonce, c.Aud, c.Expires, err
}
