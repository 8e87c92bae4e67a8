package passkey_test

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

// authenticator is a device with one P-256 key, as WebAuthn §6 describes one, and the browser in
// front of it. Each field may be bent to make a faulty answer.
type authenticator struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	origin  string
	rpID    string
	counter uint32
	flags   byte   // 0: user present and verified
	format  string // of the attestation: none or packed (self)
}

func newAuthenticator(t *testing.T) *authenticator {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &authenticator{t: t, key: k, id: id, origin: origin, rpID: "cards.example", flags: 0x05, format: "none"}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) marshal(v any) []byte {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	require.NoError(a.t, err)
	out, err := mode.Marshal(v)
	require.NoError(a.t, err)
	return out
}

func (a *authenticator) client(kind, challenge string) []byte {
	out, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	require.NoError(a.t, err)
	return out
}

// data is authenticator data, §6.1.
func (a *authenticator) data(flags byte) []byte {
	hash := sha256.Sum256([]byte(a.rpID))
	out := append(hash[:], flags)
	return binary.BigEndian.AppendUint32(out, a.counter)
}

// create answers navigator.credentials.create as RegistrationResponseJSON.
func (a *authenticator) create(challenge string) map[string]any {
	client := a.client("webauthn.create", challenge)
	point, err := a.key.PublicKey.Bytes() // 0x04, x, y
	require.NoError(a.t, err)
	public := a.marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	data := a.data(a.flags | 0x40)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), public...)
	statement := map[string]any{}
	if a.format == "packed" {
		hash := sha256.Sum256(client)
		statement = map[string]any{"alg": -7, "sig": a.sign(append(data[:len(data):len(data)], hash[:]...))}
	}
	object := a.marshal(map[string]any{"fmt": a.format, "attStmt": statement, "authData": data})
	return map[string]any{
		"id": encode(a.id), "rawId": encode(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": encode(client), "attestationObject": encode(object), "transports": []string{"internal", "made-up"}},
	}
}

func (a *authenticator) sign(message []byte) []byte {
	digest := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	require.NoError(a.t, err)
	return signature
}

// get answers navigator.credentials.get as AuthenticationResponseJSON.
func (a *authenticator) get(challenge string) map[string]any {
	client := a.client("webauthn.get", challenge)
	data := a.data(a.flags)
	hash := sha256.Sum256(client)
	response := map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(a.sign(append(data[:len(data):len(data)], hash[:]...))),
	}
	if a.handle != nil {
		response["userHandle"] = encode(a.handle)
	}
	return map[string]any{"id": encode(a.id), "rawId": encode(a.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response}
}
