package issuer

import (
	"context"
	"errors"
	"time"
)

// Kind is what the rows of a push ask for.
type Kind string

// A push has rows of one kind.
const (
	KindCertificates Kind = "certificates" // new ones, schemas.Row
	KindReplacements Kind = "replacements" // next versions, schemas.DecodeReplacement
	KindStates       Kind = "states"       // changes of state, schemas.Change
)

// Known says whether there is such a kind.
func (k Kind) Known() bool { return k == KindCertificates || k == KindReplacements || k == KindStates }

// Job is a bulk push.
type Job struct {
	ID         string
	Authority  string
	Kind       Kind
	Content    string // what its sender called the content of the file; may be empty
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
	// As is the line, before it and of the same batch, of the same row; 0: there is none. It is
	// for Commit and not kept.
	As int64
}

// JobStart begins an upload of a job, or takes one up.
type JobStart struct {
	ID        string
	Authority string
	Kind      Kind
	Holder    string // of the lease: one upload
	// Content names what is uploaded, in the sender's own way, such as by a digest of the file.
	// Only an upload that names it can be gone on with.
	Content string
	// From is the row with which the upload begins. With more than 1 it goes on with the one before:
	// what that answered of the rows in front stays, what it answered from there on is forgotten.
	From  int64
	At    time.Time
	Lease time.Duration
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
	// and Results starts anew, but for an upload that goes on From a row: one of another kind or
	// content, or that would leave rows out, is ErrJobResume. A holder is one upload; each batch
	// that Commit stores for the job renews the lease.
	BeginJob(ctx context.Context, start JobStart) (Job, error)
	// EndJob ends the upload: done when the whole file was read, else interrupted. When the
	// job went to another holder it refuses with ErrJobConflict.
	EndJob(ctx context.Context, id, holder string, done bool, now time.Time) (Job, error)
	// Job tells how far a push is. One whose lease ran out without an end is interrupted.
	// Another authority's job is ErrJobUnknown, here and in Results.
	Job(ctx context.Context, id, authority string) (Job, error)
	// JobsOf lists pushes of authorities, as Job tells of each: those begun last first, and within a
	// moment by id, from behind.
	JobsOf(ctx context.Context, authorities []string, after Place, limit int) ([]Job, error)
	// Results returns up to limit results with Line > after, in order.
	Results(ctx context.Context, id, authority string, after int64, limit int) ([]Result, error)
}
