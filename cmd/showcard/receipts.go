package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
)

// keyReceipt begins the names of the keys that sign receipts: receipt/1, receipt/2 …
const keyReceipt = "receipt/"

// receiptOverlap is how long a key that was rotated away may go on signing: processes that have
// not seen the new one yet use the old one.
const receiptOverlap = 24 * time.Hour

var errNoReceiptKey = errors.New("no key may sign receipts now")

// ensureServiceKeys makes the first key for receipts and the key of the audit log, and enters into
// the registry what the keystore has and the registry has not: at the first start, at the first
// start of a version that knows them, and after `showcard keygen --name receipt/2`. An older key
// is given an end and stays in the list, so that what it signed stays checkable.
func ensureServiceKeys(ctx context.Context, c config, r *registry.Registry, ks *key.Store, now time.Time) error {
	names := receiptKeyNames(ks)
	if len(names) == 0 {
		names = []string{keyReceipt + "1"}
	}
	of := map[string][]*key.Public{}
	add := func(use, name string, a key.Algorithm) error {
		k, err := signer(ks, name, a)
		if err != nil {
			return fmt.Errorf("key %s: %w", name, err)
		}
		of[use] = append(of[use], k.Public())
		return nil
	}
	for _, name := range names {
		if err := add(trustlist.UseReceipt, name, algorithm(c.Profile)); err != nil {
			return err
		}
	}
	if err := add(trustlist.UseAudit, keyAuditSM2, key.SM2); err != nil {
		return err
	}
	uses := []string{trustlist.UseReceipt, trustlist.UseAudit}
	enter := func(d *registry.Draft) error {
		v, err := d.Domain(c.Domain.Code)
		if err != nil {
			return err
		}
		for _, use := range uses {
			for _, k := range missingServiceKeys(v, of[use]) {
				for i := range v.ServiceKeys {
					if old := &v.ServiceKeys[i]; old.Use == use && old.NotAfter.IsZero() {
						old.NotAfter = now.Add(receiptOverlap).Truncate(time.Second)
					}
				}
				v.ServiceKeys = append(v.ServiceKeys, registry.ServiceKey{Use: use, Key: registry.Key{Public: k, NotBefore: now.Truncate(time.Second)}})
			}
		}
		d.PutDomain(v)
		return nil
	}
	for _, v := range r.Domains() {
		if v.Code == c.Domain.Code && len(missingServiceKeys(v, slices.Concat(of[trustlist.UseReceipt], of[trustlist.UseAudit]))) == 0 {
			return nil
		}
	}
	return r.Update(ctx, "start", "keys that sign receipts and the audit log", enter)
}

// receiptKeyNames are the keys for receipts in the order of their numbers.
func receiptKeyNames(ks *key.Store) []string {
	var names []string
	for _, name := range ks.Names() {
		if _, err := strconv.Atoi(strings.TrimPrefix(name, keyReceipt)); err == nil && strings.HasPrefix(name, keyReceipt) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, _ := strconv.Atoi(strings.TrimPrefix(a, keyReceipt))
		y, _ := strconv.Atoi(strings.TrimPrefix(b, keyReceipt))
		return x - y
	})
	return names
}

func missingServiceKeys(d registry.Domain, keys []*key.Public) []*key.Public {
	var missing []*key.Public
	for _, k := range keys {
		if !slices.ContainsFunc(d.ServiceKeys, func(s registry.ServiceKey) bool { return s.Public.Equal(k) }) {
			missing = append(missing, k)
		}
	}
	return missing
}

// receipts says how this deployment signs receipts: with the newest key that the registry lets
// sign at that moment, so that a rotation and a freeze bite in every process at once.
func receipts(c config, r *registry.Registry, ks *key.Store) *verifier.ReceiptConfig {
	keys := newKeyring(ks, keyReceipt)
	return &verifier.ReceiptConfig{
		Issuer: c.PublicURL, Hash: receipt.HashFor(algorithm(c.Profile)),
		Signer: func(context.Context) (key.Signer, error) {
			now := time.Now()
			for _, d := range r.Domains() {
				if d.Code != c.Domain.Code {
					continue
				}
				for _, k := range slices.Backward(d.ServiceKeys) {
					if k.Use != trustlist.UseReceipt || k.Frozen || now.Before(k.NotBefore) || !k.NotAfter.IsZero() && !now.Before(k.NotAfter) {
						continue
					}
					s, err := keys.signer(k.Public)
					if errors.Is(err, key.ErrNotFound) {
						continue
					}
					return s, err
				}
			}
			return nil, errNoReceiptKey
		},
	}
}
