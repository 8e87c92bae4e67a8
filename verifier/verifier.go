// Package verifier checks certificates that are shown. It is showcard's SDK for Go: the
// service behind POST /v1/verifications and a bank's own program call the same function, and
// nothing here imports a server, a store or a web framework.
//
//	trust, err := verifier.FetchTrust("https://cards.example.gov.cn", pinnedRoots, nil)
//	…
//	v, err := verifier.New(verifier.Config{Trust: trust, Status: verifier.FetchStatus(nil)})
//	…
//	result := v.Verify(ctx, presentation, verifier.Expect{Audience: "bank-1", Nonce: nonce})
//	if result.Outcome == verifier.Valid { … result.Claims.Text("name") … }
//
// Every check stands on its own in the [Result]: signature, issuer, validity, holder, status.
// They are made in that order, cheap and trusted before dear and foreign, and none is skipped
// because another failed, unless it would be meaningless. The outcome follows from them: any
// failure makes it invalid; nothing failed but something could not be known makes it
// indeterminate; only when every required check passed, with fresh trust and fresh status, is
// it valid. There is no setting that turns "unknown" into "valid".
package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/schemas"
)

// TrustSource gives the current, verified trust list. It returns trustlist.ErrStale when the
// newest it has is out of date.
type TrustSource interface {
	Current(ctx context.Context) (*trustlist.List, error)
}

// StatusSource tells the status of a certificate. An error means unknown. The domain is the
// issuer's home in the trust list: whose word on the status counts.
type StatusSource interface {
	Status(ctx context.Context, ref statuslist.Reference, home *trustlist.Domain) (StatusAnswer, error)
}

// StatusAnswer is a status and how old the knowledge is.
type StatusAnswer struct {
	Status statuslist.Status
	AsOf   time.Time
	Source string // cache, list or stream
	// MaxAge is how old this source's word may grow before it counts as unknown, when that is
	// more than the verifier's own bound: a signed list lives as long as its ttl says.
	MaxAge time.Duration
}

// Config says what a verifier stands on.
type Config struct {
	Trust  TrustSource
	Status StatusSource
	Now    func() time.Time
	// MaxStatusAge is how old a status may be before it counts as unknown. Default 2 min:
	// twice the ttl of the public lists.
	MaxStatusAge time.Duration
	// MaxProofAge is how old a holder's proof may be, and Skew how far clocks may differ.
	// Defaults 60 s and 10 s.
	MaxProofAge time.Duration
	Skew        time.Duration
	// Tables make SM2 signatures of issuers, wallet providers and devices that come back several
	// times as fast to verify, for some memory. nil: every key is treated as never seen.
	Tables *key.Tables
	// CacheBytes bounds what is remembered of certificates that were verified: that this text has a
	// good signature of that key, and nothing else (sdjwt.Cache). 0: sdjwt.DefaultCacheBytes; less
	// than 0: nothing.
	CacheBytes int64
}

// Verifier is safe for concurrent use.
type Verifier struct {
	cfg   Config
	cache *sdjwt.Cache
}

