// Package review lets a person say how a check went, in five levels, and has somebody follow up
// what went badly (好差评; 国办发〔2019〕51号).
//
//	person     reviews a check of her history, once: a level from 1 to 5, and words if she likes
//	operator   sees the follow-ups of levels 1 and 2, the earliest due first; claims one and only
//	           then reads the words
//	operator   answers, and may say what was done about it
//	person     reads the answer in her space
//	party      sees how often it got which level, and no words
//
// A review is bound to the check that it is about: the database holds one for each, whoever of
// those who may see the check was first. Levels 1 and 2 are answered by the end of the fifth
// working day; the others need no answer, though an operator may read them.
package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/httpd"
)

// The answers of this room.
var (
	ErrUnknown      = errors.New("review: no such review")
	ErrCheckUnknown = errors.New("review: no such check in her history")
	ErrReviewed     = errors.New("review: the check was reviewed already")
	ErrLate         = errors.New("review: the check is too old")
	ErrExists       = errors.New("review: id taken")
	ErrReused       = errors.New("review: the same key with another review")
	ErrClaimed      = errors.New("review: somebody else works on it")
	ErrNotClaimed   = errors.New("review: not claimed by who reads or answers")
	ErrAnswered     = errors.New("review: answered already")
	ErrClosed       = errors.New("review: needs no answer")
)

// The levels: 非常不满意, 不满意, 基本满意, 满意, 非常满意.
const (
	VeryDissatisfied = 1
	Dissatisfied     = 2
	FairlySatisfied  = 3
	Satisfied        = 4
	VerySatisfied    = 5
)

// State is how far a review has got.
type State string

// The states.
const (
	Open     State = "open" // a follow-up is due
	Answered State = "answered"
	Closed   State = "closed" // none is
)

// Check is what a review is about.
type Check struct {
	ID        string
	At        time.Time // when it came to the history
	Party     string
	PartyName string // as registered at that moment
	Purpose   string
	Type      string // empty: nothing was found
}

// Review is one review. It prints as its id: the rest is what somebody thinks.
type Review struct {
	ID         string
	PersonID   string // holder id; empty once she was erased
	Check      Check  // At is not kept
	Level      int
	At         time.Time
	State      State
	DueAt      time.Time // zero: no answer is due
	ClaimedBy  string
	ClaimedAt  time.Time
	AnsweredBy string
	EndedAt    time.Time // when it was answered, or made if it needs no answer; zero while open

	// Sealed at rest.
	Text    string
	Answer  string
	Measure string // what was done about it
}

// LogValue implements slog.LogValuer.
func (r Review) LogValue() slog.Value { return slog.StringValue("review " + r.ID) }

// Format implements fmt.Formatter, for every verb.
func (r Review) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "review "+r.ID) }

// Place is a place in a list, behind one review. The zero value is before all.
type Place struct {
	At time.Time // by what the list is ordered
	ID string
}

// Filter says which reviews are wanted. Open ones come in the order in which they are due, others
// the newest first.
type Filter struct {
	State State  // empty: all
	Party string // empty: of all
}

// Tally counts the reviews of a party.
type Tally struct {
	Party, PartyName string
	Levels           [VerySatisfied + 1]int // by level; the first is not used
	Open, Overdue    int                    // follow-ups that stand now, whenever they began
}

// Store keeps reviews. A method that changes something MUST be durable when it returns nil, MUST
// enter the audit log in the same transaction, and MUST decide races: of two reviews of a check one
// stands, of two claims one wins.
type Store interface {
	// PutReview stores a new one. It MUST return ErrExists when the id is taken, and ErrReviewed when
	// the check has another.
	PutReview(ctx context.Context, r Review) error
	Review(ctx context.Context, id string) (Review, error) // ErrUnknown
	// ReviewsOf returns a person's, newest first.
	ReviewsOf(ctx context.Context, personID string, after Place, limit int) ([]Review, error)
	Reviews(ctx context.Context, f Filter, after Place, limit int) ([]Review, error)
	// TallyReviews counts levels since a moment, and what is open and what is overdue now; of one
	// party, or of all that have any.
	TallyReviews(ctx context.Context, party string, since, now time.Time) ([]Tally, error)
	// ChangeReview claims one or answers it, when [Change.Allowed] says inside the transaction that it
	// may. ErrUnknown. A claim of her own after Stale stays as old as it is.
	ChangeReview(ctx context.Context, id string, c Change) error
}

