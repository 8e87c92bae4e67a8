package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return b, err == nil
}

// token is a JWS taken apart.
type token struct {
	header, payload []byte
	signature       []byte
	raw             string // when it is to stay as it is
}

func open(jws string) (token, bool) {
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		return token{}, false
	}
	header, ok1 := decode(parts[0])
	payload, ok2 := decode(parts[1])
	signature, ok3 := decode(parts[2])
	return token{header, payload, signature, jws}, ok1 && ok2 && ok3
}

// seal signs a token. Without a key the old signature stays.
func (t *token) seal(k *signer) {
	signed := encode(t.header) + "." + encode(t.payload)
	if k != nil {
		t.signature = k.sign([]byte(signed))
	}
	t.raw = signed + "." + encode(t.signature)
}

// shown is a presentation taken apart.
type shown struct {
	issued      token
	disclosures []string
	proof       token
	bound       bool
	hash        sdjwt.Hash
}

func openShown(text string) (*shown, bool) {
	parts := strings.Split(text, "~")
	if len(parts) < 2 {
		return nil, false
	}
	s := &shown{disclosures: parts[1 : len(parts)-1], hash: sdjwt.SHA256}
	var ok bool
	if s.issued, ok = open(parts[0]); !ok {
		return nil, false
	}
	if bytes.Contains(s.issued.payload, []byte(`"sm3"`)) {
		s.hash = sdjwt.SM3
	}
	if last := parts[len(parts)-1]; last != "" {
		if s.proof, s.bound = open(last); !s.bound {
			return nil, false
		}
	}
	return s, true
}

// covered is what sd_hash is over.
func (s *shown) covered() string {
	return s.issued.raw + "~" + strings.Join(append(slices.Clone(s.disclosures), ""), "~")
}

func (s *shown) text() string { return s.covered() + s.proof.raw }

// rehash writes the proof's sd_hash anew.
func (s *shown) rehash() {
	var claims struct {
		Hash string `json:"sd_hash"`
	}
	if json.Unmarshal(s.proof.payload, &claims) != nil || claims.Hash == "" {
		return
	}
	s.proof.payload = bytes.Replace(s.proof.payload, []byte(claims.Hash), []byte(encode(s.hash.Sum([]byte(s.covered())))), 1)
}

// redisclose puts another text in the place of a disclosure, and its digest wherever the old one
// stood, in the payload or in other disclosures.
func (s *shown) redisclose(i int, content []byte) {
	old := encode(s.hash.Sum([]byte(s.disclosures[i])))
	s.disclosures[i] = encode(content)
	fresh := encode(s.hash.Sum([]byte(s.disclosures[i])))
	s.issued.payload = bytes.ReplaceAll(s.issued.payload, []byte(old), []byte(fresh))
	for j, d := range s.disclosures {
		inside, ok := decode(d)
		if ok && j != i && bytes.Contains(inside, []byte(old)) {
			s.redisclose(j, bytes.ReplaceAll(inside, []byte(old), []byte(fresh)))
		}
	}
}

// Numbers at which readers of r and s may go different ways.
var edges = func() [][]byte {
	one := big.NewInt(1)
	var out [][]byte
	for _, n := range []*big.Int{orderSM2, orderP256, primeSM2, primeP256} {
		for _, d := range []*big.Int{new(big.Int).Sub(n, one), n, new(big.Int).Add(n, one), new(big.Int).Rsh(n, 1)} {
			out = append(out, d.FillBytes(make([]byte, 32)))
		}
	}
	return append(out, make([]byte, 32), one.FillBytes(make([]byte, 32)), bytes.Repeat([]byte{0xff}, 32))
}()

// mutateSignature changes r, s or the length.
func mutateSignature(r *dice, sig []byte) []byte {
	sig = bytes.Clone(sig)
	switch r.IntN(7) {
	case 0, 1:
		if len(sig) == 64 {
			copy(sig[32*r.IntN(2):], pick(r, edges))
		}
		return sig
	case 2:
		return append(bytes.Clone(pick(r, edges)), pick(r, edges)...)
	case 3: // the other s of ECDSA: it verifies
		if len(sig) == 64 {
			n := orderP256
			s := new(big.Int).Mod(new(big.Int).Sub(n, new(big.Int).SetBytes(sig[32:])), n)
			copy(sig[32:], s.FillBytes(make([]byte, 32)))
		}
		return sig
	case 4:
		if len(sig) == 64 {
			return slices.Concat(sig[32:], sig[:32])
		}
		return sig
	case 5:
		return pick(r, [][]byte{nil, {0}, sig[:len(sig)/2], append(sig, 0), append([]byte{0}, sig...), sig[:max(len(sig)-1, 0)]})
	}
	return mutateBytes(r, sig)
}

