package httpd

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/singleflight"

	"github.com/showcard/showcard/internal/httpd/problem"
)

// Config of a Server. The zero value works for a server with public routes only.
type Config struct {
	PublicURL string // https://host, no path; names problem types and decides on HSTS
	Version   string // told by /healthz

	Logger   *slog.Logger     // nil: slog.Default()
	Now      func() time.Time // nil: time.Now; for durations in logs and metrics
	Problems *problem.Table   // nil: the table built into the binary

	Authenticator Authenticator // needed as soon as a route has Roles
	Limiter       Limiter       // nil: callers are not counted; admission holds all the same
	Places        int           // most requests worked on at once; fewer when that is quicker. 0: 512
	Classes       map[Class]Limits
	Checks        []Check // what /readyz asks
	OpenAPI       []byte  // served as /openapi.json; empty: no such page

	// Metrics says who may read /metrics, which tells an attacker how busy we are and with what:
	// "public", "operators" (operators and auditors, with their token), or addresses and CIDR ranges.
	// Empty: this machine only.
	Metrics []string

	// TrustedProxies are addresses or CIDR ranges whose X-Forwarded-For is believed. Empty: nobody's.
	TrustedProxies []string

	MaxBody           int64         // of a route that says nothing; 0: 1 MiB
	RequestTimeout    time.Duration // of a route that does not stream; 0: 30 s
	StreamIdle        time.Duration // a stream that stands still this long is cut; 0: 60 s
	EventsBeat        time.Duration // how often a quiet stream of events says that it is alive; 0: 15 s
	EventsFor         time.Duration // after which it ends and the browser comes again; 0: 30 min
	ReadHeaderTimeout time.Duration // 0: 10 s
	IdleTimeout       time.Duration // of a kept-alive connection; 0: 120 s
	DrainDelay        time.Duration // how long /readyz says 503 before the door closes, for load balancers to notice; 0: not at all
	DrainTimeout      time.Duration // what requests in progress then get; 0: 20 s

	// Observed is told of each request when it is over, on the request's goroutine: it must not wait.
	// nil: nobody is.
	Observed func(Observed)

	// Wrap goes around the whole server, for tracing. nil: nothing.
	Wrap func(http.Handler) http.Handler
}

// The life of a server goes one way.
const (
	phaseNew int32 = iota
	phaseServing
	phaseDraining
	phaseStopped
)

// Server is the web server of one process. Make it with New, fill it with Mount, run it with Serve.
type Server struct {
	engine     *gin.Engine
	handler    http.Handler
	routes     []Route
	cors       map[string][]string // methods by path
	gates      map[Class]*gate
	admission  *admission
	refusals   refusals
	origins    *http.CrossOriginProtection
	problems   *problem.Table
	auth       Authenticator
	limiter    Limiter
	log        *slog.Logger
	now        func() time.Time
	metrics    *metrics
	metricsFor readers
	observed   func(Observed)
	checks     []Check
	ready      singleflight.Group
	busy       tracker
	phase      atomic.Int32
	publicURL  string
	https      bool
	version    string
	draining   chan struct{} // closed when the drain begins: who only waits stops waiting

	maxBody                                       int64
	requestTimeout, streamIdle, readHeaderTimeout time.Duration
	idleTimeout, drainDelay, drainTimeout         time.Duration
	eventsBeat, eventsFor                         time.Duration
}

