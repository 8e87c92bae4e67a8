// Package access lets machines in. A client proves who it is with a signed assertion
// (private_key_jwt, RFC 7523) and gets an access token for ten minutes (RFC 9068); every
// request then carries the token, and every role checks it in process.
//
//	client                         POST /oauth/token                  any role
//	assertion, signed by its key ------> known? not replayed? ------> access token
//	                                                     request + token ------> Authenticate
//
// The assertion may be signed with SM2 or ES256: we verify it ourselves, with the keys that
// the registry has for the client, because OAuth libraries know no SM2. What a client may do
// is not taken from its token alone: each request looks the client up again, so that a
// suspension bites at the next request and not when the token runs out.
//
// The same token form serves people, after their sign-in; their tokens name a session, which is
// looked up at each request (person.go).
package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
)

// The errors of the token endpoint, by their OAuth names (RFC 6749 §5.2).
var (
	ErrRequest   = errors.New("invalid_request")
	ErrClient    = errors.New("invalid_client")
	ErrGrantType = errors.New("unsupported_grant_type")
	ErrScope     = errors.New("invalid_scope")
)

// ErrClientUnknown is what Config.Clients answers for an id that is not registered.
var ErrClientUnknown = errors.New("access: no such client")

// AssertionType is the client_assertion_type of a JWT (RFC 7523 §2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	tokenType = "at+jwt"
	// SessionCookie carries a person's token on pages. It is never accepted for machines.
	SessionCookie = "showcard_session"
)

// Client is a machine as the registry knows it now.
type Client struct {
	ID          string
	Role        httpd.Role
	Party       string
	Authorities []string
	Scopes      []string
	Keys        []*key.Public
	Suspended   bool
}

// Once remembers that something was seen. It answers true the first time only.
type Once interface {
	Once(ctx context.Context, key string, keep time.Duration) (first bool, err error)
}

// Config says what the service stands on.
type Config struct {
	Issuer   string // public URL: "iss" and "aud" of our tokens, "aud" of assertions
	Signer   key.Signer
	Clients  func(id string) (Client, error)
	Once     Once
	Sessions Sessions // of people; nil: people cannot sign in
	Now      func() time.Time
	Lifetime time.Duration // of a machine's token; default 10 min
	Session  time.Duration // of a person's; default 8 h
}

// Service is safe for concurrent use.
type Service struct {
	cfg      Config
	sessions sessionCache
}

// New makes a service.
func New(cfg Config) (*Service, error) {
	if cfg.Issuer == "" || cfg.Signer == nil || cfg.Clients == nil || cfg.Once == nil {
		return nil, errors.New("access: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = 10 * time.Minute
	}
	if cfg.Session == 0 {
		cfg.Session = 8 * time.Hour
	}
	return &Service{cfg: cfg}, nil
}

// claims of an access token. A person's token says who she is by the blind holder id only, and
// is worth nothing once the session that it names is over.
type claims struct {
	Issuer   string     `json:"iss"`
	Audience string     `json:"aud"`
	Subject  string     `json:"sub"`
	Client   string     `json:"client_id"`
	Scope    string     `json:"scope,omitempty"`
	IssuedAt int64      `json:"iat"`
	Expires  int64      `json:"exp"`
	ID       string     `json:"jti"`
	Role     httpd.Role `json:"role"`
	Session  string     `json:"sid,omitempty"`
}

// Granted is the answer of the token endpoint (RFC 6749 §5.1).
type Granted struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope,omitempty"`
}

// Grant answers a client_credentials request authenticated by private_key_jwt.
func (s *Service) Grant(ctx context.Context, form url.Values) (Granted, error) {
	for name, values := range form {
		if len(values) != 1 {
			return Granted{}, fmt.Errorf("%w: %s stands twice", ErrRequest, name)
		}
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		return Granted{}, fmt.Errorf("%w: grant_type is missing", ErrRequest)
	default:
		return Granted{}, fmt.Errorf("%w: want client_credentials", ErrGrantType)
	}
	client, err := s.authenticate(ctx, form)
	if err != nil {
		return Granted{}, err
	}
	scopes := client.Scopes
	if asked := strings.Fields(form.Get("scope")); len(asked) > 0 {
		slices.Sort(asked)
		asked = slices.Compact(asked)
		for _, one := range asked {
			if !slices.Contains(client.Scopes, one) {
				return Granted{}, fmt.Errorf("%w: asks for more than is registered", ErrScope)
			}
		}
		scopes = asked
	}
	token, err := s.sign(claims{Subject: client.ID, Client: client.ID, Scope: strings.Join(scopes, " "), Role: client.Role}, s.cfg.Lifetime)
	if err != nil {
		return Granted{}, err
	}
	return Granted{AccessToken: token, TokenType: "Bearer", ExpiresIn: int64(s.cfg.Lifetime / time.Second), Scope: strings.Join(scopes, " ")}, nil
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
)

