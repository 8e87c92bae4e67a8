package httpd

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/showcard/showcard/internal/strictjson"
)

// walker goes through a JSON value side by side with the Go type that is to receive it, and
// collects what does not fit with a pointer to the place. encoding/json alone would accept names
// in any case, and say about an unknown field neither where it is nor about more than one.
type walker struct {
	path  []string
	errs  []FieldError
	probe bool // try to decode each leaf, to find the one that fails
}

func (w *walker) add(code, detail string) {
	if len(w.errs) < maxFieldErrors {
		w.errs = append(w.errs, FieldError{Pointer: clip(strictjson.Pointer(w.path...)), Code: code, Detail: detail})
	}
}

// below runs do one step further down.
func (w *walker) below(step string, do func()) {
	w.path = append(w.path, step)
	do()
	w.path = w.path[:len(w.path)-1]
}

// value walks one value. t == nil accepts anything, and is looked at for its texts only.
func (w *walker) value(v any, t reflect.Type) {
	shape := shapeOf(t)
	errsBefore := len(w.errs)
	kind := byte('n')
	switch v := v.(type) {
	case map[string]any:
		kind = '{'
		if shape.kind == kind {
			w.object(v, shape)
		} else {
			w.object(v, shapeOf(nil))
		}
	case []any:
		kind = '['
		for i, one := range v {
			w.below(strconv.Itoa(i), func() { w.value(one, shape.items()) })
		}
	case string:
		kind = '"'
		w.text(v)
	case json.Number:
		kind = '0'
	case bool:
		kind = 't'
	}
	if len(w.errs) > errsBefore {
		return
	}
	if !shape.takes(kind) {
		w.add(CodeFieldType, "must be "+shape.name)
		return
	}
	leaf := t != nil && t.Kind() != reflect.Interface && shape.kind != '{' && shape.kind != '['
	if w.probe && leaf {
		raw, err := json.Marshal(v)
		if err != nil || json.Unmarshal(raw, reflect.New(t).Interface()) != nil {
			code := CodeFieldType
			if shape.kind == 0 {
				code = CodeFieldInvalid // the type's own rules
			}
			w.add(code, "must be "+shape.name)
		}
	}
}

func (w *walker) object(v map[string]any, shape shape) {
	var fields map[string]field
	if shape.kind == '{' && shape.elem == nil {
		fields = structFields(shape.base)
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		w.below(name, func() {
			w.text(name)
			elem := shape.elem
			if fields != nil {
				f, known := fields[name]
				if !known {
					w.add(CodeFieldUnknown, "")
				}
				elem = f.typ
				if f.required && v[name] == nil {
					w.add(CodeFieldMissing, "is null")
					elem = nil
				}
			}
			w.value(v[name], elem)
		})
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if _, given := v[name]; fields[name].required && !given {
			w.below(name, func() { w.add(CodeFieldMissing, "") })
		}
	}
}

// text refuses U+0000, which no database text can hold.
func (w *walker) text(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		w.add(CodeFieldInvalid, "holds U+0000")
	}
}

// shape is what JSON a Go type can hold.
type shape struct {
	kind     byte // '{', '[', '"', '0' number, 't' boolean, 'n' null; 0: the type decides for itself
	nullable bool
	name     string
	base     reflect.Type // without pointers
	elem     reflect.Type // of an array, slice or map; nil: anything, or a struct
}

func (s shape) takes(kind byte) bool {
	if kind == 'n' {
		return s.nullable || s.kind == 0
	}
	return s.kind == 0 || s.kind == kind
}

// items is the type of a list's items; nil is anything.
func (s shape) items() reflect.Type {
	if s.kind != '[' {
		return nil
	}
	return s.elem
}

func shapeOf(t reflect.Type) shape {
	if t == nil {
		return shape{name: "a value"}
	}
	nullable := false
	for {
		if t == reflect.TypeFor[json.Number]() {
			return shape{kind: '0', nullable: nullable, name: "a number", base: t}
		}
		if p := reflect.PointerTo(t); p.Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return shape{name: "a value of its type", base: t}
		} else if p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			return shape{name: "text of its type", base: t}
		}
		if t.Kind() != reflect.Pointer {
			break
		}
		t, nullable = t.Elem(), true
	}
	s := shape{nullable: nullable, base: t}
	switch t.Kind() {
	case reflect.Struct:
		s.kind, s.name = '{', "an object"
	case reflect.Map:
		s.kind, s.name, s.nullable, s.elem = '{', "an object", true, t.Elem()
	case reflect.Slice, reflect.Array:
		s.nullable = s.nullable || t.Kind() == reflect.Slice
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			s.kind, s.name = '"', "base64 text"
		} else {
			s.kind, s.name, s.elem = '[', "a list", t.Elem()
		}
	case reflect.String:
		s.kind, s.name = '"', "text"
	case reflect.Bool:
		s.kind, s.name = 't', "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.kind, s.name = '0', "a whole number within range"
	case reflect.Float32, reflect.Float64:
		s.kind, s.name = '0', "a number"
	default:
		s.name = "a value"
	}
	return s
}

type field struct {
	typ      reflect.Type
	required bool
}

// structFields lists the JSON names of a struct as encoding/json sees them, exact in case.
func structFields(t reflect.Type) map[string]field {
	fields := make(map[string]field, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		embedded := f.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case tag == "-":
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			for n, inner := range structFields(embedded) {
				if _, outer := fields[n]; !outer {
					fields[n] = inner
				}
			}
		case !f.IsExported():
		default:
			if name == "" {
				name = f.Name
			}
			typ := f.Type
			if strings.Contains(","+options+",", ",string,") {
				typ = nil
			}
			fields[name] = field{typ: typ, required: f.Tag.Get("required") == "true"}
		}
	}
	return fields
}
