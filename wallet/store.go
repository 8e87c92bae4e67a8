package wallet

import (
	"context"
	"errors"
	"time"
)

// Copy is a holder's copy of a certificate, bound to one of the wallet provider's keys.
type Copy struct {
	HolderID   string // whose certificate it is: a person or a company
	Identifier string
	Credential string // SD-JWT VC; the store seals it
	KeyID      string // of the provider key it is bound to
	RefreshAt  time.Time
	CreatedAt  time.Time
}

// Look is one line of a holder's history: somebody checked a certificate of hers.
type Look struct {
	ID         string
	At         time.Time
	Identifier string
	Type       string
	Party      string // id of the relying party
	PartyName  string // as registered at that moment
	Purpose    string
	Fields     []string // disclosed
	Outcome    string
	Reasons    []string
	Via        string // code, presentation, facts, offline
	// Consent is how she answered when she was asked for more than she showed, Asked what for.
	Consent string
	Asked   []string
	// PersonID is who showed it: the holder herself, or whoever acts for a company. Empty when
	// nobody did (facts), or when it was not known yet.
	PersonID string
	// ShownBy is her name and role, told of a company's certificates only. Not stored.
	ShownBy *Shower

	Client     string    // of the party
	Holder     string    // whose certificate: hers, or that of a company she acts for
	Receipt    bool      // there is a receipt
	PortraitAt time.Time // when the portrait was fetched; zero: it was not
	// ComparedAt is when the clerk said whether who stood there was the one of the certificate
	// (ComparedSame); zero: nothing was said after the check.
	ComparedAt   time.Time
	ComparedSame bool
	SettledAt    time.Time // when a check that was made offline came to us; zero: it was made here
	// Of lines that tell of codes given to a device (ViaDevice): which, for which view, how many, and
	// until when they are good. DeviceName is told to whose device it is; not stored.
	Device, DeviceName, View string
	Codes                    int
	ExpiresAt                time.Time

	Disputed string // state of the last dispute: open, upheld, rejected, withdrawn; empty without one
}

// Cursor is a place in a history, between two looks. Many may share a moment, so it names the
// last one that was read.
type Cursor struct {
	At time.Time
	ID string // empty: before everything of that moment
}

// Shower is who showed a company's certificate.
type Shower struct {
	Name string
	Role string // as it is now; empty when she has none any more
}

// Store is the durable side of the wallet. A method that changes something MUST be durable
// when it returns nil. Personal data MUST be sealed at rest.
type Store interface {
	Copy(ctx context.Context, holderID, identifier string) (Copy, error) // ErrHoldingUnknown
	// PutCopy stores or replaces the copy of (HolderID, Identifier).
	PutCopy(ctx context.Context, c Copy) error
	// Looks returns a holder's history, newest first and within a moment by id, backwards from
	// before.
	Looks(ctx context.Context, holderID string, before Cursor, limit int) ([]Look, error)
	// LooksShownBy returns the part of it that one person showed.
	LooksShownBy(ctx context.Context, holderID, personID string, before Cursor, limit int) ([]Look, error)
}

// Show is one act of showing: a chosen certificate, chosen fields, codes that renew until it
// is spent, closed, or left alone.
type Show struct {
	ID         string        `json:"id"`
	HolderID   string        `json:"holder"` // whose certificate
	PersonID   string        `json:"person"` // who shows it: the holder, or a company's agent
	Identifier string        `json:"cert"`
	Type       string        `json:"type"`
	TypeVer    int           `json:"type_ver"`
	View       string        `json:"view,omitempty"`
	Fields     []string      `json:"fields"`
	Scene      string        `json:"scene,omitempty"` // purpose the holder picked; "any" when empty
	Lifetime   time.Duration `json:"lifetime"`        // of each code
	OpenUntil  time.Time     `json:"until"`
	Method     string        `json:"method"` // how the person was verified, when the show was made
	VerifiedAt time.Time     `json:"verified_at"`
	Withdrawn  bool          `json:"withdrawn,omitempty"` // closed by who shows it, before any scan
	Blocked    []string      `json:"blocked,omitempty"`   // parties that get nothing, by a withdrawal that stood
}

// Ticket is one code of a show.
type Ticket struct {
	ShowID    string    `json:"show"`
	ExpiresAt time.Time `json:"exp"`
}

// The volatile store's answers.
var (
	ErrShowUnknown   = errors.New("wallet: no such show")
	ErrShowClosed    = errors.New("wallet: the show is closed")
	ErrTicketUnknown = errors.New("wallet: no such code")
	ErrTicketTaken   = errors.New("wallet: code already used")
	ErrTicketClosed  = errors.New("wallet: the show was closed by its holder")
)

// Shows is the volatile side: it lives in memory or in Redis and may be lost, with the codes
// in flight. Everything is kept under keys that carry the show's id, so that a cluster can
// hold a show in one slot. Tickets are known by their digest; the code itself is never stored.
type Shows interface {
	PutShow(ctx context.Context, s Show, keep time.Duration) error
	Show(ctx context.Context, id string) (s Show, closed bool, err error) // ErrShowUnknown
	PutTicket(ctx context.Context, digest [32]byte, t Ticket, keep time.Duration) error
	Ticket(ctx context.Context, digest [32]byte) (Ticket, error) // ErrTicketUnknown; expired ones are returned while kept
	// Claim sorts out a race quickly: of all claimants of a show the first wins for the
	// length of the lease; the same claimant may claim again. Others get ErrTicketTaken, and
	// so does everyone after Close. It does not decide: the durable verification record does.
	Claim(ctx context.Context, showID, claimant string, lease time.Duration) error
	// Close ends a show for good: spent (by a verification) or closed by the holder.
	Close(ctx context.Context, showID string, keep time.Duration) error
}
