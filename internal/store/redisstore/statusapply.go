package redisstore

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/showcard/showcard/crypto/statuslist"
)

// manyChanges is from how many changes on it is cheaper to read the list, change it here and write
// it back than to have Redis set each entry: 256 KiB each way are some 200 µs, an entry is 1.7 µs.
const manyChanges = 192

// listBuffers are for whole lists on their way.
var listBuffers = sync.Pool{New: func() any { b := make([]byte, 1<<18+64); return &b }} //nolint:gochecknoglobals // memory, no state

// changeEach has Redis set each entry.
func (s *Store) changeEach(ctx context.Context, name, from, to, at string, size uint64, changes []statuslist.Change) (int, error) {
	args := make([]any, 4, 4+2*len(changes))
	args[0], args[1], args[2], args[3] = from, to, at, size
	for _, c := range changes {
		args = append(args, bitOffset(c.Index()), uint8(c.Status()))
	}
	return s.scripts.apply.Run(ctx, s.client, []string{s.list(name)}, args...).Int()
}

// changeMany reads the list, sets the entries and writes back the bytes between the first and the
// last that changed, if nobody else has written meanwhile: WATCH and EXEC. A script would do it in
// one step less, and take several times as long to carry the bytes through Lua.
func (s *Store) changeMany(ctx context.Context, name, from, to, at string, size uint64, changes []statuslist.Change) (answer int, err error) {
	buf := listBuffers.Get().(*[]byte)
	defer listBuffers.Put(buf)
	key := s.list(name)
	err = s.client.Watch(ctx, func(tx *redis.Tx) error {
		data, err := wholeList(ctx, tx, key, *buf)
		if errors.Is(err, redis.Nil) {
			answer = statusGap
			return nil
		}
		if err != nil {
			return err
		}
		list, ok := parseList(data)
		switch {
		case !ok, digits(list.Seq) != from:
			answer = statusGap
			return nil
		case size > list.Size:
			answer = statusIndex
			return nil
		}
		first, last := uint64(len(list.Raw)), uint64(0)
		for _, c := range changes {
			i, low := c.Index()/4, c.Index()%4*2
			list.Raw[i] = list.Raw[i]&^(3<<low) | uint8(c.Status())<<low
			first, last = min(first, i), max(last, i)
		}
		asOf := max(at, digits(uint64(list.AsOf.UnixMicro()))) // never moves back
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Do(ctx, "SETRANGE", key, headerSize+first, list.Raw[first:last+1])
			p.Do(ctx, "SETRANGE", key, 14, to+" "+asOf)
			return nil
		})
		answer = statusDone
		return err
	}, key)
	switch {
	case errors.Is(err, redis.TxFailedErr): // another publisher was faster
		return statusGap, nil
	case redis.HasErrorPrefix(err, "OOM"), redis.HasErrorPrefix(err, "EXECABORT"):
		// Full memory must not stop a revocation: scripts may go on, transactions may not.
		return s.changeEach(ctx, name, from, to, at, size, changes)
	}
	return answer, err
}

// wholeList reads what lies under the name of a list, into a buffer when it fits. What is no
// string at all is not there.
func wholeList(ctx context.Context, c redis.StringCmdable, key string, buf []byte) ([]byte, error) {
	got := c.GetToBuffer(ctx, key, buf)
	err := got.Err()
	if err == nil {
		return got.Bytes(), nil
	}
	if !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		// It may be longer than the buffer, or the connection an old one.
		var data []byte
		if data, err = c.Get(ctx, key).Bytes(); err == nil {
			return data, nil
		}
	}
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		err = redis.Nil
	}
	return nil, err
}
