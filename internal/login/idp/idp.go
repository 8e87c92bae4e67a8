package idp

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/schemas"
)

// Person is one who can be chosen.
type Person struct {
	Login  string
	Holder schemas.HolderRef
}

// Config says who is there and who may ask.
type Config struct {
	Issuer       string       // scheme://host/path; the handler answers below path
	Key          *key.Private // signs ID tokens, ES256
	ClientID     string
	ClientKey    *key.Public // of the one client, ES256
	RedirectURIs []string    // exact
	People       []Person
	Now          func() time.Time
}

// The claims of an ID token besides those of the standard.
const (
	ClaimHolderType   = "holder_type"
	ClaimHolderNumber = "holder_number"
	// ACR is the authentication context class of everybody here. It proves nothing, and its name
	// says so; the demo calls it substantial because some of its stories need that.
	ACR = "urn:showcard:demo:click"
	// ACRTicked is that of who ticked, besides, that a face was looked at. None was. The demo calls
	// it high, so that a fresh sign-in can be seen standing in for a passkey.
	ACRTicked = "urn:showcard:demo:tick"
)

// Provider is the identity provider.
type Provider struct {
	cfg     Config
	base    string // path of the issuer
	page    *template.Template
	handler http.Handler
}

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// New makes the provider.
func New(cfg Config) (*Provider, error) {
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Host == "" || u.Path == "" || cfg.Key == nil || cfg.ClientID == "" || cfg.ClientKey == nil || len(cfg.People) == 0 {
		return nil, errors.New("idp: incomplete configuration")
	}
	if cfg.Key.Public().Algorithm() != key.ES256 || cfg.ClientKey.Algorithm() != key.ES256 {
		return nil, errors.New("idp: keys must be for ES256, which is what its library knows")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &Provider{cfg: cfg, base: u.Path}
	if p.page, err = template.New("page").Parse(pageText); err != nil {
		return nil, fmt.Errorf("idp: %w", err)
	}
	m := newMemory(cfg.Now)
	jwks := goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{Key: cfg.Key.CryptoKey(), KeyID: cfg.Key.Public().ID(), Algorithm: "ES256", Use: "sig"}}}
	op, err := provider.New(
		provider.Config{
			Issuer: cfg.Issuer, Manager: m, IDTokenAlgs: []goidc.SignatureAlgorithm{goidc.SigAlgES256},
			JWKS: func(context.Context) (goidc.JSONWebKeySet, error) { return jwks, nil },
		},
		provider.WithScopes(goidc.ScopeOpenID, goidc.ScopeProfile),
		provider.WithClaims("name", ClaimHolderType, ClaimHolderNumber, "auth_time", "acr"),
		provider.WithACRs(ACR, ACRTicked),
		provider.WithAuthCodeGrant(
			provider.AuthCodeGrantConfig{Manager: m, ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode}},
			provider.WithIssuerResponseParameter(),
			provider.WithPKCE([]goidc.CodeChallengeMethod{goidc.CodeChallengeMethodSHA256}, provider.WithPKCERequired()),
			provider.WithAuthPolicies(goidc.NewPolicy("choose", setUp, p.choose)),
		),
		provider.WithPrivateKeyJWTAuthn(goidc.SigAlgES256),
		provider.WithJTIConsumer(m.consume),
		provider.WithIDTokenClaims(p.claims),
		provider.WithIDTokenLifetime(300),
		provider.WithErrorRenderer(p.renderError),
		provider.WithStaticClients(p.client()),
	)
	if err != nil {
		return nil, fmt.Errorf("idp: %w", err)
	}
	p.handler = op.Handler()
	return p, nil
}

