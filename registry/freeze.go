package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/schemas"
)

// Freeze names what is to stop, or to go on again. Kind is authority, authority-key,
// provider, provider-key, status-key, service-key, type, party, client, region or all; ID names the entry (of a
// status-key or service-key the code of its domain, of a region its GB/T 2260 code, of all "all"), and Key is the
// key id of the four key kinds.
//
// A frozen key is compromised: nothing it ever signed counts any more. It never thaws, and it
// is frozen wherever else it stands.
type Freeze struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Key    string `json:"key,omitempty"`
	Frozen bool   `json:"frozen"`
}

// Freeze applies one, and asks nobody. Behind an operator stands [Registry.Submit]. When it
// returns, the published trust list says so.
func (r *Registry) Freeze(ctx context.Context, who, why string, f Freeze) error {
	return r.Update(ctx, who, why, func(d *Draft) error { return d.freeze(f) })
}

func (d *Draft) freeze(f Freeze) error {
	switch f.Kind {
	case "authority-key", "provider-key", "status-key", "service-key":
		return d.freezeKey(f)
	case "region", "all":
		return d.stop(f)
	case "authority":
		a, err := d.Authority(f.ID)
		if err != nil {
			return err
		}
		a.Frozen = f.Frozen
		d.PutAuthority(a)
	case "provider":
		p, err := d.Provider(f.ID)
		if err != nil {
			return err
		}
		p.Frozen = f.Frozen
		d.PutProvider(p)
	case "type":
		t, err := d.Type(f.ID)
		if err != nil {
			return err
		}
		t.Frozen = f.Frozen
		d.PutType(t)
	case kindParty:
		return d.suspendParty(f.ID, f.Frozen)
	case "client":
		c, err := d.Client(f.ID)
		if err != nil {
			return err
		}
		c.Suspended = f.Frozen
		d.PutClient(c)
	default:
		return fmt.Errorf("%w: kind %q cannot be frozen", ErrInvalid, f.Kind)
	}
	return nil
}

// stop freezes a region or everything.
func (d *Draft) stop(f Freeze) error {
	if f.Kind == "all" && f.ID != allRegions || f.Kind == "region" && !regionForm.MatchString(f.ID) {
		return fmt.Errorf("%w: a %s is not called %q", ErrInvalid, f.Kind, f.ID)
	}
	if f.Frozen {
		if _, stopped := d.next.stops[f.ID]; !stopped {
			store(d, d.next.stops, kindStop, Stop{ID: f.ID, At: d.now.UTC().Truncate(time.Second)})
		}
		return nil
	}
	if _, stopped := d.next.stops[f.ID]; !stopped {
		return fmt.Errorf("%w: %s %q is not frozen", ErrUnknown, f.Kind, f.ID)
	}
	delete(d.next.stops, f.ID)
	d.touched[entryID{kindStop, f.ID}] = nil
	return nil
}

// FrozenRegion reports whether certificates of a region are frozen, by its own freeze or that of a
// region around it. An empty region asks for everything.
func (r *Registry) FrozenRegion(region string) (frozen, all bool) {
	for id := range r.current.Load().live.stops {
		all = all || id == allRegions
		frozen = frozen || id != allRegions && (id == region || schemas.RegionCovers(id, region))
	}
	return frozen || all, all
}

// StoppedRegions are the regions that are frozen, and StoppedAll says that everything is.
func (r *Registry) StoppedRegions() []string {
	var out []string
	for _, s := range sorted(r.current.Load().live.stops) {
		if s.ID != allRegions {
			out = append(out, s.ID)
		}
	}
	return out
}

// StoppedAll reports whether everything is frozen.
func (r *Registry) StoppedAll() bool {
	_, all := r.current.Load().live.stops[allRegions]
	return all
}

func (d *Draft) freezeKey(f Freeze) error {
	if !f.Frozen {
		return fmt.Errorf("%w: a frozen key never thaws; register a new one", ErrInvalid)
	}
	stolen, err := d.find(f)
	if err != nil {
		return err
	}
	for id := range d.next.authorities {
		if a, err := d.Authority(id); err == nil && frozen(a.Keys, stolen) {
			d.PutAuthority(a)
		}
	}
	for id := range d.next.providers {
		if p, err := d.Provider(id); err == nil && frozen(p.Keys, stolen) {
			d.PutProvider(p)
		}
	}
	for id := range d.next.domains {
		v, err := d.Domain(id)
		if err != nil {
			continue
		}
		found := frozen(v.StatusKeys, stolen)
		for i := range v.ServiceKeys {
			if v.ServiceKeys[i].Public.Equal(stolen) {
				v.ServiceKeys[i].Frozen, found = true, true
			}
		}
		if found {
			d.PutDomain(v)
		}
	}
	return nil
}

// find returns the key that a freeze means.
func (d *Draft) find(f Freeze) (*key.Public, error) {
	var keys []Key
	switch f.Kind {
	case "authority-key":
		a, err := d.Authority(f.ID)
		if err != nil {
			return nil, err
		}
		keys = a.Keys
	case "provider-key":
		p, err := d.Provider(f.ID)
		if err != nil {
			return nil, err
		}
		keys = p.Keys
	case "status-key":
		v, err := d.Domain(f.ID)
		if err != nil {
			return nil, err
		}
		keys = v.StatusKeys
	case "service-key":
		v, err := d.Domain(f.ID)
		if err != nil {
			return nil, err
		}
		keys = plain(v.ServiceKeys)
	}
	for _, k := range keys {
		if k.Public.ID() == f.Key {
			return k.Public, nil
		}
	}
	return nil, fmt.Errorf("%w: key %q of %q", ErrUnknown, f.Key, f.ID)
}

// frozen freezes the key in place where it stands among keys, and says whether it does.
func frozen(keys []Key, stolen *key.Public) (found bool) {
	for i := range keys {
		if keys[i].Public.Equal(stolen) {
			keys[i].Frozen, found = true, true
		}
	}
	return found
}

// ProviderKeyUsable reports whether a wallet provider's key may bind and sign now. A key that
// begins within the hour waits for the next: the "iat" of what is bound to it is rounded down
// to the hour, and verifiers refuse one before the key's time.
func (r *Registry) ProviderKeyUsable(providerID, keyID string) bool {
	p, ok := r.current.Load().live.providers[providerID]
	if !ok || p.Frozen {
		return false
	}
	now := r.cfg.Now()
	for _, k := range p.Keys {
		if k.Public.ID() == keyID {
			return !k.Frozen && !now.Truncate(time.Hour).Before(k.NotBefore) && (k.NotAfter.IsZero() || now.Before(k.NotAfter))
		}
	}
	return false
}

// KeyLimit returns how many copies may be bound to a key: what its wallet provider's entry says,
// and no limit for the keys of people's own devices.
func (r *Registry) KeyLimit(k *key.Public) int64 {
	for _, p := range r.current.Load().live.providers {
		for _, one := range p.Keys {
			if one.Public.Equal(k) {
				return one.MaxCopies
			}
		}
	}
	return 0
}

// IssuerKeyFrozen reports whether a key of an authority, named by the "iss" of its
// certificates, is frozen.
func (r *Registry) IssuerKeyFrozen(iss, kid string) bool {
	for _, a := range r.current.Load().live.authorities {
		if r.IssuerURL(a.ID) != iss {
			continue
		}
		for _, k := range a.Keys {
			if k.Public.ID() == kid {
				return k.Frozen
			}
		}
	}
	return false
}
