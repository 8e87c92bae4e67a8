package issuer

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/showcard/showcard/schemas"
)

// Issued is the answer to one row.
type Issued struct {
	Key        string
	Identifier string
	Credential string // the original: for its department, never to be shown
	// Existing: the row's key already stood for a certificate with this content. It is answered
	// as before.
	Existing bool
	Warnings []schemas.Problem // of import mode
	Err      error             // of IssueMany: a *RefusedError; the other fields but Key are empty
}

// Order says for whom, by whom and how strictly rows are issued.
type Order struct {
	Authority string
	By        string // caller, for the history
	Mode      schemas.Mode
}

// entry is one row on its way to a certificate.
type entry struct {
	line     int64 // of a push, 1-based
	size     int64 // bytes of the line
	raw      []byte
	open     bool // the upload ended in the line
	row      schemas.Row
	problems []schemas.Problem
	typ      *schemas.Type
	digest   [32]byte
	replaces Certificate // of Replace
	existing bool
	cert     Certificate

	replacesID string         // of a push of replacements: what the row says
	change     schemas.Change // of a push of changes of state
	twin       *entry         // the same row, in front of this one in the batch
}

func (e *entry) refuse(code, pointer, detail string) {
	e.problems = append(e.problems, schemas.Problem{Code: code, Pointer: pointer, Detail: detail})
}

func (e *entry) refused() bool { return schemas.Refused(e.problems) }

// fresh says that the row becomes a new certificate.
func (e *entry) fresh() bool {
	return !e.refused() && !e.existing && e.twin == nil && e.change.Identifier == ""
}

func (e *entry) answer() Issued {
	if e.refused() {
		return Issued{Key: e.row.Key, Err: &RefusedError{Problems: e.problems}}
	}
	return Issued{Key: e.row.Key, Identifier: e.cert.Identifier, Credential: e.cert.Credential, Existing: e.existing, Warnings: e.problems}
}

// Issue makes one certificate. It is durable when Issue returns nil. A row that is not issued is
// a *RefusedError; the same key with other content is one with CodeRowKeyReused.
func (i *Issuer) Issue(ctx context.Context, o Order, row schemas.Row) (Issued, error) {
	return i.one(ctx, o, &entry{row: row})
}

// Replace makes the next version of a certificate, from a row of its own, and ends the one that
// it replaces as Lapsed in the same transaction. Type and holder's number stay; all else may be
// new. A suspended certificate is refused with ErrTransition: its successor would be valid, and
// the suspension forgotten.
func (i *Issuer) Replace(ctx context.Context, o Order, identifier string, row schemas.Row) (Issued, error) {
	old, err := i.Certificate(ctx, identifier, o.Authority)
	if err != nil {
		return Issued{}, err
	}
	if old.State == Suspended {
		return Issued{}, fmt.Errorf("%w: suspended", ErrTransition)
	}
	answer, err := i.one(ctx, o, &entry{row: row, replaces: old})
	if err == nil && !answer.Existing {
		i.publish(ctx) // the old version has ended
	}
	return answer, err
}

func (i *Issuer) one(ctx context.Context, o Order, e *entry) (Issued, error) {
	if err := i.process(ctx, o, []*entry{e}); err != nil {
		return Issued{}, err
	}
	if e.fresh() && !i.publisher.knows(e.cert.Slot.List) {
		i.publish(ctx) // the first of a list: until the cache has the list, its status is unknown
	}
	answer := e.answer()
	return answer, answer.Err
}

// IssueMany makes certificates of rows whose keys differ, at most a batch of them in one
// transaction. The answers stand in the order of the rows. An error means that nothing is known
// of rows that have no answer yet: asking again is safe.
func (i *Issuer) IssueMany(ctx context.Context, o Order, rows []schemas.Row) ([]Issued, error) {
	answers := make([]Issued, 0, len(rows))
	for len(rows) > 0 {
		var entries []*entry
		keys := map[string]bool{}
		for _, r := range rows {
			if len(entries) == i.cfg.BatchRows || keys[r.Key] {
				break
			}
			keys[r.Key] = true
			entries = append(entries, &entry{row: r})
		}
		if err := i.process(ctx, o, entries); err != nil {
			return answers, err
		}
		for _, e := range entries {
			answers = append(answers, e.answer())
		}
		rows = rows[len(entries):]
	}
	return answers, nil
}

