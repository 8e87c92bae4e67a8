package sqlstore_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/sqlstore"
)

// impersonal are the tables that hold nothing about a person, each for its reason.
var impersonal = map[string]string{
	"data_keys": "keys", "lookup_keys": "keys", "lookup_moves": "empty but inside a transaction", "restores": "backups", "schema_versions": "migrations",
	"status_lists": "lists", "status_changes": "slots", "slots": "slots, and identifiers that the status list needs", "key_copies": "counts",
	"certificate_events": "the department's record: states, dates", "portraits": "the department's record",
	"push_results": "the department's answers, kept for a while", "requests": "the department's answers, a day old at most",
	"registry_revisions": "the registry", "registry_entries": "the registry", "registry_history": "the registry",
	"revoked_serials": "random numbers", "revoked_serial_head": "a count",
	"audit_tree": "hashes", "audit_tiles": "hashes", "audit_checkpoints": "hashes",
}

// staying are the columns that go on naming her, each for its reason.
var staying = map[string]string{
	"certificates.holder_id":    "the department's record: she finds it when she signs in again",
	"representatives.person_id": "part of the licence, which is the register's",
	"push_jobs.holder":          "names an upload, no person",
}

// Erasing a person leaves her name in no table but those that are excused here, and touches no row
// that is not about her. A table that somebody adds fails this test until it is thought of.
func TestErasureReachesEveryTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "showcard.db")
	s := open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
	ctx := t.Context()
	require.NoError(t, s.PrepareErasure(ctx, "her", "token", time.Now().Add(time.Hour)))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, `PRAGMA foreign_keys = 0`)
	require.NoError(t, err)

	person := regexp.MustCompile(`holder|person`)
	columns, people := map[string][]string{}, map[string][]string{}
	rows, err := db.QueryContext(ctx, `SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%' ORDER BY m.name, c.cid`)
	require.NoError(t, err)
	kinds := map[string]string{}
	for rows.Next() {
		var table, name, kind string
		require.NoError(t, rows.Scan(&table, &name, &kind))
		columns[table] = append(columns[table], name)
		kinds[table+"."+name] = kind
		if person.MatchString(name) {
			people[table] = append(people[table], name)
		}
	}
	require.NoError(t, rows.Err())
	require.Greater(t, len(columns), 20)

	n := 0
	put := func(table string, who func(column string) string) {
		names, values := columns[table], []any{}
		for _, c := range names {
			n++
			switch kind := kinds[table+"."+c]; {
			case person.MatchString(c):
				values = append(values, who(c))
			case c == "company_id":
				values = append(values, "firm")
			case table == "appointments" && c == "state":
				values = append(values, "accepted")
			case kind == "TEXT":
				values = append(values, fmt.Sprint("t", n))
			case kind == "BYTEA":
				values = append(values, fmt.Append(nil, "b", n))
			default:
				values = append(values, 1000+n)
			}
		}
		_, err := db.ExecContext(ctx, `INSERT INTO `+table+` (`+strings.Join(names, ", ")+`) VALUES (?`+strings.Repeat(", ?", len(names)-1)+`)`, values...)
		require.NoError(t, err, table)
	}
	for table := range columns {
		if impersonal[table] != "" {
			require.Empty(t, people[table], "%s names somebody", table)
			continue
		}
		require.NotEmpty(t, people[table], "is anybody in table %s? Erase her, or say why nobody is", table)
		put(table, func(string) string { return "other" })
		if table == "erasures" {
			continue // prepared above
		}
		for _, c := range people[table] {
			put(table, func(column string) string {
				if column == c {
					return "her"
				}
				return "firm" // for which she acts
			})
		}
	}
	dump := func() map[string][]string {
		all := map[string][]string{}
		for table, names := range columns {
			if table == "audit_entries" || table == "audit_tree" || table == "data_keys" {
				continue // the erasure leaves a sealed entry
			}
			rows, err := db.QueryContext(ctx, `SELECT `+strings.Join(names, ", ")+` FROM `+table+` ORDER BY 1, 2`)
			require.NoError(t, err)
			for rows.Next() {
				values, into := make([]any, len(names)), make([]any, len(names))
				for i := range values {
					into[i] = &values[i]
				}
				require.NoError(t, rows.Scan(into...))
				hers := false
				for i, name := range names {
					hers = hers || person.MatchString(name) && values[i] != "other" // or was
				}
				if !hers {
					all[table] = append(all[table], fmt.Sprint(values...))
				}
			}
			require.NoError(t, rows.Err())
		}
		return all
	}
	before := dump()

	_, err = s.Erase(ctx, "her", "token", time.Now())
	require.NoError(t, err)
	require.Equal(t, before, dump(), "nobody else's")
	for table, names := range people {
		for _, c := range names {
			var left int
			require.NoError(t, db.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+table+` WHERE `+c+` = 'her'`).Scan(&left))
			if staying[table+"."+c] == "" {
				require.Zero(t, left, "%s.%s still names her", table, c)
			}
		}
	}
}
