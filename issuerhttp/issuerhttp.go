// Package issuerhttp is the HTTP face of the issuer. It has two halves.
//
// Departments issue, one row at a time (POST /v1/certificates) or a file at a time (PUT
// /v1/pushes/{job}), look at what they issued, change its state, replace it and keep its live
// data. A caller acts only for the authorities that her token names; the certificates of others
// do not exist for her.
//
// Everybody reads what is signed for everybody: status lists, the keys of the authorities, the
// descriptions of the certificate types. These are public documents with an ETag.
//
// Asking twice is safe everywhere. A POST that creates carries an Idempotency-Key, whose answer
// is kept for a day; beneath it the row's own key makes sure, for good, that one row is one
// certificate. A change of state that was already made is answered as made.
package issuerhttp

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

// Scopes of a department's token.
const (
	Scope       = "issue"  // everything here
	ScopeImport = "import" // moreover: mode=import, which lets known oddities of old records pass
)

// Config says what the API stands on.
type Config struct {
	Issuer      *issuer.Issuer
	Idempotency issuer.Requests
	Now         func() time.Time // nil: time.Now
}

// API serves the issuer.
type API struct {
	issuer *issuer.Issuer
	idem   issuer.Requests
	now    func() time.Time
}

// New makes the API.
func New(cfg Config) (*API, error) {
	if cfg.Issuer == nil || cfg.Idempotency == nil {
		return nil, errors.New("issuerhttp: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &API{issuer: cfg.Issuer, idem: cfg.Idempotency, now: cfg.Now}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	department := func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Roles: []httpd.Role{httpd.RoleDepartment}, Scope: Scope, Class: class, MaxBody: schemas.MaxRow, Handler: h}
	}
	public := func(path string, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: http.MethodGet, Path: path, Public: true, CORS: true, Class: httpd.ClassRead, Handler: h}
	}
	push := department(http.MethodPut, "/v1/pushes/:job", httpd.ClassBulk, a.push)
	push.MaxBody, push.Streaming = httpd.NoBodyLimit, true
	results := department(http.MethodGet, "/v1/pushes/:job/results", httpd.ClassResults, a.results)
	results.Streaming = true
	const one = "/v1/certificates/:identifier"
	return []httpd.Route{
		department(http.MethodPost, "/v1/certificates", httpd.ClassWrite, a.issue),
		department(http.MethodPost, "/v1/certificates/search", httpd.ClassRead, a.search),
		department(http.MethodGet, one, httpd.ClassRead, a.certificate),
		department(http.MethodPost, one+"/suspend", httpd.ClassWrite, a.suspend),
		department(http.MethodPost, one+"/reinstate", httpd.ClassWrite, a.reinstate),
		department(http.MethodPost, one+"/revoke", httpd.ClassWrite, a.revoke),
		department(http.MethodPost, one+"/replace", httpd.ClassWrite, a.replace),
		department(http.MethodDelete, one+"/content", httpd.ClassWrite, a.eraseContent),
		department(http.MethodPut, one+"/live", httpd.ClassWrite, a.live),
		push,
		department(http.MethodGet, "/v1/pushes", httpd.ClassRead, a.pushes),
		department(http.MethodGet, "/v1/pushes/:job", httpd.ClassRead, a.job),
		results,
		public("/status/:list", a.statusList),
		public("/.well-known/jwt-vc-issuer/issuers/:id", a.metadata),
		public("/types/:id/:version", a.typeMetadata),
	}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: schemas.ErrIdentifierChecksum, Code: schemas.CodeIdentifierChecksum},
		{Err: schemas.ErrIdentifierFormat, Code: schemas.CodeIdentifierFormat},
		{Err: issuer.ErrUnknown, Code: issuer.CodeUnknown},
		{Err: issuer.ErrContentKept, Code: "certificate-content-kept"},
		{Err: issuer.ErrContentErased, Code: issuer.CodeContentErased},
		{Err: issuer.ErrRowReused, Code: issuer.CodeRowKeyReused},
		{Err: issuer.ErrReplaced, Code: issuer.CodeReplacedAlready},
		{Err: issuer.ErrTransition, Code: issuer.CodeStateRefused},
		{Err: issuer.ErrRequestReused, Code: "idempotency-key-reused"},
		{Err: issuer.ErrJobConflict, Code: "push-job-conflict"},
		{Err: issuer.ErrFull, Code: "storage-full"},
		{Err: issuer.ErrJobResume, Code: "push-resume-refused"},
		{Err: issuer.ErrJobUnknown, Code: "push-job-unknown"},
		{Err: issuer.ErrJobID, Code: "push-job-id-invalid"},
		{Err: issuer.ErrIssuerFrozen, Code: "issuer-frozen"},
		{Err: issuer.ErrNoSigner, Code: "issuer-no-key"},
		{Err: issuer.ErrIssuerUnknown, Code: "issuer-unknown"},
		{Err: issuer.ErrTypeFrozen, Code: issuer.CodeTypeFrozen},
		{Err: issuer.ErrRegionFrozen, Code: issuer.CodeRegionFrozen},
		{Err: issuer.ErrAllFrozen, Code: issuer.CodeAllFrozen},
		{Err: issuer.ErrListUnknown, Code: httpd.CodeNotFound},
		{Err: schemas.ErrTypeUnpublished, Code: schemas.CodeTypeUnpublished},
		{Err: schemas.ErrTypeUnknown, Code: schemas.CodeTypeUnknown},
		{Err: issuer.ErrInterrupted, Code: "push-incomplete"},
	}
}

