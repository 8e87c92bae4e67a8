package verifier

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2" //nolint:depguard // jitter of a pause is no secret
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
)

// FollowConfig says whose status lists to follow. Base and Token are needed.
type FollowConfig struct {
	// Base is the deployment, such as https://cards.example.gov.cn. The changes are not signed: they
	// are worth what its TLS certificate is.
	Base string
	// Token gives an access token with the scope verify, of a client of a relying party. It is asked
	// at each connection; the server ends one whose token has expired.
	Token func(ctx context.Context) (string, error)
	// Prefix of the deployment's status lists, as in the trust list. Default Base + "/status/".
	Prefix string
	// Others is asked for certificates of other domains, and for lists that are not here yet.
	// nil: those are unknown.
	Others StatusSource
	// Client is for the connection; bounds on the time of a whole request are left out. nil: one of
	// its own.
	Client *http.Client
	// MaxBytes bounds the memory. Default 1 GiB: four thousand million certificates.
	MaxBytes int64
}

// FollowedStatus keeps a copy of all status lists of a deployment, two bits a certificate, and
// follows their changes: a revocation is here in milliseconds, and a look-up costs nanoseconds. It
// answers with what it knows and as of when. While it hears nothing that as-of stands still, and a
// [Verifier] takes the status for unknown as soon as it is older than Config.MaxStatusAge.
type FollowedStatus struct {
	cfg    FollowConfig
	client *http.Client

	lists    atomic.Pointer[map[string]*statuslist.Bitmap] // the map is replaced, never changed
	complete atomic.Bool
	mu       sync.Mutex
	err      error // why it is not followed at the moment

	after string // only Run uses it
	bytes int64
}

const (
	followQuiet = 30 * time.Second // without a word; the server speaks every few seconds
	followAgain = time.Second
	maxEvent    = 16 << 20
	maxListName = 256
)

var (
	errStreamEnded = errors.New("verifier: the stream of changes has ended")
	errStreamGap   = errors.New("verifier: the stream of changes has a gap")
)

// FollowStatus returns a source that follows a deployment's status lists while Run runs.
func FollowStatus(cfg FollowConfig) (*FollowedStatus, error) {
	if cfg.Base == "" || cfg.Token == nil || cfg.MaxBytes < 0 {
		return nil, errors.New("verifier: to follow status lists, a base and a token are needed")
	}
	cfg.Base = strings.TrimSuffix(cfg.Base, "/")
	if cfg.Prefix == "" {
		cfg.Prefix = cfg.Base + "/status/"
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 30
	}
	client := *defaultClient(cfg.Client)
	client.Timeout = 0 // the stream has no end
	s := &FollowedStatus{cfg: cfg, client: &client}
	s.lists.Store(&map[string]*statuslist.Bitmap{})
	return s, nil
}

// Status implements [StatusSource].
func (s *FollowedStatus) Status(ctx context.Context, ref statuslist.Reference, home *trustlist.Domain) (StatusAnswer, error) {
	if name, ours := strings.CutPrefix(ref.URI, s.cfg.Prefix); ours {
		if b := (*s.lists.Load())[name]; b != nil {
			status, asOf, err := b.Get(ref.Index)
			if err != nil {
				return StatusAnswer{}, err
			}
			return StatusAnswer{Status: status, AsOf: asOf, Source: "stream"}, nil
		}
	}
	if s.cfg.Others == nil {
		return StatusAnswer{}, ErrStatusUnknown
	}
	return s.cfg.Others.Status(ctx, ref, home)
}

// Ready says whether all lists are here, and if not, why.
func (s *FollowedStatus) Ready() error {
	if s.complete.Load() {
		return nil
	}
	return errors.Join(ErrStatusUnknown, s.Err())
}

