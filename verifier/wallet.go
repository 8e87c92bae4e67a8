package verifier

import (
	"context"
	"time"

	"github.com/showcard/showcard/schemas"
)

// Offer is what a code stands for.
type Offer struct {
	ShowID     string
	Ticket     [32]byte // digest of the code
	HolderID   string
	PersonID   string // who shows it: the holder, or who acts for a company
	Identifier string
	Type       string
	Fields     []string
	Scene      string
	Method     string
	VerifiedAt time.Time
}

// Wallet is what the service asks of a wallet. Its errors are ErrCodeUnknown, ErrCodeExpired,
// ErrCodeUsed, ErrCodeReserved, ErrCodeClosed, ErrAgencyOver, ErrNotShowable and ErrHolderRefuses.
// Offer comes with all but the first where it is known.
type Wallet interface {
	Peek(ctx context.Context, ticket [16]byte) (Offer, error)
	// Redeem claims the code and returns a presentation of the fields, made for audience and
	// nonce. The same claimant may come again.
	Redeem(ctx context.Context, r Redemption) (Offer, string, error)
	// Spent closes the show once the verification is recorded.
	Spent(ctx context.Context, s Scan) error
	// Ask reserves the code for the claimant and asks its holder. The same request may come
	// again. ErrNotAsked means that there is nothing to ask, or that the party has asked before.
	Ask(ctx context.Context, r AskRequest) (Ask, error)
	// Asked returns an ask of a client's, waiting for its answer until patience ends; nil does not
	// wait. ErrNoRecord.
	Asked(ctx context.Context, id, client string, patience <-chan struct{}) (Ask, error)
}

// Redemption is a claim on a code, or on what became of an ask.
type Redemption struct {
	Ticket   [16]byte
	Ask      string // instead of Ticket
	Claimant string
	Party    string
	Purpose  string
	Fields   []string
	Audience string
	Nonce    string
}

// Scan tells a wallet what its show was spent on.
type Scan struct {
	ShowID       string
	PersonID     string
	Verification string
	At           time.Time
	PartyName    schemas.Text
	Purpose      string
	Fields       []string
	Outcome      string
	Reasons      []string // codes, when it is not valid
}

// AskRequest is what a check wants beyond what is shown.
type AskRequest struct {
	Ticket    [16]byte
	Claimant  string
	Client    string
	Party     string
	PartyName schemas.Text
	Purpose   string
	Shown     []string // what the party sees in any case
	Asked     []string
	Note      []byte // handed back in Ask
}

// Ask is a question to the holder and, when Answer is not empty, what came of it.
type Ask struct {
	ID       string
	Ticket   [32]byte // digest
	Type     string
	Party    string
	Purpose  string
	Shown    []string
	Asked    []string
	Expires  time.Time
	Answer   string // yes; no, lapsed, refused, closed
	Claimant string
	Note     []byte
}

// Original is a certificate as its issuer keeps it, for checking without a code.
type Original struct {
	Identifier string
	HolderID   string
	Type       string
	Credential string // SD-JWT VC without holder binding
	// Predicates are what holds now: those in the credential are as old as it is.
	Predicates map[string]bool
}

// Originals is what the service asks of the issuers in its own domain.
type Originals interface {
	// Find returns certificates by identifier, or by holder and type.
	Find(ctx context.Context, identifier string, holder schemas.HolderRef, typeID string) ([]Original, error)
	// Live returns what changes daily, and how and when the certificate ended if it did.
	Live(ctx context.Context, identifier string) (live map[string]any, at time.Time, ending *Ending, err error)
	Portrait(ctx context.Context, identifier string) (image, salt []byte, err error)
}
