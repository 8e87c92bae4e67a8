package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

type pushCommand struct {
	File string `arg:"" help:"NDJSON file, one certificate a line; it may be packed with gzip. - reads standard input."`
	connection
	Job     string `placeholder:"ID" help:"Name of the push, of A-Z a-z 0-9 . _ -. Default: derived from client and content, so that the same file is the same push."`
	Issuer  string `placeholder:"ID" help:"Issuing authority, for a client that acts for several. Default: the one that the first row names."`
	Replace bool   `help:"The rows are next versions of certificates: each names in \"replaces\" the identifier of the one that it replaces, which ends with it."`
	Import  bool   `help:"Take over existing certificates: oddities that genuine old ones are known to have become warnings. Needs the scope import."`
	Report  string `placeholder:"FILE" help:"Where the result of every row goes. Default NAME.results.ndjson beside NAME.ndjson."`
	Rejects string `aliases:"refused" placeholder:"FILE" help:"Where refused rows go as they came, to be mended and pushed again; what is wrong with each goes to FILE with .report before its end. Default NAME.rejected.ndjson beside NAME.ndjson."`
	Retries int    `default:"12" help:"How often to take the upload up again after the connection or the server was lost."`
	Quiet   bool   `short:"q" help:"Print no progress."`
	JSON    bool   `name:"json" help:"Print the summary as JSON."`
}

// Help is what --help prints below the flags.
func (pushCommand) Help() string {
	return `Each line of the file is one certificate:

  {"key":"A-1","type":"resident-id","holder":{"type":"111","number":"…","name":"…"},"region":"430102",
   "issued_on":"2026-01-05","valid_from":"2026-01-05","valid_until":"2046-01-05","claims":{…}}

"key" is your own unique key of that certificate. It makes pushing safe to repeat: rows that were taken before are
answered as before. A bad row never stops the good ones. When the connection breaks or the server restarts, the upload
goes on by itself from the last row that was answered; after Ctrl-C, give the same command again.

Results of NAME.ndjson go to NAME.results.ndjson, in the order of the rows: "identifier" for a certificate that stands,
"code" and "pointer" for a row that was refused. Refused rows go to NAME.rejected.ndjson, and line by line beside it, to
NAME.rejected.report.ndjson, what is wrong with each: row, key, code, pointer, and a sentence in Chinese and English. Mend
the rejected file and push it; or mend the rows where you have them and push the whole file, as the same or another job.

Exit status: 0 every row stands, 1 some were refused or the push did not end, 2 wrong use.

Examples:
  showcard push certificates.ndjson --data ./showcard-data --client hunan-police
  showcard push renewed.ndjson --replace --rejects bad.ndjson
  showcard push certificates.ndjson.gz --server https://cards.example.gov.cn --client police-1 --key police.jwk
  export-certificates | showcard push - --server … --client … --key … --report today.results.ndjson --json`
}

// job is the answer of GET /v1/pushes/{job}.
type job struct {
	ID       string `json:"job"`
	Kind     string `json:"kind"`
	Content  string `json:"content"`
	State    string `json:"state"` // running, interrupted, done
	Rows     int64  `json:"rows"`
	Accepted int64  `json:"accepted"`
	Rejected int64  `json:"rejected"`
}

// summary is what the command prints with --json.
type summary struct {
	Job      string           `json:"job"`
	Rows     int64            `json:"rows"`
	Accepted int64            `json:"accepted"`
	Rejected int64            `json:"rejected"`
	Codes    map[string]int64 `json:"codes,omitempty"` // of refused rows
	Report   string           `json:"report"`
	Rejects  string           `json:"rejected_rows,omitempty"`
	Why      string           `json:"rejected_report,omitempty"`
	Seconds  float64          `json:"seconds"`
}

// push is one run of the command.
type push struct {
	*pushCommand
	e        *env
	client   *client
	source   *source
	progress *progress
	job      string
	kind     string // of the rows
	anew     bool   // the server would not let the upload go on
}

// Kinds of rows, as the server calls them.
const (
	kindCertificates = "certificates"
	kindReplacements = "replacements"
	kindStates       = "states"
)

