package sqlstore

import (
	"context"

	"github.com/showcard/showcard/internal/audit"
)

// entries are audit entries on their way into a transaction. They are made and sealed before it
// begins, because sealing may ask the database.
type entries []audit.Entry

// audited makes the entries of events. What they tell of must store them in its own transaction:
//
//	log, err := s.audited(audit.Event{Kind: "certificate.issued", …})
//	…
//	err = s.write(ctx, 2, func(q querier) error { …; return log.store(q) })
func (s *Store) audited(events ...audit.Event) (entries, error) {
	log := make(entries, len(events))
	for i, e := range events {
		var err error
		if log[i], err = audit.NewEntry(e, s.cfg.Now()); err != nil {
			return nil, err
		}
		if log[i].Opening, err = s.sealer.Seal("audit_entries", log[i].ID, "opening", log[i].Opening); err != nil {
			return nil, err
		}
	}
	return log, nil
}

// store writes the entries as part of a transaction.
func (l entries) store(q querier) error {
	for _, e := range l {
		_, err := q.exec(`INSERT INTO audit_entries (id, at, holder_id, leaf, opening) VALUES ($1, $2, $3, $4, $5)`,
			e.ID, micros(e.At), e.Holder, e.Leaf, e.Opening)
		if err != nil {
			return err
		}
	}
	return nil
}

// Note stores an event that belongs to no other transaction, such as a refused sign-in. It is
// durable when it returns nil.
func (s *Store) Note(ctx context.Context, e audit.Event) error {
	log, err := s.audited(e)
	if err != nil {
		return err
	}
	return s.write(ctx, 1, log.store)
}
