package main

import (
	"bytes"
	"math"
	"math/big"
	"strings"

	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/schemas"
)

// badViews are faults of claims: of both payloads, and of the view.
func badViews() []offlineCase {
	var cases []offlineCase
	add := func(name, comment, expect string, change func(*showing)) {
		cases = append(cases, offlineCase{name, comment, expect, change})
	}
	for _, c := range []struct {
		label any
		name  string
	}{{4, "exp"}, {6, "iat"}, {7, "cti"}, {8, "cnf"}, {labelView, "view"}} {
		add("claim-no-"+c.name, "no "+c.name, sdcwt.CodeMalformed, func(s *showing) { s.cwt.set(c.label, absent) })
	}
	for _, c := range []struct {
		name, comment string
		label, value  any
	}{
		{"iss", "iss, which the format does not have", 1, "https://issuer.example"}, {"sub", "sub, which could follow a person", 2, "430102"},
		{"nbf", "nbf", 5, int(now)}, {"status", "a status list", 65535, tableOf(1, 1)},
		{"exp-text", "exp as text", 4, "tomorrow"}, {"exp-negative", "exp before 1970", 4, -1}, {"exp-zero", "exp 0", 4, 0}, {"exp-far", "exp after the year 9999", 4, 253402300800},
		{"exp-63-bits", "exp 2^63 - 1: still an integer of the format, and no date", 4, math.MaxInt64}, {"exp-minus-63-bits", "exp -2^63", 4, math.MinInt64},
		{"iat-null", "iat null", 6, nil}, {"cti-short", "a cti of seven bytes", 7, drawn("x")[:7]}, {"cti-long", "a cti of nine bytes", 7, append(drawn("x"), 0)},
		{"cti-text", "a cti as text", 7, "serial-1"}, {"cnf-bytes", "cnf is a byte string", 8, []byte{1}}, {"view-map", "the view is a map", labelView, tableOf(1, 1)},
		{"view-four", "a view of four members", labelView, list{1, 1, 1, 430102}},
	} {
		add("claim-"+c.name, c.comment, sdcwt.CodeMalformed, func(s *showing) { s.cwt.set(c.label, c.value) })
	}
	for _, c := range []struct {
		name, comment string
		at            int
		value         any
	}{
		{"type-zero", "type 0", 0, 0}, {"type-wide", "type 256", 0, 256}, {"type-name", "the type by name", 0, "resident-id"}, {"version-zero", "version 0", 1, 0},
		{"view-zero", "view 0", 2, 0}, {"view-negative", "view -1", 2, -1}, {"region-short", "a region of five digits", 3, 43010}, {"region-text", "a region as text", 3, "430102"},
	} {
		add("view-"+c.name, c.comment, sdcwt.CodeMalformed, func(s *showing) { s.viewClaim[c.at] = c.value })
	}
	many := tableOf()
	for i := 1; i <= 65; i++ {
		many.add(i, true)
	}
	for _, c := range []struct {
		name, comment string
		values        any
	}{
		{"empty", "no value", tableOf()}, {"array", "an array of values", list{1}}, {"many", "65 values", many},
		{"key-zero", "field 0", tableOf(0, true)}, {"key-text", "a field by name", tableOf("name", "x")}, {"key-wide", "field 256", tableOf(256, true)},
	} {
		add("values-"+c.name, c.comment, sdcwt.CodeMalformed, func(s *showing) { s.cwt.set(labelView, append(s.viewClaim[:4:4], c.values)) })
	}
	for _, c := range []struct {
		name, comment string
		value         any
	}{
		{"map", "a map", tableOf(1, 1)}, {"odd", "UTF-16 of three bytes", []byte{0x96, 0x3f, 0x00}}, {"half-pair", "half a surrogate pair", []byte{0xd8, 0x42, 0x96, 0x3f}},
		{"half-pair-end", "half a surrogate pair at the end", []byte{0x96, 0x3f, 0xd8, 0x42}}, {"pair-reversed", "a surrogate pair the wrong way round", []byte{0xdf, 0xb7, 0xd8, 0x42, 0x96, 0x3f}},
		{"kept-alone", "a kept text without a number", list{"41"}}, {"kept-none", "no character hidden", list{"41", 0}}, {"kept-many", "1001 characters hidden", list{"41", 1001}},
		{"kept-text", "a number of hidden characters as text", list{"41", "16"}}, {"kept-three", "three members", list{"41", 16, 1}}, {"kept-number", "the kept text is a number", list{41, 16}},
		{"wide", "an integer of more than 53 bits", 1 << 53},
	} {
		add("value-"+c.name, c.comment, sdcwt.CodeMalformed, func(s *showing) { s.values.set(2, c.value) })
	}
	for _, c := range []struct {
		name, comment string
		label, value  any
	}{
		{"no-aud", "no aud", 3, absent}, {"no-iat", "no iat", 6, absent}, {"no-cti", "no cti", 7, absent}, {"iss", "iss, which a proof must not have", 1, "device"},
		{"exp", "exp", 4, int(now) + 60}, {"aud-empty", "an empty aud", 3, ""}, {"aud-blank", "a blank in aud", 3, "my bank"}, {"aud-chinese", "aud in Chinese", 3, "银行"},
		{"aud-long", "an aud of 65 characters", 3, strings.Repeat("a", 65)}, {"aud-bytes", "aud as bytes", 3, []byte("bank")}, {"aud-list", "two aud", 3, list{"any", "bank"}},
		{"iat-negative", "iat before 1970", 6, -1}, {"iat-text", "iat as text", 6, "now"}, {"cti-short", "a cti of seven bytes", 7, drawn("x")[:7]},
		{"nonce-short", "a cnonce of seven bytes", 39, drawn("x")[:7]}, {"nonce-long", "a cnonce of 33 bytes", 39, make([]byte, 33)}, {"nonce-text", "a cnonce as text", 39, "nonce-00"},
	} {
		add("proof-"+c.name, c.comment, sdcwt.CodeMalformed, func(s *showing) { s.kbt.set(c.label, c.value) })
	}
	start := int(offlineStart)
	add("lifetime-none", "exp = iat", sdcwt.CodeLifetime, func(s *showing) { s.cwt.set(4, start) })
	add("lifetime-negative", "exp before iat", sdcwt.CodeLifetime, func(s *showing) { s.cwt.set(4, start-1) })
	add("lifetime-long", "a second more than 24 hours", sdcwt.CodeLifetime, func(s *showing) { s.cwt.set(4, start+86401) })
	return append(cases, badFields()...)
}