// process takes rows whose keys differ the whole way.
func (i *Issuer) process(ctx context.Context, o Order, entries []*entry) error {
	if err := i.prepare(ctx, o, entries); err != nil {
		return err
	}
	return i.commit(ctx, Batch{Authority: o.Authority, By: o.By}, entries)
}

// prepare checks, reserves and signs.
func (i *Issuer) prepare(ctx context.Context, o Order, entries []*entry) error {
	d, err := i.newDesk(ctx, o, entries)
	if err != nil {
		return err
	}
	err = i.each(ctx, len(entries), func(k int) error {
		e := entries[k]
		d.check(e)
		if e.refused() {
			return nil
		}
		e.row.Issuer = d.authority.ID
		var err error
		e.digest, err = rowDigest(e.row, d.authority.ID)
		return err
	})
	if err != nil {
		return err
	}
	entries = findTwins(entries)
	slots, err := i.reserve(ctx, o.Authority, entries)
	if err != nil {
		return err
	}
	var fresh []*entry
	for _, e := range entries {
		if e.fresh() {
			e.cert.Slot = slots[len(fresh)]
			fresh = append(fresh, e)
		}
	}
	i.spare.put(o.Authority, slots[len(fresh):])
	return i.each(ctx, len(fresh), func(k int) error { return i.make(d.authority, fresh[k]) })
}

