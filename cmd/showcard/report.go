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
	"slices"
)

// rowResult is one line of GET /v1/pushes/{job}/results: accepted with an identifier, or refused
// with a code.
type rowResult struct {
	Line       int64  `json:"line"` // 1-based
	Key        string `json:"key"`
	Identifier string `json:"identifier"`
	Code       string `json:"code"`
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
	refused, err := replace(p.Refused)
	if err != nil {
		return out, err
	}
	defer refused.abandon()
	rows, err := p.source.lines()
	if err != nil {
		return out, err
	}
	defer rows.close()

	to, bad := bufio.NewWriterSize(results, 256<<10), bufio.NewWriterSize(refused, 64<<10)
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
			if err := rows.copy(bad, r.Line); err != nil {
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
		err = errors.Join(to.Flush(), bad.Flush())
	}
	if err != nil {
		return out, err
	}
	if out.Rejected > 0 {
		out.Refused = p.Refused
		if err := refused.commit(); err != nil {
			return out, err
		}
	} else if err := os.Remove(p.Refused); err != nil && !errors.Is(err, os.ErrNotExist) {
		return out, err // a list from an earlier push would say that rows are still missing
	}
	return out, results.commit()
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
