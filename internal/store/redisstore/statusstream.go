package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/issuer"
)

const (
	// streamKeep is how long entries are kept, when there are not too many: who follows and was
	// away for longer reads the lists that changed.
	streamKeep = 30 * time.Second
	// streamMax bounds a burst: four million changes in entries of a thousand, 8 MB.
	streamMax = 2048
	// streamCount is how many entries are read at once.
	streamCount = 256
	// beatLists is how many lists travel to the server at once.
	beatLists = 512
	// tailMax is how far from its end the newest beat is looked for.
	tailMax = 4096
)

func (s *Store) stream() string { return s.prefix + "{status-stream}" }

// tell adds an entry to the stream. It comes after the list was written, in a slot of its own: when
// it fails, or the process dies in between, the next beat shows that something is missing.
func (s *Store) tell(ctx context.Context, e replica.Entry) error {
	keep := int64(0)
	if e.Kind == replica.Beat {
		keep = streamKeep.Milliseconds()
	}
	if err := s.scripts.streamAdd.Run(ctx, s.client, []string{s.stream()}, e.Append(nil), streamMax, keep).Err(); err != nil {
		return fmt.Errorf("redisstore: stream: %w", err)
	}
	return nil
}

// Beat implements the issuer's StatusCache.
func (s *Store) Beat(ctx context.Context, heads []issuer.ListHead, asOf time.Time) (behind []string, err error) {
	at := asOf.UnixMicro()
	if at <= 0 || at > maxExact {
		return nil, errors.New("redisstore: beat without as-of")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bulkFactor*s.timeout)
	defer cancel()
	stand := make([]replica.Head, 0, len(heads))
	var errs []error
	for len(heads) > 0 {
		some := heads[:min(beatLists, len(heads))]
		heads = heads[len(some):]
		answers := s.beat(ctx, some, digits(uint64(at)))
		for i, h := range some {
			answer, err := answers[i].Int()
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("redisstore: beat of %s: %w", h.Name, err))
			case answer != statusDone:
				behind = append(behind, h.Name)
			default:
				stand = append(stand, replica.Head{List: h.Name, Seq: h.Seq})
			}
		}
	}
	if len(errs) > 0 {
		err = errs[0] // they are all alike
	}
	return behind, errors.Join(err, s.tell(ctx, replica.Entry{Kind: replica.Beat, AsOf: asOf, Heads: stand}))
}

// beat moves the as-of of lists that are where they should be, in one round trip to each server.
func (s *Store) beat(ctx context.Context, heads []issuer.ListHead, at string) []*redis.Cmd {
	cmds := make([]*redis.Cmd, len(heads))
	p := s.client.Pipeline()
	for i, h := range heads {
		seq := digits(h.Seq)
		cmds[i] = s.scripts.apply.EvalSha(ctx, p, []string{s.list(h.Name)}, seq, seq, at, 0)
	}
	_, _ = p.Exec(ctx) // each command has its own error
	for i, h := range heads {
		if redis.HasErrorPrefix(cmds[i].Err(), "NOSCRIPT") { // a server that was started anew
			seq := digits(h.Seq)
			cmds[i] = s.scripts.apply.Run(ctx, s.client, []string{s.list(h.Name)}, seq, seq, at, 0)
		}
	}
	return cmds
}

// StatusSnapshot implements [replica.Source]. One GET: header and bits are of one moment.
func (s *Store) StatusSnapshot(ctx context.Context, name string, buf []byte) (replica.Snapshot, bool, error) {
	if err := ctx.Err(); err != nil {
		return replica.Snapshot{}, false, err
	}
	if name == "" || len(name) > maxName {
		return replica.Snapshot{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, bulkFactor*s.timeout)
	defer cancel()
	data, err := wholeList(ctx, s.client, s.list(name), buf)
	if errors.Is(err, redis.Nil) {
		return replica.Snapshot{}, false, nil
	}
	if err != nil {
		return replica.Snapshot{}, false, fmt.Errorf("redisstore: status list: %w", err)
	}
	out, ok := parseList(data)
	return out, ok, nil
}

// parseList reads header and bits, as status_head.lua does; whatever is not a whole list is none.
func parseList(data []byte) (replica.Snapshot, bool) {
	if len(data) <= headerSize || string(data[:5]) != "SCL1 " || data[13] != ' ' || data[30] != ' ' || data[47] != '\n' {
		return replica.Snapshot{}, false
	}
	size, err := strconv.ParseUint(string(data[5:13]), 10, 64)
	seq, err2 := strconv.ParseUint(string(data[14:30]), 10, 64)
	at, err3 := strconv.ParseInt(string(data[31:47]), 10, 64)
	raw := data[headerSize:]
	if errors.Join(err, err2, err3) != nil || size == 0 || size > statuslist.MaxEntries || at <= 0 || uint64(len(raw)) != (size+3)/4 {
		return replica.Snapshot{}, false
	}
	return replica.Snapshot{Size: size, Seq: seq, AsOf: time.UnixMicro(at).UTC(), Raw: raw}, true
}

// StatusTail implements [replica.Source].
func (s *Store) StatusTail(ctx context.Context) (position string, beat replica.Entry, err error) {
	position = "0-0"
	if err := ctx.Err(); err != nil {
		return position, beat, err
	}
	ctx, cancel := context.WithTimeout(ctx, bulkFactor*s.timeout)
	defer cancel()
	from := "+"
	for seen := 0; seen < tailMax; {
		some, err := s.client.XRevRangeN(ctx, s.stream(), from, "-", 8).Result()
		if err != nil {
			return position, beat, fmt.Errorf("redisstore: stream: %w", err)
		}
		for _, m := range some {
			if seen++; seen == 1 {
				position = m.ID
			}
			if e, ok := parseMessage(m); ok && e.Kind == replica.Beat {
				return position, e, nil
			}
			from = "(" + m.ID
		}
		if len(some) == 0 {
			break
		}
	}
	return position, beat, nil
}

// parseMessage reads a message of the stream. What cannot be read is of a newer process; if it was
// a change, it is missed, and read with the list.
func parseMessage(m redis.XMessage) (replica.Entry, bool) {
	text, ok := m.Values["e"].(string)
	if !ok {
		return replica.Entry{}, false
	}
	e, err := replica.ParseEntry(text)
	return e, err == nil
}

// StatusEntries implements [replica.Source].
func (s *Store) StatusEntries(ctx context.Context, after string, wait time.Duration) ([]replica.Entry, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, after, err
	}
	bound, cancel := context.WithTimeout(ctx, wait+bulkFactor*s.timeout)
	defer cancel()
	streams, err := s.client.XRead(bound, &redis.XReadArgs{Streams: []string{s.stream(), after}, Count: streamCount, Block: max(wait, time.Millisecond)}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, after, nil
	}
	if err != nil {
		return nil, after, fmt.Errorf("redisstore: stream: %w", err)
	}
	var out []replica.Entry
	for _, one := range streams {
		for _, m := range one.Messages {
			after = strings.Clone(m.ID)
			if e, ok := parseMessage(m); ok {
				out = append(out, e)
			}
		}
	}
	return out, after, nil
}
