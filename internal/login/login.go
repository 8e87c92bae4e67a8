package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/schemas"
)

// Config says what the room stands on.
type Config struct {
	PublicURL string
	Providers []Provider // none: nobody can sign in
	Access    *access.Service
	Once      access.Once
	Notes     Notes
	Secret    []byte // seals transactions; the same in every process of a deployment
	HolderID  func(schemas.HolderRef) string
	// Client talks to providers: the guarded one (internal/outbound). Time, redirects and the size
	// of answers are bounded here besides.
	Client *http.Client
	Logger *slog.Logger
	Now    func() time.Time
	// Patience bounds one request to a provider; 0: 10 s.
	Patience time.Duration
}

// Notes keeps audit entries that belong to no other transaction.
type Notes interface {
	// Note MUST have the entry on durable storage before it returns nil.
	Note(ctx context.Context, e audit.Event) error
}

// Service is safe for concurrent use.
type Service struct {
	cfg       Config
	providers []*provider
	sealer    sealer
}

// New makes the room. It talks to no provider yet.
func New(cfg Config) (*Service, error) {
	if cfg.PublicURL == "" || cfg.Access == nil || cfg.Once == nil || cfg.Notes == nil || len(cfg.Secret) < 16 || cfg.HolderID == nil ||
		cfg.Client == nil || cfg.Client.Transport == nil {
		return nil, errors.New("login: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Patience == 0 {
		cfg.Patience = patience
	}
	s := &Service{cfg: cfg}
	for _, p := range cfg.Providers {
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("login: provider %q: %w", p.ID, err)
		}
		if s.provider(p.ID) != nil {
			return nil, fmt.Errorf("login: provider %q: configured twice", p.ID)
		}
		s.providers = append(s.providers, &provider{Provider: p, client: bounded(cfg.Client, cfg.Patience), now: cfg.Now})
	}
	var err error
	s.sealer, err = newSealer(cfg.Secret)
	return s, err
}

func (s *Service) provider(id string) *provider {
	i := slices.IndexFunc(s.providers, func(p *provider) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return s.providers[i]
}

func (s *Service) find(id string) (*provider, error) {
	if len(s.providers) == 0 {
		return nil, ErrNoIdentity
	}
	if p := s.provider(id); p != nil {
		return p, nil
	}
	return nil, ErrProviderUnknown
}

// secure reports whether cookies can be Secure: browsers drop such cookies of plain http, which
// only the demo is.
func (s *Service) secure(r *http.Request) bool {
	return strings.HasPrefix(s.cfg.PublicURL, "https:") || r.TLS != nil
}

// redirectURI is exact: the provider compares it as text.
func (s *Service) redirectURI(id, origin string) string {
	if origin == "" {
		origin = s.cfg.PublicURL
	}
	return origin + "/v1/sign-in/" + id + "/callback"
}

// defaultReturn is where a sign-in leads that says nothing else.
const defaultReturn = "/wallet"

// returnTo accepts paths of this site and nothing that a browser could take for another one.
func returnTo(text string) (string, error) {
	if text == "" {
		return defaultReturn, nil
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > 512 || text[0] != '/' || strings.HasPrefix(text, "//") || u.Scheme != "" || u.Host != "" ||
		strings.ContainsAny(text, "\\#") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) ||
		strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return "", ErrReturnTo
	}
	return text, nil
}

// begin starts a sign-in: where to send the browser, and the cookies to set.
func (s *Service) begin(r *http.Request, id, back string, fresh bool) (location string, cookies []*http.Cookie, err error) {
	p, err := s.find(id)
	if err != nil {
		return "", nil, err
	}
	t := transaction{Provider: id, State: random(16), Nonce: random(16), Verifier: oauth2.GenerateVerifier(), Began: s.cfg.Now(), Origin: p.origin(r), Fresh: fresh}
	if t.ReturnTo, err = returnTo(back); err != nil {
		return "", nil, err
	}
	m, err := p.discover(r.Context())
	if err != nil {
		return "", nil, err
	}
	if location, err = p.authorize(m, t, s.redirectURI(id, t.Origin), t.Origin); err != nil {
		return "", nil, err
	}
	secure := s.secure(r)
	name := nameFor(t.State, secure)
	sealed, err := s.sealer.seal(name, t)
	if err != nil {
		return "", nil, err
	}
	for _, old := range s.sealer.surplus(r, secure) {
		cookies = append(cookies, cookie(old, "", -time.Second, secure))
	}
	return location, append(cookies, cookie(name, sealed, transactionLife, secure)), nil
}

