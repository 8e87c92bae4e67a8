package sdjwt

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/strictjson"
)

// Claim is a name and a value that the holder may show or keep back. The value is anything
// that encoding/json writes, or an [Object] or [Array] with parts that she may keep back on
// their own (RFC 9901 §6.3, recursive disclosures).
type Claim struct {
	Name  string
	Value any
}

// Object is a value some of whose members can be disclosed one by one.
type Object struct {
	Claims      map[string]any // always there once the object is
	Disclosable []Claim
	Decoys      int
}

// Array is a value whose elements of type [Element] can be disclosed one by one.
type Array []any

// Element marks an element of an [Array] as disclosable on its own.
type Element struct{ Value any }

// Issue is what an issuer signs.
type Issue struct {
	Header      jose.SignHeader // Type empty: dc+sd-jwt
	Claims      map[string]any  // open to everyone who sees the token: iss, vct, cnf, …
	Disclosable []Claim
	Hash        Hash // empty: SM3 for an SM2 key, SHA-256 for an ES256 key
	Decoys      int  // digests of nothing, which hide how many claims there are
}

const maxDecoys = 256

// Sign makes an SD-JWT with all its disclosures, "<jwt>~d1~…~dn~". Every salt has 128 random
// bits; the digests are sorted, so that their order says nothing about the claims.
func Sign(s key.Signer, in Issue) (string, error) {
	if in.Header.Type == "" {
		in.Header.Type = Type
	}
	if in.Hash == "" {
		if in.Hash = SHA256; s.Public().Algorithm() == key.SM2 {
			in.Hash = SM3
		}
	}
	if !in.Hash.known() {
		return "", fmt.Errorf("%w: %q", ErrHash, in.Hash)
	}
	for name, value := range in.Claims {
		if Permanent(name) && divisible(value) {
			return "", fmt.Errorf("%w: %s must be open in all its parts", ErrClaim, name)
		}
	}
	for _, c := range in.Disclosable {
		if Permanent(c.Name) {
			return "", fmt.Errorf("%w: %s must be open", ErrClaim, c.Name)
		}
	}
	b := builder{hash: in.Hash, tail: make([]byte, 0, 160*len(in.Disclosable))}
	data, err := b.object(Object{Claims: in.Claims, Disclosable: in.Disclosable, Decoys: in.Decoys}, true)
	if err != nil {
		return "", err
	}
	if b.foreign && strictjson.Check(data, maxDepth) != nil {
		return "", fmt.Errorf("%w: an open claim is too deep or has a name twice", ErrMalformed)
	}
	token, err := jose.Sign(s, in.Header, data)
	if err != nil {
		return "", err
	}
	text := token + "~" + string(b.tail)
	// Never hand out what our own readers would refuse. The builder has seen to the rest.
	if len(text) > MaxSize || b.disclosures > maxDisclosures {
		return "", fmt.Errorf("%w: %d characters, %d disclosures", ErrMalformed, len(text), b.disclosures)
	}
	return text, nil
}

// builder collects disclosures while it replaces what they disclose by digests.
type builder struct {
	hash        Hash
	depth       int    // of Objects and Arrays
	tail        []byte // the disclosures, each with "~" behind it
	disclosures int
	digests     bool
	foreign     bool   // an open claim holds what was not written here, and has to be checked
	json        []byte // of a disclosure, used again for the next
	salts       []byte // drawn and not used yet
}

func divisible(value any) bool {
	switch value.(type) {
	case Object, *Object, Array, Element:
		return true
	}
	return false
}

func (b *builder) value(v any) (json.RawMessage, error) {
	b.foreign = true
	b.depth++
	defer func() { b.depth-- }()
	if b.depth > maxDepth {
		return nil, fmt.Errorf("%w: nested too deep", ErrClaim)
	}
	switch v := v.(type) {
	case Object:
		return b.object(v, false)
	case *Object:
		return b.value(*v)
	case Array:
		return b.array(v)
	case Element:
		return nil, fmt.Errorf("%w: an Element outside of an Array", ErrClaim)
	}
	raw, err := encode(v)
	if err != nil {
		return nil, err
	}
	return raw, plain(raw)
}

