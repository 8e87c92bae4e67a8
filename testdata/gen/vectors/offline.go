package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf16"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// offlineVector is one file of testdata/vectors/sdcwt.
type offlineVector struct {
	Name      string        `json:"name"`
	Comment   string        `json:"comment"`
	Profile   string        `json:"profile"`
	Issuer    *key.Public   `json:"issuer"`
	Device    *key.Public   `json:"device"`
	Code      string        `json:"code"`
	Audiences []string      `json:"audiences"`
	Nonce     string        `json:"nonce,omitempty"`
	Now       int64         `json:"now"`
	Expect    string        `json:"expect"`
	Token     *offlineToken `json:"token,omitempty"`
}

// offlineToken is what a good code says.
type offlineToken struct {
	KeyID   string         `json:"kid"`
	Serial  string         `json:"serial"`
	Issued  int64          `json:"iat"`
	Expires int64          `json:"exp"`
	Type    string         `json:"type"`
	Version int            `json:"version"`
	View    string         `json:"view"`
	Region  string         `json:"region"`
	Fields  schemas.Claims `json:"fields"`
	Proof   offlineProof   `json:"proof"`
}

type offlineProof struct {
	Serial   string `json:"serial"`
	IssuedAt int64  `json:"iat"`
	Audience string `json:"aud"`
	Nonce    string `json:"nonce,omitempty"`
}

// Labels as they are written in docs/formats.md §3.2.
const (
	labelView    = -65537
	algES256     = -7
	algSM2       = -65537
	checkerID    = "demo-bank"
	offlineStart = now - 2*3600
)

// showing makes one offline code. Each bad vector changes one thing of a good one.
type showing struct {
	p    profile
	keys keyring
	fill *byte // instead of signatures: to see where they stand

	typ, view string
	claims    schemas.Claims // of the certificate

	cwtHeader, cwtOpen, cwt, cnf, values *table
	viewClaim                            list // without values
	kbtHeader, kbtOpen, kbt              *table

	issuer, device *key.Private
	cwtSign        func(sig []byte) []byte // what becomes of the authority's signature
	kbtSign        func(sig []byte) []byte
	cwtBytes       func([]byte) []byte // what becomes of the signed CWT
	envelope       func(parts list) any
	token          func([]byte) []byte // what becomes of the whole token
	text           func(string) string // what becomes of the code
	cwtHeaderBytes func([]byte) []byte
	cwtClaimBytes  func([]byte) []byte
	kbtHeaderBytes func([]byte) []byte
	kbtClaimBytes  func([]byte) []byte

	audiences []string
	nonce     []byte
	now       int64
}

func algorithmNumber(a key.Algorithm) int {
	if a == key.SM2 {
		return algSM2
	}
	return algES256
}

func curveNumber(a key.Algorithm) int {
	if a == key.SM2 {
		return -65537
	}
	return 1
}

// drawn are eight bytes that look random and are the same in every run.
func drawn(what string) []byte {
	sum := sm.Sum([]byte("showcard TEST ONLY serial " + what))
	return sum[:8]
}

var resident = schemas.Claims{"name": "阿卜杜热西提·买买提", "sex": "1", "ethnicity": "05", "birth_date": "1988-03-12", "address": "湖南省长沙市芙蓉区五一大道1号",
	"id_number": "430102198803129911", "issuing_authority": "长沙市公安局芙蓉分局", "issuing_region": "430102", "issue_date": "2020-05-18", "valid_from": "2020-05-18", "valid_until": "2040-05-18"}

func newShowing(p profile, keys keyring, fill *byte) *showing {
	return &showing{
		p: p, keys: keys, fill: fill, typ: "resident-id", view: "identity", claims: resident.Clone(), issuer: keys.issuer, device: keys.holder,
		audiences: []string{"any", "bank"}, now: now,
		cwtHeader: tableOf(1, algorithmNumber(p.algorithm), 4, sdcwt.KeyID(keys.issuer.Public()), 16, 293), cwtOpen: tableOf(),
		cwt:       tableOf(4, int(offlineStart)+86400, 6, int(offlineStart), 7, drawn(p.name+" cwt")),
		kbtHeader: tableOf(1, algorithmNumber(p.algorithm), 16, 294), kbtOpen: tableOf(),
		kbt: tableOf(3, "bank", 6, int(now)-5, 7, drawn(p.name+" proof")),
		cnf: deviceKey(keys.holder.Public()),
	}
}

// deviceKey is the COSE_Key in "cnf".
func deviceKey(k *key.Public) *table {
	point := k.Point()
	return tableOf(1, 2, -1, curveNumber(k.Algorithm()), -2, bytes.Clone(point[1:33]), -3, point[64]&1 == 1)
}

// boundTo binds the code to another device, which proves it.
func (s *showing) boundTo(k *key.Private) {
	s.device, s.cnf = k, deviceKey(k.Public())
	s.kbtHeader.set(1, algorithmNumber(k.Public().Algorithm()))
}

// certificate chooses another view of another certificate.
func (s *showing) certificate(typ, view string, claims schemas.Claims) {
	s.typ, s.view, s.claims = typ, view, claims
	s.fillView()
}

