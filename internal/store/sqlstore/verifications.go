package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/verifier"
)

// recordRow seals a verification and makes its entry of the log.
func (s *Store) recordRow(v verifier.Verification) (*recordRow, error) {
	var answer []byte
	if len(v.Answer) > 0 {
		var err error
		if answer, err = s.sealer.Seal("verifications", v.ID, "answer", v.Answer); err != nil {
			return nil, err
		}
	}
	// Sealed like the answer: of a check of facts it is the digest of a number and little else, and
	// numbers can be found by trying. Without a key nobody will ask for it.
	hash := []byte{}
	if v.RequestKey != "" {
		var err error
		if hash, err = s.sealer.Seal("verifications", v.ID, "request_hash", append(v.RequestHash[:], v.RequestKey...)); err != nil {
			return nil, err
		}
	}
	var receipt []byte
	if len(v.Receipt) > 0 {
		var err error
		if receipt, err = s.sealer.Seal("verifications", v.ID, "receipt", v.Receipt); err != nil {
			return nil, err
		}
	}
	log, err := s.audited(verificationEvent(v))
	if err != nil {
		return nil, err
	}
	fields, reasons := names(v.Fields), names(v.Reasons)
	r := &recordRow{v: v, log: log, request: s.blindRequest("verifications", v.Caller, v.RequestKey)}
	r.values = []any{
		v.ID, micros(v.At), v.Caller, v.Party, v.PartyName, r.request, hash, v.ShowID, v.Ticket[:], v.Challenge,
		v.HolderID, v.PersonID, v.Identifier, v.Type, v.Purpose, fields, v.Outcome, reasons, v.Via, answer, micros(v.AnswerUntil), receipt,
		v.Proof, optional(v.SettledAt), names(v.Conflicts),
	}
	return r, nil
}

// Record implements [verifier.Records]. It lies on the path of every verification. Unique
// indexes decide, ON CONFLICT keeps the loser's conflict from being an error of the transaction,
// and so any number of records share one flush to the disk.
func (s *Store) Record(ctx context.Context, v verifier.Verification) error {
	r, err := s.recordRow(v)
	if err != nil {
		return err
	}
	if v.Proof != nil {
		return s.recordProof(ctx, r)
	}
	if v.Ask == "" {
		return s.db.write(ctx, work{rows: 2, clean: true, about: "show " + cmp.Or(v.ShowID, v.Challenge, v.ID), record: r, do: r.do})
	}
	return s.writeAbout(ctx, aboutAsk(v.Ask), 3, func(q querier) error {
		if err := r.do(q); err != nil {
			return err
		}
		// The receipt of the consent says what came of it.
		_, err := q.exec(`UPDATE consents SET verification = $1, note = NULL WHERE id = $2`, v.ID, v.Ask)
		return err
	})
}

