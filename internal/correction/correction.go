// Package correction lets a person say that a result about her is wrong, and has somebody answer
// (更正申请; PIPL §46).
//
//	person     files: about a verification, a certificate or her own sign-in; what is wrong
//	operator   sees what is due, the overdue first; claims one and only then reads it
//	operator   answers: corrected, refused with the reason, or forwarded to the department
//	person     sees state and answer in her space
//
// A result is not changed here: who issued a certificate corrects it by replacing it, who runs the
// identity provider corrects the sign-in. What this room promises is that the request is kept,
// that somebody else than the one who recorded the result looks at it, by a day that is told, and
// that each step stands in the audit log.
package correction

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/httpd"
)

// The answers of this room.
var (
	ErrUnknown      = errors.New("correction: no such request")
	ErrAboutUnknown = errors.New("correction: no such result about her")
	ErrLimit        = errors.New("correction: as many requests as a day allows")
	ErrExists       = errors.New("correction: id taken")
	ErrReused       = errors.New("correction: the same key with another request")
	ErrClaimed      = errors.New("correction: somebody else works on it")
	ErrNotClaimed   = errors.New("correction: not claimed by who answers")
	ErrAnswered     = errors.New("correction: answered already")
	ErrOwnResult    = errors.New("correction: who recorded the result may not review it")
)

// What a request may be about.
const (
	AboutVerification = "verification" // one line of her history
	AboutCertificate  = "certificate"
	AboutSignIn       = "sign-in" // what the identity provider said of her
)

// State is how far a request has got.
type State string

// The states.
const (
	Open     State = "open"
	Claimed  State = "claimed"
	Answered State = "answered"
)

// Outcome is what became of it.
type Outcome string

// The outcomes.
const (
	Corrected Outcome = "corrected"
	Refused   Outcome = "refused" // the answer says why
	Forwarded Outcome = "forwarded"
)

// Request is one request. It prints as its id: the rest is what somebody says about herself.
type Request struct {
	ID         string
	PersonID   string // holder id
	Kind       string
	About      string // id of the verification or of the certificate; empty for a sign-in
	RecordedBy string // client that recorded the result; empty when it is not known
	State      State
	FiledAt    time.Time
	DueAt      time.Time
	ClaimedBy  string
	ClaimedAt  time.Time
	Outcome    Outcome
	AnsweredBy string
	AnsweredAt time.Time

	// Sealed at rest.
	Field   string // name of the field, when it is one
	Says    string // what is wrong, and what is right
	Contact string
	Answer  string
}

// LogValue implements slog.LogValuer.
func (r Request) LogValue() slog.Value { return slog.StringValue("correction " + r.ID) }

// Format implements fmt.Formatter, for every verb.
func (r Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "correction "+r.ID) }

// Store keeps requests. A method that changes something MUST be durable when it returns nil, MUST
// enter the audit log in the same transaction, and MUST decide races: of two claims one wins.
type Store interface {
	// FileCorrection stores a new one. It MUST return ErrExists when the id is taken, and ErrLimit
	// when the person has filed limit since a moment.
	FileCorrection(ctx context.Context, r Request, since time.Time, limit int) error
	Correction(ctx context.Context, id string) (Request, error) // ErrUnknown
	// CorrectionsOf returns a person's, newest first.
	CorrectionsOf(ctx context.Context, personID string, limit int) ([]Request, error)
	// CorrectionsDue returns what is not answered, the earliest due first.
	CorrectionsDue(ctx context.Context, limit int) ([]Request, error)
	// ClaimCorrection gives it to an operator. ErrAnswered; ErrClaimed when another claimed it
	// after stale. A claim of her own after stale stays as old as it is.
	ClaimCorrection(ctx context.Context, id, by string, at, stale time.Time) error
	// AnswerCorrection ends it. ErrAnswered; ErrNotClaimed unless by has claimed it.
	AnswerCorrection(ctx context.Context, id, by string, outcome Outcome, answer string, at time.Time) error
}

// Config says what the desk stands on.
type Config struct {
	Store Store
	// Recorded says who recorded a result about a person. ErrAboutUnknown when there is none, or
	// it is about somebody else: nobody may learn the one from the other.
	Recorded func(ctx context.Context, personID, kind, about string) (client string, err error)
	Now      func() time.Time
	Within   time.Duration // until an answer is due; default 5 days
	PerDay   int           // requests of one person in 24 hours; default 5
	ClaimFor time.Duration // after which another may take over a claim; default 2 days
}

// Desk is safe for concurrent use.
type Desk struct{ cfg Config }

