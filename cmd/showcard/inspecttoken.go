package main

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/schemas"
)

const notVerified = "Its signature was NOT checked here: showcard verify does, against the trust list."

// peek reads the header and payload of something like a JWS without any judgement.
func peek(text string) (header, payload map[string]any, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, nil, unrecognised("not header.payload.signature; %w", errNothingLikeIt)
	}
	for i, to := range []*map[string]any{&header, &payload} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[i], "="))
		if err != nil {
			return nil, nil, unrecognised("part %d is not base64url; %w", i+1, errNothingLikeIt)
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(to); err != nil || *to == nil {
			return nil, nil, unrecognised("part %d is not a JSON object; %w", i+1, errNothingLikeIt)
		}
	}
	return header, payload, nil
}

func textOf(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

func dateOf(m map[string]any, name string) (time.Time, bool) {
	num, ok := m[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := num.Float64()
	if err != nil || f <= 0 || f > 253402300799 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

// jws explains a compact JWS of whatever type.
func (n *inspector) jws(text string) (*finding, error) {
	header, payload, err := peek(text)
	if err != nil {
		return nil, err
	}
	typ := textOf(header, "typ")
	var f *finding
	switch typ {
	case statuslist.TypeJWT:
		u, err := statuslist.Parse(text)
		if err != nil {
			f = found("status-list", "状态列表令牌，但不合规。", "A status list token that does not follow the standard.")
			f.note("", err.Error())
			break
		}
		return n.statusToken(u, "JWT", unpack(payload)), nil
	case trustlist.TypeList:
		f = found("trust-list", "信任清单：哪些机构可签发哪些证照、用哪些密钥。", "A trust list: which authorities may issue what, under which keys.")
		n.trustList(f, payload)
	case sdjwt.Type:
		f = found("sd-jwt-issuer-part", "证照的签发部分，缺少后面的披露内容（~ 之后）。", "The issuer's part of an SD-JWT VC, without the disclosures that follow after ~.")
	case sdjwt.TypeBinding:
		f = found("key-binding", "持有人证明（密钥绑定令牌）。", "A holder's proof (key-binding JWT), without the certificate that it belongs to.")
	case "at+jwt":
		f = found("access-token", "访问令牌：持有它即可调用接口，请勿外传。", "An access token: whoever holds it may call the API until it ends. Keep it to yourself.")
	case receipt.Type:
		f = found("receipt", "核验回执：谁在何时为何核验、结果如何；不含任何证照内容，只含加盐摘要。", "A receipt of a verification: who checked, when, why, with what outcome. It holds no value, only salted digests.")
		n.receipt(f, text)
	case "client-authentication+jwt":
		f = found("client-assertion", "客户端断言：用来换取访问令牌，只能用一次。", "A client assertion: it is exchanged for an access token, once.")
	default:
		f = found("jws", "签名令牌（JWS）。", "A signed token (JWS).")
	}
	n.tokenFacts(f, header, payload)
	if _, err := jose.Parse(text, typ); err != nil {
		f.note("本系统会拒收这个令牌。", "showcard refuses this token: "+err.Error())
	}
	f.note("未验证签名。", "Its signature was not checked.")
	return f, nil
}

// receipt adds what a receipt says.
func (n *inspector) receipt(f *finding, text string) {
	u, err := receipt.Parse(text)
	if err != nil {
		f.note("内容不合规。", err.Error())
		return
	}
	r := u.Receipt
	f.add("checked by", "%s %s (%s, %s)", r.Party.Name.ZH, r.Party.Name.EN, r.Party.ID, r.Client)
	f.add("checked at", "%s", n.when(time.Unix(r.CheckedAt, 0)))
	f.add("purpose", "%s", r.Purpose)
	f.add("outcome", "%s", strings.TrimSpace(r.Outcome+" "+strings.Join(r.Reasons, " ")))
	f.add("via", "%s", r.Via)
	if r.CertType != "" {
		f.add("certificate type", "%s", r.CertType)
	}
	for _, one := range r.Fields {
		f.add("field", "%s, digest %s", one.Name, one.Digest)
	}
	f.note("摘要加了盐；盐值另存，不在回执内。", "The digests are salted; the salts are kept apart and are not in it. showcard verify checks it, and compares filed values.")
}

// tokenFacts lists the header and the well-known claims, and names the others.
func (n *inspector) tokenFacts(f *finding, header, payload map[string]any) {
	for _, name := range []string{"typ", "alg", "kid"} {
		if s := textOf(header, name); s != "" {
			f.add(name, "%s", s)
		}
	}
	if chain, ok := header["x5c"].([]any); ok {
		f.add("x5c", "%d certificate(s)", len(chain))
	}
	for _, name := range []string{"iss", "sub", "aud", "client_id", "role", "scope", "vct", "region", "jti"} {
		if v, ok := payload[name]; ok {
			f.add(name, "%s", plain(v))
		}
	}
	for _, name := range []string{"iat", "nbf", "exp"} {
		if t, ok := dateOf(payload, name); ok {
			f.add(name, "%s", n.when(t))
		}
	}
	if t, ok := dateOf(payload, "exp"); ok && !n.now.Before(t) {
		f.note("已过期。", "It has expired.")
	}
}

func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(b)
}

// sdjwt explains a certificate or a presentation.
func (n *inspector) sdjwt(text string) (*finding, error) {
	issuerPart, _, _ := strings.Cut(text, "~")
	header, payload, err := peek(issuerPart)
	if err != nil {
		return nil, err
	}
	typ := textOf(header, "typ")
	f := found("sd-jwt-vc", "电子证照（SD-JWT VC）原件或副本：逐项可选择披露，没有附持有人证明。", "A certificate (SD-JWT VC), each attribute selectively disclosable, without a holder's proof.")
	if !strings.HasSuffix(text, "~") {
		f.Kind = "sd-jwt-vc-presentation"
		f.What.ZH, f.What.EN = "证照出示（SD-JWT+KB）：持有人选出的内容和她的证明。", "A presentation (SD-JWT+KB): what the holder chose to show, and her proof."
	}
	n.tokenFacts(f, header, payload)
	s, err := sdjwt.Parse(text, typ)
	if err != nil {
		f.note("结构不合规，任何核验都会拒绝。", "It breaks a rule of RFC 9901 §7.1 and every checker refuses it: "+err.Error())
		return f, nil //nolint:nilerr // the finding is that it breaks a rule
	}
	claims, err := s.Claims()
	if err != nil {
		return nil, err
	}
	if err := sdjwt.CheckVC(s); err != nil {
		f.note("不是合规的可验证凭证。", err.Error())
	}
	t := n.typeOfVCT(textOf(payload, "vct"))
	if t != nil {
		f.add("certificate type", "%s %s (%s)", t.Name.ZH, t.Name.EN, t.ID)
	}
	if ref, err := statuslist.ParseReference(claims["status"]); err == nil {
		f.add("status", "place %d of %s", ref.Index, ref.URI)
	} else {
		f.note("没有状态引用，无法吊销，核验会拒绝。", "It names no status list: it could not be revoked, so checkers refuse it.")
	}
	if cnf, err := s.Confirmation(); err == nil {
		f.add("holder's key", "%s, thumbprint %s", cnf.Algorithm(), cnf.Thumbprint())
	} else {
		f.add("holder's key", "none: the original, as its department keeps it; never to be shown")
	}
	hidden := countDigests(payload) - len(s.Disclosures)
	for _, d := range s.Disclosures {
		var v any
		if json.Unmarshal(d.Value, &v) == nil {
			hidden += countDigests(v) // a disclosure may hold digests of others
		}
	}
	f.add("disclosures", "%d here, %d digests without one (kept back, or decoys); hash %s", len(s.Disclosures), hidden, s.Hash)
	f.note("披露内容与签发部分里的摘要逐一相符；签名未验证。", "Every disclosure here matches a digest in the issuer's part. "+notVerified)
	for _, d := range s.Disclosures {
		f.Parts = append(f.Parts, n.disclosure(t, s, d))
	}
	if s.KeyBinding != "" {
		f.Parts = append(f.Parts, n.binding(s, text))
	}
	return f, nil
}

func (n *inspector) typeOfVCT(vct string) *schemas.Type {
	for _, t := range n.types.Types() {
		if strings.HasSuffix(vct, t.Path()) {
			return t
		}
	}
	return nil
}

// countDigests counts the digests in a value, at any depth.
func countDigests(v any) int {
	total := 0
	switch v := v.(type) {
	case map[string]any:
		if list, ok := v["_sd"].([]any); ok {
			total += len(list)
		}
		if _, ok := v["..."].(string); ok {
			total++
		}
		for name, inner := range v {
			if name != "_sd" {
				total += countDigests(inner)
			}
		}
	case []any:
		for _, inner := range v {
			total += countDigests(inner)
		}
	}
	return total
}

func (n *inspector) disclosure(t *schemas.Type, s *sdjwt.SDJWT, d sdjwt.Disclosure) *finding {
	name := d.Name
	if name == "" {
		name = "(array element)"
	}
	label := labelOf(t, name)
	f := found("disclosure", label.ZH, strings.TrimSpace(label.EN+" ("+clean(name)+")"))
	f.add("value", "%s", n.value(t, d.Name, d.Value))
	f.add("digest", "%s", base64.RawURLEncoding.EncodeToString(s.Hash.Sum([]byte(d.Encoded))))
	f.add("salt", "%d characters", len(d.Salt))
	return f
}

// value shows a disclosed value, masked unless the person asked to see it.
func (n *inspector) value(t *schemas.Type, name string, raw json.RawMessage) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return "?"
	}
	if b, ok := v.(bool); ok {
		return valueText(n.types, t, name, b)
	}
	if !n.reveal {
		if t == nil {
			return "*** (--reveal shows it)"
		}
		if v = t.Mask(name, v); v == nil {
			return "null"
		}
	}
	return valueText(n.types, t, name, v)
}

