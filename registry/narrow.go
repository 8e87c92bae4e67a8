package registry

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

// roleOperator is the role of whoever changes the registry, and scopeRegistry what her token needs.
const (
	roleOperator  = "operator"
	scopeRegistry = "registry"
)

// needsTwo reports whether there are two operators, so that one can be asked for. One who is
// suspended counts: or whoever suspends the others would be alone.
func (d *Draft) needsTwo() bool { return d.alwaysTwo || d.base.operators() >= 2 }

// operators counts the clients that may change the registry.
func (s *state) operators() int {
	n := 0
	for _, c := range s.clients {
		if c.Role == roleOperator && slices.Contains(c.Scopes, scopeRegistry) {
			n++
		}
	}
	return n
}

// merged takes an entry as an operator wrote it and gives it what she cannot write: whether it is
// frozen or suspended is not hers to say here, neither way, and a party's state follows its steps.
func (d *Draft) merged(entry any) (entryID, any, error) {
	switch v := entry.(type) {
	case Authority:
		v = v.clone()
		if old, ok := d.next.authorities[v.ID]; ok {
			v.Frozen = old.Frozen
			keepFrozen(old.Keys, v.Keys)
		}
		return entryID{kindAuthority, v.ID}, v, nil
	case Provider:
		v = v.clone()
		if old, ok := d.next.providers[v.ID]; ok {
			v.Frozen = old.Frozen
			keepFrozen(old.Keys, v.Keys)
		}
		return entryID{kindProvider, v.ID}, v, nil
	case Domain:
		v = v.clone()
		keepFrozen(d.next.domains[v.Code].StatusKeys, v.StatusKeys)
		services := plain(v.ServiceKeys)
		keepFrozen(plain(d.next.domains[v.Code].ServiceKeys), services)
		for i := range services {
			v.ServiceKeys[i].Key = services[i]
		}
		return entryID{kindDomain, v.Code}, v, nil
	case TypeState:
		if old, ok := d.next.types[v.ID]; ok {
			v.Frozen = old.Frozen
		}
		return entryID{kindType, v.ID}, v, nil
	case Client:
		v = v.clone()
		if old, ok := d.next.clients[v.ID]; ok {
			v.Suspended = old.Suspended
		}
		return entryID{kindClient, v.ID}, v, nil
	case Party:
		v = v.clone()
		old, ok := d.next.parties[v.ID]
		if ok && old.State == PartyRetired {
			return entryID{}, nil, fmt.Errorf("%w: %s", ErrPartyRetired, v.ID)
		}
		v.State, v.Steps, v.Suspended = old.State, old.Steps, old.Suspended
		return entryID{kindParty, v.ID}, v, nil
	}
	return entryID{}, nil, fmt.Errorf("%w: a %T is no entry", ErrInvalid, entry)
}

// keepFrozen takes the word "frozen" out of what an operator wrote about keys that are not frozen
// in the registry: she may have read them while an urgent freeze held them. Keys that are frozen
// must still be written so ([stillFrozen]).
func keepFrozen(old, keys []Key) {
	for i := range keys {
		at := slices.IndexFunc(old, func(k Key) bool { return k.Public != nil && k.Public.Equal(keys[i].Public) })
		if keys[i].Public != nil && at >= 0 {
			keys[i].Frozen = keys[i].Frozen && old[at].Frozen
		}
	}
}

// putAny stores an entry of any kind.
func (d *Draft) putAny(entry any) error {
	switch v := entry.(type) {
	case Authority:
		d.PutAuthority(v)
	case Provider:
		d.PutProvider(v)
	case Domain:
		d.PutDomain(v)
	case TypeState:
		d.PutType(v)
	case Client:
		d.PutClient(v)
	case Party:
		d.putParty(v)
	default:
		return fmt.Errorf("%w: a %T is no entry", ErrInvalid, entry)
	}
	return nil
}