// badFields are signed properly and say what the catalogue does not know.
func badFields() []offlineCase {
	numbered := func(at int, n int) func(*showing) { return func(s *showing) { s.viewClaim[at] = n } }
	field := func(n int, v any) func(*showing) { return func(s *showing) { s.values.set(n, v) } }
	vehicle := func(n int, v any) func(*showing) {
		return func(s *showing) {
			s.certificate("vehicle-licence", "parking", schemas.Claims{"plate_number": "湘AD12345", "plate_type": "52", "vehicle_type": "小型轿车"})
			s.values.set(n, v)
		}
	}
	return []offlineCase{
		{"unknown-type", "a type that is not known", schemas.CodeOfflineUnknown, numbered(0, 77)},
		{"unknown-version", "a version that is not known", schemas.CodeOfflineUnknown, numbered(1, 9)},
		{"unknown-view", "a view that is not known", schemas.CodeOfflineUnknown, numbered(2, 99)},
		{"field-unknown", "a field that the type does not have", schemas.CodeOfflineValue, field(200, true)},
		{"field-other-view", "a field of another view", schemas.CodeOfflineValue, field(5, true)},
		{"field-name-long", "a masked name of two characters", schemas.CodeOfflineValue, field(1, utf16Bytes("阿卜"))},
		{"field-name-number", "a name that is a number", schemas.CodeOfflineValue, field(1, 1)},
		{"field-kept-three", "three characters kept where the mask keeps two", schemas.CodeOfflineValue, field(2, list{"411", 15})},
		{"field-not-masked", "a number that is not masked", schemas.CodeOfflineValue, field(2, "430102198803129911")},
		{"field-date-text", "a date as text", schemas.CodeOfflineValue, field(3, "2040-05-18")},
		{"field-date-false", "a term that is false", schemas.CodeOfflineValue, field(3, false)},
		{"field-date-far", "a day after the year 9999", schemas.CodeOfflineValue, field(3, 2932897)},
		{"field-date-hidden", "a date hidden, which its mask does not do", schemas.CodeOfflineValue, field(3, nil)},
		{"field-predicate-number", "a predicate that is 1", schemas.CodeOfflineValue, field(4, 1)},
		{"field-predicate-null", "a predicate that is null", schemas.CodeOfflineValue, field(4, nil)},
		{"field-code-number", "a code of a table as a number", schemas.CodeOfflineValue, vehicle(2, 52)},
		{"field-text-empty", "a text that is empty", schemas.CodeOfflineValue, vehicle(3, "")},
	}
}

