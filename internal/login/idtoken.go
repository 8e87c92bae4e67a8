package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/strictjson"
)

const (
	// skew is how far a provider's clock may be off.
	skew = time.Minute
	// maxIDToken bounds an ID token; they carry a portrait at worst.
	maxIDToken = 64 << 10
	maxDate    = 253402300799 // the end of the year 9999, which a time can still hold
)

// standard are the algorithms that go-oidc checks. "none" and HMAC are not among them: with HMAC
// whoever knows a public key could sign.
func standard() []string {
	return []string{oidc.RS256, oidc.PS256, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}
}

type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

// readHeader says which keys to try. Nothing is trusted yet.
func readHeader(token string) (header, error) {
	var h header
	if len(token) > maxIDToken {
		return h, fmt.Errorf("%w: of %d characters", ErrToken, len(token))
	}
	first, _, _ := strings.Cut(token, ".")
	data, err := jose.Decode(first)
	if err != nil || strictjson.Check(data, 4) != nil || json.Unmarshal(data, &h) != nil {
		return h, fmt.Errorf("%w: no JWS", ErrToken)
	}
	return h, nil
}

// idClaims are the claims of an ID token that decide (OpenID Connect Core §2).
type idClaims struct {
	Issuer     string          `json:"iss"`
	Subject    string          `json:"sub"`
	Audience   json.RawMessage `json:"aud"`
	Authorized string          `json:"azp"`
	Expires    *float64        `json:"exp"`
	IssuedAt   *float64        `json:"iat"`
	NotBefore  float64         `json:"nbf"`
	AuthTime   *float64        `json:"auth_time"`
	Nonce      string          `json:"nonce"`
	ACR        string          `json:"acr"`
}

// verified is an ID token that has passed.
type verified struct {
	idClaims
	at  time.Time // when she proved who she is
	all map[string]any
}

// verify checks an ID token: the signature by the algorithm's own library, then the claims, all
// of them again for both (OpenID Connect Core §3.1.3.7).
func (p *provider) verify(ctx context.Context, m *metadata, token, nonce string, now time.Time) (verified, error) {
	h, err := readHeader(token)
	if err != nil {
		return verified{}, err
	}
	var payload []byte
	switch {
	case h.Algorithm == string(key.SM2):
		payload, err = m.keys.verifySM2(ctx, token, h)
	case slices.Contains(standard(), h.Algorithm):
		payload, err = p.verifyStandard(ctx, m, token, now)
	default:
		err = fmt.Errorf("%w: algorithm %.32q", ErrSignature, h.Algorithm)
	}
	if err != nil {
		return verified{}, err
	}
	return p.checkClaims(payload, nonce, now)
}

func (p *provider) verifyStandard(ctx context.Context, m *metadata, token string, now time.Time) (payload json.RawMessage, err error) {
	keys := &remembering{keySet: m.keys}
	verified, err := oidc.NewVerifier(p.Issuer, keys, &oidc.Config{
		ClientID: p.ClientID, SupportedSigningAlgs: standard(), Now: func() time.Time { return now },
	}).Verify(ctx, token)
	var expired *oidc.TokenExpiredError
	switch {
	case err == nil:
		err = verified.Claims(&payload)
	case keys.err != nil:
		err = keys.err
	case errors.As(err, &expired):
		err = fmt.Errorf("%w: %w", ErrStale, err)
	default: // go-oidc looks at iss, aud and the times before the signature
		err = fmt.Errorf("%w: %w", ErrToken, err)
	}
	return payload, err
}

// remembering keeps the error of a signature check, which go-oidc passes on as a text.
type remembering struct {
	*keySet
	err error
}

func (r *remembering) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, r.err = r.keySet.VerifySignature(ctx, token)
	return payload, r.err
}

func (p *provider) checkClaims(payload []byte, nonce string, now time.Time) (verified, error) {
	var v verified
	if err := strictjson.Check(payload, 16); err != nil {
		return v, fmt.Errorf("%w: %w", ErrToken, err)
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if d.Decode(&v.all) != nil || exact(v.all, payload, &v.idClaims) != nil {
		return v, fmt.Errorf("%w: claims of the wrong type", ErrToken)
	}
	audience, err := list(v.Audience)
	switch {
	case err != nil, !slices.Contains(audience, p.ClientID):
		return v, fmt.Errorf("%w: aud does not name us", ErrToken)
	case v.Issuer != p.Issuer:
		return v, fmt.Errorf("%w: iss is another", ErrToken)
	case len(audience) > 1 && v.Authorized == "", v.Authorized != "" && v.Authorized != p.ClientID: // steps 4 and 5
		return v, fmt.Errorf("%w: azp is not us", ErrToken)
	case v.Subject == "" || len(v.Subject) > 255:
		return v, fmt.Errorf("%w: no sub", ErrToken)
	case v.Expires == nil || v.IssuedAt == nil:
		return v, fmt.Errorf("%w: exp and iat must be there", ErrToken)
	case v.Nonce == "" || v.Nonce != nonce:
		return v, fmt.Errorf("%w: nonce of another sign-in", ErrToken)
	case !now.Before(date(*v.Expires)):
		return v, fmt.Errorf("%w: ID token expired", ErrStale)
	case date(*v.IssuedAt).After(now.Add(skew)), date(v.NotBefore).After(now.Add(skew)):
		return v, fmt.Errorf("%w: ID token of the future", ErrToken)
	case now.Sub(date(*v.IssuedAt)) > transactionLife+skew: // older than the sign-in that it answers
		return v, fmt.Errorf("%w: ID token issued long ago", ErrStale)
	}
	v.at = date(*v.IssuedAt)
	if v.AuthTime != nil {
		v.at = date(*v.AuthTime)
	}
	switch {
	case v.at.After(now.Add(skew)):
		return v, fmt.Errorf("%w: auth_time of the future", ErrToken)
	case p.MaxAge > 0 && v.AuthTime == nil: // it was asked for, and MUST be there
		return v, fmt.Errorf("%w: auth_time is missing", ErrToken)
	case p.MaxAge > 0 && now.Sub(v.at) > p.MaxAge+skew:
		return v, fmt.Errorf("%w: she proved who she is longer ago than max_age", ErrStale)
	}
	return v, nil
}

// exact decodes members whose names match to the letter: encoding/json folds case.
func exact(all map[string]any, payload []byte, to *idClaims) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(payload, &raw); err != nil {
		return err
	}
	for name, field := range map[string]any{
		"iss": &to.Issuer, "sub": &to.Subject, "aud": &to.Audience, "azp": &to.Authorized, "exp": &to.Expires, "iat": &to.IssuedAt,
		"nbf": &to.NotBefore, "auth_time": &to.AuthTime, "nonce": &to.Nonce, "acr": &to.ACR,
	} {
		if all[name] == nil {
			continue
		}
		if err := json.Unmarshal(raw[name], field); err != nil {
			return err
		}
	}
	return nil
}

// list reads "aud": one string or several (RFC 7519 §4.1.3).
func list(raw json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var several []string
	err := json.Unmarshal(raw, &several)
	return several, err
}

func date(seconds float64) time.Time {
	return time.Unix(int64(max(0, min(seconds, maxDate))), 0)
}
