package sqlstore_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
)

// wire carries the bytes between a store and its server, until it is told to cut.
type wire struct {
	url    string
	before atomic.Int64 // cut instead of carrying this many COMMITs
	after  atomic.Int64 // carry this many COMMITs and cut before their answers
	cuts   atomic.Int64
}

// newWire stands between: a unix socket of its own.
func newWire(t *testing.T, server, url string) *wire {
	folder, err := os.MkdirTemp("", "wire")
	require.NoError(t, err)
	l, err := net.Listen("unix", filepath.Join(folder, ".s.PGSQL.5432"))
	require.NoError(t, err)
	w := &wire{url: strings.ReplaceAll(url, strings.ReplaceAll(server, "/", "%2F"), strings.ReplaceAll(folder, "/", "%2F"))}
	require.NotEqual(t, url, w.url)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { w.carry(client, filepath.Join(server, ".s.PGSQL.5432")) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
		_ = os.RemoveAll(folder)
	})
	return w
}

func (w *wire) carry(client net.Conn, socket string) {
	server, err := net.Dial("unix", socket)
	if err != nil {
		_ = client.Close()
		return
	}
	var silent atomic.Bool
	var back sync.WaitGroup
	back.Go(func() {
		defer func() { _, _ = server.Close(), client.Close() }()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if err != nil || silent.Load() {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	defer back.Wait()
	cut := func() { _, _ = server.Close(), client.Close() }
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			cut()
			return
		}
		if strings.Contains(string(buffer[:n]), "COMMIT\x00") { // a simple query, in one piece
			if w.before.Add(-1) >= 0 {
				w.cuts.Add(1)
				cut()
				return
			}
			if w.after.Add(-1) >= 0 {
				w.cuts.Add(1)
				silent.Store(true)
			}
		}
		if _, err := server.Write(buffer[:n]); err != nil || silent.Load() {
			return // what the server says to the commit is lost
		}
	}
}

// A connection is cut before the server heard of the commit, and after. In both cases nobody is told
// that a thing happened which did not; who repeats the request finds out.
func TestCutAtTheCommit(t *testing.T) {
	pg, url := postgres(t), database(t)
	w := newWire(t, pg.Socket, url)
	s := open(t, sqlstore.Config{URL: w.url, Keys: newKeys(t)})
	ctx := t.Context()
	require.NoError(t, s.Record(ctx, benchmarkVerification(0)))

	for round, cut := range []*atomic.Int64{&w.before, &w.after} {
		for i := range 10 {
			v := benchmarkVerification(int64(1 + 10*round + i))
			cut.Store(1)
			err := s.Record(ctx, v)
			require.ErrorIs(t, err, sqlstore.ErrOutcomeUnknown)
			var again net.Error
			require.ErrorAs(t, err, &again, "a 503, not a 500")
			cut.Store(0)
			err = s.Record(ctx, v)
			if cut == &w.before {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, verifier.ErrRequestReused, "it had happened")
			}
			_, err = s.ByID(ctx, v.ID)
			require.NoError(t, err)
		}
	}
	require.EqualValues(t, 20, w.cuts.Load())
}

