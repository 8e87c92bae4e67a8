package qrimage

import (
	"bytes"
	"fmt"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skip2/go-qrcode"
	"github.com/stretchr/testify/require"
	"rsc.io/qr/coding"
)

func randomText(r *rand.Rand, n int, from string) string {
	var b strings.Builder
	for range n {
		b.WriteByte(from[r.IntN(len(from))])
	}
	return b.String()
}

// naivePenalty scores a symbol module by module, as the words of ISO/IEC 18004 §7.8.3.1 say it.
func naivePenalty(s symbol) int {
	score, darks := 0, 0
	for _, dark := range []func(a, b int) bool{s.dark, func(a, b int) bool { return s.dark(b, a) }} {
		for line := range s.size {
			run := 1
			for i := 1; i <= s.size; i++ {
				if i < s.size && dark(i, line) == dark(i-1, line) {
					run++
					continue
				}
				if run >= 5 {
					score += 3 + run - 5
				}
				run = 1
			}
			for i := range s.size - 6 {
				finder, before, behind := true, true, true
				for j, want := range "1011101" {
					finder = finder && dark(i+j, line) == (want == '1')
				}
				for j := range 4 { // what lies outside is quiet zone, and light
					before = before && !dark(i-1-j, line)
					behind = behind && !dark(i+7+j, line)
				}
				if finder && (before || behind) {
					score += 40
				}
			}
		}
	}
	for y := range s.size {
		for x := range s.size {
			if s.dark(x, y) {
				darks++
			}
			if x > 0 && y > 0 && s.dark(x, y) == s.dark(x-1, y) && s.dark(x, y) == s.dark(x, y-1) && s.dark(x, y) == s.dark(x-1, y-1) {
				score += 3
			}
		}
	}
	percent := 100 * float64(darks) / float64(s.size*s.size)
	for away := 5.0; percent <= 50-away || percent >= 50+away; away += 5 {
		score += 10
	}
	return score
}

// under draws codewords under a mask, whichever scores best.
func under(p *plan, s symbol, best, mask int) symbol {
	out := symbol{version: s.version, size: s.size, words: s.words, rows: make([]line, s.size), columns: make([]line, s.size)}
	for i := range s.rows {
		for w := range s.words {
			out.rows[i][w] = s.rows[i][w] ^ p.rows[best][i][w] ^ p.rows[mask][i][w]
			out.columns[i][w] = s.columns[i][w] ^ p.columns[best][i][w] ^ p.columns[mask][i][w]
		}
	}
	return out
}

// maskOf reads the mask out of a symbol's format (§7.9): three bits, themselves masked with 101.
func maskOf(s symbol) int {
	mask := 0
	for x := 2; x <= 4; x++ {
		mask <<= 1
		if s.dark(x, 8) {
			mask |= 1
		}
	}
	return mask ^ 0b101
}

