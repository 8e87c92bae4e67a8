package verifier

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
)

// Why a bundle is refused, besides the errors of package bundle and of package trustlist.
var (
	// ErrBundleSigner says that it is not of this deployment, or not by a key of its status lists.
	ErrBundleSigner = errors.New("verifier: bundle by another signer")
	// ErrBundleFuture says that it is dated in the future: it would never grow old.
	ErrBundleFuture = errors.New("verifier: bundle from the future")
	// ErrBundleTrust says that there is no trust list in it, and none at hand.
	ErrBundleTrust = errors.New("verifier: no trust list, and none in the bundle")
	// ErrListNotTaken says that a certificate's status list is not among those that were taken along.
	ErrListNotTaken = errors.New("verifier: status list is not in the bundle")
)

// BundleCode is the stable code of why a bundle was refused, and "" for any other error.
func BundleCode(err error) string {
	for _, row := range [...]struct {
		err  error
		code string
	}{
		{bundle.ErrMalformed, "bundle-malformed"}, {bundle.ErrSignature, "bundle-signature-invalid"},
		{bundle.ErrRolledBack, "bundle-rolled-back"}, {bundle.ErrGap, "bundle-gap"}, {bundle.ErrTooLarge, "bundle-too-large"},
		{ErrBundleSigner, "bundle-wrong-signer"}, {ErrBundleFuture, "bundle-from-future"}, {ErrBundleTrust, "bundle-trust-missing"},
		{ErrListNotTaken, "bundle-list-missing"},
	} {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	if !errors.Is(err, errBundleTrust) {
		return ""
	}
	switch code := trustCode(err); code {
	case "trust-list-stale", "trust-list-rolled-back":
		return code
	}
	return "trust-list-invalid" // also a signer that the roots do not name, and roots that do not follow
}

// errBundleTrust marks what is wrong with the roots or the trust list in a bundle.
var errBundleTrust = errors.New("verifier: trust in the bundle")

// BundleConfig says whose bundles to keep. Base and Roots are needed.
type BundleConfig struct {
	Base  string // the deployment, as its domain's base URL stands in the trust list
	Roots []byte // pinned; they come from the operator on a safe way
	// Token gives an access token with the scope verify, for Renew.
	Token  func(ctx context.Context) (string, error)
	Client *http.Client
	Now    func() time.Time
	// MaxAge is how old what a bundle says of a certificate may be. Default, and most: a day.
	MaxAge time.Duration
	// Statuses says whether the status lists are taken along: they are for certificates that are
	// presented whole. Offline codes need none.
	Statuses bool
}

// Bundles keeps what an offline checker knows: the trust list, the revoked codes and, if wanted, the
// status lists of a deployment, as of the newest bundle. It is a [TrustSource], a [StatusSource] and
// [RevokedCodes], and safe for concurrent use.
//
//	kept, err := verifier.KeepBundles(cfg)
//	err = kept.Restore(fromDisk)   // signed, so the disk need not be believed
//	err = kept.Renew(ctx)          // whenever there is network
//	save(kept.Kept())
type Bundles struct {
	cfg    BundleConfig
	client *http.Client
	pinned *trustlist.Roots

	mu   sync.RWMutex
	have held
	anew bool // what is held does not continue: ask for all
}

// held is replaced whole, or not at all.
type held struct {
	roots *trustlist.Roots
	list  *trustlist.List
	state *bundle.State
	kept  []keptBundle
}

// full: so many bundles are kept that all is asked for anew.
func (h *held) full() bool {
	size := 0
	for _, k := range h.kept {
		size += len(k.data)
	}
	return len(h.kept) >= maxKept || size >= maxKeptBytes
}

type keptBundle struct {
	data     []byte
	keyID    string
	key      *key.Public
	issuedAt time.Time
}

// Bounds of the chain that is kept before all is asked for anew.
const (
	maxKept      = 64
	maxKeptBytes = 2 * bundle.MaxSize
)

// KeepBundles begins with nothing.
func KeepBundles(cfg BundleConfig) (*Bundles, error) {
	roots, err := trustlist.ParseRoots(cfg.Roots)
	if err != nil {
		return nil, fmt.Errorf("verifier: pinned roots: %w", err)
	}
	if cfg.Base = strings.TrimSuffix(cfg.Base, "/"); cfg.Base == "" || cfg.MaxAge < 0 || cfg.MaxAge > sdcwt.MaxLifetime {
		return nil, fmt.Errorf("verifier: bundles need a base, and an age of at most %s", sdcwt.MaxLifetime)
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = sdcwt.MaxLifetime
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Bundles{cfg: cfg, client: defaultClient(cfg.Client), pinned: roots, have: held{roots: roots, state: &bundle.State{}}}, nil
}

// Take verifies a bundle and takes it over. When it refuses, what was known is known still.
func (b *Bundles) Take(data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.take(data, b.cfg.Now())
}

// Restore takes over what Kept gave, in an earlier life of this program. Each is judged as of its own
// date; whether it is too old by now shows when something is checked.
func (b *Bundles) Restore(kept [][]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.cfg.Now()
	for _, data := range kept {
		u, err := bundle.Parse(data)
		if err != nil {
			return err
		}
		at := u.IssuedAt()
		if at.After(now) {
			at = now
		}
		if err := b.take(data, at); err != nil {
			return err
		}
	}
	return nil
}

// Kept is what to keep over a restart.
func (b *Bundles) Kept() [][]byte {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make([][]byte, len(b.have.kept))
	for i, k := range b.have.kept {
		out[i] = k.data
	}
	return out
}

func (b *Bundles) take(data []byte, at time.Time) error {
	u, err := bundle.Parse(data)
	if err != nil {
		return err
	}
	if u.IssuedAt().After(at.Add(statuslist.Skew)) {
		return fmt.Errorf("%w: by %s", ErrBundleFuture, u.IssuedAt().Sub(at).Round(time.Second))
	}
	next := b.have
	if t := u.Trust(); t != nil {
		if next.roots, next.list, err = follow(next.roots, next.list, t, at); err != nil {
			return fmt.Errorf("%w: %w", errBundleTrust, err)
		}
	}
	home, err := b.home(next.list, u.Issuer())
	if err != nil {
		return err
	}
	k, err := home.StatusKey(u.KeyID, u.IssuedAt())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBundleSigner, err)
	}
	verified, err := u.Verify(k)
	if err != nil {
		return err
	}
	// A key that the list does not know any more may have said anything.
	for _, old := range next.kept {
		if now, err := home.StatusKey(old.keyID, old.issuedAt); err != nil || !now.Equal(old.key) {
			next.state, next.kept = &bundle.State{}, nil
			break
		}
	}
	if next.full() {
		// All was asked for, and this is all there is: lists that are gone do not keep the chain growing.
		next.state = next.state.Only(verified)
	}
	whole := isWhole(verified, next.state) && b.leads(verified.Trust, next.roots, at)
	if next.state, err = next.state.Apply(verified); err != nil {
		b.anew = b.anew || errors.Is(err, bundle.ErrGap)
		return err
	}
	one := keptBundle{data: data, keyID: u.KeyID, key: k, issuedAt: u.IssuedAt()}
	if whole {
		next.kept, b.anew = []keptBundle{one}, false
	} else {
		next.kept = append(next.kept[:len(next.kept):len(next.kept)], one)
	}
	b.have = next
	return nil
}

