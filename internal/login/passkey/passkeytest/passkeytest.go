// Package passkeytest is a device with a passkey and the browser in front of it, in software, for
// tests.
package passkeytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
)

// Authenticator is a device with one P-256 key, as WebAuthn §6 describes one, and the browser in
// front of it. Each field may be bent to make a faulty answer.
type Authenticator struct {
	t       *testing.T
	Key     *ecdsa.PrivateKey
	ID      []byte
	Handle  []byte
	Origin  string
	RPID    string
	Counter uint32
	Flags   byte   // 0: user present and verified
	Format  string // of the attestation: none or packed (self)
}

// New makes a device that is used on the pages of an origin, for the domain rpID.
func New(t *testing.T, origin, rpID string) *Authenticator {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &Authenticator{t: t, Key: k, ID: id, Origin: origin, RPID: rpID, Flags: 0x05, Format: "none"}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *Authenticator) marshal(v any) []byte {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	require.NoError(a.t, err)
	out, err := mode.Marshal(v)
	require.NoError(a.t, err)
	return out
}

func (a *Authenticator) client(kind, challenge string) []byte {
	out, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": false})
	require.NoError(a.t, err)
	return out
}

// data is authenticator data, §6.1.
func (a *Authenticator) data(flags byte) []byte {
	hash := sha256.Sum256([]byte(a.RPID))
	out := append(hash[:], flags)
	return binary.BigEndian.AppendUint32(out, a.Counter)
}

// Create answers navigator.credentials.create as RegistrationResponseJSON.
func (a *Authenticator) Create(challenge string) map[string]any {
	client := a.client("webauthn.create", challenge)
	point, err := a.Key.PublicKey.Bytes() // 0x04, x, y
	require.NoError(a.t, err)
	public := a.marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	data := a.data(a.Flags | 0x40)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.ID)))
	data = append(append(data, a.ID...), public...)
	statement := map[string]any{}
	if a.Format == "packed" {
		hash := sha256.Sum256(client)
		statement = map[string]any{"alg": -7, "sig": a.sign(append(data[:len(data):len(data)], hash[:]...))}
	}
	object := a.marshal(map[string]any{"fmt": a.Format, "attStmt": statement, "authData": data})
	return map[string]any{
		"id": encode(a.ID), "rawId": encode(a.ID), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": encode(client), "attestationObject": encode(object), "transports": []string{"internal", "made-up"}},
	}
}

func (a *Authenticator) sign(message []byte) []byte {
	digest := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, a.Key, digest[:])
	require.NoError(a.t, err)
	return signature
}

// Get answers navigator.credentials.get as AuthenticationResponseJSON.
func (a *Authenticator) Get(challenge string) map[string]any {
	client := a.client("webauthn.get", challenge)
	data := a.data(a.Flags)
	hash := sha256.Sum256(client)
	response := map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(a.sign(append(data[:len(data):len(data)], hash[:]...))),
	}
	if a.Handle != nil {
		response["userHandle"] = encode(a.Handle)
	}
	return map[string]any{"id": encode(a.ID), "rawId": encode(a.ID), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response}
}
