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

// Event is what a change says to the audit log. It never holds more than ids and names.
type Event struct {
	Kind    string // such as freeze.proposed
	Actor   string
	Subject string
	Detail  map[string]string
}

// Revision is one change of the registry, as it was written down.
type Revision struct {
	Number  int64
	Who     string
	Why     string
	At      time.Time
	Entries []Written
}

// Written is an entry as a revision left it, and as it was before.
type Written struct {
	Kind   string
	ID     string
	Before []byte // empty: there was none
	After  []byte // empty: removed
}

// Store keeps the registry. Save MUST be durable when it returns nil, MUST apply all entries and
// events in one transaction, and MUST refuse with ErrConflict unless the stored revision is base.
type Store interface {
	Load(ctx context.Context) (Snapshot, error)
	Revision(ctx context.Context) (int64, error)
	// Save writes entries (an empty Body removes one) as revision base+1, keeps who, when
	// and why in the history, and puts the events into the audit log.
	Save(ctx context.Context, base int64, entries []Entry, who, why string, at time.Time, events ...Event) error
	// History returns up to limit revisions from a number on, the oldest first, with what each
	// wrote.
	History(ctx context.Context, from int64, limit int) ([]Revision, error)
}
