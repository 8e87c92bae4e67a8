package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// The authorization server of the library runs the grant. It never sees an assertion or an SM2
// key, which it could not read: we authenticate the client first and hand it over with a secret
// that lives for this one request, and the library asks us back for everything else:
//
//	who is the client        clients.Client     from the request's context, nowhere else
//	is the secret right      verifySecret       constant time, once
//	may it have the scopes   checkGrant         what is registered
//	make the token           mint               the library calls it opaque; it is our JWT
//
// It keeps nothing: grants and tokens of client credentials need no memory, and its in-memory
// stores, bounded at 100 of each, stay empty. It starts no goroutine and fetches nothing.
// docs/decisions/0015 has the places in its source.

const tokenPath = "/oauth/token"

// attempt is one request for a token on its way through the library.
type attempt struct {
	proof
	secret string
	bound  *x509.Certificate // nil: the token is not bound to one
	err    error             // what we or the library refused with
}

type attemptKey struct{}

func attemptOf(ctx context.Context) (*attempt, error) {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return nil, errors.New("access: a grant without a client")
	}
	return a, nil
}

// registeredScope stands for every scope that a client has: checkGrant knows which.
const registeredScope = "registered"

func (s *Service) newServer() (http.Handler, error) {
	none := &nothing{}
	op, err := provider.New(
		provider.Config{
			Issuer: s.cfg.Issuer, Manager: none, IDTokenAlgs: []goidc.SignatureAlgorithm{goidc.SigAlgES256},
			JWKS: func(context.Context) (goidc.JSONWebKeySet, error) { return goidc.JSONWebKeySet{}, nil }, // ours are not for it to read
		},
		provider.WithTokenEndpoint(tokenPath),
		provider.WithClientCredentialsGrant(),
		provider.WithSecretPostAuthn(),
		provider.WithClientSecretVerifier(verifySecret),
		provider.WithDCR(&clients{}), // its way to look a client up; its endpoint is not routed
		provider.WithScopes(goidc.NewDynamicScope(registeredScope, func(string) bool { return true })),
		provider.WithMTLS(provider.MTLSConfig{Host: s.cfg.Issuer, ClientCert: boundCertificate}, provider.WithMTLSTokenBinding()),
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewOpaqueTokenOptions(int(s.cfg.Lifetime / time.Second))
		}, provider.WithOpaqueTokens(none), provider.WithOpaqueTokenFunc(s.mint)),
		provider.WithGrantHandler(checkGrant),
		provider.WithTokenHandler(minted),
		provider.WithErrorHandler(noteError),
		provider.WithJTIConsumer(func(context.Context, string) error { return errNotAsked }),
		provider.WithHTTPClientFunc(func(context.Context) *http.Client { return &http.Client{Transport: nowhere{}} }),
	)
	if err != nil {
		return nil, fmt.Errorf("access: authorization server: %w", err)
	}
	return op.Handler(), nil
}

// errNotAsked is what the library gets for what it has no business to do here.
var errNotAsked = errors.New("access: not part of this server")

// nothing keeps nothing. Hand the library a pointer: it takes a zero value for a missing one.
type nothing struct{}

func (*nothing) SaveGrant(context.Context, *goidc.Grant) error { return nil }
func (*nothing) Grant(context.Context, string) (*goidc.Grant, error) {
	return nil, goidc.ErrNotFound
}
func (*nothing) SaveToken(context.Context, *goidc.Token) error { return nil }
func (*nothing) Token(context.Context, string) (*goidc.Token, error) {
	return nil, goidc.ErrNotFound
}

// nowhere is where the library may fetch from.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNotAsked }

// clients gives the library the client that we have authenticated, and no other.
type clients struct{}

func (*clients) Client(ctx context.Context, id string) (*goidc.Client, error) {
	a, err := attemptOf(ctx)
	if err != nil {
		return nil, err
	}
	if a.client.ID != id {
		return nil, goidc.ErrNotFound
	}
	c := &goidc.Client{ID: id, Secret: a.secret}
	c.GrantTypes = []goidc.GrantType{goidc.GrantClientCredentials}
	c.TokenAuthnMethod = goidc.AuthnMethodSecretPost
	c.ScopeIDs = registeredScope
	return c, nil
}

