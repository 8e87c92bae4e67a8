package main

import (
	"net/http"
	"time"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
)

// demoDesk gives the pages of staff what real workstations have by installation: who they are and
// an entry in the registry. It is never mounted by
// `showcard serve`, which has no way to reach it.
type demoDesk struct {
	callers  *demoCallers
	registry *registry.Registry
	now      func() time.Time
}

func (d *demoDesk) routes() []httpd.Route {
	return []httpd.Route{
		{Method: http.MethodGet, Path: "/demo/staff", Public: true, Class: httpd.ClassPage, Handler: d.listStaff},
		// Each makes a revision of the registry, which is signed.
		{Method: http.MethodPost, Path: "/demo/enrol", Public: true, Class: httpd.ClassWrite, MaxBody: 16 << 10, Handler: d.enrol},
	}
}
