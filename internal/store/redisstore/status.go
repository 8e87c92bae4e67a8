package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/issuer"
)

const (
	headerSize = 48
	// Lua counts in float64: whole numbers are exact up to here.
	maxExact = 1 << 53
	// A list may go back to a lower sequence number only when nobody has kept the higher one
	// alive for so long, see Replace.
	abandoned = 10 * time.Second
)

// bitOffset is where Redis finds an entry, as its BITFIELD counts: from the highest bit of the
// first byte. The Token Status List counts from the lowest (§4.1), so the four entries of a
// byte come in reverse order. Within an entry both write the higher bit first.
func bitOffset(index uint64) uint64 {
	return headerSize*8 + index/4*8 + (6 - index%4*2)
}

// The answers of the scripts on status lists.
const (
	statusDone = iota
	statusGap
	statusIndex
)

func (s *Store) list(name string) string { return s.name("status", name) }

// Lookup implements the verifier's StatusCache. An index past the end of a known list is
// statuslist.ErrIndex.
func (s *Store) Lookup(ctx context.Context, name string, index uint64) (status uint8, asOf time.Time, known bool, err error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return 0, time.Time{}, false, err
	}
	defer cancel()
	if len(name) > maxName {
		return 0, time.Time{}, false, nil
	}
	// No list is longer; so the number stays one that Lua can count.
	at := min(index, statuslist.MaxEntries)
	reply, err := s.scripts.lookup.Run(ctx, s.client, []string{s.list(name)}, at, bitOffset(at)).Int64Slice()
	if errors.Is(err, redis.Nil) {
		return 0, time.Time{}, false, nil
	}
	if err != nil {
		return 0, time.Time{}, false, fmt.Errorf("redisstore: status: %w", err)
	}
	switch {
	case len(reply) == 1:
		return 0, time.Time{}, false, fmt.Errorf("redisstore: %w: %d of %d", statuslist.ErrIndex, index, reply[0])
	case len(reply) != 2 || reply[1] < 0 || reply[1] > 3:
		return 0, time.Time{}, false, errors.New("redisstore: status: malformed answer")
	}
	return uint8(reply[1]), time.UnixMicro(reply[0]).UTC(), true, nil
}

// Applied implements the issuer's StatusCache.
func (s *Store) Applied(ctx context.Context, name string) (seq uint64, ok bool, err error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return 0, false, err
	}
	defer cancel()
	if len(name) > maxName {
		return 0, false, nil
	}
	text, err := s.scripts.applied.Run(ctx, s.client, []string{s.list(name)}).Text()
	if errors.Is(err, redis.Nil) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("redisstore: applied: %w", err)
	}
	if seq, err = strconv.ParseUint(text, 10, 64); err != nil {
		return 0, false, fmt.Errorf("redisstore: applied: %w", err)
	}
	return seq, true, nil
}

// Replace implements the issuer's StatusCache. A snapshot with a lower sequence number than
// the cache has was overtaken by another publisher: issuer.ErrCacheGap. Only when the higher
// number has had no heartbeat for ten seconds has the record itself gone back, restored from a
// backup, and is believed. Whatever else lies under the list's name is overwritten.
func (s *Store) Replace(ctx context.Context, head issuer.ListHead, raw []byte, asOf time.Time) error {
	at := asOf.UnixMicro()
	switch {
	case head.Name == "" || len(head.Name) > maxName:
		return fmt.Errorf("redisstore: list name of %d bytes", len(head.Name))
	case head.Size == 0 || head.Size > statuslist.MaxEntries || uint64(len(raw)) != (head.Size+3)/4:
		return fmt.Errorf("redisstore: list of %d entries in %d bytes", head.Size, len(raw))
	case at <= 0 || at > maxExact:
		return errors.New("redisstore: list without as-of")
	case head.Seq > maxExact:
		return fmt.Errorf("redisstore: sequence number %d", head.Seq)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bulkFactor*s.timeout)
	defer cancel()
	answer, err := s.scripts.replace.Run(ctx, s.client, []string{s.list(head.Name)},
		fmt.Sprintf("%08d", head.Size), digits(head.Seq), digits(uint64(at)), raw, abandoned.Microseconds()).Int()
	if err != nil {
		return fmt.Errorf("redisstore: replace: %w", err)
	}
	if answer != statusDone {
		return fmt.Errorf("%w: the snapshot at %d was overtaken", issuer.ErrCacheGap, head.Seq)
	}
	return s.tell(ctx, replica.Entry{Kind: replica.Replaced, AsOf: asOf, Heads: []replica.Head{{List: head.Name, Seq: head.Seq}}})
}

// Apply implements the issuer's StatusCache. A change past the end of the list is
// statuslist.ErrIndex; like every other error of the server's making it leaves the list as it
// was. When the answer is lost on the way the changes may have been made; the next Apply then
// finds the gap.
func (s *Store) Apply(ctx context.Context, name string, from, to uint64, changes []issuer.StatusChange, asOf time.Time) error {
	at := asOf.UnixMicro()
	if to < from || uint64(len(changes)) != to-from {
		return fmt.Errorf("redisstore: %d changes from %d to %d", len(changes), from, to)
	}
	if at <= 0 || at > maxExact {
		return errors.New("redisstore: changes without as-of")
	}
	if name == "" || len(name) > maxName || to > maxExact {
		return fmt.Errorf("%w: not there", issuer.ErrCacheGap)
	}
	told := make([]statuslist.Change, len(changes))
	size := uint64(0) // that the list must have
	for i, c := range changes {
		if c.Seq != from+1+uint64(i) {
			return fmt.Errorf("redisstore: change %d where %d is due", c.Seq, from+1+uint64(i))
		}
		if c.Status > 3 {
			return fmt.Errorf("redisstore: %w: %d in 2 bits", statuslist.ErrStatus, c.Status)
		}
		index := min(c.Index, statuslist.MaxEntries) // past the end of every list
		size = max(size, index+1)
		told[i] = statuslist.Change(index<<2 | uint64(c.Status))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bulkFactor*s.timeout)
	defer cancel()
	change := s.changeEach
	if len(told) >= manyChanges {
		change = s.changeMany
	}
	answer, err := change(ctx, name, digits(from), digits(to), digits(uint64(at)), size, told)
	if err != nil {
		return fmt.Errorf("redisstore: apply: %w", err)
	}
	switch answer {
	case statusDone:
		return s.tell(ctx, replica.Entry{Kind: replica.Changes, AsOf: asOf, Heads: []replica.Head{{List: name, Seq: from}}, Changes: told})
	case statusGap:
		return fmt.Errorf("%w: not at %d", issuer.ErrCacheGap, from)
	case statusIndex:
		return fmt.Errorf("redisstore: %w: %d", statuslist.ErrIndex, size-1)
	}
	return fmt.Errorf("redisstore: apply: answer %d", answer)
}

func digits(n uint64) string { return fmt.Sprintf("%016d", n) }
