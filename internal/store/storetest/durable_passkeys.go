package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/login/passkey"
)

func passkeyOf(id, person string) passkey.Key {
	return passkey.Key{
		ID: id, CredentialID: []byte("credential " + id), PersonID: person, PublicKey: []byte{1, 2, 3}, SignCount: 5, Flags: 0x45, Name: "手机",
		Transports: []string{"internal"}, CreatedAt: durableStart,
	}
}

func durablePasskeys(t *testing.T, open OpenDurable) {
	t.Run("handles", func(t *testing.T) {
		subject := openDurable(t, open)
		again := subject.Again(t)
		got := make([][]byte, 8)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				s := subject.Store
				if i%2 == 1 {
					s = again
				}
				got[i], _ = s.PasskeyHandle(t.Context(), "p", []byte{byte(i), 1})
			})
		}
		wg.Wait()
		for _, one := range got {
			require.NotEmpty(t, one)
			require.Equal(t, got[0], one, "one wins for all")
		}
		other, err := subject.Store.PasskeyHandle(t.Context(), "q", []byte{9})
		require.NoError(t, err)
		require.Equal(t, []byte{9}, other)
	})

	t.Run("kept and used", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		a := passkeyOf("a", "p")
		require.NoError(t, s.AddPasskey(ctx, a, 2))
		stolen := passkeyOf("b", "q")
		stolen.CredentialID = a.CredentialID
		require.ErrorIs(t, s.AddPasskey(ctx, stolen, 2), passkey.ErrExists)
		require.NoError(t, s.AddPasskey(ctx, passkeyOf("b", "p"), 2))
		require.ErrorIs(t, s.AddPasskey(ctx, passkeyOf("c", "p"), 2), passkey.ErrLimit)
		got, err := subject.Again(t).Passkeys(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, []passkey.Key{a, passkeyOf("b", "p")}, got)

		at := durableStart.Add(time.Minute)
		for _, back := range []uint32{5, 4, 0} {
			require.ErrorIs(t, s.UsePasskey(ctx, "p", "a", back, 5, at), passkey.ErrCounter)
		}
		require.ErrorIs(t, s.UsePasskey(ctx, "q", "a", 9, 5, at), passkey.ErrUnknown)
		require.NoError(t, s.UsePasskey(ctx, "p", "a", 6, 5, at))
		require.ErrorIs(t, s.UsePasskey(ctx, "p", "a", 6, 5, at), passkey.ErrCounter)
		got, err = s.Passkeys(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, uint32(6), got[0].SignCount)
		require.Equal(t, byte(5), got[0].Flags)
		require.Equal(t, at, got[0].UsedAt)

		zero := passkeyOf("z", "r")
		zero.SignCount = 0
		require.NoError(t, s.AddPasskey(ctx, zero, 2))
		require.NoError(t, s.UsePasskey(ctx, "r", "z", 0, 5, at))
		require.NoError(t, s.UsePasskey(ctx, "r", "z", 0, 5, at), "a synced passkey does not count")
		require.NoError(t, s.RefusedPasskey(ctx, "r", "z", "counter"))

		require.ErrorIs(t, s.RemovePasskey(ctx, "q", "a"), passkey.ErrUnknown)
		require.NoError(t, s.RemovePasskey(ctx, "p", "a"))
		require.ErrorIs(t, s.RemovePasskey(ctx, "p", "a"), passkey.ErrUnknown)
	})
}
