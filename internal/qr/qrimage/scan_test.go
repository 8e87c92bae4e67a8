package qrimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/qr"
)

func TestScanReadsWhatWeDraw(t *testing.T) {
	r := seeded()
	for module := 1; module <= 10; module++ {
		for _, text := range []string{randomTicket(t, r), urlTicket(t, "https://show.example.gov.cn", r), offline(t, 100, r), offline(t, 656, r), offline(t, qr.MaxOfflineLength, r)} {
			data, err := PNG(text, Options{Module: module})
			require.NoError(t, err)
			got, err := Scan(data)
			if module == 1 {
				continue // a pixel a module is fewer than the finder needs; it must not panic
			}
			require.NoError(t, err, "module %d, %d characters", module, len(text))
			require.Equal(t, []string{text}, got)
		}
	}
}

func TestScanKinds(t *testing.T) {
	text := randomTicket(t, seeded())
	img := drawn(t, text, 4)
	pal := image.NewPaletted(img.Rect, color.Palette{color.White, color.Black, color.Transparent})
	draw.Draw(pal, pal.Rect, img, image.Point{}, draw.Src)
	rgba, rgba64, cmyk := image.NewRGBA(img.Rect), image.NewNRGBA64(img.Rect), image.NewCMYK(img.Rect)
	glass := image.NewNRGBA(img.Rect) // black modules on nothing at all
	for _, dst := range []draw.Image{rgba, rgba64, cmyk} {
		draw.Draw(dst, img.Rect, img, image.Point{}, draw.Src)
	}
	for i, v := range img.Pix {
		if v == 0 {
			glass.Pix[4*i+3] = 0xff
		}
	}
	for name, data := range map[string][]byte{
		"PNG grey": asPNG(t, img), "PNG palette": asPNG(t, pal), "PNG RGB": asPNG(t, rgba), "PNG 16 bits": asPNG(t, rgba64),
		"PNG transparent": asPNG(t, glass), "JPEG grey": asJPEG(t, img, 60), "JPEG colour": asJPEG(t, rgba, 60),
		"GIF": asGIF(t, img), "GIF palette": asGIF(t, pal),
	} {
		got, err := Scan(data)
		require.NoError(t, err, name)
		require.Equal(t, []string{text}, got, name)
	}
	require.Equal(t, luminance(img).pix, luminance(cmyk).pix, "the way of every other kind of image")
	part := pasted(300, 300, 0xff, map[image.Point]*image.Gray{{X: 40, Y: 50}: img})
	for _, whole := range []image.Image{part, toRGBA(part), toNRGBA(part)} {
		sub := whole.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(image.Rect(40, 50, 40+img.Rect.Dx(), 50+img.Rect.Dy()))
		require.Equal(t, luminance(img).pix, luminance(sub).pix, "bounds that do not start at zero")
	}
}

func toRGBA(src image.Image) *image.RGBA {
	dst := image.NewRGBA(src.Bounds())
	draw.Draw(dst, dst.Rect, src, src.Bounds().Min, draw.Src)
	return dst
}

func toNRGBA(src image.Image) *image.NRGBA {
	dst := image.NewNRGBA(src.Bounds())
	draw.Draw(dst, dst.Rect, src, src.Bounds().Min, draw.Src)
	return dst
}

