package sdjwt

import (
	"container/list"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/showcard/showcard/crypto/key"
)

// Cache remembers which issuer JWTs were verified under which key, together with what they look
// like taken apart. A certificate that is shown again costs its issuer's signature no more.
//
// It remembers one fact, which never changes: this text, all of it and byte for byte, carries a
// good signature of this key. Whether the key is to be trusted, for what and when, whether dates
// and status are good, what the holder discloses and whether she proves it, is not remembered and
// is asked each time: a key that is frozen is refused at its next use, whatever lies here. Bad
// signatures are not remembered, so a stranger can fill nothing and push nothing out but by
// showing real certificates.
//
// What is kept is what the issuer signed: digests, dates, the holder's public key, the place in a
// status list. Disclosed values are not.
//
// A nil *Cache is good and remembers nothing. It is safe for concurrent use.
type Cache struct {
	seed         maphash.Seed
	shards       [cacheShards]cacheShard
	hits, misses atomic.Int64
}

const (
	cacheShards = 16
	// DefaultCacheBytes is room for about 12,000 certificates.
	DefaultCacheBytes = 64 << 20
)

type cacheShard struct {
	mu      sync.Mutex
	entries map[uint64]*list.Element // of *remembered
	used    list.List                // most recently first
	bytes   int64
	most    int64
}

type remembered struct {
	hash  uint64
	is    *issuerPart
	typ   string
	by    *key.Public
	bytes int64
}

// NewCache makes a cache of at most that many bytes: 0 means DefaultCacheBytes, less than 0 none.
func NewCache(bytes int64) *Cache {
	if bytes < 0 {
		return nil
	}
	if bytes == 0 {
		bytes = DefaultCacheBytes
	}
	c := &Cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].entries, c.shards[i].most = map[uint64]*list.Element{}, bytes/cacheShards
	}
	return c
}

func (c *Cache) shard(hash uint64) *cacheShard { return &c.shards[hash>>60%cacheShards] }

// find returns what is remembered of exactly this JWT.
func (c *Cache) find(jwt string) *remembered {
	if c == nil {
		return nil
	}
	hash := maphash.String(c.seed, jwt)
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.entries[hash]
	if !ok {
		return nil
	}
	e := at.Value.(*remembered)
	if e.is.jwt != jwt { // two texts with one hash
		return nil
	}
	s.used.MoveToFront(at)
	return e
}

// put remembers that the signature of i is good under k.
func (c *Cache) put(i *issuerPart, typ string, k *key.Public) {
	if c == nil {
		return
	}
	e := &remembered{hash: maphash.String(c.seed, i.jwt), is: i, typ: typ, by: k, bytes: i.size()}
	s := c.shard(e.hash)
	if e.bytes > s.most {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.entries[e.hash]; ok {
		s.remove(at)
	}
	s.entries[e.hash] = s.used.PushFront(e)
	for s.bytes += e.bytes; s.bytes > s.most; {
		s.remove(s.used.Back())
	}
}

func (s *cacheShard) remove(at *list.Element) {
	e := s.used.Remove(at).(*remembered)
	s.bytes -= e.bytes
	delete(s.entries, e.hash)
}

// CacheStats is what a cache holds and how often it served.
type CacheStats struct {
	Certificates int
	Bytes        int64
	Hits, Misses int64 // of signatures
}

// Stats counts.
func (c *Cache) Stats() CacheStats {
	if c == nil {
		return CacheStats{}
	}
	out := CacheStats{Hits: c.hits.Load(), Misses: c.misses.Load()}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		out.Certificates += len(s.entries)
		out.Bytes += s.bytes
		s.mu.Unlock()
	}
	return out
}

// VerifiedBy reports whether the issuer's signature is remembered as good under this very key:
// its algorithm and point, not its id.
func (s *SDJWT) VerifiedBy(k *key.Public) bool {
	if s.by == nil || !s.by.Equal(k) {
		return false
	}
	s.cache.hits.Add(1)
	return true
}

// Verify checks the issuer's signature, and remembers a good one where there is a cache.
func (s *SDJWT) Verify(k *key.Public) error {
	if s.cache != nil {
		s.cache.misses.Add(1)
	}
	if err := s.Token.Verify(k); err != nil {
		return err
	}
	s.cache.put(s.issued, s.Token.Header.Type, k)
	return nil
}
