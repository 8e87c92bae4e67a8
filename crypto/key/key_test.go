package key

import (
	"bytes"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm"
)

var both = []Algorithm{SM2, ES256}

func generate(t testing.TB, a Algorithm) *Private {
	t.Helper()
	k, err := Generate(a)
	require.NoError(t, err)
	return k
}

func TestSignVerify(t *testing.T) {
	for _, a := range both {
		t.Run(string(a), func(t *testing.T) {
			k, other := generate(t, a), generate(t, a)
			require.Equal(t, a, k.Public().Algorithm())
			message := []byte("出示证件")
			sig, err := k.Sign(message)
			require.NoError(t, err)
			require.Len(t, sig, 64)
			require.NoError(t, k.Public().Verify(message, sig))
			require.ErrorIs(t, k.Public().Verify([]byte("another"), sig), ErrSignature)
			require.ErrorIs(t, other.Public().Verify(message, sig), ErrSignature)
			again, err := k.Sign(message)
			require.NoError(t, err)
			require.NotEqual(t, sig, again, "nonces are fresh")
			for i := range sig {
				bad := bytes.Clone(sig)
				bad[i] ^= 1
				require.Error(t, k.Public().Verify(message, bad), "byte %d", i)
			}

			same, err := FromScalar(a, k.scalar())
			require.NoError(t, err)
			require.True(t, same.Public().Equal(k.Public()))
			require.Equal(t, k.Public().ID(), same.Public().ID())
			require.NoError(t, same.Public().Verify(message, sig))
		})
	}
	sm2Key, ecKey := generate(t, SM2), generate(t, ES256)
	require.False(t, sm2Key.Public().Equal(ecKey.Public()))
	require.False(t, sm2Key.Public().Equal(nil))
	var none *Public
	require.False(t, none.Equal(sm2Key.Public()))
	_, err := Generate("HS256")
	require.ErrorIs(t, err, ErrAlgorithm)
	_, err = FromScalar("none", make([]byte, 32))
	require.ErrorIs(t, err, ErrAlgorithm)
}

// One signature, one spelling: what is not r‖s with both numbers in [1, n-1] is told apart
// from a signature that is merely wrong.
func TestSignatureEncoding(t *testing.T) {
	for _, a := range both {
		k := generate(t, a)
		message := []byte("message digest")
		sig, err := k.Sign(message)
		require.NoError(t, err)
		der, err := sm.ToDER(sig)
		if a == ES256 {
			der = append([]byte{0x30, 0x44, 0x02, 0x20}, append(append(bytes.Clone(sig[:32]), 0x02, 0x20), sig[32:]...)...)
		} else {
			require.NoError(t, err)
		}
		n := elliptic.P256().Params().N
		if a == SM2 {
			n, _ = new(big.Int).SetString("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", 16)
		}
		order, zero, high := n.Bytes(), make([]byte, 32), bytes.Repeat([]byte{0xff}, 32)
		more := new(big.Int).Add(n, big.NewInt(1)).Bytes()
		join := func(r, s []byte) []byte { return append(bytes.Clone(r), s...) }
		for name, bad := range map[string][]byte{
			"empty": {}, "nil": nil, "DER": der, "short": sig[:63], "long": append(bytes.Clone(sig), 0),
			"half": sig[:32], "hex text": []byte(hex.EncodeToString(sig)), "leading 04": append([]byte{4}, sig...),
			"r zero": join(zero, sig[32:]), "s zero": join(sig[:32], zero), "all zero": make([]byte, 64),
			"r is n": join(order, sig[32:]), "s is n": join(sig[:32], order), "both n": join(order, order),
			"r is n+1": join(more, sig[32:]), "s is n+1": join(sig[:32], more),
			"r high": join(high, sig[32:]), "s high": join(sig[:32], high),
		} {
			t.Run(string(a)+" "+name, func(t *testing.T) {
				require.ErrorIs(t, k.Public().Verify(message, bad), ErrEncoding)
			})
		}
		for name, bad := range map[string][]byte{
			"swapped":    join(sig[32:], sig[:32]),
			"one, one":   join(append(make([]byte, 31), 1), append(make([]byte, 31), 1)),
			"r is s":     join(sig[:32], sig[:32]),
			"n-s":        join(sig[:32], new(big.Int).Sub(n, new(big.Int).SetBytes(sig[32:])).FillBytes(make([]byte, 32))),
			"r+s is n":   join(sig[:32], new(big.Int).Sub(n, new(big.Int).SetBytes(sig[:32])).FillBytes(make([]byte, 32))),
			"n-1 and 1":  join(new(big.Int).Sub(n, big.NewInt(1)).Bytes(), append(make([]byte, 31), 1)),
			"1 and n-1":  join(append(make([]byte, 31), 1), new(big.Int).Sub(n, big.NewInt(1)).Bytes()),
			"both n-1":   join(new(big.Int).Sub(n, big.NewInt(1)).Bytes(), new(big.Int).Sub(n, big.NewInt(1)).Bytes()),
			"other text": join(bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 32)),
		} {
			t.Run(string(a)+" wrong: "+name, func(t *testing.T) {
				err := k.Public().Verify(message, bad)
				if a == ES256 && name == "n-s" {
					// ECDSA is malleable and ES256 does not ask for the lower s (RFC 7518 §3.4):
					// a signature is no unique id of a token. SM2 does not have this twin.
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, ErrSignature)
			})
		}
	}
}

