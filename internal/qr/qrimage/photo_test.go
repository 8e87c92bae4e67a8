package qrimage

import (
	"hash/fnv"
	"image"
	"math"
	"math/rand/v2"
)

// A code on a phone, as the camera of a counter sees it. Geometry is exact (a pinhole before a plane); blur is a
// Gaussian of what light there is, before the camera makes numbers of it; what the lens, the hand and the sensor add
// stands with each camera. The same code, photo and try make the same picture.

// phone is held upright, and the code takes the whole width of its screen, quiet zone included.
type phone struct {
	name   string
	width  float64 // of the screen, mm
	pixels int     // of the screen, across
}

// Three sizes of screens. A taller screen of more inches may be narrower.
var (
	inches50 = phone{"5.0 in", 62.3, 720}  // 16:9
	inches55 = phone{"5.5 in", 68.5, 1080} // 16:9
	inches61 = phone{"6.1 in", 64.9, 1170} // 19.5:9
)

// module of a code on the phone, in mm.
func (p phone) module(version int) float64 { return p.width / float64(17+4*version+2*DefaultQuiet) }

// camera of a counter.
type camera struct {
	name   string
	pixels int     // of the sensor, across
	angle  float64 // that the pixels see, across, in degrees
	blur   float64 // deviation in pixels
	gamma  float64 // 1 where numbers grow with the light, as in scan guns; 2.2 in video
	noise  float64 // deviation, of 255
}

// Scan guns see a narrow field with a sensor without colours; cameras of phones and laptops a wide one through a
// mosaic of colours, which takes sharpness, and with a curve that lets light run into dark.
var (
	gunVGA    = camera{"scan gun, 640 × 480", 640, 42, 0.6, 1, 4}
	gun720    = camera{"scan gun, 1280 × 720", 1280, 42, 0.6, 1, 4}
	video720  = camera{"page or app, video of 1280 × 720", 1280, 65, 0.8, 2.2, 4}
	video1080 = camera{"page or app, video of 1920 × 1080", 1920, 65, 0.8, 2.2, 4}
)

// perModule is how many pixels of the camera a module takes that is mm wide and so many mm away.
func (c camera) perModule(mm, away float64) float64 {
	return mm / away * float64(c.pixels) / 2 / math.Tan(c.angle/2*math.Pi/180)
}

// photo is what is done to a code. The zero value of most members does nothing.
type photo struct {
	module       float64 // pixels that a module takes, seen from the front
	away         float64 // of the camera, in widths of the code
	turn, tilt   float64 // degrees: in its plane; the upper edge leaned back
	blur         float64 // deviation in pixels
	gamma        float64
	black, white float64 // of 255: what the camera gets of a dark and of a light screen
	shade        float64 // share of the light that is missing in the far corner
	noise        float64
	screen       float64 // pixels of the phone's screen a module: edges lie between them. 0: edges are where they belong
	dark         bool    // the page around the quiet zone is dark
}

// by is the code on a phone in front of a camera, in a hand that holds it nearly straight.
func (c camera) by(p phone, version int, away float64) photo {
	mm := p.module(version)
	return photo{
		module: c.perModule(mm, away), away: away / p.width, turn: 3, tilt: 8, blur: c.blur, gamma: c.gamma, black: 25, white: 225,
		shade: 0.15, noise: c.noise, screen: mm / p.width * float64(p.pixels),
	}
}

// samples of a pixel, along each side.
const samples = 3

