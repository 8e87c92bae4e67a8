package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// columnsOf reads the tables of a database: "table.column" to its declared type.
func columnsOf(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.Query(`SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'schema_versions'`)
	require.NoError(t, err)
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var table, column, typ string
		require.NoError(t, rows.Scan(&table, &column, &typ))
		out[table+"."+column] = typ
	}
	require.NoError(t, rows.Err())
	return out
}

// A column that holds something sealed or blind, and is not in the registry of columns, would be
// passed by when keys rotate: what is in it would be lost the day the old key is destroyed.
func TestEveryColumnIsListed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "showcard.db")
	open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
	bytes, holders := sqlstore.Listed()
	columns := columnsOf(t, path)
	for name, typ := range columns {
		_, column, _ := strings.Cut(name, ".")
		if typ == "BYTEA" && bytes[name] == "" {
			t.Errorf("%s: sealed, blind or open? It owes a line in places.go", name)
		}
		if slices.Contains([]string{"holder_id", "person_id", "company_id", "by_person", "holder", "person", "company"}, column) && !slices.Contains([]string{"push_jobs.holder"}, name) && holders[name] == "" {
			t.Errorf("%s holds ids of people: it owes a line in holderIDs, places.go", name)
		}
	}
	for name := range bytes {
		plain, _, _ := strings.Cut(name, " ")
		require.Contains(t, columns, plain, "places.go has a line for it, and it is gone")
	}
	for name := range holders {
		require.Contains(t, columns, name, "places.go has a line for it, and it is gone")
	}
}

// fillMore adds what fill does not.
func fillMore(t *testing.T, s *sqlstore.Store) {
	fill(t, s)
	require.NoError(t, s.OpenSession(t.Context(), access.Session{ID: "session", Holder: "blind-one", Name: secretName, Method: "oidc:x", At: time.Now(), SignedInAt: time.Now(), Expires: time.Now().Add(time.Hour)}))
	require.NoError(t, s.Note(t.Context(), audit.Event{Kind: "session.refused", Actor: "x", Holder: "blind-two"}))
}

func readAll(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	for _, read := range []func(*sqlstore.Store) error{readCertificate, readVerification, readRequest, readResults, readEvents} {
		require.NoError(t, read(s))
	}
	c, err := s.Certificate(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, secretName, c.Row.Holder.Name)
	require.Equal(t, secretPhoto, string(c.Row.Portrait))
	require.Equal(t, secretReason, c.Reason)
}

func TestReseal(t *testing.T) { onEach(t, eachReseal) }

func eachReseal(t *testing.T, fresh string) {
	now := time.Now()
	s := open(t, sqlstore.Config{URL: fresh, Keys: newKeys(t), Now: func() time.Time { return now }})
	fillMore(t, s)
	require.ErrorIs(t, s.DestroyDataKey(t.Context(), 1), sqlstore.ErrKeyInUse, "it seals")
	id, err := s.RotateDataKey(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, id)
	require.ErrorIs(t, s.DestroyDataKey(t.Context(), 1), sqlstore.ErrKeyInUse, "others may not have followed")
	now = now.Add(10 * time.Minute)
	require.ErrorIs(t, s.DestroyDataKey(t.Context(), 1), sqlstore.ErrKeyInUse, "values lie under it")
	require.ErrorIs(t, s.DestroyDataKey(t.Context(), 7), sqlstore.ErrKeyUnknown)
	before, err := s.Under(t.Context(), 1)
	require.NoError(t, err)
	require.Greater(t, before, int64(20))

	// Called off after the first batch: some are done, all open.
	ctx, stop := context.WithCancel(t.Context())
	n, err := s.Reseal(ctx, func(string, int64) { stop() })
	require.ErrorIs(t, err, context.Canceled)
	require.NotZero(t, n)
	readAll(t, s)
	rest, err := s.Reseal(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, before, n+rest)
	left, err := s.Under(t.Context(), 1)
	require.NoError(t, err)
	require.Zero(t, left)
	again, err := s.Reseal(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, again)

	require.NoError(t, s.DestroyDataKey(t.Context(), 1))
	require.NoError(t, s.DestroyDataKey(t.Context(), 1), "twice is no harm")
	readAll(t, s)
	require.NoError(t, readCopy(s))
	keys, err := s.DataKeys(t.Context())
	require.NoError(t, err)
	require.True(t, keys[0].Destroyed())
	require.False(t, keys[1].Destroyed())
}