func TestFromPoint(t *testing.T) {
	for _, a := range both {
		k := generate(t, a).Public()
		point := k.Point()
		same, err := FromPoint(a, point)
		require.NoError(t, err)
		require.True(t, same.Equal(k))
		compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
		same, err = FromPoint(a, compressed)
		require.NoError(t, err)
		require.True(t, same.Equal(k))

		off := bytes.Clone(point)
		off[64] ^= 1
		flipped := bytes.Clone(point)
		flipped[0] = 6 // hybrid form
		for name, bad := range map[string][]byte{
			"nil": nil, "infinity": {0}, "short": point[:64], "long": append(bytes.Clone(point), 0), "off the curve": off,
			"hybrid": flipped, "bare": point[1:], "zero": append([]byte{4}, make([]byte, 64)...),
			"x too large": append([]byte{4}, bytes.Repeat([]byte{0xff}, 64)...), "compressed, x too large": append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...),
			"compressed, tag 5": append([]byte{5}, point[1:33]...),
		} {
			t.Run(string(a)+" "+name, func(t *testing.T) {
				_, err := FromPoint(a, bad)
				require.ErrorIs(t, err, ErrMalformed)
			})
		}
		other := SM2
		if a == SM2 {
			other = ES256
		}
		_, err = FromPoint(other, point)
		require.ErrorIs(t, err, ErrMalformed, "a point lies on one of the two curves")
	}
	_, err := FromPoint("RS256", nil)
	require.ErrorIs(t, err, ErrAlgorithm)
}

func TestFromScalar(t *testing.T) {
	order := map[Algorithm]string{
		SM2:   "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123",
		ES256: "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
	}
	for _, a := range both {
		n, ok := new(big.Int).SetString(order[a], 16)
		require.True(t, ok)
		bad := map[string][]byte{"nil": nil, "zero": make([]byte, 32), "n": n.Bytes(), "high": bytes.Repeat([]byte{0xff}, 32), "short": {1}, "long": make([]byte, 33)}
		if a == SM2 { // d = n-1 would make 1+d invertible by nothing: GB/T 32918.1 §6.1 stops at n-2
			bad["n-1"] = new(big.Int).Sub(n, big.NewInt(1)).Bytes()
		}
		for name, d := range bad {
			t.Run(string(a)+" "+name, func(t *testing.T) {
				_, err := FromScalar(a, d)
				require.ErrorIs(t, err, ErrMalformed)
			})
		}
		one, err := FromScalar(a, append(make([]byte, 31), 1))
		require.NoError(t, err)
		sig, err := one.Sign([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, one.Public().Verify([]byte("x"), sig))
	}
}

// A private key, its passphrase and an open keystore must not get out through any of the
// doors through which values usually get into logs.
func TestKeysNeverPrint(t *testing.T) {
	d, err := hex.DecodeString("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
	require.NoError(t, err)
	n := new(big.Int).SetBytes(d)
	passphrase := "correct horse battery staple"
	secrets := []string{
		hex.EncodeToString(d), strings.ToUpper(hex.EncodeToString(d)), n.String(), base64.StdEncoding.EncodeToString(d),
		base64.RawURLEncoding.EncodeToString(d), fmt.Sprint(d), fmt.Sprint(n.Bits()), strings.Trim(fmt.Sprint(n.Bits()), "[]"),
		passphrase, fmt.Sprint([]byte(passphrase)), hex.EncodeToString([]byte(passphrase)), base64.StdEncoding.EncodeToString([]byte(passphrase)),
	}
	unlock := Unlock{Passphrase: []byte(passphrase)}
	store, err := CreateStore(t.TempDir()+"/keys.json", unlock)
	require.NoError(t, err)
	secrets = append(secrets, hex.EncodeToString(store.kek), fmt.Sprint(store.kek), base64.StdEncoding.EncodeToString(store.kek))
	inner, err := sm.ParsePrivateKey(d)
	require.NoError(t, err)
	values := map[string]any{"store": store, "unlock": unlock, "&unlock": &unlock, "sm": inner, "*sm": *inner}
	for _, a := range both {
		k, err := FromScalar(a, d)
		require.NoError(t, err)
		values[string(a)] = k
		values["copy of "+string(a)] = *k
		values["in a struct "+string(a)] = struct {
			Key *Private
			Own Private
			S   Signer
		}{k, *k, k}
		values["in a map "+string(a)] = map[string]any{"key": k}
		values["in a list "+string(a)] = []Signer{k}
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			fmt.Fprintln(&out, v, fmt.Errorf("failed with %v", v))
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, slog.Group("g", "v", v))
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, slog.Group("g", "v", v))
			data, err := json.Marshal(v)
			require.Error(t, err)
			out.Write(data)
			for _, secret := range secrets {
				require.NotContains(t, out.String(), secret)
			}
		})
	}
}
