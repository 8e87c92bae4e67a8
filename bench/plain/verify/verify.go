// Package verify is the baseline of verify_core_*: how a good engineer checks a presentation with
// gmsm as it is shipped and encoding/json with maps, without caches, tables or parsers of her own.
// It makes every check that showcard's verifier makes and gives the same answer; a test holds the
// two together. What it leaves out makes it faster: names that stand twice in JSON, disclosures
// inside of disclosures, certificate chains and ES256.
package verify

import (
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// Trust is what the trust list says, ready to be looked up.
type Trust struct {
	Expires       time.Time
	Issuers       map[string]Issuer   // by "iss"
	Types         map[string]Type     // by "vct"
	Providers     map[string]Provider // by the x and y of the key
	FrozenRegions []string
	FrozenAll     bool
}

// Key is a key with its dates.
type Key struct {
	Public              *ecdsa.PublicKey
	NotBefore, NotAfter time.Time
	Frozen              bool
}

// Issuer is an issuing authority.
type Issuer struct {
	Name           schemas.Text
	Authority      string
	Types, Regions []string
	Keys           map[string]Key
	Frozen         bool
	StatusPrefix   string // of its domain
}

// Type is a published type.
type Type struct {
	ID     string
	Frozen bool
}

// Provider is a wallet provider's key.
type Provider struct {
	ID string
	Key
}

// Verifier checks presentations.
type Verifier struct {
	Trust    Trust
	Statuses map[string][]byte // status lists by URI: two bits each, lowest first
	AsOf     time.Time
}

// fault is a stable code that travels as an error.
type fault string

func (f fault) Error() string { return string(f) }

const malformed = fault("presentation-malformed")

// Verify makes all checks.
func (v *Verifier) Verify(presentation, audience, nonce string, now time.Time) *verifier.Result {
	r := &verifier.Result{CheckedAt: now.UTC(), Reasons: []string{}}
	claims := v.check(r, presentation, audience, nonce, now)
	failed, unknown := false, r.Signature.State != verifier.Passed
	for _, c := range []*verifier.Check{&r.Issuer.Check, &r.Signature.Check, &r.Validity.Check, &r.Status.Check, &r.Holder.Check, &r.Person.Check} {
		if c.State == "" {
			c.State = verifier.NotChecked
		}
		failed = failed || c.State == verifier.Failed
		unknown = unknown || c.State == verifier.Unknown
		if c.Reason != "" && !slices.Contains(r.Reasons, c.Reason) {
			r.Reasons = append(r.Reasons, c.Reason)
		}
	}
	switch {
	case failed:
		r.Outcome = verifier.Invalid
	case unknown:
		r.Outcome = verifier.Indeterminate
	default:
		r.Outcome = verifier.Valid
	}
	if r.Signature.State == verifier.Passed && r.Issuer.State == verifier.Passed && r.Holder.State != verifier.Failed {
		r.Claims = claims
	}
	return r
}

func judge(err error) verifier.Check {
	if err != nil {
		return verifier.Check{State: verifier.Failed, Reason: err.Error()}
	}
	return verifier.Check{State: verifier.Passed}
}

func (v *Verifier) check(r *verifier.Result, presentation, audience, nonce string, now time.Time) verifier.Claims {
	parts := strings.Split(presentation, "~")
	if len(parts) < 2 {
		r.Signature.Check = judge(malformed)
		return nil
	}
	disclosures, proof := parts[1:len(parts)-1], parts[len(parts)-1]
	vc, err := open(parts[0], "dc+sd-jwt")
	payload := vc.payload
	var disclosed verifier.Claims
	if err == nil {
		disclosed, err = disclose(payload, disclosures)
	}
	iss, _ := payload["iss"].(string)
	region, _ := payload["region"].(string)
	vct, _ := payload["vct"].(string)
	issuedAt, ok1 := date(payload, "iat")
	notBefore, ok2 := date(payload, "nbf")
	expires, ok3 := date(payload, "exp")
	if err == nil && (vct == "" || iss == "" || !ok1 || !ok2 || !ok3) {
		err = malformed
	}
	if err != nil {
		r.Signature.Check = judge(err)
		return nil
	}
	r.VCT = vct

	if !now.Before(v.Trust.Expires) {
		r.Issuer.Check = verifier.Check{State: verifier.Unknown, Reason: "trust-list-stale"}
		r.Signature.State = verifier.Unknown
		return nil
	}
	if v.Trust.FrozenAll {
		r.Issuer.Check = judge(fault("all-frozen"))
		r.Signature.State = verifier.Unknown
		return nil
	}
	issuer, known := v.Trust.Issuers[iss]
	kid, _ := vc.header["kid"].(string)
	k, usable := v.issuer(r, issuer, known, iss, kid, vct, region, issuedAt)
	if !usable {
		r.Signature.State = verifier.Unknown
		return nil
	}
	if r.Signature.Check = judge(vc.verify(k)); r.Signature.State != verifier.Passed {
		return nil
	}
	r.Signature.Algorithm = "SGD_SM3_SM2"

	switch {
	case !notBefore.IsZero() && now.Add(10*time.Second).Before(notBefore):
		err = fault("certificate-not-yet-valid")
	case !expires.IsZero() && !now.Add(-10*time.Second).Before(expires):
		err = fault("certificate-expired")
	}
	r.Validity.Check = judge(err)
	if !notBefore.IsZero() {
		r.Validity.NotBefore = &notBefore
	}
	if !expires.IsZero() {
		r.Validity.Expires = &expires
	}
	covered := presentation[:strings.LastIndexByte(presentation, '~')+1]
	r.Holder.Check = judge(v.holder(r, payload, issuedAt, proof, covered, audience, nonce, now))
	v.status(r, payload, issuer, now)
	return disclosed
}

func covers(regions []string, region string) bool {
	return slices.ContainsFunc(regions, func(p string) bool { return schemas.RegionCovers(p, region) })
}

func (k Key) usable(at time.Time) error {
	switch {
	case k.Frozen:
		return fault("key-frozen")
	case at.IsZero(), at.Before(k.NotBefore), !k.NotAfter.IsZero() && at.After(k.NotAfter):
		return fault("key-out-of-dates")
	}
	return nil
}

// issuer holds it against the trust list: type, region, key and time.
func (v *Verifier) issuer(r *verifier.Result, issuer Issuer, known bool, iss, kid, vct, region string, at time.Time) (*ecdsa.PublicKey, bool) {
	r.Issuer.ID = iss
	if !known {
		r.Issuer.Check = judge(fault("issuer-untrusted"))
		return nil, false
	}
	name := issuer.Name
	r.Issuer.Name, r.Issuer.Authority = &name, issuer.Authority
	k, ok := issuer.Keys[kid]
	err := k.usable(at)
	switch {
	case issuer.Frozen:
		err = fault("issuer-frozen")
	case !ok:
		err = fault("issuer-untrusted")
	}
	if err != nil {
		r.Issuer.Check = judge(err)
		return nil, false
	}
	t, published := v.Trust.Types[vct]
	r.Type = t.ID
	switch {
	case covers(v.Trust.FrozenRegions, region):
		err = fault("region-frozen")
	case t.Frozen:
		err = fault("type-frozen")
	case !published:
		err = fault("type-unpublished")
	case !slices.Contains(issuer.Types, t.ID):
		err = fault("issuer-not-entitled-type")
	case !covers(issuer.Regions, region):
		err = fault("issuer-not-entitled-region")
	}
	r.Issuer.Check = judge(err)
	return k.Public, true
}

// holder checks the proof of whoever shows the certificate (RFC 9901 §7.3).
func (v *Verifier) holder(r *verifier.Result, payload map[string]any, issuedAt time.Time, proof, covered, audience, nonce string, now time.Time) error {
	r.Holder.Bound = verifier.BoundNone
	cnf, _ := payload["cnf"].(map[string]any)
	jwk, _ := cnf["jwk"].(map[string]any)
	x, _ := jwk["x"].(string)
	y, _ := jwk["y"].(string)
	px, err1 := b64.DecodeString(x)
	py, err2 := b64.DecodeString(y)
	if errors.Join(err1, err2) != nil || len(px) != 32 || len(py) != 32 || jwk["kty"] != "EC" || jwk["crv"] != "sm2p256v1" {
		return fault("holder-binding-missing")
	}
	k, err := sm2.NewPublicKey(slices.Concat([]byte{4}, px, py))
	if err != nil {
		return fault("holder-binding-missing")
	}
	r.Holder.Bound = verifier.BoundDevice
	if p, ok := v.Trust.Providers[x+"."+y]; ok {
		r.Holder.Bound = verifier.BoundProvider
		if p.usable(issuedAt) != nil {
			return fault("key-frozen")
		}
		r.Holder.Provider = p.ID
	}
	if proof == "" {
		return fault("holder-binding-missing")
	}
	kb, err := open(proof, "kb+jwt")
	if err != nil || kb.verify(k) != nil {
		return fault("holder-binding-invalid")
	}
	claims := kb.payload
	sum := sm3.Sum([]byte(covered))
	iat, ok := date(claims, "iat")
	switch {
	case claims["sd_hash"] != base64.RawURLEncoding.EncodeToString(sum[:]):
		return fault("holder-binding-invalid")
	case claims["nonce"] != nonce:
		return fault("nonce-wrong")
	case claims["aud"] != audience:
		return fault("audience-wrong")
	case !ok || iat.IsZero():
		return fault("holder-binding-invalid")
	case iat.After(now.Add(10 * time.Second)):
		return fault("proof-from-future")
	case iat.Before(now.Add(-time.Minute)):
		return fault("proof-too-old")
	}
	return nil
}

// status looks the certificate up in a list that stands ready.
func (v *Verifier) status(r *verifier.Result, payload map[string]any, issuer Issuer, now time.Time) {
	status, _ := payload["status"].(map[string]any)
	ref, _ := status["status_list"].(map[string]any)
	uri, _ := ref["uri"].(string)
	index, ok := ref["idx"].(float64)
	if !ok || uri == "" {
		r.Status.Check = judge(fault("status-missing"))
		return
	}
	if !strings.HasPrefix(uri, issuer.StatusPrefix) {
		r.Status.Check = judge(fault("status-list-wrong-signer"))
		return
	}
	list, i := v.Statuses[uri], int(index)
	if list == nil {
		r.Status.Check = verifier.Check{State: verifier.Unknown, Reason: "status-unavailable"}
		return
	}
	if i < 0 || i/4 >= len(list) {
		r.Status.Check = judge(fault("status-index-out-of-range"))
		return
	}
	asOf := v.AsOf.UTC()
	r.Status.AsOf, r.Status.Source = &asOf, "cache"
	switch value := list[i/4] >> (i % 4 * 2) & 3; {
	case value == 2:
		r.Status.Check = judge(fault("certificate-suspended"))
	case value != 0:
		r.Status.Check = judge(fault("certificate-ended"))
	case now.Sub(asOf) > 2*time.Minute:
		r.Status.Check = verifier.Check{State: verifier.Unknown, Reason: "status-stale"}
	default:
		r.Status.State = verifier.Passed
	}
}
