package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/review"
)

var _ review.Store = (*Store)(nil)

// reviewAnswer is what the sealed column answer holds.
type reviewAnswer struct {
	Text    string `json:"text"`
	Measure string `json:"measure,omitempty"`
}

const reviewColumns = `id, verification, person_id, party, party_name, purpose, type, level, at, state, due_at, said, claimed_by, claimed_at, answer, answered_by, ended_at`

func (s *Store) reviews(ctx context.Context, query string, args ...any) ([]review.Review, error) {
	var out []review.Review
	var said, answers [][]byte
	err := s.read(ctx, func(q querier) error {
		out, said, answers = nil, nil, nil
		return q.rows(query, args, func(row scanner) error {
			var r review.Review
			var at int64
			var due, claimed, ended *int64
			var text, answer []byte
			err := row.Scan(&r.ID, &r.Check.ID, &r.PersonID, &r.Check.Party, &r.Check.PartyName, &r.Check.Purpose, &r.Check.Type, &r.Level, &at, &r.State,
				&due, &text, &r.ClaimedBy, &claimed, &answer, &r.AnsweredBy, &ended)
			r.At, r.DueAt, r.ClaimedAt, r.EndedAt = moment(at), optionalMoment(due), optionalMoment(claimed), optionalMoment(ended)
			out, said, answers = append(out, r), append(said, text), append(answers, answer)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Text, err = s.openText("reviews", out[i].ID, "said", said[i]); err != nil {
			return nil, err
		}
		if answers[i] == nil {
			continue
		}
		var a reviewAnswer
		if err := s.openJSON("reviews", out[i].ID, "answer", answers[i], &a); err != nil {
			return nil, err
		}
		out[i].Answer, out[i].Measure = a.Text, a.Measure
	}
	return out, nil
}

// Review implements [review.Store].
func (s *Store) Review(ctx context.Context, id string) (review.Review, error) {
	found, err := s.reviews(ctx, `SELECT `+reviewColumns+` FROM reviews WHERE id = $1`, id)
	if err != nil {
		return review.Review{}, err
	}
	if len(found) == 0 {
		return review.Review{}, review.ErrUnknown
	}
	return found[0], nil
}

// newest is where a list begins that goes backwards.
func newest(after review.Place) (at int64, id string) {
	if after.At.IsZero() {
		return math.MaxInt64, ""
	}
	return micros(after.At), after.ID
}

// ReviewsOf implements [review.Store].
func (s *Store) ReviewsOf(ctx context.Context, personID string, after review.Place, limit int) ([]review.Review, error) {
	if personID == "" {
		return nil, nil // of those who were erased
	}
	at, id := newest(after)
	return s.reviews(ctx, `SELECT `+reviewColumns+` FROM reviews WHERE person_id = $1 AND at <= $2 AND (at < $2 OR id < $3) ORDER BY at DESC, id DESC LIMIT $4`, personID, at, id, limit)
}

// Reviews implements [review.Store].
func (s *Store) Reviews(ctx context.Context, f review.Filter, after review.Place, limit int) ([]review.Review, error) {
	where, order := `at <= $1 AND (at < $1 OR id < $2)`, `at DESC, id DESC`
	at, id := newest(after)
	if f.State == review.Open {
		where, order = `due_at >= $1 AND (due_at > $1 OR id > $2)`, `due_at, id`
		if at, id = micros(after.At), after.ID; after.At.IsZero() {
			at = 0
		}
	}
	switch f.State { // as constants, for the sake of partial indexes
	case review.Open:
		where += ` AND state = 'open'`
	case review.Answered:
		where += ` AND state = 'answered'`
	case review.Closed:
		where += ` AND state = 'closed'`
	}
	args := []any{at, id, limit}
	if f.Party != "" {
		where, args = where+` AND party = $4`, append(args, f.Party)
	}
	return s.reviews(ctx, `SELECT `+reviewColumns+` FROM reviews WHERE `+where+` ORDER BY `+order+` LIMIT $3`, args...)
}

// PutReview implements [review.Store].
func (s *Store) PutReview(ctx context.Context, r review.Review) error {
	said, err := s.sealText("reviews", r.ID, "said", r.Text)
	if err != nil {
		return err
	}
	log, err := s.audited(audit.Event{Kind: "review.submitted", Once: r.ID, At: r.At, Actor: "person:" + r.PersonID, Subject: r.ID, Holder: r.PersonID,
		Detail: map[string]string{"verification": r.Check.ID, "level": strconv.Itoa(r.Level)}})
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		// Two unique rules decide between two that come at once.
		n, err := q.exec(`INSERT INTO reviews (`+reviewColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', NULL, NULL, '', $13) ON CONFLICT DO NOTHING`,
			r.ID, r.Check.ID, r.PersonID, r.Check.Party, r.Check.PartyName, r.Check.Purpose, r.Check.Type, r.Level, micros(r.At), string(r.State), optional(r.DueAt), said, optional(r.EndedAt))
		if err != nil {
			return err
		}
		if n > 0 {
			return log.store(q)
		}
		var id string
		switch err := q.row(`SELECT id FROM reviews WHERE id = $1`, r.ID).Scan(&id); {
		case err == nil:
			return review.ErrExists
		case errors.Is(err, sql.ErrNoRows):
			return review.ErrReviewed
		default:
			return err
		}
	})
}

const reviewAnswered = "review.answered"

// ChangeReview implements [review.Store].
func (s *Store) ChangeReview(ctx context.Context, id string, c review.Change) error {
	r, err := s.Review(ctx, id) // for whose it is
	if err != nil {
		return err
	}
	e := audit.Event{Kind: "review.claimed", At: c.At, Actor: c.By, Subject: id, Holder: r.PersonID}
	var answer []byte
	if c.Answer != "" {
		e.Kind, e.Once = reviewAnswered, id // claimed it may be several times
		if answer, err = s.sealJSON("reviews", id, "answer", reviewAnswer{c.Answer, c.Measure}); err != nil {
			return err
		}
	}
	log, err := s.audited(e)
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		now := review.Review{ID: id}
		var claimed *int64
		err := q.row(`SELECT person_id, state, claimed_by, claimed_at FROM reviews WHERE id = $1`+s.db.lock(), id).Scan(&now.PersonID, &now.State, &now.ClaimedBy, &claimed)
		now.ClaimedAt = optionalMoment(claimed)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return review.ErrUnknown
		case err != nil:
			return err
		case now.PersonID == "" && r.PersonID != "": // erased meanwhile: the entry would name her
			return review.ErrClosed
		}
		if err := c.Allowed(now); err != nil {
			return err
		}
		switch {
		case answer != nil:
			_, err = q.exec(`UPDATE reviews SET state = 'answered', answer = $2, answered_by = $3, ended_at = $4 WHERE id = $1`, id, answer, c.By, micros(c.At))
		case now.ClaimedBy != c.By || !now.ClaimedAt.After(c.Stale): // to look again does not make a claim last longer
			_, err = q.exec(`UPDATE reviews SET claimed_by = $2, claimed_at = $3 WHERE id = $1`, id, c.By, micros(c.At))
		}
		if err != nil {
			return err
		}
		return log.store(q)
	})
}

