package passkey_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/login/passkey"
	"github.com/showcard/showcard/internal/login/passkey/passkeytest"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/verifier"
)

const origin = "https://cards.example"

// room is the desk over real stores, with a clock.
type room struct {
	*passkey.Desk
	t       *testing.T
	now     time.Time
	stepped map[string]time.Time // by session
	db      *sqlstore.Store
}

type challenges struct{ *memstore.Store }

func (c challenges) TakeChallenge(ctx context.Context, challenge, who string) error {
	err := c.Store.TakeChallenge(ctx, challenge, who)
	if errors.Is(err, verifier.ErrChallengeUnknown) {
		return passkey.ErrChallenge
	}
	return err
}

func newAuthenticator(t *testing.T) *passkeytest.Authenticator {
	return passkeytest.New(t, origin, "cards.example")
}

func newRoom(t *testing.T) *room {
	r := &room{t: t, now: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), stepped: map[string]time.Time{}}
	clock := func() time.Time { return r.now }
	folder := t.TempDir()
	require.NoError(t, key.NewKeyFile(filepath.Join(folder, "k")))
	ks, err := key.CreateStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "k")})
	require.NoError(t, err)
	r.db, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + filepath.Join(folder, "db", "p.db"), Keys: ks, Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.db.Close()) })
	volatile, err := memstore.New(memstore.Config{Now: clock})
	require.NoError(t, err)
	r.Desk, err = passkey.New(passkey.Config{PublicURL: origin, Store: r.db, Challenges: challenges{volatile}, Now: clock,
		StepUp: func(_ context.Context, session string, at time.Time) error { r.stepped[session] = at; return nil }})
	require.NoError(t, err)
	return r
}

func (r *room) person(id string) passkey.Person {
	return passkey.Person{HolderID: "blind-" + id, Session: "session-" + id, AuthTime: r.now}
}

// options are what a page gets, read as a browser would.
type options struct {
	Challenge string
	RP        struct{ ID string }
	User      struct{ ID, Name string }
	RPID      string `json:"rpId"`
	Allow     []struct{ ID string }
}

func (r *room) read(v any) (o options) {
	raw, err := json.Marshal(v)
	require.NoError(r.t, err)
	require.NoError(r.t, json.Unmarshal(raw, &o))
	return o
}

func raw(t *testing.T, v any) []byte {
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}

func (r *room) register(who passkey.Person, a *passkeytest.Authenticator) (passkey.Key, error) {
	begun, err := r.BeginRegistration(r.t.Context(), who)
	if err != nil {
		return passkey.Key{}, err
	}
	o := r.read(begun.Response)
	require.Equal(r.t, "cards.example", o.RP.ID)
	require.NotContains(r.t, o.User.Name+o.User.ID, who.HolderID)
	return r.Register(r.t.Context(), who, "手机", raw(r.t, a.Create(o.Challenge)))
}

func (r *room) challenge(who passkey.Person) string {
	begun, err := r.BeginStepUp(r.t.Context(), who)
	require.NoError(r.t, err)
	o := r.read(begun.Response)
	require.Equal(r.t, "cards.example", o.RPID)
	return o.Challenge
}

func (r *room) stepUp(who passkey.Person, a *passkeytest.Authenticator) error {
	_, err := r.StepUp(r.t.Context(), who, raw(r.t, a.Get(r.challenge(who))))
	return err
}

func TestPasskey(t *testing.T) {
	for _, format := range []string{"none", "packed"} {
		t.Run(format, func(t *testing.T) {
			r := newRoom(t)
			me, a := r.person("p"), newAuthenticator(t)
			a.Format = format
			k, err := r.register(me, a)
			require.NoError(t, err)
			require.Equal(t, []string{"internal"}, k.Transports)
			require.Equal(t, r.now, r.stepped[me.Session], "registering is a step-up")
			r.now = r.now.Add(time.Hour)
			a.Counter = 1
			until, err := r.StepUp(t.Context(), me, raw(t, a.Get(r.challenge(me))))
			require.NoError(t, err)
			require.Equal(t, r.now.Add(5*time.Minute), until)
			require.Equal(t, r.now, r.stepped[me.Session])
			keys, err := r.List(t.Context(), me)
			require.NoError(t, err)
			require.Equal(t, uint32(1), keys[0].SignCount)
			require.Equal(t, r.now, keys[0].UsedAt)
			require.Equal(t, "手机", keys[0].Name)
		})
	}
}

