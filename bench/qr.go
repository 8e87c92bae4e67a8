package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/showcard/showcard/bench/plain/qrpng"
	"github.com/showcard/showcard/internal/qr/qrimage"
)

// qrDeck are payloads of one length, as drawn for holders: URL form, 62 characters.
func qrDeck() []string {
	deck := make([]string, 64)
	for i := range deck {
		deck[i] = fmt.Sprintf("HTTPS://SHOW.EXAMPLE.GOV.CN/SC144A0%026XZ", uint64(i)*0x9e3779b97f4a7c15)
	}
	return deck
}

// draw compares one code drawn as PNG: skip2 with image/png against ours, at the same module size
// and quiet zone. Ours as SVG stands beside it, against the same baseline.
func draw(ctx context.Context, cfg Config) ([]Metric, error) {
	deck := qrDeck()
	failed := 0
	var size [3]int
	run := func(kind int, f func(string) ([]byte, error)) func() {
		i := 0
		return func() {
			data, err := f(deck[i%len(deck)])
			if err != nil {
				failed++
			}
			i, size[kind] = i+1, len(data)
		}
	}
	baseline := run(0, func(text string) ([]byte, error) { return qrpng.PNG(text, qrimage.DefaultModule) })
	var out []Metric
	for kind, one := range []struct {
		name string
		goal float64
		draw func(string) ([]byte, error)
	}{
		{"qr_png_ratio", 15, func(text string) ([]byte, error) { return qrimage.PNG(text, qrimage.Options{}) }},
		{"qr_svg_ratio", 0, func(text string) ([]byte, error) { return qrimage.SVG(text, qrimage.Options{}) }},
	} {
		ours := run(kind+1, one.draw)
		p, err := compare(ctx, cfg, baseline, ours)
		if err != nil {
			return out, err
		}
		if failed > 0 {
			return out, errors.New("bench: a code was not drawn")
		}
		m := Metric{
			Name: one.name, Value: round(p.ratio), Unit: "x",
			Baseline: fmt.Sprintf("skip2/go-qrcode and image/png: %s, %d bytes", micros(p.baseline), size[0]),
			Ours:     fmt.Sprintf("%s, %d bytes, %s", micros(p.ours), size[kind+1], allocations(ours)),
		}
		if one.goal > 0 {
			m = m.atLeast(one.goal)
		}
		out = append(out, m)
	}
	return out, nil
}
