// Package wallethttp is the HTTP face of a person's space. Every route but one is for people; whose
// space it is comes from the sign-in and never from the request. The one is an operator's, who kills
// the keys of lost devices.
package wallethttp

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// API serves wallets.
type API struct {
	wallet  *wallet.Wallet
	party   func(id string) schemas.Text
	streams streams
}

// New makes the API. party names a relying party as it is registered now: a history holds the
// Chinese names of its moments, and some read English. nil: nobody knows.
func New(w *wallet.Wallet, party func(id string) schemas.Text) (*API, error) {
	if w == nil {
		return nil, errors.New("wallethttp: incomplete configuration")
	}
	if party == nil {
		party = func(string) schemas.Text { return schemas.Text{} }
	}
	return &API{wallet: w, party: party, streams: streams{open: map[string][]*stream{}}}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	people := []httpd.Role{httpd.RolePerson}
	route := func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: method, Path: path, Roles: people, Scope: "wallet", Class: class, Handler: h}
	}
	return append([]httpd.Route{
		route(http.MethodGet, "/v1/wallet/holdings", httpd.ClassRead, a.holdings),
		route(http.MethodPost, "/v1/wallet/shows", httpd.ClassShow, a.show),
		route(http.MethodPost, "/v1/wallet/shows/:id/codes", httpd.ClassRenew, a.renew),
		route(http.MethodGet, "/v1/wallet/shows/:id", httpd.ClassRenew, a.state), // also {id}.svg and {id}.png
		route(http.MethodDelete, "/v1/wallet/shows/:id", httpd.ClassWrite, a.close),
		route(http.MethodGet, "/v1/wallet/history", httpd.ClassRead, a.history),
	}, slices.Concat(a.consentRoutes(route), a.companyRoutes(route), a.deviceRoutes(route))...)
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return append(httpd.ErrorTable{
		{Err: wallet.ErrHoldingUnknown, Code: "holding-unknown"},
		{Err: wallet.ErrHoldingEnded, Code: "holding-not-showable"},
		{Err: wallet.ErrHoldingFrozen, Code: "holding-not-showable"},
		{Err: wallet.ErrNoKey, Code: "holding-not-showable"},
		{Err: wallet.ErrNothingChosen, Code: "nothing-chosen"},
		{Err: wallet.ErrFieldUnknown, Code: "field-not-in-type"},
		{Err: schemas.ErrViewUnknown, Code: "view-unknown"},
		{Err: wallet.ErrLifetime, Code: "lifetime-out-of-range"},
		{Err: wallet.ErrScene, Code: "field-too-long"},
		{Err: wallet.ErrShowUnknown, Code: "show-unknown"},
		{Err: wallet.ErrStepUp, Code: "step-up-required"},
		{Err: wallet.ErrShowClosed, Code: "show-closed"},
		{Err: wallet.ErrConsentUnknown, Code: "consent-unknown"},
		{Err: wallet.ErrConsentAnswered, Code: "consent-answered"},
		{Err: wallet.ErrConsentExpired, Code: "consent-expired"},
		{Err: wallet.ErrWithdrawal, Code: "withdrawal-ambiguous"},
		{Err: wallet.ErrWithdrawalLimit, Code: "withdrawal-limit"},
		{Err: wallet.ErrWithdrawalUnknown, Code: "withdrawal-unknown"},
		{Err: wallet.ErrTooManyListeners, Code: httpd.CodeOverloaded},
	}, slices.Concat(companyErrors(), deviceErrors())...)
}

func person(c *gin.Context) wallet.Person {
	who, _ := httpd.CallerFrom(c) // the route has a role, so there is one
	return wallet.Person{HolderID: who.Holder, Name: who.Name, Method: who.Method, VerifiedAt: who.VerifiedAt, Session: who.Session, AuthTime: who.AuthTime, Assurance: who.Assurance, StepUp: who.StepUp}
}

type holding struct {
	Identifier string       `json:"identifier"`
	Type       string       `json:"type"`
	Version    int          `json:"version"`
	Name       schemas.Text `json:"name"`
	Issuer     schemas.Text `json:"issuer"`
	State      string       `json:"state"`
	ValidFrom  string       `json:"valid_from"`
	ValidUntil string       `json:"valid_until"`
	Acting     string       `json:"acting,omitempty"` // role, when it is a company's
	Card       schemas.Card `json:"card"`
	Views      []view       `json:"views"`
	Fields     []shown      `json:"fields"`
}

type view struct {
	Name   string       `json:"name"`
	Label  schemas.Text `json:"label"`
	Fields []string     `json:"fields"`
}

