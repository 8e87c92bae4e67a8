package bench

import (
	"context"
	"encoding/json"
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
	"github.com/showcard/showcard/verifier"
)

// The baseline must make the same checks: on good presentations and on bad ones of every kind both
// sides give the same answer, byte for byte.
func TestPlainVerifierGivesTheSameAnswers(t *testing.T) {
	type show struct {
		*coreWorld
		shown
		audience string
	}
	present := func(change func(*coreWorld, map[string]any)) func(*show) {
		return func(s *show) {
			claims := s.claims(s.provider, 7)
			change(s.coreWorld, claims)
			vc, err := s.credential(claims)
			require.NoError(t, err)
			shows, err := s.show(vc, s.provider, 1)
			require.NoError(t, err)
			s.shown = shows[0]
		}
	}
	edit := func(name string, value any) func(*show) {
		return present(func(_ *coreWorld, c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		})
	}
	list := func(change func(*trustlist.List)) func(*show) { return func(s *show) { change(s.list) } }
	text := func(change func(string) string) func(*show) {
		return func(s *show) { s.text = change(s.text) }
	}
	parts := func(change func([]string) []string) func(*show) {
		return text(func(s string) string { return strings.Join(change(strings.Split(s, "~")), "~") })
	}
	for name, c := range map[string]struct {
		change  func(*show)
		outcome verifier.Outcome
	}{
		"good": {func(*show) {}, verifier.Valid},
		"nothing disclosed": {func(s *show) {
			vc, err := s.credential(s.claims(s.provider, 7))
			require.NoError(t, err)
			text, err := vc.Present(nil, s.provider, sdjwt.Binding{Audience: coreParty, Nonce: s.nonce, IssuedAt: s.now})
			require.NoError(t, err)
			s.text = text
		}, verifier.Valid},
		"a device's": {func(s *show) {
			deck, err := s.deck(1, 1, nil)
			require.NoError(t, err)
			s.shown = deck[0]
		}, verifier.Valid},
		"not an SD-JWT":             {text(func(string) string { return "hello" }), verifier.Invalid},
		"empty":                     {text(func(string) string { return "" }), verifier.Invalid},
		"no dates":                  {present(func(_ *coreWorld, c map[string]any) { delete(c, "nbf"); delete(c, "exp") }), verifier.Valid},
		"expired":                   {edit("exp", time.Now().Add(-time.Hour).Unix()), verifier.Invalid},
		"not yet valid":             {edit("nbf", time.Now().Add(time.Hour).Unix()), verifier.Invalid},
		"exp is text":               {edit("exp", "tomorrow"), verifier.Invalid},
		"no iat":                    {edit("iat", nil), verifier.Invalid},
		"unknown issuer":            {edit("iss", coreBase+"/issuers/nobody"), verifier.Invalid},
		"type not published":        {edit("vct", coreBase+"/types/passport/1"), verifier.Invalid},
		"another region":            {edit("region", "110101"), verifier.Invalid},
		"no region":                 {edit("region", nil), verifier.Invalid},
		"no status":                 {edit("status", nil), verifier.Invalid},
		"status of a stranger":      {edit("status", statuslist.Reference{Index: 7, URI: "https://evil.example/status/1"}.Claim()), verifier.Invalid},
		"status list lost":          {edit("status", statuslist.Reference{Index: 7, URI: coreStatus + "2"}.Claim()), verifier.Indeterminate},
		"index past the end":        {edit("status", statuslist.Reference{Index: coreSize, URI: coreStatus + "1"}.Claim()), verifier.Invalid},
		"suspended":                 {func(s *show) { require.NoError(t, s.bits.Set(7, statuslist.Suspended)) }, verifier.Invalid},
		"ended":                     {func(s *show) { require.NoError(t, s.bits.Set(7, statuslist.Invalid)) }, verifier.Invalid},
		"all frozen":                {list(func(l *trustlist.List) { l.FrozenAll = true }), verifier.Invalid},
		"region frozen":             {list(func(l *trustlist.List) { l.FrozenRegions = []string{"430100"} }), verifier.Invalid},
		"type frozen":               {list(func(l *trustlist.List) { l.Types[0].Frozen = true }), verifier.Invalid},
		"not for this type":         {list(func(l *trustlist.List) { l.Issuers[0].Types = nil }), verifier.Invalid},
		"issuer frozen":             {list(func(l *trustlist.List) { l.Issuers[0].Frozen = true }), verifier.Invalid},
		"key frozen":                {list(func(l *trustlist.List) { l.Issuers[0].Keys[0].Frozen = true }), verifier.Invalid},
		"key out of dates":          {list(func(l *trustlist.List) { l.Issuers[0].Keys[0].NotAfter = l.IssuedAt.Add(-24 * time.Hour) }), verifier.Invalid},
		"provider's key frozen":     {list(func(l *trustlist.List) { l.Providers[0].Keys[0].Frozen = true }), verifier.Invalid},
		"list expired":              {list(func(l *trustlist.List) { l.Expires = l.IssuedAt.Add(-time.Second) }), verifier.Indeterminate},
		"another nonce":             {func(s *show) { s.nonce = "another" }, verifier.Invalid},
		"another audience":          {func(s *show) { s.audience = "hospital" }, verifier.Invalid},
		"old proof":                 {func(s *show) { s.now = s.now.Add(61 * time.Second) }, verifier.Invalid},
		"proof from the future":     {func(s *show) { s.now = s.now.Add(-11 * time.Second) }, verifier.Invalid},
		"no proof":                  {parts(func(p []string) []string { p[len(p)-1] = ""; return p }), verifier.Invalid},
		"a disclosure less":         {parts(func(p []string) []string { return append(p[:1], p[2:]...) }), verifier.Invalid},
		"a disclosure twice":        {parts(func(p []string) []string { return append(p[:2], p[1:]...) }), verifier.Invalid},
		"a disclosure changed":      {parts(func(p []string) []string { p[3] = p[3][:30] + "A" + p[3][31:]; return p }), verifier.Invalid},
		"a disclosure not base64":   {parts(func(p []string) []string { p[3] += "="; return p }), verifier.Invalid},
		"signature changed":         {text(func(s string) string { i := strings.IndexByte(s, '~') - 20; return s[:i] + flip(s[i]) + s[i+1:] }), verifier.Invalid},
		"signature cut":             {text(func(s string) string { i := strings.IndexByte(s, '~'); return s[:i-4] + s[i:] }), verifier.Invalid},
		"proof's signature changed": {text(func(s string) string { i := len(s) - 20; return s[:i] + flip(s[i]) + s[i+1:] }), verifier.Invalid},
		"proof by another": {func(s *show) {
			other, err := key.Generate(key.SM2)
			require.NoError(t, err)
			cut := strings.LastIndexByte(s.text, '~') + 1
			proof, err := jose.Parse(s.text[cut:], "kb+jwt")
			require.NoError(t, err)
			forged, err := jose.Sign(other, jose.SignHeader{Type: "kb+jwt", KeyID: "-"}, proof.Payload)
			require.NoError(t, err)
			s.text = s.text[:cut] + forged
		}, verifier.Invalid},
		"forged by another key": {func(s *show) {
			other, err := key.Generate(key.SM2)
			require.NoError(t, err)
			s.issuer = other.WithID(s.issuer.Public().ID())
			present(func(*coreWorld, map[string]any) {})(s)
		}, verifier.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := newCoreWorld()
			require.NoError(t, err)
			s := &show{coreWorld: w, audience: coreParty}
			present(func(*coreWorld, map[string]any) {})(s)
			ours, err := w.ours(sm.TablesConfig{}, 0)
			require.NoError(t, err)
			// Once before the fault: what is remembered must not change the answer.
			require.Equal(t, verifier.Valid, ours.Verify(context.Background(), s.text, verifier.Expect{Audience: coreParty, Nonce: s.nonce}).Outcome)
			c.change(s)
			got := ours.Verify(context.Background(), s.text, verifier.Expect{Audience: s.audience, Nonce: s.nonce})
			plain := w.plain()
			want := plain.Verify(s.text, s.audience, s.nonce, s.now)
			require.Equal(t, c.outcome, got.Outcome, got.Reasons)
			a, err := json.Marshal(want)
			require.NoError(t, err)
			b, err := json.Marshal(got)
			require.NoError(t, err)
			require.JSONEq(t, string(a), string(b))
		})
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}
