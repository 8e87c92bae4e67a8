package registry

import (
	"context"
	"fmt"
)

// Freeze names what is to stop, or to go on again. Kind is authority, authority-key,
// provider, provider-key, type, party or client; Key is the key id of the two key kinds.
//
// A frozen key is compromised: nothing it ever signed counts any more. It never thaws.
type Freeze struct {
	Kind   string
	ID     string
	Key    string
	Frozen bool
}

// Freeze applies one. When it returns, the published trust list says so.
func (r *Registry) Freeze(ctx context.Context, who, why string, f Freeze) error {
	return r.Update(ctx, who, why, func(d *Draft) error {
		switch f.Kind {
		case "authority", "authority-key":
			a, err := d.Authority(f.ID)
			if err != nil {
				return err
			}
			if f.Kind == "authority" {
				a.Frozen = f.Frozen
			} else if a.Keys, err = freezeKey(a.Keys, f); err != nil {
				return err
			}
			d.PutAuthority(a)
		case "provider", "provider-key":
			p, err := d.Provider(f.ID)
			if err != nil {
				return err
			}
			if f.Kind == "provider" {
				p.Frozen = f.Frozen
			} else if p.Keys, err = freezeKey(p.Keys, f); err != nil {
				return err
			}
			d.PutProvider(p)
		case "type":
			t, err := d.Type(f.ID)
			if err != nil {
				return err
			}
			t.Frozen = f.Frozen
			d.PutType(t)
		case "party":
			p, err := d.Party(f.ID)
			if err != nil {
				return err
			}
			p.Suspended = f.Frozen
			d.PutParty(p)
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
	})
}

func freezeKey(keys []Key, f Freeze) ([]Key, error) {
	if !f.Frozen {
		return nil, fmt.Errorf("%w: a frozen key never thaws; register a new one", ErrInvalid)
	}
	out := append([]Key(nil), keys...)
	for i := range out {
		if out[i].Public.ID() == f.Key {
			out[i].Frozen = true
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: key %q of %q", ErrUnknown, f.Key, f.ID)
}

// ProviderKeyUsable reports whether a wallet provider's key may bind and sign now.
func (r *Registry) ProviderKeyUsable(providerID, keyID string) bool {
	p, ok := r.current.Load().providers[providerID]
	if !ok || p.Frozen {
		return false
	}
	now := r.cfg.Now()
	for _, k := range p.Keys {
		if k.Public.ID() == keyID {
			return !k.Frozen && !now.Before(k.NotBefore) && (k.NotAfter.IsZero() || now.Before(k.NotAfter))
		}
	}
	return false
}
