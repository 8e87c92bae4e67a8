// Package registryhttp publishes the trust list to everyone and lets operators change the
// registry.
package registryhttp

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
)

// Scope is what an operator's token must carry to change the registry.
const Scope = "registry"

// API serves the registry.
type API struct{ registry *registry.Registry }

// New makes the API.
func New(r *registry.Registry) (*API, error) {
	if r == nil {
		return nil, errors.New("registryhttp: incomplete configuration")
	}
	return &API{registry: r}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	operators := []httpd.Role{httpd.RoleOperator}
	readers := []httpd.Role{httpd.RoleOperator, httpd.RoleAuditor}
	return []httpd.Route{
		{Method: http.MethodGet, Path: "/v1/trust-list", Public: true, CORS: true, Class: httpd.ClassRead, Handler: a.list},
		{Method: http.MethodGet, Path: "/v1/trust-list/roots", Public: true, CORS: true, Class: httpd.ClassRead, Handler: a.roots},
		{Method: http.MethodGet, Path: "/v1/registry/authorities", Roles: readers, Scope: Scope, Class: httpd.ClassRead, Handler: a.authorities},
		{Method: http.MethodPut, Path: "/v1/registry/authorities/:id", Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: a.putAuthority},
		{Method: http.MethodGet, Path: "/v1/registry/parties", Roles: readers, Scope: Scope, Class: httpd.ClassRead, Handler: a.parties},
		{Method: http.MethodPut, Path: "/v1/registry/parties/:id", Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: a.putParty},
		{Method: http.MethodGet, Path: "/v1/registry/clients", Roles: readers, Scope: Scope, Class: httpd.ClassRead, Handler: a.clients},
		{Method: http.MethodPut, Path: "/v1/registry/clients/:id", Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: a.putClient},
		{Method: http.MethodGet, Path: "/v1/registry/providers", Roles: readers, Scope: Scope, Class: httpd.ClassRead, Handler: a.providers},
		{Method: http.MethodPut, Path: "/v1/registry/providers/:id", Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: a.putProvider},
		{Method: http.MethodGet, Path: "/v1/registry/domains", Roles: readers, Scope: Scope, Class: httpd.ClassRead, Handler: a.domains},
		{Method: http.MethodPut, Path: "/v1/registry/domains/:id", Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: a.putDomain},
		{Method: http.MethodGet, Path: "/v1/registry/types", Roles: readers, Scope: Scope, Class: httpd.ClassRead, Handler: a.types},
		{Method: http.MethodPut, Path: "/v1/registry/types/:id", Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: a.putType},
		{Method: http.MethodPost, Path: "/v1/registry/freezes", Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: a.freeze},
	}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: registry.ErrUnknown, Code: "registry-entry-unknown"},
		{Err: registry.ErrInvalid, Code: "registry-entry-invalid"},
		{Err: registry.ErrConflict, Code: "registry-conflict"},
	}
}

// list serves the signed list. The version is the ETag, so that a verifier asking every
// second costs a few bytes.
func (a *API) list(*gin.Context) (any, error) {
	text, version := a.registry.TrustList()
	if text == "" {
		return nil, registry.ErrUnknown
	}
	return httpd.Raw{ContentType: "application/jose", Body: []byte(text), ETag: strconv.FormatInt(version, 10), CacheControl: "public, max-age=1"}, nil
}

func (a *API) roots(*gin.Context) (any, error) {
	body := a.registry.Roots()
	return httpd.Raw{ContentType: "application/json", Body: body, ETag: httpd.ETag(body), CacheControl: "public, max-age=60"}, nil
}

func (a *API) authorities(*gin.Context) (any, error) {
	return struct {
		Authorities []registry.Authority `json:"authorities"`
	}{a.registry.Authorities()}, nil
}

func (a *API) parties(*gin.Context) (any, error) {
	return struct {
		Parties []registry.Party `json:"parties"`
	}{a.registry.Parties()}, nil
}

func (a *API) clients(*gin.Context) (any, error) {
	return struct {
		Clients []registry.Client `json:"clients"`
	}{a.registry.Clients()}, nil
}

func (a *API) providers(*gin.Context) (any, error) {
	return struct {
		Providers []registry.Provider `json:"providers"`
	}{a.registry.Providers()}, nil
}

func (a *API) domains(*gin.Context) (any, error) {
	return struct {
		Domains []registry.Domain `json:"domains"`
	}{a.registry.Domains()}, nil
}

func (a *API) types(*gin.Context) (any, error) {
	return struct {
		Types []registry.TypeState `json:"types"`
	}{a.registry.Types()}, nil
}

