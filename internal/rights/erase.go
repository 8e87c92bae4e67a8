package rights

import (
	"context"
	"crypto/rand"
	"time"
)

// Erasures is the durable side of exports and erasures. A method MUST be durable when it returns
// nil and MUST leave an audit entry without personal data.
type Erasures interface {
	// NoteExport writes down an export, or refuses with ErrTooOften when there were as many since.
	NoteExport(ctx context.Context, holderID string, at, since time.Time, limit int) error
	// PrepareErasure keeps the token that confirms an erasure until a moment. The last one counts.
	PrepareErasure(ctx context.Context, holderID, token string, until time.Time) error
	// Erase erases a person in one transaction, all of it or nothing, and returns how many rows
	// of each kind. It MUST refuse with ErrConfirmation a token that is not the prepared one.
	Erase(ctx context.Context, holderID, token string, now time.Time) ([]Erased, error)
}

// Erased is how much of one kind was erased.
type Erased struct {
	What string
	Rows int64
}

// PrepareErasure begins an erasure. It cannot be undone, so it takes two steps, and the second
// within minutes.
func (s *Service) PrepareErasure(ctx context.Context, p Person) (token string, until time.Time, err error) {
	if err := s.fresh(p); err != nil {
		return "", time.Time{}, err
	}
	token, until = rand.Text(), s.cfg.Now().UTC().Add(s.cfg.ConfirmFor)
	return token, until, s.cfg.Erasures.PrepareErasure(ctx, p.HolderID, token, until)
}

// Erase is the second step.
func (s *Service) Erase(ctx context.Context, p Person, token string) ([]Erased, error) {
	if token == "" || len(token) > 64 {
		return nil, ErrConfirmation
	}
	return s.cfg.Erasures.Erase(ctx, p.HolderID, token, s.cfg.Now().UTC())
}
