package qrimage

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const readingPage = "../../../docs/reading-codes.md"

// The tables of docs/reading-codes.md say what testdata/reading/table.txt says, and what follows from it.
func TestReadingPage(t *testing.T) {
	all, of := versions(readSamples(t))
	page, err := os.ReadFile(readingPage)
	require.NoError(t, err)
	text := string(page)
	got := readTable(t)
	for _, table := range []string{
		sizesTable(all, of), screensTable(got, all), conditionsTable(got, all), camerasTable(got, all), modulesTable(got, all),
	} {
		if *update {
			text = replaceTable(t, text, table)
		}
		require.Contains(t, text, table, "make reading ARGS=-update writes it")
	}
	if *update {
		require.NoError(t, os.WriteFile(readingPage, []byte(text), 0o644))
	}
}

// replaceTable puts a table where one with the same heading stands.
func replaceTable(t *testing.T, page, table string) string {
	t.Helper()
	heading, _, _ := strings.Cut(table, "\n")
	before, rest, ok := strings.Cut(page, heading+"\n")
	require.True(t, ok, "%s lacks a table with the heading\n%s", readingPage, heading)
	for strings.HasPrefix(rest, "|") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	return before + table + rest
}

func tabled(heading string, rows ...[]string) string {
	var b strings.Builder
	b.WriteString(heading + "\n|" + strings.Repeat("---|", strings.Count(heading, "|")-1) + "\n")
	for _, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

// sizesTable says how large a module is on a phone.
func sizesTable(all []int, of map[int][]sample) string {
	var rows [][]string
	for _, v := range all {
		var names []string
		for _, s := range of[v] {
			name := s.name
			if typ, rest, ok := strings.Cut(name, " "); ok && s.symbol.version > 4 {
				view, algorithm, _ := strings.Cut(rest, " ")
				name = fmt.Sprintf("`%s` `%s` %s", typ, view, strings.ReplaceAll(algorithm, "SGD_SM3_SM2", "SM2"))
			}
			names = append(names, name)
		}
		row := []string{fmt.Sprintf("%d-M", v), fmt.Sprint(17 + 4*v + 2*DefaultQuiet)}
		for _, p := range []phone{inches50, inches55, inches61} {
			row = append(row, fmt.Sprintf("%.2f", p.module(v)))
		}
		rows = append(rows, append(row, strings.Join(joined(names), "; ")))
	}
	return tabled("| Code | Modules with quiet zone | 5.0 in, 62.3 mm | 5.5 in, 68.5 mm | 6.1 in, 64.9 mm | Which |", rows...)
}

// joined says "x SM2, ES256" for "x SM2" and "x ES256".
func joined(names []string) []string {
	var out []string
	for _, name := range names {
		base, signed := strings.CutSuffix(name, " SM2")
		if signed && slices.Contains(names, base+" ES256") {
			continue
		}
		if base, signed := strings.CutSuffix(name, " ES256"); signed && slices.Contains(names, base+" SM2") {
			name = base
		}
		out = append(out, name)
	}
	return out
}

// named lists the versions of which a reader read every picture, and of how many it read some.
func named(row map[int]share, all []int) string {
	var whole, some []string
	for _, v := range all {
		switch {
		case row[v].whole():
			whole = append(whole, fmt.Sprint(v))
		case row[v].read > 0:
			some = append(some, fmt.Sprintf("%d: %d/%d", v, row[v].read, row[v].of))
		}
	}
	switch {
	case len(whole) == len(all):
		return "all"
	case len(whole)+len(some) == 0:
		return "–"
	case len(whole) == 0:
		return strings.Join(some, ", ")
	case len(some) == 0:
		return strings.Join(whole, ", ")
	}
	return strings.Join(whole, ", ") + "; " + strings.Join(some, ", ")
}

func readBy(row map[string]map[int]share, all []int) (cells []string) {
	for _, reader := range readerNames {
		cells = append(cells, named(row[reader], all))
	}
	return cells
}

func conditionsTable(got table, all []int) string {
	var rows [][]string
	for _, v := range conditions() {
		rows = append(rows, append([]string{v.name}, readBy(got[v.name], all)...))
	}
	return tabled("| Picture | zbarimg | zxing-wasm | jsQR | gozxing |", rows...)
}

func camerasTable(got table, all []int) string {
	var rows [][]string
	for _, c := range cameras() {
		for _, away := range distances() {
			row := []string{c.name, fmt.Sprintf("%d cm", away/10)}
			for _, v := range []int{13, 18} {
				row = append(row, fmt.Sprintf("%.1f", c.perModule(inches50.module(v), float64(away))))
			}
			rows = append(rows, append(row, readBy(got[fmt.Sprintf(c.name+afar, away/10)], all)...))
		}
	}
	return tabled("| Camera | Away | Pixels, 13-M | 18-M | zbarimg | zxing-wasm | jsQR | gozxing |", rows...)
}

// least is the smallest module in pixels from which on a reader read every picture of a version; zero is none.
func (got table) least(c camera, reader string, version int) float64 {
	least := 0.0
	for _, pixels := range slices.Backward(steps()) {
		if !got[fmt.Sprintf(c.name+perPixel, pixels)][reader][version].whole() {
			break
		}
		least = pixels
	}
	return least
}

func modulesTable(got table, all []int) string {
	var rows [][]string
	for _, v := range all {
		row := []string{fmt.Sprintf("%d-M", v)}
		for _, c := range stepped() {
			for _, reader := range readerNames {
				row = append(row, orDash("%v", got.least(c, reader, v)))
			}
		}
		rows = append(rows, row)
	}
	return tabled("| Code | Gun: zbarimg | zxing-wasm | jsQR | gozxing | Video: zbarimg | zxing-wasm | jsQR | gozxing |", rows...)
}

func orDash(format string, v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// screensTable says how wide a screen has to be for the module that a reader needs.
func screensTable(got table, all []int) string {
	var rows [][]string
	for _, v := range all {
		row := []string{fmt.Sprintf("%d-M", v)}
		for _, away := range []float64{200, 300} {
			for _, c := range cameras() {
				like := gun720
				if c.gamma > 1 {
					like = video720
				}
				width := got.least(like, "zxing-wasm", v) / c.perModule(1, away) * float64(17+4*v+2*DefaultQuiet)
				cell := orDash("%.0f", math.Ceil(width))
				if width > inches50.width {
					cell = "**" + cell + "**"
				}
				row = append(row, cell)
			}
		}
		rows = append(rows, row)
	}
	return tabled("| Code | 20 cm: gun 640 | gun 1280 | video 1280 | video 1920 | 30 cm: gun 640 | gun 1280 | video 1280 | video 1920 |", rows...)
}
