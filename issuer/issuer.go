package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/schemas"
)

// The issuer's answers, besides those of the record.
var (
	ErrIssuerUnknown = errors.New("issuer: no such issuing authority")
	ErrIssuerFrozen  = errors.New("issuer: issuing authority is frozen")
	ErrTypeFrozen    = errors.New("issuer: certificate type is frozen")
	ErrRegionFrozen  = errors.New("issuer: region is frozen")
	ErrAllFrozen     = errors.New("issuer: everything is frozen")
	ErrNoSigner      = errors.New("issuer: issuing authority has no key to sign with here")
	ErrRefused       = errors.New("issuer: row refused") // see RefusedError
	ErrNotHolder     = errors.New("issuer: certificate belongs to another holder")
	ErrNoPortrait    = errors.New("issuer: certificate has no portrait")
	ErrInterrupted   = errors.New("issuer: upload broke off")
	ErrJobID         = errors.New("issuer: malformed job id")
)

// Authority is an issuing authority as the registry knows it at the moment.
type Authority struct {
	ID      string
	USCC    string // goes into identifiers, GB/T 36904
	ISS     string // the "iss" of its certificates
	Name    schemas.Text
	Types   []string
	Regions []string // GB/T 2260; trailing zeros cover what is below
	Frozen  bool     // may not sign now: frozen, or outside its dates
	// StoppedRegions are frozen for everybody, and StoppedAll says that all are.
	StoppedRegions []string
	StoppedAll     bool

	Signer key.Signer // the current key
	// SignerFrom is since when the registry lets that key sign: verifiers refuse an "iat" before
	// it, and "iat" is rounded down. Zero: since ever.
	SignerFrom time.Time
	X5C        [][]byte      // certificate chain of the current key, DER, leaf first; or nil
	Keys       []*key.Public // under which its certificates verify, rotated ones too, frozen ones not
}

// stopped says whether a freeze of a region, or of all, stops what is issued for the region.
func (a Authority) stopped(region string) error {
	switch {
	case a.StoppedAll:
		return ErrAllFrozen
	case slices.ContainsFunc(a.StoppedRegions, func(p string) bool { return schemas.RegionCovers(p, region) }):
		return fmt.Errorf("%w: %s", ErrRegionFrozen, region)
	}
	return nil
}

// LogValue keeps the signer out of logs.
func (a Authority) LogValue() slog.Value { return slog.StringValue("authority " + a.ID) }

// Format keeps the signer out of every fmt verb.
func (a Authority) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "authority "+a.ID) }

// Registry is what the issuer asks of the registry. Every issue asks, so that a freeze bites at
// once.
type Registry interface {
	Authority(ctx context.Context, id string) (Authority, error) // ErrIssuerUnknown
	// TypeUsable returns ErrTypeFrozen, or the errors of schemas for types that are not
	// published, and nil for a type that may be issued.
	TypeUsable(ctx context.Context, typeID string) error
}

// Config says what an issuer stands on.
type Config struct {
	Record   Record
	Jobs     Jobs
	Statuses Statuses
	Live     LiveData
	Cache    StatusCache
	Registry Registry
	Contents Contents // nil: content of ended certificates is never erased
	Types    *schemas.Catalogue

	// BaseURL is the public URL of the deployment. It is signed into every certificate, so it
	// cannot change afterwards.
	BaseURL      string
	StatusSigner key.Signer // of the status lists, named by the domain in the trust list
	// CurrentStatusSigner, when given, is asked at each signing, so that the key can rotate while
	// the server runs. nil: StatusSigner.
	CurrentStatusSigner func() (key.Signer, error)
	StatusX5C           [][]byte // its certificate chain, DER, leaf first; or nil
	// PermutationKey hides the order of status indices. It must never change: another key would
	// give places twice. At least 16 bytes.
	PermutationKey []byte
	// KeyLimit says how many copies may be bound to a key, so that one stolen wallet key has a
	// known price; 0 is no limit. nil: no limit for any.
	KeyLimit func(*key.Public) int64
	// HolderID is the blind index of a holder: of type and number, not of the name.
	HolderID func(schemas.HolderRef) string

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // of the publisher; nil: slog.Default()

	KeepEnded  time.Duration // how long the content of an ended certificate is kept at least; 0: 5 years
	CopyLife   time.Duration // of a collected copy; 0: 180 days
	StatusTTL  time.Duration // how long others may keep a signed status list; 0: 60 s
	StatusLife time.Duration // until it expires altogether; 0: 1 h
	Heartbeat  time.Duration // of the publisher; 0: 500 ms
	// Turn says whether a process is the first to ask in the time that is kept: of several that
	// publish to one cache, one beats at a time. nil: this one always does.
	Turn       func(ctx context.Context, keep time.Duration) (bool, error)
	Lease      time.Duration // of a push after the last batch that was stored; 0: 15 s
	BatchRows  int           // of a push in one transaction; 0: 256
	BatchBytes int           // 0: 1 MiB
	Workers    int           // signing at the same time; 0: one per core
}

