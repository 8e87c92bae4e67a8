package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/issuer"
)

// change is a change of state on its way into the tables.
type change struct {
	identifier     string
	from, to       issuer.State
	at             int64
	by, replacedBy string
	reason         []byte // sealed for certificates
	eventReason    []byte // sealed for certificate_events, under reasonID
	reasonID       string
	// later, where it is given, is told of the certificate, whose codes are revoked with those of
	// others of its batch.
	later *stopped
}

// ChangeState implements [issuer.Record].
func (s *Store) ChangeState(ctx context.Context, c issuer.Change) (issuer.Certificate, error) {
	none := issuer.Certificate{}
	ch, err := s.sealChange(c, rand.Text())
	if err != nil {
		return none, err
	}
	var r sealedCertificate
	err = s.writeAbout(ctx, aboutCertificate(c.Identifier), 5, func(q querier) error {
		r = sealedCertificate{}
		if err := s.makeChange(q, c, &ch); err != nil {
			return err
		}
		return selectCertificate(q, c.Identifier, &r)
	})
	if err != nil {
		return none, err
	}
	return s.openCertificate(&r)
}

// sealedChange is a change of state, sealed before the transaction begins.
type sealedChange struct {
	change
	log entries
}

func (s *Store) sealChange(c issuer.Change, id string) (ch sealedChange, err error) {
	if !known(c.To) {
		return ch, fmt.Errorf("%w: to %q", issuer.ErrTransition, c.To)
	}
	ch.change = change{identifier: c.Identifier, to: c.To, at: micros(c.At), by: c.By, reasonID: id}
	if ch.reason, err = s.sealText("certificates", c.Identifier, "reason", c.Reason); err != nil {
		return ch, err
	}
	if ch.eventReason, err = s.sealText("certificate_events", id, "reason", c.Reason); err != nil {
		return ch, err
	}
	ch.log, err = s.audited(stateEvent(id, issuer.Event{Identifier: c.Identifier, At: c.At, To: c.To, By: c.By}, c.Authority))
	return ch, err
}

// makeChange makes the change if the state allows it. An error that is a refusal comes before
// anything is written.
func (s *Store) makeChange(q querier, c issuer.Change, ch *sealedChange) error {
	var changes int64
	var holder string
	err := q.row(`SELECT state, changes, holder_id FROM certificates WHERE identifier = $1 AND authority = $2`+s.db.lock(), c.Identifier, c.Authority).
		Scan(&ch.from, &changes, &holder)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: %s", issuer.ErrUnknown, c.Identifier)
	case err != nil:
		return err
	case ch.from == c.To && changes > 0:
		return nil // the change was made, perhaps by a request whose answer was lost
	case ch.from.Terminal() || !slices.Contains(c.From, ch.from) || ch.from == c.To:
		return fmt.Errorf("%w: from %s to %s", issuer.ErrTransition, ch.from, c.To)
	}
	if err := s.enterChange(q, ch.change); err != nil {
		return err
	}
	ch.log.about(holder)
	return ch.log.store(q)
}

// changeID is the id of the event of a change in bulk: a fixed one where it is to be made only once.
func (s *Store) changeID(c issuer.BulkChange) string {
	if c.Once == "" {
		return rand.Text()
	}
	return s.entryID("push.change", c.Authority+"\x00"+c.Once)
}

// changeOnce makes a change in bulk, unless it was made before.
func (s *Store) changeOnce(q querier, c issuer.BulkChange, ch *sealedChange) error {
	if c.Once != "" {
		var made int
		err := q.row(`SELECT COUNT(*) FROM certificate_events WHERE identifier = $1 AND reason_id = $2`, c.Identifier, ch.reasonID).Scan(&made)
		if err != nil || made > 0 {
			return err
		}
	}
	return s.makeChange(q, c.Change, ch)
}

// refusal says that an error is the answer to one change and concerns no other.
func refusal(err error) bool {
	return errors.Is(err, issuer.ErrUnknown) || errors.Is(err, issuer.ErrTransition)
}

