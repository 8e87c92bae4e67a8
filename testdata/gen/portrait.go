package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
)

// look is how a drawn person differs from the others.
type look struct {
	skin, hairTone, cloth int
	hair                  hairStyle
	glasses, beard        bool
	wrinkles, small       bool
}

type hairStyle int

const (
	hairShort hairStyle = iota
	hairBuzz
	hairFringe
	hairBob
	hairLong
	hairBun
	hairPigtails
	hairBald
)

const (
	width, height = 240, 300
	samples       = 3 // along each side of a pixel, for smooth edges
	maxJPEG       = 6 << 10
)

var (
	skins = []color.RGBA{{0xf3, 0xd0, 0xb0, 255}, {0xee, 0xc3, 0x9c, 255}, {0xdf, 0xae, 0x84, 255}, {0xc9, 0x93, 0x68, 255}}
	hairs = []color.RGBA{{0x22, 0x1e, 0x1f, 255}, {0x3c, 0x2a, 0x21, 255}, {0x57, 0x3b, 0x2a, 255}, {0x9a, 0x96, 0x94, 255}}
	cloth = []color.RGBA{{0x2f, 0x4a, 0x73, 255}, {0x8a, 0x3b, 0x4a, 255}, {0x37, 0x5e, 0x4d, 255}, {0x5b, 0x4a, 0x7d, 255}, {0x7a, 0x5c, 0x3c, 255},
		{0xd0, 0x7a, 0x4b, 255}, {0x3e, 0x7c, 0x97, 255}, {0xb0, 0x3a, 0x2e, 255}, {0x4d, 0x4f, 0x53, 255}, {0x1f, 0x6f, 0x6a, 255}}
	backdrop = color.RGBA{0xe8, 0xee, 0xf4, 255}
	ink      = color.RGBA{0x2b, 0x26, 0x26, 255}
	lips     = color.RGBA{0xb6, 0x5a, 0x57, 255}
	white    = color.RGBA{0xfa, 0xfa, 0xfa, 255}
)

// shape colours the points inside it; later shapes cover earlier ones.
type shape struct {
	inside func(x, y float64) bool
	fill   color.RGBA
}

func ellipse(cx, cy, rx, ry float64) func(x, y float64) bool {
	return func(x, y float64) bool {
		dx, dy := (x-cx)/rx, (y-cy)/ry
		return dx*dx+dy*dy <= 1
	}
}

func box(x0, y0, x1, y1 float64) func(x, y float64) bool {
	return func(x, y float64) bool { return x >= x0 && x <= x1 && y >= y0 && y <= y1 }
}

func both(a, b func(x, y float64) bool) func(x, y float64) bool {
	return func(x, y float64) bool { return a(x, y) && b(x, y) }
}

func ring(cx, cy, r, thickness float64) func(x, y float64) bool {
	return func(x, y float64) bool { return math.Abs(math.Hypot(x-cx, y-cy)-r) <= thickness/2 }
}

