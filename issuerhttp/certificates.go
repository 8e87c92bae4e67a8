package issuerhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

// issuedWire answers a row that became a certificate, now or earlier.
type issuedWire struct {
	Identifier string            `json:"identifier"`
	Key        string            `json:"key"`
	Credential string            `json:"credential"`
	Replaces   string            `json:"replaces,omitempty"`
	Existing   bool              `json:"existing,omitempty"` // the row's key stood for it already
	Warnings   []schemas.Problem `json:"warnings,omitempty"`
}

type statusWire struct {
	URI   string `json:"uri"`
	Index uint64 `json:"idx"`
}

// certificateWire is a certificate as its department sees it. What it says is in the credential.
type certificateWire struct {
	Identifier  string         `json:"identifier"`
	Key         string         `json:"key"`
	Issuer      string         `json:"issuer"`
	Type        string         `json:"type"`
	TypeVersion int            `json:"type_version"`
	State       issuer.State   `json:"state"`
	StateAt     time.Time      `json:"state_at"`
	Reason      string         `json:"reason,omitempty"`
	ReplacedBy  string         `json:"replaced_by,omitempty"`
	IssuedOn    string         `json:"issued_on"`
	ValidFrom   string         `json:"valid_from"`
	ValidUntil  string         `json:"valid_until"`
	CreatedAt   time.Time      `json:"created_at"`
	Status      statusWire     `json:"status"`
	Live        map[string]any `json:"live,omitempty"`
	LiveAt      *time.Time     `json:"live_as_of,omitempty"`
	Credential  string         `json:"credential"`
}

// stateWire answers a change of state.
type stateWire struct {
	Identifier string       `json:"identifier"`
	State      issuer.State `json:"state"`
	StateAt    time.Time    `json:"state_at"`
	Reason     string       `json:"reason,omitempty"`
	// Published: verifiers of this deployment see it already. Otherwise they will within a
	// second of their cache coming back.
	Published bool `json:"published"`
}

func certificatePath(identifier string) string { return "/v1/certificates/" + identifier }

// issue makes one certificate of one row.
func (a *API) issue(c *gin.Context) (any, error) {
	return a.create(c, func(o issuer.Order, row schemas.Row) (issuedWire, error) {
		var err error
		if o.Authority, err = authority(c, row.Issuer, "/issuer"); err != nil {
			return issuedWire{}, err
		}
		answer, err := a.issuer.Issue(c, o, row)
		return wire(answer, ""), err
	})
}

// replace makes the next version of a certificate.
func (a *API) replace(c *gin.Context) (any, error) {
	return a.create(c, func(o issuer.Order, row schemas.Row) (issuedWire, error) {
		old, err := a.own(c)
		if err != nil {
			return issuedWire{}, err
		}
		o.Authority = old.Authority
		answer, err := a.issuer.Replace(c, o, old.Identifier, row)
		return wire(answer, old.Identifier), err
	})
}

func wire(i issuer.Issued, replaces string) issuedWire {
	return issuedWire{Identifier: i.Identifier, Key: i.Key, Credential: i.Credential, Replaces: replaces, Existing: i.Existing, Warnings: i.Warnings}
}

// create runs a request that makes a certificate under its Idempotency-Key. Only successes are
// kept: a row that was refused may be pushed again once the reason is gone, a freeze, say.
func (a *API) create(c *gin.Context, do func(issuer.Order, schemas.Row) (issuedWire, error)) (any, error) {
	key, err := httpd.IdempotencyKey(c)
	if err != nil {
		return nil, err
	}
	m, err := mode(c)
	if err != nil {
		return nil, err
	}
	body, err := httpd.Body(c, "application/json")
	if err != nil {
		return nil, err
	}
	row, problems := schemas.DecodeRow(body)
	if schemas.Refused(problems) {
		return nil, explain(&issuer.RefusedError{Problems: problems})
	}
	digest, err := httpd.RequestDigest(c)
	if err != nil {
		return nil, err
	}
	caller, _ := httpd.CallerFrom(c)
	status, kept, err := a.idem.BeginRequest(c, caller.ID, key, digest, a.now())
	if err != nil {
		return nil, err
	}
	if status != 0 {
		var before issuedWire
		if err := json.Unmarshal(kept, &before); err != nil {
			return nil, fmt.Errorf("kept answer: %w", err)
		}
		return created(status, before), nil
	}
	answer, err := do(issuer.Order{By: caller.ID, Mode: m}, row)
	if err != nil {
		return nil, explain(err)
	}
	status = http.StatusCreated
	if answer.Existing {
		status = http.StatusOK
	}
	if kept, err = json.Marshal(answer); err != nil {
		return nil, err
	}
	// The certificate is durable. Losing only the note of the answer must not make it a failure:
	// a repetition would find the row's key taken and be answered with the same certificate.
	if err := a.idem.EndRequest(context.WithoutCancel(c.Request.Context()), caller.ID, key, status, kept); err != nil {
		_ = c.Error(err)
	}
	return created(status, answer), nil
}

