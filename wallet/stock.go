package wallet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/schemas"
)

// The answers about stocks of codes.
var (
	ErrHoldingSuspended = errors.New("wallet: the certificate is suspended")
	ErrStockSize        = errors.New("wallet: number of codes out of range")
	ErrStockFull        = errors.New("wallet: the device has as many codes as it may")
	// ErrStockRevoked says that codes were revoked while they were being made: nothing is handed out.
	ErrStockRevoked = errors.New("wallet: the codes were revoked while they were made")
)

// The bounds of a stock.
const (
	MaxStock = 16 // codes at once
	// maxStanding bounds the codes of one device that have not expired: each may have to stand in
	// the list of revoked ones that every offline checker carries.
	maxStanding = 200
)

// Serial names one code that needs no network: the "cti" of its CWT, random.
type Serial = sdcwt.Serial

// Stocked is what a device was given at once: codes for one view of one certificate. It holds
// names of fields, no value.
type Stocked struct {
	ID         string
	At         time.Time
	HolderID   string // whose certificate
	PersonID   string // whose device
	DeviceID   string
	Session    string // in which it was asked for; not kept with it
	Identifier string
	Type       string
	View       string
	Fields     []string
	Serials    []Serial // not told by Stocked of Stocks
	Codes      int      // how many there were
	ExpiresAt  time.Time
}

// Standing are the codes of one view that a device may still show.
type Standing struct {
	Identifier string
	View       string
	ExpiresAt  time.Time
	Serials    []Serial
}

// Stocks is the durable record of what devices were given. A method that changes something MUST
// be durable when it returns nil, with its entry in the audit log in the same transaction.
//
// From PutStock on, a serial MUST be revoked in the transaction in which the certificate is
// suspended, ended, replaced or loses its content, in which the key of the device is killed, in
// which consent is withdrawn for the certificate or for all, in which the person is erased, and in
// which she loses the right to act for the company whose certificate it is.
type Stocks interface {
	// PutStock records serials before anything is signed with them, and that the device was used.
	// It MUST find, in one transaction, the certificate valid and HolderID's (ErrHoldingUnknown,
	// ErrHoldingEnded, ErrHoldingSuspended), the session standing (ErrSessionOver), the device the
	// person's and alive (ErrDeviceUnknown, ErrDeviceKilled), and fewer than limit codes of the device
	// that stand, these included (ErrStockFull).
	PutStock(ctx context.Context, s Stocked, limit int) error
	// Standing returns the serials of a device that are neither revoked nor expired.
	Standing(ctx context.Context, personID, deviceID string, now time.Time) ([]Standing, error)
	// Stocked returns what devices were given of a holder's certificates, newest first and within a
	// moment by id, backwards from before; with personID only what that person's devices were.
	Stocked(ctx context.Context, holderID, personID string, before Cursor, limit int) ([]Stocked, error)
}

// RevokedSerial is a code that was revoked before its end.
type RevokedSerial struct {
	Seq       uint64 // its number in the sequence
	Serial    Serial
	ExpiresAt time.Time
}

// RevokedSerials is what bundles of offline checkers are made of. Numbers are given out without a
// gap, and become visible in their order: whoever has read up to a number has missed none before it.
type RevokedSerials interface {
	// RevokedSerials returns the last number that was given out, and of the serials that have a
	// number greater than after, and have not expired at now, the first limit. What has expired leaves the set:
	// that numbers are missing among the serials means only that.
	RevokedSerials(ctx context.Context, after uint64, now time.Time, limit int) (head uint64, page []RevokedSerial, err error)
}

// OfflineOrder asks an issuer for codes that need no network.
type OfflineOrder struct {
	Identifier string
	HolderID   string
	View       string
	Device     *key.Public
	Serials    []Serial  // one code each
	NotAfter   time.Time // they end then at the latest; zero: no bound
}

// OfflineIssuer makes codes that need no network: a CWT for one view of a certificate, bound to
// the key of a device.
type OfflineIssuer interface {
	// OfflineCWTs signs one CWT for each serial. Before it signs any it MUST tell record until when
	// they are good, and when record fails sign none. It fails with ErrHoldingUnknown, ErrHoldingEnded,
	// ErrHoldingSuspended, ErrHoldingFrozen and schemas.ErrOfflineView.
	OfflineCWTs(ctx context.Context, o OfflineOrder, record func(ctx context.Context, expires time.Time) error) ([][]byte, error)
}

