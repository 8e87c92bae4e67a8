// Package strictjson reads JSON that strangers wrote. encoding/json is generous: of two members
// with one name it keeps the last, it takes any depth, matches names without regard to case, and
// replaces broken UTF-8 and halves of surrogate pairs by another character. Where a signature or
// a person's data is at stake, two readers must never see two different things, so every parser
// of showcard reads through one of these:
//
//	Check    is it one JSON value of the strict kind? Then encoding/json may read it
//	Object   the same, and hands out the members as they were written, without a map
//	Array    likewise the elements
//	Parse    the same, as Go values with exact numbers
//	Decode   the same, into a struct of ours, with unknown names refused
//
// Append writes, as encoding/json does and faster: a bulk push writes a dozen values for each row.
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
	ErrTrailing  = fmt.Errorf("%w: something follows the value", ErrSyntax)
	ErrUTF8      = errors.New("not valid UTF-8")
	ErrSurrogate = errors.New("half of a surrogate pair")
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

// Pointer makes an RFC 6901 pointer of names.
func Pointer(path ...string) string {
	var b strings.Builder
	for _, s := range path {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// Check reports whether data is one JSON value, in valid UTF-8, at most maxDepth objects and
// arrays deep, without a name that stands twice in one object or half of a surrogate pair.
func Check(data []byte, maxDepth int) error {
	p := parser{src: data, maxDepth: maxDepth}
	_, err := p.read()
	return err
}

// Parse is Check, and returns the value: map[string]any, []any, string, bool, nil, or
// json.Number with the digits as they were written.
func Parse(data []byte, maxDepth int) (any, error) {
	p := parser{src: data, maxDepth: maxDepth, build: true}
	return p.read()
}

// Member is a member of an object, or an element of an array, which has no name. The name is as it
// is meant, the value as it was written. Neither is to be changed: they are parts of what was read.
type Member struct{ Name, Value []byte }

// Object is Check for a value that must be an object. It appends its members to to, in their order.
func Object(data []byte, maxDepth int, to []Member) ([]Member, error) {
	return walk(data, maxDepth, '{', to)
}

// Array is Object for the elements of an array.
func Array(data []byte, maxDepth int, to []Member) ([]Member, error) {
	return walk(data, maxDepth, '[', to)
}

func walk(data []byte, maxDepth int, first byte, to []Member) ([]Member, error) {
	p := parser{src: data, maxDepth: maxDepth, keep: true, members: to}
	p.space()
	right := p.peek() == first
	if _, err := p.read(); err != nil {
		return nil, err
	}
	if !right {
		return nil, &Error{Err: ErrType, Detail: "want " + string(first)}
	}
	return p.members, nil
}

// Text returns a string out of JSON that one of the functions here has read.
func Text(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 { // nearly always
		return string(value[1 : len(value)-1]), true
	}
	p := parser{src: value}
	s := p.text()
	return string(s), p.err == nil
}

func (p *parser) read() (any, error) {
	if !utf8.Valid(p.src) {
		return nil, &Error{Err: ErrUTF8}
	}
	p.space()
	v := p.value(0)
	if p.err == nil {
		if p.space(); p.pos != len(p.src) {
			p.fail(ErrTrailing, "after the value")
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return v, nil
}

// Decode is Check, then json.Unmarshal with unknown names refused. It is for documents of our
// own making, whose names are lower-case: a name that encoding/json would match only by folding
// its case is unknown.
func Decode(data []byte, maxDepth int, v any) error {
	p := parser{src: data, maxDepth: maxDepth, lower: true}
	if _, err := p.read(); err != nil {
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
