package sqlstore

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/verifier"
)

var _ verifier.OfflineCodes = (*Store)(nil)

// OfflineCode implements [verifier.OfflineCodes].
func (s *Store) OfflineCode(ctx context.Context, serial sdcwt.Serial) (verifier.CodeState, error) {
	c := verifier.CodeState{Serial: serial}
	var revoked *int64
	var algorithm string
	var point []byte
	err := s.read(ctx, func(q querier) error {
		return q.row(`SELECT c.identifier, c.holder_id, c.person_id, c.revoked_at, COALESCE(d.algorithm, ''), d.public_key
			FROM device_serials c LEFT JOIN devices d ON d.id = c.device_id WHERE c.serial = $1`, serial[:]).
			Scan(&c.Identifier, &c.HolderID, &c.PersonID, &revoked, &algorithm, &point)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return verifier.CodeState{}, verifier.ErrNoRecord
	}
	if err == nil && algorithm != "" {
		c.Device, err = key.FromPoint(key.Algorithm(algorithm), point)
	}
	c.RevokedAt = optionalMoment(revoked)
	return c, err
}

// unmoved holds the row of a code until the transaction ends, and finds it as it was when it was judged.
func (s *Store) unmoved(q querier, c *verifier.CodeState) error {
	if c == nil {
		return nil
	}
	var now verifier.CodeState
	var revoked *int64
	err := q.row(`SELECT identifier, holder_id, person_id, revoked_at FROM device_serials WHERE serial = $1`+s.db.lock(), c.Serial[:]).
		Scan(&now.Identifier, &now.HolderID, &now.PersonID, &revoked)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return verifier.ErrCodeMoved
	case err != nil:
		return err
	case now.Identifier != c.Identifier || now.HolderID != c.HolderID || now.PersonID != c.PersonID || !optionalMoment(revoked).Equal(c.RevokedAt):
		return verifier.ErrCodeMoved
	}
	return nil
}

// aboutProof names what is done with a proof: it is counted, here or by who was offline.
func aboutProof(proof []byte) string { return "proof " + hex.EncodeToString(proof) }

// recordProof records a check of an offline code that was made here. No other record may have the
// proof, whoever made it.
func (s *Store) recordProof(ctx context.Context, r *recordRow) error {
	about := aboutProof(r.v.Proof)
	return s.writeAbout(ctx, about, 3, func(q querier) error {
		if err := q.alone(about); err != nil {
			return err
		}
		if err := conflict(q, r.v, r.request); !errors.Is(err, ErrIdentifierTaken) {
			return err
		}
		if err := s.unmoved(q, r.v.Code); err != nil {
			return err
		}
		return r.do(q)
	})
}

// shown is a record of a proof.
type shown struct {
	verifier.Verification
	added []string // conflicts that are new
	other []string // ids of the records that they are with
}

func (r *shown) conflict(code string, with ...string) {
	r.other = append(r.other, with...)
	if !slices.Contains(r.Conflicts, code) {
		r.Conflicts, r.added = append(r.Conflicts, code), append(r.added, code)
	}
}

const recordsOfProof = `SELECT id, at, party, holder_id, outcome, reasons, via, conflicts FROM verifications WHERE proof = $1 AND proof IS NOT NULL ORDER BY id`

// shownBefore are the records of a proof.
func shownBefore(q querier, proof []byte) (all []shown, err error) {
	err = q.rows(recordsOfProof, []any{proof}, func(row scanner) error {
		var v shown
		var at int64
		var reasons, conflicts string
		err := row.Scan(&v.ID, &at, &v.Party, &v.HolderID, &v.Outcome, &reasons, &v.Via, &conflicts)
		if err == nil {
			v.Reasons, err = parseNames(reasons)
		}
		if err == nil {
			v.Conflicts, err = parseNames(conflicts)
		}
		v.At = moment(at)
		all = append(all, v)
		return err
	})
	return all, err
}

// same says that nothing has changed that the plan of a settlement rests on.
func same(a, b []shown) bool {
	return slices.EqualFunc(a, b, func(x, y shown) bool {
		return x.ID == y.ID && x.HolderID == y.HolderID && slices.Equal(x.Conflicts, y.Conflicts)
	})
}

// settleTries bounds how often a settlement begins anew because another touched the same proof.
const settleTries = 8

var errProofMoved = errors.New("sqlstore: the proof was recorded meanwhile")