// Values change while they are sealed anew: what was written last is what is there.
func TestResealBesideWriters(t *testing.T) { onEach(t, eachResealBesideWriters) }

func eachResealBesideWriters(t *testing.T, fresh string) {
	cfg := sqlstore.Config{URL: fresh, Keys: newKeys(t)}
	serving, command := open(t, cfg), open(t, cfg)
	fillMore(t, serving)
	const last = 60
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range last {
			if err := serving.SetLive(background(), "police", "one", map[string]any{"n": fmt.Sprint(i + 1)}, time.Now()); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		_, err := command.RotateDataKey(t.Context())
		require.NoError(t, err)
		_, err = command.Reseal(t.Context(), nil)
		require.NoError(t, err)
	}
	wg.Wait()
	c, err := command.Certificate(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"n": fmt.Sprint(last)}, c.Live)
	readAll(t, serving)
}

func TestRewrapWhileServing(t *testing.T) { onEach(t, eachRewrapWhileServing) }

func eachRewrapWhileServing(t *testing.T, fresh string) {
	cfg := sqlstore.Config{URL: fresh, Keys: newKeys(t)}
	serving, command := open(t, cfg), open(t, cfg)
	fillMore(t, serving)
	n, err := command.Rewrap(t.Context(), "kek/2")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	readAll(t, serving)
	readAll(t, open(t, cfg))
	_, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: cfg.URL, Keys: newKeys(t)})
	require.ErrorIs(t, err, key.ErrOtherKeystore)
}

// contents dumps all text and bytes of a database.
func contents(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	var out strings.Builder
	for name := range columnsOf(t, path) {
		table, column, _ := strings.Cut(name, ".")
		rows, err := db.Query(`SELECT CAST(` + column + ` AS TEXT) FROM ` + table + ` WHERE ` + column + ` IS NOT NULL`)
		require.NoError(t, err)
		for rows.Next() {
			var v string
			require.NoError(t, rows.Scan(&v))
			out.WriteString(v + "\n")
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return out.String()
}

// After the keys of names were rotated everything is found under its new name, nothing under the
// old, and a rotation that was killed half way is finished before anybody serves.
func TestRotateLookups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "showcard.db")
	cfg := sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)}
	s, err := sqlstore.Open(t.Context(), cfg)
	require.NoError(t, err)
	fillMore(t, s)
	// People of whom no table has more than the id.
	require.NoError(t, s.Record(t.Context(), verifier.Verification{ID: "v3", HolderID: "stranger", At: time.Now()}))
	require.NoError(t, s.Close())

	for g := 2; g <= 3; g++ {
		steps := 0
		for done := false; !done; steps++ {
			ctx, stop := context.WithCancel(t.Context())
			reports := 0
			now, err := sqlstore.RotateLookups(ctx, cfg, func(string, int64) {
				if reports++; reports == 2 { // killed after two transactions
					stop()
				}
			})
			stop()
			if done = err == nil; done {
				require.Equal(t, g, now)
				continue
			}
			require.ErrorIs(t, err, context.Canceled)
			_, err = sqlstore.Open(t.Context(), cfg)
			require.ErrorIs(t, err, sqlstore.ErrReindexing)
		}
		require.Greater(t, steps, 3)

		s := open(t, cfg)
		id := s.HolderID("blind-one")
		require.NotEqual(t, "blind-one", id)
		held, err := s.Held(t.Context(), []string{id}, 10)
		require.NoError(t, err)
		require.Len(t, held, 1)
		copied, err := s.Copy(t.Context(), id, "one")
		require.NoError(t, err)
		require.Equal(t, secretToken, copied.Credential)
		looks, err := s.Looks(t.Context(), id, wallet.Cursor{At: time.Now().Add(time.Hour)}, 10)
		require.NoError(t, err)
		require.Len(t, looks, 2)
		looks, err = s.Looks(t.Context(), s.HolderID("stranger"), wallet.Cursor{At: time.Now().Add(time.Hour)}, 10)
		require.NoError(t, err)
		require.Len(t, looks, 1)
		appointed, err := s.AppointmentsOf(t.Context(), s.HolderID("p"), 10)
		require.NoError(t, err)
		require.Len(t, appointed, 1)
		require.Equal(t, s.HolderID("c"), appointed[0].CompanyID)
		require.Equal(t, s.HolderID("boss"), appointed[0].By)
		open, err := s.Session(t.Context(), "session")
		require.NoError(t, err)
		require.Equal(t, id, open.Holder, "the token names the old id, so she signs in again")
		readAll(t, s)

		// The department pushes the same row again and gets the same certificate.
		r, err := s.Reserve(t.Context(), "police", []string{secretNumber, "new"}, 1)
		require.NoError(t, err)
		require.Equal(t, "one", r.Taken[secretNumber].Identifier)
		require.NotContains(t, r.Taken, "new")
		again := sealedCertificate("other", secretNumber)
		again.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}
		out, err := s.Commit(t.Context(), issuer.Batch{Authority: "police", Certificates: []issuer.NewCertificate{again}})
		require.NoError(t, err)
		require.True(t, out[0].Existing)
		require.Equal(t, "one", out[0].Identifier)

		text := contents(t, path)
		for _, old := range []string{"blind-one", "blind-two", "stranger"} {
			require.NotContains(t, text, old)
		}
	}
	other := cfg
	other.Keys = newKeys(t)
	_, err = sqlstore.Open(t.Context(), other)
	require.ErrorIs(t, err, key.ErrOtherKeystore)
}

