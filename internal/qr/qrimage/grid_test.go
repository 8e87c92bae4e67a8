package qrimage

import (
	"fmt"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
	"github.com/stretchr/testify/require"
)

// The library alone loses codes from 20° on, and more of them the denser they are.
func TestScanTilted(t *testing.T) {
	r := seeded()
	for _, length := range []int{100, 500, 771} {
		text := offline(t, length, r)
		s, err := encode(text, M)
		require.NoError(t, err)
		for _, tilt := range []float64{20, 30} {
			for turn := 10.0; turn < 360; turn += 120 {
				name := fmt.Sprintf("%d characters, tilted by %v°, turned by %v°", length, tilt, turn)
				img := photo{module: 4, away: 3, turn: turn, tilt: tilt, blur: 0.6, black: 25, white: 225, noise: 4}.of(s, 1)
				got, err := Scan(asPNG(t, img))
				require.NoError(t, err, name)
				require.Equal(t, []string{text}, got, name)
			}
		}
	}
}

// Corner marks that are none, on nothing or on noise, lead to no grid, and to nothing worse.
func TestFitOfNothing(t *testing.T) {
	r := seeded()
	empty, err := gozxing.NewBitMatrix(200, 100)
	require.NoError(t, err)
	noise, err := gozxing.NewBitMatrix(200, 100)
	require.NoError(t, err)
	for y := range 100 {
		for x := range 200 {
			if r.Uint32()%2 == 0 {
				noise.Set(x, y)
			}
		}
	}
	mark := func(x, y float64) *detector.FinderPattern { return detector.NewFinderPattern1(x, y, 3) }
	for _, at := range [][6]float64{
		{0, 0, 0, 0, 0, 0}, {10, 10, 10, 10, 90, 90}, {10, 10, 90, 10, 10, 90}, {90, 90, 10, 10, 50, 50}, {10, 10, 199, 10, 10, 99},
		{-5, -5, 500, 3, 2, 900}, {10, 10, 10.1, 10, 10, 10.1}, {50, 50, 190, 50, 120, 50},
	} {
		for _, m := range []*gozxing.BitMatrix{empty, noise} {
			_, ok := fit(m, detector.NewFinderPatternInfo(mark(at[4], at[5]), mark(at[0], at[1]), mark(at[2], at[3])))
			require.False(t, ok, "%v", at)
		}
	}
}
