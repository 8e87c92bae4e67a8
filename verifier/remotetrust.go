package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/trustlist"
)

// RemoteTrust keeps a deployment's trust list at hand. It starts from pinned roots, follows
// the chain of newer roots, refuses a list older than one it has seen, and goes on answering
// from the last good list while the network is away, until that list expires.
type RemoteTrust struct {
	base   string
	client *http.Client
	now    func() time.Time
	renew  time.Duration

	mu      sync.Mutex
	roots   *trustlist.Roots
	list    *trustlist.List
	fetched time.Time
	lastErr error
	walked  time.Time // when newer roots were looked for last
	newest  int64     // seen before this process began
	// seenRoots is the version of the newest roots that were ever taken.
	seenRoots int64
	memory    string // file that keeps it; "" for none
}

// FetchTrust returns the trust list of the deployment at base, such as
// https://cards.example.gov.cn. The pinned roots come from the operator on a safe way, not
// from that address.
func FetchTrust(base string, pinnedRoots []byte, client *http.Client) (*RemoteTrust, error) {
	roots, err := trustlist.ParseRoots(pinnedRoots)
	if err != nil {
		return nil, fmt.Errorf("verifier: pinned roots: %w", err)
	}
	return &RemoteTrust{base: strings.TrimSuffix(base, "/"), client: defaultClient(client), now: time.Now, renew: time.Minute, roots: roots}, nil
}

// Current implements [TrustSource].
func (t *RemoteTrust) Current(ctx context.Context) (*trustlist.List, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	wait := t.renew
	if t.lastErr != nil {
		wait = retryAfter // a failing server is not asked at every verification
	}
	if t.fetched.IsZero() || now.Sub(t.fetched) > wait {
		t.lastErr = t.refresh(ctx, now)
		t.fetched = now
	}
	if t.list == nil {
		return nil, t.lastErr
	}
	if err := t.list.Fresh(now); err != nil {
		return nil, err
	}
	return t.list, nil
}

// Err returns why the last renewal failed, or nil.
func (t *RemoteTrust) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lastErr
}

func (t *RemoteTrust) refresh(ctx context.Context, now time.Time) error {
	text, err := fetch(ctx, t.client, t.base+"/v1/trust-list", "application/jose")
	if err != nil {
		return err
	}
	newest := t.newest
	if t.list != nil {
		newest = max(newest, t.list.Version)
	}
	list, err := t.roots.Verify(string(text), now, newest)
	if errors.Is(err, trustlist.ErrRolledBack) {
		return err
	}
	roots := t.roots
	// The list may be signed by a key that only newer roots name, or that only newer roots drop.
	if err != nil || roots.Version < t.seenRoots || t.walked.IsZero() || now.Sub(t.walked) >= rootsRenew {
		if roots, list, err = t.walk(ctx, string(text), now, newest, list, err); err != nil {
			return err
		}
		t.walked = now
	}
	if list.Version > newest || roots != t.roots {
		if err := t.remember(list.Version, roots.Version); err != nil {
			return err
		}
	}
	t.roots, t.list, t.seenRoots = roots, list, max(t.seenRoots, roots.Version)
	return nil
}

// rootsRenew is how often newer roots are looked for, also when the list fits those at hand.
const rootsRenew = time.Hour

var errOldRoots = errors.New("verifier: newer roots were seen before than the server offers")

// maxRootSteps bounds how far one renewal walks: a rotation a month for ten years.
const maxRootSteps = 120

// walk goes from the roots we trust to the newest, each vouched for by the one before, and has
// those judge the list. When they refuse it none are taken: the list is to blame, and may come right.
func (t *RemoteTrust) walk(ctx context.Context, text string, now time.Time, newest int64, list *trustlist.List, judged error) (*trustlist.Roots, *trustlist.List, error) {
	roots := t.roots
	for range maxRootSteps {
		data, err := fetch(ctx, t.client, t.base+"/v1/trust-list/roots?version="+strconv.FormatInt(roots.Version+1, 10), "application/json")
		if err != nil {
			break // there are no newer ones, or they cannot be had
		}
		next, err := roots.Next(data, now)
		if err != nil { // what does not follow is no newer root set
			if judged != nil {
				judged = errors.Join(judged, err)
			}
			break
		}
		roots = next
		list, judged = roots.Verify(text, now, newest)
	}
	if judged == nil && roots.Version < t.seenRoots {
		judged = errOldRoots
	}
	return roots, list, judged
}

// remembered is what a state file holds.
type remembered struct {
	List  int64 `json:"trust_list_version"`
	Roots int64 `json:"roots_version,omitempty"`
}

// Remember keeps the newest versions of list and roots in a file, so that a restart does not make a
// verifier believe an older list again, or one by a key that the roots have dropped since. The file belongs to this one verifier.
func (t *RemoteTrust) Remember(path string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("verifier: %w", err)
	}
	if err == nil {
		var seen remembered
		// A file that cannot be read may have been more: to begin anew is for a person to decide.
		if err := json.Unmarshal(data, &seen); err != nil || seen.List < 1 {
			return fmt.Errorf("verifier: %s is not the memory of a verifier", path)
		}
		t.newest, t.seenRoots = max(t.newest, seen.List), max(t.seenRoots, seen.Roots)
	}
	t.memory = path
	return nil
}

func (t *RemoteTrust) remember(list, roots int64) error {
	if t.memory == "" {
		return nil
	}
	data, err := json.Marshal(remembered{List: list, Roots: roots})
	if err != nil {
		return fmt.Errorf("verifier: %w", err)
	}
	if err := replaceFile(t.memory, data); err != nil {
		return fmt.Errorf("verifier: memory of the trust list: %w", err)
	}
	return nil
}
