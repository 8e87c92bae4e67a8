package sqlstore

import (
	"context"
	"encoding/base32"
	"fmt"
	"hash"

	"github.com/showcard/showcard/internal/audit"
)

// auditSecret is the keystore's name of the key from which entries' ids come.
const auditSecret = "audit-entries"

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
		if log[i], err = s.entry(e); err != nil {
			return nil, err
		}
	}
	return log, nil
}

// entry makes and seals one.
func (s *Store) entry(e audit.Event) (audit.Entry, error) {
	if e.ID == "" && e.Once != "" {
		e.ID = s.entryID(e.Kind, e.Once)
	}
	made := audit.NewEntry(e, s.cfg.Now())
	var err error
	made.Opening, err = s.sealer.Seal("audit_entries", made.ID, "opening", made.Opening)
	return made, err
}

// entryID is the id of the entry of what happens once. It is drawn from a key, so that `showcard
// audit verify` finds the entry of a row without a column for it, and nobody who reads the public
// leaves can try out which certificate or verification an entry is of.
func (s *Store) entryID(kind, once string) string {
	m := s.entryMACs.Get().(hash.Hash)
	defer s.entryMACs.Put(m)
	m.Reset()
	m.Write([]byte(kind + "\x00" + once))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.Sum(nil)[:16])
}

// about says whom the entries are about, where that is known only inside the transaction.
func (l entries) about(holder string) {
	for i := range l {
		l[i].Holder = holder
	}
}

// store writes the entries as part of a transaction.
func (l entries) store(q querier) error {
	for _, e := range l {
		_, err := q.exec(`INSERT INTO audit_entries (id, at, holder_id, leaf, opening) VALUES ($1, $2, $3, $4, $5)`,
			e.ID, micros(e.At), e.Holder, e.Leaf, e.Opening)
		if err != nil {
			return unlogged{fmt.Errorf("sqlstore: audit entry: %w", err)}
		}
	}
	return nil
}

// unlogged ends a whole transaction, also one that several callers share: what was done before
// in it must not stand without its entry.
type unlogged struct{ error }

func (u unlogged) Unwrap() error { return u.error }

// Note stores an event that belongs to no other transaction, such as a refused sign-in. It is
// durable when it returns nil.
func (s *Store) Note(ctx context.Context, e audit.Event) error {
	log, err := s.audited(e)
	if err != nil {
		return err
	}
	return s.db.write(ctx, work{rows: 1, clean: true, do: log.store})
}

// eraseOpenings destroys salts and openings of all that is logged about a person. The entries
// stay where they are, and the tree and its proofs as they were; what they said of her can no
// longer be shown or guessed. It says how many there were. The erasure's own entry comes after it,
// without Holder, or it would go too.
func eraseOpenings(q querier, holderID string) (int64, error) {
	if holderID == "" {
		return 0, nil // of entries that are about nobody
	}
	return q.exec(`UPDATE audit_entries SET opening = NULL, holder_id = '' WHERE holder_id = $1 AND holder_id <> ''`, holderID)
}
