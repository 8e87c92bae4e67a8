package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// node is a JSON value that may be put together in ways that encoding/json would not write: a name
// twice, numbers as nobody spells them, escapes where none are needed.
type node struct {
	kind  byte   // '{', '[', or 0 for all others
	raw   string // of others
	names []string
	kids  []*node
}

// parseJSON reads what is valid JSON in the generous sense.
func parseJSON(text string) *node {
	if !json.Valid([]byte(text)) {
		return nil
	}
	p := &jsonParser{text: text}
	return p.value()
}

type jsonParser struct {
	text string
	at   int
}

func (p *jsonParser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// scalar reads a string or anything else up to the next sign that ends it.
func (p *jsonParser) scalar() string {
	from := p.at
	if p.text[p.at] != '"' {
		for p.at < len(p.text) && strings.IndexByte(" \t\r\n,]}:", p.text[p.at]) < 0 {
			p.at++
		}
		return p.text[from:p.at]
	}
	for p.at++; p.text[p.at] != '"'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
	return p.text[from:p.at]
}

func (p *jsonParser) value() *node {
	p.space()
	c := p.text[p.at]
	if c != '{' && c != '[' {
		return &node{raw: p.scalar()}
	}
	n := &node{kind: c}
	for p.at++; ; p.at++ {
		p.space()
		if p.text[p.at] == c+2 { // of an empty one
			break
		}
		if c == '{' {
			n.names = append(n.names, p.scalar())
			p.space()
			p.at++
		}
		n.kids = append(n.kids, p.value())
		p.space()
		if p.text[p.at] == c+2 {
			break
		}
	}
	p.at++
	return n
}

func (n *node) write(b *strings.Builder) {
	if n.kind == 0 {
		b.WriteString(n.raw)
		return
	}
	b.WriteByte(n.kind)
	for i, kid := range n.kids {
		if i > 0 {
			b.WriteByte(',')
		}
		if n.kind == '{' {
			b.WriteString(n.names[i])
			b.WriteByte(':')
		}
		kid.write(b)
	}
	b.WriteByte(n.kind + 2)
}

func (n *node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *node) clone() *node {
	c := &node{kind: n.kind, raw: n.raw, names: slices.Clone(n.names), kids: make([]*node, len(n.kids))}
	for i, kid := range n.kids {
		c.kids[i] = kid.clone()
	}
	return c
}

// all lists a value and everything inside of it.
func (n *node) all() []*node {
	out := []*node{n}
	for _, kid := range n.kids {
		out = append(out, kid.all()...)
	}
	return out
}

// Names that mean something somewhere, and spellings of them.
var memberNames = []string{
	`"_sd"`, `"_sd_alg"`, `"..."`, `"cnf"`, `"exp"`, `"nbf"`, `"iat"`, `"iss"`, `"vct"`, `"status"`, `"aud"`, `"nonce"`, `"sd_hash"`, `"alg"`, `"typ"`, `"kid"`,
	`"crit"`, `"b64"`, `"jwk"`, `"jku"`, `"x5u"`, `"zip"`, `"enc"`, `"x5c"`, `"kty"`, `"crv"`, `"x"`, `"y"`, `"d"`, `"use"`, `"key_ops"`, `"vct#integrity"`,
	`"aka_vcts"`, `"region"`, `""`, `"name"`, `"__proto__"`, `"constructor"`, `"\u005fsd"`, `"\u005Fsd_alg"`, `"\u002e.."`, `"al\u0067"`, `"ALG"`, `"e\u0078p"`, `"姓名"`,
	`"😀"`, `"\ud83d\ude00"`, `"\ud83d"`, `"a b"`, `"_SD"`, `"\u0000"`,
}

// Values of every kind, and texts that are none.
var scalars = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-1`, `1.0`, `1.5`, `-0.0`, `1e3`, `1E+3`, `1e-400`, `-1e-400`, `1e400`, `-1e400`, `01`, `.5`, `5.`, `+1`, `0x1`, `1e`, `NaN`, `Infinity`, `-`,
	`9007199254740993`, `18446744073709551616`, `253402300799`, `253402300799.5`, `253402300800`, `1800000000.999`, `1.8e9`, `0.000000000000000000000000000000001`,
	`""`, `" "`, `"x"`, `"null"`, `"0"`, `"1800000000"`, `"\u0000"`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"😀"`, `"张"`, `"a\/b"`, `"\""`, `"\\"`, `"\a"`, `"\u12"`, `"\u00e9"`,
	"\"\t\"", "\"\u007f\"", "\"\u2028\"", "\"\ufeff\"", "\"\ufffd\"", `'x'`, `"_sd"`, `"..."`, `"sm3"`, `"sha-256"`, `"sha-384"`, `"SHA-256"`, `"ES256"`, `"SGD_SM3_SM2"`, `"SM2"`, `"none"`, `"HS256"`,
	`"dc+sd-jwt"`, `"vc+sd-jwt"`, `"kb+jwt"`, `"application/dc+sd-jwt"`, `"DC+SD-JWT"`, `"EC"`, `"P-256"`, `"sm2p256v1"`, `"sig"`, `"enc"`, `[]`, `{}`, `[""]`, `[null]`, `["x"]`, `[[]]`, `{"a":1}`, `{"a":1,"a":2}`,
	`{"...":"x"}`, `{"...":null}`, `{"...":1}`, `{"...":"x","a":1}`, `[{"...":"AAAA"}]`, `{"_sd":[]}`, `{"_sd":["x"]}`, `{"_sd":null}`, `{"_sd":[null]}`, `{"_sd":[1]}`, `{"_sd":{}}`, `{"_sd_alg":"sha-256"}`, `{"_sd":["x","x"]}`,
	`{"\u005fsd":["x"]}`, `tru`, `nulll`, ``, `1 2`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{,}`, `{"a":1,}`, `[1`, `"x`, `/**/1`,
}

type member struct {
	name   string
	values []string
}

// Members with values between good and bad.
var members = []member{
	{`"x5c"`, []string{`["AAAA"]`, `["AAA="]`, `["AA=="]`, `["AB=="]`, `["AAAA\n"]`, `["AAAA","AAAA"]`, `["A"]`, `["-_AA"]`, `[""]`, `[]`, `[1]`, `["AAAA",null]`, `"AAAA"`, `["A","A","A","A","A","A","A","A","A"]`, `["AAAA","AAAA","AAAA","AAAA","AAAA","AAAA","AAAA","AAAA","AAAA"]`}},
	{`"key_ops"`, []string{`["verify"]`, `["sign"]`, `[]`, `["verify",1]`, `["verify",null]`, `null`, `"verify"`, `[null]`, `{}`}},
	{`"use"`, []string{`"sig"`, `"enc"`, `""`, `null`}},
	{`"alg"`, []string{`"ES256"`, `"SGD_SM3_SM2"`, `"SM2"`, `"SM2SM3"`, `"RS256"`, `""`, `null`}},
	{`"kid"`, []string{`""`, `"x"`, `null`, `1`, `"` + strings.Repeat("k", 257) + `"`, `"` + strings.Repeat("张", 86) + `"`, `"` + strings.Repeat("张", 85) + `"`}},
	{`"nbf"`, []string{`0`, `1800000011`, `1800000010`, `1800000010.5`, `1.80000001e9`, `-1`, `null`, `"1"`}},
	{`"exp"`, []string{`1799999990`, `1799999991`, `1799999990.9`, `1799999990.999999999999`, `253402300799.9`, `253402300800`, `null`, `-0.5`}},
	{`"jwk"`, []string{`{"kty":"EC"}`, `null`, `[]`}}, {`"_sd"`, []string{`[]`, `["x"]`, `["x","x"]`, `[null]`, `[1]`, `{}`, `null`, `"x"`}},
	{`"_sd_alg"`, []string{`"sm3"`, `"sha-256"`, `"sha-512"`, `null`, `1`, `""`}}, {`"..."`, []string{`"x"`, `null`, `1`}},
	{`"aud"`, []string{`["https://bank.example"]`, `"https://bank.example"`, `null`}}, {`"nonce"`, []string{`"4e7c0a6b1d2f48c5a9b3"`, `""`, `1`}},
	{`"iss"`, []string{`""`, `null`, `1`, `"x"`}}, {`"vct"`, []string{`""`, `null`, `[]`}}, {`"status"`, []string{`null`, `{}`}}, {`"typ"`, []string{`"dc+sd-jwt"`, `"kb+jwt"`, `"KB+JWT"`, `null`}},
}

// mutateJSON changes one thing of a JSON text. Texts that are no JSON are changed by their bytes.
func mutateJSON(r *dice, text string, now int64) string {
	root := parseJSON(text)
	if root == nil || r.chance(8) {
		return string(mutateBytes(r, []byte(text)))
	}
	nodes := root.all()
	n := nodes[r.IntN(len(nodes))]
	var inner []*node // with something in it
	for _, one := range nodes {
		if len(one.kids) > 0 {
			inner = append(inner, one)
		}
	}
	if len(inner) == 0 || r.chance(3) {
		*n = *replacement(r, n, nodes, now)
		return root.String()
	}
	n = inner[r.IntN(len(inner))]
	i, j := r.IntN(len(n.kids)), r.IntN(len(n.kids))
	switch r.IntN(10) {
	case 0: // taken out
		n.kids = slices.Delete(n.kids, i, i+1)
		if n.kind == '{' {
			n.names = slices.Delete(n.names, i, i+1)
		}
	case 1: // twice
		n.insert(j, n.nameAt(i), n.kids[i].clone())
	case 2: // twice, the second time with another value
		n.insert(j, n.nameAt(i), replacement(r, n.kids[i], nodes, now))
	case 3: // reordered
		n.kids[i], n.kids[j] = n.kids[j], n.kids[i]
		if n.kind == '{' {
			n.names[i], n.names[j] = n.names[j], n.names[i]
		}
	case 4: // values exchanged
		n.kids[i], n.kids[j] = n.kids[j], n.kids[i]
	case 5: // a member more
		n.insert(j, pick(r, memberNames), replacement(r, n.kids[i], nodes, now))
	case 6: // one that means something, with what could stand there
		for range pick(r, []int{1, 1, 2, 3}) {
			m := pick(r, members)
			n.set(j, m.name, pick(r, m.values))
		}
	case 7: // another name
		if n.kind == '{' {
			n.names[i] = respell(r, n.names[i])
		} else {
			n.kids[i] = nodes[r.IntN(len(nodes))].clone()
		}
	case 8: // deeper
		n.kids[i] = deep(r, n.kids[i].clone())
	default:
		n.kids[i] = replacement(r, n.kids[i], nodes, now)
	}
	return spaced(r, root.String())
}

// mutateHeader is mutateJSON, or writes some of the members that a header has over: with several faults
// among them.
func mutateHeader(r *dice, text string, now int64) string {
	root := parseJSON(text)
	if root == nil || root.kind != '{' || r.chance(2) {
		return mutateJSON(r, text, now)
	}
	for range pick(r, []int{1, 2, 2, 3}) {
		name := pick(r, []string{`"x5c"`, `"alg"`, `"kid"`, `"typ"`, `"jwk"`})
		at := slices.IndexFunc(members, func(m member) bool { return m.name == name })
		root.set(0, name, pick(r, members[at].values))
	}
	return root.String()
}

func (n *node) nameAt(i int) string {
	if n.kind == '{' {
		return n.names[i]
	}
	return ""
}

func (n *node) insert(at int, name string, value *node) {
	n.kids = slices.Insert(n.kids, at, value)
	if n.kind == '{' {
		if name == "" {
			name = `"x"`
		}
		n.names = slices.Insert(n.names, at, name)
	}
}

// set writes a member over, or puts it in.
func (n *node) set(at int, name, value string) {
	if i := slices.Index(n.names, name); i >= 0 {
		n.kids[i] = &node{raw: value}
		return
	}
	n.insert(at, name, &node{raw: value})
}

func replacement(r *dice, old *node, nodes []*node, now int64) *node {
	switch r.IntN(6) {
	case 0:
		return &node{raw: moment(r, now)}
	case 1:
		return nodes[r.IntN(len(nodes))].clone()
	case 2:
		if old.kind == 0 && len(old.raw) > 2 && old.raw[0] == '"' {
			return &node{raw: respell(r, old.raw)}
		}
	case 3:
		return deep(r, old.clone())
	}
	return &node{raw: pick(r, scalars)}
}

// moment is a number about when it is checked, where the bounds lie.
func moment(r *dice, now int64) string {
	at := now + pick(r, []int64{-86400, -62, -61, -60, -59, -11, -10, -9, -1, 0, 1, 9, 10, 11, 12, 59, 60, 61, 86400})
	return strconv.FormatInt(at, 10) + pick(r, []string{"", "", "", ".0", ".5", ".999999999", "e0", "0e-1"})
}

// respell changes a string, or writes the same one differently.
func respell(r *dice, quoted string) string {
	inside := quoted[1:max(len(quoted)-1, 1)]
	switch r.IntN(6) {
	case 0:
		return pick(r, memberNames)
	case 1:
		return strings.ToUpper(quoted)
	case 2:
		if inside != "" && inside[0] != '\\' && inside[0] < 0x80 {
			return fmt.Sprintf(`"\u%04x%s"`, inside[0], inside[1:])
		}
	case 3:
		return `"` + inside + pick(r, []string{" ", "=", `\u0000`, `\n`, "é", "A", "\u200b"}) + `"`
	case 4:
		if b := []byte(inside); len(b) > 1 {
			return `"` + string(mutateBytes(r, b)) + `"`
		}
	}
	if len(inside) > 1 {
		return `"` + inside[1:] + `"`
	}
	return `"x"`
}

// deep wraps a value some levels deep, about where the bounds lie.
func deep(r *dice, n *node) *node {
	for range pick(r, []int{1, 1, 2, 3, 12, 13, 14, 15, 16, 17, 31, 32, 33, 80}) {
		if r.chance(2) {
			n = &node{kind: '[', kids: []*node{n}}
		} else {
			n = &node{kind: '{', names: []string{pick(r, []string{`"a"`, `"a"`, `"_sd_x"`, `"\u0061"`})}, kids: []*node{n}}
		}
	}
	return n
}

// spaced now and then puts white space, or what is none, around a text.
func spaced(r *dice, text string) string {
	if !r.chance(12) {
		return text
	}
	gap := pick(r, []string{" ", "\n", "\t", "\r", "\v", "\f", "\u00a0", "\ufeff", "\x00", "//\n"})
	if r.chance(2) {
		return gap + text
	}
	if at := strings.LastIndexByte(text, ','); at > 0 && r.chance(2) {
		return text[:at] + gap + text[at:]
	}
	return text + gap
}