// Every version and level: the modules are those of the library that shares nothing with ours but
// the layout, the score is that of the naive scorer, and no other mask scores less.
func TestEncodeAgainstOracles(t *testing.T) {
	r := seeded()
	agreed, all := 0, 0
	for version := 1; version <= coding.MaxVersion; version++ {
		for _, level := range []Level{L, M, Q, H} {
			p, err := planOf[version][level]()
			require.NoError(t, err)
			room := 8*coding.Version(version).DataBytes(recovery(level)) - 4 - alphanumeric.countBits(version)
			text := "A" + randomText(r, room*2/11-1-version%2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
			s, err := encode(text, level)
			require.NoError(t, err)
			require.Equal(t, version, s.version)

			best := maskOf(s)
			least := naivePenalty(s)
			require.Equal(t, least, s.penalty(), "%d-%d", version, level)
			for mask := range masks {
				other := under(p, s, best, mask)
				require.Equal(t, mask, maskOf(other))
				if version < 12 || version%7 == 0 {
					require.Equal(t, naivePenalty(other), other.penalty())
				}
				require.GreaterOrEqual(t, other.penalty(), least)
			}

			lib, err := coding.NewPlan(coding.Version(version), recovery(level), coding.Mask(best))
			require.NoError(t, err)
			code, err := lib.Encode(coding.Alpha(text))
			require.NoError(t, err)
			their, err := qrcode.New(text, map[Level]qrcode.RecoveryLevel{L: qrcode.Low, M: qrcode.Medium, Q: qrcode.High, H: qrcode.Highest}[level])
			require.NoError(t, err)
			require.Equal(t, version, their.VersionNumber)
			their.DisableBorder = true
			bitmap := their.Bitmap()
			theirMask := 0
			for x := 2; x <= 4; x++ {
				theirMask <<= 1
				if bitmap[8][x] {
					theirMask |= 1
				}
			}
			theirs := under(p, s, best, theirMask^0b101)
			for y := range s.size {
				for x := range s.size {
					require.Equal(t, code.Black(x, y), s.dark(x, y), "%d-%d: rsc.io/qr differs at %d,%d", version, level, x, y)
					require.Equal(t, bitmap[y][x], theirs.dark(x, y), "%d-%d: skip2 differs at %d,%d", version, level, x, y)
				}
			}
			if all++; theirMask^0b101 == best {
				agreed++
			}
		}
	}
	t.Logf("skip2, which scores runs from six on, chose the same mask %d times of %d", agreed, all)
}

// Numbers, capitals and bytes, full to the last bit and with every rest, are read back.
func TestEncodeModes(t *testing.T) {
	r := seeded()
	for _, c := range []struct {
		mode mode
		from string
	}{{numeric, "0123456789"}, {alphanumeric, alphabet}, {byteMode, "abcdefghij 0123"}} {
		var names, want []string
		var pictures [][]byte
		for _, level := range []Level{L, M, Q, H} {
			for version := 1; version <= coding.MaxVersion; version += 1 + version/4 {
				room := 8*coding.Version(version).DataBytes(recovery(level)) - 4 - c.mode.countBits(version)
				most := 0
				for c.mode.dataBits(most+1) <= room {
					most++
				}
				for n := most; n > most-3; n-- {
					text := randomText(r, n, c.from)
					if c.mode == alphanumeric {
						text = "A" + text[1:]
					}
					if c.mode == byteMode {
						text = "a" + text[1:]
					}
					if text[len(text)-1] == ' ' {
						text = text[:len(text)-1] + "0"
					}
					require.Equal(t, c.mode, modeOf(text))
					s, err := encode(text, level)
					require.NoError(t, err)
					if n == most {
						require.Equal(t, version, s.version)
					}
					data, err := PNG(text, Options{Level: level, Module: 4})
					require.NoError(t, err)
					names, want, pictures = append(names, fmt.Sprintf("mode %d, %d-%d, %d characters", c.mode, version, level, n)), append(want, text), append(pictures, data)
				}
			}
		}
		requireZbarReads(t, names, pictures, want)
	}
}

// Our own reader, gozxing, reads every version at each level too.
func TestEncodeIsReadByScan(t *testing.T) {
	r := seeded()
	for version := 1; version <= coding.MaxVersion; version += 1 + version/6 {
		for _, level := range []Level{M, L, Q, H} {
			room := 8*coding.Version(version).DataBytes(recovery(level)) - 4 - alphanumeric.countBits(version)
			text := "A" + randomText(r, room*2/11-1, "ABCDEFGHJKMNPQRSTVWXYZ0123456789")
			data, err := PNG(text, Options{Level: level, Module: 3})
			require.NoError(t, err)
			_, err = png.Decode(bytes.NewReader(data))
			require.NoError(t, err)
			found, err := Scan(data)
			require.NoError(t, err, "%d-%d", version, level)
			require.Equal(t, []string{text}, found, "%d-%d", version, level)
		}
	}
}
