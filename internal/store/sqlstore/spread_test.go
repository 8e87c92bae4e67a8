package sqlstore_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/sqlstore"
)

// docs/operations.md says how the tables may be spread over nodes. A distributed PostgreSQL holds a
// unique rule only when the key of distribution is in it, and a reference only within a group of
// tables that lie together: the page must not promise more, nor forget a table.
func TestSpreadTablesKeepTheirRules(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operations.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(page), "\n### Spreading the tables\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "\n## ")
	spread, beside := map[string]string{}, map[string]string{}
	for _, m := range regexp.MustCompile(`create_distributed_table\('(\w+)', '(\w+)', colocate_with => '(\w+)'\)`).FindAllStringSubmatch(text, -1) {
		require.NotContains(t, spread, m[1])
		spread[m[1]], beside[m[1]] = m[2], m[3]
		if m[3] == "none" {
			beside[m[1]] = m[1]
		}
	}
	require.Greater(t, len(spread), 10)
	dropped := strings.Join(regexp.MustCompile(`DROP CONSTRAINT (\w+)`).FindAllString(text, -1), " ")
	_, whole, found := strings.Cut(text, "These stay on the coordinator")
	require.True(t, found)
	var local []string
	for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(whole, -1) {
		local = append(local, m[1])
	}

	pg, address := postgres(t), database(t)
	require.NoError(t, open(t, sqlstore.Config{URL: address, Keys: newKeys(t)}).Ping(t.Context()))
	ask := func(query string) (lines [][]string) {
		out, err := pg.Query(t.Context(), nameOf(address), query)
		require.NoError(t, err)
		for line := range strings.Lines(out) {
			lines = append(lines, strings.Split(strings.TrimSpace(line), "|"))
		}
		return lines
	}
	tables := ask(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
	require.Len(t, tables, len(spread)+len(local), "each once")
	for _, table := range tables {
		_, is := spread[table[0]]
		require.NotEqual(t, is, slices.Contains(local, table[0]), "%s: spread, or whole?", table[0])
	}
	for _, rule := range ask(`SELECT t.relname, i.relname, (SELECT string_agg(a.attname, ' ') FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = ANY (x.indkey))
		FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE x.indisunique AND n.nspname = 'public'`) {
		if column, ok := spread[rule[0]]; ok {
			require.Contains(t, strings.Fields(rule[2]), column, "%s of %s", rule[1], rule[0])
		}
	}
	for _, reference := range ask(`SELECT conname, conrelid::regclass, confrelid::regclass FROM pg_constraint WHERE contype = 'f'`) {
		name, from, to := reference[0], reference[1], reference[2]
		if spread[from] == "" && spread[to] == "" || strings.Contains(dropped, name) {
			continue
		}
		root := func(table string) string {
			for beside[table] != table && beside[table] != "" {
				table = beside[table]
			}
			return table
		}
		require.Equal(t, root(from), root(to), "%s: from %s to %s", name, from, to)
	}
}
