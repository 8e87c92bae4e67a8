package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

var (
	errAway       = errors.New("the provider is out of service")
	errTooLarge   = errors.New("answer too large")
	errRedirected = errors.New("redirected elsewhere")
)

const (
	// patience bounds one request to a provider, from dialling to the last byte: a browser waits.
	patience = 10 * time.Second
	// maxAnswer bounds what a provider may send. Key sets and tokens are far smaller.
	maxAnswer = 1 << 20
)

// bounded makes of a client one that is fit to talk to a provider: in bounded time, to bounded
// size, and without following redirects, which could lead anywhere and would carry our assertion.
func bounded(c *http.Client, wait time.Duration) *http.Client {
	own := *c
	if own.Timeout == 0 || own.Timeout > wait {
		own.Timeout = wait
	}
	own.Jar = nil
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirected }
	own.Transport = limited{own.Transport}
	return &own
}

// limited is a transport whose answers end with an error when they are too large, and for which
// a server that says that it is out of service is as good as away.
type limited struct{ inner http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%w: status %d", errAway, resp.StatusCode)
	}
	resp.Body = &limitedBody{resp.Body, maxAnswer}
	return resp, nil
}

type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// getJSON fetches a document of a provider.
func getJSON(ctx context.Context, c *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return nil, reach(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, reach(ctx, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: %s answers %d", ErrProvider, req.URL.Path, resp.StatusCode)
	case !json.Valid(body):
		return nil, fmt.Errorf("%w: %s is not JSON", ErrProvider, req.URL.Path)
	}
	return body, nil
}
