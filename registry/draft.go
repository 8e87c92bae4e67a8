package registry

import (
	"maps"
	"time"

	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/schemas"
)

// Draft is a registry being changed. What its getters return is the caller's own copy.
type Draft struct {
	base    *state
	next    *state
	touched map[entryID]any // nil removes one
	events  []Event
	roots   *trustlist.Roots // new ones

	who, why  string
	now       time.Time
	alwaysTwo bool
	catalogue *schemas.Catalogue
}

// entryID names an entry.
type entryID struct{ kind, id string }

func newDraft(s *state) *Draft {
	return &Draft{base: s, next: s.copied(), touched: map[entryID]any{}}
}

// copied is a state that can be changed.
func (s *state) copied() *state {
	return &state{
		authorities: maps.Clone(s.authorities), parties: maps.Clone(s.parties), clients: maps.Clone(s.clients),
		providers: maps.Clone(s.providers), domains: maps.Clone(s.domains), types: maps.Clone(s.types),
		proposals: maps.Clone(s.proposals), stops: maps.Clone(s.stops),
	}
}

// event notes what is to stand in the audit log for this change.
func (d *Draft) event(kind, subject string, detail map[string]string) {
	d.events = append(d.events, Event{Kind: kind, Actor: d.who, Subject: subject, Detail: detail})
}

// PutAuthority adds or replaces an authority.
func (d *Draft) PutAuthority(a Authority) { store(d, d.next.authorities, kindAuthority, a) }

// PutParty adds or replaces a relying party.
func (d *Draft) PutParty(p Party) { store(d, d.next.parties, kindParty, p.settled()) }

// PutClient adds or replaces a client.
func (d *Draft) PutClient(c Client) { store(d, d.next.clients, kindClient, c) }

// PutProvider adds or replaces a wallet provider.
func (d *Draft) PutProvider(p Provider) { store(d, d.next.providers, kindProvider, p) }

// PutDomain adds or replaces a domain.
func (d *Draft) PutDomain(v Domain) { store(d, d.next.domains, kindDomain, v) }

// PutType adds or replaces the state of a type.
func (d *Draft) PutType(t TypeState) { store(d, d.next.types, kindType, t) }

// Authority returns an authority of the draft.
func (d *Draft) Authority(id string) (Authority, error) {
	return copied(d.next.authorities, "authority", id)
}

// Party returns a relying party of the draft.
func (d *Draft) Party(id string) (Party, error) { return copied(d.next.parties, "relying party", id) }

// Client returns a client of the draft.
func (d *Draft) Client(id string) (Client, error) { return copied(d.next.clients, "client", id) }

// Provider returns a wallet provider of the draft.
func (d *Draft) Provider(id string) (Provider, error) {
	return copied(d.next.providers, "wallet provider", id)
}

// Domain returns a domain of the draft.
func (d *Draft) Domain(code string) (Domain, error) { return copied(d.next.domains, "domain", code) }

// Type returns the state of a type of the draft.
func (d *Draft) Type(id string) (TypeState, error) { return copied(d.next.types, "type", id) }

// entry is what the kinds of entries have in common.
type entry[T any] interface {
	id() string
	clone() T
}

func store[T entry[T]](d *Draft, m map[string]T, kind string, v T) {
	v = v.clone()
	m[v.id()] = v
	d.touched[entryID{kind, v.id()}] = v
}

func copied[T entry[T]](m map[string]T, what, id string) (T, error) {
	v, err := get(m, what, id)
	if err != nil {
		return v, err
	}
	return v.clone(), nil
}
