package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The layout is that of C2SP tlog-tiles: hashes of every eighth level of the tree lie in tiles
// of up to 256, leaves in bundles of up to 256, and a path names one of either:
//
//	tile/0/x001/234.p/17     the first 17 hashes of tile 1234 of level 0
//	tile/entries/000         the leaves 0 to 255
//
// Full ones never change again, so that caches and copies may keep them for good.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	hashSize   = 32
	maxLevel   = 63 / tileHeight
)

// ErrTile says that a path names no tile, or that bytes are none.
var ErrTile = errors.New("audit: not a tile")

// TilePath names a tile, or a bundle of leaves.
type TilePath struct {
	Entries bool // a bundle of leaves; Level is 0
	Level   int
	Index   uint64
	Width   int // 1 to 256
}

// String writes the path below the log's address, "tile/…".
func (p TilePath) String() string {
	var b strings.Builder
	b.WriteString("tile/")
	if p.Entries {
		b.WriteString("entries")
	} else {
		b.WriteString(strconv.Itoa(p.Level))
	}
	number := strconv.FormatUint(p.Index, 10)
	for len(number)%3 != 0 {
		number = "0" + number
	}
	for len(number) > 3 {
		b.WriteString("/x" + number[:3])
		number = number[3:]
	}
	b.WriteString("/" + number)
	if p.Width < tileWidth {
		b.WriteString(".p/" + strconv.Itoa(p.Width))
	}
	return b.String()
}

// ParseTilePath reads a path. Only the one spelling that String writes is taken.
func ParseTilePath(path string) (TilePath, error) {
	bad := fmt.Errorf("%w: %.64q", ErrTile, path)
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > 64 {
		return TilePath{}, bad
	}
	kind, rest, _ := strings.Cut(rest, "/")
	p := TilePath{Entries: kind == "entries", Width: tileWidth}
	var err error
	if !p.Entries {
		if p.Level, err = strconv.Atoi(kind); err != nil || p.Level < 0 || p.Level > maxLevel {
			return TilePath{}, bad
		}
	}
	number, width, partial := strings.Cut(rest, ".p/")
	if partial {
		if p.Width, err = strconv.Atoi(width); err != nil || p.Width < 1 || p.Width >= tileWidth {
			return TilePath{}, bad
		}
	}
	if p.Index, err = strconv.ParseUint(strings.NewReplacer("/", "", "x", "").Replace(number), 10, 63); err != nil || p.String() != path {
		return TilePath{}, bad
	}
	return p, nil
}

// Tile is a run of hashes of one level.
type Tile struct {
	Level  int
	Index  uint64
	Hashes []byte // 32 bytes each
}

// width returns how many of a tile's hashes a tree of that size has, 0 to 256.
func width(level int, index, size uint64) int {
	have := size >> (uint(level) * tileHeight) // nodes of that level
	if have>>tileHeight < index {
		return 0
	}
	return int(min(have-index<<tileHeight, tileWidth))
}

// FormatBundle writes leaves one after the other, each with its length in two bytes.
func FormatBundle(leaves [][]byte) ([]byte, error) {
	var out []byte
	for _, l := range leaves {
		if len(l) > maxLeaf {
			return nil, fmt.Errorf("%w: %d bytes", ErrLeaf, len(l))
		}
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(l))), l...)
	}
	return out, nil
}

// ParseBundle reads exactly n leaves.
func ParseBundle(data []byte, n int) ([][]byte, error) {
	if n < 0 || n > tileWidth {
		return nil, fmt.Errorf("%w: a bundle of %d leaves", ErrTile, n)
	}
	leaves := make([][]byte, 0, n)
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, fmt.Errorf("%w: cut off", ErrTile)
		}
		size := int(binary.BigEndian.Uint16(data))
		if data = data[2:]; len(data) < size {
			return nil, fmt.Errorf("%w: cut off", ErrTile)
		}
		leaves, data = append(leaves, data[:size]), data[size:]
		if len(leaves) > n {
			break
		}
	}
	if len(leaves) != n {
		return nil, fmt.Errorf("%w: want %d leaves", ErrTile, n)
	}
	return leaves, nil
}
