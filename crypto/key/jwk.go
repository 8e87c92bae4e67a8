package key

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/strictjson"
)

// ErrUnsupported says that a JWK is of a kind that showcard has no use for. In a JWK Set such
// keys are stepped over (RFC 7517 §5).
var ErrUnsupported = errors.New("key: kind of key not supported")

// jwkFields is the JWK of a public EC key. Members of other names are ignored on reading, as
// RFC 7517 §4 asks, except "d", which is refused.
type jwkFields struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	ID        string `json:"kid,omitempty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
}

func (p *Public) fields() jwkFields {
	point := p.Point()
	j := jwkFields{Type: "EC", Curve: "P-256"}
	if p.algorithm == SM2 {
		j.Curve = sm.CurveJWK
	}
	j.X = base64.RawURLEncoding.EncodeToString(point[1:33])
	j.Y = base64.RawURLEncoding.EncodeToString(point[33:])
	return j
}

// MarshalJSON writes the JWK with kid, use and alg.
func (p *Public) MarshalJSON() ([]byte, error) {
	j := p.fields()
	j.ID, j.Use, j.Algorithm = p.ID(), "sig", string(p.algorithm)
	return json.Marshal(j)
}

// Confirmation returns the bare JWK for a "cnf" claim: kty, crv, x, y and nothing that could
// link two credentials but the key itself.
func (p *Public) Confirmation() json.RawMessage {
	b, err := json.Marshal(p.fields())
	if err != nil {
		panic(err) // four strings
	}
	return b
}

// UnmarshalJSON reads a JWK by the names of the profile.
func (p *Public) UnmarshalJSON(data []byte) error {
	k, err := ParseJWK(data, false)
	if err != nil {
		return err
	}
	*p = *k
	return nil
}

// ParseJWK reads a public JWK. With aliases, the curve names that older Chinese libraries
// write for sm2p256v1 are understood as well.
func ParseJWK(data []byte, aliases bool) (*Public, error) {
	if len(data) > 8<<10 {
		return nil, fmt.Errorf("%w: JWK of %d bytes", ErrMalformed, len(data))
	}
	j, operations, err := jwkMembers(data)
	if err != nil {
		return nil, err
	}
	if j.Type != "EC" {
		return nil, fmt.Errorf("%w: kty %q", ErrUnsupported, j.Type)
	}
	if err := forVerifying(j.Use, operations); err != nil {
		return nil, err
	}
	var a Algorithm
	switch {
	case j.Curve == sm.CurveJWK, aliases && sm.IsCurveAlias(j.Curve):
		a = SM2
	case j.Curve == "P-256":
		a = ES256
	default:
		return nil, fmt.Errorf("%w: crv %q", ErrUnsupported, j.Curve)
	}
	if j.Algorithm != "" && Algorithm(j.Algorithm) != a && !(aliases && a == SM2 && sm.IsAlgAlias(j.Algorithm)) {
		return nil, fmt.Errorf("%w: alg %q on curve %q", ErrMalformed, j.Algorithm, j.Curve)
	}
	var point [65]byte
	point[0] = 4
	for i, coordinate := range [...]string{j.X, j.Y} {
		// RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
		// The length of the text is checked too, because encoding/base64 steps over line breaks.
		if len(coordinate) != 43 {
			return nil, fmt.Errorf("%w: coordinate is not 32 bytes of base64url", ErrMalformed)
		}
		if n, err := strict.Decode(point[1+32*i:33+32*i], []byte(coordinate)); err != nil || n != 32 {
			return nil, fmt.Errorf("%w: coordinate is not 32 bytes of base64url", ErrMalformed)
		}
	}
	k, err := FromPoint(a, point[:])
	if err != nil {
		return nil, err
	}
	if j.ID != "" {
		if len(j.ID) > 256 {
			return nil, fmt.Errorf("%w: kid of %d bytes", ErrMalformed, len(j.ID))
		}
		k = k.WithID(j.ID)
	}
	return k, nil
}

var strict = base64.RawURLEncoding.Strict()

// jwkMembers takes a JWK apart by exact names; a struct would fold their case.
func jwkMembers(data []byte) (j jwkFields, operations json.RawMessage, err error) {
	if string(data) == "null" {
		return j, nil, nil // of no kind: in a set it is stepped over
	}
	var room [8]strictjson.Member
	members, err := strictjson.Object(data, 4, room[:0])
	if err != nil {
		return j, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for _, m := range members {
		var to *string
		switch string(m.Name) {
		case "kty":
			to = &j.Type
		case "crv":
			to = &j.Curve
		case "x":
			to = &j.X
		case "y":
			to = &j.Y
		case "kid":
			to = &j.ID
		case "use":
			to = &j.Use
		case "alg":
			to = &j.Algorithm
		case "key_ops":
			operations = m.Value
			continue
		case "d":
			return j, nil, fmt.Errorf("%w: private key where a public one belongs", ErrMalformed)
		default:
			continue
		}
		var ok bool
		if *to, ok = strictjson.Text(m.Value); !ok {
			return j, nil, fmt.Errorf("%w: %s is not a string", ErrMalformed, m.Name)
		}
	}
	return j, operations, nil
}

// forVerifying refuses keys that their owner published for something else, encryption most
// often (RFC 7517 §4.2, §4.3).
func forVerifying(use string, operations json.RawMessage) error {
	if use != "" && use != "sig" {
		return fmt.Errorf("%w: use %q", ErrUnsupported, use)
	}
	if operations == nil {
		return nil
	}
	var ops []string
	if err := json.Unmarshal(operations, &ops); err != nil {
		return fmt.Errorf("%w: key_ops is not a list of strings", ErrMalformed)
	}
	if !slices.Contains(ops, "verify") {
		return fmt.Errorf("%w: key_ops without verify", ErrUnsupported)
	}
	return nil
}

// Set is a JWK Set.
type Set struct {
	Keys []*Public `json:"keys"`
}

// ParseSet reads a JWK Set of at most 64 keys, stepping over kinds it does not know.
func ParseSet(data []byte, aliases bool) (*Set, error) {
	if len(data) > 256<<10 {
		return nil, fmt.Errorf("%w: JWK Set of %d bytes", ErrMalformed, len(data))
	}
	if err := strictjson.Check(data, 6); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var all map[string]json.RawMessage // names must match exactly; structs fold case
	var keys []json.RawMessage
	if json.Unmarshal(data, &all) != nil || json.Unmarshal(all["keys"], &keys) != nil || keys == nil {
		return nil, fmt.Errorf("%w: a JWK Set has a list of keys", ErrMalformed)
	}
	if len(keys) > 64 {
		return nil, fmt.Errorf("%w: JWK Set of %d keys", ErrMalformed, len(keys))
	}
	set := &Set{Keys: []*Public{}} // an empty set is written as [], not as null
	for i, one := range keys {
		k, err := ParseJWK(one, aliases)
		if errors.Is(err, ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		set.Keys = append(set.Keys, k)
	}
	return set, nil
}

// Find returns the key with the id. Without an id it returns the only key, if there is one.
func (s *Set) Find(id string) (*Public, bool) {
	if id == "" && len(s.Keys) == 1 {
		return s.Keys[0], true
	}
	for _, k := range s.Keys {
		if id != "" && k.ID() == id {
			return k, true
		}
	}
	return nil, false
}