// appendScalar writes what nearly all claims are: a text without anything to escape, a number, a
// truth value. ok is false for anything else.
func appendScalar(to []byte, value any) (_ []byte, ok bool) {
	switch v := value.(type) {
	case string:
		if !strictjson.Plain(v, false) {
			return to, false
		}
	case json.Number, bool, int, int64, uint64:
	default:
		return to, false
	}
	to, err := strictjson.Append(to, value, false)
	return to, err == nil
}

// appendOpen writes an open claim that is a scalar, or an object of such as "status" is.
func (b *builder) appendOpen(to []byte, value any, depth int) (_ []byte, ok bool) {
	object, ok := value.(map[string]any)
	if !ok || object == nil {
		return appendScalar(to, value)
	}
	if depth >= maxDepth {
		return to, false
	}
	to = append(to, '{')
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if reservedName(name) || !strictjson.Plain(name, false) {
			return to, false
		}
		if i > 0 {
			to = append(to, ',')
		}
		to = append(append(append(to, '"'), name...), `":`...)
		if to, ok = b.appendOpen(to, object[name], depth+1); !ok {
			return to, false
		}
	}
	return append(to, '}'), true
}

// member writes an open claim.
func (b *builder) member(to []byte, name string, value any) ([]byte, error) {
	if !strictjson.Plain(name, false) {
		b.foreign = true // two names may be the same once they are written
	}
	to = append(strictjson.AppendText(comma(to), name, false), ':')
	if b.depth < maxDepth {
		if all, ok := b.appendOpen(to, value, b.depth+1); ok {
			return all, nil
		}
	}
	raw, err := b.value(value)
	return append(to, raw...), err
}

// object writes an object; the root also says how its digests were made.
func (b *builder) object(in Object, root bool) (json.RawMessage, error) {
	var err error
	out := append(make([]byte, 0, 512+48*(len(in.Disclosable)+max(in.Decoys, 0))), '{')
	for _, name := range slices.Sorted(maps.Keys(in.Claims)) {
		if reservedName(name) || name == "" {
			return nil, fmt.Errorf("%w: the name %q is reserved", ErrClaim, name)
		}
		if out, err = b.member(out, name, in.Claims[name]); err != nil {
			return nil, err
		}
	}
	if in.Decoys < 0 || in.Decoys > maxDecoys {
		return nil, fmt.Errorf("%w: %d decoys", ErrClaim, in.Decoys)
	}
	if len(in.Disclosable) > maxDisclosures {
		return nil, fmt.Errorf("%w: %d disclosures", ErrMalformed, len(in.Disclosable))
	}
	digests := make([]digestText, 0, len(in.Disclosable)+in.Decoys)
	for i, c := range in.Disclosable {
		_, open := in.Claims[c.Name]
		twice := slices.ContainsFunc(in.Disclosable[:i], func(other Claim) bool { return other.Name == c.Name })
		if reservedName(c.Name) || c.Name == "" || open || twice {
			return nil, fmt.Errorf("%w: the name %q is reserved or taken", ErrClaim, c.Name)
		}
		digest, ok := b.discloseScalar(c.Name, c.Value)
		if !ok {
			raw, err := b.value(c.Value)
			if err != nil {
				return nil, err
			}
			if digest, err = b.disclose(b.salt(), c.Name, raw); err != nil {
				return nil, err
			}
		}
		digests = append(digests, digest)
	}
	for range in.Decoys {
		digests = append(digests, b.digest([]byte(b.salt()+b.salt()))) // RFC 9901 §4.2.5
	}
	if len(digests) > 0 { // SD-JWT VC: no _sd where nothing is disclosable
		slices.SortFunc(digests, func(x, y digestText) int { return bytes.Compare(x[:], y[:]) })
		out = append(append(comma(out), `"`+nameDigests+`":["`...), digests[0][:]...)
		for i := range digests[1:] {
			out = append(append(out, `","`...), digests[1+i][:]...)
		}
		out = append(out, `"]`...)
		b.digests = true
	}
	if root && b.digests {
		out = append(append(append(comma(out), `"`+nameHash+`":"`...), b.hash...), '"')
	}
	return append(out, '}'), nil
}

