package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// ErrNotDurable says that a server acknowledges what is not on its disk.
var ErrNotDurable = errors.New("sqlstore: the server acknowledges writes before they are on the disk")

// postgres is a PostgreSQL server, or several of which one takes writes. Readers have a pool;
// writers have lanes, each with a connection of its own (postgres_lane.go).
type postgres struct {
	readers *pgxpool.Pool
	keyPool *pgxpool.Pool // for the sealer: see database.keys
	lanes   []*lane
	writers []*pgWriter
	copies  *replicas
	seed    maphash.Seed
	closed  atomic.Bool
}

const (
	// writerLanes is how many lanes there are for works that say what they are about. Others are for
	// counters, for the audit log's tree, and for everything else.
	writerLanes = 4
	// recordLanes is how many of those take records of checks. What costs is the transaction, not the
	// row: two are enough for one to gather while the other is being flushed, and more make each
	// group smaller.
	recordLanes = 2
	// connectTimeout is how long one server may take to answer, unless the address says otherwise.
	connectTimeout = 3 * time.Second
	// queryTimeout ends what a server does not answer: a connection that is cut without a word, a lock
	// that is never let go. It bounds a statement of a writer and the whole of a reader's work.
	queryTimeout = 30 * time.Second
	// readerConnections is how many connections read, unless the address says pool_max_conns.
	readerConnections = 8
)

// openPostgres connects, and brings the tables up to date.
func openPostgres(ctx context.Context, address string, copies []string) (_ *postgres, err error) {
	cfg, err := postgresConfig(address)
	if err != nil {
		return nil, err
	}
	d := &postgres{seed: maphash.MakeSeed()}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if err := migratePostgres(ctx, cfg.ConnConfig); err != nil {
		return nil, fmt.Errorf("tables: %w", troubled(err, false))
	}
	if d.readers, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	keys := cfg.Copy()
	keys.MaxConns, keys.MinConns = 1, 0
	if d.keyPool, err = pgxpool.NewWithConfig(ctx, keys); err != nil {
		return nil, err
	}
	for range laneFirst + writerLanes {
		w := newPgWriter(cfg.ConnConfig)
		d.writers = append(d.writers, w)
		d.lanes = append(d.lanes, newLane(w.run))
	}
	if err := d.openReplicas(ctx, copies); err != nil {
		return nil, err
	}
	return d, nil
}

// readPostgres opens a database that is only read, as a role that may do no more.
func readPostgres(ctx context.Context, address string) (_ *postgres, err error) {
	cfg, err := postgresConfig(address)
	if err != nil {
		return nil, err
	}
	cfg.ConnConfig.ValidateConnect = nil // a standby is as good
	cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	cfg.MaxConns = 1
	d := &postgres{}
	d.readers, err = pgxpool.NewWithConfig(ctx, cfg)
	return d, err
}

// postgresConfig reads an address, and settles what must not depend on it.
func postgresConfig(address string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		// The driver's text may quote the address, with its password.
		return nil, fmt.Errorf("%w: want postgres://USER:PASSWORD@HOST:PORT/DATABASE and the options of libpq", ErrURL)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: no URL", ErrURL)
	}
	options := u.Query()
	if options.Get("pool_max_conns") == "" {
		cfg.MaxConns = int32(max(readerConnections, 2*runtime.GOMAXPROCS(0)))
	}
	c := cfg.ConnConfig
	if options.Get("connect_timeout") == "" {
		c.ConnectTimeout = connectTimeout
	}
	// Of several servers the one that takes writes is meant, whatever role it had yesterday.
	if options.Get("target_session_attrs") == "" && len(c.Fallbacks) > 0 {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	for name, value := range map[string]string{
		"application_name": "showcard", "client_encoding": "UTF8", "timezone": "UTC",
		"statement_timeout": strconv.FormatInt(queryTimeout.Milliseconds(), 10),
		// Forgotten in the middle of a transaction, by a machine that vanished, we let our locks go.
		"idle_in_transaction_session_timeout": strconv.FormatInt(queryTimeout.Milliseconds(), 10),
	} {
		if c.RuntimeParams[name] == "" {
			c.RuntimeParams[name] = value
		}
	}
	// What is acknowledged is on the disk, and with synchronous_standby_names on a standby's, whatever
	// the role or the database says. Stricter may be asked for.
	if c.RuntimeParams["synchronous_commit"] != "remote_apply" {
		c.RuntimeParams["synchronous_commit"] = "on"
	}
	// Statements are a small fixed set, prepared once for each connection.
	c.DefaultQueryExecMode, c.StatementCacheCapacity = pgx.QueryExecModeCacheStatement, 512
	// A reader who gives up has the server stop, and keeps the connection.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, CancelRequestDelay: 0, DeadlineDelay: 2 * time.Second}
	}
	return cfg, nil
}

// migrationLock is the advisory lock of who changes the tables.
const migrationLock = 0x73686f7763617264 // "showcard"

// migratePostgres brings the tables up to date, while no other process does.
func migratePostgres(ctx context.Context, cfg *pgx.ConnConfig) (err error) {
	cfg = cfg.Copy()
	cfg.RuntimeParams["statement_timeout"] = "0" // an index over a large table takes its time
	guard, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.Close(context.WithoutCancel(ctx))) }()
	var flushes string
	if err := guard.QueryRow(ctx, "SHOW fsync").Scan(&flushes); err != nil {
		return err
	}
	if flushes != "on" {
		return fmt.Errorf("%w: fsync is %s", ErrNotDurable, flushes)
	}
	if _, err := guard.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()
	return up(ctx, goose.DialectPostgres, db)
}

func (d *postgres) lock() string { return " FOR UPDATE" }