// StockRequest says what a device is to have.
type StockRequest struct {
	Identifier string
	View       string
	Count      int
}

// Stock is what it gets.
type Stock struct {
	Stocked
	CWTs [][]byte // one for each showing
	// RenewAt is when the device should ask for the next: at three quarters of the time, give or take
	// a tenth, so that a city's phones do not ask in step.
	RenewAt time.Time
}

// Stock gives a device codes for one offline view of a certificate that the person holds, or of a
// company that she acts for. What a show asks for is asked here too: the right to act, and the
// step-up for what is sensitive. The serials are recorded before anything is signed, so that no
// code can be out there that a revocation does not reach.
func (w *Wallet) Stock(ctx context.Context, p Person, deviceID string, req StockRequest) (Stock, error) {
	if req.Count < 1 || req.Count > MaxStock {
		return Stock{}, fmt.Errorf("%w: %d is not between 1 and %d", ErrStockSize, req.Count, MaxStock)
	}
	d, err := w.device(ctx, p, deviceID)
	if err != nil {
		return Stock{}, err
	}
	held, until, err := w.stockable(ctx, p, req)
	if err != nil {
		return Stock{}, err
	}
	if err := w.steppedUp(p, held); err != nil {
		return Stock{}, err
	}
	t, view, err := w.offlineView(held, req.View)
	if err != nil {
		return Stock{}, err
	}
	out := Stock{Stocked: Stocked{
		ID: token(13), At: w.cfg.Now().UTC().Truncate(time.Microsecond), HolderID: held.HolderID, PersonID: p.HolderID, DeviceID: d.ID, Session: p.Session,
		Identifier: held.Identifier, Type: t.ID, View: view.Name, Fields: slices.Clone(view.Fields), Serials: make([]Serial, req.Count), Codes: req.Count,
	}}
	for i := range out.Serials {
		out.Serials[i] = sdcwt.NewSerial()
	}
	record := func(ctx context.Context, expires time.Time) error {
		out.ExpiresAt = expires.UTC()
		if err := w.cfg.Stocks.PutStock(ctx, out.Stocked, maxStanding); err != nil {
			return err
		}
		// Asked again: who was dismissed before the serials were there is seen here, and who is
		// dismissed from now on has them revoked.
		_, _, err := w.stockable(ctx, p, req)
		return err
	}
	order := OfflineOrder{Identifier: held.Identifier, HolderID: held.HolderID, View: view.Name, Device: d.Key, Serials: out.Serials, NotAfter: until}
	if out.CWTs, err = w.cfg.Offline.OfflineCWTs(ctx, order, record); err != nil {
		return Stock{}, fmt.Errorf("wallet: stock: %w", err)
	}
	if err := w.stillStand(ctx, p, out.Stocked); err != nil {
		return Stock{}, err
	}
	out.RenewAt = renewal(out.At, out.ExpiresAt)
	return out, nil
}

// stockable finds the certificate and says until when the person may show the view of it: zero as
// long as it stands.
func (w *Wallet) stockable(ctx context.Context, p Person, req StockRequest) (h Held, until time.Time, err error) {
	h, acting, err := w.find(ctx, p, req.Identifier)
	switch {
	case err != nil:
		return h, until, err
	case h.Ended:
		return h, until, fmt.Errorf("%w: %s", ErrHoldingEnded, h.State)
	case h.State != stateValid:
		return h, until, fmt.Errorf("%w: %s", ErrHoldingSuspended, h.State)
	case h.Stopped:
		return h, until, fmt.Errorf("%w: its region, or everything", ErrHoldingFrozen)
	}
	t, view, err := w.offlineView(h, req.View)
	if err != nil || h.HolderID == p.HolderID {
		return h, until, err
	}
	until, ok := permittedUntil(acting, h.HolderID, t, view.Fields)
	if !ok {
		return h, until, ErrNotAppointed
	}
	return h, until, nil
}

// stateValid is how issuers name the one state in which a code may be given out.
const stateValid = "valid"

