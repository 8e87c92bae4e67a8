package verifier

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/internal/retry"
)

// SettlementFile is where checks wait: an *os.File that was opened for reading and writing. The codes in it
// are personal data, as readable as they are on a screen: it belongs on a disk that is encrypted.
type SettlementFile interface {
	io.ReadWriteSeeker
	Truncate(size int64) error
	Sync() error
}

// SettlementConfig says where checks wait, and whom they are told to. All but Client and Wait are needed.
type SettlementConfig struct {
	Base  string // the deployment
	Token func(ctx context.Context) (string, error)
	File  SettlementFile
	// Client makes the requests. Wait waits between tries; default: for that long, or until ctx ends.
	Client *http.Client
	Wait   func(ctx context.Context, d time.Duration) error
}

// Settlement is the queue of a counter that checks without a network. What it is given is on the disk
// before Add returns; Push tells the service when there is network, and forgets what was settled. A check
// that was told and not forgotten, because the power went, is told again: the service knows it.
//
//	queue, err := verifier.OpenSettlement(cfg)
//	result := checker.Check(ctx, scanned, verifier.Asked{})
//	err = queue.Add(verifier.Report(scanned, result, "account-opening", verifier.Asked{}))
//	settled, err := queue.Push(ctx)
//
// It is safe for concurrent use. The file belongs to one Settlement.
type Settlement struct {
	cfg    SettlementConfig
	client *http.Client
	push   sync.Mutex // one at a time

	mu      sync.Mutex
	waiting []OfflineReport
	broken  error // of the file: what is on it is not known any more
}

// line is a line of the file: a check that waits, or how many of the first that waited wait no longer.
type line struct {
	Check   *OfflineReport `json:"check,omitempty"`
	Settled int            `json:"settled,omitempty"`
}

// ErrClockAhead says that checks are dated later than the service's clock. They wait.
var ErrClockAhead = errors.New("verifier: this counter's clock is ahead of the service's")

// ErrSettlementFile says that the file holds something else.
var ErrSettlementFile = errors.New("verifier: not a file of checks that wait")

// Report writes down a check for the queue.
func Report(scanned string, r *Result, purpose string, asked Asked) OfflineReport {
	out := OfflineReport{Code: scanned, CheckedAt: r.CheckedAt, Purpose: purpose, Outcome: r.Outcome, Reasons: r.Reasons}
	if r.Status.AsOf != nil {
		out.BundleAsOf = *r.Status.AsOf
	}
	if asked.Nonce != nil {
		out.Asked = &Answered{Nonce: base64.RawURLEncoding.EncodeToString(asked.Nonce)}
	}
	return out
}

// OpenSettlement reads what waits. A last line that was cut off, when the power went, was of a check whose
// Add did not return.
func OpenSettlement(cfg SettlementConfig) (*Settlement, error) {
	if cfg.Base = strings.TrimSuffix(cfg.Base, "/"); cfg.Base == "" || cfg.Token == nil || cfg.File == nil {
		return nil, errors.New("verifier: a settlement needs a base, a token and a file")
	}
	if cfg.Wait == nil {
		cfg.Wait = retry.Wait
	}
	s := &Settlement{cfg: cfg, client: cfg.Client}
	if s.client == nil {
		patient := *defaultClient(nil)
		patient.Timeout = 0 // tell says how long
		s.client = &patient
	}
	if _, err := cfg.File.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var end int64
	lines := bufio.NewReader(cfg.File)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil || (l.Check == nil) == (l.Settled == 0) || l.Settled < 0 || l.Settled > len(s.waiting) {
			return nil, fmt.Errorf("%w: at byte %d", ErrSettlementFile, end)
		}
		if l.Check != nil {
			s.waiting = append(s.waiting, *l.Check)
		}
		s.waiting = s.waiting[l.Settled:]
		end += int64(len(text))
	}
	if err := cfg.File.Truncate(end); err != nil {
		return nil, err
	}
	_, err := cfg.File.Seek(end, io.SeekStart)
	return s, err
}

// Waiting is how many checks wait.
func (s *Settlement) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// Add puts a check into the queue. It is on the disk when Add returns nil.
func (s *Settlement) Add(r OfflineReport) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(line{Check: &r}); err != nil {
		return err
	}
	s.waiting = append(s.waiting, r)
	return nil
}

