package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/monitor"
	"github.com/showcard/showcard/internal/review"
	"github.com/showcard/showcard/internal/rights/rightshttp"
	sockets "github.com/showcard/showcard/internal/signer"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallethttp"
)

// The names of what a deployment keeps in its keystore. Rotation makes .../2, .../3.
const (
	keyTrustList   = "trust-list/1"
	keyStatus      = "status/1"
	keyProvider    = "wallet-provider/1"
	keyToken       = "token/1"
	keyAuthority   = "authority/" // + id + /1
	secretHolder   = "holder-index"
	secretSlots    = "status-permutation"
	providerID     = "hosted-wallet"
	rootsValidity  = 10 * 365 * 24 * time.Hour
	rootsFile      = "roots.json"
	deploymentFile = "deployment.json"
	// offlineRootKeys is the folder that whoever runs the deployment carries away.
	offlineRootKeys = "offline-root-keys"
)

func algorithm(profile string) key.Algorithm {
	if profile == "es256" {
		return key.ES256
	}
	return key.SM2
}

// deployment is what was decided at the first start and is signed into certificates.
type deployment struct {
	PublicURL string `json:"public_url"`
	Domain    string `json:"domain"`
}

// pinDeployment writes down the public URL at the first start and refuses another one later:
// it is signed into every certificate.
func pinDeployment(cfg config) error {
	path := filepath.Join(cfg.Data, deploymentFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		data, err := json.MarshalIndent(deployment{cfg.PublicURL, cfg.Domain.Code}, "", "  ")
		if err != nil {
			return err
		}
		return writeFile(path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return err
	}
	var d deployment
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("%w: %s: %w", errConfig, path, err)
	}
	if d.PublicURL != cfg.PublicURL || d.Domain != cfg.Domain.Code {
		return fmt.Errorf("%w: certificates of %s are signed for %s, domain %s; it cannot become %s, domain %s (use another data folder)",
			errConfig, cfg.Data, d.PublicURL, d.Domain, cfg.PublicURL, cfg.Domain.Code)
	}
	return nil
}

// openKeystore opens DATA/keystore.json, or makes it at the first start, and has the signer beside it
// when there is one.
func openKeystore(c config) (*key.Store, error) {
	keys, err := openKeystoreFile(c)
	if err != nil || c.Signer == "" {
		return keys, err
	}
	module, err := sockets.NewClient(sockets.ClientConfig{Socket: strings.TrimPrefix(c.Signer, "unix:")})
	if err != nil {
		return nil, err
	}
	return keys, keys.Attach(module)
}

func openKeystoreFile(c config) (*key.Store, error) {
	path := filepath.Join(c.Data, "keystore.json")
	u := key.Unlock{KeyFile: c.KeystoreKeyFile}
	if p := os.Getenv(passphraseVariable); u.KeyFile == "" && p != "" {
		u.Passphrase = []byte(p)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return key.OpenStore(path, u)
	}
	if u.KeyFile != "" {
		if _, err := os.Stat(u.KeyFile); errors.Is(err, os.ErrNotExist) {
			if err := key.NewKeyFile(u.KeyFile); err != nil {
				return nil, fmt.Errorf("key file: %w", err)
			}
		}
	}
	return key.CreateStore(path, u)
}

// signer returns a key of the keystore, making it the first time.
func signer(ks *key.Store, name string, a key.Algorithm) (*key.Private, error) {
	k, err := ks.Signer(name)
	if errors.Is(err, key.ErrNotFound) {
		return ks.Generate(name, a)
	}
	return k, err
}

// ensureRoots returns the signed roots, making three root keys at the first start. The root
// keys are written to DATA/offline-root-keys: whoever runs the deployment carries them away
// (two of three sign the next roots) and deletes the folder.
func ensureRoots(c config, listKey *key.Public, now time.Time) ([]byte, error) {
	path := filepath.Join(c.Data, rootsFile)
	data, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		return data, err
	}
	offline := filepath.Join(c.Data, offlineRootKeys)
	if err := os.MkdirAll(offline, 0o700); err != nil {
		return nil, err
	}
	now = now.Truncate(time.Hour)
	roots := &trustlist.Roots{Version: 1, IssuedAt: now, Expires: now.Add(rootsValidity), Threshold: 2, Signers: []trustlist.DatedKey{{Key: listKey, NotBefore: now}}}
	var signers []key.Signer
	for i := 1; i <= 3; i++ {
		name := filepath.Join(offline, fmt.Sprintf("root-%d.jwk", i))
		k, err := key.ReadFile(name) // there already when the first start was cut short
		if errors.Is(err, os.ErrNotExist) {
			if k, err = key.Generate(algorithm(c.Profile)); err == nil {
				err = key.WriteFile(name, k)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("root key: %w", err)
		}
		roots.Keys = append(roots.Keys, k.Public())
		signers = append(signers, k)
	}
	if data, err = roots.Sign(signers...); err != nil {
		return nil, err
	}
	return data, writeFile(path, data, 0o644)
}

