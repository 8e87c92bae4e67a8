package sdjwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/internal/strictjson"
)

// Parse takes an SD-JWT, with or without key binding, apart and applies all of RFC 9901 §7.1
// that needs no key: known hash, well-formed disclosures, each referenced exactly once, no
// digest twice, no name twice. It does not trust it: see Token.Verify and VerifyBinding.
func Parse(text, typ string) (*SDJWT, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: %d characters", ErrMalformed, len(text))
	}
	first, last := strings.IndexByte(text, '~'), strings.LastIndexByte(text, '~')
	if first < 0 {
		return nil, fmt.Errorf("%w: a JWT without ~ is not an SD-JWT", ErrMalformed)
	}
	s := &SDJWT{jwt: text[:first], text: text[:last+1], KeyBinding: text[last+1:]}
	var err error
	if s.Token, err = jose.Parse(s.jwt, typ); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var parts []string
	if first < last {
		parts = strings.SplitN(text[first+1:last], "~", maxDisclosures+1)
	}
	if len(parts) > maxDisclosures {
		return nil, fmt.Errorf("%w: more than %d disclosures", ErrMalformed, maxDisclosures)
	}
	s.Disclosures = make([]Disclosure, len(parts))
	for i, part := range parts {
		if s.Disclosures[i], err = parseDisclosure(part); err != nil {
			return nil, err
		}
	}
	if err := s.process(); err != nil {
		return nil, err
	}
	return s, nil
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

func parseDisclosure(text string) (Disclosure, error) {
	d := Disclosure{Encoded: text}
	data, err := jose.Decode(text)
	if err != nil {
		return d, fmt.Errorf("%w: not base64url", ErrDisclosureMalformed)
	}
	if err := strictjson.Check(data, maxDepth); err != nil {
		// The detail could quote a person's data: keep the kind of fault only.
		return d, fmt.Errorf("%w: not strict JSON", ErrDisclosureMalformed)
	}
	var parts []json.RawMessage
	if json.Unmarshal(data, &parts) != nil || len(parts) < 2 || len(parts) > 3 {
		return d, fmt.Errorf("%w: want [salt, name, value] or [salt, value]", ErrDisclosureMalformed)
	}
	var ok bool
	if d.Salt, ok = jsonString(parts[0]); !ok {
		return d, fmt.Errorf("%w: the salt is not a string", ErrDisclosureMalformed)
	}
	d.element, d.Value = len(parts) == 2, parts[len(parts)-1]
	if d.element {
		return d, nil
	}
	if d.Name, ok = jsonString(parts[1]); !ok || d.Name == "" {
		return d, fmt.Errorf("%w: the name is not a string", ErrDisclosureMalformed)
	}
	if reservedName(d.Name) {
		return d, fmt.Errorf("%w: reserved name %s", ErrDisclosureMalformed, d.Name)
	}
	return d, nil
}

// reservedName reports names that steer the format. RFC 9901 §7.1 3.c.ii names two of them;
// the third may stand at the top of the signed token only (§4.1.1).
func reservedName(name string) bool {
	return name == nameDigests || name == nameElement || name == nameHash
}

// jsonString reads a JSON string out of valid JSON; null and other types are not one.
func jsonString(raw json.RawMessage) (string, bool) {
	if raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 { // nearly always
		return string(raw[1 : len(raw)-1]), true
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// processor puts the disclosures where their digests stand (RFC 9901 §7.1 step 3).
type processor struct {
	s        *SDJWT
	byDigest map[string]*Disclosure
	seen     map[string]struct{}
}

func (s *SDJWT) process() error {
	var payload map[string]json.RawMessage
	if err := json.Unmarshal(s.Token.Payload, &payload); err != nil {
		return fmt.Errorf("%w: payload", ErrMalformed)
	}
	s.Hash = SHA256
	if raw, ok := payload[nameHash]; ok {
		name, ok := jsonString(raw)
		if s.Hash = Hash(name); !ok || !s.Hash.known() {
			return fmt.Errorf("%w: %q", ErrHash, name)
		}
		delete(payload, nameHash)
	}
	p := processor{s: s, byDigest: make(map[string]*Disclosure, len(s.Disclosures)), seen: map[string]struct{}{}}
	for i := range s.Disclosures {
		d := &s.Disclosures[i]
		digest := base64.RawURLEncoding.EncodeToString(s.Hash.Sum([]byte(d.Encoded)))
		if _, twice := p.byDigest[digest]; twice {
			return fmt.Errorf("%w: the same disclosure", ErrDisclosureDuplicate)
		}
		p.byDigest[digest] = d
	}
	s.holes = map[string]bool{}
	if err := p.object(payload, "", 0); err != nil {
		return err
	}
	for i := range s.Disclosures {
		if !s.Disclosures[i].used {
			return ErrDisclosureUnknown
		}
	}
	s.claims = payload
	return nil
}

// value returns raw with everything below it processed.
func (p *processor) value(raw json.RawMessage, root string, depth int) (json.RawMessage, error) {
	if !mayHoldDigests(raw) {
		return raw, nil
	}
	if depth > maxNesting {
		return nil, fmt.Errorf("%w: nested too deep", ErrMalformed)
	}
	switch raw = bytes.TrimLeft(raw, " \t\r\n"); raw[0] {
	case '{':
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil, fmt.Errorf("%w: object", ErrMalformed)
		}
		if err := p.object(object, root, depth); err != nil {
			return nil, err
		}
		return encode(object)
	case '[':
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return nil, fmt.Errorf("%w: array", ErrMalformed)
		}
		elements, err := p.array(elements, root, depth)
		if err != nil {
			return nil, err
		}
		return encode(elements)
	}
	return raw, nil
}

