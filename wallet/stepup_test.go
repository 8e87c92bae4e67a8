package wallet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// What is sensitive is shown after a passkey, or a sign-in of high assurance, of a moment ago.
func TestSensitiveNeedsStepUp(t *testing.T) {
	s := newSpace(t)
	s.held = []wallet.Held{{Identifier: identifier, HolderID: "holder", Type: "medical-insurance", TypeVer: 1, State: "valid", Claims: schemas.Claims{"name": "张示例"}}}
	for name, one := range map[string]struct {
		edit   func(*wallet.Person)
		want   error
		method string
	}{
		"nothing":                          {func(*wallet.Person) {}, wallet.ErrStepUp, ""},
		"passkey just now":                 {func(p *wallet.Person) { p.StepUp = s.now }, nil, "passkey"},
		"passkey five minutes ago":         {func(p *wallet.Person) { p.StepUp = s.now.Add(-5 * time.Minute) }, nil, "passkey"},
		"passkey too long ago":             {func(p *wallet.Person) { p.StepUp = s.now.Add(-5*time.Minute - time.Second) }, wallet.ErrStepUp, ""},
		"passkey tomorrow":                 {func(p *wallet.Person) { p.StepUp = s.now.Add(24 * time.Hour) }, wallet.ErrStepUp, ""},
		"sign-in, high, just now":          {func(p *wallet.Person) { p.Assurance, p.VerifiedAt, p.AuthTime = "high", s.now, s.now }, nil, "sign-in"},
		"sign-in, substantial":             {func(p *wallet.Person) { p.Assurance, p.VerifiedAt, p.AuthTime = "substantial", s.now, s.now }, wallet.ErrStepUp, ""},
		"sign-in, high, when is not known": {func(p *wallet.Person) { p.Assurance, p.VerifiedAt = "high", s.now }, wallet.ErrStepUp, ""},
		"sign-in, high, an hour ago":       {func(p *wallet.Person) { p.Assurance, p.AuthTime = "high", p.VerifiedAt }, wallet.ErrStepUp, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.me()
			p.VerifiedAt = s.now.Add(-time.Hour)
			one.edit(&p)
			c, err := s.Show(t.Context(), p, wallet.ShowRequest{Identifier: identifier, View: "insured"})
			require.ErrorIs(t, err, one.want)
			if one.want != nil {
				return
			}
			o, err := s.Peek(t.Context(), ticket(t, c))
			require.NoError(t, err)
			require.Equal(t, one.method, o.Method)
			// The next code of the same show asks for nothing more.
			later := p
			later.StepUp, later.VerifiedAt = time.Time{}, time.Time{}
			_, err = s.Renew(t.Context(), later, c.ShowID)
			require.NoError(t, err)
		})
	}
}

// What is not sensitive asks for nothing, and says "passkey" when one was used.
func TestStepUpIsTold(t *testing.T) {
	s := newSpace(t)
	p := s.me()
	p.VerifiedAt, p.StepUp = s.now.Add(-time.Hour), s.now.Add(-time.Minute)
	c, err := s.Show(t.Context(), p, wallet.ShowRequest{Identifier: identifier, View: "identity"})
	require.NoError(t, err)
	o, err := s.Peek(t.Context(), ticket(t, c))
	require.NoError(t, err)
	require.Equal(t, "passkey", o.Method)
	require.Equal(t, p.StepUp, o.VerifiedAt)
}
