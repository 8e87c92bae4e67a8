package login

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
)

// Routes are the routes of this room. Those that a browser walks through answer its errors with
// pages (httpd.Route.Page).
func (s *Service) Routes() []httpd.Route {
	people := []httpd.Role{httpd.RolePerson}
	return []httpd.Route{
		{Method: http.MethodGet, Path: "/v1/sign-in/providers", Public: true, Class: httpd.ClassPage, Handler: s.list},
		{Method: http.MethodGet, Path: "/v1/sign-in/:provider", Public: true, Class: httpd.ClassCallback, Page: true, Handler: s.start},
		{Method: http.MethodPost, Path: "/v1/sign-in/:provider", Public: true, Class: httpd.ClassCallback, Page: true, Handler: s.start},
		{Method: http.MethodGet, Path: "/v1/sign-in/:provider/callback", Public: true, Class: httpd.ClassCallback, Page: true, Handler: s.callback},
		{Method: http.MethodPost, Path: "/v1/sign-out", Roles: people, Scope: "wallet", Class: httpd.ClassWrite, Handler: s.signOut},
		{Method: http.MethodGet, Path: "/v1/me", Roles: people, Scope: "wallet", Class: httpd.ClassRead, Handler: s.me},
	}
}

type offered struct {
	ID   string       `json:"id"`
	Name schemas.Text `json:"name"`
}

func (s *Service) list(*gin.Context) (any, error) {
	out := make([]offered, len(s.providers))
	for i, p := range s.providers {
		out[i] = offered{p.ID, p.Name}
	}
	return struct {
		Providers []offered `json:"providers"`
	}{out}, nil
}

func (s *Service) start(c *gin.Context) (any, error) {
	location, cookies, err := s.begin(c.Request, c.Param("provider"), c.Query("return_to"), c.Query("fresh") == "true")
	if err != nil {
		return nil, retry(err, "")
	}
	for _, one := range cookies {
		http.SetCookie(c.Writer, one)
	}
	return httpd.Redirect{Location: location}, nil
}

func (s *Service) callback(c *gin.Context) (any, error) {
	d, back, err := s.finish(c.Request, c.Param("provider"), httpd.AddressKey(c), c.Request.URL.Query())
	if err != nil {
		return nil, retry(err, back)
	}
	life := d.session.Expires.Sub(d.session.SignedInAt)
	http.SetCookie(c.Writer, s.session(c.Request, d.token, life))
	return httpd.Redirect{Location: d.returnTo}, nil
}

// session is the cookie of a session. It stays with requests that our own pages make.
func (s *Service) session(r *http.Request, token string, life time.Duration) *http.Cookie {
	name, secure := s.cfg.Access.Cookie(r)
	return &http.Cookie{ //nolint:gosec // Secure wherever the request came over TLS; Strict in any case
		Name: name, Value: token, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode,
	}
}

// retry tells a page where to go on from a failed sign-in: to where she wanted to go, which
// offers to sign in.
func retry(err error, back string) error {
	if back == "" {
		back = defaultReturn
	}
	for _, row := range Errors() {
		if errors.Is(err, row.Err) {
			return &httpd.Problem{Code: row.Code, Cause: err, Back: back}
		}
	}
	return err
}

type signOutRequest struct {
	Everywhere bool `json:"everywhere"`
}

func (s *Service) signOut(c *gin.Context) (any, error) {
	var body signOutRequest
	if c.Request.ContentLength != 0 {
		if err := httpd.Decode(c, &body); err != nil {
			return nil, err
		}
	}
	who, _ := httpd.CallerFrom(c) // the route has a role, so there is one
	if body.Everywhere {
		if _, err := s.cfg.Access.SignOutEverywhere(c, who.Holder); err != nil {
			return nil, err
		}
	} else if err := s.cfg.Access.SignOut(c, who.Session); err != nil {
		return nil, err
	}
	http.SetCookie(c.Writer, s.session(c.Request, "", -time.Second))
	return httpd.NoContent{}, nil
}

type me struct {
	Name       string     `json:"name"`
	Assurance  string     `json:"assurance"`
	Method     string     `json:"method"`
	VerifiedAt time.Time  `json:"verified_at"`
	StepUpAt   *time.Time `json:"step_up_at,omitempty"` // when she last used a passkey
}

func (s *Service) me(c *gin.Context) (any, error) {
	who, _ := httpd.CallerFrom(c)
	out := me{Name: who.Name, Assurance: who.Assurance, Method: who.Method, VerifiedAt: who.VerifiedAt.UTC()}
	if !who.StepUp.IsZero() {
		at := who.StepUp.UTC()
		out.StepUpAt = &at
	}
	return out, nil
}
