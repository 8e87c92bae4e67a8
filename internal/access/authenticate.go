package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
)

// Authenticate implements httpd.Authenticator: a bearer token, or on pages a person's cookie.
func (s *Service) Authenticate(r *http.Request) (httpd.Caller, error) {
	text, cookie, err := s.credentials(r)
	if err != nil {
		return httpd.Caller{}, err
	}
	t, err := jose.Parse(text, tokenType)
	if err != nil {
		return httpd.Caller{}, fmt.Errorf("%w: %w", httpd.ErrBadCredentials, err)
	}
	c, err := s.open(t)
	if err != nil {
		return httpd.Caller{}, err
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
	return s.machine(r, c, caller)
}

// open verifies a token's signature, for whom it is, and its time.
func (s *Service) open(t *jose.Token) (claims, error) {
	public, err := s.cfg.Keys.Find(t.Header.KeyID)
	if errors.Is(err, key.ErrNotFound) {
		return claims{}, fmt.Errorf("%w: %w", httpd.ErrBadCredentials, err)
	}
	if err != nil {
		return claims{}, err
	}
	if err := t.Verify(s.cfg.Tables.Known(public)); err != nil {
		return claims{}, fmt.Errorf("%w: %w", httpd.ErrBadCredentials, err)
	}
	var c claims
	if err := json.Unmarshal(t.Payload, &c); err != nil || c.Issuer != s.cfg.Issuer || c.Audience != s.cfg.Issuer {
		return claims{}, httpd.ErrBadCredentials
	}
	if s.cfg.Now().Unix() >= c.Expires {
		return claims{}, httpd.ErrExpiredCredentials
	}
	// Whoever stole a key that is not used any more cannot make tokens that live on and on, nor
	// tokens that begin when he likes.
	life := s.cfg.Lifetime
	if c.Role == httpd.RolePerson {
		life = s.cfg.Session
	}
	if c.Expires-c.IssuedAt > int64(life/time.Second) || time.Unix(c.IssuedAt, 0).After(s.cfg.Now().Add(skew)) {
		return claims{}, httpd.ErrBadCredentials
	}
	return c, nil
}

// machine looks up what the client of a token may do now.
func (s *Service) machine(r *http.Request, c claims, caller httpd.Caller) (httpd.Caller, error) {
	if err := s.current(); err != nil {
		return httpd.Caller{}, err
	}
	client, err := s.cfg.Clients(c.Client)
	if err != nil && !errors.Is(err, ErrClientUnknown) {
		return httpd.Caller{}, err
	}
	if err != nil || client.Suspended || client.Role != c.Role {
		return httpd.Caller{}, &httpd.Problem{Code: client.why()}
	}
	if c.Key != "" && !slices.ContainsFunc(client.Keys, func(k *key.Public) bool { return k.Thumbprint() == c.Key }) {
		return httpd.Caller{}, httpd.ErrBadCredentials // its key was taken away
	}
	if c.Confirmation != nil {
		presented := s.cfg.Certificate(r)
		if presented == nil || Thumbprint(presented) != c.Confirmation.Certificate || !client.certified(presented, s.cfg.Now()) {
			return httpd.Caller{}, &httpd.Problem{Code: CodeCertificateMismatch}
		}
	}
	// Scopes taken away since the token was made are gone.
	caller.Scopes = slices.DeleteFunc(caller.Scopes, func(one string) bool { return !slices.Contains(client.Scopes, one) })
	caller.Party, caller.Issuers = client.Party, client.Authorities
	caller.Now = func() (httpd.Caller, error) {
		again := httpd.Caller{ID: caller.ID, Role: caller.Role, Scopes: slices.Clone(caller.Scopes)}
		return s.machine(r, c, again)
	}
	return caller, nil
}

// why is the code under which a client is refused.
func (c Client) why() string {
	if c.Because != "" {
		return c.Because
	}
	return CodeClientSuspended
}

// Cookie is the name of the cookie of a session, and whether it is for TLS only: browsers drop such
// cookies of plain http, which only the demo is.
func (s *Service) Cookie(r *http.Request) (name string, secure bool) {
	if secure = r.TLS != nil || strings.HasPrefix(s.cfg.Issuer, "https:"); secure {
		return hostPrefix + SessionCookie, true
	}
	return SessionCookie, false
}

// credentials finds the one token of a request. Whatever stands in an Authorization header is
// meant: a broken one is not saved by a cookie beside it.
func (s *Service) credentials(r *http.Request) (text string, cookie bool, err error) {
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
			return "", false, httpd.ErrBadCredentials
		}
		return strings.Trim(token, " "), false, nil
	}
	name, _ := s.Cookie(r)
	cookies := r.CookiesNamed(name)
	switch {
	case len(cookies) > 1: // one may be planted by a neighbouring host
		return "", false, httpd.ErrBadCredentials
	case len(cookies) == 0 || cookies[0].Value == "":
		return "", false, httpd.ErrNoCredentials
	}
	return cookies[0].Value, true, nil
}