// TallyReviews implements [review.Store]. It reads no column that is sealed.
func (s *Store) TallyReviews(ctx context.Context, party string, since, now time.Time) ([]review.Tally, error) {
	type named struct {
		review.Tally
		newest int64
	}
	tallies := map[string]*named{}
	of := func(party, name string, at int64) *named {
		t := tallies[party]
		if t == nil {
			t = &named{Tally: review.Tally{Party: party}}
			tallies[party] = t
		}
		if at >= t.newest { // a party's name changes; the last is told
			t.PartyName, t.newest = name, at
		}
		return t
	}
	levels, open := `SELECT party, party_name, MAX(at), level, COUNT(*) FROM reviews WHERE at >= $1`,
		`SELECT party, party_name, MAX(at), COUNT(*), SUM(CASE WHEN due_at < $1 THEN 1 ELSE 0 END) FROM reviews WHERE state = 'open' AND due_at > 0`
	sinceArgs, nowArgs := []any{micros(since)}, []any{micros(now)}
	if party != "" {
		levels, open = levels+` AND party = $2`, open+` AND party = $2`
		sinceArgs, nowArgs = append(sinceArgs, party), append(nowArgs, party)
	}
	err := s.lookup(ctx, func(q querier) error {
		clear(tallies)
		err := q.rows(levels+` GROUP BY party, party_name, level`, sinceArgs, func(row scanner) error {
			var party, name string
			var at int64
			var level, n int
			if err := row.Scan(&party, &name, &at, &level, &n); err != nil {
				return err
			}
			if t := of(party, name, at); level > 0 && level < len(t.Levels) {
				t.Levels[level] += n
			}
			return nil
		})
		if err != nil {
			return err
		}
		return q.rows(open+` GROUP BY party, party_name`, nowArgs, func(row scanner) error {
			var party, name string
			var at int64
			var open, overdue int
			if err := row.Scan(&party, &name, &at, &open, &overdue); err != nil {
				return err
			}
			t := of(party, name, at)
			t.Open += open
			t.Overdue += overdue
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	out := make([]review.Tally, 0, len(tallies))
	for _, t := range tallies {
		out = append(out, t.Tally)
	}
	slices.SortFunc(out, func(a, b review.Tally) int {
		return cmp.Or(cmp.Compare(b.Overdue, a.Overdue), cmp.Compare(b.Open, a.Open), strings.Compare(a.Party, b.Party))
	})
	return out, nil
}

// SweepReviews forgets reviews that were answered, or needed no answer, and are older.
func (s *Store) SweepReviews(ctx context.Context, before time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM reviews WHERE id IN (SELECT id FROM reviews WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)`, micros(before), sweepRows)
}