// narrows reports whether one operator may make the change alone: it gives nobody a right that was
// not there before, and stops no more than one caller. Each dimension of the entry is smaller or the
// same, and with those set aside the two are equal; what this does not understand is wider.
// Authorities, wallet providers, domains and types are never narrowed by one: to take an authority's
// key or type away stops a whole region, like a freeze, and freezes have their own door for haste.
func (d *Draft) narrows(entry any) bool {
	switch v := entry.(type) {
	case Authority:
		old, ok := d.next.authorities[v.ID]
		return ok && same(old, v)
	case Provider:
		old, ok := d.next.providers[v.ID]
		return ok && same(old, v)
	case Domain:
		old, ok := d.next.domains[v.Code]
		return ok && same(old, v)
	case TypeState:
		old, ok := d.next.types[v.ID]
		return ok && same(old, v)
	case Client:
		old, ok := d.next.clients[v.ID]
		return ok && narrowsClient(old, v)
	case Party:
		old, ok := d.next.parties[v.ID]
		// Before its release a party has no rights that could be widened.
		return !ok || old.State != PartyReleased && old.State != PartySuspended || narrowsParty(old, v)
	}
	return false
}

// narrowsClient lets one operator take keys, scopes and authorities away. From another operator she
// may take nothing but keys: or one could make herself the only one.
func narrowsClient(old, v Client) bool {
	for _, k := range v.Keys {
		if k == nil || !slices.ContainsFunc(old.Keys, func(o *key.Public) bool { return o.Equal(k) && o.ID() == k.ID() }) {
			return false
		}
	}
	for _, end := range old.KeyEnds {
		if later, ok := v.KeyEnds.Of(end.Key); (!ok || later.After(end.Ends)) && slices.ContainsFunc(v.Keys, func(k *key.Public) bool { return k.ID() == end.Key }) {
			return false
		}
	}
	if !subset(v.Certificates, old.Certificates) {
		return false
	}
	v.Certificates = old.Certificates
	if old.Role != roleOperator {
		if !subset(v.Scopes, old.Scopes) || !subset(v.Authorities, old.Authorities) {
			return false
		}
		v.Scopes, v.Authorities = old.Scopes, old.Authorities
	}
	v.Keys, v.KeyEnds = old.Keys, old.KeyEnds
	return same(old, v)
}

func narrowsParty(old, v Party) bool {
	for _, g := range v.Grants {
		for _, purpose := range g.Purposes {
			if fields, _, ok := old.Fields(g.Type, purpose); !ok || !subset(g.Fields, fields) {
				return false
			}
		}
	}
	fewer := func(before, after int) bool { return after == before || after > 0 && (before == 0 || after < before) }
	switch {
	case v.Portrait && !old.Portrait, v.Ending && !old.Ending:
		return false
	// A party without a quota of its own has the default, which may be less than what is written.
	case v.PerMinute != old.PerMinute && (old.PerMinute == 0 || !fewer(old.PerMinute, v.PerMinute)):
		return false
	case !fewer(old.PerDay, v.PerDay), !datesNarrow(old.NotBefore, old.NotAfter, v.NotBefore, v.NotAfter):
		return false
	}
	v.Grants, v.Portrait, v.Ending, v.PerMinute, v.PerDay = old.Grants, old.Portrait, old.Ending, old.PerMinute, old.PerDay
	v.NotBefore, v.NotAfter, v.Contact = old.NotBefore, old.NotAfter, old.Contact // whom to call is no right
	return same(old, v)
}

// datesNarrow reports whether the second pair of dates lies within the first.
func datesNarrow(from, until, newFrom, newUntil time.Time) bool {
	return !newFrom.Before(from) && (until.IsZero() || !newUntil.IsZero() && !newUntil.After(until))
}

func subset(some, of []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(of, s) })
}

// same compares two entries as they would be stored.
func same(a, b any) bool {
	x, errX := encode(a)
	y, errY := encode(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
