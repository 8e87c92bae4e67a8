package passkey

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// user is a person as go-webauthn sees one. The names are for the device's own list, which lies
// open on the device: they say what the key is for and not who she is.
type user struct {
	handle []byte
	name   string
	keys   []Key
}

func (u user) WebAuthnID() []byte          { return u.handle }
func (u user) WebAuthnName() string        { return u.name }
func (u user) WebAuthnDisplayName() string { return u.name }

func (u user) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, len(u.keys))
	for i, k := range u.keys {
		out[i] = webauthn.Credential{
			ID: k.CredentialID, PublicKey: k.PublicKey, Flags: webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(k.Flags)),
			Authenticator: webauthn.Authenticator{SignCount: k.SignCount},
		}
		for _, t := range k.Transports {
			out[i].Transport = append(out[i].Transport, protocol.AuthenticatorTransport(t))
		}
	}
	return out
}

// known returns a person as a WebAuthn user, with a handle made the first time.
func (d *Desk) known(ctx context.Context, p Person) (user, error) {
	if d.web == nil {
		return user{}, ErrUnavailable
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh)
	handle, err := d.cfg.Store.PasskeyHandle(ctx, p.HolderID, fresh)
	if err != nil {
		return user{}, fmt.Errorf("passkey: handle: %w", err)
	}
	keys, err := d.cfg.Store.Passkeys(ctx, p.HolderID)
	if err != nil {
		return user{}, fmt.Errorf("passkey: %w", err)
	}
	return user{handle: handle, name: d.cfg.Name, keys: keys}, nil
}

// Whose challenge it is: one ceremony's is worth nothing in the other, and one session's nothing
// in another.
func registering(p Person) string { return "passkey-register:" + p.Session }
func steppingUp(p Person) string  { return "passkey-step-up:" + p.Session }

// take spends a challenge, whatever comes of the answer to it.
func (d *Desk) take(ctx context.Context, challenge, who string) error {
	if challenge == "" || len(challenge) > 64 { // ours have 43 characters
		return ErrChallenge
	}
	return d.cfg.Challenges.TakeChallenge(ctx, challenge, who)
}