// Settle implements [verifier.OfflineCodes]. Entries of the log are sealed before the transaction, so
// what they tell of is read before it, and found again in it.
func (s *Store) Settle(ctx context.Context, w verifier.Settling) (kept verifier.Verification, repeated bool, err error) {
	for range settleTries {
		var before []shown
		err = s.read(ctx, func(q querier) (err error) {
			before, err = shownBefore(q, w.Proof)
			return err
		})
		if err != nil {
			return kept, false, err
		}
		kept, repeated, err = s.settle(ctx, w, before)
		if !errors.Is(err, errProofMoved) {
			return kept, repeated, err
		}
	}
	return kept, false, fmt.Errorf("sqlstore: settle: %w", err)
}

// confront tells a record and those of the same proof of one another. own is the record of the
// party that has counted the proof before, or nil.
func confront(w verifier.Settling, all []shown) (mine *shown, own bool) {
	mine = &shown{Verification: w.Verification, added: slices.Clone(w.Conflicts)}
	if i := slices.IndexFunc(all, func(o shown) bool { return o.Party == w.Party }); i >= 0 {
		mine, own = &all[i], true
		switch {
		case !w.Shown:
		case mine.Via != verifier.ViaOffline:
			mine.conflict(verifier.CodeShownOnline)
		case !mine.At.Equal(w.At) && !w.Replayed():
			mine.conflict(verifier.CodeShownElsewhere)
		}
		return mine, own
	}
	for i := range all {
		if !w.Shown {
			break
		}
		code := verifier.CodeShownElsewhere
		if all[i].Via != verifier.ViaOffline {
			code = verifier.CodeShownOnline
		}
		mine.conflict(code, all[i].ID)
		all[i].conflict(verifier.CodeShownElsewhere, w.ID)
	}
	return mine, own
}

func (s *Store) settle(ctx context.Context, w verifier.Settling, before []shown) (kept verifier.Verification, repeated bool, err error) {
	told := slices.Clone(before)
	for i := range told {
		told[i].Conflicts = slices.Clone(told[i].Conflicts)
	}
	mine, own := confront(w, told)
	var events []audit.Event
	if len(mine.added) > 0 {
		events = append(events, conflictEvent(*mine, w))
	}
	for _, o := range told {
		if len(o.added) > 0 && o.ID != mine.ID {
			events = append(events, conflictEvent(o, w))
		}
	}
	if own && len(events) == 0 {
		return mine.Verification, own, nil
	}
	log, err := s.audited(events...)
	if err != nil {
		return kept, false, err
	}
	var row *recordRow
	if !own {
		if row, err = s.recordRow(mine.Verification); err != nil {
			return kept, false, err
		}
	}
	about := aboutProof(w.Proof)
	err = s.writeAbout(ctx, about, 3+len(told), func(q querier) error {
		if err := q.alone(about); err != nil {
			return err
		}
		now, err := shownBefore(q, w.Proof)
		if err != nil {
			return err
		}
		if !same(before, now) {
			return errProofMoved
		}
		if row != nil {
			if err := s.unmoved(q, w.Code); err != nil {
				return err
			}
			if err := row.do(q); err != nil {
				return err
			}
		}
		for _, o := range told {
			if len(o.added) == 0 {
				continue
			}
			if _, err := q.exec(`UPDATE verifications SET conflicts = $2 WHERE id = $1`, o.ID, names(o.Conflicts)); err != nil {
				return err
			}
		}
		return log.store(q)
	})
	return mine.Verification, own, err
}

// conflictEvent is what the log says of what was found at odds about a record.
func conflictEvent(v shown, w verifier.Settling) audit.Event {
	d := map[string]string{"party": v.Party, "conflicts": strings.Join(v.added, " ")}
	if len(v.other) > 0 {
		d["other"] = strings.Join(v.other, " ")
	}
	if v.Party == w.Party {
		d["said"] = string(w.Said)
		if len(w.SaidReasons) > 0 {
			d["said_reasons"] = strings.Join(w.SaidReasons, " ")
		}
		if !w.BundleAsOf.IsZero() {
			d["bundle_as_of"] = w.BundleAsOf.UTC().Format(time.RFC3339)
		}
	}
	return audit.Event{Kind: "verification.conflict", Once: v.ID + "\x00" + strings.Join(v.added, " "), At: w.SettledAt, Actor: w.Caller, Subject: v.ID, Holder: v.HolderID, Detail: d}
}
