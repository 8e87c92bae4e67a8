package registry

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/schemas"
)

var (
	idForm     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	domainForm = regexp.MustCompile(`^[0-9A-Z]{4}$`)
	regionForm = regexp.MustCompile(`^[0-9]{6}$`)
	scopeForm  = regexp.MustCompile(`^[a-z][a-z0-9.-]{0,31}$`)
)

// clientRoles are the roles that a client can have. A person is no client.
var clientRoles = [...]string{"department", "relying-party", "operator", "auditor"}

// check holds what was touched against the rules and against the rest of the registry.
func (d *Draft) check(c *schemas.Catalogue) error {
	for id, v := range d.touched {
		var err error
		switch v := v.(type) {
		case Authority:
			err = errors.Join(d.checkAuthority(v, c), stillFrozen(d.base.authorities[v.ID].Keys, v.Keys))
		case Party:
			err = checkParty(v, c)
		case Client:
			err = d.checkClient(v)
		case Provider:
			err = errors.Join(d.checkOwner(v.ID, v.Domain, v.Name, v.Keys), stillFrozen(d.base.providers[v.ID].Keys, v.Keys))
		case Domain:
			err = errors.Join(checkDomain(v), stillFrozen(d.base.domains[v.Code].StatusKeys, v.StatusKeys), checkServiceKeys(d.base.domains[v.Code].ServiceKeys, v.ServiceKeys))
		case TypeState:
			_, err = c.Version(v.ID, v.Version)
		}
		if err != nil {
			return fmt.Errorf("%w: %s %q: %w", ErrInvalid, id.kind, id.id, err)
		}
	}
	return errors.Join(d.checkPoints(), d.checkCertificates())
}

// point is what makes two keys the same key.
func point(k *key.Public) string { return string(k.Algorithm()) + string(k.Point()) }

// stillFrozen refuses to thaw a key, also by leaving it out and coming back with it: whoever
// stole it still has it.
func stillFrozen(before, after []Key) error {
	for _, old := range before {
		if old.Frozen && !slices.ContainsFunc(after, func(k Key) bool { return k.Frozen && k.Public.Equal(old.Public) }) {
			return fmt.Errorf("key %q is frozen; it never thaws, and it stays in the entry", old.Public.ID())
		}
	}
	return nil
}

// checkPoints holds the keys of all entries together: a compromised key is frozen wherever it
// stands, and the key that a client signs its requests with signs nothing else.
func (d *Draft) checkPoints() error {
	signing, frozen := map[string]string{}, map[string]bool{}
	d.eachKey(func(owner string, k Key) {
		signing[point(k.Public)] = owner
		frozen[point(k.Public)] = frozen[point(k.Public)] || k.Frozen
	})
	var err error
	d.eachKey(func(owner string, k Key) {
		if err == nil && frozen[point(k.Public)] && !k.Frozen {
			err = fmt.Errorf("%w: key %q of %s is frozen elsewhere", ErrInvalid, k.Public.ID(), owner)
		}
	})
	owners := map[string]Client{}
	for _, c := range sorted(d.next.clients) {
		for _, k := range c.Keys {
			// Two operators with one key are one operator.
			if o, ok := owners[point(k)]; ok && o.ID != c.ID && (o.Role == roleOperator || c.Role == roleOperator) && err == nil {
				err = fmt.Errorf("%w: key %q of client %q is also that of %q", ErrInvalid, k.ID(), c.ID, o.ID)
			}
			owners[point(k)] = c
			if owner, ok := signing[point(k)]; ok && err == nil {
				err = fmt.Errorf("%w: key %q of client %q is also a signing key of %s", ErrInvalid, k.ID(), c.ID, owner)
			}
		}
	}
	return err
}

// checkCertificates refuses one that speaks for two clients: the audit log could not tell them apart.
func (d *Draft) checkCertificates() error {
	owner := map[string]string{}
	for _, c := range sorted(d.next.clients) {
		for _, t := range c.Certificates {
			if other, ok := owner[t]; ok {
				return fmt.Errorf("%w: certificate %q stands twice, for %q and %q", ErrInvalid, t, other, c.ID)
			}
			owner[t] = c.ID
		}
	}
	return nil
}

func (d *Draft) eachKey(f func(owner string, k Key)) {
	each := func(owner string, keys []Key) {
		for _, k := range keys {
			f(owner, k)
		}
	}
	for _, v := range d.next.authorities {
		each("authority "+v.ID, v.Keys)
	}
	for _, v := range d.next.providers {
		each("wallet provider "+v.ID, v.Keys)
	}
	for _, v := range d.next.domains {
		each("domain "+v.Code, v.StatusKeys)
		each("domain "+v.Code, plain(v.ServiceKeys))
	}
}

func checkID(id string) error {
	if !idForm.MatchString(id) {
		return fmt.Errorf("id %q is not lower-case letters, digits and hyphens", id)
	}
	return nil
}

func checkName(n schemas.Text) error {
	if !n.Complete() {
		return errors.New("needs a name in Chinese and in English")
	}
	return nil
}