// Each fault has its own answer, spends the challenge and steps nobody up.
func TestStepUpRefuses(t *testing.T) {
	for name, one := range map[string]struct {
		bend func(r *room, a *passkeytest.Authenticator)
		want error
	}{
		"a page of another origin":      {func(_ *room, a *passkeytest.Authenticator) { a.Origin = "https://cards.example.evil.test" }, passkey.ErrOrigin},
		"another port":                  {func(_ *room, a *passkeytest.Authenticator) { a.Origin = "https://cards.example:8443" }, passkey.ErrOrigin},
		"plain http":                    {func(_ *room, a *passkeytest.Authenticator) { a.Origin = "http://cards.example" }, passkey.ErrOrigin},
		"a subdomain":                   {func(_ *room, a *passkeytest.Authenticator) { a.Origin = "https://x.cards.example" }, passkey.ErrOrigin},
		"another relying party":         {func(_ *room, a *passkeytest.Authenticator) { a.RPID = "evil.test" }, passkey.ErrOrigin},
		"user not verified":             {func(_ *room, a *passkeytest.Authenticator) { a.Flags = 0x01 }, passkey.ErrNotVerified},
		"user not present":              {func(_ *room, a *passkeytest.Authenticator) { a.Flags = 0x04 }, passkey.ErrInvalid},
		"another key under the same id": {func(r *room, a *passkeytest.Authenticator) { a.Key = newAuthenticator(r.t).Key }, passkey.ErrInvalid},
		"another user's handle":         {func(_ *room, a *passkeytest.Authenticator) { a.Handle = []byte("somebody") }, passkey.ErrInvalid},
		"the counter goes back":         {func(_ *room, a *passkeytest.Authenticator) { a.Counter = 6 }, passkey.ErrCounter},
		"the counter stands still":      {func(_ *room, a *passkeytest.Authenticator) { a.Counter = 7 }, passkey.ErrCounter},
		"somebody else's passkey": {func(r *room, a *passkeytest.Authenticator) {
			other := newAuthenticator(r.t)
			_, err := r.register(r.person("q"), other)
			require.NoError(r.t, err)
			a.ID, a.Key, a.Counter = other.ID, other.Key, 9
		}, passkey.ErrUnknown},
		"nobody's passkey": {func(_ *room, a *passkeytest.Authenticator) { a.ID = []byte("0123456789abcdef") }, passkey.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			me, a := r.person("p"), newAuthenticator(t)
			a.Counter = 7
			_, err := r.register(me, a)
			require.NoError(t, err)
			delete(r.stepped, me.Session)
			good := *a
			good.Counter = 8
			a.Counter = 8
			one.bend(r, a)
			challenge := r.challenge(me)
			_, err = r.StepUp(t.Context(), me, raw(t, a.Get(challenge)))
			require.ErrorIs(t, err, one.want)
			require.NotContains(t, r.stepped, me.Session)
			_, err = r.StepUp(t.Context(), me, raw(t, good.Get(challenge)))
			require.ErrorIs(t, err, passkey.ErrChallenge, "a challenge is good once")
			require.NoError(t, r.stepUp(me, &good), "the passkey itself is still good")
		})
	}
}

func TestChallenges(t *testing.T) {
	r := newRoom(t)
	me, a := r.person("p"), newAuthenticator(t)
	_, err := r.register(me, a)
	require.NoError(t, err)
	challenge := r.challenge(me)
	answer := raw(t, a.Get(challenge))
	elsewhere := me
	elsewhere.Session = "another session"
	_, err = r.StepUp(t.Context(), elsewhere, answer)
	require.ErrorIs(t, err, passkey.ErrChallenge, "of another session")
	_, err = r.StepUp(t.Context(), me, raw(t, a.Get("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")))
	require.ErrorIs(t, err, passkey.ErrChallenge, "never ours")
	_, err = r.StepUp(t.Context(), me, raw(t, a.Get(strings.Repeat("A", 5000))))
	require.ErrorIs(t, err, passkey.ErrChallenge)
	// A challenge of one ceremony is none in the other.
	b := newAuthenticator(t)
	_, err = r.Register(t.Context(), me, "x", raw(t, b.Create(r.challenge(me))))
	require.ErrorIs(t, err, passkey.ErrChallenge)
	late := raw(t, a.Get(r.challenge(me)))
	r.now = r.now.Add(5*time.Minute + time.Second)
	_, err = r.StepUp(t.Context(), me, late)
	require.ErrorIs(t, err, passkey.ErrChallenge, "too late")
}

