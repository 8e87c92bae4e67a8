package main

import (
	"bytes"
	"strings"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
)

// textFaults are those of the grammar: internal/qr finds them.
func textFaults() []offlineCase {
	// Whole groups of eight characters are whole bytes: nothing is left over.
	groups := func(keep func(all int) int) func(*showing) {
		return func(s *showing) { s.text = func(text string) string { return text[:3+8*keep((len(text)-3)/8)] } }
	}
	return []offlineCase{
		{"prefix-to-come", "SC3", "code-not-ours", func(s *showing) { s.text = func(text string) string { return "SC3" + text[3:] } }},
		{"prefix-lost", "the first character is lost", "code-not-ours", func(s *showing) { s.text = func(text string) string { return text[1:] } }},
		{"prefix-base45", "a base45 health pass", "code-not-ours", func(s *showing) { s.text = func(string) string { return "HC1:NCFOXN%TS3DH3ZSUZK+.V0ETD%65NL-AH" } }},
		{"text-prefix-only", "nothing behind SC2", "code-truncated", func(s *showing) { s.text = func(string) string { return "SC2" } }},
		{"text-truncated", "the end is lost, within a byte", "code-truncated", func(s *showing) {
			s.text = func(text string) string {
				for n := len(text) - 1; ; n-- {
					if rest := (n - 3) % 8; rest == 1 || rest == 3 || rest == 6 {
						return text[:n]
					}
				}
			}
		}},
		{"text-cut-bytes", "the end is lost, in whole bytes", sdcwt.CodeLength, groups(func(all int) int { return all - 1 })},
		{"text-cut-half", "half of it is lost, in whole bytes", sdcwt.CodeLength, groups(func(all int) int { return all / 2 })},
		{"text-zero-for-o", "a digit that base32 does not have", "code-alphabet", func(s *showing) { s.text = func(text string) string { return text[:9] + "0" + text[10:] } }},
		{"text-hyphen", "a character of base64url", "code-alphabet", func(s *showing) { s.text = func(text string) string { return text[:9] + "-" + text[10:] } }},
		{"text-padded", "padding", "code-alphabet", func(s *showing) { s.text = func(text string) string { return text + "=" } }},
		{"text-blank", "a blank inside", "code-alphabet", func(s *showing) { s.text = func(text string) string { return text[:9] + " " + text[10:] } }},
		{"text-twice", "the scanner was triggered twice", "code-too-long", func(s *showing) { s.text = func(text string) string { return text + text } }},
		{"text-too-long", "longer than any code", "code-too-long", func(s *showing) { s.text = func(text string) string { return text + strings.Repeat("A", 1451) } }},
	}
}

