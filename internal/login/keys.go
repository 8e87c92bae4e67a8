package login

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/strictjson"
)

const (
	keysFresh = time.Hour        // after that a key set is fetched again
	keysPause = 10 * time.Second // at least this long between two fetches, whatever tokens ask for
	maxKeys   = 64
)

// keySet is the provider's JWKS, read key by key: those of the standard libraries for go-oidc,
// those of SM2 for us. It implements oidc.KeySet for the former.
type keySet struct {
	client  *http.Client
	address string
	now     func() time.Time

	mu      sync.Mutex
	known   []providerKey
	fetched time.Time // last fetch that succeeded
	tried   time.Time // last fetch
	err     error     // of the last fetch
}

// providerKey is one key; exactly one of standard and sm2 is set.
type providerKey struct {
	id, algorithm string
	standard      crypto.PublicKey
	sm2           *key.Public
}

// with calls use with the keys that may have signed a token with this header. When none of them
// has, the set is fetched again once: the provider may have rotated its keys.
func (k *keySet) with(ctx context.Context, h header, use func([]providerKey) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	stale := now.Sub(k.fetched) >= keysFresh
	err := fmt.Errorf("%w: no such key", ErrSignature)
	for range 2 {
		if stale && (now.Sub(k.tried) >= keysPause || k.fetched.IsZero() && k.err == nil) {
			k.fetch(context.WithoutCancel(ctx)) // others wait for it too, and it is bounded
		}
		if k.fetched.IsZero() {
			if k.err != nil {
				return k.err
			}
			return fmt.Errorf("%w: no keys yet", ErrUnreachable)
		}
		if candidates := k.candidates(h); len(candidates) > 0 {
			if err = use(candidates); err == nil {
				return nil
			}
		}
		stale = true
	}
	return err
}

func (k *keySet) candidates(h header) (out []providerKey) {
	for _, one := range k.known {
		if (h.KeyID == "" || one.id == "" || one.id == h.KeyID) && (one.algorithm == "" || one.algorithm == h.Algorithm) &&
			(one.sm2 != nil) == (h.Algorithm == string(key.SM2)) {
			out = append(out, one)
		}
	}
	return out
}

// fetch replaces the known keys. When it fails they stay: tokens signed with them are as good as
// they were a minute ago.
func (k *keySet) fetch(ctx context.Context) {
	var data []byte
	var known []providerKey
	if data, k.err = getJSON(ctx, k.client, k.address); k.err == nil {
		known, k.err = parseKeys(data)
	}
	k.tried = k.now() // from its end: who waited must not ask again at once
	if k.err == nil {
		k.known, k.fetched = known, k.tried
	}
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	h, err := readHeader(token)
	if err != nil {
		return nil, err
	}
	err = k.with(ctx, h, func(candidates []providerKey) error {
		static := oidc.StaticKeySet{}
		for _, one := range candidates {
			static.PublicKeys = append(static.PublicKeys, one.standard)
		}
		var err error
		if payload, err = static.VerifySignature(ctx, token); err != nil {
			return fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return nil
	})
	return payload, err
}

// verifySM2 checks a token signed with SM2 (GM/T 0125), which go-oidc must never see.
func (k *keySet) verifySM2(ctx context.Context, token string, h header) (payload []byte, err error) {
	t, err := jose.Parse(token, "JWT", "jwt", "")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	err = k.with(ctx, h, func(candidates []providerKey) error {
		for _, one := range candidates {
			if t.Verify(one.sm2) == nil {
				return nil
			}
		}
		return ErrSignature
	})
	return t.Payload, err
}

// parseKeys reads a JWK Set (RFC 7517 §5), stepping over what it has no use for.
func parseKeys(data []byte) ([]providerKey, error) {
	if err := strictjson.Check(data, 6); err != nil {
		return nil, fmt.Errorf("%w: key set: %w", ErrProvider, err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil || len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: key set of %d keys", ErrProvider, len(set.Keys))
	}
	var out []providerKey
	for _, raw := range set.Keys {
		if k, ok := parseKey(raw); ok {
			out = append(out, k)
		}
	}
	return out, nil
}

// jwk is what matters of one key; private and symmetric members make it useless to us.
type jwk struct {
	Type       string   `json:"kty"`
	Curve      string   `json:"crv"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
}

func parseKey(raw json.RawMessage) (providerKey, bool) {
	var j jwk
	if json.Unmarshal(raw, &j) != nil || j.Use != "" && j.Use != "sig" || len(j.ID) > 256 {
		return providerKey{}, false
	}
	k := providerKey{id: j.ID, algorithm: j.Algorithm}
	switch {
	case j.Type == "RSA":
		k.standard = rsaKey(j)
	case j.Type == "EC" && strings.HasPrefix(j.Curve, "P-"):
		k.standard = ecKey(j)
	case j.Type == "OKP" && j.Curve == "Ed25519":
		if x, err := jose.Decode(j.X); err == nil && len(x) == ed25519.PublicKeySize {
			k.standard = ed25519.PublicKey(x)
		}
	default:
		if p, err := key.ParseJWK(raw, false); err == nil && p.Algorithm() == key.SM2 {
			k.sm2 = p
		}
	}
	return k, k.standard != nil || k.sm2 != nil
}

// rsaKey answers nil for a key too small to trust (RFC 7518 §3.3) or too large to be patient with.
func rsaKey(j jwk) crypto.PublicKey {
	n, err := base64.RawURLEncoding.DecodeString(j.N)
	e, err2 := base64.RawURLEncoding.DecodeString(j.E)
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if err != nil || err2 != nil || modulus.BitLen() < 2048 || modulus.BitLen() > 8192 ||
		exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
		return nil
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}
}

func ecKey(j jwk) crypto.PublicKey {
	curve, ok := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[j.Curve]
	if !ok {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	x, err := base64.RawURLEncoding.DecodeString(j.X)
	y, err2 := base64.RawURLEncoding.DecodeString(j.Y)
	if err != nil || err2 != nil || len(x) != size || len(y) != size {
		return nil
	}
	k, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...)) // refuses points off the curve
	if err != nil {
		return nil
	}
	return k
}
