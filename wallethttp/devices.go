package wallethttp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// ScopeDevices lets an operator kill keys of lost devices.
const ScopeDevices = "devices"

func (a *API) deviceRoutes(route func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route) []httpd.Route {
	return []httpd.Route{
		route(http.MethodGet, "/v1/wallet/devices", httpd.ClassRead, a.devices),
		route(http.MethodPost, "/v1/wallet/devices/challenge", httpd.ClassSignIn, a.challengeDevice),
		route(http.MethodPost, "/v1/wallet/devices", httpd.ClassSignIn, a.registerDevice),
		route(http.MethodDelete, "/v1/wallet/devices/:id", httpd.ClassWrite, a.killDevice),
		route(http.MethodGet, "/v1/wallet/devices/:id/stock", httpd.ClassRead, a.standingStock),
		route(http.MethodPost, "/v1/wallet/devices/:id/stock", httpd.ClassShow, a.stock),
		{Method: http.MethodPost, Path: "/v1/devices/kill", Roles: []httpd.Role{httpd.RoleOperator}, Scope: ScopeDevices, Class: httpd.ClassWrite, Handler: a.reportLoss},
	}
}

func deviceErrors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: wallet.ErrDeviceUnknown, Code: "device-unknown"},
		{Err: wallet.ErrDeviceKilled, Code: "device-killed"},
		{Err: wallet.ErrDeviceExists, Code: "device-exists"},
		{Err: wallet.ErrDeviceLimit, Code: "device-limit"},
		{Err: wallet.ErrDeviceChallenge, Code: "device-challenge-unknown"},
		{Err: wallet.ErrDeviceProof, Code: "device-proof-invalid"},
		{Err: wallet.ErrNotFresh, Code: "fresh-sign-in-required"},
		{Err: wallet.ErrSessionOver, Code: "session-ended"},
		{Err: wallet.ErrHoldingSuspended, Code: "holding-not-showable"},
		{Err: wallet.ErrStockRevoked, Code: "holding-not-showable"},
		{Err: wallet.ErrStockFull, Code: "device-stock-full"},
		{Err: schemas.ErrOfflineView, Code: "offline-view-not-offered"},
	}
}

type device struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Key      string     `json:"key"` // RFC 7638 thumbprint: by it a device finds itself
	Created  time.Time  `json:"created_at"`
	Used     *time.Time `json:"used_at,omitempty"` // when it was last given codes
	Killed   *time.Time `json:"killed_at,omitempty"`
	KilledBy string     `json:"killed_by,omitempty"`
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func wireDevice(d wallet.Device) device {
	return device{ID: d.ID, Name: d.Name, Key: d.Key.Thumbprint(), Created: d.CreatedAt, Used: optionalTime(d.UsedAt), Killed: optionalTime(d.KilledAt), KilledBy: d.KilledBy}
}

func (a *API) devices(c *gin.Context) (any, error) {
	all, err := a.wallet.MyDevices(c, person(c))
	if err != nil {
		return nil, err
	}
	out := make([]device, len(all))
	for i, d := range all {
		out[i] = wireDevice(d)
	}
	return struct {
		Devices []device `json:"devices"`
	}{out}, nil
}

func (a *API) challengeDevice(c *gin.Context) (any, error) {
	got, err := a.wallet.ChallengeDevice(c, person(c))
	if err != nil {
		return nil, err
	}
	return struct {
		Challenge string    `json:"challenge"`
		Origin    string    `json:"origin"`
		Binding   string    `json:"binding"`
		Expires   time.Time `json:"expires_at"`
	}{got.Challenge, got.Origin, got.Binding, got.ExpiresAt.UTC()}, nil
}

type deviceRegistration struct {
	Name      string         `json:"name" required:"true"`
	Key       map[string]any `json:"key" required:"true"` // JWK, as WebCrypto exports it
	Challenge string         `json:"challenge" required:"true"`
	Signature string         `json:"signature" required:"true"` // base64url of r‖s
}