// cborFaults are of the encoding, wherever it stands.
func cborFaults() []offlineCase {
	deep := func(open byte, n int) raw { return append(bytes.Repeat([]byte{open}, n), 0x00) }
	value := func(v any) func(*showing) { return func(s *showing) { s.values.set(3, v) } }
	body := func(old, with string) func(*showing) {
		return func(s *showing) { s.cwtClaimBytes = replace(old, with) }
	}
	return []offlineCase{
		{"cbor-trailing", "a byte behind the token", sdcwt.CodeLength, func(s *showing) { s.token = func(b []byte) []byte { return append(b, 0) } }},
		{"cbor-cut", "the last byte is missing", sdcwt.CodeLength, func(s *showing) { s.token = func(b []byte) []byte { return b[:len(b)-1] } }},
		{"cbor-empty-header", "the protected header is an empty string", sdcwt.CodeLength, func(s *showing) { s.kbtHeaderBytes = func([]byte) []byte { return []byte{} } }},
		{"cbor-trailing-header", "a byte behind the map of the protected header", sdcwt.CodeLength, func(s *showing) { s.cwtHeaderBytes = func(b []byte) []byte { return append(b, 0) } }},
		{"cbor-trailing-claims", "a byte behind the claims", sdcwt.CodeLength, func(s *showing) { s.cwtClaimBytes = func(b []byte) []byte { return append(b, 0) } }},
		{"cbor-trailing-proof", "a byte behind the claims of the proof", sdcwt.CodeLength, func(s *showing) { s.kbtClaimBytes = func(b []byte) []byte { return append(b, 0) } }},
		{"cbor-huge-bytes", "a byte string of 2^63 - 1 bytes", sdcwt.CodeLength, func(s *showing) { s.kbt.set(7, raw("\x5b\x7f\xff\xff\xff\xff\xff\xff\xff")) }},
		{"cbor-huge-text", "a text of 2^32 - 1 bytes", sdcwt.CodeLength, value(raw("\x7a\xff\xff\xff\xff"))},
		{"cbor-huge-array", "an array of 2^63 - 1 members", sdcwt.CodeLength, value(raw("\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"))},
		{"cbor-huge-map", "a map of 2^64 - 1 pairs", sdcwt.CodeLength, value(raw("\xbb\xff\xff\xff\xff\xff\xff\xff\xff"))},
		{"cbor-huge-map-overflow", "a map of 2^63 pairs: twice that is nothing in 64 bits", sdcwt.CodeLength, value(raw("\xbb\x80\x00\x00\x00\x00\x00\x00\x00"))},
		{"indefinite-array", "the token is an array of indefinite length", sdcwt.CodeIndefinite, func(s *showing) {
			s.token = func(b []byte) []byte { return append(append([]byte{b[0], 0x9f}, b[2:]...), 0xff) }
		}},
		{"indefinite-claims", "the claims are a map of indefinite length", sdcwt.CodeIndefinite, func(s *showing) {
			s.cwtClaimBytes = func(b []byte) []byte { return append(append([]byte{0xbf}, b[1:]...), 0xff) }
		}},
		{"indefinite-proof", "the claims of the proof are a map of indefinite length", sdcwt.CodeIndefinite, func(s *showing) {
			s.kbtClaimBytes = func(b []byte) []byte { return append(append([]byte{0xbf}, b[1:]...), 0xff) }
		}},
		{"indefinite-bytes", "cti in chunks", sdcwt.CodeIndefinite, func(s *showing) { s.kbt.set(7, raw(append(append([]byte{0x5f, 0x48}, drawn("x")...), 0xff))) }},
		{"indefinite-text", "aud in chunks", sdcwt.CodeIndefinite, func(s *showing) { s.kbt.set(3, raw("\x7f\x64bank\xff")) }},
		{"indefinite-break", "a break where a value stands", sdcwt.CodeIndefinite, value(raw("\xff"))},
		{"nested-arrays", "two hundred arrays within one another", sdcwt.CodeNesting, value(deep(0x81, 200))},
		{"nested-maps", "maps within one another", sdcwt.CodeNesting, value(raw(bytes.Repeat([]byte{0xa1, 0x01}, 40)))},
		{"nested-tags", "tags within one another", sdcwt.CodeNesting, value(deep(0xd2, 40))},
		{"nested-nine", "one level more than eight", sdcwt.CodeNesting, value(deep(0x81, 6))},
		{"nested-header", "arrays within one another in a header", sdcwt.CodeNesting, func(s *showing) { s.cwtOpen.set(99, deep(0x81, 30)) }},
		{"long-integer", "iat in eight bytes", sdcwt.CodeSpelling, func(s *showing) { s.kbt.set(6, raw("\x1b\x00\x00\x00\x00\x6b\x49\xd1\xfb")) }},
		{"long-key", "the key 3 in two bytes", sdcwt.CodeSpelling, func(s *showing) { s.kbtClaimBytes = replace("03 64 62616e6b", "1803 64 62616e6b") }},
		{"long-length", "the length of cti in two bytes", sdcwt.CodeSpelling, func(s *showing) { s.cwt.set(7, raw(append([]byte{0x58, 8}, drawn("x")...))) }},
		{"long-tag", "tag 18 in two bytes", sdcwt.CodeSpelling, func(s *showing) { s.token = func(b []byte) []byte { return append([]byte{0xd8, 18}, b[1:]...) } }},
		{"order-claims", "the claims in the wrong order", sdcwt.CodeSpelling, func(s *showing) { s.kbt.backwards() }},
		{"order-header", "the header in the wrong order", sdcwt.CodeSpelling, func(s *showing) { s.cwtHeader.backwards() }},
		{"order-values", "the values in the wrong order", sdcwt.CodeSpelling, func(s *showing) { s.values.backwards() }},
		{"order-cnf", "the key in the wrong order", sdcwt.CodeSpelling, func(s *showing) { s.cnf.backwards() }},
		{"text-not-shortest", "Chinese text in UTF-8, which is longer", sdcwt.CodeSpelling, func(s *showing) { s.values.set(1, "阿") }},
		{"text-not-longest", "Latin text in UTF-16, which is longer", sdcwt.CodeSpelling, func(s *showing) { s.values.set(2, list{utf16Bytes("41"), 16}) }},
		{"text-tie-wide", "text that is as long in both, in UTF-16", sdcwt.CodeSpelling, func(s *showing) { s.values.set(1, utf16Bytes("Ä")) }},
		{"twice-claim", "exp twice", sdcwt.CodeDuplicate, func(s *showing) { s.cwt.add(4, int(offlineStart)+3600) }},
		{"twice-proof", "aud twice", sdcwt.CodeDuplicate, func(s *showing) { s.kbt.add(3, "any") }},
		{"twice-header", "alg twice", sdcwt.CodeDuplicate, func(s *showing) { s.kbtHeader.add(1, algES256) }},
		{"twice-value", "a field twice", sdcwt.CodeDuplicate, func(s *showing) { s.values.add(4, false) }},
		{"twice-cnf", "the coordinate x twice", sdcwt.CodeDuplicate, func(s *showing) { s.cnf.add(-2, make([]byte, 32)) }},
		{"twice-open", "a label twice in the header that is not signed", sdcwt.CodeDuplicate, func(s *showing) { s.cwtOpen.add(99, 1); s.cwtOpen.add(99, 2) }},
		{"item-float", "a date as a float", sdcwt.CodeItem, value(raw("\xf9\x3c\x00"))},
		{"item-double", "iat as a double", sdcwt.CodeItem, func(s *showing) { s.kbt.set(6, raw("\xfb\x41\xda\xd2\x74\x7e\xc0\x00\x00")) }},
		{"item-undefined", "undefined", sdcwt.CodeItem, value(raw("\xf7"))},
		{"item-simple", "simple(255)", sdcwt.CodeItem, value(raw("\xf8\xff"))},
		{"item-redacted", "redacted claim keys, simple(59), as SD-CWT has them", sdcwt.CodeItem, func(s *showing) { s.cwt.add(raw("\xf8\x3b"), list{drawn("digest")}) }},
		{"item-tag", "a redacted element, tag 60", sdcwt.CodeItem, value(tag(60, drawn("digest")))},
		{"item-bignum", "a bignum", sdcwt.CodeItem, value(tag(2, []byte{1}))},
		{"item-cwt-tag", "the CWT tag in front", sdcwt.CodeItem, func(s *showing) { s.token = func(b []byte) []byte { return append([]byte{0xd8, 61}, b...) } }},
		{"item-cose-tag", "tag 17, COSE_Mac0", sdcwt.CodeItem, func(s *showing) { s.token = func(b []byte) []byte { return append([]byte{0xd1}, b[1:]...) } }},
		{"item-wide-integer", "an integer of 64 bits", sdcwt.CodeItem, value(raw("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"))},
		{"item-wide-negative", "a negative integer of 64 bits", sdcwt.CodeItem, value(raw("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"))},
		{"item-not-utf8", "text that is not UTF-8", sdcwt.CodeItem, func(s *showing) { s.kbt.set(3, raw("\x64ban\xff")) }},
		{"item-reserved", "a head that RFC 8949 reserves", sdcwt.CodeItem, value(raw("\x1c"))},
		{"view-not-array-of-five", "a sixth member of the view", sdcwt.CodeMalformed, body("3a00010000 85", "3a00010000 86 00")},
	}
}

