package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/correction"
)

var _ correction.Store = (*Store)(nil)

// correctionSaid is what the sealed column said holds.
type correctionSaid struct {
	Field   string `json:"field,omitempty"`
	Says    string `json:"says"`
	Contact string `json:"contact,omitempty"`
}

const correctionColumns = `id, person_id, about_kind, about, recorded_by, state, filed_at, due_at, said, claimed_by, claimed_at, outcome, answer, answered_by, answered_at`

func (s *Store) corrections(ctx context.Context, query string, args ...any) ([]correction.Request, error) {
	var out []correction.Request
	var said, answers [][]byte
	err := s.read(ctx, func(q querier) error {
		return q.rows(query, args, func(row scanner) error {
			var r correction.Request
			var filed, due int64
			var claimed, answered *int64
			var sealed, answer []byte
			err := row.Scan(&r.ID, &r.PersonID, &r.Kind, &r.About, &r.RecordedBy, &r.State, &filed, &due, &sealed,
				&r.ClaimedBy, &claimed, &r.Outcome, &answer, &r.AnsweredBy, &answered)
			r.FiledAt, r.DueAt, r.ClaimedAt, r.AnsweredAt = moment(filed), moment(due), optionalMoment(claimed), optionalMoment(answered)
			out, said, answers = append(out, r), append(said, sealed), append(answers, answer)
			return err
		})
	})
	for i := range out {
		if err != nil {
			break
		}
		var t correctionSaid
		if err = s.openJSON("corrections", out[i].ID, "said", said[i], &t); err == nil {
			out[i].Field, out[i].Says, out[i].Contact = t.Field, t.Says, t.Contact
			out[i].Answer, err = s.openText("corrections", out[i].ID, "answer", answers[i])
		}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Correction implements [correction.Store].
func (s *Store) Correction(ctx context.Context, id string) (correction.Request, error) {
	found, err := s.corrections(ctx, `SELECT `+correctionColumns+` FROM corrections WHERE id = $1`, id)
	if err != nil {
		return correction.Request{}, err
	}
	if len(found) == 0 {
		return correction.Request{}, correction.ErrUnknown
	}
	return found[0], nil
}

// CorrectionsOf implements [correction.Store].
func (s *Store) CorrectionsOf(ctx context.Context, personID string, limit int) ([]correction.Request, error) {
	return s.corrections(ctx, `SELECT `+correctionColumns+` FROM corrections WHERE person_id = $1 ORDER BY filed_at DESC, id LIMIT $2`, personID, limit)
}

// CorrectionsDue implements [correction.Store].
func (s *Store) CorrectionsDue(ctx context.Context, limit int) ([]correction.Request, error) {
	return s.corrections(ctx, `SELECT `+correctionColumns+` FROM corrections WHERE state <> 'answered' AND due_at > $1 ORDER BY due_at, id LIMIT $2`, 0, limit)
}

// FileCorrection implements [correction.Store].
func (s *Store) FileCorrection(ctx context.Context, r correction.Request, since time.Time, limit int) error {
	sealed, err := s.sealJSON("corrections", r.ID, "said", correctionSaid{r.Field, r.Says, r.Contact})
	if err != nil {
		return err
	}
	log, err := s.audited(audit.Event{Kind: "correction.filed", Once: r.ID, Actor: "person:" + r.PersonID, Subject: r.ID, Holder: r.PersonID,
		Detail: map[string]string{"kind": r.Kind, "about": r.About}})
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		if err := q.alone("corrections " + r.PersonID); err != nil {
			return err
		}
		n, err := q.exec(`INSERT INTO corrections (`+correctionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', NULL, '', NULL, '', NULL) ON CONFLICT DO NOTHING`,
			r.ID, r.PersonID, r.Kind, r.About, r.RecordedBy, string(r.State), micros(r.FiledAt), micros(r.DueAt), sealed)
		if err != nil {
			return err
		}
		if n == 0 {
			return correction.ErrExists
		}
		var filed int
		if err := q.row(`SELECT count(*) FROM corrections WHERE person_id = $1 AND filed_at > $2`, r.PersonID, micros(since)).Scan(&filed); err != nil {
			return err
		}
		if filed > limit { // this one included; the error takes it back
			return correction.ErrLimit
		}
		return log.store(q)
	})
}

const correctionAnswered = "correction.answered"

// changeCorrection runs a change of a request that was not answered yet.
func (s *Store) changeCorrection(ctx context.Context, id, kind, by string, detail map[string]string, change func(q querier, claimedBy string, claimedAt time.Time) error) error {
	r, err := s.Correction(ctx, id)
	if err != nil {
		return err
	}
	e := audit.Event{Kind: kind, Actor: by, Subject: id, Holder: r.PersonID, Detail: detail}
	if kind == correctionAnswered {
		e.Once = id // claimed it may be several times
	}
	log, err := s.audited(e)
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		var state, claimedBy string
		var claimedAt *int64
		err := q.row(`SELECT state, claimed_by, claimed_at FROM corrections WHERE id = $1`+s.db.lock(), id).Scan(&state, &claimedBy, &claimedAt)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return correction.ErrUnknown
		case err != nil:
			return err
		case state == string(correction.Answered):
			return correction.ErrAnswered
		}
		if err := change(q, claimedBy, optionalMoment(claimedAt)); err != nil {
			return err
		}
		return log.store(q)
	})
}

// ClaimCorrection implements [correction.Store].
func (s *Store) ClaimCorrection(ctx context.Context, id, by string, at, stale time.Time) error {
	return s.changeCorrection(ctx, id, "correction.claimed", by, nil, func(q querier, claimedBy string, claimedAt time.Time) error {
		if claimedBy != "" && claimedBy != by && claimedAt.After(stale) {
			return correction.ErrClaimed
		}
		if claimedBy == by && claimedAt.After(stale) {
			return nil // to look again does not make a claim last longer
		}
		_, err := q.exec(`UPDATE corrections SET state = 'claimed', claimed_by = $2, claimed_at = $3 WHERE id = $1`, id, by, micros(at))
		return err
	})
}

// AnswerCorrection implements [correction.Store].
func (s *Store) AnswerCorrection(ctx context.Context, id, by string, outcome correction.Outcome, answer string, at time.Time) error {
	sealed, err := s.sealText("corrections", id, "answer", answer)
	if err != nil {
		return err
	}
	return s.changeCorrection(ctx, id, correctionAnswered, by, map[string]string{"outcome": string(outcome)}, func(q querier, claimedBy string, _ time.Time) error {
		if claimedBy != by {
			return correction.ErrNotClaimed
		}
		_, err := q.exec(`UPDATE corrections SET state = 'answered', outcome = $2, answer = $3, answered_by = $4, answered_at = $5 WHERE id = $1`,
			id, string(outcome), sealed, by, micros(at))
		return err
	})
}