// Change is a step of an operator.
type Change struct {
	By    string
	At    time.Time
	Stale time.Time // an older claim of another's may be taken over
	// Answer ends the review; without one it is claimed.
	Answer, Measure string
}

// Allowed says whether a review may take the step: the rule that a store holds inside its
// transaction.
func (c Change) Allowed(r Review) error {
	switch {
	case r.State == Answered:
		return ErrAnswered
	case c.Answer == "" && r.ClaimedBy != "" && r.ClaimedBy != c.By && r.ClaimedAt.After(c.Stale):
		return ErrClaimed
	case c.Answer != "" && r.State == Closed:
		return ErrClosed
	case c.Answer != "" && r.ClaimedBy != c.By:
		return ErrNotClaimed
	}
	return nil
}

// Config says what the desk stands on.
type Config struct {
	Store Store
	// Seen finds a check in a person's history. ErrCheckUnknown when it is not there, or somebody
	// else's: nobody may learn the one from the other.
	Seen     func(ctx context.Context, personID, check string) (Check, error)
	Calendar Calendar
	Now      func() time.Time
	Within   time.Duration // after the check; default 30 days
	ClaimFor time.Duration // after which another may take over a claim; default 2 days
}

// Desk is safe for concurrent use.
type Desk struct{ cfg Config }

