// Package backing starts the servers that a deployment stands on, real ones in processes of their
// own, for tests, for `showcard bench` and for the soak. What they hold is gone when they are
// closed, and they end with the process that started them.
//
//	pg, err := backing.StartPostgres(ctx, backing.PostgresConfig{})
//	defer pg.Close()
//	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: pg.URL, …})
//
// They can be killed, started again and promoted, which is what a deployment has to be tried against.
package backing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrNotInstalled says that a server is not on this machine, and names the package that has it.
var ErrNotInstalled = errors.New("backing: not installed")

// patience is how long a server may take to answer, or to end.
const patience = 60 * time.Second

// PostgresConfig says what a server is to be like. The zero value is good: durable as a server is
// by default, with a small shared memory.
type PostgresConfig struct {
	// Settings are added to postgresql.conf, such as "synchronous_standby_names".
	Settings map[string]string
	// Database is created at the start, owned by the superuser; default showcard.
	Database string
	// Folder is where data and socket lie; default a new one below the folder for temporary files.
	Folder string
}

// Postgres is a PostgreSQL server on a unix socket. It believes whoever reaches the socket, which
// lies in a folder of mode 0700.
type Postgres struct {
	URL    string // of its database, as a superuser
	Socket string // folder of the socket: its host
	Port   int

	cfg    PostgresConfig
	bin    string
	folder string
	own    account
	log    *buffer

	mu  sync.Mutex
	run *running
	// standbys count what was made of this server, for their names.
	standbys int
}

// StartPostgres makes and starts an empty server.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	p, err := newPostgres(cfg)
	if err != nil {
		return nil, err
	}
	// C: whatever the machine's locale is, tests see the same server.
	if err := p.tool(ctx, "initdb", "-D", p.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	settings := maps.Clone(cfg.Settings)
	if settings == nil {
		settings = map[string]string{}
	}
	for name, value := range map[string]string{
		"max_connections": "200", "shared_buffers": "128MB", "max_wal_size": "2GB", "wal_level": "replica", "max_wal_senders": "10", "hot_standby": "on",
		"wal_keep_size": "256MB", "log_min_messages": "warning", "log_line_prefix": "%m [%p] ", "lc_messages": "C", "jit": "off",
	} {
		if settings[name] == "" {
			settings[name] = value
		}
	}
	if err := p.configure(settings); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if err := p.Start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if err := p.SQL(ctx, "postgres", "CREATE DATABASE "+p.cfg.Database); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func newPostgres(cfg PostgresConfig) (_ *Postgres, err error) {
	if cfg.Database == "" {
		cfg.Database = "showcard"
	}
	p := &Postgres{cfg: cfg, Port: 5432, log: &buffer{}}
	if p.bin, err = postgresPrograms(); err != nil {
		return nil, err
	}
	if p.own, err = serverAccount(); err != nil {
		return nil, err
	}
	// Short: the path of a unix socket may have some 100 characters.
	if p.folder, err = os.MkdirTemp(cfg.Folder, "pg"); err != nil {
		return nil, err
	}
	if err := p.own.take(p.folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.folder))
	}
	p.Socket = p.folder
	p.URL = p.Database(p.cfg.Database)
	return p, nil
}

// Database is the address of one of its databases.
func (p *Postgres) Database(name string) string {
	q := url.Values{"host": {p.Socket}, "port": {strconv.Itoa(p.Port)}, "sslmode": {"disable"}}
	return "postgres://postgres@/" + url.PathEscape(name) + "?" + q.Encode()
}

// postgresPrograms finds the folder of initdb and postgres. Debian keeps them out of PATH, by version.
func postgresPrograms() (string, error) {
	if found, err := exec.LookPath("initdb"); err == nil {
		// It may be a link to where all of them are.
		found, err = filepath.EvalSymlinks(found)
		return filepath.Dir(found), err
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql*/bin/initdb"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
		if len(found) > 0 {
			return filepath.Dir(found[len(found)-1]), nil
		}
	}
	return "", fmt.Errorf("%w: PostgreSQL (initdb): install Debian package postgresql (make tools)", ErrNotInstalled)
}

// version is the number in a path such as /usr/lib/postgresql/15/bin/initdb.
func version(path string) (n int) {
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' }) {
		if v, err := strconv.Atoi(part); err == nil {
			n = v
		}
	}
	return n
}

func (p *Postgres) data() string { return filepath.Join(p.folder, "d") }