func (*clients) SaveClient(context.Context, *goidc.Client) error { return errNotAsked }
func (*clients) DeleteClient(context.Context, string) error      { return errNotAsked }
func boundCertificate(ctx context.Context) (*x509.Certificate, error) {
	a, err := attemptOf(ctx)
	if err == nil && a.bound == nil {
		err = errNotAsked
	}
	if err != nil {
		return nil, err
	}
	return a.bound, nil
}

func verifySecret(ctx context.Context, stored, presented string) error {
	a, err := attemptOf(ctx)
	if err != nil {
		return err
	}
	if a.secret == "" || stored != a.secret || subtle.ConstantTimeCompare([]byte(a.secret), []byte(presented)) != 1 {
		return errors.New("access: not the client that was authenticated")
	}
	return nil
}

// checkGrant is RFC 6749 §3.3: nobody gets more than is registered.
func checkGrant(ctx context.Context, kind goidc.GrantType, g *goidc.Grant) error {
	a, err := attemptOf(ctx)
	if err != nil {
		return err
	}
	if kind != goidc.GrantClientCredentials || g.ClientID != a.client.ID || g.Subject != a.client.ID {
		return errNotAsked
	}
	for one := range strings.FieldsSeq(g.Scopes) {
		if !slices.Contains(a.client.Scopes, one) {
			return refuse(ErrScope, CodeScopeNotGranted, "asks for more than is registered")
		}
	}
	return nil
}

// mint makes the token of a grant.
func (s *Service) mint(ctx context.Context, g *goidc.Grant) string {
	a, err := attemptOf(ctx)
	if err != nil {
		return ""
	}
	c := claims{Subject: g.Subject, Client: g.ClientID, Scope: g.Scopes, Role: a.client.Role, Key: a.Key}
	if g.CertThumbprint != "" {
		c.Confirmation = &confirmation{g.CertThumbprint}
	}
	token, err := s.sign(c, s.cfg.Lifetime)
	a.err = err
	return token
}

// minted is where an error of mint, which the library gives no way to return, comes up.
func minted(ctx context.Context, token *goidc.Token, _ *goidc.Grant) error {
	a, err := attemptOf(ctx)
	if err == nil {
		err = a.err
	}
	if err == nil && token.ID == "" {
		err = errors.New("access: no token")
	}
	return err
}

// noteError catches errors before the library makes answers of them: ours says more.
func noteError(ctx context.Context, err error) {
	if a, noAttempt := attemptOf(ctx); noAttempt == nil && a.err == nil {
		a.err = err
	}
}

// grant has the library grant what an authenticated client asks for.
func (s *Service) grant(ctx context.Context, p proof, scope string, bound *x509.Certificate) (Granted, error) {
	a := &attempt{proof: p, secret: rand.Text()}
	if p.Confirmation != nil {
		a.bound = bound
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {p.client.ID}, "client_secret": {a.secret}, "scope": {scope}}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, attemptKey{}, a), http.MethodPost, tokenPath, strings.NewReader(form.Encode()))
	if err != nil {
		return Granted{}, fmt.Errorf("access: %w", err)
	}
	r.Header.Set("Content-Type", formType)
	w := &answer{header: http.Header{}}
	s.grants.ServeHTTP(w, r)
	var refusal *Refusal
	switch {
	case errors.As(a.err, &refusal):
		return Granted{}, refusal
	case a.err != nil: // ours, whatever OAuth calls it: what the client sent is checked before
		return Granted{}, fmt.Errorf("access: authorization server: %w", a.err)
	case ctx.Err() != nil:
		return Granted{}, ctx.Err()
	case w.status != http.StatusOK:
		return Granted{}, fmt.Errorf("access: authorization server answered %d", w.status)
	}
	var g Granted
	if err := json.Unmarshal(w.body.Bytes(), &g); err != nil || g.AccessToken == "" {
		return Granted{}, errors.New("access: authorization server gave no token")
	}
	return g, nil
}

// answer takes what the library writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *answer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
