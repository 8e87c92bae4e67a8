package verify

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"github.com/showcard/showcard/verifier"
)

var b64 = base64.RawURLEncoding.Strict()

// part is a disclosure.
type part struct {
	name  string
	value json.RawMessage
}

// token is a JWS, taken apart.
type token struct {
	header, payload map[string]any
	signed          string
	signature       []byte
}

// open takes a token apart and checks its header.
func open(text, typ string) (t token, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return t, malformed
	}
	head, err1 := b64.DecodeString(parts[0])
	body, err2 := b64.DecodeString(parts[1])
	sig, err3 := b64.DecodeString(parts[2])
	t.signed, t.signature = parts[0]+"."+parts[1], sig
	if errors.Join(err1, err2, err3, json.Unmarshal(head, &t.header), json.Unmarshal(body, &t.payload)) != nil || t.header["typ"] != typ {
		return t, malformed
	}
	for _, name := range []string{"crit", "b64", "jwk", "jku", "x5u", "zip", "enc"} {
		if _, ok := t.header[name]; ok {
			return t, malformed
		}
	}
	if t.header["alg"] != "SGD_SM3_SM2" {
		return t, fault("algorithm-not-allowed")
	}
	return t, nil
}

// disclose finds the digest of each disclosure among those that were signed.
func disclose(payload map[string]any, disclosures []string) (verifier.Claims, error) {
	if payload["_sd_alg"] != "sm3" {
		return nil, fault("algorithm-not-allowed")
	}
	byDigest := map[string]part{}
	for _, text := range disclosures {
		data, err := b64.DecodeString(text)
		var raw []json.RawMessage
		var p part
		if err != nil || json.Unmarshal(data, &raw) != nil || len(raw) != 3 || json.Unmarshal(raw[1], &p.name) != nil || p.name == "_sd" || p.name == "..." {
			return nil, fault("disclosure-malformed")
		}
		p.value = raw[2]
		sum := sm3.Sum([]byte(text))
		digest := base64.RawURLEncoding.EncodeToString(sum[:])
		if _, twice := byDigest[digest]; twice {
			return nil, fault("disclosure-duplicate")
		}
		byDigest[digest] = p
	}
	claims, seen := verifier.Claims{}, map[string]bool{}
	signed, _ := payload["_sd"].([]any)
	for _, one := range signed {
		digest, ok := one.(string)
		if !ok {
			return nil, malformed
		}
		if seen[digest] {
			return nil, fault("disclosure-duplicate")
		}
		seen[digest] = true
		p, ok := byDigest[digest]
		if !ok {
			continue
		}
		if _, taken := payload[p.name]; taken || claims[p.name] != nil {
			return nil, fault("disclosure-malformed")
		}
		if slices.Contains([]string{"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}, p.name) {
			return nil, malformed
		}
		claims[p.name] = p.value
	}
	if len(claims) != len(byDigest) {
		return nil, fault("disclosure-unknown")
	}
	return claims, nil
}

// date reads a NumericDate; one that is not there is zero.
func date(payload map[string]any, name string) (time.Time, bool) {
	v, ok := payload[name]
	if !ok {
		return time.Time{}, true
	}
	n, ok := v.(float64)
	if !ok || n < 0 || n > 253402300799 {
		return time.Time{}, false
	}
	return time.Unix(int64(n), 0).UTC(), true
}

// verify checks r‖s under the key (GB/T 32918.2 §7.1).
func (t token) verify(k *ecdsa.PublicKey) error {
	if len(t.signature) != 64 {
		return fault("signature-encoding")
	}
	r, s, n := new(big.Int).SetBytes(t.signature[:32]), new(big.Int).SetBytes(t.signature[32:]), k.Params().N
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(n) >= 0 || s.Cmp(n) >= 0 {
		return fault("signature-encoding")
	}
	if digest, err := sm2.CalculateSM2Hash(k, []byte(t.signed), nil); err != nil || !sm2.Verify(k, digest, r, s) {
		return fault("signature-invalid")
	}
	return nil
}
