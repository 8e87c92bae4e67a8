package jose

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

// go-jose is an independent implementation of ES256.
func TestGoJose(t *testing.T) {
	k := generate(t, key.ES256).WithID("k1")
	for i := range 20 {
		payload := fmt.Sprintf(`{"i":%d,"text":"%s"}`, i, strings.Repeat("证", i))
		text, err := Sign(k, SignHeader{Type: typ}, []byte(payload))
		require.NoError(t, err)
		theirs, err := gojose.ParseSignedCompact(text, []gojose.SignatureAlgorithm{gojose.ES256})
		require.NoError(t, err)
		got, err := theirs.Verify(k.Public().ECDSA())
		require.NoError(t, err)
		require.Equal(t, payload, string(got))
		require.Equal(t, "k1", theirs.Signatures[0].Protected.KeyID)

		signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: k.CryptoKey()}, (&gojose.SignerOptions{}).WithType(typ).WithHeader("kid", "k2"))
		require.NoError(t, err)
		signed, err := signer.Sign([]byte(payload))
		require.NoError(t, err)
		text, err = signed.CompactSerialize()
		require.NoError(t, err)
		token, err := Parse(text, typ)
		require.NoError(t, err)
		require.NoError(t, token.Verify(k.Public()))
		require.Equal(t, payload, string(token.Payload))
		require.Equal(t, "k2", token.Header.KeyID)
	}
	data, err := json.Marshal(k.Public())
	require.NoError(t, err)
	var theirs gojose.JSONWebKey
	require.NoError(t, theirs.UnmarshalJSON(data))
	require.True(t, theirs.Valid())
	out, err := gojose.JSONWebKey{Key: k.Public().ECDSA(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}.MarshalJSON()
	require.NoError(t, err)
	ours, err := key.ParseJWK(out, false)
	require.NoError(t, err)
	require.True(t, ours.Equal(k.Public()))
}

// RFC 7515 A.3: the payload has line breaks and the key is published there.
func TestRFC7515(t *testing.T) {
	k, err := key.ParseJWK([]byte(`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`), false)
	require.NoError(t, err)
	text := "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	token, err := Parse(text, "")
	require.NoError(t, err)
	require.NoError(t, token.Verify(k))
	_, err = Parse(text, typ)
	require.ErrorIs(t, err, ErrType)
}
