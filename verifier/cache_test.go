package verifier_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/verifier"
)

// A remembered signature helps nothing but the clock: whatever the list says at the next use
// counts at the next use, and coming back needs no new arithmetic.
func TestRememberedSignatureObeysTheList(t *testing.T) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		w := newWorld(t, a)
		shown := w.good()
		check := func() *verifier.Result {
			return w.v.Verify(context.Background(), shown, verifier.Expect{Audience: party, Nonce: "nonce-1"})
		}
		require.Equal(t, verifier.Valid, check().Outcome)
		require.Equal(t, verifier.Valid, check().Outcome)
		require.EqualValues(t, 1, w.v.Stats().Hits)
		require.EqualValues(t, 1, w.v.Stats().Misses)
		require.Equal(t, 1, w.v.Stats().Certificates)

		stranger := newKey(t, a).Public().WithID(w.issuer.Public().ID())
		for reason, change := range map[string]func(*trustlist.List){
			"key-frozen":                 func(l *trustlist.List) { l.Issuers[0].Keys[0].Frozen = true },
			"issuer-frozen":              func(l *trustlist.List) { l.Issuers[0].Frozen = true },
			"type-frozen":                func(l *trustlist.List) { l.Types[0].Frozen = true },
			"region-frozen":              func(l *trustlist.List) { l.FrozenRegions = []string{"430000"} },
			"all-frozen":                 func(l *trustlist.List) { l.FrozenAll = true },
			"issuer-not-entitled-region": func(l *trustlist.List) { l.Issuers[0].Regions = []string{"110000"} },
			"key-out-of-dates":           func(l *trustlist.List) { l.Issuers[0].Keys[0].NotBefore = w.now },
			"issuer-untrusted":           func(l *trustlist.List) { l.Issuers[0].Keys[0].Key = newKey(t, a).Public() },
			"signature-invalid":          func(l *trustlist.List) { l.Issuers[0].Keys[0].Key = stranger },
		} {
			w.publish(change)
			r := check()
			require.Equal(t, verifier.Invalid, r.Outcome, reason)
			require.Contains(t, r.Reasons, reason)
			require.Empty(t, r.Claims)
			w.publish(func(*trustlist.List) {})
			require.Equal(t, verifier.Valid, check().Outcome)
		}
		w.setStatus(7, statuslist.Invalid)
		require.Contains(t, check().Reasons, "certificate-ended")
		require.EqualValues(t, 2, w.v.Stats().Misses, "the stranger's key was the only one that asked for arithmetic")
	}
}

// With and without memory, a presentation gets the same answer the first time and the second.
func TestRememberingChangesNoAnswer(t *testing.T) {
	w := newWorld(t, key.SM2)
	forgetful, err := verifier.New(verifier.Config{
		Trust: w, Status: verifier.CachedStatus{Prefix: base + "/status/", Size: 1 << 20, Cache: w.cache}, Now: func() time.Time { return w.now }, MaxStatusAge: 10 * time.Second, CacheBytes: -1,
	})
	require.NoError(t, err)
	claims := w.claims()
	credential := w.credential(claims)
	for _, nonce := range []string{"a", "b", "c"} {
		shown := w.present(credential, w.provider, sdjwt.Binding{Audience: party, Nonce: nonce, IssuedAt: w.now})
		for at := 0; at < len(shown); at += 7 {
			changed := shown[:at] + string(shown[at]^1) + shown[at+1:]
			e := verifier.Expect{Audience: party, Nonce: nonce}
			require.Equal(t, forgetful.Verify(context.Background(), shown, e).Outcome, w.v.Verify(context.Background(), shown, e).Outcome)
			a, b := forgetful.Verify(context.Background(), changed, e), w.v.Verify(context.Background(), changed, e)
			require.Equal(t, verifier.Invalid, a.Outcome)
			require.Equal(t, a.Reasons, b.Reasons)
			require.Empty(t, b.Claims)
		}
	}
	require.Zero(t, forgetful.Stats())
}
