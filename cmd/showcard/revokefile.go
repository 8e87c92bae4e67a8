package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// many pushes a file of changes of state. What cannot be done is reported and does not stop the rest.
func (r revokeCommand) many(e *env, c *client) error {
	list, err := openSource(r.File, e.stdin)
	if err != nil {
		return err
	}
	defer list.close()
	rows, err := r.translate(list)
	if err != nil {
		return err
	}
	defer rows.close()
	p := &push{
		pushCommand: &pushCommand{File: r.File, connection: r.connection, Retries: r.Retries, Quiet: r.Quiet},
		e:           e, client: c, source: rows, kind: kindStates, job: r.Job, progress: newProgress(e.stderr, r.Quiet, c.now),
	}
	if p.job == "" {
		// Not named after the content: the list of today is the list of last month at times, and must not
		// be taken for it.
		p.job = "states-" + strings.ToLower(rand.Text())
	}
	p.sayWhenInterrupted()
	end, err := p.deliver(e.ctx)
	p.progress.end()
	if err != nil {
		fmt.Fprintf(e.stderr, "已停止，已完成的变更仍然有效。 Stopped; what was done stays done. 继续 To go on: the same command with --job %s\n", p.job)
		if e.ctx.Err() != nil {
			return errSilent
		}
		return err
	}
	return r.account(e, p, list, end)
}

// account tells what became of each line of the list.
func (r revokeCommand) account(e *env, p *push, list *source, end job) error {
	in, err := list.open()
	if err != nil {
		return err
	}
	defer in.file.Close()
	asked := newChanges(in)
	var bad *rejects
	var again *lines // for the lines that are to be copied
	if r.Rejects != "" {
		if bad, err = p.newRejects(r.Rejects); err != nil {
			return err
		}
		defer bad.abandon()
		if again, err = list.lines(); err != nil {
			return err
		}
		defer again.close()
	}
	var last, done, failed int64
	take := func(line []byte) error {
		var one rowResult
		if err := json.Unmarshal(line, &one); err != nil || one.Line != last+1 {
			return malformed("result of change %d after that of %d", one.Line, last)
		}
		last = one.Line
		text, err := asked.next()
		if err != nil {
			return errors.Join(errFileChanged, err)
		}
		ch := r.read(text)
		out := changed{Line: asked.line, Identifier: ch.Identifier, Action: r.action(ch), OK: one.Code == "", Code: one.Code, Detail: one.Detail}
		if out.OK {
			done++
		} else {
			failed++
			if bad != nil {
				if err := bad.add(again, asked.line, one); err != nil {
					return err
				}
			}
		}
		return r.tell(e, out)
	}
	err = p.client.retry(e.ctx, p.Retries+1, passing, func() error {
		return p.results(e.ctx, last+1, take, func() bool { return last >= end.Rows })
	})
	if err == nil && bad != nil {
		err = bad.commit()
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "完成 %d，失败 %d。 %d done, %d failed.\n", done, failed, done, failed)
	if failed > 0 {
		return errSilent
	}
	return nil
}

// changes are the lines of a list that ask for something.
type changes struct {
	in   *bufio.Scanner
	line int64
}

func newChanges(r io.Reader) *changes {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxResultLine)
	return &changes{in: s}
}

// next steps over empty lines and remarks; io.EOF is the end.
func (c *changes) next() (string, error) {
	for c.in.Scan() {
		c.line++
		text := strings.TrimSpace(strings.TrimPrefix(c.in.Text(), "\ufeff"))
		if text != "" && !strings.HasPrefix(text, "#") {
			return text, nil
		}
	}
	if err := c.in.Err(); err != nil {
		return "", fmt.Errorf("line %d: %w", c.line+1, err)
	}
	return "", io.EOF
}

// read reads a line of the list; Change is empty for what is no line of one.
func (r revokeCommand) read(text string) change {
	if !strings.HasPrefix(text, "{") {
		return change{Identifier: text}
	}
	var ch change
	if json.Unmarshal([]byte(text), &ch) != nil {
		return change{}
	}
	if ch.Change == "" {
		ch.Key = "" // results of a push have the key of the certificate's row there, not one of a change
	}
	return ch
}

// action is what a line asks for, or the flags for all that say nothing.
func (r revokeCommand) action(ch change) string {
	switch {
	case r.Suspend:
		return "suspend"
	case r.Reinstate:
		return "reinstate"
	case ch.Change != "":
		return ch.Change
	case ch.Kind != "":
		return ch.Kind
	}
	return r.Kind
}

// translate writes the list as rows of a push, into a file of its own: lines that are none go as they
// are, and are refused by the server like any other bad row.
func (r revokeCommand) translate(list *source) (_ *source, err error) {
	in, err := list.open()
	if err != nil {
		return nil, err
	}
	defer in.file.Close()
	f, err := os.CreateTemp("", "showcard-changes-*.ndjson") // mode 0600: reasons are not for everybody
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	out := bufio.NewWriterSize(f, 256<<10)
	for lines := newChanges(in); ; {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = r.translateLine(out, text)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", list.name, err), f.Close())
		}
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		return nil, err
	}
	s, err := openSource(f.Name(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: there is no identifier in it", list.name)
	}
	s.name, s.spooled = list.name, true
	return s, nil
}

func (r revokeCommand) translateLine(w io.Writer, text string) error {
	ch := r.read(text)
	if strings.HasPrefix(text, "{") && (ch == change{}) || !utf8.ValidString(text) {
		_, err := io.WriteString(w, text+"\n")
		return err
	}
	row := struct {
		Key        string `json:"key,omitempty"`
		Identifier string `json:"identifier,omitempty"`
		Change     string `json:"change,omitempty"`
		Reason     string `json:"reason,omitempty"`
	}{ch.Key, ch.Identifier, r.action(ch), ch.Reason}
	if row.Reason == "" {
		row.Reason = r.Reason
	}
	return json.NewEncoder(w).Encode(row)
}
