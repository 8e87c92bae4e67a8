// Package trustlist is the signed trust list: the one thing that verifiers take from the
// registry, and the reason why they need no line to it while they check a certificate. It says
// which authorities issue which types of certificate in which regions under which keys, which
// wallet providers hold keys for people, who signs status lists, and what is frozen.
//
// There are two documents, after the idea of The Update Framework (TUF):
//
//	Roots   signed by a threshold of root keys, two of three, say, that lie offline in
//	        different safes. Verifiers pin it. It names the keys that may sign lists.
//	List    signed by one of those online keys, so that a frozen issuer or type can be
//	        published within a second while the root keys stay in their safes.
//
// A verifier starts from the roots file it was given, walks to newer roots one version at a
// time, and only then believes a list:
//
//	roots, err := trustlist.ParseRoots(pinned)
//	roots, err = roots.Next(newer, now)           // none, once or several times
//	list, err := roots.Verify(text, now, newest)  // newest: highest version seen so far
//	issuer, err := list.Issuer(iss)
//	k, err := issuer.Key(kid, iat)                // freezes and dates are checked here
//
// Every key has dates. They bound the "iat" of what the key signed, not the moment of
// checking: a key that was rotated away keeps verifying what it signed while it was in use.
// "Frozen" is for a key that somebody else may have had in hand. A thief can write any "iat",
// so nothing that a frozen key ever signed counts.
//
// Names that a reader does not know are stepped over, so that an old verifier survives a newer
// list; keys of kinds it does not know likewise. All else is strict: sizes, depth, names that
// stand twice, names with capital letters (a reader that folds case would see another document
// than one that does not), ids and codes that stand twice, dates that run backwards.
package trustlist

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

// The types of the two documents: the "typ" of their JWS headers.
const (
	TypeList  = "trustlist+jwt"
	TypeRoots = "trustroots+jwt"
)

// Skew is how far in the future a document may have been issued, because clocks differ.
const Skew = 5 * time.Minute

var (
	// ErrMalformed says that a document is not a trust list or root set as this package reads
	// it, or contradicts itself.
	ErrMalformed = errors.New("trustlist: malformed")
	// ErrSignature says that a signature does not verify under the key that is to be trusted.
	ErrSignature = errors.New("trustlist: signature does not verify")
	// ErrThreshold says that too few different root keys signed.
	ErrThreshold = errors.New("trustlist: too few root signatures")
	// ErrRolledBack says that a document is older than what was already seen.
	ErrRolledBack = errors.New("trustlist: older than what was already seen")
	// ErrGap says that root sets were skipped: they are taken one version at a time, because
	// each is vouched for by the one before.
	ErrGap = errors.New("trustlist: root set does not follow the trusted one")
	// ErrStale says that the list or the root set has expired. What can be known then is
	// indeterminate, not invalid.
	ErrStale = errors.New("trustlist: expired")
	// ErrFuture says that a document claims to be issued in the future.
	ErrFuture = errors.New("trustlist: issued in the future")
	// ErrIssuerUnknown says that no issuing authority has this "iss".
	ErrIssuerUnknown = errors.New("trustlist: issuer not in the list")
	// ErrDomainUnknown says that no domain has this code.
	ErrDomainUnknown = errors.New("trustlist: domain not in the list")
	// ErrProviderUnknown says that no wallet provider has this id.
	ErrProviderUnknown = errors.New("trustlist: wallet provider not in the list")
	// ErrTypeUnknown says that no certificate type has this "vct".
	ErrTypeUnknown = errors.New("trustlist: type not in the list")
	// ErrKeyUnknown says that the key is not among those of its supposed owner.
	ErrKeyUnknown = errors.New("trustlist: key not in the list")
	// ErrKeyFrozen says that the key is compromised: nothing it ever signed counts.
	ErrKeyFrozen = errors.New("trustlist: key is frozen")
	// ErrKeyDates says that something was signed outside the dates of the key or its owner.
	ErrKeyDates = errors.New("trustlist: signed outside the dates of the key")
	// ErrFrozen says that the issuer, the provider or the type is frozen as a whole.
	ErrFrozen = errors.New("trustlist: frozen")
)

// Name is what people read, in both languages.
type Name struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// A DatedKey is a public key with the time in which it signs. Dates are whole seconds.
type DatedKey struct {
	Key       *key.Public
	NotBefore time.Time // zero: since ever
	NotAfter  time.Time // zero: open
	// Frozen marks a key as compromised. A point that is frozen in one place of a list is
	// frozen in all of them: what happened, happened to the key.
	Frozen bool
	// MaxCopies bounds how many copies of certificates a wallet provider may bind to the key,
	// so that one stolen key has a known price. 0: not bounded.
	MaxCopies int64
}

