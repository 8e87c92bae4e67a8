package issuer

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/showcard/showcard/schemas"
)

// line is one line of a push. Its text is gone with the next one.
type line struct {
	number   int64 // 1-based
	size     int64 // bytes of the upload, newline included
	text     []byte
	tooLarge bool // text is empty: the line was stepped over
	open     bool // the upload ended in it, without a newline
}

// lineReader cuts NDJSON into lines in bounded memory. A line longer than a row can be is
// stepped over to the next newline, whatever its length, and told as such.
type lineReader struct {
	in     *bufio.Reader
	number int64
	buf    []byte
	err    error // that ended it: net/http says "unexpected EOF" only once, and then plain EOF
}

// newLineReader numbers the lines from first on.
func newLineReader(r io.Reader, first int64) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, 32<<10), number: first - 1}
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// next returns the next line. io.EOF is the clean end, anything else a broken upload; a line that
// was begun when it broke comes first, with open set.
func (l *lineReader) next() (line, error) {
	if l.err != nil {
		return line{}, l.err
	}
	out := line{number: l.number + 1}
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		out.size += int64(len(part))
		if !out.tooLarge {
			l.buf = append(l.buf, part...)
			out.tooLarge = len(l.buf) > schemas.MaxRow && len(trimEnd(l.buf)) > schemas.MaxRow
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		l.err = err
		if err != nil && out.size == 0 {
			return line{}, err
		}
		l.number++
		out.open = err != nil
		if !out.tooLarge {
			out.text = trimEnd(l.buf)
			if out.number == 1 { // Windows writes one; RFC 8259 §8.1 lets us ignore it
				out.text = bytes.TrimPrefix(out.text, byteOrderMark)
			}
		}
		return out, nil
	}
}

// trimEnd takes one line end off, \n or \r\n.
func trimEnd(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}