func (a *API) registerDevice(c *gin.Context) (any, error) {
	var body deviceRegistration
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	jwk, err := json.Marshal(body.Key)
	if err != nil {
		return nil, err
	}
	public, err := key.ParseJWK(jwk, false)
	if err != nil {
		return nil, httpd.Invalid("/key", "a public key on P-256 or sm2p256v1, as a JWK")
	}
	// A name that the device gave its key means nothing here.
	public = public.WithID(public.Thumbprint())
	signature, err := base64.RawURLEncoding.Strict().DecodeString(body.Signature)
	if err != nil {
		return nil, httpd.Invalid("/signature", "base64url of 64 bytes, r and s")
	}
	d, err := a.wallet.RegisterDevice(c, person(c), wallet.Registration{Name: body.Name, Key: public, Challenge: body.Challenge, Signature: signature})
	if errors.Is(err, wallet.ErrDeviceName) {
		return nil, httpd.Invalid("/name", "1 to 64 characters")
	}
	if err != nil {
		return nil, err
	}
	return httpd.Created{Body: wireDevice(d)}, nil
}

func (a *API) killDevice(c *gin.Context) (any, error) {
	return httpd.NoContent{}, a.wallet.KillDevice(c, person(c), c.Param("id"))
}

type stockRequest struct {
	Identifier string `json:"identifier" required:"true"`
	View       string `json:"view" required:"true"`
	Count      int    `json:"count" required:"true"`
}

func (a *API) stock(c *gin.Context) (any, error) {
	var body stockRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	got, err := a.wallet.Stock(c, person(c), c.Param("id"), wallet.StockRequest{Identifier: body.Identifier, View: body.View, Count: body.Count})
	if errors.Is(err, wallet.ErrStockSize) {
		return nil, httpd.Invalid("/count", "1 to 16")
	}
	if err != nil {
		return nil, err
	}
	cwts := make([]string, len(got.CWTs))
	for i, one := range got.CWTs {
		cwts[i] = base64.RawURLEncoding.EncodeToString(one)
	}
	return httpd.Created{Body: struct {
		ID         string    `json:"id"` // the line in the history
		Identifier string    `json:"identifier"`
		View       string    `json:"view"`
		Fields     []string  `json:"fields"`
		CWTs       []string  `json:"cwts"`
		Serials    []string  `json:"serials"` // base64url of the "cti" of each, in their order
		ExpiresAt  time.Time `json:"expires_at"`
		RenewAt    time.Time `json:"renew_at"`
	}{got.ID, got.Identifier, got.View, got.Fields, cwts, wireSerials(got.Serials), got.ExpiresAt, got.RenewAt.UTC()}}, nil
}

type standing struct {
	Identifier string    `json:"identifier"`
	View       string    `json:"view"`
	ExpiresAt  time.Time `json:"expires_at"`
	Serials    []string  `json:"serials"` // base64url of the "cti"
}

func (a *API) standingStock(c *gin.Context) (any, error) {
	all, err := a.wallet.StandingStock(c, person(c), c.Param("id"))
	if err != nil {
		return nil, err
	}
	out := make([]standing, len(all))
	for i, g := range all {
		out[i] = standing{Identifier: g.Identifier, View: g.View, ExpiresAt: g.ExpiresAt, Serials: wireSerials(g.Serials)}
	}
	return struct {
		Stock []standing `json:"stock"`
	}{out}, nil
}

func wireSerials(all []wallet.Serial) []string {
	out := make([]string, len(all))
	for i, serial := range all {
		out[i] = base64.RawURLEncoding.EncodeToString(serial[:])
	}
	return out
}

type lossReport struct {
	Holder *holderRef `json:"holder,omitempty"` // all that she has
	Device string     `json:"device,omitempty"` // or one
	Reason string     `json:"reason" required:"true"`
}

type holderRef struct {
	Type   string `json:"type" required:"true"`
	Number string `json:"number" required:"true"`
}

// reportLoss is for somebody who calls because she has no other device. Whether she has any at all
// is answered by a number, to an operator who had to say why.
func (a *API) reportLoss(c *gin.Context) (any, error) {
	var body lossReport
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if (body.Holder == nil) == (body.Device == "") {
		return nil, httpd.Invalid("/device", "either a device or a holder")
	}
	who, _ := httpd.CallerFrom(c)
	report := wallet.LossReport{Device: body.Device, Operator: who.ID, Reason: body.Reason}
	if body.Holder != nil {
		report.Holder = schemas.HolderRef{Type: body.Holder.Type, Number: body.Holder.Number}
	}
	n, err := a.wallet.ReportLoss(c, report)
	if errors.Is(err, wallet.ErrReason) {
		return nil, httpd.Invalid("/reason", "1 to 500 characters")
	}
	if err != nil {
		return nil, err
	}
	return struct {
		Killed int `json:"killed"`
	}{n}, nil
}
