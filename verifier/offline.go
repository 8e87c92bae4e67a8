package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// RevokedCodes knows which offline codes were revoked before their end. [Bundles] is one.
type RevokedCodes interface {
	// RevokedCode says whether a code was, and as of when that is known. known is false when nothing is.
	RevokedCode(serial sdcwt.Serial) (revoked bool, asOf time.Time, known bool)
}

// OfflineConfig says what an offline checker stands on. Trust, Revoked and Types are needed.
type OfflineConfig struct {
	Trust   TrustSource
	Revoked RevokedCodes
	Types   *schemas.Catalogue
	// Scenes are those that count here, besides "any": a code that the holder made out to a hospital
	// is nothing to a bank.
	Scenes []string
	// MaxAge is how old the knowledge of what was revoked may be before a good code counts as
	// indeterminate. Default, and most: a day, after which every code that it is about has ended.
	MaxAge time.Duration
	// Memory bounds how many proofs are remembered against being shown again. Default 100,000: a
	// thousand a second. Beyond it codes are not accepted, rather than forgotten.
	Memory int
	Now    func() time.Time
	// Tables make SM2 signatures of authorities and of devices that come back faster to verify.
	Tables *key.Tables
}

// OfflineChecker checks offline codes (SC2) with neither phone on the network. It is safe for
// concurrent use; all scanners of a counter share one, for the sake of its memory.
type OfflineChecker struct {
	cfg      OfflineConfig
	offline  *offline
	memory   *replayMemory
	audience []string
}

