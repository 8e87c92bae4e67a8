package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/showcard/showcard/schemas"
)

type revokeCommand struct {
	Identifier string `arg:"" optional:"" help:"Identifier of the certificate (1.2.156.3005.2.…)."`
	connection
	Kind      string `placeholder:"KIND" help:"End it: withdrawn 撤销 (should never have been issued), cancelled 注销 (given up, or the holder died), lapsed 失效 (lost, out of force), transferred 办理转出, revoked 吊销 (taken away as a penalty)."`
	Suspend   bool   `help:"Suspend it (暂扣). It can be reinstated."`
	Reinstate bool   `help:"Give a suspended certificate back (暂扣发还)."`
	Reason    string `placeholder:"TEXT" help:"Why, for the file. Never public."`
	File      string `placeholder:"FILE" help:"Do it to every identifier of a file instead, any number of them: one a line, or NDJSON with \"identifier\" (and, if it differs, \"change\" and \"reason\"), as push writes it. - reads standard input."`
	Job       string `placeholder:"ID" help:"With --file: name of the push, to go on with one that was stopped. Default: a new one."`
	Rejects   string `placeholder:"FILE" help:"With --file: where lines go that were refused, as they came, to be mended and given again."`
	Retries   int    `default:"12" help:"With --file: how often to go on after the connection or the server was lost."`
	Quiet     bool   `short:"q" help:"Print no progress."`
	JSON      bool   `name:"json" help:"Print one line of JSON for each certificate."`
}

// Help is what --help prints below the flags.
func (revokeCommand) Help() string {
	return `A change is durable when it is answered, and every checker of the deployment sees it within a second. An ending is for
good; only a suspension can be taken back. Doing the same again changes nothing.

A file goes as one push, like certificates: any length, and it goes on by itself after a lost connection. Its lines are
identifiers, or {"identifier":"…","change":"revoked","reason":"…"}, with "change" one of suspend, reinstate and the kinds.
Such a line may have "key", your own unique key of the change: under it the change is made once, however often it is sent.

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
	Change     string `json:"change"`
	Key        string `json:"key"`
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
