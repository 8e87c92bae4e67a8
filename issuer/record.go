package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/schemas"
)

// State is where a certificate stands, after the code table of GB/T 36903.
type State string

// The states. Suspended can return to valid; all after it are terminal.
const (
	Valid       State = "valid"       // 01 有效
	Suspended   State = "suspended"   // 02 暂扣
	Withdrawn   State = "withdrawn"   // 03 撤销: should never have been issued
	Cancelled   State = "cancelled"   // 04 注销: given up, or the holder has died
	Lapsed      State = "lapsed"      // 05 失效: replaced, lost, or out of force
	Transferred State = "transferred" // 06 办理转出: now with another authority
	Revoked     State = "revoked"     // 07 吊销: taken away as a penalty
)

// States lists them.
func States() []State {
	return []State{Valid, Suspended, Withdrawn, Cancelled, Lapsed, Transferred, Revoked}
}

// Terminal reports whether no state can follow.
func (s State) Terminal() bool { return s != Valid && s != Suspended }

// Public returns what the public status list says of the state. The kind of ending stays
// between the authority and authorised callers.
func (s State) Public() statuslist.Status {
	switch s {
	case Valid:
		return statuslist.Valid
	case Suspended:
		return statuslist.Suspended
	}
	return statuslist.Invalid
}

// Certificate is one certificate as the record keeps it.
type Certificate struct {
	Identifier string // GB/T 36904
	Authority  string // id of the issuing authority in the registry
	Row        schemas.Row
	RowDigest  [32]byte // SM3 of the canonical row: tells a repeat from a contradiction
	TypeVer    int
	HolderID   string // blind index of Row.Holder
	Salt       []byte // of the portrait's digest; nil without a portrait
	Credential string // the original, an SD-JWT VC without holder binding; never shown
	Slot       Slot   // of the original
	State      State
	StateAt    time.Time
	Reason     string
	Live       map[string]any // what changes daily: points, licence state
	LiveAt     time.Time
	ReplacedBy string // identifier of the next version
	CreatedAt  time.Time
}

// Slot is a place in a status list.
type Slot struct {
	List  string // name of the list, the last element of its URI
	Index uint64
}

// Copy is one holder-bound copy of a certificate. The record needs its slot, so that a change
// of state reaches it; the copy itself is the wallet's.
type Copy struct {
	Identifier string
	Slot       Slot
	KeyID      string // thumbprint of the key it is bound to
	KeyLimit   int64  // how many copies may be bound to that key; 0 is no limit
	ExpiresAt  time.Time
	CreatedAt  time.Time
}

// The record's answers. A store wraps them with %w.
var (
	ErrUnknown     = errors.New("issuer: no such certificate")
	ErrRowReused   = errors.New("issuer: row key already used for another certificate")
	ErrTransition  = errors.New("issuer: the state does not allow that")
	ErrReplaced    = errors.New("issuer: already replaced")
	ErrJobConflict = errors.New("issuer: push job is being uploaded or belongs to another authority")
	ErrJobUnknown  = errors.New("issuer: no such push job")
	ErrJobResume   = errors.New("issuer: the push job cannot go on from that row with that content")
	ErrKeyFull     = errors.New("issuer: no more copies may be bound to this key")
	// ErrFull says that there is no room for more. Nothing of what was asked was written.
	ErrFull = errors.New("issuer: no room in the record")
	// ErrRequestReused is of the store of answers to repeated requests.
	ErrRequestReused = errors.New("issuer: idempotency key already used for another request")
)