// isWhole: whoever has this bundle needs none of before.
func isWhole(v *bundle.Bundle, s *bundle.State) bool {
	if v.Trust == nil || v.Serials.From > 0 {
		return false
	}
	for name := range s.Lists() {
		if l, there := v.Lists[name]; !there || l.From > 0 {
			return false
		}
	}
	for _, l := range v.Lists {
		if l.From > 0 {
			return false
		}
	}
	return true
}

// leads: by this trust alone one comes from the pinned roots to those at hand.
func (b *Bundles) leads(t *bundle.Trust, to *trustlist.Roots, at time.Time) bool {
	roots, _, err := follow(b.pinned, nil, t, at)
	return err == nil && roots.Version == to.Version
}

// follow goes from roots to the newest in a bundle, and has those judge the list, which must not be older
// than the one at hand.
func follow(roots *trustlist.Roots, have *trustlist.List, t *bundle.Trust, at time.Time) (*trustlist.Roots, *trustlist.List, error) {
	for _, text := range t.Roots {
		next, err := roots.Next(text, at)
		if errors.Is(err, trustlist.ErrRolledBack) {
			continue // one that is known already
		}
		if err != nil {
			return nil, nil, err
		}
		roots = next
	}
	var newest int64
	if have != nil {
		newest = have.Version
	}
	list, err := roots.Verify(t.List, at, newest)
	if err != nil {
		return nil, nil, err
	}
	return roots, list, nil
}

