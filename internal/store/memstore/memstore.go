// Package memstore keeps in process what may be lost: codes in flight, claims on them,
// challenges, counters and the cache of the status lists. It is the volatile side of a
// deployment of one process, and the twin of redisstore: both pass the same suites in
// storetest, and configuration chooses between them.
//
// Three rules hold for everything in it:
//
//   - Every entry has an end, read from Config.Now. There is no goroutine: a call that touches
//     a shard clears away a few of the entries that have ended there.
//   - Memory is bounded by counts. When a table is full of entries that still count, new ones
//     are refused with [ErrFull]; nothing is dropped to make room, because a forgotten claim or
//     assertion could be used twice.
//   - What is not there is unknown, never good. A status list that nobody has put in is not a
//     list of valid certificates.
//
// A look-up of a status takes no lock; see status.go.
package memstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// ErrFull says that a table holds as much as it may.
var ErrFull = errors.New("memstore: full")

// Names come from URLs and signed tokens. Ours are short; what is longer is not ours.
const maxName = 256

var errKeep = errors.New("memstore: an entry must be kept for more than no time")

// Config bounds a store. The zero value is good.
type Config struct {
	Now func() time.Time // default time.Now
	// MaxEntries bounds each table (shows, codes, challenges, assertions, counters) by itself,
	// so that a flood of one kind leaves the others alone. Default 262,144: with the wallet's
	// defaults that is some 200 shows a second, and about 350 MB when all tables are full.
	MaxEntries int
	// MaxListeners bounds the pages and checks that wait for an event. Default 16,384.
	MaxListeners int
	// MaxLists bounds the status lists; one of 2^20-256 entries takes 256 KiB. Default 4,096.
	MaxLists int
}

// Store is safe for concurrent use. It needs no closing; its method Close ends a show.
type Store struct {
	now        func() time.Time
	shows      *table[string, show]
	people     *table[string, []string] // ids of shows by who made them
	bell       *wallet.Exchange
	tickets    *table[[32]byte, wallet.Ticket]
	challenges *table[[32]byte, struct{}]
	seen       *table[[32]byte, struct{}]
	counters   *table[[32]byte, int64] // theoretical arrival time, microseconds
	lists      lists
	stream     stream // of what happens to the lists
}

// show is what is known of a show: at least one of open and closed is set.
type show struct {
	open     *wallet.Show // never changed once it is here
	closed   bool
	claimant string
	lease    int64 // end of the claim, microseconds
}

