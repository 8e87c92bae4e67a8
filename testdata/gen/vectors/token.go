package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/sm"
)

// Tokens are put together here by hand and not by crypto/sdjwt, which refuses to make bad ones.

type profile struct {
	name           string
	algorithm      key.Algorithm
	otherAlgorithm key.Algorithm
	hash           sdjwt.Hash
	otherHash      sdjwt.Hash
}

var profiles = []profile{
	{"sm", key.SM2, key.ES256, sdjwt.SM3, sdjwt.SHA256},
	{"international", key.ES256, key.SM2, sdjwt.SHA256, sdjwt.SM3},
}

const (
	nonce    = "4e7c0a6b1d2f48c5a9b3"
	audience = "https://bank.example"
	now      = int64(1800000000) // 2027-01-15
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

type object = map[string]any

// maker makes one presentation. Each bad vector changes one thing of a good maker.
type maker struct {
	p    profile
	keys keyring

	header      object // of the issuer-signed token
	payload     object // without _sd
	digests     []string
	disclosures []string
	shown       []string // disclosures that the holder shows, in order
	hash        sdjwt.Hash
	salts       int

	payloadText  string // instead of payload, when set
	signer       *key.Private
	sign         func(signed string, sig []byte) []byte // what becomes of the issuer's signature
	text         func(string) string                    // what becomes of "<jwt>~d~…~" before it is bound
	noBinding    bool
	kbHeader     object
	kb           object
	kbSigner     *key.Private
	kbSign       func(signed string, sig []byte) []byte
	sdHash       string
	presentation func(string) string // what becomes of all
}

func newMaker(p profile, keys keyring) *maker {
	return &maker{
		p: p, keys: keys, hash: p.hash, signer: keys.issuer, kbSigner: keys.holder,
		header: object{"alg": p.algorithm, "typ": "dc+sd-jwt", "kid": keys.issuer.Public().ID()},
		payload: object{
			"iss": "https://issuer.example", "vct": "https://issuer.example/types/resident-id/1",
			"iat": now - 86400, "nbf": now - 86400, "exp": now + 10*365*86400,
			"cnf":     object{"jwk": keys.holder.Public().Confirmation()},
			"status":  object{"status_list": object{"idx": 42, "uri": "https://issuer.example/status/1"}},
			"_sd_alg": string(p.hash),
		},
		kbHeader: object{"alg": p.algorithm, "typ": "kb+jwt"},
		kb:       object{"iat": now - 5, "aud": audience, "nonce": nonce},
	}
}

func must(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // literals of this program
	}
	return b
}

// disclosure encodes an array whose first element is a salt that the maker chooses.
func (m *maker) disclosure(parts ...any) (text, digest string) {
	m.salts++
	salt := sm.Sum(fmt.Appendf(nil, "showcard TEST ONLY salt %s %d", m.p.name, m.salts))
	return m.raw(string(must(append([]any{encode(salt[:16])}, parts...))))
}

// raw encodes any text as a disclosure.
func (m *maker) raw(disclosure string) (text, digest string) {
	text = encode([]byte(disclosure))
	m.disclosures = append(m.disclosures, text)
	return text, encode(m.hash.Sum([]byte(text)))
}

// claim adds a disclosable top-level claim.
func (m *maker) claim(name string, value any, show bool) (text string) {
	text, digest := m.disclosure(name, value)
	m.digests = append(m.digests, digest)
	if show {
		m.shown = append(m.shown, text)
	}
	return text
}

func (m *maker) show(text string) { m.shown = append(m.shown, text) }

func raw64(h object, payload []byte) string { return encode(must(h)) + "." + encode(payload) }

func attach(signed string, k *key.Private, change func(string, []byte) []byte) (string, error) {
	sig, err := k.Sign([]byte(signed))
	if err != nil {
		return "", err
	}
	if change != nil {
		sig = change(signed, sig)
	}
	return signed + "." + encode(sig), nil
}

func (m *maker) make() (string, error) {
	payload := maps.Clone(m.payload)
	if len(m.digests) > 0 {
		payload["_sd"] = slices.Sorted(slices.Values(m.digests))
	}
	body := must(payload)
	if m.payloadText != "" {
		body = []byte(m.payloadText)
	}
	text, err := attach(raw64(m.header, body), m.signer, m.sign)
	if err != nil {
		return "", err
	}
	text += "~"
	for _, d := range m.shown {
		text += d + "~"
	}
	bound := text
	if m.text != nil {
		text = m.text(text)
	}
	if !m.noBinding {
		kb := maps.Clone(m.kb)
		if m.sdHash == "" {
			m.sdHash = encode(m.hash.Sum([]byte(bound)))
		}
		if m.sdHash != "-" {
			kb["sd_hash"] = m.sdHash
		}
		proof, err := attach(raw64(m.kbHeader, must(kb)), m.kbSigner, m.kbSign)
		if err != nil {
			return "", err
		}
		text += proof
	}
	if m.presentation != nil {
		text = m.presentation(text)
	}
	return text, nil
}
