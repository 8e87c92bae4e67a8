package verifier

import (
	"context"
	"errors"
	"time"
)

// Verification is the durable record of one check: what decides that a code is spent, what
// the holder reads in her history, and what a repeated request is answered from.
type Verification struct {
	ID          string
	At          time.Time
	Caller      string // client id
	Party       string // relying party
	PartyName   string
	RequestKey  string   // Idempotency-Key, empty when none
	RequestHash [32]byte // of the request body: the same key with another body is a conflict
	ShowID      string   // unique among records when not empty
	Ticket      [32]byte // digest of the code; unique when ShowID is not empty
	Challenge   string   // unique when not empty: a presentation is counted once
	Ask         string   // of the holder, when she was asked; the store MUST link it with the record
	HolderID    string   // empty when it is not known
	PersonID    string   // who showed it: the holder, or who acts for a company; empty when nobody did
	Identifier  string
	Type        string
	Purpose     string
	Fields      []string // disclosed to the caller
	Outcome     string
	Reasons     []string
	Via         string    // code, presentation, facts, offline
	Answer      []byte    // JSON of the answer; the store seals it
	AnswerUntil time.Time // a repeat is answered until then; afterwards Answer is erased
	// Receipt is JSON of what the receipt says, without values, and of its salts. The store seals
	// it and keeps it as long as the record.
	Receipt []byte
	// ReceiptDigest is receipt.Receipt.Digest of it. It goes into the audit entry of the record and
	// nowhere else: a receipt that was made up or dated back later differs from the log.
	ReceiptDigest string
	PortraitAt    time.Time // when the portrait was first fetched; zero: never

	// What the clerk said after the check ([Comparisons]): when, zero: nothing; whether it was the same
	// person; and the outcome before it, which Outcome was.
	PersonAt   time.Time
	PersonSame bool
	Found      string

	// Of a check of an offline code. Proof is the digest of the device's proof: it counts once online,
	// and once for each party that shows it to be settled; nil: another kind of check, or no good proof.
	Proof []byte
	// Code is what the record said of the code when it was judged. The store MUST find it so still when
	// it writes, or fail with ErrCodeMoved.
	Code      *CodeState
	SettledAt time.Time // when a check made offline, at At, came to us; zero: it was made here
	Conflicts []string  // codes of what was found at odds
}

// The record's answers.
var (
	ErrSpent         = errors.New("verifier: code already used")
	ErrRequestReused = errors.New("verifier: idempotency key already used for another request")
	ErrNoRecord      = errors.New("verifier: no such verification")
	ErrNoReceipt     = errors.New("verifier: no receipt of this verification")
)

// Records is the durable store of verifications. Record MUST be durable when it returns nil:
// the answer leaves only afterwards, so a code cannot be accepted twice, across processes and
// whatever happens to the cache.
type Records interface {
	// Record stores v. It MUST return ErrSpent when ShowID, Ticket, Challenge or Proof stands in
	// another record, and ErrRequestReused when (Caller, RequestKey) does; the latter when
	// both do, because a repeated request is to be answered, not refused.
	Record(ctx context.Context, v Verification) error
	// ByRequest finds the record of a repeated request (ErrNoRecord).
	ByRequest(ctx context.Context, caller, requestKey string) (Verification, error)
	// ByTicket tells when and by whom a code was spent (ErrNoRecord). Records without a
	// ShowID spent nothing and are not found.
	ByTicket(ctx context.Context, ticket [32]byte) (Verification, error)
	ByID(ctx context.Context, id string) (Verification, error)
	// PortraitFetched notes when the portrait of a verification was first handed out. It MUST be
	// durable when it returns nil: the holder reads it in her history.
	PortraitFetched(ctx context.Context, id, client string, at time.Time) error
	// Sweep erases answers past AnswerUntil and records older than before, but not those that
	// somebody disputes; it returns counts.
	Sweep(ctx context.Context, now, before time.Time) (answers, records int64, err error)
}

// Challenges holds single-use nonces for callers that post a presentation. Volatile.
type Challenges interface {
	PutChallenge(ctx context.Context, nonce, caller string, keep time.Duration) error
	// TakeChallenge removes it; ErrChallengeUnknown when it is not there, was another
	// caller's, or was taken before.
	TakeChallenge(ctx context.Context, nonce, caller string) error
}

// ErrChallengeUnknown says that a nonce is not one of ours, or not any more.
var ErrChallengeUnknown = errors.New("verifier: challenge unknown or already used")

// StatusCache answers from the cache that the issuer keeps filled. known is false when the
// cache holds nothing for the list: the status is then unknown, never valid.
type StatusCache interface {
	Lookup(ctx context.Context, list string, index uint64) (status uint8, asOf time.Time, known bool, err error)
}
