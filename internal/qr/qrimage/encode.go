package qrimage

import (
	"fmt"
	"strings"

	"rsc.io/qr/coding"
)

// mode is how characters become bits (ISO/IEC 18004 §7.4).
type mode int

const (
	numeric mode = iota
	alphanumeric
	byteMode
)

// alphabet of the alphanumeric mode (table 5); the place of a character is its value.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// modeOf returns the densest mode that holds all of text. Everything of ours is made for the
// alphanumeric mode, so that a text in more than one mode would gain nothing.
func modeOf(text string) mode {
	m := numeric
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
		case strings.IndexByte(alphabet, c) >= 0:
			m = alphanumeric
		default:
			return byteMode
		}
	}
	return m
}

// countBits is the width of the character count (table 3).
func (m mode) countBits(version int) int {
	class := 0
	if version > 9 {
		class++
	}
	if version > 26 {
		class++
	}
	return [...][3]int{{10, 12, 14}, {9, 11, 13}, {8, 16, 16}}[m][class]
}

// dataBits is what n characters take.
func (m mode) dataBits(n int) int {
	switch m {
	case numeric:
		return (10*n + 2) / 3
	case alphanumeric:
		return (11*n + 1) / 2
	}
	return 8 * n
}

// stream collects bits, highest first.
type stream struct {
	out  []byte
	acc  uint32
	held int
}

func (s *stream) write(v uint32, n int) {
	s.acc = s.acc<<n | v
	for s.held += n; s.held >= 8; s.held -= 8 {
		s.out = append(s.out, byte(s.acc>>(s.held-8)))
	}
}

// codewords are the data of a symbol, padded to n bytes (§7.4.10). The text fits.
func (m mode) codewords(text string, version, n int) []byte {
	s := stream{out: make([]byte, 0, n)}
	s.write(1<<m, 4) // the mode indicators are 1, 2 and 4
	s.write(uint32(len(text)), m.countBits(version))
	value := func(i int) uint32 { return uint32(strings.IndexByte(alphabet, text[i])) }
	i := 0
	switch m {
	case numeric:
		for ; i+3 <= len(text); i += 3 {
			s.write(value(i)*100+value(i+1)*10+value(i+2), 10)
		}
		switch len(text) - i {
		case 2:
			s.write(value(i)*10+value(i+1), 7)
		case 1:
			s.write(value(i), 4)
		}
	case alphanumeric:
		for ; i+2 <= len(text); i += 2 {
			s.write(value(i)*45+value(i+1), 11)
		}
		if i < len(text) {
			s.write(value(i), 6)
		}
	default:
		for ; i < len(text); i++ {
			s.write(uint32(text[i]), 8)
		}
	}
	s.write(0, min(4, 8*n-8*len(s.out)-s.held)) // the terminator, as far as there is room
	s.write(0, (8-s.held)%8)
	for pad := uint32(0xec); len(s.out) < n; pad ^= 0xec ^ 0x11 {
		s.write(pad, 8)
	}
	return s.out
}

// maxText is more than any symbol holds (7,089 digits in 40-L, ISO/IEC 18004 table 7): longer texts are not tried.
const maxText = 7089

// encode is the door to the encoder: everything else here draws what it returns. It takes the
// smallest version that holds the text and, of the eight masks, the one that scores best (§7.8.3).
func encode(text string, level Level) (symbol, error) {
	if text == "" {
		return symbol{}, ErrEmptyText
	}
	if len(text) > maxText {
		return symbol{}, fmt.Errorf("%w: %d bytes", ErrTextTooLong, len(text))
	}
	m := modeOf(text)
	for v := coding.Version(coding.MinVersion); v <= coding.MaxVersion; v++ {
		n := v.DataBytes(recovery(level))
		if 4+m.countBits(int(v))+m.dataBits(len(text)) > 8*n {
			continue
		}
		p, err := planOf(int(v), level)
		if err != nil {
			return symbol{}, fmt.Errorf("qrimage: %w", err)
		}
		return p.draw(m.codewords(text, int(v), n)), nil
	}
	return symbol{}, fmt.Errorf("%w: %d bytes", ErrTextTooLong, len(text))
}

func recovery(l Level) coding.Level {
	switch l {
	case L:
		return coding.L
	case Q:
		return coding.Q
	case H:
		return coding.H
	default:
		return coding.M
	}
}

// Version tells which symbol, 1 to 40, text needs at level: 17 + 4 × version modules on a side.
func Version(text string, level Level) (int, error) {
	o, err := Options{Level: level}.withDefaults()
	if err != nil {
		return 0, err
	}
	s, err := encode(text, o.Level)
	return s.version, err
}
