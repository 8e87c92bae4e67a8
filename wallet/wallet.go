// Package wallet is a person's space: her certificates and those of companies she acts for,
// the codes by which she shows them, and the history of who looked.
//
// Showing has four steps, and each leaves less to steal than the one before:
//
//	Show     she chooses one certificate and the fields to show, before any code is drawn
//	code     128 random bits that stand for the show, for a minute; renewed while it is open
//	Peek     a checker's request is held against what the code offers; nothing is disclosed
//	Redeem   the first checker to claim the show gets an SD-JWT with key binding, made for
//	         that checker's name and nonce, with the fields that were chosen and allowed
//
// A checker may want more than was chosen. Then the show is reserved for it and she is asked
// (consent.go): who, what, why, and half a minute to say yes or no. Redeem discloses what was
// asked for only with her stored yes; no, silence and a fault disclose what she chose and no
// more. What she has withdrawn (withdraw.go) is answered with no before she is bothered.
//
// Certificates are collected from their issuer when they are first needed, and again when a
// predicate such as over-18 is about to change, the copy runs out, or the key it is bound to
// may no longer be used. The wallet keeps the copy sealed; the code never carries data.
//
// Where there is no network, a device of hers shows codes of its own (device.go, stock.go): it has a
// key that never leaves it, and a small stock of short-lived CWTs, each for one view of one
// certificate and bound to that key. Each has a serial that is recorded before it is signed, so that
// whatever ends the right to show it puts the serial among the revoked ones.
package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/schemas"
)

// The wallet's answers, besides those of its stores.
var (
	ErrHoldingUnknown = errors.New("wallet: no such certificate in this space")
	ErrHoldingEnded   = errors.New("wallet: the certificate has ended")
	ErrHoldingFrozen  = errors.New("wallet: issuer or type of the certificate is frozen")
	ErrNothingChosen  = errors.New("wallet: nothing was chosen to show")
	ErrFieldUnknown   = errors.New("wallet: the type has no such field")
	ErrLifetime       = errors.New("wallet: lifetime out of range")
	ErrScene          = errors.New("wallet: purpose too long")
	ErrTicketExpired  = errors.New("wallet: code expired")
	ErrNotYours       = errors.New("wallet: not yours to show")
	ErrNoKey          = errors.New("wallet: no provider key may be used")
	// ErrStepUp says that a certificate of a sensitive type wants her to prove anew who she is.
	ErrStepUp  = errors.New("wallet: a sensitive certificate needs a step-up")
	ErrKeyFull = errors.New("wallet: as many copies as allowed are bound to this key")
)

// Person is who acts: signed in, known to be a holder.
type Person struct {
	HolderID   string
	Name       string // as her sign-in says it
	Method     string // how she was verified: sign-in, passkey…
	VerifiedAt time.Time
	Session    string    // id
	AuthTime   time.Time // that moment as her provider told it; zero when it did not
	Assurance  string    // how surely it is she: low, substantial or high
	StepUp     time.Time // when she last used a passkey in this session; zero: not yet
}

// Held is a certificate as its issuer tells of it.
type Held struct {
	Identifier string
	HolderID   string
	HolderName string
	Type       string
	TypeVer    int
	Authority  schemas.Text
	State      string
	Ended      bool
	Stopped    bool // its region is frozen, or everything
	ValidFrom  string
	ValidUntil string // a date, or schemas.LongTerm
	Claims     schemas.Claims
	IssuedAt   time.Time
}

// Collected is a copy fresh from its issuer.
type Collected struct {
	Credential string
	RefreshAt  time.Time
}

// Issuer is what the wallet asks of issuers. In one process it is a method call; between
// domains it is OpenID4VCI.
type Issuer interface {
	// Held returns what the holders have, newest version first.
	// With only, no others than these are opened.
	Held(ctx context.Context, holderIDs []string, only ...string) ([]Held, error)
	// Collect issues a copy bound to a key. It fails when the certificate is not the holder's,
	// and with ErrKeyFull when no more copies may be bound to the key.
	Collect(ctx context.Context, identifier, holderID string, bind *key.Public) (Collected, error)
}