// The connections of a store die while it is idle and while it works: it takes others.
func TestConnectionsAreReplaced(t *testing.T) {
	pg, url := postgres(t), database(t)
	s := open(t, sqlstore.Config{URL: url, Keys: newKeys(t)})
	fill(t, s)
	name := nameOf(url)
	for i := range 5 {
		require.NoError(t, pg.SQL(t.Context(), "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+name+`'`))
		require.NoError(t, s.Record(t.Context(), verifier.Verification{ID: fmt.Sprint("again ", i), HolderID: "h"}))
		require.NoError(t, readCertificate(s))
		_, err := s.Reserve(t.Context(), "police", nil, 1)
		require.NoError(t, err)
	}
}

func TestReadOnlyServer(t *testing.T) {
	pg, url := postgres(t), database(t)
	name := nameOf(url)
	cfg := sqlstore.Config{URL: url, Keys: newKeys(t)}
	s := open(t, cfg)
	fill(t, s)
	refuse := func(on string) {
		require.NoError(t, pg.SQL(t.Context(), "postgres", `ALTER DATABASE `+name+` SET default_transaction_read_only = `+on))
		require.NoError(t, pg.SQL(t.Context(), "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+name+`'`))
	}
	refuse("on")
	requireTrouble(t, s, sqlstore.ErrReadOnly)
	refuse("off")
	requireWorks(t, s)
}

// requireTrouble requires that writes are refused with an error that may be repeated, that reads go on,
// and that nothing is left of what was refused.
func requireTrouble(t *testing.T, s *sqlstore.Store, want error) {
	t.Helper()
	ctx := t.Context()
	var again net.Error
	for i := range 3 {
		v := benchmarkVerification(int64(9_000_000 + i))
		err := s.Record(ctx, v)
		require.ErrorIs(t, err, want)
		require.ErrorAs(t, err, &again, "a 503, not a 500")
		_, err = s.ByID(ctx, v.ID)
		require.ErrorIs(t, err, verifier.ErrNoRecord)
		c := sealedCertificate("refused", "refused")
		c.Slot = issuer.Slot{List: "1", Index: 1 << 10}
		_, err = s.Commit(ctx, issuer.Batch{Authority: "police", Certificates: []issuer.NewCertificate{c}})
		require.ErrorIs(t, err, want)
		_, err = s.Certificate(ctx, "refused")
		require.ErrorIs(t, err, issuer.ErrUnknown)
	}
	require.NoError(t, readCertificate(s))
}

func requireWorks(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	v := benchmarkVerification(9_000_000)
	require.NoError(t, s.Record(t.Context(), v))
	_, err := s.ByID(t.Context(), v.ID)
	require.NoError(t, err)
}

// A server that has no room says so with SQLSTATE 53100, whichever file it was; here a trigger does.
func TestFullServer(t *testing.T) {
	pg, url := postgres(t), database(t)
	name := nameOf(url)
	s := open(t, sqlstore.Config{URL: url, Keys: newKeys(t)})
	fill(t, s)
	require.NoError(t, pg.SQL(t.Context(), name, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END$$;
		CREATE TRIGGER full_disk BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION full_disk()`))
	requireTrouble(t, s, sqlstore.ErrFull)
	require.NoError(t, pg.SQL(t.Context(), name, `DROP TRIGGER full_disk ON audit_entries`))
	requireWorks(t, s)
}

// SQLite has a bound of its own for the size of a file, and answers it as it does a full disk. Many
// write at once: who is refused leaves nothing, who is answered is there.
func TestFullDisk(t *testing.T) {
	s := open(t, sqlstore.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "showcard.db"), Keys: newKeys(t)})
	fill(t, s)
	pages, err := s.Pragma("page_count")
	require.NoError(t, err)
	_, err = s.Pragma("max_page_count(" + pages + "0)") // ten times as many
	require.NoError(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var kept, refused []string
	for n := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				v := benchmarkVerification(int64((n+1)*1_000_000 + i))
				v.ID = fmt.Sprintf("%d of %d", i, n)
				err := s.Record(background(), v)
				mu.Lock()
				if err == nil {
					kept = append(kept, v.ID)
				} else {
					refused = append(refused, v.ID)
					if !errors.Is(err, sqlstore.ErrFull) {
						t.Error(err)
					}
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	require.NotEmpty(t, kept)
	require.Len(t, refused, 8)
	for _, id := range kept {
		_, err := s.ByID(t.Context(), id)
		require.NoError(t, err)
	}
	for _, id := range refused {
		_, err := s.ByID(t.Context(), id)
		require.ErrorIs(t, err, verifier.ErrNoRecord)
	}
	require.NoError(t, readCertificate(s), "who reads is not concerned")
	_, err = s.Pragma("max_page_count(1000000)")
	require.NoError(t, err)
	requireWorks(t, s)
}