// comma is between two members.
func comma(to []byte) []byte {
	if len(to) > 1 {
		to = append(to, ',')
	}
	return to
}

func (b *builder) array(in Array) (json.RawMessage, error) {
	out := make([]json.RawMessage, len(in))
	for i, v := range in {
		element, disclosable := v.(Element)
		if disclosable {
			v = element.Value
		}
		raw, err := b.value(v)
		if err != nil {
			return nil, err
		}
		if disclosable {
			digest, err := b.disclose(b.salt(), raw)
			if err != nil {
				return nil, err
			}
			if raw, err = encode(map[string]string{nameElement: string(digest[:])}); err != nil {
				return nil, err
			}
			b.digests = true
		}
		out[i] = raw
	}
	return encode(out)
}

// disclose encodes [salt, name, value] or [salt, value] and returns its digest, which is over
// the base64url text and not over the JSON (§4.2.3): no canonical form is needed.
func (b *builder) disclose(parts ...any) (digestText, error) {
	data, err := encode(parts)
	if err != nil {
		return digestText{}, err
	}
	if strictjson.Check(data, maxDepth) != nil { // a json.RawMessage can hold anything
		return digestText{}, fmt.Errorf("%w: its value is too deep or has a name twice", ErrDisclosureMalformed)
	}
	return b.add(data), nil
}

// add keeps a disclosure and returns its digest.
func (b *builder) add(data []byte) digestText {
	start := len(b.tail)
	b.tail = base64.RawURLEncoding.AppendEncode(b.tail, data)
	digest := b.digest(b.tail[start:])
	b.tail = append(b.tail, '~')
	b.disclosures++
	return digest
}

// discloseScalar is disclose for what nearly all claims are: a text without anything to escape, a
// whole number, a truth value. It writes the same bytes as encoding/json, at a third of the cost; a
// bulk push makes a dozen of them a row.
func (b *builder) discloseScalar(name string, value any) (digestText, bool) {
	if b.depth >= maxDepth || !strictjson.Plain(name, false) {
		return digestText{}, false
	}
	data := append(b.appendSalt(append(b.json[:0], `["`...)), `","`...)
	data, ok := appendScalar(append(append(data, name...), `",`...), value)
	b.json = data
	if !ok {
		return digestText{}, false
	}
	b.json = append(data, ']')
	return b.add(b.json), true
}

// digestText is a digest as it stands in a token.
type digestText [43]byte

func (b *builder) digest(text []byte) (out digestText) {
	sum := b.hash.sum(text)
	base64.RawURLEncoding.Encode(out[:], sum[:])
	return out
}

const saltSize = 16

// appendSalt writes a salt. They are drawn a few at a time, each used once.
func (b *builder) appendSalt(to []byte) []byte {
	if len(b.salts) == 0 {
		b.salts = make([]byte, 24*saltSize)
		_, _ = rand.Read(b.salts) // never fails since Go 1.24
	}
	to = base64.RawURLEncoding.AppendEncode(to, b.salts[:saltSize])
	b.salts = b.salts[saltSize:]
	return to
}

func (b *builder) salt() string { return string(b.appendSalt(nil)) }

// plain refuses a value that carries the format's own names: a reader would take them for
// digests and drop them.
func plain(raw json.RawMessage) error {
	if !mayHoldDigests(raw) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("%w: %w", ErrClaim, err)
	}
	return plainTree(v)
}

func plainTree(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for name, below := range v {
			if reservedName(name) {
				return fmt.Errorf("%w: the name %q is reserved", ErrClaim, name)
			}
			if err := plainTree(below); err != nil {
				return err
			}
		}
	case []any:
		for _, below := range v {
			if err := plainTree(below); err != nil {
				return err
			}
		}
	}
	return nil
}
