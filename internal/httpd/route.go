package httpd

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// ErrRoute is wrapped by every refusal of Mount: a mistake in a route or an error table.
var ErrRoute = errors.New("route")

// Handler answers one request. A value becomes JSON with status 200 unless it is one of Created,
// Accepted, NoContent, Redirect, Raw, Stream, Events or Handled; nil becomes 204; an error becomes a problem.
type Handler func(*gin.Context) (any, error)

// NoBodyLimit lifts the cap on a request body, for uploads that are read as a stream.
const NoBodyLimit int64 = -1

// Route is one line of the HTTP surface.
type Route struct {
	Method string
	Path   string // gin syntax: /v1/certificates/:identifier
	Roles  []Role // who may call; empty only together with Public
	Public bool   // no credentials asked for or looked at
	Scope  string // that the caller must carry; empty for none
	// Networks are the addresses that may call; empty: all. An address that a proxy forwards for
	// is believed from trusted proxies only, and a forwarded request of any other is refused.
	Networks []netip.Prefix
	Class    Class // which limits apply; empty is ClassDefault
	// MaxBody caps the request body in bytes: 0 is Config.MaxBody, NoBodyLimit lifts it.
	MaxBody int64
	// Streaming lifts the whole-request deadline. Instead a read or a write that makes no progress
	// for Config.StreamIdle ends the request.
	Streaming bool
	// Timeout is the whole-request deadline of a route that waits for people; 0 is
	// Config.RequestTimeout.
	Timeout time.Duration
	// CORS lets pages of any origin read the answer. Public routes only: what is open to every
	// origin must be open to everyone.
	CORS bool
	// Page says that browsers walk through here: when one navigates, a problem is shown as a page
	// instead of as JSON.
	Page    bool
	Handler Handler
}

// Template is the path as OpenAPI writes it: /v1/certificates/{identifier}.
func (r Route) Template() string {
	parts := strings.Split(r.Path, "/")
	for i, p := range parts {
		if p != "" && (p[0] == ':' || p[0] == '*') {
			parts[i] = "{" + p[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}

func methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// Mount adds the routes of one room with the room's error table. It refuses, rather than repairs, a
// route that is public without saying so, a class without limits, a code without a sentence, and
// anything twice. GET routes answer HEAD too. All mounting happens before Serve.
func (s *Server) Mount(routes []Route, table ErrorTable) error {
	if s.phase.Load() != phaseNew {
		return fmt.Errorf("%w: mounted after Serve", ErrRoute)
	}
	for _, row := range table {
		if row.Err == nil {
			return fmt.Errorf("%w: error table: nil error for %q", ErrRoute, row.Code)
		}
		if e, ok := s.problems.Lookup(row.Code); !ok || e.Status == 0 {
			return fmt.Errorf("%w: error table: %q is no problem code that travels over HTTP", ErrRoute, row.Code)
		}
	}
	table = slices.Clone(table)
	for _, r := range routes {
		r.Roles = slices.Clone(r.Roles)
		if r.Class == "" {
			r.Class = ClassDefault
		}
		if err := s.checkRoute(r); err != nil {
			return fmt.Errorf("%w: %s %s: %w", ErrRoute, r.Method, r.Path, err)
		}
		if err := s.register(r, table); err != nil {
			return fmt.Errorf("%w: %s %s: %w", ErrRoute, r.Method, r.Path, err)
		}
		s.routes = append(s.routes, r)
	}
	return nil
}

func (s *Server) checkRoute(r Route) error {
	switch {
	case r.Handler == nil:
		return errors.New("no handler")
	case !slices.Contains(methods(), r.Method):
		return errors.New("method not known (HEAD and OPTIONS come by themselves)")
	case !strings.HasPrefix(r.Path, "/"):
		return errors.New("path does not begin with /")
	case r.Timeout < 0:
		return errors.New("negative Timeout")
	case r.MaxBody < NoBodyLimit:
		return errors.New("negative MaxBody")
	case r.Public && (len(r.Roles) > 0 || r.Scope != ""):
		return errors.New("public, and yet asks for roles or a scope")
	case !r.Public && len(r.Roles) == 0:
		return errors.New("no roles; a route open to everyone must say Public")
	case !r.Public && s.auth == nil:
		return errors.New("asks for roles, but Config.Authenticator is nil")
	case r.CORS && !r.Public:
		return errors.New("CORS on a route that is not public")
	case strings.ContainsAny(r.Scope, "\"\\ \t\r\n"):
		return errors.New("scope with a space, quote or backslash")
	}
	for _, role := range r.Roles {
		if !slices.Contains(Roles(), role) {
			return fmt.Errorf("unknown role %q", role)
		}
	}
	if _, ok := s.gates[r.Class]; !ok {
		return fmt.Errorf("unknown class %q", r.Class)
	}
	return nil
}

// register hands the route to gin, whose complaints about conflicting paths are panics.
func (s *Server) register(r Route, table ErrorTable) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	h := s.run(r, table)
	s.engine.Handle(r.Method, r.Path, h)
	if r.Method == http.MethodGet {
		s.engine.Handle(http.MethodHead, r.Path, h)
	}
	if r.CORS {
		if _, seen := s.cors[r.Path]; !seen {
			s.engine.OPTIONS(r.Path, s.preflight(r.Path))
		}
		s.cors[r.Path] = append(s.cors[r.Path], r.Method)
	}
	return nil
}

// Routes lists the whole HTTP surface in the order of mounting, for tests and for the comparison
// with openapi.json. HEAD and OPTIONS, which come by themselves, are not listed.
func (s *Server) Routes() []Route { return slices.Clone(s.routes) }
