package main

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// She says nothing. The scanner that waits gets what she had chosen, and her receipt says so.
func TestSilenceIsNo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	c := demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: "memory", ConsentWait: 10 * time.Second}
	require.NoError(t, c.start(t.Context(), func(_ context.Context, d *demo) error {
		citizen, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		code := showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"))
		pending, err := wantMore(t, bank, code, "k")
		require.NoError(t, err)
		others := make(chan asked, 5)
		for range cap(others) { // a counter with a bad line asks again and again
			go func() {
				got, err := await(bank, pending.ID, "30")
				if err != nil {
					got.State = err.Error()
				}
				others <- got
			}()
		}
		got, err := await(bank, pending.ID, "30")
		require.NoError(t, err)
		for range cap(others) {
			require.Equal(t, got, <-others)
		}
		require.Equal(t, "valid", got.Outcome, got.Reasons)
		require.Equal(t, "lapsed", got.Consent.Answer)
		require.Empty(t, got.Claims["address"])
		require.NotEmpty(t, got.Claims["name"])
		require.Equal(t, "consent-expired", codeOf(say(citizen, pending.ID, "yes")))
		require.Equal(t, receiptOf{ID: pending.ID, Answer: "lapsed", Verification: pending.ID, Mine: true}, receiptsOf(t, citizen)[0])
		return nil
	}, &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}))
}
