package strictjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string. Without escapes it is a part of src, and costs nothing.
func (p *parser) text() []byte {
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
			p.fail(ErrSyntax, "a control character inside a string")
			return nil
		}
	}
	p.pos += len(chunk)
	switch p.peek() {
	case '"':
		p.pos++
		return chunk[:len(chunk):len(chunk)]
	case '\\':
		return p.escaped(start)
	}
	p.fail(ErrSyntax, "the string does not end")
	return nil
}

// escaped goes on with a string in which a backslash was met.
func (p *parser) escaped(start int) []byte {
	b := append([]byte(nil), p.src[start:p.pos]...)
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		p.pos++
		switch {
		case c == '"':
			return b
		case c < 0x20:
			p.fail(ErrSyntax, "a control character inside a string")
			return nil
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
			r, err := p.unicodeEscape()
			if err != nil {
				p.fail(err, "a broken \\u escape")
				return nil
			}
			b = utf8.AppendRune(b, r)
		default:
			p.fail(ErrSyntax, "an unknown escape")
			return nil
		}
	}
	p.fail(ErrSyntax, "the string does not end")
	return nil
}

// unicodeEscape reads the digits behind \u, and the second half of a surrogate
// pair; half a pair stands for no character and is refused.
func (p *parser) unicodeEscape() (rune, error) {
	r, ok := p.hex4()
	if !ok {
		return 0, ErrSyntax
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if p.peek() != '\\' || p.pos+1 >= len(p.src) || p.src[p.pos+1] != 'u' {
		return 0, ErrSurrogate
	}
	p.pos += 2
	low, ok := p.hex4()
	if !ok {
		return 0, ErrSyntax
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, ErrSurrogate
	}
	return r, nil
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
