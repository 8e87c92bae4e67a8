package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/schemas"
)

// json recognises a JSON document by its members.
func (n *inspector) json(data []byte) (*finding, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(data, &doc); err != nil {
		// Not one document: rows, one a line, of which each may be broken.
		return n.rows(data), nil //nolint:nilerr // rows explains what is broken
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { _, ok := doc[name]; return !ok })
	}
	switch {
	case has("payload", "signatures"):
		return n.roots(data)
	case has("kty"):
		return n.jwk(data, has("d"))
	case has("keys"):
		return n.jwks(data)
	case has("version", "kdf", "entries"):
		return n.keystore(data)
	case has("outcome", "signature", "status"):
		return nil, unrecognised("an answer to a verification: it says itself what it is")
	case has("key") || has("claims") || has("holder"):
		return n.rows(bytes.TrimSpace(data)), nil
	}
	return nil, unrecognised("JSON of an unknown kind; %w", errNothingLikeIt)
}

func (n *inspector) jwk(data []byte, private bool) (*finding, error) {
	if private {
		// The private part is taken out before anything reads the key.
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(data, &doc); err != nil {
			return nil, unrecognised("JWK: %w", err)
		}
		delete(doc, "d")
		var err error
		if data, err = json.Marshal(doc); err != nil {
			return nil, err
		}
	}
	k, err := key.ParseJWK(data, true)
	if err != nil {
		return nil, unrecognised("a JWK that showcard does not take: %w", err)
	}
	f := found("jwk", "公钥（JWK）。", "A public key (JWK).")
	if private {
		f = found("jwk-private", "私钥（JWK）！", "A PRIVATE key (JWK). Only its public half is shown.")
		f.note("请只让所有者可读（chmod 600），切勿发送给任何人。", "Keep it readable by its owner only (chmod 600), and send it to nobody.")
	}
	publicKey(f, k)
	return f, nil
}

func (n *inspector) jwks(data []byte) (*finding, error) {
	set, err := key.ParseSet(data, true)
	if err != nil {
		return nil, unrecognised("a JWK Set that showcard does not take: %w", err)
	}
	f := found("jwk-set", fmt.Sprintf("公钥集（JWKS），可用 %d 把。", len(set.Keys)), fmt.Sprintf("A JWK Set with %d usable key(s); other kinds are stepped over.", len(set.Keys)))
	for _, k := range set.Keys {
		part := found("jwk", "公钥", "public key")
		publicKey(part, k)
		f.Parts = append(f.Parts, part)
	}
	return f, nil
}

func (n *inspector) roots(data []byte) (*finding, error) {
	r, err := trustlist.ParseRoots(data)
	f := found("trust-roots", "信任根：离线根密钥，以及由它们指定的信任清单签名密钥。", "Trust roots: the offline root keys, and the keys that they name to sign trust lists.")
	if err != nil {
		f.note("不成立。", "They do not hold: "+err.Error())
		return f, nil //nolint:nilerr // the finding is that they do not hold
	}
	f.add("version", "%d", r.Version)
	f.add("issued", "%s", n.when(r.IssuedAt))
	f.add("expires", "%s", n.when(r.Expires))
	f.add("threshold", "%d of %d keys", r.Threshold, len(r.Keys))
	for _, k := range r.Keys {
		f.add("root key", "%s, %s", k.ID(), k.Algorithm())
	}
	for _, s := range r.Signers {
		f.add("list signer", "%s, %s%s", s.Key.ID(), s.Key.Algorithm(), map[bool]string{true: ", FROZEN"}[s.Frozen])
	}
	f.note("文件自身签名成立，说明没有损坏；但它从哪里来，须另行核实。", "It is signed by its own threshold, so it is whole. Whence it came, it cannot prove: compare it with what the operator gave you.")
	return f, nil
}

