package wallet_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// deviceChallenges are kept where those of presentations are.
type deviceChallenges struct{ *memstore.Store }

func (c deviceChallenges) TakeChallenge(ctx context.Context, challenge, who string) error {
	if err := c.Store.TakeChallenge(ctx, challenge, who); err != nil {
		return fmt.Errorf("%w: %w", wallet.ErrDeviceChallenge, err)
	}
	return nil
}

// opener opens sessions, as a sign-in does.
type opener interface {
	OpenSession(ctx context.Context, s access.Session) error
}

// signedIn is a person who has just signed in, in a session of her own.
func signedIn(t *testing.T, db opener, p wallet.Person, now time.Time) wallet.Person {
	t.Helper()
	p.Session, p.AuthTime = fmt.Sprint("session ", p.HolderID, " ", now.UnixNano()), now
	require.NoError(t, db.OpenSession(t.Context(), access.Session{ID: p.Session, Holder: p.HolderID, Method: "oidc:test", At: now, SignedInAt: now, Expires: now.Add(8 * time.Hour)}))
	return p
}

// registers does what a device does to be known.
func registers(t *testing.T, w *wallet.Wallet, p wallet.Person, k *key.Private) (wallet.Device, error) {
	t.Helper()
	c, err := w.ChallengeDevice(t.Context(), p)
	require.NoError(t, err)
	signature, err := k.Sign(wallet.DeviceProof(c, k.Public()))
	require.NoError(t, err)
	return w.RegisterDevice(t.Context(), p, wallet.Registration{Name: " 我的手机 ", Key: k.Public(), Challenge: c.Challenge, Signature: signature})
}

func generate(t *testing.T, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func TestRegisterDevice(t *testing.T) {
	s := newSpace(t)
	me := signedIn(t, s.db, s.me(), s.now)
	for i, a := range []key.Algorithm{key.ES256, key.SM2} {
		k := generate(t, a)
		d, err := registers(t, s.Wallet, me, k)
		require.NoError(t, err)
		require.Equal(t, "我的手机", d.Name)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", d, d, d), "手机")
		_, err = registers(t, s.Wallet, me, k)
		require.ErrorIs(t, err, wallet.ErrDeviceExists)
		all, err := s.MyDevices(t.Context(), me)
		require.NoError(t, err)
		require.Len(t, all, i+1)
	}
	for range 8 {
		_, err := registers(t, s.Wallet, me, generate(t, key.ES256))
		require.NoError(t, err)
	}
	_, err := registers(t, s.Wallet, me, generate(t, key.ES256))
	require.ErrorIs(t, err, wallet.ErrDeviceLimit)

	other := signedIn(t, s.db, wallet.Person{HolderID: "other"}, s.now)
	all, err := s.MyDevices(t.Context(), other)
	require.NoError(t, err)
	require.Empty(t, all)
}

// Whatever is wrong with a proof, the challenge is spent by it.
func TestRegisterDeviceRefuses(t *testing.T) {
	s := newSpace(t)
	ctx := t.Context()
	me := signedIn(t, s.db, s.me(), s.now)
	s.now = s.now.Add(time.Second)
	elsewhere := signedIn(t, s.db, s.me(), s.now) // the same person in another session
	k, another := generate(t, key.ES256), generate(t, key.ES256)
	twin, err := key.FromPoint(key.ES256, k.Public().Point())
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		signed func(*wallet.DeviceChallenge) // what the device signs in place of what it was given
		signer *key.Private
		edit   func(*wallet.Registration, *wallet.Person)
		want   error
	}{
		"another key signs":          {signer: another, want: wallet.ErrDeviceProof},
		"another key is named":       {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Key = another.Public() }, want: wallet.ErrDeviceProof},
		"no key":                     {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Key = nil }, want: wallet.ErrDeviceProof},
		"another origin":             {signed: func(c *wallet.DeviceChallenge) { c.Origin = "https://wallet.test.evil.example" }, want: wallet.ErrDeviceProof},
		"another binding":            {signed: func(c *wallet.DeviceChallenge) { c.Binding = strings.Repeat("A", 43) }, want: wallet.ErrDeviceProof},
		"another challenge signed":   {signed: func(c *wallet.DeviceChallenge) { c.Challenge = strings.Repeat("A", 43) }, want: wallet.ErrDeviceProof},
		"a challenge never given":    {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Challenge = strings.Repeat("A", 43) }, want: wallet.ErrDeviceChallenge},
		"no challenge":               {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Challenge = "" }, want: wallet.ErrDeviceChallenge},
		"in another session":         {edit: func(_ *wallet.Registration, p *wallet.Person) { *p = elsewhere }, want: wallet.ErrDeviceChallenge},
		"signature cut off":          {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Signature = r.Signature[:63] }, want: wallet.ErrDeviceProof},
		"signature changed":          {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Signature[9] ^= 1 }, want: wallet.ErrDeviceProof},
		"nameless":                   {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Name = " " }, want: wallet.ErrDeviceName},
		"long name":                  {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Name = strings.Repeat("长", 65) }, want: wallet.ErrDeviceName},
		"name with a line feed":      {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Name = "a\nb" }, want: wallet.ErrDeviceName},
		"signed in long ago":         {edit: func(_ *wallet.Registration, p *wallet.Person) { p.AuthTime = p.AuthTime.Add(-6 * time.Minute) }, want: wallet.ErrNotFresh},
		"when is not known":          {edit: func(_ *wallet.Registration, p *wallet.Person) { p.AuthTime = time.Time{} }, want: wallet.ErrNotFresh},
		"no session":                 {edit: func(_ *wallet.Registration, p *wallet.Person) { p.Session = "" }, want: wallet.ErrNotFresh},
		"the same point, spelled so": {edit: func(r *wallet.Registration, _ *wallet.Person) { r.Key = twin }},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := s.ChallengeDevice(ctx, me)
			require.NoError(t, err)
			told, signer, p := c, k, me
			if tc.signed != nil {
				tc.signed(&told)
			}
			if tc.signer != nil {
				signer = tc.signer
			}
			r := wallet.Registration{Name: "手机", Key: k.Public(), Challenge: c.Challenge}
			r.Signature, err = signer.Sign(wallet.DeviceProof(told, k.Public()))
			require.NoError(t, err)
			good := r
			good.Signature = append([]byte(nil), r.Signature...)
			if tc.edit != nil {
				tc.edit(&r, &p)
			}
			_, err = s.RegisterDevice(ctx, p, r)
			require.ErrorIs(t, err, tc.want)
			if tc.want == wallet.ErrDeviceProof && r.Key != nil {
				_, err = s.RegisterDevice(ctx, me, good)
				require.ErrorIs(t, err, wallet.ErrDeviceChallenge, "spent")
			}
		})
	}
	stale := me
	stale.AuthTime = s.now.Add(-time.Hour)
	_, err = s.ChallengeDevice(ctx, stale)
	require.ErrorIs(t, err, wallet.ErrNotFresh)
	stale.StepUp = s.now
	c, err := s.ChallengeDevice(ctx, stale)
	require.NoError(t, err, "a passkey will do")
	s.now = s.now.Add(5*time.Minute + time.Second)
	stale.StepUp = s.now
	third := generate(t, key.ES256)
	signature, err := third.Sign(wallet.DeviceProof(c, third.Public()))
	require.NoError(t, err)
	_, err = s.RegisterDevice(ctx, stale, wallet.Registration{Name: "x", Key: third.Public(), Challenge: c.Challenge, Signature: signature})
	require.ErrorIs(t, err, wallet.ErrDeviceChallenge, "five minutes are over")
}

