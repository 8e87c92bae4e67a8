package issuer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
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
	Job     string // chosen by the department: 1 to 100 of [0-9A-Za-z._-], beginning with a letter or digit
	Kind    Kind   // empty: KindCertificates
	Content string // see JobStart
	From    int64  // number of the first row that the body holds; with more than 1 it goes on, see JobStart
	// May is asked before each batch is stored, whether who pushes still may: a file takes an hour, and
	// a stolen key is suspended in a second. Its error ends the push. nil: nobody is asked.
	May func() error
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
	u.Kind, u.From = cmp.Or(u.Kind, KindCertificates), max(u.From, 1)
	if !u.Kind.Known() {
		return Job{}, fmt.Errorf("issuer: push of kind %q", u.Kind)
	}
	if u.Kind != KindStates { // a frozen authority may still revoke
		if _, err := i.authority(ctx, u.Authority); err != nil {
			return Job{}, err
		}
	}
	holder := rand.Text()
	job, err := i.cfg.Jobs.BeginJob(ctx, JobStart{ID: u.Job, Authority: u.Authority, Kind: u.Kind, Holder: holder, Content: u.Content, From: u.From, At: i.cfg.Now(), Lease: i.cfg.Lease})
	if err != nil {
		return Job{}, fmt.Errorf("issuer: push: %w", err)
	}

	// Rows that arrived are not lost with the connection that brought them.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(pushGrace, cancel) })
	defer stop()

	p := &push{issuer: i, upload: u, holder: holder, intake: newIntake(i.cfg.BatchRows, i.cfg.BatchBytes), ready: make(chan []*entry, 1), changed: make(chan struct{}, 1)}
	var wg, telling sync.WaitGroup
	telling.Go(func() { p.tell(work) })
	wg.Go(func() { p.prepare(work) })
	wg.Go(func() { p.store(work) })
	readErr := p.read(ctx, body)
	p.intake.close()
	wg.Wait()
	close(p.changed)
	telling.Wait()

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
	issuer  *Issuer
	upload  Upload
	holder  string // of the job's lease
	intake  *intake
	ready   chan []*entry
	changed chan struct{} // something that verifiers must know was stored; of one

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

// tell carries changes of state to the cache while the push goes on: a file of a million revocations
// is not kept back until its last line.
func (p *push) tell(ctx context.Context) {
	for range p.changed {
		p.issuer.publish(ctx)
	}
}

func (p *push) tellSoon() {
	select {
	case p.changed <- struct{}{}:
	default: // it will be told with what is waiting
	}
}

// read returns nil at the clean end of the upload.
func (p *push) read(ctx context.Context, body io.Reader) error {
	lines := newLineReader(body, p.upload.From)
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
		if err := p.prepareBatch(ctx, entries); err != nil {
			p.fail(err)
			return
		}
		select {
		case p.ready <- entries:
		case <-ctx.Done():
			p.fail(ctx.Err())
			return
		}
	}
}

func (p *push) prepareBatch(ctx context.Context, entries []*entry) error {
	err := p.issuer.each(ctx, len(entries), func(k int) error { entries[k].decode(p.upload.Kind); return nil })
	if err != nil || p.upload.Kind == KindStates {
		return err
	}
	if p.upload.Kind == KindReplacements {
		if err := p.issuer.each(ctx, len(entries), func(k int) error { return p.issuer.findReplaced(ctx, p.upload.Authority, entries[k]) }); err != nil {
			return err
		}
	}
	return p.issuer.prepare(ctx, p.upload.Order, entries)
}

// store commits batch after batch. After a failure it only empties the channel.
func (p *push) store(ctx context.Context) {
	for entries := range p.ready {
		if p.failure() != nil {
			continue
		}
		if p.upload.May != nil {
			if err := p.upload.May(); err != nil {
				p.fail(err)
				continue
			}
		}
		b := Batch{Authority: p.upload.Authority, By: p.upload.By, Job: p.upload.Job, JobHolder: p.holder}
		for _, e := range entries {
			b.Bytes += e.size
		}
		if err := p.issuer.commit(ctx, b, entries); err != nil {
			p.fail(err)
			continue
		}
		if p.upload.Kind != KindCertificates {
			p.tellSoon()
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
