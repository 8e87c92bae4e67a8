package issuer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

func upload(job string) issuer.Upload { return issuer.Upload{Order: order(police), Job: job} }

// line is a licence as a line of a push.
func line(t testing.TB, key string, change ...func(*schemas.Row)) string {
	t.Helper()
	r := licence(t)
	r.Key = key
	for _, c := range change {
		c(&r)
	}
	data, err := json.Marshal(r)
	require.NoError(t, err)
	return string(data) + "\n"
}

func (f *fixture) results(job string) []issuer.Result {
	f.t.Helper()
	all, err := f.Results(f.t.Context(), job, police, 0, 100_000)
	require.NoError(f.t, err)
	return all
}

func TestPushTheDemo(t *testing.T) {
	f := newFixture(t)
	rows := lines(t, police)
	text := append(bytes.Join(rows, []byte("\n")), '\n')
	job, err := f.Push(t.Context(), upload("demo-2026.11"), bytes.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, issuer.JobDone, job.State)
	require.EqualValues(t, len(rows), job.Rows)
	require.EqualValues(t, len(rows), job.Accepted)
	require.EqualValues(t, len(text), job.Bytes)
	require.False(t, job.FinishedAt.IsZero())
	first := f.results("demo-2026.11")
	require.Len(t, first, len(rows))
	for i, r := range first {
		require.EqualValues(t, i+1, r.Line)
		row, _ := schemas.DecodeRow(rows[i])
		require.Equal(t, row.Key, r.Key)
		require.Empty(t, r.Code)
		c := f.certificate(r.Identifier)
		require.Equal(t, row.Key, c.Row.Key)
		require.Equal(t, row.Portrait, c.Row.Portrait)
	}

	// Again, under the same and under another name: answered as before.
	for _, name := range []string{"demo-2026.11", "other"} {
		job, err = f.Push(t.Context(), upload(name), bytes.NewReader(text))
		require.NoError(t, err)
		require.EqualValues(t, len(rows), job.Accepted)
		require.Equal(t, first, f.results(name))
	}
	got, err := f.Job(t.Context(), "other", police)
	require.NoError(t, err)
	require.Equal(t, job.Rows, got.Rows)
	_, err = f.Job(t.Context(), "other", market)
	require.ErrorIs(t, err, issuer.ErrJobUnknown)
	_, err = f.Results(t.Context(), "other", market, 0, 10)
	require.ErrorIs(t, err, issuer.ErrJobUnknown)
}

