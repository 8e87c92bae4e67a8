package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/login/passkey/passkeytest"
)

// passkeyOptions are what a page gets to hand to the browser.
type passkeyOptions struct {
	PublicKey struct {
		Challenge string
		RP        struct{ ID string }
		RPID      string `json:"rpId"`
	}
}

// A sensitive certificate is shown only after a passkey, and the checker is told of it; a passkey
// that answers for another site is refused.
func TestSensitiveNeedsPasskey(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	origin := demoFileOf(t, data).BaseURL
	citizen, hospital := citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-hospital")
	card := holdingOf(t, data, "person-01", "medical-insurance")
	var shown struct{ Code, Show string }
	show := func() error {
		return citizen.call(t.Context(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": card, "view": "registration"}, "", &shown)
	}
	require.Equal(t, "step-up-required", codeOf(show()))

	device := passkeytest.New(t, origin, "localhost")
	var o passkeyOptions
	require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/me/passkeys/registration", nil, "", &o))
	require.Equal(t, "localhost", o.PublicKey.RP.ID)
	var made struct{ ID string }
	require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/me/passkeys", map[string]any{"name": "手机", "credential": device.Create(o.PublicKey.Challenge)}, "", &made))
	require.NoError(t, show(), "to register is a step-up")
	var got struct {
		Outcome string
		Person  struct{ Method string }
	}
	require.NoError(t, hospital.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": shown.Code, "purpose": "medical-registration"}, "", &got))
	require.Equal(t, "valid", got.Outcome)
	require.Equal(t, "passkey", got.Person.Method)

	// Signed in anew: another session, which was not stepped up.
	citizen = citizenOf(t, p.base, "person-01")
	require.Equal(t, "step-up-required", codeOf(show()))
	stepUp := func() error {
		require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/me/step-up/challenge", nil, "", &o))
		return citizen.call(t.Context(), http.MethodPost, "/v1/me/step-up", map[string]any{"credential": device.Get(o.PublicKey.Challenge)}, "", nil)
	}
	device.Origin = "http://localhost.evil.test"
	require.Equal(t, "passkey-origin-wrong", codeOf(stepUp()))
	device.Origin, device.Flags = origin, 0x01
	require.Equal(t, "passkey-not-verified", codeOf(stepUp()))
	require.Equal(t, "step-up-required", codeOf(show()))
	device.Flags, device.Counter = 0x05, 7
	require.NoError(t, stepUp())
	require.NoError(t, show())
	device.Counter = 6
	require.Equal(t, "passkey-counter-regressed", codeOf(stepUp()))
	require.Equal(t, "passkey-unknown", codeOf(citizenOf(t, p.base, "person-02").call(t.Context(), http.MethodDelete, "/v1/me/passkeys/"+made.ID, nil, "", nil)))
}

// passkeys walks the routes.
func (j *judge) passkeys(citizen string) {
	const post, get = http.MethodPost, http.MethodGet
	read := func(v map[string]any) string {
		raw, err := json.Marshal(v)
		require.NoError(j.t, err)
		var o passkeyOptions
		require.NoError(j.t, json.Unmarshal(raw, &o))
		return o.PublicKey.Challenge
	}
	device := passkeytest.New(j.t, strings.Replace(j.base, "127.0.0.1", "localhost", 1), "localhost")
	begun := j.call(post, "/v1/me/passkeys/registration", citizen, nil, http.StatusOK)
	body := map[string]any{"name": "手机", "credential": device.Create(read(begun))}
	made := j.call(post, "/v1/me/passkeys", citizen, body, http.StatusCreated)
	j.call(post, "/v1/me/passkeys", citizen, body, http.StatusUnprocessableEntity)
	j.call(get, "/v1/me/passkeys", citizen, nil, http.StatusOK)
	begun = j.call(post, "/v1/me/step-up/challenge", citizen, nil, http.StatusOK)
	answer := map[string]any{"credential": device.Get(read(begun))}
	j.call(post, "/v1/me/step-up", citizen, answer, http.StatusOK)
	j.call(post, "/v1/me/step-up", citizen, answer, http.StatusUnprocessableEntity)
	j.call(http.MethodDelete, "/v1/me/passkeys/"+made["id"].(string), citizen, nil, http.StatusNoContent)
	j.call(post, "/v1/me/step-up/challenge", citizen, nil, http.StatusNotFound)
}
