package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/login"
	"github.com/showcard/showcard/internal/login/idp"
	"github.com/showcard/showcard/schemas"
)

// The demo's identity provider (internal/login/idp) is mounted by `showcard demo` alone, and is
// signed in with by the same code as any other provider.
const (
	demoProvider   = "demo"
	demoClientID   = "showcard-demo"
	demoIdPPath    = "/demo/idp"
	keyDemoIdP     = "demo-idp"
	keyDemoSignIn  = "demo-sign-in"
	demoCallback   = "/v1/sign-in/" + demoProvider + "/callback"
	demoSignInPath = "/v1/sign-in/" + demoProvider
)

// demoIdentity is how the demo's own provider would be written in a configuration, and a client
// that finds it: the public URL is fixed at the first start, and names it for ever; where it
// listens now is another matter (--addr).
func (a *app) demoIdentity() (login.Provider, *http.Client, error) {
	ours, err := signer(a.keys, keyDemoSignIn, key.ES256)
	if err != nil {
		return login.Provider{}, nil, err
	}
	public, err := url.Parse(a.cfg.PublicURL)
	if err != nil {
		return login.Provider{}, nil, err
	}
	here := dialable(a.cfg.Listen)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == public.Host {
			address = here
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	return login.Provider{
		ID: demoProvider, Name: schemas.Text{ZH: "演示身份认证", EN: "Demo identity provider"}, Issuer: a.cfg.PublicURL + demoIdPPath,
		ClientID: demoClientID, Key: ours, Scopes: []string{"profile"}, ACR: map[string]string{idp.ACR: access.AssuranceSubstantial, idp.ACRTicked: access.AssuranceHigh},
		Claims:  login.Claims{HolderType: idp.ClaimHolderType, HolderNumber: idp.ClaimHolderNumber},
		Origins: a.cfg.demoOrigins,
	}, &http.Client{Transport: transport}, nil
}

// dialable makes an address to dial of one to listen on.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return listen
}

// origins are all under which browsers reach a demo that listens there, besides its public URL.
func origins(scheme, listen string) []string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil
	}
	hosts := []string{host}
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		hosts = []string{"localhost", "127.0.0.1", "::1"}
		if host == "" || ip.IsUnspecified() {
			for _, one := range lanAddresses() {
				hosts = append(hosts, one.String())
			}
		}
	}
	out := make([]string, 0, len(hosts))
	for _, h := range hosts {
		out = append(out, scheme+"://"+net.JoinHostPort(h, port))
	}
	return out
}

// identityRoutes is the provider itself.
func (d *demo) identityRoutes() ([]httpd.Route, error) {
	own, err := signer(d.keys, keyDemoIdP, key.ES256)
	if err != nil {
		return nil, err
	}
	ours, err := signer(d.keys, keyDemoSignIn, key.ES256)
	if err != nil {
		return nil, err
	}
	cfg := idp.Config{Issuer: d.cfg.PublicURL + demoIdPPath, Key: own, ClientID: demoClientID, ClientKey: ours.Public()}
	for _, origin := range append([]string{d.cfg.PublicURL}, d.cfg.demoOrigins...) {
		if uri := origin + demoCallback; !slices.Contains(cfg.RedirectURIs, uri) {
			cfg.RedirectURIs = append(cfg.RedirectURIs, uri)
		}
	}
	for _, p := range d.people {
		cfg.People = append(cfg.People, idp.Person{Login: p.Login, Holder: p.holder})
	}
	provider, err := idp.New(cfg)
	if err != nil {
		return nil, err
	}
	var routes []httpd.Route
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		routes = append(routes, httpd.Route{
			Method: method, Path: provider.Base() + "/*path", Public: true, Class: httpd.ClassPage, MaxBody: 64 << 10, Handler: httpd.HTTP(provider),
		})
	}
	return routes, nil
}

// demoPerson is a fictitious person of testdata/push.
type demoPerson struct {
	Name   string
	Login  string
	holder schemas.HolderRef
}

func demoLogin(i int) string { return "person-" + strconv.Itoa(100 + i)[1:] }
