package sqlstore_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/audit"
)

// A proof convinces without the log: it needs its leaf, its path and the checkpoint.
func TestProofsOfTheStore(t *testing.T) { onEach(t, eachProofsOfTheStore) }

func eachProofsOfTheStore(t *testing.T, fresh string) {
	f := newAuditAt(t, fresh)
	for range 300 {
		require.NoError(t, f.store.Note(t.Context(), audit.Event{Kind: "session.opened", Actor: "x"}))
	}
	ctx := t.Context()
	signed := f.cosigned(t)
	require.NoError(t, f.store.Note(ctx, audit.Event{ID: "WAITING", Kind: "session.opened", Actor: "x"}))
	p, err := f.log.Inclusion(ctx, 255, 0)
	require.NoError(t, err)
	require.NoError(t, audit.CheckInclusion(p.Leaf, p.Index, signed.Size, p.Path, signed.Root))
	require.ErrorIs(t, audit.CheckInclusion(p.Leaf, 254, signed.Size, p.Path, signed.Root), audit.ErrProof)
	old, err := f.log.Inclusion(ctx, 10, 100)
	require.NoError(t, err)
	require.NoError(t, audit.CheckInclusion(old.Leaf, 10, 100, old.Path, old.Signed.Root))
	leaf, err := audit.ParseLeaf(p.Leaf)
	require.NoError(t, err)
	byID, err := f.log.InclusionOf(ctx, leaf.ID, 0)
	require.NoError(t, err)
	require.Equal(t, p, byID)
	_, err = f.log.InclusionOf(ctx, "WAITING", 0)
	require.ErrorIs(t, err, audit.ErrWaiting)
	_, err = f.log.InclusionOf(ctx, "NONE", 0)
	require.ErrorIs(t, err, audit.ErrUnknown)
	for _, size := range []uint64{301, 1 << 61} {
		_, err = f.log.Inclusion(ctx, 10, size)
		require.ErrorIs(t, err, audit.ErrRange)
	}
	_, err = f.log.Inclusion(ctx, 300, 0)
	require.ErrorIs(t, err, audit.ErrRange)
	path, err := f.log.Consistency(ctx, 100, 300)
	require.NoError(t, err)
	require.NoError(t, audit.CheckConsistency(old.Signed.Checkpoint, signed.Checkpoint, path))
	_, err = f.log.Consistency(ctx, 200, 301)
	require.ErrorIs(t, err, audit.ErrRange)
	for _, bad := range []string{"tile/0/001.p/45", "tile/0/002", "tile/entries/000", "tile/7/000.p/1"} {
		path, err := audit.ParseTilePath(bad)
		require.NoError(t, err)
		data, err := f.log.Bytes(ctx, path)
		if strings.Contains(bad, "entries/000") {
			require.NoError(t, err)
			require.NotEmpty(t, data)
			continue
		}
		require.ErrorIs(t, err, audit.ErrRange, bad)
	}
}
