package qrimage

import (
	"image"
	"image/color"
)

// grey is a picture of brightness without padding.
type grey struct {
	w, h int
	pix  []byte
}

// luminance turns any decoded image into brightness, over white where it is transparent. The kinds that the three
// decoders make have their own loops; a call to At for each of 24 million pixels would cost more than the reading.
func luminance(img image.Image) grey {
	b := img.Bounds()
	g := grey{w: b.Dx(), h: b.Dy(), pix: make([]byte, b.Dx()*b.Dy())}
	switch img := img.(type) {
	case *image.YCbCr:
		for y := range g.h {
			copy(g.row(y), img.Y[img.YOffset(b.Min.X, b.Min.Y+y):])
		}
	case *image.Gray:
		for y := range g.h {
			copy(g.row(y), img.Pix[img.PixOffset(b.Min.X, b.Min.Y+y):])
		}
	case *image.Paletted:
		var table [256]byte
		for i := range table {
			table[i] = 0xff // an index beyond the palette is ground
			if i < len(img.Palette) {
				table[i] = brightness(img.Palette[i])
			}
		}
		for y := range g.h {
			row := img.Pix[img.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range g.row(y) {
				g.pix[y*g.w+x] = table[row[x]]
			}
		}
	case *image.NRGBA:
		for y := range g.h {
			row := img.Pix[img.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range g.row(y) {
				p := row[4*x : 4*x+4 : 4*x+4]
				v := (uint32(p[0]) + 2*uint32(p[1]) + uint32(p[2])) / 4
				a := uint32(p[3])
				g.pix[y*g.w+x] = byte((v*a + 255*(255-a)) / 255)
			}
		}
	case *image.RGBA: // premultiplied
		for y := range g.h {
			row := img.Pix[img.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range g.row(y) {
				p := row[4*x : 4*x+4 : 4*x+4]
				v := (uint32(p[0])+2*uint32(p[1])+uint32(p[2]))/4 + 255 - uint32(p[3])
				g.pix[y*g.w+x] = byte(min(v, 255))
			}
		}
	default:
		for y := range g.h {
			for x := range g.w {
				g.pix[y*g.w+x] = brightness(img.At(b.Min.X+x, b.Min.Y+y))
			}
		}
	}
	return g
}

func brightness(c color.Color) byte {
	r, g, b, a := c.RGBA()
	return byte(min((r+2*g+b)/4+0xffff-a, 0xffff) >> 8)
}

func (g grey) row(y int) []byte { return g.pix[y*g.w : (y+1)*g.w] }

func (g grey) long() int { return max(g.w, g.h) }

// shrink averages squares of f pixels; what is left over at the right and bottom edge is dropped.
func (g grey) shrink(f int) grey {
	if f <= 1 || g.w < f || g.h < f {
		return g
	}
	out := grey{w: g.w / f, h: g.h / f}
	out.pix = make([]byte, out.w*out.h)
	sums := make([]uint32, out.w)
	area := uint32(f * f)
	for y := range out.h {
		clear(sums)
		for dy := range f {
			row := g.row(y*f + dy)
			for x := range sums {
				var s uint32
				for _, v := range row[x*f : (x+1)*f] {
					s += uint32(v)
				}
				sums[x] += s
			}
		}
		for x, s := range sums {
			out.pix[y*out.w+x] = byte((s + area/2) / area)
		}
	}
	return out
}

// double enlarges twofold, blending neighbours, for codes drawn so small that the finder has too few pixels.
func (g grey) double() grey {
	out := grey{w: 2 * g.w, h: 2 * g.h, pix: make([]byte, 4*g.w*g.h)}
	for y := range out.h {
		// An output pixel lies a quarter of a pixel off the nearest input pixel: three parts of it, one of the next.
		y0 := y / 2
		y1 := clampInt(y0+2*(y%2)-1, g.h)
		near, far := g.row(y0), g.row(y1)
		for x := range out.w {
			x0 := x / 2
			x1 := clampInt(x0+2*(x%2)-1, g.w)
			v := 9*int(near[x0]) + 3*int(near[x1]) + 3*int(far[x0]) + int(far[x1])
			out.pix[y*out.w+x] = byte((v + 8) / 16)
		}
	}
	return out
}

func clampInt(v, n int) int { return min(max(v, 0), n-1) }

// stretch spreads the brightness between the darkest and the brightest percent over the whole range, and reports
// whether the picture had any contrast to spread.
func (g grey) stretch() (grey, bool) {
	var histogram [256]int
	for _, v := range g.pix {
		histogram[v]++
	}
	ignore := len(g.pix) / 100
	low, high := 0, 255
	for n := histogram[low]; n <= ignore && low < 255; n += histogram[low] {
		low++
	}
	for n := histogram[high]; n <= ignore && high > 0; n += histogram[high] {
		high--
	}
	if high-low < 4 {
		return grey{}, false
	}
	var table [256]byte
	for i := range table {
		table[i] = byte(min(max((i-low)*255/(high-low), 0), 255))
	}
	return g.mapped(&table), true
}

func (g grey) inverted() grey {
	var table [256]byte
	for i := range table {
		table[i] = byte(255 - i)
	}
	return g.mapped(&table)
}

func (g grey) mapped(table *[256]byte) grey {
	out := grey{w: g.w, h: g.h, pix: make([]byte, len(g.pix))}
	for i, v := range g.pix {
		out.pix[i] = table[v]
	}
	return out
}

// sharpen subtracts the surroundings (an unsharp mask of radius r): blur has rounded the modules' corners and pulled
// single modules toward grey.
func (g grey) sharpen(r int) grey {
	blurred := g.boxBlur(r)
	out := grey{w: g.w, h: g.h, pix: make([]byte, len(g.pix))}
	for i, v := range g.pix {
		out.pix[i] = byte(min(max(3*int(v)-2*int(blurred.pix[i]), 0), 255))
	}
	return out
}

// boxBlur averages squares of 2r+1 pixels, first along rows and then along columns, with running sums.
func (g grey) boxBlur(r int) grey {
	rows := grey{w: g.w, h: g.h, pix: make([]byte, len(g.pix))}
	for y := range g.h {
		blurLine(rows.pix[y*g.w:], g.pix[y*g.w:], g.w, 1, r)
	}
	out := grey{w: g.w, h: g.h, pix: make([]byte, len(g.pix))}
	for x := range g.w {
		blurLine(out.pix[x:], rows.pix[x:], g.h, g.w, r)
	}
	return out
}

// blurLine averages n pixels that lie step apart; beyond the ends the last pixel repeats.
func blurLine(dst, src []byte, n, step, r int) {
	at := func(i int) int { return int(src[clampInt(i, n)*step]) }
	sum := 0
	for i := -r; i <= r; i++ {
		sum += at(i)
	}
	for i := range n {
		dst[i*step] = byte(sum / (2*r + 1))
		sum += at(i+r+1) - at(i-r)
	}
}

// otsu is the threshold that separates the picture best into dark and bright (Otsu 1979).
func (g grey) otsu() byte {
	var histogram [256]int
	total := 0
	for _, v := range g.pix {
		histogram[v]++
		total += int(v)
	}
	var best float64
	threshold, below, sum := 127, 0, 0
	for t, n := range histogram {
		below += n
		sum += t * n
		above := len(g.pix) - below
		if below == 0 || above == 0 {
			continue
		}
		d := float64(sum)/float64(below) - float64(total-sum)/float64(above)
		if between := float64(below) * float64(above) * d * d; between > best {
			best, threshold = between, t
		}
	}
	return byte(threshold)
}
