package sqlstore

import "errors"

// What a database may answer besides the truth. Each is the caller's to try again a moment later;
// they are net.Errors, so that the rooms above answer 503 and say when, without knowing what a
// database is.
var (
	// ErrUnreachable says that the database did not answer, or refused to work. Nothing was written.
	ErrUnreachable = errors.New("sqlstore: the database does not answer; nothing was written")
	// ErrOutcomeUnknown says that the connection was lost while the commit was under way: it happened or
	// it did not. Who repeats the request with the same key learns which, and never does it twice.
	ErrOutcomeUnknown = errors.New("sqlstore: the connection was lost at the commit; ask again with the same key")
	// ErrReadOnly says that the database takes no writes, as a standby does. Nothing was written.
	ErrReadOnly = errors.New("sqlstore: the database takes no writes; nothing was written")
	// ErrFull says that there is no room for more. Nothing was written.
	ErrFull = errors.New("sqlstore: no room on the disk; nothing was written")
)

// trouble is an error of the database itself, as against one of what it was asked.
type trouble struct {
	kind  error // one of the above
	cause error
}

// Error names the kind, and the cause for the log: causes hold no values, for those go as parameters.
func (t trouble) Error() string { return t.kind.Error() + ": " + t.cause.Error() }

func (t trouble) Unwrap() []error { return []error{t.kind, t.cause} }

// Timeout and Temporary make it a net.Error.
func (t trouble) Timeout() bool { return false }

func (t trouble) Temporary() bool { return true }
