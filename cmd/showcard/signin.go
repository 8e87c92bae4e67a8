package main

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
)

// demoSignIn lets anybody be anybody: it exists for the fictitious people of the demo and is
// never mounted by `showcard serve`, which has no way to reach it.
type demoSignIn struct {
	access   *access.Service
	people   []demoPerson
	callers  *demoCallers
	holderID func(schemas.HolderRef) string
}

// demoPerson is a fictitious person of testdata/push.
type demoPerson struct {
	Name   string            `json:"name"`
	Login  string            `json:"login"`
	holder schemas.HolderRef // never leaves by JSON
}

func (d *demoSignIn) routes() []httpd.Route {
	route := func(method, path string, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Public: true, Class: httpd.ClassPage, Handler: h}
	}
	return []httpd.Route{
		route(http.MethodGet, "/demo/people", d.listPeople),
		route(http.MethodPost, "/demo/sign-in", d.signIn),
		route(http.MethodPost, "/demo/sign-out", d.signOut),
		route(http.MethodGet, "/demo/checkers", d.listCheckers),
		route(http.MethodPost, "/demo/checker-token", d.checkerToken),
	}
}

func (d *demoSignIn) listPeople(*gin.Context) (any, error) {
	return struct {
		People []demoPerson `json:"people"`
	}{d.people}, nil
}

type signInRequest struct {
	Login string `json:"login"`
}

type signedIn struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
	Name        string `json:"name,omitempty"`
}

func (d *demoSignIn) signIn(c *gin.Context) (any, error) {
	var body signInRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	for _, p := range d.people {
		if p.Login != body.Login {
			continue
		}
		token, opened, err := d.access.SignIn(c, access.Session{
			Holder: d.holderID(p.holder), Name: p.Name, Method: "demo-sign-in", Assurance: access.AssuranceLow, At: time.Now(),
		})
		if err != nil {
			return nil, err
		}
		life := opened.Expires.Sub(opened.SignedInAt)
		d.cookie(c, token, life)
		return signedIn{AccessToken: token, ExpiresIn: int64(life / time.Second), Name: p.Name}, nil
	}
	return nil, &httpd.Problem{Code: "login-failed"}
}

func (d *demoSignIn) signOut(c *gin.Context) (any, error) {
	d.cookie(c, "", -time.Second)
	return httpd.NoContent{}, nil
}

func (d *demoSignIn) cookie(c *gin.Context, value string, life time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // Secure over TLS; browsers drop Secure cookies of plain http, which the demo is
		Name: access.SessionCookie, Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: c.Request.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
}

func (d *demoSignIn) listCheckers(*gin.Context) (any, error) {
	return struct {
		Checkers []demoChecker `json:"checkers"`
	}{d.callers.checkers}, nil
}

type checkerRequest struct {
	ClientID string `json:"client_id"`
}

// checkerToken gets a token for one of the demo's checkers by the real exchange: an assertion
// signed with the checker's key.
func (d *demoSignIn) checkerToken(c *gin.Context) (any, error) {
	var body checkerRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	granted, err := d.callers.grant(c, d.access, body.ClientID)
	if err != nil {
		return nil, err
	}
	return signedIn{AccessToken: granted.AccessToken, ExpiresIn: granted.ExpiresIn}, nil
}
