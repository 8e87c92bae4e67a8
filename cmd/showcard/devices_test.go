package main

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/wallet"
)

// deviceBody makes the registration of a key that answers a challenge.
func deviceBody(t *testing.T, k *key.Private, challenge, origin, binding string) map[string]any {
	t.Helper()
	signature, err := k.Sign(wallet.DeviceProof(wallet.DeviceChallenge{Challenge: challenge, Origin: origin, Binding: binding}, k.Public()))
	require.NoError(t, err)
	return map[string]any{"name": "我的手机", "key": k.Public().Confirmation(), "challenge": challenge, "signature": base64.RawURLEncoding.EncodeToString(signature)}
}

// deviceKey makes a device's key.
func deviceKey(t *testing.T, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

// registerDevice registers a key by the routes.
func registerDevice(t *testing.T, c *client, k *key.Private) (id string) {
	t.Helper()
	var asked struct{ Challenge, Origin, Binding string }
	require.NoError(t, c.call(t.Context(), http.MethodPost, "/v1/wallet/devices/challenge", nil, "", &asked))
	var made struct{ ID, Key string }
	require.NoError(t, c.call(t.Context(), http.MethodPost, "/v1/wallet/devices", deviceBody(t, k, asked.Challenge, asked.Origin, asked.Binding), "", &made))
	require.Equal(t, k.Public().Thumbprint(), made.Key)
	return made.ID
}

type stockAnswer struct {
	ID        string
	CWTs      []string  `json:"cwts"`
	Serials   []string  `json:"serials"`
	ExpiresAt time.Time `json:"expires_at"`
}

// From registering to a code on the screen, and all that takes the code away again.
func TestDevices(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	ctx := t.Context()
	citizen, other := citizenOf(t, p.base, "person-01"), citizenOf(t, p.base, "person-02")
	police, operator := clientOf(t, data, p.base, "hunan-police"), clientOf(t, data, p.base, "demo-operator")
	k := deviceKey(t, key.ES256)
	phone := registerDevice(t, citizen, k)
	licence := holdingOf(t, data, "person-01", "drivers-licence")
	take := func(c *client, device, identifier, view string, count int) (stockAnswer, error) {
		var got stockAnswer
		err := c.call(ctx, http.MethodPost, "/v1/wallet/devices/"+device+"/stock", map[string]any{"identifier": identifier, "view": view, "count": count}, "", &got)
		return got, err
	}
	standing := func(device string) (n int, err error) {
		var got struct{ Stock []struct{ Serials []string } }
		err = citizen.call(ctx, http.MethodGet, "/v1/wallet/devices/"+device+"/stock", nil, "", &got)
		for _, g := range got.Stock {
			n += len(g.Serials)
		}
		return n, err
	}

	got, err := take(citizen, phone, licence, "may-drive-c1", 3)
	require.NoError(t, err)
	require.Len(t, got.CWTs, 3)
	raw, err := base64.RawURLEncoding.DecodeString(got.CWTs[0])
	require.NoError(t, err)
	code, err := sdcwt.Prove(ctx, k, raw, sdcwt.Proof{Audience: "any", IssuedAt: time.Now()})
	require.NoError(t, err)
	shown, err := sdcwt.Parse(code)
	require.NoError(t, err)
	require.NoError(t, shown.VerifyDates(time.Now()))
	require.Len(t, got.Serials, 3)
	for i, one := range got.CWTs {
		raw, err := base64.RawURLEncoding.DecodeString(one)
		require.NoError(t, err)
		token, err := sdcwt.ParseCWT(raw)
		require.NoError(t, err)
		serial := token.Claims.Serial
		require.Equal(t, base64.RawURLEncoding.EncodeToString(serial[:]), got.Serials[i], "each by its own serial")
	}
	require.NoError(t, shown.VerifyProof(sdcwt.Expect{Now: time.Now(), Audiences: []string{"any"}}))

	// Refused.
	for _, tc := range []struct {
		who                      *client
		device, identifier, view string
		count                    int
		want                     string
	}{
		{other, phone, licence, "may-drive-c1", 1, "device-unknown"},
		{citizen, "none", licence, "may-drive-c1", 1, "device-unknown"},
		{citizen, phone, "none", "may-drive-c1", 1, "holding-unknown"},
		{citizen, phone, licence, "none", 1, "view-unknown"},
		{citizen, phone, licence, "roadside", 1, "offline-view-not-offered"},
		{citizen, phone, licence, "may-drive-c1", 0, "field-invalid"},
		{citizen, phone, licence, "may-drive-c1", 17, "field-invalid"},
		{citizen, phone, holdingOf(t, data, "person-01", "medical-insurance"), "identity", 1, "step-up-required"},
	} {
		_, err := take(tc.who, tc.device, tc.identifier, tc.view, tc.count)
		require.Equal(t, tc.want, codeOf(err), "%+v", tc)
	}
	var asked struct{ Challenge, Origin, Binding string }
	challenge := func() {
		require.NoError(t, citizen.call(ctx, http.MethodPost, "/v1/wallet/devices/challenge", nil, "", &asked))
	}
	register := func(body map[string]any) error {
		return citizen.call(ctx, http.MethodPost, "/v1/wallet/devices", body, "", nil)
	}
	challenge()
	require.Equal(t, "device-exists", codeOf(register(deviceBody(t, k, asked.Challenge, asked.Origin, asked.Binding))))
	require.Equal(t, "device-challenge-unknown", codeOf(register(deviceBody(t, k, asked.Challenge, asked.Origin, asked.Binding))))
	challenge()
	require.Equal(t, "device-proof-invalid", codeOf(register(deviceBody(t, k, asked.Challenge, "https://elsewhere.example", asked.Binding))))
	challenge()
	for member, value := range map[string]any{"name": "", "key": map[string]any{"kty": "RSA"}, "signature": "!"} {
		body := deviceBody(t, deviceKey(t, key.ES256), asked.Challenge, asked.Origin, asked.Binding)
		body[member] = value
		require.Equal(t, "field-invalid", codeOf(register(body)), member)
	}

	// A suspension takes codes back in its own transaction.
	n, err := standing(phone)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NoError(t, police.call(ctx, http.MethodPost, "/v1/certificates/"+licence+"/suspend", map[string]any{}, "", nil))
	n, err = standing(phone)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = take(citizen, phone, licence, "may-drive-c1", 1)
	require.Equal(t, "holding-not-showable", codeOf(err))
	require.NoError(t, police.call(ctx, http.MethodPost, "/v1/certificates/"+licence+"/reinstate", map[string]any{}, "", nil))
	_, err = take(citizen, phone, licence, "may-drive-c1", 2)
	require.NoError(t, err)

	// One tap on another device.
	tablet := citizenOf(t, p.base, "person-01")
	require.Equal(t, "device-unknown", codeOf(other.call(ctx, http.MethodDelete, "/v1/wallet/devices/"+phone, nil, "", nil)))
	require.NoError(t, tablet.call(ctx, http.MethodDelete, "/v1/wallet/devices/"+phone, nil, "", nil))
	_, err = take(citizen, phone, licence, "may-drive-c1", 1)
	require.Equal(t, "device-killed", codeOf(err))
	_, err = standing(phone)
	require.Equal(t, "device-killed", codeOf(err))

	// Signing out takes along what this session's device was given.
	second := registerDevice(t, tablet, deviceKey(t, key.SM2))
	_, err = take(tablet, second, licence, "identity", 1)
	require.NoError(t, err)
	require.NoError(t, tablet.call(ctx, http.MethodPost, "/v1/sign-out", map[string]any{}, "", nil))
	_, err = standing(second)
	require.Equal(t, "device-killed", codeOf(err))

	// An operator is told that all is lost.
	for range 2 {
		registerDevice(t, citizen, deviceKey(t, key.ES256))
	}
	var report struct{ Killed int }
	kill := func(body map[string]any) error {
		return operator.call(ctx, http.MethodPost, "/v1/devices/kill", body, "", &report)
	}
	holder := map[string]any{"type": "111", "number": "430102198803129911"}
	require.Equal(t, "field-missing", codeOf(kill(map[string]any{"holder": holder})))
	require.Equal(t, "field-invalid", codeOf(kill(map[string]any{"holder": holder, "reason": " "})))
	require.Equal(t, "field-invalid", codeOf(kill(map[string]any{"reason": "lost"})))
	require.Equal(t, "field-invalid", codeOf(kill(map[string]any{"holder": holder, "device": second, "reason": "lost"})))
	require.Equal(t, "device-unknown", codeOf(kill(map[string]any{"device": "none", "reason": "lost"})))
	require.NoError(t, kill(map[string]any{"holder": holder, "reason": "电话报失"}))
	require.Equal(t, 2, report.Killed)
	var list struct {
		Devices []struct {
			KilledBy string `json:"killed_by"`
		}
	}
	require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/devices", nil, "", &list))
	var by []string
	for _, d := range list.Devices {
		by = append(by, d.KilledBy)
	}
	require.Equal(t, []string{"holder", "sign-out", "operator", "operator"}, by)

	// All of it is in her history.
	var history struct {
		Looks []struct {
			Via, Outcome, View string
			Codes              int
		}
	}
	require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/history", nil, "", &history))
	require.Len(t, history.Looks, 3)
	for _, l := range history.Looks {
		require.Equal(t, []string{"device", "issued"}, []string{l.Via, l.Outcome})
		require.NotZero(t, l.Codes)
	}
}

// devices walks the routes.
func (j *judge) devices(citizen, operator, licence string) {
	const post, get = http.MethodPost, http.MethodGet
	text := func(m map[string]any, name string) string { s, _ := m[name].(string); return s }
	k := deviceKey(j.t, key.ES256)
	asked := j.call(post, "/v1/wallet/devices/challenge", citizen, nil, http.StatusOK)
	body := deviceBody(j.t, k, text(asked, "challenge"), text(asked, "origin"), text(asked, "binding"))
	made := j.call(post, "/v1/wallet/devices", citizen, body, http.StatusCreated)
	j.call(post, "/v1/wallet/devices", citizen, body, http.StatusUnprocessableEntity)
	one := "/v1/wallet/devices/" + text(made, "id")
	j.call(post, one+"/stock", citizen, map[string]any{"identifier": licence, "view": "identity", "count": 2}, http.StatusCreated)
	j.call(post, one+"/stock", citizen, map[string]any{"identifier": licence, "view": "roadside", "count": 2}, http.StatusUnprocessableEntity)
	j.call(get, one+"/stock", citizen, nil, http.StatusOK)
	j.call(get, "/v1/wallet/devices", citizen, nil, http.StatusOK)
	j.call(get, "/v1/wallet/history", citizen, nil, http.StatusOK)
	j.call(post, "/v1/devices/kill", operator, map[string]any{"device": text(made, "id"), "reason": "lost"}, http.StatusOK)
	j.call(get, one+"/stock", citizen, nil, http.StatusConflict)
	j.call(http.MethodDelete, one, citizen, nil, http.StatusNoContent)
	j.call(http.MethodDelete, "/v1/wallet/devices/none", citizen, nil, http.StatusNotFound)
	j.call(post, "/v1/devices/kill", operator, map[string]any{"device": "none", "reason": "lost"}, http.StatusNotFound)
}