// keystore lists what lies open in a keystore file. Nothing is unlocked.
func (n *inspector) keystore(data []byte) (*finding, error) {
	var s struct {
		Version int `json:"version"`
		KDF     struct {
			Name string `json:"name"`
		} `json:"kdf"`
		Entries []struct {
			Name      string          `json:"name"`
			Algorithm string          `json:"algorithm"`
			Public    json.RawMessage `json:"public"`
		} `json:"entries"`
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, &coded{code: "keystore-damaged", err: err}
	}
	f := found("keystore", "密钥库：私钥以 SM4-GCM 加密保存，这里只列出名称和公钥。", "A keystore: private keys are sealed with SM4-GCM; only names and public keys are listed.")
	f.add("version", "%d", s.Version)
	f.add("opened by", "%s", map[string]string{"scrypt": "a passphrase (scrypt)", "hkdf-sm3": "a key file (HKDF-SM3)"}[s.KDF.Name])
	for _, e := range s.Entries {
		part := found("keystore-entry", "条目", "entry "+clean(e.Name))
		if len(e.Public) == 0 || string(e.Public) == "null" {
			part.add("kind", "%s", e.Algorithm)
		} else if k, err := key.ParseJWK(e.Public, false); err != nil {
			part.note("公钥无法读取。", err.Error())
		} else {
			publicKey(part, k)
		}
		f.Parts = append(f.Parts, part)
	}
	f.note("没有解锁，因此没有检查是否被改动。", "It was not unlocked, so whether it was tampered with was not checked.")
	return f, nil
}

// pem goes through the blocks of a PEM file.
func (n *inspector) pem(data []byte) (*finding, error) {
	f := found("pem", "PEM 文件。", "A PEM file.")
	for rest := data; len(f.Parts) < 64; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			part, err := n.certificate(block.Bytes)
			if err != nil {
				part = found("x509-broken", "证书损坏。", "A certificate that cannot be read.")
				part.note("", err.Error())
			}
			f.Parts = append(f.Parts, part)
		case block.Type == "PUBLIC KEY":
			part := found("public-key", "公钥。", "A public key.")
			if k, err := key.ParsePublicPEM(pem.EncodeToMemory(block)); err != nil {
				part.note("本系统不支持。", err.Error())
			} else {
				publicKey(part, k)
			}
			f.Parts = append(f.Parts, part)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			part := found("private-key", "私钥！未显示。", "A PRIVATE key, not shown.")
			part.note("请只让所有者可读，切勿发送给任何人。", "Keep it readable by its owner only, and send it to nobody.")
			f.Parts = append(f.Parts, part)
		default:
			f.Parts = append(f.Parts, found("pem-block", "其他内容。", "Something else: "+clean(block.Type)))
		}
	}
	if len(f.Parts) == 0 {
		return nil, unrecognised("PEM without a whole block")
	}
	if len(f.Parts) == 1 {
		return f.Parts[0], nil
	}
	return f, nil
}

// certificate explains an X.509 certificate in DER.
func (n *inspector) certificate(der []byte) (*finding, error) {
	c, err := sm.ParseCertificate(der)
	if err != nil {
		return nil, unrecognised("X.509: %w", err)
	}
	f := found("x509", "X.509 证书。", "An X.509 certificate.")
	f.add("subject", "%s", c.Subject)
	f.add("issuer", "%s", c.Issuer)
	f.add("serial", "%x", c.SerialNumber)
	f.add("not before", "%s", n.when(c.NotBefore))
	f.add("not after", "%s", n.when(c.NotAfter))
	for _, d := range c.DNSNames {
		f.add("DNS", "%s", d)
	}
	for _, u := range c.URIs {
		f.add("URI", "%s", u)
	}
	f.add("authority", "%s", map[bool]string{true: "yes, it may sign certificates", false: "no"}[c.IsCA])
	if k, err := key.LeafKey([][]byte{der}); err == nil {
		publicKey(f, k)
	} else {
		f.note("密钥既不是 SM2 也不是 P-256，本系统不用。", "Its key is neither SM2 nor P-256; showcard has no use for it.")
	}
	switch {
	case n.now.Before(c.NotBefore):
		f.note("尚未生效。", "It is not valid yet.")
	case n.now.After(c.NotAfter):
		f.note("已过期。", "It has expired.")
	}
	f.note("未验证证书链。", "Who signed it was not checked.")
	return f, nil
}

