package verifier_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
)

const (
	base   = "http://localhost:8080"
	iss    = base + "/issuers/police"
	vct    = base + "/types/resident-id/1"
	listID = "1"
	party  = "bank"
)

// world is everything a verifier stands on, made of real parts: a signed trust list, a status
// cache, keys of both profiles.
type world struct {
	t        *testing.T
	now      time.Time
	issuer   *key.Private
	provider *key.Private
	device   *key.Private
	cache    *memstore.Store
	list     *trustlist.List
	trustErr error
	v        *verifier.Verifier
}

func (w *world) Current(context.Context) (*trustlist.List, error) {
	if w.trustErr != nil {
		return nil, w.trustErr
	}
	return w.list, w.list.Fresh(w.now)
}

func newKey(t *testing.T, a key.Algorithm) *key.Private {
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func newWorld(t *testing.T, a key.Algorithm) *world {
	w := &world{t: t, now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), issuer: newKey(t, a), provider: newKey(t, a), device: newKey(t, a)}
	var err error
	w.cache, err = memstore.New(memstore.Config{Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	w.publish(func(*trustlist.List) {})
	w.setStatus(7, statuslist.Valid)
	w.v, err = verifier.New(verifier.Config{
		Trust: w, Status: verifier.CachedStatus{Prefix: base + "/status/", Size: issuer.ListSize, Cache: w.cache},
		Now: func() time.Time { return w.now }, MaxStatusAge: 10 * time.Second,
	})
	require.NoError(t, err)
	return w
}

// publish signs a trust list and reads it back the way a verifier does.
func (w *world) publish(change func(*trustlist.List)) {
	a := w.issuer.Public().Algorithm()
	listKey, root1, root2, root3, status := newKey(w.t, a), newKey(w.t, a), newKey(w.t, a), newKey(w.t, a), newKey(w.t, a)
	since := w.now.Add(-365 * 24 * time.Hour)
	roots := &trustlist.Roots{
		Version: 1, IssuedAt: since, Expires: w.now.AddDate(5, 0, 0), Threshold: 2,
		Keys: []*key.Public{root1.Public(), root2.Public(), root3.Public()}, Signers: []trustlist.DatedKey{{Key: listKey.Public(), NotBefore: since}},
	}
	name := trustlist.Name{ZH: "名", EN: "name"}
	l := &trustlist.List{
		Version: 1, IssuedAt: w.now.Add(-time.Minute), Expires: w.now.Add(24 * time.Hour),
		Domains: []trustlist.Domain{{Code: "DEMO", Name: name, BaseURL: base, StatusPrefix: base + "/status/", StatusKeys: []trustlist.DatedKey{{Key: status.Public(), NotBefore: since}}}},
		Issuers: []trustlist.Issuer{{
			ID: iss, Authority: "11430000MB1D000127", Name: name, Domain: "DEMO", Types: []string{"resident-id"}, Regions: []string{"430000"},
			Keys: []trustlist.DatedKey{{Key: w.issuer.Public(), NotBefore: since}},
		}},
		Providers: []trustlist.Provider{{ID: "wallet", Name: name, Domain: "DEMO", Keys: []trustlist.DatedKey{{Key: w.provider.Public(), NotBefore: since}}}},
		Types:     []trustlist.Type{{ID: "resident-id", Version: 1, VCT: vct, Code: "11100000000013127D001"}},
	}
	change(l)
	text, err := l.Sign(listKey)
	require.NoError(w.t, err)
	data, err := roots.Sign(root1, root3)
	require.NoError(w.t, err)
	pinned, err := trustlist.ParseRoots(data)
	require.NoError(w.t, err)
	w.list, err = pinned.Verify(text, w.now, 0)
	require.NoError(w.t, err)
}

func (w *world) setStatus(index uint64, s statuslist.Status) {
	l, err := statuslist.New(2, issuer.ListSize)
	require.NoError(w.t, err)
	require.NoError(w.t, l.Set(index, s))
	require.NoError(w.t, w.cache.Replace(context.Background(), issuer.ListHead{Name: listID, Size: issuer.ListSize, Seq: 1}, l.Raw(), w.now))
}

func (w *world) claims() map[string]any {
	return map[string]any{
		"iss": iss, "vct": vct, "region": "430102", "iat": w.now.Add(-time.Hour).Unix(), "nbf": w.now.Add(-time.Hour).Unix(), "exp": w.now.Add(24 * time.Hour).Unix(),
		"cnf":    map[string]any{"jwk": w.provider.Public().Confirmation()},
		"status": statuslist.Reference{Index: 7, URI: base + "/status/" + listID}.Claim(),
	}
}

func (w *world) credential(claims map[string]any) string {
	hash := sdjwt.SM3
	if w.issuer.Public().Algorithm() == key.ES256 {
		hash = sdjwt.SHA256
	}
	text, err := sdjwt.Sign(w.issuer, sdjwt.Issue{Claims: claims, Hash: hash, Disclosable: []sdjwt.Claim{
		{Name: "name", Value: "张示例"}, {Name: "address", Value: "湖南省长沙市"}, {Name: "over_18", Value: true},
	}})
	require.NoError(w.t, err)
	return text
}

func (w *world) present(credential string, holder key.Signer, b sdjwt.Binding) string {
	vc, err := sdjwt.Parse(credential, sdjwt.Type)
	require.NoError(w.t, err)
	text, err := vc.Present([]string{"name", "over_18"}, holder, b)
	require.NoError(w.t, err)
	return text
}

func (w *world) good() string {
	return w.present(w.credential(w.claims()), w.provider, sdjwt.Binding{Audience: party, Nonce: "nonce-1", IssuedAt: w.now})
}

func TestVerifyGood(t *testing.T) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		t.Run(string(a), func(t *testing.T) {
			w := newWorld(t, a)
			r := w.v.Verify(context.Background(), w.good(), verifier.Expect{Audience: party, Nonce: "nonce-1"})
			require.Equal(t, verifier.Valid, r.Outcome, r.Reasons)
			require.Equal(t, "张示例", r.Claims.Text("name"))
			require.NotContains(t, r.Claims, "address")
			require.Equal(t, verifier.BoundProvider, r.Holder.Bound)
			require.Equal(t, string(a), r.Signature.Algorithm)
			require.Equal(t, "cache", r.Status.Source)
		})
	}
}

