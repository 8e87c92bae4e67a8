package passkey

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
)

// Routes are for a signed-in person. Bodies follow WebAuthn Level 3: what
// PublicKeyCredential.parseCreationOptionsFromJSON reads and toJSON writes.
func (d *Desk) Routes() []httpd.Route {
	route := func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Roles: []httpd.Role{httpd.RolePerson}, Scope: "wallet", Class: class, Handler: h}
	}
	return []httpd.Route{
		route(http.MethodGet, "/v1/me/passkeys", httpd.ClassRead, d.list),
		route(http.MethodPost, "/v1/me/passkeys/registration", httpd.ClassSignIn, d.beginRegistration),
		route(http.MethodPost, "/v1/me/passkeys", httpd.ClassSignIn, d.register),
		route(http.MethodDelete, "/v1/me/passkeys/:id", httpd.ClassSignIn, d.remove),
		route(http.MethodPost, "/v1/me/step-up/challenge", httpd.ClassSignIn, d.beginStepUp),
		route(http.MethodPost, "/v1/me/step-up", httpd.ClassSignIn, d.stepUp),
	}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: ErrNotFresh, Code: "fresh-sign-in-required"},
		{Err: ErrUnknown, Code: "passkey-unknown"},
		{Err: ErrExists, Code: "passkey-exists"},
		{Err: ErrLimit, Code: "passkey-limit"},
		{Err: ErrChallenge, Code: "passkey-challenge-unknown"},
		{Err: ErrOrigin, Code: "passkey-origin-wrong"},
		{Err: ErrNotVerified, Code: "passkey-not-verified"},
		{Err: ErrCounter, Code: "passkey-counter-regressed"},
		{Err: ErrInvalid, Code: "passkey-invalid"},
		{Err: ErrUnavailable, Code: "passkey-unavailable"},
	}
}

func person(c *gin.Context) Person {
	who, _ := httpd.CallerFrom(c) // the route has a role, so there is one
	return Person{HolderID: who.Holder, Session: who.Session, AuthTime: who.AuthTime, StepUp: who.StepUp}
}

type passkey struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Created time.Time  `json:"created_at"`
	Used    *time.Time `json:"used_at,omitempty"`
}

func wire(k Key) passkey {
	out := passkey{ID: k.ID, Name: k.Name, Created: k.CreatedAt}
	if !k.UsedAt.IsZero() {
		out.Used = &k.UsedAt
	}
	return out
}

func (d *Desk) list(c *gin.Context) (any, error) {
	keys, err := d.List(c, person(c))
	if err != nil {
		return nil, err
	}
	out := make([]passkey, len(keys))
	for i, k := range keys {
		out[i] = wire(k)
	}
	return struct {
		Passkeys []passkey `json:"passkeys"`
	}{out}, nil
}

// options is what a page hands to the browser.
type options struct {
	PublicKey any `json:"publicKey"`
}

func (d *Desk) beginRegistration(c *gin.Context) (any, error) {
	made, err := d.BeginRegistration(c, person(c))
	if err != nil {
		return nil, err
	}
	return options{made.Response}, nil
}

type registration struct {
	Name       string         `json:"name" required:"true"`
	Credential map[string]any `json:"credential" required:"true"` // RegistrationResponseJSON
}

func (d *Desk) register(c *gin.Context) (any, error) {
	var body registration
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	response, err := json.Marshal(body.Credential)
	if err != nil {
		return nil, err
	}
	k, err := d.Register(c, person(c), body.Name, response)
	if errors.Is(err, ErrName) {
		return nil, httpd.Invalid("/name", "1 to 64 characters")
	}
	if err != nil {
		return nil, err
	}
	return httpd.Created{Body: wire(k)}, nil
}

func (d *Desk) remove(c *gin.Context) (any, error) {
	return httpd.NoContent{}, d.Remove(c, person(c), c.Param("id"))
}

func (d *Desk) beginStepUp(c *gin.Context) (any, error) {
	made, err := d.BeginStepUp(c, person(c))
	if err != nil {
		return nil, err
	}
	return options{made.Response}, nil
}

type steppingUpBody struct {
	Credential map[string]any `json:"credential" required:"true"` // AuthenticationResponseJSON
}

func (d *Desk) stepUp(c *gin.Context) (any, error) {
	var body steppingUpBody
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	response, err := json.Marshal(body.Credential)
	if err != nil {
		return nil, err
	}
	until, err := d.StepUp(c, person(c), response)
	if err != nil {
		return nil, err
	}
	return struct {
		Until time.Time `json:"stepped_up_until"`
	}{until}, nil
}