const maxRowsTold = 20

// rows validates rows as a push would, but for the rights of the issuer.
func (n *inspector) rows(data []byte) *finding {
	f := found("rows", "待推送的证照数据（NDJSON）。", "Rows to push (NDJSON).")
	var total, bad int
	for number, line := range bytes.Split(bytes.TrimRight(data, "\r\n"), []byte("\n")) {
		total++
		row, problems := schemas.DecodeRow(bytes.TrimSpace(line))
		var t *schemas.Type
		if !schemas.Refused(problems) {
			var more []schemas.Problem
			t, more = n.types.Validate(row, n.now, schemas.Strict)
			problems = append(problems, more...)
		}
		if len(problems) > 0 {
			bad++
		}
		if len(f.Parts) < maxRowsTold && (len(problems) > 0 || number == 0) {
			f.Parts = append(f.Parts, n.row(number+1, row, t, problems))
		}
	}
	f.add("rows", "%d, of them %d with problems", total, bad)
	if bad > maxRowsTold {
		f.note("只列出前若干行的问题。", fmt.Sprintf("Only the first %d rows with problems are told.", maxRowsTold))
	}
	f.note("签发机关的权限只有服务器能查。", "Whether the issuer may issue them, only the server knows.")
	return f
}

func (n *inspector) row(number int, row schemas.Row, t *schemas.Type, problems []schemas.Problem) *finding {
	f := found("row", fmt.Sprintf("第 %d 行", number), fmt.Sprintf("row %d", number))
	f.add("key", "%s", row.Key)
	if t != nil {
		f.add("type", "%s %s (%s)", t.Name.ZH, t.Name.EN, t.ID)
	} else {
		f.add("type", "%s", row.Type)
	}
	if name := n.types.Tables().Regions().FullName(row.Region, n.now); name != "" {
		f.add("region", "%s %s", row.Region, name)
	}
	f.add("holder", "%s", n.hide(row.Holder.Number, 4, 2))
	f.add("valid", "%s to %s", row.ValidFrom, row.ValidUntil)
	f.add("claims", "%d", len(row.Claims))
	if len(problems) == 0 {
		f.note("没有发现问题。", "No problems found.")
	}
	for _, p := range problems {
		n.explain(f, p.Code, strings.TrimSpace(p.Pointer+" "+p.Detail))
	}
	return f
}

// hide masks the middle of a number.
func (n *inspector) hide(s string, start, end int) string {
	runes := []rune(s)
	switch {
	case n.reveal || s == "":
		return s
	case len(runes) <= start+end:
		return strings.Repeat("*", len(runes))
	}
	return string(runes[:start]) + strings.Repeat("*", len(runes)-start-end) + string(runes[len(runes)-end:])
}

// identifier explains a certificate identifier.
func (n *inspector) identifier(text string) (*finding, error) {
	id, err := schemas.ParseIdentifier(text)
	f := found("identifier", "电子证照标识（GB/T 36904）。", "A certificate identifier (GB/T 36904).")
	if errors.Is(err, schemas.ErrIdentifierChecksum) {
		body, last := text[:len(text)-1], text[len(text)-1:]
		for _, c := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
			if _, err := schemas.ParseIdentifier(body + string(c)); err == nil {
				f.add("check character", "WRONG: it is %s, ISO 7064 MOD 37,36 over the four parts gives %c", last, c)
			}
		}
		n.explain(f, schemas.CodeIdentifierChecksum, "")
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	f.add("root", "%s", schemas.IdentifierRoot)
	if t, err := n.types.TypeByCode(id.TypeCode()); err == nil {
		f.add("type code", "%s  %s %s", id.TypeCode(), t.Name.ZH, t.Name.EN)
	} else {
		f.add("type code", "%s  not in this catalogue", id.TypeCode())
	}
	f.add("issuing authority", "%s%s", id.IssuerCode(), map[bool]string{true: "  (unified social credit code, check right)", false: "  (code of an older system)"}[schemas.CheckUSCC(id.IssuerCode()) == nil])
	f.add("serial", "%s", id.Serial())
	f.add("version", "%03d", id.Version())
	f.add("check character", "%c, right (ISO 7064 MOD 37,36)", id.CheckCharacter())
	return f, nil
}

