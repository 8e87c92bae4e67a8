package audit_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/showcard/showcard/internal/audit"
)

// grown is a tree in memory: what Grow returned, kept.
type grown struct {
	state  audit.State
	leaves [][]byte
	tiles  map[[2]uint64][]byte
}

func (g *grown) Tile(_ context.Context, level int, index uint64, width int) ([]byte, error) {
	t := g.tiles[[2]uint64{uint64(level), index}]
	return t[:min(len(t), width*32)], nil
}

func (g *grown) add(t testing.TB, leaves ...[]byte) {
	t.Helper()
	var edge []audit.Tile
	for _, p := range g.state.Edge() {
		edge = append(edge, audit.Tile{Level: p.Level, Index: p.Index, Hashes: g.tiles[[2]uint64{uint64(p.Level), p.Index}]})
	}
	next, tiles, err := g.state.Grow(edge, leaves)
	require.NoError(t, err)
	for _, one := range tiles {
		g.tiles[[2]uint64{uint64(one.Level), one.Index}] = one.Hashes
	}
	g.state, g.leaves = next, append(g.leaves, leaves...)
}

func newTree(t testing.TB, n int) *grown {
	g := &grown{tiles: map[[2]uint64][]byte{}}
	for i := 0; i < n; {
		step := min(1+i/3, n-i) // batches of many sizes
		var leaves [][]byte
		for range step {
			leaves = append(leaves, fmt.Appendf(nil, "leaf %d", i))
			i++
		}
		g.add(t, leaves...)
	}
	return g
}

// oracle is Go's checksum database's view of the same leaves: an implementation that is not ours.
type oracle struct {
	hashes []tlog.Hash
	size   int64
}

func (o *oracle) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = o.hashes[x]
	}
	return out, nil
}

func newOracle(t testing.TB, leaves [][]byte) *oracle {
	o := &oracle{}
	for _, l := range leaves {
		stored, err := tlog.StoredHashes(o.size, l, o)
		require.NoError(t, err)
		o.hashes, o.size = append(o.hashes, stored...), o.size+1
	}
	return o
}

func TestTreeIsTheOneOfTlog(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 255, 256, 257, 511, 512, 1000} {
		g := newTree(t, size)
		o := newOracle(t, g.leaves)
		root, err := g.state.Root()
		require.NoError(t, err)
		if size == 0 {
			require.Equal(t, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", base64.StdEncoding.EncodeToString(root[:]), "SHA-256 of nothing, RFC 6962 §2.1")
			continue
		}
		want, err := tlog.TreeHash(o.size, o)
		require.NoError(t, err)
		require.Equal(t, [32]byte(want), root, size)
		again, err := audit.RootFromTiles(t.Context(), g, uint64(size))
		require.NoError(t, err)
		require.Equal(t, root, again)

		// Every tile that tlog would serve is ours, byte for byte, under the same path but for the
		// height, which tlog-tiles leaves out.
		for _, tile := range tlog.NewTiles(8, 0, o.size) {
			data, err := tlog.ReadTileData(tile, o)
			require.NoError(t, err)
			path, err := audit.ParseTilePath("tile/" + strings.TrimPrefix(tile.Path(), "tile/8/"))
			require.NoError(t, err)
			mine, err := g.Tile(t.Context(), path.Level, path.Index, path.Width)
			require.NoError(t, err)
			require.Equal(t, data, mine, tile.Path())
		}
	}
}

func TestProofsAreThoseOfTlog(t *testing.T) {
	const size = 600
	g := newTree(t, size)
	o := newOracle(t, g.leaves)
	for _, n := range []uint64{1, 2, 7, 255, 256, 257, 300, 512, 513, 599, 600} {
		root, err := audit.RootFromTiles(t.Context(), g, n)
		require.NoError(t, err)
		for _, index := range []uint64{0, 1, 100, 254, 255, 256, 299, 511, 598} {
			path, err := audit.ProveInclusion(t.Context(), g, index, n)
			if index >= n {
				require.ErrorIs(t, err, audit.ErrRange)
				continue
			}
			require.NoError(t, err)
			want, err := tlog.ProveRecord(int64(n), int64(index), o)
			require.NoError(t, err)
			require.Len(t, path, len(want))
			for i := range want {
				require.Equal(t, want[i][:], path[i])
			}
			require.NoError(t, audit.CheckInclusion(g.leaves[index], index, n, path, root))
			require.ErrorIs(t, audit.CheckInclusion(append([]byte("x"), g.leaves[index]...), index, n, path, root), audit.ErrProof)
			require.ErrorIs(t, audit.CheckInclusion(g.leaves[index], index, n, path, [32]byte{1}), audit.ErrProof, "another tree")
			require.ErrorIs(t, audit.CheckInclusion(g.leaves[index], index+1, n, path, root), audit.ErrProof)
		}
		full, err := g.state.Root()
		require.NoError(t, err)
		path, err := audit.ProveConsistency(t.Context(), g, n, size)
		require.NoError(t, err)
		from, to := audit.Checkpoint{Size: n, Root: root}, audit.Checkpoint{Size: size, Root: full}
		require.NoError(t, audit.CheckConsistency(from, to, path))
		var p tlog.TreeProof
		for _, h := range path {
			p = append(p, tlog.Hash(h))
		}
		if n < size {
			require.NoError(t, tlog.CheckTree(p, size, tlog.Hash(full), int64(n), tlog.Hash(root)))
		}
		from.Root[5] ^= 1
		require.ErrorIs(t, audit.CheckConsistency(from, to, path), audit.ErrProof)
		for i := range path {
			path[i][3] ^= 1
			require.ErrorIs(t, audit.CheckConsistency(audit.Checkpoint{Size: n, Root: root}, to, path), audit.ErrProof, "hash %d of the proof from %d", i, n)
			path[i][3] ^= 1
		}
	}
	_, err := audit.ProveConsistency(t.Context(), g, 601, 600)
	require.ErrorIs(t, err, audit.ErrRange)
	_, err = audit.ProveConsistency(t.Context(), g, 5, 1<<60)
	require.ErrorIs(t, err, audit.ErrState, "tiles that nobody has")
	_, err = audit.ProveInclusion(t.Context(), g, 1<<61, 1<<62)
	require.ErrorIs(t, err, audit.ErrState)
}