// binding explains the key-binding JWT and checks what needs no trust: whether it is over
// exactly this selection, and by the key that the certificate names.
func (n *inspector) binding(s *sdjwt.SDJWT, text string) *finding {
	f := found("key-binding", "持有人证明（密钥绑定）。", "The holder's proof (key-binding JWT).")
	header, payload, err := peek(s.KeyBinding)
	if err != nil {
		f.note("无法读取。", err.Error())
		return f
	}
	n.tokenFacts(f, header, payload)
	f.add("nonce", "%s", textOf(payload, "nonce"))
	want := base64.RawURLEncoding.EncodeToString(s.Hash.Sum([]byte(strings.TrimSuffix(text, s.KeyBinding))))
	if subtle.ConstantTimeCompare([]byte(want), []byte(textOf(payload, "sd_hash"))) == 1 {
		f.add("sd_hash", "matches: the proof is over exactly these disclosures")
	} else {
		f.note("证明不是针对这组披露内容的。", "sd_hash differs: the proof is over another selection.")
	}
	cnf, err := s.Confirmation()
	if err != nil {
		f.note("证照没有指定持有人密钥。", err.Error())
		return f
	}
	iat, _ := dateOf(payload, "iat")
	err = s.VerifyBinding(cnf, sdjwt.Expect{Audience: textOf(payload, "aud"), Nonce: textOf(payload, "nonce"), Now: iat})
	if err != nil {
		f.note("证明不成立。", err.Error())
	} else {
		f.add("signature", "verifies under the key in the certificate, which counts only if the certificate itself does")
	}
	return f
}

// publicKey lists what a key says of itself.
func publicKey(f *finding, k *key.Public) {
	f.add("algorithm", "%s", k.Algorithm())
	f.add("kid", "%s", k.ID())
	f.add("thumbprint", "%s (RFC 7638, SHA-256)", k.Thumbprint())
}
