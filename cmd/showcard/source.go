package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base32"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/showcard/showcard/crypto/sm"
)

// source is a file of rows that can be read several times: once to know it, once or more to
// send it, once more to pick the refused rows out of it. It never lies in memory as a whole.
type source struct {
	path    string
	name    string // as the person calls it
	spooled bool   // path is our own copy of what came by a pipe
	rows    int64
	digest  string
}

var errFileChanged = errors.New("the file changed while it was being pushed; nothing is lost: push it again")

// openSource reads the whole file once, to count its rows and to name its content. Input from a
// pipe is put into a temporary file first, because an upload that breaks off starts again.
func openSource(path string, stdin io.Reader) (*source, error) {
	s := &source{path: path, name: path}
	if path == "-" {
		f, err := os.CreateTemp("", "showcard-push-*.ndjson") // mode 0600: personal data
		if err != nil {
			return nil, err
		}
		s.path, s.name, s.spooled = f.Name(), "standard input", true
		_, err = io.Copy(f, stdin)
		if err = errors.Join(err, f.Close()); err != nil {
			s.close()
			return nil, err
		}
	}
	r, err := s.open()
	if err != nil {
		s.close()
		return nil, err
	}
	defer func() { _ = r.Close() }() // reading says what is wrong with it
	if _, err := io.Copy(io.Discard, r); err != nil {
		s.close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	s.rows, s.digest = r.rows(), r.sum()
	if s.rows == 0 {
		s.close()
		return nil, fmt.Errorf("%s: there are no rows in it", s.name)
	}
	return s, nil
}

func (s *source) close() {
	if s.spooled {
		_ = os.Remove(s.path) // nothing more can be done about it
	}
}

// job names the push after client and content: the same file pushed again is the same job.
func (s *source) job(client string) string {
	sum := sm.Sum([]byte("showcard push\x00" + client + "\x00" + s.digest))
	return "file-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20]))
}

// open starts reading the rows. A gzip file is unpacked on the way.
func (s *source) open() (*sourceReader, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(f, 256<<10)
	r := &sourceReader{file: f, in: in, digest: sm.NewHash()}
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if r.in, err = gzip.NewReader(in); err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return r, nil
}

// sourceReader counts and digests what passes.
type sourceReader struct {
	file   *os.File
	in     io.Reader
	digest hash.Hash
	ended  int64 // line ends
	last   byte
}

func (r *sourceReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if n > 0 {
		r.digest.Write(p[:n])
		r.ended += int64(bytes.Count(p[:n], []byte{'\n'}))
		r.last = p[n-1]
	}
	return n, err
}

func (r *sourceReader) Close() error { return r.file.Close() }

// rows counts the lines so far; the last needs no line end.
func (r *sourceReader) rows() int64 {
	if r.last != 0 && r.last != '\n' {
		return r.ended + 1
	}
	return r.ended
}

func (r *sourceReader) sum() string { return fmt.Sprintf("%x", r.digest.Sum(nil)) }

// upload is a body for PUT: the rows from a number on, packed while they are read. moved hears how
// many rows of the file have gone. When the file turns out to be another than was counted, the upload breaks off, so
// that the job does not end as if this had been all.
func (s *source) upload(from int64, moved func(rows int64)) (io.ReadCloser, error) {
	in, err := s.open()
	if err != nil {
		return nil, err
	}
	out, pipe := io.Pipe()
	go func() {
		defer func() { _ = in.Close() }() // only read from
		z, err := gzip.NewWriterLevel(pipe, gzip.BestSpeed)
		if err == nil {
			buf := make([]byte, 256<<10)
			for err == nil {
				var n int
				before := in.ended
				n, err = in.Read(buf)
				if n > 0 {
					if _, werr := z.Write(behind(buf[:n], from-1-before)); werr != nil {
						err = werr
					}
					moved(in.rows())
				}
			}
		}
		if errors.Is(err, io.EOF) {
			if err = z.Close(); err == nil && in.sum() != s.digest {
				err = errFileChanged
			}
		}
		_ = pipe.CloseWithError(err) // nil is the end of the body
	}()
	return out, nil
}

// behind is what follows the next so many line ends.
func behind(text []byte, ends int64) []byte {
	for ; ends > 0; ends-- {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return nil
		}
		text = text[i+1:]
	}
	return text
}

// lines picks lines out of the source, in rising order.
type lines struct {
	in   *sourceReader
	buf  *bufio.Reader
	next int64 // number of the line that buf stands before, from 1
}

func (s *source) lines() (*lines, error) {
	in, err := s.open()
	if err != nil {
		return nil, err
	}
	return &lines{in: in, buf: bufio.NewReaderSize(in, 64<<10), next: 1}, nil
}

// copy writes line number n, whole and with its line end, however long it is.
func (l *lines) copy(w io.Writer, n int64) error {
	for l.next < n {
		if err := l.line(io.Discard); err != nil {
			return err
		}
	}
	return l.line(w)
}

func (l *lines) line(w io.Writer) error {
	some := false
	for {
		part, err := l.buf.ReadSlice('\n')
		some = some || len(part) > 0
		if _, werr := w.Write(part); werr != nil {
			return werr
		}
		switch {
		case err == nil:
			l.next++
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && some:
			l.next++
			_, werr := w.Write([]byte{'\n'})
			return werr
		case errors.Is(err, io.EOF):
			return errFileChanged
		default:
			return err
		}
	}
}

func (l *lines) close() { _ = l.in.Close() }
