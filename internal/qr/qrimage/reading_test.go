package qrimage

import (
	"flag"
	"fmt"
	"image"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var readAll = flag.Bool("reading.all", false, "photograph every code in every way, and hold the whole table or, with -update, write it: 10 minutes")

// view is a row of the table: a way in which codes are looked at.
type view struct {
	name  string
	often bool // looked at in every run of the tests, by a code of each version
	few   bool // three codes of a version are enough, to find out how small modules may be
	of    func(s symbol, seed uint64) *image.Gray
}

func photographed(name string, often bool, of func(version int) photo) view {
	return view{name: name, often: often, of: func(s symbol, seed uint64) *image.Gray { return of(s.version).of(s, seed) }}
}

// atCounter is a row that differs in something from a good one: a phone of 5 inches 20 cm in front of a scan gun.
func atCounter(name string, often bool, change func(*photo)) view {
	return photographed(name, often, func(version int) photo {
		p := gun720.by(inches50, version, 200)
		change(&p)
		return p
	})
}

// Headings of the parts of the table, and the steps of the last.
const (
	afar     = ", %d cm"
	perPixel = ", %v pixels a module"
)

func distances() []int  { return []int{150, 200, 300} }
func steps() []float64  { return []float64{1.5, 2, 2.5, 3, 3.5, 4, 5} }
func cameras() []camera { return []camera{gunVGA, gun720, video720, video1080} }
func stepped() []camera { return []camera{gun720, video720} }
func conditions() []view {
	all := []view{
		{name: "as drawn, 3 pixels a module", often: true, of: func(s symbol, _ uint64) *image.Gray { return bitmap(s, Options{Module: 3, Quiet: DefaultQuiet}) }},
		{name: "screenshot of 720 pixels", often: true, of: func(s symbol, _ uint64) *image.Gray { return screenshot(s, 720) }},
	}
	for _, turn := range []float64{45, 160} {
		all = append(all, atCounter(fmt.Sprintf("turned by %v°", turn), turn == 45, func(p *photo) { p.turn = turn }))
	}
	for _, tilt := range []float64{20, 35} {
		all = append(all, atCounter(fmt.Sprintf("tilted by %v°", tilt), tilt == 35, func(p *photo) { p.tilt = tilt }))
	}
	for _, share := range []float64{0.3, 0.45} {
		all = append(all, atCounter(fmt.Sprintf("blurred by %v of a module", share), share == 0.3, func(p *photo) { p.blur = share * p.module }))
	}
	return append(all,
		atCounter("dimmed to a fifth", true, func(p *photo) { p.black, p.white = 15, 55 }),
		atCounter("under a lamp, and half of it in its shade", false, func(p *photo) { p.black, p.white, p.shade = 150, 230, 0.5 }),
		atCounter("on a dark page", false, func(p *photo) { p.dark = true }),
		atCounter("turned by 25°, tilted by 20°, blurred by 0.3, dimmed to a third, shaded by half", true, func(p *photo) {
			p.turn, p.tilt, p.blur, p.black, p.white, p.shade = 25, 20, 0.3*p.module, 20, 80, 0.5
		}),
	)
}

func views() []view {
	all := conditions()
	for _, c := range cameras() {
		for _, away := range distances() {
			often := c == gunVGA && away == 150 || c == video720 && away == 200
			all = append(all, photographed(fmt.Sprintf(c.name+afar, away/10), often, func(version int) photo { return c.by(inches50, version, float64(away)) }))
		}
	}
	for _, c := range stepped() {
		for _, pixels := range steps() {
			v := photographed(fmt.Sprintf(c.name+perPixel, pixels), false, func(version int) photo {
				p := c.by(inches50, version, 200)
				p.module = pixels
				return p
			})
			v.few = true
			all = append(all, v)
		}
	}
	return all
}

// screenshot is the code as a browser draws it with hard edges into so many pixels, whatever that makes of a module.
func screenshot(s symbol, pixels int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, pixels, pixels))
	per := float64(pixels) / float64(s.size+2*DefaultQuiet)
	at := func(i int) int { return int((float64(i)+0.5)/per) - DefaultQuiet }
	for y := range pixels {
		for x := range pixels {
			if !s.dark(at(x), at(y)) {
				img.Pix[y*pixels+x] = 0xff
			}
		}
	}
	return img
}

// share is how many pictures of a version were read, of how many.
type share struct{ read, of int }