// shownStep changes a presentation in one place and signs it anew, as a malicious issuer or holder would.
func (c *corpus) shownStep(r *dice, v vector) vector {
	s, ok := openShown(v.subject())
	if !ok {
		return c.textStep(r, v)
	}
	issuer, holder := c.private(v.Issuer), c.private(v.Holder)
	if holder == nil { // the key of whoever signed it is not said: the usual one
		holder = c.byName("holder", v.Issuer)
	}
	// Several faults at once: which of them is the answer is the order of checking.
	for range pick(r, []int{1, 1, 1, 2, 2, 3}) {
		switch where := r.IntN(10); {
		case where < 2:
			s.issued.header = []byte(mutateHeader(r, string(s.issued.header), v.Now))
		case where < 6:
			s.issued.payload = []byte(mutateJSON(r, string(s.issued.payload), v.Now))
		case where < 8 && len(s.disclosures) > 0:
			c.disclosureStep(r, s, v)
		case where < 9 && s.bound:
			s.proof.header = []byte(mutateHeader(r, string(s.proof.header), v.Now))
		case s.bound:
			s.proof.payload = []byte(mutateJSON(r, string(s.proof.payload), v.Now))
		}
	}
	if r.chance(16) {
		issuer = c.stranger(r)
	}
	if r.chance(16) {
		holder = c.stranger(r)
	}
	s.issued.seal(issuer)
	spoilt := r.chance(10)
	if spoilt && r.chance(2) {
		s.issued.signature = mutateSignature(r, s.issued.signature)
		s.issued.seal(nil)
	}
	if s.bound {
		if !r.chance(24) {
			s.rehash()
		}
		s.proof.seal(holder)
		if spoilt {
			s.proof.signature = mutateSignature(r, s.proof.signature)
			s.proof.seal(nil)
		}
	}
	v.setSubject(s.text())
	return v
}

// disclosureStep changes disclosures, with or without their digests.
func (c *corpus) disclosureStep(r *dice, s *shown, v vector) {
	i, j := r.IntN(len(s.disclosures)), r.IntN(len(s.disclosures))
	inside, ok := decode(s.disclosures[i])
	switch r.IntN(9) {
	case 0:
		s.disclosures[i], s.disclosures[j] = s.disclosures[j], s.disclosures[i]
	case 1:
		s.disclosures = slices.Insert(s.disclosures, j, s.disclosures[i])
	case 2:
		s.disclosures = slices.Delete(s.disclosures, i, i+1)
	case 3:
		s.disclosures[i] = strings.ReplaceAll(strings.ReplaceAll(mutateText(r, s.disclosures[i], ""), "~", ""), ".", "")
	case 4:
		if other, ok := openShown(pick(r, c.vectors).subjectOr()); ok && len(other.disclosures) > 0 {
			s.disclosures = append(s.disclosures, pick(r, other.disclosures))
		}
	case 5:
		s.disclosures = slices.Insert(s.disclosures, j, "")
	default:
		if ok {
			s.redisclose(i, []byte(mutateJSON(r, string(inside), v.Now)))
		}
	}
}

// subjectOr is the presentation, or nothing.
func (v vector) subjectOr() string {
	if v.Presentation == nil {
		return ""
	}
	return *v.Presentation
}

// byName is the key of that role in the algorithm of the other.
func (c *corpus) byName(role string, like *key.Public) *signer {
	for _, k := range c.keys {
		if strings.Contains(k.public.ID(), role) && k.public.Algorithm() == like.Algorithm() {
			return k
		}
	}
	return nil
}

// stranger is any of the keys.
func (c *corpus) stranger(r *dice) *signer {
	names := make([]string, 0, len(c.keys))
	for name := range c.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return c.keys[pick(r, names)]
}