// New makes an empty store.
func New(cfg Config) (*Store, error) {
	if cfg.MaxEntries < 0 || cfg.MaxLists < 0 || cfg.MaxListeners < 0 {
		return nil, errors.New("memstore: negative bound")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxEntries == 0 {
		cfg.MaxEntries = 1 << 18
	}
	if cfg.MaxListeners == 0 {
		cfg.MaxListeners = 1 << 14
	}
	if cfg.MaxLists == 0 {
		cfg.MaxLists = 1 << 12
	}
	return &Store{
		now:        cfg.Now,
		shows:      newTable[string, show](cfg.MaxEntries),
		people:     newTable[string, []string](cfg.MaxEntries),
		bell:       wallet.NewExchange(cfg.MaxListeners),
		tickets:    newTable[[32]byte, wallet.Ticket](cfg.MaxEntries),
		challenges: newTable[[32]byte, struct{}](cfg.MaxEntries),
		seen:       newTable[[32]byte, struct{}](cfg.MaxEntries),
		counters:   newTable[[32]byte, int64](cfg.MaxEntries),
		lists:      lists{max: cfg.MaxLists},
	}, nil
}

// begin is the start of every call that stores: the moment, and the end of what is stored.
func (s *Store) begin(ctx context.Context, keep time.Duration) (now, until int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	if keep <= 0 {
		return 0, 0, errKeep
	}
	now = s.now().UnixMicro()
	return now, now + micros(keep), nil
}

// micros rounds up: nothing is to end sooner than it was asked for.
func micros(d time.Duration) int64 {
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}

// PutShow implements [wallet.Shows]. A show that was closed stays closed.
func (s *Store) PutShow(ctx context.Context, sh wallet.Show, keep time.Duration) error {
	now, until, err := s.begin(ctx, keep)
	if err != nil {
		return err
	}
	if sh.ID == "" || len(sh.ID) > maxName {
		return fmt.Errorf("memstore: show id of %d bytes", len(sh.ID))
	}
	sh.Fields, sh.Blocked = slices.Clone(sh.Fields), slices.Clone(sh.Blocked)
	err = s.shows.edit(sh.ID, now, until, func(v *show, _ bool) bool {
		v.open = &sh
		return true
	})
	if err != nil {
		return err
	}
	return s.index(sh, now, until)
}

// Show implements [wallet.Shows].
func (s *Store) Show(ctx context.Context, id string) (wallet.Show, bool, error) {
	if err := ctx.Err(); err != nil {
		return wallet.Show{}, false, err
	}
	v, ok := s.shows.get(id, s.now().UnixMicro())
	if !ok || v.open == nil {
		return wallet.Show{}, v.closed, wallet.ErrShowUnknown
	}
	sh := *v.open
	sh.Fields, sh.Blocked = slices.Clone(sh.Fields), slices.Clone(sh.Blocked)
	return sh, v.closed, nil
}

// PutTicket implements [wallet.Shows].
func (s *Store) PutTicket(ctx context.Context, digest [32]byte, t wallet.Ticket, keep time.Duration) error {
	now, until, err := s.begin(ctx, keep)
	if err != nil {
		return err
	}
	if t.ShowID == "" || len(t.ShowID) > maxName {
		return fmt.Errorf("memstore: code with a show id of %d bytes", len(t.ShowID))
	}
	return s.tickets.edit(digest, now, until, func(v *wallet.Ticket, _ bool) bool {
		*v = t
		return true
	})
}

// Ticket implements [wallet.Shows].
func (s *Store) Ticket(ctx context.Context, digest [32]byte) (wallet.Ticket, error) {
	if err := ctx.Err(); err != nil {
		return wallet.Ticket{}, err
	}
	t, ok := s.tickets.get(digest, s.now().UnixMicro())
	if !ok {
		return wallet.Ticket{}, wallet.ErrTicketUnknown
	}
	return t, nil
}

// Claim implements [wallet.Shows]. A repeated claim starts the lease anew. A show that is not
// here cannot be claimed: that is wallet.ErrShowUnknown.
func (s *Store) Claim(ctx context.Context, showID, claimant string, lease time.Duration) error {
	now, until, err := s.begin(ctx, lease)
	if err != nil {
		return err
	}
	if claimant == "" {
		return errors.New("memstore: a claim without claimant")
	}
	answer := wallet.ErrShowUnknown
	// The lease ends by itself; it does not lengthen the life of the show.
	err = s.shows.edit(showID, now, 0, func(v *show, found bool) bool {
		switch {
		case !found:
			return false
		case v.closed, v.claimant != claimant && v.lease > now:
			answer = wallet.ErrTicketTaken
			return false
		case v.open == nil:
			return false
		}
		v.claimant, v.lease = claimant, until
		answer = nil
		return true
	})
	if err != nil {
		return err
	}
	return answer
}

// Close implements [wallet.Shows]. That a show is closed is remembered for at least as long as
// the show itself, so that it cannot open again; a show that is not here is closed as well.
func (s *Store) Close(ctx context.Context, showID string, keep time.Duration) error {
	now, until, err := s.begin(ctx, keep)
	if err != nil {
		return err
	}
	if showID == "" || len(showID) > maxName {
		return fmt.Errorf("memstore: show id of %d bytes", len(showID))
	}
	return s.shows.edit(showID, now, until, func(v *show, _ bool) bool {
		v.closed, v.claimant, v.lease = true, "", 0
		return true
	})
}

// PutChallenge implements [verifier.Challenges].
func (s *Store) PutChallenge(ctx context.Context, nonce, caller string, keep time.Duration) error {
	now, until, err := s.begin(ctx, keep)
	if err != nil {
		return err
	}
	if nonce == "" || caller == "" {
		return errors.New("memstore: a challenge needs a nonce and a caller")
	}
	return s.challenges.edit(digest(nonce, caller), now, until, func(*struct{}, bool) bool { return true })
}

// TakeChallenge implements [verifier.Challenges]. The caller is part of what is looked for, so
// nobody can use up a challenge that was made for another.
func (s *Store) TakeChallenge(ctx context.Context, nonce, caller string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.challenges.remove(digest(nonce, caller), s.now().UnixMicro()) {
		return verifier.ErrChallengeUnknown
	}
	return nil
}

// Once says whether the key is seen for the first time, and remembers it.
func (s *Store) Once(ctx context.Context, key string, keep time.Duration) (first bool, err error) {
	now, until, err := s.begin(ctx, keep)
	if err != nil {
		return false, err
	}
	if key == "" {
		return false, errors.New("memstore: an empty key")
	}
	err = s.seen.edit(digest(key), now, until, func(_ *struct{}, found bool) bool {
		first = !found
		return first
	})
	return first && err == nil, err
}

// Allow counts a request against perMinute by the generic cell rate algorithm (ITU-T I.371
// annex A): a caller that was quiet may send a minute's worth at once, and from then on one
// request each 60 s / perMinute. retryAfter is how long until the next one is let in.
func (s *Store) Allow(ctx context.Context, key string, perMinute int) (ok bool, retryAfter time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return false, 0, err
	}
	if key == "" || perMinute <= 0 {
		return false, 0, fmt.Errorf("memstore: a limit of %d a minute, or no key", perMinute)
	}
	rate := min(int64(perMinute), micros(time.Minute))
	interval := (micros(time.Minute) + rate - 1) / rate // rounded up: never more than the limit
	burst := interval * rate
	now := s.now().UnixMicro()
	id := digest(key)
	err = s.counters.edit(id, now, now+burst, func(arrival *int64, _ bool) bool {
		// Not later than a full burst from now: after a clock was set back nobody waits longer than
		// the limit means.
		next := min(max(*arrival, now), now+burst) + interval
		if wait := next - burst - now; wait > 0 {
			ok, retryAfter = false, time.Duration(wait)*time.Microsecond
			return false
		}
		*arrival = next
		ok, retryAfter = true, 0
		return true
	})
	if err != nil {
		return false, 0, err
	}
	return ok, retryAfter, nil
}

// digest makes keys of one size out of what callers send. The lengths keep ("ab", "c") apart
// from ("a", "bc").
func digest(parts ...string) [32]byte {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var out [32]byte
	h.Sum(out[:0])
	return out
}
