package sdcwt

import (
	"crypto/sha256"
	"fmt"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/sm"
)

// Labels of selective disclosure (draft-ietf-spice-sd-cwt-07 §5, §16).
const (
	headerSDClaims int64 = 17  // "sd_claims": the disclosures, unprotected
	headerSDAlg    int64 = 170 // "sd_alg"

	hashSHA256 int64 = -16 // COSE Algorithms; the default
	hashSM3    int64 = sm.HashCOSE

	redactedKeys    = cose.Simple(59) // map key: digests of members that are kept back
	redactedElement = 60              // tag: digest of an array element that is kept back
)

// Bounds of what ReadClaims takes.
const (
	maxForeign     = 64 << 10
	maxDisclosures = 256
)

// disclosure is a salted claim that the holder shows.
type disclosure struct {
	parts []any // salt; value; key
	used  bool
}

// ReadClaims reads any SD-CWT, or the one inside of a key-binding token, and returns its claims with
// the disclosed ones in their places: every disclosure is hashed anew and must be one that the
// issuer signed. Labels are int64 or string. It verifies no signature; tokens of others are not
// accepted anywhere, but a tool can show what they say.
func ReadClaims(data []byte) (map[any]any, error) {
	if len(data) > maxForeign {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	m, err := cose.Parse(data)
	if err == nil && m.Protected.Has(headerKCWT) {
		if err = m.ExpectType(TypeKBT); err == nil {
			m, err = cose.Parse(m.Protected[headerKCWT])
		}
	}
	if err == nil {
		err = m.ExpectType(TypeCWT)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r := reader{byDigest: map[string]*disclosure{}, seen: map[string]bool{}}
	if err := r.disclosures(m); err != nil {
		return nil, err
	}
	var payload map[any]any
	if err := cose.Unmarshal(m.Payload, &payload); err != nil || payload == nil {
		return nil, fmt.Errorf("%w: the payload is no map", ErrMalformed)
	}
	if err := r.members(payload); err != nil {
		return nil, err
	}
	for _, d := range r.byDigest {
		if !d.used {
			return nil, fmt.Errorf("%w: a disclosure that the issuer did not sign, or whose parent is kept back", ErrMalformed)
		}
	}
	return payload, nil
}

type reader struct {
	byDigest map[string]*disclosure
	seen     map[string]bool // digests in the token: each stands once
}

// disclosures reads "sd_claims". The digest is over the byte string with its head, not over its
// content (draft §6.1).
func (r *reader) disclosures(m *cose.Message) error {
	hash, there, err := m.Protected.Int(headerSDAlg)
	if err != nil || there && hash != hashSHA256 && hash != hashSM3 {
		return fmt.Errorf("%w: sd_alg", ErrAlgorithm)
	}
	raw, there := m.Unprotected[headerSDClaims]
	if !there {
		return nil
	}
	var all [][]byte
	if err := cose.Unmarshal(raw, &all); err != nil || len(all) > maxDisclosures {
		return fmt.Errorf("%w: sd_claims is not a list of at most %d byte strings", ErrMalformed, maxDisclosures)
	}
	for _, one := range all {
		var parts []any
		if err := cose.Unmarshal(one, &parts); err != nil || len(parts) == 0 || len(parts) > 3 {
			return fmt.Errorf("%w: a disclosure is not an array of one to three", ErrMalformed)
		}
		if salt, ok := parts[0].([]byte); !ok || len(salt) != 16 {
			return fmt.Errorf("%w: the salt of a disclosure is not 16 bytes", ErrMalformed)
		}
		whole, err := marshal(one)
		if err != nil {
			return err
		}
		digest := sha256.Sum256(whole)
		if hash == hashSM3 {
			digest = sm.Sum(whole)
		}
		if r.byDigest[string(digest[:])] != nil {
			return fmt.Errorf("%w: a disclosure stands twice", ErrDuplicate)
		}
		r.byDigest[string(digest[:])] = &disclosure{parts: parts}
	}
	return nil
}

// find takes the disclosure of a digest, if it is shown; of a decoy there is only a salt.
func (r *reader) find(digest any, parts int) (*disclosure, error) {
	text, ok := digest.([]byte)
	if !ok {
		return nil, fmt.Errorf("%w: a digest is not a byte string", ErrMalformed)
	}
	if r.seen[string(text)] {
		return nil, fmt.Errorf("%w: a digest stands twice", ErrDuplicate)
	}
	r.seen[string(text)] = true
	d := r.byDigest[string(text)]
	switch {
	case d == nil:
		return nil, nil // kept back
	case len(d.parts) != parts && len(d.parts) != 1:
		return nil, fmt.Errorf("%w: a disclosure of a member where an element stands, or the reverse", ErrMalformed)
	}
	d.used = true
	if len(d.parts) == 1 {
		return nil, nil // a decoy
	}
	return d, nil
}

func (r *reader) members(m map[any]any) error {
	for key, v := range m {
		if key == redactedKeys {
			continue
		}
		var err error
		if m[key], err = r.value(v); err != nil {
			return err
		}
	}
	digests, there := m[redactedKeys]
	if !there {
		return nil
	}
	delete(m, redactedKeys)
	list, ok := digests.([]any)
	if !ok {
		return fmt.Errorf("%w: redacted keys are not a list", ErrMalformed)
	}
	for _, digest := range list {
		d, err := r.find(digest, 3)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		key := d.parts[2]
		switch key.(type) {
		case int64, string:
		default:
			return fmt.Errorf("%w: key of a disclosure", ErrMalformed)
		}
		if _, taken := m[key]; taken {
			return fmt.Errorf("%w: a disclosed key that is there already", ErrDuplicate)
		}
		if m[key], err = r.value(d.parts[1]); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) value(v any) (any, error) {
	switch v := v.(type) {
	case map[any]any:
		return v, r.members(v)
	case []any:
		out := make([]any, 0, len(v))
		for _, element := range v {
			if tag, ok := element.(cose.Tag); ok && tag.Number == redactedElement {
				d, err := r.find(tag.Content, 2)
				if err != nil {
					return nil, err
				}
				if d == nil {
					continue
				}
				element = d.parts[1]
			}
			element, err := r.value(element)
			if err != nil {
				return nil, err
			}
			out = append(out, element)
		}
		return out, nil
	}
	return v, nil
}
