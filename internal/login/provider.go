package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/strictjson"
	"github.com/showcard/showcard/schemas"
)

// Provider is one identity provider, as configured.
type Provider struct {
	ID       string       // in addresses and in sessions: lower-case letters, digits, hyphens
	Name     schemas.Text // on the page that offers it
	Issuer   string       // its issuer identifier, from which discovery starts
	ClientID string       // who we are to it
	// Key signs our assertions (private_key_jwt); or Secret goes along (client_secret_basic).
	Key    key.Signer
	Secret Secret
	Scopes []string // besides openid

	Claims Claims
	// ACR maps the provider's authentication context classes to assurance levels. Assurance is the
	// level of what is not listed; empty: low. Sign-ins below Require are refused; empty: none.
	ACR       map[string]string
	Assurance string
	Require   string
	// MaxAge is how long ago she may have proved who she is; 0: whatever the provider thinks right.
	MaxAge time.Duration
	// UserInfo says that claims which the ID token lacks are asked for at the userinfo endpoint.
	UserInfo bool
	// Origins are further origins (scheme://host:port) under which browsers reach both us and the
	// provider. A browser that came by one of them is sent to the provider, and back, by the same.
	// Only the demo has such a thing: its provider is part of the same server.
	Origins []string
}

// Claims says which claims of the provider make the subject.
type Claims struct {
	HolderType   string // claim of the type; empty: everybody is of DefaultType
	HolderNumber string
	Name         string // default "name"
	// Types maps the provider's names of types to GB/T 36903 codes; a type that is not listed is
	// refused. Empty: the provider uses the codes themselves, of which only natural persons' are taken.
	Types       map[string]string
	DefaultType string // default schemas.HolderCitizenID
}

// Secret never prints.
type Secret string

// Format implements fmt.Formatter.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

func levels() []string {
	return []string{access.AssuranceLow, access.AssuranceSubstantial, access.AssuranceHigh}
}

// check refuses a configuration that cannot work.
func (p *Provider) check() error {
	if p.ID == "" || p.ID == "providers" || len(p.ID) > 32 || strings.Trim(p.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("id %q: want lower-case letters, digits and hyphens, and not \"providers\"", p.ID)
	}
	if err := address(p.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if p.ClientID == "" || !p.Name.Complete() {
		return errors.New("client_id, and a name in zh and en, are needed")
	}
	if (p.Key == nil) == (p.Secret == "") {
		return errors.New("either a key or a secret is needed")
	}
	for _, level := range append(slices.Collect(maps.Values(p.ACR)), p.Assurance, p.Require) {
		if level != "" && !slices.Contains(levels(), level) {
			return fmt.Errorf("assurance %q: want one of %s", level, strings.Join(levels(), ", "))
		}
	}
	if p.Claims.HolderNumber == "" {
		return errors.New("claims: which one holds the number?")
	}
	if p.MaxAge < 0 {
		return errors.New("max_age is negative")
	}
	if p.Claims.Name == "" {
		p.Claims.Name = "name"
	}
	if p.Claims.DefaultType == "" {
		p.Claims.DefaultType = schemas.HolderCitizenID
	}
	if p.Assurance == "" {
		p.Assurance = access.AssuranceLow
	}
	return nil
}

// address accepts https, and plain http on this machine only: an ID token over an open line would
// be safe, but the code and our secret would not.
func address(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q is no address", text)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q is not https", text)
}

// provider is a Provider at work.
type provider struct {
	Provider
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	found *metadata
	tried time.Time
	err   error
}

// metadata is what discovery told (OpenID Connect Discovery §3).
type metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	JWKS          string `json:"jwks_uri"`
	UserInfo      string `json:"userinfo_endpoint"`
	NamesItself   bool   `json:"authorization_response_iss_parameter_supported"` // RFC 9207

	keys    *keySet
	fetched time.Time
}

const (
	metadataFresh = time.Hour
	metadataPause = 2 * time.Second // between two fetches while a provider is away
)

// discover finds the provider's endpoints, when they are first needed and then every hour: a
// provider that is away when we start must not keep us from starting.
func (p *provider) discover(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.found != nil && now.Sub(p.found.fetched) < metadataFresh {
		return p.found, nil
	}
	if p.err != nil && now.Sub(p.tried) < metadataPause {
		return p.lastKnown()
	}
	m, err := p.fetchMetadata(context.WithoutCancel(ctx)) // others wait for it too, and it is bounded
	p.tried, p.err = p.now(), err                         // from its end: who waited must not ask again at once
	if err != nil {
		return p.lastKnown()
	}
	m.fetched = p.tried
	if p.found != nil && p.found.JWKS == m.JWKS {
		m.keys = p.found.keys
	} else {
		m.keys = &keySet{client: p.client, address: m.JWKS, now: p.now}
	}
	p.found = m
	return m, nil
}

func (p *provider) lastKnown() (*metadata, error) {
	if p.found != nil {
		return p.found, nil
	}
	return nil, p.err
}