// mayHoldDigests is quick and errs on the safe side: a backslash can spell any name.
func mayHoldDigests(raw []byte) bool {
	return bytes.IndexByte(raw, '\\') >= 0 || bytes.Contains(raw, []byte(`"_sd`)) || bytes.Contains(raw, []byte(`"..."`))
}

func (p *processor) object(object map[string]json.RawMessage, root string, depth int) error {
	top := depth == 0
	var digests []*string
	if raw, ok := object[nameDigests]; ok {
		if json.Unmarshal(raw, &digests) != nil || digests == nil {
			return fmt.Errorf("%w: _sd is not an array of strings", ErrMalformed)
		}
		delete(object, nameDigests)
	}
	if _, ok := object[nameElement]; ok {
		return fmt.Errorf("%w: ... outside of an array", ErrMalformed)
	}
	if _, ok := object[nameHash]; ok {
		return fmt.Errorf("%w: _sd_alg below the top level", ErrMalformed)
	}
	// In a fixed order, so that a token with two faults always shows the same one.
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		below := root
		if top {
			below = name
		}
		value, err := p.value(object[name], below, depth+1)
		if err != nil {
			return err
		}
		object[name] = value
	}
	for _, digest := range digests {
		d, err := p.take(digest, root)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		if d.element {
			return fmt.Errorf("%w: an array element among the properties of an object", ErrDisclosureMalformed)
		}
		if _, twice := object[d.Name]; twice {
			return fmt.Errorf("%w: its name is taken", ErrDisclosureMalformed)
		}
		d.top, d.root = top, root
		if top {
			d.root = d.Name
		}
		if object[d.Name], err = p.value(d.Value, d.root, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *processor) array(elements []json.RawMessage, root string, depth int) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, 0, len(elements))
	for _, element := range elements {
		digest, is, err := elementDigest(element)
		if err != nil {
			return nil, err
		}
		if is {
			d, err := p.take(digest, root)
			if err != nil {
				return nil, err
			}
			if d == nil {
				continue // not disclosed, or a decoy: RFC 9901 §7.1 3.d
			}
			if !d.element {
				return nil, fmt.Errorf("%w: a property among array elements", ErrDisclosureMalformed)
			}
			d.root, element = root, d.Value
		}
		if element, err = p.value(element, root, depth+1); err != nil {
			return nil, err
		}
		out = append(out, element)
	}
	return out, nil
}

// elementDigest reads {"...": "<digest>"}, which must have no other member (§4.2.4.2).
func elementDigest(element json.RawMessage) (digest *string, is bool, err error) {
	if element[0] != '{' || !mayHoldDigests(element) {
		return nil, false, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(element, &object); err != nil {
		return nil, false, fmt.Errorf("%w: object", ErrMalformed)
	}
	raw, is := object[nameElement]
	if !is {
		return nil, false, nil
	}
	if json.Unmarshal(raw, &digest) != nil || len(object) != 1 {
		return nil, false, fmt.Errorf("%w: an array digest has one member, a string", ErrMalformed)
	}
	return digest, true, nil
}

// take returns the disclosure of a digest, or nil for one that is not disclosed. A digest
// that was met before, here or inside another disclosure, refuses the token (§7.1 step 4).
func (p *processor) take(digest *string, root string) (*Disclosure, error) {
	if digest == nil {
		return nil, fmt.Errorf("%w: a digest is not a string", ErrMalformed)
	}
	if _, twice := p.seen[*digest]; twice {
		return nil, fmt.Errorf("%w: a digest", ErrDisclosureDuplicate)
	}
	p.seen[*digest] = struct{}{}
	if root != "" {
		p.s.holes[root] = true
	}
	d := p.byDigest[*digest]
	if d != nil {
		d.used = true
	}
	return d, nil
}

// encode is json.Marshal without its HTML escapes: texts stay as the issuer wrote them.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
