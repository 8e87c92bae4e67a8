package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/strictjson"
)

var (
	// ErrLeaf says that bytes are no leaf of this log.
	ErrLeaf = errors.New("audit: not a leaf of this log")
	// ErrOpening says that an opening is not what the leaf commits to.
	ErrOpening = errors.New("audit: the opening is not what was logged")
)

// maxLeaf is what the two bytes of a length in a bundle can say.
const maxLeaf = 1<<16 - 1

// Leaf is what everyone may see of an entry.
type Leaf struct {
	ID         string
	At         time.Time
	Kind       string
	Commitment [32]byte
}

// ParseLeaf reads a leaf. There is one spelling of each, so that nobody can put two different
// leaves in one place that mean the same.
func ParseLeaf(data []byte) (Leaf, error) {
	if len(data) > maxLeaf {
		return Leaf{}, fmt.Errorf("%w: %d bytes", ErrLeaf, len(data))
	}
	var l leaf
	if err := strictjson.Decode(data, 2, &l); err != nil {
		return Leaf{}, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	commitment, err := base64.RawURLEncoding.Strict().DecodeString(l.Commitment)
	if err != nil || len(commitment) != 32 || l.Version != 1 || l.ID == "" || l.Kind == "" {
		return Leaf{}, ErrLeaf
	}
	again, err := json.Marshal(l)
	if err != nil || !bytes.Equal(again, data) {
		return Leaf{}, fmt.Errorf("%w: another spelling", ErrLeaf)
	}
	return Leaf{ID: l.ID, At: time.UnixMicro(l.At).UTC(), Kind: l.Kind, Commitment: [32]byte(commitment)}, nil
}

// Open checks an opening, salt and event, against the leaf and returns the event.
func (l Leaf) Open(opening []byte) (Event, error) {
	if sm.Sum(opening) != l.Commitment || len(opening) < saltSize {
		return Event{}, ErrOpening
	}
	var o opened
	if err := json.Unmarshal(opening[saltSize:], &o); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrOpening, err)
	}
	return Event{ID: l.ID, Kind: l.Kind, At: l.At, Actor: o.Actor, Subject: o.Subject, Holder: o.Holder, Detail: o.Detail}, nil
}

// Same reports whether two events say the same, whatever their entries are called. A moment that
// one of them does not name is not compared.
func (e Event) Same(o Event) bool {
	if e.Kind != o.Kind || !e.At.IsZero() && !o.At.IsZero() && e.At.UnixMicro() != o.At.UnixMicro() {
		return false
	}
	one, err := json.Marshal(opened{e.Actor, e.Subject, e.Holder, e.Detail})
	two, otherErr := json.Marshal(opened{o.Actor, o.Subject, o.Holder, o.Detail})
	return err == nil && otherErr == nil && bytes.Equal(one, two)
}
