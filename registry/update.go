package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/showcard/showcard/crypto/trustlist"
)

// maxTries bounds how often a change is made again because other processes were faster.
const maxTries = 32

// Update makes a change. The function edits a draft; it may run again when another process
// was faster, so it must do nothing else. The new list is signed and stored with the change.
func (r *Registry) Update(ctx context.Context, who, why string, change func(*Draft) error) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	// What another process has just done counts: a proposal that it took is approved here, and what
	// it froze is thawed.
	revision, err := r.cfg.Store.Revision(ctx)
	if err != nil {
		return fmt.Errorf("registry: revision: %w", err)
	}
	if revision > r.current.Load().revision {
		if err := r.reload(ctx); err != nil {
			return err
		}
	}
	for range maxTries {
		base := r.current.Load()
		entries, events, now, err := r.prepare(base, who, why, change)
		if err != nil {
			return err
		}
		err = r.cfg.Store.Save(ctx, base.revision, entries, who, why, now, events...)
		if err == nil {
			// It is durable: whoever asked may have gone, the change has happened.
			return r.reload(context.WithoutCancel(ctx))
		}
		if !errors.Is(err, ErrConflict) {
			return fmt.Errorf("registry: save: %w", err)
		}
		if err := r.reload(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w, %d times in a row", ErrConflict, maxTries)
}

// prepare applies the change to a draft of base and returns what is to be stored for it.
func (r *Registry) prepare(base *state, who, why string, change func(*Draft) error) ([]Entry, []Event, time.Time, error) {
	now := r.cfg.Now()
	d := newDraft(base)
	d.who, d.why, d.now, d.alwaysTwo, d.catalogue, d.roots = who, why, now, r.cfg.AlwaysTwo, r.cfg.Catalogue, base.roots
	entries, err := r.write(d, base, now, change)
	return entries, d.events, now, err
}

func (r *Registry) write(d *Draft, base *state, now time.Time, change func(*Draft) error) ([]Entry, error) {
	if err := change(d); err != nil {
		return nil, err
	}
	if err := d.check(r.cfg.Catalogue); err != nil {
		return nil, err
	}
	signer, err := r.signerFor(d.roots, now)
	if err != nil {
		return nil, err
	}
	text, err := r.compile(d, base.revision+1, now).Sign(signer)
	if errors.Is(err, trustlist.ErrMalformed) {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if _, err := d.roots.Verify(text, now, 0); err != nil {
		return nil, fmt.Errorf("registry: our own list would be refused: %w", err)
	}
	bodies := maps.Clone(base.bodies)
	entries := make([]Entry, 0, len(d.touched)+2)
	add := func(id entryID, body []byte) {
		bodies[id] = body
		if len(body) == 0 {
			delete(bodies, id)
		}
		entries = append(entries, Entry{Kind: id.kind, ID: id.id, Body: body})
	}
	for id, v := range d.touched {
		if v == nil {
			add(id, nil)
			continue
		}
		body, err := encode(v)
		if err != nil {
			return nil, err
		}
		// What cannot be read again would stop every process that reads it.
		if err := blank().parse(id, body); err != nil {
			return nil, fmt.Errorf("%w: %s %q: %w", ErrInvalid, id.kind, id.id, err)
		}
		add(id, body)
	}
	add(entryID{kindList, "current"}, []byte(text))
	sealed, err := signSeal(signer, base.revision+1, bodies)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return append(entries, Entry{Kind: kindSeal, ID: "current", Body: []byte(sealed)}), nil
}

// compile turns a draft into the list that verifiers get.
func (r *Registry) compile(d *Draft, version int64, now time.Time) *trustlist.List {
	// Whole seconds: the list is JSON with Unix times.
	now = now.Truncate(time.Second)
	l := &trustlist.List{Version: version, IssuedAt: now, Expires: now.Add(r.cfg.Lifetime)}
	next := d.next.overlaid()
	for _, s := range sorted(next.stops) {
		if s.ID == allRegions {
			l.FrozenAll = true
		} else {
			l.FrozenRegions = append(l.FrozenRegions, s.ID)
		}
	}
	for _, v := range sorted(next.domains) {
		l.Domains = append(l.Domains, trustlist.Domain{Code: v.Code, Name: trustlist.Name(v.Name), BaseURL: v.BaseURL, StatusPrefix: v.StatusPrefix, StatusKeys: dated(v.StatusKeys), ServiceKeys: services(v.ServiceKeys)})
	}
	for _, v := range sorted(next.authorities) {
		l.Issuers = append(l.Issuers, trustlist.Issuer{
			ID: r.IssuerURL(v.ID), Authority: v.USCC, Name: trustlist.Name(v.Name), Domain: v.Domain, Types: v.Types, Regions: v.Regions,
			Keys: dated(v.Keys), NotBefore: v.NotBefore, NotAfter: v.NotAfter, Frozen: v.Frozen,
		})
	}
	for _, v := range sorted(next.providers) {
		l.Providers = append(l.Providers, trustlist.Provider{ID: v.ID, Name: trustlist.Name(v.Name), Domain: v.Domain, Keys: dated(v.Keys), Frozen: v.Frozen})
	}
	for _, v := range sorted(next.types) {
		l.Types = append(l.Types, r.versions(v)...)
	}
	return l
}

// versions lists a type up to the version that is issued now: certificates of the earlier
// ones live on.
func (r *Registry) versions(s TypeState) []trustlist.Type {
	if !s.Published {
		return nil
	}
	var out []trustlist.Type
	for version := 1; version <= s.Version; version++ {
		if t, err := r.cfg.Catalogue.Version(s.ID, version); err == nil {
			out = append(out, trustlist.Type{ID: s.ID, Version: version, VCT: r.cfg.BaseURL + t.Path(), Code: t.Code, Frozen: s.Frozen})
		}
	}
	return out
}

func services(keys []ServiceKey) []trustlist.ServiceKey {
	out := make([]trustlist.ServiceKey, len(keys))
	for i, d := range dated(plain(keys)) {
		out[i] = trustlist.ServiceKey{Use: keys[i].Use, DatedKey: d}
	}
	return out
}

func dated(keys []Key) []trustlist.DatedKey {
	out := make([]trustlist.DatedKey, len(keys))
	for i, k := range keys {
		out[i] = trustlist.DatedKey{Key: k.Public, NotBefore: k.NotBefore, NotAfter: k.NotAfter, Frozen: k.Frozen, MaxCopies: k.MaxCopies}
	}
	return out
}