// origin is the one of Provider.Origins that the browser came by, if it did.
func (p *provider) origin(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	if came := scheme + r.Host; slices.Contains(p.Origins, came) {
		return came
	}
	return ""
}

// freshFor is how old a proof may be when a fresh one was asked for.
const freshFor = 5 * time.Minute

// done is a sign-in that succeeded.
type done struct {
	token    string
	session  access.Session
	returnTo string
}

// finish takes the provider's answer. back is where the person wanted to go, as far as known.
func (s *Service) finish(r *http.Request, id string, answer url.Values) (d done, back string, err error) {
	p, err := s.find(id)
	if err != nil {
		return done{}, "", err
	}
	t, known := s.sealer.begun(r, answer.Get("state"), s.secure(r))
	if !known {
		return done{}, "", ErrState
	}
	d, err = s.complete(r.Context(), p, t, answer)
	if err != nil && !errors.Is(err, context.Canceled) {
		err = errors.Join(err, s.refused(r.Context(), id, err))
	}
	d.returnTo = t.ReturnTo
	return d, t.ReturnTo, err
}

// refused leaves an entry of a sign-in that failed. That of a stranger without a transaction is
// only counted: anybody could fill the log with it.
func (s *Service) refused(ctx context.Context, id string, cause error) error {
	code := "internal"
	for _, row := range Errors() {
		if errors.Is(cause, row.Err) {
			code = row.Code
			break
		}
	}
	return s.cfg.Notes.Note(ctx, audit.Event{Kind: "session.refused", Actor: "oidc:" + id, Detail: map[string]string{"code": code}})
}

func (s *Service) complete(ctx context.Context, p *provider, t transaction, answer url.Values) (done, error) {
	for _, values := range answer {
		if len(values) != 1 { // which one would the provider have meant?
			return done{}, fmt.Errorf("%w: a parameter stands twice", ErrProvider)
		}
	}
	now := s.cfg.Now()
	if age := now.Sub(t.Began); age > transactionLife || age < -skew {
		return done{}, ErrExpired
	}
	// Mix-up (RFC 9207): an answer to one provider's request must not come from another. Each
	// provider has a redirect URI of its own besides.
	if said := answer.Get("iss"); t.Provider != p.ID || said != "" && said != p.Issuer {
		return done{}, ErrIssuer
	}
	m, err := p.discover(ctx)
	if err != nil {
		return done{}, err
	}
	if m.NamesItself && answer.Get("iss") == "" {
		return done{}, ErrIssuer
	}
	first, err := s.cfg.Once.Once(ctx, "sign-in:"+t.State, transactionLife+skew)
	if err != nil {
		return done{}, fmt.Errorf("login: replay memory: %w", err)
	}
	if !first {
		return done{}, ErrReplayed
	}
	if failure := answer.Get("error"); failure != "" {
		return done{}, answered(failure)
	}
	if answer.Get("code") == "" {
		return done{}, fmt.Errorf("%w: neither code nor error", ErrProvider)
	}
	v, err := p.redeem(ctx, m, t, answer.Get("code"), s.redirectURI(p.ID, t.Origin))
	if err != nil {
		return done{}, err
	}
	if t.Fresh && (v.AuthTime == nil || now.Sub(v.at) > freshFor+skew) {
		return done{}, fmt.Errorf("%w: a fresh proof was asked for", ErrStale)
	}
	who, err := p.subject(v)
	if err != nil {
		return done{}, err
	}
	var proved time.Time
	if v.AuthTime != nil {
		proved = v.at
	}
	var d done
	d.token, d.session, err = s.cfg.Access.SignIn(ctx, access.Session{
		Holder: s.cfg.HolderID(who.Holder), Name: who.Holder.Name, Method: "oidc:" + p.ID, Assurance: who.Assurance, At: proved,
	})
	return d, err
}

// answered sorts the errors of OpenID Connect Core §3.1.2.6 and RFC 6749 §4.1.2.1.
func answered(code string) error {
	switch code {
	case "access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required":
		return ErrDenied
	case "temporarily_unavailable", "server_error":
		return ErrUnreachable
	}
	return fmt.Errorf("%w: error %.64q", ErrProvider, code)
}
