package qrimage

import "math/bits"

// line is a row or a column, the first module in the lowest bit of the first word. What lies
// behind the last module is 0, which is light, as is the quiet zone.
type line [3]uint64

func (l *line) set(i int)       { l[i/64] |= 1 << (i % 64) }
func (l *line) dark(i int) bool { return l[i/64]>>(i%64)&1 == 1 }

// back returns l with each module n places nearer to the start; those before it are lost.
func (l *line) back(n uint, words int) (out line) {
	for i := range words {
		out[i] = l[i] >> n
		if i+1 < words {
			out[i] |= l[i+1] << (64 - n)
		}
	}
	return out
}

// on returns l with each module n places further on, and light ones before it.
func (l *line) on(n uint, words int) (out line) {
	for i := range words {
		out[i] = l[i] << n
		if i > 0 {
			out[i] |= l[i-1] >> (64 - n)
		}
	}
	return out
}

// upTo has the first n modules dark.
func upTo(n int) (l line) {
	for i := range l {
		switch {
		case n >= 64*(i+1):
			l[i] = ^uint64(0)
		case n > 64*i:
			l[i] = 1<<(n-64*i) - 1
		}
	}
	return l
}

// The weights of ISO/IEC 18004 table 11.
const (
	weightRun     = 3
	weightBlock   = 3
	weightFinder  = 40
	weightBalance = 10
)

// penalty scores a masked symbol by the four features of §7.8.3.1; the least is the best. Lines
// are looked at as a whole, a bit for each module.
func (s *symbol) penalty() int {
	score, darks := 0, 0
	for i := range s.size {
		score += s.runsOf(&s.rows[i]) + s.runsOf(&s.columns[i])
		score += weightFinder * (s.finders(&s.rows[i]) + s.finders(&s.columns[i]))
		for w := range s.words {
			darks += bits.OnesCount64(s.rows[i][w])
		}
		if i > 0 {
			score += weightBlock * s.blocks(&s.rows[i-1], &s.rows[i])
		}
	}
	// 10 points for each whole 5 % that the share of dark modules lies away from a half.
	all := s.size * s.size
	return score + weightBalance*(abs(20*darks-10*all)/all)
}

func abs(v int) int { return max(v, -v) }

// same has a bit where a module is like the next one.
func (s *symbol) same(l *line) line {
	next := l.back(1, s.words)
	limit := upTo(s.size - 1)
	for w := range s.words {
		next[w] = ^(l[w] ^ next[w]) & limit[w]
	}
	return next
}

// runsOf scores 3 for five modules of one colour in line, and 1 for each more.
func (s *symbol) runsOf(l *line) int {
	like := s.same(l)
	by2 := like.back(1, s.words)
	for w := range s.words {
		by2[w] &= like[w] // three alike from here
	}
	five := by2.back(2, s.words)
	for w := range s.words {
		five[w] &= by2[w]
	}
	// A run of n has n-4 places where five begin, all in a row: count them, and 2 for the row.
	before := five.on(1, s.words)
	score := 0
	for w := range s.words {
		score += bits.OnesCount64(five[w]) + (weightRun-1)*bits.OnesCount64(five[w]&^before[w])
	}
	return score
}

// blocks counts the squares of 2 by 2 of one colour in two rows; larger areas hold several.
func (s *symbol) blocks(above, below *line) int {
	a, b := s.same(above), s.same(below)
	n := 0
	for w := range s.words {
		n += bits.OnesCount64(a[w] & b[w] &^ (above[w] ^ below[w]))
	}
	return n
}

// finders counts what could be taken for a finder pattern: dark, light, three dark, light, dark,
// with four light modules before it or behind it. The quiet zone is light.
func (s *symbol) finders(l *line) int {
	words := (s.size + 8 + 63) / 64
	at := l.on(4, words) // with four light modules in front
	n := 0
	var shifted [7]line
	shifted[0] = at
	for i := uint(1); i < 7; i++ {
		shifted[i] = at.back(i, words)
	}
	var pattern, light line
	for w := range words {
		pattern[w] = shifted[0][w] &^ shifted[1][w] & shifted[2][w] & shifted[3][w] & shifted[4][w] &^ shifted[5][w] & shifted[6][w]
		light[w] = ^(shifted[0][w] | shifted[1][w] | shifted[2][w] | shifted[3][w]) // four light from here
	}
	before, behind := light.on(4, words), light.back(7, words)
	for w := range words {
		n += bits.OnesCount64(pattern[w] & (before[w] | behind[w]))
	}
	return n
}
