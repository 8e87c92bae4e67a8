package qrimage

import (
	"math"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// maxLean bounds the perspective that is looked for: at 0.4 the far edge is two thirds of the near one.
const maxLean = 0.4

// grid is where the modules of a code lie in a picture that was taken at an angle. Three corner marks say where three
// corners are; how much smaller things are at the second and the third, in comparison with the first, is right and down.
//
// The library guesses those two from one alignment mark, for which it looks where it would be if there were no
// perspective. A phone that is held at 20° to the camera has it ten modules away, in the middle of data that look like
// it here and there. A dense code has up to 46 of those marks, and timing lines; fit finds where all of them fit.
type grid struct {
	topLeft, topRight, bottomLeft point
	right, down                   float64
	dimension                     int
}

type point struct{ x, y float64 }

func pointOf(p gozxing.ResultPoint) point { return point{p.GetX(), p.GetY()} }

// at is the pixel in which a place lies that is given in modules.
func (g *grid) at(x, y float64) (int, int) {
	u, v := (x-3.5)/float64(g.dimension-7), (y-3.5)/float64(g.dimension-7)
	a, b, c := 1-u-v, u*(1+g.right), v*(1+g.down)
	w := a + b + c
	return int((a*g.topLeft.x + b*g.topRight.x + c*g.bottomLeft.x) / w), int((a*g.topLeft.y + b*g.topRight.y + c*g.bottomLeft.y) / w)
}

// mark is a module whose colour the standard fixes.
type mark struct {
	x, y float64
	dark bool
}

// ofEach alignment mark so many modules are looked at.
const ofEach = 9

// marksOf gives alignment marks (ISO/IEC 18004 §6.3.6), of each its middle and four modules of both rings, and the
// timing lines (§6.3.5).
func marksOf(version int) (alignment, timing []mark) {
	v, err := decoder.Version_GetVersionForNumber(version)
	if err != nil {
		return nil, nil
	}
	centres := v.GetAlignmentPatternCenters()
	for i, cy := range centres {
		for j, cx := range centres {
			if first, last := 0, len(centres)-1; i == first && j == first || i == first && j == last || i == last && j == first {
				continue // corner marks are there
			}
			x, y := float64(cx)+0.5, float64(cy)+0.5
			alignment = append(alignment, mark{x, y, true})
			for _, d := range [][2]float64{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
				alignment = append(alignment, mark{x + d[0], y + d[1], false})
			}
			for _, d := range [][2]float64{{2, 2}, {-2, 2}, {2, -2}, {-2, -2}} {
				alignment = append(alignment, mark{x + d[0], y + d[1], true})
			}
		}
	}
	for i := 8; i < v.GetDimensionForVersion()-8; i++ {
		at := float64(i) + 0.5
		timing = append(timing, mark{at, 6.5, i%2 == 0}, mark{6.5, at, i%2 == 0})
	}
	return alignment, timing
}

// thinned bounds the work where there are many marks: of 46 of them, every third says as much from afar.
func thinned(marks []mark) []mark {
	const enough = 16
	n := len(marks) / ofEach
	if n <= enough {
		return marks
	}
	var some []mark
	for i := 0; i < n; i += (n + enough - 1) / enough {
		some = append(some, marks[ofEach*i:ofEach*(i+1)]...)
	}
	return some
}

// score is the share of the marks that have their colour.
func (g *grid) score(m *gozxing.BitMatrix, marks []mark) float64 {
	good := 0
	for _, k := range marks {
		x, y := g.at(k.x, k.y)
		if x >= 0 && y >= 0 && x < m.GetWidth() && y < m.GetHeight() && m.Get(x, y) == k.dark {
			good++
		}
	}
	return float64(good) / float64(len(marks))
}

// fit returns the modules of the code between three corner marks, if there is a grid on which most fixed modules have
// their colour. Whether that is a code, its error correction says.
func fit(m *gozxing.BitMatrix, t *detector.FinderPatternInfo) (*gozxing.BitMatrix, bool) {
	var best grid
	most := 0.0
	estimate := estimateVersion(m, t)
	for version := max(estimate-2, 2); version <= min(estimate+2, 40); version++ {
		g := grid{topLeft: pointOf(t.GetTopLeft()), topRight: pointOf(t.GetTopRight()), bottomLeft: pointOf(t.GetBottomLeft()), dimension: 17 + 4*version}
		alignment, timing := marksOf(version)
		g.search(m, thinned(alignment), 0, 0, maxLean, 0.01)
		all := append(alignment, timing...)
		for step := 0.005; step > 0.0005; step /= 2 {
			g.search(m, all, g.right, g.down, 2*step, step)
		}
		if s := g.score(m, all); s > most {
			most, best = s, g
		}
	}
	if most < 0.75 { // chance gives a half
		return nil, false
	}
	return best.sample(m)
}

// search takes the best of the leans around a pair.
func (g *grid) search(m *gozxing.BitMatrix, marks []mark, right, down, within, step float64) {
	best, most := *g, -1.0
	for r := right - within; r <= right+within+step/2; r += step {
		for d := down - within; d <= down+within+step/2; d += step {
			if g.right, g.down = r, d; math.Abs(r+d) > maxLean {
				continue
			}
			if s := g.score(m, marks); s > most {
				most, best = s, *g
			}
		}
	}
	*g = best
}

func (g *grid) sample(m *gozxing.BitMatrix) (*gozxing.BitMatrix, bool) {
	bits, err := gozxing.NewBitMatrix(g.dimension, g.dimension)
	if err != nil {
		return nil, false
	}
	for y := range g.dimension {
		for x := range g.dimension {
			px, py := g.at(float64(x)+0.5, float64(y)+0.5)
			if px >= 0 && py >= 0 && px < m.GetWidth() && py < m.GetHeight() && m.Get(px, py) {
				bits.Set(x, y)
			}
		}
	}
	return bits, true
}

// estimateVersion compares how far the corner marks are apart with how wide they are.
func estimateVersion(m *gozxing.BitMatrix, t *detector.FinderPatternInfo) int {
	modules := func(a, b gozxing.ResultPoint) float64 {
		return gozxing.ResultPoint_Distance(a, b) / (markWidth(m, a, b) + markWidth(m, b, a)) * 2 * 7
	}
	across, along := modules(t.GetTopLeft(), t.GetTopRight()), modules(t.GetTopLeft(), t.GetBottomLeft())
	between := (across + along) / 2 // from the middle of a mark to the middle of another: 10 + 4 × version
	if math.IsNaN(between) || between > 200 {
		return -1
	}
	return int(math.Round((between - 10) / 4))
}

// markWidth is the width in pixels of the corner mark at a, on the line to b: from its middle three changes of colour
// lead out of it.
func markWidth(m *gozxing.BitMatrix, a, b gozxing.ResultPoint) float64 {
	length := gozxing.ResultPoint_Distance(a, b)
	dx, dy := (b.GetX()-a.GetX())/length, (b.GetY()-a.GetY())/length
	width := 0.0
	for _, way := range []float64{1, -1} {
		n, was := 0.0, true
		for changes := 0; changes < 3 && n < length; n++ {
			x, y := int(a.GetX()+way*dx*n), int(a.GetY()+way*dy*n)
			if x < 0 || y < 0 || x >= m.GetWidth() || y >= m.GetHeight() {
				break
			}
			if m.Get(x, y) != was {
				was = !was
				changes++
			}
		}
		width += n - 1.5 // the last step went over the edge, and was counted
	}
	return max(width, 1)
}
