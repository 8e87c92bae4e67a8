package registryhttp

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
)

// maxReason bounds what the history keeps of an operator's words.
const maxReason = 1000

// put reads an entry whose id must be the path's, and submits it. What gives nobody a right happens
// at once (200, the entry as stored); the rest waits for a second operator (202, the proposal).
func put[T any](a *API, c *gin.Context, id func(T) string, what string, stored func(id string) (T, error)) (any, error) {
	var v T
	if err := httpd.Decode(c, &v); err != nil {
		return nil, err
	}
	if id(v) != c.Param("id") {
		return nil, httpd.Invalid("", "the id in the body is not the id in the path")
	}
	why := c.Query("reason")
	if len(why) > maxReason {
		return nil, httpd.Invalid("", "a reason of more than 1000 bytes")
	}
	if why == "" {
		why = "put " + what + " " + id(v)
	}
	p, err := a.registry.Submit(c, caller(c), why, registry.Change{Entry: v})
	if err != nil {
		return nil, explain(err)
	}
	if p.State == registry.ProposalOpen {
		return accepted(p), nil
	}
	return stored(id(v))
}

func caller(c *gin.Context) string {
	who, _ := httpd.CallerFrom(c)
	return who.ID
}

// accepted is the answer to what waits for a second operator.
func accepted(p registry.Proposal) httpd.Accepted {
	return httpd.Accepted{Location: "/v1/registry/proposals", Body: p}
}

// explain lets an operator see what was wrong with an entry: she wrote it.
func explain(err error) error {
	for _, row := range Errors() {
		switch row.Err {
		case registry.ErrInvalid, registry.ErrPartyIncomplete, registry.ErrPartyState: //nolint:errorlint // the rows of a table, not errors that came along
			if errors.Is(err, row.Err) {
				return &httpd.Problem{Code: row.Code, Detail: err.Error()}
			}
		}
	}
	return err
}

func (a *API) putAuthority(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Authority) string { return v.ID }, "authority", a.registry.Authority)
}

func (a *API) putParty(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Party) string { return v.ID }, "relying party", a.registry.Party)
}

func (a *API) putClient(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Client) string { return v.ID }, "client", a.registry.Client)
}

func (a *API) putProvider(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Provider) string { return v.ID }, "wallet provider", a.registry.Provider)
}

func (a *API) putDomain(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.Domain) string { return v.Code }, "domain", a.registry.Domain)
}

func (a *API) putType(c *gin.Context) (any, error) {
	return put(a, c, func(v registry.TypeState) string { return v.ID }, "type", a.registry.TypeState)
}

// reasonRequest is the body of a step that only needs a reason.
type reasonRequest struct {
	Reason string `json:"reason" required:"true"`
}

func reason(text string) error {
	switch {
	case text == "":
		return &httpd.Problem{Code: httpd.CodeFieldMissing, Errors: []httpd.FieldError{{Pointer: "/reason", Code: httpd.CodeFieldMissing}}}
	case len(text) > maxReason:
		return httpd.Invalid("/reason", "at most 1000 bytes")
	}
	return nil
}

// freezeRequest is the body of POST /v1/registry/freezes. Nothing in it but "urgent" has a default:
// a forgotten "frozen" must not thaw anything.
type freezeRequest struct {
	Kind   string `json:"kind" required:"true"`
	ID     string `json:"id" required:"true"`
	Key    string `json:"key,omitempty"`
	Frozen bool   `json:"frozen" required:"true"`
	Urgent bool   `json:"urgent,omitempty"`
	Reason string `json:"reason" required:"true"`
}

// decision is a proposal with the version of the list that says what has come of it.
type decision struct {
	registry.Proposal
	TrustListVersion int64 `json:"trust_list_version"`
}

func (a *API) decided(p registry.Proposal) decision {
	_, version := a.registry.TrustList()
	return decision{p, version}
}

func (a *API) freeze(c *gin.Context) (any, error) {
	var body freezeRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if err := reason(body.Reason); err != nil {
		return nil, err
	}
	p, err := a.registry.Submit(c, caller(c), body.Reason, registry.Change{
		Freeze: &registry.Freeze{Kind: body.Kind, ID: body.ID, Key: body.Key, Frozen: body.Frozen}, Urgent: body.Urgent,
	})
	if err != nil {
		return nil, explain(err)
	}
	if p.State == registry.ProposalOpen {
		return httpd.Accepted{Location: "/v1/registry/freezes", Body: a.decided(p)}, nil
	}
	return a.decided(p), nil
}

