// Package strictjson reads JSON that strangers wrote. encoding/json is generous: of two members
// with one name it keeps the last, it takes any depth and repairs broken UTF-8. Where a
// signature or a person's data is at stake, two readers must never see two different things, so
// every parser of showcard first asks Check, then decodes with unknown names refused.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The errors are sentinels, so that a boundary can give each its own stable code.
var (
	ErrSyntax    = errors.New("not valid JSON")
	ErrUTF8      = errors.New("not valid UTF-8")
	ErrDepth     = errors.New("nested too deep")
	ErrDuplicate = errors.New("a name stands twice in one object")
	ErrUnknown   = errors.New("unknown name")
	ErrType      = errors.New("wrong type")
)

// Error says where a document broke a rule.
type Error struct {
	Err     error  // one of the sentinels
	Pointer string // RFC 6901, where it is known
	Detail  string
}

func (e *Error) Error() string {
	s := "json: " + e.Err.Error()
	if e.Pointer != "" {
		s += " at " + e.Pointer
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Check reports whether data is one JSON value, in valid UTF-8, at most maxDepth objects and
// arrays deep, without a name that stands twice in one object.
func Check(data []byte, maxDepth int) error {
	if !utf8.Valid(data) {
		return &Error{Err: ErrUTF8}
	}
	if !json.Valid(data) {
		var v json.RawMessage
		err := json.Unmarshal(data, &v)
		return &Error{Err: ErrSyntax, Detail: fmt.Sprint(err)}
	}
	s := scanner{data: data, max: maxDepth}
	return s.value(0, nil)
}

// Decode is Check, then json.Unmarshal with unknown names refused.
func Decode(data []byte, maxDepth int, v any) error {
	if err := Check(data, maxDepth); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return explain(err)
	}
	return nil
}

func explain(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return &Error{Err: ErrType, Pointer: "/" + strings.ReplaceAll(wrong.Field, ".", "/"), Detail: "unexpected " + wrong.Value}
	}
	// encoding/json has no typed error for this one.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &Error{Err: ErrUnknown, Detail: name}
	}
	return &Error{Err: ErrType, Detail: err.Error()}
}

// scanner walks a document that json.Valid has accepted: it may index without fear.
type scanner struct {
	data []byte
	at   int
	max  int
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// path is a linked list from leaf to root, so that the good case costs no allocation.
type path struct {
	up    *path
	name  []byte
	index int
}

func (p *path) String() string {
	if p == nil {
		return ""
	}
	if p.name == nil {
		return fmt.Sprintf("%s/%d", p.up.String(), p.index)
	}
	name := string(unquote(p.name))
	return p.up.String() + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func (s *scanner) value(depth int, where *path) error {
	s.space()
	switch s.data[s.at] {
	case '{':
		return s.object(depth+1, where)
	case '[':
		return s.array(depth+1, where)
	case '"':
		s.string()
	default:
		for s.at < len(s.data) && !strings.ContainsRune(",]} \t\r\n", rune(s.data[s.at])) {
			s.at++
		}
	}
	return nil
}

// string steps over a string and returns it without its quotes, still escaped.
func (s *scanner) string() []byte {
	s.at++
	start := s.at
	for s.data[s.at] != '"' {
		if s.data[s.at] == '\\' {
			s.at++
		}
		s.at++
	}
	s.at++
	return s.data[start : s.at-1]
}

func (s *scanner) object(depth int, where *path) error {
	if depth > s.max {
		return &Error{Err: ErrDepth, Pointer: where.String()}
	}
	var few [12][]byte
	names := few[:0]
	var many map[string]struct{}
	s.at++
	for {
		s.space()
		if s.data[s.at] == '}' {
			s.at++
			return nil
		}
		if s.data[s.at] == ',' {
			s.at++
			s.space()
		}
		raw := s.string()
		name := unquote(raw)
		if many != nil {
			if _, twice := many[string(name)]; twice {
				return &Error{Err: ErrDuplicate, Pointer: (&path{up: where, name: raw}).String()}
			}
			many[string(name)] = struct{}{}
		} else {
			for _, n := range names {
				if bytes.Equal(n, name) {
					return &Error{Err: ErrDuplicate, Pointer: (&path{up: where, name: raw}).String()}
				}
			}
			if names = append(names, name); len(names) == cap(few[:]) {
				many = make(map[string]struct{}, 64)
				for _, n := range names {
					many[string(n)] = struct{}{}
				}
			}
		}
		s.space()
		s.at++ // ':'
		if err := s.value(depth, &path{up: where, name: raw}); err != nil {
			return err
		}
	}
}

func (s *scanner) array(depth int, where *path) error {
	if depth > s.max {
		return &Error{Err: ErrDepth, Pointer: where.String()}
	}
	s.at++
	for i := 0; ; i++ {
		s.space()
		if s.data[s.at] == ']' {
			s.at++
			return nil
		}
		if s.data[s.at] == ',' {
			s.at++
		}
		if err := s.value(depth, &path{up: where, index: i}); err != nil {
			return err
		}
	}
}

// unquote resolves escapes: "a" and "\u0061" are one name.
func unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var name string
	if err := json.Unmarshal([]byte(`"`+string(raw)+`"`), &name); err != nil {
		return raw // cannot be: json.Valid accepted it
	}
	return []byte(name)
}