// lanes: which works share one decides who can wait for whom. Works about one thing go the same
// way, and so come after one another.
const (
	laneOthers = iota
	laneCounters
	laneTree
	laneFirst
)

func (d *postgres) write(ctx context.Context, w work) error {
	if d.closed.Load() {
		return ErrClosed
	}
	at := laneOthers
	switch w.about {
	case "":
	case counters:
		at = laneCounters
	case auditTree:
		at = laneTree
	default:
		among := uint64(writerLanes)
		if w.record != nil {
			among = recordLanes
		}
		at = laneFirst + int(maphash.String(d.seed, w.about)%among)
	}
	return d.lanes[at].write(ctx, w)
}

func (d *postgres) keys(ctx context.Context, queries func(querier) error) error {
	return d.readFrom(ctx, d.keyPool, false, queries)
}

func (d *postgres) read(ctx context.Context, how reading, queries func(querier) error) error {
	if how.late {
		if done, err := d.lookup(ctx, how.snapshot, queries); done {
			return err
		}
	}
	return d.readFrom(ctx, d.readers, how.snapshot, queries)
}

// readFrom runs queries over a connection of a pool. When the connection turns out to be dead before
// it gave a row, as all are after a failover, the queries are asked once more over another.
func (d *postgres) readFrom(ctx context.Context, pool *pgxpool.Pool, snapshot bool, queries func(querier) error) error {
	if d.closed.Load() {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	for again := false; ; again = true {
		rows, err := readOnce(ctx, pool, snapshot, queries)
		if err == nil || ctx.Err() != nil || again || rows > 0 || !lost(err) {
			if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
				err = errors.Join(cause, err)
			}
			return troubled(err, false)
		}
		pool.Reset() // whatever broke this one broke the others
	}
}

// readOnce also says how many rows the queries were given.
func readOnce(ctx context.Context, pool *pgxpool.Pool, snapshot bool, queries func(querier) error) (rows int, err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	s := &pgSession{ctx: ctx, conn: conn.Conn()}
	if !snapshot {
		err = queries(s)
		return s.given, err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return 0, err
	}
	err = queries(s)
	return s.given, errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
}

// backup: a server is backed up with its own tools, which see its log and its other databases.
func (d *postgres) backup(context.Context, string) error { return ErrOwnBackup }

// ErrOwnBackup says that a PostgreSQL database is not ours to copy.
var ErrOwnBackup = errors.New("sqlstore: a PostgreSQL database is backed up with pg_dump or from its log (docs/operations.md)")

func (d *postgres) close() error {
	if d.closed.Swap(true) {
		return nil
	}
	for _, l := range d.lanes {
		l.close()
	}
	for _, w := range d.writers {
		w.close()
	}
	d.copies.close()
	for _, pool := range []*pgxpool.Pool{d.readers, d.keyPool} {
		if pool != nil {
			pool.Close()
		}
	}
	return nil
}

// pgSession is one connection, used by one goroutine at a time.
type pgSession struct {
	ctx   context.Context //nolint:containedctx // of one read or one transaction
	conn  *pgx.Conn
	given int // rows
	last  []sequel
}

func (s *pgSession) exec(query string, args ...any) (int64, error) {
	tag, err := s.conn.Exec(s.ctx, query, args...)
	return tag.RowsAffected(), err
}

func (s *pgSession) row(query string, args ...any) scanner {
	return pgRow{s, s.conn.QueryRow(s.ctx, query, args...)}
}

type pgRow struct {
	s   *pgSession
	row pgx.Row
}

func (r pgRow) Scan(dest ...any) error {
	err := r.row.Scan(dest...)
	if err == nil {
		r.s.given++
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return sql.ErrNoRows
	}
	return err
}

func (s *pgSession) rows(query string, args []any, each func(scanner) error) error {
	rows, err := s.conn.Query(s.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		s.given++
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// alone keeps others who are alone under the same name waiting until the transaction ends.
func (s *pgSession) alone(name string) error {
	_, err := s.exec(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, name)
	return err
}

// finally has something done at the end of the transaction.
func (s *pgSession) finally(order string, do func(querier) error) error {
	s.last = append(s.last, sequel{order, do})
	return nil
}

// lost says that a connection is gone, or of no use any more.
func lost(err error) bool {
	if err == nil {
		return false
	}
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch answer.Code {
		case "57P01", "57P02", "57P03", "25006": // it is shutting down, crashed, is starting, takes no writes any more
			return true
		}
		return strings.HasPrefix(answer.Code, "08")
	}
	// What is not the server's answer is the network's, or the driver's that noticed.
	var refused *pgconn.ConnectError
	return errors.As(err, &refused) || errors.Is(err, pgconn.ErrConnClosed) || networked(err)
}

// troubled says what an error of the database means to who asked. committing is whether the commit may
// have happened.
func troubled(err error, committing bool) error {
	if err == nil || errors.As(err, &trouble{}) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch {
		case answer.Code == "25006":
			return trouble{ErrReadOnly, err}
		case answer.Code == "53100":
			return trouble{ErrFull, err}
		// No resources, an operator at work, a deadlock or another process in the way too often.
		case strings.HasPrefix(answer.Code, "53"), strings.HasPrefix(answer.Code, "57"), strings.HasPrefix(answer.Code, "40"), answer.Code == "55P03":
			if committing && strings.HasPrefix(answer.Code, "57") {
				return trouble{ErrOutcomeUnknown, err}
			}
			return trouble{ErrUnreachable, err}
		case strings.HasPrefix(answer.Code, "58"): // the system under it, such as a file that cannot be read
			return trouble{ErrUnreachable, err}
		}
		return err
	}
	if !lost(err) {
		return err
	}
	if committing {
		return trouble{ErrOutcomeUnknown, err}
	}
	return trouble{ErrUnreachable, err}
}