// Record is the durable store of certificates. A method that changes something MUST be
// durable when it returns nil, MUST be one transaction, and MUST be safe across processes.
type Record interface {
	Readings
	// Reserve looks up which row keys of the authority are taken and sets aside n status
	// slots. A slot MUST never be handed out twice, whatever crashes afterwards. The index is
	// a counter; the issuer permutes it.
	Reserve(ctx context.Context, authority string, keys []string, n int) (Reservation, error)
	// Commit stores certificates, makes changes of state, and stores the results of the push rows
	// that asked for them. A change that is not allowed is refused in its result and stops no other.
	// One whose Once was made before MUST NOT be made again. A certificate whose
	// row key a concurrent push has taken since Reserve is not stored: the answer says what
	// stands instead. One that names Replaces MUST find that certificate valid and not
	// replaced, and ends it as Lapsed in the same transaction.
	Commit(ctx context.Context, b Batch) ([]Committed, error)
	// ChangeState moves a certificate and appends the change to the sequence of every list in
	// which the certificate or a copy has a slot. Repeating the change that was last made is
	// no error and changes nothing. A certificate of another authority is ErrUnknown.
	ChangeState(ctx context.Context, c Change) (Certificate, error)
	// AddCopy stores a copy's slot. It MUST refuse with ErrTransition when the certificate
	// is terminal, MUST enter the slot as suspended when the certificate is, and MUST refuse with
	// ErrKeyFull the copy that would be one more than KeyLimit allows.
	AddCopy(ctx context.Context, c Copy) error
}

// Readings is what the record tells of certificates.
type Readings interface {
	Certificate(ctx context.Context, identifier string) (Certificate, error)
	// Held returns the newest versions of the holders' certificates, newest first, at most
	// limit of each holder. Ended ones are among them, by their State; replaced ones are not.
	// Portraits are left out: Certificate has them. With only, no others than these are opened.
	Held(ctx context.Context, holderIDs []string, limit int, only ...string) ([]Certificate, error)
	// FindCertificates answers a question of a department, and MUST NOT read a table for it.
	FindCertificates(ctx context.Context, q Question) (FoundPage, error)
	// Live returns what each verification looks up, and opens nothing else: a certificate with its
	// portrait is fifty times as much.
	Live(ctx context.Context, identifier string) (Live, error)
}

// Reservation is the answer of Reserve.
type Reservation struct {
	Taken    map[string]Taken // by row key
	List     string
	Counters []uint64 // n of them, all in List
}

// Taken tells which certificate a row key already stands for.
type Taken struct {
	Identifier string
	RowDigest  [32]byte
	Credential string
}

// Batch is what one transaction stores.
type Batch struct {
	Authority    string
	Certificates []NewCertificate
	Changes      []BulkChange
	Job          string // of a bulk push, else empty
	JobHolder    string // whose lease of the job; when given, a batch of another holder is ErrJobConflict
	// Results are the answers to rows. One with the Line of a certificate or a change above is
	// corrected, where needed, by what became of it; one with As, by what became of that line.
	Results []Result
	Bytes   int64  // of the upload consumed with this batch
	By      string // caller, for the history; the authority when empty
}

// NewCertificate is a certificate and the one it replaces.
type NewCertificate struct {
	Certificate
	// RepresentativeIDs are the holder ids of Row.Representatives: while the certificate
	// stands, they may act for its holder.
	RepresentativeIDs []string
	Replaces          string
	Line              int64 // of the push, 1-based; its Result is written by Commit
}

// BulkChange is a change of state that a row of a push asks for.
type BulkChange struct {
	Change
	Line int64
	// Once names the change within its authority: what has been made under that name is answered
	// as made, whatever has become of the certificate since.
	Once string
}

// Committed is the fate of one certificate of a batch.
type Committed struct {
	Identifier string
	Credential string
	Existing   bool  // the row key was taken with the same digest: this is the earlier one
	Err        error // ErrRowReused, ErrReplaced, ErrTransition, ErrUnknown; nil when it stands
}

// Change is a change of state.
type Change struct {
	Authority  string // must own the certificate
	Identifier string
	From       []State // allowed before
	To         State
	Reason     string
	By         string // caller
	At         time.Time
}

// Event is one line of a certificate's history. The first tells of its issuing, with From empty.
type Event struct {
	Identifier string
	At         time.Time
	From, To   State
	By         string // caller
	Reason     string
	ReplacedBy string
}

// History tells auditors what became of a certificate, oldest first. Nothing erases it.
type History interface {
	Events(ctx context.Context, identifier string) ([]Event, error) // ErrUnknown
}

// LiveData stores what changes daily and is looked up at verification, never signed.
type LiveData interface {
	// SetLive replaces the live fields of a certificate of the authority, else ErrUnknown.
	SetLive(ctx context.Context, authority, identifier string, live map[string]any, at time.Time) error
}
