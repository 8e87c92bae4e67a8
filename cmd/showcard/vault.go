package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/showcard/showcard/internal/outbound"
)

// newOutbound makes the client for everything that the server fetches.
func newOutbound(c config) (*http.Client, error) {
	o := outbound.Config{Allow: slices.Clone(c.OutboundAllow)}
	// On one machine, which is a demo or a trial, the deployment is its own neighbour.
	if u, err := url.Parse(c.PublicURL); err == nil && loopback(u.Hostname()) {
		o.Allow = append(o.Allow, c.PublicURL)
	}
	if host, _, err := net.SplitHostPort(c.Listen); c.demo && err == nil && loopback(host) {
		o.Allow = append(o.Allow, "http://"+c.Listen) // a later start may be given another --addr
	}
	if c.OutboundCA != "" {
		data, err := os.ReadFile(c.OutboundCA)
		if err != nil {
			return nil, fmt.Errorf("%w: outbound_ca: %w", errConfig, err)
		}
		if o.Roots, err = x509.SystemCertPool(); err != nil {
			o.Roots = x509.NewCertPool()
		}
		if !o.Roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%w: outbound_ca: no certificate in %s", errConfig, c.OutboundCA)
		}
	}
	client, err := outbound.New(o)
	if err != nil {
		return nil, fmt.Errorf("%w: outbound_allow: %w", errConfig, err)
	}
	return client, nil
}
