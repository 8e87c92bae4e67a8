package memstore

import (
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/issuer"
)

// stream is what redisstore keeps in Redis for those who follow the status lists: the last
// entries, in a ring.
type stream struct {
	mu      sync.Mutex
	entries []replica.Entry // the last of them has the number last
	last    uint64
	more    chan struct{} // closed when there is more; nil while nobody waits
}

const (
	maxStream = 256
	// streamCount is how many entries are handed out at once.
	streamCount = 256
)

func (r *stream) add(now time.Time, e replica.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.entries) == 0 {
		// Positions of an earlier process are behind this one's.
		r.last = max(r.last, uint64(max(0, now.UnixMicro())))
	}
	if len(r.entries) == 2*maxStream {
		r.entries = append([]replica.Entry(nil), r.entries[maxStream:]...)
	}
	r.entries = append(r.entries, e)
	r.last++
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
}

// after returns entries after a number, or a channel that is closed when there are some.
func (r *stream) after(n uint64) (some []replica.Entry, last uint64, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.last - uint64(len(r.entries)) // before the oldest
	if n > r.last || n < first {
		n = first // what was skipped shows in the beats
	}
	some = r.entries[n-first:]
	if len(some) == 0 {
		if r.more == nil {
			r.more = make(chan struct{})
		}
		return nil, r.last, r.more
	}
	some = some[:min(len(some), streamCount)]
	return append([]replica.Entry(nil), some...), n + uint64(len(some)), nil
}

func position(n uint64) string { return strconv.FormatUint(n, 10) + "-0" }

func number(position string) uint64 {
	high, _, _ := strings.Cut(position, "-")
	n, err := strconv.ParseUint(high, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Beat implements the issuer's StatusCache.
func (s *Store) Beat(ctx context.Context, heads []issuer.ListHead, asOf time.Time) (behind []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if asOf.UnixMicro() <= 0 {
		return nil, errors.New("memstore: beat without as-of")
	}
	e := replica.Entry{Kind: replica.Beat, AsOf: time.UnixMicro(asOf.UnixMicro()).UTC(), Heads: make([]replica.Head, 0, len(heads))}
	s.lists.write.Lock()
	defer s.lists.write.Unlock()
	for _, h := range heads {
		l := s.lists.get(h.Name)
		if l == nil || l.seq != h.Seq {
			behind = append(behind, h.Name)
			continue
		}
		l.asOf.Store(max(asOf.UnixMicro(), l.asOf.Load()))
		e.Heads = append(e.Heads, replica.Head{List: h.Name, Seq: h.Seq})
	}
	s.stream.add(s.now(), e)
	return behind, nil
}

// tellChanges is called with the lock on the lists held: entries come in the order of the changes.
func (s *Store) tellChanges(name string, from uint64, changes []issuer.StatusChange, asOf time.Time) {
	e := replica.Entry{Kind: replica.Changes, AsOf: time.UnixMicro(asOf.UnixMicro()).UTC(), Heads: []replica.Head{{List: name, Seq: from}}}
	e.Changes = make([]statuslist.Change, len(changes))
	for i, c := range changes {
		e.Changes[i] = statuslist.Change(c.Index<<2 | uint64(c.Status))
	}
	s.stream.add(s.now(), e)
}

// StatusSnapshot implements [replica.Source].
func (s *Store) StatusSnapshot(ctx context.Context, name string, buf []byte) (replica.Snapshot, bool, error) {
	if err := ctx.Err(); err != nil {
		return replica.Snapshot{}, false, err
	}
	s.lists.write.Lock()
	defer s.lists.write.Unlock()
	l := s.lists.get(name)
	if l == nil {
		return replica.Snapshot{}, false, nil
	}
	raw := buf[:0]
	for i := range l.words {
		raw = binary.LittleEndian.AppendUint32(raw, l.words[i].Load())
	}
	return replica.Snapshot{Size: l.size, Seq: l.seq, AsOf: time.UnixMicro(l.asOf.Load()).UTC(), Raw: raw[:(l.size+3)/4]}, true, nil
}

// StatusTail implements [replica.Source].
func (s *Store) StatusTail(ctx context.Context) (string, replica.Entry, error) {
	if err := ctx.Err(); err != nil {
		return "", replica.Entry{}, err
	}
	r := &s.stream
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.entries) - 1; i >= 0; i-- {
		if r.entries[i].Kind == replica.Beat {
			return position(r.last), r.entries[i], nil
		}
	}
	return position(r.last), replica.Entry{}, nil
}

// StatusEntries implements [replica.Source].
func (s *Store) StatusEntries(ctx context.Context, after string, wait time.Duration) ([]replica.Entry, string, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		some, last, more := s.stream.after(number(after))
		if len(some) > 0 {
			return some, position(last), nil
		}
		select {
		case <-more:
		case <-timer.C:
			return nil, after, ctx.Err()
		case <-ctx.Done():
			return nil, after, ctx.Err()
		}
	}
}