// shapes is the drawing of a person, back to front.
func (l look) shapes() []shape {
	skin, hair, dress := skins[l.skin], hairs[l.hairTone], cloth[l.cloth]
	shade := mix(skin, ink, 0.14)
	var s []shape
	add := func(fill color.RGBA, inside func(x, y float64) bool) { s = append(s, shape{inside, fill}) }

	switch l.hair { // behind the head
	case hairLong:
		add(hair, ellipse(120, 132, 78, 92))
		add(hair, box(42, 132, 198, 232))
	case hairBob:
		add(hair, ellipse(120, 130, 76, 86))
		add(hair, box(44, 128, 196, 186))
	case hairBun:
		add(hair, ellipse(120, 42, 30, 24))
		add(hair, ellipse(120, 122, 68, 76))
	case hairPigtails:
		add(hair, ellipse(40, 150, 22, 40))
		add(hair, ellipse(200, 150, 22, 40))
		add(hair, ellipse(120, 122, 70, 78))
	case hairShort, hairFringe:
		add(hair, ellipse(120, 118, 67, 74))
	case hairBuzz:
		add(mix(hair, skin, 0.25), ellipse(120, 122, 63, 71))
	}
	add(dress, ellipse(120, 320, 104, 84)) // shoulders
	add(shade, box(99, 190, 141, 242))     // neck
	add(shade, ellipse(120, 242, 21, 14))
	add(mix(dress, white, 0.75), both(box(84, 236, 156, 262), func(x, y float64) bool {
		return math.Abs(x-120) > (262-y)*0.55 && math.Abs(x-120) < 36-(y-236)*0.4
	})) // collar
	add(skin, ellipse(58, 142, 10, 17)) // ears
	add(skin, ellipse(182, 142, 10, 17))
	add(skin, ellipse(120, 140, 62, 76)) // face
	head := ellipse(120, 140, 62, 76)
	switch l.hair { // over the forehead
	case hairShort:
		add(hair, both(ellipse(120, 112, 66, 68), func(x, y float64) bool { return y < 100-(x-120)*(x-120)/420+(x-120)/9 }))
	case hairBuzz:
		add(mix(hair, skin, 0.25), both(head, box(0, 0, 240, 90)))
	case hairFringe:
		add(hair, both(ellipse(120, 112, 66, 68), func(x, y float64) bool { return y < 108+6*math.Sin(x/7) }))
	case hairBob, hairPigtails:
		add(hair, both(ellipse(120, 114, 70, 72), box(0, 0, 240, 104)))
	case hairLong:
		add(hair, both(ellipse(120, 112, 70, 70), func(x, y float64) bool { return y < 82+math.Abs(x-132)*0.62 && y < 130 }))
	case hairBun:
		add(hair, both(ellipse(120, 112, 66, 68), func(x, y float64) bool { return y < 92-math.Abs(x-120)*0.1 }))
	}
	if l.beard {
		add(mix(hair, skin, 0.15), both(head, func(x, y float64) bool { return y > 172+((x-120)*(x-120))/-190+8 && y > 168 }))
	}
	for _, x := range []float64{95, 145} { // brows, eyes
		add(mix(hair, ink, 0.3), both(ellipse(x, 126, 15, 7), box(0, 0, 240, 123)))
		add(white, ellipse(x, 142, 10, 7))
		add(ink, ellipse(x, 142, 5.5, 6.5))
		add(white, ellipse(x+2, 140, 1.8, 1.8))
		if l.glasses {
			add(ink, ring(x, 143, 19, 3.4))
		}
		if l.wrinkles {
			add(shade, both(ring(x, 152, 16, 2.4), box(0, 160, 240, 200)))
		}
	}
	if l.glasses {
		add(ink, box(113, 140, 127, 143.4))
	}
	add(shade, ellipse(120, 166, 8, 5)) // nose, mouth
	add(lips, both(ellipse(120, 184, 19, 10), box(0, 185, 240, 230)))
	if l.wrinkles {
		add(shade, both(box(88, 104, 152, 106.5), head))
	}
	return s
}

func mix(a, b color.RGBA, part float64) color.RGBA {
	m := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-part) + float64(y)*part)) }
	return color.RGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), 255}
}

// drawPortrait draws the person as a JPEG of at most 6 KiB.
func drawPortrait(l look) ([]byte, error) {
	scale, top := 1.0, 0.0
	if l.small { // a child sits lower in the frame
		scale, top = 0.86, 34
	}
	shapes := l.shapes()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			var r, g, b int
			for i := range samples * samples {
				px := float64(x) + (float64(i%samples)+0.5)/samples
				py := float64(y) + (float64(i/samples)+0.5)/samples
				px, py = (px-width/2)/scale+width/2, (py-top)/scale
				c := backdrop
				for j := len(shapes) - 1; j >= 0; j-- {
					if shapes[j].inside(px, py) {
						c = shapes[j].fill
						break
					}
				}
				r, g, b = r+int(c.R), g+int(c.G), b+int(c.B)
			}
			n := samples * samples
			img.SetRGBA(x, y, color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255})
		}
	}
	for quality := 85; quality >= 30; quality -= 5 {
		var out bytes.Buffer
		if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
			return nil, err
		}
		if out.Len() <= maxJPEG {
			return out.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("portrait does not fit into %d bytes", maxJPEG)
}
