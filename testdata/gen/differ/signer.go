package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"slices"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
)

// signer is a key of testdata/keys, which everybody may read. It signs with nonces out of a table, so
// that a seed decides a case to the last bit; no other key would survive that.
type signer struct {
	public *key.Public
	d      *big.Int
	nonces []nonce
	z      [32]byte // of SM2: the hash over identity, curve and key (GB/T 32918.2 §5.5)
}

type nonce struct{ k, x *big.Int } // x of k times the base point

func number(s string) *big.Int { n, _ := new(big.Int).SetString(s, 16); return n }

// Orders, field primes and parameters of the two curves (GB/T 32918.5, SEC 2).
var (
	orderSM2   = number("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123")
	orderP256  = number("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")
	primeSM2   = number("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF")
	primeP256  = number("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF")
	paramsSM2  = []string{"28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93", "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7", "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"}
	identity   = "1234567812345678"
	howMany    = 32 // nonces of a key
	nonceStart = "showcard TEST ONLY nonce"
)

func (s *signer) order() *big.Int {
	if s.public.Algorithm() == key.SM2 {
		return orderSM2
	}
	return orderP256
}

func readSigner(file string) (*signer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var jwk struct {
		Algorithm key.Algorithm `json:"alg"`
		ID        string        `json:"kid"`
		D         string        `json:"d"`
	}
	if err := json.Unmarshal(data, &jwk); err != nil {
		return nil, err
	}
	d, ok := decode(jwk.D)
	if !ok {
		return nil, errors.New("d is not base64url")
	}
	k, err := key.FromScalar(jwk.Algorithm, d)
	if err != nil {
		return nil, err
	}
	s := &signer{public: k.WithID(jwk.ID).Public(), d: new(big.Int).SetBytes(d)}
	for i := range howMany {
		sum := sm.Sum(append([]byte(nonceStart+jwk.ID), byte(i)))
		n, err := key.FromScalar(jwk.Algorithm, sum[:])
		if err != nil {
			return nil, err
		}
		s.nonces = append(s.nonces, nonce{new(big.Int).SetBytes(sum[:]), new(big.Int).SetBytes(n.Public().Point()[1:33])})
	}
	if jwk.Algorithm == key.SM2 {
		z := binary.BigEndian.AppendUint16(nil, uint16(8*len(identity)))
		z = append(z, identity...)
		z = append(z, new(big.Int).Sub(primeSM2, big.NewInt(3)).Bytes()...)
		for _, p := range paramsSM2 {
			z = append(z, number(p).FillBytes(make([]byte, 32))...)
		}
		s.z = sm.Sum(append(z, s.public.Point()[1:]...))
	}
	return s, nil
}

// sign is r‖s. The message chooses the nonce.
func (s *signer) sign(message []byte) []byte {
	n, out := s.order(), make([]byte, 64)
	sum := sha256.Sum256(message)
	if s.public.Algorithm() == key.SM2 {
		sum = sm.Sum(slices.Concat(s.z[:], message))
	}
	e := new(big.Int).SetBytes(sum[:])
	one := s.nonces[int(sum[0])%len(s.nonces)]
	var r, t *big.Int
	if s.public.Algorithm() == key.SM2 { // GB/T 32918.2 §6.1
		r = new(big.Int).Add(e, one.x)
		r.Mod(r, n)
		t = new(big.Int).Sub(one.k, new(big.Int).Mul(r, s.d))
		t.Mul(t, new(big.Int).ModInverse(new(big.Int).Add(s.d, big.NewInt(1)), n))
	} else { // FIPS 186-5 §6.4.1
		r = new(big.Int).Mod(one.x, n)
		t = new(big.Int).Add(e, new(big.Int).Mul(r, s.d))
		t.Mul(t, new(big.Int).ModInverse(one.k, n))
	}
	t.Mod(t, n)
	r.FillBytes(out[:32])
	t.FillBytes(out[32:])
	return out
}
