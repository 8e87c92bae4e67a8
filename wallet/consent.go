package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/schemas"
)

// How an ask was answered. The empty text is "not yet".
const (
	AnswerYes     = "yes"
	AnswerNo      = "no"
	AnswerLapsed  = "lapsed"  // nobody said anything in time
	AnswerRefused = "refused" // by itself: she has withdrawn her consent for this party or certificate
	AnswerClosed  = "closed"  // she closed the show, or withdrew, while she was asked
)

// The answers of asks and consents.
var (
	ErrConsentUnknown    = errors.New("wallet: no such ask")
	ErrConsentAnswered   = errors.New("wallet: the ask is answered already")
	ErrConsentExpired    = errors.New("wallet: the time to answer is over")
	ErrAskedBefore       = errors.New("wallet: this party has asked on this show before")
	ErrNothingAsked      = errors.New("wallet: nothing that was asked for can be disclosed from this type")
	ErrTicketReserved    = fmt.Errorf("%w: it is reserved while its holder is asked", ErrTicketTaken)
	ErrPartyBlocked      = errors.New("wallet: the holder shows nothing to this party")
	ErrWithdrawal        = errors.New("wallet: name exactly one of a party, a certificate and all")
	ErrWithdrawalLimit   = errors.New("wallet: too many withdrawals stand")
	ErrWithdrawalUnknown = errors.New("wallet: no such withdrawal")
)

// Ask is a checker's request for more than the holder chose to show, and what became of it: it
// is the consent receipt (PIPL §14–15) as well. It is durable from the moment it is put, so that
// a yes that she was thanked for cannot be lost, and a silence can be told from a fault.
type Ask struct {
	ID         string
	ShowID     string
	Ticket     [32]byte // digest of the code that was scanned
	HolderID   string   // whose certificate
	PersonID   string   // who shows it, is asked and answers
	Identifier string
	Type       string
	Client     string // the checker's client: nobody else learns the answer
	Party      string
	PartyName  schemas.Text
	Purpose    string
	Shown      []string // what the party sees in any case
	Asked      []string // what it asks for besides
	At         time.Time
	Expires    time.Time
	Answer     string
	AnsweredAt time.Time // zero while there is no answer
	// Verification is the record of the check that the ask belonged to. Empty: none was recorded,
	// so nothing was disclosed, whatever the answer.
	Verification string
	// Claimant and Note are the checker's, handed back to it when the check goes on.
	Claimant string
	Note     []byte
}

// Standing is the answer at a moment: silence is an answer when the time is over.
func (a Ask) Standing(now time.Time) string {
	if a.Answer == "" && !now.Before(a.Expires) {
		return AnswerLapsed
	}
	return a.Answer
}

// Consents is the durable record of asks. A method that changes something MUST be durable when
// it returns nil, and enter the audit log in the same transaction.
type Consents interface {
	// PutAsk stores an ask. When one with its ID stands, that one is returned and nothing changes.
	PutAsk(ctx context.Context, a Ask) (Ask, error)
	Ask(ctx context.Context, id string) (Ask, error) // ErrConsentUnknown
	// Decide stores the answer of an ask that has none and returns the ask. Of several decisions
	// exactly one MUST count, across processes; the others get ErrConsentAnswered with the ask as
	// it stands.
	Decide(ctx context.Context, id, answer string, at time.Time) (Ask, error)
	// Asks returns those on a holder's certificates, newest first, older than before; with a
	// person's id only those that she was asked.
	Asks(ctx context.Context, holderID, personID string, before time.Time, limit int) ([]Ask, error)
	// OpenAsks returns those that a person can still answer at the time, oldest first.
	OpenAsks(ctx context.Context, personID string, now time.Time) ([]Ask, error)
	// Overdue returns ids of asks without an answer that ended before the time.
	Overdue(ctx context.Context, before time.Time, limit int) ([]string, error)
}

// AskRequest is what a checker wants beyond the show.
type AskRequest struct {
	Ticket    [16]byte
	Claimant  string
	Client    string
	Party     string
	PartyName schemas.Text
	Purpose   string
	Shown     []string
	Asked     []string
	Note      []byte
}

