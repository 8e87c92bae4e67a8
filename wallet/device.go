package wallet

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/schemas"
)

// The answers about devices.
var (
	ErrDeviceUnknown   = errors.New("wallet: no such device")
	ErrDeviceKilled    = errors.New("wallet: the key of the device was killed")
	ErrDeviceExists    = errors.New("wallet: the key is registered already")
	ErrDeviceLimit     = errors.New("wallet: as many devices as one may have")
	ErrDeviceChallenge = errors.New("wallet: challenge of a device unknown, used or of another session")
	ErrDeviceProof     = errors.New("wallet: the device does not prove that it has the key")
	ErrDeviceName      = errors.New("wallet: name of the device empty or too long")
	ErrNotFresh        = errors.New("wallet: neither a fresh sign-in nor a passkey used just now")
	ErrReason          = errors.New("wallet: a reason of 1 to 500 characters is needed")
	// ErrSessionOver says that the session in which something was asked for has ended meanwhile.
	ErrSessionOver = errors.New("wallet: the session is over")

	errNoDevices = errors.New("wallet: no devices in the configuration")
)

// By whom the key of a device was killed.
const (
	KilledByHolder   = "holder"   // one tap, on whichever device
	KilledBySignOut  = "sign-out" // of its own session, or of all
	KilledByOperator = "operator" // who was told that it is lost
	KilledByRestore  = "restore"  // nobody knows what was killed since the backup
)

// Device is a key that stays on a phone or in a browser and signs codes that need no network.
// It prints as its id: the name is hers.
type Device struct {
	ID        string // ours, random; in addresses
	PersonID  string
	Key       *key.Public
	Name      string // as she calls it; sealed at rest
	Session   string // in which it was registered, or last given codes
	CreatedAt time.Time
	UsedAt    time.Time // when it was last given codes; zero: not yet
	KilledAt  time.Time // zero: it lives
	KilledBy  string
}

// LogValue implements slog.LogValuer.
func (d Device) LogValue() slog.Value { return slog.StringValue("device " + d.ID) }

// Format implements fmt.Formatter, for every verb.
func (d Device) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "device "+d.ID) }

// DeviceKill says which keys to kill.
type DeviceKill struct {
	ID       string // one; empty: all that the person has
	PersonID string // whose; empty: whosever ID is
	By       string // one of the KilledBy constants
	Actor    string // as the log names who did it
	Reason   string
	At       time.Time
}

// Devices is the durable record of devices. A method that changes something MUST be durable when
// it returns nil, with its entry in the audit log in the same transaction. Names MUST be sealed.
type Devices interface {
	// AddDevice MUST return ErrSessionOver unless the session d.Session stands, ErrDeviceExists
	// when the key is anybody's already, dead or alive, and ErrDeviceLimit when the person has
	// limit that live.
	AddDevice(ctx context.Context, d Device, limit int) error
	// RefusedDevice enters a proof that did not hold into the audit log.
	RefusedDevice(ctx context.Context, personID, why string) error
	// Devices returns a person's, the oldest first, and those that were killed lately among them.
	Devices(ctx context.Context, personID string) ([]Device, error)
	// KillDevices kills keys for good and revokes, in the same transaction, every code that they
	// were given and that has not expired. It says how many keys lived until then. It MUST return
	// ErrDeviceUnknown when it is to kill one and there is no such; one that is dead is no error.
	KillDevices(ctx context.Context, k DeviceKill) (n int, err error)
}

// DeviceChallenges keeps challenges for a while. TakeChallenge MUST succeed once, for whom it was
// put, and answer ErrDeviceChallenge otherwise. They may be lost.
type DeviceChallenges interface {
	PutChallenge(ctx context.Context, challenge, who string, keep time.Duration) error
	TakeChallenge(ctx context.Context, challenge, who string) error
}

const (
	maxDevices       = 10
	maxDeviceName    = 64 // characters
	maxReason        = 500
	deviceProofLife  = 5 * time.Minute
	deviceProofTitle = "showcard device registration 1"
)

// DeviceChallenge is what a device signs to show that it has the key.
type DeviceChallenge struct {
	Challenge string
	Origin    string
	Binding   string // to the person and her session; says nothing about either
	ExpiresAt time.Time
}

// DeviceProof is the text that a device signs, r‖s over it, when it is registered. The first line
// keeps the signature from meaning anything elsewhere: what a COSE_Sign1 signs begins with another
// byte (RFC 9052 §4.4). The origin is the device's own statement of whom it registers with, the
// binding of whom it registers for, and the key stands in it so that nobody finds another key under
// which the same signature holds.
func DeviceProof(c DeviceChallenge, k *key.Public) []byte {
	return []byte(strings.Join([]string{deviceProofTitle, c.Origin, c.Challenge, c.Binding, base64.RawURLEncoding.EncodeToString(k.Point())}, "\n"))
}

