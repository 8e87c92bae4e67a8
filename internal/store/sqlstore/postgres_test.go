package sqlstore_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
)

// server is the PostgreSQL of this test binary: one process, a database for each test.
var server struct {
	once      sync.Once
	pg        *backing.Postgres
	err       error
	databases atomic.Int64

	migrate    sync.Once
	migrateErr error
}

func postgres(t testing.TB) *backing.Postgres {
	t.Helper()
	server.once.Do(func() {
		server.pg, server.err = backing.StartPostgres(context.Background(), backing.PostgresConfig{Folder: inMemory()})
	})
	require.NoError(t, server.err)
	return server.pg
}

// inMemory is a folder in memory where there is one: a database for each test is many small files, and
// no test here cuts the power.
func inMemory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func closeServer() {
	if server.pg != nil {
		if err := server.pg.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// database makes an empty database. It compares texts as English does, so that what leans on the order
// of bytes without saying so fails here.
func database(t testing.TB) string {
	t.Helper()
	return databaseFrom(t, "template0")
}

// withTables makes a database whose tables are there already. Making them takes most of the time of a
// short test, so it is done once.
func withTables(t testing.TB) string {
	t.Helper()
	pg := postgres(t)
	server.migrate.Do(func() {
		server.migrateErr = pg.SQL(context.Background(), "postgres", createDatabase("migrated", "template0"))
		if server.migrateErr == nil {
			server.migrateErr = sqlstore.MigratePostgres(context.Background(), pg.Database("migrated"))
		}
	})
	require.NoError(t, server.migrateErr)
	return databaseFrom(t, "migrated")
}

func createDatabase(name, template string) string {
	return "CREATE DATABASE " + name + " TEMPLATE " + template + " LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
}

func databaseFrom(t testing.TB, template string) string {
	t.Helper()
	pg := postgres(t)
	name := fmt.Sprintf("t%d", server.databases.Add(1))
	require.NoError(t, pg.SQL(t.Context(), "postgres", createDatabase(name, template)))
	t.Cleanup(func() {
		require.NoError(t, pg.SQL(context.Background(), "postgres", "DROP DATABASE "+name+" WITH (FORCE)"))
	})
	return pg.Database(name)
}

// onEach runs a test over each database, an empty one.
func onEach(t *testing.T, test func(t *testing.T, fresh string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "data", "showcard.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, database(t)) })
}

func onPostgres(seals key.SealerConfig) storetest.OpenDurable {
	return func(t *testing.T, dc storetest.DurableConfig) storetest.DurableSubject {
		cfg := sqlstore.Config{URL: withTables(t), Keys: newKeys(t), Now: dc.Now, ListSize: dc.ListSize, Seals: seals}
		return storetest.DurableSubject{
			Store: open(t, cfg),
			Again: func(t *testing.T) storetest.DurableStore { return open(t, cfg) },
		}
	}
}

func TestDurableOnPostgres(t *testing.T) {
	postgres(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	storetest.Durable(t, onPostgres(key.SealerConfig{}))
}

// Every text is compared byte by byte, whatever language the database has: pages and ranges of keys
// lean on it.
func TestTextsAreComparedByBytes(t *testing.T) {
	pg, url := postgres(t), database(t)
	s := open(t, sqlstore.Config{URL: url, Keys: newKeys(t)})
	require.NoError(t, s.Ping(t.Context()))
	other, err := pg.Query(t.Context(), nameOf(url), `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
	require.NoError(t, err)
	require.Empty(t, other)
	some, err := pg.Query(t.Context(), nameOf(url), `SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND collation_name = 'C'`)
	require.NoError(t, err)
	n, err := strconv.Atoi(some)
	require.NoError(t, err)
	require.Greater(t, n, 80)
}

// nameOf is the database that an address names.
func nameOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

func TestDurableOnPostgresWhileDataKeysRollOver(t *testing.T) {
	storetest.Durable(t, onPostgres(key.SealerConfig{Limit: 25, Block: 4}))
}

// The plan of a prepared statement may have been made over an empty table, and stays when it has
// grown: a look-up for each batch of a push must not read the whole of it then.
func TestTakenKeysAreFoundByIndex(t *testing.T) {
	url := database(t)
	open(t, sqlstore.Config{URL: url, Keys: newKeys(t)})
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for _, text := range []string{"SET plan_cache_mode = force_generic_plan", "PREPARE taken AS " + sqlstore.TakenByKey} {
		_, err := conn.Exec(t.Context(), text)
		require.NoError(t, err)
	}
	rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE taken('police', '{"\\x01","\\x02"}')`)
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, strings.Join(plan, "\n"), "certificates_authority_row_key_key")
	require.NotContains(t, strings.Join(plan, "\n"), "Seq Scan")
}
