package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
)

// partyError is the registry's word on a relying party as the verifier says it.
func partyError(err error) error {
	for from, to := range map[error]error{
		registry.ErrPartyNotReleased: verifier.ErrPartyNotReleased, registry.ErrPartySuspended: verifier.ErrPartySuspended,
		registry.ErrPartyRetired: verifier.ErrPartyRetired, registry.ErrPartyNotActive: verifier.ErrPartyNotActive,
	} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w: %w", to, err)
		}
	}
	return err
}

// stopped reports whether a freeze of a region, or of all, stops what belongs to the region.
func stopped(r *registry.Registry, region string) bool {
	frozen, _ := r.FrozenRegion(region)
	return frozen
}

// providerKeys returns the wallet provider's keys that the registry lets sign now and that are
// here, the newest first.
func providerKeys(r *registry.Registry, ks *key.Store) func(context.Context) ([]key.Signer, error) {
	keys := newKeyring(ks, "wallet-provider/")
	return func(context.Context) ([]key.Signer, error) {
		p, err := r.Provider(providerID)
		if err != nil {
			return nil, err
		}
		var usable []key.Signer
		for i := len(p.Keys) - 1; i >= 0; i-- {
			if !r.ProviderKeyUsable(providerID, p.Keys[i].Public.ID()) {
				continue
			}
			k, err := keys.signer(p.Keys[i].Public)
			if errors.Is(err, key.ErrNotFound) {
				continue // another deployment's
			}
			if err != nil {
				return nil, err
			}
			usable = append(usable, k)
		}
		return usable, nil
	}
}

// statusSigner returns the newest key of our domain that the registry lets sign status lists now
// and that is here.
func statusSigner(r *registry.Registry, ks *key.Store, domain string) func() (key.Signer, error) {
	keys := newKeyring(ks, "status/")
	return func() (key.Signer, error) {
		d, err := r.Domain(domain)
		if err != nil {
			return nil, err
		}
		now := time.Now().Truncate(time.Second)
		for i := len(d.StatusKeys) - 1; i >= 0; i-- {
			k := d.StatusKeys[i]
			if k.Frozen || now.Before(k.NotBefore) || !k.NotAfter.IsZero() && now.After(k.NotAfter) {
				continue
			}
			s, err := keys.signer(k.Public)
			if errors.Is(err, key.ErrNotFound) {
				continue
			}
			return s, err
		}
		return nil, fmt.Errorf("%w: no key of domain %s may sign status lists now", key.ErrNotFound, domain)
	}
}

// listSigners finds the private halves of the list keys that newer roots name.
func listSigners(ks *key.Store) func(*key.Public) (key.Signer, error) {
	keys := newKeyring(ks, "trust-list/")
	return func(public *key.Public) (key.Signer, error) {
		k, err := keys.signer(public)
		if err != nil {
			return nil, err
		}
		return k, nil
	}
}

// seedOperator adds the second operator to a demo of before there was one.
func (a *app) seedOperator(ctx context.Context, clients []registry.Client) error {
	second := clients[len(clients)-1]
	if _, err := a.registry.Client(second.ID); !errors.Is(err, registry.ErrUnknown) {
		return err
	}
	return a.registry.Update(ctx, "demo", "the demo's second operator", func(d *registry.Draft) error {
		d.PutClient(second)
		return nil
	})
}

// openRegistry opens the registry over the stores and enters what a first start, new roots and the
// configuration bring.
func (a *app) openRegistry(ctx context.Context) error {
	listKey, err := signer(a.keys, keyTrustList, algorithm(a.cfg.Profile))
	if err != nil {
		return err
	}
	roots, err := ensureRoots(a.cfg, listKey.Public(), time.Now())
	if err != nil {
		return err
	}
	a.registry, err = registry.New(ctx, registry.Config{
		Store: a.store, Catalogue: a.types, Signer: listKey, Keys: listSigners(a.keys), Roots: roots, BaseURL: a.cfg.PublicURL,
		AlwaysTwo: a.cfg.TwoOperators == "always",
	})
	if err != nil {
		return err
	}
	if err := a.addRoots(ctx); err != nil {
		return err
	}
	return bootstrap(ctx, a.cfg, a.registry, a.keys, a.types, time.Now())
}

// addRoots takes the root sets that lie in the data folder as roots-2.json, roots-3.json… and that
// the registry does not have yet, one after another.
func (a *app) addRoots(ctx context.Context) error {
	pinned, err := trustlist.ParseRoots(a.registry.Roots())
	if err != nil {
		return err
	}
	for version := pinned.Version + 1; ; version++ {
		data, err := os.ReadFile(filepath.Join(a.cfg.Data, fmt.Sprintf("roots-%d.json", version)))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil {
			_, err = a.registry.AddRoots(ctx, "start", "new trust roots in the data folder", data)
		}
		if err != nil {
			return fmt.Errorf("roots-%d.json: %w", version, err)
		}
	}
}
