package sdjwt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/showcard/showcard/internal/strictjson"
)

// This is the long way through RFC 9901 §7.1 step 3: digests at any depth, disclosures inside of
// disclosures. It decides whatever is not of the simple kind (issuerpart.go), and every fault.

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
		name, ok := strictjson.Text(raw)
		if s.Hash = Hash(name); !ok || !s.Hash.known() {
			return fmt.Errorf("%w: %q", ErrHash, name)
		}
		delete(payload, nameHash)
	}
	p := processor{s: s, byDigest: make(map[string]*Disclosure, len(s.Disclosures)), seen: map[string]struct{}{}}
	for i := range s.Disclosures {
		d := &s.Disclosures[i]
		digest := s.Hash.text(d.raw)
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
