// Package access lets machines in. A client proves who it is with a signed assertion
// (private_key_jwt, RFC 7523) or with a TLS certificate (RFC 8705) and gets an access token for
// ten minutes (RFC 9068); every request then carries the token, and every role checks it in
// process.
//
//	client                         POST /oauth/token                  any role
//	assertion, signed by its key ------> known? not replayed? ------> access token
//	or its certificate in TLS              the library grants
//	                                                     request + token ------> Authenticate
//
// Who a client is, we decide (assertion.go, certificate.go): the assertion may be signed with
// SM2, with keys that the registry has for the client, and OAuth libraries know no SM2. What it
// is granted, the authorization server of the library decides (server.go), which further grants
// (PAR, PKCE, DPoP, pre-authorised codes) will come from. The token is ours again: it is signed
// with SM2 as well as with ES256 (keys.go).
//
// What a client may do is not taken from its token alone: each request looks the client up
// again, so that a suspension bites at the next request and not when the token runs out. The
// look-up is the deny-set: it is in process and follows the registry within Config.Fresh. One
// that has not been renewed for Config.MaxAge refuses machines, because it may have missed a
// suspension.
//
// The same token form serves people, after their sign-in; their tokens name a session, which is
// looked up at each request (person.go).
package access

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
)

// ErrClientUnknown is what Config.Clients answers for an id that is not registered.
var ErrClientUnknown = errors.New("access: no such client")

// AssertionType is the client_assertion_type of a JWT (RFC 7523 §2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	tokenType = "at+jwt"
	// SessionCookie carries a person's token on pages. It is never accepted for machines. Over TLS
	// it has hostPrefix before it: see Service.Cookie.
	SessionCookie = "showcard_session"
	// hostPrefix makes browsers refuse a cookie that a neighbouring host sets: with one, an attacker
	// could sign others in as himself (RFC 6265bis §4.1.3.2).
	hostPrefix = "__Host-"
)

// Client is a machine as the registry knows it now.
type Client struct {
	ID           string
	Role         httpd.Role
	Party        string
	Authorities  []string
	Scopes       []string
	Keys         []*key.Public
	Certificates []string // thumbprints: base64url of the SHA-256 of the DER (x5t#S256)
	Suspended    bool
	Because      string // problem code that says why it is suspended; empty: client-suspended
}

// Once remembers that something was seen. It answers true the first time only.
type Once interface {
	Once(ctx context.Context, key string, keep time.Duration) (first bool, err error)
}

// Limiter counts requests per key.
type Limiter interface {
	Allow(ctx context.Context, key string, perMinute int) (ok bool, retryAfter time.Duration, err error)
}

// Visit is one try to get a token, for the audit log.
type Visit struct {
	Client  string // empty when it is not registered: strangers do not write into the log
	Method  string // private_key_jwt or self_signed_tls_client_auth
	Refused string // the code; empty: it got a token
}

// Config says what the service stands on.
type Config struct {
	Issuer   string     // public URL: "iss" and "aud" of our tokens, "aud" of assertions
	Keys     Keys       // of tokens
	Signer   key.Signer // instead of Keys: the only key
	Clients  func(id string) (Client, error)
	Once     Once
	Sessions Sessions // of people; nil: people cannot sign in
	Now      func() time.Time
	Lifetime time.Duration // of a machine's token; default 10 min
	Session  time.Duration // of a person's; default 8 h
	Tables   *key.Tables   // make SM2 signatures of our own tokens cheap; nil: none

	// Fresh tells as of when Clients answers. When that is longer ago than MaxAge (default 5 s),
	// machines are refused. nil: Clients is never behind.
	Fresh  func() time.Time
	MaxAge time.Duration

	Limiter Limiter                            // of the token endpoint; nil: nothing is counted
	Note    func(context.Context, Visit) error // nil: not noted. A token is given when it returned nil

	// Certificate is the client's certificate of a request whose private key the client has
	// proven to have. nil: the one of the TLS connection.
	Certificate func(*http.Request) *x509.Certificate
	// MutualTLS is the public URL where client certificates are asked for. Empty: nowhere.
	MutualTLS string
}

// Service is safe for concurrent use.
type Service struct {
	cfg      Config
	sessions sessionCache
	grants   http.Handler // the library's authorization server
	strangers
}

// New makes a service.
func New(cfg Config) (*Service, error) {
	if cfg.Keys == nil && cfg.Signer != nil {
		cfg.Keys = oneKey{cfg.Signer}
	}
	if cfg.Issuer == "" || cfg.Keys == nil || cfg.Clients == nil || cfg.Once == nil {
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
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 5 * time.Second
	}
	if cfg.Certificate == nil {
		cfg.Certificate = connectionCertificate
	}
	s := &Service{cfg: cfg}
	var err error
	if s.strangers, err = newStrangers(cfg.Keys); err != nil {
		return nil, err
	}
	s.grants, err = s.newServer()
	return s, err
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
	// Key is the thumbprint of the key that signed the assertion: a token ends with the key that
	// it was got with.
	Key string `json:"client_key,omitempty"`
	// Confirmation binds the token to a certificate (RFC 8705 §3.1).
	Confirmation *confirmation `json:"cnf,omitempty"`
}

type confirmation struct {
	Certificate string `json:"x5t#S256"`
}

// Granted is the answer of the token endpoint (RFC 6749 §5.1).
type Granted struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope,omitempty"`
}

// Assert makes an assertion for a client: what `showcard token` and the tools send.
func Assert(signer key.Signer, clientID, audience string, now time.Time) (string, error) {
	return jose.SignJSON(signer, jose.SignHeader{Type: "client-authentication+jwt"}, map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": random(),
	})
}

func (s *Service) sign(c claims, life time.Duration) (string, error) {
	signer, err := s.cfg.Keys.Signer()
	if err != nil {
		return "", err
	}
	now := s.cfg.Now()
	c.Issuer, c.Audience, c.ID = s.cfg.Issuer, s.cfg.Issuer, random()
	c.IssuedAt, c.Expires = now.Unix(), now.Add(life).Unix()
	return jose.SignJSON(signer, jose.SignHeader{Type: tokenType}, c)
}

// current refuses while Clients may have missed something.
func (s *Service) current() error {
	if s.cfg.Fresh == nil || s.cfg.Now().Sub(s.cfg.Fresh()) <= s.cfg.MaxAge {
		return nil
	}
	return &httpd.Problem{Code: CodeRegistryStale, RetryAfter: time.Second}
}

func random() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
