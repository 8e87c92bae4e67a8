package schemas

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sync"

	"github.com/showcard/showcard/internal/strictjson"
)

//go:embed types/*.json tables/*.json
var files embed.FS

// Files are the embedded types and tables, for a Load that adds to them.
func Files() fs.FS { return files }

// Embedded is the catalogue of the embedded types. Every call answers with the
// same catalogue, which is immutable.
func Embedded() (*Catalogue, error) { return embedded() }

var embedded = sync.OnceValues(func() (*Catalogue, error) { return Load(files) })

// ErrCatalogue is wrapped by every error of Load.
var ErrCatalogue = errors.New("schemas: faulty catalogue")

// fault names the file, and the place inside it as a JSON pointer.
func fault(file, pointer, format string, args ...any) error {
	return fmt.Errorf("%w: %s%s: %s", ErrCatalogue, file, hash(pointer), fmt.Sprintf(format, args...))
}

func hash(pointer string) string {
	if pointer == "" {
		return ""
	}
	return "#" + pointer
}

// Load reads types/*.json and tables/*.json of one or several layers. Code
// tables of all layers, and the embedded ones, serve the types of all; a table
// or a version of a type may be defined once. Loading is strict: unknown
// members, names that lead nowhere and missing labels are errors that name file
// and place. All faults are reported, joined.
func Load(layers ...fs.FS) (*Catalogue, error) {
	l := loader{tables: map[string]*Table{}, tableFiles: map[string]string{}}
	l.readTables(files, "embedded ")
	for i, layer := range layers {
		if layer == nil {
			l.faults = append(l.faults, fmt.Errorf("%w: layer %d is nil", ErrCatalogue, i))
			continue
		}
		if layer != fs.FS(files) {
			l.readTables(layer, "")
		}
	}
	c := &Catalogue{tables: &Tables{byName: l.tables, regions: Regions()}}
	from := map[string]string{}
	for _, layer := range layers {
		if layer == nil {
			continue
		}
		for file, raw := range l.read(layer, "types") {
			t := l.readType(file, raw, c.tables)
			if t == nil {
				continue
			}
			if other, twice := from[t.Path()]; twice {
				l.faults = append(l.faults, fault(file, "/version", "version %d of %s is already in %s", t.Version, t.ID, other))
				continue
			}
			from[t.Path()] = file
			c.types = append(c.types, t)
		}
	}
	slices.SortFunc(c.types, compareTypes)
	for i, t := range c.types {
		for _, other := range c.types[:i] {
			if other.Code == t.Code && other.ID != t.ID {
				l.faults = append(l.faults, fault(from[t.Path()], "/code", "already the code of %s", other.ID))
			}
		}
	}
	l.numbers(c.types, from)
	if len(c.types) == 0 && len(l.faults) == 0 {
		l.faults = append(l.faults, fmt.Errorf("%w: no types/*.json", ErrCatalogue))
	}
	if err := errors.Join(l.faults...); err != nil {
		return nil, err
	}
	return c, nil
}

type loader struct {
	tables     map[string]*Table
	tableFiles map[string]string
	faults     []error
}

// read yields the JSON files of a folder in order of their names.
func (l *loader) read(layer fs.FS, folder string) func(func(string, []byte) bool) {
	return func(yield func(string, []byte) bool) {
		names, err := fs.Glob(layer, path.Join(folder, "*.json"))
		if err != nil {
			l.faults = append(l.faults, fmt.Errorf("%w: %w", ErrCatalogue, err))
		}
		slices.Sort(names)
		for _, name := range names {
			raw, err := fs.ReadFile(layer, name)
			if err != nil {
				l.faults = append(l.faults, fmt.Errorf("%w: %w", ErrCatalogue, err))
				continue
			}
			if !yield(name, raw) {
				return
			}
		}
	}
}

func (l *loader) readTables(layer fs.FS, prefix string) {
	for file, raw := range l.read(layer, "tables") {
		t := new(Table)
		if err := decodeStrict(raw, t); err != nil {
			l.faults = append(l.faults, fault(prefix+file, "", "%v", err))
			continue
		}
		if err := t.index(); err != nil {
			l.faults = append(l.faults, fault(prefix+file, "", "%v", err))
			continue
		}
		if other, twice := l.tableFiles[t.Name]; twice {
			l.faults = append(l.faults, fault(prefix+file, "/name", "table %q is already in %s", t.Name, other))
			continue
		}
		l.tables[t.Name] = t
		l.tableFiles[t.Name] = prefix + file
	}
}

// decodeStrict refuses unknown members, members twice or in another case, and
// anything behind the object.
func decodeStrict(raw []byte, into any) error { return strictjson.Decode(raw, maxDepth, into) }

// typeIndex is what a loaded type needs beyond its JSON.
type typeIndex struct {
	tables   *Tables
	fields   map[string]int
	live     map[string]int
	patterns map[string]*regexp.Regexp
	from     map[RowMember]string // row member -> field
}

func (l *loader) readType(file string, raw []byte, tables *Tables) *Type {
	t := new(Type)
	if err := decodeStrict(raw, t); err != nil {
		l.faults = append(l.faults, fault(file, "", "%v", err))
		return nil
	}
	t.index = &typeIndex{tables: tables, fields: map[string]int{}, live: map[string]int{},
		patterns: map[string]*regexp.Regexp{}, from: map[RowMember]string{}}
	c := checker{t: t, file: file}
	c.check()
	l.faults = append(l.faults, c.faults...)
	return t
}
