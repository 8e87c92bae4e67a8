package sdjwt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/strictjson"
)

// issuerPart is what the issuer signed, taken apart once. It depends on the issuer's JWT and on
// nothing else, is immutable, and holds nothing that the holder may keep back.
type issuerPart struct {
	jwt   string
	token *jose.Token
	// flat says that digests stand at the top of the payload only, each once and in the one form
	// that a hash of ours has, and that nothing else in it looks like one. Certificates of our own
	// are like that. All others go the long way (process.go), which decides in every case of doubt.
	flat    bool
	hash    Hash
	open    []member // of the payload, without _sd and _sd_alg
	digests []digest // sorted

	confirm sync.Once // the holder's key is decoded when it is first asked for
	holder  *key.Public
	err     error
}

type digest [32]byte

// member is a claim as it was written.
type member struct {
	name  string
	value json.RawMessage
}

func parseIssuer(jwt, typ string) (*issuerPart, error) {
	token, err := jose.Parse(jwt, typ)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	i := &issuerPart{jwt: jwt, token: token}
	i.flat = i.flatten()
	return i, nil
}

// flatten fills in the rest of a token of the simple kind.
func (i *issuerPart) flatten() bool {
	i.hash = SHA256
	var room [16]strictjson.Member
	members, err := strictjson.Object(i.token.Payload, maxPayload, room[:0])
	if err != nil {
		return false
	}
	i.open = make([]member, 0, len(members))
	for _, m := range members {
		switch string(m.Name) {
		case nameHash:
			text, ok := strictjson.Text(m.Value)
			if i.hash = Hash(text); !ok || !i.hash.known() {
				return false
			}
		case nameDigests:
			if !i.readDigests(m.Value) {
				return false
			}
		case nameElement:
			return false
		default:
			if composite(m.Value) && mayHoldDigests(m.Value) {
				return false
			}
			i.open = append(i.open, member{string(m.Name), m.Value})
		}
	}
	return true
}

// maxPayload is deeper than jose.Parse lets pass.
const maxPayload = 64

func composite(value []byte) bool { return value[0] == '{' || value[0] == '[' }

func (i *issuerPart) readDigests(value []byte) bool {
	elements, err := strictjson.Array(value, 1, nil)
	if err != nil {
		return false
	}
	i.digests = make([]digest, len(elements))
	for at, m := range elements {
		// 43 characters in quotes. One that is not the canonical base64url of 32 bytes is no digest.
		if len(m.Value) != 45 || m.Value[0] != '"' {
			return false
		}
		if b, err := jose.AppendDecode(i.digests[at][:0], m.Value[1:44]); err != nil || len(b) != len(digest{}) {
			return false
		}
	}
	slices.SortFunc(i.digests, compareDigests)
	return len(slices.Compact(i.digests)) == len(i.digests)
}

func compareDigests(a, b digest) int { return bytes.Compare(a[:], b[:]) }

// size is about what i takes in memory.
func (i *issuerPart) size() int64 {
	return int64(1024 + 2*len(i.jwt) + 2*len(i.token.Payload) + 64*len(i.open) + len(i.digests)*len(digest{}))
}

// find returns the value of an open claim.
func (i *issuerPart) find(name string) (json.RawMessage, bool) {
	for _, m := range i.open {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// confirmation is the holder's key out of an open "cnf".
func (i *issuerPart) confirmation(cnf json.RawMessage) (*key.Public, error) {
	i.confirm.Do(func() { i.holder, i.err = confirmation(cnf) })
	return i.holder, i.err
}

func confirmation(cnf json.RawMessage) (*key.Public, error) {
	members, err := strictjson.Object(cnf, maxPayload, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: cnf has the wrong type", ErrConfirmation, ErrClaim)
	}
	var jwk []byte
	for _, m := range members {
		if string(m.Name) == "jwk" {
			jwk = m.Value
		}
	}
	if jwk == nil {
		return nil, fmt.Errorf("%w: no jwk", ErrConfirmation)
	}
	k, err := key.ParseJWK(jwk, false)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfirmation, err)
	}
	return k, nil
}

// place puts the disclosures of a flat token where their digests stand. It says no when anything
// is out of the ordinary.
func (s *SDJWT) place() bool {
	var met [8]uint64 // by place among the digests; more than these go the long way
	if len(s.issued.digests) > 64*len(met) {
		return false
	}
	for i := range s.Disclosures {
		d := &s.Disclosures[i]
		if d.element || composite(d.Value) && mayHoldDigests(d.Value) {
			return false
		}
		sum := s.issued.hash.sum(d.raw)
		at, known := slices.BinarySearchFunc(s.issued.digests, digest(sum), compareDigests)
		if !known || met[at/64]>>(at%64)&1 == 1 {
			return false
		}
		met[at/64] |= 1 << (at % 64)
		if _, taken := s.issued.find(d.Name); taken {
			return false
		}
		for j := range i {
			if s.Disclosures[j].Name == d.Name {
				return false
			}
		}
	}
	for i := range s.Disclosures {
		d := &s.Disclosures[i]
		d.top, d.root, d.used = true, d.Name, true
	}
	s.Hash = s.issued.hash
	return true
}
