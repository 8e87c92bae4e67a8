package audit

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

var (
	// ErrState says that what the store holds of the tree is not a tree.
	ErrState = errors.New("audit: the stored tree is damaged")
	// ErrRange says that a proof was asked for of an entry or a size that the tree has not.
	ErrRange = errors.New("audit: the tree is not that large")
	// ErrProof says that a proof does not lead to the root: it was made for another tree, another
	// entry, or made up.
	ErrProof = errors.New("audit: the proof does not lead to the root")
)

// The tree is that of RFC 6962 §2.1 over SHA-256, as every witness and monitor expects it
// (docs/decisions/0014). What is committed to in its leaves is SM3.
func hasher() *rfc6962.Hasher { return rfc6962.DefaultHasher }

func ranges() *compact.RangeFactory { return &compact.RangeFactory{Hash: hasher().HashChildren} }

// HashLeaf is the leaf's hash in the tree.
func HashLeaf(leaf []byte) [32]byte { return [32]byte(hasher().HashLeaf(leaf)) }

// State is how far the tree has grown: its size, and the roots of the perfect trees that it
// consists of, left to right, 32 bytes each.
type State struct {
	Size   uint64
	Hashes []byte
}

func (s State) compact() (*compact.Range, error) {
	if len(s.Hashes) != bits.OnesCount64(s.Size)*hashSize || s.Size > 1<<62 {
		return nil, fmt.Errorf("%w: %d bytes of hashes for %d entries", ErrState, len(s.Hashes), s.Size)
	}
	r, err := ranges().NewRange(0, s.Size, split(s.Hashes))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return r, nil
}

// Root is the root of the whole tree.
func (s State) Root() ([32]byte, error) {
	r, err := s.compact()
	if err != nil {
		return [32]byte{}, err
	}
	return rootOf(r)
}

func rootOf(r *compact.Range) ([32]byte, error) {
	if r.End() == 0 {
		return [32]byte(hasher().EmptyRoot()), nil
	}
	root, err := r.GetRootHash(nil)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return [32]byte(root), nil
}

func split(hashes []byte) [][]byte {
	out := make([][]byte, 0, len(hashes)/hashSize)
	for ; len(hashes) >= hashSize; hashes = hashes[hashSize:] {
		out = append(out, hashes[:hashSize:hashSize])
	}
	return out
}

func join(hashes [][]byte) []byte {
	out := make([]byte, 0, len(hashes)*hashSize)
	for _, h := range hashes {
		out = append(out, h...)
	}
	return out
}

// Edge names the tiles of the state that are not full: Grow adds to them.
func (s State) Edge() []TilePath {
	var edge []TilePath
	for level := 0; level <= maxLevel; level++ {
		have := s.Size >> (uint(level) * tileHeight)
		if n := int(have % tileWidth); n > 0 {
			edge = append(edge, TilePath{Level: level, Index: have >> tileHeight, Width: n})
		}
	}
	return edge
}

