package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
)

// demoDesk gives the page of a counter what a real counter has by installation: which checker it
// is, and tokens. It is never mounted by `showcard serve`, which has no way to reach it.
type demoDesk struct {
	access  *access.Service
	callers *demoCallers
}

func (d *demoDesk) routes() []httpd.Route {
	route := func(method, path string, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Public: true, Class: httpd.ClassPage, Handler: h}
	}
	return []httpd.Route{
		route(http.MethodGet, "/demo/checkers", d.listCheckers),
		route(http.MethodPost, "/demo/checker-token", d.checkerToken),
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
