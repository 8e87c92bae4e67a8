package httpd

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// walker goes through JSON that is known to be valid and no deeper than maxDepth, side by side with
// the Go type that is to receive it, and collects what does not fit with a pointer to the place.
// encoding/json alone would accept names in any case, let the last of two equal names win, and say
// about an unknown field neither where it is nor about more than one.
type walker struct {
	data  []byte
	pos   int
	path  []string // RFC 6901 reference tokens, unescaped
	errs  []FieldError
	probe bool // try to decode each leaf, to find the one that fails
}

func (w *walker) top(t reflect.Type) {
	w.space()
	w.value(t)
}

func (w *walker) add(code, detail string) {
	if len(w.errs) >= maxFieldErrors {
		return
	}
	var b strings.Builder
	for _, token := range w.path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
	}
	pointer := b.String()
	if len(pointer) > maxPointer { // a caller's own absurd name need not come back whole
		pointer = strings.ToValidUTF8(pointer[:maxPointer], "")
	}
	w.errs = append(w.errs, FieldError{Pointer: pointer, Code: code, Detail: detail})
}

func (w *walker) space() {
	for w.pos < len(w.data) && strings.IndexByte(" \t\r\n", w.data[w.pos]) >= 0 {
		w.pos++
	}
}

// value walks one value. t == nil accepts anything, and is looked at for duplicates and text only.
func (w *walker) value(t reflect.Type) {
	shape := shapeOf(t)
	start, first := w.pos, w.data[w.pos]
	errsBefore := len(w.errs)
	switch first {
	case '{':
		if shape.kind == '{' {
			w.object(shape)
		} else {
			w.object(shapeOf(nil))
		}
	case '[':
		if shape.kind == '[' {
			w.array(shape.elem)
		} else {
			w.array(nil)
		}
	case '"':
		w.text()
	default:
		for w.pos < len(w.data) && strings.IndexByte(",]} \t\r\n", w.data[w.pos]) < 0 {
			w.pos++
		}
	}
	if len(w.errs) > errsBefore {
		return
	}
	if !shape.takes(first) {
		w.add(CodeFieldType, "must be "+shape.name)
		return
	}
	leaf := t != nil && t.Kind() != reflect.Interface && shape.kind != '{' && shape.kind != '['
	if w.probe && leaf {
		if json.Unmarshal(w.data[start:w.pos], reflect.New(t).Interface()) != nil {
			code := CodeFieldType
			if shape.kind == 0 {
				code = CodeFieldInvalid // the type's own rules
			}
			w.add(code, "must be "+shape.name)
		}
	}
}

func (w *walker) object(shape shape) {
	var fields map[string]field
	if shape.kind == '{' && shape.elem == nil {
		fields = structFields(shape.base)
	}
	seen := map[string]bool{}
	w.pos++
	for w.space(); w.data[w.pos] != '}'; w.space() {
		if w.data[w.pos] == ',' {
			w.pos++
			w.space()
		}
		name := w.text()
		w.space()
		w.pos++ // colon
		w.space()
		w.path = append(w.path, name)
		if seen[name] {
			w.add(CodeFieldDuplicate, "")
		}
		seen[name] = true
		elem := shape.elem
		if fields != nil {
			f, known := fields[name]
			if !known {
				w.add(CodeFieldUnknown, "")
			}
			elem = f.typ
			if f.required && w.data[w.pos] == 'n' {
				w.add(CodeFieldMissing, "is null")
				elem = nil
			}
		}
		w.value(elem)
		w.path = w.path[:len(w.path)-1]
	}
	w.pos++
	var missing []string
	for name, f := range fields {
		if f.required && !seen[name] {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	for _, name := range missing {
		w.path = append(w.path, name)
		w.add(CodeFieldMissing, "")
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *walker) array(elem reflect.Type) {
	w.pos++
	i := 0
	for w.space(); w.data[w.pos] != ']'; w.space() {
		if w.data[w.pos] == ',' {
			w.pos++
			w.space()
		}
		w.path = append(w.path, strconv.Itoa(i))
		w.value(elem)
		w.path = w.path[:len(w.path)-1]
		i++
	}
	w.pos++
}

// text reads a string and refuses what JSON can write and UTF-8 cannot say, and U+0000, which no
// database text can hold.
func (w *walker) text() string {
	start := w.pos
	escaped := false
	for w.pos++; w.data[w.pos] != '"'; w.pos++ {
		if w.data[w.pos] != '\\' {
			continue
		}
		escaped = true
		w.pos++
		if w.data[w.pos] != 'u' {
			continue
		}
		unit := w.unit()
		switch {
		case unit == 0:
			w.add(CodeFieldInvalid, "holds U+0000")
		case unit >= 0xDC00 && unit <= 0xDFFF:
			w.add(CodeBodyNotUTF8, "holds half of a surrogate pair")
		case unit >= 0xD800 && unit <= 0xDBFF:
			if w.pos+2 < len(w.data) && w.data[w.pos+1] == '\\' && w.data[w.pos+2] == 'u' {
				w.pos += 2
				if low := w.unit(); low >= 0xDC00 && low <= 0xDFFF {
					continue
				}
			}
			w.add(CodeBodyNotUTF8, "holds half of a surrogate pair")
		}
	}
	w.pos++
	raw := w.data[start:w.pos]
	if !escaped {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid, as checkSyntax has seen
	return s
}

// unit reads the four digits after \u; pos ends on the last one.
func (w *walker) unit() uint64 {
	u, _ := strconv.ParseUint(string(w.data[w.pos+1:w.pos+5]), 16, 16) // valid, as checkSyntax has seen
	w.pos += 4
	return u
}

// shape is what JSON a Go type can hold.
type shape struct {
	kind     byte // '{', '[', '"', '0' number, 't' boolean; 0: the type decides for itself
	nullable bool
	name     string
	base     reflect.Type // without pointers
	elem     reflect.Type // of an array, slice or map; nil: anything, or a struct
}

func (s shape) takes(first byte) bool {
	switch {
	case first == 'n':
		return s.nullable || s.kind == 0
	case s.kind == 0:
		return true
	case s.kind == '0':
		return first == '-' || first >= '0' && first <= '9'
	case s.kind == 't':
		return first == 't' || first == 'f'
	}
	return first == s.kind
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
