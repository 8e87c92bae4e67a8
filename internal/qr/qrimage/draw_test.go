package qrimage

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/skip2/go-qrcode"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/qr"
)

var update = flag.Bool("update", false, "rewrite the goldens")

func randomTicket(t testing.TB, r *rand.Rand) string {
	t.Helper()
	var ticket [16]byte
	for i := range ticket {
		ticket[i] = byte(r.Uint32())
	}
	s, err := qr.FormatTicket("44A0", ticket)
	require.NoError(t, err)
	return s
}

func urlTicket(t testing.TB, base string, r *rand.Rand) string {
	t.Helper()
	s, err := qr.FormatURL(base, randomTicket(t, r))
	require.NoError(t, err)
	return s
}

// offline is an offline code of length characters, or of one fewer where base32 has no text of that length.
func offline(t testing.TB, length int, r *rand.Rand) string {
	t.Helper()
	token := make([]byte, (length-3)*5/8)
	for i := range token {
		token[i] = byte(r.Uint32())
	}
	s := qr.FormatOffline(token)
	require.InDelta(t, length, len(s), 1)
	return s
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(20, 26)) }

// bitmap is the image that writePNG should have written.
func bitmap(s symbol, o Options) *image.Gray {
	side := (s.size + 2*o.Quiet) * o.Module
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			v := color.Gray{Y: 0xff}
			if s.dark(x/o.Module-o.Quiet, y/o.Module-o.Quiet) {
				v.Y = 0
			}
			img.SetGray(x, y, v)
		}
	}
	return img
}

func requireSamePixels(t *testing.T, want, got image.Image) {
	t.Helper()
	require.Equal(t, want.Bounds(), got.Bounds())
	b := want.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			w, _, _, _ := want.At(x, y).RGBA()
			r, g, bl, a := got.At(x, y).RGBA()
			if r != w || g != w || bl != w || a != 0xffff {
				require.Failf(t, "pixel differs", "%d,%d", x, y)
			}
		}
	}
}

// The versions are what the formats document promises: they decide how far away a gun still reads.
func TestVersions(t *testing.T) {
	r := seeded()
	for range 200 {
		v, err := Version(randomTicket(t, r), M)
		require.NoError(t, err)
		require.Equal(t, 2, v, "a ticket is version 2-M: alphanumeric mode holds 38 characters there, byte mode 26")

		v, err = Version(urlTicket(t, "https://show.example.gov.cn", r), M)
		require.NoError(t, err)
		require.Equal(t, 4, v)
		v, err = Version(urlTicket(t, "https://"+strings.Repeat("a", 45), r), M)
		require.NoError(t, err)
		require.Equal(t, 4, v, "90 characters")
	}
	for length, want := range map[int]int{656: 16, qr.MaxOfflineLength: 25} {
		v, err := Version(offline(t, length, r), M)
		require.NoError(t, err)
		require.LessOrEqual(t, v, want)
	}
	lower, err := Version(strings.ToLower(randomTicket(t, r)), M)
	require.NoError(t, err)
	require.Equal(t, 3, lower, "byte mode costs a version")
	_, err = Version("", M)
	require.ErrorIs(t, err, ErrEmptyText)
	_, err = Version("A", Level(9))
	require.ErrorIs(t, err, ErrOptions)
}

// The extreme texts: no letter, no digit; alphanumeric mode must not depend on luck.
func TestVersionOfExtremes(t *testing.T) {
	for _, text := range []string{strings.Repeat("Z", 38), strings.Repeat("7", 38), strings.Repeat("Z7", 19), strings.Repeat("ZZ77777", 6)[:38]} {
		v, err := Version(text, M)
		require.NoError(t, err)
		require.LessOrEqual(t, v, 2, text)
	}
}

func TestPNGPixels(t *testing.T) {
	r := seeded()
	texts := []string{randomTicket(t, r), urlTicket(t, "https://show.example.gov.cn", r), offline(t, 656, r), "中文 and lower case"}
	for _, text := range texts {
		for _, o := range []Options{{}, {Module: 1}, {Module: 2}, {Module: 3, Level: L}, {Module: 5, Level: Q, Quiet: 7}, {Module: 7, Level: H}, {Module: 10}, {Module: 32}} {
			data, err := PNG(text, o)
			require.NoError(t, err)
			again, err := PNG(text, o)
			require.NoError(t, err)
			require.Equal(t, data, again)

			full, err := o.withDefaults()
			require.NoError(t, err)
			s, err := encode(text, full.Level)
			require.NoError(t, err)
			got, err := png.Decode(bytes.NewReader(data))
			require.NoError(t, err)
			require.IsType(t, &image.Paletted{}, got)
			require.Equal(t, byte(1), data[24], "bits per pixel")
			requireSamePixels(t, bitmap(s, full), got)
		}
	}
}

