package sm

import (
	"bytes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm2/sm2ec"
	"github.com/emmansun/gmsm/sm4"
	"github.com/stretchr/testify/require"
)

// vectors is testdata/gm.json: the published examples of the standards.
type vectors struct {
	SM2 struct {
		ID, Message, D, X, Y, Z, E, K, R, S string
	} `json:"sm2"`
	SM3 []struct{ Message, Digest string } `json:"sm3"`
	SM4 struct{ Key, Plaintext, Ciphertext string }
	GCM struct {
		Key, IV, AAD, Plaintext, Ciphertext, Tag string
	} `json:"sm4_gcm"`
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/gm.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// GM/T 0003.5 Annex A: Z_A, e, and the signature that its fixed k gives.
func TestSM2Vector(t *testing.T) {
	v := readVectors(t).SM2
	require.Equal(t, DefaultID, v.ID)
	k, err := ParsePrivateKey(unhex(t, v.D))
	require.NoError(t, err)
	p := k.Public()
	require.Equal(t, unhex(t, "04"+v.X+v.Y), p.Bytes())
	require.Equal(t, unhex(t, v.Z), p.za[:])
	require.Equal(t, unhex(t, v.E), p.Digest([]byte(v.Message)))
	sig := unhex(t, v.R+v.S)
	require.NoError(t, p.Verify([]byte(v.Message), sig))
	require.ErrorIs(t, p.Verify([]byte("message digesT"), sig), ErrSignature)
	require.Equal(t, unhex(t, v.D), k.Scalar())

	c, err := ParsePublicKey(p.Compressed())
	require.NoError(t, err)
	require.Equal(t, p.Bytes(), c.Bytes())
	e, err := FromECDSA(p.ECDSA())
	require.NoError(t, err)
	require.Equal(t, p.Bytes(), e.Bytes())

	// The reference of our own tests agrees with the standard, too.
	require.True(t, referenceVerify(p.Bytes(), unhex(t, v.E), sig))
	x, _ := referencePoint(unhex(t, v.K))
	r := new(big.Int).Add(new(big.Int).SetBytes(unhex(t, v.E)), x)
	require.Equal(t, unhex(t, v.R), r.Mod(r, order).Bytes())
}

func TestSM3Vector(t *testing.T) {
	for _, v := range readVectors(t).SM3 {
		sum := Sum([]byte(v.Message))
		require.Equal(t, v.Digest, hex.EncodeToString(sum[:]))
		h := NewHash()
		for _, b := range []byte(v.Message) {
			h.Write([]byte{b})
		}
		require.Equal(t, v.Digest, hex.EncodeToString(h.Sum(nil)))
	}
	// GM/T 0004 A.2: sixteen times "abcd", one whole block.
	sum := Sum(bytes.Repeat([]byte("abcd"), 16))
	require.Equal(t, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732", hex.EncodeToString(sum[:]))
}

// Ids that lie in databases are made so: OpenSSL's digest in base32.
func TestName(t *testing.T) {
	require.Equal(t, "axzxcwk44allvzhay65yz2kdfu", Name("showcard ask", "s", "p"))
}

func TestSM4Vector(t *testing.T) {
	v := readVectors(t)
	block, err := sm4.NewCipher(unhex(t, v.SM4.Key))
	require.NoError(t, err)
	out := make([]byte, 16)
	block.Encrypt(out, unhex(t, v.SM4.Plaintext))
	require.Equal(t, unhex(t, v.SM4.Ciphertext), out)
	block.Decrypt(out, out)
	require.Equal(t, unhex(t, v.SM4.Plaintext), out)

	// GM/T 0002 A.2: a million times over.
	copy(out, unhex(t, v.SM4.Plaintext))
	for range 1_000_000 {
		block.Encrypt(out, out)
	}
	require.Equal(t, "595298c7c6fd271f0402f804c33d3f66", hex.EncodeToString(out))

	// RFC 8998 A.1.
	g := v.GCM
	aead, err := NewGCM(unhex(t, g.Key))
	require.NoError(t, err)
	sealed := aead.Seal(nil, unhex(t, g.IV), unhex(t, g.Plaintext), unhex(t, g.AAD))
	require.Equal(t, unhex(t, g.Ciphertext+g.Tag), sealed)
	plain, err := aead.Open(nil, unhex(t, g.IV), sealed, unhex(t, g.AAD))
	require.NoError(t, err)
	require.Equal(t, unhex(t, g.Plaintext), plain)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x80
		_, err := aead.Open(nil, unhex(t, g.IV), bad, unhex(t, g.AAD))
		require.Error(t, err)
	}
	_, err = aead.Open(nil, unhex(t, g.IV), sealed, nil)
	require.Error(t, err)
	for _, n := range []int{0, 8, 15, 17, 24, 32} {
		_, err := NewGCM(make([]byte, n))
		require.Error(t, err, "key of %d bytes", n)
	}
}

// plainBlock hides every method but the block cipher's own, so that crypto/cipher takes its
// generic GCM instead of gmsm's assembly.
type plainBlock struct{ cipher.Block }

func TestGCMAgainstGeneric(t *testing.T) {
	key, nonce := unhex(t, "0123456789abcdeffedcba9876543210"), make([]byte, 12)
	block, err := sm4.NewCipher(key)
	require.NoError(t, err)
	slow, err := cipher.NewGCM(plainBlock{block})
	require.NoError(t, err)
	fast, err := NewGCM(key)
	require.NoError(t, err)
	data := make([]byte, 1024)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for n := 0; n < 300; n++ {
		nonce[n%12]++
		aad := data[:(n*13)%97]
		want := slow.Seal(nil, nonce, data[:n], aad)
		require.Equal(t, want, fast.Seal(nil, nonce, data[:n], aad), "%d bytes", n)
		got, err := fast.Open(nil, nonce, want, aad)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data[:n], got))
	}
}