// NewOfflineChecker makes a checker.
func NewOfflineChecker(cfg OfflineConfig) (*OfflineChecker, error) {
	if cfg.Trust == nil || cfg.Revoked == nil || cfg.Types == nil {
		return nil, errors.New("verifier: an offline checker needs trust, revoked codes and types")
	}
	if cfg.MaxAge < 0 || cfg.MaxAge > sdcwt.MaxLifetime {
		return nil, fmt.Errorf("verifier: what is known of revoked codes says nothing after %s", sdcwt.MaxLifetime)
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = sdcwt.MaxLifetime
	}
	if cfg.Memory == 0 {
		cfg.Memory = 100_000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &OfflineChecker{cfg: cfg, offline: &offline{trust: cfg.Trust, types: cfg.Types, tables: cfg.Tables},
		memory: &replayMemory{most: cfg.Memory, until: map[sdcwt.Serial]time.Time{}}, audience: append([]string{"any"}, cfg.Scenes...)}, nil
}

// Asked is a checker's own code, which the holder has scanned first: the proof must name its id, and
// answer its nonce. The zero value: the holder showed first.
type Asked struct {
	Checker string
	Nonce   []byte
}

// OfflineCheck is what only a check of an offline code has to say.
type OfflineCheck struct {
	View     string `json:"view,omitempty"`
	Serial   string `json:"serial,omitempty"`   // "cti" of the CWT, hexadecimal
	Proof    string `json:"proof,omitempty"`    // "cti" of the proof, hexadecimal
	Audience string `json:"audience,omitempty"` // scene that the holder picked, or the checker
	// ProofAge is how long before the check the proof was made, by two clocks, in seconds: negative
	// when the holder's is ahead.
	ProofAge int64 `json:"proof_age"`
}

// Check checks what was scanned. It never returns an error: what is wrong, or cannot be known, is the
// result. Result.Status.AsOf says as of when revocations were known, for people to see.
func (c *OfflineChecker) Check(ctx context.Context, scanned string, asked Asked) *Result {
	now := c.cfg.Now()
	r := &Result{CheckedAt: now.UTC()}
	defer r.conclude()
	t := readOffline(r, scanned, now)
	if t == nil || !c.offline.issuer(ctx, r, t) {
		return r
	}
	revoked, asOf, known := c.cfg.Revoked.RevokedCode(t.Claims.Serial)
	if known {
		at := asOf.UTC()
		r.Status.AsOf, r.Status.Source = &at, "bundle"
	}
	switch {
	case !known:
		r.Status.unknown("status-unavailable")
	case revoked: // believed at any age
		r.Status.fail(CodeOfflineRevoked)
	case now.Sub(asOf) > c.cfg.MaxAge, asOf.After(now.Add(statuslist.Skew)): // such a one would never grow old
		r.Status.unknown("status-stale")
	default:
		r.Status.pass()
	}
	e := sdcwt.Expect{Now: now, Audiences: c.audience, Nonce: asked.Nonce}
	if asked.Checker != "" {
		e.Audiences = []string{asked.Checker}
	}
	if !c.offline.holder(r, t, e) {
		return r
	}
	// Last of all: what is refused for another reason was not shown.
	switch err := c.memory.first(t.Proof.Serial, t.Proof.IssuedAt.Add(sdcwt.MaxAge+sdcwt.MaxSkew), now); {
	case errors.Is(err, errShownBefore):
		r.Holder.fail(CodeReplayed)
	case err != nil:
		r.Holder.unknown("overloaded") // whether it was shown before
	}
	return r
}

// Codes of checks of offline codes, besides those of sdcwt and schemas.
const (
	CodeOfflineRevoked = "offline-revoked"
	CodeReplayed       = "code-replayed"
)

// readOffline reads a code. nil: the result says why not.
func readOffline(r *Result, scanned string, now time.Time) *sdcwt.Token {
	code, err := qr.Parse(scanned)
	if err == nil && code.Kind != qr.Offline {
		err = fmt.Errorf("%w: a ticket is checked online", qr.ErrNotOurs)
	}
	if err != nil {
		r.Signature.fail(textCode(err))
		return nil
	}
	t, err := sdcwt.Parse(code.Offline)
	if err != nil {
		r.Signature.fail(sdcwt.Code(err))
		return nil
	}
	r.Offline = &OfflineCheck{Serial: t.Claims.Serial.String(), Proof: t.Proof.Serial.String(), Audience: t.Proof.Audience,
		ProofAge: int64(t.Age(now) / time.Second)}
	return t
}

// textCode gives the stable code of a text that is no code (docs/formats.md §3.3).
func textCode(err error) string {
	switch {
	case errors.Is(err, qr.ErrTruncated):
		return "code-truncated"
	case errors.Is(err, qr.ErrTooLong):
		return "code-too-long"
	case errors.Is(err, qr.ErrAlphabet):
		return "code-alphabet"
	case errors.Is(err, qr.ErrCheckCharacter):
		return "code-check-character"
	}
	return "code-not-ours"
}

// offline makes the checks of an offline code that need neither a memory nor a status.
type offline struct {
	trust  TrustSource
	types  *schemas.Catalogue
	tables *key.Tables
	index  atomic.Pointer[hints]
}

// hints are the keys of issuers by the "kid" of offline codes, for one trust list.
type hints struct {
	list *trustlist.List
	keys map[string][]signerOf
}

type signerOf struct {
	issuer *trustlist.Issuer
	key    *key.Public
}

func (o *offline) hints(list *trustlist.List) map[string][]signerOf {
	if h := o.index.Load(); h != nil && h.list == list {
		return h.keys
	}
	h := &hints{list: list, keys: map[string][]signerOf{}}
	for i := range list.Issuers {
		for _, k := range list.Issuers[i].Keys {
			id := string(sdcwt.KeyID(k.Key))
			h.keys[id] = append(h.keys[id], signerOf{&list.Issuers[i], k.Key})
		}
	}
	o.index.Store(h)
	return h.keys
}

// issuer finds whose key signed the code, and holds it against the trust list. false: what follows
// would mean nothing.
func (o *offline) issuer(ctx context.Context, r *Result, t *sdcwt.Token) bool {
	list, err := o.trust.Current(ctx)
	if err != nil {
		r.Issuer.unknown(trustCode(err))
		r.Signature.unknown("")
		return false
	}
	if list.FrozenAll {
		r.Issuer.fail("all-frozen")
		r.Signature.unknown("")
		return false
	}
	candidates := o.hints(list)[string(t.KeyID)]
	if len(candidates) == 0 {
		r.Issuer.fail("issuer-untrusted")
		r.Signature.unknown("")
		return false
	}
	for _, c := range candidates { // the kid is a hint: the signature decides
		if err = t.VerifyIssuer(o.tables.Known(c.key)); err == nil {
			r.Signature.pass()
			r.Signature.Algorithm = string(c.key.Algorithm())
			o.entitled(r, list, c, t)
			return true
		}
	}
	r.Signature.fail(sdcwt.Code(err))
	return false
}

func (o *offline) entitled(r *Result, list *trustlist.List, c signerOf, t *sdcwt.Token) {
	r.Issuer.ID, r.Issuer.Authority = c.issuer.ID, c.issuer.Authority
	r.Issuer.Name = &schemas.Text{ZH: c.issuer.Name.ZH, EN: c.issuer.Name.EN}
	if _, err := c.issuer.KeyOf(c.key, t.Claims.IssuedAt); err != nil {
		r.Issuer.fail(trustCode(err))
		return
	}
	v := t.Claims.View
	known := slices.IndexFunc(o.types.Types(), func(d *schemas.Type) bool {
		return d.CWT != 0 && int64(d.CWT) == v.Type && int64(d.Version) == v.Version
	})
	published := -1
	if known >= 0 {
		r.Type = o.types.Types()[known].ID
		published = slices.IndexFunc(list.Types, func(d trustlist.Type) bool { return d.ID == r.Type && int64(d.Version) == v.Version })
	}
	switch {
	case covers(list.FrozenRegions, v.Region):
		r.Issuer.fail("region-frozen")
	case known < 0:
		r.Issuer.fail(schemas.CodeOfflineUnknown)
	case published < 0:
		r.Issuer.fail("type-unpublished")
	case list.Types[published].Frozen:
		r.Issuer.fail("type-frozen")
	case !c.issuer.Issues(r.Type):
		r.Issuer.fail("issuer-not-entitled-type")
	case !covers(c.issuer.Regions, v.Region):
		r.Issuer.fail("issuer-not-entitled-region")
	default:
		r.Issuer.pass()
		r.VCT = list.Types[published].VCT
	}
}

// holder checks dates, the device's proof and what the view says. Only when all of the holder's side
// is good are there claims.
func (o *offline) holder(r *Result, t *sdcwt.Token, e sdcwt.Expect) bool {
	expires := t.Claims.Expires.UTC()
	r.Validity.Expires = &expires
	if err := t.VerifyDates(e.Now); err != nil {
		r.Validity.fail(sdcwt.Code(err))
	} else {
		r.Validity.pass()
	}
	r.Holder.Bound = BoundDevice
	t.Claims.Device = o.tables.Returning(t.Claims.Device)
	if err := t.VerifyProof(e); err != nil {
		r.Holder.fail(sdcwt.Code(err))
		return false
	}
	v := t.Claims.View
	reading, err := o.types.ReadOffline(schemas.OfflineView{Type: v.Type, Version: v.Version, View: v.View, Values: v.Values}, e.Now)
	if err != nil {
		r.Holder.fail(schemas.OfflineCode(err))
		return false
	}
	claims := Claims{}
	for _, f := range reading.Fields {
		value, err := json.Marshal(f.Value)
		if err != nil { // no value of a view is of such a kind
			r.Holder.fail(schemas.CodeOfflineValue)
			return false
		}
		claims[f.Name] = value
	}
	r.Holder.pass()
	r.Offline.View = reading.View.Name
	r.Claims = claims
	return true
}