// Fixed Huffman codes make the file larger than the library's (about 300 bytes), which does not matter as long as a
// ticket goes out in one packet.
func TestPNGIsSmall(t *testing.T) {
	data, err := PNG(randomTicket(t, seeded()), Options{})
	require.NoError(t, err)
	require.LessOrEqual(t, len(data), 1024)
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Module: -1}, {Module: 33}, {Quiet: -4}, {Quiet: 1}, {Quiet: 3}, {Quiet: 33}, {Level: -1}, {Level: 4}} {
		_, err := PNG("A", o)
		require.ErrorIs(t, err, ErrOptions)
		_, err = SVG("A", o)
		require.ErrorIs(t, err, ErrOptions)
	}
	for _, f := range []func(string) error{
		func(s string) error { _, err := PNG(s, Options{}); return err },
		func(s string) error { _, err := SVG(s, Options{}); return err },
		func(s string) error { _, err := Terminal(s); return err },
		func(s string) error { _, err := TerminalPlain(s); return err },
	} {
		require.ErrorIs(t, f(""), ErrEmptyText)
		require.ErrorIs(t, f(strings.Repeat("A", 3392)), ErrTextTooLong, "40-M holds 3,391")
		require.ErrorIs(t, f(strings.Repeat("1", 1<<20)), ErrTextTooLong)
		require.NoError(t, f(strings.Repeat("A", 3391)))
	}
}

func TestGoldens(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	text, err := qr.FormatTicket("44A0", [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF})
	require.NoError(t, err)
	files := map[string]func() ([]byte, error){
		"ticket.png": func() ([]byte, error) { return PNG(text, Options{}) },
		"ticket.svg": func() ([]byte, error) {
			return SVG(text, Options{Title: "身份证动态码 · Dynamic code of the ID card"})
		},
		"ticket.ansi": func() ([]byte, error) { s, err := Terminal(text); return []byte(s), err },
		"ticket.txt":  func() ([]byte, error) { s, err := TerminalPlain(text); return []byte(s), err },
	}
	for name, draw := range files {
		got, err := draw()
		require.NoError(t, err)
		path := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, got, 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, got, "%s changed; if that is meant, run with -update", name)
	}
}

