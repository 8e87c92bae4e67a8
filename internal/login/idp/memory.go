package idp

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// memory keeps sign-ins under way. Everything in it is over within minutes, and lost with the
// process without harm.
type memory struct {
	now func() time.Time

	mu       sync.Mutex
	sessions map[string]*goidc.AuthnSession
	grants   map[string]*goidc.Grant
	codes    map[string]string // code to grant
	seen     map[string]time.Time
}

// kept bounds each kind of thing.
const kept = 4096

var errReplayed = errors.New("idp: assertion replayed")

func newMemory(now func() time.Time) *memory {
	return &memory{
		now: now, sessions: map[string]*goidc.AuthnSession{}, grants: map[string]*goidc.Grant{}, codes: map[string]string{}, seen: map[string]time.Time{},
	}
}

// tidy makes room. It is called with the lock held.
func (m *memory) tidy() {
	now := m.now()
	maps.DeleteFunc(m.sessions, func(_ string, s *goidc.AuthnSession) bool { return int64(s.ExpiresAt) < now.Unix() })
	maps.DeleteFunc(m.grants, func(_ string, g *goidc.Grant) bool {
		return int64(g.AuthCodeExpiresAt) < now.Add(-10*time.Minute).Unix()
	})
	maps.DeleteFunc(m.codes, func(_, grant string) bool { return m.grants[grant] == nil })
	maps.DeleteFunc(m.seen, func(_ string, until time.Time) bool { return until.Before(now) })
	if len(m.sessions) >= kept {
		clear(m.sessions)
	}
	if len(m.grants) >= kept {
		clear(m.grants)
	}
}

// SaveSession implements goidc.AuthManager. A session that is answered is gone: it yields one code.
func (m *memory) SaveSession(_ context.Context, s *goidc.AuthnSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Status != goidc.StatusPending {
		delete(m.sessions, s.ID)
		return nil
	}
	m.tidy()
	copied := *s
	copied.Store = maps.Clone(s.Store)
	m.sessions[s.ID] = &copied
	return nil
}

// Session implements goidc.AuthManager.
func (m *memory) Session(_ context.Context, id string) (*goidc.AuthnSession, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return nil, goidc.ErrNotFound
	}
	copied := *s
	copied.Store = maps.Clone(s.Store)
	return &copied, nil
}

// SaveGrant implements goidc.GrantManager.
func (m *memory) SaveGrant(_ context.Context, g *goidc.Grant) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tidy()
	copied := *g
	copied.Store = maps.Clone(g.Store)
	if _, known := m.grants[g.ID]; !known && g.AuthCode != "" {
		m.codes[g.AuthCode] = g.ID
	}
	m.grants[g.ID] = &copied
	return nil
}

// Grant implements goidc.GrantManager.
func (m *memory) Grant(_ context.Context, id string) (*goidc.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.grant(id)
}

func (m *memory) grant(id string) (*goidc.Grant, error) {
	g, ok := m.grants[id]
	if !ok {
		return nil, goidc.ErrNotFound
	}
	copied := *g
	copied.Store = maps.Clone(g.Store)
	return &copied, nil
}

// GrantByAuthCode implements goidc.AuthManager, and takes the code: the library reads, checks and
// saves, and two requests at once would both pass.
func (m *memory) GrantByAuthCode(_ context.Context, code string) (*goidc.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.codes[code]
	if !ok {
		return nil, goidc.ErrNotFound
	}
	delete(m.codes, code)
	return m.grant(id)
}

// consume implements goidc.ConsumeJTIFunc.
func (m *memory) consume(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.seen[id]; known {
		return errReplayed
	}
	m.seen[id] = m.now().Add(10 * time.Minute)
	return nil
}
