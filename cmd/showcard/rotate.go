package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/registry"
)

type rotateCommand struct {
	Kind    string        `arg:"" enum:"status,wallet-provider,trust-list" help:"status (of status lists), wallet-provider (of copies), or trust-list."`
	Config  string        `short:"c" xor:"where" placeholder:"FILE" type:"existingfile" help:"Configuration of the server."`
	Data    string        `xor:"where" placeholder:"DIR" env:"SHOWCARD_DATA" help:"Data folder of a demo."`
	Overlap time.Duration `default:"48h" help:"How long the key of before goes on signing beside the next, for lists and copies on their way."`
	Copies  int64         `default:"10000000" help:"Of a wallet-provider key: how many copies may be bound to it."`
}

// Help is what --help prints below the flags.
func (rotateCommand) Help() string {
	return `Makes the next key in the keystore and, but for trust-list, registers it with its dates; the key of before
ends after the overlap, and what it signed in its time stays good. The server goes on meanwhile and takes the next
key up within a second, without a restart. Run it on the server's machine: it opens keystore and database.

A trust-list key is named by the trust roots, so the command prints its public half for "showcard roots next
--list-key FILE"; the server uses it as soon as the next roots are there.

  showcard rotate status -c showcard.yaml
  showcard rotate trust-list -c showcard.yaml > list-key-2.jwk`
}

// Run makes and registers the next key.
func (c *rotateCommand) Run(e *env) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	ks, err := openKeystore(cfg)
	if err != nil {
		return err
	}
	made, name, err := nextKey(ks, c.Kind, algorithm(cfg.Profile))
	if err != nil {
		return err
	}
	public, err := json.MarshalIndent(made.Public(), "", "  ")
	if err != nil {
		return err
	}
	if c.Kind != "trust-list" {
		if err := c.register(e.ctx, cfg, ks, made.Public(), name); err != nil {
			return fmt.Errorf("%s is in the keystore, and not registered: %w", name, err)
		}
	}
	fmt.Fprintf(e.stderr, "已生成密钥 made %s\n", name)
	_, err = fmt.Fprintf(e.stdout, "%s\n", public)
	return err
}

func (c *rotateCommand) config() (config, error) {
	if c.Config != "" {
		return readConfig(c.Config)
	}
	if c.Data == "" {
		return config{}, fmt.Errorf("%w: give --config FILE, or --data DIR of a demo", errConfig)
	}
	return (&demoCommand{Data: c.Data, Profile: "sm2", Volatile: "memory"}).config("127.0.0.1:0")
}

// nextKey makes KIND/N+1.
func nextKey(ks *key.Store, kind string, alg key.Algorithm) (*key.Private, string, error) {
	newest := 0
	for _, name := range ks.Names() {
		text, ok := strings.CutPrefix(name, kind+"/")
		if n, err := strconv.Atoi(text); ok && err == nil {
			newest = max(newest, n)
		}
	}
	if newest == 0 {
		return nil, "", fmt.Errorf("%w: this keystore has no key of kind %s yet", errConfig, kind)
	}
	name := fmt.Sprintf("%s/%d", kind, newest+1)
	made, err := ks.Generate(name, alg)
	return made, name, err
}

// register enters the key as the machine's owner, who has the keys of this deployment in hand
// anyway; the history and the audit log say so.
func (c *rotateCommand) register(ctx context.Context, cfg config, ks *key.Store, public *key.Public, name string) (err error) {
	a := &app{cfg: cfg, log: slog.New(slog.DiscardHandler), keys: ks}
	defer func() { err = errors.Join(err, a.close()) }()
	if a.types, err = loadTypes(cfg.Catalogue); err != nil {
		return err
	}
	if err := a.openStores(ctx); err != nil {
		return err
	}
	if err := a.openRegistry(ctx); err != nil {
		return err
	}
	now := time.Now().Truncate(time.Second)
	return a.registry.Update(ctx, "showcard rotate", "rotation of "+name, func(d *registry.Draft) error {
		switch c.Kind {
		case "status":
			v, err := d.Domain(cfg.Domain.Code)
			if err != nil {
				return err
			}
			v.StatusKeys = append(ended(v.StatusKeys, now.Add(c.Overlap)), registry.Key{Public: public, NotBefore: now})
			d.PutDomain(v)
		case "wallet-provider":
			p, err := d.Provider(providerID)
			if err != nil {
				return err
			}
			// Copies are dated by the hour: a key that begins within one waits for the next, and
			// until then the one before must go on.
			since := now.Truncate(time.Hour)
			p.Keys = append(ended(p.Keys, now.Add(max(c.Overlap, time.Hour))), registry.Key{Public: public, NotBefore: since, MaxCopies: c.Copies})
			d.PutProvider(p)
		}
		return nil
	})
}

// ended gives open keys an end.
func ended(keys []registry.Key, at time.Time) []registry.Key {
	keys = slices.Clone(keys)
	for i := range keys {
		if keys[i].NotAfter.IsZero() || keys[i].NotAfter.After(at) {
			keys[i].NotAfter = at.UTC().Truncate(time.Second)
		}
	}
	return keys
}