func (p *Provider) client() *goidc.Client {
	return &goidc.Client{ID: p.cfg.ClientID, ClientMeta: goidc.ClientMeta{
		Name: "showcard", RedirectURIs: p.cfg.RedirectURIs, GrantTypes: []goidc.GrantType{goidc.GrantAuthorizationCode},
		ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode}, ScopeIDs: "openid profile",
		TokenAuthnMethod: goidc.AuthnMethodPrivateKeyJWT, TokenAuthnSigAlg: goidc.SigAlgES256, IDTokenSigAlg: goidc.SigAlgES256,
		JWKS: &goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{Key: p.cfg.ClientKey.ECDSA(), KeyID: p.cfg.ClientKey.ID(), Algorithm: "ES256", Use: "sig"}}},
	}}
}

// Base is the path below which the provider answers.
func (p *Provider) Base() string { return p.base }

// ServeHTTP answers everything below Base. The library wants the discovery document at the front
// of the path, as RFC 8414 has it; OpenID Connect Discovery §4 puts it at the end.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const wellKnown = "/.well-known/openid-configuration"
	if r.URL.Path == p.base+wellKnown {
		moved := *r.URL
		moved.Path, moved.RawPath = wellKnown+p.base, ""
		inner := r.Clone(r.Context())
		inner.URL = &moved
		p.handler.ServeHTTP(w, inner)
		return
	}
	http.StripPrefix(p.base, p.handler).ServeHTTP(w, r)
}

func setUp(_ *http.Request, s *goidc.AuthnSession, _ *goidc.Client) bool {
	s.Store = map[string]any{}
	return true
}

const (
	storeAuthTime = "auth_time"
	storeACR      = "acr"
)

// choose is the whole of proving who one is: she says so.
func (p *Provider) choose(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, _ *goidc.Client) (goidc.Status, error) {
	if s.Prompt == goidc.PromptTypeNone {
		return goidc.StatusFailure, goidc.NewError(goidc.ErrorCodeLoginRequired, "nobody is signed in here")
	}
	if r.Method != http.MethodPost {
		return goidc.StatusPending, p.write(w, http.StatusOK, view{Action: p.base + "/authorize/" + s.ID, People: p.cfg.People})
	}
	if r.PostFormValue("cancel") != "" {
		return goidc.StatusFailure, goidc.NewError(goidc.ErrorCodeAccessDenied, "the person cancelled")
	}
	login := r.PostFormValue("login")
	if !slices.ContainsFunc(p.cfg.People, func(one Person) bool { return one.Login == login }) {
		return goidc.StatusPending, p.write(w, http.StatusUnprocessableEntity, view{Action: p.base + "/authorize/" + s.ID, People: p.cfg.People, Unknown: true})
	}
	s.Subject = login
	s.GrantedScopes = s.Scopes
	s.Store[storeAuthTime], s.Store[storeACR] = p.cfg.Now().Unix(), ACR
	if r.PostFormValue("face") != "" {
		s.Store[storeACR] = ACRTicked
	}
	return goidc.StatusSuccess, nil
}

func (p *Provider) claims(_ context.Context, g *goidc.Grant) map[string]any {
	i := slices.IndexFunc(p.cfg.People, func(one Person) bool { return one.Login == g.Subject })
	if i < 0 {
		return nil
	}
	h := p.cfg.People[i].Holder
	return map[string]any{
		"name": h.Name, ClaimHolderType: h.Type, ClaimHolderNumber: h.Number, "auth_time": g.Store[storeAuthTime], "acr": g.Store[storeACR], "amr": []string{"user"},
	}
}

type view struct {
	Action  string
	People  []Person
	Unknown bool
	Error   string
	Style   template.CSS
}

func (p *Provider) write(w http.ResponseWriter, status int, v view) error {
	sum := sha256.Sum256([]byte(pageStyle))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	// form-action holds for the redirect after the form too, and that leads to our own site.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	v.Style = template.CSS(pageStyle) //nolint:gosec // the file beside this one
	return p.page.Execute(w, v)
}

// renderError shows what cannot be sent back to the client: it is not known, or its address is not.
func (p *Provider) renderError(w http.ResponseWriter, _ *http.Request, err error) error {
	code := "server_error"
	var known goidc.Error
	if errors.As(err, &known) {
		code = string(known.Code)
	}
	return p.write(w, http.StatusBadRequest, view{Error: code})
}
