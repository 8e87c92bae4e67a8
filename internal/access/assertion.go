package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
)

// How a client may prove who it is, by the names of RFC 8414.
const (
	methodAssertion   = "private_key_jwt"
	methodCertificate = "self_signed_tls_client_auth"
)

// proof is a client that has proven who it is, and how.
type proof struct {
	client Client
	claims // what its token will say of it: key or certificate
	method string
}

// identify finds out who asks for a token. The id that it returns beside a refusal is what the
// caller claims to be, registered or not: fit to count under, and not to write down.
func (s *Service) identify(ctx context.Context, form url.Values, peer Peer) (p proof, claimed string, err error) {
	if peer.Certificate != nil && !form.Has("client_assertion") && !form.Has("client_assertion_type") {
		return s.byCertificate(form.Get("client_id"), peer)
	}
	return s.byAssertion(ctx, form, peer)
}

// byCertificate is RFC 8705 §2.2.
func (s *Service) byCertificate(id string, peer Peer) (p proof, claimed string, err error) {
	p.method = methodCertificate
	p.client, err = s.cfg.Clients(id)
	if err != nil && !errors.Is(err, ErrClientUnknown) {
		return p, id, err
	}
	if err != nil || !p.client.certified(peer.Certificate, s.cfg.Now()) {
		return p, id, refuse(ErrClient, CodeCertificateUnknown, "client_id and certificate do not belong together")
	}
	p.Confirmation = &confirmation{Thumbprint(peer.Certificate)}
	return p, id, s.admissible(p.client)
}

// admissible is told to those only who have proven who they are.
func (s *Service) admissible(c Client) error {
	if c.Role == httpd.RolePerson {
		return fmt.Errorf("access: client %s is registered as a person", c.ID)
	}
	if c.Suspended {
		return refuse(ErrClient, c.why(), "suspended")
	}
	return nil
}

// assertion is the payload of a client assertion (RFC 7523 §3).
type assertion struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	Expires   float64         `json:"exp"`
	NotBefore float64         `json:"nbf"`
	IssuedAt  float64         `json:"iat"`
	ID        string          `json:"jti"`
}

const (
	maxAssertion = 5 * time.Minute
	// skew is how far a client's clock may be ahead of ours.
	skew = time.Minute
	// maxDate keeps a made-up number within what a time can hold: the end of the year 9999.
	maxDate = 253402300799
	maxID   = 128
)

// parse reads an assertion and trusts nothing of it.
func (s *Service) parse(form url.Values) (*jose.Token, assertion, error) {
	var a assertion
	if form.Get("client_assertion_type") != AssertionType {
		return nil, a, refuse(ErrClient, CodeAssertionInvalid, "want a client_assertion of type "+AssertionType)
	}
	// RFC 7523 names no type; its successor asks for client-authentication+jwt.
	t, err := jose.Parse(form.Get("client_assertion"), "client-authentication+jwt", "JWT", "jwt", "")
	if errors.Is(err, jose.ErrAlgorithm) { // none, HMAC, RSA
		return nil, a, &Refusal{Kind: ErrClient, Code: CodeAssertionAlgorithm, Detail: "assertion: want SGD_SM3_SM2 or ES256", Cause: err}
	}
	if err != nil {
		return nil, a, &Refusal{Kind: ErrClient, Code: CodeAssertionInvalid, Detail: "assertion: " + reason(err), Cause: err}
	}
	if err := json.Unmarshal(t.Payload, &a); err != nil {
		return nil, a, refuse(ErrClient, CodeAssertionInvalid, "assertion claims")
	}
	if a.Issuer == "" || a.Issuer != a.Subject || form.Has("client_id") && form.Get("client_id") != a.Issuer {
		return nil, a, refuse(ErrClient, CodeAssertionInvalid, "iss and sub must both be the client id")
	}
	return t, a, nil
}

// reason is what was wrong with a token's form. The rest of the error may repeat what was sent.
func reason(err error) string {
	for _, known := range []error{jose.ErrType, jose.ErrMalformed} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "not readable"
}