// New makes a desk.
func New(cfg Config) (*Desk, error) {
	if cfg.Store == nil || cfg.Seen == nil {
		return nil, errors.New("review: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Within == 0 {
		cfg.Within = 30 * 24 * time.Hour
	}
	if cfg.ClaimFor == 0 {
		cfg.ClaimFor = 48 * time.Hour
	}
	if cfg.Within < 0 || cfg.ClaimFor < 0 {
		return nil, errors.New("review: negative bounds")
	}
	return &Desk{cfg: cfg}, nil
}

const (
	followUpDays = 5 // working days
	maxText      = 500
	maxAnswer    = 2000
	maxCheck     = 256 // bytes
	usualList    = 50
	maxList      = 200
)

// Submission is what a person says.
type Submission struct {
	Check string // id
	Level int
	Text  string
	Key   string // Idempotency-Key
}

// Submit takes a review. The same submission again is answered with what became of the first.
func (d *Desk) Submit(ctx context.Context, personID string, s Submission) (Review, error) {
	switch {
	case s.Check == "" || len(s.Check) > maxCheck:
		return Review{}, httpd.Invalid("/verification", "id of a line of the history")
	case s.Level < VeryDissatisfied || s.Level > VerySatisfied:
		return Review{}, httpd.Invalid("/level", "1, very dissatisfied, to 5, very satisfied")
	}
	if err := httpd.CheckText("/text", s.Text, maxText, false); err != nil {
		return Review{}, err
	}
	check, err := d.cfg.Seen(ctx, personID, s.Check)
	if err != nil {
		return Review{}, err
	}
	now := d.cfg.Now().UTC().Truncate(time.Microsecond)
	if now.Sub(check.At) > d.cfg.Within {
		return Review{}, ErrLate
	}
	check.At = time.Time{}
	r := Review{ID: sm.Name("showcard review", personID, s.Key), PersonID: personID, Check: check, Level: s.Level, At: now, State: Closed, EndedAt: now, Text: s.Text}
	if s.Level <= Dissatisfied {
		r.State, r.DueAt, r.EndedAt = Open, d.cfg.Calendar.End(now, followUpDays), time.Time{}
	}
	err = d.cfg.Store.PutReview(ctx, r)
	if errors.Is(err, ErrExists) {
		old, err := d.cfg.Store.Review(ctx, r.ID)
		if err != nil {
			return Review{}, err
		}
		if old.PersonID != personID || old.Check.ID != s.Check || old.Level != s.Level || old.Text != s.Text {
			return Review{}, ErrReused
		}
		return old, nil
	}
	if err != nil {
		return Review{}, fmt.Errorf("review: submit: %w", err)
	}
	return r, nil
}

// page cuts a list that was asked for with one more, and says where the next begins.
func page(all []Review, limit int, err error, order func(Review) time.Time) ([]Review, Place, error) {
	if err != nil || len(all) <= limit {
		return all, Place{}, err
	}
	last := all[limit-1]
	return all[:limit], Place{At: order(last), ID: last.ID}, nil
}

func bounded(limit int) int {
	if limit <= 0 || limit > maxList {
		return usualList
	}
	return limit
}

// Mine lists a person's reviews with their answers, newest first.
func (d *Desk) Mine(ctx context.Context, personID string, after Place, limit int) ([]Review, Place, error) {
	limit = bounded(limit)
	all, err := d.cfg.Store.ReviewsOf(ctx, personID, after, limit+1)
	return page(all, limit, err, func(r Review) time.Time { return r.At })
}

// wordless leaves out what people and operators wrote: it is read by who claims a review.
func (r Review) wordless() Review {
	r.Text, r.Answer, r.Measure = "", "", ""
	return r
}

// List is for those who look after reviews.
func (d *Desk) List(ctx context.Context, f Filter, after Place, limit int) ([]Review, Place, error) {
	limit = bounded(limit)
	all, err := d.cfg.Store.Reviews(ctx, f, after, limit+1)
	for i := range all {
		all[i] = all[i].wordless()
	}
	return page(all, limit, err, func(r Review) time.Time {
		if f.State == Open {
			return r.DueAt
		}
		return r.At
	})
}

// Overdue says whether the day of the answer has passed.
func (d *Desk) Overdue(r Review) bool { return r.State == Open && d.cfg.Now().After(r.DueAt) }

// Read is one review, whole, for the operator who claimed it.
func (d *Desk) Read(ctx context.Context, operator, id string) (Review, error) {
	r, err := d.cfg.Store.Review(ctx, id)
	if err == nil && r.ClaimedBy != operator {
		err = ErrNotClaimed
	}
	if err != nil {
		return Review{}, err
	}
	return r, nil
}

// Look is one review without its words.
func (d *Desk) Look(ctx context.Context, id string) (Review, error) {
	r, err := d.cfg.Store.Review(ctx, id)
	return r.wordless(), err
}

// Claim gives a review to an operator, who may then read it, and answer it if an answer is due.
func (d *Desk) Claim(ctx context.Context, operator, id string) (Review, error) {
	now := d.cfg.Now()
	if err := d.cfg.Store.ChangeReview(ctx, id, Change{By: operator, At: now, Stale: now.Add(-d.cfg.ClaimFor)}); err != nil {
		return Review{}, err
	}
	return d.cfg.Store.Review(ctx, id)
}

// Answer ends a follow-up. measure says what was done about it, and may be empty.
func (d *Desk) Answer(ctx context.Context, operator, id, answer, measure string) (Review, error) {
	if err := cmp.Or(httpd.CheckText("/text", answer, maxAnswer, true), httpd.CheckText("/measure", measure, maxText, false)); err != nil {
		return Review{}, err
	}
	if err := d.cfg.Store.ChangeReview(ctx, id, Change{By: operator, At: d.cfg.Now(), Answer: answer, Measure: measure}); err != nil {
		return Review{}, err
	}
	return d.cfg.Store.Review(ctx, id)
}

// Summary counts the reviews of the last days in China, today included, by party. What is open and
// overdue is told whenever it began.
func (d *Desk) Summary(ctx context.Context, party string, days int) (from string, all []Tally, err error) {
	now := d.cfg.Now()
	day := now.In(china())
	since := time.Date(day.Year(), day.Month(), day.Day()-days+1, 0, 0, 0, 0, day.Location())
	all, err = d.cfg.Store.TallyReviews(ctx, party, since, now)
	return since.Format(time.DateOnly), all, err
}

// Count is how many reviews a tally counts, and their average, which is zero when there are none.
func (t Tally) Count() (n int, average float64) {
	sum := 0
	for level, count := range t.Levels {
		n += count
		sum += level * count
	}
	if n > 0 {
		average = float64(sum) / float64(n)
	}
	return n, average
}
