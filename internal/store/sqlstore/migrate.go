package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate switches the file to WAL and brings the tables up to date, while no other process
// does. The lock is a second, empty database beside the first: the operating system frees it
// when its holder dies, however that happens.
func (d *sqlite) migrate(ctx context.Context, path string) (err error) {
	lock := path + ".lock"
	if err := createPrivate(lock); err != nil {
		return err
	}
	guard, err := sql.Open("sqlite", dsn(lock)+"&_txlock=exclusive")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.Close()) }()
	tx, err := guard.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("waiting for another process: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it wrote nothing

	var mode string
	if err := d.writers.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not bear a write-ahead log: journal mode is %s", mode)
	}
	return up(ctx, goose.DialectSQLite3, d.writers)
}

func up(ctx context.Context, dialect goose.Dialect, db *sql.DB) error {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if dialect == goose.DialectPostgres {
		folder = translatedFS{folder}
	}
	p, err := goose.NewProvider(dialect, db, folder, goose.WithTableName("schema_versions"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("%w: its tables have version %d, known is %d", ErrNewer, current, target)
	}
	return nil
}
