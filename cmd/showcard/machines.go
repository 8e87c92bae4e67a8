package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
)

// openAccess wires who may call.
func (a *app) openAccess(alg key.Algorithm) error {
	if _, err := signer(a.keys, keyToken, alg); err != nil {
		return err
	}
	certificate, err := clientCertificate(a.cfg)
	if err != nil {
		return err
	}
	a.access, err = access.New(access.Config{
		Issuer: a.cfg.PublicURL, Keys: &tokenKeys{store: a.keys, now: time.Now}, Clients: accessClients(a.registry), Once: a.volatile, Sessions: a.store,
		Fresh: a.registry.Fresh, MaxAge: a.cfg.RegistryMaxAge, Limiter: a.volatile, Note: a.noteVisit, Certificate: certificate, MutualTLS: a.cfg.MTLSURL, Tables: a.tables,
	})
	return err
}

// noteVisit writes into the audit log who got a token, and who did not.
func (a *app) noteVisit(ctx context.Context, v access.Visit) error {
	e := audit.Event{Kind: "client.admitted", Actor: v.Client, Subject: v.Client, Detail: map[string]string{"method": v.Method}}
	if v.Refused != "" {
		e.Kind, e.Detail["code"] = "client.refused", v.Refused
	}
	if v.Client == "" {
		e.Actor, e.Subject = "unknown", ""
	}
	return a.store.Note(ctx, e)
}

// accessClients is the registry as the token endpoint sees it: a client is also suspended while
// the party that it acts for may not check, or while all of its authorities are frozen.
func accessClients(r *registry.Registry) func(string) (access.Client, error) {
	return func(id string) (access.Client, error) {
		c, err := r.Client(id)
		if errors.Is(err, registry.ErrUnknown) {
			return access.Client{}, access.ErrClientUnknown
		}
		if err != nil {
			return access.Client{}, err
		}
		out := access.Client{
			ID: c.ID, Role: httpd.Role(c.Role), Party: c.Party, Authorities: c.Authorities, Scopes: c.Scopes, Keys: c.ActiveKeys(time.Now()),
			Certificates: c.Certificates, Suspended: c.Suspended,
		}
		if !out.Suspended && c.Party != "" {
			out.Because = partyTrouble(r.PartyUsable(c.Party))
			out.Suspended = out.Because != ""
		}
		if !out.Suspended && len(c.Authorities) > 0 && !slices.ContainsFunc(c.Authorities, func(id string) bool {
			authority, err := r.Authority(id)
			return err == nil && !authority.Frozen
		}) {
			out.Suspended, out.Because = true, "issuer-frozen"
		}
		return out, nil
	}
}

// partyTrouble is the code that says why a party may not check.
func partyTrouble(err error) string {
	for _, one := range []struct {
		err  error
		code string
	}{
		{registry.ErrUnknown, "party-unknown"}, {registry.ErrPartySuspended, "party-suspended"}, {registry.ErrPartyRetired, "party-retired"},
		{registry.ErrPartyNotReleased, "party-not-released"}, {registry.ErrPartyNotActive, "party-not-yet-active"},
	} {
		if errors.Is(err, one.err) {
			return one.code
		}
	}
	if err != nil {
		return access.CodeClientSuspended
	}
	return ""
}

// tokenKeys are token/1, token/2… of the keystore. The one with the highest number signs; what
// the one before it has signed is good until it ends. So a stolen key is rotated out twice.
//
// A new key needs no restart: the keystore is read again now and then, and when a token comes
// that another process signed with a key that we have not met.
type tokenKeys struct {
	store *key.Store
	now   func() time.Time

	mu     sync.Mutex
	looked time.Time
	names  []string       // of keys
	keys   []*key.Private // the newest first, at most two
}

const (
	tokenKeysPoll = 2 * time.Second
	tokenKeysMiss = 100 * time.Millisecond // between two readings because of keys that are not known
)

// current returns the keys, read again when the last reading is older than age.
func (k *tokenKeys) current(age time.Duration) ([]*key.Private, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if len(k.keys) > 0 && now.Sub(k.looked) < age {
		return k.keys, nil
	}
	if !k.looked.IsZero() {
		if err := k.store.Reload(); err != nil {
			return k.keys, err
		}
	}
	names := newestKeys(k.store.Names(), "token/", 2)
	if slices.Equal(names, k.names) && len(names) > 0 {
		k.looked = now
		return k.keys, nil
	}
	keys := make([]*key.Private, 0, len(names))
	for _, name := range names {
		one, err := k.store.Signer(name)
		if err != nil {
			return k.keys, err
		}
		keys = append(keys, one)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: token key", key.ErrNotFound)
	}
	k.looked, k.names, k.keys = now, names, keys
	return keys, nil
}