func TestDamagedStateIsRefused(t *testing.T) {
	g := newTree(t, 300)
	edge := func() []audit.Tile {
		return []audit.Tile{{Level: 0, Index: 1, Hashes: g.tiles[[2]uint64{0, 1}]}, {Level: 1, Index: 0, Hashes: g.tiles[[2]uint64{1, 0}]}}
	}
	for name, tc := range map[string]struct {
		state audit.State
		edge  []audit.Tile
	}{
		"no hashes":        {audit.State{Size: 300}, edge()},
		"a hash more":      {audit.State{Size: 300, Hashes: append(g.state.Hashes, make([]byte, 32)...)}, edge()},
		"half a hash":      {audit.State{Size: 300, Hashes: g.state.Hashes[:40]}, edge()},
		"huge":             {audit.State{Size: 1 << 63, Hashes: make([]byte, 32)}, nil},
		"no tiles":         {g.state, nil},
		"a tile too short": {g.state, []audit.Tile{{Level: 0, Index: 1, Hashes: make([]byte, 32)}}},
	} {
		_, _, err := tc.state.Grow(tc.edge, [][]byte{[]byte("one")})
		require.ErrorIs(t, err, audit.ErrState, name)
	}
}

func TestTilePaths(t *testing.T) {
	for path, want := range map[string]audit.TilePath{
		"tile/0/000":                {Width: 256},
		"tile/entries/x001/234":     {Entries: true, Index: 1234, Width: 256},
		"tile/3/x001/x234/067.p/17": {Level: 3, Index: 1234067, Width: 17},
		"tile/entries/999.p/255":    {Entries: true, Index: 999, Width: 255},
	} {
		got, err := audit.ParseTilePath(path)
		require.NoError(t, err, path)
		require.Equal(t, want, got)
		require.Equal(t, path, got.String())
	}
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/000", "tile/0/001/234", "tile/00/000", "tile/-1/000", "tile/8/000", "tile/64/000",
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p/1/2", "tile/0/000/", "/tile/0/000", "tile/0/../000", "tile/0/x1/000", "tile/Entries/000",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/999", "tile/0/" + strings.Repeat("x000/", 100) + "000", "tile/0/+01",
	} {
		_, err := audit.ParseTilePath(path)
		require.ErrorIs(t, err, audit.ErrTile, path)
	}
}

func FuzzTilePath(f *testing.F) {
	f.Add("tile/0/x001/234.p/17")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		p, err := audit.ParseTilePath(path)
		if err == nil {
			require.Equal(t, path, p.String())
			require.True(t, p.Width >= 1 && p.Width <= 256)
		}
	})
}

func FuzzBundle(f *testing.F) {
	good, err := audit.FormatBundle([][]byte{[]byte("one"), {}, []byte("three")})
	require.NoError(f, err)
	f.Add(good, 3)
	f.Add([]byte{0xff, 0xff, 0}, 1)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		leaves, err := audit.ParseBundle(data, n)
		if err != nil {
			require.ErrorIs(t, err, audit.ErrTile)
			return
		}
		require.Len(t, leaves, n)
		again, err := audit.FormatBundle(leaves)
		require.NoError(t, err)
		require.Equal(t, string(data), string(again))
	})
}

func FuzzProof(f *testing.F) {
	g := newTree(f, 300)
	root, err := g.state.Root()
	require.NoError(f, err)
	path, err := audit.ProveInclusion(f.Context(), g, 77, 300)
	require.NoError(f, err)
	var all []byte
	for _, h := range path {
		all = append(all, h...)
	}
	f.Add(all, uint64(77), uint64(300), 32)
	f.Add([]byte{}, uint64(1)<<63, ^uint64(0), 1)
	f.Fuzz(func(t *testing.T, data []byte, index, size uint64, piece int) {
		var got [][]byte
		for piece > 0 && len(data) > 0 {
			n := min(piece, len(data))
			got, data = append(got, data[:n]), data[n:]
		}
		if audit.CheckInclusion([]byte("leaf 77"), index, size, got, root) == nil {
			require.EqualValues(t, 77, index)
			require.Equal(t, path, got)
		}
		_ = audit.CheckConsistency(audit.Checkpoint{Size: index, Root: root}, audit.Checkpoint{Size: size, Root: root}, got)
	})
}
