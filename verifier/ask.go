package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/internal/qr"
)

// AnswerYes is the one answer that lets more out.
const AnswerYes = "yes"

// Consent says in an answer what the holder was asked for, and what she said: yes, no, lapsed
// (nothing, in the time given) or refused (by a withdrawal that stands).
type Consent struct {
	Answer string   `json:"answer"`
	Asked  []string `json:"asked"`
}

// ErrNotAsked says that a wallet does not ask: the type has no such field, or the party had its
// answer on this show. The check goes on with what is shown.
var ErrNotAsked = errors.New("verifier: nothing was asked")

// ErrAnswerErased says that the answer of a check is not kept any more.
var ErrAnswerErased = errors.New("verifier: the answer is not kept any more")

// PendingError says that the holder is being asked. The check goes on with Await.
type PendingError struct {
	ID      string
	Expires time.Time
	Asked   []string
}

func (e *PendingError) Error() string { return "verifier: the holder is being asked" }

func isPending(err error) bool {
	var p *PendingError
	return errors.As(err, &p)
}

// askNote is what of a request the check needs when it goes on, in whatever process.
type askNote struct {
	Key     string `json:"key,omitempty"`
	Hash    []byte `json:"hash"`
	Clerk   bool   `json:"clerk,omitempty"`
	Receipt bool   `json:"receipt,omitempty"`
}

// wants asks the holder for what the caller wants beyond what she shows. It returns nil, nil
// when there is nothing to ask.
func (k *check) wants(ctx context.Context, ticket [16]byte, claimant string, offer Offer, shown []string) (*Answer, error) {
	var beyond []string
	for _, f := range k.req.Fields {
		if !slices.Contains(offer.Fields, f) {
			beyond = append(beyond, f)
		}
	}
	if len(beyond) == 0 {
		return nil, nil
	}
	note, err := json.Marshal(askNote{Key: k.req.Key, Hash: k.record.RequestHash[:], Clerk: k.req.ClerkCompared, Receipt: k.req.Receipt})
	if err != nil {
		return nil, fmt.Errorf("verifier: ask: %w", err)
	}
	ask, err := k.cfg.Wallet.Ask(ctx, AskRequest{
		Ticket: ticket, Claimant: claimant, Client: k.caller.Client, Party: k.party.ID, PartyName: k.party.Name, Purpose: k.req.Purpose,
		Shown: shown, Asked: beyond, Note: note,
	})
	if errors.Is(err, ErrNotAsked) {
		return nil, nil
	}
	if err != nil {
		return k.refusedCode(ctx, qr.Digest(ticket), err)
	}
	return k.asked(ctx, ask)
}

// asked goes on with a check whose holder was asked. Everything is looked at as it is now: the
// registration, the certificate, its status, and whether she still may show it.
func (k *check) asked(ctx context.Context, ask Ask) (*Answer, error) {
	if ask.Answer == "" {
		return nil, &PendingError{ID: ask.ID, Expires: ask.Expires.UTC(), Asked: ask.Asked}
	}
	k.record.ID, k.record.Ask, k.record.Via = ask.ID, ask.ID, "code"
	fields := ask.Shown
	if ask.Answer == AnswerYes {
		fields = slices.Concat(ask.Shown, ask.Asked)
	}
	may, err := k.registered(ask.Type)
	if err != nil {
		return nil, err
	}
	if fields = both(fields, may); len(fields) == 0 {
		return nil, ErrNothingToDisclose
	}
	k.consent = &Consent{Answer: ask.Answer, Asked: ask.Asked}
	return k.redeem(ctx, Redemption{Ask: ask.ID, Claimant: ask.Claimant, Party: k.party.ID, Fields: fields}, ask.Ticket)
}

// Await returns the answer of a check of the caller's whose holder was asked, or PendingError.
// It waits until patience ends; nil does not wait.
func (s *Service) Await(ctx context.Context, c Caller, id string, patience <-chan struct{}) (*Answer, error) {
	if _, err := s.standing(ctx, c); err != nil {
		return nil, err
	}
	if a, err := s.recorded(ctx, c, id); !errors.Is(err, ErrNoRecord) {
		return a, err
	}
	ask, err := s.cfg.Wallet.Asked(ctx, id, c.Client, patience)
	if err != nil {
		return nil, err
	}
	if ask.Party != c.Party {
		return nil, ErrNoRecord
	}
	party, err := s.standing(ctx, c) // as it is after the wait
	if err != nil {
		return nil, err
	}
	var note askNote
	if ask.Note == nil { // another that waited was faster to record it
		return s.recorded(ctx, c, id)
	}
	if err := json.Unmarshal(ask.Note, &note); err != nil {
		return nil, fmt.Errorf("verifier: note of an ask: %w", err)
	}
	k := &check{Service: s, caller: c, party: party, req: Request{Purpose: ask.Purpose, Key: note.Key, ClerkCompared: note.Clerk, Receipt: note.Receipt}, record: Verification{
		ID: ask.ID, At: s.cfg.Now().UTC(), Caller: c.Client, Party: party.ID, PartyName: party.Name.ZH, RequestKey: note.Key, Purpose: ask.Purpose,
	}}
	copy(k.record.RequestHash[:], note.Hash)
	return k.asked(ctx, ask)
}

// recorded answers from the record of a caller's check.
func (s *Service) recorded(ctx context.Context, c Caller, id string) (*Answer, error) {
	v, err := s.cfg.Records.ByID(ctx, id)
	switch {
	case err == nil && v.Caller != c.Client:
		return nil, ErrNoRecord // whether it exists is not theirs to know
	case err == nil:
		return s.stored(ctx, v, false)
	case errors.Is(err, ErrNoRecord):
		return nil, ErrNoRecord
	}
	return nil, fmt.Errorf("verifier: %w", err)
}

// standing returns the caller's party while it may check at all.
func (s *Service) standing(ctx context.Context, c Caller) (Party, error) {
	party, err := s.cfg.Parties.Party(ctx, c.Party)
	if err == nil && party.Suspended {
		err = ErrPartySuspended
	}
	return party, err
}

func both(a, b []string) (in []string) {
	for _, f := range a {
		if slices.Contains(b, f) {
			in = append(in, f)
		}
	}
	return in
}