// envelopeFaults are of COSE: parts, headers, types.
func envelopeFaults(p profile) []offlineCase {
	return []offlineCase{
		{"critical-proof", "crit in the device's header", sdcwt.CodeCritical, func(s *showing) { s.kbtHeader.add(2, list{1}) }},
		{"critical-cwt", "crit in the authority's header", sdcwt.CodeCritical, func(s *showing) { s.cwtHeader.add(2, list{-65539}); s.cwtHeader.add(-65539, 1) }},
		{"critical-open-proof", "crit in the device's header that is not signed", sdcwt.CodeCritical, func(s *showing) { s.kbtOpen.add(2, list{1}) }},
		{"critical-open-cwt", "crit in the authority's header that is not signed", sdcwt.CodeCritical, func(s *showing) { s.cwtOpen.add(2, list{1}) }},
		{"type-proof", "typ 293 outside", sdcwt.CodeType, func(s *showing) { s.kbtHeader.set(16, 293) }},
		{"type-proof-missing", "no typ outside", sdcwt.CodeType, func(s *showing) { s.kbtHeader.set(16, absent) }},
		{"type-proof-text", "typ as a media type", sdcwt.CodeType, func(s *showing) { s.kbtHeader.set(16, "application/kb+cwt") }},
		{"type-cwt", "typ 294 inside", sdcwt.CodeType, func(s *showing) { s.cwtHeader.set(16, 294) }},
		{"type-cwt-missing", "no typ inside", sdcwt.CodeType, func(s *showing) { s.cwtHeader.set(16, absent) }},
		{"type-open", "typ in the header that is not signed", sdcwt.CodeType, func(s *showing) { s.kbtHeader.set(16, absent); s.kbtOpen.add(16, 294) }},
		{"type-status-list", "a status list", sdcwt.CodeType, func(s *showing) { s.kbtHeader.set(16, "application/statuslist+cwt") }},
		{"proof-none", "a CWT without a proof", sdcwt.CodeType, func(s *showing) {
			var cwt []byte
			s.cwtBytes = func(b []byte) []byte { cwt = b; return b }
			s.token = func([]byte) []byte { return cwt }
		}},
		{"envelope-untagged", "no tag", sdcwt.CodeMalformed, func(s *showing) { s.token = func(b []byte) []byte { return b[1:] } }},
		{"envelope-untagged-cwt", "no tag inside", sdcwt.CodeMalformed, func(s *showing) { s.cwtBytes = func(b []byte) []byte { return b[1:] } }},
		{"envelope-five", "five parts", sdcwt.CodeMalformed, func(s *showing) { s.envelope = func(parts list) any { return tag(18, append(parts, 0)) } }},
		{"envelope-three", "three parts", sdcwt.CodeMalformed, func(s *showing) { s.envelope = func(parts list) any { return tag(18, parts[:3]) } }},
		{"envelope-detached", "the payload is detached", sdcwt.CodeMalformed, func(s *showing) {
			s.envelope = func(parts list) any { return tag(18, list{parts[0], parts[1], nil, parts[3]}) }
		}},
		{"envelope-map", "a map in place of the array", sdcwt.CodeMalformed, func(s *showing) {
			s.envelope = func(parts list) any { return tag(18, tableOf(1, parts[0], 2, parts[2])) }
		}},
		{"envelope-wrapped", "the CWT as a byte string", sdcwt.CodeMalformed, func(s *showing) { s.cwtBytes = func(b []byte) []byte { return cbor(b) } }},
		{"header-not-map", "the protected header is an array", sdcwt.CodeMalformed, func(s *showing) { s.cwtHeaderBytes = func([]byte) []byte { return cbor(list{1, 4, 16}) } }},
		{"header-no-cwt", "no kcwt", sdcwt.CodeMalformed, func(s *showing) { s.kbtHeader.set(13, absent) }},
		{"header-alg-missing", "no alg", sdcwt.CodeMalformed, func(s *showing) { s.cwtHeader.set(1, absent) }},
		{"header-alg-text", "alg as text", sdcwt.CodeMalformed, func(s *showing) { s.cwtHeader.set(1, string(p.algorithm)) }},
		{"header-alg-open", "alg in the header that is not signed", sdcwt.CodeMalformed, func(s *showing) {
			s.kbtHeader.set(1, absent)
			s.kbtOpen.add(1, algorithmNumber(p.algorithm))
		}},
		{"header-kid-missing", "no kid", sdcwt.CodeMalformed, func(s *showing) { s.cwtHeader.set(4, absent) }},
		{"header-kid-short", "a kid of seven bytes", sdcwt.CodeMalformed, func(s *showing) { s.cwtHeader.set(4, drawn("kid")[:7]) }},
		{"header-kid-text", "a kid as text", sdcwt.CodeMalformed, func(s *showing) { s.cwtHeader.set(4, "issuer-1") }},
		{"header-unknown", "a header that is not known", sdcwt.CodeMalformed, func(s *showing) { s.kbtHeader.add(99, 1) }},
		{"header-x5chain", "the CWT brings a certificate", sdcwt.CodeMalformed, func(s *showing) { s.cwtOpen.add(33, []byte{0x30}) }},
		{"header-open", "something in the header that is not signed", sdcwt.CodeMalformed, func(s *showing) { s.kbtOpen.add(99, 1) }},
		{"header-disclosures", "sd_claims, which this format does not have", sdcwt.CodeMalformed, func(s *showing) { s.cwtOpen.add(17, list{[]byte{0x80}}) }},
		{"claims-not-map", "the claims are an array", sdcwt.CodeMalformed, func(s *showing) { s.cwtClaimBytes = func([]byte) []byte { return cbor(list{}) } }},
		{"proof-not-map", "the claims of the proof are text", sdcwt.CodeMalformed, func(s *showing) { s.kbtClaimBytes = func([]byte) []byte { return cbor("bank") } }},
	}
}

