package login_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

// With fresh=true the provider is asked to have her prove anew who she is, and its word for it is
// an auth_time of the last minutes: the end of a silent sign-in is no proof.
func TestFreshSignIn(t *testing.T) {
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for name, c := range map[string]struct {
		wrong func(*op)
		code  string
	}{
		"just now":     {set("auth_time", at(-5*time.Second)), ""},
		"long ago":     {set("auth_time", at(-10*time.Minute)), "sign-in-stale"},
		"no auth_time": {set("auth_time", nil), "sign-in-stale"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t, time.Now)
			c.wrong(o)
			s := newSite(t, nil, region(o, newKey(t, key.ES256)))
			begun := s.begin(s.browser, "region", "?fresh=true")
			require.Equal(t, "login", parse(t, begun).Query().Get("prompt"))
			require.Equal(t, "300", parse(t, begun).Query().Get("max_age"))
			a := s.get(s.browser, s.asked(s.browser, begun))
			require.Equal(t, c.code, a.code, a.body)
		})
	}
}
