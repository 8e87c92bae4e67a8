package trustlist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

// The documents as JSON. Dates are NumericDate (RFC 7519 §2): whole seconds, so that no two
// readers disagree about fractions and zones. Zero and false are left out.
type (
	listJSON struct {
		Version   int64          `json:"version"`
		IssuedAt  int64          `json:"iat"`
		Expires   int64          `json:"exp"`
		Domains   []domainJSON   `json:"domains"`
		Issuers   []issuerJSON   `json:"issuers"`
		Providers []providerJSON `json:"providers"`
		Types     []typeJSON     `json:"types"`

		FrozenRegions []string `json:"frozen_regions,omitempty"`
		FrozenAll     bool     `json:"frozen_all,omitempty"`
	}
	domainJSON struct {
		Code         string    `json:"code"`
		Name         Name      `json:"name"`
		BaseURL      string    `json:"base_url"`
		StatusPrefix string    `json:"status_prefix"`
		StatusKeys   datedKeys `json:"status_keys"`
		// Lists from before there were service keys, and of domains without any, have no such member.
		ServiceKeys serviceKeys `json:"service_keys,omitempty"`
	}
	issuerJSON struct {
		ID        string    `json:"id"`
		Authority string    `json:"authority"`
		Name      Name      `json:"name"`
		Domain    string    `json:"domain"`
		Types     []string  `json:"types"`
		Regions   []string  `json:"regions"`
		Keys      datedKeys `json:"keys"`
		NotBefore int64     `json:"not_before,omitempty"`
		NotAfter  int64     `json:"not_after,omitempty"`
		Frozen    bool      `json:"frozen,omitempty"`
	}
	providerJSON struct {
		ID     string    `json:"id"`
		Name   Name      `json:"name"`
		Domain string    `json:"domain"`
		Keys   datedKeys `json:"keys"`
		Frozen bool      `json:"frozen,omitempty"`
	}
	typeJSON struct {
		ID      string `json:"id"`
		Version int    `json:"version"`
		VCT     string `json:"vct"`
		Code    string `json:"code"`
		Frozen  bool   `json:"frozen,omitempty"`
	}
	rootsJSON struct {
		Version   int64      `json:"version"`
		IssuedAt  int64      `json:"iat"`
		Expires   int64      `json:"exp"`
		Threshold int        `json:"threshold"`
		Keys      publicKeys `json:"keys"`
		Signers   datedKeys  `json:"signers"`
	}
	datedKeyJSON struct {
		Key       json.RawMessage `json:"jwk"`
		NotBefore int64           `json:"not_before,omitempty"`
		NotAfter  int64           `json:"not_after,omitempty"`
		Frozen    bool            `json:"frozen,omitempty"`
		MaxCopies int64           `json:"max_copies,omitempty"`
	}

	serviceKeyJSON struct {
		Use string `json:"use"`
		datedKeyJSON
	}

	datedKeys   []DatedKey
	serviceKeys []ServiceKey
	publicKeys  []*key.Public
)