// byAssertion is RFC 7523 §3. Nothing is said about the claims before the signature verifies.
func (s *Service) byAssertion(ctx context.Context, form url.Values, peer Peer) (p proof, claimed string, err error) {
	p.method = methodAssertion
	t, a, err := s.parse(form)
	if err != nil {
		return p, a.Issuer, err
	}
	p.client, err = s.cfg.Clients(a.Issuer)
	if err != nil && !errors.Is(err, ErrClientUnknown) {
		return p, a.Issuer, err
	}
	signedBy, err := s.verify(t, p.client)
	if err != nil {
		return p, a.Issuer, err
	}
	expires, err := s.checkClaims(a)
	if err != nil {
		return p, a.Issuer, err
	}
	if err := s.admissible(p.client); err != nil { // an old assertion, or another's, is no proof
		return p, a.Issuer, err
	}
	first, err := s.cfg.Once.Once(ctx, "assertion:"+p.client.ID+":"+a.ID, expires.Sub(s.cfg.Now())+time.Minute)
	if err != nil {
		return p, a.Issuer, fmt.Errorf("access: replay memory: %w", err)
	}
	if !first {
		return p, a.Issuer, refuse(ErrClient, CodeAssertionReplayed, "assertion replayed")
	}
	p.Key = signedBy.Thumbprint()
	if peer.Certificate != nil && p.client.certified(peer.Certificate, s.cfg.Now()) {
		p.Confirmation = &confirmation{Thumbprint(peer.Certificate)} // RFC 8705 §3: it came along, so the token is bound to it
	}
	return p, a.Issuer, nil
}

// verify finds the key of the client that signed. A client that is not registered has a key that
// nobody has, of the algorithm that is usual here: its answer, and how long it takes, are those
// of a client with the wrong key. No key here has a table, for the same reason: it would be the
// quicker the more often the client was here.
func (s *Service) verify(t *jose.Token, c Client) (*key.Public, error) {
	keys := c.Keys
	if c.ID == "" {
		keys = []*key.Public{s.dummy[s.usual].WithID(t.Header.KeyID)}
	}
	algorithm := key.Algorithm(t.Header.Algorithm)
	if !slices.ContainsFunc(keys, func(k *key.Public) bool { return k.Algorithm() == algorithm }) && len(keys) > 0 {
		return nil, refuse(ErrClient, CodeAssertionAlgorithm, "assertion: no registered key is for this algorithm")
	}
	tried := false
	for _, k := range keys {
		if k.Algorithm() != algorithm || t.Header.KeyID != "" && t.Header.KeyID != k.ID() {
			continue
		}
		tried = true
		if t.Verify(k) == nil && c.ID != "" {
			return k, nil
		}
	}
	if !tried && s.dummy[algorithm] != nil {
		_ = t.Verify(s.dummy[algorithm]) // for the time that it takes
	}
	return nil, refuse(ErrClient, CodeAssertionInvalid, "signature does not verify under a registered key")
}

func (s *Service) checkClaims(a assertion) (expires time.Time, err error) {
	now := s.cfg.Now()
	expires = date(a.Expires)
	switch {
	case !s.forUs(a.Audience):
		return expires, refuse(ErrClient, CodeAssertionAudience, "aud must be "+s.cfg.Issuer)
	case !now.Before(expires):
		return expires, refuse(ErrClient, CodeAssertionExpired, "assertion expired")
	case expires.Sub(now) > maxAssertion:
		return expires, refuse(ErrClient, CodeAssertionInvalid, "assertion lives longer than "+maxAssertion.String())
	case date(a.NotBefore).After(now.Add(skew)), date(a.IssuedAt).After(now.Add(skew)):
		return expires, refuse(ErrClient, CodeAssertionEarly, "assertion is not valid yet")
	case a.ID == "" || len(a.ID) > maxID:
		return expires, refuse(ErrClient, CodeAssertionInvalid, "jti missing or too long")
	}
	return expires, nil
}

// date reads a NumericDate (RFC 7519 §2). A missing one is 1970.
func date(seconds float64) time.Time {
	return time.Unix(int64(max(0, min(seconds, maxDate))), 0)
}

// forUs accepts our issuer or the token endpoint as the one audience: a list would let the
// assertion be used elsewhere.
func (s *Service) forUs(raw json.RawMessage) bool {
	var one string
	if json.Unmarshal(raw, &one) != nil {
		var list []string
		if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
			return false
		}
		one = list[0]
	}
	return one == s.cfg.Issuer || one == s.cfg.Issuer+tokenPath
}
