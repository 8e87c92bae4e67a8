package schemas

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of look-ups. An unpublished type is known and refused all the same:
// a department gets told to wait, not that it misspelt something.
var (
	ErrTypeUnknown     = errors.New("schemas: unknown certificate type")
	ErrTypeUnpublished = errors.New("schemas: certificate type is not published")
	ErrViewUnknown     = errors.New("schemas: unknown view")
)

// Catalogue is the set of certificate types of a deployment, immutable once
// loaded and safe for concurrent use.
type Catalogue struct {
	types  []*Type // by id, then version
	tables *Tables
}

// Types are all types, every version, published or not, ordered by id and version.
func (c *Catalogue) Types() []*Type { return slices.Clone(c.types) }

// Tables are the code tables that the types refer to.
func (c *Catalogue) Tables() *Tables { return c.tables }

// Type is the newest published version. It fails with ErrTypeUnknown, or with
// ErrTypeUnpublished when no version of the type is published.
func (c *Catalogue) Type(id string) (*Type, error) {
	var newest *Type
	known := false
	for _, t := range c.types {
		if t.ID != id {
			continue
		}
		known = true
		if t.Published {
			newest = t
		}
	}
	switch {
	case newest != nil:
		return newest, nil
	case known:
		return nil, fmt.Errorf("%w: %s", ErrTypeUnpublished, id)
	default:
		return nil, fmt.Errorf("%w: %q", ErrTypeUnknown, id)
	}
}

// Version is one published version: certificates of an older version stay
// verifiable by it.
func (c *Catalogue) Version(id string, v int) (*Type, error) {
	for _, t := range c.types {
		if t.ID != id || t.Version != v {
			continue
		}
		if !t.Published {
			return nil, fmt.Errorf("%w: %s version %d", ErrTypeUnpublished, id, v)
		}
		return t, nil
	}
	return nil, fmt.Errorf("%w: %q version %d", ErrTypeUnknown, id, v)
}

// TypeByCode is the newest published version of the type with a national type
// code, as found in an Identifier.
func (c *Catalogue) TypeByCode(code string) (*Type, error) {
	for _, t := range c.types {
		if t.Code == code {
			return c.Type(t.ID)
		}
	}
	return nil, fmt.Errorf("%w: code %q", ErrTypeUnknown, code)
}

func compareTypes(a, b *Type) int {
	if c := strings.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	return a.Version - b.Version
}
