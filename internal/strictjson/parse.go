package strictjson

import (
	"encoding/json"
	"strconv"
)

// parser reads JSON (RFC 8259) that is known to be valid UTF-8. A fuzz test compares it with
// encoding/json.
type parser struct {
	src      []byte
	pos      int
	maxDepth int
	build    bool // make values; otherwise value returns nil
	lower    bool // names with capital letters are unknown
	keep     bool // hand out what stands at the top: in members
	members  []Member
	steps    [8]step // the path, whose first steps cost no allocation
	deep     []step  // the rest of it
	level    int
	err      *Error
}

// step is one level of the path: a name, or a place in an array. It becomes text only when
// something is wrong.
type step struct {
	name  []byte
	index int
}

func (p *parser) fail(err error, detail string) {
	if p.err != nil {
		return
	}
	names := make([]string, p.level)
	for i, s := range append(p.steps[:min(p.level, len(p.steps)):len(p.steps)], p.deep...) {
		if names[i] = string(s.name); s.name == nil {
			names[i] = strconv.Itoa(s.index)
		}
	}
	p.err = &Error{Err: err, Pointer: Pointer(names...), Detail: detail + " (byte " + strconv.Itoa(p.pos) + ")"}
}

func (p *parser) push(s step) {
	if p.level < len(p.steps) {
		p.steps[p.level] = s
	} else {
		p.deep = append(p.deep, s)
	}
	p.level++
}

func (p *parser) pop() {
	if p.level--; p.level >= len(p.steps) {
		p.deep = p.deep[:len(p.deep)-1]
	}
}

func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) any {
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth == p.maxDepth {
			p.fail(ErrDepth, "nested more than "+strconv.Itoa(p.maxDepth)+" deep")
			return nil
		}
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case c == '"':
		if s := p.text(); p.build {
			return string(s)
		}
		return nil
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case p.word("true"):
		return true
	case p.word("false"):
		return false
	case p.word("null"):
		return nil
	default:
		p.fail(ErrSyntax, "not a JSON value")
		return nil
	}
}

func (p *parser) word(w string) bool {
	if string(p.src[p.pos:min(len(p.src), p.pos+len(w))]) == w {
		p.pos += len(w)
		return true
	}
	return false
}

// names remembers the names of one object: a few in a list, which costs no allocation, many
// in a map, so that an object of a hundred thousand names takes no hour.
type names struct {
	few  [16][]byte
	n    int
	many map[string]struct{}
}

// add reports whether the name is new.
func (s *names) add(name []byte) bool {
	if s.many == nil {
		for _, one := range s.few[:s.n] {
			if string(one) == string(name) {
				return false
			}
		}
		if s.n < len(s.few) {
			s.few[s.n] = name
			s.n++
			return true
		}
		s.many = make(map[string]struct{}, 64)
		for _, one := range s.few {
			s.many[string(one)] = struct{}{}
		}
	}
	if _, twice := s.many[string(name)]; twice {
		return false
	}
	s.many[string(name)] = struct{}{}
	return true
}

func (p *parser) object(depth int) any {
	p.pos++ // {
	var m map[string]any
	if p.build {
		m = make(map[string]any, 8)
	}
	if p.space(); p.peek() == '}' {
		p.pos++
		return m
	}
	var seen names
	for {
		if p.space(); p.peek() != '"' {
			p.fail(ErrSyntax, "a member name is missing")
			return nil
		}
		name := p.text()
		if p.err != nil {
			return nil
		}
		p.push(step{name: name})
		var twice bool
		if p.build {
			_, twice = m[string(name)]
		} else {
			twice = !seen.add(name)
		}
		switch {
		case twice:
			p.fail(ErrDuplicate, "the member stands twice")
		case p.lower && folds(name):
			p.fail(ErrUnknown, "names are lower-case")
		}
		if p.space(); p.peek() != ':' {
			p.fail(ErrSyntax, "a colon is missing")
		}
		if p.err != nil {
			return nil
		}
		p.pos++
		p.space()
		start := p.pos
		v := p.value(depth)
		if p.err != nil {
			return nil
		}
		if p.build {
			m[string(name)] = v
		}
		if depth == 1 && p.keep {
			p.members = append(p.members, Member{name, p.src[start:p.pos:p.pos]})
		}
		p.pop()
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return m
		default:
			p.fail(ErrSyntax, "the object does not end")
			return nil
		}
	}
}

// folds reports whether encoding/json could match the name with another in lower case. Two
// letters beyond ASCII fold into it: the Kelvin sign to k and the long s to s.
func folds(name []byte) bool {
	for _, r := range string(name) {
		if r >= 'A' && r <= 'Z' || r == '\u212a' || r == '\u017f' {
			return true
		}
	}
	return false
}

func (p *parser) array(depth int) any {
	p.pos++ // [
	var list []any
	done := func() any {
		p.pos++
		if !p.build {
			return nil
		}
		return list
	}
	if p.build {
		list = []any{}
	}
	if p.space(); p.peek() == ']' {
		return done()
	}
	for i := 0; ; i++ {
		p.push(step{index: i})
		p.space()
		start := p.pos
		v := p.value(depth)
		if p.err != nil {
			return nil
		}
		if p.build {
			list = append(list, v)
		}
		if depth == 1 && p.keep {
			p.members = append(p.members, Member{Value: p.src[start:p.pos:p.pos]})
		}
		p.pop()
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			return done()
		default:
			p.fail(ErrSyntax, "the array does not end")
			return nil
		}
	}
}

// number keeps the digits as written; the grammar is that of RFC 8259 §6.
func (p *parser) number() any {
	start := p.pos
	digits := func() bool {
		from := p.pos
		for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			p.pos++
		}
		return p.pos > from
	}
	if p.peek() == '-' {
		p.pos++
	}
	ok := true
	if p.peek() == '0' {
		p.pos++
	} else {
		ok = digits()
	}
	if p.peek() == '.' {
		p.pos++
		ok = digits() && ok
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		ok = digits() && ok
	}
	if !ok {
		p.fail(ErrSyntax, "not a JSON number")
		return nil
	}
	if !p.build {
		return nil
	}
	return json.Number(p.src[start:p.pos])
}
