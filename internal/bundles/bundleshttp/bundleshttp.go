// Package bundleshttp gives offline checkers their bundles: POST /v1/offline/bundle (docs/formats.md
// §12). Package verifier has the client.
package bundleshttp

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/internal/bundles"
	"github.com/showcard/showcard/internal/httpd"
)

// Scope is what a token must carry: that of checking.
const Scope = "verify"

// maxBody is a number for each of 4,096 lists, and room.
const maxBody = 1 << 19

// maxExact is the largest number that JSON readers keep exactly.
const maxExact = 1<<53 - 1

// API serves bundles.
type API struct{ maker *bundles.Maker }

// New makes the API.
func New(m *bundles.Maker) (*API, error) {
	if m == nil {
		return nil, errors.New("bundleshttp: incomplete configuration")
	}
	return &API{m}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	return []httpd.Route{{Method: http.MethodPost, Path: "/v1/offline/bundle", Roles: []httpd.Role{httpd.RoleRelyingParty}, Scope: Scope,
		Class: httpd.ClassRead, MaxBody: maxBody, Handler: a.bundle}}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{{Err: bundle.ErrTooLarge, Code: "bundle-too-large"}}
}

type request struct {
	Roots    int64            `json:"roots"`
	List     int64            `json:"list"`
	Serials  int64            `json:"serials"`
	Statuses string           `json:"statuses"`
	Lists    map[string]int64 `json:"lists"`
}

func (a *API) bundle(c *gin.Context) (any, error) {
	body := request{Statuses: string(bundles.All)}
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	r := bundles.Request{Roots: body.Roots, List: body.List, Serials: uint64(body.Serials), Statuses: bundles.Statuses(body.Statuses)}
	switch r.Statuses {
	case bundles.All, bundles.Named, bundles.None:
	default:
		return nil, httpd.Invalid("/statuses", "all, named or none")
	}
	for pointer, n := range map[string]int64{"/roots": body.Roots, "/list": body.List, "/serials": body.Serials} {
		if n < 0 || n > maxExact {
			return nil, httpd.Invalid(pointer, "a number from 0 to 2^53 - 1")
		}
	}
	if len(body.Lists) > bundle.MaxLists {
		return nil, httpd.Invalid("/lists", "at most 4096 lists")
	}
	if len(body.Lists) > 0 {
		r.Lists = make(map[string]uint64, len(body.Lists))
	}
	for name, n := range body.Lists {
		if n < 0 || n > maxExact {
			return nil, httpd.Invalid("/lists", "numbers from 0 to 2^53 - 1")
		}
		r.Lists[name] = uint64(n)
	}
	data, err := a.maker.Make(c, r)
	if errors.Is(err, bundles.ErrNames) {
		return nil, httpd.Invalid("/lists", "names of this deployment's status lists")
	}
	if err != nil {
		return nil, err
	}
	return httpd.Raw{ContentType: bundle.Type, Body: data, CacheControl: "no-store"}, nil
}
