package main

import (
	"strings"

	"github.com/showcard/showcard/schemas"
)

var driver = schemas.Claims{"name": "欧阳示例", "id_number": "430102198803129911", "vehicle_classes": "A2E", "valid_until": "2031-06-30", "birth_date": "1988-03-12"}

var company = schemas.Claims{"name": longCompany, "unified_social_credit_code": "91430100MA4L16JQ9B", "domicile": "湖南省长沙市岳麓区麓谷街道岳麓西大道588号芯城科技园7栋1204室", "valid_until": schemas.LongTerm}

// longCompany has 40 characters.
const longCompany = "湖南长沙市样例新一代信息技术先进制造融合发展产业投资基金管理合伙企业（有限合伙）"

func goodCodes() []offlineCase {
	named := func(name string) func(*showing) {
		return func(s *showing) {
			c := company.Clone()
			c["name"] = name
			s.certificate("business-licence", "identity", c)
		}
	}
	return []offlineCase{
		{"good-identity", "resident ID, view identity; a minority name with a dot is masked to its first character", valid, func(*showing) {}},
		{"good-over-18", "predicates alone", valid, func(s *showing) { s.certificate("resident-id", "over-18", resident) }},
		{"good-over-60-false", "a predicate that is false", valid, func(s *showing) { s.certificate("resident-id", "over-60", resident) }},
		{"good-long-term", "valid_until is long-term: true", valid, func(s *showing) {
			c := resident.Clone()
			c["valid_until"] = schemas.LongTerm
			s.certificate("resident-id", "identity", c)
		}},
		{"good-hidden", "a name too short for its mask is hidden whole: null", valid, func(s *showing) {
			c := resident.Clone()
			c["name"] = "张"
			s.certificate("resident-id", "identity", c)
		}},
		{"good-absent", "the certificate has no vehicle classes, so the predicate is absent: unknown is not false", valid, func(s *showing) {
			c := driver.Clone()
			delete(c, "vehicle_classes")
			s.certificate("drivers-licence", "may-drive-c1", c)
		}},
		{"good-drivers-licence", "driver's licence, view identity", valid, func(s *showing) { s.certificate("drivers-licence", "identity", driver) }},
		{"good-drive-c1", "may drive C1, covered by A2", valid, func(s *showing) { s.certificate("drivers-licence", "may-drive-c1", driver) }},
		{"good-passport", "a driver with a passport: the number has another length", valid, func(s *showing) {
			c := driver.Clone()
			c["name"], c["id_number"] = "SAMPLE MARIA", "E12345678"
			s.certificate("drivers-licence", "identity", c)
		}},
		{"good-medical", "a table code, a region and a number kept at both ends", valid, func(s *showing) {
			s.certificate("medical-insurance", "insured", schemas.Claims{"insured_region": "430100", "insurance_type": "310", "valid_until": schemas.LongTerm})
		}},
		{"good-social-security", "social security card, view identity", valid, func(s *showing) {
			s.certificate("social-security-card", "identity", schemas.Claims{"name": "张示例", "social_security_number": "430102198803129911", "valid_until": "2036-01-01"})
		}},
		{"good-vehicle", "a plate of which two characters are kept at each end", valid, func(s *showing) {
			s.certificate("vehicle-licence", "parking", schemas.Claims{"plate_number": "湘AD12345", "plate_type": "52", "vehicle_type": "小型轿车", "vehicle_use": "A", "valid_until": schemas.LongTerm})
		}},
		{"good-business-licence", "a plain view: a company's name of 40 characters, in UTF-16", valid, func(s *showing) { s.certificate("business-licence", "identity", company) }},
		{"good-notice", "a plain view with a second long text", valid, func(s *showing) { s.certificate("business-licence", "notice", company) }},
		{"good-text-latin", "a name in ASCII is shorter in UTF-8", valid, named("Sample Trading (Changsha) Co., Ltd")},
		{"good-text-as-long", "a name as long in UTF-8 as in UTF-16 is UTF-8", valid, named("ÄÖÜ")},
		{"good-text-pairs", "a name with characters outside of the Basic Multilingual Plane: surrogate pairs", valid, named("𠮷野家长沙样例有限公司")},
		{"good-other-device", "the device's key is of the other algorithm", valid, func(s *showing) { s.boundTo(s.keys.other) }},
		{"good-nonce", "the checker showed its code first: aud is its id, and cnonce answers", valid, func(s *showing) {
			s.audiences, s.nonce = []string{checkerID}, drawn("nonce")
			s.kbt.set(3, checkerID)
			s.kbt.set(39, drawn("nonce"))
		}},
		{"good-nonce-longest", "a cnonce of 32 bytes and an aud of 64 characters", valid, func(s *showing) {
			id := strings.Repeat("checker-", 8)
			s.nonce = append(append(append(drawn("a"), drawn("b")...), drawn("c")...), drawn("d")...)
			s.audiences = []string{id}
			s.kbt.set(3, id)
			s.kbt.set(39, s.nonce)
		}},
		{"good-scene-any", "the scene any", valid, func(s *showing) { s.kbt.set(3, "any") }},
		{"good-proof-oldest", "a proof exactly 60 s old", valid, func(s *showing) { s.kbt.set(6, int(now)-60) }},
		{"good-proof-newest", "a proof exactly 10 s ahead", valid, func(s *showing) { s.kbt.set(6, int(now)+10) }},
		{"good-issued-ahead", "a CWT issued 10 s ahead of the checker's clock", valid, func(s *showing) {
			s.cwt.set(6, int(now)+10)
			s.cwt.set(4, int(now)+3600)
		}},
		{"good-last-seconds", "a CWT that expired 9 s ago, which may be the clocks", valid, func(s *showing) { s.cwt.set(4, int(now)-9) }},
		{"good-lower-case", "a scanner that types lower case", valid, func(s *showing) { s.text = strings.ToLower }},
		{"good-scanner-dress", "an AIM identifier in front, Enter behind, full-width forms of an input method", valid, func(s *showing) {
			s.text = func(text string) string {
				return "]Q1" + strings.Map(func(r rune) rune { return r + 0xFEE0 }, text) + "\r\n"
			}
		}},
	}
}
