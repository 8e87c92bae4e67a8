package qrimage

import (
	"sync"

	"rsc.io/qr/coding"
)

// masks of a symbol (§7.8.2).
const masks = 8

// plan is all of a version and level that does not depend on the text. It is made once, by the
// library, and kept: in the 160 there are, 9 MB at most, and two in a process that shows tickets.
type plan struct {
	version, size int
	words         int // of a line
	blocks        int
	dataBytes     int
	checkBytes    int // of a block
	generator     []byte
	// at is where each bit of the codewords goes: data of all blocks, then their checks, in the
	// order of the blocks. The interleaving (§7.6) is in here.
	at []place
	// rows and columns of each mask without data: functions, format, version, and the mask itself.
	rows, columns [masks][]line
}

// place is a module.
type place struct{ x, y uint8 }

// plans are made when first asked for. They are constants that take a while to work out.
var plans [coding.MaxVersion + 1][H + 1]struct {
	once sync.Once
	plan *plan
	err  error
}

func planOf(version int, level Level) (*plan, error) {
	p := &plans[version][level]
	p.once.Do(func() { p.plan, p.err = newPlan(version, level) })
	return p.plan, p.err
}

func newPlan(version int, level Level) (*plan, error) {
	p := &plan{version: version, size: 17 + 4*version}
	p.words = (p.size + 63) / 64
	for mask := range masks {
		lib, err := coding.NewPlan(coding.Version(version), recovery(level), coding.Mask(mask))
		if err != nil {
			return nil, err
		}
		p.rows[mask], p.columns[mask] = make([]line, p.size), make([]line, p.size)
		if mask == 0 {
			p.blocks, p.dataBytes, p.checkBytes = lib.Blocks, lib.DataBytes, lib.CheckBytes/lib.Blocks
			p.generator = generator(p.checkBytes)
			p.at = make([]place, 8*(lib.DataBytes+lib.CheckBytes))
		}
		for y, row := range lib.Pixel {
			for x, pixel := range row {
				if pixel&coding.Black != 0 {
					p.rows[mask][y].set(x)
					p.columns[mask][x].set(y)
				}
				if role := pixel.Role(); mask == 0 && (role == coding.Data || role == coding.Check) {
					p.at[pixel.Offset()] = place{uint8(x), uint8(y)}
				}
			}
		}
	}
	return p, nil
}

// draw puts codewords into the symbol and chooses the mask.
func (p *plan) draw(data []byte) symbol {
	rows, columns := make([]line, p.size), make([]line, p.size)
	p.put(rows, columns, data, 0)
	checks := make([]byte, 0, p.blocks*p.checkBytes)
	for i, size := 0, p.dataBytes/p.blocks; i < p.blocks; i++ {
		if i == p.blocks-p.dataBytes%p.blocks {
			size++ // the last blocks are a byte longer (§7.5.1)
		}
		checks = p.check(checks, data[:size])
		data = data[size:]
	}
	p.put(rows, columns, checks, p.dataBytes)

	best, least := 0, -1
	masked := symbol{version: p.version, size: p.size, words: p.words, rows: make([]line, p.size), columns: make([]line, p.size)}
	for mask := range masks {
		masked.cover(rows, columns, p, mask)
		if score := masked.penalty(); least < 0 || score < least {
			best, least = mask, score
		}
	}
	masked.cover(rows, columns, p, best)
	return masked
}

// cover is the symbol under a mask.
func (s *symbol) cover(rows, columns []line, p *plan, mask int) {
	for i := range s.rows {
		for w := range p.words {
			s.rows[i][w] = rows[i][w] ^ p.rows[mask][i][w]
			s.columns[i][w] = columns[i][w] ^ p.columns[mask][i][w]
		}
	}
}

// put sets the bits of b, the codewords from number first on.
func (p *plan) put(rows, columns []line, b []byte, first int) {
	for i, c := range b {
		for bit, at := range p.at[8*(first+i) : 8*(first+i)+8] {
			if c>>(7-bit)&1 == 1 {
				rows[at.y].set(int(at.x))
				columns[at.x].set(int(at.y))
			}
		}
	}
}

// check appends the check bytes of a block: the rest of its division by the generator (§7.5.2).
func (p *plan) check(to, block []byte) []byte {
	start := len(to)
	to = append(to, make([]byte, p.checkBytes)...)
	rest := to[start:]
	for _, b := range block {
		factor := b ^ rest[0]
		copy(rest, rest[1:])
		rest[len(rest)-1] = 0
		if factor != 0 {
			log := int(field.log[factor])
			for i, g := range p.generator {
				rest[i] ^= field.exp[log+int(g)]
			}
		}
	}
	return to
}

// generator returns the logarithms of the coefficients of (x-1)(x-α)…(x-αⁿ⁻¹), without the first.
func generator(n int) []byte {
	g := make([]byte, n+1)
	g[0] = 1
	for i := range n {
		for j := i + 1; j > 0; j-- {
			g[j] ^= multiply(g[j-1], field.exp[i])
		}
	}
	for i, c := range g {
		g[i] = field.log[c] // never of zero: the generators of the standard have no such coefficient
	}
	return g[1:]
}

func multiply(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return field.exp[int(field.log[a])+int(field.log[b])]
}

// field is GF(2⁸) modulo x⁸+x⁴+x³+x²+1.
var field = func() (f struct {
	exp [2 * 255]byte
	log [256]byte
}) {
	x := 1
	for i := range 255 {
		f.exp[i], f.exp[i+255], f.log[x] = byte(x), byte(x), byte(i)
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	return f
}()
