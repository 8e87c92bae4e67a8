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
// Certificates are collected from their issuer when they are first needed, and again when a
// predicate such as over-18 is about to change, the copy runs out, or the key it is bound to
// may no longer be used. The wallet keeps the copy sealed; the code never carries data.
package wallet

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/qr"
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
	ErrKeyFull        = errors.New("wallet: as many copies as allowed are bound to this key")
)

// Person is who acts: signed in, known to be a holder.
type Person struct {
	HolderID   string
	Method     string // how she was verified: sign-in, passkey…
	VerifiedAt time.Time
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
	Held(ctx context.Context, holderIDs []string) ([]Held, error)
	// Collect issues a copy bound to a key. It fails when the certificate is not the holder's,
	// and with ErrKeyFull when no more copies may be bound to the key.
	Collect(ctx context.Context, identifier, holderID string, bind *key.Public) (Collected, error)
}

// Config says what a wallet stands on.
type Config struct {
	Store  Store
	Shows  Shows
	Issuer Issuer
	Types  *schemas.Catalogue
	// Keys returns the provider keys that may be used now, the preferred one first.
	Keys   func(context.Context) ([]key.Signer, error)
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
}

// Wallet is safe for concurrent use.
type Wallet struct{ cfg Config }

// New makes a wallet.
func New(cfg Config) (*Wallet, error) {
	if cfg.Store == nil || cfg.Shows == nil || cfg.Issuer == nil || cfg.Types == nil || cfg.Keys == nil || len(cfg.Domain) != 4 {
		return nil, errors.New("wallet: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	for d, v := range map[*time.Duration]time.Duration{
		&cfg.Lifetime: time.Minute, &cfg.MinLifetime: 15 * time.Second, &cfg.MaxLifetime: 5 * time.Minute,
		&cfg.OpenFor: 10 * time.Minute, &cfg.Lease: 10 * time.Second,
	} {
		if *d == 0 {
			*d = v
		}
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
// masked; with reveal they are whole.
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
		one := Holding{Held: h, Name: t.Name, Views: t.Views, Acting: acting[h.HolderID], Card: t.Card}
		for _, f := range t.Fields {
			v, ok := h.Claims[f.Name]
			if !ok {
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

// spaces returns the holder ids that a person may act for, with her role in companies.
func (w *Wallet) spaces(ctx context.Context, p Person) (ids []string, acting map[string]string, err error) {
	agencies, err := w.cfg.Store.Agencies(ctx, p.HolderID, w.cfg.Now())
	if err != nil {
		return nil, nil, fmt.Errorf("wallet: agencies: %w", err)
	}
	ids, acting = []string{p.HolderID}, map[string]string{}
	for _, a := range agencies {
		ids = append(ids, a.CompanyID)
		acting[a.CompanyID] = a.Role
	}
	return ids, acting, nil
}

// ShowRequest says what to show. Exactly one of View and Fields.
type ShowRequest struct {
	Identifier string
	View       string
	Fields     []string
	Scene      string // the purpose it is shown for; empty for any
	Lifetime   time.Duration
}

// Code is a code of a show, ready to be drawn.
type Code struct {
	ShowID    string
	Payload   string
	ExpiresAt time.Time
	// RenewIn is when the page should ask for the next code: at three quarters of the
	// lifetime, give or take a tenth, so that a city's phones do not ask in step.
	RenewIn   time.Duration
	OpenUntil time.Time
	Fields    []string
}

// Show opens a show and returns its first code.
func (w *Wallet) Show(ctx context.Context, p Person, req ShowRequest) (Code, error) {
	if req.Lifetime == 0 {
		req.Lifetime = w.cfg.Lifetime
	}
	if req.Lifetime < w.cfg.MinLifetime || req.Lifetime > w.cfg.MaxLifetime {
		return Code{}, fmt.Errorf("%w: %s is not between %s and %s", ErrLifetime, req.Lifetime, w.cfg.MinLifetime, w.cfg.MaxLifetime)
	}
	if len(req.Scene) > maxScene {
		return Code{}, fmt.Errorf("%w: %d bytes", ErrScene, len(req.Scene))
	}
	held, err := w.find(ctx, p, req.Identifier)
	if err != nil {
		return Code{}, err
	}
	if held.Ended {
		return Code{}, fmt.Errorf("%w: %s", ErrHoldingEnded, held.State)
	}
	fields, err := w.chosen(held, req)
	if err != nil {
		return Code{}, err
	}
	// The copy is fetched now, not when a clerk waits for it.
	if _, _, err := w.copy(ctx, held.HolderID, held.Identifier); err != nil {
		return Code{}, err
	}
	now := w.cfg.Now()
	s := Show{
		ID: token(20), HolderID: held.HolderID, PersonID: p.HolderID, Identifier: held.Identifier, Type: held.Type, View: req.View,
		Fields: fields, Scene: req.Scene, Lifetime: req.Lifetime, OpenUntil: now.Add(w.cfg.OpenFor), Method: p.Method, VerifiedAt: p.VerifiedAt,
	}
	if err := w.cfg.Shows.PutShow(ctx, s, w.cfg.OpenFor+keepAfter); err != nil {
		return Code{}, fmt.Errorf("wallet: show: %w", err)
	}
	return w.issue(ctx, s, now)
}

// maxScene bounds a purpose in bytes: shows lie in memory, and stores count them, not their size.
const maxScene = 256

// keepAfter is how long used and expired codes are remembered, so that a late scan is told
// "expired" or "used" and not "unknown".
const keepAfter = 10 * time.Minute

func (w *Wallet) find(ctx context.Context, p Person, identifier string) (Held, error) {
	ids, _, err := w.spaces(ctx, p)
	if err != nil {
		return Held{}, err
	}
	held, err := w.cfg.Issuer.Held(ctx, ids)
	if err != nil {
		return Held{}, fmt.Errorf("wallet: holdings: %w", err)
	}
	for _, h := range held {
		if h.Identifier == identifier {
			return h, nil
		}
	}
	return Held{}, ErrHoldingUnknown
}

func (w *Wallet) chosen(h Held, req ShowRequest) ([]string, error) {
	t, err := w.cfg.Types.Version(h.Type, h.TypeVer)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	fields := req.Fields
	if req.View != "" {
		if len(fields) > 0 {
			return nil, fmt.Errorf("%w: name a view or fields, not both", ErrFieldUnknown)
		}
		v, err := t.View(req.View)
		if err != nil {
			return nil, fmt.Errorf("wallet: %w", err)
		}
		fields = v.Disclosable()
	}
	if len(fields) == 0 {
		return nil, ErrNothingChosen
	}
	if len(fields) > 64 {
		return nil, fmt.Errorf("%w: %d fields", ErrFieldUnknown, len(fields))
	}
	for _, f := range fields {
		if !t.Has(f) {
			return nil, fmt.Errorf("%w: %q", ErrFieldUnknown, f)
		}
	}
	fields = slices.Clone(fields)
	slices.Sort(fields)
	return slices.Compact(fields), nil
}

// Renew returns the next code of an open show. Earlier codes live on until their own end.
func (w *Wallet) Renew(ctx context.Context, p Person, showID string) (Code, error) {
	s, err := w.open(ctx, p, showID)
	if err != nil {
		return Code{}, err
	}
	return w.issue(ctx, s, w.cfg.Now())
}

// Close ends a show: none of its codes works any more.
func (w *Wallet) Close(ctx context.Context, p Person, showID string) error {
	s, err := w.open(ctx, p, showID)
	if errors.Is(err, ErrShowClosed) {
		return w.cfg.Shows.Close(ctx, showID, keepAfter)
	}
	if err != nil {
		return err
	}
	if err := w.cfg.Shows.Close(ctx, showID, keepAfter); err != nil {
		return err
	}
	// Closed it is; this only tells a later scanner why.
	s.Withdrawn = true
	if err := w.cfg.Shows.PutShow(ctx, s, keepAfter); err != nil {
		return fmt.Errorf("wallet: close: %w", err)
	}
	return nil
}

// Open reports whether a show still takes a scan.
func (w *Wallet) Open(ctx context.Context, p Person, showID string) (bool, error) {
	_, err := w.open(ctx, p, showID)
	if errors.Is(err, ErrShowClosed) {
		return false, nil
	}
	return err == nil, err
}

// Owns reports whether a code belongs to a show of the person; ErrShowUnknown when not.
func (w *Wallet) Owns(ctx context.Context, p Person, showID, payload string) error {
	if _, err := w.open(ctx, p, showID); err != nil {
		return err
	}
	code, err := qr.Parse(payload)
	if err != nil || code.Kind != qr.Ticket {
		return ErrShowUnknown
	}
	t, err := w.cfg.Shows.Ticket(ctx, qr.Digest(code.Ticket))
	if errors.Is(err, ErrTicketUnknown) || err == nil && t.ShowID != showID {
		return ErrShowUnknown
	}
	return err
}

func (w *Wallet) open(ctx context.Context, p Person, showID string) (Show, error) {
	s, closed, err := w.cfg.Shows.Show(ctx, showID)
	if err != nil {
		return Show{}, err
	}
	if s.PersonID != p.HolderID {
		return Show{}, ErrShowUnknown // whether it exists is not her business
	}
	if closed || !w.cfg.Now().Before(s.OpenUntil) {
		return s, ErrShowClosed
	}
	return s, nil
}

func (w *Wallet) issue(ctx context.Context, s Show, now time.Time) (Code, error) {
	var ticket [16]byte
	_, _ = rand.Read(ticket[:])
	payload, err := qr.FormatTicket(w.cfg.Domain, ticket)
	if err == nil && w.cfg.CodeURL != "" {
		payload, err = qr.FormatURL(w.cfg.CodeURL, payload)
	}
	if err != nil {
		return Code{}, fmt.Errorf("wallet: %w", err)
	}
	t := Ticket{ShowID: s.ID, ExpiresAt: now.Add(s.Lifetime)}
	if t.ExpiresAt.After(s.OpenUntil) {
		t.ExpiresAt = s.OpenUntil
	}
	if err := w.cfg.Shows.PutTicket(ctx, qr.Digest(ticket), t, s.Lifetime+keepAfter); err != nil {
		return Code{}, fmt.Errorf("wallet: code: %w", err)
	}
	var jitter [1]byte
	_, _ = rand.Read(jitter[:])
	renew := s.Lifetime*3/4 + s.Lifetime*time.Duration(int(jitter[0])-128)/1280
	return Code{ShowID: s.ID, Payload: payload, ExpiresAt: t.ExpiresAt, RenewIn: renew, OpenUntil: s.OpenUntil, Fields: s.Fields}, nil
}

func token(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// Offer is what a code stands for, before anything is disclosed.
type Offer struct {
	ShowID     string
	Ticket     [32]byte // digest
	HolderID   string
	Identifier string
	Type       string
	Fields     []string
	Scene      string
	Method     string
	VerifiedAt time.Time
}

// Peek tells what a code offers. It neither spends nor discloses.
func (w *Wallet) Peek(ctx context.Context, ticket [16]byte) (Offer, error) {
	d := qr.Digest(ticket)
	t, err := w.cfg.Shows.Ticket(ctx, d)
	if err != nil {
		return Offer{}, err
	}
	s, closed, err := w.cfg.Shows.Show(ctx, t.ShowID)
	if errors.Is(err, ErrShowUnknown) {
		return Offer{}, ErrTicketUnknown
	}
	if err != nil {
		return Offer{}, err
	}
	o := Offer{ShowID: s.ID, Ticket: d, HolderID: s.HolderID, Identifier: s.Identifier, Type: s.Type, Fields: s.Fields, Scene: s.Scene, Method: s.Method, VerifiedAt: s.VerifiedAt}
	switch {
	case closed && s.Withdrawn:
		return o, ErrTicketClosed
	case closed:
		return o, ErrTicketTaken // used rather than expired: it tells the clerk more
	}
	if !w.cfg.Now().Before(t.ExpiresAt) {
		return o, ErrTicketExpired
	}
	return o, nil
}

// Redemption is one checker's claim on a code.
type Redemption struct {
	Ticket   [16]byte
	Claimant string   // the same claimant may come again within the lease
	Fields   []string // offered and allowed
	Audience string
	Nonce    string
}

// Redeem claims the show for the claimant and returns the presentation.
func (w *Wallet) Redeem(ctx context.Context, r Redemption) (Offer, string, error) {
	o, err := w.Peek(ctx, r.Ticket)
	if err != nil {
		return o, "", err
	}
	if err := w.cfg.Shows.Claim(ctx, o.ShowID, r.Claimant, w.cfg.Lease); err != nil {
		return o, "", err
	}
	for _, f := range r.Fields {
		if !slices.Contains(o.Fields, f) {
			return o, "", fmt.Errorf("%w: %q was not chosen", ErrFieldUnknown, f)
		}
	}
	credential, signer, err := w.copy(ctx, o.HolderID, o.Identifier)
	if err != nil {
		return o, "", err
	}
	vc, err := sdjwt.Parse(credential, sdjwt.Type)
	if err != nil {
		return o, "", fmt.Errorf("wallet: kept copy: %w", err)
	}
	// What the certificate does not have (an optional field) cannot be shown.
	has := vc.Disclosed()
	fields := slices.DeleteFunc(slices.Clone(r.Fields), func(f string) bool { return !slices.Contains(has, f) })
	presentation, err := vc.Present(fields, signer, sdjwt.Binding{Audience: r.Audience, Nonce: r.Nonce, IssuedAt: w.cfg.Now()})
	if err != nil {
		return o, "", fmt.Errorf("wallet: present: %w", err)
	}
	return o, presentation, nil
}

// Spent closes a show after its verification was recorded.
func (w *Wallet) Spent(ctx context.Context, showID string) error {
	return w.cfg.Shows.Close(ctx, showID, keepAfter)
}

// copy returns a usable copy of a certificate and the signer of the key it is bound to,
// collecting it first where needed.
func (w *Wallet) copy(ctx context.Context, holderID, identifier string) (string, key.Signer, error) {
	keys, err := w.cfg.Keys(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("wallet: provider keys: %w", err)
	}
	if len(keys) == 0 {
		return "", nil, ErrNoKey
	}
	now := w.cfg.Now()
	c, err := w.cfg.Store.Copy(ctx, holderID, identifier)
	if err == nil && now.Before(c.RefreshAt) {
		for _, k := range keys {
			if k.Public().Thumbprint() == c.KeyID {
				return c.Credential, k, nil
			}
		}
	}
	if err != nil && !errors.Is(err, ErrHoldingUnknown) {
		return "", nil, fmt.Errorf("wallet: copy: %w", err)
	}
	for _, k := range keys {
		fresh, err := w.cfg.Issuer.Collect(ctx, identifier, holderID, k.Public())
		if errors.Is(err, ErrKeyFull) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("wallet: collect: %w", err)
		}
		c = Copy{HolderID: holderID, Identifier: identifier, Credential: fresh.Credential, KeyID: k.Public().Thumbprint(), RefreshAt: fresh.RefreshAt, CreatedAt: now}
		if err := w.cfg.Store.PutCopy(ctx, c); err != nil {
			return "", nil, fmt.Errorf("wallet: keep copy: %w", err)
		}
		return c.Credential, k, nil
	}
	return "", nil, ErrNoKey // an operator must add one
}

// Represent records that people may act for a company, as its certificate says.
func (w *Wallet) Represent(ctx context.Context, companyID, personID, role string, until time.Time) error {
	return w.cfg.Store.PutAgency(ctx, Agency{CompanyID: companyID, PersonID: personID, Role: role, Until: until, CreatedAt: w.cfg.Now()})
}

// History returns who looked at a person's certificates and at those of her companies, newest
// first.
func (w *Wallet) History(ctx context.Context, p Person, before time.Time, limit int) ([]Look, error) {
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	if before.IsZero() {
		before = w.cfg.Now().Add(time.Second)
	}
	ids, _, err := w.spaces(ctx, p)
	if err != nil {
		return nil, err
	}
	var all []Look
	for _, id := range ids {
		looks, err := w.cfg.Store.Looks(ctx, id, before, limit)
		if err != nil {
			return nil, fmt.Errorf("wallet: history: %w", err)
		}
		all = append(all, looks...)
	}
	slices.SortFunc(all, func(a, b Look) int { return b.At.Compare(a.At) })
	return all[:min(len(all), limit)], nil
}