func (d *Draft) checkAuthority(a Authority, c *schemas.Catalogue) error {
	if err := schemas.CheckUSCC(a.USCC); err != nil {
		return fmt.Errorf("uscc: %w", err)
	}
	for _, id := range a.Types {
		if _, err := c.Type(id); err != nil {
			return err
		}
	}
	for _, region := range a.Regions {
		if !regionForm.MatchString(region) {
			return fmt.Errorf("region %q has not six digits", region)
		}
	}
	return d.checkOwner(a.ID, a.Domain, a.Name, a.Keys)
}

// checkOwner is what authorities and wallet providers have in common.
func (d *Draft) checkOwner(id, domain string, name schemas.Text, keys []Key) error {
	if err := errors.Join(checkID(id), checkName(name)); err != nil {
		return err
	}
	if _, ok := d.next.domains[domain]; !ok {
		return fmt.Errorf("domain %q is not registered", domain)
	}
	return checkKeys(keys)
}

func checkKeys(keys []Key) error {
	if len(keys) == 0 {
		return errors.New("no key")
	}
	for i, k := range keys {
		switch {
		case k.Public == nil:
			return fmt.Errorf("key %d is missing", i)
		case !k.NotAfter.IsZero() && !k.NotAfter.After(k.NotBefore):
			return fmt.Errorf("key %d ends before it begins", i)
		case k.MaxCopies < 0:
			return fmt.Errorf("key %d: max_copies below zero", i)
		}
		if len(k.X5C) > 0 {
			leaf, err := key.LeafKey(k.X5C)
			if err != nil {
				return fmt.Errorf("key %d: x5c: %w", i, err)
			}
			if !leaf.Equal(k.Public) {
				return fmt.Errorf("key %d: x5c certifies another key", i)
			}
		}
		for _, other := range keys[:i] {
			if other.Public.ID() == k.Public.ID() || other.Public.Equal(k.Public) {
				return fmt.Errorf("key %q stands twice", k.Public.ID())
			}
		}
	}
	return nil
}

func (d *Draft) checkClient(c Client) error {
	if err := checkID(c.ID); err != nil {
		return err
	}
	if !slices.Contains(clientRoles[:], c.Role) {
		return fmt.Errorf("role %q is not one of %v", c.Role, clientRoles)
	}
	for _, s := range c.Scopes {
		if !scopeForm.MatchString(s) {
			return fmt.Errorf("scope %q is not lower-case letters, digits, dots and hyphens", s)
		}
	}
	// The clients of a party that has retired have lost their keys.
	retired := c.Suspended && c.Party != "" && d.next.parties[c.Party].State == PartyRetired
	if len(c.Keys)+len(c.Certificates) == 0 && !retired || slices.Contains(c.Keys, nil) {
		return errors.New("no key and no certificate, or a missing key")
	}
	for _, t := range c.Certificates {
		if sum, err := base64.RawURLEncoding.Strict().DecodeString(t); err != nil || len(sum) != sha256.Size || len(t) != 43 {
			return fmt.Errorf("certificate %q is not the base64url of a SHA-256", t)
		}
	}
	if err := checkClientKeys(c); err != nil {
		return err
	}
	for _, a := range c.Authorities {
		if _, ok := d.next.authorities[a]; !ok {
			return fmt.Errorf("authority %q is not registered", a)
		}
	}
	if _, ok := d.next.parties[c.Party]; !ok && c.Party != "" {
		return fmt.Errorf("relying party %q is not registered", c.Party)
	}
	if c.Role == "relying-party" && c.Party == "" || c.Role == "department" && len(c.Authorities) == 0 {
		return fmt.Errorf("role %s acts for nobody", c.Role)
	}
	return nil
}

func checkDomain(v Domain) error {
	if !domainForm.MatchString(v.Code) {
		return fmt.Errorf("code %q is not four of 0-9A-Z", v.Code)
	}
	if err := checkName(v.Name); err != nil {
		return err
	}
	for _, u := range []string{v.BaseURL, v.StatusPrefix} {
		parsed, err := url.Parse(u)
		if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" {
			return fmt.Errorf("%q is not a web address", u)
		}
	}
	if !strings.HasSuffix(v.StatusPrefix, "/") {
		return fmt.Errorf("status prefix %q does not end in a slash", v.StatusPrefix)
	}
	return checkKeys(v.StatusKeys)
}

// checkServiceKeys holds the keys of a deployment's own services against those before. None may
// be left out: what it signed years ago is to stay checkable.
func checkServiceKeys(before, after []ServiceKey) error {
	for _, k := range after {
		if !scopeForm.MatchString(k.Use) {
			return fmt.Errorf("use %q of a service key is not lower-case letters, digits, dots and hyphens", k.Use)
		}
	}
	for _, old := range before {
		if !slices.ContainsFunc(after, func(k ServiceKey) bool { return k.Use == old.Use && k.Public.Equal(old.Public) }) {
			return fmt.Errorf("service key %q stays in the entry: end it by not_after", old.Public.ID())
		}
	}
	if len(after) == 0 {
		return nil
	}
	return errors.Join(checkKeys(plain(after)), stillFrozen(plain(before), plain(after)))
}

// plain are service keys without their use.
func plain(keys []ServiceKey) []Key {
	out := make([]Key, len(keys))
	for i, k := range keys {
		out[i] = k.Key
	}
	return out
}
