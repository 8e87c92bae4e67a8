package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/strictjson"
)

const (
	// MaxClientKeys is how many keys a client may have at once: the old, the new, and one to spare.
	MaxClientKeys = 3
	// KeyOverlap is how long the old keys go on when a client adds the next and says nothing else,
	// and MaxKeyOverlap how long they may.
	KeyOverlap    = 7 * 24 * time.Hour
	MaxKeyOverlap = 90 * 24 * time.Hour
	// KeyChangeType is the "typ" of a client's word on its next key.
	KeyChangeType = "client-key+jwt"

	keyChangeLife = 5 * time.Minute
)

// What a client's own key change is refused for.
var (
	ErrKeyProof   = errors.New("registry: a signature of the key change is not good")
	ErrKeyLast    = errors.New("registry: a client's last key is not dropped; suspend the client")
	ErrKeyLimit   = errors.New("registry: a client has at most 3 keys")
	ErrKeyUnknown = errors.New("registry: the client has no such key")
	ErrKeyTaken   = errors.New("registry: this key or key id is registered already")
)

// KeyEnds are the ends of keys. A list, because key ids are anybody's spelling and names of members
// are not.
type KeyEnds []KeyEnd

// KeyEnd is when a key ends.
type KeyEnd struct {
	Key  string    `json:"kid"`
	Ends time.Time `json:"ends"`
}

// Of returns when a key ends, if it does.
func (e KeyEnds) Of(kid string) (at time.Time, ends bool) {
	if i := slices.IndexFunc(e, func(one KeyEnd) bool { return one.Key == kid }); i >= 0 {
		return e[i].Ends, true
	}
	return time.Time{}, false
}

// set gives a key an end, or an earlier one.
func (e *KeyEnds) set(kid string, at time.Time) {
	i := slices.IndexFunc(*e, func(one KeyEnd) bool { return one.Key == kid })
	switch {
	case i < 0:
		*e = append(*e, KeyEnd{kid, at})
	case at.Before((*e)[i].Ends):
		(*e)[i].Ends = at
	}
}

func (e *KeyEnds) drop(kid string) {
	*e = slices.DeleteFunc(*e, func(one KeyEnd) bool { return one.Key == kid })
}

// ActiveKeys are the keys whose signatures count now.
func (c Client) ActiveKeys(now time.Time) []*key.Public {
	return slices.DeleteFunc(slices.Clone(c.Keys), func(k *key.Public) bool {
		end, ends := c.KeyEnds.Of(k.ID())
		return ends && !now.Before(end)
	})
}

// keyChange is what a client says about its next key.
type keyChange struct {
	Issuer   string      `json:"iss"` // the client
	Audience string      `json:"aud"` // the deployment's public URL
	IssuedAt int64       `json:"iat"`
	Expires  int64       `json:"exp"`
	Key      *key.Public `json:"jwk"`
	Overlap  int64       `json:"overlap,omitempty"` // seconds that the old keys go on; 0 is the default
}

// SignKeyChange makes the two halves of a key change: the same words signed by the key in use, so
// that a stolen access token is not enough, and by the next one, so that nobody registers a key
// that somebody else has.
func SignKeyChange(current, next key.Signer, client, audience string, overlap time.Duration, now time.Time) (byCurrent, byNext string, err error) {
	words := keyChange{Issuer: client, Audience: audience, IssuedAt: now.Unix(), Expires: now.Add(time.Minute).Unix(), Key: next.Public(), Overlap: int64(overlap / time.Second)}
	if byCurrent, err = jose.SignJSON(current, jose.SignHeader{Type: KeyChangeType}, words); err == nil {
		byNext, err = jose.SignJSON(next, jose.SignHeader{Type: KeyChangeType}, words)
	}
	return byCurrent, byNext, err
}

// AddClientKey gives a client its next key, on its own word. The keys that it has go on for the
// overlap and end then. That the same change comes twice does no harm: the second finds its key
// taken.
func (r *Registry) AddClientKey(ctx context.Context, id, byCurrent, byNext string) (Client, error) {
	var out Client
	err := r.Update(ctx, id, "its next key", func(d *Draft) error {
		c, err := d.Client(id)
		if err != nil {
			return err
		}
		words, err := r.checkKeyChange(c, byCurrent, byNext, d.now)
		if err != nil {
			return err
		}
		c.dropEnded(d.now)
		for _, other := range d.next.clients {
			for _, k := range other.Keys {
				if k.Equal(words.Key) || other.ID == id && k.ID() == words.Key.ID() {
					return fmt.Errorf("%w: %q", ErrKeyTaken, k.ID())
				}
			}
		}
		if len(c.Keys) >= MaxClientKeys {
			return fmt.Errorf("%w: drop one first", ErrKeyLimit)
		}
		overlap := time.Duration(words.Overlap) * time.Second
		if overlap == 0 {
			overlap = KeyOverlap
		}
		end := d.now.Add(overlap).UTC().Truncate(time.Second)
		for _, k := range c.Keys {
			c.KeyEnds.set(k.ID(), end)
		}
		c.Keys = append(c.Keys, words.Key)
		d.PutClient(c)
		d.event("key.rotated", id, map[string]string{"key": words.Key.ID()})
		out = c
		return nil
	})
	return out, err
}

