// Package outbound makes the one HTTP client with which the server fetches anything from
// elsewhere: status lists and trust lists of other domains, the documents of identity providers,
// cosignatures of witnesses. Addresses to fetch from stand in signed documents and in
// configuration, but also in what others wrote; whoever makes a server fetch an address of his
// choice (server-side request forgery) reads what only the server can reach: the metadata service
// of its cloud, the Redis beside it, the neighbours in its network.
//
//	name     is looked up, and the address that is dialled is judged, not the name: a name that
//	         answers a public address first and 127.0.0.1 afterwards gains nothing (DNS rebinding)
//	address  of the public internet only; no loopback, private, link-local, shared, translated,
//	         documentation or multicast address
//	scheme   https only; no password in the address
//	answer   no redirect is followed; size, headers and time are bounded; no proxy of the
//	         environment stands between
//
// Government networks use private addresses. What lies there is named origin by origin in
// [Config].Allow; only for those the address is not judged, and plain http is taken for loopback.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

var (
	// ErrRefused says that an address is none that the server fetches from. Nothing was sent.
	ErrRefused = errors.New("outbound: address refused")
	// ErrTooLarge says that an answer has more bytes than are taken.
	ErrTooLarge = errors.New("outbound: answer too large")
)

// Config of a client. The zero value is good for the public internet.
type Config struct {
	// Allow names origins, such as https://idp.province.internal:8443, whose address is not
	// judged. Plain http is taken for loopback only.
	Allow   []string
	Roots   *x509.CertPool // nil: the system's
	Timeout time.Duration  // of a request with its whole answer; 0: 15 s
	MaxBody int64          // of an answer; 0: 16 MiB
	// Resolver looks names up; nil: the system's. Tests have their own.
	Resolver *net.Resolver
}

// New makes a client. It is safe for concurrent use; one serves the whole process.
func New(cfg Config) (*http.Client, error) {
	if cfg.Timeout < 0 || cfg.MaxBody < 0 {
		return nil, errors.New("outbound: negative bound")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 15 * time.Second
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 16 << 20
	}
	g := &guard{origins: map[string]bool{}, places: map[string]bool{}, maxBody: cfg.MaxBody}
	for _, text := range cfg.Allow {
		if err := g.allow(text); err != nil {
			return nil, err
		}
	}
	open := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second, Resolver: cfg.Resolver}
	guarded := open
	// Control runs for every address after the name was looked up and before anything is sent.
	guarded.Control = func(_, address string, _ syscall.RawConn) error { return judge(address) }
	g.transport = &http.Transport{
		Proxy: nil, // a proxy would be dialled in place of what is judged
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if g.places[strings.ToLower(address)] {
				return open.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		TLSClientConfig: &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2: true, MaxIdleConns: 64, MaxIdleConnsPerHost: 8, MaxConnsPerHost: 32, IdleConnTimeout: time.Minute,
		ResponseHeaderTimeout: cfg.Timeout, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Transport: g, Timeout: cfg.Timeout,
		// A document is where the signed documents say it is; nobody sends us elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// guard judges a request before the transport sees it.
type guard struct {
	origins   map[string]bool // scheme://host:port
	places    map[string]bool // host:port
	maxBody   int64
	transport *http.Transport
}

func (g *guard) allow(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("outbound: %q is not an origin, scheme://host", text)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return fmt.Errorf("outbound: %q: plain http is for this machine only", text)
	}
	g.origins[origin(u)] = true
	g.places[place(u)] = true
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

func place(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func origin(u *url.URL) string { return u.Scheme + "://" + place(u) }

// RoundTrip implements [http.RoundTripper].
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.User != nil:
		return nil, refused(r, fmt.Errorf("%w: a password in the address", ErrRefused))
	case g.origins[origin(r.URL)]:
	case r.URL.Scheme != "https":
		return nil, refused(r, fmt.Errorf("%w: scheme %q", ErrRefused, r.URL.Scheme))
	}
	res, err := g.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > g.maxBody {
		return nil, errors.Join(fmt.Errorf("%w: %d bytes", ErrTooLarge, res.ContentLength), res.Body.Close())
	}
	res.Body = &bounded{ReadCloser: res.Body, left: g.maxBody}
	return res, nil
}

// CloseIdleConnections lets [http.Client] do so.
func (g *guard) CloseIdleConnections() { g.transport.CloseIdleConnections() }

// refused closes the body, as a RoundTripper must also when it fails.
func refused(r *http.Request, err error) error {
	if r.Body != nil {
		return errors.Join(err, r.Body.Close())
	}
	return err
}

// bounded fails once an answer is longer than it may be: a cut answer must not pass for a whole one.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		return int(b.left), ErrTooLarge
	}
	b.left -= int64(n)
	return n, err
}

// judge takes an address that is about to be dialled, host:port.
func judge(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrRefused, address)
	}
	if !Public(to.Addr()) {
		return fmt.Errorf("%w: not on the public internet", ErrRefused)
	}
	return nil
}

// Public reports whether an address is one of the public internet, by the special-purpose
// registries of RFC 6890. IPv6 is taken from 2000::/3 only, and none that carries an IPv4 address
// inside (6to4, Teredo, NAT64): that one could be private.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	for _, text := range special {
		if netip.MustParsePrefix(text).Contains(a) {
			return false
		}
	}
	return true
}

var special = []string{
	"0.0.0.0/8",       // this network
	"100.64.0.0/10",   // shared behind carriers; metadata services of some clouds
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"240.0.0.0/4",     // reserved, broadcast
	"2001::/23",       // protocol assignments, Teredo
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4
	"3fff::/20",       // documentation
}
