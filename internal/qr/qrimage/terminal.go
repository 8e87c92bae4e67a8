package qrimage

import (
	"os"
	"strings"
)

// The corners of the 6×6×6 cube of the 256 colours: unlike the sixteen names, terminal themes do not redefine them.
const (
	blackOnWhite = "\x1b[38;5;16;48;5;231m"
	reset        = "\x1b[0m"
)

// Terminal draws text with half blocks, two rows of modules to a line, at level M with a full quiet zone. Colours are
// set explicitly, black on white, so that it scans on dark and on light terminals alike. When the environment asks
// for none (NO_COLOR is set and not empty, https://no-color.org) it draws as TerminalPlain does.
func Terminal(text string) (string, error) {
	if os.Getenv("NO_COLOR") != "" {
		return TerminalPlain(text)
	}
	s, err := encode(text, M)
	if err != nil {
		return "", err
	}
	return halfBlocks(s, blackOnWhite, reset, [4]string{" ", "▄", "▀", "█"}), nil
}

// TerminalPlain draws without colours. The light modules are the ink, because nearly all terminals without colour
// write light on dark; on a light one the code comes out inverted, which phones read and some guns do not.
func TerminalPlain(text string) (string, error) {
	s, err := encode(text, M)
	if err != nil {
		return "", err
	}
	return halfBlocks(s, "", "", [4]string{"█", "▀", "▄", " "}), nil
}

// halfBlocks draws two rows of modules to a line. glyph is indexed by dark above × 2 + dark below.
func halfBlocks(s symbol, before, after string, glyph [4]string) string {
	var b strings.Builder
	side := s.size + 2*DefaultQuiet
	b.Grow((side + 1) / 2 * (3*side + len(before) + len(after) + 1))
	// A symbol has an odd number of rows: the quiet zone below becomes one row wider.
	for y := -DefaultQuiet; y < s.size+DefaultQuiet; y += 2 {
		b.WriteString(before)
		for x := -DefaultQuiet; x < s.size+DefaultQuiet; x++ {
			i := 0
			if s.dark(x, y) {
				i += 2
			}
			if s.dark(x, y+1) {
				i++
			}
			b.WriteString(glyph[i])
		}
		b.WriteString(after)
		b.WriteByte('\n')
	}
	return b.String()
}
