package qrimage

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// What happens to a code between one screen and another's camera.

func drawn(t testing.TB, text string, module int) *image.Gray {
	t.Helper()
	s, err := encode(text, M)
	require.NoError(t, err)
	return bitmap(s, Options{Module: module, Quiet: DefaultQuiet})
}

// remap makes a picture of w × h pixels whose pixel (x, y) is the source's at back(x, y), blended; ground elsewhere.
func remap(src *image.Gray, w, h int, ground uint8, back func(x, y float64) (float64, float64)) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	at := func(x, y int) float64 {
		if !(image.Point{X: x, Y: y}).In(src.Rect) {
			return float64(ground)
		}
		return float64(src.GrayAt(x, y).Y)
	}
	for y := range h {
		for x := range w {
			fx, fy := back(float64(x), float64(y))
			x0, y0 := math.Floor(fx), math.Floor(fy)
			dx, dy := fx-x0, fy-y0
			i, j := int(x0), int(y0)
			v := at(i, j)*(1-dx)*(1-dy) + at(i+1, j)*dx*(1-dy) + at(i, j+1)*(1-dx)*dy + at(i+1, j+1)*dx*dy
			out.SetGray(x, y, color.Gray{Y: uint8(v + 0.5)})
		}
	}
	return out
}

func rotated(src *image.Gray, degrees float64, ground uint8) *image.Gray {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(src.Rect.Dx()), float64(src.Rect.Dy())
	side := math.Ceil(math.Abs(w*cos)+math.Abs(h*sin)) + 2
	return remap(src, int(side), int(side), ground, func(x, y float64) (float64, float64) {
		x, y = x-side/2, y-side/2
		return x*cos + y*sin + w/2, -x*sin + y*cos + h/2
	})
}

// tilted looks at the picture from the side, as a lens does: the far edge is shorter by the given share, and what is
// nearer to it is closer together.
func tilted(src *image.Gray, share float64) *image.Gray {
	w, h := float64(src.Rect.Dx()), float64(src.Rect.Dy())
	return remap(src, int(w), int(h), 0xff, func(x, y float64) (float64, float64) {
		depth := 1 - share*(1-y/h)
		return (x-w/2)/depth + w/2, y / depth
	})
}

func scaled(src *image.Gray, factor float64) *image.Gray {
	w, h := float64(src.Rect.Dx())*factor, float64(src.Rect.Dy())*factor
	return remap(src, int(w), int(h), 0xff, func(x, y float64) (float64, float64) { return x / factor, y / factor })
}

func mapPixels(src *image.Gray, f func(x, y int, v float64) float64) *image.Gray {
	out := image.NewGray(src.Rect)
	for y := src.Rect.Min.Y; y < src.Rect.Max.Y; y++ {
		for x := src.Rect.Min.X; x < src.Rect.Max.X; x++ {
			v := f(x, y, float64(src.GrayAt(x, y).Y))
			out.SetGray(x, y, color.Gray{Y: uint8(min(max(v, 0), 255))})
		}
	}
	return out
}

func invertedImage(src *image.Gray) *image.Gray {
	return mapPixels(src, func(_, _ int, v float64) float64 { return 255 - v })
}

func contrast(src *image.Gray, dark, bright float64) *image.Gray {
	return mapPixels(src, func(_, _ int, v float64) float64 { return dark + v*(bright-dark)/255 })
}

func shadow(src *image.Gray) *image.Gray {
	w := float64(src.Rect.Dx())
	return mapPixels(src, func(x, y int, v float64) float64 { return (v*0.75 + 20) * (0.25 + 0.75*float64(x)/w) })
}

func noisy(src *image.Gray, amount float64, r *rand.Rand) *image.Gray {
	return mapPixels(src, func(_, _ int, v float64) float64 { return v + amount*r.NormFloat64() })
}

// blurred is a Gaussian of the given deviation in pixels.
func blurred(src *image.Gray, sigma float64) *image.Gray {
	radius := int(math.Ceil(3 * sigma))
	kernel := make([]float64, 2*radius+1)
	sum := 0.0
	for i := range kernel {
		d := float64(i - radius)
		kernel[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += kernel[i]
	}
	pass := func(src *image.Gray, dx, dy int) *image.Gray {
		return mapPixels(src, func(x, y int, _ float64) float64 {
			v := 0.0
			for i, k := range kernel {
				px := clampInt(x+(i-radius)*dx, src.Rect.Dx())
				py := clampInt(y+(i-radius)*dy, src.Rect.Dy())
				v += k * float64(src.GrayAt(px, py).Y)
			}
			return v/sum + 0.5
		})
	}
	return pass(pass(src, 1, 0), 0, 1)
}

// pasted puts pictures onto one of w × h pixels of the given ground, each at its point.
func pasted(w, h int, ground uint8, at map[image.Point]*image.Gray) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	for i := range out.Pix {
		out.Pix[i] = ground
	}
	for p, src := range at {
		draw.Draw(out, src.Rect.Sub(src.Rect.Min).Add(p), src, src.Rect.Min, draw.Src)
	}
	return out
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img))
	return b.Bytes()
}

func asJPEG(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}))
	return b.Bytes()
}

func asGIF(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, gif.Encode(&b, img, nil))
	return b.Bytes()
}