// Config says what a wallet stands on.
type Config struct {
	Store  Store
	Shows  Shows
	Index  ShowIndex
	Bell   Bell
	Issuer Issuer
	// Consents and Withdrawals record what she was asked and what she wants no more.
	Consents    Consents
	Withdrawals Withdrawals
	Types       *schemas.Catalogue
	// Keys returns the provider keys that may be used now, the preferred one first.
	Keys func(context.Context) ([]key.Signer, error)
	// Frozen says whether an issuer's key was compromised: copies that it signed are collected
	// anew. nil: none is.
	Frozen func(issuer, kid string) bool
	Domain string // four characters
	// CodeURL, when set, wraps codes as an upper-case URL for scanners that only open links.
	CodeURL string
	Now     func() time.Time
	// Lifetime of a code when the holder asks for none (60 s), and the bounds of what she may
	// ask for (15 s to 300 s; the elderly get longer ones).
	Lifetime, MinLifetime, MaxLifetime time.Duration
	// OpenFor is how long codes of one show may be renewed (10 min).
	OpenFor time.Duration
	// Lease is how long a claim on a show holds while the checker finishes (10 s).
	Lease time.Duration
	// ConsentWait is how long she may think about an ask (45 s), between MinConsentWait and
	// MaxConsentWait.
	ConsentWait time.Duration

	// Appointments and HolderID, set together, let people act for companies. Without them nobody
	// does.
	Appointments Appointments
	HolderID     func(schemas.HolderRef) string
	// AdministratorTerm and AgentTerm bound how long an appointment may last (3 years, 1 year).
	AdministratorTerm, AgentTerm time.Duration
	// StepUpFor is how long the use of a passkey counts for showing what is sensitive (5 min).
	// Unless PasskeyOnly, a sign-in of high assurance counts as long.
	StepUpFor   time.Duration
	PasskeyOnly bool
	// Devices, DeviceChallenges, Stocks, Offline and Origin, set together, let people keep codes on
	// their devices that need no network. Without them nobody does. Origin is the public URL's, as a
	// browser writes it.
	Devices          Devices
	DeviceChallenges DeviceChallenges
	Stocks           Stocks
	Offline          OfflineIssuer
	Origin           string
	// OfferFor is how long somebody may take to accept one (30 days).
	OfferFor time.Duration
}

// The bounds of a code's lifetime where nothing else is configured.
const (
	MinLifetime = 15 * time.Second
	MaxLifetime = 5 * time.Minute
)

// The bounds of the time to answer an ask.
const (
	MinConsentWait = 10 * time.Second
	MaxConsentWait = 2 * time.Minute
)

// The longest terms of appointments where nothing else is configured.
const (
	AdministratorTerm = 3 * 366 * 24 * time.Hour
	AgentTerm         = 366 * 24 * time.Hour
)

// Wallet is safe for concurrent use.
type Wallet struct{ cfg Config }

