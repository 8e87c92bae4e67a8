package verifier

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/receipt"
)

// CodePersonNotSame is the reason of a check whose clerk found that somebody else stood there.
const CodePersonNotSame = "person-not-same"

// methodClerk is the method of a person check by eye.
const methodClerk = "clerk"

// Why a clerk's word is not taken.
var (
	ErrPersonRecorded = errors.New("verifier: the clerk has said otherwise of this check")
	ErrPersonLate     = errors.New("verifier: too late to compare the person")
)

// Comparison is what a clerk said after a check: whether the person in front of her is the one of
// the certificate. Outcome to Receipt are what the record says with it.
type Comparison struct {
	At            time.Time
	Same          bool
	Outcome       string
	Reasons       []string
	Answer        []byte // with the word in it; nil when none is kept any more
	Receipt       []byte // likewise
	ReceiptDigest string // goes into the audit entry of the word
}

// Comparisons keeps what clerks say after a check.
type Comparisons interface {
	// Compared adds the word to a record that has none. It MUST be durable when it returns nil, and let
	// one word in, however many come at once: the others get ErrPersonRecorded, and so does who comes
	// while the record changes otherwise. An answer or a receipt that was erased meanwhile MUST stay
	// erased. ErrNoRecord when there is no such record.
	Compared(ctx context.Context, id string, w Comparison) error
}

// Person records whether the person in front of the clerk is the one of the certificate, by the
// client that checked, once, for as long as it may look at the portrait. "The same" is the person
// check of the answer; "not the same" makes the check invalid. The same word again is the same
// answer: what was lost on its way may be sent again.
func (s *Service) Person(ctx context.Context, c Caller, id string, same bool) (*Answer, error) {
	if _, err := s.standing(ctx, c); err != nil {
		return nil, err
	}
	for range tries {
		v, err := s.ownRecord(ctx, c, id)
		if err != nil {
			return nil, err
		}
		if said, before := v.compared(); said {
			if before != same {
				return nil, ErrPersonRecorded
			}
			return s.after(ctx, v)
		}
		now := s.cfg.Now().UTC()
		if now.Sub(v.At) > s.cfg.PortraitFor {
			return nil, ErrPersonLate
		}
		w, err := s.comparison(ctx, v, same, now)
		if err != nil {
			return nil, err
		}
		// Whoever of two was faster, the record now says which word stands.
		if err := s.cfg.Comparisons.Compared(ctx, v.ID, w); err != nil && !errors.Is(err, ErrPersonRecorded) {
			return nil, fmt.Errorf("verifier: record: %w", err)
		}
	}
	return nil, ErrPersonRecorded
}

// ownRecord is a record of the caller's that it had an answer to.
func (s *Service) ownRecord(ctx context.Context, c Caller, id string) (Verification, error) {
	v, err := s.cfg.Records.ByID(ctx, id)
	if err == nil && (v.Caller != c.Client || v.Outcome == string(Refused)) {
		err = ErrNoRecord // whether it exists is not theirs to know
	}
	if err != nil && !errors.Is(err, ErrNoRecord) {
		err = fmt.Errorf("verifier: %w", err)
	}
	return v, err
}

// compared tells whether the clerk has said anything, and what: after the check, or with it.
func (v Verification) compared() (said, same bool) {
	if !v.PersonAt.IsZero() {
		return true, v.PersonSame
	}
	kept := v.kept()
	with := kept != nil && kept.Receipt.Person != nil && kept.Receipt.Person.Method == methodClerk
	return with, with
}

// kept is what the record keeps of the receipt; nil: nothing.
func (v Verification) kept() *stored {
	var kept stored
	if len(v.Receipt) == 0 || json.Unmarshal(v.Receipt, &kept) != nil {
		return nil
	}
	return &kept
}

// after is the answer of a record with the word in it.
func (s *Service) after(ctx context.Context, v Verification) (*Answer, error) {
	a, err := s.stored(ctx, v, false)
	if errors.Is(err, ErrAnswerErased) {
		return v.remembered(), nil
	}
	return a, err
}

// comparison is what the record says once the word is in it.
func (s *Service) comparison(ctx context.Context, v Verification, same bool, now time.Time) (Comparison, error) {
	now = now.Truncate(time.Microsecond) // as it is stored
	w := Comparison{At: now, Same: same, Outcome: v.Outcome, Reasons: append([]string{}, v.Reasons...)}
	if !same {
		w.Outcome, w.Reasons = string(Invalid), append(w.Reasons, CodePersonNotSame)
	}
	if a, err := s.stored(ctx, v, false); err == nil {
		a.Person = w.check()
		a.Outcome, a.Reasons = Outcome(w.Outcome), w.Reasons
		if w.Answer, err = json.Marshal(a); err != nil {
			return w, fmt.Errorf("verifier: %w", err)
		}
	} else if !errors.Is(err, ErrAnswerErased) {
		return w, err
	}
	if kept := v.kept(); kept != nil {
		kept.Receipt.Outcome, kept.Receipt.Reasons = w.Outcome, w.Reasons
		kept.Receipt.Person = &receipt.Person{State: string(w.check().State), Method: methodClerk, At: now.Unix()}
		w.ReceiptDigest = kept.Receipt.Digest()
		var err error
		if w.Receipt, err = json.Marshal(kept); err != nil {
			return w, fmt.Errorf("verifier: receipt: %w", err)
		}
	}
	return w, nil
}

// check is the person check that the word makes.
func (w Comparison) check() PersonCheck {
	at := w.At
	p := PersonCheck{Method: methodClerk, At: &at}
	if p.pass(); !w.Same {
		p.fail(CodePersonNotSame)
	}
	return p
}

// remembered is the answer of a check whose values are not kept any more: what the record and its
// receipt still say. The outcome is the record's; of a check that is told apart nowhere any more
// it says that it passed when the check found nothing wrong, and else nothing.
func (v Verification) remembered() *Answer {
	r := &Result{Outcome: Outcome(v.Outcome), Reasons: v.Reasons, CheckedAt: v.At.UTC(), Type: v.Type}
	for _, one := range []*Check{&r.Signature.Check, &r.Issuer.Check, &r.Validity.Check, &r.Holder.Check, &r.Person.Check, &r.Status.Check} {
		one.skip()
	}
	found := Outcome(cmp.Or(v.Found, v.Outcome)) // before the word
	if found == Valid {
		r.Signature.pass()
		r.Issuer.pass()
		r.Validity.pass()
	}
	if kept := v.kept(); kept != nil {
		if a := kept.Receipt.Authority; a != nil {
			r.Issuer.pass()
			r.Issuer.ID, r.Issuer.Authority = a.Issuer, a.Code
		}
		if st := kept.Receipt.Status; st != nil {
			r.Status.State, r.Status.AsOf, r.Status.Source = State(st.State), instant(st.AsOf), st.Source
		}
		if r.Holder.Bound = Bound(kept.Receipt.Holder); r.Holder.Bound != "" && found == Valid {
			r.Holder.pass()
		}
		if p := kept.Receipt.Person; p != nil {
			r.Person.State, r.Person.Method, r.Person.At = State(p.State), p.Method, instant(p.At)
		}
	}
	if !v.PersonAt.IsZero() {
		r.Person = Comparison{At: v.PersonAt, Same: v.PersonSame}.check()
	}
	return &Answer{ID: v.ID, Result: r, Purpose: v.Purpose}
}

// instant reads a NumericDate; 0 is none.
func instant(seconds int64) *time.Time {
	if seconds == 0 {
		return nil
	}
	t := time.Unix(seconds, 0).UTC()
	return &t
}
