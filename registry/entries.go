package registry

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/schemas"
)

// The kinds of entries, as they are stored.
const (
	kindAuthority = "authority"
	kindParty     = "party"
	kindClient    = "client"
	kindProvider  = "provider"
	kindDomain    = "domain"
	kindType      = "type"
	kindList      = "trust-list"
)

// Key is a public key with the dates between which it may sign. Rotation adds a key and ends
// the old one: what it signed in its time stays good. A frozen key was compromised: nothing
// it ever signed counts any more.
type Key struct {
	Public    *key.Public `json:"jwk"`
	NotBefore time.Time   `json:"not_before"`
	NotAfter  time.Time   `json:"not_after,omitzero"`
	Frozen    bool        `json:"frozen,omitempty"`
	MaxCopies int64       `json:"max_copies,omitempty"`
}

// Authority is a department that issues certificates.
type Authority struct {
	ID        string       `json:"id"`
	USCC      string       `json:"uscc"` // 18 characters, GB 32100
	Name      schemas.Text `json:"name"`
	Domain    string       `json:"domain"`
	Types     []string     `json:"types"`
	Regions   []string     `json:"regions"` // GB/T 2260; trailing zeros cover what is below
	Keys      []Key        `json:"keys"`
	NotBefore time.Time    `json:"not_before,omitzero"`
	NotAfter  time.Time    `json:"not_after,omitzero"`
	Frozen    bool         `json:"frozen,omitempty"`
}

func (a Authority) id() string { return a.ID }

// May reports whether the authority may issue the type in the region.
func (a Authority) May(typeID, region string) (typeOK, regionOK bool) {
	return slices.Contains(a.Types, typeID), slices.ContainsFunc(a.Regions, func(p string) bool { return schemas.RegionCovers(p, region) })
}

// Grant says what a relying party may see of a type, for which purposes.
type Grant struct {
	Type     string   `json:"type"`
	Fields   []string `json:"fields"`
	Purposes []string `json:"purposes"`
}

// Party is a relying party: a service hall, a bank, a hospital.
type Party struct {
	ID        string       `json:"id"`
	Name      schemas.Text `json:"name"`
	Grants    []Grant      `json:"grants"`
	Portrait  bool         `json:"portrait,omitempty"`   // may fetch portraits
	Live      bool         `json:"live,omitempty"`       // may see live fields
	Ending    bool         `json:"ending,omitempty"`     // may see the kind of ending and its date
	PerMinute int          `json:"per_minute,omitempty"` // quota of verifications; 0 is the default
	Suspended bool         `json:"suspended,omitempty"`
}

func (p Party) id() string { return p.ID }

