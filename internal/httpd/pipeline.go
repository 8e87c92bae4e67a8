package httpd

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
)

// run is everything between the router and the handler.
func (s *Server) run(r Route, table ErrorTable) gin.HandlerFunc {
	template := r.Template()
	g := s.gates[r.Class]
	return func(c *gin.Context) {
		rec := recordOf(c)
		rec.route, rec.class, rec.page = template, r.Class, r.Page
		if r.CORS {
			c.Header("Access-Control-Allow-Origin", "*")
			c.Header("Access-Control-Expose-Headers", "ETag, Location, Retry-After, X-Request-Id")
			c.Header("Cross-Origin-Resource-Policy", "cross-origin")
		}
		s.setDeadlines(c, r)
		ctx := c.Request.Context()
		if !r.Streaming {
			bounded, cancel := context.WithTimeoutCause(ctx, or(r.Timeout, s.requestTimeout), errTimedOut)
			defer cancel()
			c.Request = c.Request.WithContext(bounded)
			ctx = bounded
		}
		place, err := s.admit(ctx, r, g)
		if err != nil {
			var problem *Problem
			rec.refused = errors.As(err, &problem)
			s.fail(c, table, err)
			return
		}
		c.Set(placeKey, place)
		defer place.leave()
		result, err := s.handle(c, r, place)
		if r.Streaming {
			_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(s.streamIdle))
		}
		if err == nil {
			err = s.respond(c, result)
		}
		if err != nil {
			s.fail(c, table, err)
		}
	}
}

// handle runs the guards in the order that doc.go promises, then the handler.
func (s *Server) handle(c *gin.Context, r Route, p *place) (any, error) {
	if len(r.Networks) > 0 && !within(c, r.Networks) {
		return nil, &Problem{Code: CodeAddressRefused}
	}
	if !r.CORS {
		// A browser sends cookies along with what a foreign page posts; without this a page anywhere
		// could act for whoever is signed in here. Programs send neither header and pass.
		if err := s.origins.Check(c.Request); err != nil {
			return nil, &Problem{Code: CodeCrossOriginRefused, Cause: err}
		}
	}
	var caller Caller
	if !r.Public {
		var err error
		if caller, err = s.identify(c, r); err != nil {
			return nil, err
		}
	}
	if err := checkAddress(c.Request.URL, r); err != nil {
		return nil, err
	}
	if err := s.allow(c, r.Class, p.gate, caller); err != nil {
		return nil, err
	}
	if err := p.settle(caller); err != nil {
		return nil, err
	}
	if err := s.guardBody(c, r); err != nil {
		return nil, err
	}
	return r.Handler(c)
}

// checkAddress refuses what no database text can hold, as Decode does in bodies: nothing has such a
// name. Pages are opened with all kinds of things behind the question mark, and read none of them.
func checkAddress(u *url.URL, r Route) error {
	if !storable(u.Path) {
		return &Problem{Code: CodeNotFound}
	}
	if r.Public || u.RawQuery == "" {
		return nil
	}
	for name, values := range u.Query() {
		if !storable(name) || slices.ContainsFunc(values, func(v string) bool { return !storable(v) }) {
			return &Problem{Code: CodeParameterInvalid, Detail: "a parameter holds U+0000, or is not UTF-8"}
		}
	}
	return nil
}

func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// setDeadlines bounds what the peer may take on the socket; a context alone does not wake a blocked
// read. A stream gets a new deadline with each read and write, and none while the handler works.
func (s *Server) setDeadlines(c *gin.Context, r Route) {
	conn := http.NewResponseController(c.Writer)
	patience := s.requestTimeout
	if r.Streaming {
		patience = s.streamIdle
		_ = conn.SetWriteDeadline(time.Time{})
	} else if r.Timeout > 0 {
		_ = conn.SetWriteDeadline(time.Now().Add(r.Timeout + s.streamIdle))
	}
	// Also for a body that nobody reads: the server itself reads some of it before the next request.
	// Without a body there must be none, for then the server waits in a read for the peer to hang up.
	if c.Request.ContentLength != 0 {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
	}
}

func corsMethods(methods []string) string {
	all := []string{http.MethodOptions}
	for _, m := range methods {
		all = append(all, m)
		if m == http.MethodGet {
			all = append(all, http.MethodHead)
		}
	}
	return strings.Join(all, ", ")
}