// newestKeys picks the names of a key and its successors, the highest number first.
func newestKeys(names []string, prefix string, limit int) []string {
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(name, prefix))
		if err != nil || n < 1 {
			return 0
		}
		return n
	}
	ours := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, prefix) || number(name) == 0 })
	slices.SortFunc(ours, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
	return ours[:min(len(ours), limit)]
}

func (k *tokenKeys) Signer() (key.Signer, error) {
	keys, err := k.current(tokenKeysPoll)
	if len(keys) == 0 {
		return nil, err
	}
	return keys[0], nil // a keystore that cannot be read now has been read before
}

func (k *tokenKeys) Find(id string) (*key.Public, error) {
	for _, age := range []time.Duration{tokenKeysPoll, tokenKeysMiss} {
		keys, err := k.current(age)
		for _, one := range keys {
			if one.Public().ID() == id {
				return one.Public(), nil
			}
		}
		if len(keys) == 0 {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: token key", key.ErrNotFound)
}

func (k *tokenKeys) Public() ([]*key.Public, error) {
	keys, err := k.current(tokenKeysPoll)
	if len(keys) == 0 {
		return nil, err
	}
	out := make([]*key.Public, len(keys))
	for i, one := range keys {
		out[i] = one.Public()
	}
	return out, nil
}

// checkMachines refuses a configuration of mutual TLS that cannot work.
func (c *config) checkMachines() error {
	if c.RegistryMaxAge == 0 {
		c.RegistryMaxAge = 5 * time.Second
	}
	if c.RegistryMaxAge < time.Second {
		return fmt.Errorf("%w: registry_max_age: at least 1s", errConfig)
	}
	if c.MTLSListen != "" && c.TLSCertificate == "" {
		return fmt.Errorf("%w: mtls_listen needs tls_certificate and tls_key", errConfig)
	}
	if (c.MTLSListen != "" || c.ClientCertHeader) != (c.MTLSURL != "") {
		return fmt.Errorf("%w: mtls_url goes with mtls_listen or client_cert_header", errConfig)
	}
	if u, err := url.Parse(c.MTLSURL); c.MTLSURL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "") {
		return fmt.Errorf("%w: mtls_url: want https://HOST without a path", errConfig)
	}
	if c.ClientCertHeader && len(c.TrustedProxies) == 0 {
		return fmt.Errorf("%w: client_cert_header is believed from trusted_proxies only; name them", errConfig)
	}
	_, err := clientCertificate(*c)
	return err
}

// listeners puts TLS on the door, and opens the one that asks for client certificates beside it.
// It is another one because browsers that have certificates would ask every citizen for hers.
func (a *app) listeners(usual *tls.Config, l net.Listener) ([]net.Listener, error) {
	if usual == nil {
		return []net.Listener{l}, nil
	}
	usual = usual.Clone()
	usual.NextProtos = []string{"h2", "http/1.1"}
	all := []net.Listener{tls.NewListener(l, usual)}
	if a.cfg.MTLSListen == "" {
		return all, nil
	}
	second, err := net.Listen("tcp", a.cfg.MTLSListen)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	asking := usual.Clone()
	asking.ClientAuth = tls.RequestClientCert // proven, not demanded; whose it is, the registry knows
	return append(all, tls.NewListener(second, asking)), nil
}

// clientCertificate finds the certificate of a request: that of the connection, or the one that a
// trusted proxy vouches for in Client-Cert (RFC 9440 §2.2). Anybody else's header counts nothing.
func clientCertificate(c config) (func(*http.Request) *x509.Certificate, error) {
	if !c.ClientCertHeader {
		return nil, nil //nolint:nilnil // access has a default
	}
	var proxies []netip.Prefix
	for _, text := range c.TrustedProxies {
		if !strings.Contains(text, "/") {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%w: trusted_proxies: %w", errConfig, err)
			}
			text += "/" + strconv.Itoa(addr.BitLen())
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%w: trusted_proxies: %w", errConfig, err)
		}
		proxies = append(proxies, p.Masked())
	}
	return func(r *http.Request) *x509.Certificate {
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			return r.TLS.PeerCertificates[0]
		}
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		headers := r.Header.Values("Client-Cert")
		if err != nil || len(headers) != 1 || !slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) }) {
			return nil
		}
		return parseClientCert(headers[0])
	}, nil
}

// parseClientCert reads a byte sequence of RFC 8941 §3.3.5.
func parseClientCert(header string) *x509.Certificate {
	const longest = 16 << 10
	inner, begins := strings.CutPrefix(header, ":")
	inner, ends := strings.CutSuffix(inner, ":")
	if !begins || !ends || len(inner) > longest {
		return nil
	}
	der, err := base64.StdEncoding.Strict().DecodeString(inner)
	if err != nil {
		return nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}