// permittedUntil is the last moment at which one of the rights covers showing these fields for any
// purpose: nobody asks a purpose where there is no network. Zero is as long as the licence.
func permittedUntil(all []Agency, companyID string, t *schemas.Type, fields []string) (until time.Time, ok bool) {
	for _, a := range all {
		if !permits([]Agency{a}, companyID, t, fields, All) {
			continue
		}
		if a.Until.IsZero() {
			return time.Time{}, true
		}
		if a.Until.After(until) {
			until = a.Until
		}
		ok = true
	}
	return until, ok
}

// offlineView is a view that the type lets out without network.
func (w *Wallet) offlineView(h Held, name string) (*schemas.Type, schemas.View, error) {
	t, err := w.cfg.Types.Version(h.Type, h.TypeVer)
	if err != nil {
		return nil, schemas.View{}, fmt.Errorf("wallet: %w", err)
	}
	view, err := t.View(name)
	if err != nil {
		return nil, schemas.View{}, fmt.Errorf("wallet: %w", err)
	}
	if !slices.Contains(t.Offline.Views, name) {
		return nil, schemas.View{}, fmt.Errorf("%w: %q of type %s", schemas.ErrOfflineView, name, t.ID)
	}
	return t, view, nil
}

// stillStand looks once more before codes leave: a device that was killed while they were made
// gets nothing. Who kills it from now on finds their serials recorded.
func (w *Wallet) stillStand(ctx context.Context, p Person, s Stocked) error {
	if _, err := w.device(ctx, p, s.DeviceID); err != nil {
		return err
	}
	all, err := w.cfg.Stocks.Standing(ctx, p.HolderID, s.DeviceID, s.At)
	if err != nil {
		return fmt.Errorf("wallet: stock: %w", err)
	}
	for _, serial := range s.Serials {
		if !slices.ContainsFunc(all, func(g Standing) bool { return slices.Contains(g.Serials, serial) }) {
			return ErrStockRevoked
		}
	}
	return nil
}

// renewal is a moment around three quarters of the way.
func renewal(from, until time.Time) time.Time {
	var jitter [1]byte
	_, _ = rand.Read(jitter[:])
	life := until.Sub(from)
	return from.Add(life*3/4 + life*time.Duration(int(jitter[0])-128)/1280)
}

// StandingStock tells a device which of its codes still stand: it drops all others.
func (w *Wallet) StandingStock(ctx context.Context, p Person, deviceID string) ([]Standing, error) {
	if _, err := w.device(ctx, p, deviceID); err != nil {
		return nil, err
	}
	return w.cfg.Stocks.Standing(ctx, p.HolderID, deviceID, w.cfg.Now())
}

// ViaDevice marks the lines of a history that tell of codes given to a device. Nobody has looked yet.
const (
	ViaDevice     = "device"
	OutcomeIssued = "issued"
)

// stocked returns what devices were given, as lines of a history.
func (w *Wallet) stocked(ctx context.Context, holderID, personID string, before Cursor, limit int) ([]Look, error) {
	if w.cfg.Stocks == nil {
		return nil, nil
	}
	all, err := w.cfg.Stocks.Stocked(ctx, holderID, personID, before, limit)
	out := make([]Look, len(all))
	for i, s := range all {
		out[i] = Look{
			ID: s.ID, At: s.At, Identifier: s.Identifier, Type: s.Type, Fields: s.Fields, Outcome: OutcomeIssued, Via: ViaDevice, PersonID: s.PersonID,
			Holder: s.HolderID, Device: s.DeviceID, View: s.View, Codes: s.Codes, ExpiresAt: s.ExpiresAt,
		}
	}
	return out, err
}

// nameDevices fills in what the person calls her own devices.
func (w *Wallet) nameDevices(ctx context.Context, p Person, looks []Look) error {
	if !slices.ContainsFunc(looks, func(l Look) bool { return l.Device != "" }) {
		return nil
	}
	mine, err := w.cfg.Devices.Devices(ctx, p.HolderID)
	for i, l := range looks {
		if j := slices.IndexFunc(mine, func(d Device) bool { return d.ID == l.Device }); j >= 0 {
			looks[i].DeviceName = mine[j].Name
		}
	}
	return err
}
