// Package registry is the hub of trust: who may issue what, who may ask for what, which
// types are published, and what is frozen. It answers the part 应用管理 of the State Council's
// guide of 2021.
//
// What verifiers need of it leaves the house as one signed document, the trust list
// (crypto/trustlist). Relying parties and clients are nobody else's business and stay inside.
//
// Every change is one revision of the whole registry: the changed entries, the newly signed
// list and the note of who did what and why are stored in one transaction, against the
// revision that the change was made from. A freeze therefore bites when Freeze returns: the
// next list that anybody fetches has it, and processes that share the store see the new
// revision within Config.Poll.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/strictjson"
	"github.com/showcard/showcard/schemas"
)

// The registry's answers.
var (
	ErrUnknown = errors.New("registry: no such entry")
	ErrInvalid = errors.New("registry: entry is not valid")
)

// Config says what a registry stands on.
type Config struct {
	Store     Store
	Catalogue *schemas.Catalogue
	Signer    key.Signer // signs the trust list; Roots must name it
	Roots     []byte     // the signed roots, served to whoever pins them
	BaseURL   string     // public URL of this deployment
	Now       func() time.Time
	Poll      time.Duration // how often other processes' changes are looked for; default 250 ms
	Lifetime  time.Duration // of a signed list; default 24 h, signed anew at half of it
}

// Registry is safe for concurrent use.
type Registry struct {
	cfg     Config
	roots   *trustlist.Roots
	writing sync.Mutex // one change at a time in this process; others are met by ErrConflict
	current atomic.Pointer[state]
}

// state is the registry at one revision, parsed. It is never changed, only replaced.
type state struct {
	revision    int64
	authorities map[string]Authority
	parties     map[string]Party
	clients     map[string]Client
	providers   map[string]Provider
	domains     map[string]Domain
	types       map[string]TypeState
	list        string
	listParsed  *trustlist.List
}

// New opens a registry. It does not change the store; a new store is filled by Update.
func New(ctx context.Context, cfg Config) (*Registry, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Poll == 0 {
		cfg.Poll = 250 * time.Millisecond
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = 24 * time.Hour
	}
	roots, err := trustlist.ParseRoots(cfg.Roots)
	if err != nil {
		return nil, fmt.Errorf("registry: roots: %w", err)
	}
	r := &Registry{cfg: cfg, roots: roots}
	if err := r.reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Run follows the changes of other processes and signs the list anew before it grows old,
// until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		revision, err := r.cfg.Store.Revision(ctx)
		if err != nil {
			continue // the next tick asks again; the list's own expiry bounds how long we may err
		}
		s := r.current.Load()
		if revision != s.revision {
			if r.reload(ctx) != nil {
				continue
			}
			s = r.current.Load()
		}
		if s.listParsed != nil && r.cfg.Now().Sub(s.listParsed.IssuedAt) > r.cfg.Lifetime/2 {
			_ = r.Update(ctx, "registry", "list signed anew before it expires", func(*Draft) error { return nil })
		}
	}
}

func (r *Registry) reload(ctx context.Context) error {
	snap, err := r.cfg.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("registry: load: %w", err)
	}
	s, err := parse(snap)
	if err != nil {
		return err
	}
	if s.list != "" {
		// What lies in the store is checked like a stranger's list: a database that was
		// tampered with must not be served as trusted.
		list, err := r.roots.Verify(s.list, r.cfg.Now(), 0)
		if err != nil && !errors.Is(err, trustlist.ErrStale) {
			return fmt.Errorf("registry: stored trust list: %w", err)
		}
		s.listParsed = list
	}
	for {
		old := r.current.Load()
		if old != nil && old.revision > s.revision {
			return nil // somebody was faster
		}
		if r.current.CompareAndSwap(old, s) {
			return nil
		}
	}
}

func parse(snap Snapshot) (*state, error) {
	s := &state{
		revision: snap.Revision, authorities: map[string]Authority{}, parties: map[string]Party{}, clients: map[string]Client{},
		providers: map[string]Provider{}, domains: map[string]Domain{}, types: map[string]TypeState{},
	}
	for _, e := range snap.Entries {
		var err error
		switch e.Kind {
		case kindAuthority:
			err = put(s.authorities, e)
		case kindParty:
			err = put(s.parties, e)
		case kindClient:
			err = put(s.clients, e)
		case kindProvider:
			err = put(s.providers, e)
		case kindDomain:
			err = put(s.domains, e)
		case kindType:
			err = put(s.types, e)
		case kindList:
			s.list = string(e.Body)
		}
		if err != nil {
			return nil, fmt.Errorf("registry: stored %s %q: %w", e.Kind, e.ID, err)
		}
	}
	return s, nil
}

func put[T any](m map[string]T, e Entry) error {
	var v T
	if err := strictjson.Decode(e.Body, 16, &v); err != nil {
		return err
	}
	m[e.ID] = v
	return nil
}