// badSignatures are faults of the two signatures, of dates, and of who and when.
func badSignatures(p profile) []offlineCase {
	zero, n := make([]byte, 32), order(p.algorithm).Bytes()
	above := new(big.Int).Add(order(p.algorithm), big.NewInt(1)).Bytes()
	part := func(r, s []byte) func([]byte) []byte {
		return func(sig []byte) []byte { return half(r, s)("", sig) }
	}
	fixed := sm.Sum([]byte("showcard TEST ONLY r"))
	var cases []offlineCase
	for _, c := range []struct {
		name, comment string
		change        func([]byte) []byte
		issuer, proof string
	}{
		{"r-zero", "r = 0", part(zero, nil), sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"s-zero", "s = 0", part(nil, zero), sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"r-is-n", "r = n", part(n, nil), sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"s-is-n", "s = n", part(nil, n), sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"r-above-n", "r = n + 1", part(above, nil), sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"s-above-n", "s = n + 1", part(nil, above), sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"short", "63 bytes", func(sig []byte) []byte { return sig[:63] }, sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"long", "65 bytes", func(sig []byte) []byte { return append(sig, 0) }, sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"empty", "no signature", func([]byte) []byte { return []byte{} }, sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"der", "in DER", func([]byte) []byte { return der("", append(fixed[:], fixed[:]...)) }, sdcwt.CodeEncoding, sdcwt.CodeProofEncoding},
		{"flipped", "one bit of it", func(sig []byte) []byte { sig[40] ^= 1; return sig }, sdcwt.CodeSignature, sdcwt.CodeProof},
		{"swapped", "s before r", func(sig []byte) []byte { return append(bytes.Clone(sig[32:]), sig[:32]...) }, sdcwt.CodeSignature, sdcwt.CodeProof},
	} {
		cases = append(cases,
			offlineCase{"signature-" + c.name, "the authority's signature: " + c.comment, c.issuer, func(s *showing) { s.cwtSign = c.change }},
			offlineCase{"proof-signature-" + c.name, "the device's signature: " + c.comment, c.proof, func(s *showing) { s.kbtSign = c.change }})
	}
	for _, c := range []struct {
		name, comment string
		alg           int
	}{
		{"swapped", "the other profile's", algorithmNumber(p.otherAlgorithm)}, {"es384", "ES384", -35}, {"ml-dsa", "-48, which some took for SM2", -48}, {"hmac", "HS256", 5},
	} {
		cases = append(cases,
			offlineCase{"algorithm-" + c.name, "alg of the authority: " + c.comment, sdcwt.CodeAlgorithm, func(s *showing) { s.cwtHeader.set(1, c.alg) }},
			offlineCase{"proof-algorithm-" + c.name, "alg of the device: " + c.comment, sdcwt.CodeProofAlgorithm, func(s *showing) { s.kbtHeader.set(1, c.alg) }})
	}
	return append(cases, badMoments()...)
}