// half overwrites r (from 0) or s (from 32): with zeros, or with ones, which is past any order.
func half(from int, fill byte) func([]byte) ([]byte, error) {
	return func(signature []byte) ([]byte, error) {
		copy(signature[from:from+32], bytes.Repeat([]byte{fill}, 32))
		return signature, nil
	}
}

// Each case has one fault. What it must say, and that no name leaves where the proof of
// possession or the signature is bad, is the contract of the whole product.
func TestVerifyFaults(t *testing.T) {
	type set struct {
		*world
		presentation string
		expect       verifier.Expect
	}
	resign := func(change func([]byte) ([]byte, error)) func(*set) {
		return func(s *set) {
			end := strings.IndexByte(s.presentation, '~')
			start := strings.LastIndexByte(s.presentation[:end], '.') + 1
			signature, err := base64.RawURLEncoding.DecodeString(s.presentation[start:end])
			require.NoError(s.t, err)
			signature, err = change(signature)
			require.NoError(s.t, err)
			s.presentation = s.presentation[:start] + base64.RawURLEncoding.EncodeToString(signature) + s.presentation[end:]
		}
	}
	edit := func(name string, value any) func(*set) {
		return func(s *set) {
			c := s.claims()
			if value == nil {
				delete(c, name)
			} else {
				c[name] = value
			}
			s.presentation = s.present(s.credential(c), s.provider, sdjwt.Binding{Audience: party, Nonce: "nonce-1", IssuedAt: s.now})
		}
	}
	relist := func(change func(*trustlist.List)) func(*set) {
		return func(s *set) { s.publish(change) }
	}
	for name, c := range map[string]struct {
		broken  func(*set)
		outcome verifier.Outcome
		reason  string
		silent  bool // no claims may leave
	}{
		"not an SD-JWT":              {func(s *set) { s.presentation = "hello" }, verifier.Invalid, "presentation-malformed", true},
		"empty":                      {func(s *set) { s.presentation = "" }, verifier.Invalid, "presentation-malformed", true},
		"unknown issuer":             {edit("iss", base+"/issuers/nobody"), verifier.Invalid, "issuer-untrusted", true},
		"type not published":         {edit("vct", base+"/types/passport/1"), verifier.Invalid, "type-unpublished", true},
		"everything frozen":          {relist(func(l *trustlist.List) { l.FrozenAll = true }), verifier.Invalid, "all-frozen", false},
		"region frozen":              {relist(func(l *trustlist.List) { l.FrozenRegions = []string{"440000", "430100"} }), verifier.Invalid, "region-frozen", true},
		"type frozen":                {relist(func(l *trustlist.List) { l.Types[0].Frozen = true }), verifier.Invalid, "type-frozen", true},
		"issuer not for this type":   {relist(func(l *trustlist.List) { l.Issuers[0].Types = []string{} }), verifier.Invalid, "issuer-not-entitled-type", true},
		"issuer of another region":   {edit("region", "110101"), verifier.Invalid, "issuer-not-entitled-region", true},
		"no region":                  {edit("region", nil), verifier.Invalid, "issuer-not-entitled-region", true},
		"issuer frozen":              {relist(func(l *trustlist.List) { l.Issuers[0].Frozen = true }), verifier.Invalid, "issuer-frozen", true},
		"key frozen":                 {relist(func(l *trustlist.List) { l.Issuers[0].Keys[0].Frozen = true }), verifier.Invalid, "key-frozen", true},
		"signed after the key's end": {relist(func(l *trustlist.List) { l.Issuers[0].Keys[0].NotAfter = l.IssuedAt.Add(-24 * time.Hour) }), verifier.Invalid, "key-out-of-dates", true},
		"no iat":                     {edit("iat", nil), verifier.Invalid, "key-out-of-dates", true},
		"iat is text":                {edit("iat", "yesterday"), verifier.Invalid, "presentation-malformed", true},
		"forged by another key": {func(s *set) {
			s.issuer = newKey(s.t, s.issuer.Public().Algorithm())
			own := s.issuer.WithID(s.list.Issuers[0].Keys[0].Key.ID())
			s.issuer = own
			s.presentation = s.good()
		}, verifier.Invalid, "signature-invalid", true},
		"algorithm of the other profile": {func(s *set) {
			other := key.ES256
			if s.issuer.Public().Algorithm() == key.ES256 {
				other = key.SM2
			}
			s.issuer = newKey(s.t, other).WithID(s.list.Issuers[0].Keys[0].Key.ID())
			s.presentation = s.good()
		}, verifier.Invalid, "algorithm-not-allowed", true},
		"signature in DER":                {resign(sm.ToDER), verifier.Invalid, "signature-encoding", true},
		"r zero":                          {resign(half(0, 0)), verifier.Invalid, "signature-encoding", true},
		"s zero":                          {resign(half(32, 0)), verifier.Invalid, "signature-encoding", true},
		"r out of range":                  {resign(half(0, 0xff)), verifier.Invalid, "signature-encoding", true},
		"s out of range":                  {resign(half(32, 0xff)), verifier.Invalid, "signature-encoding", true},
		"expired":                         {func(s *set) { s.now = s.now.Add(48 * time.Hour); s.publish(func(*trustlist.List) {}) }, verifier.Invalid, "certificate-expired", true},
		"not yet valid":                   {edit("nbf", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).Unix()), verifier.Invalid, "certificate-not-yet-valid", false},
		"suspended":                       {func(s *set) { s.setStatus(7, statuslist.Suspended) }, verifier.Invalid, "certificate-suspended", false},
		"ended":                           {func(s *set) { s.setStatus(7, statuslist.Invalid) }, verifier.Invalid, "certificate-ended", false},
		"status too old":                  {func(s *set) { s.now = s.now.Add(20 * time.Second) }, verifier.Indeterminate, "status-stale", false},
		"ended, and the knowledge is old": {func(s *set) { s.setStatus(7, statuslist.Invalid); s.now = s.now.Add(20 * time.Second) }, verifier.Invalid, "certificate-ended", false},
		"status list lost":                {edit("status", statuslist.Reference{Index: 7, URI: base + "/status/2"}.Claim()), verifier.Indeterminate, "status-unavailable", false},
		"index past the end":              {edit("status", statuslist.Reference{Index: issuer.ListSize, URI: base + "/status/1"}.Claim()), verifier.Invalid, "status-index-out-of-range", false},
		"list of a stranger":              {edit("status", statuslist.Reference{Index: 7, URI: "https://evil.example/status/1"}.Claim()), verifier.Invalid, "status-list-wrong-signer", false},
		"no status":                       {edit("status", nil), verifier.Invalid, "status-missing", false},
		"trust list stale":                {func(s *set) { s.now = s.now.Add(25 * time.Hour) }, verifier.Indeterminate, "trust-list-stale", true},
		"trust list rolled back":          {func(s *set) { s.trustErr = trustlist.ErrRolledBack }, verifier.Indeterminate, "trust-list-rolled-back", true},
		"no proof":                        {func(s *set) { s.presentation = s.presentation[:strings.LastIndexByte(s.presentation, '~')+1] }, verifier.Invalid, "holder-binding-missing", true},
		"nobody bound":                    {func(s *set) { c := s.claims(); delete(c, "cnf"); s.presentation = s.credential(c) }, verifier.Invalid, "holder-binding-missing", true},
		"another's proof": {func(s *set) {
			// Everything in the proof is right but who signed it.
			cut := strings.LastIndexByte(s.presentation, '~') + 1
			proof, err := jose.Parse(s.presentation[cut:], "kb+jwt")
			require.NoError(s.t, err)
			forged, err := jose.Sign(s.device, jose.SignHeader{Type: "kb+jwt", KeyID: "-"}, proof.Payload)
			require.NoError(s.t, err)
			s.presentation = s.presentation[:cut] + forged
		}, verifier.Invalid, "holder-binding-invalid", true},
		"another nonce":    {func(s *set) { s.expect.Nonce = "nonce-2" }, verifier.Invalid, "nonce-wrong", true},
		"another audience": {func(s *set) { s.expect.Audience = "hospital" }, verifier.Invalid, "audience-wrong", true},
		"old proof":        {func(s *set) { s.now = s.now.Add(2 * time.Minute); s.setStatus(7, statuslist.Valid) }, verifier.Invalid, "proof-too-old", true},
		"clock 5 minutes off": {func(s *set) {
			s.presentation = s.present(s.credential(s.claims()), s.provider, sdjwt.Binding{Audience: party, Nonce: "nonce-1", IssuedAt: s.now.Add(5 * time.Minute)})
		}, verifier.Invalid, "proof-from-future", true},
		"provider key frozen": {relist(func(l *trustlist.List) { l.Providers[0].Keys[0].Frozen = true }), verifier.Invalid, "key-frozen", true},
		"provider frozen":     {relist(func(l *trustlist.List) { l.Providers[0].Frozen = true }), verifier.Invalid, "key-frozen", true},
		"disclosure twice": {func(s *set) {
			parts := strings.Split(s.presentation, "~")
			s.presentation = strings.Join(append([]string{parts[0], parts[1]}, parts[1:]...), "~")
		}, verifier.Invalid, "disclosure-duplicate", true},
		"disclosure unknown": {func(s *set) {
			parts := strings.Split(s.presentation, "~")
			parts[1] = "WyJhYWFhYWFhYWFhYWFhYWFhYWFhYWFhIiwgIm5hbWUiLCAi5p2O5ZubIl0"
			s.presentation = strings.Join(parts, "~")
		}, verifier.Invalid, "disclosure-unknown", true},
	} {
		for _, a := range []key.Algorithm{key.SM2, key.ES256} {
			t.Run(name+"/"+string(a), func(t *testing.T) {
				s := &set{world: newWorld(t, a), expect: verifier.Expect{Audience: party, Nonce: "nonce-1"}}
				s.presentation = s.good()
				// Once while all is well: what the verifier remembers of it must not help afterwards.
				require.Equal(t, verifier.Valid, s.v.Verify(context.Background(), s.presentation, s.expect).Outcome)
				c.broken(s)
				r := s.v.Verify(context.Background(), s.presentation, s.expect)
				require.Equal(t, c.outcome, r.Outcome, r.Reasons)
				require.Contains(t, r.Reasons, c.reason)
				if c.silent {
					require.Empty(t, r.Claims, "claims left with %v", r.Reasons)
				}
			})
		}
	}
}

