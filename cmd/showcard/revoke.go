package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/showcard/showcard/schemas"
)

type revokeCommand struct {
	Identifier string `arg:"" optional:"" help:"Identifier of the certificate (1.2.156.3005.2.…)."`
	connection
	Kind      string `placeholder:"KIND" help:"End it: withdrawn 撤销 (should never have been issued), cancelled 注销 (given up, or the holder died), lapsed 失效 (lost, out of force), transferred 办理转出, revoked 吊销 (taken away as a penalty)."`
	Suspend   bool   `help:"Suspend it (暂扣). It can be reinstated."`
	Reinstate bool   `help:"Give a suspended certificate back (暂扣发还)."`
	Reason    string `placeholder:"TEXT" help:"Why, for the file. Never public."`
	File      string `placeholder:"FILE" help:"Do it to every identifier of a file instead: one a line, or NDJSON with \"identifier\" (and, if it differs, \"kind\" and \"reason\"), as push writes it. - reads standard input."`
	JSON      bool   `name:"json" help:"Print one line of JSON for each certificate."`
}

// Help is what --help prints below the flags.
func (revokeCommand) Help() string {
	return `A change is durable when it is answered, and every checker of the deployment sees it within a second. An ending is for
good; only a suspension can be taken back. Doing the same again changes nothing.

Exit status: 0 all was done, 1 something was refused, 2 wrong use.

Examples:
  showcard revoke 1.2.156.3005.2.… --kind revoked --reason "decision 2026-17" --client hunan-police
  showcard revoke 1.2.156.3005.2.… --suspend --reason "licence seized" --server … --client … --key …
  showcard revoke 1.2.156.3005.2.… --reinstate --reason "returned"
  showcard revoke --file moved-away.ndjson --kind transferred --reason "list of March" --json > report.ndjson`
}

// change is one certificate to change.
type change struct {
	Identifier string `json:"identifier"`
	Kind       string `json:"kind"`
	Reason     string `json:"reason"`
}

// changed is the report of one change.
type changed struct {
	Line       int64  `json:"line,omitempty"`
	Identifier string `json:"identifier"`
	Action     string `json:"action,omitempty"` // the kind, or suspend, or reinstate
	OK         bool   `json:"ok"`
	Code       string `json:"code,omitempty"`
	Detail     string `json:"detail,omitempty"`
}

// Run changes states.
func (r revokeCommand) Run(e *env) error {
	if (r.Identifier == "") == (r.File == "") {
		return fmt.Errorf("%w: give an identifier or --file", errConfig)
	}
	asked := 0
	for _, yes := range []bool{r.Kind != "", r.Suspend, r.Reinstate} {
		if yes {
			asked++
		}
	}
	if asked > 1 || asked == 0 && r.File == "" {
		return fmt.Errorf("%w: say what to do: one of --kind, --suspend and --reinstate", errConfig)
	}
	if r.Kind != "" && (doneWords()[r.Kind] == "" || r.Kind == "suspend" || r.Kind == "reinstate") {
		return fmt.Errorf("%w: --kind: withdrawn, cancelled, lapsed, transferred or revoked", errConfig)
	}
	c, err := r.resolve("issue")
	if err != nil {
		return err
	}
	if r.File == "" {
		done, err := r.one(e.ctx, c, change{Identifier: r.Identifier})
		if err != nil {
			return err
		}
		return r.tell(e, done)
	}
	return r.many(e, c)
}

// one makes one change.
func (r revokeCommand) one(ctx context.Context, c *client, ch change) (changed, error) {
	out := changed{Identifier: ch.Identifier}
	if _, err := schemas.ParseIdentifier(ch.Identifier); err != nil {
		return out, err
	}
	reason := r.Reason
	if ch.Reason != "" {
		reason = ch.Reason
	}
	kind := r.Kind
	if ch.Kind != "" && !r.Suspend && !r.Reinstate {
		kind = ch.Kind
	}
	type body struct {
		Kind   string `json:"kind,omitempty"`
		Reason string `json:"reason,omitempty"`
	}
	verb, in := "revoke", body{Kind: kind, Reason: reason}
	switch out.Action = kind; {
	case r.Suspend:
		verb, out.Action, in.Kind = "suspend", "suspend", ""
	case r.Reinstate:
		verb, out.Action, in.Kind = "reinstate", "reinstate", ""
	case kind == "":
		return out, &coded{code: schemas.CodeFieldMissing, err: errors.New("no kind, neither on the line nor as --kind")}
	}
	path := "/v1/certificates/" + url.PathEscape(ch.Identifier) + "/" + verb
	err := c.call(ctx, http.MethodPost, path, in, rand.Text(), nil)
	out.OK = err == nil
	return out, err
}

