package sqlstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

func background() context.Context { return context.Background() }

func TestOpenMakesPrivateFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // modes mean nothing there
	}
	// A path may hold whatever a URI would take for its own.
	path := filepath.Join(t.TempDir(), "a #folder? with %20 & 名字", "deep", "showcard.db")
	s := open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
	fill(t, s)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 3, "database, log, index of the log")
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm(), f)
	}
	info, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode().Perm())

	require.NoError(t, os.Chmod(path, 0o640))
	_, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
	require.ErrorIs(t, err, sqlstore.ErrPermissions)
}

// A commit that is answered before it is on the disk breaks every promise of the house, and no
// other test would notice.
func TestCommitsAreFlushed(t *testing.T) {
	s := open(t, sqlstore.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "showcard.db"), Keys: newKeys(t)})
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "fullfsync": "1", "checkpoint_fullfsync": "1", "foreign_keys": "1", "busy_timeout": "10000"} {
		got, err := s.Pragma(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"", "sqlite", "sqlite:", "showcard.db", "postgress://user:hunter2@localhost/x", "postgres://user:hunter2@localhost:port/x", "SQLITE:x"} {
		_, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: url, Keys: newKeys(t)})
		require.ErrorIs(t, err, sqlstore.ErrURL, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:x"})
	require.Error(t, err, "no keystore")

	path := filepath.Join(t.TempDir(), "text.db")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("this is no database\n", 100)), 0o600))
	_, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
	require.Error(t, err)
}

func TestOpenRefusesNewerTables(t *testing.T) {
	cfg := sqlstore.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "showcard.db"), Keys: newKeys(t)}
	s, err := sqlstore.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	meddle(t, strings.TrimPrefix(cfg.URL, "sqlite:"), `INSERT INTO schema_versions (version_id, is_applied) VALUES (99999, 1)`)
	_, err = sqlstore.Open(t.Context(), cfg)
	require.ErrorIs(t, err, sqlstore.ErrNewer)
}

// Many open a file that is not there yet: one makes the tables, the others wait for it.
func TestOpenAtTheSameMoment(t *testing.T) { onEach(t, eachOpenAtTheSameMoment) }

func eachOpenAtTheSameMoment(t *testing.T, fresh string) {
	cfg := sqlstore.Config{URL: fresh, Keys: newKeys(t)}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := sqlstore.Open(background(), cfg)
			if err == nil {
				err = s.Ping(background())
			}
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestClosed(t *testing.T) { onEach(t, eachClosed) }

func eachClosed(t *testing.T, fresh string) {
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: fresh, Keys: newKeys(t)})
	require.NoError(t, err)
	// Writes that have begun are finished, those that come too late are refused, none hangs.
	var wg sync.WaitGroup
	acknowledged := make([]bool, 64)
	for i := range acknowledged {
		wg.Go(func() {
			err := s.Record(background(), verifier.Verification{ID: fmt.Sprint(i), At: time.Now()})
			acknowledged[i] = err == nil
		})
	}
	require.NoError(t, s.Close())
	wg.Wait()
	require.NoError(t, s.Close(), "twice is no harm")
	require.ErrorIs(t, s.Ping(t.Context()), sqlstore.ErrClosed)
	_, err = s.Reserve(t.Context(), "a", nil, 1)
	require.ErrorIs(t, err, sqlstore.ErrClosed)
	require.ErrorIs(t, s.PutAppointment(t.Context(), appointment()), sqlstore.ErrClosed)
}

func TestGivingUp(t *testing.T) { onEach(t, eachGivingUp) }

func eachGivingUp(t *testing.T, fresh string) {
	s := open(t, sqlstore.Config{URL: fresh, Keys: newKeys(t)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Either the work was not begun and nothing is there, or it was and its answer is the truth.
	for i := range 50 {
		id := fmt.Sprint(i)
		err := s.Record(ctx, verifier.Verification{ID: id, At: time.Now()})
		_, found := s.ByID(t.Context(), id)
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, found, verifier.ErrNoRecord)
		} else {
			require.NoError(t, found)
		}
	}
	_, err := s.ByID(ctx, "1")
	require.True(t, err == nil || err == context.Canceled || err == verifier.ErrNoRecord, "%v", err)
}

// A refused work shares its transaction with others and leaves nothing of itself behind.
func TestNeighboursInOneTransaction(t *testing.T) { onEach(t, eachNeighboursInOneTransaction) }

func eachNeighboursInOneTransaction(t *testing.T, fresh string) {
	s := open(t, sqlstore.Config{URL: fresh, Keys: newKeys(t)})
	fill(t, s)
	heads, err := s.Lists(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if i%2 == 0 {
				// It inserts a good certificate, then fails on a slot that is used.
				good, bad := sealedCertificate(fmt.Sprint("good", i), fmt.Sprint("good", i)), sealedCertificate(fmt.Sprint("bad", i), fmt.Sprint("bad", i))
				good.Slot, bad.Slot = issuer.Slot{List: heads[0].Name, Index: uint64(1000 + i)}, issuer.Slot{List: heads[0].Name, Index: 0}
				if _, err := s.Commit(background(), issuer.Batch{Authority: "police", Certificates: []issuer.NewCertificate{good, bad}}); err == nil {
					t.Error("a used slot was taken")
				}
				return
			}
			if err := s.Record(background(), verifier.Verification{ID: fmt.Sprint("n", i), At: time.Now()}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 100 {
		if i%2 == 0 {
			_, err := s.Certificate(t.Context(), fmt.Sprint("good", i))
			require.ErrorIs(t, err, issuer.ErrUnknown)
		} else {
			_, err := s.ByID(t.Context(), fmt.Sprint("n", i))
			require.NoError(t, err)
		}
	}
}

func appointment() wallet.Appointment {
	return wallet.Appointment{ID: "a", CompanyID: "c", PersonID: "p", Role: wallet.RoleAgent, By: "boss", State: wallet.Offered, PersonName: secretName, NumberEnd: "1234", CompanyName: secretName}
}