// New makes a desk.
func New(cfg Config) (*Desk, error) {
	if cfg.Store == nil || cfg.Recorded == nil {
		return nil, errors.New("correction: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Within == 0 {
		cfg.Within = 5 * 24 * time.Hour
	}
	if cfg.PerDay == 0 {
		cfg.PerDay = 5
	}
	if cfg.ClaimFor == 0 {
		cfg.ClaimFor = 48 * time.Hour
	}
	if cfg.Within < 0 || cfg.PerDay < 0 || cfg.ClaimFor < 0 {
		return nil, errors.New("correction: negative bounds")
	}
	return &Desk{cfg: cfg}, nil
}

const (
	maxText  = 2000 // characters
	maxShort = 200
	maxAbout = 256 // bytes
	maxList  = 200
)

var fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// Filing is what a person says.
type Filing struct {
	Kind    string
	About   string
	Field   string
	Says    string
	Contact string
	Key     string // Idempotency-Key
}

// File takes a request. recordedBy is for a sign-in, which the caller's session knows.
func (d *Desk) File(ctx context.Context, personID, signInBy string, f Filing) (Request, error) {
	switch {
	case !slices.Contains([]string{AboutVerification, AboutCertificate, AboutSignIn}, f.Kind):
		return Request{}, httpd.Invalid("/about/kind", "verification, certificate or sign-in")
	case f.Kind == AboutSignIn && f.About != "":
		return Request{}, httpd.Invalid("/about/id", "a sign-in is the caller's own: it has no id")
	case f.Kind != AboutSignIn && (f.About == "" || len(f.About) > maxAbout):
		return Request{}, httpd.Invalid("/about/id", "of the verification or certificate")
	case f.Field != "" && !fieldName.MatchString(f.Field):
		return Request{}, httpd.Invalid("/field", "the name of a field")
	}
	if err := cmp.Or(httpd.CheckText("/says", f.Says, maxText, true), httpd.CheckText("/contact", f.Contact, maxShort, false)); err != nil {
		return Request{}, err
	}
	by := signInBy
	if f.Kind != AboutSignIn {
		var err error
		if by, err = d.cfg.Recorded(ctx, personID, f.Kind, f.About); err != nil {
			return Request{}, err
		}
	}
	now := d.cfg.Now().UTC().Truncate(time.Microsecond)
	r := Request{
		ID: sm.Name("showcard correction", personID, f.Key), PersonID: personID, Kind: f.Kind, About: f.About, RecordedBy: by, State: Open, FiledAt: now, DueAt: now.Add(d.cfg.Within),
		Field: f.Field, Says: f.Says, Contact: f.Contact,
	}
	err := d.cfg.Store.FileCorrection(ctx, r, now.Add(-24*time.Hour), d.cfg.PerDay)
	if errors.Is(err, ErrExists) {
		old, err := d.cfg.Store.Correction(ctx, r.ID)
		if err != nil {
			return Request{}, err
		}
		if old.PersonID != personID || old.Kind != r.Kind || old.About != r.About || old.Field != r.Field || old.Says != r.Says || old.Contact != r.Contact {
			return Request{}, ErrReused
		}
		return old, nil
	}
	if err != nil {
		return Request{}, fmt.Errorf("correction: file: %w", err)
	}
	return r, nil
}

// Mine lists a person's requests.
func (d *Desk) Mine(ctx context.Context, personID string) ([]Request, error) {
	return d.cfg.Store.CorrectionsOf(ctx, personID, maxList)
}

// One is one of a person's requests. Somebody else's is answered like one that is not there.
func (d *Desk) One(ctx context.Context, personID, id string) (Request, error) {
	r, err := d.cfg.Store.Correction(ctx, id)
	if err == nil && r.PersonID != personID {
		err = ErrUnknown
	}
	if err != nil {
		return Request{}, err
	}
	return r, nil
}

// Due lists what waits for an answer, the overdue first. What people say is left out: it is read
// by who claims a request, and by nobody else.
func (d *Desk) Due(ctx context.Context) ([]Request, error) {
	all, err := d.cfg.Store.CorrectionsDue(ctx, maxList)
	for i := range all {
		all[i].Field, all[i].Says, all[i].Contact = "", "", ""
	}
	return all, err
}

// Overdue says whether the day of the answer has passed.
func (d *Desk) Overdue(r Request) bool { return r.State != Answered && d.cfg.Now().After(r.DueAt) }

// Claim gives a request to an operator, who may then read and answer it.
func (d *Desk) Claim(ctx context.Context, operator, id string) (Request, error) {
	r, err := d.cfg.Store.Correction(ctx, id)
	if err != nil {
		return Request{}, err
	}
	if r.RecordedBy == operator {
		return Request{}, ErrOwnResult
	}
	now := d.cfg.Now()
	if err := d.cfg.Store.ClaimCorrection(ctx, id, operator, now, now.Add(-d.cfg.ClaimFor)); err != nil {
		return Request{}, err
	}
	return d.cfg.Store.Correction(ctx, id)
}

// Answer ends a request.
func (d *Desk) Answer(ctx context.Context, operator, id string, outcome Outcome, answer string) (Request, error) {
	if !slices.Contains([]Outcome{Corrected, Refused, Forwarded}, outcome) {
		return Request{}, httpd.Invalid("/outcome", "corrected, refused or forwarded")
	}
	if err := httpd.CheckText("/answer", answer, maxText, true); err != nil {
		return Request{}, err
	}
	if err := d.cfg.Store.AnswerCorrection(ctx, id, operator, outcome, answer, d.cfg.Now()); err != nil {
		return Request{}, err
	}
	return d.cfg.Store.Correction(ctx, id)
}