// Run pushes.
func (p pushCommand) Run(e *env) error {
	if p.Job != "" && !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`).MatchString(p.Job) {
		return &coded{code: "push-job-id-invalid", err: errors.New("--job")}
	}
	c, err := p.resolve("issue")
	if err != nil {
		return err
	}
	return p.as(e, c)
}

// as pushes as a client.
func (p pushCommand) as(e *env, c *client) error {
	s, err := openSource(p.File, e.stdin)
	if err != nil {
		return err
	}
	defer s.close()
	run := &push{pushCommand: &p, e: e, client: c, source: s, progress: newProgress(e.stderr, p.Quiet, c.now), job: p.Job, kind: kindCertificates}
	if p.Replace {
		run.kind = kindReplacements
	}
	if run.job == "" {
		run.job = s.job(c.id + "\x00" + run.kind)
	}
	if p.Report == "" {
		p.Report = run.beside("results")
	}
	if p.Rejects == "" {
		p.Rejects = run.beside("rejected")
	}
	if p.File != "-" && filepath.Clean(p.Rejects) == filepath.Clean(p.File) {
		return fmt.Errorf("%w: --rejects: the file that is pushed stays as it is; name another", errConfig)
	}
	run.sayWhenInterrupted()
	done, err := run.whole(e.ctx)
	run.progress.end()
	if e.ctx.Err() != nil {
		run.howToResume()
		return errSilent
	}
	if err != nil {
		return err
	}
	return run.conclude(done)
}

func (p *push) sayWhenInterrupted() {
	p.client.notify = func(wait time.Duration, err error) {
		p.progress.say("连接中断，%[1]s 后重试。 Interrupted; trying again in %[1]s. [%[2]v]", wait.Round(100*time.Millisecond), err)
	}
}

// beside names a file beside the pushed one.
func (p *push) beside(what string) string {
	if p.source.spooled {
		return p.job + "." + what + ".ndjson"
	}
	name := strings.TrimSuffix(p.File, ".gz")
	return strings.TrimSuffix(name, ".ndjson") + "." + what + ".ndjson"
}

func (p *push) path() string { return "/v1/pushes/" + url.PathEscape(p.job) }

func (p *push) query(from int64) string {
	q := url.Values{"content": {p.source.digest}}
	if p.kind != kindCertificates {
		q.Set("kind", p.kind)
	}
	if from > 1 {
		q.Set("from", strconv.FormatInt(from, 10))
	}
	if p.Issuer != "" {
		q.Set("issuer", p.Issuer)
	}
	if p.Import {
		q.Set("mode", "import")
	}
	return "?" + q.Encode()
}

// whole uploads until the server has everything, then fetches the results.
func (p *push) whole(ctx context.Context) (summary, error) {
	began := p.client.now()
	end, err := p.deliver(ctx)
	if err != nil {
		return summary{}, err
	}
	out, err := p.report(ctx, end)
	out.Job, out.Seconds = p.job, p.client.now().Sub(began).Seconds()
	return out, err
}

// deliver uploads until the server has everything.
func (p *push) deliver(ctx context.Context) (job, error) {
	p.progress.set(func(c *counts) { c.Total = p.source.rows })
	p.progress.say("推送 %d 行，任务 %s。 Pushing %d rows as job %s.", p.source.rows, p.job, p.source.rows, p.job)
	var end job
	err := p.client.retry(ctx, p.Retries+maxConflicts+1, p.takeUp(), func() (err error) {
		if err = p.upload(ctx); err == nil {
			end, err = p.state(ctx)
		}
		if err == nil && end.State != "done" {
			err = &coded{code: "push-incomplete", err: fmt.Errorf("the job is %s after %d rows", end.State, end.Rows)}
		}
		return err
	})
	if err == nil {
		p.progress.set(func(c *counts) { c.Sent, c.Accepted, c.Rejected = end.Rows, end.Accepted, end.Rejected })
	}
	return end, err
}

// goOn asks how far an upload of the same content has come, and says with which row to go on. That
// is the last one answered, not the one behind it: it may have been cut in half.
func (p *push) goOn(ctx context.Context) (int64, error) {
	if p.anew {
		return 1, nil
	}
	j, err := p.ask(ctx)
	switch {
	case codeOf(err) == "push-job-unknown":
		return 1, nil
	case err != nil:
		return 1, err
	case j.State != "interrupted" || j.Kind != p.kind || j.Content != p.source.digest || j.Rows < 2:
		return 1, nil
	}
	p.progress.say("接着上次，从第 %[1]d 行上传。 Going on from row %[1]d.", j.Rows)
	return j.Rows, nil
}

// A server that was killed keeps its hold of the job for up to two minutes. Until it lets go,
// another upload is a conflict, which costs little to ask about.
const (
	maxConflicts  = 40
	conflictPause = 5 * time.Second
)

// takeUp says whether an upload is worth starting again, and counts.
func (p *push) takeUp() func(error) bool {
	failures, conflicts := 0, 0
	return func(err error) bool {
		if errors.Is(err, errFileChanged) {
			return false
		}
		code := codeOf(err)
		if code == "push-job-conflict" {
			var a *answerError
			if conflicts++; errors.As(err, &a) && a.RetryAfter == 0 {
				a.RetryAfter = conflictPause
			}
			return conflicts <= maxConflicts
		}
		if code == "push-resume-refused" && !p.anew {
			p.anew = true
			return true
		}
		if failures++; failures > p.Retries {
			return false
		}
		return passing(err) || slices.Contains([]string{"push-incomplete", "body-incomplete", "body-too-slow", "timed-out", "token-expired", "token-invalid", "internal"}, code)
	}
}

// upload sends the file once, from where the server has it, and asks meanwhile how far the server is.
func (p *push) upload(ctx context.Context) error {
	from, err := p.goOn(ctx)
	if err != nil {
		return err
	}
	p.progress.set(func(c *counts) { c.Sent = from - 1 })
	var body io.ReadCloser
	watch, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { p.watch(watch) })
	defer group.Wait()
	defer stop()
	resp, err := p.client.once(ctx, request{
		method: http.MethodPut, path: p.path() + p.query(from),
		header: http.Header{"Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"gzip"}, "Expect": {"100-continue"}},
		body: func() (_ io.Reader, err error) {
			body, err = p.source.upload(from, func(rows int64) { p.progress.set(func(c *counts) { c.Sent = rows }) })
			return body, err
		},
	})
	if body != nil {
		_ = body.Close() // ends the reading of the file when the server answered early
	}
	if err != nil {
		if code := codeOf(err); code == "token-expired" || code == "token-invalid" {
			p.client.forget()
		}
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return errors.Join(err, resp.Body.Close())
}

const watchEvery = time.Second

func (p *push) watch(ctx context.Context) {
	if p.Quiet {
		return
	}
	for p.client.wait(ctx, watchEvery) == nil {
		if now, err := p.ask(ctx); err == nil { // the upload itself finds out what is wrong
			p.progress.set(func(c *counts) { c.Accepted, c.Rejected = now.Accepted, now.Rejected })
		}
	}
}

func (p *push) ask(ctx context.Context) (job, error) {
	var j job
	resp, err := p.client.once(ctx, request{method: http.MethodGet, path: p.path()})
	if err != nil {
		return j, err
	}
	defer resp.Body.Close()
	return j, readJSON(resp, &j)
}

func (p *push) state(ctx context.Context) (job, error) {
	var j job
	err := p.client.call(ctx, http.MethodGet, p.path(), nil, "", &j)
	return j, err
}

// howToResume tells, after Ctrl-C, what stands and how to go on.
func (p *push) howToResume() {
	fmt.Fprintln(p.e.stderr, "已停止。已受理的行仍然有效。 Stopped. Rows that were taken stay taken.")
	if p.source.spooled {
		fmt.Fprintf(p.e.stderr, "继续 To go on: push the same input again with --job %s\n", p.job)
		return
	}
	args := []string{"showcard", "push", p.File}
	for _, f := range []struct{ name, value string }{
		{"--data", p.Data}, {"--server", p.Server}, {"--client", p.Client}, {"--key", p.Key}, {"--ca", p.CA}, {"--job", p.Job},
		{"--issuer", p.Issuer},
	} {
		if f.value != "" {
			args = append(args, f.name, f.value)
		}
	}
	if p.Import {
		args = append(args, "--import")
	}
	if p.Replace {
		args = append(args, "--replace")
	}
	for i, a := range args {
		args[i] = quote(a)
	}
	fmt.Fprintln(p.e.stderr, "继续 To go on:", strings.Join(args, " "))
}

// quote makes a word safe to paste into a shell.
func quote(word string) string {
	if word != "" && regexp.MustCompile(`^[A-Za-z0-9_./:=@%+-]+$`).MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
