package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/showcard/showcard/verifier"
)

// PutChallenge implements [verifier.Challenges].
func (s *Store) PutChallenge(ctx context.Context, nonce, caller string, keep time.Duration) error {
	if keep <= 0 {
		return errKeep
	}
	if nonce == "" || caller == "" {
		return errors.New("redisstore: a challenge needs a nonce and a caller")
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := s.client.Do(ctx, "SET", s.digest("challenge", nonce, caller), "1", "PX", millis(keep)).Err(); err != nil {
		return fmt.Errorf("redisstore: put challenge: %w", err)
	}
	return nil
}

// TakeChallenge implements [verifier.Challenges]. The caller is part of the key, so nobody can
// use up a challenge that was made for another. Should the answer be lost on the way, the
// challenge is used up: the caller takes another.
func (s *Store) TakeChallenge(ctx context.Context, nonce, caller string) error {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	// GETDEL and not DEL: a key of another type under this name is not a challenge.
	err = s.client.GetDel(ctx, s.digest("challenge", nonce, caller)).Err()
	if errors.Is(err, redis.Nil) {
		return verifier.ErrChallengeUnknown
	}
	if err != nil {
		return fmt.Errorf("redisstore: take challenge: %w", err)
	}
	return nil
}

// Once says whether the key is seen for the first time, and remembers it. The first one leaves
// its mark, so that a call whose answer was lost is not taken for a second one when the client
// library sends it again.
func (s *Store) Once(ctx context.Context, key string, keep time.Duration) (first bool, err error) {
	if keep <= 0 {
		return false, errKeep
	}
	if key == "" {
		return false, errors.New("redisstore: an empty key")
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	first, err = s.scripts.once.Run(ctx, s.client, []string{s.digest("once", key)}, rand.Text(), millis(keep)).Bool()
	if err != nil {
		return false, fmt.Errorf("redisstore: once: %w", err)
	}
	return first, nil
}

// Allow counts a request against perMinute by the generic cell rate algorithm (ITU-T I.371
// annex A): a caller that was quiet may send a minute's worth at once, and from then on one
// request each 60 s / perMinute. retryAfter is how long until the next one is let in.
func (s *Store) Allow(ctx context.Context, key string, perMinute int) (ok bool, retryAfter time.Duration, err error) {
	if key == "" || perMinute <= 0 {
		return false, 0, fmt.Errorf("redisstore: a limit of %d a minute, or no key", perMinute)
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return false, 0, err
	}
	defer cancel()
	const minute = int64(time.Minute / time.Microsecond)
	rate := min(int64(perMinute), minute)
	interval := (minute + rate - 1) / rate // rounded up: never more than the limit
	wait, err := s.scripts.allow.Run(ctx, s.client, []string{s.digest("limit", key)}, interval, interval*rate).Int64()
	if err != nil {
		return false, 0, fmt.Errorf("redisstore: limit: %w", err)
	}
	return wait == 0, time.Duration(wait) * time.Microsecond, nil
}
