package sqlstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/wallet"
)

// Which devices were killed since a backup, and which codes were revoked, nobody knows: none is good,
// and bundles begin anew, because the sequence has leapt.
func TestRestoredKillsDevices(t *testing.T) { onEach(t, eachRestoredKillsDevices) }

func eachRestoredKillsDevices(t *testing.T, fresh string) {
	s := open(t, sqlstore.Config{URL: fresh, Keys: newKeys(t)})
	fill(t, s)
	ctx, now := t.Context(), time.Now()
	done, err := s.Restored(ctx, "backup", now)
	require.NoError(t, err)
	require.EqualValues(t, 2, done.Devices)
	devices, err := s.Devices(ctx, "blind-one")
	require.NoError(t, err)
	for _, d := range devices {
		require.Equal(t, wallet.KilledByRestore, d.KilledBy)
	}
	head, page, err := s.RevokedSerials(ctx, 0, now, 10)
	require.NoError(t, err)
	require.EqualValues(t, 1<<32+2, head)
	require.Len(t, page, 2)
	require.Equal(t, head, page[1].Seq)
	again, err := s.Restored(ctx, "backup", now)
	require.NoError(t, err)
	require.Zero(t, again.Devices)
}