// Each line is answered on its own, and none stops those behind it.
func TestPushBadLines(t *testing.T) {
	cut := strings.TrimSuffix(line(t, "x"), "\n")
	good := func(i int) string { return line(t, fmt.Sprintf("good-%d", i)) }
	bad := []struct{ name, line, code, pointer string }{
		{"empty", "\n", issuer.CodeLineEmpty, ""},
		{"blank", " \t \r\n", issuer.CodeLineEmpty, ""},
		{"not JSON", "hello\n", schemas.CodeRowMalformed, ""},
		{"broken in half", cut[:len(cut)/2] + "\n", schemas.CodeRowMalformed, ""},
		{"two objects", "{}{}\n", schemas.CodeRowMalformed, ""},
		{"too large", `{"key":"` + strings.Repeat("k", schemas.MaxRow) + "\"}\n", schemas.CodeRowTooLarge, ""},
		{"far too large", strings.Repeat("k", 3<<20) + "\n", schemas.CodeRowTooLarge, ""},
		{"deep", `{"claims":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "}\n", schemas.CodeRowTooDeep, ""},
		{"not UTF-8", "{\"key\":\"\xd5\xc5\"}\n", schemas.CodeRowNotUTF8, ""},
		{"member twice", `{"key":"a","key":"b"}` + "\n", schemas.CodeRowDuplicateName, "/key"},
		{"unknown member", line(t, "u", func(r *schemas.Row) { r.Claims["a/b"] = "x" }), schemas.CodeFieldUnknown, "/claims/a~1b"},
		{"checksum", line(t, "c", spoilNumber), schemas.CodeIDNumberChecksum, "/holder/number"},
		{"unknown type", line(t, "t", func(r *schemas.Row) { r.Type = "fishing" }), schemas.CodeTypeUnknown, "/type"},
		{"no right to the type", line(t, "r", func(r *schemas.Row) { *r = row(t, "business-licence"); r.Issuer = "" }), issuer.CodeIssuerType, "/type"},
		{"no right to the region", line(t, "g", func(r *schemas.Row) { r.Region = "110101" }), issuer.CodeIssuerRegion, "/region"},
		{"key used for another", line(t, "good-0", func(r *schemas.Row) { r.Claims["address"] = "另一处1号" }), issuer.CodeRowKeyReused, "/key"},
	}
	f := newFixture(t)
	var text strings.Builder
	for i, b := range bad {
		text.WriteString(good(i))
		text.WriteString(b.line)
	}
	text.WriteString(good(0)) // once more
	job, err := f.Push(t.Context(), upload("mixed"), iotest.HalfReader(strings.NewReader(text.String())))
	require.NoError(t, err)
	require.Equal(t, issuer.JobDone, job.State)
	require.EqualValues(t, len(bad), job.Rejected)
	require.EqualValues(t, len(bad)+1, job.Accepted)
	require.EqualValues(t, text.Len(), job.Bytes)
	results := f.results("mixed")
	require.Len(t, results, 2*len(bad)+1)
	for i, b := range bad {
		ok, no := results[2*i], results[2*i+1]
		require.NotEmpty(t, ok.Identifier)
		require.EqualValues(t, 2*i+2, no.Line)
		require.Equal(t, b.code, no.Code, b.name)
		if b.pointer != "" {
			require.Equal(t, b.pointer, no.Pointer, b.name)
		}
		require.Empty(t, no.Identifier, b.name)
	}
	require.Equal(t, results[0].Identifier, results[len(results)-1].Identifier)
}

// A clerk who mends a file wants to read everything that is wrong with a row.
func TestPushTellsAllProblems(t *testing.T) {
	f := newFixture(t)
	_, err := f.Push(t.Context(), upload("j"), strings.NewReader(line(t, "k", func(r *schemas.Row) {
		r.Claims["shoe_size"] = "42"
		delete(r.Claims, "file_number")
		r.Portrait = nil
	})))
	require.NoError(t, err)
	r := f.results("j")[0]
	require.Equal(t, "k", r.Key)
	require.Contains(t, r.Detail, schemas.CodeFieldMissing+" at /claims/file_number")
	require.Contains(t, r.Detail, "at /claims/shoe_size")

	o := upload("old")
	o.Mode = schemas.Import
	_, err = f.Push(t.Context(), o, strings.NewReader(line(t, "k2", func(r *schemas.Row) { r.Portrait = nil })))
	require.NoError(t, err)
	r = f.results("old")[0]
	require.NotEmpty(t, r.Identifier)
	require.Equal(t, []string{schemas.CodePortraitMissing}, r.Warnings)
}

func TestPushEnds(t *testing.T) {
	whole := line(t, "a") + line(t, "b")
	reset := errors.New("connection reset")
	for name, c := range map[string]struct {
		body  io.Reader
		state issuer.JobState
		err   error
		codes []string
	}{
		"nothing":                       {strings.NewReader(""), issuer.JobDone, nil, nil},
		"no newline at the end":         {strings.NewReader(strings.TrimSuffix(whole, "\n")), issuer.JobDone, nil, []string{"", ""}},
		"clean end within a line":       {strings.NewReader(whole[:len(whole)-20]), issuer.JobDone, nil, []string{"", issuer.CodeLineBroken}},
		"cut within a line":             {io.MultiReader(strings.NewReader(whole[:len(whole)-20]), iotest.ErrReader(reset)), issuer.JobInterrupted, reset, []string{"", issuer.CodeLineBroken}},
		"cut between lines":             {io.MultiReader(strings.NewReader(whole), iotest.ErrReader(reset)), issuer.JobInterrupted, reset, []string{"", ""}},
		"cut before the newline":        {io.MultiReader(strings.NewReader(strings.TrimSuffix(whole, "\n")), iotest.ErrReader(reset)), issuer.JobInterrupted, reset, []string{"", ""}},
		"cut at once":                   {iotest.ErrReader(io.ErrUnexpectedEOF), issuer.JobInterrupted, io.ErrUnexpectedEOF, nil},
		"wrong row without newline":     {strings.NewReader(`{"key":"a"}`), issuer.JobDone, nil, []string{schemas.CodeFieldMissing}},
		"clean end within a large line": {strings.NewReader(strings.Repeat("x", 1<<20)), issuer.JobDone, nil, []string{schemas.CodeRowTooLarge}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			job, err := f.Push(t.Context(), upload("j"), c.body)
			if c.err == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, issuer.ErrInterrupted)
				require.ErrorIs(t, err, c.err)
			}
			require.Equal(t, c.state, job.State)
			var codes []string
			for _, r := range f.results("j") {
				codes = append(codes, r.Code)
			}
			require.Equal(t, c.codes, codes)

			// Taken up again, it comes to its end, and nothing is there twice.
			job, err = f.Push(t.Context(), upload("j"), strings.NewReader(whole))
			require.NoError(t, err)
			require.Equal(t, issuer.JobDone, job.State)
			require.EqualValues(t, 2, job.Accepted)
			held, err := f.Held(t.Context(), []string{holderID(licence(t).Holder)})
			require.NoError(t, err)
			require.Len(t, held, 2)
		})
	}
}

// running is a push whose upload the test writes by hand.
type running struct {
	w    *io.PipeWriter
	done chan error
	job  issuer.Job
}

func (f *fixture) begin(ctx context.Context, job string) *running {
	r, w := io.Pipe()
	p := &running{w: w, done: make(chan error, 1)}
	go func() {
		var err error
		p.job, err = f.Push(ctx, upload(job), r)
		_ = r.CloseWithError(errors.New("push has ended"))
		p.done <- err
	}()
	return p
}

// write sends text and waits until so many rows are answered.
func (f *fixture) write(p *running, job, text string, rows int64) {
	f.t.Helper()
	_, err := io.WriteString(p.w, text)
	require.NoError(f.t, err)
	require.Eventually(f.t, func() bool {
		j, err := f.Job(f.t.Context(), job, police)
		return err == nil && j.Rows == rows
	}, 10*time.Second, time.Millisecond)
}

// Rows that trickle in are answered as they come; nobody waits for a batch to fill.
func TestPushIsAnsweredMeanwhile(t *testing.T) {
	f := newFixture(t)
	p := f.begin(t.Context(), "j")
	f.write(p, "j", line(t, "a"), 1)
	require.NotEmpty(t, f.results("j")[0].Identifier)
	f.write(p, "j", line(t, "b")+"\n"+line(t, "c"), 4)
	after, err := f.Results(t.Context(), "j", police, 2, 10)
	require.NoError(t, err)
	require.Len(t, after, 2)
	require.EqualValues(t, 3, after[0].Line)

	_, err = f.Push(t.Context(), upload("j"), strings.NewReader(""))
	require.ErrorIs(t, err, issuer.ErrJobConflict, "one upload at a time")
	other := issuer.Upload{Order: order(market), Job: "j"}
	_, err = f.Push(t.Context(), other, strings.NewReader(""))
	require.ErrorIs(t, err, issuer.ErrJobConflict)

	require.NoError(t, p.w.Close())
	require.NoError(t, <-p.done)
	require.Equal(t, issuer.JobDone, p.job.State)
	_, err = f.Push(t.Context(), other, strings.NewReader(""))
	require.ErrorIs(t, err, issuer.ErrJobConflict, "the id is the other department's")
}

// The server stops in the middle: what was answered stays, the job says so and is taken up again.
func TestPushCancelled(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := f.begin(ctx, "j")
	f.write(p, "j", line(t, "a")+line(t, "b"), 2)
	cancel()
	require.NoError(t, p.w.CloseWithError(errors.New("connection closed")))
	require.ErrorIs(t, <-p.done, issuer.ErrInterrupted)
	require.Equal(t, issuer.JobInterrupted, p.job.State)
	j, err := f.Job(t.Context(), "j", police)
	require.NoError(t, err)
	require.Equal(t, issuer.JobInterrupted, j.State)
	require.EqualValues(t, 2, j.Accepted)
	before := f.results("j")

	job, err := f.Push(t.Context(), upload("j"), strings.NewReader(line(t, "a")+line(t, "b")+line(t, "c")))
	require.NoError(t, err)
	require.EqualValues(t, 3, job.Accepted)
	require.Equal(t, before, f.results("j")[:2])
}

// endless gives rows for ever.
type endless struct {
	t    testing.TB
	n    int
	rest string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		e.n++
		e.rest = line(e.t, fmt.Sprintf("e%d", e.n))
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// A fast sender does not keep a stopping server busy.
func TestPushCancelledWhileReading(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := f.Push(ctx, upload("j"), &endless{t: t})
		done <- err
	}()
	require.Eventually(t, func() bool {
		j, err := f.Job(t.Context(), "j", police)
		return err == nil && j.Rows > 0
	}, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	j, err := f.Job(t.Context(), "j", police)
	require.NoError(t, err)
	require.Equal(t, issuer.JobInterrupted, j.State)
	results := f.results("j")
	require.EqualValues(t, j.Rows, len(results))
	for i, r := range results {
		require.EqualValues(t, i+1, r.Line)
		f.certificate(r.Identifier)
	}
}

// An upload whose process died holds its job for the lease only; should it still live, it loses.
func TestPushLeaseRunsOut(t *testing.T) {
	f := newFixture(t)
	p := f.begin(t.Context(), "j")
	f.write(p, "j", line(t, "a"), 1)
	f.pass(14 * time.Second)
	_, err := f.Push(t.Context(), upload("j"), strings.NewReader(""))
	require.ErrorIs(t, err, issuer.ErrJobConflict)
	f.pass(2 * time.Second)
	j, err := f.Job(t.Context(), "j", police)
	require.NoError(t, err)
	require.Equal(t, issuer.JobInterrupted, j.State)
	job, err := f.Push(t.Context(), upload("j"), strings.NewReader(line(t, "a")+line(t, "b")))
	require.NoError(t, err)
	require.EqualValues(t, 2, job.Accepted)

	_, err = io.WriteString(p.w, line(t, "z"))
	require.NoError(t, err)
	require.NoError(t, p.w.Close())
	require.ErrorIs(t, <-p.done, issuer.ErrJobConflict)
	j, err = f.Job(t.Context(), "j", police)
	require.NoError(t, err)
	require.Equal(t, issuer.JobDone, j.State)
	require.Len(t, f.results("j"), 2)
}

// A freeze stops a push that is under way.
func TestPushFrozenMeanwhile(t *testing.T) {
	f := newFixture(t)
	p := f.begin(t.Context(), "j")
	f.write(p, "j", line(t, "a"), 1)
	f.registry.change(police, func(a *issuer.Authority) { a.Frozen = true })
	_, err := io.WriteString(p.w, line(t, "b"))
	require.NoError(t, err)
	_ = p.w.Close()
	require.ErrorIs(t, <-p.done, issuer.ErrIssuerFrozen)
	require.Equal(t, issuer.JobInterrupted, p.job.State)
	require.Len(t, f.results("j"), 1)
}

// So does whoever takes away the right to push: asked before each batch.
func TestPushMayNoLonger(t *testing.T) {
	f := newFixture(t)
	var over atomic.Bool
	gone := errors.New("suspended")
	up := upload("j")
	up.May = func() error {
		if over.Load() {
			return gone
		}
		return nil
	}
	r, w := io.Pipe()
	p := &running{w: w, done: make(chan error, 1)}
	go func() {
		var err error
		p.job, err = f.Push(t.Context(), up, r)
		p.done <- err
	}()
	f.write(p, "j", line(t, "a"), 1)
	over.Store(true)
	_, err := io.WriteString(w, line(t, "b"))
	require.NoError(t, err)
	_ = w.Close()
	require.ErrorIs(t, <-p.done, gone)
	require.Equal(t, issuer.JobInterrupted, p.job.State)
	require.Len(t, f.results("j"), 1)
	over.Store(false)
	done, err := f.Push(t.Context(), up, strings.NewReader(line(t, "a")+line(t, "b")))
	require.NoError(t, err)
	require.EqualValues(t, 2, done.Accepted)
}

func TestJobID(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "2026-11-22_police.1": true, strings.Repeat("a", 100): true,
		"": false, "-a": false, ".": false, "a b": false, "a/b": false, "任务": false, strings.Repeat("a", 101): false,
	} {
		err := issuer.CheckJobID(id)
		require.Equal(t, ok, err == nil, id)
	}
	f := newFixture(t)
	_, err := f.Push(t.Context(), upload("no/job"), strings.NewReader(""))
	require.ErrorIs(t, err, issuer.ErrJobID)
}

// Several pushes at the same time, with rows in common.
func TestPushesSideBySide(t *testing.T) {
	f := newFixture(t, func(c *issuer.Config) { c.BatchRows = 7 })
	var text strings.Builder
	for i := range 60 {
		text.WriteString(line(t, fmt.Sprintf("k%d", i)))
	}
	const n = 3
	done := make(chan error, n)
	for k := range n {
		go func() {
			_, err := f.Push(t.Context(), upload(fmt.Sprintf("j%d", k)), strings.NewReader(text.String()))
			done <- err
		}()
	}
	for range n {
		require.NoError(t, <-done)
	}
	first := f.results("j0")
	require.Len(t, first, 60)
	for k := 1; k < n; k++ {
		require.Equal(t, first, f.results(fmt.Sprintf("j%d", k)))
	}
}
