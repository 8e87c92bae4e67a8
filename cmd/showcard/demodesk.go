package main

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
)

// demoDesk gives the pages of staff what real workstations have by installation: who they are, an
// entry in the registry, and (for the page of a counter) tokens. It is never mounted by
// `showcard serve`, which has no way to reach it.
type demoDesk struct {
	access   *access.Service
	callers  *demoCallers
	registry *registry.Registry
	now      func() time.Time
}

func (d *demoDesk) routes() []httpd.Route {
	route := func(method, path string, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Public: true, Class: httpd.ClassPage, Handler: h}
	}
	return []httpd.Route{
		route(http.MethodGet, "/demo/checkers", d.listCheckers),
		route(http.MethodPost, "/demo/checker-token", d.checkerToken),
		route(http.MethodGet, "/demo/staff", d.listStaff),
		// Each makes a revision of the registry, which is signed.
		{Method: http.MethodPost, Path: "/demo/enrol", Public: true, Class: httpd.ClassWrite, MaxBody: 16 << 10, Handler: d.enrol},
	}
}

func (d *demoDesk) listCheckers(*gin.Context) (any, error) {
	return struct {
		Checkers []demoChecker `json:"checkers"`
	}{d.callers.checkers}, nil
}

type checkerRequest struct {
	ClientID string `json:"client_id"`
}

type checkerGranted struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
}

// checkerToken gets a token for one of the demo's checkers by the real exchange: an assertion
// signed with the checker's key.
func (d *demoDesk) checkerToken(c *gin.Context) (any, error) {
	var body checkerRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	granted, err := d.callers.grant(c, d.access, body.ClientID)
	if err != nil {
		return nil, err
	}
	return checkerGranted{AccessToken: granted.AccessToken, ExpiresIn: granted.ExpiresIn}, nil
}