type shown struct {
	Field string       `json:"field"`
	Label schemas.Text `json:"label"`
	Value any          `json:"value"` // masked unless reveal=true
}

func (a *API) holdings(c *gin.Context) (any, error) {
	reveal := false
	if text, given := c.GetQuery("reveal"); given {
		var err error
		if reveal, err = strconv.ParseBool(text); err != nil {
			return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "reveal is true or false"}
		}
	}
	held, err := a.wallet.Holdings(c, person(c), reveal)
	if err != nil {
		return nil, err
	}
	out := make([]holding, len(held))
	for i, h := range held {
		out[i] = holding{
			Identifier: h.Identifier, Type: h.Type, Version: h.TypeVer, Name: h.Name, Issuer: h.Authority, State: h.State,
			ValidFrom: h.ValidFrom, ValidUntil: h.ValidUntil, Acting: h.Acting, Card: h.Card,
		}
		for _, v := range h.Views {
			out[i].Views = append(out[i].Views, view{v.Name, v.Label, v.Disclosable()})
		}
		for _, f := range h.Display {
			out[i].Fields = append(out[i].Fields, shown(f))
		}
	}
	return struct {
		Holdings []holding `json:"holdings"`
	}{out}, nil
}

type showRequest struct {
	Identifier string   `json:"identifier"`
	View       string   `json:"view,omitempty"`
	Fields     []string `json:"fields,omitempty"`
	Purpose    string   `json:"purpose,omitempty"`  // when given, only a check for this purpose is answered
	Lifetime   int      `json:"lifetime,omitempty"` // seconds
}

// code is a code of a show. Times are UTC; renew_in is in seconds.
type code struct {
	Show      string    `json:"show"`
	Code      string    `json:"code"`
	ExpiresAt time.Time `json:"expires_at"`
	RenewIn   float64   `json:"renew_in"`
	OpenUntil time.Time `json:"open_until"`
	Fields    []string  `json:"fields"`
	SVG       string    `json:"svg"`
	PNG       string    `json:"png"`
}

func wire(c wallet.Code) code {
	images := "/v1/wallet/shows/" + c.ShowID
	return code{
		Show: c.ShowID, Code: c.Payload, ExpiresAt: c.ExpiresAt.UTC(), RenewIn: c.RenewIn.Seconds(), OpenUntil: c.OpenUntil.UTC(),
		Fields: c.Fields, SVG: images + ".svg?code=" + c.Payload, PNG: images + ".png?code=" + c.Payload,
	}
}