// Fields returns what the party may see of a type for a purpose.
func (p Party) Fields(typeID, purpose string) (fields []string, typeOK, purposeOK bool) {
	for _, g := range p.Grants {
		if g.Type != typeID {
			continue
		}
		typeOK = true
		if slices.Contains(g.Purposes, purpose) {
			purposeOK = true
			fields = append(fields, g.Fields...)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields), typeOK, purposeOK
}

// Client is a machine that calls the API.
type Client struct {
	ID          string        `json:"id"`
	Role        string        `json:"role"` // department, relying-party, operator, auditor
	Party       string        `json:"party,omitempty"`
	Authorities []string      `json:"authorities,omitempty"`
	Scopes      []string      `json:"scopes"`
	Keys        []*key.Public `json:"keys"`
	Suspended   bool          `json:"suspended,omitempty"`
}

func (c Client) id() string { return c.ID }

// Provider is a wallet provider: whose keys hold copies for people without a key of their own.
type Provider struct {
	ID     string       `json:"id"`
	Name   schemas.Text `json:"name"`
	Domain string       `json:"domain"`
	Keys   []Key        `json:"keys"`
	Frozen bool         `json:"frozen,omitempty"`
}

func (p Provider) id() string { return p.ID }

// Domain is a deployment of showcard: a province or a city. Codes carry its four characters.
type Domain struct {
	Code         string       `json:"code"`
	Name         schemas.Text `json:"name"`
	BaseURL      string       `json:"base_url"`
	StatusPrefix string       `json:"status_prefix"`
	StatusKeys   []Key        `json:"status_keys"`
}

func (d Domain) id() string { return d.Code }

// TypeState says which version of a type is published, and whether it is frozen.
type TypeState struct {
	ID        string `json:"id"`
	Version   int    `json:"version"`
	Published bool   `json:"published"`
	Frozen    bool   `json:"frozen,omitempty"`
}

func (t TypeState) id() string { return t.ID }

// Draft is a registry being changed.
type Draft struct {
	next    *state
	touched map[[2]string]any // kind, id -> entry; nil removes
}

func newDraft(s *state) *Draft {
	return &Draft{
		next: &state{
			authorities: maps.Clone(s.authorities), parties: maps.Clone(s.parties), clients: maps.Clone(s.clients),
			providers: maps.Clone(s.providers), domains: maps.Clone(s.domains), types: maps.Clone(s.types),
		},
		touched: map[[2]string]any{},
	}
}

// PutAuthority adds or replaces an authority.
func (d *Draft) PutAuthority(a Authority) {
	d.next.authorities[a.ID] = a
	d.touched[[2]string{kindAuthority, a.ID}] = a
}

// PutParty adds or replaces a relying party.
func (d *Draft) PutParty(p Party) {
	d.next.parties[p.ID] = p
	d.touched[[2]string{kindParty, p.ID}] = p
}

// PutClient adds or replaces a client.
func (d *Draft) PutClient(c Client) {
	d.next.clients[c.ID] = c
	d.touched[[2]string{kindClient, c.ID}] = c
}

// PutProvider adds or replaces a wallet provider.
func (d *Draft) PutProvider(p Provider) {
	d.next.providers[p.ID] = p
	d.touched[[2]string{kindProvider, p.ID}] = p
}

// PutDomain adds or replaces a domain.
func (d *Draft) PutDomain(v Domain) {
	d.next.domains[v.Code] = v
	d.touched[[2]string{kindDomain, v.Code}] = v
}

// PutType adds or replaces the state of a type.
func (d *Draft) PutType(t TypeState) {
	d.next.types[t.ID] = t
	d.touched[[2]string{kindType, t.ID}] = t
}

// Authority returns an authority of the draft.
func (d *Draft) Authority(id string) (Authority, error) {
	return get(d.next.authorities, "authority", id)
}

// Party returns a relying party of the draft.
func (d *Draft) Party(id string) (Party, error) { return get(d.next.parties, "relying party", id) }

// Client returns a client of the draft.
func (d *Draft) Client(id string) (Client, error) { return get(d.next.clients, "client", id) }

// Provider returns a wallet provider of the draft.
func (d *Draft) Provider(id string) (Provider, error) {
	return get(d.next.providers, "wallet provider", id)
}

// Type returns the state of a type of the draft.
func (d *Draft) Type(id string) (TypeState, error) { return get(d.next.types, "type", id) }

func (d *Draft) entries() []Entry {
	out := make([]Entry, 0, len(d.touched)+1)
	for k, v := range d.touched {
		out = append(out, Entry{Kind: k[0], ID: k[1], Body: encode(v)})
	}
	return out
}

var (
	idForm     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	domainForm = regexp.MustCompile(`^[0-9A-Z]{4}$`)
)

// Roles a client can have.
var clientRoles = []string{"department", "relying-party", "operator", "auditor"}

// check holds what was touched against the rules and against the rest of the registry.
func (d *Draft) check(c *schemas.Catalogue) error {
	for k, v := range d.touched {
		var err error
		switch v := v.(type) {
		case Authority:
			err = d.checkAuthority(v, c)
		case Party:
			err = checkParty(v, c)
		case Client:
			err = d.checkClient(v)
		case Provider:
			err = d.checkKeysAndDomain(v.ID, v.Domain, v.Keys)
		case Domain:
			err = checkDomain(v)
		case TypeState:
			_, err = c.Version(v.ID, v.Version)
		}
		if err != nil {
			return fmt.Errorf("%w: %s %q: %w", ErrInvalid, k[0], k[1], err)
		}
	}
	return nil
}

func (d *Draft) checkAuthority(a Authority, c *schemas.Catalogue) error {
	if err := schemas.CheckUSCC(a.USCC); err != nil {
		return fmt.Errorf("uscc: %w", err)
	}
	if err := knownTypes(c, a.Types); err != nil {
		return err
	}
	for _, region := range a.Regions {
		if len(region) != 6 {
			return fmt.Errorf("region %q has not six digits", region)
		}
	}
	return d.checkKeysAndDomain(a.ID, a.Domain, a.Keys)
}

func (d *Draft) checkKeysAndDomain(id, domain string, keys []Key) error {
	if !idForm.MatchString(id) {
		return fmt.Errorf("id %q is not lower-case letters, digits and hyphens", id)
	}
	if _, ok := d.next.domains[domain]; !ok {
		return fmt.Errorf("domain %q is not registered", domain)
	}
	return checkKeys(keys)
}

func checkKeys(keys []Key) error {
	if len(keys) == 0 {
		return fmt.Errorf("no key")
	}
	for i, k := range keys {
		if k.Public == nil || !k.NotAfter.IsZero() && !k.NotAfter.After(k.NotBefore) {
			return fmt.Errorf("key %d has no point or no time", i)
		}
		for _, other := range keys[:i] {
			if other.Public.ID() == k.Public.ID() {
				return fmt.Errorf("key id %q stands twice", k.Public.ID())
			}
		}
	}
	return nil
}

func checkParty(p Party, c *schemas.Catalogue) error {
	if !idForm.MatchString(p.ID) {
		return fmt.Errorf("id %q is not lower-case letters, digits and hyphens", p.ID)
	}
	for _, g := range p.Grants {
		t, err := c.Type(g.Type)
		if err != nil {
			return err
		}
		if len(g.Purposes) == 0 {
			return fmt.Errorf("grant for %s names no purpose", g.Type)
		}
		for _, f := range g.Fields {
			if !t.Has(f) {
				return fmt.Errorf("type %s has no field %q", g.Type, f)
			}
		}
	}
	return nil
}

func (d *Draft) checkClient(c Client) error {
	if !idForm.MatchString(c.ID) {
		return fmt.Errorf("id %q is not lower-case letters, digits and hyphens", c.ID)
	}
	if !slices.Contains(clientRoles, c.Role) {
		return fmt.Errorf("role %q is not one of %v", c.Role, clientRoles)
	}
	if len(c.Keys) == 0 {
		return fmt.Errorf("no key")
	}
	for _, a := range c.Authorities {
		if _, ok := d.next.authorities[a]; !ok {
			return fmt.Errorf("authority %q is not registered", a)
		}
	}
	if c.Party != "" {
		if _, ok := d.next.parties[c.Party]; !ok {
			return fmt.Errorf("relying party %q is not registered", c.Party)
		}
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
	for _, u := range []string{v.BaseURL, v.StatusPrefix} {
		parsed, err := url.Parse(u)
		if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" {
			return fmt.Errorf("%q is not a web address", u)
		}
	}
	return checkKeys(v.StatusKeys)
}

func knownTypes(c *schemas.Catalogue, ids []string) error {
	for _, id := range ids {
		if _, err := c.Type(id); err != nil {
			return err
		}
	}
	return nil
}