// New makes a server that answers /healthz, /readyz, /metrics, /problems and, if given, /openapi.json.
func New(cfg Config) (*Server, error) {
	s := &Server{
		draining: make(chan struct{}), cors: map[string][]string{}, gates: map[Class]*gate{}, origins: http.NewCrossOriginProtection(),
		problems: cfg.Problems, auth: cfg.Authenticator, limiter: cfg.Limiter,
		log: cfg.Logger, now: cfg.Now, checks: cfg.Checks, version: cfg.Version, observed: cfg.Observed,
		maxBody:           or(cfg.MaxBody, 1<<20),
		requestTimeout:    or(cfg.RequestTimeout, 30*time.Second),
		streamIdle:        or(cfg.StreamIdle, 60*time.Second),
		eventsBeat:        or(cfg.EventsBeat, 15*time.Second),
		eventsFor:         or(cfg.EventsFor, 30*time.Minute),
		readHeaderTimeout: or(cfg.ReadHeaderTimeout, 10*time.Second),
		idleTimeout:       or(cfg.IdleTimeout, 120*time.Second),
		drainDelay:        cfg.DrainDelay,
		drainTimeout:      or(cfg.DrainTimeout, 20*time.Second),
	}
	for _, d := range []time.Duration{s.requestTimeout, s.streamIdle, s.eventsBeat, s.eventsFor, s.readHeaderTimeout, s.idleTimeout, s.drainDelay, s.drainTimeout, time.Duration(s.maxBody)} {
		if d < 0 {
			return nil, errors.New("httpd: a time or size in the configuration is negative")
		}
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.setProblems(); err != nil {
		return nil, err
	}
	if err := s.setPublicURL(cfg.PublicURL); err != nil {
		return nil, err
	}
	if cfg.Places < 0 {
		return nil, errors.New("httpd: a negative number of places")
	}
	s.admission = newAdmission(runtime.GOMAXPROCS(0), or(cfg.Places, defaultPlaces), s.now, newSchedulingDelay().since)
	limits := defaultLimits()
	maps.Copy(limits, cfg.Classes)
	for class, l := range limits {
		g, err := newGate(class, l)
		if err != nil {
			return nil, fmt.Errorf("httpd: %w", err)
		}
		s.gates[class] = g
	}
	seen := map[string]bool{}
	for _, check := range s.checks {
		if check.Name == "" || check.Check == nil || seen[check.Name] {
			return nil, fmt.Errorf("httpd: readiness check %q: needs a name of its own and a function", check.Name)
		}
		seen[check.Name] = true
	}
	if err := s.buildEngine(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	var err error
	if s.metricsFor, err = newReaders(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("httpd: metrics: %w", err)
	}
	s.handler = s.engine
	if cfg.Wrap != nil {
		s.handler = cfg.Wrap(s.engine)
	}
	if s.metrics, err = newMetrics(); err != nil {
		return nil, fmt.Errorf("httpd: %w", err)
	}
	if err := s.admissionMetrics(); err != nil {
		return nil, fmt.Errorf("httpd: %w", err)
	}
	if err := s.Mount(s.opsRoutes(cfg.OpenAPI), nil); err != nil {
		return nil, fmt.Errorf("httpd: %w", err)
	}
	return s, nil
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// setProblems makes sure that this package can answer whatever it may have to.
func (s *Server) setProblems() error {
	if s.problems == nil {
		table, err := problem.Embedded()
		if err != nil {
			return fmt.Errorf("httpd: %w", err)
		}
		s.problems = table
	}
	for code, status := range ownCodes() {
		if e, ok := s.problems.Lookup(code); !ok || e.Status != status {
			return fmt.Errorf("httpd: problem table: %q must be there with status %d", code, status)
		}
	}
	return nil
}

func (s *Server) setPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("httpd: public URL %q is not scheme://host", text)
	}
	s.publicURL = u.Scheme + "://" + u.Host
	s.https = u.Scheme == "https"
	// Behind a proxy that changes Host, pages still come from here.
	if err := s.origins.AddTrustedOrigin(s.publicURL); err != nil {
		return fmt.Errorf("httpd: public URL: %w", err)
	}
	return nil
}

func (s *Server) buildEngine(proxies []string) error {
	if gin.Mode() != gin.ReleaseMode {
		gin.SetMode(gin.ReleaseMode) // gin knows only one mode per process; the others print to stdout
	}
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false // one address per thing; a redirected POST loses its body
	e.RedirectFixedPath = false
	e.UseRawPath = true // an escaped slash inside a parameter stays inside it
	e.ContextWithFallback = true
	if err := e.SetTrustedProxies(proxies); err != nil {
		return fmt.Errorf("httpd: trusted proxies: %w", err)
	}
	e.Use(s.observe)
	e.NoRoute(func(c *gin.Context) { s.fail(c, nil, &Problem{Code: CodeNotFound}) })
	e.NoMethod(func(c *gin.Context) { s.fail(c, nil, &Problem{Code: CodeMethodNotAllowed}) })
	s.engine = e
	return nil
}

// Handler is the whole server as a net/http handler, for tests and for embedding.
func (s *Server) Handler() http.Handler { return s.handler }
