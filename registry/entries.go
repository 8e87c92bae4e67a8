package registry

import (
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
	kindProposal  = "proposal" // what one operator wants and another has to approve
	kindStop      = "stop"     // a region that is frozen, or all
	kindRoots     = "roots"    // root sets that followed the one of the configuration
	kindList      = "trust-list"
	kindSeal      = "seal"
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
	// X5C is the certificate chain of an issuing key, DER, leaf first, for verifiers that go by
	// certificates. Ours go by the trust list.
	X5C [][]byte `json:"x5c,omitempty"`
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

func (a Authority) clone() Authority {
	a.Types, a.Regions, a.Keys = slices.Clone(a.Types), slices.Clone(a.Regions), slices.Clone(a.Keys)
	return a
}

// May reports whether the authority may issue the type in the region.
func (a Authority) May(typeID, region string) (typeOK, regionOK bool) {
	return slices.Contains(a.Types, typeID), slices.ContainsFunc(a.Regions, func(p string) bool { return schemas.RegionCovers(p, region) })
}

// Client is a machine that calls the API.
type Client struct {
	ID          string        `json:"id"`
	Role        string        `json:"role"` // department, relying-party, operator, auditor
	Party       string        `json:"party,omitempty"`
	Authorities []string      `json:"authorities,omitempty"`
	Scopes      []string      `json:"scopes"`
	Keys        []*key.Public `json:"keys,omitempty"`
	// Certificates are thumbprints of the TLS certificates by which the client may prove who it is:
	// base64url of the SHA-256 of the DER (x5t#S256, RFC 8705 §3.1).
	Certificates []string `json:"certificates,omitempty"`
	Suspended    bool     `json:"suspended,omitempty"`
	// KeyEnds says until when a key that has a successor is still accepted. A key that is not in it
	// has no end.
	KeyEnds KeyEnds `json:"key_ends,omitempty"`
}

func (c Client) id() string { return c.ID }

func (c Client) clone() Client {
	c.Authorities, c.Scopes, c.Keys = slices.Clone(c.Authorities), slices.Clone(c.Scopes), slices.Clone(c.Keys)
	c.KeyEnds = slices.Clone(c.KeyEnds)
	c.Certificates = slices.Clone(c.Certificates)
	return c
}

// Provider is a wallet provider: whose keys hold copies for people without a key of their own.
type Provider struct {
	ID     string       `json:"id"`
	Name   schemas.Text `json:"name"`
	Domain string       `json:"domain"`
	Keys   []Key        `json:"keys"`
	Frozen bool         `json:"frozen,omitempty"`
}

func (p Provider) id() string { return p.ID }

func (p Provider) clone() Provider {
	p.Keys = slices.Clone(p.Keys)
	return p
}

// Domain is a deployment of showcard: a province or a city. Codes carry its four characters.
type Domain struct {
	Code         string       `json:"code"`
	Name         schemas.Text `json:"name"`
	BaseURL      string       `json:"base_url"`
	StatusPrefix string       `json:"status_prefix"`
	StatusKeys   []Key        `json:"status_keys"`
	// ServiceKeys sign what the deployment says in its own name: receipts of verifications.
	ServiceKeys []ServiceKey `json:"service_keys,omitempty"`
}

// ServiceKey is a key of a deployment with what it signs ("receipt").
type ServiceKey struct {
	Use string `json:"use"`
	Key
}

func (d Domain) id() string { return d.Code }

func (d Domain) clone() Domain {
	d.StatusKeys, d.ServiceKeys = slices.Clone(d.StatusKeys), slices.Clone(d.ServiceKeys)
	return d
}

// TypeState says which version of a type is published, and whether it is frozen.
type TypeState struct {
	ID        string `json:"id"`
	Version   int    `json:"version"`
	Published bool   `json:"published"`
	Frozen    bool   `json:"frozen,omitempty"`
}

func (t TypeState) id() string { return t.ID }

func (t TypeState) clone() TypeState { return t }

// allRegions is the id of the stop that stops everything.
const allRegions = "all"

// Stop freezes a region, or everything.
type Stop struct {
	ID string    `json:"id"` // GB/T 2260, trailing zeros cover what is below; or "all"
	At time.Time `json:"at"`
}

func (s Stop) id() string { return s.ID }

func (s Stop) clone() Stop { return s }