// explain turns what is wrong with a row into a problem with a place for each fault. The first
// fault gives the problem its code.
func explain(err error) error {
	var refused *issuer.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	out := &httpd.Problem{Cause: err}
	for _, p := range refused.Problems {
		if p.Warning {
			continue
		}
		if out.Code == "" {
			out.Code = p.Code
		}
		out.Errors = append(out.Errors, httpd.FieldError{Pointer: p.Pointer, Code: p.Code, Detail: p.Detail})
	}
	return out
}

// authority decides for which authority a caller acts: the one that is named, or her only one.
func authority(c *gin.Context, named, pointer string) (string, error) {
	caller, _ := httpd.CallerFrom(c)
	switch {
	case named != "" && slices.Contains(caller.Issuers, named):
		return named, nil
	case named == "" && len(caller.Issuers) == 1:
		return caller.Issuers[0], nil
	case named == "" && len(caller.Issuers) > 1:
		return "", &httpd.Problem{Code: httpd.CodeFieldMissing, Errors: []httpd.FieldError{{Pointer: pointer, Code: httpd.CodeFieldMissing,
			Detail: "you act for several authorities: name one"}}}
	}
	return "", &httpd.Problem{Code: issuer.CodeIssuerNotYours}
}

// mode reads the query parameter mode: strict, or import for those who may.
func mode(c *gin.Context) (schemas.Mode, error) {
	switch c.Query("mode") {
	case "", schemas.Strict.String():
		return schemas.Strict, nil
	case schemas.Import.String():
		if caller, _ := httpd.CallerFrom(c); !caller.Has(ScopeImport) {
			return 0, &httpd.Problem{Code: httpd.CodeForbiddenScope, Detail: "mode=import needs scope " + ScopeImport}
		}
		return schemas.Import, nil
	}
	return 0, &httpd.Problem{Code: "parameter-invalid", Detail: "mode is strict or import"}
}

// identifier reads the identifier in the path. A mistyped one is told as such, not as unknown.
func identifier(c *gin.Context) (string, error) {
	id, err := schemas.ParseIdentifier(c.Param("identifier"))
	if err != nil {
		return "", err
	}
	return id.String(), nil
}

// own returns the certificate in the path if it is of one of the caller's authorities.
func (a *API) own(c *gin.Context) (issuer.Certificate, error) {
	id, err := identifier(c)
	if err != nil {
		return issuer.Certificate{}, err
	}
	caller, _ := httpd.CallerFrom(c)
	return a.issuer.Certificate(c, id, caller.Issuers...)
}