// write appends a line. After an error nobody knows how much of it is on the disk.
func (s *Settlement) write(l line) error {
	if s.broken != nil {
		return s.broken
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err = s.cfg.File.Write(append(text, '\n')); err == nil {
		err = s.cfg.File.Sync()
	}
	if err != nil {
		s.broken = fmt.Errorf("verifier: settlement: %w", err)
	}
	return s.broken
}

// forget drops the first of the queue. An empty queue is an empty file.
func (s *Settlement) forget(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == 0 {
		return nil
	}
	if err := s.write(line{Settled: n}); err != nil {
		return err
	}
	if s.waiting = s.waiting[n:]; len(s.waiting) > 0 {
		return nil
	}
	s.waiting = nil
	err := s.cfg.File.Truncate(0)
	if err == nil {
		_, err = s.cfg.File.Seek(0, io.SeekStart)
	}
	if err != nil {
		s.broken = fmt.Errorf("verifier: settlement: %w", err)
	}
	return s.broken
}

// SettledReport is a check that was told, and what became of it.
type SettledReport struct {
	Report OfflineReport
	SettledCheck
}

// pushTries is how often a batch is tried before the network counts as gone again. Between two tries are
// twice as many seconds each time, from one, unless the service says how many.
const (
	pushTries = 5
	again     = time.Second
)

// Push tells the service what waits, the oldest first, until nothing does or the service cannot be
// reached. What it returns was settled, also beside an error; what was refused will not be told again.
func (s *Settlement) Push(ctx context.Context) (all []SettledReport, err error) {
	s.push.Lock()
	defer s.push.Unlock()
	for failed := 0; ; {
		s.mu.Lock()
		batch := s.waiting[:min(len(s.waiting), MaxSettled)]
		s.mu.Unlock()
		if len(batch) == 0 {
			return all, nil
		}
		done, wait, err := s.tell(ctx, batch)
		ahead := false
		for i, one := range done {
			if one.State == StateRefused && len(one.Reasons) > 0 && one.Reasons[0] == CodeCheckFromFuture {
				done, ahead = done[:i], true
				break
			}
			all = append(all, SettledReport{batch[i], one})
		}
		if lost := s.forget(len(done)); lost != nil {
			return all, lost
		}
		switch {
		case ahead:
			return all, ErrClockAhead
		case len(done) > 0:
			failed = 0
		default:
			failed++
		}
		if err != nil && (wait == 0 || failed >= pushTries) {
			return all, err
		}
		if wait == again && failed > 1 {
			wait <<= failed - 1
		}
		if wait > 0 {
			if wait > time.Minute { // the day's quota, say: another Push
				return all, &RateLimitedError{RetryAfter: wait}
			}
			if err := s.cfg.Wait(ctx, wait); err != nil {
				return all, err
			}
		}
	}
}

// tell sends a batch. wait is after how long another try may help; 0 with an error: none does.
func (s *Settlement) tell(ctx context.Context, batch []OfflineReport) (done []SettledCheck, wait time.Duration, err error) {
	body, err := json.Marshal(struct {
		Checks []OfflineReport `json:"checks"`
	}{batch})
	if err != nil {
		return nil, 0, err
	}
	token, err := s.cfg.Token(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("verifier: token: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.Base+"/v1/verifications/offline", bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := s.client.Do(req)
	if err != nil {
		return nil, again, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, again, err
	}
	if res.StatusCode != http.StatusOK {
		err = fmt.Errorf("verifier: settlement at %s: %s: %.300s", s.cfg.Base, res.Status, data)
		if retry.Passing(res.StatusCode) || res.StatusCode == http.StatusInternalServerError {
			wait = cmp.Or(retry.After(res.Header.Get("Retry-After"), time.Now()), again)
		}
		return nil, wait, err
	}
	var answer struct {
		Checks     []SettledCheck `json:"checks"`
		RetryAfter int            `json:"retry_after"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, again, fmt.Errorf("verifier: settlement: %w", err)
	}
	if n := len(answer.Checks); n == 0 {
		return nil, again, errors.New("verifier: settlement: no answers")
	} else if n > len(batch) {
		return nil, 0, fmt.Errorf("verifier: settlement: %d answers to %d checks", len(answer.Checks), len(batch))
	}
	if len(answer.Checks) < len(batch) {
		wait = max(again, time.Duration(answer.RetryAfter)*time.Second)
	}
	return answer.Checks, wait, nil
}
