// Package statuslookup is the plain way to look up the status of a certificate: two bits of a string
// in Redis, asked for at each request.
package statuslookup

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// headerBits are what stands before the entries in showcard's strings. The plain way has no use for
// it, and reads past it.
const headerBits = 48 * 8

// Client asks Redis.
type Client struct{ redis *redis.Client }

// New connects to a Redis by its URL.
func New(url string) (*Client, error) {
	opt, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	return &Client{redis.NewClient(opt)}, nil
}

// Close closes the connections.
func (c *Client) Close() error { return c.redis.Close() }

// Status returns the two bits of an entry. Redis counts from the highest bit of a byte, the Token
// Status List from the lowest.
func (c *Client) Status(ctx context.Context, key string, index uint64) (int64, error) {
	bit := headerBits + index/4*8 + (6 - index%4*2)
	got, err := c.redis.BitFieldRO(ctx, key, "u2", bit).Result()
	if err != nil {
		return 0, err
	}
	if len(got) != 1 {
		return 0, errors.New("no such entry")
	}
	return got[0], nil
}