func (s share) whole() bool { return s.of > 0 && s.read == s.of }

// table says for each view, each reader and each version what was read.
type table map[string]map[string]map[int]share

const tableFile = "testdata/reading/table.txt"

func readTable(t *testing.T) table {
	t.Helper()
	data, err := os.ReadFile(tableFile)
	require.NoError(t, err)
	all := table{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if all[cells[0]] == nil {
			all[cells[0]] = map[string]map[int]share{}
		}
		row := map[int]share{}
		for _, cell := range cells[2:] {
			var version int
			var s share
			_, err := fmt.Sscanf(cell, "%d-M %d/%d", &version, &s.read, &s.of)
			require.NoError(t, err, line)
			row[version] = s
		}
		all[cells[0]][cells[1]] = row
	}
	return all
}

// photographs are pictures of a view, each with its code.
func photographs(v view, codes []sample, tries func(version int) int) (pictures []*image.Gray, of []sample) {
	for _, s := range codes {
		for try := range tries(s.symbol.version) {
			pictures, of = append(pictures, v.of(s.symbol, seedOf(s.name, v.name, try))), append(of, s)
		}
	}
	return pictures, of
}

// look lets all readers read a view. No reader ever gives another text than the code's: it reads it, or nothing.
func look(t *testing.T, r *readers, v view, codes []sample, tries func(version int) int) map[string]map[int]share {
	t.Helper()
	pictures, of := photographs(v, codes, tries)
	row := map[string]map[int]share{}
	for i, got := range r.read(t, pictures) {
		for _, reader := range readerNames {
			if row[reader] == nil {
				row[reader] = map[int]share{}
			}
			cell := row[reader][of[i].symbol.version]
			cell.of++
			for _, text := range got[reader] {
				require.Equal(t, of[i].text, text, "%s misreads %s, %s", reader, of[i].name, v.name)
			}
			if len(got[reader]) > 0 {
				cell.read++
			}
			row[reader][of[i].symbol.version] = cell
		}
	}
	return row
}

// versions of the codes, and the codes of each.
func versions(codes []sample) (all []int, of map[int][]sample) {
	of = map[int][]sample{}
	for _, s := range codes {
		v := s.symbol.version
		if len(of[v]) == 0 {
			all = append(all, v)
		}
		of[v] = append(of[v], s)
	}
	return all, of
}

// What the table promises for a version as a whole, its first code keeps in every run of the tests, by all four
// readers. With -reading.all the whole table is made anew, and is what it was.
func TestReading(t *testing.T) {
	codes := readSamples(t)
	all, of := versions(codes)
	r := startReaders(t)
	if *readAll {
		readEverything(t, r, codes, all, of)
	}
	want := readTable(t)
	var first []sample
	for _, version := range all {
		first = append(first, of[version][0])
	}
	promised := 0
	for _, v := range views() {
		if !v.often {
			continue
		}
		row := look(t, r, v, first, func(int) int { return 1 })
		for _, reader := range readerNames {
			require.Len(t, want[v.name][reader], len(all), "%s: %s is not in the table: make reading ARGS=-update", v.name, reader)
			for version, promise := range want[v.name][reader] {
				if promise.whole() {
					promised++
					require.True(t, row[reader][version].whole(), "%s read each %d-M, %s", reader, version, v.name)
				}
			}
		}
	}
	require.Greater(t, promised, 200)
}

// readEverything photographs each code often enough for at least three pictures of its version.
func readEverything(t *testing.T, r *readers, codes []sample, all []int, of map[int][]sample) {
	t.Helper()
	var out strings.Builder
	for _, v := range views() {
		some := codes
		if v.few {
			some = nil
			for _, version := range all {
				some = append(some, of[version][:min(3, len(of[version]))]...)
			}
		}
		row := look(t, r, v, some, func(version int) int { return (2 + len(of[version])) / len(of[version]) })
		for _, reader := range readerNames {
			out.WriteString(v.name + "\t" + reader)
			for _, version := range all {
				fmt.Fprintf(&out, "\t%d-M %d/%d", version, row[reader][version].read, row[reader][version].of)
			}
			out.WriteByte('\n')
		}
		t.Logf("%s: %v", v.name, row)
	}
	if *update {
		require.NoError(t, os.WriteFile(tableFile, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(tableFile)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String(), "make reading ARGS=-update writes it")
}