// After a start no data key is known yet. Whoever holds a connection that reads may be about to open a
// value; when all of them do at once, the key still comes, and nobody waits for himself.
func TestDataKeyComesWhileAllReadersAreTaken(t *testing.T) {
	path, keys := filepath.Join(t.TempDir(), "showcard.db"), newKeys(t)
	first := open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: keys})
	var asked []string
	for i := range first.Readers() {
		a := wallet.Ask{ID: fmt.Sprint("ask-", i), At: time.Now(), Expires: time.Now().Add(time.Hour), Claimant: "bank", Note: []byte("{}")}
		_, err := first.PutAsk(t.Context(), a)
		require.NoError(t, err)
		asked = append(asked, a.ID)
	}
	s := open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: keys})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // the sealer gives up after 30
	defer cancel()
	var taken sync.WaitGroup
	taken.Add(len(asked) - 1)
	free := make(chan struct{})
	ended := make(chan error, len(asked))
	for range len(asked) - 1 { // these wait in the middle of their queries
		go func() { ended <- s.Read(ctx, func() error { taken.Done(); <-free; return nil }) }()
	}
	taken.Wait()
	_, err := s.Ask(ctx, asked[0]) // holds the last one and wants the key
	close(free)
	require.NoError(t, err)
	for range len(asked) - 1 {
		require.NoError(t, <-ended)
	}
	require.NoError(t, ctx.Err())
}

// What was erased does not lie on in pages of the file that are free.
func TestErasedIsOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "showcard.db")
	s := open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
	require.NoError(t, s.PutCopy(t.Context(), wallet.Copy{HolderID: "erased-holder", Identifier: "one", Credential: strings.Repeat("c", 20_000), RefreshAt: time.Now(), CreatedAt: time.Now()}))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	var sealed []byte
	require.NoError(t, db.QueryRow(`SELECT credential FROM wallet_copies`).Scan(&sealed))
	require.NoError(t, db.Close())
	now := time.Now()
	require.NoError(t, s.PrepareErasure(t.Context(), "erased-holder", "token", now.Add(time.Hour)))
	_, err = s.Erase(t.Context(), "erased-holder", "token", now)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := 0; at+64 <= len(sealed); at += 64 {
		require.NotContains(t, string(file), string(sealed[at:at+64]))
	}
}
