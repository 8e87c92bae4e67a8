package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

const bodyKey = "httpd.body"

// patientBody reads a request body against the clock and turns what goes wrong into problems, so
// that a handler which reads the body as a stream may return the read error as it is.
type patientBody struct {
	body     io.ReadCloser
	conn     *http.ResponseController
	idle     time.Duration // > 0: each read may take this long; 0: the deadline is already set for all
	finished bool
	turn     func() // waited for before each read of a stream; nil: nothing
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.turn != nil {
		b.turn()
	}
	if b.idle > 0 && !b.finished {
		_ = b.conn.SetReadDeadline(time.Now().Add(b.idle)) // not every ResponseWriter can; then there is no bound
	}
	n, err := b.body.Read(p)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		// From here on the server watches the connection for the caller hanging up; a deadline left
		// behind would look like that to a handler that takes its time.
		b.finished = true
		_ = b.conn.SetReadDeadline(time.Time{})
	case errors.As(err, &tooLarge):
		err = &Problem{Code: CodeBodyTooLarge, Detail: limitDetail(tooLarge.Limit), Cause: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &Problem{Code: CodeBodyTooSlow, Cause: err}
	default: // connection lost, bad chunks
		err = &Problem{Code: CodeBodyIncomplete, Cause: err}
	}
	return n, err
}

func (b *patientBody) Close() error { return b.body.Close() }

func limitDetail(limit int64) string { return fmt.Sprintf("at most %d bytes", limit) }

// guardBody bounds the size and the slowness of a request body. A body that announces itself as too
// large is refused unread.
func (s *Server) guardBody(c *gin.Context, r Route) error {
	limit := r.MaxBody
	if limit == 0 {
		limit = s.maxBody
	}
	if limit > 0 && c.Request.ContentLength > limit {
		return &Problem{Code: CodeBodyTooLarge, Detail: limitDetail(limit)}
	}
	if c.Request.Body == nil || c.Request.Body == http.NoBody {
		return nil
	}
	body := c.Request.Body
	if limit > 0 {
		// The writer below gin's is the one that knows how to close the connection on an overrun.
		var w http.ResponseWriter = c.Writer
		if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
			w = u.Unwrap()
		}
		body = http.MaxBytesReader(w, body, limit)
	}
	guarded := &patientBody{body: body, conn: http.NewResponseController(c.Writer)}
	if r.Streaming {
		guarded.idle = s.streamIdle
		guarded.turn = turnOf(c)
	}
	c.Request.Body = guarded
	return nil
}

// Body reads the whole request body if its Content-Type is one of those listed. It may be called
// again and gives the same bytes, which must not be changed.
func Body(c *gin.Context, contentTypes ...string) ([]byte, error) {
	if err := checkContentType(c.GetHeader("Content-Type"), contentTypes); err != nil {
		return nil, err
	}
	if kept, ok := c.Get(bodyKey); ok {
		return kept.([]byte), nil
	}
	var buf bytes.Buffer
	if n := c.Request.ContentLength; n > 0 {
		buf.Grow(int(min(n, 64<<10)) + bytes.MinRead) // what is announced is not yet believed
	}
	if c.Request.Body != nil {
		if _, err := buf.ReadFrom(c.Request.Body); err != nil {
			return nil, err
		}
	}
	c.Set(bodyKey, buf.Bytes())
	return buf.Bytes(), nil
}

func checkContentType(header string, accepted []string) error {
	refused := &Problem{Code: CodeUnsupportedMediaType, Detail: "expected " + strings.Join(accepted, " or ")}
	kind, params, err := mime.ParseMediaType(header)
	if err != nil {
		return refused
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return refused
	}
	for _, a := range accepted {
		if kind == a {
			return nil
		}
	}
	return refused
}
