package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
)

// RowCheck is what CheckRows compared.
type RowCheck struct {
	Rows  int // compared with their entries
	Older int // from before the log began, so that they have none
}

const checkRows = 256

// rowCheck is a run of CheckRows.
type rowCheck struct {
	s     *Store
	begun int64 // when the log began
	moved bool  // blind ids were turned to another key since; openings keep the old ones
	// closed are the moments of entries whose opening is gone, though not past keep; erased is how many
	// erasures of people say they took, and swept until when openings went by retention.
	closed []time.Time
	erased int64
	swept  time.Time
	add    func(audit.Finding)
	RowCheck
}

// CheckRows holds the record against the log: each verification, certificate, change of state and
// revision of the registry must have its entry, and say what the entry says; and what an entry
// tells of must be there, unless it is older than keep allows. So an entry that was taken out
// before the tree took it in is missed, and so is a row that was edited, slipped in or deleted.
func (s *Store) CheckRows(ctx context.Context, keep time.Time, add func(audit.Finding)) (RowCheck, error) {
	c := &rowCheck{s: s, add: add}
	err := s.read(ctx, func(q querier) error {
		var generation int64
		err := q.row(`SELECT COALESCE((SELECT at FROM audit_entries WHERE idx = 0), 0), COALESCE((SELECT MAX(generation) FROM lookup_keys), 1)`).Scan(&c.begun, &generation)
		c.moved = generation > 1
		return err
	})
	for _, check := range []func(context.Context) error{c.verifications, c.certificates, c.erasures, c.changes, c.revisions, c.people,
		func(ctx context.Context) error { return c.gone(ctx, keep) }} {
		if err == nil {
			err = check(ctx)
		}
	}
	// An opening that was destroyed to hide what an entry said is no erasure.
	c.closed = slices.DeleteFunc(c.closed, func(at time.Time) bool { return at.Before(c.swept) })
	if gone := int64(len(c.closed)); err == nil && gone > c.erased {
		add(audit.Finding{Code: audit.FoundOpening, Index: audit.NoPlace, Detail: fmt.Sprintf("%d openings are gone, erasures of people took %d", gone, c.erased)})
	}
	return c.RowCheck, err
}

// row is a row of the record and what the log should say of it.
type row struct {
	name   string
	at     int64
	event  audit.Event
	erased bool // what the row said is gone, by law: only that it was logged is checked
}

