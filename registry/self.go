package registry

import (
	"slices"
	"time"

	"github.com/showcard/showcard/schemas"
)

// Self is what a client may know of itself: what it is and what it may do, so that a workstation
// needs no second copy of the registry. Of other entries nothing is in it that concerns only them:
// no contact of a party, no key of an authority.
type Self struct {
	ID     string    `json:"id"`
	Role   string    `json:"role"`
	Scopes []string  `json:"scopes"`
	Keys   []SelfKey `json:"keys"`
	// Party is the one that it checks for; Authorities are those that it issues for.
	Party       *SelfParty      `json:"party,omitempty"`
	Authorities []SelfAuthority `json:"authorities,omitempty"`
	// Operators is how many may change the registry, for an operator: with one there is no second
	// pair of eyes.
	Operators int `json:"operators,omitempty"`
}

// SelfKey is a key of the client that is accepted now.
type SelfKey struct {
	ID   string    `json:"kid"`
	Ends time.Time `json:"ends,omitzero"`
}

// SelfParty is a relying party as its own clients see it.
type SelfParty struct {
	ID       string       `json:"id"`
	Name     schemas.Text `json:"name"`
	State    PartyState   `json:"state"`
	Purposes []Purpose    `json:"purposes"`
	// Fields is what it may ask a holder for, by purpose and type. Live values are told without
	// asking, and so is the portrait: they are no fields that somebody chooses.
	Fields map[string]map[string][]string `json:"fields"`
	// Scenes are the audiences of offline codes that it may take (docs/formats.md, 8.5).
	Scenes    []string  `json:"scenes"`
	Portrait  bool      `json:"portrait,omitempty"`
	Ending    bool      `json:"ending,omitempty"`
	PerMinute int       `json:"per_minute,omitempty"`
	PerDay    int       `json:"per_day,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
}

// Purpose is what a party may check for. A name stands where an operator has registered one.
type Purpose struct {
	Code string       `json:"code"`
	Name schemas.Text `json:"name,omitzero"`
}

// SelfAuthority is an authority as its own clients see it.
type SelfAuthority struct {
	ID        string       `json:"id"`
	Name      schemas.Text `json:"name"`
	Types     []TypeState  `json:"types"`
	Regions   []string     `json:"regions"`
	NotBefore time.Time    `json:"not_before,omitzero"`
	NotAfter  time.Time    `json:"not_after,omitzero"`
	Frozen    bool         `json:"frozen,omitempty"`
}

// Self tells a client what it is. All of it is of one revision.
func (r *Registry) Self(id string) (Self, error) {
	s := r.current.Load().live
	c, err := get(s.clients, "client", id)
	if err != nil {
		return Self{}, err
	}
	out := Self{ID: c.ID, Role: c.Role, Scopes: append([]string{}, c.Scopes...), Keys: []SelfKey{}}
	for _, k := range c.ActiveKeys(r.cfg.Now()) {
		ends, _ := c.KeyEnds.Of(k.ID())
		out.Keys = append(out.Keys, SelfKey{k.ID(), ends})
	}
	if p, ok := s.parties[c.Party]; ok {
		out.Party = r.selfParty(p)
	}
	for _, id := range c.Authorities {
		if a, ok := s.authorities[id]; ok {
			out.Authorities = append(out.Authorities, s.selfAuthority(a))
		}
	}
	if c.Role == roleOperator {
		out.Operators = s.operators()
	}
	return out, nil
}

func (r *Registry) selfParty(p Party) *SelfParty {
	out := &SelfParty{
		ID: p.ID, Name: p.Name, State: p.State, Purposes: []Purpose{}, Fields: map[string]map[string][]string{}, Scenes: []string{"any"},
		Portrait: p.Portrait, Ending: p.Ending, PerMinute: p.PerMinute, PerDay: p.PerDay, NotBefore: p.NotBefore, NotAfter: p.NotAfter,
	}
	for _, g := range p.Grants {
		for _, code := range g.Purposes {
			if out.Fields[code] == nil {
				out.Fields[code] = map[string][]string{}
				out.Purposes = append(out.Purposes, Purpose{Code: code, Name: p.purposeName(code)})
				out.Scenes = append(out.Scenes, code)
			}
			out.Fields[code][g.Type] = []string{}
		}
	}
	for code, types := range out.Fields {
		for typeID := range types {
			fields, _, _ := p.Fields(typeID, code)
			types[typeID] = append(types[typeID], r.askable(typeID, fields)...)
		}
	}
	out.Scenes = append(out.Scenes, p.ID)
	return out
}

// askable leaves the fields that a holder can be asked for.
func (r *Registry) askable(typeID string, fields []string) []string {
	t, err := r.cfg.Catalogue.Type(typeID)
	if err != nil {
		return nil // a type that this process does not know yet: nothing of it can be checked here
	}
	return slices.DeleteFunc(fields, func(f string) bool { return !t.Has(f) || f == schemas.PortraitClaim })
}

func (p Party) purposeName(code string) schemas.Text {
	for _, b := range p.LegalBasis {
		if b.Purpose == code {
			return b.Name
		}
	}
	return schemas.Text{}
}

func (s *state) selfAuthority(a Authority) SelfAuthority {
	out := SelfAuthority{
		ID: a.ID, Name: a.Name, Types: []TypeState{}, Regions: append([]string{}, a.Regions...),
		NotBefore: a.NotBefore, NotAfter: a.NotAfter, Frozen: a.Frozen,
	}
	for _, id := range a.Types {
		if t, ok := s.types[id]; ok {
			out.Types = append(out.Types, t)
		}
	}
	return out
}
