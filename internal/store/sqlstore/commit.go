package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/issuer"
)

// Commit implements [issuer.Record]. Everything is sealed first, on all cores; the transaction
// then only writes.
func (s *Store) Commit(ctx context.Context, b issuer.Batch) ([]issuer.Committed, error) {
	if b.By == "" {
		b.By = b.Authority
	}
	if b.Job == "" {
		b.Results = nil
	} else {
		b.Results = allResults(b)
	}
	sealed := make([]sealedBatch, len(b.Certificates))
	changes := make([]sealedChange, len(b.Changes))
	details := make([][]byte, len(b.Results))
	b.Certificates = slices.Clone(b.Certificates)
	err := inChunks(len(sealed), func(i int) (err error) {
		n := &b.Certificates[i]
		if n.CreatedAt.IsZero() {
			n.CreatedAt = s.cfg.Now()
		}
		sealed[i], err = s.sealCertificate(b, *n)
		return err
	})
	if err == nil {
		err = inChunks(len(changes), func(i int) (err error) {
			changes[i], err = s.sealChange(b.Changes[i].Change, s.changeID(b.Changes[i]))
			return err
		})
	}
	if err == nil {
		err = inChunks(len(details), func(i int) (err error) {
			details[i], err = s.sealResult(b.Job, b.Results[i])
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("sqlstore: commit: %w", err)
	}

	var out []issuer.Committed
	err = s.writeAbout(ctx, aboutBatch(b), 4*(len(b.Certificates)+len(b.Changes))+len(b.Results)+1, func(q querier) error {
		var job openJob
		var err error
		if b.Job != "" {
			if job, err = s.continueJob(q, b); err != nil {
				return err
			}
		}
		if err := hold(q, changedBy(b)); err != nil {
			return err
		}
		if out, err = s.insertAll(q, b, sealed); err != nil {
			return err
		}
		fates := make(map[int64]issuer.Committed, len(out))
		for i, n := range b.Certificates {
			fates[n.Line] = out[i]
		}
		var halted stopped
		_, together := q.(bulk)
		for i, c := range b.Changes {
			if changes[i].later = nil; together {
				changes[i].later = &halted
			}
			fate := issuer.Committed{Identifier: c.Identifier}
			if fate.Err = s.changeOnce(q, c, &changes[i]); fate.Err != nil && !refusal(fate.Err) {
				return fate.Err
			}
			fates[c.Line] = fate
		}
		if err := s.revokeAboutAll(q, halted); err != nil {
			return err
		}
		if b.Job == "" {
			return nil
		}
		answers := make([]issuer.Result, len(b.Results))
		for i, r := range b.Results {
			// What lies sealed in the details stands; what the record decides lies beside it.
			answers[i] = issuer.Result{Line: r.Line, Identifier: r.Identifier, Code: r.Code}
			if fate, ok := fates[cmp.Or(r.As, r.Line)]; ok {
				answers[i].Identifier = fate.Identifier
				if fate.Err != nil {
					answers[i].Code, answers[i].Pointer = issuer.Refusal(fate.Err)
				}
			}
		}
		if err := job.answerAll(q, answers, details); err != nil {
			return err
		}
		return job.save(q, b.Bytes, s.cfg.Now())
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: commit: %w", err)
	}
	return out, nil
}

// aboutBatch names what a batch holds: its job, or of a single certificate the one that it ends.
func aboutBatch(b issuer.Batch) string {
	switch {
	case b.Job != "":
		return aboutJob(b.Job)
	case len(b.Certificates) == 1 && b.Certificates[0].Replaces != "":
		return aboutCertificate(b.Certificates[0].Replaces)
	case len(b.Certificates) > 0:
		return aboutCertificate(b.Certificates[0].Identifier)
	}
	return ""
}

// changedBy are the certificates whose state a batch changes.
func changedBy(b issuer.Batch) []string {
	var all []string
	for _, n := range b.Certificates {
		if n.Replaces != "" {
			all = append(all, n.Replaces)
		}
	}
	for _, c := range b.Changes {
		all = append(all, c.Identifier)
	}
	return all
}

// hold keeps certificates from being changed by others until the transaction ends. Where writers work
// side by side they take them in one order, or two batches that have some in common would wait for
// each other. Their lists come last (see appendChanges).
func hold(q querier, identifiers []string) error {
	if _, ok := q.(bulk); !ok || len(identifiers) < 2 {
		return nil
	}
	return q.rows(`SELECT identifier FROM certificates WHERE identifier = ANY($1) ORDER BY identifier FOR UPDATE`, []any{planAnew, identifiers}, func(row scanner) error {
		var name string
		return row.Scan(&name)
	})
}

// allResults adds to the results of a batch those of its certificates that have none.
func allResults(b issuer.Batch) []issuer.Result {
	told := make(map[int64]bool, len(b.Results))
	for _, r := range b.Results {
		told[r.Line] = true
	}
	all := slices.Clone(b.Results)
	for _, n := range b.Certificates {
		if n.Line > 0 && !told[n.Line] {
			all = append(all, issuer.Result{Line: n.Line, Key: n.Row.Key})
		}
	}
	return all
}

// inChunks does n small pieces of work on all cores.
func inChunks(n int, do func(i int) error) error {
	const chunk = 32
	if n <= chunk {
		for i := range n {
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < n; from += chunk {
		g.Go(func() error {
			for i := from; i < min(from+chunk, n); i++ {
				if err := do(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// insert stores one certificate, or finds what stands instead. An error it returns ends the
// batch; one in the answer concerns this certificate only.
func (s *Store) insert(q querier, b issuer.Batch, n issuer.NewCertificate, sealed sealedBatch) (issuer.Committed, error) {
	state, _ := stateOf(n)
	at := n.CreatedAt
	stored, err := q.exec(insertCertificate, certificateValues(b, n, sealed)...)
	if err != nil {
		return issuer.Committed{}, err
	}
	if stored == 0 {
		return s.instead(q, b.Authority, n, sealed)
	}
	if n.Replaces != "" {
		refusal, err := s.replace(q, b, n, sealed.changeID)
		if err != nil {
			return issuer.Committed{}, err
		}
		if refusal != nil {
			_, err := q.exec(`DELETE FROM certificates WHERE identifier = $1`, n.Identifier)
			return issuer.Committed{Err: refusal}, err
		}
	}
	if err := s.insertSlot(q, slotRow{Slot: n.Slot, identifier: n.Identifier, status: state.Public(), at: micros(at)}); err != nil {
		return issuer.Committed{}, err
	}
	for _, person := range n.RepresentativeIDs {
		if _, err := q.exec(`INSERT INTO representatives (person_id, company_id, identifier) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			person, n.HolderID, n.Identifier); err != nil {
			return issuer.Committed{}, err
		}
	}
	if sealed.image != nil {
		if _, err := q.exec(`INSERT INTO portraits (identifier, image) VALUES ($1, $2)`, n.Identifier, sealed.image); err != nil {
			return issuer.Committed{}, err
		}
	}
	return issuer.Committed{Identifier: n.Identifier, Credential: n.Credential}, sealed.log.store(q)
}

// stateOf is the state in which a certificate begins, and since when.
func stateOf(n issuer.NewCertificate) (issuer.State, time.Time) {
	state, at := n.State, n.StateAt
	if state == "" {
		state = issuer.Valid
	}
	if at.IsZero() {
		at = n.CreatedAt
	}
	return state, at
}

// instead answers a certificate that could not be inserted.
func (s *Store) instead(q querier, authority string, n issuer.NewCertificate, sealed sealedBatch) (issuer.Committed, error) {
	r := takenRow{rowKey: sealed.rowKey}
	err := q.row(`SELECT identifier, row_digest, credential FROM certificates WHERE authority = $1 AND row_key = $2`, authority, sealed.rowKey).
		Scan(&r.identifier, &r.digest, &r.credential)
	switch {
	case err == nil:
		same, err := s.sameDigest(r, n.RowDigest)
		if err != nil {
			return issuer.Committed{}, err
		}
		if !same {
			return issuer.Committed{Err: issuer.ErrRowReused}, nil
		}
		t, err := s.openTaken(r)
		return issuer.Committed{Identifier: t.Identifier, Credential: t.Credential, Existing: true}, err
	case !errors.Is(err, sql.ErrNoRows):
		return issuer.Committed{}, err
	}
	// Not the key: the identifier. Two replacements of one certificate both want its next
	// version; the later one learns that it is replaced.
	if n.Replaces != "" {
		_, by, err := s.standing(q, authority, n.Replaces)
		if err == nil && by != "" {
			return issuer.Committed{Err: issuer.ErrReplaced}, nil
		}
		if err != nil && !errors.Is(err, issuer.ErrUnknown) {
			return issuer.Committed{}, err
		}
	}
	return issuer.Committed{}, fmt.Errorf("%w: %s", ErrIdentifierTaken, n.Identifier)
}

// standing reads the state of an authority's certificate and keeps others from changing it
// until the transaction ends.
func (s *Store) standing(q querier, authority, identifier string) (state issuer.State, replacedBy string, err error) {
	err = q.row(`SELECT state, replaced_by FROM certificates WHERE identifier = $1 AND authority = $2`+s.db.lock(), identifier, authority).
		Scan(&state, &replacedBy)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %s", issuer.ErrUnknown, identifier)
	}
	return state, replacedBy, err
}

// replace ends the certificate that n replaces.
func (s *Store) replace(q querier, b issuer.Batch, n issuer.NewCertificate, changeID string) (refusal, err error) {
	state, by, err := s.standing(q, b.Authority, n.Replaces)
	switch {
	case errors.Is(err, issuer.ErrUnknown):
		return err, nil
	case err != nil:
		return nil, err
	case by != "":
		return issuer.ErrReplaced, nil
	case state != issuer.Valid: // a suspension that came after the issuer looked counts too
		return issuer.ErrTransition, nil
	}
	return nil, s.enterChange(q, change{
		identifier: n.Replaces, from: state, to: issuer.Lapsed, at: micros(n.CreatedAt), by: b.By, replacedBy: n.Identifier, reasonID: changeID,
	})
}

// slotRow is a slot that a signed certificate names.
type slotRow struct {
	issuer.Slot
	identifier string
	copy       int // 0 is the original
	status     statuslist.Status
	keyID      string
	expires    any
	at         int64
}

func (s *Store) insertSlot(q querier, r slotRow) error {
	n, err := q.exec(`INSERT INTO slots (list, idx, identifier, copy, status, key_id, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`, r.List, int64(r.Index), r.identifier, r.copy, int64(r.status), r.keyID, r.expires, r.at)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: %s/%d", ErrSlotTaken, r.List, r.Index)
	}
	if r.status != statuslist.Valid {
		return s.appendChanges(q, map[string][]uint64{r.List: {r.Index}}, r.status, r.at)
	}
	return nil
}
