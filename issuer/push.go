package issuer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/schemas"
)

const (
	// pushGrace is what rows that were already received get to become certificates when the
	// upload ends badly or the server stops.
	pushGrace = 1500 * time.Millisecond
	// jobPatience bounds the closing of a job's books.
	jobPatience = 5 * time.Second
	maxJobID    = 100
)

// Upload is one upload of a bulk push.
type Upload struct {
	Order
	Job string // chosen by the department: 1 to 100 of [0-9A-Za-z._-], beginning with a letter or digit
}

// CheckJobID says whether a department may call a job so.
func CheckJobID(id string) error {
	const first, rest = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "._-"
	if id == "" || len(id) > maxJobID || strings.Trim(id, first+rest) != "" || strings.Trim(id[:1], first) != "" {
		return ErrJobID
	}
	return nil
}

// Push reads rows, one JSON object a line, and issues them in batches of one transaction each,
// reading, signing and storing at the same time. Memory is bounded by a few batches, however long
// the upload.
//
// Every line has its result, durable with its batch; a bad one never stops the others. The same
// upload may be pushed again, from the start: rows already taken are answered as before. While
// one upload of a job goes on, another is ErrJobConflict.
//
// The job is done when the upload was read to its clean end. Otherwise it is interrupted, and the
// error is ErrInterrupted when the upload itself broke off, with the cause.
func (i *Issuer) Push(ctx context.Context, u Upload, body io.Reader) (Job, error) {
	if err := CheckJobID(u.Job); err != nil {
		return Job{}, err
	}
	if _, err := i.authority(ctx, u.Authority); err != nil {
		return Job{}, err
	}
	holder := rand.Text()
	job, err := i.cfg.Jobs.BeginJob(ctx, u.Job, u.Authority, holder, i.cfg.Now(), i.cfg.Lease)
	if err != nil {
		return Job{}, fmt.Errorf("issuer: push: %w", err)
	}

	// Rows that arrived are not lost with the connection that brought them.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(pushGrace, cancel) })
	defer stop()

	p := &push{issuer: i, upload: u, holder: holder, intake: newIntake(i.cfg.BatchRows, i.cfg.BatchBytes), ready: make(chan []*entry, 1)}
	var wg sync.WaitGroup
	wg.Go(func() { p.prepare(work) })
	wg.Go(func() { p.store(work) })
	readErr := p.read(ctx, body)
	p.intake.close()
	wg.Wait()

	err = p.failure()
	done := readErr == nil && err == nil
	closing, cancelClosing := context.WithTimeout(context.WithoutCancel(ctx), jobPatience)
	defer cancelClosing()
	ended, endErr := i.cfg.Jobs.EndJob(closing, job.ID, holder, done, i.cfg.Now())
	if endErr == nil {
		job = ended
	}
	if p.newList() {
		i.publish(ctx)
	}
	switch {
	case err != nil:
		return job, errors.Join(err, endErr)
	case readErr != nil:
		return job, errors.Join(fmt.Errorf("%w: %w", ErrInterrupted, readErr), endErr)
	case endErr != nil:
		return job, fmt.Errorf("issuer: push: %w", endErr)
	}
	return job, nil
}

// push is one upload under way: read by the caller's goroutine, prepared by a second, stored by a
// third, so that reading, signing and the disk wait for one another only when they must.
type push struct {
	issuer *Issuer
	upload Upload
	holder string // of the job's lease
	intake *intake
	ready  chan []*entry

	mu    sync.Mutex
	err   error
	lists map[string]bool // that new certificates stand in
}

func (p *push) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.intake.abort()
}

func (p *push) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *push) newList() bool {
	for list := range p.lists {
		if !p.issuer.publisher.knows(list) {
			return true
		}
	}
	return false
}

// read returns nil at the clean end of the upload.
func (p *push) read(ctx context.Context, body io.Reader) error {
	lines := newLineReader(body)
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !p.intake.put(l) {
			return errAborted
		}
		if ctx.Err() != nil && !l.open { // the end of an open line says itself what happened
			return context.Cause(ctx)
		}
	}
}

var errAborted = errors.New("issuer: push stopped")

