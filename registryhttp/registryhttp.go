// Package registryhttp publishes the trust list to everyone and lets operators change the
// registry.
package registryhttp

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
)

// Scope is what an operator's token must carry to change the registry.
const Scope = "registry"

// Usage counts a party's checks. It is what this room asks of the verification records.
type Usage interface {
	PartyUsage(ctx context.Context, party string, since time.Time) ([]registry.UsageRow, error)
}

// API serves the registry.
type API struct {
	registry *registry.Registry
	usage    Usage
}

// New makes the API.
func New(r *registry.Registry, usage Usage) (*API, error) {
	if r == nil || usage == nil {
		return nil, errors.New("registryhttp: incomplete configuration")
	}
	return &API{registry: r, usage: usage}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	operators := []httpd.Role{httpd.RoleOperator}
	readers := []httpd.Role{httpd.RoleOperator, httpd.RoleAuditor}
	machines := []httpd.Role{httpd.RoleDepartment, httpd.RoleRelyingParty, httpd.RoleOperator, httpd.RoleAuditor}
	routes := []httpd.Route{
		{Method: http.MethodGet, Path: "/v1/trust-list", Public: true, CORS: true, Class: httpd.ClassRead, Handler: a.list},
		{Method: http.MethodGet, Path: "/v1/trust-list/roots", Public: true, CORS: true, Class: httpd.ClassRead, Handler: a.roots},
		{Method: http.MethodGet, Path: "/v1/clients/self", Roles: machines, Class: httpd.ClassRead, Handler: a.self},
		{Method: http.MethodGet, Path: "/v1/clients/self/usage", Roles: []httpd.Role{httpd.RoleRelyingParty}, Class: httpd.ClassRead, Handler: a.ownUsage},
		{Method: http.MethodPost, Path: "/v1/clients/self/keys", Roles: machines, Class: httpd.ClassWrite, Handler: a.addKey},
		{Method: http.MethodDelete, Path: "/v1/clients/self/keys/:kid", Roles: machines, Class: httpd.ClassWrite, Handler: a.dropOwnKey},
	}
	for path, read := range map[string]httpd.Handler{
		"/authorities": a.authorities, "/parties": a.parties, "/clients": a.clients, "/providers": a.providers, "/domains": a.domains,
		"/types": a.types, "/parties/:id/usage": a.partyUsage, "/proposals": a.proposals, "/freezes": a.freezes, "/history": a.history,
	} {
		routes = append(routes, httpd.Route{Method: http.MethodGet, Path: "/v1/registry" + path, Roles: readers, Scope: Scope, Class: httpd.ClassRead, Handler: read})
	}
	for path, put := range map[string]httpd.Handler{
		"/authorities/:id": a.putAuthority, "/parties/:id": a.putParty, "/clients/:id": a.putClient, "/providers/:id": a.putProvider,
		"/domains/:id": a.putDomain, "/types/:id": a.putType, "/roots": a.putRoots,
	} {
		routes = append(routes, httpd.Route{Method: http.MethodPut, Path: "/v1/registry" + path, Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: put})
	}
	posts := map[string]httpd.Handler{
		"/freezes": a.freeze, "/clients/:id/drop-key": a.dropKey,
		"/freezes/:id/approve": a.decide(true), "/freezes/:id/reject": a.decide(false),
		"/proposals/:id/approve": a.decide(true), "/proposals/:id/reject": a.decide(false),
	}
	posts["/parties/:id/approve"] = a.approveParty
	for _, step := range []string{"reject", "release", "suspend", "resume", "retire"} {
		posts["/parties/:id/"+step] = a.moveParty(step)
	}
	for path, post := range posts {
		routes = append(routes, httpd.Route{Method: http.MethodPost, Path: "/v1/registry" + path, Roles: operators, Scope: Scope, Class: httpd.ClassWrite, Handler: post})
	}
	return routes
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: registry.ErrOwnProposal, Code: "proposal-own"},
		{Err: registry.ErrProposalUnknown, Code: "proposal-unknown"},
		{Err: registry.ErrProposalDecided, Code: "proposal-decided"},
		{Err: registry.ErrProposalLapsed, Code: "proposal-lapsed"},
		{Err: registry.ErrProposalOutdated, Code: "proposal-outdated"},
		{Err: registry.ErrProposalLimit, Code: "proposal-limit"},
		{Err: registry.ErrUrgentAgain, Code: "freeze-urgent-again"},
		{Err: registry.ErrSecondOperator, Code: "second-operator-needed"},
		{Err: registry.ErrPartyState, Code: "party-state-wrong"},
		{Err: registry.ErrPartyRetired, Code: "party-retired"},
		{Err: registry.ErrPartyIncomplete, Code: "party-incomplete"},
		{Err: registry.ErrKeyProof, Code: "key-proof-invalid"},
		{Err: registry.ErrKeyLast, Code: "client-key-last"},
		{Err: registry.ErrKeyLimit, Code: "client-key-limit"},
		{Err: registry.ErrKeyUnknown, Code: "client-key-unknown"},
		{Err: registry.ErrKeyTaken, Code: "client-key-taken"},
		{Err: registry.ErrRootsSigner, Code: "roots-list-key-missing"},
		{Err: trustlist.ErrThreshold, Code: "roots-too-few-signatures"},
		{Err: trustlist.ErrRolledBack, Code: "roots-rolled-back"},
		{Err: trustlist.ErrGap, Code: "roots-gap"},
		{Err: trustlist.ErrSignature, Code: "roots-invalid"},
		{Err: trustlist.ErrMalformed, Code: "roots-invalid"},
		{Err: trustlist.ErrFuture, Code: "roots-invalid"},
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

// roots serves the newest root set, or one of the chain, so that whoever pinned an old one can walk.
func (a *API) roots(c *gin.Context) (any, error) {
	body := a.registry.Roots()
	if text, asked := c.GetQuery("version"); asked {
		version, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, registry.ErrUnknown
		}
		if body, err = a.registry.RootsVersion(version); err != nil {
			return nil, err
		}
	}
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