// fillView writes the view by numbers, once.
func (s *showing) fillView() {
	t, err := types().Type(s.typ)
	if err != nil {
		panic(err) // literals of this program
	}
	v, _, err := t.OfflineView(s.view, s.claims, time.Unix(s.now, 0))
	if err != nil {
		panic(err)
	}
	s.viewClaim = list{v.Type, v.Version, v.View, 430102}
	s.values = tableOf()
	for n, value := range v.Values {
		s.values.add(int(n), shortest(value))
	}
}

func types() *schemas.Catalogue {
	c, err := schemas.Embedded()
	if err != nil {
		panic(err)
	}
	return c
}

// shortest puts texts into the shorter of their two forms.
func shortest(v any) any {
	switch v := v.(type) {
	case string:
		if wide := utf16Bytes(v); len(wide) < len(v) {
			return wide
		}
	case []any:
		return list{shortest(v[0]), v[1]}
	}
	return v
}

func utf16Bytes(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return out
}

// signed is a COSE_Sign1 whose parts may have been spoilt before they were signed.
func (s *showing) signed(k *key.Private, header, open, payload *table, onHeader, onPayload, onSignature func([]byte) []byte) (list, error) {
	protected, body := cbor(header), cbor(payload)
	if onHeader != nil {
		protected = onHeader(protected)
	}
	if onPayload != nil {
		body = onPayload(body)
	}
	sig, err := k.Sign(cbor(list{"Signature1", protected, []byte{}, body}))
	if err != nil {
		return nil, err
	}
	if s.fill != nil {
		sig = bytes.Repeat([]byte{*s.fill}, 64)
	}
	if onSignature != nil {
		sig = onSignature(sig)
	}
	return list{protected, open, body, sig}, nil
}

// make is the text of the code.
func (s *showing) make() (string, error) {
	if s.cwt.get(8) == nil {
		s.cwt.set(8, tableOf(1, s.cnf))
	}
	if s.cwt.get(labelView) == nil {
		s.cwt.set(labelView, append(s.viewClaim[:len(s.viewClaim):len(s.viewClaim)], s.values))
	}
	parts, err := s.signed(s.issuer, s.cwtHeader, s.cwtOpen, s.cwt, s.cwtHeaderBytes, s.cwtClaimBytes, s.cwtSign)
	if err != nil {
		return "", err
	}
	cwt := []byte(tag(18, parts))
	if s.cwtBytes != nil {
		cwt = s.cwtBytes(cwt)
	}
	if s.kbtHeader.get(13) == nil {
		s.kbtHeader.set(13, raw(cwt))
	}
	if parts, err = s.signed(s.device, s.kbtHeader, s.kbtOpen, s.kbt, s.kbtHeaderBytes, s.kbtClaimBytes, s.kbtSign); err != nil {
		return "", err
	}
	token := []byte(tag(18, parts))
	if s.envelope != nil {
		token = cbor(s.envelope(parts))
	}
	if s.token != nil {
		token = s.token(token)
	}
	text := qr.FormatOffline(token)
	if s.text != nil {
		text = s.text(text)
	}
	return text, nil
}

// offlineCase is one vector.
type offlineCase struct {
	name, comment, expect string
	change                func(s *showing)
}

// buildOffline makes all vectors of a profile. With fill, signatures are that byte.
func buildOffline(p profile, keys keyring, fill *byte) ([]offlineVector, error) {
	var out []offlineVector
	all := append(append(goodCodes(), badForms(p)...), badViews()...)
	for _, c := range append(all, badSignatures(p)...) {
		s := newShowing(p, keys, fill)
		s.fillView()
		c.change(s)
		text, err := s.make()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		v := offlineVector{Name: c.name, Comment: c.comment, Profile: p.name, Issuer: keys.issuer.Public(), Device: s.device.Public(), Code: text,
			Audiences: s.audiences, Nonce: hex.EncodeToString(s.nonce), Now: s.now, Expect: c.expect}
		if c.expect == valid && fill == nil {
			if v.Token, err = s.says(text); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// says is what a good code says. The fields come from the certificate and not from the code.
func (s *showing) says(text string) (*offlineToken, error) {
	code, err := qr.Parse(text)
	if err != nil {
		return nil, err
	}
	t, err := sdcwt.Parse(code.Offline)
	if err != nil {
		return nil, err
	}
	typ, err := types().Type(s.typ)
	if err != nil {
		return nil, err
	}
	view, err := typ.View(s.view)
	if err != nil {
		return nil, err
	}
	fields := schemas.Claims{}
	predicates, _ := typ.Evaluate(s.claims, time.Unix(s.now, 0))
	for _, name := range view.Fields {
		if answer, there := predicates[name]; there {
			fields[name] = answer
		}
		if v, there := s.claims[name]; there {
			if fields[name] = v; typ.Offline.Masking == schemas.OfflineMasked {
				fields[name] = typ.Mask(name, v)
			}
		}
	}
	return &offlineToken{
		KeyID: hex.EncodeToString(t.KeyID), Serial: t.Claims.Serial.String(), Issued: t.Claims.IssuedAt.Unix(), Expires: t.Claims.Expires.Unix(),
		Type: s.typ, Version: typ.Version, View: s.view, Region: "430102", Fields: fields,
		Proof: offlineProof{t.Proof.Serial.String(), t.Proof.IssuedAt.Unix(), t.Proof.Audience, hex.EncodeToString(t.Proof.Nonce)},
	}, nil
}