func (b *Bundles) home(list *trustlist.List, issuer string) (*trustlist.Domain, error) {
	if list == nil {
		return nil, ErrBundleTrust
	}
	if issuer != b.cfg.Base {
		return nil, fmt.Errorf("%w: of %.200q", ErrBundleSigner, issuer)
	}
	home, err := list.DomainAt(issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundleSigner, err)
	}
	return home, nil
}

// AsOf is the moment of the newest bundle; zero: there is none. Its age belongs on the screen.
func (b *Bundles) AsOf() time.Time {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.have.state.AsOf()
}

// Current implements [TrustSource].
func (b *Bundles) Current(context.Context) (*trustlist.List, error) {
	b.mu.RLock()
	list := b.have.list
	b.mu.RUnlock()
	if list == nil {
		return nil, ErrBundleTrust
	}
	if err := list.Fresh(b.cfg.Now()); err != nil {
		return nil, err
	}
	return list, nil
}

// RevokedCode implements [RevokedCodes].
func (b *Bundles) RevokedCode(serial sdcwt.Serial) (revoked bool, asOf time.Time, known bool) {
	b.mu.RLock()
	state := b.have.state
	b.mu.RUnlock()
	return state.Revoked(serial), state.AsOf(), !state.AsOf().IsZero()
}

// Status implements [StatusSource] for lists that were taken along.
func (b *Bundles) Status(_ context.Context, ref statuslist.Reference, home *trustlist.Domain) (StatusAnswer, error) {
	b.mu.RLock()
	state, kept := b.have.state, b.have.kept
	b.mu.RUnlock()
	for _, k := range kept { // the caller's trust list may be newer than ours
		if now, err := home.StatusKey(k.keyID, k.issuedAt); err != nil || !now.Equal(k.key) {
			return StatusAnswer{}, fmt.Errorf("%w: %w", ErrBundleSigner, trustlist.ErrKeyUnknown)
		}
	}
	name, ours := strings.CutPrefix(ref.URI, home.StatusPrefix)
	if !ours || home.BaseURL != b.cfg.Base {
		return StatusAnswer{}, fmt.Errorf("%w: of another deployment", ErrListNotTaken)
	}
	status, asOf, known, err := state.Status(name, ref.Index)
	switch {
	case err != nil:
		return StatusAnswer{}, err
	case !known:
		return StatusAnswer{}, fmt.Errorf("%w: %.100q", ErrListNotTaken, name)
	case status == statuslist.Valid && b.cfg.Now().Sub(asOf) > b.cfg.MaxAge:
		return StatusAnswer{}, fmt.Errorf("%w: as of %s", statuslist.ErrExpired, asOf.UTC().Format(time.RFC3339)) // whatever the verifier's own bound
	}
	return StatusAnswer{Status: status, AsOf: asOf, Source: "bundle", MaxAge: b.cfg.MaxAge}, nil
}