func TestRegisterRefuses(t *testing.T) {
	for name, one := range map[string]struct {
		bend func(a *passkeytest.Authenticator)
		want error
	}{
		"another origin":        {func(a *passkeytest.Authenticator) { a.Origin = "https://evil.test" }, passkey.ErrOrigin},
		"another relying party": {func(a *passkeytest.Authenticator) { a.RPID = "evil.test" }, passkey.ErrOrigin},
		"user not verified":     {func(a *passkeytest.Authenticator) { a.Flags = 0x01 }, passkey.ErrNotVerified},
		"unknown attestation":   {func(a *passkeytest.Authenticator) { a.Format = "made-up" }, passkey.ErrInvalid},
	} {
		r, a := newRoom(t), newAuthenticator(t)
		one.bend(a)
		_, err := r.register(r.person("p"), a)
		require.ErrorIs(t, err, one.want, name)
		require.Empty(t, r.stepped)
	}
	r, a := newRoom(t), newAuthenticator(t)
	_, err := r.register(r.person("p"), a)
	require.NoError(t, err)
	_, err = r.register(r.person("q"), a)
	require.ErrorIs(t, err, passkey.ErrExists, "a credential is one person's")
	for _, name := range []string{"", "  ", strings.Repeat("字", 65), "a\u202eb"} {
		_, err = r.Register(t.Context(), r.person("p"), name, nil)
		require.ErrorIs(t, err, passkey.ErrName)
	}
	for range 9 {
		_, err = r.register(r.person("p"), newAuthenticator(t))
		require.NoError(t, err)
	}
	_, err = r.register(r.person("p"), newAuthenticator(t))
	require.ErrorIs(t, err, passkey.ErrLimit)
}

// A session that was left open gains and loses no passkey.
func TestFresh(t *testing.T) {
	r := newRoom(t)
	me, a := r.person("p"), newAuthenticator(t)
	k, err := r.register(me, a)
	require.NoError(t, err)
	r.now = r.now.Add(5*time.Minute + time.Second)
	_, err = r.BeginRegistration(t.Context(), me)
	require.ErrorIs(t, err, passkey.ErrNotFresh)
	_, err = r.Register(t.Context(), me, "x", nil)
	require.ErrorIs(t, err, passkey.ErrNotFresh)
	require.ErrorIs(t, r.Remove(t.Context(), me, k.ID), passkey.ErrNotFresh)
	future := me
	future.AuthTime = r.now.Add(time.Hour)
	require.ErrorIs(t, r.Remove(t.Context(), future, k.ID), passkey.ErrNotFresh)
	a.Counter = 1
	require.NoError(t, r.stepUp(me, a))
	me.StepUp = r.stepped[me.Session]
	_, err = r.register(me, newAuthenticator(t))
	require.NoError(t, err)
	other := r.person("q")
	require.ErrorIs(t, r.Remove(t.Context(), other, k.ID), passkey.ErrUnknown)
	require.NoError(t, r.Remove(t.Context(), me, k.ID))
	_, err = r.BeginStepUp(t.Context(), other)
	require.ErrorIs(t, err, passkey.ErrUnknown, "none registered")
}

// Truncated at every byte, nothing verifies and nothing panics.
func TestTruncated(t *testing.T) {
	r := newRoom(t)
	me, a := r.person("p"), newAuthenticator(t)
	begun, err := r.BeginRegistration(t.Context(), me)
	require.NoError(t, err)
	whole := a.Create(r.read(begun.Response).Challenge)
	response := whole["response"].(map[string]any)
	object := response["attestationObject"].(string)
	for n := 0; n < len(object); n += 3 {
		response["attestationObject"] = object[:n]
		_, err := r.Register(t.Context(), me, "x", raw(t, whole))
		require.ErrorIs(t, err, passkey.ErrInvalid, n)
	}
	response["attestationObject"] = object
	_, err = r.Register(t.Context(), me, "x", raw(t, whole))
	require.NoError(t, err, "what could not be read spent no challenge")
	a.Counter = 1
	whole = a.Get(r.challenge(me))
	response = whole["response"].(map[string]any)
	data := response["authenticatorData"].(string)
	for n := range len(data) {
		response["authenticatorData"] = data[:n]
		_, err := r.StepUp(t.Context(), me, raw(t, whole))
		require.ErrorIs(t, err, passkey.ErrInvalid, n)
	}
}

func TestAddressesHaveNoPasskeys(t *testing.T) {
	r := newRoom(t)
	for _, public := range []string{"http://127.0.0.1:8080", "https://[::1]"} {
		d, err := passkey.New(passkey.Config{PublicURL: public, Store: r.db, Challenges: challenges{}, StepUp: func(context.Context, string, time.Time) error { return nil }})
		require.NoError(t, err)
		_, err = d.BeginRegistration(t.Context(), passkey.Person{HolderID: "p", Session: "s", AuthTime: time.Now()})
		require.ErrorIs(t, err, passkey.ErrUnavailable)
	}
}

// FuzzResponses feeds what a browser might send to both parsers.
func FuzzResponses(f *testing.F) {
	t := &testing.T{}
	a := newAuthenticator(t)
	for _, v := range []any{a.Create("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), a.Get("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), map[string]any{}, nil} {
		out, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, err := range passkey.Parse(data) {
			if err != nil {
				require.ErrorIs(t, err, passkey.ErrInvalid)
			}
		}
	})
}
