package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	sqlitedriver "modernc.org/sqlite" // the driver "sqlite", pure Go
	sqlitelib "modernc.org/sqlite/lib"
)

// sqlite is the embedded database: one connection that writes, some that read. In WAL mode
// readers see the last commit and wait for nobody; among processes, writers take turns.
type sqlite struct {
	path             string
	writers, readers *sql.DB
	writer           *session
	idle             chan *session // readers; nils once the database is closed
	open             int           // readers
	keyReader        chan *session // one, for the sealer; nil once the database is closed
	lane             *lane
}

// busyTimeout is how long a writer waits for another process's writer.
const busyTimeout = 10 * time.Second

func openSQLite(ctx context.Context, path string) (_ *sqlite, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	d := &sqlite{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	// FULL and the two fullfsync (which only macOS heeds): a commit is on the disk, not in
	// some cache of it, when it is answered.
	// secure_delete: what is erased is overwritten, and does not lie on in pages that are free.
	if d.writers, err = sql.Open("sqlite", dsn(path, "synchronous(FULL)", "fullfsync(1)", "checkpoint_fullfsync(1)",
		"foreign_keys(1)", "secure_delete(1)", "cache_size(-32768)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)")+"&_txlock=immediate"); err != nil {
		return nil, err
	}
	d.writers.SetMaxOpenConns(1)
	if err := d.migrate(ctx, path); err != nil {
		return nil, fmt.Errorf("tables: %w", err)
	}
	if d.writer, err = newSession(ctx, d.writers); err != nil {
		return nil, err
	}
	if d.readers, err = sql.Open("sqlite", dsn(path, "query_only(1)", "cache_size(-8192)")); err != nil {
		return nil, err
	}
	n := max(4, runtime.GOMAXPROCS(0)+2)
	d.idle = make(chan *session, n)
	for range n {
		s, err := newSession(ctx, d.readers)
		if err != nil {
			return nil, err
		}
		d.idle <- s
		d.open++
	}
	one, err := newSession(ctx, d.readers)
	if err != nil {
		return nil, err
	}
	d.keyReader = make(chan *session, 1)
	d.keyReader <- one
	d.lane = newLane(d.run)
	return d, nil
}

// dsn names the file as a URI, so that no character of the path is taken for an option.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

// createPrivate makes the file before SQLite does, because SQLite would leave its mode to the
// umask. SQLite gives the log and its index the mode of the file.
func createPrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%w: %s has %o", ErrPermissions, filepath.Base(path), info.Mode().Perm())
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // folders cannot be flushed there
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func (d *sqlite) write(ctx context.Context, w work) error { return d.lane.write(ctx, w) }

func (d *sqlite) lock() string { return "" } // writers are alone

func (d *sqlite) keys(ctx context.Context, queries func(querier) error) error {
	return readOver(ctx, d.keyReader, false, queries)
}

func (d *sqlite) read(ctx context.Context, how reading, queries func(querier) error) error {
	return readOver(ctx, d.idle, how.snapshot, queries)
}

// readOver takes a connection, and gives it back.
func readOver(ctx context.Context, idle chan *session, snapshot bool, queries func(querier) error) (err error) {
	var s *session
	select {
	case s = <-idle:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { idle <- s }()
	if s == nil {
		return ErrClosed
	}
	if !snapshot {
		return queries(s)
	}
	if _, err := s.exec("BEGIN"); err != nil {
		return err
	}
	err = queries(s)
	_, end := s.exec("ROLLBACK")
	return errors.Join(err, end)
}

// run carries out a group in one transaction and answers its tickets after the commit. When
// the commit fails everybody gets its error, even who was refused: what the refusal was founded
// on may be gone.
func (d *sqlite) run(group []*ticket) {
	answers := make([]error, len(group))
	if err := d.transact(group, answers); err != nil {
		for i := range answers {
			answers[i] = err
		}
	}
	for i, t := range group {
		t.err <- sqliteTrouble(answers[i])
	}
}

func (d *sqlite) transact(group []*ticket, answers []error) error {
	s := d.writer
	if _, err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("sqlstore: begin: %w", sqliteTrouble(err))
	}
	changed := false
	for i, t := range group {
		if t.work.clean {
			if answers[i] = t.work.do(s); errors.As(answers[i], &unlogged{}) || failing(answers[i]) {
				return d.abort(answers[i]) // SQLite may have ended the transaction itself
			}
			changed = changed || answers[i] == nil
			continue
		}
		if _, err := s.exec("SAVEPOINT work"); err != nil {
			return d.abort(err)
		}
		if answers[i] = t.work.do(s); answers[i] != nil {
			if _, err := s.exec("ROLLBACK TO work"); err != nil {
				return d.abort(errors.Join(answers[i], err))
			}
		} else {
			changed = true
		}
		if _, err := s.exec("RELEASE work"); err != nil {
			return d.abort(err)
		}
	}
	if !changed {
		_, err := s.exec("ROLLBACK")
		return err
	}
	if _, err := s.exec("COMMIT"); err != nil {
		if err = d.abort(err); errors.Is(err, ErrUnreachable) {
			err = trouble{ErrOutcomeUnknown, err} // the log was written to, and perhaps whole
		}
		return err
	}
	return nil
}

// abort ends a transaction that cannot be saved. SQLite may have done so itself.
func (d *sqlite) abort(cause error) error {
	_, _ = d.writer.exec("ROLLBACK")
	return fmt.Errorf("sqlstore: transaction: %w", sqliteTrouble(cause))
}

// failing says that an error is of the disk or the memory, upon which SQLite may give up a transaction.
func failing(err error) bool {
	var answer *sqlitedriver.Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code() & 0xff {
	case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_NOMEM, sqlitelib.SQLITE_INTERRUPT, sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_CANTOPEN:
		return true
	}
	return false
}

// sqliteTrouble says what an error of SQLite means to who asked.
func sqliteTrouble(err error) error {
	var answer *sqlitedriver.Error
	if !errors.As(err, &answer) || errors.As(err, &trouble{}) {
		return err
	}
	switch answer.Code() & 0xff {
	case sqlitelib.SQLITE_FULL:
		return trouble{ErrFull, err}
	case sqlitelib.SQLITE_READONLY:
		return trouble{ErrReadOnly, err}
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_NOMEM, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_INTERRUPT:
		return trouble{ErrUnreachable, err}
	}
	return err
}

func (d *sqlite) close() error {
	if d.lane != nil {
		d.lane.close()
	}
	var errs []error
	for range d.open {
		if s := <-d.idle; s != nil {
			errs = append(errs, s.close())
		}
	}
	for range d.open {
		d.idle <- nil
	}
	if d.keyReader != nil {
		if s := <-d.keyReader; s != nil {
			errs = append(errs, s.close())
		}
		d.keyReader <- nil
	}
	if d.writer != nil {
		errs = append(errs, d.writer.close())
		d.writer = nil
	}
	for _, db := range []*sql.DB{d.readers, d.writers} { // the last one folds the log into the file
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