func badMoments() []offlineCase {
	nonce := drawn("nonce")
	asked := func(s *showing) {
		s.audiences, s.nonce = []string{checkerID}, nonce
		s.kbt.set(3, checkerID)
	}
	return []offlineCase{
		{"signature-other-key", "signed by a key that is not trusted", sdcwt.CodeSignature, func(s *showing) { s.issuer = s.keys.stranger }},
		{"signature-by-device", "signed by the device itself", sdcwt.CodeSignature, func(s *showing) { s.issuer = s.device }},
		{"changed-view", "a value was changed after signing", sdcwt.CodeSignature, func(s *showing) { s.cwtBytes = replace("04f5 58", "04f4 58") }},
		{"changed-device", "another device was put in after signing", sdcwt.CodeSignature, func(s *showing) {
			was, other := s.device.Public().Point()[1:33], s.keys.stranger.Public().Point()
			s.cwtBytes = func(b []byte) []byte { return bytes.Replace(b, was, other[1:33], 1) }
			s.cnf.set(-3, other[64]&1 == 1)
			s.device = s.keys.stranger
		}},
		{"changed-expiry", "exp was changed after signing", sdcwt.CodeSignature, func(s *showing) { s.cwtBytes = replace("041a6b4b", "041a6b4a") }},
		{"not-yet", "issued 11 s ahead of the checker's clock", sdcwt.CodeNotYet, func(s *showing) { s.cwt.set(6, int(now)+11); s.cwt.set(4, int(now)+3600) }},
		{"not-yet-tomorrow", "issued for tomorrow", sdcwt.CodeNotYet, func(s *showing) { s.cwt.set(6, int(now)+86400); s.cwt.set(4, int(now)+2*86400) }},
		{"expired", "expired 10 s ago, in a fresh proof", sdcwt.CodeExpired, func(s *showing) { s.cwt.set(4, int(now)-10) }},
		{"expired-yesterday", "expired yesterday, in a fresh proof", sdcwt.CodeExpired, func(s *showing) { s.cwt.set(6, int(now)-2*86400); s.cwt.set(4, int(now)-86400) }},
		{"proof-other-device", "the CWT of one device, shown by another", sdcwt.CodeProof, func(s *showing) { s.device = s.keys.stranger }},
		{"proof-by-issuer", "the proof is signed by the authority", sdcwt.CodeProof, func(s *showing) { s.device = s.keys.issuer }},
		{"proof-changed", "the proof was changed after signing", sdcwt.CodeProof, func(s *showing) { s.token = replace("03 64 62616e6b", "03 64 62616e6c") }},
		{"proof-nonce-added", "a proof under the signature of one without cnonce", sdcwt.CodeProof, func(s *showing) {
			asked(s)
			s.kbt.set(39, nonce)
			s.envelope = func(parts list) any {
				parts[2] = cbor(tableOf(3, checkerID, 6, int(now)-6, 7, drawn("other"), 39, nonce))
				return tag(18, parts)
			}
		}},
		{"audience-wrong", "shown for a hotel", sdcwt.CodeAudience, func(s *showing) { s.kbt.set(3, "hotel") }},
		{"audience-case", "BANK is not bank", sdcwt.CodeAudience, func(s *showing) { s.kbt.set(3, "BANK") }},
		{"audience-scene-for-checker", "a scene where the checker's id is wanted", sdcwt.CodeAudience, func(s *showing) {
			asked(s)
			s.kbt.set(3, "bank")
			s.kbt.set(39, nonce)
		}},
		{"audience-other-checker", "made for another checker", sdcwt.CodeAudience, func(s *showing) {
			asked(s)
			s.kbt.set(3, "other-bank")
			s.kbt.set(39, nonce)
		}},
		{"nonce-missing", "the checker showed its code, and the proof does not answer it", sdcwt.CodeNonceMissing, asked},
		{"nonce-wrong", "the proof answers another code", sdcwt.CodeNonce, func(s *showing) { asked(s); s.kbt.set(39, drawn("other nonce")) }},
		{"nonce-longer", "the nonce, and a byte more", sdcwt.CodeNonce, func(s *showing) { asked(s); s.kbt.set(39, append(bytes.Clone(nonce), 0)) }},
		{"nonce-not-asked", "the checker showed no code, and the proof answers one", sdcwt.CodeNonce, func(s *showing) { s.kbt.set(39, nonce) }},
		{"proof-expired", "a proof 61 s old: the photograph of a code", sdcwt.CodeProofOld, func(s *showing) { s.kbt.set(6, int(now)-61) }},
		{"proof-expired-hour", "a proof an hour old", sdcwt.CodeProofOld, func(s *showing) { s.kbt.set(6, int(now)-3600) }},
		{"proof-from-future", "a proof 11 s ahead", sdcwt.CodeProofFuture, func(s *showing) { s.kbt.set(6, int(now)+11) }},
		{"proof-from-tomorrow", "a proof of tomorrow", sdcwt.CodeProofFuture, func(s *showing) { s.kbt.set(6, int(now)+86400) }},
	}
}
