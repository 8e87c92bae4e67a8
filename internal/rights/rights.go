// Package rights is what a person may do about what is held of her, beside showing it:
//
//	receipt    have the signed receipt of a look at her certificate
//	dispute    contest a look; so may the party that looked. Operators answer
//	export     take along everything that is held of her (个人信息保护法 §45)
//	erasure    have erased what the law does not keep (§47)
//
// and how long anything is kept at all (§19): Retention.
//
// The other rooms keep the data; this one knows which of it is hers. Each kind of data is one
// Exporter here and one statement of the store's erasure: whoever adds a table with something
// about people adds both.
package rights

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The room's answers.
var (
	ErrLookUnknown    = errors.New("rights: no such look")
	ErrNoReceipt      = errors.New("rights: no receipt of this look")
	ErrDisputed       = errors.New("rights: a dispute about this look is open already")
	ErrTooMany        = errors.New("rights: too many disputes about this look")
	ErrReason         = errors.New("rights: a dispute needs a reason of at most 2,000 characters")
	ErrDisputeUnknown = errors.New("rights: no such dispute")
	ErrDisputeClosed  = errors.New("rights: the dispute is closed")
	ErrVerdict        = errors.New("rights: a dispute is upheld or rejected, with an answer")
	ErrNotFresh       = errors.New("rights: signed in too long ago for this")
	ErrTooOften       = errors.New("rights: exported too often today")
	ErrConfirmation   = errors.New("rights: not the confirmation that was given out, or too late")
)

// Person is who acts: signed in, known to be a holder.
type Person struct {
	HolderID string
	// FreshAt is when she last proved who she is: by signing in or by a passkey.
	FreshAt time.Time
}

// Config says what the room stands on.
type Config struct {
	Disputes Disputes
	Erasures Erasures
	// Spaces returns the holder ids that a person may act for, her own first.
	Spaces func(ctx context.Context, holderID string) ([]string, error)
	// Receipt signs the receipt of a look at a certificate of one of the holders: ErrLookUnknown,
	// ErrNoReceipt.
	Receipt func(ctx context.Context, holders []string, verification string) (string, error)
	// Close ends what a person is showing at the moment, and what is remembered of her sessions, when
	// she is erased. nil: nothing does.
	Close     func(ctx context.Context, holderID string) error
	Exporters []Exporter
	Now       func() time.Time
	// FreshFor is how recent a sign-in must be to export or erase; default 5 min.
	FreshFor time.Duration
	// ExportsPerDay bounds how often a person exports; default 5.
	ExportsPerDay int
	// ConfirmFor is how long an erasure waits for its second yes; default 10 min.
	ConfirmFor time.Duration
}

// Service is safe for concurrent use.
type Service struct{ cfg Config }

// New makes the room.
func New(cfg Config) (*Service, error) {
	if cfg.Disputes == nil || cfg.Erasures == nil || cfg.Spaces == nil || cfg.Receipt == nil {
		return nil, errors.New("rights: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.FreshFor == 0 {
		cfg.FreshFor = 5 * time.Minute
	}
	if cfg.ExportsPerDay == 0 {
		cfg.ExportsPerDay = 5
	}
	if cfg.ConfirmFor == 0 {
		cfg.ConfirmFor = 10 * time.Minute
	}
	return &Service{cfg: cfg}, nil
}

// fresh refuses who signed in long ago: a phone left lying about is not to hand out or destroy
// everything at once.
func (s *Service) fresh(p Person) error {
	if age := s.cfg.Now().Sub(p.FreshAt); p.FreshAt.IsZero() || age > s.cfg.FreshFor {
		return ErrNotFresh
	}
	return nil
}

// Receipt returns the receipt of a look at a certificate of hers, or of a company she acts for.
func (s *Service) Receipt(ctx context.Context, p Person, verification string) (string, error) {
	ids, err := s.cfg.Spaces(ctx, p.HolderID)
	if err != nil {
		return "", err
	}
	return s.cfg.Receipt(ctx, ids, verification)
}

// Side is who disputes.
type Side string

// The two sides of a look.
const (
	SideHolder Side = "holder"
	SideParty  Side = "party"
)

// State is where a dispute stands.
type State string

// The states. All but open are final.
const (
	Open      State = "open"
	Upheld    State = "upheld"    // whoever disputes is right
	Rejected  State = "rejected"  //
	Withdrawn State = "withdrawn" // the person had her data erased
)

// Dispute contests a look. Its texts may be personal.
type Dispute struct {
	ID           string
	Verification string
	Side         Side
	Holder       string // of whom was looked at; empty when not known, or erased
	Party        string
	FiledBy      string // client of the party; empty when the holder filed it
	Reason       string
	State        State
	FiledAt      time.Time
	Answer       string
	AnsweredBy   string
	AnsweredAt   time.Time
}

// MaxPerLook bounds how many disputes one side may ever file about one look.
const MaxPerLook = 5

// Filing is a dispute on its way into the record.
type Filing struct {
	Dispute
	Holders []string // the look must be at one of these, when the holder files
}

// Place is a place in the list of disputes.
type Place struct {
	At time.Time
	ID string
}

// Disputes is the durable store of disputes. A method that changes something MUST be durable
// when it returns nil, MUST leave an audit entry, and MUST seal reason and answer.
type Disputes interface {
	// FileDispute stores d when the look is one of the filer's (ErrLookUnknown), the side has none open
	// about it (ErrDisputed) and has not had MaxPerLook (ErrTooMany). It fills in Holder and Party.
	// From then on the record of the look MUST be kept until the dispute is closed.
	FileDispute(ctx context.Context, f Filing) (Dispute, error)
	// DisputesOf returns those about a look, oldest first.
	DisputesOf(ctx context.Context, verification string) ([]Dispute, error)
	// ListDisputes returns those in a state ("" is all) that come after a place, oldest first.
	ListDisputes(ctx context.Context, state State, after Place, limit int) ([]Dispute, error)
	// AnswerDispute closes one: ErrDisputeUnknown, ErrDisputeClosed.
	AnswerDispute(ctx context.Context, id string, state State, answer, by string, at time.Time) (Dispute, error)
	// DisputesBy returns those that a holder filed, oldest first.
	DisputesBy(ctx context.Context, holderID string) ([]Dispute, error)
}

const maxReason = 2000

func checkText(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" || !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxReason {
		return "", ErrReason
	}
	return text, nil
}

