package schemas

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Errors of codes.
var (
	ErrTableUnknown = errors.New("schemas: unknown code table")
	ErrCodeUnknown  = errors.New("schemas: code is not in the table")
	ErrCodeTwice    = errors.New("schemas: code stands twice")
	ErrCodeAlone    = errors.New("schemas: code excludes every other code")
)

// Code is one entry of a code table.
type Code struct {
	Code string `json:"code"`
	Name Text   `json:"name"`
	// Includes are the codes that this one covers without naming them, as
	// vehicle class A2 covers B1. The closure is computed.
	Includes []string `json:"includes,omitempty"`
	// Alone: in a combination of letters the code excludes every other (正常).
	Alone bool `json:"alone,omitempty"`
}

// Table is one code table.
type Table struct {
	Name     string `json:"name"`
	Title    Text   `json:"title"`
	Standard string `json:"standard"` // where the codes are from
	Codes    []Code `json:"codes"`

	byCode map[string]Code
	covers map[string]map[string]bool // transitive and reflexive
	widest int
}

// Lookup finds a code.
func (t *Table) Lookup(code string) (Code, bool) {
	c, ok := t.byCode[code]
	return c, ok
}

// Split takes a combination of codes apart: "A1A2D", "C1E", "BDJ". Codes of
// several characters win over shorter ones. A code may not stand twice, and a
// code that excludes the others stands alone.
func (t *Table) Split(combined string) ([]string, error) {
	var codes []string
	for rest := combined; rest != ""; {
		n := min(t.widest, len(rest))
		for ; n > 0; n-- {
			if _, ok := t.byCode[rest[:n]]; ok {
				break
			}
		}
		if n == 0 {
			return nil, fmt.Errorf("%w %s", ErrCodeUnknown, t.Name)
		}
		if slices.Contains(codes, rest[:n]) {
			return nil, fmt.Errorf("%w: %s", ErrCodeTwice, rest[:n])
		}
		codes = append(codes, rest[:n])
		rest = rest[n:]
	}
	if len(codes) == 0 {
		return nil, fmt.Errorf("%w %s: none given", ErrCodeUnknown, t.Name)
	}
	for _, c := range codes {
		if t.byCode[c].Alone && len(codes) > 1 {
			return nil, fmt.Errorf("%w: %s", ErrCodeAlone, c)
		}
	}
	return codes, nil
}

// Covers says whether a combination of codes includes the wanted one, directly
// or through inclusion: may a driver of class A2 drive class C1?
func (t *Table) Covers(combined, wanted string) (bool, error) {
	codes, err := t.Split(combined)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(codes, func(c string) bool { return t.covers[c][wanted] }), nil
}

// Closure is everything that a combination of codes covers, in table order.
func (t *Table) Closure(combined string) ([]string, error) {
	codes, err := t.Split(combined)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, entry := range t.Codes {
		if slices.ContainsFunc(codes, func(c string) bool { return t.covers[c][entry.Code] }) {
			all = append(all, entry.Code)
		}
	}
	return all, nil
}

// Describe is the name of a code, or of each code of a combination, in both
// languages; an unknown code is its own name.
func (t *Table) Describe(combined string) Text {
	codes := []string{combined}
	if _, ok := t.byCode[combined]; !ok {
		if split, err := t.Split(combined); err == nil {
			codes = split
		}
	}
	var zh, en []string
	for _, c := range codes {
		name := t.byCode[c].Name
		if !name.Complete() {
			name = Text{c, c}
		}
		zh, en = append(zh, name.ZH), append(en, name.EN)
	}
	return Text{strings.Join(zh, "、"), strings.Join(en, ", ")}
}

// index checks a table as loaded and prepares its look-ups.
func (t *Table) index() error {
	if t.Name == "" || !t.Title.Complete() || t.Standard == "" || len(t.Codes) == 0 {
		return errors.New("name, title in zh and en, standard and codes are required")
	}
	t.byCode = make(map[string]Code, len(t.Codes))
	for i, c := range t.Codes {
		at := fmt.Sprintf("/codes/%d", i)
		if c.Code == "" || !c.Name.Complete() {
			return fmt.Errorf("%s: code and name in zh and en are required", at)
		}
		if _, twice := t.byCode[c.Code]; twice {
			return fmt.Errorf("%s/code: %q stands twice", at, c.Code)
		}
		t.byCode[c.Code] = c
		t.widest = max(t.widest, len(c.Code))
	}
	t.covers = make(map[string]map[string]bool, len(t.Codes))
	for i, c := range t.Codes {
		reached := map[string]bool{}
		for todo := []string{c.Code}; len(todo) > 0; todo = todo[1:] {
			next, ok := t.byCode[todo[0]]
			if !ok {
				return fmt.Errorf("/codes/%d/includes: unknown code %q", i, todo[0])
			}
			if !reached[next.Code] {
				reached[next.Code] = true
				todo = append(todo, next.Includes...)
			}
		}
		t.covers[c.Code] = reached
	}
	return nil
}

// Tables are the code tables by name, immutable once loaded.
type Tables struct {
	byName  map[string]*Table
	regions *RegionTable
}

// Table finds a table: "sex", "ethnicities", "holder-code-types",
// "vehicle-classes", "licence-states", "vehicle-states", "certificate-states" …
func (t *Tables) Table(name string) (*Table, error) {
	if table, ok := t.byName[name]; ok {
		return table, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrTableUnknown, name)
}

// Names are the names of all tables, sorted.
func (t *Tables) Names() []string { return slices.Sorted(maps.Keys(t.byName)) }

// Regions are the administrative regions.
func (t *Tables) Regions() *RegionTable { return t.regions }

// Name is what a code is called in a table, in both languages; an unknown code
// or table answers with the code itself.
func (t *Tables) Name(table, code string) Text {
	if found, ok := t.byName[table]; ok {
		return found.Describe(code)
	}
	return Text{code, code}
}