// finishFor is how long after its end an ask's check may still be finished: the scanner may
// have been waiting on a bad line. A code does not outlive that.
const finishFor = 30 * time.Second

// askID gives a party one ask on a show. Who was told no, or nothing, does not ask again and
// again; and a repeated request finds its ask. The show's id is random and not the checker's.
func askID(showID, party string) string {
	return sm.Name("showcard ask", showID, party)
}

// Ask reserves the show for the claimant and asks the person who shows it. The same request may
// come again. ErrAskedBefore means that the party has had its answer on this show.
func (w *Wallet) Ask(ctx context.Context, r AskRequest) (Ask, error) {
	o, s, err := w.peek(ctx, r.Ticket)
	if err != nil {
		if s.ID != "" { // a repeated request, whose code has ended meanwhile
			if a, askErr := w.cfg.Consents.Ask(ctx, askID(s.ID, r.Party)); askErr == nil && a.Claimant == r.Claimant {
				return a, nil
			}
		}
		return Ask{}, err
	}
	if slices.Contains(s.Blocked, r.Party) {
		return Ask{}, ErrPartyBlocked
	}
	asked, err := w.askable(s, r.Asked)
	if err != nil {
		return Ask{}, err
	}
	if err := w.cfg.Shows.Claim(ctx, s.ID, r.Claimant, w.cfg.ConsentWait+finishFor); err != nil {
		return Ask{}, w.reserved(ctx, s, err)
	}
	now := w.cfg.Now().UTC()
	a := Ask{
		ID: askID(s.ID, r.Party), ShowID: s.ID, Ticket: o.Ticket, HolderID: s.HolderID, PersonID: s.PersonID, Identifier: s.Identifier, Type: s.Type,
		Client: r.Client, Party: r.Party, PartyName: r.PartyName, Purpose: r.Purpose, Shown: r.Shown, Asked: asked,
		At: now, Expires: now.Add(w.cfg.ConsentWait), Claimant: r.Claimant, Note: r.Note,
	}
	refused, err := w.refuses(ctx, s.PersonID, r.Party, s.Identifier)
	if err != nil {
		return Ask{}, err
	}
	if refused {
		a.Answer, a.AnsweredAt = AnswerRefused, now
	}
	stands, err := w.cfg.Consents.PutAsk(ctx, a)
	if err != nil {
		return Ask{}, fmt.Errorf("wallet: ask: %w", err)
	}
	if stands.Claimant != r.Claimant {
		return stands, ErrAskedBefore
	}
	// Closed between the claim and the ask: who closed it did not see the ask.
	if _, closed, err := w.cfg.Shows.Show(ctx, s.ID); err == nil && closed && stands.Answer == "" {
		return w.decide(ctx, stands, AnswerClosed)
	}
	if stands.Answer == "" {
		w.ring(ctx, personTopic(stands.PersonID), Event{Kind: EventAsk, AskID: stands.ID, ShowID: stands.ShowID})
	}
	return stands, nil
}

// askable returns what of the wish the type can disclose and the holder has not chosen anyway.
// Whether this certificate has an optional field is not said before she has agreed.
func (w *Wallet) askable(s Show, wish []string) ([]string, error) {
	t, err := w.cfg.Types.Version(s.Type, s.TypeVer)
	if err != nil {
		return nil, fmt.Errorf("wallet: ask: %w", err)
	}
	var asked []string
	for _, f := range wish {
		if t.Has(f) && !slices.Contains(s.Fields, f) {
			asked = append(asked, f)
		}
	}
	if len(asked) == 0 {
		return nil, ErrNothingAsked
	}
	slices.Sort(asked)
	return slices.Compact(asked), nil
}

// reserved tells a scanner that lost the claim whether the holder is being asked for another.
func (w *Wallet) reserved(ctx context.Context, s Show, err error) error {
	if !errors.Is(err, ErrTicketTaken) {
		return err
	}
	open, openErr := w.cfg.Consents.OpenAsks(ctx, s.PersonID, w.cfg.Now())
	if openErr == nil && slices.ContainsFunc(open, func(a Ask) bool { return a.ShowID == s.ID }) {
		return ErrTicketReserved
	}
	return err
}

