package qrimage

import (
	"errors"
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
	core "github.com/makiuchi-d/gozxing/common"
	multi "github.com/makiuchi-d/gozxing/multi/qrcode/detector"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// Bounds of the work that one image can cause. Nothing here looks at a clock, so an image reads the same every time.
const (
	// maxFinders bounds the corner marks considered in one picture: the library tries all triples of them. A sheet
	// of a dozen codes has fifty with chance finds; a picture tiled with marks could have many thousands.
	maxFinders = 96
	maxTriples = 256 // corner triples sampled and decoded in one picture, the most regular first
	maxFits    = 2   // of those that failed, fitted to a grid seen at an angle: some 10 ms each, and only in the pictures that promise most
	maxTexts   = 32

	coarse = 1000 // long side in pixels at which phone photos are looked at first
	fine   = 2200
	small  = 700 // below this, enlarging can help
)

// search looks at g in ways that are ever more expensive, and stops at the first group of them that finds something.
func search(g grey) []string {
	var found texts
	var views []grey
	for _, target := range []int{coarse, fine} {
		view := g.shrink((g.long() + target - 1) / target)
		if len(views) == 0 || views[len(views)-1].long() != view.long() {
			views = append(views, view)
		}
	}
	for _, v := range views {
		found.add(readAdaptive(v, maxFits))
	}
	if len(found) > 0 {
		return found
	}
	// Low contrast, colours that leave little brightness apart, light on dark.
	for _, v := range views {
		s, ok := v.stretch()
		if !ok {
			continue // nothing but one shade
		}
		found.add(readAdaptive(s, maxFits))
		found.add(readGlobal(s))
		if len(found) > 0 {
			return found
		}
		inverted := s.inverted()
		found.add(readAdaptive(inverted, 0))
		found.add(readGlobal(inverted))
		if len(found) > 0 {
			return found
		}
		// Modules of a dozen pixels: the squares of eight by which the library tells black from white lie within one,
		// and a code is lost that a coarser picture shows.
		for _, f := range []int{2, 4} {
			less := s.shrink(f)
			found.add(readAdaptive(v.shrink(f), maxFits))
			found.add(readGlobal(less))
			found.add(readAdaptive(less.sharpen(2), 0))
			if len(found) > 0 {
				return found
			}
		}
		if s.long() <= small {
			s = s.double()
		}
		for _, r := range []int{2, 4, 8} {
			sharp := s.sharpen(r)
			found.add(readAdaptive(sharp, 0))
			found.add(readGlobal(sharp))
			if len(found) > 0 {
				return found
			}
		}
	}
	// A small code in a large photo.
	if g.long() > views[len(views)-1].long() {
		found.add(readAdaptive(g, maxFits))
	}
	return found
}

// texts is a set that keeps its order.
type texts []string

func (t *texts) add(more []string) {
	for _, s := range more {
		if s != "" && len(*t) < maxTexts && !slices.Contains(*t, s) {
			*t = append(*t, s)
		}
	}
}

// readAdaptive decides black and white by the surroundings of each block of pixels: photos with shadows and glare.
func readAdaptive(g grey, fits int) []string {
	return guard(func() []string {
		source, err := gozxing.NewPlanarYUVLuminanceSource(g.pix, g.w, g.h, 0, 0, g.w, g.h, false)
		if err != nil {
			return nil
		}
		matrix, err := gozxing.NewHybridBinarizer(source).GetBlackMatrix()
		if err != nil {
			return nil
		}
		return readMatrix(matrix, fits)
	})
}

// readGlobal decides by one threshold for the whole picture: evenly lit, but blurred or with very large modules.
func readGlobal(g grey) []string {
	return guard(func() []string {
		matrix, err := gozxing.NewBitMatrix(g.w, g.h)
		if err != nil {
			return nil
		}
		threshold := g.otsu()
		for y := range g.h {
			for x, v := range g.row(y) {
				if v <= threshold {
					matrix.Set(x, y)
				}
			}
		}
		return readMatrix(matrix, 0)
	})
}

// errTooMany ends a search from within the library's callback.
var errTooMany = errors.New("qrimage: too many corner marks")

// guard turns a panic of the library into "nothing found here". gozxing is a translation from Java, where an index
// out of range is an exception that its callers catch; pictures that make it compute points outside themselves make
// the Go text panic instead. It keeps no state between calls, so nothing is left broken behind, and a stranger's
// upload must not take the process down. errTooMany comes this way too, because a callback can stop it in no other.
func guard(read func() []string) (texts []string) {
	defer func() {
		if recover() != nil {
			texts = nil
		}
	}()
	return read()
}

// readMatrix finds and decodes all codes of a black and white picture. It does by hand what the library's multi
// reader does, because that one decodes every triple of corner marks that could be a code, however many, and joins
// the texts of "structured append" symbols, which nobody here draws. As many triples as fits says, of those from which
// the library samples no code, are fitted to a grid.
func readMatrix(matrix *gozxing.BitMatrix, fits int) []string {
	finders := 0
	counter := gozxing.ResultPointCallback(func(gozxing.ResultPoint) {
		if finders++; finders > maxFinders {
			panic(errTooMany)
		}
	})
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	triples, err := multi.NewMultiFinderPatternFinder(matrix, counter).FindMulti(hints)
	if err != nil {
		triples = nil
	}
	// The single finder tolerates more perspective than the multi finder, but returns one triple only.
	finders = 0
	if one, err := detector.NewFinderPatternFinder(matrix, counter).Find(hints); err == nil {
		triples = append(triples, one)
	}
	slices.SortStableFunc(triples, func(a, b *detector.FinderPatternInfo) int {
		switch da, db := distortion(a), distortion(b); {
		case da < db:
			return -1
		case da > db:
			return 1
		default:
			return 0
		}
	})

	var found texts
	used := map[gozxing.ResultPoint]bool{}
	sampler, reader := detector.NewDetector(matrix), decoder.NewDecoder()
	tried := 0
	for _, t := range triples {
		corners := [3]gozxing.ResultPoint{t.GetTopLeft(), t.GetTopRight(), t.GetBottomLeft()}
		if used[corners[0]] || used[corners[1]] || used[corners[2]] {
			continue // a corner mark belongs to one code
		}
		if tried++; tried > maxTriples {
			break
		}
		var result *core.DecoderResult
		sampled, err := sampler.ProcessFinderPatternInfo(t)
		if err == nil {
			result, err = reader.Decode(sampled.GetBits(), hints)
		}
		if err != nil && fits > 0 {
			fits--
			if bits, ok := fit(matrix, t); ok {
				result, err = reader.Decode(bits, hints)
			}
		}
		if err != nil {
			continue
		}
		for _, c := range corners {
			used[c] = true
		}
		found.add([]string{result.GetText()})
	}
	return found
}

// distortion is how far three corner marks are from the right angle and the equal sides of a code seen from the
// front, relative to its size.
func distortion(t *detector.FinderPatternInfo) float64 {
	a := gozxing.ResultPoint_Distance(t.GetTopLeft(), t.GetTopRight())
	b := gozxing.ResultPoint_Distance(t.GetTopLeft(), t.GetBottomLeft())
	c := gozxing.ResultPoint_Distance(t.GetTopRight(), t.GetBottomLeft())
	if a+b == 0 {
		return math.Inf(1)
	}
	return (math.Abs(a-b) + math.Abs(c-math.Hypot(a, b))) / (a + b)
}