// New makes a verifier.
func New(cfg Config) (*Verifier, error) {
	if cfg.Trust == nil || cfg.Status == nil {
		return nil, errors.New("verifier: a trust source and a status source are needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxStatusAge == 0 {
		cfg.MaxStatusAge = 2 * time.Minute
	}
	if cfg.MaxProofAge == 0 {
		cfg.MaxProofAge = 60 * time.Second
	}
	if cfg.Skew == 0 {
		cfg.Skew = 10 * time.Second
	}
	return &Verifier{cfg: cfg, cache: sdjwt.NewCache(cfg.CacheBytes)}, nil
}

// Stats tells what is remembered of certificates.
func (v *Verifier) Stats() sdjwt.CacheStats { return v.cache.Stats() }

// Expect is what the caller knows beforehand and the presentation must match.
type Expect struct {
	Audience string // who we are, as the holder's proof must name it
	Nonce    string // the challenge that we made for this presentation
	// Unbound accepts a certificate that is bound to no key, without a holder's proof. It is for
	// the original that a department got back, never for something shown: a copy that is bound
	// still needs its proof.
	Unbound bool
}

// visible are the claims that every certificate of the profile shows.
type visible struct {
	issuer, vct, region          string
	issuedAt, notBefore, expires time.Time // zero: absent
	status                       *statuslist.Reference
	bound                        bool // has a "cnf"
}

// readVisible takes names exactly as they are spelled, and nothing of the wrong type.
func readVisible(vc *sdjwt.SDJWT) (c visible, err error) {
	_, c.bound = vc.Claim("cnf")
	for _, one := range [...]struct {
		name string
		to   *string
	}{{"iss", &c.issuer}, {"vct", &c.vct}, {"region", &c.region}} {
		raw, ok := vc.Claim(one.name)
		if !ok {
			continue
		}
		if *one.to, err = sdjwt.Text(one.name, raw); err != nil {
			return c, err
		}
	}
	for _, one := range [...]struct {
		name string
		to   *time.Time
	}{{"iat", &c.issuedAt}, {"nbf", &c.notBefore}, {"exp", &c.expires}} {
		raw, ok := vc.Claim(one.name)
		if !ok {
			continue
		}
		if *one.to, err = sdjwt.Time(one.name, raw); err != nil {
			return c, err
		}
	}
	if raw, ok := vc.Claim("status"); ok {
		ref, err := statuslist.ParseReference(raw)
		if err != nil {
			return c, err
		}
		c.status = &ref
	}
	return c, nil
}

// Verify checks a presentation: an SD-JWT VC, with a key binding unless e.Unbound. It never
// returns an error: what is wrong with the presentation, or cannot be known, is the result.
func (v *Verifier) Verify(ctx context.Context, presentation string, e Expect) *Result {
	now := v.cfg.Now()
	r := &Result{CheckedAt: now.UTC()}
	defer r.conclude()

	vc, err := v.cache.Parse(presentation, sdjwt.Type)
	if err == nil {
		err = sdjwt.CheckVC(vc)
	}
	if err != nil {
		r.Signature.fail(parseCode(err))
		return r
	}
	c, err := readVisible(vc)
	if err != nil {
		r.Signature.fail("presentation-malformed")
		return r
	}
	r.VCT = c.vct

	list, err := v.cfg.Trust.Current(ctx)
	if err != nil {
		// Without a list nothing can be said of the issuer, so nothing of the signature.
		r.Issuer.unknown(trustCode(err))
		r.Signature.unknown("")
		return r
	}
	if list.FrozenAll {
		r.Issuer.fail("all-frozen") // whoever issued it
		r.Signature.unknown("")
		return r
	}
	issuerKey := v.checkIssuer(r, list, vc, c)
	if issuerKey == nil {
		r.Signature.unknown("")
		return r
	}
	// The list has just said that the key is good now. What may be remembered is the arithmetic.
	if !vc.VerifiedBy(issuerKey) {
		if err := vc.Verify(v.cfg.Tables.Known(issuerKey)); err != nil {
			r.Signature.fail(signatureCode(err))
			return r // nothing below means anything about a forged certificate
		}
	}
	r.Signature.pass()
	r.Signature.Algorithm = string(issuerKey.Algorithm())

	v.checkValidity(r, c, now)
	v.checkHolder(r, list, vc, c, e, now)
	v.checkStatus(ctx, r, list, c, now)

	r.shown = vc
	return r
}

// checkIssuer holds the issuer against the trust list: known, entitled to the type and the
// region, its key good at the time of issue. It returns the key, or nil.
func (v *Verifier) checkIssuer(r *Result, list *trustlist.List, vc *sdjwt.SDJWT, c visible) *key.Public {
	r.Issuer.ID = c.issuer
	issuer, err := list.Issuer(c.issuer)
	if err != nil {
		r.Issuer.fail(trustCode(err))
		return nil
	}
	r.Issuer.Name = &schemas.Text{ZH: issuer.Name.ZH, EN: issuer.Name.EN}
	r.Issuer.Authority = issuer.Authority
	k, err := v.issuerKey(issuer, vc.Token.Header, c.issuedAt)
	if err != nil {
		r.Issuer.fail(trustCode(err))
		return nil
	}
	t, err := list.Type(c.vct)
	if t != nil {
		r.Type = t.ID
	}
	switch {
	case covers(list.FrozenRegions, c.region):
		r.Issuer.fail("region-frozen")
	case errors.Is(err, trustlist.ErrFrozen):
		r.Issuer.fail("type-frozen")
	case err != nil:
		r.Issuer.fail("type-unpublished")
	case !issuer.Issues(t.ID):
		r.Issuer.fail("issuer-not-entitled-type")
	case !covers(issuer.Regions, c.region):
		r.Issuer.fail("issuer-not-entitled-region")
	default:
		r.Issuer.pass()
	}
	return k
}

func (v *Verifier) issuerKey(issuer *trustlist.Issuer, h jose.Header, issuedAt time.Time) (*key.Public, error) {
	if len(h.X5C) == 0 {
		return issuer.Key(h.KeyID, issuedAt)
	}
	// The chain only carries the key here; it is the trust list that vouches for it.
	leaf, err := key.LeafKey(h.X5C)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", trustlist.ErrKeyUnknown, err)
	}
	return issuer.KeyOf(leaf, issuedAt)
}

