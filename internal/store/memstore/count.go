package memstore

import (
	"context"
	"fmt"
	"time"
)

// Count adds one to a key and says whether it has had no more than limit. The key is forgotten
// when the time that its first count gave is over.
func (s *Store) Count(ctx context.Context, key string, limit int, keep time.Duration) (ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if key == "" || limit <= 0 || keep <= 0 {
		return false, fmt.Errorf("memstore: a count to %d within %s, or no key", limit, keep)
	}
	now := s.now().UnixMicro()
	// Each count makes the entry last longer; that it is of this day, its key says.
	err = s.counters.edit(digest("count", key), now, now+micros(keep), func(n *int64, _ bool) bool {
		if ok = *n < int64(limit); ok {
			*n++
		}
		return ok
	})
	return ok && err == nil, err
}
