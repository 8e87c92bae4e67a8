package trustlist

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/showcard/showcard/crypto/key"
)

const (
	digits         = "0123456789"
	upper          = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower          = "abcdefghijklmnopqrstuvwxyz"
	pathCharacters = digits + upper + lower + "-._~/"

	maxURL  = 512
	maxKeys = 64 // per owner
)

// Validate checks that the list says one thing only: codes and URLs have their form, dates run
// forwards, nothing stands twice, what is referred to exists. Signing and reading do the same
// checks, so a list that was published can be read.
func (l *List) Validate() error {
	if err := checkFrame(l.Version, l.IssuedAt, l.Expires); err != nil {
		return err
	}
	v := validator{seen: map[string]struct{}{}}
	v.domains(l.Domains)
	v.types(l.Types)
	v.issuers(l.Issuers)
	v.providers(l.Providers)
	for _, r := range l.FrozenRegions {
		if !made(r, digits, 6, 6) {
			v.fail("frozen region %q", clip(r))
		}
		v.once("frozen region", r)
	}
	return v.err
}

func checkFrame(version int64, issued, expires time.Time) error {
	switch {
	case version < 1 || version > 1<<53: // other languages' numbers end there
		return fmt.Errorf("%w: version %d", ErrMalformed, version)
	case !representable(issued) || !representable(expires):
		return fmt.Errorf("%w: iat and exp are needed", ErrMalformed)
	case !issued.Before(expires):
		return fmt.Errorf("%w: expires before it is issued", ErrMalformed)
	}
	return nil
}

// representable bounds dates to what four-digit years and NumericDate both hold.
func representable(t time.Time) bool { return t.Unix() > 0 && t.Unix() <= maxDate }

const maxDate = 253402300799 // 9999-12-31T23:59:59Z

// validator keeps the first error, so that the checks read as a list.
type validator struct {
	seen map[string]struct{}
	err  error
}