func TestSignatureForms(t *testing.T) {
	k, err := GenerateKey()
	require.NoError(t, err)
	message := []byte("电子证照")
	sig, err := k.Sign(message)
	require.NoError(t, err)
	der, err := ToDER(sig)
	require.NoError(t, err)
	back, err := FromDER(der)
	require.NoError(t, err)
	require.Equal(t, sig, back)
	n := sm2ec.P256().Params().N.Bytes()

	for name, bad := range map[string][]byte{
		"nil": nil, "DER": der, "short": sig[:63], "long": append(bytes.Clone(sig), 0), "r zero": append(make([]byte, 32), sig[32:]...),
		"s zero": append(bytes.Clone(sig[:32]), make([]byte, 32)...), "r is n": append(bytes.Clone(n), sig[32:]...), "s is n": append(bytes.Clone(sig[:32]), n...),
		"high": bytes.Repeat([]byte{0xff}, 64), "zero": make([]byte, 64),
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, k.Public().Verify(message, bad), ErrEncoding)
			_, err := ToDER(bad)
			require.ErrorIs(t, err, ErrEncoding)
		})
	}
	for name, bad := range map[string]string{
		"empty": "", "sequence of none": "3000", "one number": "3003020101", "three numbers": "3009020101020101020101", "r zero": "3006020100020101",
		"r negative": "30060201ff020101", "leading zero": "300702020001020101", "bytes behind": "300602010102010100", "bytes inside": "300702010102010100",
		"long length": "308106020101020101", "indefinite": "3080020101020101" + "0000", "r is n": "30260221" + "00" + hex.EncodeToString(n) + "020101",
		"s is n": "3026020101" + "0221" + "00" + hex.EncodeToString(n), "set": "3106020101020101", "octets": "3006040101020101", "raw": hex.EncodeToString(sig),
	} {
		t.Run("DER "+name, func(t *testing.T) {
			_, err := FromDER(unhex(t, bad))
			require.ErrorIs(t, err, ErrEncoding)
		})
	}
	// A number with its top bit set gets a leading zero in DER, a small one is short.
	small, err := FromDER(unhex(t, "3006020101020102"))
	require.NoError(t, err)
	require.Equal(t, append(append(make([]byte, 31), 1), append(make([]byte, 31), 2)...), small)
}

func TestKeyBytes(t *testing.T) {
	k, err := GenerateKey()
	require.NoError(t, err)
	point := k.Public().Bytes()
	point[9] ^= 1
	require.NotEqual(t, point, k.Public().Bytes(), "the caller got a copy")
	for name, bad := range map[string][]byte{"nil": nil, "infinity": {0}, "off the curve": point, "hybrid": append([]byte{7}, point[1:]...), "compressed x too large": append([]byte{3}, bytes.Repeat([]byte{0xff}, 32)...)} {
		_, err := ParsePublicKey(bad)
		require.ErrorIs(t, err, ErrKey, name)
	}
	_, err = FromECDSA(nil)
	require.ErrorIs(t, err, ErrKey)
	require.True(t, IsAlgAlias("SM2") && IsAlgAlias("SM2SM3") && !IsAlgAlias(AlgJWS) && !IsAlgAlias(""))
	require.True(t, IsCurveAlias("SM2") && IsCurveAlias("SM2-P-256") && !IsCurveAlias(CurveJWK) && !IsCurveAlias("P-256"))
}

// gmsm issue 560: a valid signature over an all-zero digest that gmsm up to v0.44.0 refused on
// amd64 with ADX and BMI2 (an overflow flag left over in the assembly of p256Mul).
func TestIssue560(t *testing.T) {
	p, err := ParsePublicKey(unhex(t, "04ef4de57af00ae424c00c4caadff7193f804a19dd73a7e2954db9d0d15ab4cbba67728c3f4572878b7a674735da9fde1682fe2d9e0799c4a5cde57e3d473039a2"))
	require.NoError(t, err)
	sig, err := FromDER(unhex(t, "3046022100BE0EA64E1EC06F0D247093F3CCBBADCFB6260224272F86DDB78326E7CD6C7560022100E9F6AB2FCC48A2CEF94838E66B5C7E21FD8E4DE25990DD98CA5243F4966F2853"))
	require.NoError(t, err)
	require.True(t, referenceVerify(p.Bytes(), make([]byte, 32), sig))
	require.NoError(t, p.verifyDigest(make([]byte, 32), sig))
	tables, err := NewTables(TablesConfig{})
	require.NoError(t, err)
	require.NoError(t, tables.Known(p).verifyDigest(make([]byte, 32), sig))
}

// Z_A is made by hand; the library's must be the same.
func TestZAIsTheLibrarys(t *testing.T) {
	for range 64 {
		k, err := GenerateKey()
		require.NoError(t, err)
		want, err := sm2.CalculateZA(k.Public().ECDSA(), []byte(DefaultID))
		require.NoError(t, err)
		require.Equal(t, want, k.Public().za[:])
	}
}