func (r *Registry) checkKeyChange(c Client, byCurrent, byNext string, now time.Time) (keyChange, error) {
	var words keyChange
	current, err := jose.Parse(byCurrent, KeyChangeType)
	if err != nil {
		return words, fmt.Errorf("%w: current: %w", ErrKeyProof, err)
	}
	next, err := jose.Parse(byNext, KeyChangeType)
	if err != nil {
		return words, fmt.Errorf("%w: next: %w", ErrKeyProof, err)
	}
	if !slices.ContainsFunc(c.ActiveKeys(now), func(k *key.Public) bool {
		return (current.Header.KeyID == "" || current.Header.KeyID == k.ID()) && current.Verify(k) == nil
	}) {
		return words, fmt.Errorf("%w: not by a key that the client has", ErrKeyProof)
	}
	if string(current.Payload) != string(next.Payload) {
		return words, fmt.Errorf("%w: the two keys do not say the same", ErrKeyProof)
	}
	if err := strictjson.Decode(current.Payload, 4, &words); err != nil {
		return words, fmt.Errorf("%w: %w", ErrKeyProof, err)
	}
	issued, expires := time.Unix(words.IssuedAt, 0), time.Unix(words.Expires, 0)
	overlap := time.Duration(words.Overlap) * time.Second
	switch {
	case words.Key == nil || next.Verify(words.Key) != nil:
		return words, fmt.Errorf("%w: not by the next key itself", ErrKeyProof)
	case words.Issuer != c.ID || words.Audience != r.cfg.BaseURL:
		return words, fmt.Errorf("%w: for another client or deployment", ErrKeyProof)
	case !now.Before(expires), issued.After(now.Add(time.Minute)), expires.Sub(issued) > keyChangeLife, now.Sub(issued) > keyChangeLife:
		return words, fmt.Errorf("%w: not of now", ErrKeyProof)
	case words.Overlap < 0 || words.Overlap > int64(MaxKeyOverlap/time.Second) || overlap > MaxKeyOverlap:
		return words, fmt.Errorf("%w: overlap of more than %s", ErrKeyProof, MaxKeyOverlap)
	}
	return words, nil
}

// dropEnded takes out keys that have ended.
func (c *Client) dropEnded(now time.Time) {
	active := c.ActiveKeys(now)
	for _, k := range c.Keys {
		if !slices.Contains(active, k) {
			c.KeyEnds.drop(k.ID())
		}
	}
	c.Keys = active
}

// DropClientKey takes a key away at once: the client its own, or an operator anybody's. The last
// one that works is left: whoever is to have none is suspended.
func (r *Registry) DropClientKey(ctx context.Context, who, why, id, kid string) (Client, error) {
	var out Client
	err := r.Update(ctx, who, why, func(d *Draft) error {
		c, err := d.Client(id)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(c.Keys, func(k *key.Public) bool { return k.ID() == kid })
		if at < 0 {
			return fmt.Errorf("%w: %q", ErrKeyUnknown, kid)
		}
		c.Keys = slices.Delete(c.Keys, at, at+1)
		c.KeyEnds.drop(kid)
		if len(c.ActiveKeys(d.now)) == 0 {
			return fmt.Errorf("%w: %s", ErrKeyLast, id)
		}
		// Whoever drops the next key goes on with the one before.
		if open := slices.ContainsFunc(c.Keys, func(k *key.Public) bool { _, ends := c.KeyEnds.Of(k.ID()); return !ends }); !open && who == id {
			return fmt.Errorf("%w: the others end soon", ErrKeyLast)
		}
		c.dropEnded(d.now)
		d.PutClient(c)
		d.event("key.dropped", id, map[string]string{"key": kid})
		out = c
		return nil
	})
	return out, err
}

func checkClientKeys(c Client) error {
	for i, k := range c.Keys {
		for _, other := range c.Keys[:i] {
			if other.ID() == k.ID() || other.Equal(k) {
				return fmt.Errorf("key %q stands twice", k.ID())
			}
		}
	}
	for _, e := range c.KeyEnds {
		if !slices.ContainsFunc(c.Keys, func(k *key.Public) bool { return k.ID() == e.Key }) {
			return fmt.Errorf("key_ends: there is no key %q", e.Key)
		}
	}
	return nil
}
