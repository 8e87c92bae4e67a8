package main

import (
	"encoding/base32"

	"github.com/showcard/showcard/internal/qr"
)

// envelope is a COSE_Sign1 whose parts were found.
type envelope struct{ header, payload, signature *cell }

func envelopeOf(c *cell) (envelope, bool) {
	if c == nil || c.major != cborTag || len(c.kids[0].kids) != 4 {
		return envelope{}, false
	}
	part := c.kids[0].kids
	if part[0].major != cborBytes || part[2].major != cborBytes || part[3].major != cborBytes {
		return envelope{}, false
	}
	return envelope{part[0], part[2], part[3]}, true
}

// content is what a byte string holds.
func (c *cell) content() []byte {
	if c.inner != nil {
		return c.inner.bytes()
	}
	return c.data
}

// seal signs what the parts hold now. Without a key the old signature stays.
func (e envelope) seal(k *signer) {
	if k == nil {
		return
	}
	tbs := &cell{major: cborArray, kids: []*cell{
		{major: cborText, data: []byte("Signature1")}, {major: cborBytes, data: e.header.content()}, {major: cborBytes}, {major: cborBytes, data: e.payload.content()},
	}}
	e.signature.data = k.sign(tbs.bytes())
}

// offlineStep changes an offline code in one place and signs it anew, as a malicious authority or
// device would.
func (c *corpus) offlineStep(r *dice, v vector) vector {
	code, err := qr.Parse(v.subject())
	if err != nil || code.Offline == nil {
		return c.textStep(r, v)
	}
	if r.chance(8) { // any bytes
		v.setSubject(qr.FormatOffline(mutateBytes(r, code.Offline)))
		return v
	}
	root, rest, ok := readCBOR(code.Offline, 0)
	if !ok || len(rest) > 0 {
		v.setSubject(qr.FormatOffline(mutateBytes(r, code.Offline)))
		return v
	}
	root.unpack()
	outer, sealed := envelopeOf(root)
	var inner envelope
	innerSealed := false
	if sealed && outer.header.inner != nil && outer.header.inner.major == cborMap {
		for i := 0; i+1 < len(outer.header.inner.kids); i += 2 {
			if k := outer.header.inner.kids[i]; k.major == cborUint && k.n == 13 {
				inner, innerSealed = envelopeOf(outer.header.inner.kids[i+1])
			}
		}
	}
	for range pick(r, []int{1, 1, 1, 2, 2, 3}) { // which of several faults is the answer is the order of checking
		cells := root.all()
		mutateCell(r, cells[r.IntN(len(cells))], cells, v.Now)
	}
	issuer, device := c.private(v.Issuer), c.private(v.Device)
	if r.chance(16) {
		issuer = c.stranger(r)
	}
	if r.chance(16) {
		device = c.stranger(r)
	}
	if innerSealed {
		inner.seal(issuer)
		if r.chance(20) {
			inner.signature.data = mutateSignature(r, inner.signature.data)
		}
	}
	if sealed {
		outer.seal(device)
		if r.chance(20) {
			outer.signature.data = mutateSignature(r, outer.signature.data)
		}
	}
	v.setSubject(qr.FormatOffline(root.bytes()))
	return v
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// codeStep changes how a code is written.
func (c *corpus) codeStep(r *dice, v vector) vector {
	s := v.subject()
	switch r.IntN(7) {
	case 0:
		s = pick(r, []string{"HTTPS://A.EXAMPLE/S/", "https://a.example/s/", "HTTP://A/S/", "HTTPS://A/", "//S/", "]Q1", "]Q3", "]q1", "\ufeff", "  ", "SC1", "SC2", "s", "https://a.example:8443/x/s/"}) + s
	case 1:
		s += pick(r, []string{s, "\n", "=", "====", " ", "?a=b", "#x", "/", "A", "AA", "7"})
	case 2: // spare bits
		if len(s) > 4 {
			s = s[:len(s)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[r.IntN(32)])
		}
	case 3:
		var wide []rune
		for _, one := range s {
			if one > ' ' && one < 0x7f && !r.chance(3) {
				one += 0xfee0 // full-width forms
			}
			wide = append(wide, one)
		}
		s = string(wide)
	case 4: // short and long ones
		b := make([]byte, pick(r, []int{0, 1, 2, 3, 4, 5, 904, 905, 906, 1000}))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		s = "SC2" + base32Text.EncodeToString(b)
	case 5:
		at := r.IntN(len(s) + 1)
		s = s[:at] + pick(r, odd) + s[at:]
	default:
		if ticket, err := qr.FormatTicket("DEMO", [16]byte{byte(r.Uint32()), byte(r.Uint32())}); err == nil {
			s = pick(r, []string{ticket, ticket[:33], ticket + "A", ticket[:20] + "A" + ticket[21:], "https://a.example/s/" + ticket})
		}
	}
	v.setSubject(s)
	return v
}