func (p *provider) fetchMetadata(ctx context.Context) (*metadata, error) {
	data, err := getJSON(ctx, p.client, strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	var m metadata
	if strictjson.Check(data, 8) != nil || json.Unmarshal(data, &m) != nil {
		return nil, fmt.Errorf("%w: discovery document", ErrProvider)
	}
	if m.Issuer != p.Issuer { // Discovery §4.3: MUST be the same, or another could speak for it
		return nil, fmt.Errorf("%w: discovery document of another issuer", ErrProvider)
	}
	for _, one := range []string{m.Authorization, m.Token, m.JWKS} {
		if u, err := url.Parse(one); err != nil || address((&url.URL{Scheme: u.Scheme, Host: u.Host}).String()) != nil {
			return nil, fmt.Errorf("%w: discovery document names an endpoint that is no https address", ErrProvider)
		}
	}
	return &m, nil
}

func (p *provider) oauth(m *metadata, redirect string) *oauth2.Config {
	c := &oauth2.Config{
		ClientID: p.ClientID, RedirectURL: redirect, Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
		Endpoint: oauth2.Endpoint{AuthURL: m.Authorization, TokenURL: m.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
	if p.Key == nil {
		c.ClientSecret, c.Endpoint.AuthStyle = string(p.Secret), oauth2.AuthStyleInHeader
	}
	return c
}

// authorize is where to send the browser. origin is empty, or the origin of Provider.Origins that
// the browser came by.
func (p *provider) authorize(m *metadata, t transaction, redirect, origin string) (string, error) {
	options := []oauth2.AuthCodeOption{oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)}
	switch {
	case t.Fresh: // OpenID Connect Core §3.1.2.1; auth_time then MUST be told
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", fmt.Sprint(int64(freshFor/time.Second))))
	case p.MaxAge > 0:
		options = append(options, oauth2.SetAuthURLParam("max_age", fmt.Sprint(int64(p.MaxAge/time.Second))))
	}
	if len(p.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(p.asked(), " ")))
	}
	text := p.oauth(m, redirect).AuthCodeURL(t.State, options...)
	if origin == "" {
		return text, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	from, err := url.Parse(origin)
	if err != nil {
		return "", err
	}
	u.Scheme, u.Host = from.Scheme, from.Host
	return u.String(), nil
}

// asked are the classes that we would take, best first.
func (p *provider) asked() []string {
	var out []string
	for class, level := range p.ACR {
		if rank(level) >= rank(p.Require) {
			out = append(out, class)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := rank(p.ACR[b]) - rank(p.ACR[a]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return out
}

func rank(level string) int { return slices.Index(levels(), level) }

// redeem exchanges the code for tokens and checks the ID token.
func (p *provider) redeem(ctx context.Context, m *metadata, t transaction, code, redirect string) (verified, error) {
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(t.Verifier)}
	if p.Key != nil {
		assertion, err := p.assert(m.Token)
		if err != nil {
			return verified{}, err
		}
		options = append(options, oauth2.SetAuthURLParam("client_assertion_type", access.AssertionType), oauth2.SetAuthURLParam("client_assertion", assertion))
	}
	calling := context.WithValue(ctx, oauth2.HTTPClient, p.client)
	tokens, err := p.oauth(m, redirect).Exchange(calling, code, options...)
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) { // its own text would quote the answer
		return verified{}, fmt.Errorf("%w: token endpoint answers %d %.64q", ErrProvider, refused.Response.StatusCode, refused.ErrorCode)
	}
	if err != nil {
		return verified{}, reach(ctx, err)
	}
	text, _ := tokens.Extra("id_token").(string)
	if text == "" {
		return verified{}, fmt.Errorf("%w: no ID token", ErrProvider)
	}
	v, err := p.verify(ctx, m, text, t.Nonce, p.now())
	if err != nil {
		return verified{}, err
	}
	if p.UserInfo {
		err = p.userInfo(calling, m, tokens, &v)
	}
	return v, err
}

// assert makes our assertion (RFC 7523 §3). Its audience is the token endpoint, which is what
// providers have agreed on (OpenID Connect Core §9); our key for each provider is its own.
func (p *provider) assert(audience string) (string, error) {
	now := p.now()
	return jose.SignJSON(p.Key, jose.SignHeader{Type: "JWT"}, map[string]any{
		"iss": p.ClientID, "sub": p.ClientID, "aud": audience, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": random(16),
	})
}

// userInfo adds claims of the userinfo endpoint to those of the ID token, which go before.
func (p *provider) userInfo(ctx context.Context, m *metadata, tokens *oauth2.Token, v *verified) error {
	known := &oidc.ProviderConfig{IssuerURL: p.Issuer, UserInfoURL: m.UserInfo, JWKSURL: m.JWKS}
	info, err := known.NewProvider(ctx).UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return reach(ctx, err)
	}
	if info.Subject != v.Subject { // Core §5.3.2: or it may be about another
		return fmt.Errorf("%w: userinfo of another subject", ErrToken)
	}
	var claims map[string]any
	if err := info.Claims(&claims); err != nil {
		return fmt.Errorf("%w: userinfo: %w", ErrProvider, err)
	}
	maps.Copy(claims, v.all)
	v.all = claims
	return nil
}
