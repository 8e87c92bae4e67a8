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
//
// The store is not trusted. Beside the entries lies a seal, signed with the list's key, over
// all of them: who edits the database by hand, or gives himself the key of a client, is
// refused when it is read, and what was in force before stays in force.
package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/schemas"
)

// The registry's answers.
var (
	ErrUnknown = errors.New("registry: no such entry")
	ErrInvalid = errors.New("registry: entry is not valid")
	// ErrTampered says that what lies in the store is not what was signed.
	ErrTampered = errors.New("registry: the store was changed by another hand")
	// ErrRolledBack says that the store went back to an older revision: a backup was put
	// in place under a running process.
	ErrRolledBack = errors.New("registry: the store went back in time")
)

// Config says what a registry stands on.
type Config struct {
	Store     Store
	Catalogue *schemas.Catalogue
	Signer    key.Signer // signs the trust list; the roots must name it, or one of Keys
	// Keys finds the private half of another list signer that newer roots name. Default: none.
	Keys  func(*key.Public) (key.Signer, error)
	Roots []byte // the signed roots that whoever relies on this deployment pins first
	// AlwaysTwo asks for a second operator also before there is one. Otherwise the first operator
	// acts alone until a second is registered.
	AlwaysTwo bool
	BaseURL   string // public URL of this deployment
	Now       func() time.Time
	Poll      time.Duration // how often other processes' changes are looked for; default 250 ms
	Lifetime  time.Duration // of a signed list; default 24 h, signed anew at half of it
	Logger    *slog.Logger  // default slog.Default()
}

// Registry is safe for concurrent use. What its methods return is shared: it is not to be
// changed.
type Registry struct {
	cfg     Config
	roots   *trustlist.Roots
	writing sync.Mutex // one change at a time in this process; others are met by ErrConflict
	loading sync.Mutex // reads of the store come one after another, so that revisions only rise
	current atomic.Pointer[state]
	fresh   atomic.Pointer[time.Time]
}

// New opens a registry. It does not change the store; a new store is filled by Update, and an
// old one whose list has expired gets a new list as soon as Run runs.
func New(ctx context.Context, cfg Config) (*Registry, error) {
	if cfg.Store == nil || cfg.Catalogue == nil || cfg.Signer == nil || cfg.BaseURL == "" {
		return nil, errors.New("registry: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Poll <= 0 {
		cfg.Poll = 250 * time.Millisecond
	}
	if cfg.Lifetime <= 0 {
		cfg.Lifetime = 24 * time.Hour
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	roots, err := trustlist.ParseRoots(cfg.Roots)
	if err != nil {
		return nil, fmt.Errorf("registry: roots: %w", err)
	}
	r := &Registry{cfg: cfg, roots: roots}
	if err := r.reload(ctx); err != nil {
		return nil, err
	}
	if _, err := r.signerFor(r.current.Load().roots, cfg.Now()); err != nil {
		return nil, err
	}
	return r, nil
}

// Run follows the changes of other processes and signs the list anew before it grows old,
// until ctx ends. When it cannot, it goes on trying: the list's own expiry bounds for how long
// verifiers go by it, and Fresh tells everybody else.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	told := ""
	for {
		switch err := r.follow(ctx); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			told = ""
		case err.Error() != told: // once, not four times a second
			told = err.Error()
			r.cfg.Logger.ErrorContext(ctx, "registry: cannot follow the store", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

var errNotDue = errors.New("registry: the list is young enough")

func (r *Registry) follow(ctx context.Context) error {
	asked := r.cfg.Now()
	revision, err := r.cfg.Store.Revision(ctx)
	if err != nil {
		return fmt.Errorf("registry: revision: %w", err)
	}
	if revision != r.current.Load().revision {
		if err := r.reload(ctx); err != nil {
			return err
		}
	}
	r.sawStore(asked)
	if r.overdue(r.current.Load()) {
		if err := r.lapse(ctx); err != nil {
			return err
		}
	}
	if !r.due(r.current.Load()) {
		return nil
	}
	err = r.Update(ctx, "registry", "list signed anew before it expires", func(d *Draft) error {
		if !r.due(d.base) {
			return errNotDue // another process was faster
		}
		return nil
	})
	if errors.Is(err, errNotDue) {
		return nil
	}
	return err
}

// due reports whether the list is to be signed anew.
func (r *Registry) due(s *state) bool {
	return s.revision > 0 && (s.listParsed == nil || r.cfg.Now().Sub(s.listParsed.IssuedAt) > r.cfg.Lifetime/2)
}

func (r *Registry) reload(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	asked := r.cfg.Now()
	snap, err := r.cfg.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("registry: load: %w", err)
	}
	if old := r.current.Load(); old != nil && snap.Revision < old.revision {
		return fmt.Errorf("%w: from revision %d to %d", ErrRolledBack, old.revision, snap.Revision)
	}
	s, err := r.open(snap)
	if err != nil {
		return err
	}
	r.current.Store(s)
	r.sawStore(asked)
	return nil
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

// Empty reports whether nothing was ever stored.
func (r *Registry) Empty() bool { return r.current.Load().revision == 0 }

// IssuerURL returns the "iss" of an authority's certificates.
func (r *Registry) IssuerURL(id string) string { return r.cfg.BaseURL + "/issuers/" + id }

// Authority returns an issuing authority.
func (r *Registry) Authority(id string) (Authority, error) {
	return get(r.current.Load().live.authorities, "authority", id)
}

// Authorities lists the issuing authorities by id.
func (r *Registry) Authorities() []Authority { return sorted(r.current.Load().live.authorities) }

// Party returns a relying party.
func (r *Registry) Party(id string) (Party, error) {
	return get(r.current.Load().live.parties, "relying party", id)
}

// Parties lists the relying parties by id.
func (r *Registry) Parties() []Party { return sorted(r.current.Load().live.parties) }

// Client returns a client of the API.
func (r *Registry) Client(id string) (Client, error) {
	return get(r.current.Load().live.clients, "client", id)
}

// Clients lists the clients of the API by id.
func (r *Registry) Clients() []Client { return sorted(r.current.Load().live.clients) }

// Provider returns a wallet provider.
func (r *Registry) Provider(id string) (Provider, error) {
	return get(r.current.Load().live.providers, "wallet provider", id)
}

// Domain returns a domain.
func (r *Registry) Domain(code string) (Domain, error) {
	return get(r.current.Load().live.domains, "domain", code)
}

// Providers lists the wallet providers by id.
func (r *Registry) Providers() []Provider { return sorted(r.current.Load().live.providers) }

// Domains lists the domains by code.
func (r *Registry) Domains() []Domain { return sorted(r.current.Load().live.domains) }

// Types lists the states of the types by id.
func (r *Registry) Types() []TypeState { return sorted(r.current.Load().live.types) }

// TypeState returns whether a type is published and frozen.
func (r *Registry) TypeState(id string) (TypeState, error) {
	return get(r.current.Load().live.types, "type", id)
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