// binding ties a challenge to a person and her session without telling who she is.
func binding(p Person, challenge string) string {
	sum := sm.Sum([]byte("showcard device\x00" + p.HolderID + "\x00" + p.Session + "\x00" + challenge))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (w *Wallet) deviceChallenge(p Person, challenge string) DeviceChallenge {
	return DeviceChallenge{Challenge: challenge, Origin: w.cfg.Origin, Binding: binding(p, challenge)}
}

// fresh holds a new key against what was proved a moment ago: a session that was left open must
// not gain one.
func (w *Wallet) fresh(p Person) error {
	if p.HolderID == "" || p.Session == "" || !w.recent(p.AuthTime) && !w.recent(p.StepUp) {
		return ErrNotFresh
	}
	return nil
}

// ChallengeDevice begins the registration of a device.
func (w *Wallet) ChallengeDevice(ctx context.Context, p Person) (DeviceChallenge, error) {
	if w.cfg.Devices == nil {
		return DeviceChallenge{}, errNoDevices
	}
	if err := w.fresh(p); err != nil {
		return DeviceChallenge{}, err
	}
	var random [32]byte
	_, _ = rand.Read(random[:])
	c := w.deviceChallenge(p, base64.RawURLEncoding.EncodeToString(random[:]))
	c.ExpiresAt = w.cfg.Now().Add(deviceProofLife)
	if err := w.cfg.DeviceChallenges.PutChallenge(ctx, c.Challenge, p.Session, deviceProofLife); err != nil {
		return DeviceChallenge{}, fmt.Errorf("wallet: challenge of a device: %w", err)
	}
	return c, nil
}

// Registration is a device that wants to be known.
type Registration struct {
	Name      string
	Key       *key.Public
	Challenge string
	Signature []byte // r‖s over DeviceProof
}

// RegisterDevice takes a key whose owner proves that she has it. A challenge is spent by the first
// answer, good or bad.
func (w *Wallet) RegisterDevice(ctx context.Context, p Person, r Registration) (Device, error) {
	if w.cfg.Devices == nil {
		return Device{}, errNoDevices
	}
	if err := w.fresh(p); err != nil {
		return Device{}, err
	}
	name := strings.TrimSpace(r.Name)
	if name == "" || utf8.RuneCountInString(name) > maxDeviceName || strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return Device{}, ErrDeviceName
	}
	if r.Key == nil {
		return Device{}, ErrDeviceProof
	}
	if r.Challenge == "" || len(r.Challenge) > 64 { // ours have 43 characters
		return Device{}, ErrDeviceChallenge
	}
	if err := w.cfg.DeviceChallenges.TakeChallenge(ctx, r.Challenge, p.Session); err != nil {
		return Device{}, fmt.Errorf("wallet: register: %w", err)
	}
	if err := r.Key.Verify(DeviceProof(w.deviceChallenge(p, r.Challenge), r.Key), r.Signature); err != nil {
		if err := w.cfg.Devices.RefusedDevice(ctx, p.HolderID, "proof"); err != nil {
			return Device{}, fmt.Errorf("wallet: register: %w", err)
		}
		return Device{}, fmt.Errorf("%w: %w", ErrDeviceProof, err)
	}
	d := Device{
		ID: token(10), PersonID: p.HolderID, Key: r.Key, Name: name, Session: p.Session, CreatedAt: w.cfg.Now().UTC().Truncate(time.Microsecond),
	}
	if err := w.cfg.Devices.AddDevice(ctx, d, maxDevices); err != nil {
		return Device{}, fmt.Errorf("wallet: register: %w", err)
	}
	return d, nil
}

// MyDevices lists a person's devices, and those that were killed lately.
func (w *Wallet) MyDevices(ctx context.Context, p Person) ([]Device, error) {
	if w.cfg.Devices == nil {
		return nil, errNoDevices
	}
	return w.cfg.Devices.Devices(ctx, p.HolderID)
}

// device is one of a person's that lives.
func (w *Wallet) device(ctx context.Context, p Person, id string) (Device, error) {
	all, err := w.MyDevices(ctx, p)
	if err != nil {
		return Device{}, err
	}
	for _, d := range all {
		switch {
		case d.ID != id:
		case !d.KilledAt.IsZero():
			return Device{}, ErrDeviceKilled
		default:
			return d, nil
		}
	}
	return Device{}, ErrDeviceUnknown
}

// KillDevice kills the key of one of her devices, from whichever she holds. It asks for no fresh
// sign-in: whoever has just lost a phone must not be kept waiting, and it takes nothing but rights.
func (w *Wallet) KillDevice(ctx context.Context, p Person, id string) error {
	if w.cfg.Devices == nil {
		return errNoDevices
	}
	if id == "" || p.HolderID == "" {
		return ErrDeviceUnknown // neither may stand for all
	}
	_, err := w.kill(ctx, DeviceKill{ID: id, PersonID: p.HolderID, By: KilledByHolder, Actor: "person:" + p.HolderID})
	return err
}

// kill kills keys, and tells the pages of whose they are.
func (w *Wallet) kill(ctx context.Context, k DeviceKill) (n int, err error) {
	k.At = w.cfg.Now().UTC()
	if n, err = w.cfg.Devices.KillDevices(ctx, k); err != nil {
		return 0, fmt.Errorf("wallet: kill: %w", err)
	}
	if n > 0 && k.PersonID != "" {
		w.ring(ctx, personTopic(k.PersonID), Event{Kind: EventDevices})
	}
	return n, nil
}

// LossReport is what an operator was told.
type LossReport struct {
	Holder   schemas.HolderRef // type and number: all that she has; or
	Device   string            // one
	Operator string            // client
	Reason   string
}

// ReportLoss kills the key of one device, or all of a person's, for somebody who cannot do it
// herself. It says how many keys lived until then.
func (w *Wallet) ReportLoss(ctx context.Context, l LossReport) (n int, err error) {
	if w.cfg.Devices == nil {
		return 0, errNoDevices
	}
	if l.Reason = strings.TrimSpace(l.Reason); l.Reason == "" || !utf8.ValidString(l.Reason) || utf8.RuneCountInString(l.Reason) > maxReason {
		return 0, ErrReason
	}
	person := ""
	if l.Holder.Number != "" && w.cfg.HolderID != nil {
		person = w.cfg.HolderID(l.Holder)
	}
	if (person == "") == (l.Device == "") {
		return 0, ErrDeviceUnknown
	}
	return w.kill(ctx, DeviceKill{ID: l.Device, PersonID: person, By: KilledByOperator, Actor: l.Operator, Reason: l.Reason})
}