func covers(regions []string, region string) bool {
	for _, p := range regions {
		if schemas.RegionCovers(p, region) {
			return true
		}
	}
	return false
}

func (v *Verifier) checkValidity(r *Result, c visible, now time.Time) {
	if !c.notBefore.IsZero() {
		r.Validity.NotBefore = &c.notBefore
	}
	if !c.expires.IsZero() {
		r.Validity.Expires = &c.expires
	}
	switch {
	case r.Validity.NotBefore != nil && now.Add(v.cfg.Skew).Before(*r.Validity.NotBefore):
		r.Validity.fail("certificate-not-yet-valid")
	case r.Validity.Expires != nil && !now.Add(-v.cfg.Skew).Before(*r.Validity.Expires):
		r.Validity.fail("certificate-expired")
	default:
		r.Validity.pass()
	}
}

func (v *Verifier) checkHolder(r *Result, list *trustlist.List, vc *sdjwt.SDJWT, c visible, e Expect, now time.Time) {
	r.Holder.Bound = BoundNone
	if !c.bound && e.Unbound {
		r.Holder.skip()
		return
	}
	cnf, err := vc.Confirmation()
	if err != nil {
		r.Holder.fail("holder-binding-missing")
		return
	}
	provider, _, err := list.ProviderKey(cnf, c.issuedAt)
	switch {
	case err == nil:
		r.Holder.Bound = BoundProvider
		r.Holder.Provider = provider.ID
		cnf = v.cfg.Tables.Known(cnf)
	case errors.Is(err, trustlist.ErrKeyUnknown):
		r.Holder.Bound = BoundDevice
		cnf = v.cfg.Tables.Returning(cnf)
	default:
		r.Holder.Bound = BoundProvider
		r.Holder.fail("key-frozen")
		return
	}
	err = vc.VerifyBinding(cnf, sdjwt.Expect{Audience: e.Audience, Nonce: e.Nonce, Now: now, MaxAge: v.cfg.MaxProofAge, Skew: v.cfg.Skew})
	if err != nil {
		r.Holder.fail(bindingCode(err))
		return
	}
	r.Holder.pass()
}

func (v *Verifier) checkStatus(ctx context.Context, r *Result, list *trustlist.List, c visible, now time.Time) {
	ref := c.status
	if ref == nil {
		// Every certificate of the profile has a status: one without it cannot be revoked.
		r.Status.fail("status-missing")
		return
	}
	issuer, err := list.Issuer(c.issuer)
	if err != nil {
		r.Status.unknown("status-unavailable")
		return
	}
	home, err := list.DomainOf(issuer)
	if err != nil || !home.HoldsStatus(ref.URI) {
		r.Status.fail("status-list-wrong-signer")
		return
	}
	answer, err := v.cfg.Status.Status(ctx, *ref, home)
	if err != nil {
		if code, failed := statusCode(err); failed {
			r.Status.fail(code)
		} else {
			r.Status.unknown(code)
		}
		return
	}
	asOf := answer.AsOf.UTC()
	r.Status.AsOf, r.Status.Source = &asOf, answer.Source
	// A bad status is believed at any age; a good one only while it is fresh.
	switch {
	case answer.Status == statuslist.Suspended:
		r.Status.fail("certificate-suspended")
	case answer.Status != statuslist.Valid:
		r.Status.fail("certificate-ended")
	case now.Sub(asOf) > max(v.cfg.MaxStatusAge, answer.MaxAge), asOf.After(now.Add(statuslist.Skew)): // such a one would never grow old
		r.Status.unknown("status-stale")
	default:
		r.Status.pass()
	}
}
