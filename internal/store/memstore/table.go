package memstore

import (
	"container/heap"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	shardCount = 64
	// A call clears away at most so many ended entries: more than the one it may add, so the
	// table shrinks under load, and few enough that no single caller pays for all.
	clearPerCall = 4
)

// table is a map whose entries end. It is cut into shards, each with a lock of its own and a
// heap that has the entry to end next on top.
type table[K comparable, V any] struct {
	seed   maphash.Seed
	max    int64
	count  atomic.Int64
	shards [shardCount]shard[K, V]
}

type shard[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*entry[K, V]
	ending  queue[K, V]
}

type entry[K comparable, V any] struct {
	key   K
	value V
	until int64 // microseconds; at that moment it is gone
	at    int   // place in the heap
}

func newTable[K comparable, V any](limit int) *table[K, V] {
	t := &table[K, V]{seed: maphash.MakeSeed(), max: int64(limit)}
	for i := range t.shards {
		t.shards[i].entries = map[K]*entry[K, V]{}
	}
	return t
}

func (t *table[K, V]) shard(key K) *shard[K, V] {
	return &t.shards[maphash.Comparable(t.seed, key)%shardCount]
}

func (t *table[K, V]) get(key K, now int64) (value V, ok bool) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[key]; e != nil && e.until > now {
		return e.value, true
	}
	return value, false
}

// edit lets change look at an entry and alter it, under the shard's lock. When the entry is
// not there change gets a zero value and found = false. It returns whether to keep what it
// did; if so, the entry lasts until the given moment or its former end, whichever is later.
// change may be called twice and must not depend on the first time.
func (t *table[K, V]) edit(key K, now, until int64, change func(v *V, found bool) (keep bool)) error {
	done := t.tryEdit(key, now, until, change)
	if !done {
		for i := range t.shards {
			t.clear(&t.shards[i], now, -1)
		}
		done = t.tryEdit(key, now, until, change)
	}
	if !done {
		return ErrFull
	}
	return nil
}

func (t *table[K, V]) tryEdit(key K, now, until int64, change func(v *V, found bool) bool) (done bool) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.clearLocked(s, now, clearPerCall)
	if e := s.entries[key]; e != nil && e.until > now {
		value := e.value
		if !change(&value, true) {
			return true
		}
		e.value = value
		if until > e.until {
			e.until = until
			heap.Fix(&s.ending, e.at)
		}
		return true
	} else if e != nil {
		t.drop(s, e)
	}
	e := &entry[K, V]{key: key, until: until}
	if !change(&e.value, false) {
		return true
	}
	if t.count.Add(1) > t.max {
		t.count.Add(-1)
		return false
	}
	s.entries[key] = e
	heap.Push(&s.ending, e)
	return true
}

// remove takes an entry out and says whether it was there.
func (t *table[K, V]) remove(key K, now int64) bool {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil {
		return false
	}
	t.drop(s, e)
	return e.until > now
}

func (t *table[K, V]) clear(s *shard[K, V], now int64, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.clearLocked(s, now, most)
}

// clearLocked drops ended entries, at most so many; all of them when most is negative.
func (t *table[K, V]) clearLocked(s *shard[K, V], now int64, most int) {
	for n := 0; n != most && len(s.ending) > 0 && s.ending[0].until <= now; n++ {
		t.drop(s, s.ending[0])
	}
}

func (t *table[K, V]) drop(s *shard[K, V], e *entry[K, V]) {
	heap.Remove(&s.ending, e.at)
	delete(s.entries, e.key)
	t.count.Add(-1)
}

// queue implements heap.Interface.
type queue[K comparable, V any] []*entry[K, V]

func (q queue[K, V]) Len() int           { return len(q) }
func (q queue[K, V]) Less(i, j int) bool { return q[i].until < q[j].until }
func (q queue[K, V]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *queue[K, V]) Push(x any) {
	e := x.(*entry[K, V])
	e.at = len(*q)
	*q = append(*q, e)
}

func (q *queue[K, V]) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}