func created(status int, answer issuedWire) any {
	if status == http.StatusCreated {
		return httpd.Created{Location: certificatePath(answer.Identifier), Body: answer}
	}
	return answer
}

// certificate shows a department what it issued.
func (a *API) certificate(c *gin.Context) (any, error) {
	cert, err := a.own(c)
	if err != nil {
		return nil, err
	}
	out := certificateWire{
		Identifier: cert.Identifier, Key: cert.Row.Key, Issuer: cert.Authority, Type: cert.Row.Type, TypeVersion: cert.TypeVer,
		State: cert.State, StateAt: cert.StateAt.UTC(), Reason: cert.Reason, ReplacedBy: cert.ReplacedBy,
		IssuedOn: cert.Row.IssuedOn, ValidFrom: cert.Row.ValidFrom, ValidUntil: cert.Row.ValidUntil, CreatedAt: cert.CreatedAt.UTC(),
		Status: statusWire{URI: a.issuer.StatusPrefix() + cert.Slot.List, Index: cert.Slot.Index},
		Live:   cert.Live, Credential: cert.Credential,
	}
	if out.ValidUntil == "" {
		out.ValidUntil = schemas.LongTerm
	}
	if cert.Live != nil {
		at := cert.LiveAt.UTC()
		out.LiveAt = &at
	}
	return out, nil
}

// reasonWire asks for a change of state.
type reasonWire struct {
	Reason string `json:"reason"`
}

// revokeWire ends a certificate.
type revokeWire struct {
	Kind   issuer.State `json:"kind" required:"true"`
	Reason string       `json:"reason"`
}

func (a *API) suspend(c *gin.Context) (any, error) { return a.changeState(c, a.issuer.Suspend) }

func (a *API) reinstate(c *gin.Context) (any, error) { return a.changeState(c, a.issuer.Reinstate) }

// changeState reads a reason, if there is a body, and makes the change.
func (a *API) changeState(c *gin.Context, do func(context.Context, issuer.StateChange) (issuer.Changed, error)) (any, error) {
	var in reasonWire
	if c.Request.ContentLength != 0 {
		if err := httpd.Decode(c, &in); err != nil {
			return nil, err
		}
	}
	return a.changed(c, in.Reason, do)
}

func (a *API) revoke(c *gin.Context) (any, error) {
	var in revokeWire
	if err := httpd.Decode(c, &in); err != nil {
		return nil, err
	}
	if !slices.Contains(issuer.Endings(), in.Kind) {
		const code = "state-reason-unknown"
		return nil, &httpd.Problem{Code: code, Errors: []httpd.FieldError{{Pointer: "/kind", Code: code,
			Detail: "withdrawn, cancelled, lapsed, transferred or revoked"}}}
	}
	return a.changed(c, in.Reason, func(ctx context.Context, s issuer.StateChange) (issuer.Changed, error) {
		return a.issuer.End(ctx, s, in.Kind)
	})
}

func (a *API) changed(c *gin.Context, reason string, do func(context.Context, issuer.StateChange) (issuer.Changed, error)) (any, error) {
	cert, err := a.own(c)
	if err != nil {
		return nil, err
	}
	caller, _ := httpd.CallerFrom(c)
	out, err := do(c, issuer.StateChange{Authority: cert.Authority, Identifier: cert.Identifier, Reason: reason, By: caller.ID})
	if err != nil {
		return nil, explain(err)
	}
	return stateWire{Identifier: cert.Identifier, State: out.Certificate.State, StateAt: out.Certificate.StateAt.UTC(),
		Reason: out.Certificate.Reason, Published: out.Published}, nil
}

// live replaces what changes daily. The body is the fields themselves.
func (a *API) live(c *gin.Context) (any, error) {
	body, err := httpd.Body(c, "application/json")
	if err != nil {
		return nil, err
	}
	values, problems := schemas.DecodeObject(body)
	if schemas.Refused(problems) {
		return nil, explain(&issuer.RefusedError{Problems: problems})
	}
	cert, err := a.own(c)
	if err != nil {
		return nil, err
	}
	cert, err = a.issuer.SetLive(c, cert.Authority, cert.Identifier, values)
	if err != nil {
		return nil, explain(err)
	}
	return struct {
		Identifier string         `json:"identifier"`
		Live       map[string]any `json:"live"`
		AsOf       time.Time      `json:"as_of"`
	}{cert.Identifier, cert.Live, cert.LiveAt.UTC()}, nil
}

// eraseContent destroys what is personal in a certificate that ended long ago. Erasing it again
// is no error.
func (a *API) eraseContent(c *gin.Context) (any, error) {
	id, err := identifier(c)
	if err != nil {
		return nil, err
	}
	caller, _ := httpd.CallerFrom(c)
	for _, authority := range caller.Issuers {
		err := a.issuer.EraseContent(c, authority, id, caller.ID)
		if errors.Is(err, issuer.ErrUnknown) {
			continue // perhaps it is of another of hers
		}
		return httpd.NoContent{}, err
	}
	return nil, issuer.ErrUnknown
}