// Update makes a change. The function edits a draft; it may run again when another process
// was faster, so it must do nothing else. The new list is signed and stored with the change.
func (r *Registry) Update(ctx context.Context, who, why string, change func(*Draft) error) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	for {
		base := r.current.Load()
		d := newDraft(base)
		if err := change(d); err != nil {
			return err
		}
		if err := d.check(r.cfg.Catalogue); err != nil {
			return err
		}
		now := r.cfg.Now()
		list := r.compile(d, base.revision+1, now)
		text, err := list.Sign(r.cfg.Signer)
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		if _, err := r.roots.Verify(text, now, 0); err != nil {
			return fmt.Errorf("registry: our own list would be refused: %w", err)
		}
		entries := append(d.entries(), Entry{Kind: kindList, ID: "current", Body: []byte(text)})
		err = r.cfg.Store.Save(ctx, base.revision, entries, who, why, now)
		if err != nil && !errors.Is(err, ErrConflict) {
			return fmt.Errorf("registry: save: %w", err)
		}
		if reloadErr := r.reload(ctx); reloadErr != nil {
			return reloadErr
		}
		if err == nil {
			return nil
		}
	}
}

// TrustList returns the signed list as it is published, and its version for an ETag.
func (r *Registry) TrustList() (text string, version int64) {
	s := r.current.Load()
	return s.list, s.revision
}

// Current returns the verified list, for verifiers in the same process.
func (r *Registry) Current(context.Context) (*trustlist.List, error) {
	s := r.current.Load()
	if s.listParsed == nil {
		return nil, fmt.Errorf("%w: no trust list yet", ErrUnknown)
	}
	if !r.cfg.Now().Before(s.listParsed.Expires) {
		return nil, trustlist.ErrStale
	}
	return s.listParsed, nil
}

// Roots returns the signed roots.
func (r *Registry) Roots() []byte { return r.cfg.Roots }

// Empty reports whether nothing was ever stored.
func (r *Registry) Empty() bool { return r.current.Load().revision == 0 }

// IssuerURL returns the "iss" of an authority's certificates.
func (r *Registry) IssuerURL(id string) string { return r.cfg.BaseURL + "/issuers/" + id }

// Authority returns an issuing authority.
func (r *Registry) Authority(id string) (Authority, error) {
	return get(r.current.Load().authorities, "authority", id)
}

// Authorities lists the issuing authorities by id.
func (r *Registry) Authorities() []Authority { return sorted(r.current.Load().authorities) }

// Party returns a relying party.
func (r *Registry) Party(id string) (Party, error) {
	return get(r.current.Load().parties, "relying party", id)
}

// Parties lists the relying parties by id.
func (r *Registry) Parties() []Party { return sorted(r.current.Load().parties) }

// Client returns a client of the API.
func (r *Registry) Client(id string) (Client, error) {
	return get(r.current.Load().clients, "client", id)
}

// TypeState returns whether a type is published and frozen.
func (r *Registry) TypeState(id string) (TypeState, error) {
	return get(r.current.Load().types, "type", id)
}

func get[T any](m map[string]T, what, id string) (T, error) {
	v, ok := m[id]
	if !ok {
		return v, fmt.Errorf("%w: %s %q", ErrUnknown, what, id)
	}
	return v, nil
}

func sorted[T interface{ id() string }](m map[string]T) []T {
	out := make([]T, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b T) int { return strings.Compare(a.id(), b.id()) })
	return out
}

// compile turns a draft into the list that verifiers get.
func (r *Registry) compile(d *Draft, version int64, now time.Time) *trustlist.List {
	// Whole seconds: the list is JSON with Unix times.
	now = now.Truncate(time.Second)
	l := &trustlist.List{Version: version, IssuedAt: now, Expires: now.Add(r.cfg.Lifetime)}
	for _, v := range sorted(d.next.domains) {
		l.Domains = append(l.Domains, trustlist.Domain{Code: v.Code, Name: trustlist.Name(v.Name), BaseURL: v.BaseURL, StatusPrefix: v.StatusPrefix, StatusKeys: dated(v.StatusKeys)})
	}
	for _, v := range sorted(d.next.authorities) {
		l.Issuers = append(l.Issuers, trustlist.Issuer{
			ID: r.IssuerURL(v.ID), Authority: v.USCC, Name: trustlist.Name(v.Name), Domain: v.Domain, Types: v.Types, Regions: v.Regions,
			Keys: dated(v.Keys), NotBefore: v.NotBefore, NotAfter: v.NotAfter, Frozen: v.Frozen,
		})
	}
	for _, v := range sorted(d.next.providers) {
		l.Providers = append(l.Providers, trustlist.Provider{ID: v.ID, Name: trustlist.Name(v.Name), Domain: v.Domain, Keys: dated(v.Keys), Frozen: v.Frozen})
	}
	for _, v := range sorted(d.next.types) {
		if !v.Published {
			continue
		}
		if t, err := r.cfg.Catalogue.Version(v.ID, v.Version); err == nil {
			l.Types = append(l.Types, trustlist.Type{ID: v.ID, Version: v.Version, VCT: r.cfg.BaseURL + t.Path(), Code: t.Code, Frozen: v.Frozen})
		}
	}
	return l
}

func dated(keys []Key) []trustlist.DatedKey {
	out := make([]trustlist.DatedKey, len(keys))
	for i, k := range keys {
		out[i] = trustlist.DatedKey{Key: k.Public, NotBefore: k.NotBefore, NotAfter: k.NotAfter, Frozen: k.Frozen, MaxCopies: k.MaxCopies}
	}
	return out
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("registry: an entry does not marshal: " + err.Error())
	}
	return b
}