// of takes the picture. Each try holds the phone a little differently.
func (p photo) of(s symbol, try uint64) *image.Gray {
	r := rand.New(rand.NewPCG(try, 26))
	half := float64(s.size)/2 + DefaultQuiet
	away := p.away * 2 * half
	shiftX, shiftY := r.Float64(), r.Float64()
	turnSin, turnCos := math.Sincos((p.turn + 3*r.Float64() - 1.5) * math.Pi / 180)
	tiltSin, tiltCos := math.Sincos(p.tilt * math.Pi / 180)
	focus := p.module * away

	// The corners of what is worth a look: the code, its quiet zone and three modules of what is around.
	var left, right, top, bottom float64
	for _, corner := range [][2]float64{{-1, -1}, {-1, 1}, {1, -1}, {1, 1}} {
		u, v := corner[0]*(half+3), corner[1]*(half+3)
		u, v = u*turnCos-v*turnSin, u*turnSin+v*turnCos
		x, y := focus*u/(away-v*tiltSin), focus*v*tiltCos/(away-v*tiltSin)
		left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
	}
	w, h := int(right-left)+1, int(bottom-top)+1

	light := make([]float64, w*h)
	shines := p.screenOf(s)
	for y := range h {
		for j := range samples {
			py := top + float64(y) + shiftY + (float64(j)+0.5)/samples
			v := py * away / (focus*tiltCos + py*tiltSin)
			perPixel := (away - v*tiltSin) / focus
			for x := range w {
				for i := range samples {
					u := (left + float64(x) + shiftX + (float64(i)+0.5)/samples) * perPixel
					if shines(u*turnCos+v*turnSin+half, v*turnCos-u*turnSin+half) {
						light[y*w+x] += 1.0 / (samples * samples)
					}
				}
			}
		}
	}
	blur(light, w, h, p.blur)

	out := image.NewGray(image.Rect(0, 0, w, h))
	for i, l := range light {
		l = (p.black + l*(p.white-p.black)) * (1 - p.shade*(float64(i%w)/float64(w)+float64(i/w)/float64(h))/2)
		out.Pix[i] = uint8(min(max(p.curve(l)+p.noise*r.NormFloat64()+0.5, 0), 255))
	}
	return out
}

// curve is what number the camera gives to light.
func (p photo) curve(l float64) float64 {
	if p.gamma > 1 {
		return 255 * math.Pow(l/255, 1/p.gamma)
	}
	return l
}

// screenOf tells whether the screen shines at a place, in modules from the upper left corner of the quiet zone.
func (p photo) screenOf(s symbol) func(u, v float64) bool {
	per := p.screen
	if per == 0 {
		per = 1
	}
	side := s.size + 2*DefaultQuiet
	light := make([]bool, side*side)
	for i := range light {
		light[i] = !s.dark(i%side-DefaultQuiet, i/side-DefaultQuiet)
	}
	// A pixel of the screen has the colour of the module in which its middle lies.
	module := make([]int, int(float64(side)*per)+1)
	for i := range module {
		module[i] = min(int((float64(i)+0.5)/per), side-1)
	}
	end := float64(side)
	return func(u, v float64) bool {
		if u < 0 || u >= end {
			return false // beside the code is the rim of the phone
		}
		if v < 0 || v >= end {
			return !p.dark
		}
		return light[module[int(v*per)]*side+module[int(u*per)]]
	}
}

// blur is a Gaussian, first along the lines and then along the columns; beyond the edges the last value repeats.
func blur(light []float64, w, h int, sigma float64) {
	if sigma == 0 {
		return
	}
	radius := int(math.Ceil(3 * sigma))
	kernel := make([]float64, 2*radius+1)
	sum := 0.0
	for i := range kernel {
		d := float64(i - radius)
		kernel[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += kernel[i]
	}
	line := make([]float64, max(w, h)+2*radius)
	pass := func(start, step, n int) {
		for i := range n + 2*radius {
			line[i] = light[start+clampInt(i-radius, n)*step]
		}
		for i := range n {
			v := 0.0
			for j, k := range kernel {
				v += k * line[i+j]
			}
			light[start+i*step] = v / sum
		}
	}
	for y := range h {
		pass(y*w, 1, w)
	}
	for x := range w {
		pass(x, w, h)
	}
}

// seedOf gives each code, photo and try dice of its own.
func seedOf(code, photo string, try int) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(code + "\x00" + photo + "\x00" + string(rune('0'+try)))) // a hash never fails
	return h.Sum64()
}
