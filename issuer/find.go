package issuer

import (
	"context"
	"fmt"
	"time"

	"github.com/showcard/showcard/schemas"
)

// Question is what a department looks for among the certificates that it issued: one of them, those
// of a holder, or all, narrowed by type and state. Content that was erased is not found.
type Question struct {
	Authorities []string // whose certificates; of no other is anything told
	Identifier  string
	HolderID    string
	Type        string
	State       State
	After       Place // of the page before; zero: from the newest
	Limit       int
}

// Place is a place in a list, the newest first: behind the certificate or job of this id, of this moment.
type Place struct {
	At time.Time
	ID string
}

// Found is what a search tells of a certificate: nothing of its holder.
type Found struct {
	Identifier string
	Authority  string
	Type       string
	TypeVer    int
	State      State
	Region     string
	ValidFrom  string // as in the row
	ValidUntil string
	ReplacedBy string
	CreatedAt  time.Time
}

// FoundPage is a part of what a question finds. Next is where to go on, zero at the end. A page may be short
// and have a next: what one question may read is bounded.
type FoundPage struct {
	Certificates []Found
	Next         Place
}

// Find answers a question of a department. A holder is named by type and number.
func (i *Issuer) Find(ctx context.Context, q Question, holder *schemas.HolderRef) (FoundPage, error) {
	if holder != nil {
		q.HolderID = i.cfg.HolderID(*holder)
	}
	page, err := i.cfg.Record.FindCertificates(ctx, q)
	if err != nil {
		return page, fmt.Errorf("issuer: find: %w", err)
	}
	return page, nil
}

// Pushes lists the pushes of authorities, the newest first, and where to go on.
func (i *Issuer) Pushes(ctx context.Context, authorities []string, after Place, limit int) ([]Job, Place, error) {
	jobs, err := i.cfg.Jobs.JobsOf(ctx, authorities, after, limit+1)
	if err != nil {
		return nil, Place{}, fmt.Errorf("issuer: push jobs: %w", err)
	}
	if len(jobs) <= limit {
		return jobs, Place{}, nil
	}
	last := jobs[limit-1]
	return jobs[:limit], Place{At: last.StartedAt, ID: last.ID}, nil
}
