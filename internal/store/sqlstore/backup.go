package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/wallet"
)

// ErrDamaged says that a database file fails its own checks.
var ErrDamaged = errors.New("sqlstore: database is damaged")

// Backup writes a copy of the database, as it stands at one moment, to a new file of mode 0600.
// Everybody goes on reading and writing meanwhile. What is sealed stays sealed in it; the keys are
// not in it.
func (s *Store) Backup(ctx context.Context, path string) error { return s.db.backup(ctx, path) }

func (d *sqlite) backup(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // VACUUM INTO takes an empty file
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// A connection of its own: it reads for as long as it takes, and holds up neither the writer nor
	// any reader. WAL lets it see the moment at which it began.
	from, err := sql.Open("sqlite", dsn(d.path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if _, err := from.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("sqlstore: backup: %w", err)
	}
	if f, err = os.OpenFile(path, os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// CheckFile has SQLite check a database file that nobody has opened.
func CheckFile(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", dsn(path, "query_only(1)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	return nil
}

// restoreLeap is by how much the sequences of the status lists, and of revoked serials, leap forward when a backup is put in
// place. Caches have seen changes of the time that was lost, and compare numbers: ours must be ahead
// of all of them.
const restoreLeap = 1 << 32

// Restored tells what Restored did.
type Restored struct {
	ID     string // in the names of the status lists from now on
	Lists  int64  // closed: no slot of theirs is given out any more
	Signed int64  // people who have to sign in again
	// Devices were killed: their people register them again.
	Devices int64
}

// Restored makes a database that was just put back from a backup fit to go on. What happened since
// the backup is lost here but not in the world: certificates that name slots of our lists, caches
// that count further than we do, codes that were spent, people who signed out.
//
//   - no list gives out another slot; the next one has a name that was never used;
//   - the sequence of every list leaps ahead, so that every cache takes the list anew as a whole;
//   - nobody is signed in;
//   - no device has a key, and no code of one is good: which were killed since, nobody knows.
//
// It is safe to call twice.
func (s *Store) Restored(ctx context.Context, backup string, taken time.Time) (Restored, error) {
	r := Restored{ID: strings.ToLower(rand.Text()[:8])}
	err := s.write(ctx, 100, func(q querier) (err error) {
		if _, err := q.exec(`INSERT INTO restores (id, backup, taken_at, restored_at) VALUES ($1, $2, $3, $4)`, r.ID, backup, micros(taken), micros(s.cfg.Now())); err != nil {
			return err
		}
		if r.Lists, err = q.exec(`UPDATE status_lists SET used = size, seq = seq + $1`, int64(restoreLeap)); err != nil {
			return err
		}
		if r.Signed, err = q.exec(`DELETE FROM sessions`); err != nil {
			return err
		}
		if r.Devices, err = q.exec(`UPDATE devices SET killed_at = $1, killed_by = $2 WHERE killed_at IS NULL`, micros(s.cfg.Now()), wallet.KilledByRestore); err != nil {
			return err
		}
		if _, err := leapSerials(q, restoreLeap); err != nil {
			return err
		}
		_, err = s.revokeSerials(q, `expires_at > $2`, int64(0))
		return err
	})
	return r, err
}
