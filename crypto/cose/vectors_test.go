package cose_test

import (
	"crypto/ecdsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
)

func publicPEM(t testing.TB, name string) *ecdsa.PublicKey {
	t.Helper()
	block, _ := pem.Decode(file(t, name))
	require.NotNil(t, block)
	k, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	return k.(*ecdsa.PublicKey)
}

// The key-binding token of the SD-CWT draft is ES256 and verifies; the CWT inside is ES384,
// which no key of ours has, so it is taken apart and not believed.
func TestPublishedKeyBinding(t *testing.T) {
	m, err := cose.Parse(file(t, "kbt.cbor"))
	require.NoError(t, err)
	holder, err := key.NewES256(publicPEM(t, "holder_pubkey.pem"))
	require.NoError(t, err)
	require.NoError(t, m.Verify(holder))
	require.NoError(t, m.ExpectType(294))
	claims, err := cose.DecodeMap(m.Payload)
	require.NoError(t, err)
	aud, _, err := claims.Text(cose.ClaimAudience)
	require.NoError(t, err)
	require.Equal(t, "https://verifier.example/app", aud)
	iat, _, err := claims.Int(cose.ClaimIssuedAt)
	require.NoError(t, err)
	require.Equal(t, int64(1725244237), iat)
	nonce, _, err := claims.Bytes(39)
	require.NoError(t, err)
	require.Equal(t, unhex(t, "8c0f5f523b95bea44a9a48c649240803"), nonce)

	inner, err := cose.Parse(m.Protected[int64(13)])
	require.NoError(t, err)
	checkIssued(t, inner, holder)
}

func TestPublishedCWT(t *testing.T) {
	holder, err := key.NewES256(publicPEM(t, "holder_pubkey.pem"))
	require.NoError(t, err)
	m, err := cose.Parse(file(t, "issuer_cwt.cbor"))
	require.NoError(t, err)
	checkIssued(t, m, holder)
}

func checkIssued(t *testing.T, m *cose.Message, holder *key.Public) {
	t.Helper()
	require.Equal(t, int64(-35), m.Algorithm)
	require.ErrorIs(t, m.Verify(holder), cose.ErrAlgorithm)
	require.NoError(t, m.ExpectType(293))
	require.Equal(t, "https://issuer.example/cose-key3", string(m.KeyID()))
	require.True(t, m.Unprotected.Has(17))
	claims, err := cose.DecodeMap(m.Payload)
	require.NoError(t, err)
	iss, _, err := claims.Text(cose.ClaimIssuer)
	require.NoError(t, err)
	require.Equal(t, "https://issuer.example", iss)
	require.True(t, claims.Has(cose.Simple(59)), "redacted claim keys")
	cnf, there, err := claims.Map(cose.ClaimConfirmation)
	require.NoError(t, err)
	require.True(t, there)
	k, err := cose.ParseKey(cnf[int64(1)])
	require.NoError(t, err)
	require.True(t, k.Equal(holder))

	// ES384 by hand: the structure that we would sign is the one that they signed.
	var e struct {
		_           struct{} `cbor:",toarray"`
		Protected   []byte
		Unprotected cbor.RawMessage
		Payload     []byte
		Signature   []byte
	}
	require.NoError(t, cbor.Unmarshal(file(t, "issuer_cwt.cbor")[1:], &e))
	require.Equal(t, e.Payload, m.Payload)
	digest := sha512.Sum384(marshal(t, []any{"Signature1", e.Protected, []byte{}, m.Payload}))
	require.Len(t, e.Signature, 96)
	require.True(t, ecdsa.Verify(publicPEM(t, "issuer_pubkey.pem"), digest[:],
		new(big.Int).SetBytes(e.Signature[:48]), new(big.Int).SetBytes(e.Signature[48:])))
}

func TestOtherPublishedExamplesParse(t *testing.T) {
	for _, name := range []string{"nested_cwt.cbor", "nested_issuer_cwt.cbor", "nested_kbt.cbor", "decoy.cbor"} {
		m, err := cose.Parse(file(t, name))
		require.NoError(t, err, name)
		_, err = cose.DecodeMap(m.Payload)
		require.NoError(t, err, name)
	}
}