// number explains a citizen number or a unified social credit code, masked. ok is false when the
// text has the form of neither.
func (n *inspector) number(text string) (f *finding, ok bool, err error) {
	const uscc = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	if len(text) == 15 && digits(text) {
		return nil, true, unrecognised("a citizen number of the first generation (15 digits, without a check digit): these ended in 2013")
	}
	if len(text) != 18 || strings.Trim(text, uscc) != "" {
		return nil, false, nil
	}
	// A code of digits only could be either: the one whose checksum holds.
	if _, err := schemas.ParseCitizenID(text); err == nil || digits(text[:17]) && schemas.CheckUSCC(text) != nil {
		return n.citizen(text), true, nil //nolint:nilerr // which checksum holds only decides what it is
	}
	return n.company(text), true, nil
}

func (n *inspector) citizen(text string) *finding {
	f := found("citizen-number", "公民身份号码（GB 11643）。", "A citizen identification number (GB 11643).")
	f.add("number", "%s", n.hide(text, 4, 2))
	id, err := schemas.ParseCitizenID(text)
	switch {
	case errors.Is(err, schemas.ErrCitizenIDChecksum):
		for _, c := range "0123456789X" {
			if _, err := schemas.ParseCitizenID(text[:17] + string(c)); !errors.Is(err, schemas.ErrCitizenIDChecksum) {
				f.add("check digit", "WRONG: it is %s, ISO 7064 MOD 11-2 over the first 17 digits gives %c", text[17:], c)
			}
		}
		n.explain(f, schemas.CodeIDNumberChecksum, "")
		return f
	case err != nil:
		n.explain(f, schemas.CodeIDNumberDate, "")
		return f
	}
	f.add("check digit", "%s, right (ISO 7064 MOD 11-2)", text[17:])
	regions := n.types.Tables().Regions()
	if regions.Known(id.Region) {
		f.add("region", "%s %s", id.Region, regions.FullName(id.Region, id.Birth))
	} else {
		n.explain(f, schemas.CodeIDNumberRegion, "")
	}
	if n.reveal {
		f.add("born", "%s", id.Birth.Format(time.DateOnly))
	} else {
		f.add("born", "%s-**-**", id.Birth.Format("2006"))
	}
	f.add("sex", "%s", n.types.Tables().Name("sex", id.Sex).ZH+" "+n.types.Tables().Name("sex", id.Sex).EN)
	return f
}

func (n *inspector) company(text string) *finding {
	f := found("uscc", "统一社会信用代码（GB 32100）。", "A unified social credit code (GB 32100).")
	f.add("code", "%s", n.hide(text, 8, 2))
	err := schemas.CheckUSCC(text)
	switch {
	case errors.Is(err, schemas.ErrUSCCChecksum):
		for _, c := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
			if schemas.CheckUSCC(text[:17]+string(c)) == nil {
				f.add("check character", "WRONG: it is %s, MOD 31 over the first 17 characters gives %c", text[17:], c)
			}
		}
		n.explain(f, schemas.CodeUSCCChecksum, err.Error())
		return f
	case err != nil:
		n.explain(f, schemas.CodeUSCCFormat, "")
		return f
	}
	f.add("check character", "%s, right (MOD 31), and so is that of the organisation code inside (GB 11714)", text[17:])
	f.add("registered by", "%s", map[byte]string{'1': "机构编制 public bodies", '5': "民政 civil affairs", '9': "市场监管 market supervision"}[text[0]])
	if name := n.types.Tables().Regions().FullName(text[2:8], n.now); name != "" {
		f.add("region", "%s %s", text[2:8], name)
	}
	return f
}