// FileAsHolder disputes a look at a certificate of hers.
func (s *Service) FileAsHolder(ctx context.Context, p Person, verification, reason string) (Dispute, error) {
	ids, err := s.cfg.Spaces(ctx, p.HolderID)
	if err != nil {
		return Dispute{}, err
	}
	return s.file(ctx, Filing{Dispute: Dispute{Verification: verification, Side: SideHolder, Reason: reason}, Holders: ids})
}

// FileAsParty disputes a look of the party's own.
func (s *Service) FileAsParty(ctx context.Context, party, client, verification, reason string) (Dispute, error) {
	return s.file(ctx, Filing{Dispute: Dispute{Verification: verification, Side: SideParty, Party: party, FiledBy: client, Reason: reason}})
}

func (s *Service) file(ctx context.Context, f Filing) (Dispute, error) {
	var err error
	if f.Reason, err = checkText(f.Reason); err != nil {
		return Dispute{}, err
	}
	f.ID, f.State, f.FiledAt = rand.Text(), Open, s.cfg.Now().UTC()
	return s.cfg.Disputes.FileDispute(ctx, f)
}

// AboutLook returns the disputes about a look as one side may see them: that the other side has
// filed one and what became of it, but not its words.
func (s *Service) AboutLook(ctx context.Context, side Side, owners []string, verification string) ([]Dispute, error) {
	all, err := s.cfg.Disputes.DisputesOf(ctx, verification)
	if err != nil {
		return nil, err
	}
	var out []Dispute
	for _, d := range all {
		if side == SideHolder && !slices.Contains(owners, d.Holder) || side == SideParty && !slices.Contains(owners, d.Party) {
			continue
		}
		if d.Side != side {
			d.Reason, d.Answer = "", ""
		}
		out = append(out, d)
	}
	return out, nil
}

// AboutLookOf is AboutLook for a person.
func (s *Service) AboutLookOf(ctx context.Context, p Person, verification string) ([]Dispute, error) {
	ids, err := s.cfg.Spaces(ctx, p.HolderID)
	if err != nil {
		return nil, err
	}
	return s.AboutLook(ctx, SideHolder, ids, verification)
}

// List returns disputes for operators, oldest first, and where the next page begins.
func (s *Service) List(ctx context.Context, state State, after Place, limit int) ([]Dispute, Place, error) {
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	all, err := s.cfg.Disputes.ListDisputes(ctx, state, after, limit+1)
	if err != nil {
		return nil, Place{}, err
	}
	var next Place
	if len(all) > limit {
		all = all[:limit]
		next = Place{all[limit-1].FiledAt, all[limit-1].ID}
	}
	return all, next, nil
}

// Answer closes a dispute.
func (s *Service) Answer(ctx context.Context, operator, id string, state State, answer string) (Dispute, error) {
	text, err := checkText(answer)
	if err != nil || state != Upheld && state != Rejected {
		return Dispute{}, ErrVerdict
	}
	return s.cfg.Disputes.AnswerDispute(ctx, id, state, text, operator, s.cfg.Now().UTC())
}

// errorf names the room in errors of others.
func errorf(what string, err error) error { return fmt.Errorf("rights: %s: %w", what, err) }