// Err returns why the changes are not followed at the moment, or nil.
func (s *FollowedStatus) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *FollowedStatus) tell(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Run follows until ctx ends. A connection that is lost, also for good reasons, is made anew and
// goes on from where it was; where something is missing all lists are read again.
func (s *FollowedStatus) Run(ctx context.Context) error {
	for {
		err := s.follow(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // called off
		}
		if errors.Is(err, errStreamGap) {
			s.after = "" // all lists
		}
		if !errors.Is(err, errStreamEnded) {
			s.tell(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followAgain/2 + rand.N(followAgain)): //nolint:gosec // jitter: those who were cut off together do not come back together
		}
	}
}

// follow is one connection.
func (s *FollowedStatus) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(followQuiet, cancel)
	defer quiet.Stop()
	token, err := s.cfg.Token(ctx)
	if err != nil {
		return fmt.Errorf("verifier: token: %w", err)
	}
	address := s.cfg.Base + "/v1/status/changes"
	if s.after != "" {
		address += "?after=" + url.QueryEscape(s.after)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return fmt.Errorf("verifier: GET %s: %s", s.cfg.Base+"/v1/status/changes", res.Status)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 0, 1<<16), maxEvent)
	event := ""
	for lines.Scan() {
		quiet.Reset(followQuiet)
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			event = value
		case "data":
			if err := s.take(event, value); err != nil {
				return err
			}
			s.tell(nil)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errStreamEnded
}

// streamEvent is what the events have between them; docs/formats.md.
type streamEvent struct {
	After   string    `json:"after"`
	List    string    `json:"list"`
	Size    uint64    `json:"size"`
	Seq     uint64    `json:"seq"`
	AsOf    time.Time `json:"as_of"`
	LST     string    `json:"lst"`
	Changes []struct {
		List    string    `json:"list"`
		Seq     uint64    `json:"seq"`
		AsOf    time.Time `json:"as_of"`
		Entries []uint64  `json:"entries"`
	} `json:"changes"`
	Lists map[string]uint64 `json:"lists"`
}

// take takes one event over. Kinds that are not known are of a newer server.
func (s *FollowedStatus) take(event, data string) error {
	switch event {
	case "list", "changes", "beat", "complete":
	default:
		return nil
	}
	var e streamEvent
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return fmt.Errorf("%w: %w", errStreamGap, err)
	}
	switch event {
	case "list":
		return s.load(e)
	case "changes":
		for _, c := range e.Changes {
			if err := s.advance(c.List, c.Seq, c.Entries, c.AsOf); err != nil {
				return err
			}
		}
	case "beat":
		for list, seq := range e.Lists {
			if err := s.advance(list, seq, nil, e.AsOf); err != nil {
				return err
			}
		}
	case "complete":
		s.complete.Store(true)
	}
	s.after = e.After
	return nil
}

func (s *FollowedStatus) advance(list string, from uint64, entries []uint64, asOf time.Time) error {
	b := (*s.lists.Load())[list]
	if b == nil || len(entries)%2 != 0 {
		return fmt.Errorf("%w: list %q", errStreamGap, list)
	}
	changes := make([]statuslist.Change, 0, len(entries)/2)
	for i := 0; i < len(entries); i += 2 {
		c, err := statuslist.NewChange(entries[i], statuslist.Status(min(entries[i+1], 255)))
		if err != nil {
			return fmt.Errorf("%w: %w", errStreamGap, err)
		}
		changes = append(changes, c)
	}
	if err := b.Advance(from, changes, asOf); err != nil {
		return fmt.Errorf("%w: %w", errStreamGap, err)
	}
	return nil
}

// load takes a whole list over.
func (s *FollowedStatus) load(e streamEvent) error {
	packed, err := base64.RawURLEncoding.DecodeString(e.LST)
	if err != nil {
		return fmt.Errorf("%w: list %q: %w", errStreamGap, e.List, err)
	}
	list, err := statuslist.Decompress(2, packed, e.Size+3)
	if err != nil || e.List == "" || len(e.List) > maxListName {
		return fmt.Errorf("%w: list %q: %w", errStreamGap, e.List, err)
	}
	all := *s.lists.Load()
	if b := all[e.List]; b != nil && b.Size() == e.Size {
		// A list that is behind what is here is of a server that has missed something.
		if err := b.Load(e.Seq, list.Raw(), e.AsOf); err != nil && !errors.Is(err, statuslist.ErrGap) {
			return err
		}
		return nil
	}
	b, err := statuslist.NewBitmap(e.Size, e.Seq, list.Raw(), e.AsOf)
	if err != nil {
		return err
	}
	if s.bytes += int64(b.Bytes()); s.bytes > s.cfg.MaxBytes {
		return fmt.Errorf("verifier: status lists take more than %d bytes", s.cfg.MaxBytes)
	}
	all = maps.Clone(all)
	all[e.List] = b
	s.lists.Store(&all)
	return nil
}