// Of two registrations with one challenge one counts.
func TestOneChallengeOneDevice(t *testing.T) {
	s := newSpace(t)
	me := signedIn(t, s.db, s.me(), s.now)
	c, err := s.ChallengeDevice(t.Context(), me)
	require.NoError(t, err)
	answers := make([]error, 6)
	var wg sync.WaitGroup
	for i := range answers {
		k := generate(t, key.ES256)
		signature, err := k.Sign(wallet.DeviceProof(c, k.Public()))
		require.NoError(t, err)
		wg.Go(func() {
			_, answers[i] = s.RegisterDevice(context.WithoutCancel(t.Context()), me, wallet.Registration{Name: "x", Key: k.Public(), Challenge: c.Challenge, Signature: signature})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range answers {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, wallet.ErrDeviceChallenge)
	}
	require.Equal(t, 1, won)
	all, err := s.MyDevices(t.Context(), me)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestKillDevice(t *testing.T) {
	s, ctx := newSpace(t), t.Context()
	me := signedIn(t, s.db, s.me(), s.now)
	d, err := registers(t, s.Wallet, me, generate(t, key.ES256))
	require.NoError(t, err)
	stranger := wallet.Person{HolderID: "stranger"}
	for _, id := range []string{d.ID, "none", ""} {
		require.ErrorIs(t, s.KillDevice(ctx, stranger, id), wallet.ErrDeviceUnknown)
	}
	require.ErrorIs(t, s.KillDevice(ctx, wallet.Person{}, d.ID), wallet.ErrDeviceUnknown)
	s.now = s.now.Add(time.Hour) // nothing fresh is asked for
	events, stop, err := s.Watch(ctx, s.me())
	require.NoError(t, err)
	defer stop()
	require.NoError(t, s.KillDevice(ctx, s.me(), d.ID))
	require.Equal(t, wallet.EventDevices, (<-events).Kind, "her pages hear of it")
	require.NoError(t, s.KillDevice(ctx, s.me(), d.ID), "again")

	for _, l := range []wallet.LossReport{{Device: d.ID, Operator: "op"}, {Device: d.ID, Reason: " \n"}, {Device: d.ID, Reason: strings.Repeat("x", 501)}} {
		_, err = s.ReportLoss(ctx, l)
		require.ErrorIs(t, err, wallet.ErrReason)
	}
	_, err = s.ReportLoss(ctx, wallet.LossReport{Operator: "op", Reason: "lost"})
	require.ErrorIs(t, err, wallet.ErrDeviceUnknown, "neither may stand for all")
	n, err := s.ReportLoss(ctx, wallet.LossReport{Device: d.ID, Operator: "op", Reason: "lost"})
	require.NoError(t, err)
	require.Zero(t, n)

	c := newCompany(t)
	boss := signedIn(t, c.db, c.person("boss"), c.now)
	for range 2 {
		_, err = registers(t, c.Wallet, boss, generate(t, key.SM2))
		require.NoError(t, err)
	}
	n, err = c.ReportLoss(ctx, wallet.LossReport{Holder: people["clerk"], Operator: "op", Reason: "lost"})
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = c.ReportLoss(ctx, wallet.LossReport{Holder: schemas.HolderRef{Type: "111", Number: people["boss"].Number}, Operator: "op", Reason: "lost"})
	require.NoError(t, err)
	require.Equal(t, 2, n)
}
