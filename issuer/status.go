package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
)

// ListSize is how many entries a status list has. 2^20 would make Redis strings of exactly 2^18
// bytes, which fall into the next class of its allocator and cost a quarter more.
const ListSize = 1<<20 - 256

// ListHead says how far a status list has come. Seq is gapless: the n-th change of the list
// has the number n, so a reader that holds n knows it has missed nothing.
type ListHead struct {
	Name string
	Size uint64 // entries
	Seq  uint64
}

// StatusChange is one entry of a list's sequence.
type StatusChange struct {
	Seq    uint64
	Index  uint64
	Status statuslist.Status
}

// ErrListUnknown says that there is no such status list.
var ErrListUnknown = errors.New("issuer: no such status list")

// Statuses is the durable side of the status lists.
type Statuses interface {
	Lists(ctx context.Context) ([]ListHead, error)
	// Changes returns up to limit changes with Seq > after, in order.
	Changes(ctx context.Context, list string, after uint64, limit int) ([]StatusChange, error)
	// Snapshot returns every entry that is not valid, by index, and the Seq of the list for
	// which that holds, as of one moment. The entries' own Seq is 0.
	Snapshot(ctx context.Context, list string) (ListHead, []StatusChange, error)
}

// ErrCacheGap says that a cache is not where the caller thought: it lost its data or another
// publisher was faster. The publisher starts again from Applied.
var ErrCacheGap = errors.New("issuer: status cache is at another sequence number")

// StatusCache is the volatile side: what verifiers ask. It may vanish at any time; then it
// MUST answer "unknown" and never "valid", until Replace has filled it again.
//
// Whatever changes it also tells those who follow it, in this order: the list first. Should it fail
// to tell them, that is an error of the call; what it told shows by its numbers that it is not all.
type StatusCache interface {
	// Applied returns the sequence number the cache has reached; ok is false when it holds
	// nothing for the list.
	Applied(ctx context.Context, list string) (seq uint64, ok bool, err error)
	// Replace sets the whole list: two bits per entry, packed as the Token Status List says.
	Replace(ctx context.Context, head ListHead, raw []byte, asOf time.Time) error
	// Apply adds changes from+1..to atomically and moves as-of forward; with from == to it is
	// the heartbeat. When the cache is not at from it MUST change nothing and return
	// ErrCacheGap. As-of never moves back.
	Apply(ctx context.Context, list string, from, to uint64, changes []StatusChange, asOf time.Time) error
	// Beat moves as-of of each list that is exactly at its Seq forward, many lists at once, and
	// returns the names of the others.
	Beat(ctx context.Context, heads []ListHead, asOf time.Time) (behind []string, err error)
}