// BeginRegistration returns the options for navigator.credentials.create.
func (d *Desk) BeginRegistration(ctx context.Context, p Person) (*protocol.CredentialCreation, error) {
	if err := d.fresh(p); err != nil {
		return nil, err
	}
	u, err := d.known(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(u.keys) >= maxKeys {
		return nil, ErrLimit
	}
	options, session, err := d.web.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	return options, d.cfg.Challenges.PutChallenge(ctx, session.Challenge, registering(p), challengeLife)
}

// Register takes what the device made. To have made one is a step-up as well: it verified its
// user just now.
func (d *Desk) Register(ctx context.Context, p Person, name string, response []byte) (Key, error) {
	if err := d.fresh(p); err != nil {
		return Key{}, err
	}
	if name = strings.TrimSpace(name); name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return Key{}, ErrName
	}
	u, err := d.known(ctx, p)
	if err != nil {
		return Key{}, err
	}
	parsed, err := parseCreation(response)
	if err != nil {
		return Key{}, err
	}
	client := parsed.Response.CollectedClientData
	if err := d.take(ctx, client.Challenge, registering(p)); err != nil {
		return Key{}, err
	}
	data := parsed.Response.AttestationObject.AuthData
	if err := d.ours(client, data); err != nil {
		return Key{}, d.refused(ctx, p, "", err)
	}
	made, err := d.web.CreateCredential(u, webauthn.SessionData{
		Challenge: client.Challenge, RelyingPartyID: d.web.Config.RPID, UserID: u.handle, UserVerification: protocol.VerificationRequired,
		CredParams: webauthn.CredentialParametersDefault(), Mediation: protocol.MediationDefault,
	}, parsed)
	if err != nil {
		return Key{}, d.refused(ctx, p, "", fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	now := d.cfg.Now().UTC().Truncate(time.Microsecond)
	k := Key{
		ID: strings.ToLower(rand.Text()), CredentialID: made.ID, PersonID: p.HolderID, PublicKey: made.PublicKey, SignCount: made.Authenticator.SignCount,
		Flags: byte(made.Flags.ProtocolValue()), Name: name, CreatedAt: now, UsedAt: now, Transports: transports(made.Transport),
	}
	if err := d.cfg.Store.AddPasskey(ctx, k, maxKeys); err != nil {
		return Key{}, err
	}
	return k, d.cfg.StepUp(ctx, p.Session, now)
}

// transports keeps the hints that the standard knows (§5.8.4); a device may send anything.
func transports(all []protocol.AuthenticatorTransport) []string {
	out := []string{}
	for _, t := range all {
		switch t {
		case protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal:
			if len(out) < 6 {
				out = append(out, string(t))
			}
		}
	}
	return out
}

// BeginStepUp returns the options for navigator.credentials.get.
func (d *Desk) BeginStepUp(ctx context.Context, p Person) (*protocol.CredentialAssertion, error) {
	u, err := d.known(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(u.keys) == 0 {
		return nil, ErrUnknown
	}
	options, session, err := d.web.BeginLogin(u)
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	return options, d.cfg.Challenges.PutChallenge(ctx, session.Challenge, steppingUp(p), challengeLife)
}

// StepUp takes the device's answer and writes into the session that she has just been verified.
// It returns until when that counts.
func (d *Desk) StepUp(ctx context.Context, p Person, response []byte) (until time.Time, err error) {
	u, err := d.known(ctx, p)
	if err != nil {
		return until, err
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		return until, err
	}
	client := parsed.Response.CollectedClientData
	if err := d.take(ctx, client.Challenge, steppingUp(p)); err != nil {
		return until, err
	}
	var k Key
	for _, one := range u.keys {
		if bytes.Equal(one.CredentialID, parsed.RawID) {
			k = one
		}
	}
	if k.ID == "" { // somebody else's, or nobody's: the answer is the same
		return until, d.refused(ctx, p, "", ErrUnknown)
	}
	data := parsed.Response.AuthenticatorData
	if err := d.ours(client, data); err != nil {
		return until, d.refused(ctx, p, k.ID, err)
	}
	_, err = d.web.ValidateLogin(u, webauthn.SessionData{
		Challenge: client.Challenge, RelyingPartyID: d.web.Config.RPID, UserID: u.handle, UserVerification: protocol.VerificationRequired,
		AllowedCredentialIDs: [][]byte{k.CredentialID},
	}, parsed)
	if err != nil {
		return until, d.refused(ctx, p, k.ID, fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	now := d.cfg.Now().UTC()
	if err := d.cfg.Store.UsePasskey(ctx, p.HolderID, k.ID, data.Counter, byte(data.Flags), now); err != nil {
		if errors.Is(err, ErrCounter) {
			return until, d.refused(ctx, p, k.ID, err)
		}
		return until, err
	}
	return now.Add(d.cfg.Lasts), d.cfg.StepUp(ctx, p.Session, now)
}

// ours tells apart what go-webauthn refuses in one breath: an answer for another site, and a
// device that did not look at its user. That both are signed is checked afterwards.
func (d *Desk) ours(c protocol.CollectedClientData, data protocol.AuthenticatorData) error {
	origin, err := protocol.FullyQualifiedOrigin(c.Origin)
	hash := sha256.Sum256([]byte(d.web.Config.RPID))
	switch {
	case err != nil || !strings.EqualFold(origin, d.web.Config.RPOrigins[0]) || c.CrossOrigin || c.TopOrigin != "":
		return ErrOrigin
	case !bytes.Equal(data.RPIDHash, hash[:]):
		return ErrOrigin
	case !data.Flags.HasUserVerified():
		return ErrNotVerified
	}
	return nil
}

// refused leaves a trace of an answer that did not hold, and returns why it did not.
func (d *Desk) refused(ctx context.Context, p Person, id string, why error) error {
	word := "invalid"
	for _, known := range []struct {
		err  error
		word string
	}{{ErrOrigin, "origin"}, {ErrNotVerified, "not-verified"}, {ErrCounter, "counter"}, {ErrUnknown, "unknown"}} {
		if errors.Is(why, known.err) {
			word = known.word
		}
	}
	if err := d.cfg.Store.RefusedPasskey(ctx, p.HolderID, id, word); err != nil {
		return err
	}
	return why
}

const maxResponse = 64 << 10

// parseCreation reads a RegistrationResponseJSON (WebAuthn Level 3 §5.1.8).
func parseCreation(data []byte) (*protocol.ParsedCredentialCreationData, error) {
	if len(data) > maxResponse {
		return nil, ErrInvalid
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return parsed, nil
}

// parseAssertion reads an AuthenticationResponseJSON.
func parseAssertion(data []byte) (*protocol.ParsedCredentialAssertionData, error) {
	if len(data) > maxResponse {
		return nil, ErrInvalid
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return parsed, nil
}
