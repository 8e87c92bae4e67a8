package issuerhttp

import (
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

// gunzip reads a compressed upload. Lines and batches bound the memory that it takes; the ratio
// bounds the work that a small upload can cause.
type gunzip struct {
	in  counter
	z   *gzip.Reader
	out int64
}

func newGunzip(r io.Reader) *gunzip { return &gunzip{in: counter{r: r}} }

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
		z, err := gzip.NewReader(&g.in)
		if err != nil {
			return 0, g.explain(err)
		}
		g.z = z
	}
	n, err := g.z.Read(p)
	g.out += int64(n)
	if g.out > maxExpansion*g.in.n+expansionSlack {
		return 0, &httpd.Problem{Code: "gzip-expands"}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = g.explain(err)
	}
	return n, err
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
