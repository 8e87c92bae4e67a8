package registry

import (
	"context"
	"errors"
	"time"
)

// Entry is one document of the registry: an authority, a relying party, a client, a type…
type Entry struct {
	Kind string
	ID   string
	Body []byte // JSON
}

// Snapshot is the whole registry at one revision. It is small: a province has hundreds of
// entries, not millions, and every process keeps it in memory.
type Snapshot struct {
	Revision int64
	Entries  []Entry
}

// ErrConflict says that another process changed the registry first. Load and try again.
var ErrConflict = errors.New("registry: changed by another process")

// Store keeps the registry. Save MUST be durable when it returns nil, MUST apply all entries
// in one transaction, and MUST refuse with ErrConflict unless the stored revision is base.
type Store interface {
	Load(ctx context.Context) (Snapshot, error)
	Revision(ctx context.Context) (int64, error)
	// Save writes entries (an empty Body removes one) as revision base+1 and keeps who, when
	// and why in the history.
	Save(ctx context.Context, base int64, entries []Entry, who, why string, at time.Time) error
}
