package sqlstore

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

var (
	// ErrURL says that a database address is none that this version can open.
	ErrURL = errors.New("sqlstore: database address not understood")
	// ErrPermissions says that others may read the database file.
	ErrPermissions = errors.New("sqlstore: database file is open to others, want mode 0600")
	// ErrNewer says that a newer version of the program has used the database.
	ErrNewer = errors.New("sqlstore: the database belongs to a newer version of the program")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("sqlstore: closed")
	// ErrSlotTaken says that a slot of a status list was to be used twice.
	ErrSlotTaken = errors.New("sqlstore: slot of a status list already used")
	// ErrIdentifierTaken says that an identifier already stands for another certificate.
	ErrIdentifierTaken = errors.New("sqlstore: identifier already used")
)

// ListSize is the number of entries of a status list.
const ListSize = issuer.ListSize

// Config says what a store stands on.
type Config struct {
	// URL is "sqlite:" and the path of a file, or the postgres:// address of a server. The file is
	// made when it is not there, mode 0600, in a folder of mode 0700. The address may name several
	// servers, one of which takes writes: postgres://user:password@one,two,three/database.
	URL string
	// Replicas are postgres:// addresses of standbys that answer look-ups which may lag behind:
	// see replicas in postgres_replica.go.
	Replicas []string
	// Keys is the keystore that seals personal data. A database opens only with the keystore
	// it was made with.
	Keys *key.Store
	Now  func() time.Time
	// ListSize is the number of entries of new status lists; default ListSize. The issuer
	// must permute indexes over the same number.
	ListSize uint64
	// Seals says how long data keys last and who wraps them; the zero value is good. Keys,
	// DataKeys and Generation in it are set by Open.
	Seals key.SealerConfig
}

// Store is the durable record. It is safe for concurrent use, and several processes may open
// the same database.
type Store struct {
	cfg       Config
	db        database
	sealer    *key.Sealer
	entryMACs sync.Pool // hash.Hash: HMAC-SM3 under the key of the ids of audit entries
}

var (
	_ issuer.Record    = (*Store)(nil)
	_ issuer.History   = (*Store)(nil)
	_ issuer.LiveData  = (*Store)(nil)
	_ issuer.Jobs      = (*Store)(nil)
	_ issuer.Statuses  = (*Store)(nil)
	_ issuer.Requests  = (*Store)(nil)
	_ wallet.Store     = (*Store)(nil)
	_ verifier.Records = (*Store)(nil)
	_ registry.Store   = (*Store)(nil)
)

// database is what differs between SQLite and PostgreSQL.
type database interface {
	// write runs work in a transaction that is durable when write returns nil.
	write(ctx context.Context, w work) error
	// read runs queries that change nothing.
	read(ctx context.Context, how reading, queries func(querier) error) error
	// keys is read over a connection kept for the sealer: it may be asked for a data key in the middle
	// of other queries, when all other connections are taken by such as wait for that key.
	keys(ctx context.Context, queries func(querier) error) error
	// lock ends a SELECT whose rows are to stay as they are until the transaction ends.
	lock() string
	// backup writes a copy of the whole database, as it stands at one moment, to a new file.
	backup(ctx context.Context, path string) error
	close() error
}

// reading says how something is read.
type reading struct {
	snapshot bool // all queries see one moment
	late     bool // a copy may answer that lags a few seconds behind
}

// work is what one caller wants to write.
type work struct {
	do func(querier) error
	// rows is how many rows it writes, roughly: many small works share a transaction, a
	// large one gets its own.
	rows int
	// clean says that do changes nothing when it returns an error, so that it needs no
	// savepoint to share a transaction.
	clean bool
	// about is what the work is about: a certificate, a ticket, a job. Where several write side by
	// side, works about one thing come after one another. Empty for what does not come in crowds.
	about string
	// record is a verification for which do does nothing else than to record it: where it pays, many
	// are written with one statement.
	record *recordRow
}

// querier runs statements with $1 placeholders. The statements come from a small fixed set,
// so that they can stay prepared. Where a transaction had to be given up, because others were in
// its way, the work is done anew: it must not count on what it noted before.
type querier interface {
	exec(query string, args ...any) (affected int64, err error)
	row(query string, args ...any) scanner
	rows(query string, args []any, each func(scanner) error) error
	// alone keeps others who want to be alone under the same name waiting until the transaction ends:
	// for a rule over several rows, such as how many there may be, which no row of them can guard.
	alone(name string) error
	// finally does something last in the transaction, in the order of the names given: for rows that
	// everybody counts up, so that they are held briefly and nobody waits in a ring. Who failed
	// before has nothing done.
	finally(order string, do func(querier) error) error
}

