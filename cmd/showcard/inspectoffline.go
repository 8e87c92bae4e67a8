package main

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/schemas"
)

// offline explains an offline code. It carries everything, so all of it can be told here, but for
// whether the authority is one that is trusted.
func (n *inspector) offline(text string, token []byte) *finding {
	f := found("offline-code", "离线码：自带签名的证照出示，不联网也能核验。", "An offline code: a presentation that carries its own signatures and can be checked without a network.")
	text = strings.TrimSpace(text)
	f.add("characters", "%d", len(text))
	if version, err := qrimage.Version(strings.ToUpper(text), qrimage.M); err == nil {
		f.add("QR symbol", "version %d-M", version)
	}
	f.add("token", "%d bytes", len(token))
	t, err := sdcwt.Parse(token)
	if err != nil {
		n.explain(f, sdcwt.Code(err), err.Error())
		return f
	}
	f.Parts = append(f.Parts, n.offlineCWT(t), n.offlineProof(t))
	return f
}

// offlineCWT is what the authority says.
func (n *inspector) offlineCWT(t *sdcwt.Token) *finding {
	c := t.Claims
	f := found("offline-cwt", "发证机关为这一台设备签发的一个视图。", "One view of one certificate, issued for one device by an authority.")
	f.add("serial", "%s", c.Serial)
	f.add("issued", "%s", n.when(c.IssuedAt))
	f.add("expires", "%s", n.when(c.Expires))
	f.add("key id", "%x (of the authority's key: the first 8 bytes of its thumbprint)", t.KeyID)
	f.add("device key", "%s, %s", c.Device.Algorithm(), c.Device.Thumbprint())
	f.add("region", "%s %s", c.View.Region, schemas.Regions().FullName(c.View.Region, n.now))
	r, err := n.types.ReadOffline(schemas.OfflineView{Type: c.View.Type, Version: c.View.Version, View: c.View.View, Values: c.View.Values}, n.now)
	if err != nil {
		f.add("numbers", "type %d, version %d, view %d, fields %v", c.View.Type, c.View.Version, c.View.View, slices.Sorted(maps.Keys(c.View.Values)))
		n.explain(f, schemas.OfflineCode(err), err.Error())
	} else {
		f.add("type", "%s %s %s, version %d", r.Type.ID, r.Type.Name.ZH, r.Type.Name.EN, r.Type.Version)
		f.add("view", "%s %s %s", r.View.Name, r.View.Label.ZH, r.View.Label.EN)
		for _, field := range r.Fields {
			value := field.Text.ZH
			if field.Text.EN != value {
				value += " " + field.Text.EN
			}
			f.add(field.Label.ZH+" "+field.Label.EN, "%s", value)
		}
	}
	if err := t.VerifyDates(n.now); err != nil {
		n.explain(f, sdcwt.Code(err), err.Error())
	}
	f.note("未验证发证机关的签名。", "The authority's signature was not checked: that needs the trust list.")
	return f
}

// offlineProof is what the device says.
func (n *inspector) offlineProof(t *sdcwt.Token) *finding {
	p := t.Proof
	f := found("offline-proof", "设备的证明：此刻、向谁出示。", "The device's proof: to whom it is shown, and when.")
	f.add("shown to", "%s", p.Audience)
	f.add("made", "%s", n.when(p.IssuedAt))
	f.add("serial", "%s", p.Serial)
	if p.Nonce != nil {
		f.add("answers", "%s (nonce of the checker's own code)", hex.EncodeToString(p.Nonce))
	}
	// Whoever checks knows what to expect. Here the token's own word stands in for it, so what is left
	// are the signature and the time.
	err := t.VerifyProof(sdcwt.Expect{Now: n.now, Audiences: []string{p.Audience}, Nonce: p.Nonce})
	code := sdcwt.Code(err)
	switch {
	case err == nil || code == sdcwt.CodeProofOld || code == sdcwt.CodeProofFuture:
		f.add("signature", "verifies under the device's key in the code")
	default:
		f.add("signature", "does not verify under the device's key in the code")
	}
	if err != nil {
		n.explain(f, code, err.Error())
	}
	return f
}

// sdCWT explains a token of others that has the same shape.
func (n *inspector) sdCWT(data []byte) (*finding, error) {
	claims, err := sdcwt.ReadClaims(data)
	if err != nil {
		return nil, err
	}
	f := found("sd-cwt", "SD-CWT：可选择披露的 CBOR 凭据。", "An SD-CWT: a CBOR token with selective disclosure (not of this system).")
	// What is about the token is shown, what is about somebody only when it is asked for.
	public := map[any]string{cose.ClaimIssuer: "iss", cose.ClaimExpires: "exp", cose.ClaimNotBefore: "nbf", cose.ClaimIssuedAt: "iat"}
	lines := map[string]string{}
	for label, v := range claims {
		name, shown := public[label]
		if !shown {
			name = fmt.Sprint(label)
		}
		if lines[name] = "(hidden; --reveal shows it)"; shown || n.reveal {
			lines[name] = fmt.Sprint(v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		f.add("claim "+name, "%s", lines[name])
	}
	f.note("每项披露都与签发方的摘要相符；未验证签名。", "Every disclosure fits a digest of the issuer; the signature was not checked.")
	return f, nil
}