func (v *validator) fail(format string, args ...any) {
	if v.err == nil {
		v.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
}

// once notes a value of a kind and fails if it was there before.
func (v *validator) once(kind, value string) {
	k := kind + "\x00" + value
	if _, twice := v.seen[k]; twice {
		v.fail("%s %q stands twice", kind, value)
	}
	v.seen[k] = struct{}{}
}

func (v *validator) known(kind, value, where string) {
	if _, ok := v.seen[kind+"\x00"+value]; !ok {
		v.fail("%s: %s %q is not in the list", where, kind, clip(value))
	}
}

func (v *validator) name(n Name, where string) {
	for _, s := range []string{n.ZH, n.EN} {
		if s == "" || len(s) > 400 || !utf8.ValidString(s) {
			v.fail("%s: name in Chinese and English, at most 400 bytes each", where)
		}
	}
}

func (v *validator) dates(from, until time.Time, where string) {
	for _, t := range []time.Time{from, until} {
		if !t.IsZero() && !representable(t) {
			v.fail("%s: date out of range", where)
		}
	}
	if !from.IsZero() && !until.IsZero() && until.Before(from) {
		v.fail("%s: dates run backwards", where)
	}
}

// keys checks the keys of one owner. A point may stand once per kind of owner, a key id once
// per owner: either would leave open whose dates count.
func (v *validator) keys(keys []DatedKey, kind, where string) {
	if len(keys) > maxKeys {
		v.fail("%s: %d keys", where, len(keys))
		return
	}
	for i := range keys {
		d := &keys[i]
		if d.Key == nil {
			v.fail("%s: key %d is missing", where, i)
			return
		}
		v.keyID(d.Key, where)
		v.once(kind+" key", identity(d.Key))
		v.once(where+" kid", d.Key.ID())
		v.dates(d.NotBefore, d.NotAfter, where)
		if d.MaxCopies < 0 {
			v.fail("%s: max_copies below zero", where)
		}
	}
}

func (v *validator) keyID(k *key.Public, where string) {
	if id := k.ID(); id == "" || id == "-" || len(id) > 256 || !utf8.ValidString(id) {
		v.fail("%s: key id %q", where, clip(id))
	}
}

func (v *validator) domains(all []Domain) {
	for i := range all {
		d := &all[i]
		where := "domain " + clip(d.Code)
		if !made(d.Code, digits+upper, 4, 4) {
			v.fail("%s: a code is four characters 0-9A-Z", where)
		}
		v.once("domain", d.Code)
		v.name(d.Name, where)
		if err := checkURL(d.BaseURL); err != nil || strings.HasSuffix(d.BaseURL, "/") {
			v.fail("%s: base_url %q", where, clip(d.BaseURL))
		}
		// Without the slash, https://a.example would also begin https://a.example.evil/.
		if err := checkURL(d.StatusPrefix); err != nil || !strings.HasSuffix(d.StatusPrefix, "/") {
			v.fail("%s: status_prefix %q", where, clip(d.StatusPrefix))
		}
		for j := range i {
			if o := all[j].StatusPrefix; strings.HasPrefix(o, d.StatusPrefix) || strings.HasPrefix(d.StatusPrefix, o) {
				v.fail("%s: status_prefix overlaps that of domain %s", where, clip(all[j].Code))
			}
		}
		v.keys(d.StatusKeys, "status", where)
		v.serviceKeys(d.ServiceKeys, where)
	}
}

// serviceKeys are told apart from the keys of other kinds: a key that signs receipts signs
// nothing else, not even for another use.
func (v *validator) serviceKeys(all []ServiceKey, where string) {
	keys := make([]DatedKey, len(all))
	for i, k := range all {
		if !made(k.Use, lower+digits+"-", 1, 32) {
			v.fail("%s: use %q of a service key", where, clip(k.Use))
		}
		keys[i] = k.DatedKey
	}
	v.keys(keys, "service", where+" services")
}

func (v *validator) types(all []Type) {
	for i := range all {
		t := &all[i]
		where := "type " + clip(t.ID)
		if !made(t.ID, digits+lower+"-", 1, 64) {
			v.fail("%s: id", where)
		}
		if t.Version < 1 || t.Version > 1<<20 {
			v.fail("%s: version %d", where, t.Version)
		}
		if !made(t.Code, digits+upper, 1, 32) {
			v.fail("%s: code %q", where, clip(t.Code))
		}
		if err := checkURL(t.VCT); err != nil {
			v.fail("%s: vct: %v", where, err)
		}
		v.once("type version", fmt.Sprintf("%s/%d", t.ID, t.Version))
		v.once("vct", t.VCT)
	}
}

func (v *validator) issuers(all []Issuer) {
	for i := range all {
		s := &all[i]
		where := "issuer " + clip(s.ID)
		if err := checkURL(s.ID); err != nil {
			v.fail("%s: %v", where, err)
		}
		v.once("issuer", s.ID)
		// 18 characters since GB 32100; older authorities live on under shorter codes.
		if !made(s.Authority, digits+upper, 6, 18) {
			v.fail("%s: authority %q", where, clip(s.Authority))
		}
		v.name(s.Name, where)
		v.known("domain", s.Domain, where)
		for _, id := range s.Types {
			// Whether the type is in the list is not asked: a right to issue what is not
			// published yet, or no more, is no contradiction.
			if !made(id, digits+lower+"-", 1, 64) {
				v.fail("%s: type %q", where, clip(id))
			}
			v.once(where+" type", id)
		}
		for _, r := range s.Regions {
			if !made(r, digits, 6, 6) {
				v.fail("%s: region %q", where, clip(r))
			}
			v.once(where+" region", r)
		}
		v.keys(s.Keys, "issuer", where)
		v.dates(s.NotBefore, s.NotAfter, where)
	}
}

func (v *validator) providers(all []Provider) {
	for i := range all {
		p := &all[i]
		where := "provider " + clip(p.ID)
		if p.ID == "" || len(p.ID) > maxURL || strings.Trim(p.ID, pathCharacters+":") != "" {
			v.fail("%s: id", where)
		}
		v.once("provider", p.ID)
		v.name(p.Name, where)
		v.known("domain", p.Domain, where)
		v.keys(p.Keys, "provider", where)
	}
}

// made reports whether s has from min to max characters, all of the alphabet.
func made(s, alphabet string, minimum, maximum int) bool {
	return len(s) >= minimum && len(s) <= maximum && strings.Trim(s, alphabet) == ""
}

// checkURL takes one spelling of a URL: identifiers are compared byte by byte. http is for a
// demonstration on one's own machine.
func checkURL(s string) error {
	if len(s) == 0 || len(s) > maxURL {
		return fmt.Errorf("a URL of 1 to %d characters is needed", maxURL)
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return fmt.Errorf("%q is not a plain URL", clip(s))
	}
	host := u.Hostname()
	switch {
	case host == "" || host != strings.ToLower(host) || strings.HasSuffix(host, "."):
		return fmt.Errorf("host of %q", clip(s))
	case u.Scheme == "http" && !loopback(host), u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is neither https nor on this machine", clip(s))
	case strings.Trim(u.EscapedPath(), pathCharacters) != "" || strings.Contains(u.Path, "..") || strings.Contains(u.Path, "//"):
		return fmt.Errorf("path of %q", clip(s))
	case u.String() != s:
		return fmt.Errorf("%q is spelled %q", clip(s), clip(u.String()))
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