// covers reports whether something signed at iat is the key's.
func (d *DatedKey) covers(iat time.Time) error {
	if d.Frozen {
		return fmt.Errorf("%w: %s", ErrKeyFrozen, d.Key.ID())
	}
	if !within(d.NotBefore, d.NotAfter, iat) {
		return fmt.Errorf("%w: key %s", ErrKeyDates, d.Key.ID())
	}
	return nil
}

// within treats an unknown iat as outside: without a date, dates cannot be kept.
func within(from, until, iat time.Time) bool {
	return !iat.IsZero() && (from.IsZero() || !iat.Before(from)) && (until.IsZero() || !iat.After(until))
}

// A List is a trust list. Its look-ups are indexed on first use: fill it, then use it, and do
// not change it afterwards. Look-ups are safe for concurrent use.
type List struct {
	Version   int64 // 1 and up, higher with every publication
	IssuedAt  time.Time
	Expires   time.Time
	Domains   []Domain
	Issuers   []Issuer
	Providers []Provider
	Types     []Type
	// FrozenRegions are GB/T 2260 codes, trailing zeros cover what is below: until they are taken
	// out, nothing of there counts, whoever issued it and whenever. FrozenAll stops everything.
	FrozenRegions []string
	FrozenAll     bool

	once  sync.Once
	index index
}

// A Domain is one deployment: the home of certificates, codes and status lists.
type Domain struct {
	Code         string // four characters, as in dynamic codes
	Name         Name
	BaseURL      string // without a slash at the end
	StatusPrefix string // with a slash at the end: every status list URI of the domain begins so
	StatusKeys   []DatedKey
	ServiceKeys  []ServiceKey
}

// An Issuer is an issuing authority.
type Issuer struct {
	ID        string // the "iss" of its certificates
	Authority string // unified social credit code
	Name      Name
	Domain    string   // code of its home domain
	Types     []string // ids of the types it may issue; none means none
	Regions   []string // GB/T 2260, with trailing 00 as wildcard; none means none
	Keys      []DatedKey
	NotBefore time.Time // bound the "iat" of all it signed
	NotAfter  time.Time
	Frozen    bool
}

// A Provider is a wallet provider, whose keys hold copies for people without a device key.
type Provider struct {
	ID     string
	Name   Name
	Domain string
	Keys   []DatedKey
	Frozen bool
}

// A Type is a published version of a certificate type.
type Type struct {
	ID      string
	Version int
	VCT     string // "vct" of its certificates
	Code    string // national type code
	Frozen  bool
}

type index struct {
	domains   map[string]*Domain
	issuers   map[string]*Issuer
	providers map[string]*Provider
	types     map[string]*Type
	bound     map[string]boundKey // by algorithm and point
}

type boundKey struct {
	provider *Provider
	key      *DatedKey
}

// errNotAProviders is the answer about every device's key, so it is made once.
var errNotAProviders = fmt.Errorf("%w: no wallet provider's key", ErrKeyUnknown)

// identity is what makes two keys the same key.
func identity(k *key.Public) string { return string(k.Algorithm()) + "\x00" + string(k.Point()) }

func (l *List) lookup() *index {
	l.once.Do(func() {
		ix := index{
			domains:   make(map[string]*Domain, len(l.Domains)),
			issuers:   make(map[string]*Issuer, len(l.Issuers)),
			providers: make(map[string]*Provider, len(l.Providers)),
			types:     make(map[string]*Type, len(l.Types)),
			bound:     make(map[string]boundKey, len(l.Providers)),
		}
		for i := range l.Domains {
			ix.domains[l.Domains[i].Code] = &l.Domains[i]
		}
		for i := range l.Issuers {
			ix.issuers[l.Issuers[i].ID] = &l.Issuers[i]
		}
		for i := range l.Types {
			ix.types[l.Types[i].VCT] = &l.Types[i]
		}
		for i := range l.Providers {
			p := &l.Providers[i]
			ix.providers[p.ID] = p
			for j := range p.Keys {
				ix.bound[identity(p.Keys[j].Key)] = boundKey{p, &p.Keys[j]}
			}
		}
		l.index = ix
	})
	return &l.index
}

