package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/retry"
)

// connection says whom to talk to and who we are. What is not given is read from the demo.json
// of a data folder.
type connection struct {
	Data    string `placeholder:"DIR" env:"SHOWCARD_DATA" help:"Data folder of a demo. What is not given below is read from its demo.json (default ./showcard-data)."`
	Server  string `placeholder:"URL" env:"SHOWCARD_SERVER" help:"Public URL of the deployment, such as https://cards.example.gov.cn."`
	Client  string `placeholder:"ID" env:"SHOWCARD_CLIENT" help:"Client id, as registered with the deployment."`
	Key     string `placeholder:"FILE" env:"SHOWCARD_KEY" help:"The client's private JWK, as keygen --out makes it."`
	Cert    string `placeholder:"FILE" env:"SHOWCARD_CERT" help:"PEM file of the TLS certificate by which the client proves who it is, instead of --key (RFC 8705); --server is then the address that asks for certificates."`
	CertKey string `placeholder:"FILE" env:"SHOWCARD_CERT_KEY" help:"PEM file of the certificate's private key."`
	CA      string `name:"ca" placeholder:"FILE" env:"SHOWCARD_CA" help:"PEM file of certificate authorities to trust for TLS besides the system's."`
}

// demoFile is what the tools read of DATA/demo.json.
type demoFile struct {
	BaseURL      string       `json:"base_url"`
	TrustListURL string       `json:"trust_list_url"`
	Callers      []demoCaller `json:"callers"`
}

type demoCaller struct {
	ClientID string   `json:"client_id"`
	Role     string   `json:"role"`
	KeyFile  string   `json:"key_file"`
	Scopes   []string `json:"scopes"`
}

const defaultData = "showcard-data"

func (c connection) folder() string {
	if c.Data == "" {
		return defaultData
	}
	return c.Data
}

func (c connection) demo() (demoFile, error) {
	var d demoFile
	data, err := os.ReadFile(filepath.Join(c.folder(), "demo.json"))
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("%w: %s: %w", errConfig, filepath.Join(c.folder(), "demo.json"), err)
	}
	return d, nil
}

// resolve makes the client that may do what scope says.
func (c connection) resolve(scope string) (*client, error) {
	server, id, keyFile, public := c.Server, c.Client, c.Key, ""
	switch {
	case (c.Cert == "") != (c.CertKey == ""):
		return nil, fmt.Errorf("%w: --cert and --cert-key go together", errConfig)
	case c.Cert != "" && (server == "" || id == "" || keyFile != ""):
		return nil, fmt.Errorf("%w: with --cert give --server and --client, and no --key", errConfig)
	}
	if c.Cert == "" && (server == "" || id == "" || keyFile == "") {
		d, err := c.demo()
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: give --server, --client and --key, or --data of a demo (there is no demo.json in %s)", errConfig, c.folder())
		}
		if err != nil {
			return nil, err
		}
		if public = d.BaseURL; server == "" {
			server = d.BaseURL
		}
		caller, err := d.caller(id, scope)
		if err != nil {
			return nil, err
		}
		id = caller.ClientID
		if keyFile == "" {
			keyFile = caller.KeyFile
			if !filepath.IsAbs(keyFile) {
				keyFile = filepath.Join(c.folder(), keyFile)
			}
		}
	}
	var signer key.Signer // nil: the certificate of the connection does it
	if c.Cert == "" {
		var err error
		if signer, err = key.ReadFile(keyFile); err != nil {
			return nil, fmt.Errorf("key of client %s: %w", id, err)
		}
	}
	h, err := c.http()
	if err != nil {
		return nil, err
	}
	return newClientFor(server, public, id, signer, h)
}

func (d demoFile) caller(id, scope string) (demoCaller, error) {
	var able []demoCaller
	var names []string
	for _, one := range d.Callers {
		if one.ClientID == id {
			return one, nil
		}
		if scope == "" || slices.Contains(one.Scopes, scope) {
			able = append(able, one)
			names = append(names, one.ClientID)
		}
	}
	switch {
	case id != "":
		return demoCaller{}, fmt.Errorf("%w: --client %s: the demo has %s", errConfig, id, strings.Join(names, ", "))
	case len(able) == 1:
		return able[0], nil
	}
	return demoCaller{}, fmt.Errorf("%w: --client: say which one of %s", errConfig, strings.Join(names, ", "))
}

// http makes a client that trusts the system's authorities and those of --ca, and that never
// follows a redirect: nobody sends our token elsewhere.
func (c connection) http() (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if c.CA != "" {
		data, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, err
		}
		if !roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%w: --ca %s: no certificate in it", errConfig, c.CA)
		}
	}
	tlsConfig := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.CertKey)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		tlsConfig.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSClientConfig: tlsConfig, TLSHandshakeTimeout: 10 * time.Second,
			// An upload that will be refused need not be sent.
			ExpectContinueTimeout: 2 * time.Second, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// client talks to a deployment as one registered client. It is safe for concurrent use.
