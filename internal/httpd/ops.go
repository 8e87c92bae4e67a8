package httpd

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one thing that must work before this process should be sent requests.
type Check struct {
	Name  string
	Check func(context.Context) error
}

// checkPatience bounds one check: a probe that hangs is as good as one that fails.
const checkPatience = 2 * time.Second

func (s *Server) opsRoutes(openapi []byte) []Route {
	metrics := promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	routes := []Route{
		{Method: http.MethodGet, Path: "/healthz", Handler: s.healthz},
		{Method: http.MethodGet, Path: "/readyz", Handler: s.readyz},
		{Method: http.MethodGet, Path: "/metrics", Handler: HTTP(metrics)},
		{Method: http.MethodGet, Path: "/problems", Handler: s.listProblems},
		{Method: http.MethodGet, Path: "/problems/:code", Handler: s.showProblem},
	}
	if len(openapi) > 0 {
		document := Raw{ContentType: "application/json", Body: openapi, ETag: ETag(openapi), CacheControl: "public, max-age=300"}
		routes = append(routes, Route{Method: http.MethodGet, Path: "/openapi.json", Handler: func(*gin.Context) (any, error) {
			return document, nil
		}})
	}
	for i := range routes {
		routes[i].Class = ClassOps
		switch {
		case routes[i].Path != "/metrics" || s.metricsFor.public:
			routes[i].Public = true
		case s.metricsFor.operators:
			routes[i].Roles = []Role{RoleOperator, RoleAuditor}
		default:
			routes[i].Public, routes[i].Networks = true, s.metricsFor.networks
		}
	}
	return routes
}

// healthz says that the process lives and answers, nothing more: what it depends on is readyz's.
func (s *Server) healthz(*gin.Context) (any, error) {
	return struct {
		Status  string `json:"status"`
		Version string `json:"version,omitempty"`
	}{"ok", s.version}, nil
}

type checkResult struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}

type readiness struct {
	Status string        `json:"status"` // ready, not-ready, draining
	Checks []checkResult `json:"checks"`
}

// readyz says whether requests should be sent here. Why a check failed goes to the log: the answer is
// public and an error may name hosts and users.
func (s *Server) readyz(c *gin.Context) (any, error) {
	// One round of checks serves all who ask at the same time, so that asking costs the stores nothing.
	v, err, _ := s.ready.Do("", func() (any, error) { return s.runChecks(context.WithoutCancel(c.Request.Context())), nil })
	if err != nil {
		return nil, err
	}
	answer := readiness{Status: "ready", Checks: v.([]checkResult)}
	for _, r := range answer.Checks {
		if !r.OK {
			answer.Status = "not-ready"
		}
	}
	if s.phase.Load() >= phaseDraining {
		answer.Status = "draining"
	}
	if answer.Status == "ready" {
		return answer, nil
	}
	body, err := encodeJSON(answer)
	if err != nil {
		return nil, err
	}
	return Raw{Status: http.StatusServiceUnavailable, ContentType: "application/json", Body: body}, nil
}

func (s *Server) runChecks(ctx context.Context) []checkResult {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	type outcome struct {
		i   int
		err error
	}
	outcomes := make(chan outcome, len(s.checks))
	for i, check := range s.checks {
		go func() {
			defer func() {
				if p := recover(); p != nil { // outside the request's own guard
					outcomes <- outcome{i, fmt.Errorf("panic: %v", p)}
				}
			}()
			outcomes <- outcome{i, check.Check(ctx)}
		}()
	}
	results := make([]checkResult, len(s.checks))
	for i, check := range s.checks {
		results[i].Name = check.Name
	}
	for range s.checks {
		select {
		case o := <-outcomes:
			results[o.i].OK = o.err == nil
			if o.err != nil {
				s.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String("check", s.checks[o.i].Name), slog.Any("error", o.err))
			}
		case <-ctx.Done(): // a check that does not listen to its context is not waited for
			s.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.Any("error", ctx.Err()))
			return results
		}
	}
	return results
}

// listProblems and showProblem make every problem's type URL lead to its explanation (RFC 9457 §3.1.1).
func (s *Server) listProblems(*gin.Context) (any, error) { return s.problems.Entries(), nil }

func (s *Server) showProblem(c *gin.Context) (any, error) {
	entry, ok := s.problems.Lookup(c.Param("code"))
	if !ok {
		return nil, &Problem{Code: CodeNotFound}
	}
	return entry, nil
}
