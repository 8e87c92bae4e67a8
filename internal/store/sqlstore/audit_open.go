package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/audit"
)

// Leaves is the audit log of a database file that is only read: by an auditor who has a copy of
// it and no keystore. What entries say stays sealed to her; that none was edited does not.
type Leaves struct{ store *Store }

var _ audit.Source = (*Leaves)(nil)

// OpenLeaves opens a database file, or a PostgreSQL database as a role that may read it. Nothing is
// written to it, and its tables stay as they are.
func OpenLeaves(ctx context.Context, url string) (*Leaves, error) {
	if strings.HasPrefix(url, "postgres:") || strings.HasPrefix(url, "postgresql:") {
		d, err := readPostgres(ctx, url)
		if err != nil {
			return nil, err
		}
		return &Leaves{&Store{db: d}}, nil
	}
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok || path == "" {
		return nil, fmt.Errorf("%w: want sqlite:PATH or postgres://…", ErrURL)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil { // SQLite would make it
		return nil, err
	}
	d := &sqlite{idle: make(chan *session, 1)}
	if d.readers, err = sql.Open("sqlite", dsn(path, "query_only(1)", "cache_size(-8192)")); err != nil {
		return nil, err
	}
	s, err := newSession(ctx, d.readers)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlstore: open: %w", err), d.close())
	}
	d.idle <- s
	d.open++
	return &Leaves{&Store{db: d}}, nil
}

// Close closes the file.
func (l *Leaves) Close() error { return l.store.Close() }

// Tile implements [audit.Tiles].
func (l *Leaves) Tile(ctx context.Context, level int, index uint64, width int) ([]byte, error) {
	return l.store.Tile(ctx, level, index, width)
}

// Placed implements [audit.Source]; openings stay sealed, and are left out.
func (l *Leaves) Placed(ctx context.Context, from uint64, n int) ([]audit.Placed, error) {
	all, err := l.store.placedSealed(ctx, from, n)
	for i := range all {
		all[i].Opening = nil
	}
	return all, err
}

// Checkpoint returns the newest checkpoint.
func (l *Leaves) Checkpoint(ctx context.Context) (string, error) { return l.store.Checkpoint(ctx, 0) }

// Waiting counts the entries that have no place yet.
func (l *Leaves) Waiting(ctx context.Context) (int64, time.Time, error) { return l.store.Waiting(ctx) }
