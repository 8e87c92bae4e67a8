package schemas

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The parser below exists because encoding/json accepts what must not be
// signed: members twice (the last wins, elsewhere the first does), names in the
// wrong case, unpaired surrogates and invalid UTF-8 (replaced silently). It is
// compared with encoding/json by a fuzz test.

// MaxRow bounds one line of a push, portrait included; maxDepth its nesting.
const (
	MaxRow   = 64 << 10
	maxDepth = 8
)

// DecodeObject reads one JSON object strictly: at most MaxRow bytes of valid
// UTF-8, at most eight levels deep, no member twice, nothing behind it.
// Objects are map[string]any, numbers json.Number and therefore exact.
func DecodeObject(line []byte) (map[string]any, []Problem) {
	if len(line) > MaxRow {
		return nil, []Problem{{Code: CodeRowTooLarge, Detail: "more than " + strconv.Itoa(MaxRow) + " bytes"}}
	}
	if !utf8.Valid(line) {
		return nil, []Problem{{Code: CodeRowNotUTF8, Detail: "not valid UTF-8"}}
	}
	p := parser{src: line}
	p.space()
	if p.peek() != '{' {
		p.fail(CodeRowMalformed, "not a JSON object")
		return nil, []Problem{*p.problem}
	}
	v := p.value(1)
	if p.problem == nil {
		if p.space(); p.pos != len(p.src) {
			p.fail(CodeRowMalformed, "something follows the JSON object")
		}
	}
	if p.problem != nil {
		return nil, []Problem{*p.problem}
	}
	return v.(map[string]any), nil
}

type parser struct {
	src     []byte
	pos     int
	path    []string
	problem *Problem
}

func (p *parser) fail(code, detail string) {
	if p.problem == nil {
		p.problem = &Problem{Code: code, Pointer: pointer(p.path...),
			Detail: detail + " (byte " + strconv.Itoa(p.pos) + ")"}
	}
}

// pointer builds an RFC 6901 pointer.
func pointer(path ...string) string {
	var b strings.Builder
	for _, s := range path {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1"))
	}
	return b.String()
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
	if depth > maxDepth {
		p.fail(CodeRowTooDeep, "nested more than "+strconv.Itoa(maxDepth)+" deep")
		return nil
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.text()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case p.word("true"):
		return true
	case p.word("false"):
		return false
	case p.word("null"):
		return nil
	default:
		p.fail(CodeRowMalformed, "not a JSON value")
		return nil
	}
}

func (p *parser) word(w string) bool {
	if strings.HasPrefix(string(p.src[p.pos:min(len(p.src), p.pos+len(w))]), w) {
		p.pos += len(w)
		return true
	}
	return false
}

func (p *parser) object(depth int) any {
	p.pos++ // {
	m := make(map[string]any, 8)
	if p.space(); p.peek() == '}' {
		p.pos++
		return m
	}
	for {
		if p.space(); p.peek() != '"' {
			p.fail(CodeRowMalformed, "a member name is missing")
			return nil
		}
		name := p.text()
		if p.problem != nil {
			return nil
		}
		p.path = append(p.path, name)
		if _, twice := m[name]; twice {
			p.fail(CodeRowDuplicateName, "the member stands twice")
			return nil
		}
		if p.space(); p.peek() != ':' {
			p.fail(CodeRowMalformed, "a colon is missing")
			return nil
		}
		p.pos++
		p.space()
		m[name] = p.value(depth + 1)
		if p.problem != nil {
			return nil
		}
		p.path = p.path[:len(p.path)-1]
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return m
		default:
			p.fail(CodeRowMalformed, "the object does not end")
			return nil
		}
	}
}

func (p *parser) array(depth int) any {
	p.pos++ // [
	list := []any{}
	if p.space(); p.peek() == ']' {
		p.pos++
		return list
	}
	for {
		p.path = append(p.path, strconv.Itoa(len(list)))
		p.space()
		list = append(list, p.value(depth+1))
		if p.problem != nil {
			return nil
		}
		p.path = p.path[:len(p.path)-1]
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return list
		default:
			p.fail(CodeRowMalformed, "the array does not end")
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
		p.fail(CodeRowMalformed, "not a JSON number")
		return nil
	}
	return json.Number(p.src[start:p.pos])
}

func (p *parser) text() string {
	p.pos++ // "
	start := p.pos
	end := bytes.IndexByte(p.src[start:], '"')
	if end < 0 {
		end = len(p.src) - start
	}
	// The common string has no backslash; a portrait is 27 KB of it.
	chunk := p.src[start : start+end]
	if slash := bytes.IndexByte(chunk, '\\'); slash >= 0 {
		chunk = chunk[:slash]
	}
	for i, c := range chunk {
		if c < 0x20 {
			p.pos += i
			p.fail(CodeRowMalformed, "a control character inside a string")
			return ""
		}
	}
	p.pos += len(chunk)
	switch p.peek() {
	case '"':
		p.pos++
		return string(chunk)
	case '\\':
		return p.escaped(start)
	}
	p.fail(CodeRowMalformed, "the string does not end")
	return ""
}

// escaped goes on with a string in which a backslash was met.
func (p *parser) escaped(start int) string {
	b := append([]byte(nil), p.src[start:p.pos]...)
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		p.pos++
		switch {
		case c == '"':
			return string(b)
		case c < 0x20:
			p.fail(CodeRowMalformed, "a control character inside a string")
			return ""
		case c != '\\':
			b = append(b, c)
			continue
		}
		e := p.peek()
		p.pos++
		switch e {
		case '"', '\\', '/':
			b = append(b, e)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, ok := p.unicodeEscape()
			if !ok {
				p.fail(CodeRowMalformed, "a broken \\u escape")
				return ""
			}
			b = utf8.AppendRune(b, r)
		default:
			p.fail(CodeRowMalformed, "an unknown escape")
			return ""
		}
	}
	p.fail(CodeRowMalformed, "the string does not end")
	return ""
}

// unicodeEscape reads the digits behind \u, and the second half of a surrogate
// pair; half a pair stands for no character and is refused.
func (p *parser) unicodeEscape() (rune, bool) {
	r, ok := p.hex4()
	if !ok {
		return 0, false
	}
	if !utf16.IsSurrogate(r) {
		return r, true
	}
	if p.peek() != '\\' || p.pos+1 >= len(p.src) || p.src[p.pos+1] != 'u' {
		return 0, false
	}
	p.pos += 2
	low, ok := p.hex4()
	if !ok {
		return 0, false
	}
	r = utf16.DecodeRune(r, low)
	return r, r != utf8.RuneError
}

func (p *parser) hex4() (rune, bool) {
	if p.pos+4 > len(p.src) {
		return 0, false
	}
	var r rune
	for _, c := range p.src[p.pos : p.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	p.pos += 4
	return r, true
}