var pathRun = regexp.MustCompile(`^M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// rasterSVG draws an SVG of ours at module pixels per module, and fails on anything that is not its one path.
func rasterSVG(t *testing.T, data []byte, module int) (img *image.Gray, title string) {
	t.Helper()
	var doc struct {
		XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
		ViewBox string   `xml:"viewBox,attr"`
		Width   int      `xml:"width,attr"`
		Height  int      `xml:"height,attr"`
		Shape   string   `xml:"shape-rendering,attr"`
		Role    string   `xml:"role,attr"`
		Title   string   `xml:"title"`
		Rect    struct {
			Width  int    `xml:"width,attr"`
			Height int    `xml:"height,attr"`
			Fill   string `xml:"fill,attr"`
		} `xml:"rect"`
		Path []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	require.NoError(t, xml.Unmarshal(data, &doc))
	side := doc.Rect.Width
	require.Equal(t, fmt.Sprintf("0 0 %d %d", side, side), doc.ViewBox)
	require.Equal(t, side, doc.Rect.Height)
	require.Equal(t, "#fff", doc.Rect.Fill)
	require.Equal(t, side*module, doc.Width)
	require.Equal(t, side*module, doc.Height)
	require.Equal(t, "crispEdges", doc.Shape)
	require.Equal(t, doc.Title != "", doc.Role == "img")
	require.Len(t, doc.Path, 1)

	img = image.NewGray(image.Rect(0, 0, side*module, side*module))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	for d := doc.Path[0].D; d != ""; {
		m := pathRun.FindStringSubmatch(d)
		require.NotNil(t, m, d)
		require.Equal(t, m[3], m[4])
		n := make([]int, 4)
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1]) // the pattern admits digits only
		}
		for y := n[1] * module; y < (n[1]+1)*module; y++ {
			for x := n[0] * module; x < (n[0]+n[2])*module; x++ {
				require.EqualValues(t, 0xff, img.GrayAt(x, y).Y, "drawn twice")
				img.SetGray(x, y, color.Gray{})
			}
		}
		d = d[len(m[0]):]
	}
	return img, doc.Title
}

func TestSVG(t *testing.T) {
	r := seeded()
	for _, title := range []string{"", "身份证动态码 · Dynamic code", `<script>alert("1")</script> & ]]>`, "bad \x00 \xff bytes"} {
		text := randomTicket(t, r)
		data, err := SVG(text, Options{Module: 3, Title: title})
		require.NoError(t, err)
		require.NotContains(t, string(data), "<script")
		img, got := rasterSVG(t, data, 3)
		require.Equal(t, strings.NewReplacer("\x00", "\uFFFD", "\xff", "\uFFFD").Replace(title), got)
		s, err := encode(text, M)
		require.NoError(t, err)
		requireSamePixels(t, bitmap(s, Options{Module: 3, Quiet: 4}), img)
	}
}

// rasterTerminal plays a terminal whose own colours are ink on ground.
func rasterTerminal(t *testing.T, text string, ink, ground uint8, module int) *image.Gray {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	width := strings.Count(lines[0], "█") + strings.Count(lines[0], " ")
	img := image.NewGray(image.Rect(0, 0, width*module, 2*len(lines)*module))
	for row, line := range lines {
		fg, bg := ink, ground
		if rest, ok := strings.CutPrefix(line, blackOnWhite); ok {
			fg, bg = 0x00, 0xff
			line, ok = strings.CutSuffix(rest, reset)
			require.True(t, ok, "colours end with the line")
		}
		col := 0
		for _, glyph := range line {
			above, below := bg, bg
			switch glyph {
			case '▀':
				above = fg
			case '▄':
				below = fg
			case '█':
				above, below = fg, fg
			default:
				require.Equal(t, ' ', glyph)
			}
			for y := range 2 * module {
				v := above
				if y >= module {
					v = below
				}
				for x := range module {
					img.SetGray(col*module+x, 2*row*module+y, color.Gray{Y: v})
				}
			}
			col++
		}
		require.Equal(t, width, col, "lines are equally long")
	}
	return img
}

func TestTerminal(t *testing.T) {
	text := randomTicket(t, seeded())
	s, err := encode(text, M)
	require.NoError(t, err)
	want := bitmap(s, Options{Module: 2, Quiet: DefaultQuiet})

	t.Setenv("NO_COLOR", "")
	out, err := Terminal(text)
	require.NoError(t, err)
	for _, theme := range [][2]uint8{{0xc0, 0x10}, {0x20, 0xf0}} {
		img := rasterTerminal(t, out, theme[0], theme[1], 2)
		requireSamePixels(t, want, img.SubImage(want.Bounds()))
	}
	t.Setenv("NO_COLOR", "1")
	out, err = Terminal(text)
	require.NoError(t, err)
	require.NotContains(t, out, "\x1b")
	plain, err := TerminalPlain(text)
	require.NoError(t, err)
	require.Equal(t, plain, out)
	requireSamePixels(t, want, rasterTerminal(t, out, 0xff, 0, 2).SubImage(want.Bounds()))
}

// FuzzDraw draws any text, and looks at the drawing with the standard library's decoder.
func FuzzDraw(f *testing.F) {
	f.Add("SC144A0AAISEM2EKVTHPCEZVK54ZXPO74", 8, 0, 4)
	f.Add("中文", 1, 3, 5)
	f.Add(strings.Repeat("0", 300), 2, 1, 4)
	f.Add("0a1B2c", 33, 2, 0)
	f.Fuzz(func(t *testing.T, text string, module, level, quiet int) {
		o := Options{Module: module, Level: Level(level), Quiet: quiet}
		data, err := PNG(text, o)
		if err != nil {
			return
		}
		got, err := png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		full, err := o.withDefaults()
		require.NoError(t, err)
		s, err := encode(text, full.Level)
		require.NoError(t, err)
		require.Equal(t, (s.size+2*full.Quiet)*full.Module, got.Bounds().Dx())
		_, err = SVG(text, o)
		require.NoError(t, err)
	})
}

func BenchmarkPNG(b *testing.B) {
	r := seeded()
	for name, text := range map[string]string{"ticket": randomTicket(b, r), "url": urlTicket(b, "https://show.example.gov.cn", r), "offline656": offline(b, 656, r)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = PNG(text, Options{})
			}
		})
		b.Run(name+"/image only", func(b *testing.B) {
			s, err := encode(text, M)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				writePNG(s, Options{Module: DefaultModule, Quiet: DefaultQuiet})
			}
		})
		b.Run(name+"/library's own PNG", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = qrcode.Encode(text, qrcode.Medium, -DefaultModule)
			}
		})
	}
}

func BenchmarkSVG(b *testing.B) {
	text := randomTicket(b, seeded())
	b.ReportAllocs()
	for b.Loop() {
		_, _ = SVG(text, Options{})
	}
}