func (keys datedKeys) MarshalJSON() ([]byte, error) {
	out := make([]datedKeyJSON, 0, len(keys))
	for i := range keys {
		one, err := keys[i].wire()
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return json.Marshal(out)
}

func (d *DatedKey) wire() (datedKeyJSON, error) {
	jwk, err := json.Marshal(d.Key)
	return datedKeyJSON{Key: jwk, NotBefore: numeric(d.NotBefore), NotAfter: numeric(d.NotAfter), Frozen: d.Frozen, MaxCopies: d.MaxCopies}, err
}

func (d datedKeyJSON) dated() (DatedKey, error) {
	k, err := key.ParseJWK(d.Key, false)
	return DatedKey{Key: k, NotBefore: date(d.NotBefore), NotAfter: date(d.NotAfter), Frozen: d.Frozen, MaxCopies: d.MaxCopies}, err
}

func (keys serviceKeys) MarshalJSON() ([]byte, error) {
	out := make([]serviceKeyJSON, 0, len(keys))
	for i := range keys {
		one, err := keys[i].wire()
		if err != nil {
			return nil, err
		}
		out = append(out, serviceKeyJSON{keys[i].Use, one})
	}
	return json.Marshal(out)
}

// UnmarshalJSON steps over unknown kinds like datedKeys.
func (keys *serviceKeys) UnmarshalJSON(data []byte) error {
	var in []serviceKeyJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*keys = make(serviceKeys, 0, len(in))
	for _, d := range in {
		one, err := d.dated()
		if errors.Is(err, key.ErrUnsupported) {
			continue
		}
		if err != nil {
			return err
		}
		*keys = append(*keys, ServiceKey{d.Use, one})
	}
	return nil
}

// UnmarshalJSON steps over keys of kinds that this version does not know: what they signed
// does not verify here, and the rest of the list stays readable.
func (keys *datedKeys) UnmarshalJSON(data []byte) error {
	var in []datedKeyJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*keys = make(datedKeys, 0, len(in))
	for _, d := range in {
		one, err := d.dated()
		if errors.Is(err, key.ErrUnsupported) {
			continue
		}
		if err != nil {
			return err
		}
		*keys = append(*keys, one)
	}
	return nil
}

// UnmarshalJSON steps over unknown kinds like datedKeys.
func (keys *publicKeys) UnmarshalJSON(data []byte) error {
	var in []json.RawMessage
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*keys = make(publicKeys, 0, len(in))
	for _, raw := range in {
		k, err := key.ParseJWK(raw, false)
		if errors.Is(err, key.ErrUnsupported) {
			continue
		}
		if err != nil {
			return err
		}
		*keys = append(*keys, k)
	}
	return nil
}

func numeric(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func date(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func (l *List) encode() ([]byte, error) {
	out := listJSON{Version: l.Version, IssuedAt: numeric(l.IssuedAt), Expires: numeric(l.Expires),
		Domains: []domainJSON{}, Issuers: []issuerJSON{}, Providers: []providerJSON{}, Types: []typeJSON{},
		FrozenRegions: l.FrozenRegions, FrozenAll: l.FrozenAll}
	for _, d := range l.Domains {
		out.Domains = append(out.Domains, domainJSON{d.Code, d.Name, d.BaseURL, d.StatusPrefix, d.StatusKeys, d.ServiceKeys})
	}
	for _, i := range l.Issuers {
		out.Issuers = append(out.Issuers, issuerJSON{i.ID, i.Authority, i.Name, i.Domain, list(i.Types), list(i.Regions),
			i.Keys, numeric(i.NotBefore), numeric(i.NotAfter), i.Frozen})
	}
	for _, p := range l.Providers {
		out.Providers = append(out.Providers, providerJSON{p.ID, p.Name, p.Domain, p.Keys, p.Frozen})
	}
	for _, t := range l.Types {
		out.Types = append(out.Types, typeJSON(t))
	}
	return json.Marshal(out)
}

// list writes [] for nothing, never null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// decodeList reads a payload whose form jose has already checked.
func decodeList(payload []byte) (*List, error) {
	var in listJSON
	if err := decode(payload, &in); err != nil {
		return nil, err
	}
	l := &List{Version: in.Version, IssuedAt: date(in.IssuedAt), Expires: date(in.Expires), FrozenRegions: in.FrozenRegions, FrozenAll: in.FrozenAll}
	for _, d := range in.Domains {
		l.Domains = append(l.Domains, Domain{d.Code, d.Name, d.BaseURL, d.StatusPrefix, d.StatusKeys, d.ServiceKeys})
	}
	for _, i := range in.Issuers {
		l.Issuers = append(l.Issuers, Issuer{i.ID, i.Authority, i.Name, i.Domain, i.Types, i.Regions,
			i.Keys, date(i.NotBefore), date(i.NotAfter), i.Frozen})
	}
	for _, p := range in.Providers {
		l.Providers = append(l.Providers, Provider{p.ID, p.Name, p.Domain, p.Keys, p.Frozen})
	}
	for _, t := range in.Types {
		l.Types = append(l.Types, Type(t))
	}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	l.spreadFreezes()
	return l, nil
}

// spreadFreezes freezes a compromised point wherever it stands.
func (l *List) spreadFreezes() {
	var all []*DatedKey
	frozen := map[string]bool{}
	one := func(d *DatedKey) {
		all = append(all, d)
		if d.Frozen {
			frozen[identity(d.Key)] = true
		}
	}
	note := func(keys []DatedKey) {
		for i := range keys {
			one(&keys[i])
		}
	}
	for i := range l.Domains {
		note(l.Domains[i].StatusKeys)
		for j := range l.Domains[i].ServiceKeys {
			one(&l.Domains[i].ServiceKeys[j].DatedKey)
		}
	}
	for i := range l.Issuers {
		note(l.Issuers[i].Keys)
	}
	for i := range l.Providers {
		note(l.Providers[i].Keys)
	}
	if len(frozen) == 0 {
		return
	}
	for _, d := range all {
		d.Frozen = d.Frozen || frozen[identity(d.Key)]
	}
}

func decode(payload []byte, v any) error {
	if err := checkNames(payload); err != nil {
		return err
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// checkNames refuses capital letters, escapes and anything beyond ASCII in the names of
// members, and null anywhere. encoding/json matches names without regard to case, so "Frozen"
// would count here and be an unknown name in another language; and null would count as
// nothing, where others stumble. The data is valid JSON without names that stand twice.
func checkNames(data []byte) error {
	for at := 0; at < len(data); at++ {
		switch data[at] {
		case 'n': // outside of strings, only null begins so
			return fmt.Errorf("%w: null", ErrMalformed)
		case '"':
			start := at + 1
			for at = start; data[at] != '"'; at++ {
				if data[at] == '\\' {
					at++
				}
			}
			text := data[start:at]
			after := bytes.TrimLeft(data[at+1:min(len(data), at+65)], " \t\r\n")
			if len(after) == 0 && at+1 < len(data) {
				return fmt.Errorf("%w: too much white space", ErrMalformed)
			}
			if len(after) > 0 && after[0] == ':' && bytes.ContainsFunc(text, oddInName) {
				return fmt.Errorf("%w: name %q", ErrMalformed, clip(string(text)))
			}
		}
	}
	return nil
}

func oddInName(r rune) bool {
	return !strings.ContainsRune(lower+digits+"_-.#:/", r)
}