// configure appends to postgresql.conf.
func (p *Postgres) configure(settings map[string]string) (err error) {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	f, err := os.OpenFile(filepath.Join(p.data(), "postgresql.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text.String())
	return errors.Join(err, f.Close())
}

// Set changes a setting of the running server, as ALTER SYSTEM does.
func (p *Postgres) Set(ctx context.Context, name, value string) error {
	if err := p.SQL(ctx, "postgres", "ALTER SYSTEM SET "+name+" = '"+strings.ReplaceAll(value, "'", "''")+"'"); err != nil {
		return err
	}
	return p.SQL(ctx, "postgres", "SELECT pg_reload_conf()")
}

// tool runs one of the programs to its end.
func (p *Postgres) tool(ctx context.Context, name string, args ...string) error {
	_, err := p.output(ctx, name, args...)
	return err
}

func (p *Postgres) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &complaint, p.folder
	p.own.apply(cmd)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("backing: %s: %w: %s", name, err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// SQL runs a statement as the superuser.
func (p *Postgres) SQL(ctx context.Context, database, statement string) error {
	_, err := p.Query(ctx, database, statement)
	return err
}

// Query runs one and returns what it answers, fields divided by |, rows by newlines.
func (p *Postgres) Query(ctx context.Context, database, statement string) (string, error) {
	return p.output(ctx, "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", p.Socket, "-p", strconv.Itoa(p.Port), "-U", "postgres", "-d", database, "-c", statement)
}

// Dump writes one of its databases to a file, with pg_dump in its own format.
func (p *Postgres) Dump(ctx context.Context, database, path string) error {
	return p.tool(ctx, "pg_dump", "-Fc", "-h", p.Socket, "-p", strconv.Itoa(p.Port), "-U", "postgres", "-f", path, database)
}

// Start starts the server, also again after Kill, and returns when it answers.
func (p *Postgres) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil {
		return nil
	}
	cmd := exec.Command(filepath.Join(p.bin, "postgres"), "-D", p.data(), "-k", p.Socket, "-p", strconv.Itoa(p.Port), "-c", "listen_addresses=")
	cmd.Stdout, cmd.Stderr, cmd.Dir = p.log, p.log, p.folder
	p.own.apply(cmd)
	run, err := start(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		silence := p.tool(ctx, "pg_isready", "-h", p.Socket, "-p", strconv.Itoa(p.Port))
		if silence == nil {
			p.run = run
			return nil
		}
		select {
		case <-run.ended:
			return fmt.Errorf("backing: postgres ended: %w: %s", run.err, p.log.tail())
		case <-ctx.Done():
			run.kill()
			return fmt.Errorf("backing: postgres does not answer: %w: %w: %s", ctx.Err(), silence, p.log.tail())
		case <-again.C:
		}
	}
}

// Kill ends the server and all its processes at once, as a power failure does. The machine's own
// memory of files stays, so what it wrote without flushing may be there afterwards.
func (p *Postgres) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil {
		p.run.kill()
		p.run = nil
	}
}

// Fence sees to it that the server never serves again: it is killed, and its data are put aside.
func (p *Postgres) Fence() error {
	p.Kill()
	return os.Rename(p.data(), filepath.Join(p.folder, "fenced"))
}

// Standby makes and starts a server that follows this one, under the application name standbyN.
func (p *Postgres) Standby(ctx context.Context) (*Postgres, error) {
	p.mu.Lock()
	p.standbys++
	name := "standby" + strconv.Itoa(p.standbys)
	p.mu.Unlock()
	s, err := newPostgres(p.cfg)
	if err != nil {
		return nil, err
	}
	if err := s.tool(ctx, "pg_basebackup", "-D", s.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-d", p.following(name)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (p *Postgres) following(name string) string {
	return fmt.Sprintf("host=%s port=%d user=postgres application_name=%s", p.Socket, p.Port, name)
}

// Follow makes a standby follow another primary from now on.
func (p *Postgres) Follow(ctx context.Context, primary *Postgres, name string) error {
	return p.Set(ctx, "primary_conninfo", primary.following(name))
}

// Promote makes a standby the primary; it returns when the server takes writes.
func (p *Postgres) Promote(ctx context.Context) error {
	return p.tool(ctx, "pg_ctl", "promote", "-w", "-s", "-D", p.data())
}

// Received says how much of the log of its primary a standby has: the one with the most is to be promoted.
func (p *Postgres) Received(ctx context.Context) (uint64, error) {
	text, err := p.Query(ctx, "postgres", "SELECT pg_wal_lsn_diff(GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')")
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(text, 10, 64)
}

// PID is the process that a deployment's supervisor would watch; 0 while it does not run.
func (p *Postgres) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run == nil {
		return 0
	}
	return p.run.cmd.Process.Pid
}

// Log is the end of what the server said.
func (p *Postgres) Log() string { return p.log.tail() }

// Close ends the server and removes all that it held.
func (p *Postgres) Close() error {
	p.Kill()
	return os.RemoveAll(p.folder)
}

// buffer keeps the end of what a server says.
type buffer struct {
	mu   sync.Mutex
	text []byte
}

var _ io.Writer = (*buffer)(nil)

const keepLog = 64 << 10

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	if over := len(b.text) - keepLog; over > 0 {
		b.text = append(b.text[:0], b.text[over:]...)
	}
	return len(p), nil
}

func (b *buffer) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(string(b.text[max(0, len(b.text)-4096):]))
}
