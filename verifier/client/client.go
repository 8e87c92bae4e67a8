// Package client asks a deployment: it is the part of showcard's SDK for Go that needs the network. A bank
// or a service hall makes one Client and uses it from everywhere.
//
//	c, err := client.New(client.Config{Base: "https://cards.example.gov.cn", ClientID: "bank-1", Key: k})
//	…
//	answer, err := c.Verify(ctx, client.Request{Code: scanned, Purpose: "account-opening"})
//	if err == nil && answer.Outcome == verifier.Valid { … answer.Claims.Text("name") … }
//
// What is wrong with a certificate or a code is in the answer. An error is a [Problem] when the deployment
// refused the request, by stable code, and else what kept it from being reached. The client proves who it
// is by a signed assertion (RFC 7523, private_key_jwt) and keeps the access token until shortly before its
// end. What may go away by itself is tried again: with the same Idempotency-Key, so that a check whose
// answer was lost is not made twice.
//
// What needs no network is in package verifier. The token of a Client is also what fetches bundles and
// settles checks that were made offline: see [Client.Token].
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/retry"
)

// Config says who calls which deployment. Base, ClientID and Key are needed.
type Config struct {
	// Base is the deployment, such as https://cards.example.gov.cn. Plain http is for this machine only.
	Base     string
	ClientID string     // as registered
	Key      key.Signer // the client's
	// PublicURL is the deployment's own, when it is reached at another address.
	PublicURL string
	Client    *http.Client
	// Attempts bounds how often a request is tried that may go away by itself. Default 6.
	Attempts int
	Now      func() time.Time
	// Wait waits between tries; default: for that long, or until ctx ends.
	Wait func(ctx context.Context, d time.Duration) error
}

// Client is a relying party's client of a deployment. It is safe for concurrent use.
type Client struct {
	cfg    Config
	base   string
	client *http.Client

	mu    sync.Mutex // held while a token is fetched: one request, however many wait for it
	token string
	until time.Time
}

// ErrConfig says that a configuration cannot work.
var ErrConfig = errors.New("client: configuration")

// Bounds of requests and answers.
const (
	maxAnswer  = 1 << 20
	timeout    = 30 * time.Second
	askFor     = 20 * time.Second // one request that waits for the holder
	tokenEarly = 30 * time.Second
	// The deployment gives the same answer to the same key for 60 s: later tries would be refused.
	checkWithin = 50 * time.Second
	readWithin  = 2 * time.Minute
)

// New makes a client. It asks nothing yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.Base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%w: Base: want https://HOST without a path", ErrConfig)
	}
	// A token is a bearer secret; in the clear it stays on this machine.
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%w: Base: plain http is for this machine only", ErrConfig)
	}
	if cfg.ClientID == "" || cfg.Key == nil {
		return nil, fmt.Errorf("%w: ClientID and Key are needed", ErrConfig)
	}
	c := &Client{cfg: cfg, base: u.Scheme + "://" + u.Host}
	if c.cfg.PublicURL = strings.TrimSuffix(cfg.PublicURL, "/"); c.cfg.PublicURL == "" {
		c.cfg.PublicURL = c.base
	}
	if c.cfg.Attempts == 0 {
		c.cfg.Attempts = 6
	}
	if c.cfg.Now == nil {
		c.cfg.Now = time.Now
	}
	if c.cfg.Wait == nil {
		c.cfg.Wait = retry.Wait
	}
	plain := http.Client{}
	if cfg.Client != nil {
		plain = *cfg.Client
	}
	// A request with a token goes where it was meant to, or nowhere.
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.client = &plain
	return c, nil
}

// Token returns an access token, kept until shortly before its end. It is what verifier.BundleConfig and
// verifier.SettlementConfig ask for.
func (c *Client) Token(ctx context.Context) (string, error) {
	var token string
	err := c.retry(ctx, readWithin, func() (err error) {
		token, err = c.authorize(ctx)
		return err
	})
	return token, err
}

func (c *Client) authorize(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	if c.token != "" && now.Before(c.until) {
		return c.token, nil
	}
	assertion, err := jose.SignJSON(c.cfg.Key, jose.SignHeader{Type: "client-authentication+jwt"}, map[string]any{
		"iss": c.cfg.ClientID, "sub": c.cfg.ClientID, "aud": c.cfg.PublicURL, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text(),
	})
	if err != nil {
		return "", fmt.Errorf("client: assertion: %w", err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
	res, err := c.once(ctx, http.MethodPost, "/oauth/token", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()), timeout)
	if err != nil {
		return "", err
	}
	var granted struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
	}
	if err := res.json(&granted); err != nil {
		return "", err
	}
	if granted.Token == "" || granted.Seconds <= 0 {
		return "", malformed(res.status, "a token answer without a token")
	}
	life := time.Duration(granted.Seconds) * time.Second
	c.token, c.until = granted.Token, now.Add(life-min(life/5, tokenEarly))
	return c.token, nil
}

// forget drops a token that the deployment does not take any more.
func (c *Client) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

// call makes a request with a token, again where that is safe. key is the Idempotency-Key of a POST.
func (c *Client) call(ctx context.Context, method, path, key string, in any) (*response, error) {
	header := http.Header{}
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		header.Set("Content-Type", "application/json")
	}
	within := readWithin
	if key != "" {
		header.Set("Idempotency-Key", key)
		within = checkWithin
	}
	var res *response
	try := func() (err error) {
		token, err := c.authorize(ctx)
		if err != nil {
			return err
		}
		header.Set("Authorization", "Bearer "+token)
		if res, err = c.once(ctx, method, path, header, body, timeout+askFor); err != nil {
			var p *Problem
			if errors.As(err, &p) && (p.Code == "token-expired" || p.Code == "token-invalid") {
				c.forget(token)
			}
		}
		return err
	}
	err := c.retry(ctx, within, func() error {
		err := try()
		var p *Problem
		if errors.As(err, &p) && (p.Code == "token-expired" || p.Code == "token-invalid") {
			// The deployment restarted with another key, or our clocks differ: once more, with a new one.
			err = try()
		}
		return err
	})
	return res, err
}

// response is an answer that was read whole.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (c *Client) once(ctx context.Context, method, path string, header http.Header, body []byte, within time.Duration) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	req.Header = header.Clone()
	req.Header.Set("Accept", "application/json")
	res, err := c.client.Do(req)
	if err != nil {
		return nil, &UnreachableError{err}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, &UnreachableError{err}
	}
	if len(data) > maxAnswer {
		return nil, malformed(res.StatusCode, "an answer of more than 1 MiB")
	}
	out := &response{res.StatusCode, res.Header, data}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, out.problem(c.cfg.Now())
	}
	return out, nil
}

// json reads an answer. Members that are not known are those of a newer deployment.
func (r *response) json(to any) error {
	if kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return malformed(r.status, "an answer of type "+kind)
	}
	if err := json.Unmarshal(r.body, to); err != nil {
		return malformed(r.status, "an answer that cannot be read: "+err.Error())
	}
	return nil
}

func (r *response) salt() ([]byte, error) {
	salt, err := base64.RawURLEncoding.Strict().DecodeString(r.header.Get("Portrait-Salt"))
	if err != nil || len(salt) == 0 {
		return nil, malformed(r.status, "a portrait without its salt")
	}
	return salt, nil
}