func TestScanDistorted(t *testing.T) {
	r := seeded()
	ticket, link := randomTicket(t, r), urlTicket(t, "https://show.example.gov.cn", r)
	long := offline(t, 400, r)
	type distortion struct {
		name string
		f    func(*image.Gray) *image.Gray
	}
	var all []distortion
	for _, d := range []float64{5, 17, 30, 45, 60, 90, 135, 180, 270, 333} {
		all = append(all, distortion{fmt.Sprintf("rotated %v", d), func(g *image.Gray) *image.Gray { return rotated(g, d, 0xff) }})
	}
	all = append(all,
		distortion{"mirrored", func(g *image.Gray) *image.Gray {
			w := g.Rect.Dx()
			return remap(g, w, g.Rect.Dy(), 0xff, func(x, y float64) (float64, float64) { return float64(w-1) - x, y })
		}},
		distortion{"inverted", invertedImage},
		distortion{"inverted and rotated", func(g *image.Gray) *image.Gray { return rotated(invertedImage(g), 20, 0) }},
		distortion{"low contrast", func(g *image.Gray) *image.Gray { return contrast(g, 118, 140) }},
		distortion{"very low contrast", func(g *image.Gray) *image.Gray { return contrast(g, 200, 208) }},
		distortion{"dark", func(g *image.Gray) *image.Gray { return contrast(g, 2, 30) }},
		distortion{"inverted, low contrast", func(g *image.Gray) *image.Gray { return contrast(invertedImage(g), 100, 130) }},
		distortion{"shadow", shadow},
		distortion{"noise", func(g *image.Gray) *image.Gray { return noisy(g, 30, r) }},
		distortion{"low contrast and noise", func(g *image.Gray) *image.Gray { return noisy(contrast(g, 90, 160), 5, r) }},
		distortion{"blur 0.5 modules", func(g *image.Gray) *image.Gray { return blurred(g, 3) }},
		distortion{"blur and rotation", func(g *image.Gray) *image.Gray { return blurred(rotated(g, 12, 0xff), 2) }},
		distortion{"blur, shadow, noise", func(g *image.Gray) *image.Gray { return noisy(shadow(blurred(g, 2)), 4, r) }},
		distortion{"fractional size", func(g *image.Gray) *image.Gray { return scaled(g, 0.61) }},
		distortion{"tilted", func(g *image.Gray) *image.Gray { return tilted(g, 0.12) }},
	)
	for _, d := range all {
		for name, text := range map[string]string{"ticket": ticket, "URL": link, "offline": long} {
			t.Run(d.name+"/"+name, func(t *testing.T) {
				img := d.f(drawn(t, text, 6))
				for kind, data := range map[string][]byte{"PNG": asPNG(t, img), "JPEG": asJPEG(t, img, 80)} {
					got, err := Scan(data)
					require.NoError(t, err, kind)
					require.Equal(t, []string{text}, got, kind)
				}
			})
		}
	}
}

func TestScanLargePhoto(t *testing.T) {
	r := seeded()
	text := randomTicket(t, r)
	for name, img := range map[string]*image.Gray{
		"the code fills it":  pasted(4000, 3000, 90, map[image.Point]*image.Gray{{X: 700, Y: 200}: drawn(t, text, 78)}),
		"the code is small":  pasted(4000, 3000, 90, map[image.Point]*image.Gray{{X: 2900, Y: 2100}: drawn(t, text, 8)}),
		"tiny, in 24 MP":     pasted(6000, 4000, 200, map[image.Point]*image.Gray{{X: 100, Y: 3000}: drawn(t, text, 3)}),
		"a long, thin image": pasted(200, 9000, 255, map[image.Point]*image.Gray{{X: 10, Y: 8500}: drawn(t, text, 4)}),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Scan(asJPEG(t, img, 70))
			require.NoError(t, err)
			require.Equal(t, []string{text}, got)
		})
	}
}

func TestScanSeveral(t *testing.T) {
	r := seeded()
	var want []string
	at := map[image.Point]*image.Gray{}
	for i := range 6 {
		text := randomTicket(t, r)
		if i == 4 {
			text = offline(t, 200, r)
		}
		want = append(want, text)
		at[image.Point{X: 20 + i%3*420, Y: 30 + i/3*420}] = drawn(t, text, 5)
	}
	slices.Sort(want)
	sheet := pasted(1300, 900, 0xff, at)
	for _, img := range []*image.Gray{sheet, rotated(sheet, 8, 0xff), noisy(sheet, 15, r)} {
		got, err := Scan(asPNG(t, img))
		require.NoError(t, err)
		again, err := Scan(asPNG(t, img))
		require.NoError(t, err)
		require.Equal(t, got, again, "the same picture reads the same")
		slices.Sort(got)
		require.Equal(t, want, got)
	}
	twice := pasted(700, 300, 0xff, map[image.Point]*image.Gray{{X: 10, Y: 10}: drawn(t, want[0], 5), {X: 350, Y: 20}: drawn(t, want[0], 5)})
	got, err := Scan(asPNG(t, twice))
	require.NoError(t, err)
	require.Equal(t, want[:1], got, "the same text is told once")
}