// writeFile replaces a file whole or not at all.
func writeFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// loadTypes reads the built-in certificate types and those of a folder.
func loadTypes(folder string) (*schemas.Catalogue, error) {
	if folder == "" {
		return schemas.Embedded()
	}
	if found, err := filepath.Glob(filepath.Join(folder, "types", "*.json")); err != nil || len(found) == 0 {
		return nil, fmt.Errorf("%w: catalogue: no types/*.json in %s", errConfig, folder)
	}
	types, err := schemas.Load(schemas.Files(), os.DirFS(folder))
	if err != nil {
		return nil, fmt.Errorf("%w: catalogue %s: %w", errConfig, folder, err)
	}
	return types, nil
}

// newTypes lists types, and versions of types, that the registry has not met yet. What an
// operator has said about a type since stays as it is.
func newTypes(types *schemas.Catalogue, known func(id string) (registry.TypeState, error)) []registry.TypeState {
	newest := map[string]registry.TypeState{}
	for _, t := range types.Types() { // versions in order
		if !t.Published {
			continue
		}
		state, err := known(t.ID)
		if err != nil {
			state = registry.TypeState{ID: t.ID, Published: true}
		}
		if state.Version < t.Version {
			state.Version = t.Version
			newest[t.ID] = state
		}
	}
	return slices.Collect(maps.Values(newest))
}

// bootstrap enters what every deployment has into an empty registry: its domain, its wallet
// provider, its types and its operators. Later starts enter types that are new.
func bootstrap(ctx context.Context, c config, r *registry.Registry, ks *key.Store, types *schemas.Catalogue, now time.Time) error {
	publish := func(d *registry.Draft) {
		for _, t := range newTypes(types, d.Type) {
			d.PutType(t)
		}
	}
	operators, err := newOperators(c, r)
	if err != nil {
		return err
	}
	if !r.Empty() {
		if len(newTypes(types, r.TypeState)) == 0 && len(operators) == 0 {
			return nil
		}
		return r.Update(ctx, "start", "new types and operators in the configuration", func(d *registry.Draft) error {
			publish(d)
			for _, o := range operators {
				d.PutClient(o)
			}
			return nil
		})
	}
	a := algorithm(c.Profile)
	since := now.Truncate(time.Hour) // certificates round their "iat" down to the hour
	status, err := signer(ks, keyStatus, a)
	if err != nil {
		return err
	}
	provider, err := signer(ks, keyProvider, a)
	if err != nil {
		return err
	}
	return r.Update(ctx, "first start", "what every deployment has", func(d *registry.Draft) error {
		d.PutDomain(registry.Domain{
			Code: c.Domain.Code, Name: c.Domain.Name, BaseURL: c.PublicURL, StatusPrefix: c.PublicURL + "/status/",
			StatusKeys: []registry.Key{{Public: status.Public(), NotBefore: since}},
		})
		d.PutProvider(registry.Provider{
			ID: providerID, Domain: c.Domain.Code, Name: schemas.Text{ZH: c.Domain.Name.ZH + "证照空间", EN: c.Domain.Name.EN + " wallet"},
			// Whoever steals this key steals at most so many copies; then an operator adds the next.
			Keys: []registry.Key{{Public: provider.Public(), NotBefore: since, MaxCopies: 10_000_000}},
		})
		publish(d)
		for _, o := range operators {
			d.PutClient(o)
		}
		return nil
	})
}

// newOperators reads the operators of the configuration that the registry has not met yet.
func newOperators(c config, r *registry.Registry) ([]registry.Client, error) {
	var operators []registry.Client
	for _, o := range c.Operators {
		if _, err := r.Client(o.ID); err == nil {
			continue
		}
		data, err := os.ReadFile(o.JWK)
		if err != nil {
			return nil, fmt.Errorf("operator %s: %w", o.ID, err)
		}
		k, err := key.ParseJWK(data, false)
		if err != nil {
			return nil, fmt.Errorf("operator %s: %w", o.ID, err)
		}
		operators = append(operators, registry.Client{ID: o.ID, Role: "operator", Scopes: operatorScopes(), Keys: []*key.Public{k}})
	}
	return operators, nil
}

// operatorScopes is what an operator may do. Reading the audit log is not among it: that is for
// auditors, who look at what operators do.
func operatorScopes() []string {
	return []string{"registry", rightshttp.ScopeDisputes, "corrections", review.Scope, monitor.Scope, wallethttp.ScopeDevices}
}
