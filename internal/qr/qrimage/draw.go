package qrimage

import (
	"fmt"

	"github.com/skip2/go-qrcode"
)

// symbol is a drawn code without its quiet zone.
type symbol struct {
	version int
	size    int      // modules on a side: 17 + 4 × version
	rows    [][]bool // dark[y][x]
}

// dark answers for every integer; what lies outside is quiet zone.
func (s symbol) dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < s.size && y < s.size && s.rows[y][x]
}

// runs calls f for each horizontal run of dark modules in row y, from x0 up to and without x1.
func (s symbol) runs(y int, f func(x0, x1 int)) {
	row := s.rows[y]
	for x := 0; x < len(row); {
		if !row[x] {
			x++
			continue
		}
		x0 := x
		for x < len(row) && row[x] {
			x++
		}
		f(x0, x)
	}
}

// maxText is more than any symbol holds (7,089 digits in 40-L, ISO/IEC 18004 table 7): longer texts are not tried.
const maxText = 7089

// encode is the door to the encoder: everything else here draws what it returns. The library chooses the mode
// segment by segment, so a payload of capitals and digits is drawn in alphanumeric mode (and long runs of digits in
// numeric mode, where that is shorter); the tests hold it to the versions that the formats document promises.
func encode(text string, level Level) (symbol, error) {
	if text == "" {
		return symbol{}, ErrEmptyText
	}
	if len(text) > maxText {
		return symbol{}, fmt.Errorf("%w: %d bytes", ErrTextTooLong, len(text))
	}
	code, err := qrcode.New(text, recovery(level))
	if err != nil {
		// The library has one reason to fail on a text that is not empty.
		return symbol{}, fmt.Errorf("%w: %d bytes", ErrTextTooLong, len(text))
	}
	code.DisableBorder = true // its quiet zone is not ours
	rows := code.Bitmap()
	return symbol{version: code.VersionNumber, size: len(rows), rows: rows}, nil
}

func recovery(l Level) qrcode.RecoveryLevel {
	switch l {
	case L:
		return qrcode.Low
	case Q:
		return qrcode.High
	case H:
		return qrcode.Highest
	default:
		return qrcode.Medium
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