// pages reads rows in pages, each in a read of its own, and compares them. next reads those after
// a key and returns the last key.
func pages[K any](ctx context.Context, c *rowCheck, next func(q querier, after K) ([]row, K, error)) error {
	var after K
	for {
		var rows []row
		var found []*audit.Placed
		err := c.s.read(ctx, func(q querier) (err error) {
			if rows, after, err = next(q, after); err != nil {
				return err
			}
			found = make([]*audit.Placed, len(rows))
			for i, r := range rows {
				p, err := placedIn(q.row(`SELECT `+placedColumns+` FROM audit_entries WHERE id = $1`, c.s.entryID(r.event.Kind, r.event.Once)))
				if err == nil {
					found[i] = &p
				} else if !errors.Is(err, sql.ErrNoRows) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("sqlstore: check rows: %w", err)
		}
		for i, r := range rows {
			c.compare(r, found[i])
		}
		if len(rows) < checkRows {
			return ctx.Err()
		}
	}
}

func (c *rowCheck) compare(r row, entry *audit.Placed) {
	f := audit.Finding{Index: audit.NoPlace, Kind: r.event.Kind, At: moment(r.at), Detail: r.name}
	if entry == nil {
		if r.at < c.begun {
			c.Older++
			return
		}
		f.Code = audit.FoundUnlogged
		c.add(f)
		return
	}
	c.Rows++
	f.Index, f.ID = entry.Index, entry.ID
	leaf, err := audit.ParseLeaf(entry.Leaf)
	if err != nil || leaf.ID != entry.ID {
		return // Verify names it
	}
	// That the row was slipped in under the key of an entry of another kind cannot be: the id is
	// drawn from both.
	if c.s.openPlaced(entry); entry.Damage != nil || entry.Opening == nil || r.erased {
		if r.event.At.UnixMicro() != leaf.At.UnixMicro() && !r.event.At.IsZero() {
			f.Code = audit.FoundRow
			c.add(f)
		}
		return
	}
	said, err := leaf.Open(entry.Opening)
	if err != nil {
		return
	}
	// The digest of a receipt is for who holds the receipt. Who showed for a company is erased from
	// the row with her, and its blind id turns with the key of names.
	delete(said.Detail, "receipt")
	if _, named := r.event.Detail["shown_by"]; !named || c.moved {
		delete(said.Detail, "shown_by")
		delete(r.event.Detail, "shown_by")
	}
	if c.moved && entry.Holder == r.event.Holder {
		said.Holder = r.event.Holder
	}
	// Who showed a company's certificate is erased from the row when she is erased, and turned with
	// the keys of blind ids.
	if _, there := r.event.Detail[shownBy]; !there || c.moved {
		delete(said.Detail, shownBy)
		delete(r.event.Detail, shownBy)
	}
	if !said.Same(r.event) {
		f.Code = audit.FoundRow
		c.add(f)
	}
}

func (c *rowCheck) verifications(ctx context.Context) error {
	return pages(ctx, c, func(q querier, after string) ([]row, string, error) {
		var rows []row
		err := q.rows(`SELECT id, at, caller, party, show_id, holder_id, person_id, identifier, type, purpose, fields, outcome, reasons, via, settled_at, compared_at, compared_same, found FROM verifications
			WHERE id > $1 ORDER BY id LIMIT $2`, []any{after, checkRows}, func(r scanner) error {
			var v verifier.Verification
			var at int64
			var settled, personAt, personSame *int64
			var fields, reasons string
			err := r.Scan(&v.ID, &at, &v.Caller, &v.Party, &v.ShowID, &v.HolderID, &v.PersonID, &v.Identifier, &v.Type, &v.Purpose, &fields, &v.Outcome, &reasons, &v.Via, &settled,
				&personAt, &personSame, &v.Found)
			after, v.At, v.SettledAt = v.ID, moment(at), optionalMoment(settled)
			v.PersonAt, v.PersonSame = optionalMoment(personAt), personSame != nil && *personSame == 1
			if settled != nil {
				at = *settled
			}
			// Names that do not parse were edited; they differ from the entry all the same.
			if v.Fields, _ = parseNames(fields); v.Fields == nil && fields != "[]" {
				v.Fields = []string{fields}
			}
			if v.Reasons, _ = parseNames(reasons); v.Reasons == nil && reasons != "[]" {
				v.Reasons = []string{reasons}
			}
			rows = append(rows, row{name: "verification " + v.ID, at: at, event: verificationEvent(recordedAs(v))})
			if personAt != nil {
				rows = append(rows, row{name: "clerk's word on verification " + v.ID, at: *personAt, event: personEvent(v)})
			}
			return err
		})
		return rows, after, err
	})
}

// certificates compares what was issued, and that the state is the one that the last change made:
// to set a revoked certificate back to valid is what somebody would edit tables for.
func (c *rowCheck) certificates(ctx context.Context) error {
	return pages(ctx, c, func(q querier, after string) ([]row, string, error) {
		var rows []row
		var states []issuer.State
		err := q.rows(`SELECT identifier, authority, type, type_version, holder_id, status_list, status_index, issued_by, created_at, replaces, credential, erased_at, state,
				COALESCE((SELECT from_state FROM certificate_events e WHERE e.identifier = c.identifier AND e.number = 1), state),
				COALESCE((SELECT to_state FROM certificate_events e WHERE e.identifier = c.identifier ORDER BY e.number DESC LIMIT 1), state)
			FROM certificates c WHERE identifier > $1 ORDER BY identifier LIMIT $2`, []any{after, checkRows}, func(r scanner) error {
			var n issuer.Certificate
			var authority, by, replaces string
			var index, at int64
			var credential []byte
			var erased *int64
			var state, last issuer.State
			err := r.Scan(&n.Identifier, &authority, &n.Row.Type, &n.TypeVer, &n.HolderID, &n.Slot.List, &index, &by, &at, &replaces, &credential, &erased, &state, &n.State, &last)
			if err != nil {
				return err
			}
			after, n.CreatedAt, n.Slot.Index = n.Identifier, moment(at), uint64(index)
			if plain, err := c.s.sealer.Open("certificates", n.Identifier, "credential", credential); err == nil {
				n.Credential = string(plain)
			}
			if state != last {
				c.add(audit.Finding{Code: audit.FoundRow, Index: audit.NoPlace, Detail: "state of certificate " + n.Identifier + " is not what its last change made"})
			}
			rows, states = append(rows, row{name: "certificate " + n.Identifier, at: at, event: issuedEvent(n, authority, by, replaces), erased: erased != nil}), append(states, state)
			return nil
		})
		for i := range states {
			if err != nil {
				break
			}
			var other int
			err = q.row(`SELECT (SELECT COUNT(*) FROM slots s JOIN certificates c ON s.list = c.status_list AND s.idx = c.status_index WHERE c.identifier = $1 AND s.status <> $2) +
				(SELECT COUNT(*) FROM slots WHERE identifier = $1 AND copy = 1 AND status <> $2)`, rows[i].event.Subject, int64(states[i].Public())).Scan(&other)
			if other > 0 {
				c.add(audit.Finding{Code: audit.FoundRow, Index: audit.NoPlace, Detail: "status of " + rows[i].name + " is not that of its state"})
			}
		}
		return rows, after, err
	})
}

// erasures looks for the entries of contents that were erased.
func (c *rowCheck) erasures(ctx context.Context) error {
	return pages(ctx, c, func(q querier, after string) ([]row, string, error) {
		var rows []row
		err := q.rows(`SELECT identifier, erased_at FROM certificates WHERE identifier > $1 AND erased_at IS NOT NULL ORDER BY identifier LIMIT $2`, []any{after, checkRows}, func(r scanner) error {
			var at int64
			err := r.Scan(&after, &at)
			rows = append(rows, row{name: "erasure of " + after, at: at, erased: true, event: audit.Event{Kind: "content.erased", Once: after, At: moment(at)}})
			return err
		})
		return rows, after, err
	})
}

func (c *rowCheck) changes(ctx context.Context) error {
	type place struct {
		identifier string
		number     int64
	}
	return pages(ctx, c, func(q querier, after place) ([]row, place, error) {
		var rows []row
		err := q.rows(`SELECT e.identifier, e.number, e.at, e.to_state, e.who, e.reason_id, e.replaced_by, c.authority
			FROM certificate_events e JOIN certificates c ON c.identifier = e.identifier
			WHERE (e.identifier > $1 OR e.identifier = $1 AND e.number > $2) AND c.erased_at IS NULL ORDER BY e.identifier, e.number LIMIT $3`,
			[]any{after.identifier, after.number, checkRows}, func(r scanner) error {
				var e issuer.Event
				var at int64
				var id, authority string
				err := r.Scan(&e.Identifier, &after.number, &at, &e.To, &e.By, &id, &e.ReplacedBy, &authority)
				after.identifier, e.At = e.Identifier, moment(at)
				rows = append(rows, row{name: fmt.Sprintf("change %d of certificate %s", after.number, e.Identifier), at: at, event: stateEvent(id, e, authority)})
				return err
			})
		return rows, after, err
	})
}

func (c *rowCheck) revisions(ctx context.Context) error {
	return pages(ctx, c, func(q querier, after int64) ([]row, int64, error) {
		var rows []row
		var numbers []int64
		var revisions []registryRevision
		err := q.rows(`SELECT revision, who, why, at FROM registry_revisions WHERE revision > $1 ORDER BY revision LIMIT $2`, []any{after, checkRows}, func(r scanner) error {
			var v registryRevision
			err := r.Scan(&after, &v.who, &v.why, &v.at)
			numbers, revisions = append(numbers, after), append(revisions, v)
			return err
		})
		for i, n := range numbers {
			if err != nil {
				break
			}
			var written []registry.Entry
			err = q.rows(`SELECT kind, id, body FROM registry_history WHERE revision = $1`, []any{n}, func(r scanner) error {
				var e registry.Entry
				err := r.Scan(&e.Kind, &e.ID, &e.Body)
				written = append(written, e)
				return err
			})
			rows = append(rows, row{name: fmt.Sprintf("registry revision %d", n), at: revisions[i].at, event: registryEvent(n, revisions[i], written)})
		}
		return rows, after, err
	})
}

// gone looks for entries whose row is not there any more.
func (c *rowCheck) gone(ctx context.Context, keep time.Time) error {
	for from := uint64(0); ; {
		page, err := c.s.Placed(ctx, from, checkRows)
		if err != nil {
			return err
		}
		for _, p := range page {
			from = p.Index + 1
			leaf, err := audit.ParseLeaf(p.Leaf)
			young := !leaf.At.Before(keep)
			switch {
			case err != nil, !young && leaf.Kind != erasedKind && leaf.Kind != sweptKind:
				continue
			case p.Opening == nil:
				if young && p.Damage == nil {
					c.closed = append(c.closed, leaf.At)
				}
				continue
			}
			said, err := leaf.Open(p.Opening)
			if err == nil {
				c.destroyed(said)
			}
			if !young {
				continue
			}
			query, args := rowOf(said)
			if err != nil || query == "" {
				continue // Verify names it
			}
			err = c.s.read(ctx, func(q querier) error {
				var one int
				return q.row(query, args...).Scan(&one)
			})
			switch {
			case errors.Is(err, sql.ErrNoRows):
				c.add(audit.Finding{Code: audit.FoundGone, Index: p.Index, ID: p.ID, Kind: leaf.Kind, At: leaf.At, Detail: said.Subject})
			case err != nil:
				return err
			}
		}
		if len(page) < checkRows {
			return ctx.Err()
		}
	}
}

// destroyed remembers what an event says of openings that went.
func (c *rowCheck) destroyed(e audit.Event) {
	switch e.Kind {
	case erasedKind:
		if n, err := strconv.ParseInt(e.Detail[erasedOpenings], 10, 64); err == nil {
			c.erased += n
		}
	case sweptKind:
		if before, err := time.Parse(time.RFC3339Nano, e.Detail["before"]); err == nil && before.After(c.swept) {
			c.swept = before
		}
	}
}

// rowOf asks for the row that an event tells of; the query is empty when there need be none.
func rowOf(e audit.Event) (query string, args []any) {
	switch {
	case e.Kind == "certificate.issued":
		return `SELECT 1 FROM certificates WHERE identifier = $1`, []any{e.Subject}
	case e.Kind == "verification.recorded":
		return `SELECT 1 FROM verifications WHERE id = $1`, []any{e.Subject}
	case e.Kind == "person.compared":
		return `SELECT 1 FROM verifications WHERE id = $1 AND compared_at IS NOT NULL`, []any{e.Subject}
	case e.Kind == "registry.changed":
		return `SELECT 1 FROM registry_revisions WHERE revision = CAST($1 AS BIGINT)`, []any{strings.TrimPrefix(e.Subject, "revision ")}
	case e.Kind == "consent.asked":
		return `SELECT 1 FROM consents WHERE id = $1`, []any{e.Subject}
	case e.Kind == "correction.filed":
		return `SELECT 1 FROM corrections WHERE id = $1`, []any{e.Subject}
	case e.Kind == "review.submitted":
		return `SELECT 1 FROM reviews WHERE id = $1`, []any{e.Subject}
	case e.Kind == "receipt.disputed":
		return `SELECT 1 FROM disputes WHERE id = $1`, []any{e.Detail["dispute"]}
	case e.Kind == "device.stocked":
		return `SELECT 1 FROM device_stocks WHERE id = $1`, []any{e.Subject}
	case e.Kind == "agency.offered":
		return `SELECT 1 FROM appointments WHERE id = $1`, []any{e.Subject}
	case strings.HasPrefix(e.Kind, "certificate.") && e.Detail["event"] != "":
		return `SELECT 1 FROM certificates c WHERE identifier = $1 AND (erased_at IS NOT NULL OR
			EXISTS (SELECT 1 FROM certificate_events e WHERE e.identifier = c.identifier AND e.reason_id = $2))`, []any{e.Subject, e.Detail["event"]}
	}
	return "", nil
}