// New makes a wallet.
func New(cfg Config) (*Wallet, error) {
	if cfg.Store == nil || cfg.Shows == nil || cfg.Index == nil || cfg.Bell == nil || cfg.Consents == nil || cfg.Withdrawals == nil ||
		cfg.Issuer == nil || cfg.Types == nil || cfg.Keys == nil || len(cfg.Domain) != 4 || (cfg.Appointments == nil) != (cfg.HolderID == nil) {
		return nil, errors.New("wallet: incomplete configuration")
	}
	if given := cfg.Devices != nil; (cfg.DeviceChallenges != nil) != given || (cfg.Stocks != nil) != given || (cfg.Offline != nil) != given || (cfg.Origin != "") != given {
		return nil, errors.New("wallet: incomplete configuration of devices")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	for d, v := range map[*time.Duration]time.Duration{
		&cfg.Lifetime: time.Minute, &cfg.MinLifetime: MinLifetime, &cfg.MaxLifetime: MaxLifetime,
		&cfg.OpenFor: 10 * time.Minute, &cfg.Lease: 10 * time.Second, &cfg.ConsentWait: 45 * time.Second,
		&cfg.AdministratorTerm: AdministratorTerm, &cfg.AgentTerm: AgentTerm, &cfg.StepUpFor: 5 * time.Minute, &cfg.OfferFor: 30 * 24 * time.Hour,
	} {
		if *d == 0 {
			*d = v
		}
	}
	if cfg.ConsentWait < MinConsentWait || cfg.ConsentWait > MaxConsentWait {
		return nil, fmt.Errorf("wallet: time to answer an ask: %s is not between %s and %s", cfg.ConsentWait, MinConsentWait, MaxConsentWait)
	}
	return &Wallet{cfg: cfg}, nil
}

// Holding is a certificate in a space. Claims are masked unless Reveal was asked for.
type Holding struct {
	Held
	Name    schemas.Text
	Views   []schemas.View
	Acting  string // role when it is a company's: representative, agent
	Card    schemas.Card
	Display []Shown
}

// Shown is one field as a page shows it, in the type's order.
type Shown struct {
	Field string
	Label schemas.Text
	Value any
}

// Holdings lists what a person holds, her own and that of companies she acts for. Values are
// masked; with reveal they are whole. Of a company she sees the types that she was appointed
// for, and of these the fields of the views that she may show.
func (w *Wallet) Holdings(ctx context.Context, p Person, reveal bool) ([]Holding, error) {
	ids, acting, err := w.spaces(ctx, p)
	if err != nil {
		return nil, err
	}
	held, err := w.cfg.Issuer.Held(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("wallet: holdings: %w", err)
	}
	out := make([]Holding, 0, len(held))
	for _, h := range held {
		t, err := w.cfg.Types.Version(h.Type, h.TypeVer)
		if err != nil {
			return nil, fmt.Errorf("wallet: holdings: %w", err)
		}
		one := Holding{Held: h, Name: t.Name, Views: t.Views, Card: t.Card}
		whole := true
		if h.HolderID != p.HolderID {
			if !touches(acting, h.HolderID, h.Type) {
				continue
			}
			one.Acting, one.Views = strongest(acting, h.HolderID), views(acting, h.HolderID, t)
			whole = len(one.Views) == len(t.Views)
		}
		for _, f := range t.Fields {
			v, ok := h.Claims[f.Name]
			if !ok || !whole && !slices.ContainsFunc(one.Views, func(v schemas.View) bool { return slices.Contains(v.Fields, f.Name) }) {
				continue
			}
			if !reveal {
				v = t.Mask(f.Name, v)
			}
			one.Display = append(one.Display, Shown{Field: f.Name, Label: f.Label, Value: v})
		}
		one.Claims = nil // only what Display says leaves
		out = append(out, one)
	}
	return out, nil
}

// spaces returns the holder ids that a person may act for, and her rights in companies.
func (w *Wallet) spaces(ctx context.Context, p Person) (ids []string, acting []Agency, err error) {
	if acting, err = w.agencies(ctx, p.HolderID); err != nil {
		return nil, nil, err
	}
	ids = []string{p.HolderID}
	for _, a := range acting {
		if !slices.Contains(ids, a.CompanyID) {
			ids = append(ids, a.CompanyID)
		}
	}
	return ids, acting, nil
}

// Spaces returns the holder ids whose whole history a person sees: her own first, then those of
// companies that she represents or administers. An agent sees only what she showed herself.
func (w *Wallet) Spaces(ctx context.Context, p Person) ([]string, error) {
	all, acting, err := w.spaces(ctx, p)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(id string) bool { return strongest(acting, id) == RoleAgent }), nil
}