// decide is approve and reject, of freezes and of other proposals.
func (a *API) decide(approve bool) httpd.Handler {
	return func(c *gin.Context) (any, error) {
		var body reasonRequest
		if err := httpd.Decode(c, &body); err != nil {
			return nil, err
		}
		if err := reason(body.Reason); err != nil {
			return nil, err
		}
		p, err := a.registry.Decide(c, caller(c), body.Reason, c.Param("id"), approve)
		if err != nil {
			return nil, explain(err)
		}
		return a.decided(p), nil
	}
}

// moveParty makes one step of a party's life.
func (a *API) moveParty(step string) httpd.Handler {
	return func(c *gin.Context) (any, error) {
		var body reasonRequest
		if err := httpd.Decode(c, &body); err != nil {
			return nil, err
		}
		if err := reason(body.Reason); err != nil {
			return nil, err
		}
		return a.moved(c, step, body.Reason, time.Time{})
	}
}

// approveRequest is the review of a party. Seen is the moment of the last of its steps as the
// reviewer read it: what was put since she has not seen.
type approveRequest struct {
	Seen   time.Time `json:"seen" required:"true"`
	Reason string    `json:"reason" required:"true"`
}

func (a *API) approveParty(c *gin.Context) (any, error) {
	var body approveRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if err := reason(body.Reason); err != nil {
		return nil, err
	}
	return a.moved(c, "approve", body.Reason, body.Seen)
}

func (a *API) moved(c *gin.Context, step, why string, seen time.Time) (any, error) {
	p, err := a.registry.MoveParty(c, caller(c), why, c.Param("id"), step, seen)
	if err != nil {
		return nil, explain(err)
	}
	if p.State == registry.ProposalOpen {
		return accepted(p), nil
	}
	return a.registry.Party(c.Param("id"))
}

func (a *API) proposals(*gin.Context) (any, error) {
	return struct {
		Proposals []registry.Proposal `json:"proposals"`
	}{a.registry.Proposals()}, nil
}

// inForce is a freeze of a region or of all that bites.
type inForce struct {
	Regions []string `json:"regions"`
	All     bool     `json:"all"`
}

func (a *API) freezes(*gin.Context) (any, error) {
	out := struct {
		Freezes []registry.Proposal `json:"freezes"`
		Stopped inForce             `json:"stopped"`
	}{[]registry.Proposal{}, inForce{append([]string{}, a.registry.StoppedRegions()...), a.registry.StoppedAll()}}
	for _, p := range a.registry.Proposals() {
		if p.Freeze != nil {
			out.Freezes = append(out.Freezes, p)
		}
	}
	return out, nil
}

func (a *API) putRoots(c *gin.Context) (any, error) {
	body, err := httpd.Body(c, "application/json")
	if err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		return nil, &httpd.Problem{Code: httpd.CodeBodyMalformed}
	}
	version, err := a.registry.AddRoots(c, caller(c), "new trust roots", body)
	if err != nil {
		return nil, err
	}
	return struct {
		Version int64 `json:"version"`
	}{version}, nil
}

// addKeyRequest is a client's word on its next key, signed by the key in use and by the next one.
type addKeyRequest struct {
	Current string `json:"current" required:"true"`
	Next    string `json:"next" required:"true"`
}

// ownKeys is what a client sees of its keys.
type ownKeys struct {
	Client string   `json:"client"`
	Keys   []ownKey `json:"keys"`
}

type ownKey struct {
	ID   string    `json:"kid"`
	Ends time.Time `json:"ends,omitzero"`
}

func keysOf(c registry.Client) ownKeys {
	out := ownKeys{Client: c.ID, Keys: []ownKey{}}
	for _, k := range c.Keys {
		ends, _ := c.KeyEnds.Of(k.ID())
		out.Keys = append(out.Keys, ownKey{k.ID(), ends})
	}
	return out
}

func (a *API) addKey(c *gin.Context) (any, error) {
	var body addKeyRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	client, err := a.registry.AddClientKey(c, caller(c), body.Current, body.Next)
	if err != nil {
		return nil, err
	}
	return keysOf(client), nil
}

func (a *API) dropOwnKey(c *gin.Context) (any, error) {
	who := caller(c)
	client, err := a.registry.DropClientKey(c, who, "its own key", who, c.Param("kid"))
	if err != nil {
		return nil, err
	}
	return keysOf(client), nil
}

type dropKeyRequest struct {
	Key    string `json:"key" required:"true"`
	Reason string `json:"reason" required:"true"`
}

func (a *API) dropKey(c *gin.Context) (any, error) {
	var body dropKeyRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if err := reason(body.Reason); err != nil {
		return nil, err
	}
	client, err := a.registry.DropClientKey(c, caller(c), body.Reason, c.Param("id"), body.Key)
	if err != nil {
		return nil, err
	}
	return keysOf(client), nil
}
