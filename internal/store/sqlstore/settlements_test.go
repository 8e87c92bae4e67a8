package sqlstore_test

import (
	"database/sql"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/verifier"
)

// Codes that were given out, and revoked, before serials outlived their revocation.
func TestOldSerialsGoOn(t *testing.T) { onEach(t, eachOldSerialsGoOn) }

func eachOldSerialsGoOn(t *testing.T, fresh string) {
	ctx := t.Context()
	driver, name, dialect, bytes := "pgx", fresh, goose.DialectPostgres, func(b []byte) string { return `'\x` + hex.EncodeToString(b) + `'` }
	if path, ok := strings.CutPrefix(fresh, "sqlite:"); ok {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		driver, name, dialect, bytes = "sqlite", path, goose.DialectSQLite3, func(b []byte) string { return `x'` + hex.EncodeToString(b) + `'` }
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, sqlstore.TablesOf(ctx, dialect, db, 15))
	live, revoked := sdcwt.NewSerial(), sdcwt.NewSerial()
	at := time.Now().UTC().Truncate(time.Microsecond)
	for _, statement := range []string{
		`INSERT INTO device_serials (serial, identifier, holder_id, person_id, device_id, view, expires_at) VALUES (` + bytes(live[:]) + `, 'one', 'her', 'her', 'd', 'identity', $1)`,
		`INSERT INTO revoked_serials (seq, serial, expires_at, at) VALUES (1, ` + bytes(revoked[:]) + `, $1, $1)`,
		`INSERT INTO verifications (id, at, caller, party, party_name, request_key, request_hash, show_id, ticket, challenge, holder_id, person_id, identifier, type, purpose,
			fields, outcome, reasons, via, answer_until) VALUES ('v', $1, 'c', 'p', 'p', '', '', '', '', '', 'her', 'her', 'one', 't', 'x', '[]', 'valid', '[]', 'code', 0)`,
	} {
		_, err := db.ExecContext(ctx, statement, at.UnixMicro())
		require.NoError(t, err, statement)
	}
	s := open(t, sqlstore.Config{URL: fresh, Keys: newKeys(t)})
	got, err := s.OfflineCode(ctx, live)
	require.NoError(t, err)
	require.Equal(t, verifier.CodeState{Serial: live, Identifier: "one", HolderID: "her", PersonID: "her"}, got)
	got, err = s.OfflineCode(ctx, revoked)
	require.NoError(t, err)
	require.Equal(t, verifier.CodeState{Serial: revoked, RevokedAt: at}, got, "whose it was is not known")
	v, err := s.ByID(ctx, "v")
	require.NoError(t, err)
	require.Equal(t, at, v.At)
	require.Nil(t, v.Proof)
	require.Empty(t, v.Conflicts)
	require.True(t, v.SettledAt.IsZero())
}