// put reads an entry whose id must be the path's, and stores it. stored returns the entry as it
// goes in: what was frozen or suspended stays so, for to thaw it takes a freeze that says so.
func put[T any](a *API, c *gin.Context, id func(T) string, what string, stored func(*registry.Draft, T) T) (any, error) {
	var v T
	if err := httpd.Decode(c, &v); err != nil {
		return nil, err
	}
	if id(v) != c.Param("id") {
		return nil, &httpd.Problem{Code: httpd.CodeFieldInvalid, Errors: []httpd.FieldError{{Pointer: "", Code: httpd.CodeFieldInvalid, Detail: "the id in the body is not the id in the path"}}}
	}
	who, _ := httpd.CallerFrom(c)
	out := v
	err := a.registry.Update(c, who.ID, "put "+what+" "+id(v), func(d *registry.Draft) error {
		out = stored(d, v)
		return nil
	})
	if err != nil {
		return nil, explain(err)
	}
	return out, nil
}

// explain lets an operator see what was wrong with an entry: she wrote it.
func explain(err error) error {
	if errors.Is(err, registry.ErrInvalid) {
		return &httpd.Problem{Code: "registry-entry-invalid", Detail: err.Error()}
	}
	return err
}

func (a *API) putAuthority(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Authority) string { return v.ID }, "authority", func(d *registry.Draft, v registry.Authority) registry.Authority {
		old, _ := d.Authority(v.ID) // one that is new was never stopped
		v.Frozen = v.Frozen || old.Frozen
		d.PutAuthority(v)
		return v
	})
}

func (a *API) putParty(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Party) string { return v.ID }, "relying party", func(d *registry.Draft, v registry.Party) registry.Party {
		old, _ := d.Party(v.ID) // one that is new was never stopped
		v.Suspended = v.Suspended || old.Suspended
		d.PutParty(v)
		return v
	})
}

func (a *API) putClient(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Client) string { return v.ID }, "client", func(d *registry.Draft, v registry.Client) registry.Client {
		old, _ := d.Client(v.ID) // one that is new was never stopped
		v.Suspended = v.Suspended || old.Suspended
		d.PutClient(v)
		return v
	})
}

func (a *API) putProvider(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Provider) string { return v.ID }, "wallet provider", func(d *registry.Draft, v registry.Provider) registry.Provider {
		old, _ := d.Provider(v.ID) // one that is new was never stopped
		v.Frozen = v.Frozen || old.Frozen
		d.PutProvider(v)
		return v
	})
}

func (a *API) putDomain(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Domain) string { return v.Code }, "domain", func(d *registry.Draft, v registry.Domain) registry.Domain {
		d.PutDomain(v)
		return v
	})
}

func (a *API) putType(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.TypeState) string { return v.ID }, "type", func(d *registry.Draft, v registry.TypeState) registry.TypeState {
		old, _ := d.Type(v.ID)
		v.Frozen = v.Frozen || old.Frozen
		d.PutType(v)
		return v
	})
}

// maxReason bounds what the history keeps of an operator's words.
const maxReason = 1000

// freezeRequest is the body of POST /v1/registry/freezes. Nothing in it has a default: a
// forgotten "frozen" must not thaw anything.
type freezeRequest struct {
	Kind   string `json:"kind" required:"true"`
	ID     string `json:"id" required:"true"`
	Key    string `json:"key,omitempty"`
	Frozen bool   `json:"frozen" required:"true"`
	Reason string `json:"reason" required:"true"`
}

func (a *API) freeze(c *gin.Context) (any, error) {
	var body freezeRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	switch {
	case body.Reason == "":
		return nil, &httpd.Problem{Code: httpd.CodeFieldMissing, Errors: []httpd.FieldError{{Pointer: "/reason", Code: httpd.CodeFieldMissing}}}
	case len(body.Reason) > maxReason:
		return nil, &httpd.Problem{Code: httpd.CodeFieldInvalid, Errors: []httpd.FieldError{{Pointer: "/reason", Code: httpd.CodeFieldInvalid, Detail: "at most 1000 bytes"}}}
	}
	who, _ := httpd.CallerFrom(c)
	err := a.registry.Freeze(c, who.ID, body.Reason, registry.Freeze{Kind: body.Kind, ID: body.ID, Key: body.Key, Frozen: body.Frozen})
	if err != nil {
		return nil, explain(err)
	}
	_, version := a.registry.TrustList()
	return struct {
		TrustListVersion int64 `json:"trust_list_version"`
	}{version}, nil
}
