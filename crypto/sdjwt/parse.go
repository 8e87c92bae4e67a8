package sdjwt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/internal/strictjson"
)

// Parse takes an SD-JWT, with or without key binding, apart and applies all of RFC 9901 §7.1
// that needs no key: known hash, well-formed disclosures, each referenced exactly once, no
// digest twice, no name twice. It does not trust it: see Token.Verify and VerifyBinding.
func Parse(text, typ string) (*SDJWT, error) { return (*Cache)(nil).Parse(text, typ) }

// Parse is the function Parse. The issuer's part of a certificate that was verified before is not
// taken apart again.
func (c *Cache) Parse(text, typ string) (*SDJWT, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: %d characters", ErrMalformed, len(text))
	}
	first, last := strings.IndexByte(text, '~'), strings.LastIndexByte(text, '~')
	if first < 0 {
		return nil, fmt.Errorf("%w: a JWT without ~ is not an SD-JWT", ErrMalformed)
	}
	s := &SDJWT{jwt: text[:first], text: []byte(text[:last+1]), KeyBinding: text[last+1:], cache: c}
	if e := c.find(s.jwt); e != nil && e.typ == typ {
		s.issued, s.by = e.is, e.by
	} else {
		jwt := s.jwt
		if c != nil { // what is kept must not hold on to the text behind it, the holder's disclosures
			jwt = strings.Clone(jwt)
		}
		var err error
		if s.issued, err = parseIssuer(jwt, typ); err != nil {
			return nil, err
		}
	}
	s.Token = s.issued.token
	if first < last {
		if err := s.parseDisclosures(text[first+1:last], s.text[first+1:last]); err != nil {
			return nil, err
		}
	}
	if s.issued.flat && s.place() {
		return s, nil
	}
	if err := s.process(); err != nil {
		return nil, err
	}
	return s, nil
}

// parseDisclosures decodes all of them into one piece of memory. raw is the text as bytes.
func (s *SDJWT) parseDisclosures(text string, raw []byte) error {
	n := strings.Count(text, "~") + 1
	if n > maxDisclosures {
		return fmt.Errorf("%w: more than %d disclosures", ErrMalformed, maxDisclosures)
	}
	s.Disclosures = make([]Disclosure, n)
	var room [4]strictjson.Member
	data := make([]byte, 0, len(text)) // more than it takes, so that it never moves
	for i := range s.Disclosures {
		end := strings.IndexByte(text, '~')
		if end < 0 {
			end = len(text)
		}
		d := &s.Disclosures[i]
		d.Encoded, d.raw = text[:end], raw[:end:end]
		text, raw = text[min(end+1, len(text)):], raw[min(end+1, len(raw)):]
		start := len(data)
		var err error
		if data, err = jose.AppendDecode(data, d.raw); err != nil {
			return fmt.Errorf("%w: not base64url", ErrDisclosureMalformed)
		}
		if err = d.read(data[start:len(data):len(data)], &room); err != nil {
			return err
		}
	}
	return nil
}

// ParseIssued is Parse for a holder who receives a certificate: it must not come with a key
// binding, which only she can make (RFC 9901 §7.2).
func ParseIssued(text, typ string) (*SDJWT, error) {
	s, err := Parse(text, typ)
	if err != nil {
		return nil, err
	}
	if s.KeyBinding != "" {
		return nil, ErrBindingUnexpected
	}
	return s, nil
}

func (d *Disclosure) read(data []byte, room *[4]strictjson.Member) error {
	parts, err := strictjson.Array(data, maxDepth, room[:0])
	if err != nil && !errors.Is(err, strictjson.ErrType) {
		// The detail could quote a person's data: keep the kind of fault only.
		return fmt.Errorf("%w: not strict JSON", ErrDisclosureMalformed)
	}
	n := len(parts)
	if n < 2 || n > 3 {
		return fmt.Errorf("%w: want [salt, name, value] or [salt, value]", ErrDisclosureMalformed)
	}
	var ok bool
	if d.Salt, ok = strictjson.Text(parts[0].Value); !ok {
		return fmt.Errorf("%w: the salt is not a string", ErrDisclosureMalformed)
	}
	d.element, d.Value = n == 2, parts[n-1].Value
	if d.element {
		return nil
	}
	if d.Name, ok = strictjson.Text(parts[1].Value); !ok || d.Name == "" {
		return fmt.Errorf("%w: the name is not a string", ErrDisclosureMalformed)
	}
	if reservedName(d.Name) {
		return fmt.Errorf("%w: reserved name %s", ErrDisclosureMalformed, d.Name)
	}
	return nil
}

// reservedName reports names that steer the format. RFC 9901 §7.1 3.c.ii names two of them;
// the third may stand at the top of the signed token only (§4.1.1).
func reservedName(name string) bool {
	return name == nameDigests || name == nameElement || name == nameHash
}