// prepare turns lines into signed certificates that are not stored yet.
func (p *push) prepare(ctx context.Context) {
	defer close(p.ready)
	for {
		entries := p.intake.take()
		if entries == nil {
			return
		}
		if err := p.issuer.each(ctx, len(entries), func(k int) error { entries[k].decode(); return nil }); err != nil {
			p.fail(err)
			return
		}
		// A key that occurs twice begins a new batch: the record decides what the second is,
		// once it has the first, and results stay in the order of the rows.
		for len(entries) > 0 {
			n := distinct(entries)
			if err := p.issuer.prepare(ctx, p.upload.Order, entries[:n]); err != nil {
				p.fail(err)
				return
			}
			select {
			case p.ready <- entries[:n]:
			case <-ctx.Done():
				p.fail(ctx.Err())
				return
			}
			entries = entries[n:]
		}
	}
}

// distinct is how many entries from the front on have different keys.
func distinct(entries []*entry) int {
	seen := make(map[string]bool, len(entries))
	for n, e := range entries {
		if e.refused() {
			continue
		}
		if seen[e.row.Key] {
			return n
		}
		seen[e.row.Key] = true
	}
	return len(entries)
}

// store commits batch after batch. After a failure it only empties the channel.
func (p *push) store(ctx context.Context) {
	for entries := range p.ready {
		if p.failure() != nil {
			continue
		}
		b := Batch{Authority: p.upload.Authority, By: p.upload.By, Job: p.upload.Job, JobHolder: p.holder}
		for _, e := range entries {
			b.Bytes += e.size
		}
		if err := p.issuer.commit(ctx, b, entries); err != nil {
			p.fail(err)
			continue
		}
		for _, e := range entries {
			if e.fresh() && !p.lists[e.cert.Slot.List] {
				if p.lists == nil {
					p.lists = map[string]bool{}
				}
				p.lists[e.cert.Slot.List] = true
			}
		}
	}
}

// decode reads the row of a line. The text is not needed afterwards.
func (e *entry) decode() {
	switch {
	case e.refused():
	case len(bytes.TrimSpace(e.raw)) == 0:
		e.refuse(CodeLineEmpty, "", "")
	default:
		e.row, e.problems = schemas.DecodeRow(e.raw)
		// The end of the upload in the middle of a line: say so, instead of complaining about
		// the JSON of what is missing.
		if e.open && len(e.problems) > 0 && e.problems[0].Code == schemas.CodeRowMalformed {
			e.problems = nil
			e.refuse(CodeLineBroken, "", "the upload ends within this line")
		}
	}
	e.raw = nil
}

// result is the answer to the row of a push.
func (e *entry) result() Result {
	r := Result{Line: e.line, Warnings: e.warnings()}
	if printable(e.row.Key) {
		r.Key = e.row.Key
	}
	if !e.refused() {
		r.Identifier = e.cert.Identifier
		return r
	}
	var others []string
	for _, p := range e.problems {
		switch {
		case p.Warning:
		case r.Code == "":
			r.Code, r.Pointer, r.Detail = p.Code, p.Pointer, p.Detail
		case len(others) < maxTold:
			others = append(others, p.Code+" at "+p.Pointer)
		}
	}
	if len(others) > 0 {
		r.Detail = strings.TrimPrefix(r.Detail+"; also "+strings.Join(others, ", "), "; ")
	}
	return r
}

// warnings are the codes of what import mode let pass.
func (e *entry) warnings() []string {
	var codes []string
	for _, p := range e.problems {
		if p.Warning && len(codes) < maxTold {
			codes = append(codes, p.Code)
		}
	}
	return codes
}

// maxTold bounds how many problems of one row are told besides the first.
const maxTold = 20

func printable(key string) bool {
	if len(key) > 128 {
		return false
	}
	for _, b := range []byte(key) {
		if b < 0x20 || b > 0x7e {
			return false
		}
	}
	return true
}

// Job returns a push of the authority.
func (i *Issuer) Job(ctx context.Context, id, authority string) (Job, error) {
	job, err := i.cfg.Jobs.Job(ctx, id, authority)
	if err != nil {
		return job, fmt.Errorf("issuer: push job: %w", err)
	}
	return job, nil
}

// Results returns up to limit results of a push of the authority with Line > after, in order.
func (i *Issuer) Results(ctx context.Context, id, authority string, after int64, limit int) ([]Result, error) {
	results, err := i.cfg.Jobs.Results(ctx, id, authority, after, limit)
	if err != nil {
		return nil, fmt.Errorf("issuer: results: %w", err)
	}
	return results, nil
}
