package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/showcard/showcard/internal/httpd/problem"
)

// rowResult is one line of GET /v1/pushes/{job}/results: accepted with an identifier, or refused
// with a code.
type rowResult struct {
	Line       int64  `json:"line"` // 1-based
	Key        string `json:"key"`
	Identifier string `json:"identifier"`
	Code       string `json:"code"`
	Pointer    string `json:"pointer"`
	Detail     string `json:"detail"`
}

// rejected is one line of the report on refused rows. It stands on the same line as the row in the
// file of the refused ones.
type rejected struct {
	Row      int64        `json:"row"`  // in the file of the refused ones, from 1
	Line     int64        `json:"line"` // in the file that was pushed
	Key      string       `json:"key,omitempty"`
	Code     string       `json:"code"`
	Pointer  string       `json:"pointer"` // RFC 6901; "" is the whole row
	Sentence problem.Text `json:"sentence"`
	Next     problem.Text `json:"next"`
	Detail   string       `json:"detail,omitempty"`
}

// reportBeside names the report on a file of refused rows.
func reportBeside(file string) string {
	end := filepath.Ext(file)
	return strings.TrimSuffix(file, end) + ".report" + end
}

const (
	maxResultLine = 256 << 10
	maxCodes      = 256 // told apart; a server has fewer
)

// report fetches the results of all rows, in order, into the report, and copies the refused rows
// out of the source. A stream that breaks off is taken up behind the last whole line.
func (p *push) report(ctx context.Context, end job) (summary, error) {
	out := summary{Rows: end.Rows, Report: p.Report, Codes: map[string]int64{}}
	results, err := replace(p.Report)
	if err != nil {
		return out, err
	}
	defer results.abandon()
	bad, err := p.newRejects(p.Rejects)
	if err != nil {
		return out, err
	}
	defer bad.abandon()
	rows, err := p.source.lines()
	if err != nil {
		return out, err
	}
	defer rows.close()

	to := bufio.NewWriterSize(results, 256<<10)
	last := int64(0)
	take := func(line []byte) error {
		var r rowResult
		if err := json.Unmarshal(line, &r); err != nil {
			return malformed("result of a row: %w", err)
		}
		if r.Line <= last || (r.Identifier == "") == (r.Code == "") {
			return malformed("result of row %d after that of row %d", r.Line, last)
		}
		last = r.Line
		if r.Code == "" {
			out.Accepted++
		} else {
			out.Rejected++
			if len(out.Codes) < maxCodes || out.Codes[r.Code] > 0 {
				out.Codes[r.Code]++
			}
			if err := bad.add(rows, r.Line, r); err != nil {
				return fmt.Errorf("refused row %d: %w", r.Line, err)
			}
		}
		_, err := to.Write(append(line, '\n'))
		return err
	}
	err = p.client.retry(ctx, p.Retries+1, passing, func() error {
		return p.results(ctx, last+1, take, func() bool { return last >= end.Rows })
	})
	if err == nil && out.Accepted+out.Rejected != end.Rows {
		err = malformed("%d results for %d rows", out.Accepted+out.Rejected, end.Rows)
	}
	if err == nil {
		err = to.Flush()
	}
	if err != nil {
		return out, err
	}
	if out.Rejected > 0 {
		out.Rejects, out.Why = p.Rejects, reportBeside(p.Rejects)
	}
	if err := bad.commit(); err != nil {
		return out, err
	}
	return out, results.commit()
}

// rejects are the files of refused rows and of what is wrong with them.
type rejects struct {
	path      string
	rows, why *replacing
	to, on    *bufio.Writer
	sentences sentences
	n         int64
}

func (p *push) newRejects(path string) (*rejects, error) {
	all, err := loadSentences()
	if err != nil {
		return nil, err
	}
	rows, err := replace(path)
	if err != nil {
		return nil, err
	}
	why, err := replace(reportBeside(path))
	if err != nil {
		rows.abandon()
		return nil, err
	}
	return &rejects{path: path, rows: rows, why: why, to: bufio.NewWriterSize(rows, 64<<10), on: bufio.NewWriterSize(why, 64<<10), sentences: all}, nil
}

// add copies line number n of the source, which was refused.
func (j *rejects) add(from *lines, n int64, r rowResult) error {
	if err := from.copy(j.to, n); err != nil {
		return err
	}
	j.n++
	s := j.sentences[r.Code]
	line, err := json.Marshal(rejected{Row: j.n, Line: n, Key: r.Key, Code: r.Code, Pointer: r.Pointer, Sentence: s.Title, Next: s.Next, Detail: r.Detail})
	if err == nil {
		_, err = j.on.Write(append(line, '\n'))
	}
	return err
}

// commit puts the files in place. Without refused rows there are none, and those of an earlier push
// would say that rows are still missing.
func (j *rejects) commit() error {
	if err := errors.Join(j.to.Flush(), j.on.Flush()); err != nil {
		return err
	}
	if j.n > 0 {
		return errors.Join(j.rows.commit(), j.why.commit())
	}
	for _, path := range []string{j.path, reportBeside(j.path)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (j *rejects) abandon() {
	j.rows.abandon()
	j.why.abandon()
}

// results reads one stream of results. It must reach the end of the rows: an HTTP/1.0 proxy
// hides that a stream was cut.
func (p *push) results(ctx context.Context, from int64, take func([]byte) error, complete func() bool) error {
	if complete() {
		return nil
	}
	resp, err := p.client.once(ctx, request{method: http.MethodGet, path: fmt.Sprintf("%s/results?from=%d", p.path(), from), header: http.Header{"Accept": {"application/x-ndjson"}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s := bufio.NewScanner(resp.Body)
	s.Buffer(make([]byte, 0, 64<<10), maxResultLine)
	s.Split(wholeLines)
	for s.Scan() {
		if err := take(s.Bytes()); err != nil {
			return err
		}
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return malformed("result of a row: %w", err)
	case err != nil:
		return &coded{code: "server-unreachable", err: fmt.Errorf("results cut off: %w", err)}
	case !complete():
		return &coded{code: "server-unreachable", err: errors.New("results ended early")}
	}
	return nil
}

// wholeLines gives lines that have their end: half a line is one that was cut off.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// byCount orders codes, the most frequent first.
func byCount(codes map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(codes), func(a, b string) int {
		return cmp.Or(cmp.Compare(codes[b], codes[a]), cmp.Compare(a, b))
	})
}
