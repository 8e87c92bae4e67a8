package comb

import (
	"errors"
	"fmt"
)

// ErrPoint says that coordinates are not those of a point on the curve.
var ErrPoint = errors.New("comb: not a point of sm2p256v1")

// A Table holds multiples of one point, made once. It is immutable and safe for concurrent use.
//
// There are two shapes. A wide table has, for every window of w bits, the multiples
// 1·2^(wi)·P … 2^(w-1)·2^(wi)·P: a product costs one addition a window and no doubling. A small
// table is a comb of six teeth and two rows: 64 points, and a product costs 43 additions and 21
// doublings.
type Table struct {
	width  int // of a window, in bits; 0 for a small table
	points []affine
}

// The bounds of a window's width. Each bit more doubles the table and saves a tenth of the
// additions.
const (
	MinWidth = 4
	MaxWidth = 13
)

// NewTable makes a wide table of a point given by its coordinates, big-endian.
func NewTable(x, y *[32]byte, width int) (*Table, error) {
	if width < MinWidth || width > MaxWidth {
		return nil, fmt.Errorf("comb: windows of %d bits, want %d to %d", width, MinWidth, MaxWidth)
	}
	p, err := newAffine(x, y)
	if err != nil {
		return nil, err
	}
	return wide(p, width), nil
}

// NewSmallTable makes a small table: 4 KB.
func NewSmallTable(x, y *[32]byte) (*Table, error) {
	p, err := newAffine(x, y)
	if err != nil {
		return nil, err
	}
	return small(p), nil
}

// NewBase makes a wide table of the generator G.
func NewBase(width int) (*Table, error) {
	x, y := base.x.bytes(), base.y.bytes()
	return NewTable(&x, &y, width)
}

// Wide reports whether it is a wide table.
func (t *Table) Wide() bool { return t.width > 0 }

// Bytes is the memory that the points of a table take.
func (t *Table) Bytes() int { return len(t.points) * 64 }

// WideBytes is the memory that a wide table will take.
func WideBytes(width int) int { return windows(width) << (width - 1) * 64 }

func newAffine(x, y *[32]byte) (affine, error) {
	var p affine
	if !p.x.setBytes(x) || !p.y.setBytes(y) || !p.onCurve() {
		return affine{}, ErrPoint
	}
	return p, nil
}

// windows is the number of windows that hold 255 bits and the carry of the highest one.
func windows(width int) int { return 256/width + min(1, 256%width) }

// wide adds P_i = 2^(wi)·P to itself again and again. No addition is exceptional: the sums are
// k·P_i with 2 ≤ k ≤ 2^(w-1), and k·P_i = ±P_i would make the prime n divide k∓1.
func wide(p affine, width int) *Table {
	half := 1 << (width - 1)
	t := &Table{width: width, points: make([]affine, windows(width)*half)}
	row := make([]point, half)
	var next1 [1]affine
	for i := 0; i < len(t.points); i += half {
		row[0].set(&p)
		row[1] = row[0]
		row[1].double()
		for k := 2; k < half; k++ {
			row[k] = row[k-1]
			row[k].add(&p)
		}
		toAffine(t.points[i:i+half], row)
		next := row[half-1]
		next.double()
		toAffine(next1[:], []point{next})
		p = next1[0]
	}
	return t
}

// The comb of a small table: the 258 digits of a scalar, each +1 or -1, stand in six rows of 43
// (the teeth), and the columns are taken two at a time, 22 apart.
const (
	teeth   = 6
	columns = 43
	apart   = 22
	entries = 1 << (teeth - 1)
)

// small makes, for both rows, all sums of the teeth's points with signs, the highest one positive:
//
//	entry e of row v = 2^(22v)·( 2^(43·5)·P ± 2^(43·4)·P … ± P ), + where bit i of e is set.
//
// As integers the coefficients of all sums on the way, and of what is added to them, are less than
// n/2 and never equal up to sign, so that no addition is exceptional.
func small(p affine) *Table {
	// Points 2^(43i + 22v)·P, and their doubles.
	chain := make([]point, 0, 4*teeth)
	var d point
	d.set(&p)
	doublings := 0
	for i := range teeth {
		for v := range 2 {
			for ; doublings < columns*i+apart*v; doublings++ {
				d.double()
			}
			twice := d
			twice.double()
			chain = append(chain, d, twice)
		}
	}
	single := make([]affine, len(chain))
	toAffine(single, chain)
	sums := make([]point, 2*entries)
	for v := range 2 {
		s := sums[v*entries : (v+1)*entries]
		s[0].set(&single[4*(teeth-1)+2*v])
		for i := range teeth - 1 {
			minus := single[4*i+2*v]
			minus.y.neg(&minus.y)
			s[0].add(&minus)
		}
		for e := 1; e < entries; e++ {
			// Turning the lowest + of e back to - gives an entry that stands already.
			low := 0
			for e>>low&1 == 0 {
				low++
			}
			s[e] = s[e&^(1<<low)]
			s[e].add(&single[4*low+2*v+1])
		}
	}
	t := &Table{points: make([]affine, len(sums))}
	toAffine(t.points, sums)
	return t
}