// Asked returns an ask of a client's, waiting for the answer until patience ends; nil does not
// wait. When the time to answer is over, that is the answer.
func (w *Wallet) Asked(ctx context.Context, id, client string, patience <-chan struct{}) (Ask, error) {
	a, err := w.cfg.Consents.Ask(ctx, id)
	if err != nil {
		return Ask{}, err
	}
	if a.Client != client {
		return Ask{}, ErrConsentUnknown // whether it exists is not theirs to know
	}
	if a.Standing(w.cfg.Now()) == "" && patience != nil {
		if a, err = w.await(ctx, a, patience); err != nil {
			return Ask{}, err
		}
	}
	if a.Answer == "" && a.Standing(w.cfg.Now()) == AnswerLapsed {
		return w.decide(ctx, a, AnswerLapsed)
	}
	return a, nil
}

// recheck is how often a waiting check looks for itself: a bell can be lost with Redis.
const recheck = 5 * time.Second

func (w *Wallet) await(ctx context.Context, a Ask, patience <-chan struct{}) (Ask, error) {
	bell, stop, err := w.cfg.Bell.Listen(ctx, askTopic(a.ID))
	if err != nil {
		bell, stop = nil, func() {} // slower, but it works
	}
	defer stop()
	for first := true; ; first = false {
		if a, err = w.cfg.Consents.Ask(ctx, a.ID); err != nil {
			return Ask{}, err
		}
		left := a.Expires.Sub(w.cfg.Now())
		if a.Answer != "" || left <= 0 || !first && done(patience) {
			return a, nil
		}
		timer := time.NewTimer(min(left, recheck))
		select {
		case <-bell:
		case <-timer.C:
		case <-patience:
		case <-ctx.Done():
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return Ask{}, err
		}
	}
}

func done(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// decide stores an answer and tells everybody who waits for it. When another answer was faster,
// that one counts and is returned.
func (w *Wallet) decide(ctx context.Context, a Ask, answer string) (Ask, error) {
	stands, err := w.cfg.Consents.Decide(ctx, a.ID, answer, w.cfg.Now().UTC())
	if errors.Is(err, ErrConsentAnswered) {
		return stands, nil
	}
	if err != nil {
		return Ask{}, fmt.Errorf("wallet: decide: %w", err)
	}
	w.ring(ctx, askTopic(a.ID), Event{Kind: EventAskClosed, AskID: a.ID})
	w.ring(ctx, personTopic(a.PersonID), Event{Kind: EventAskClosed, AskID: a.ID, ShowID: a.ShowID, Answer: stands.Answer})
	return stands, nil
}

// Answer is the person's yes or no. It is durable when it returns nil; only then can anything be
// disclosed for it.
func (w *Wallet) Answer(ctx context.Context, p Person, id string, yes bool) error {
	a, err := w.cfg.Consents.Ask(ctx, id)
	if err != nil {
		return err
	}
	if a.PersonID != p.HolderID {
		return ErrConsentUnknown
	}
	if err := answered(a, w.cfg.Now()); err != nil {
		return err
	}
	answer := AnswerNo
	if yes {
		answer = AnswerYes
		s, _, err := w.cfg.Shows.Show(ctx, a.ShowID)
		if err != nil {
			return err
		}
		if err := w.mayAgree(ctx, s, a.Asked); err != nil {
			return err
		}
	}
	stands, err := w.cfg.Consents.Decide(ctx, id, answer, w.cfg.Now().UTC())
	if errors.Is(err, ErrConsentAnswered) {
		return answered(stands, w.cfg.Now())
	}
	if err != nil {
		return fmt.Errorf("wallet: answer: %w", err)
	}
	w.ring(ctx, askTopic(id), Event{Kind: EventAskClosed, AskID: id})
	w.ring(ctx, personTopic(a.PersonID), Event{Kind: EventAskClosed, AskID: id, ShowID: a.ShowID, Answer: answer})
	return nil
}

func answered(a Ask, now time.Time) error {
	switch a.Standing(now) {
	case "":
		return nil
	case AnswerLapsed:
		return ErrConsentExpired
	case AnswerClosed:
		return ErrShowClosed
	}
	return ErrConsentAnswered
}