// Fresh reports ErrStale once the list has expired: whoever keeps a list asks at every use.
func (l *List) Fresh(now time.Time) error {
	if !now.Before(l.Expires) {
		return fmt.Errorf("%w: list %d, on %s", ErrStale, l.Version, l.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// Issuer finds the issuing authority by the "iss" of a certificate. Whether it is frozen is
// for [Issuer.Key] to say, which nobody gets around.
func (l *List) Issuer(iss string) (*Issuer, error) {
	if i, ok := l.lookup().issuers[iss]; ok {
		return i, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrIssuerUnknown, clip(iss))
}

// Domain finds a domain by its code.
func (l *List) Domain(code string) (*Domain, error) {
	if d, ok := l.lookup().domains[code]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrDomainUnknown, clip(code))
}

// DomainAt finds a domain by the public URL of its deployment.
func (l *List) DomainAt(baseURL string) (*Domain, error) {
	for i := range l.Domains {
		if l.Domains[i].BaseURL == baseURL {
			return &l.Domains[i], nil
		}
	}
	return nil, fmt.Errorf("%w: at %q", ErrDomainUnknown, clip(baseURL))
}

// DomainOf returns the home domain of an issuer.
func (l *List) DomainOf(i *Issuer) (*Domain, error) { return l.Domain(i.Domain) }

// DomainOfStatus finds the domain that a status list URI belongs to.
func (l *List) DomainOfStatus(uri string) (*Domain, error) {
	for i := range l.Domains {
		if l.Domains[i].HoldsStatus(uri) {
			return &l.Domains[i], nil
		}
	}
	return nil, fmt.Errorf("%w: status list %q", ErrDomainUnknown, clip(uri))
}

// Type finds a certificate type by its "vct". A frozen type comes with ErrFrozen, so that it
// can be named and cannot be overlooked.
func (l *List) Type(vct string) (*Type, error) {
	t, ok := l.lookup().types[vct]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrTypeUnknown, clip(vct))
	}
	if t.Frozen {
		return t, fmt.Errorf("%w: type %s", ErrFrozen, t.ID)
	}
	return t, nil
}

// Provider finds a wallet provider by its id.
func (l *List) Provider(id string) (*Provider, error) {
	if p, ok := l.lookup().providers[id]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrProviderUnknown, clip(id))
}

// ProviderKey finds the wallet provider that holds the key a certificate issued at iat is
// bound to. ErrKeyUnknown means that the key is no provider's: a device's, then. Every other
// error means that it is a provider's and must not count.
func (l *List) ProviderKey(k *key.Public, iat time.Time) (*Provider, *DatedKey, error) {
	if k == nil {
		return nil, nil, ErrKeyUnknown
	}
	b, ok := l.lookup().bound[identity(k)]
	if !ok {
		return nil, nil, errNotAProviders
	}
	if b.provider.Frozen {
		return nil, nil, fmt.Errorf("%w: wallet provider %s", ErrFrozen, b.provider.ID)
	}
	if err := b.key.covers(iat); err != nil {
		return nil, nil, err
	}
	return b.provider, b.key, nil
}

// Key returns the key under which the issuer signed something at iat. An empty kid is enough
// when the issuer has just one key.
func (i *Issuer) Key(kid string, iat time.Time) (*key.Public, error) {
	return i.usable(find(i.Keys, kid), iat)
}

// KeyOf is Key for a signature that came with a certificate chain instead of a key id: the
// leaf's key must be one of the issuer's, and it is the list that vouches for it.
func (i *Issuer) KeyOf(leaf *key.Public, iat time.Time) (*key.Public, error) {
	at := slices.IndexFunc(i.Keys, func(d DatedKey) bool { return d.Key.Equal(leaf) })
	if at < 0 {
		return i.usable(nil, iat)
	}
	return i.usable(&i.Keys[at], iat)
}

func (i *Issuer) usable(d *DatedKey, iat time.Time) (*key.Public, error) {
	switch {
	case i.Frozen:
		return nil, fmt.Errorf("%w: issuer %s", ErrFrozen, i.ID)
	case d == nil:
		return nil, fmt.Errorf("%w: issuer %s", ErrKeyUnknown, i.ID)
	case !within(i.NotBefore, i.NotAfter, iat):
		return nil, fmt.Errorf("%w: issuer %s", ErrKeyDates, i.ID)
	}
	if err := d.covers(iat); err != nil {
		return nil, err
	}
	return d.Key, nil
}

// Issues reports whether the issuer may issue the type. Regions are for the caller, who knows
// the region codes.
func (i *Issuer) Issues(typeID string) bool { return slices.Contains(i.Types, typeID) }

func find(keys []DatedKey, kid string) *DatedKey {
	if kid == "" && len(keys) == 1 {
		return &keys[0]
	}
	for i := range keys {
		if kid != "" && keys[i].Key.ID() == kid {
			return &keys[i]
		}
	}
	return nil
}

// clip bounds what a stranger wrote before it goes into an error.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
