package issuerhttp

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"

	"github.com/showcard/showcard/internal/httpd"
)

const (
	// maxExpansion: rows of one type repeat their names and compress thirtyfold at the very best,
	// gzip's own limit is a thousandfold. What lies between is no file of rows.
	maxExpansion = 100
	// expansionSlack is what may come out before the ratio means anything.
	expansionSlack = 1 << 20
)

// gunzip reads a compressed upload, of one member or several (RFC 1952 §2.2). Lines and batches
// bound the memory that it takes; the ratio bounds the work that a small upload can cause.
type gunzip struct {
	in  counter
	buf *bufio.Reader // over in
	z   *gzip.Reader
	out int64
}

func newGunzip(r io.Reader) *gunzip {
	g := &gunzip{in: counter{r: r}}
	g.buf = bufio.NewReader(&g.in)
	return g
}

type counter struct {
	r   io.Reader
	n   int64
	err error // not EOF
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// Read implements io.Reader. A file that was cut off is io.ErrUnexpectedEOF.
func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil {
		z, err := gzip.NewReader(g.buf)
		if err != nil {
			return 0, g.explain(err)
		}
		z.Multistream(false)
		g.z = z
	}
	for {
		n, err := g.z.Read(p)
		g.out += int64(n)
		if g.out > maxExpansion*g.in.n+expansionSlack {
			return 0, &httpd.Problem{Code: "gzip-expands"}
		}
		switch {
		case errors.Is(err, io.EOF):
			err = g.next()
		case err != nil:
			err = g.explain(err)
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// next begins the next member: io.EOF when there is none. What follows a member and is none is not
// passed over in silence, as gzip's own reader does with some of it: nobody knows what it was to be.
func (g *gunzip) next() error {
	magic, err := g.buf.Peek(2)
	switch {
	case len(magic) == 0 && errors.Is(err, io.EOF):
		return io.EOF
	case g.in.err != nil:
		return g.in.err
	case string(magic) != "\x1f\x8b":
		return &httpd.Problem{Code: "gzip-malformed", Detail: "there is something behind the end of the compressed data"}
	}
	if err := g.z.Reset(g.buf); err != nil {
		return g.explain(err)
	}
	g.z.Multistream(false)
	return nil
}

// explain tells a connection that broke from data that is wrong.
func (g *gunzip) explain(err error) error {
	switch {
	case g.in.err != nil:
		return g.in.err
	case errors.Is(err, io.EOF) && g.in.n == 0:
		return io.EOF // an empty upload, compressed by not sending anything
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return &httpd.Problem{Code: "gzip-malformed", Cause: err}
}