func TestVerifyDeviceBound(t *testing.T) {
	w := newWorld(t, key.SM2)
	c := w.claims()
	c["cnf"] = map[string]any{"jwk": w.device.Public().Confirmation()}
	p := w.present(w.credential(c), w.device, sdjwt.Binding{Audience: party, Nonce: "n", IssuedAt: w.now})
	r := w.v.Verify(context.Background(), p, verifier.Expect{Audience: party, Nonce: "n"})
	require.Equal(t, verifier.Valid, r.Outcome, r.Reasons)
	require.Equal(t, verifier.BoundDevice, r.Holder.Bound)
}

func TestVerifyUnbound(t *testing.T) {
	w := newWorld(t, key.SM2)
	c := w.claims()
	delete(c, "cnf")
	original := w.credential(c)
	r := w.v.Verify(context.Background(), original, verifier.Expect{Unbound: true})
	require.Equal(t, verifier.Valid, r.Outcome, r.Reasons)
	require.Equal(t, verifier.NotChecked, r.Holder.State)
	c["cnf"] = "not an object"
	r = w.v.Verify(context.Background(), w.credential(c), verifier.Expect{Unbound: true})
	require.Equal(t, verifier.Invalid, r.Outcome)
}

// Whether a proof is needed is told by the certificate, not by whether one is there (RFC 9901 §7.3):
// a presentation whose proof was cut off is not an original.
func TestVerifyUnboundIsNoWayAroundTheProof(t *testing.T) {
	w := newWorld(t, key.SM2)
	shown := w.good()
	r := w.v.Verify(context.Background(), shown[:strings.LastIndexByte(shown, '~')+1], verifier.Expect{Unbound: true})
	require.Equal(t, verifier.Invalid, r.Outcome)
	require.Contains(t, r.Reasons, "holder-binding-missing")
	require.Empty(t, r.Claims)
}

// No byte of a presentation may be changed without the verifier noticing.
func TestVerifyFlipAnyByte(t *testing.T) {
	w := newWorld(t, key.SM2)
	good := w.good()
	for i := range len(good) {
		bad := []byte(good)
		bad[i] ^= 1
		r := w.v.Verify(context.Background(), string(bad), verifier.Expect{Audience: party, Nonce: "nonce-1"})
		require.NotEqual(t, verifier.Valid, r.Outcome, "byte %d", i)
		require.Empty(t, r.Claims, "byte %d", i)
	}
}

func FuzzVerify(f *testing.F) {
	w := newWorld(&testing.T{}, key.SM2)
	f.Add(w.good())
	f.Add(w.credential(w.claims()))
	f.Add("a.b.c~d~")
	good := w.good()
	f.Fuzz(func(t *testing.T, text string) {
		r := w.v.Verify(context.Background(), text, verifier.Expect{Audience: party, Nonce: "nonce-1"})
		if text != good && !strings.HasPrefix(text, good[:40]) {
			require.NotEqual(t, verifier.Valid, r.Outcome)
		}
		require.NotEmpty(t, r.Outcome)
	})
}
