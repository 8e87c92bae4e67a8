package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/verifier"
)

// A wallet with a key of its own: the holder collects a copy bound to her device, answers the
// bank's challenge, and the bank checks it, through the API and with the SDK over the network.
func TestRawPresentation(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	own := demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: "memory"}
	e := &env{ctx: context.Background(), stdout: io.Discard, stderr: io.Discard}
	require.NoError(t, own.start(e.ctx, func(ctx context.Context, d *demo) error {
		device, err := key.Generate(key.SM2)
		require.NoError(t, err)
		identifier := holdingOf(t, data, "person-01", "resident-id")
		copied, err := d.issuer.Collect(ctx, identifier, d.holderID(d.people[0].holder), device.Public())
		require.NoError(t, err)
		vc, err := sdjwt.Parse(copied.Credential, sdjwt.Type)
		require.NoError(t, err)

		bank := clientOf(t, data, d.base, "demo-bank")
		var challenge struct{ Nonce, Aud string }
		require.NoError(t, bank.call(ctx, http.MethodPost, "/v1/verifications/challenges", nil, "", &challenge))
		presentation, err := vc.Present([]string{"name", "address", "issue_date"}, device, sdjwt.Binding{Audience: challenge.Aud, Nonce: challenge.Nonce, IssuedAt: time.Now()})
		require.NoError(t, err)
		post := func() (map[string]any, error) {
			var got map[string]any
			err := bank.call(ctx, http.MethodPost, "/v1/verifications", map[string]any{"presentation": presentation, "nonce": challenge.Nonce, "purpose": "account-opening"}, "", &got)
			return got, err
		}
		got, err := post()
		require.NoError(t, err)
		require.Equal(t, "valid", got["outcome"], got["reasons"])
		require.Equal(t, "device", got["holder"].(map[string]any)["bound"])
		claims := got["claims"].(map[string]any)
		require.Contains(t, claims, "address")
		require.NotContains(t, claims, "issue_date", "the bank is not registered to see it")
		_, err = post()
		require.Equal(t, "challenge-unknown", codeOf(err), "a challenge is good once")

		roots, err := os.ReadFile(filepath.Join(data, rootsFile))
		require.NoError(t, err)
		// The public URL of a demo names localhost and the port it listens on.
		trust, err := verifier.FetchTrust(d.base, roots, nil)
		require.NoError(t, err)
		v, err := verifier.New(verifier.Config{Trust: trust, Status: verifier.FetchStatus(nil)})
		require.NoError(t, err)
		r := v.Verify(ctx, presentation, verifier.Expect{Audience: challenge.Aud, Nonce: challenge.Nonce})
		require.Equal(t, verifier.Valid, r.Outcome, r.Reasons)
		require.Equal(t, "list", r.Status.Source)
		r = v.Verify(ctx, presentation, verifier.Expect{Audience: "another", Nonce: challenge.Nonce})
		require.Equal(t, verifier.Invalid, r.Outcome)

		// Pinning other roots trusts nothing.
		other, err := os.ReadFile(filepath.Join(data, "keystore.json"))
		require.NoError(t, err)
		_, err = verifier.FetchTrust(d.base, other, nil)
		require.Error(t, err)
		return nil
	}, e))
}
