package bench

import (
	"fmt"
	"math"
	"strings"
)

// Curve draws an overload curve as SVG: above, what is answered as wanted and what is refused,
// against what is offered; below, how long the slowest of a hundred answers of each kind takes.
func Curve(points []Point) []byte {
	const (
		left, width    = 86.0, 560.0
		top, height    = 74.0, 230.0
		below, height2 = 374.0, 170.0
	)
	most, rate, slow := 0.0, 0.0, 1.0
	for _, p := range points {
		most, rate = max(most, p.Offered), max(rate, p.Rate)
		for _, k := range p.Kinds {
			slow = max(slow, k.P99)
		}
	}
	rate, slow = ceiling(rate), max(100, ceiling(slow))
	x := func(v float64) float64 { return left + width*v/most }
	y := func(v float64) float64 { return top + height*(1-v/rate) }
	z := func(v float64) float64 { return below + height2*(1-v/slow) }
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 610" font-family="system-ui, 'Noto Sans CJK SC', sans-serif" role="img" aria-labelledby="t">` + "\n" +
		`<title id="t">Overload: what is answered and how quickly, against what is offered</title>` + "\n" +
		`<rect width="900" height="610" rx="12" fill="#f5f8fc"/>` + "\n")
	text := func(x, y float64, anchor, size, fill, weight, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%s" fill="%s" font-weight="%s">%s</text>`+"\n", x, y, anchor, size, fill, weight, s)
	}
	text(left-62, 34, "start", "20", "#123a70", "600", "Overload: what is answered, and how quickly")
	text(left-62, 56, "start", "13", "#5b6b7a", "400", "Scans before renewals before new shows before reports. What cannot be done is refused at once, with Retry-After.")
	grid := func(base, size, value float64, at func(float64) float64, label string) {
		for i := range 5 {
			v := value * float64(i) / 4
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#e4e9ee"/>`+"\n", left, at(v), left+width, at(v))
			text(left-10, at(v)+4, "end", "12", "#5b6b7a", "400", number(v))
		}
		for _, p := range points {
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#aab6c1"/>`+"\n", x(p.Offered), base+size, x(p.Offered), base+size+5)
			text(x(p.Offered), base+size+20, "middle", "12", "#5b6b7a", "400", number(p.Offered)+"×")
		}
		fmt.Fprintf(&b, `<text transform="translate(%.1f %.1f) rotate(-90)" text-anchor="middle" font-size="13" fill="#123a70">%s</text>`+"\n", left-58, base+size/2, label)
	}
	grid(top, height, rate, y, "requests a second")
	grid(below, height2, slow, z, "p99, milliseconds")
	text(left+width/2, below+height2+42, "middle", "13", "#123a70", "400", "offered, in multiples of what can be done")
	line := func(colour, dash, name string, row float64, at func(float64) float64, value func(Point) float64) {
		var path []string
		for _, p := range points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x(p.Offered), at(value(p))))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2.5" stroke-linejoin="round" stroke-dasharray="%s"/>`+"\n", strings.Join(path, " "), colour, dash)
		for _, p := range points {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3.2" fill="%s"/>`+"\n", x(p.Offered), at(value(p)), colour)
		}
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="2.5" stroke-dasharray="%s"/>`+"\n", left+width+22, row-4, left+width+46, row-4, colour, dash)
		text(left+width+54, row, "start", "13", "#123a70", "400", name)
	}
	line("#aab6c1", "5 4", "offered", top+12, y, func(p Point) float64 { return p.Rate })
	line("#0b6e4f", "", "answered in time", top+36, y, func(p Point) float64 { return p.Good })
	line("#a4262c", "", "refused", top+60, y, func(p Point) float64 { return p.Refused })
	for k, colour := range [kinds]string{"#123a70", "#0b6e4f", "#8a6d0b", "#7a3e9d"} {
		shown := points[len(points)-1].Kinds[k].Good
		line(colour, "", fmt.Sprintf("%s: %.0f %% kept at %s×", kindNames[k], 100*shown, number(most)), below+12+24*float64(k), z, func(p Point) float64 { return p.Kinds[k].P99 })
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// ceiling is the next round number.
func ceiling(v float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(max(v, 1))))
	for _, m := range []float64{1, 2, 4, 6, 8, 10} {
		if v <= m*step {
			return m * step
		}
	}
	return v
}