// many goes through a file. What cannot be done is reported and does not stop the rest, unless
// the server is gone or will not have us at all.
func (r revokeCommand) many(e *env, c *client) error {
	var in io.Reader = e.stdin
	if r.File != "-" {
		f, err := os.Open(r.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxResultLine)
	var line, done, failed int64
	for s.Scan() {
		line++
		text := strings.TrimSpace(strings.TrimPrefix(s.Text(), "\ufeff"))
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		ch, err := readChange(text)
		out := changed{Identifier: ch.Identifier}
		if err == nil {
			out, err = r.one(e.ctx, c, ch)
		}
		out.Line = line
		if err != nil {
			if stopsAll(err) || e.ctx.Err() != nil {
				fmt.Fprintf(e.stderr, "停在第 %d 行，此前完成 %d 行。 Stopped at line %d, %d done before it. The same command again is safe.\n", line, done, line, done)
				return err
			}
			failed++
			out.Code, out.Detail = codeOf(err), err.Error()
		} else {
			done++
		}
		if err := r.tell(e, out); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s: line %d: %w", r.File, line+1, err)
	}
	fmt.Fprintf(e.stderr, "完成 %d，失败 %d。 %d done, %d failed.\n", done, failed, done, failed)
	if failed > 0 {
		return errSilent
	}
	return nil
}

// stopsAll says that the next line would fail the same way.
func stopsAll(err error) bool {
	code := codeOf(err)
	if strings.HasPrefix(code, "assertion-") || strings.HasPrefix(code, "client-") { // who we are, not what we ask
		return true
	}
	switch code {
	case "server-unreachable", "server-answer-malformed", "scope-not-granted", "unauthenticated", "token-invalid",
		"registry-stale", "forbidden-role", "forbidden-scope", "overloaded", "rate-limited", "internal":
		return true
	}
	return errors.Is(err, context.Canceled)
}

func readChange(text string) (change, error) {
	if !strings.HasPrefix(text, "{") {
		return change{Identifier: text}, nil
	}
	var ch change
	if err := json.Unmarshal([]byte(text), &ch); err != nil || !utf8.ValidString(text) {
		return change{}, &coded{code: "push-line-broken", err: errors.New("not one JSON object")}
	}
	if ch.Identifier == "" {
		return ch, &coded{code: schemas.CodeFieldMissing, err: errors.New("the line has no identifier")}
	}
	return ch, nil
}

// doneWords say that an action was done.
func doneWords() map[string]string {
	return map[string]string{
		"withdrawn": "已撤销 withdrawn", "cancelled": "已注销 cancelled", "lapsed": "已失效 lapsed", "transferred": "已转出 transferred",
		"revoked": "已吊销 revoked", "suspend": "已暂扣 suspended", "reinstate": "已发还 reinstated",
	}
}

func (r revokeCommand) tell(e *env, c changed) error {
	if r.JSON {
		return json.NewEncoder(e.stdout).Encode(c)
	}
	if c.OK {
		_, err := fmt.Fprintf(e.stdout, "%s  %s\n", c.Identifier, doneWords()[c.Action])
		return err
	}
	all, err := loadSentences()
	if err != nil {
		return err
	}
	entry := all[c.Code]
	_, err = fmt.Fprintf(e.stdout, "%s  失败 failed (line %d): %s %s [%s]\n", c.Identifier, c.Line, entry.Title.ZH, entry.Title.EN, c.Detail)
	return err
}