// conflict tells which record stands in the way. A repeated request comes before a spent code:
// it is to be answered.
func conflict(q querier, v verifier.Verification, request string) error {
	for _, c := range []struct {
		asked bool
		query string
		args  []any
		err   error
	}{
		{v.RequestKey != "", `SELECT id FROM verifications WHERE caller = $1 AND request_key = $2 AND request_key <> ''`, []any{v.Caller, request}, verifier.ErrRequestReused},
		{v.ShowID != "", `SELECT id FROM verifications WHERE show_id = $1 AND show_id <> ''`, []any{v.ShowID}, verifier.ErrSpent},
		{v.ShowID != "", `SELECT id FROM verifications WHERE ticket = $1 AND show_id <> ''`, []any{v.Ticket[:]}, verifier.ErrSpent},
		{v.Challenge != "", `SELECT id FROM verifications WHERE challenge = $1 AND challenge <> ''`, []any{v.Challenge}, verifier.ErrSpent},
		{v.Proof != nil, `SELECT id FROM verifications WHERE proof = $1 AND proof IS NOT NULL LIMIT 1`, []any{v.Proof}, verifier.ErrSpent},
	} {
		if !c.asked {
			continue
		}
		var id string
		if err := q.row(c.query, c.args...).Scan(&id); err == nil {
			return c.err
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return fmt.Errorf("%w: verification %s", ErrIdentifierTaken, v.ID)
}

const verificationColumns = `id, at, caller, party, party_name, request_key, request_hash, show_id, ticket, challenge,
	holder_id, person_id, identifier, type, purpose, fields, outcome, reasons, via, answer, answer_until, receipt, portrait_at, proof, settled_at, conflicts,
	compared_at, compared_same, found`

func (s *Store) verification(ctx context.Context, where string, args ...any) (verifier.Verification, error) {
	var v verifier.Verification
	var at, until int64
	var hash, ticket, answer, receipt []byte
	var portraitAt, settledAt, personAt, personSame *int64
	var fields, reasons, conflicts string
	err := s.read(ctx, func(q querier) error {
		return q.row(`SELECT `+verificationColumns+` FROM verifications WHERE `+where, args...).
			Scan(&v.ID, &at, &v.Caller, &v.Party, &v.PartyName, &v.RequestKey, &hash, &v.ShowID, &ticket, &v.Challenge,
				&v.HolderID, &v.PersonID, &v.Identifier, &v.Type, &v.Purpose, &fields, &v.Outcome, &reasons, &v.Via, &answer, &until, &receipt, &portraitAt, &v.Proof, &settledAt, &conflicts,
				&personAt, &personSame, &v.Found)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return verifier.Verification{}, verifier.ErrNoRecord
	}
	if err == nil {
		v.Fields, err = parseNames(fields)
	}
	if err == nil {
		v.Reasons, err = parseNames(reasons)
	}
	if err == nil && conflicts != "[]" {
		v.Conflicts, err = parseNames(conflicts)
	}
	if err == nil && answer != nil {
		v.Answer, err = s.sealer.Open("verifications", v.ID, "answer", answer)
	}
	if err == nil && receipt != nil {
		v.Receipt, err = s.sealer.Open("verifications", v.ID, "receipt", receipt)
	}
	if err == nil && v.RequestKey != "" {
		if hash, err = s.sealer.Open("verifications", v.ID, "request_hash", hash); err == nil {
			v.RequestKey = string(hash[min(len(hash), len(v.RequestHash)):])
		}
	}
	if err != nil {
		return verifier.Verification{}, err
	}
	copy(v.RequestHash[:], hash)
	copy(v.Ticket[:], ticket)
	v.At, v.AnswerUntil, v.PortraitAt, v.SettledAt = moment(at), moment(until), optionalMoment(portraitAt), optionalMoment(settledAt)
	v.PersonAt, v.PersonSame = optionalMoment(personAt), personSame != nil && *personSame == 1
	return v, nil
}

// ByRequest implements [verifier.Records].
func (s *Store) ByRequest(ctx context.Context, caller, requestKey string) (verifier.Verification, error) {
	return s.verification(ctx, `caller = $1 AND request_key = $2 AND request_key <> ''`, caller, s.blindRequest("verifications", caller, requestKey))
}

// ByTicket implements [verifier.Records].
func (s *Store) ByTicket(ctx context.Context, ticket [32]byte) (verifier.Verification, error) {
	return s.verification(ctx, `ticket = $1 AND show_id <> ''`, ticket[:])
}

// ByID implements [verifier.Records].
func (s *Store) ByID(ctx context.Context, id string) (verifier.Verification, error) {
	return s.verification(ctx, `id = $1`, id)
}

// PortraitFetched implements [verifier.Records].
func (s *Store) PortraitFetched(ctx context.Context, id, client string, at time.Time) error {
	log, err := s.audited(audit.Event{Kind: "portrait.fetched", At: at, Actor: client, Subject: id})
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		n, err := q.exec(`UPDATE verifications SET portrait_at = $2 WHERE id = $1 AND portrait_at IS NULL`, id, micros(at))
		if err != nil || n == 0 {
			return err // nobody's, or noted already
		}
		return log.store(q)
	})
}

// Compared implements [verifier.Comparisons]. The row says from then on what came of the check; what
// it said before can be made anew from it, which is how the log is held against it (recorded).
func (s *Store) Compared(ctx context.Context, id string, w verifier.Comparison) error {
	v, err := s.ByID(ctx, id)
	if err != nil {
		return err
	}
	var answer, receipt []byte
	if len(w.Answer) > 0 {
		if answer, err = s.sealer.Seal("verifications", id, "answer", w.Answer); err != nil {
			return err
		}
	}
	if len(w.Receipt) > 0 {
		if receipt, err = s.sealer.Seal("verifications", id, "receipt", w.Receipt); err != nil {
			return err
		}
	}
	v.PersonAt, v.PersonSame, v.Outcome, v.ReceiptDigest = w.At, w.Same, w.Outcome, w.ReceiptDigest
	log, err := s.audited(personEvent(v))
	if err != nil {
		return err
	}
	same := 0
	if w.Same {
		same = 1
	}
	return s.write(ctx, 2, func(q querier) error {
		// An answer that was swept, or a person who was erased, since the row was read stays so.
		n, err := q.exec(`UPDATE verifications SET compared_at = $2, compared_same = $3, found = outcome, outcome = $4, reasons = $5,
			answer = CASE WHEN answer IS NULL THEN answer ELSE $6 END, receipt = CASE WHEN receipt IS NULL THEN receipt ELSE $7 END
			WHERE id = $1 AND compared_at IS NULL AND holder_id = $8`, id, micros(w.At), same, w.Outcome, names(w.Reasons), answer, receipt, v.HolderID)
		if err != nil {
			return err
		}
		if n == 0 {
			return verifier.ErrPersonRecorded
		}
		return log.store(q)
	})
}

// Sweep implements [verifier.Records].
func (s *Store) Sweep(ctx context.Context, now, before time.Time) (answers, records int64, err error) {
	answers, err = s.sweep(ctx, `UPDATE verifications SET answer = NULL WHERE id IN
		(SELECT id FROM verifications WHERE answer IS NOT NULL AND answer_until < $1 ORDER BY answer_until LIMIT $2)`, micros(now), sweepRows)
	if err != nil {
		return answers, 0, err
	}
	records, err = s.sweep(ctx, `DELETE FROM verifications WHERE id IN (SELECT id FROM verifications WHERE at < $1
		AND NOT EXISTS (SELECT 1 FROM disputes WHERE disputes.verification = verifications.id AND disputes.state = 'open') ORDER BY at LIMIT $2)`, micros(before), sweepRows)
	if err != nil {
		return answers, records, err
	}
	// What was disputed about a record goes with it.
	_, err = s.sweep(ctx, `DELETE FROM disputes WHERE id IN (SELECT id FROM disputes WHERE filed_at < $1 AND state <> 'open'
		AND NOT EXISTS (SELECT 1 FROM verifications WHERE verifications.id = disputes.verification) ORDER BY filed_at LIMIT $2)`, micros(now), sweepRows)
	return answers, records, err
}