// scanner is one row, or the error of its query.
type scanner interface {
	Scan(dest ...any) error
}

// Open opens the database, brings its tables up to date and makes the sealer.
func Open(ctx context.Context, cfg Config) (*Store, error) { return open(ctx, cfg, false) }

// open opens the database; for maintenance also in the middle of it.
func open(ctx context.Context, cfg Config, maintenance bool) (*Store, error) {
	if cfg.Keys == nil {
		return nil, errors.New("sqlstore: no keystore")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.ListSize == 0 {
		cfg.ListSize = ListSize
	}
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open: %w", err)
	}
	s := &Store{cfg: cfg, db: db}
	entryKey, err := cfg.Keys.Secret(auditSecret, 32)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlstore: open: %w", err), db.close())
	}
	s.entryMACs.New = func() any { return hmac.New(sm.NewHash, entryKey) }
	if err := s.openSealer(ctx, maintenance); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlstore: open: %w", err), db.close())
	}
	return s, nil
}

// Migrate brings the tables of a database up to date, as Open does, and nothing else: it needs no keys.
func Migrate(ctx context.Context, cfg Config) error {
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	return db.close()
}

func openDatabase(ctx context.Context, cfg Config) (database, error) {
	scheme, rest, _ := strings.Cut(cfg.URL, ":")
	switch {
	case scheme == "sqlite" && rest != "" && len(cfg.Replicas) > 0:
		return nil, fmt.Errorf("%w: only PostgreSQL has replicas", ErrURL)
	case scheme == "sqlite" && rest != "":
		return openSQLite(ctx, rest)
	case scheme == "postgres" || scheme == "postgresql":
		return openPostgres(ctx, cfg.URL, cfg.Replicas)
	}
	// The rest may hold a password.
	return nil, fmt.Errorf("%w: it starts with %q, want sqlite:PATH or postgres://…", ErrURL, scheme)
}

// Close waits for writes that have begun and closes the database.
func (s *Store) Close() error { return s.db.close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, func(q querier) error {
		var one int
		return q.row(`SELECT 1`).Scan(&one)
	})
}

func (s *Store) read(ctx context.Context, queries func(querier) error) error {
	return s.db.read(ctx, reading{}, queries)
}

// lookup is for histories and reports: for nothing that decides, and nothing that is read before a write.
func (s *Store) lookup(ctx context.Context, queries func(querier) error) error {
	return s.db.read(ctx, reading{late: true}, queries)
}

func (s *Store) snapshot(ctx context.Context, queries func(querier) error) error {
	return s.db.read(ctx, reading{snapshot: true}, queries)
}

func (s *Store) write(ctx context.Context, rows int, do func(querier) error) error {
	return s.db.write(ctx, work{do: do, rows: rows})
}

// writeAbout writes what comes in crowds.
func (s *Store) writeAbout(ctx context.Context, about string, rows int, do func(querier) error) error {
	return s.db.write(ctx, work{do: do, rows: rows, about: about})
}

// micros is how moments are stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// optional stores the zero time as null.
func optional(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

func optionalMoment(m *int64) time.Time {
	if m == nil {
		return time.Time{}
	}
	return moment(*m)
}

// sealText seals a text; the empty one becomes null, and tells nothing by being so.
func (s *Store) sealText(table, row, column, text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	return s.sealer.SealText(table, row, column, text)
}

func (s *Store) openText(table, row, column string, sealed []byte) (string, error) {
	if sealed == nil {
		return "", nil
	}
	plain, err := s.sealer.Open(table, row, column, sealed)
	return string(plain), err
}

func (s *Store) sealJSON(table, row, column string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %s.%s: %w", table, column, err)
	}
	return s.sealer.Seal(table, row, column, plain)
}

// openJSON keeps numbers as they were written: json.Number, exact.
func (s *Store) openJSON(table, row, column string, sealed []byte, to any) error {
	plain, err := s.sealer.Open(table, row, column, sealed)
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(plain)))
	d.UseNumber()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("sqlstore: %s.%s: %w", table, column, err)
	}
	return nil
}

// names stores a list of names that are not personal: of fields, of reasons.
func names(list []string) string {
	if list == nil {
		list = []string{}
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic("sqlstore: strings do not marshal: " + err.Error())
	}
	return string(b)
}

func parseNames(text string) (list []string, err error) {
	err = json.Unmarshal([]byte(text), &list)
	return list, err
}
