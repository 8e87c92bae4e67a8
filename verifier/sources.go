package verifier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
)

// ErrStatusUnknown says that the source holds nothing on a status list.
var ErrStatusUnknown = errors.New("verifier: status unknown")

var errOlderList = errors.New("verifier: status list older than one already seen")

// CachedStatus asks the cache that this deployment's issuers keep filled, and a second source
// for certificates of other domains.
type CachedStatus struct {
	Prefix string // of our own status lists, as in the trust list
	Size   uint64 // entries of our own lists
	Cache  StatusCache
	Others StatusSource
}

// Status implements [StatusSource].
func (s CachedStatus) Status(ctx context.Context, ref statuslist.Reference, home *trustlist.Domain) (StatusAnswer, error) {
	list, ours := strings.CutPrefix(ref.URI, s.Prefix)
	if !ours {
		if s.Others == nil {
			return StatusAnswer{}, ErrStatusUnknown
		}
		return s.Others.Status(ctx, ref, home)
	}
	if ref.Index >= s.Size {
		return StatusAnswer{}, fmt.Errorf("%w: %d of %d", statuslist.ErrIndex, ref.Index, s.Size)
	}
	status, asOf, known, err := s.Cache.Lookup(ctx, list, ref.Index)
	if err != nil {
		return StatusAnswer{}, err
	}
	if !known {
		return StatusAnswer{}, ErrStatusUnknown
	}
	return StatusAnswer{Status: statuslist.Status(status), AsOf: asOf, Source: "cache"}, nil
}

const (
	retryAfter   = time.Second     // after a fetch that failed
	maxListAge   = 5 * time.Minute // bounds what the ttl of a list can talk us into
	maxListBytes = 16 << 20
)

// fetch gets a small document with bounds on time, size and redirects.
func fetch(ctx context.Context, client *http.Client, url, accept string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("verifier: GET %s: %s", url, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxListBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxListBytes {
		return nil, fmt.Errorf("verifier: GET %s: more than %d bytes", url, maxListBytes)
	}
	return body, nil
}

func defaultClient(c *http.Client) *http.Client {
	if c != nil {
		return c
	}
	return &http.Client{
		Timeout: 15 * time.Second,
		// A list is where the signed documents say it is; nobody sends us elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RemoteStatus fetches signed status lists and keeps each for its ttl. What it keeps was
// verified under the key that the trust list gives the domain.
type RemoteStatus struct {
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	lists map[string]*remoteList
}

type remoteList struct {
	mu      sync.Mutex // one fetch at a time per list
	token   *statuslist.Token
	kid     string // of its signer
	signer  *key.Public
	fetched time.Time
	failed  time.Time
	err     error
}

// FetchStatus returns a source that fetches status lists over HTTP.
func FetchStatus(client *http.Client) *RemoteStatus {
	return &RemoteStatus{client: defaultClient(client), now: time.Now, lists: map[string]*remoteList{}}
}

// Status implements [StatusSource].
func (s *RemoteStatus) Status(ctx context.Context, ref statuslist.Reference, home *trustlist.Domain) (StatusAnswer, error) {
	s.mu.Lock()
	l, ok := s.lists[ref.URI]
	if !ok {
		if len(s.lists) >= 4096 { // bounded: every URI here lies under a trusted domain's prefix
			clear(s.lists)
		}
		l = &remoteList{}
		s.lists[ref.URI] = l
	}
	s.mu.Unlock()

	l.mu.Lock()
	defer l.mu.Unlock()
	now := s.now()
	stale := l.token == nil || now.Sub(l.fetched) >= l.token.TTL || !now.Before(l.token.Expires)
	if stale && now.Sub(l.failed) > retryAfter {
		token, kid, signer, err := s.fetch(ctx, ref.URI, home, now)
		if err == nil && l.token != nil && token.IssuedAt.Before(l.token.IssuedAt) {
			err = errOlderList
		}
		if err != nil {
			l.err, l.failed = err, now
		} else {
			l.token, l.kid, l.signer, l.fetched, l.err = token, kid, signer, now, nil
		}
	}
	if l.token == nil {
		return StatusAnswer{}, l.err
	}
	// The key may have been frozen since the list was kept: ask the trust list each time.
	k, err := home.StatusKey(l.kid, l.token.IssuedAt)
	if err == nil && !k.Equal(l.signer) {
		err = fmt.Errorf("%w: another key has its id", trustlist.ErrKeyUnknown)
	}
	if err != nil {
		l.token, l.err = nil, err // perhaps there is one by a better key
		return StatusAnswer{}, err
	}
	status, err := l.token.List.Get(ref.Index)
	if err != nil {
		return StatusAnswer{}, err
	}
	return StatusAnswer{Status: status, AsOf: l.token.IssuedAt, Source: "list", MaxAge: min(2*l.token.TTL, maxListAge)}, nil
}

func (s *RemoteStatus) fetch(ctx context.Context, uri string, home *trustlist.Domain, now time.Time) (*statuslist.Token, string, *key.Public, error) {
	text, err := fetch(ctx, s.client, uri, "application/statuslist+jwt")
	if err != nil {
		return nil, "", nil, err
	}
	u, err := statuslist.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, "", nil, err
	}
	k, err := home.StatusKey(u.Header.KeyID, u.IssuedAt)
	if err != nil {
		return nil, "", nil, err
	}
	token, err := u.Verify(k, uri, now)
	return token, u.Header.KeyID, k, err
}
