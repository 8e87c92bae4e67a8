package qrimage

import "math/bits"

// symbol is a drawn code without its quiet zone.
type symbol struct {
	version       int
	size          int // modules on a side: 17 + 4 × version
	words         int // of a line
	rows, columns []line
}

// dark answers for every integer; what lies outside is quiet zone.
func (s symbol) dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < s.size && y < s.size && s.rows[y].dark(x)
}

// runs calls f for each horizontal run of dark modules in row y, from x0 up to and without x1.
func (s symbol) runs(y int, f func(x0, x1 int)) {
	row := s.rows[y]
	for x := 0; ; {
		x0 := row.next(x, 0)
		if x0 >= s.size {
			return
		}
		x = row.next(x0, ^uint64(0))
		f(x0, x)
	}
}

// next is the first place from x on whose module is not like flip: dark for 0, light for all ones.
func (l *line) next(x int, flip uint64) int {
	for w := x / 64; w < len(l); w++ {
		v := l[w] ^ flip
		if w == x/64 {
			v &= ^uint64(0) << (x % 64)
		}
		if v != 0 {
			return 64*w + bits.TrailingZeros64(v)
		}
	}
	return 64 * len(l)
}