func (a *API) show(c *gin.Context) (any, error) {
	var body showRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if body.Lifetime < 0 || body.Lifetime > 3600 {
		return nil, wallet.ErrLifetime
	}
	got, err := a.wallet.Show(c, person(c), wallet.ShowRequest{
		Identifier: body.Identifier, View: body.View, Fields: body.Fields, Scene: body.Purpose, Lifetime: time.Duration(body.Lifetime) * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return httpd.Created{Location: "/v1/wallet/shows/" + got.ShowID, Body: wire(got)}, nil
}

func (a *API) renew(c *gin.Context) (any, error) {
	got, err := a.wallet.Renew(c, person(c), c.Param("id"))
	if err != nil {
		return nil, err
	}
	return httpd.Created{Location: "/v1/wallet/shows/" + got.ShowID, Body: wire(got)}, nil
}

func (a *API) state(c *gin.Context) (any, error) {
	id, kind, image := strings.Cut(c.Param("id"), ".")
	if image {
		return a.image(c, id, kind)
	}
	open, err := a.wallet.Open(c, person(c), id)
	if err != nil {
		return nil, err
	}
	return struct {
		Open bool `json:"open"`
	}{open}, nil
}

// image draws a code of the caller's own show. With ?code= it draws that one; without, it
// renews, so that an <img> alone can show a live code.
func (a *API) image(c *gin.Context, id, kind string) (any, error) {
	if kind != "svg" && kind != "png" {
		return nil, &httpd.Problem{Code: httpd.CodeNotFound}
	}
	payload := c.Query("code")
	if payload == "" {
		got, err := a.wallet.Renew(c, person(c), id)
		if err != nil {
			return nil, err
		}
		payload = got.Payload
	} else if err := a.wallet.Owns(c, person(c), id, payload); err != nil {
		return nil, err
	}
	options := qrimage.Options{Title: "证照二维码 / certificate code"}
	if kind == "svg" {
		body, err := qrimage.SVG(payload, options)
		return httpd.Raw{ContentType: "image/svg+xml", Body: body}, err
	}
	body, err := qrimage.PNG(payload, options)
	return httpd.Raw{ContentType: "image/png", Body: body}, err
}

func (a *API) close(c *gin.Context) (any, error) {
	return httpd.NoContent{}, a.wallet.Close(c, person(c), c.Param("id"))
}

// look is one line of the history.
type look struct {
	ID         string     `json:"id"`
	At         time.Time  `json:"at"`
	Identifier string     `json:"identifier"`
	Type       string     `json:"type"`
	Party      string     `json:"party"`
	PartyName  string     `json:"party_name"`
	PartyEN    string     `json:"party_name_en,omitempty"`
	Purpose    string     `json:"purpose"`
	Fields     []string   `json:"fields"`
	Outcome    string     `json:"outcome"`
	Reasons    []string   `json:"reasons"`
	Via        string     `json:"via"`
	ShownBy    *shower    `json:"shown_by,omitempty"` // of a company's certificates
	Receipt    bool       `json:"receipt"`
	Portrait   *time.Time `json:"portrait_fetched_at,omitempty"`
	Person     *compared  `json:"person,omitempty"` // what the clerk said after the check
	Disputed   string     `json:"disputed,omitempty"`
	Company    bool       `json:"company,omitempty"` // of a company that she acts for
	Consent    string     `json:"consent,omitempty"` // answer, when she was asked for more than she showed
	Asked      []string   `json:"asked,omitempty"`
	SettledAt  *time.Time `json:"settled_at,omitempty"` // when a check that was made offline came in
	// Of codes that were given to a device.
	Device     string     `json:"device,omitempty"`
	DeviceName string     `json:"device_name,omitempty"` // of one's own
	View       string     `json:"view,omitempty"`
	Codes      int        `json:"codes,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
}

// compared is whether the clerk found that it was the person of the certificate.
type compared struct {
	Same bool      `json:"same"`
	At   time.Time `json:"at"`
}

// shower is who showed a company's certificate.
type shower struct {
	Name string `json:"name,omitempty"`
	Role string `json:"role,omitempty"`
}

func (a *API) history(c *gin.Context) (any, error) {
	cursor := c.Query("cursor")
	behind, ok := httpd.ParseCursor(cursor)
	if !ok {
		return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "cursor is what the page before said"}
	}
	var err error
	if cursor == "" {
		if behind.At, err = before(c); err != nil {
			return nil, err
		}
	}
	limit, err := httpd.Number(c, "limit", 0, 200)
	if err != nil {
		return nil, err
	}
	looks, next, err := a.wallet.History(c, person(c), wallet.Cursor(behind), limit)
	if err != nil {
		return nil, err
	}
	out := make([]look, len(looks))
	for i, l := range looks {
		out[i] = look{
			ID: l.ID, At: l.At, Identifier: l.Identifier, Type: l.Type, Party: l.Party, PartyName: l.PartyName, Purpose: l.Purpose, Fields: l.Fields,
			Outcome: l.Outcome, Reasons: l.Reasons, Via: l.Via, ShownBy: (*shower)(l.ShownBy), Receipt: l.Receipt, Disputed: l.Disputed, Consent: l.Consent, Asked: l.Asked, Company: l.Holder != person(c).HolderID,
			Device: l.Device, DeviceName: l.DeviceName, View: l.View, Codes: l.Codes, ExpiresAt: optionalTime(l.ExpiresAt), SettledAt: optionalTime(l.SettledAt),
		}
		if now := a.party(l.Party); now.ZH == l.PartyName {
			out[i].PartyEN = now.EN
		}
		if !l.PortraitAt.IsZero() {
			out[i].Portrait = &l.PortraitAt
		}
		if !l.ComparedAt.IsZero() {
			out[i].Person = &compared{l.ComparedSame, l.ComparedAt}
		}
	}
	return struct {
		Looks []look `json:"looks"`
		Next  string `json:"next,omitempty"`
	}{out, httpd.Cursor(next).String()}, nil
}

// page reads which part of a list is wanted.
func page(c *gin.Context) (time.Time, int, error) {
	at, err := before(c)
	if err != nil {
		return at, 0, err
	}
	limit, err := httpd.Number(c, "limit", 0, 200)
	return at, limit, err
}

func before(c *gin.Context) (at time.Time, err error) {
	if text := c.Query("before"); text != "" {
		if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
			err = &httpd.Problem{Code: "parameter-invalid", Detail: "before is a time of RFC 3339"}
		}
	}
	return at, err
}