type client struct {
	base   string // where requests go
	aud    string // public URL: what assertions are made out to
	id     string
	scope  string // asked for; empty is all that the client has
	signer key.Signer
	http   *http.Client

	now      func() time.Time
	wait     func(context.Context, time.Duration) error
	attempts int           // of a request that may be repeated
	idle     time.Duration // a request in which nothing moves for so long is given up
	// notify tells the person why she waits.
	notify func(wait time.Duration, err error)

	mu     sync.Mutex
	bearer string
	until  time.Time
}

// newClientFor makes a client of the deployment whose public URL is public and which answers at
// server: the same address, but for who stands beside it.
func newClientFor(server, public, id string, signer key.Signer, h *http.Client) (*client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%w: --server: want https://HOST without a path", errConfig)
	}
	// A token is a bearer secret; in the clear it stays on this machine.
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("%w: --server: plain http is for this machine only", errConfig)
	}
	if public == "" {
		public = u.Scheme + "://" + u.Host
	}
	return &client{
		base: u.Scheme + "://" + u.Host, aud: public, id: id, signer: signer, http: h,
		now: time.Now, wait: retry.Wait, attempts: 6, idle: 2 * time.Minute, notify: func(time.Duration, error) {},
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// retry does something until it succeeds, fails for good, or the attempts are over.
func (c *client) retry(ctx context.Context, attempts int, again func(error) bool, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n >= attempts || !again(err) {
			return err
		}
		var after time.Duration
		if a := (*answerError)(nil); errors.As(err, &a) {
			if after = a.RetryAfter; after > retry.MaxAfter {
				return err
			}
		}
		pause := retry.Pause(n, after)
		c.notify(pause, err)
		if err := c.wait(ctx, pause); err != nil {
			return err
		}
	}
}

// passing says that an error may go away by itself.
func passing(err error) bool {
	var a *answerError
	if errors.As(err, &a) {
		return retry.Passing(a.Status)
	}
	var untrusted *tls.CertificateVerificationError
	return codeOf(err) == "server-unreachable" && !errors.As(err, &untrusted)
}

// token returns an access token, made anew shortly before the old one ends.
func (c *client) token(ctx context.Context) (access.Granted, error) {
	var granted access.Granted
	err := c.retry(ctx, c.attempts, passing, func() error {
		form, err := c.proof()
		if err != nil {
			return err
		}
		if c.scope != "" {
			form.Set("scope", c.scope)
		}
		resp, err := c.once(ctx, request{
			method: http.MethodPost, path: "/oauth/token", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			body: bytesBody([]byte(form.Encode())), public: true,
		})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if err := readJSON(resp, &granted); err != nil {
			return err
		}
		if granted.AccessToken == "" {
			return malformed("the token endpoint gave no token")
		}
		return nil
	})
	return granted, err
}

// proof is the form of a token request: with a signed assertion, or with the client's name alone
// when its certificate speaks for it.
func (c *client) proof() (url.Values, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if c.signer == nil {
		form.Set("client_id", c.id)
		return form, nil
	}
	assertion, err := access.Assert(c.signer, c.id, c.aud, c.now())
	if err != nil {
		return nil, err
	}
	form.Set("client_assertion_type", access.AssertionType)
	form.Set("client_assertion", assertion)
	return form, nil
}

func (c *client) authorization(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bearer == "" || !c.now().Before(c.until) {
		granted, err := c.token(ctx)
		if err != nil {
			return "", err
		}
		life := time.Duration(granted.ExpiresIn) * time.Second
		c.bearer, c.until = granted.AccessToken, c.now().Add(life-min(life/5, 30*time.Second))
	}
	return "Bearer " + c.bearer, nil
}

// forget drops a token that the server does not take any more.
func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bearer = ""
}

// call sends JSON and reads JSON. idempotencyKey is for POST; a POST without one is not repeated.
func (c *client) call(ctx context.Context, method, path string, in any, idempotencyKey string, out any) error {
	r := request{method: method, path: path, header: http.Header{}}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r.header.Set("Content-Type", "application/json")
		r.body = bytesBody(body)
	}
	if idempotencyKey != "" {
		r.header.Set("Idempotency-Key", idempotencyKey)
	}
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return readJSON(resp, out)
}

// send repeats what may be repeated. The response is a success; its body is the caller's to close.
func (c *client) send(ctx context.Context, r request) (*http.Response, error) {
	attempts := 1
	if r.method != http.MethodPost || r.header.Get("Idempotency-Key") != "" {
		attempts = c.attempts
	}
	var resp *http.Response
	err := c.retry(ctx, attempts, passing, func() (err error) {
		resp, err = c.once(ctx, r) //nolint:bodyclose // the caller closes it; with an error there is none
		if code := codeOf(err); code == "token-expired" || code == "token-invalid" {
			// The server restarted with another key, or our clocks differ: once more, with a new one.
			c.forget()
			resp, err = c.once(ctx, r) //nolint:bodyclose // as above
		}
		return err
	})
	return resp, err
}
