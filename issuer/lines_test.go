package issuer

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
)

func all(t testing.TB, r io.Reader) (lines []line, end error) {
	t.Helper()
	in := newLineReader(r, 1)
	for {
		l, err := in.next()
		if err != nil {
			return lines, err
		}
		l.text = bytes.Clone(l.text)
		lines = append(lines, l)
	}
}

func TestLines(t *testing.T) {
	big := strings.Repeat("x", schemas.MaxRow)
	for name, c := range map[string]struct {
		in   string
		want []line
	}{
		"nothing":            {"", nil},
		"one":                {"a\n", []line{{number: 1, size: 2, text: []byte("a")}}},
		"no newline at end":  {"a\nbc", []line{{number: 1, size: 2, text: []byte("a")}, {number: 2, size: 2, text: []byte("bc"), open: true}}},
		"empty lines":        {"\n\r\n", []line{{number: 1, size: 1, text: []byte{}}, {number: 2, size: 2, text: []byte{}}}},
		"from Windows":       {"\xef\xbb\xbfa\r\nb\r\n", []line{{number: 1, size: 6, text: []byte("a")}, {number: 2, size: 3, text: []byte("b")}}},
		"mark not at start":  {"a\n\xef\xbb\xbfb\n", []line{{number: 1, size: 2, text: []byte("a")}, {number: 2, size: 5, text: []byte("\xef\xbb\xbfb")}}},
		"just large enough":  {big + "\r\nb", []line{{number: 1, size: schemas.MaxRow + 2, text: []byte(big)}, {number: 2, size: 1, text: []byte("b"), open: true}}},
		"one byte too large": {big + "y\nb\n", []line{{number: 1, size: schemas.MaxRow + 2, tooLarge: true}, {number: 2, size: 2, text: []byte("b")}}},
		"huge, and the rest": {strings.Repeat(big, 20) + "\nb\n", []line{{number: 1, size: 20*schemas.MaxRow + 1, tooLarge: true}, {number: 2, size: 2, text: []byte("b")}}},
		"never-ending ends":  {"a" + strings.Repeat("\r", schemas.MaxRow+1) + "\nb\n", []line{{number: 1, size: schemas.MaxRow + 3, tooLarge: true}, {number: 2, size: 2, text: []byte("b")}}},
		"huge and open":      {big + big, []line{{number: 1, size: 2 * schemas.MaxRow, tooLarge: true, open: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.HalfReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				got, err := all(t, r)
				require.ErrorIs(t, err, io.EOF)
				require.Len(t, got, len(c.want))
				for i, want := range c.want {
					require.Equal(t, string(want.text), string(got[i].text))
					got[i].text, want.text = nil, nil
					require.Equal(t, want, got[i])
				}
			}
		})
	}
}

// What was begun when the connection broke is told, then the error itself.
func TestLinesOfABrokenUpload(t *testing.T) {
	broken := errors.New("reset by peer")
	got, err := all(t, io.MultiReader(strings.NewReader("a\n{\"ke"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Len(t, got, 2)
	require.True(t, got[1].open)
	require.Equal(t, `{"ke`, string(got[1].text))
}

// once says what went wrong a single time and then that all is well, as net/http's bodies do.
type once struct{ err error }

func (o *once) Read([]byte) (int, error) {
	err := o.err
	o.err = io.EOF
	return 0, err
}

func TestLinesRememberTheError(t *testing.T) {
	got, err := all(t, io.MultiReader(strings.NewReader("a\nb"), &once{io.ErrUnexpectedEOF}))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, got, 2)
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb"), 3)
	f.Add([]byte("\xef\xbb\xbf{}\r\n\r\n"), 1)
	f.Add([]byte("x\r\r\n\r"), 2)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		got, err := all(t, &chunks{data: data, step: 1 + max(step, 0)%8192})
		require.ErrorIs(t, err, io.EOF)
		want := bytes.Split(data, []byte("\n"))
		if len(want[len(want)-1]) == 0 {
			want = want[:len(want)-1]
		}
		require.Len(t, got, len(want))
		var size int64
		for i, l := range got {
			size += l.size
			text := trimEnd(want[i])
			require.Equal(t, len(text) > schemas.MaxRow, l.tooLarge)
			require.Equal(t, int64(i+1), l.number)
			if i == 0 {
				text = bytes.TrimPrefix(text, byteOrderMark)
			}
			if !l.tooLarge {
				require.Equal(t, string(text), string(l.text))
			}
		}
		require.Equal(t, int64(len(data)), size)
	})
}

type chunks struct {
	data []byte
	step int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.data[:min(c.step, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}