// Issuer is safe for concurrent use.
type Issuer struct {
	cfg       Config
	base      string // without a slash at the end
	perms     permutations
	spare     spareSlots
	publisher publisher
	lists     signedLists
}

// New makes an issuer.
func New(cfg Config) (*Issuer, error) {
	switch {
	case cfg.Record == nil || cfg.Jobs == nil || cfg.Statuses == nil || cfg.Live == nil || cfg.Cache == nil:
		return nil, errors.New("issuer: a store is missing in the configuration")
	case cfg.Registry == nil || cfg.Types == nil || cfg.StatusSigner == nil || cfg.HolderID == nil:
		return nil, errors.New("issuer: incomplete configuration")
	case cfg.CopyLife < 0 || cfg.StatusTTL < 0 || cfg.StatusLife < 0 || cfg.Heartbeat < 0 || cfg.Lease < 0 ||
		cfg.BatchRows < 0 || cfg.BatchBytes < 0 || cfg.Workers < 0:
		return nil, errors.New("issuer: a time or size in the configuration is negative")
	}
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("issuer: %q is not a public URL", cfg.BaseURL)
	}
	if _, err := newPermutation(cfg.PermutationKey, "", 4); err != nil {
		return nil, err
	}
	cfg.PermutationKey = slices.Clone(cfg.PermutationKey)
	fallback(&cfg.KeepEnded, 5*365*24*time.Hour)
	fallback(&cfg.CopyLife, 180*24*time.Hour)
	fallback(&cfg.StatusTTL, time.Minute)
	fallback(&cfg.StatusLife, time.Hour)
	fallback(&cfg.Heartbeat, 500*time.Millisecond)
	fallback(&cfg.Lease, 15*time.Second)
	fallback(&cfg.BatchRows, 256)
	fallback(&cfg.BatchBytes, 1<<20)
	fallback(&cfg.Workers, runtime.GOMAXPROCS(0))
	if cfg.StatusTTL < time.Second || cfg.StatusLife < cfg.StatusTTL {
		return nil, errors.New("issuer: a status list lives at least as long as its ttl, and that is at least a second")
	}
	for _, t := range cfg.Types.Types() {
		for _, name := range []string{ClaimRegion, ClaimIdentifier} {
			_, field := t.Field(name)
			_, predicate := t.Predicate(name)
			if field || predicate {
				return nil, fmt.Errorf("issuer: type %s has a claim %q, which every certificate has already", t.ID, name)
			}
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	i := &Issuer{cfg: cfg, base: strings.TrimSuffix(cfg.BaseURL, "/"), perms: permutations{key: cfg.PermutationKey}}
	i.publisher = publisher{statuses: cfg.Statuses, cache: cfg.Cache, now: cfg.Now, log: cfg.Logger, turn: make(chan struct{}, 1)}
	if cfg.Turn != nil {
		// A little less than a beat: who comes regularly finds the turn free again.
		i.publisher.beats = func(ctx context.Context) (bool, error) { return cfg.Turn(ctx, cfg.Heartbeat*3/4) }
	}
	i.lists.byForm = map[listForm]*signedList{}
	return i, nil
}

func fallback[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// StatusPrefix is how the URI of every status list of this issuer begins.
func (i *Issuer) StatusPrefix() string { return i.base + "/status/" }

// VCT is the type that certificates of a catalogue entry name.
func (i *Issuer) VCT(t *schemas.Type) string { return i.base + t.Path() }

// authority looks an authority up and refuses one that may not sign.
func (i *Issuer) authority(ctx context.Context, id string) (Authority, error) {
	a, err := i.cfg.Registry.Authority(ctx, id)
	switch {
	case err != nil:
		return a, fmt.Errorf("issuer: authority %q: %w", id, err)
	case a.Frozen:
		return a, fmt.Errorf("%w: %s", ErrIssuerFrozen, id)
	case a.Signer == nil || a.ISS == "" || a.USCC == "":
		return a, fmt.Errorf("%w: %s", ErrNoSigner, id)
	}
	return a, nil
}
