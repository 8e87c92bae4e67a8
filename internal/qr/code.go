package qr

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Kind says which of the two payloads a code carries.
type Kind int

// The kinds of code.
const (
	Ticket  Kind = iota + 1 // SC1: looked up once, at its home domain
	Offline                 // SC2: a signed token that carries everything itself
)

// String names the kind as the formats document does.
func (k Kind) String() string {
	switch k {
	case Ticket:
		return "ticket"
	case Offline:
		return "offline"
	default:
		return fmt.Sprintf("kind(%d)", int(k))
	}
}

// Sizes of the payloads, in characters unless said otherwise.
const (
	DomainLength = 4  // the home domain inside a ticket
	TicketLength = 34 // prefix, domain, 26 base32 characters, check character

	// MaxOfflineToken (bytes) fills a version 25-M symbol exactly: 1,451 alphanumeric characters. QR itself goes
	// on to 4,296 characters (40-L), but at 117 modules a side a phone screen already draws a module in about half
	// a millimetre, which is where counter scanners give up. Identity views stay far below, at 656 (16-M).
	MaxOfflineToken  = 905
	MaxOfflineLength = prefixLength + (MaxOfflineToken*8+4)/5
)

const (
	prefixLength  = 3
	prefixTicket  = "SC1"
	prefixOffline = "SC2"
	ticketChars   = 26 // 128 bits in base32; two bits are left over
)

// Why a text is not a code. A clerk's screen turns each into one sentence and a next action, so they stay apart.
var (
	ErrNotOurs        = errors.New("qr: not one of our codes")
	ErrTruncated      = errors.New("qr: code is cut short")
	ErrTooLong        = errors.New("qr: code is too long or was scanned twice")
	ErrCheckCharacter = errors.New("qr: check character does not match")
	ErrAlphabet       = errors.New("qr: character or bits outside the alphabet")

	// ErrBase is a deployment's mistake, not a scanner's: the configured URL cannot stand in front of a ticket.
	ErrBase = errors.New("qr: base URL cannot be written in upper case")
)

// Code is what was inside a code that Parse accepted. A ticket is a bearer secret while it lives and an offline token
// carries personal data, so a Code never prints its payload.
type Code struct {
	Kind    Kind
	Domain  string   // home domain, four of [0-9A-Z]; tickets only
	Ticket  [16]byte // tickets only
	Offline []byte   // the signed token; offline codes only
}

// Format implements fmt.Formatter so that no verb prints the payload.
func (c Code) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, c.redacted()) // fmt.State's writer never fails
}

// LogValue implements slog.LogValuer.
func (c Code) LogValue() slog.Value { return slog.StringValue(c.redacted()) }

func (c Code) redacted() string {
	if c.Kind == Ticket {
		return "ticket of domain " + c.Domain + " [redacted]"
	}
	return c.Kind.String() + " code [redacted]"
}
