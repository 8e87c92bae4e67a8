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

	"github.com/showcard/showcard/internal/qr"
)

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
	held, acting, err := w.find(ctx, p, req.Identifier)
	if err != nil {
		return Code{}, err
	}
	if held.Ended {
		return Code{}, fmt.Errorf("%w: %s", ErrHoldingEnded, held.State)
	}
	if held.Stopped {
		return Code{}, fmt.Errorf("%w: its region, or everything", ErrHoldingFrozen)
	}
	fields, err := w.chosen(held, req)
	if err != nil {
		return Code{}, err
	}
	if err := w.appointed(p, acting, held, fields, req.Scene); err != nil {
		return Code{}, err
	}
	if err := w.steppedUp(p, held); err != nil {
		return Code{}, err
	}
	p = w.verified(p)
	// The copy is fetched now, not when a clerk waits for it.
	if _, _, err := w.copy(ctx, held.HolderID, held.Identifier, true); err != nil {
		return Code{}, err
	}
	now := w.cfg.Now()
	s := Show{
		ID: token(20), HolderID: held.HolderID, PersonID: p.HolderID, Identifier: held.Identifier, Type: held.Type, TypeVer: held.TypeVer, View: req.View,
		Fields: fields, Scene: req.Scene, Lifetime: req.Lifetime, OpenUntil: now.Add(w.cfg.OpenFor), Method: p.Method, VerifiedAt: p.VerifiedAt,
	}
	if err := w.cfg.Shows.PutShow(ctx, s, w.cfg.OpenFor+keepAfter); err != nil {
		return Code{}, fmt.Errorf("wallet: show: %w", err)
	}
	// Read after the show was put: a withdrawal that comes now either is read here, or finds the
	// show and closes it. There is no code yet.
	if s.Blocked, err = w.blocked(ctx, s.PersonID); err != nil {
		return Code{}, err
	}
	if len(s.Blocked) > 0 {
		if err := w.cfg.Shows.PutShow(ctx, s, w.cfg.OpenFor+keepAfter); err != nil {
			return Code{}, fmt.Errorf("wallet: show: %w", err)
		}
	}
	return w.issue(ctx, s, now)
}

// maxScene bounds a purpose in bytes: shows lie in memory, and stores count them, not their size.
const maxScene = 256

// keepAfter is how long used and expired codes are remembered, so that a late scan is told
// "expired" or "used" and not "unknown".
const keepAfter = 10 * time.Minute

func (w *Wallet) find(ctx context.Context, p Person, identifier string) (Held, []Agency, error) {
	ids, acting, err := w.spaces(ctx, p)
	if err != nil {
		return Held{}, nil, err
	}
	held, err := w.cfg.Issuer.Held(ctx, ids, identifier)
	if err != nil {
		return Held{}, nil, fmt.Errorf("wallet: holdings: %w", err)
	}
	for _, h := range held {
		if h.Identifier == identifier && (h.HolderID == p.HolderID || touches(acting, h.HolderID, h.Type)) {
			return h, acting, nil
		}
	}
	return Held{}, nil, ErrHoldingUnknown
}

// appointed holds what is to be shown for a company against what she was appointed for.
func (w *Wallet) appointed(p Person, acting []Agency, h Held, fields []string, purpose string) error {
	if h.HolderID == p.HolderID {
		return nil
	}
	t, err := w.cfg.Types.Version(h.Type, h.TypeVer)
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	if !permits(acting, h.HolderID, t, fields, purpose) {
		return ErrNotAppointed
	}
	return nil
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
	if err := w.mayShow(ctx, s); err != nil {
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
	_, err = w.shut(ctx, s)
	return err
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