func (s *Service) authenticate(ctx context.Context, form url.Values) (Client, error) {
	if form.Get("client_assertion_type") != AssertionType {
		return Client{}, fmt.Errorf("%w: want a client_assertion of type %s", ErrClient, AssertionType)
	}
	// RFC 7523 names no type; its successor asks for client-authentication+jwt.
	t, err := jose.Parse(form.Get("client_assertion"), "client-authentication+jwt", "JWT", "jwt", "")
	if err != nil {
		return Client{}, fmt.Errorf("%w: assertion: %w", ErrClient, err)
	}
	var a assertion
	if err := json.Unmarshal(t.Payload, &a); err != nil {
		return Client{}, fmt.Errorf("%w: assertion claims", ErrClient)
	}
	if a.Issuer == "" || a.Issuer != a.Subject || form.Has("client_id") && form.Get("client_id") != a.Issuer {
		return Client{}, fmt.Errorf("%w: iss and sub must both be the client id", ErrClient)
	}
	client, err := s.cfg.Clients(a.Issuer)
	if errors.Is(err, ErrClientUnknown) {
		return Client{}, fmt.Errorf("%w: not registered", ErrClient)
	}
	if err != nil {
		return Client{}, err
	}
	if !slices.ContainsFunc(client.Keys, func(k *key.Public) bool {
		return (t.Header.KeyID == "" || t.Header.KeyID == k.ID()) && t.Verify(k) == nil
	}) {
		return Client{}, fmt.Errorf("%w: signature does not verify under a registered key", ErrClient)
	}
	if client.Suspended { // said only to whoever holds the key
		return Client{}, fmt.Errorf("%w: suspended", ErrClient)
	}
	if client.Role == httpd.RolePerson {
		return Client{}, fmt.Errorf("access: client %s is registered as a person", client.ID)
	}
	now := s.cfg.Now()
	expires := date(a.Expires)
	switch {
	case !s.forUs(a.Audience):
		return Client{}, fmt.Errorf("%w: aud must be %s", ErrClient, s.cfg.Issuer)
	case !now.Before(expires):
		return Client{}, fmt.Errorf("%w: assertion expired", ErrClient)
	case expires.Sub(now) > maxAssertion:
		return Client{}, fmt.Errorf("%w: assertion lives longer than %s", ErrClient, maxAssertion)
	case date(a.NotBefore).After(now.Add(skew)), date(a.IssuedAt).After(now.Add(skew)):
		return Client{}, fmt.Errorf("%w: assertion is not valid yet", ErrClient)
	case a.ID == "" || len(a.ID) > 128:
		return Client{}, fmt.Errorf("%w: jti missing or too long", ErrClient)
	}
	first, err := s.cfg.Once.Once(ctx, "assertion:"+client.ID+":"+a.ID, expires.Sub(now)+time.Minute)
	if err != nil {
		return Client{}, fmt.Errorf("access: replay memory: %w", err)
	}
	if !first {
		return Client{}, fmt.Errorf("%w: assertion replayed", ErrClient)
	}
	return client, nil
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
	return one == s.cfg.Issuer || one == s.cfg.Issuer+"/oauth/token"
}

// Assert makes an assertion for a client: what `showcard token` and the tools send.
func Assert(signer key.Signer, clientID, audience string, now time.Time) (string, error) {
	return jose.SignJSON(signer, jose.SignHeader{Type: "client-authentication+jwt"}, map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": random(),
	})
}

func (s *Service) sign(c claims, life time.Duration) (string, error) {
	now := s.cfg.Now()
	c.Issuer, c.Audience, c.ID = s.cfg.Issuer, s.cfg.Issuer, random()
	c.IssuedAt, c.Expires = now.Unix(), now.Add(life).Unix()
	return jose.SignJSON(s.cfg.Signer, jose.SignHeader{Type: tokenType}, c)
}

// Authenticate implements httpd.Authenticator: a bearer token, or on pages a person's cookie.
func (s *Service) Authenticate(r *http.Request) (httpd.Caller, error) {
	text, cookie, err := credentials(r)
	if err != nil {
		return httpd.Caller{}, err
	}
	t, err := jose.Parse(text, tokenType)
	if err != nil {
		return httpd.Caller{}, fmt.Errorf("%w: %w", httpd.ErrBadCredentials, err)
	}
	if err := t.Verify(s.cfg.Signer.Public()); err != nil {
		return httpd.Caller{}, fmt.Errorf("%w: %w", httpd.ErrBadCredentials, err)
	}
	var c claims
	if err := json.Unmarshal(t.Payload, &c); err != nil || c.Issuer != s.cfg.Issuer || c.Audience != s.cfg.Issuer {
		return httpd.Caller{}, httpd.ErrBadCredentials
	}
	if s.cfg.Now().Unix() >= c.Expires {
		return httpd.Caller{}, httpd.ErrExpiredCredentials
	}
	caller := httpd.Caller{ID: c.Client, Role: c.Role, Scopes: strings.Fields(c.Scope)}
	if c.Role == httpd.RolePerson {
		person, err := s.person(r.Context(), c)
		person.Scopes = caller.Scopes
		return person, err
	}
	if cookie {
		return httpd.Caller{}, httpd.ErrBadCredentials
	}
	client, err := s.cfg.Clients(c.Client)
	if err != nil && !errors.Is(err, ErrClientUnknown) {
		return httpd.Caller{}, err
	}
	if err != nil || client.Suspended || client.Role != c.Role {
		return httpd.Caller{}, &httpd.Problem{Code: "client-suspended"}
	}
	// Scopes taken away since the token was made are gone.
	caller.Scopes = slices.DeleteFunc(caller.Scopes, func(one string) bool { return !slices.Contains(client.Scopes, one) })
	caller.Party, caller.Issuers = client.Party, client.Authorities
	return caller, nil
}

// credentials finds the one token of a request. Whatever stands in an Authorization header is
// meant: a broken one is not saved by a cookie beside it.
func credentials(r *http.Request) (text string, cookie bool, err error) {
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
			return "", false, httpd.ErrBadCredentials
		}
		return strings.Trim(token, " "), false, nil
	}
	cookies := r.CookiesNamed(SessionCookie)
	switch {
	case len(cookies) > 1: // one may be planted by a neighbouring host
		return "", false, httpd.ErrBadCredentials
	case len(cookies) == 0 || cookies[0].Value == "":
		return "", false, httpd.ErrNoCredentials
	}
	return cookies[0].Value, true, nil
}

func random() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
