// Package passkey lets a person prove anew, on the device in her hand, that it is she: WebAuthn
// Level 3, as the step-up before a sensitive certificate is shown. It is the home of go-webauthn.
//
// There are two ceremonies, each around a random challenge that is good once, for five minutes,
// for the session that asked for it:
//
//	register  a fresh sign-in (or an older passkey) vouches; the device makes a key pair for our
//	          domain and hands over the public key
//	step up   the device, after looking at a finger, a face or its code, signs the challenge; the
//	          session then says when that was
//
// What a foreign page gets a device to sign names that page's origin, and is refused; what the
// device signs for a foreign domain names that domain's hash, and is refused. A counter that does
// not move on means that there are two of a key. The user handle that devices keep is random: who
// finds a lost security key learns no holder id from it.
package passkey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// The answers of this room.
var (
	ErrNotFresh    = errors.New("passkey: neither a fresh sign-in nor a passkey used just now")
	ErrUnknown     = errors.New("passkey: no such passkey")
	ErrExists      = errors.New("passkey: registered already")
	ErrLimit       = errors.New("passkey: as many as one may have")
	ErrChallenge   = errors.New("passkey: challenge unknown, used or of another session")
	ErrOrigin      = errors.New("passkey: made for another site")
	ErrNotVerified = errors.New("passkey: the device did not verify its user")
	ErrCounter     = errors.New("passkey: the counter went back")
	ErrInvalid     = errors.New("passkey: answer does not verify")
	// ErrUnavailable says that this deployment is reached by an address, for which no device makes
	// a passkey: they are made for names.
	ErrUnavailable = errors.New("passkey: this deployment has no domain name")
	ErrName        = errors.New("passkey: name empty or too long")
)

// Key is a registered passkey. It prints as its id.
type Key struct {
	ID           string // ours, random; in addresses
	CredentialID []byte // the device's
	PersonID     string // holder id
	PublicKey    []byte // COSE_Key
	SignCount    uint32
	Flags        byte // of the authenticator data, last seen
	Transports   []string
	Name         string // as she calls it; sealed at rest
	CreatedAt    time.Time
	UsedAt       time.Time // zero: not yet
}

// LogValue implements slog.LogValuer.
func (k Key) LogValue() slog.Value { return slog.StringValue("passkey " + k.ID) }

// Format implements fmt.Formatter, for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "passkey "+k.ID) }

// Store keeps passkeys. A method that changes something MUST be durable when it returns nil, with
// its entry in the audit log in the same transaction.
type Store interface {
	// PasskeyHandle returns the random handle of a person. The first time it is the one given;
	// of two first times at once one MUST win for both.
	PasskeyHandle(ctx context.Context, personID string, fresh []byte) ([]byte, error)
	// Passkeys returns a person's, the oldest first.
	Passkeys(ctx context.Context, personID string) ([]Key, error)
	// AddPasskey MUST return ErrExists when its credential id is anybody's already, and ErrLimit
	// when the person has limit.
	AddPasskey(ctx context.Context, k Key, limit int) error
	// UsePasskey moves the counter on. It MUST return ErrCounter, change nothing but the audit
	// log, unless count is greater than what is stored or both are zero; ErrUnknown when the
	// person has no such passkey.
	UsePasskey(ctx context.Context, personID, id string, count uint32, flags byte, at time.Time) error
	// RefusedPasskey enters a refused answer into the audit log.
	RefusedPasskey(ctx context.Context, personID, id, why string) error
	RemovePasskey(ctx context.Context, personID, id string) error // ErrUnknown
}

// Challenges keeps challenges for a while. TakeChallenge MUST succeed once, for whom it was put,
// and answer ErrChallenge otherwise. They may be lost.
type Challenges interface {
	PutChallenge(ctx context.Context, challenge, who string, keep time.Duration) error
	TakeChallenge(ctx context.Context, challenge, who string) error
}

// Config says what the room stands on.
type Config struct {
	PublicURL  string // its host is the relying party id, it is the only origin
	Name       string // of the deployment, as devices show it
	Store      Store
	Challenges Challenges
	// StepUp writes into the session that she used a passkey just now.
	StepUp func(ctx context.Context, session string, at time.Time) error
	Now    func() time.Time
	// Fresh is how long a sign-in, or the use of a passkey, vouches for adding or removing one;
	// default 5 min.
	Fresh time.Duration
	// Lasts is how long a step-up counts for showing what is sensitive; told to pages; default 5 min.
	Lasts time.Duration
}

const (
	challengeLife = 5 * time.Minute
	maxKeys       = 10
	maxName       = 64 // characters
)

// Desk is safe for concurrent use.
type Desk struct {
	cfg Config
	web *webauthn.WebAuthn // nil where passkeys cannot be had
}

// New makes the room.
func New(cfg Config) (*Desk, error) {
	if cfg.Store == nil || cfg.Challenges == nil || cfg.StepUp == nil || cfg.PublicURL == "" {
		return nil, errors.New("passkey: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Fresh == 0 {
		cfg.Fresh = 5 * time.Minute
	}
	if cfg.Lasts == 0 {
		cfg.Lasts = 5 * time.Minute
	}
	if cfg.Name == "" {
		cfg.Name = "showcard"
	}
	u, err := url.Parse(cfg.PublicURL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("passkey: public URL %q", cfg.PublicURL)
	}
	d := &Desk{cfg: cfg}
	if net.ParseIP(u.Hostname()) != nil {
		return d, nil // WebAuthn §5.1.2: a relying party id is a domain, never an address
	}
	timeout := webauthn.TimeoutConfig{Timeout: challengeLife, TimeoutUVD: challengeLife}
	d.web, err = webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: cfg.Name, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	return d, nil
}

// Person is who acts, in which session.
type Person struct {
	HolderID string
	Session  string
	AuthTime time.Time // when she proved who she is at her identity provider; zero when it does not tell
	StepUp   time.Time // when she last used a passkey in this session
}

// fresh holds a change of passkeys against what was proved a moment ago: a session left open in
// an internet café must not gain a key.
func (d *Desk) fresh(p Person) error {
	now := d.cfg.Now()
	recent := func(at time.Time) bool {
		return !at.IsZero() && now.Sub(at) <= d.cfg.Fresh && at.Sub(now) <= time.Minute
	}
	if p.HolderID == "" || p.Session == "" || !recent(p.AuthTime) && !recent(p.StepUp) {
		return ErrNotFresh
	}
	return nil
}

// List returns a person's passkeys.
func (d *Desk) List(ctx context.Context, p Person) ([]Key, error) {
	return d.cfg.Store.Passkeys(ctx, p.HolderID)
}

// Remove forgets a passkey.
func (d *Desk) Remove(ctx context.Context, p Person, id string) error {
	if err := d.fresh(p); err != nil {
		return err
	}
	return d.cfg.Store.RemovePasskey(ctx, p.HolderID, id)
}