func TestScanFindsNothing(t *testing.T) {
	r := seeded()
	noise := image.NewGray(image.Rect(0, 0, 300, 300))
	for i := range noise.Pix {
		noise.Pix[i] = byte(r.Uint32())
	}
	code := drawn(t, randomTicket(t, r), 6)
	torn := pasted(code.Rect.Dx(), code.Rect.Dy()/2, 0xff, map[image.Point]*image.Gray{{}: code})
	for name, img := range map[string]image.Image{
		"white": pasted(200, 200, 0xff, nil), "black": pasted(200, 200, 0, nil), "one pixel": pasted(1, 1, 0, nil),
		"a line": pasted(3000, 1, 0, nil), "noise": noise, "half a code": torn,
	} {
		_, err := Scan(asPNG(t, img))
		require.ErrorIs(t, err, ErrNoCode, name)
	}
}

// A picture tiled with corner marks gives the library n³ triples of them; the bound must end that, and a real code
// beside a reasonable number of marks is still found.
func TestScanTiledFinders(t *testing.T) {
	mark := drawn(t, "A", 4).SubImage(image.Rect(12, 12, 48, 48)).(*image.Gray) // a finder pattern and a module around it
	at := map[image.Point]*image.Gray{}
	tile := image.NewGray(image.Rect(0, 0, 36, 36))
	draw.Draw(tile, tile.Rect, mark, mark.Rect.Min, draw.Src)
	for y := range 27 {
		for x := range 27 {
			at[image.Point{X: 36 * x, Y: 36 * y}] = tile
		}
	}
	_, err := Scan(asPNG(t, pasted(27*36, 27*36, 0xff, at)))
	require.ErrorIs(t, err, ErrNoCode)

	text := randomTicket(t, seeded())
	few := map[image.Point]*image.Gray{{X: 400, Y: 400}: drawn(t, text, 6)}
	for i := range 24 {
		few[image.Point{X: 36 * i, Y: 40 * (i % 3)}] = tile
	}
	got, err := Scan(asPNG(t, pasted(900, 700, 0xff, few)))
	require.NoError(t, err)
	require.Equal(t, []string{text}, got)
}

// pngHeader is a PNG that claims a size and holds nothing.
func pngHeader(w, h uint32, depth, kind, interlace byte) []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, w)
	chunk = binary.BigEndian.AppendUint32(chunk, h)
	chunk = append(chunk, depth, kind, 0, 0, interlace)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	b = append(b, chunk...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(chunk))
}

// jpegHeader is a JPEG that claims a size and holds nothing; sampling is H and V of the first of three components.
func jpegHeader(w, h uint16, sof, sampling byte) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xe0, 0, 4, 0xff, 0xc2, 0xff, 0xff, sof, 0, 17, 8}
	b = binary.BigEndian.AppendUint16(b, h)
	b = binary.BigEndian.AppendUint16(b, w)
	return append(b, 3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0, 0xff, 0xda, 0, 2)
}