// keyFaults are of "cnf".
func keyFaults(p profile) []offlineCase {
	off := make([]byte, 32)
	for off[31] = 1; ; off[31]++ { // half of all x are on no point
		if _, err := key.FromPoint(p.algorithm, append([]byte{2}, off...)); err != nil {
			break
		}
	}
	cases := []offlineCase{{"key-off-curve", "x of no point of the curve", sdcwt.CodeDeviceKey, func(s *showing) { s.cnf.set(-2, off) }}}
	for _, c := range []struct {
		name, comment string
		label, value  any
	}{
		{"beyond", "x beyond the field", -2, bytes.Repeat([]byte{0xff}, 32)}, {"short", "x of 31 bytes", -2, off[:31]}, {"x-text", "x as text", -2, strings.Repeat("x", 32)},
		{"whole", "y in full, not compressed", -3, bytes.Repeat([]byte{1}, 32)}, {"y-missing", "no y", -3, absent}, {"y-null", "y is null", -3, nil},
		{"type", "kty 1, an octet key", 1, 1}, {"curve", "crv 3, P-521", -1, 3}, {"curve-missing", "no crv", -1, absent},
		{"private", "the private key is there too", -4, bytes.Repeat([]byte{1}, 32)}, {"named", "a kid, by which devices could be followed", 2, []byte("phone")},
	} {
		cases = append(cases, offlineCase{"key-" + c.name, c.comment, sdcwt.CodeDeviceKey, func(s *showing) { s.cnf.set(c.label, c.value) }})
	}
	return append(cases,
		offlineCase{"cnf-empty", "cnf without a key", sdcwt.CodeMalformed, func(s *showing) { s.cwt.set(8, tableOf()) }},
		offlineCase{"cnf-more", "cnf with a key and a key id", sdcwt.CodeMalformed, func(s *showing) { s.cwt.set(8, tableOf(1, s.cnf, 3, []byte("kid"))) }},
	)
}

func badForms(p profile) []offlineCase {
	var all []offlineCase
	all = append(append(all, textFaults()...), cborFaults()...)
	return append(append(all, envelopeFaults(p)...), keyFaults(p)...)
}
