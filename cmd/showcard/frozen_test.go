package main

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A person whose certificate cannot be collected is told so. That its issuer or her wallet was
// frozen is no fault of the server.
func TestShowWhileFrozen(t *testing.T) {
	data := t.TempDir()
	p := startDemo(t, data)
	operator, citizen := operatorsOf(t, data, p.base), citizenOf(t, p.base, "person-01")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	freeze := func(kind, id string, on bool) {
		require.NoError(t, operator.freeze(context.Background(), kind, id, "", on))
	}
	for _, f := range [][2]string{{"authority", "hunan-police"}, {"type", "resident-id"}, {"provider", providerID}} {
		freeze(f[0], f[1], true)
		err := citizen.call(context.Background(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, "", nil)
		require.Equal(t, "holding-not-showable", codeOf(err), f)
		freeze(f[0], f[1], false)
	}
	code := showOf(t, citizen, identifier)
	freeze("provider", providerID, true)
	var answer struct {
		Outcome string
		Reasons []struct{ Code string }
	}
	require.NoError(t, clientOf(t, data, p.base, "demo-bank").call(context.Background(), http.MethodPost, "/v1/verifications",
		map[string]any{"code": code, "purpose": "account-opening"}, "", &answer))
	require.Equal(t, "invalid", answer.Outcome)
	require.Equal(t, "holding-not-showable", answer.Reasons[0].Code)
}
