package redisstore

import (
	"context"
	"fmt"
	"time"
)

// Count adds one to a key and says whether it has had no more than limit. The key is forgotten
// when the time that its first count gave is over.
func (s *Store) Count(ctx context.Context, key string, limit int, keep time.Duration) (ok bool, err error) {
	if key == "" || limit <= 0 || keep <= 0 {
		return false, fmt.Errorf("redisstore: a count to %d within %s, or no key", limit, keep)
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	ok, err = s.scripts.count.Run(ctx, s.client, []string{s.digest("count", key)}, limit, millis(keep)).Bool()
	if err != nil {
		return false, fmt.Errorf("redisstore: count: %w", err)
	}
	return ok, nil
}