func TestScanRefusesBeforeDecoding(t *testing.T) {
	good := asJPEG(t, toRGBA(drawn(t, randomTicket(t, seeded()), 4)), 80)
	scan := []byte{0xff, 0xda, 0, 2}
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, ErrImageFormat},
		{"text", []byte("SC1"), ErrImageFormat},
		{"a letter short", []byte("\x89PNG\r\n\x1a"), ErrImageFormat},
		{"WebP", []byte("RIFF\x10\x00\x00\x00WEBPVP8 "), ErrImageFormat},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic"), ErrImageFormat},
		{"PDF", []byte("%PDF-1.7 ........"), ErrImageFormat},
		{"SVG", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), ErrImageFormat},
		{"too many bytes", append(slices.Clone(good), make([]byte, MaxImageBytes)...), ErrImageTooLarge},
		{"PNG of 900 MP, one bit", pngHeader(30000, 30000, 1, 0, 0), ErrImageTooLarge},
		{"PNG beyond the decoder", pngHeader(1<<31-1, 1<<31-1, 8, 6, 0), ErrImageFormat},
		{"PNG of 25 MP", pngHeader(5000, 5000, 8, 2, 0), ErrImageTooLarge},
		{"PNG of 16 bits", pngHeader(6000, 4000, 16, 6, 0), ErrImageTooLarge},
		{"PNG interlaced", pngHeader(6000, 4000, 8, 6, 1), ErrImageTooLarge},
		{"PNG of 24 MP, cut", pngHeader(6000, 4000, 8, 6, 0), ErrImageFormat},
		{"PNG without size", pngHeader(0, 10, 8, 2, 0), ErrImageFormat},
		{"JPEG of 4 gigapixels", jpegHeader(65535, 65535, 0xc0, 0x22), ErrImageTooLarge},
		{"JPEG of 24 MP, cut", jpegHeader(6000, 4000, 0xc0, 0x11), ErrImageFormat},
		{"progressive JPEG of 12 MP, cut", jpegHeader(4000, 3000, 0xc2, 0x22), ErrImageFormat},
		{"progressive JPEG of 24 MP", jpegHeader(6000, 4000, 0xc2, 0x11), ErrImageTooLarge},
		{"JPEG of many scans", append(slices.Clone(good[:len(good)-2]), bytes.Repeat(scan, 100)...), ErrImageFormat},
		{"JPEG cut", good[:len(good)/2], ErrImageFormat},
		{"GIF of 65535²", []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), ErrImageTooLarge},
		{"GIF without size", []byte("GIF89a\x00\x00\x00\x00\x00\x00\x00"), ErrImageFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Scan(c.data)
			require.ErrorIs(t, err, c.want)
			require.Nil(t, got)
			if strings.HasPrefix(c.name, "WebP") {
				require.ErrorContains(t, err, "PNG or JPEG")
			}
		})
	}
}

func TestGuard(t *testing.T) {
	require.Nil(t, guard(func() []string { panic(errTooMany) }))
	require.Nil(t, guard(func() []string { var a []string; return a[:len(seeded().Perm(3))] }))
	require.Equal(t, []string{"A"}, guard(func() []string { return []string{"A"} }))
}

func FuzzScan(f *testing.F) {
	r := seeded()
	img := drawn(f, randomTicket(f, r), 2)
	data, err := PNG(randomTicket(f, r), Options{Module: 2})
	require.NoError(f, err)
	f.Add(data)
	f.Add(asPNG(f, img))
	f.Add(asPNG(f, rotated(img, 30, 0xff)))
	f.Add(asJPEG(f, img, 50))
	f.Add(asGIF(f, img))
	f.Add(pngHeader(6000, 4000, 8, 6, 1))
	f.Add(jpegHeader(4000, 3000, 0xc2, 0x22))
	f.Fuzz(func(t *testing.T, data []byte) {
		texts, err := Scan(data)
		if err != nil {
			require.Empty(t, texts)
			return
		}
		require.NotEmpty(t, texts)
		require.LessOrEqual(t, len(texts), maxTexts)
	})
}

// FuzzSearch hands the reader raw pixels: far more damaged codes reach the library than through a file's checksums.
func FuzzSearch(f *testing.F) {
	img := drawn(f, randomTicket(f, seeded()), 2)
	f.Add(uint8(img.Rect.Dx()), img.Pix)
	f.Add(uint8(40), make([]byte, 1600))
	f.Fuzz(func(t *testing.T, width uint8, pix []byte) {
		w := int(width)
		if w == 0 || len(pix) < w || len(pix) > 1<<16 {
			return
		}
		h := len(pix) / w
		search(grey{w: w, h: h, pix: pix[:w*h]})
	})
}

func BenchmarkScan(b *testing.B) {
	r := seeded()
	text := randomTicket(b, r)
	screen, err := PNG(text, Options{})
	require.NoError(b, err)
	for name, data := range map[string][]byte{
		"drawn":       screen,
		"photo 12 MP": asJPEG(b, pasted(4000, 3000, 90, map[image.Point]*image.Gray{{X: 700, Y: 200}: drawn(b, text, 40)}), 80),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Scan(data)
			}
		})
	}
}
