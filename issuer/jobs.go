package issuer

import (
	"context"
	"errors"
	"time"
)

// Job is a bulk push.
type Job struct {
	ID         string
	Authority  string
	State      JobState
	Rows       int64 // rows answered so far in this upload
	Accepted   int64
	Rejected   int64
	Bytes      int64
	StartedAt  time.Time
	UpdatedAt  time.Time
	FinishedAt time.Time
}

// JobState tells whether a push is going on.
type JobState string

// A push that was cut off is interrupted: uploading the file again takes it up.
const (
	JobRunning     JobState = "running"
	JobInterrupted JobState = "interrupted"
	JobDone        JobState = "done"
)

// Result is the answer to one row of a push. A row is accepted (Identifier) or refused (Code).
type Result struct {
	Line       int64 // 1-based
	Key        string
	Identifier string
	Code       string // of testdata/problems.json
	Pointer    string // RFC 6901, into the row
	Detail     string
	Warnings   []string // codes
}

// Refusal is how a push answers a row that Commit did not store: the code, and the pointer.
func Refusal(err error) (code, pointer string) {
	switch {
	case errors.Is(err, ErrRowReused):
		return "row-key-reused", "/key"
	case errors.Is(err, ErrReplaced):
		return "replaced-already", ""
	case errors.Is(err, ErrTransition):
		return "state-transition-refused", ""
	case errors.Is(err, ErrUnknown):
		return "certificate-unknown", ""
	}
	return "internal", ""
}

// Jobs is the durable store of bulk pushes. The same MUSTs as for Record hold.
type Jobs interface {
	// BeginJob starts or takes up a job. While another upload holds an unexpired lease it
	// refuses with ErrJobConflict, as it does for another authority's job. Counters restart,
	// and Results starts anew. A holder is one upload; each batch that Commit stores for the
	// job renews the lease.
	BeginJob(ctx context.Context, id, authority, holder string, now time.Time, lease time.Duration) (Job, error)
	// EndJob ends the upload: done when the whole file was read, else interrupted. When the
	// job went to another holder it refuses with ErrJobConflict.
	EndJob(ctx context.Context, id, holder string, done bool, now time.Time) (Job, error)
	// Job tells how far a push is. One whose lease ran out without an end is interrupted.
	// Another authority's job is ErrJobUnknown, here and in Results.
	Job(ctx context.Context, id, authority string) (Job, error)
	// Results returns up to limit results with Line > after, in order.
	Results(ctx context.Context, id, authority string, after int64, limit int) ([]Result, error)
}
