package schemas

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what an offline code can carry (docs/formats.md §3.2).
const (
	// maxCWT bounds the numbers; up to 23 they take one byte.
	maxCWT = 255
	// maxOfflineText is how long a text field of an offline view may be by its max_length. Two such
	// fields of Chinese fill a code.
	maxOfflineText = 200
)

// offline checks which views an offline code may carry, and the numbers that they go by.
func (c *checker) offline() {
	t := c.t
	if m := t.Offline.Masking; m != OfflineMasked && m != OfflinePlain {
		c.fail("/offline/masking", "unknown mode %q", m)
	}
	fields, views := map[int]string{}, map[int]string{}
	for i, f := range t.Fields {
		c.number(fmt.Sprintf("/fields/%d/cwt", i), f.CWT, f.Name, fields)
	}
	for i, p := range t.Predicates {
		c.number(fmt.Sprintf("/predicates/%d/cwt", i), p.CWT, p.Name, fields)
	}
	for i, f := range t.Live {
		if f.CWT != 0 {
			c.fail(fmt.Sprintf("/live/%d/cwt", i), "what is live is never signed")
		}
	}
	for i, v := range t.Views {
		c.number(fmt.Sprintf("/views/%d/cwt", i), v.CWT, v.Name, views)
	}
	c.number("/cwt", t.CWT, t.ID, map[int]string{})
	if len(t.Offline.Views) > 0 && t.CWT == 0 {
		c.fail("/cwt", "a type with offline views needs a number")
	}
	for i, name := range t.Offline.Views {
		at := "/offline/views/" + strconv.Itoa(i)
		v, err := t.View(name)
		if err != nil {
			c.fail(at, "unknown view %q", name)
			continue
		}
		if slices.Index(t.Offline.Views, name) != i {
			c.fail(at, "view %q stands twice", name)
		}
		if v.CWT == 0 {
			c.fail(at, "view %q needs a number (cwt)", name)
		}
		for _, member := range v.Fields {
			c.offlineField(at, member)
		}
	}
}

func (c *checker) offlineField(at, name string) {
	f, isField := c.t.Field(name)
	p, isPredicate := c.t.Predicate(name)
	switch {
	case isField && f.CWT == 0 || isPredicate && p.CWT == 0:
		c.fail(at, "field %q needs a number (cwt)", name)
	case isField && f.Kind == KindText && f.MaxLength > maxOfflineText && c.t.offlineMask(f).Rule == MaskNone:
		c.fail(at, "field %q may have %d characters, an offline code has room for %d", name, f.MaxLength, maxOfflineText)
	}
}

func (c *checker) number(at string, n int, name string, taken map[int]string) {
	if n == 0 {
		return
	}
	if n < 0 || n > maxCWT {
		c.fail(at, "must be 1 to %d", maxCWT)
	}
	if other, twice := taken[n]; twice {
		c.fail(at, "%d is already the number of %s", n, other)
	}
	taken[n] = name
}

// numbers holds the numbers of all types against one another: two types have two, and a type keeps
// those of its versions, or a checker that knows one version would read another wrongly.
func (l *loader) numbers(types []*Type, from map[string]string) {
	for i, t := range types {
		file := from[t.Path()]
		for _, other := range types[:i] {
			if other.ID != t.ID {
				if t.CWT != 0 && t.CWT == other.CWT {
					l.faults = append(l.faults, fault(file, "/cwt", "%d is already the number of %s", t.CWT, other.ID))
				}
				continue
			}
			if t.CWT != 0 && other.CWT != 0 && t.CWT != other.CWT {
				l.faults = append(l.faults, fault(file, "/cwt", "version %d has %d", other.Version, other.CWT))
			}
			was, is := other.cwtNames(), t.cwtNames()
			for n, name := range was {
				for m, now := range is {
					kind, _, _ := strings.Cut(n, " ")
					if same := strings.HasPrefix(m, kind); same && (m == n) != (now == name) {
						l.faults = append(l.faults, fault(file, "", "cwt %s is %s, in version %d %s is %s", m, now, other.Version, n, name))
					}
				}
			}
		}
	}
}

// cwtNames is what each number stands for.
func (t *Type) cwtNames() map[string]string {
	names := map[string]string{}
	for _, f := range t.Fields {
		if f.CWT != 0 {
			names["field "+strconv.Itoa(f.CWT)] = f.Name
		}
	}
	for _, p := range t.Predicates {
		if p.CWT != 0 {
			names["field "+strconv.Itoa(p.CWT)] = p.Name
		}
	}
	for _, v := range t.Views {
		if v.CWT != 0 {
			names["view "+strconv.Itoa(v.CWT)] = v.Name
		}
	}
	return names
}
