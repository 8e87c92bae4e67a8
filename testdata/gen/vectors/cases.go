package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/sm"
)

// The codes that a verifier answers with are those of testdata/problems.json.
const (
	valid         = "valid"
	badAlgorithm  = "algorithm-not-allowed"
	badEncoding   = "signature-encoding"
	badSignature  = "signature-invalid"
	malformed     = "presentation-malformed"
	badDisclosure = "disclosure-malformed"
	twice         = "disclosure-duplicate"
	unknown       = "disclosure-unknown"
	unbound       = "holder-binding-missing"
	badBinding    = "holder-binding-invalid"
)

type testCase struct {
	name, comment, expect string
	change                func(m *maker)
}

func build(p profile, keys keyring) ([]vector, error) {
	var out []vector
	for _, c := range append(append(good(), badTokens(p)...), badProofs(p)...) {
		m := newMaker(p, keys)
		m.claim("name", "张三", true)
		m.claim("birth_date", "1990-01-01", false)
		c.change(m)
		text, err := m.make()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		v := vector{Name: c.name, Comment: c.comment, Profile: p.name, Issuer: keys.issuer.Public(), Holder: keys.holder.Public(),
			Presentation: text, Nonce: nonce, Audience: audience, Now: now, Expect: c.expect}
		if m.noBinding && c.expect == valid {
			v.Holder, v.Nonce, v.Audience = nil, "", ""
		}
		if c.expect == valid {
			s, err := sdjwt.Parse(text, sdjwt.Type)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			claims, err := s.Claims()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if v.Claims, err = json.Marshal(claims); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

func good() []testCase {
	return []testCase{
		{"good-one-claim", "one claim shown, one kept back", valid, func(*maker) {}},
		{"good-nothing-shown", "no disclosure at all", valid, func(m *maker) { m.shown = nil }},
		{"good-all-shown", "every disclosure, in another order than at issuance", valid, func(m *maker) { m.shown = []string{m.disclosures[1], m.disclosures[0]} }},
		{"good-decoys", "digests that belong to no disclosure are ignored", valid, func(m *maker) {
			for i := range 5 {
				m.digests = append(m.digests, encode(m.hash.Sum(fmt.Appendf(nil, "decoy %d", i))))
			}
		}},
		{"good-nested", "an open object with a disclosable member, shown", valid, func(m *maker) {
			text, digest := m.disclosure("city", "长沙市")
			_, hidden := m.disclosure("street", "五一大道")
			m.payload["address"] = object{"country": "CN", "_sd": []string{digest, hidden}}
			m.show(text)
		}},
		{"good-recursive", "a disclosure that itself contains digests, one of them shown", valid, func(m *maker) {
			inner, digest := m.disclosure("city", "长沙市")
			_, hidden := m.disclosure("street", "五一大道")
			m.claim("address", object{"_sd": []string{digest, hidden}}, true)
			m.show(inner)
		}},
		{"good-array", "array elements: open, shown, kept back", valid, func(m *maker) {
			text, digest := m.disclosure("D")
			_, hidden := m.disclosure("E")
			m.payload["classes"] = []any{"C1", object{"...": digest}, object{"...": hidden}}
			m.show(text)
		}},
		{"good-array-recursive", "an array element that is an array with an element kept back", valid, func(m *maker) {
			inner, digest := m.disclosure(7)
			_, hidden := m.disclosure(8)
			outer, outerDigest := m.disclosure([]any{object{"...": digest}, object{"...": hidden}, 9})
			m.payload["points"] = []any{object{"...": outerDigest}}
			m.show(inner)
			m.show(outer)
		}},
		{"good-values", "values of every JSON type, numbers that floats would spoil, characters that some encoders escape", valid, func(m *maker) {
			m.claim("number", json.Number("12345678901234567890.10"), true)
			m.claim("flag", true, true)
			m.claim("nothing", nil, true)
			m.claim("list", []any{1, "a", object{"b": nil}}, true)
			m.claim("text", "<&>\u2028\U00020BB7 \"\\", true)
		}},
		{"good-spaces", "a disclosure with spaces in its JSON: the digest is over the text", valid, func(m *maker) {
			text, digest := m.raw(`[ "2GLC42sKQveCfGfryNRN9w" , "sex" , "1" ]`)
			m.digests = append(m.digests, digest)
			m.show(text)
		}},
		{"good-other-hash", "the other profile's hash with this profile's key", valid, func(m *maker) {
			*m = *newMaker(m.p, m.keys)
			m.hash = m.p.otherHash
			m.payload["_sd_alg"] = string(m.hash)
			m.claim("name", "张三", true)
		}},
		{"good-no-disclosable", "no _sd and no _sd_alg: sha-256 is the default for sd_hash", valid, func(m *maker) {
			m.digests, m.shown, m.hash = nil, nil, sdjwt.SHA256
			delete(m.payload, "_sd_alg")
		}},
		{"good-unbound", "no key binding, and none wanted", valid, func(m *maker) {
			m.noBinding = true
			delete(m.payload, "cnf")
		}},
		{"good-proof-oldest", "a proof exactly 60 s old", valid, func(m *maker) { m.kb["iat"] = now - 60 }},
		{"good-proof-newest", "a proof exactly 10 s ahead", valid, func(m *maker) { m.kb["iat"] = now + 10 }},
		{"good-proof-more-claims", "a proof with claims that are not known", valid, func(m *maker) { m.kb["transaction_data_hashes"] = []string{"x"} }},
	}
}

// order of the base point of a curve.
func order(a key.Algorithm) *big.Int {
	text := "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"
	if a == key.SM2 {
		text = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123"
	}
	n, _ := new(big.Int).SetString(text, 16)
	return n
}

// der is SEQUENCE{r, s}; it looks the same for both curves as long as r and s are in range of
// both, which ToDER wants of SM2.
func der(_ string, sig []byte) []byte {
	out, err := sm.ToDER(sig)
	if err != nil {
		panic(err) // r or s between the two orders: one signature in 2^32
	}
	return out
}

func half(r, s []byte) func(string, []byte) []byte {
	return func(_ string, sig []byte) []byte {
		if r == nil {
			r = sig[:32]
		}
		if s == nil {
			s = sig[32:]
		}
		return append(append([]byte{}, r...), s...)
	}
}

func badTokens(p profile) []testCase {
	zero, n := make([]byte, 32), order(p.algorithm).Bytes()
	above := new(big.Int).Add(order(p.algorithm), big.NewInt(1)).Bytes()
	cases := []testCase{
		{"algorithm-swapped", "the header names the other profile's algorithm; the signature is the trusted key's", badAlgorithm, func(m *maker) { m.header["alg"] = m.p.otherAlgorithm }},
		{"algorithm-none", "alg none, no signature", badAlgorithm, func(m *maker) {
			m.header["alg"] = "none"
			m.sign = func(string, []byte) []byte { return nil }
		}},
		{"algorithm-hmac", "alg HS256", badAlgorithm, func(m *maker) { m.header["alg"] = "HS256" }},
		{"algorithm-alias", "an alias of an older library for the SM2 algorithm; aliases are off", badAlgorithm, func(m *maker) { m.header["alg"] = "SM2" }},
		{"algorithm-missing", "no alg", malformed, func(m *maker) { delete(m.header, "alg") }},
		{"signature-der", "the signature is in DER", badEncoding, func(m *maker) { m.sign = der }},
		{"signature-short", "63 bytes", badEncoding, func(m *maker) { m.sign = func(_ string, sig []byte) []byte { return sig[:63] } }},
		{"signature-long", "65 bytes", badEncoding, func(m *maker) { m.sign = func(_ string, sig []byte) []byte { return append(sig, 0) } }},
		{"signature-empty", "no signature", badEncoding, func(m *maker) { m.sign = func(string, []byte) []byte { return nil } }},
		{"r-zero", "r = 0", badEncoding, func(m *maker) { m.sign = half(zero, nil) }},
		{"s-zero", "s = 0", badEncoding, func(m *maker) { m.sign = half(nil, zero) }},
		{"r-is-n", "r = n", badEncoding, func(m *maker) { m.sign = half(n, nil) }},
		{"s-is-n", "s = n", badEncoding, func(m *maker) { m.sign = half(nil, n) }},
		{"r-above-n", "r = n + 1", badEncoding, func(m *maker) { m.sign = half(above, nil) }},
		{"s-above-n", "s = n + 1", badEncoding, func(m *maker) { m.sign = half(nil, above) }},
		{"signature-swapped", "s before r", badSignature, func(m *maker) {
			m.sign = func(_ string, sig []byte) []byte { return append(append([]byte{}, sig[32:]...), sig[:32]...) }
		}},
		{"signature-flipped", "one bit of the signature", badSignature, func(m *maker) {
			m.sign = func(_ string, sig []byte) []byte { sig[40] ^= 1; return sig }
		}},
		{"signature-other-key", "signed by a key that is not trusted", badSignature, func(m *maker) { m.signer = m.keys.stranger }},
		{"payload-changed", "the payload was changed after signing", badSignature, func(m *maker) {
			m.presentation = func(text string) string {
				jwt, rest, _ := strings.Cut(text, "~")
				part := strings.Split(jwt, ".")
				part[1] = encode([]byte(strings.Replace(string(decode(part[1])), "resident-id", "resident-ID", 1)))
				return strings.Join(part, ".") + "~" + rest
			}
		}},
		{"typ-wrong", "typ vc+sd-jwt, which is no longer in use", malformed, func(m *maker) { m.header["typ"] = "vc+sd-jwt" }},
		{"typ-missing", "no typ", malformed, func(m *maker) { delete(m.header, "typ") }},
		{"header-crit", "crit", malformed, func(m *maker) { m.header["crit"] = []string{"exp"}; m.header["exp"] = 1 }},
		{"header-b64", "b64", malformed, func(m *maker) { m.header["b64"] = false }},
		{"header-jwk", "the token brings its own key", malformed, func(m *maker) { m.header["jwk"] = m.keys.issuer.Public() }},
		{"header-jku", "the token says where its key is", malformed, func(m *maker) { m.header["jku"] = "https://issuer.example/jwks" }},
		{"header-x5c-empty", "x5c without a certificate", malformed, func(m *maker) { m.header["x5c"] = []string{} }},
		{"header-x5c-number", "x5c with a number, and an alg that is not on the list: the types of members come first", malformed, func(m *maker) { m.header["x5c"], m.header["alg"] = []int{1}, "HS256" }},
		{"header-x5c-algorithm", "x5c without a certificate, and an alg that is not on the list: alg comes first", badAlgorithm, func(m *maker) { m.header["x5c"], m.header["alg"] = []string{}, "HS256" }},
		{"padding", "base64 padding behind the payload", malformed, func(m *maker) {
			m.presentation = func(text string) string {
				at := strings.Index(text, ".")
				at += 1 + strings.Index(text[at+1:], ".")
				return text[:at] + "=" + text[at:]
			}
		}},
		{"line-break", "a line break in the token", malformed, func(m *maker) {
			m.presentation = func(text string) string { return text[:30] + "\n" + text[30:] }
		}},
		{"not-sd-jwt", "a JWT without ~", malformed, func(m *maker) {
			m.presentation = func(text string) string { jwt, _, _ := strings.Cut(text, "~"); return jwt }
		}},
		{"name-twice", "a name twice in the payload", malformed, func(m *maker) {
			m.digests, m.shown = nil, nil
			body := string(must(m.payload))
			m.payloadText = strings.Replace(body, `"iss":`, `"iss":"https://other.example","iss":`, 1)
		}},
		{"hash-unknown", "_sd_alg md5", badAlgorithm, func(m *maker) { m.payload["_sd_alg"] = "md5" }},
		{"sd-not-array", "_sd is a string", malformed, func(m *maker) { m.digests, m.shown, m.payload["_sd"] = nil, nil, "x" }},
		{"sd-alg-nested", "_sd_alg below the top level", malformed, func(m *maker) { m.payload["address"] = object{"_sd_alg": string(m.hash)} }},
		{"array-digest-company", "an array digest with another member beside it", malformed, func(m *maker) { m.payload["classes"] = []any{object{"...": "x", "a": 1}} }},
		{"disclosure-twice", "the same disclosure twice", twice, func(m *maker) { m.show(m.shown[0]) }},
		{"digest-twice", "one digest in two places", twice, func(m *maker) { m.payload["address"] = object{"_sd": []string{m.digests[0]}} }},
		{"decoy-twice", "a digest without disclosure in two places", twice, func(m *maker) {
			m.payload["a"], m.payload["b"] = object{"_sd": []string{"x"}}, object{"_sd": []string{"x"}}
		}},
		{"disclosure-unknown", "a disclosure that the issuer did not sign", unknown, func(m *maker) {
			text, _ := m.disclosure("sex", "1")
			m.show(text)
		}},
		{"disclosure-orphan", "a disclosure whose parent is kept back", unknown, func(m *maker) {
			inner, digest := m.disclosure("city", "长沙市")
			m.claim("address", object{"_sd": []string{digest}}, false)
			m.show(inner)
		}},
		{"disclosure-other-hash", "digests made with a hash that is not _sd_alg", unknown, func(m *maker) { m.payload["_sd_alg"] = string(m.p.otherHash) }},
		{"disclosure-name-taken", "a disclosed name that an open claim has", badDisclosure, func(m *maker) { m.claim("iat", 1, true) }},
		{"disclosure-name-twice", "two disclosures of one name", badDisclosure, func(m *maker) { m.claim("name", "李四", true) }},
	}
	for name, text := range map[string]string{
		"four-parts": `["s","sex","1","2"]`, "two-parts": `["s","1"]`, "one-part": `["s"]`, "not-json": `["s","sex","1"`, "object": `{"s":1}`,
		"salt-number": `[1,"sex","1"]`, "name-number": `["s",1,"1"]`, "name-sd": `["s","_sd",["x"]]`, "name-dots": `["s","...","x"]`, "name-twice-inside": `["s","sex",{"a":1,"a":2}]`,
	} {
		cases = append(cases, testCase{"disclosure-" + name, "the disclosure is " + text, badDisclosure, func(m *maker) {
			d, digest := m.raw(text)
			m.digests = append(m.digests, digest)
			m.show(d)
		}})
	}
	return append(cases,
		testCase{"disclosure-property-in-array", "a disclosure with a name where an array element stands", badDisclosure, func(m *maker) {
			text, digest := m.disclosure("sex", "1")
			m.payload["classes"] = []any{object{"...": digest}}
			m.show(text)
		}},
		testCase{"disclosure-empty", "nothing between two ~", badDisclosure, func(m *maker) { m.show("") }},
		testCase{"disclosure-padded", "base64 padding behind a disclosure", badDisclosure, func(m *maker) { m.shown[0] += "=" }},
		testCase{"vct-missing", "no vct", malformed, func(m *maker) { delete(m.payload, "vct") }},
		testCase{"vct-disclosable", "vct as a disclosure", malformed, func(m *maker) {
			delete(m.payload, "vct")
			m.claim("vct", "https://issuer.example/types/resident-id/1", true)
		}},
		testCase{"exp-disclosable", "exp as a disclosure", malformed, func(m *maker) {
			delete(m.payload, "exp")
			m.claim("exp", now+86400, true)
		}},
		testCase{"status-disclosable", "a digest inside of status", malformed, func(m *maker) {
			m.payload["status"] = object{"status_list": object{"uri": "https://issuer.example/status/1", "_sd": []string{"x"}}}
		}},
		testCase{"expired", "exp has passed", "certificate-expired", func(m *maker) { m.payload["exp"] = now - 3600 }},
		testCase{"not-yet-valid", "nbf has not come", "certificate-not-yet-valid", func(m *maker) { m.payload["nbf"] = now + 3600 }},
	)
}

func badProofs(p profile) []testCase {
	zero, n := make([]byte, 32), order(p.algorithm).Bytes()
	return []testCase{
		{"kb-missing", "no key binding where one is wanted", unbound, func(m *maker) { m.noBinding = true }},
		{"cnf-missing", "the certificate is bound to no key", unbound, func(m *maker) { delete(m.payload, "cnf") }},
		{"kb-typ-wrong", "typ jwt", badBinding, func(m *maker) { m.kbHeader["typ"] = "jwt" }},
		{"kb-typ-missing", "no typ", badBinding, func(m *maker) { delete(m.kbHeader, "typ") }},
		{"kb-algorithm-swapped", "the header names the other profile's algorithm", badBinding, func(m *maker) { m.kbHeader["alg"] = m.p.otherAlgorithm }},
		{"kb-algorithm-none", "alg none, no signature", badBinding, func(m *maker) {
			m.kbHeader["alg"] = "none"
			m.kbSign = func(string, []byte) []byte { return nil }
		}},
		{"kb-other-key", "signed by a key that is not in cnf", badBinding, func(m *maker) { m.kbSigner = m.keys.stranger }},
		{"kb-other-profile", "signed by a key of the other profile", badBinding, func(m *maker) {
			m.kbSigner, m.kbHeader["alg"] = m.keys.other, m.p.otherAlgorithm
		}},
		{"kb-own-key", "the proof brings its own key", badBinding, func(m *maker) {
			m.kbSigner, m.kbHeader["jwk"] = m.keys.stranger, m.keys.stranger.Public()
		}},
		{"kb-issuer-key", "signed by the issuer", badBinding, func(m *maker) { m.kbSigner = m.keys.issuer }},
		{"kb-signature-der", "the signature is in DER", badBinding, func(m *maker) { m.kbSign = der }},
		{"kb-r-zero", "r = 0", badBinding, func(m *maker) { m.kbSign = half(zero, nil) }},
		{"kb-s-is-n", "s = n", badBinding, func(m *maker) { m.kbSign = half(nil, n) }},
		{"kb-twice", "two key bindings", badDisclosure, func(m *maker) {
			m.presentation = func(text string) string { return text + text[strings.LastIndexByte(text, '~'):] }
		}},
		{"sd-hash-wrong", "sd_hash of something else", badBinding, func(m *maker) { m.sdHash = encode(m.hash.Sum([]byte("something else"))) }},
		{"sd-hash-missing", "no sd_hash", badBinding, func(m *maker) { m.sdHash = "-" }},
		{"disclosure-removed", "a disclosure was taken out after binding", badBinding, func(m *maker) {
			m.text = func(text string) string { return text[:strings.IndexByte(text, '~')+1] }
		}},
		{"disclosure-added", "a disclosure was put in after binding", badBinding, func(m *maker) {
			m.text = func(text string) string { return text + m.disclosures[1] + "~" }
		}},
		{"nonce-wrong", "the nonce of another challenge", "nonce-wrong", func(m *maker) { m.kb["nonce"] = "another nonce" }},
		{"nonce-missing", "no nonce", badBinding, func(m *maker) { delete(m.kb, "nonce") }},
		{"audience-wrong", "made for another verifier", "audience-wrong", func(m *maker) { m.kb["aud"] = "https://shop.example" }},
		{"audience-list", "aud as a list", badBinding, func(m *maker) { m.kb["aud"] = []string{audience} }},
		{"audience-missing", "no aud", badBinding, func(m *maker) { delete(m.kb, "aud") }},
		{"iat-missing", "no iat", badBinding, func(m *maker) { delete(m.kb, "iat") }},
		{"iat-string", "iat as a string", badBinding, func(m *maker) { m.kb["iat"] = fmt.Sprint(now) }},
		{"proof-too-old", "the holder's clock is 5 minutes slow, or the proof was kept", "proof-too-old", func(m *maker) { m.kb["iat"] = now - 300 }},
		{"proof-61-seconds", "one second too old", "proof-too-old", func(m *maker) { m.kb["iat"] = now - 61 }},
		{"proof-from-future", "the holder's clock is 5 minutes fast", "proof-from-future", func(m *maker) { m.kb["iat"] = now + 300 }},
		{"proof-11-seconds", "one second too far ahead", "proof-from-future", func(m *maker) { m.kb["iat"] = now + 11 }},
	}
}
