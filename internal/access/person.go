package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/showcard/showcard/internal/httpd"
)

// Session is a person who has signed in, on one browser or device. Her token names it and says
// nothing else about her; what is known of her is looked up here at every request, so that
// ending a session bites at once, wherever the token has got to.
//
// It prints as its method and its end: its id is half of a credential, the rest is her.
type Session struct {
	ID         string    // random; new at every sign-in, so that none can be planted
	Holder     string    // blind holder id
	Name       string    // as her identity provider knows her
	Method     string    // how she signed in: "oidc:" and the provider's id
	Assurance  string    // how surely it is she: one of the Assurance constants
	At         time.Time // when she proved who she is: the provider's auth_time; zero when it told none
	StepUp     time.Time // when she last used a passkey in this session; zero: not yet
	Expires    time.Time
	SignedInAt time.Time // when the session began
}

// Assurance levels, as eIDAS and GB/T 36633 order them.
const (
	AssuranceLow         = "low"
	AssuranceSubstantial = "substantial"
	AssuranceHigh        = "high"
)

// ErrSessionEnded says that a session is over: signed out, expired, or never there.
var ErrSessionEnded = errors.New("access: session ended")

// Sessions keeps them. Implementations MUST have a change on durable storage, with its entry in
// the audit log, before they return nil, and MUST answer from what all processes have written.
type Sessions interface {
	// OpenSession stores a new session. An id that is there already MUST be refused.
	OpenSession(ctx context.Context, s Session) error
	// Session answers ErrSessionEnded for one that is not there or has expired.
	Session(ctx context.Context, id string) (Session, error)
	// StepUpSession writes down that she used her passkey. ErrSessionEnded as above.
	StepUpSession(ctx context.Context, id string, at time.Time) error
	// EndSession ends one; to end what has ended is no error.
	EndSession(ctx context.Context, id string) error
	// EndSessions ends all of a person and says how many were open.
	EndSessions(ctx context.Context, holder string) (n int, err error)
	// SweepSessions removes what expired before now.
	SweepSessions(ctx context.Context, now time.Time) (removed int64, err error)
}

// LogValue implements slog.LogValuer.
func (s Session) LogValue() slog.Value {
	return slog.GroupValue(slog.String("method", s.Method), slog.Time("expires", s.Expires))
}

// Format implements fmt.Formatter, for every verb.
func (s Session) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "session by "+s.Method) // fmt.State has nowhere to report a failed write
}

// SignIn opens a session for a person whom Config.Sessions then knows, and returns her token.
// Id, beginning and end of the session are set here, whatever s says.
func (s *Service) SignIn(ctx context.Context, p Session) (token string, opened Session, err error) {
	if s.cfg.Sessions == nil {
		return "", Session{}, errors.New("access: no sessions in the configuration")
	}
	if p.Holder == "" || p.Method == "" {
		return "", Session{}, errors.New("access: a session needs a holder and a method")
	}
	p.ID, p.SignedInAt = random(), s.cfg.Now()
	p.Expires = p.SignedInAt.Add(s.cfg.Session)
	if err := s.cfg.Sessions.OpenSession(ctx, p); err != nil {
		return "", Session{}, err
	}
	token, err = s.sign(claims{Subject: p.Holder, Client: "pages", Scope: "wallet", Role: httpd.RolePerson, Session: p.ID}, s.cfg.Session)
	return token, p, err
}

// SignOut ends a session. In this process it is over when SignOut returns, in others within
// sessionMemory.
func (s *Service) SignOut(ctx context.Context, id string) error {
	defer s.sessions.forget(func(known Session) bool { return known.ID == id })
	return s.cfg.Sessions.EndSession(ctx, id)
}

// SignOutEverywhere ends all sessions of a person: a phone was lost.
func (s *Service) SignOutEverywhere(ctx context.Context, holder string) (n int, err error) {
	defer s.sessions.forget(func(known Session) bool { return known.Holder == holder })
	return s.cfg.Sessions.EndSessions(ctx, holder)
}

// Forget drops what this process remembers of a person's sessions, for who has ended them in a
// transaction of her own: an erasure.
func (s *Service) Forget(holder string) {
	s.sessions.forget(func(known Session) bool { return known.Holder == holder })
}

// StepUp writes down that the person of a session used her passkey just now.
func (s *Service) StepUp(ctx context.Context, id string, at time.Time) error {
	defer s.sessions.forget(func(known Session) bool { return known.ID == id })
	return s.cfg.Sessions.StepUpSession(ctx, id, at)
}

// person looks up the session that a person's token names.
func (s *Service) person(ctx context.Context, c claims) (httpd.Caller, error) {
	if s.cfg.Sessions == nil || c.Session == "" {
		return httpd.Caller{}, httpd.ErrBadCredentials
	}
	now := s.cfg.Now()
	open, generation, known := s.sessions.get(c.Session, now)
	if !known {
		var err error
		open, err = s.cfg.Sessions.Session(ctx, c.Session)
		if errors.Is(err, ErrSessionEnded) {
			return httpd.Caller{}, &httpd.Problem{Code: "session-ended", Cause: err}
		}
		if err != nil {
			return httpd.Caller{}, err
		}
		s.sessions.put(open, now, generation)
	}
	if open.Holder != c.Subject || !now.Before(open.Expires) {
		return httpd.Caller{}, &httpd.Problem{Code: "session-ended"}
	}
	verified := open.At
	if verified.IsZero() {
		verified = open.SignedInAt // not later than that; what wants a fresh proof looks at AuthTime
	}
	return httpd.Caller{
		ID: "person:" + open.Holder, Role: httpd.RolePerson, Holder: open.Holder, Name: open.Name,
		Method: open.Method, VerifiedAt: verified, AuthTime: open.At, Session: open.ID, Assurance: open.Assurance, StepUp: open.StepUp,
	}, nil
}

// sessionMemory is how long a process believes what it looked up. A page asks for several things
// at once; an ended session must be over within a second everywhere.
const (
	sessionMemory = time.Second
	sessionsKept  = 10000
)

// sessionCache remembers look-ups for sessionMemory.
type sessionCache struct {
	mu         sync.Mutex
	generation uint64 // counts what was forgotten
	known      map[string]seenSession
}

type seenSession struct {
	session Session
	at      time.Time
}

// get also returns the generation, to be handed to put: what was looked up before something was
// forgotten may be the very thing that changed.
func (c *sessionCache) get(id string, now time.Time) (s Session, generation uint64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, known := c.known[id]
	if age := now.Sub(seen.at); age < 0 || age >= sessionMemory {
		known = false
	}
	return seen.session, c.generation, known
}

func (c *sessionCache) put(s Session, now time.Time, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if c.known == nil || len(c.known) >= sessionsKept {
		c.known = map[string]seenSession{} // at most a second's worth is lost
	}
	c.known[s.ID] = seenSession{s, now}
}

func (c *sessionCache) forget(which func(Session) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for id, seen := range c.known {
		if which(seen.session) {
			delete(c.known, id)
		}
	}
}
