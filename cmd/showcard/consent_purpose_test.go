package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Her yes is to what she was told: the key under which it was asked carries it to no other purpose
// and to no other fields.
func TestAYesIsForItsPurpose(t *testing.T) {
	withDemo(t, func(data string, d *demo) {
		citizen, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		code := showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"))
		pending, err := wantMore(t, bank, code, "one-key")
		require.NoError(t, err)
		require.Equal(t, "pending", pending.State)
		require.NoError(t, say(citizen, pending.ID, "yes"))
		for _, other := range [][]any{{"purpose", "identity-check"}, {"fields", []string{"address", "sex"}}} {
			got, err := wantMore(t, bank, code, "one-key", other...)
			require.Equal(t, "idempotency-key-reused", codeOf(err), got)
		}
		got, err := wantMore(t, bank, code, "one-key")
		require.NoError(t, err)
		require.Equal(t, "valid", got.Outcome, got.Reasons)
		require.NotEmpty(t, got.Claims["address"])
	})
}
