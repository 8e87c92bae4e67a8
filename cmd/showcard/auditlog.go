package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/audithttp"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/audit/remote"
)

// The keys that sign checkpoints.
const (
	keyAuditSM2       = "audit-sm2/1"
	secretAuditEd     = "audit-ed25519/1"
	minAuditRetention = 4380 * time.Hour
)

// auditConfig is the key audit of the configuration. There is none that switches the log off.
type auditConfig struct {
	// witnesses cosign the log's checkpoints: the address at which `showcard witness` (or any
	// witness of C2SP tlog-witness) listens, and its verifier key. Default none: then the log
	// proves nothing against who runs this deployment, and every check of it says so.
	Witnesses []witnessConfig `yaml:"witnesses"`
	// witness_interval is how often they are asked. Default 10s.
	WitnessInterval time.Duration `yaml:"witness_interval"`
	// interval is how long an entry waits for its place in the tree, about. Default 1s.
	Interval time.Duration `yaml:"interval"`
	// retention is how long what entries say is kept; the entries stay for good. Default 26280h
	// (three years); less than 4380h (six months) is refused.
	Retention time.Duration `yaml:"retention"`
}

type witnessConfig struct {
	URL string `yaml:"url"`
	Key string `yaml:"key"`
}

// check fills defaults and refuses what cannot work.
func (c *auditConfig) check() error {
	if c.Retention == 0 {
		c.Retention = 26280 * time.Hour
	}
	if c.Retention < minAuditRetention {
		return fmt.Errorf("%w: audit.retention: the law wants six months (4380h) at least", errConfig)
	}
	if c.Interval < 0 || c.Interval > time.Minute || c.WitnessInterval < 0 || c.WitnessInterval > time.Hour {
		return fmt.Errorf("%w: audit: interval is at most 1m, witness_interval at most 1h", errConfig)
	}
	_, err := c.keys()
	return err
}

// keys reads the keys of the witnesses.
func (c *auditConfig) keys() ([]audit.VerifierKey, error) {
	var keys []audit.VerifierKey
	for _, w := range c.Witnesses {
		k, err := audit.ParseVerifierKey(w.Key)
		if err != nil || !k.Witness() {
			return nil, fmt.Errorf("%w: audit.witnesses: key of %s: want a witness's verifier key, as `showcard witness` prints it", errConfig, w.URL)
		}
		u, err := url.Parse(w.URL)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			return nil, fmt.Errorf("%w: audit.witnesses: url: want https://HOST (plain http is for this machine only)", errConfig)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// auditOrigin is the log's name in its checkpoints.
func auditOrigin(publicURL string) string {
	_, host, _ := strings.Cut(publicURL, "://")
	return host + "/v1/audit"
}

// auditSigners returns the log's two signers, making their keys the first time. Witnesses the
// world over read Ed25519; SM2 is the signature that counts here.
func auditSigners(ks *key.Store, publicURL string) ([]audit.Signer, error) {
	origin := auditOrigin(publicURL)
	seed, err := ks.Secret(secretAuditEd, 32)
	if err != nil {
		return nil, err
	}
	ed, err := audit.NewEd25519Signer(origin, seed)
	if err != nil {
		return nil, err
	}
	k, err := signer(ks, keyAuditSM2, key.SM2)
	if err != nil {
		return nil, err
	}
	two, err := audit.NewSM2Signer(origin, k)
	return []audit.Signer{ed, two}, err
}

func (a *app) openAudit() error {
	signers, err := auditSigners(a.keys, a.cfg.PublicURL)
	if err != nil {
		return err
	}
	keys, err := a.cfg.Audit.keys()
	if err != nil {
		return err
	}
	// Witnesses stand where the configuration says, also in a network of one's own.
	guarded := a.cfg
	guarded.OutboundAllow = append([]string{}, a.cfg.OutboundAllow...)
	for _, w := range a.cfg.Audit.Witnesses {
		if u, err := url.Parse(w.URL); err == nil {
			guarded.OutboundAllow = append(guarded.OutboundAllow, u.Scheme+"://"+u.Host)
		}
	}
	var client *http.Client
	if client, err = newOutbound(guarded); err != nil {
		return err
	}
	var witnesses []audit.Witness
	for i, w := range a.cfg.Audit.Witnesses {
		one, err := remote.NewWitness(w.URL, keys[i], client)
		if err != nil {
			return err
		}
		witnesses = append(witnesses, one)
	}
	if len(witnesses) == 0 && !a.cfg.demo {
		a.log.Warn("no witness is configured (audit.witnesses): the audit log proves nothing against who runs this deployment")
	}
	a.audit, err = audit.New(audit.Config{
		Store: a.store, Entries: a.store, Origin: auditOrigin(a.cfg.PublicURL), Signers: signers, Witnesses: witnesses,
		WitnessInterval: a.cfg.Audit.WitnessInterval, Interval: a.cfg.Audit.Interval, Retention: a.cfg.Audit.Retention, Logger: a.log,
	})
	return err
}

func (a *app) mountAudit() error {
	api, err := audithttp.New(a.audit, a.store)
	if err != nil {
		return err
	}
	return a.server.Mount(api.Routes(), audithttp.Errors())
}

// readKeys reads verifier keys: the text itself, or a file of them.
func readKeys(text string) ([]audit.VerifierKey, error) {
	if strings.Count(text, "+") >= 2 && !strings.ContainsRune(text, '\n') {
		if k, err := audit.ParseVerifierKey(text); err == nil {
			return []audit.VerifierKey{k}, nil
		}
	}
	data, err := os.ReadFile(filepath.Clean(text))
	if err != nil {
		return nil, err
	}
	keys, err := audit.ParseVerifierKeys(string(data))
	if err == nil && len(keys) == 0 {
		err = errors.New("no key in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errConfig, text, err)
	}
	return keys, nil
}