// Grow appends leaves. edge is what the store has of the tiles that Edge names; Grow returns
// those that changed or are new.
func (s State) Grow(edge []Tile, leaves [][]byte) (State, []Tile, error) {
	r, err := s.compact()
	if err != nil {
		return s, nil, err
	}
	open := make(map[TilePath]*Tile, len(edge))
	var changed []*Tile
	for _, t := range edge {
		if len(t.Hashes) != width(t.Level, t.Index, s.Size)*hashSize {
			return s, nil, fmt.Errorf("%w: tile %d/%d has %d bytes", ErrState, t.Level, t.Index, len(t.Hashes))
		}
		open[TilePath{Level: t.Level, Index: t.Index}] = &t
	}
	touched := map[*Tile]bool{}
	var lost error
	visit := func(id compact.NodeID, hash []byte) {
		if id.Level%tileHeight != 0 {
			return
		}
		at := TilePath{Level: int(id.Level / tileHeight), Index: id.Index >> tileHeight}
		t := open[at]
		if t == nil {
			t = &Tile{Level: at.Level, Index: at.Index}
			open[at] = t
		}
		if len(t.Hashes) != int(id.Index%tileWidth)*hashSize {
			lost = fmt.Errorf("%w: tile %d/%d is not there", ErrState, at.Level, at.Index)
			return
		}
		if t.Hashes = append(t.Hashes, hash...); !touched[t] {
			touched[t], changed = true, append(changed, t)
		}
	}
	for _, l := range leaves {
		h := HashLeaf(l)
		if err := errors.Join(r.Append(h[:], visit), lost); err != nil {
			return s, nil, fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	out := make([]Tile, len(changed))
	for i, t := range changed {
		out[i] = *t
	}
	return State{Size: r.End(), Hashes: join(r.Hashes())}, out, nil
}

// Tiles is where hashes are read from. It answers the first width hashes of a tile.
type Tiles interface {
	Tile(ctx context.Context, level int, index uint64, width int) ([]byte, error)
}

// node computes the hash of one node of the tree from the tile that has it, or its leaves.
func node(ctx context.Context, tiles Tiles, size uint64, id compact.NodeID) ([]byte, error) {
	level := int(id.Level) / tileHeight
	up := id.Level % tileHeight // the node stands so far above the tile's hashes
	first := id.Index << up
	index := first >> tileHeight
	n := width(level, index, size)
	from, to := int(first%tileWidth), int(first%tileWidth)+1<<up
	if to > n {
		return nil, fmt.Errorf("%w: no node %d of level %d", ErrRange, id.Index, id.Level)
	}
	data, err := tiles.Tile(ctx, level, index, n)
	if err != nil {
		return nil, err
	}
	if len(data) != n*hashSize {
		return nil, fmt.Errorf("%w: tile %d/%d has %d bytes", ErrState, level, index, len(data))
	}
	hashes := split(data[from*hashSize : to*hashSize])
	for ; len(hashes) > 1; hashes = hashes[:len(hashes)/2] {
		for i := range len(hashes) / 2 {
			hashes[i] = hasher().HashChildren(hashes[2*i], hashes[2*i+1])
		}
	}
	return hashes[0], nil
}

func prove(ctx context.Context, tiles Tiles, size uint64, nodes proof.Nodes) ([][]byte, error) {
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		var err error
		if hashes[i], err = node(ctx, tiles, size, id); err != nil {
			return nil, err
		}
	}
	return nodes.Rehash(hashes, hasher().HashChildren)
}

// ProveInclusion proves that a leaf stands at a place in the tree of that size (RFC 6962 §2.1.1).
func ProveInclusion(ctx context.Context, tiles Tiles, index, size uint64) ([][]byte, error) {
	nodes, err := proof.Inclusion(index, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRange, err)
	}
	return prove(ctx, tiles, size, nodes)
}

// ProveConsistency proves that the tree of size to begins with the tree of size from (§2.1.2).
func ProveConsistency(ctx context.Context, tiles Tiles, from, to uint64) ([][]byte, error) {
	nodes, err := proof.Consistency(from, to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRange, err)
	}
	return prove(ctx, tiles, to, nodes)
}

// RootFromTiles computes the root of the tree of that size.
func RootFromTiles(ctx context.Context, tiles Tiles, size uint64) ([32]byte, error) {
	ids := compact.RangeNodes(0, size, nil)
	hashes := make([][]byte, len(ids))
	for i, id := range ids {
		var err error
		if hashes[i], err = node(ctx, tiles, size, id); err != nil {
			return [32]byte{}, err
		}
	}
	return State{Size: size, Hashes: join(hashes)}.Root()
}

// CheckInclusion checks a proof against a root.
func CheckInclusion(leaf []byte, index, size uint64, path [][]byte, root [32]byte) error {
	if err := goodPath(path); err != nil {
		return err
	}
	if err := proof.VerifyInclusion(hasher(), index, size, hasher().HashLeaf(leaf), path, root[:]); err != nil {
		return fmt.Errorf("%w: entry %d of %d", ErrProof, index, size)
	}
	return nil
}

// CheckConsistency checks that the tree with root to begins with the one with root from.
func CheckConsistency(from, to Checkpoint, path [][]byte) error {
	if err := goodPath(path); err != nil {
		return err
	}
	if from.Size == 0 && from.Root != [32]byte(hasher().EmptyRoot()) {
		return fmt.Errorf("%w: a root of nothing", ErrProof)
	}
	if err := proof.VerifyConsistency(hasher(), from.Size, to.Size, path, from.Root[:], to.Root[:]); err != nil {
		return fmt.Errorf("%w: from %d to %d", ErrProof, from.Size, to.Size)
	}
	return nil
}

func goodPath(path [][]byte) error {
	if len(path) > 2*64 {
		return fmt.Errorf("%w: %d hashes", ErrProof, len(path))
	}
	for _, h := range path {
		if len(h) != hashSize {
			return fmt.Errorf("%w: a hash of %d bytes", ErrProof, len(h))
		}
	}
	return nil
}

// Append is Grow for who keeps no tiles.
func (s State) Append(leaves [][]byte) (State, error) {
	r, err := s.compact()
	if err != nil {
		return s, err
	}
	for _, l := range leaves {
		h := HashLeaf(l)
		if err := r.Append(h[:], nil); err != nil {
			return s, fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	return State{Size: r.End(), Hashes: join(r.Hashes())}, nil
}