// reserve finds the rows whose keys are taken and sets slots aside for the others.
func (i *Issuer) reserve(ctx context.Context, authority string, entries []*entry) ([]Slot, error) {
	keys := make([]string, 0, len(entries)) // of rows that are not refused
	for _, e := range entries {
		keys = append(keys, e.row.Key)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	slots := i.spare.take(authority, len(keys))
	reserved, err := i.cfg.Record.Reserve(ctx, authority, keys, len(keys)-len(slots))
	if err == nil {
		var more []Slot
		if more, err = i.slots(ctx, reserved); err == nil && len(slots)+len(more) < len(keys) {
			err = fmt.Errorf("%d slots for %d rows", len(slots)+len(more), len(keys))
		}
		if err == nil {
			slots = append(slots, more...)
		}
	}
	if err != nil {
		i.spare.put(authority, slots)
		return nil, fmt.Errorf("issuer: reserve: %w", err)
	}
	for _, e := range entries {
		taken, ok := reserved.Taken[e.row.Key]
		if !ok {
			continue
		}
		if taken.RowDigest != e.digest || !e.succeeds(taken.Identifier) {
			e.refuse(CodeRowKeyReused, "/key", "the key stands for another certificate")
			continue
		}
		e.existing = true
		e.cert.Identifier, e.cert.Credential = taken.Identifier, taken.Credential
	}
	return slots, nil
}

// succeeds says whether a certificate of that identifier is what the entry asks for: a
// replacement must be the next version of what it replaces.
func (e *entry) succeeds(identifier string) bool {
	if e.replaces.Identifier == "" {
		return true
	}
	id, err := schemas.ParseIdentifier(e.replaces.Identifier)
	return err == nil && id.Next().String() == identifier
}

// make fills in the certificate and signs it.
func (i *Issuer) make(a Authority, e *entry) error {
	id, err := e.identifier(a)
	if err != nil {
		return err
	}
	now := i.cfg.Now()
	c := &e.cert
	c.Identifier, c.Authority, c.Row, c.RowDigest = id.String(), a.ID, e.row, e.digest
	c.TypeVer, c.HolderID = e.typ.Version, i.cfg.HolderID(e.row.Holder)
	c.State, c.StateAt, c.CreatedAt = Valid, now, now
	if len(e.row.Portrait) > 0 {
		c.Salt = newSalt()
	}
	c.Credential, err = i.sign(signature{authority: a, typ: e.typ, row: &e.row, id: c.Identifier, salt: c.Salt, slot: c.Slot, now: now})
	return err
}

// identifier draws a new one, or takes the next version of the one that is replaced.
func (e *entry) identifier(a Authority) (schemas.Identifier, error) {
	if e.replaces.Identifier != "" {
		old, err := schemas.ParseIdentifier(e.replaces.Identifier)
		if err != nil {
			return old, fmt.Errorf("issuer: replace: %w", err)
		}
		if next := old.Next(); !next.IsZero() {
			return next, nil
		}
		// The 999th version: GB/T 36904 has no fourth digit, so the line begins anew.
	}
	serial, err := schemas.RandomSerial(rand.Reader)
	if err != nil {
		return schemas.Identifier{}, fmt.Errorf("issuer: %w", err)
	}
	id, err := schemas.NewIdentifier(e.typ.Code, a.USCC, serial, 1)
	if err != nil {
		return id, fmt.Errorf("issuer: %w", err)
	}
	return id, nil
}

// commit fills the batch with what is fresh and, of a push, with the results, and stores it. A row whose key was taken meanwhile is answered with what stands instead.
func (i *Issuer) commit(ctx context.Context, b Batch, entries []*entry) error {
	var fresh []*entry
	for _, e := range entries {
		if e.twin != nil && !e.refused() {
			// The record decides what becomes of both; what is known of the first is known here too.
			e.problems, e.cert.Identifier, e.existing = e.twin.problems, e.twin.cert.Identifier, true
		}
		if e.change.Identifier != "" && !e.refused() {
			b.Changes = append(b.Changes, e.bulkChange(b, i))
		}
		if e.fresh() {
			fresh = append(fresh, e)
			b.Certificates = append(b.Certificates, NewCertificate{Certificate: e.cert, Replaces: e.replaces.Identifier,
				Line: e.line, RepresentativeIDs: i.representatives(e.cert.Row)})
		}
		if b.Job != "" {
			b.Results = append(b.Results, e.result())
		}
	}
	if len(b.Certificates) == 0 && b.Job == "" {
		return nil
	}
	fates, err := i.cfg.Record.Commit(ctx, b)
	if err != nil {
		return fmt.Errorf("issuer: commit: %w", err)
	}
	if len(fates) != len(fresh) {
		return fmt.Errorf("issuer: commit: %d answers for %d certificates", len(fates), len(fresh))
	}
	for k, fate := range fates {
		e := fresh[k]
		switch {
		case fate.Err == nil && fate.Existing && !e.succeeds(fate.Identifier):
			e.refuse(CodeRowKeyReused, "/key", "the key stands for another certificate")
		case fate.Err == nil && fate.Existing:
			e.existing = true
			e.cert.Identifier, e.cert.Credential = fate.Identifier, fate.Credential
		case fate.Err == nil:
		default:
			code, pointer := Refusal(fate.Err)
			e.refuse(code, pointer, "")
		}
	}
	return nil
}

// each runs f for 0 to n-1 on all cores, and returns the first error.
func (i *Issuer) each(ctx context.Context, n int, f func(int) error) error {
	workers := min(i.cfg.Workers, n)
	var next, failed atomic.Int64
	var first error
	var once sync.Once
	work := func() {
		for failed.Load() == 0 {
			k := int(next.Add(1)) - 1
			if k >= n {
				return
			}
			err := ctx.Err()
			if err == nil {
				err = f(k)
			}
			if err != nil {
				once.Do(func() { first = err })
				failed.Store(1)
			}
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	if n > 0 {
		work()
	}
	wg.Wait()
	return first
}

// spareSlots keeps places that were reserved for rows whose keys then turned out to be taken, so
// that pushing a file again does not use up a list. Nothing was ever signed for them. They are
// forgotten when the process ends.
type spareSlots struct {
	mu    sync.Mutex
	slots map[string][]Slot
}

const maxSpare = 4096

func (s *spareSlots) take(authority string, n int) []Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.slots[authority]
	n = min(n, len(all))
	taken := append([]Slot(nil), all[len(all)-n:]...)
	if n > 0 {
		s.slots[authority] = all[:len(all)-n]
	}
	return taken
}

func (s *spareSlots) put(authority string, slots []Slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots == nil {
		s.slots = map[string][]Slot{}
	}
	room := max(0, maxSpare-len(s.slots[authority]))
	s.slots[authority] = append(s.slots[authority], slots[:min(len(slots), room)]...)
}

// representatives returns the holder ids of who may act for a company.
func (i *Issuer) representatives(r schemas.Row) []string {
	ids := make([]string, len(r.Representatives))
	for k, h := range r.Representatives {
		ids[k] = i.cfg.HolderID(h)
	}
	return ids
}