func known(state issuer.State) bool {
	switch state {
	case issuer.Valid, issuer.Suspended, issuer.Withdrawn, issuer.Cancelled, issuer.Lapsed, issuer.Transferred, issuer.Revoked:
		return true
	}
	return false
}

// enterChange writes a change of state that was found to be allowed: the certificate, its
// history, its slots and the sequences of their lists, and what devices were given of it.
func (s *Store) enterChange(q querier, c change) error {
	var number, original int64
	var list string
	err := q.row(`UPDATE certificates SET state = $2, state_at = $3, reason = $4, changes = changes + 1,
			replaced_by = CASE WHEN $5 = '' THEN replaced_by ELSE $5 END
		WHERE identifier = $1 RETURNING changes, status_list, status_index`, c.identifier, string(c.to), c.at, c.reason, c.replacedBy).
		Scan(&number, &list, &original)
	if err != nil {
		return err
	}
	if _, err := q.exec(`INSERT INTO certificate_events (identifier, number, at, from_state, to_state, who, reason, reason_id, replaced_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, c.identifier, number, c.at, string(c.from), string(c.to), c.by, c.eventReason, c.reasonID, c.replacedBy); err != nil {
		return err
	}
	switch {
	case c.to == issuer.Valid:
	case c.later != nil:
		c.later.add(c.identifier, c.to.Terminal())
	default:
		if err := s.revokeAbout(q, c.identifier, c.to.Terminal()); err != nil {
			return err
		}
	}
	status := c.to.Public()
	if c.from.Public() == status {
		return nil
	}
	slots := map[string][]uint64{list: {uint64(original)}}
	if _, err := q.exec(`UPDATE slots SET status = $3 WHERE list = $1 AND idx = $2`, list, original, int64(status)); err != nil {
		return err
	}
	if err := q.rows(`UPDATE slots SET status = $2 WHERE identifier = $1 AND copy = 1 RETURNING list, idx`, []any{c.identifier, int64(status)}, func(row scanner) error {
		var list string
		var index int64
		err := row.Scan(&list, &index)
		slots[list] = append(slots[list], uint64(index))
		return err
	}); err != nil {
		return err
	}
	return s.appendChanges(q, slots, status, c.at)
}

// appendChanges gives slots their numbers in the sequences of their lists. The list's row is
// locked from there to the commit, so numbers become visible in order and without a gap. It is
// done last, and lists are taken in one order, so that the row is held briefly and two changes
// cannot wait for each other.
func (s *Store) appendChanges(q querier, slots map[string][]uint64, status statuslist.Status, at int64) error {
	for _, list := range slices.Sorted(maps.Keys(slots)) {
		indexes := slots[list]
		if err := q.finally("list "+list, func(q querier) error { return appendTo(q, list, indexes, status, at) }); err != nil {
			return err
		}
	}
	return nil
}

func appendTo(q querier, list string, indexes []uint64, status statuslist.Status, at int64) error {
	var last int64
	err := q.row(`UPDATE status_lists SET seq = seq + $2 WHERE name = $1 RETURNING seq`, list, len(indexes)).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %q", issuer.ErrListUnknown, list)
	}
	if err != nil {
		return err
	}
	first := last - int64(len(indexes)) + 1
	if _, ok := q.(bulk); ok && len(indexes) >= fewRows {
		_, err := q.exec(insertChanges, arrays(changeColumns, len(indexes), func(r, c int) any {
			return []any{list, first + int64(r), int64(indexes[r]), int64(status), at}[c]
		})...)
		return err
	}
	for i, index := range indexes {
		seq := first + int64(i)
		if _, err := q.exec(`INSERT INTO status_changes (list, seq, idx, status, at) VALUES ($1, $2, $3, $4, $5)`, list, seq, int64(index), int64(status), at); err != nil {
			return err
		}
	}
	return nil
}

// aboutCertificate names works that hold the row of a certificate.
func aboutCertificate(identifier string) string { return "certificate " + identifier }

// AddCopy implements [issuer.Record]. It holds the certificate's row, so that a change of
// state either finds the slot or comes first.
func (s *Store) AddCopy(ctx context.Context, c issuer.Copy) error {
	log, err := s.audited(copyEvent(c))
	if err != nil {
		return err
	}
	return s.writeAbout(ctx, aboutCertificate(c.Identifier), 3, func(q querier) error {
		var state issuer.State
		var holder string
		err := q.row(`SELECT state, holder_id FROM certificates WHERE identifier = $1`+s.db.lock(), c.Identifier).Scan(&state, &holder)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("%w: %s", issuer.ErrUnknown, c.Identifier)
		case err != nil:
			return err
		case state.Terminal():
			return fmt.Errorf("%w: a copy of a certificate that is %s", issuer.ErrTransition, state)
		}
		// Many copies count up one key: like the heads of lists it comes last.
		err = q.finally("key "+c.KeyID, func(q querier) error {
			counted, err := q.exec(`INSERT INTO key_copies (key_id, copies) VALUES ($1, 1)
				ON CONFLICT (key_id) DO UPDATE SET copies = key_copies.copies + 1 WHERE key_copies.copies < $2 OR $2 = 0`, c.KeyID, c.KeyLimit)
			if err == nil && counted == 0 {
				err = issuer.ErrKeyFull
			}
			return err
		})
		if err != nil {
			return err
		}
		at := c.CreatedAt
		if at.IsZero() {
			at = s.cfg.Now()
		}
		log.about(holder)
		if err := log.store(q); err != nil {
			return err
		}
		return s.insertSlot(q, slotRow{Slot: c.Slot, identifier: c.Identifier, copy: 1, status: state.Public(), keyID: c.KeyID, expires: optional(c.ExpiresAt), at: micros(at)})
	})
}

// SetLive implements [issuer.LiveData].
func (s *Store) SetLive(ctx context.Context, authority, identifier string, live map[string]any, at time.Time) error {
	var sealed []byte
	if live != nil {
		var err error
		if sealed, err = s.sealJSON("certificates", identifier, "live", live); err != nil {
			return err
		}
	}
	log, err := s.audited(audit.Event{Kind: "certificate.updated", At: at, Actor: authority, Subject: identifier, Detail: map[string]string{"fields": strings.Join(slices.Sorted(maps.Keys(live)), " ")}})
	if err != nil {
		return err
	}
	return s.db.write(ctx, work{rows: 2, clean: true, about: aboutCertificate(identifier), do: func(q querier) error {
		n, err := q.exec(`UPDATE certificates SET live = $3, live_at = $4 WHERE identifier = $1 AND authority = $2`, identifier, authority, sealed, optional(at))
		switch {
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("%w: %s", issuer.ErrUnknown, identifier)
		}
		return log.store(q)
	}})
}

// Events implements [issuer.History].
func (s *Store) Events(ctx context.Context, identifier string) ([]issuer.Event, error) {
	type sealedEvent struct {
		issuer.Event
		reason []byte
		id     string
	}
	var found []sealedEvent
	err := s.snapshot(ctx, func(q querier) error {
		first := sealedEvent{Event: issuer.Event{Identifier: identifier}}
		var at int64
		err := q.row(`SELECT created_at, issued_by, state FROM certificates WHERE identifier = $1`, identifier).Scan(&at, &first.By, &first.To)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: %s", issuer.ErrUnknown, identifier)
		}
		if err != nil {
			return err
		}
		first.At = moment(at)
		found = []sealedEvent{first}
		return q.rows(`SELECT at, from_state, to_state, who, reason, reason_id, replaced_by FROM certificate_events WHERE identifier = $1 ORDER BY number`,
			[]any{identifier}, func(row scanner) error {
				e := sealedEvent{Event: issuer.Event{Identifier: identifier}}
				err := row.Scan(&at, &e.From, &e.To, &e.By, &e.reason, &e.id, &e.ReplacedBy)
				e.At = moment(at)
				found = append(found, e)
				return err
			})
	})
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		found[0].To = found[1].From // as it was issued, not as it is
	}
	out := make([]issuer.Event, len(found))
	for i, e := range found {
		if e.Reason, err = s.openText("certificate_events", e.id, "reason", e.reason); err != nil {
			return nil, err
		}
		out[i] = e.Event
	}
	return out, nil
}
