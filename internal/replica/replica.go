package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
)

// Snapshot is a list as it stands in the cache.
type Snapshot struct {
	Size uint64
	Seq  uint64
	AsOf time.Time
	Raw  []byte // packed; good until the buffer that was handed in is used again
}

// Source is where the lists and their stream are.
type Source interface {
	// Lookup looks one entry up, as the verifier's StatusCache.
	Lookup(ctx context.Context, list string, index uint64) (status uint8, asOf time.Time, known bool, err error)
	// StatusSnapshot returns a whole list as of one moment; ok is false when there is none. It MUST
	// contain whatever the entries that were read before tell of. It may use buf.
	StatusSnapshot(ctx context.Context, list string, buf []byte) (s Snapshot, ok bool, err error)
	// StatusTail returns the position of the newest entry, and the newest beat in the stream: the
	// zero Entry when there is none.
	StatusTail(ctx context.Context) (position string, beat Entry, err error)
	// StatusEntries waits for entries after a position and returns them in order, with the position
	// of the last. After the wait it returns none, and the position as it was. What was trimmed is
	// left out without a word.
	StatusEntries(ctx context.Context, after string, wait time.Duration) (entries []Entry, position string, err error)
}

// Config says what a replica stands on. Only Source is needed.
type Config struct {
	Source Source
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
	// MaxAge is from what age on the replica says at Ready that it is not: that of status_max_age.
	// 0: no bound; the verifiers have theirs.
	MaxAge time.Duration
	// MaxLists bounds the memory: one of 2^20-256 entries takes 256 KiB. Default 65,536.
	MaxLists int
}

const (
	// readWait is how long one read of the stream waits. Beats come more often: a read that
	// returns nothing is a reason to look where the stream ends.
	readWait = time.Second
	// loaders is how many lists are read at the same time.
	loaders = 4
	// listBytes is the size of the buffers that lists are read into: header and bits of ours.
	listBytes = 1<<18 + 64
	// again is how long a list that could not be read, or a stream, is left alone.
	again = 100 * time.Millisecond
	// maxWanted bounds the names that look-ups ask to be followed.
	maxWanted = 64
)

var errFull = errors.New("replica: as many lists as it may follow")

// Replica is safe for concurrent use. It follows while Run runs.
type Replica struct {
	source   Source
	now      func() time.Time
	log      *slog.Logger
	maxAge   time.Duration
	maxLists int
	feed     feed

	lists   atomic.Pointer[map[string]*statuslist.Bitmap] // the map is replaced, never changed
	wanted  chan string                                   // asked for, not followed
	warm    atomic.Bool                                   // every list that a beat named was read
	reads   atomic.Int64                                  // whole lists read
	gaps    atomic.Int64                                  // of them because of a gap
	applied atomic.Int64                                  // changes taken over

	// Only Run uses these.
	position string
	beaten   bool                 // a beat has named the lists
	broken   map[string]time.Time // lists to be read, and when that was tried last
	unread   bool                 // told that some cannot be
	repaired []Entry              // lists that were read, for those who follow us
}

// New makes a replica that holds nothing.
func New(cfg Config) (*Replica, error) {
	if cfg.Source == nil || cfg.MaxLists < 0 || cfg.MaxAge < 0 {
		return nil, errors.New("replica: a source is needed, and no negative bound")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.MaxLists == 0 {
		cfg.MaxLists = 1 << 16
	}
	r := &Replica{source: cfg.Source, now: cfg.Now, log: cfg.Logger, maxAge: cfg.MaxAge, maxLists: cfg.MaxLists,
		wanted: make(chan string, maxWanted), broken: map[string]time.Time{}}
	r.lists.Store(&map[string]*statuslist.Bitmap{})
	r.feed.init()
	return r, nil
}

// Lookup implements the verifier's StatusCache. An index past the end of a known list is
// statuslist.ErrIndex.
func (r *Replica) Lookup(ctx context.Context, list string, index uint64) (status uint8, asOf time.Time, known bool, err error) {
	if b := (*r.lists.Load())[list]; b != nil {
		s, at, err := b.Get(index)
		return uint8(s), at, err == nil, err
	}
	status, asOf, known, err = r.source.Lookup(ctx, list, index)
	if known {
		select {
		case r.wanted <- list:
		default: // there are enough; the next beat names it, too
		}
	}
	return status, asOf, known, err
}

// Stats is what a replica tells of itself.
type Stats struct {
	Lists   int
	Bytes   int64 // of the entries
	Reads   int64 // whole lists read
	Gaps    int64 // of them because the stream had a gap
	Applied int64 // changes taken over from the stream
	// Lag is the age of the list that is known of the longest time ago; 0 without lists.
	Lag time.Duration
}

// Stats looks at all lists.
func (r *Replica) Stats() Stats {
	all := *r.lists.Load()
	s := Stats{Lists: len(all), Reads: r.reads.Load(), Gaps: r.gaps.Load(), Applied: r.applied.Load()}
	now := r.now()
	for _, b := range all {
		s.Bytes += int64(b.Bytes())
		_, asOf := b.Place()
		s.Lag = max(s.Lag, now.Sub(asOf))
	}
	return s
}

// Ready says whether every list is here and none is too old to be of use. It costs nothing much.
func (r *Replica) Ready(context.Context) error {
	if !r.warm.Load() {
		return errors.New("replica: the status lists are not here yet")
	}
	if lag := r.Stats().Lag; r.maxAge > 0 && lag > r.maxAge {
		return fmt.Errorf("replica: a status list is %v old", lag.Round(time.Millisecond))
	}
	return nil
}

func (r *Replica) bitmap(list string) *statuslist.Bitmap { return (*r.lists.Load())[list] }

// put adds lists, or exchanges them. Only Run does.
func (r *Replica) put(fresh map[string]*statuslist.Bitmap) error {
	all := maps.Clone(*r.lists.Load())
	maps.Copy(all, fresh)
	if len(all) > r.maxLists {
		return fmt.Errorf("%w: %d", errFull, r.maxLists)
	}
	r.lists.Store(&all)
	return nil
}
