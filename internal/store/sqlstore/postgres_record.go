package sqlstore

import (
	"cmp"
	"slices"
	"strings"

	"github.com/showcard/showcard/verifier"
)

// recordRow is a verification on its way into the tables, with its entry of the log. On PostgreSQL
// all records of a group are written with one statement, and their entries with another: what costs
// is the statement, not the row.
type recordRow struct {
	v       verifier.Verification
	request string
	values  []any // of recordColumns
	log     entries
}

// recordColumns are the columns of a record and their types.
var recordColumns = [][2]string{
	{"id", "text"}, {"at", "bigint"}, {"caller", "text"}, {"party", "text"}, {"party_name", "text"}, {"request_key", "text"}, {"request_hash", "bytea"},
	{"show_id", "text"}, {"ticket", "bytea"}, {"challenge", "text"}, {"holder_id", "text"}, {"person_id", "text"}, {"identifier", "text"}, {"type", "text"},
	{"purpose", "text"}, {"fields", "text"}, {"outcome", "text"}, {"reasons", "text"}, {"via", "text"}, {"answer", "bytea"}, {"answer_until", "bigint"}, {"receipt", "bytea"},
	{"proof", "bytea"}, {"settled_at", "bigint"}, {"conflicts", "text"},
}

var entryColumns = [][2]string{{"id", "text"}, {"at", "bigint"}, {"holder_id", "text"}, {"leaf", "bytea"}, {"opening", "bytea"}}

func columnNames(columns [][2]string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c[0]
	}
	return strings.Join(names, ", ")
}

// insertRecord is the statement for one.
var insertRecord = `INSERT INTO verifications (` + columnNames(recordColumns) + `) VALUES (` + placeholders(1, len(recordColumns)) + `) ON CONFLICT DO NOTHING`

// unnested is the statement for many: each parameter is a column.
func unnested(table string, columns [][2]string, rest string) string {
	arrays := make([]string, len(columns))
	for i, c := range columns {
		arrays[i] = strings.Fields(placeholders(i+1, 1))[0] + "::" + c[1] + "[]"
	}
	return `INSERT INTO ` + table + ` (` + columnNames(columns) + `) SELECT * FROM unnest(` + strings.Join(arrays, ", ") + `)` + rest
}

var (
	insertRecords = unnested("verifications", recordColumns, ` ON CONFLICT DO NOTHING RETURNING id`)
	insertEntries = unnested("audit_entries", entryColumns, ``)
)

// arrays turns rows into columns, as unnest takes them.
func arrays(columns [][2]string, n int, value func(row, column int) any) []any {
	out := make([]any, len(columns))
	for c, column := range columns {
		switch column[1] {
		case "bigint":
			list := make([]any, n)
			for r := range n {
				list[r] = value(r, c)
			}
			out[c] = ints(list)
		case "bytea":
			list := make([][]byte, n)
			for r := range n {
				list[r], _ = value(r, c).([]byte)
			}
			out[c] = list
		default:
			list := make([]string, n)
			for r := range n {
				list[r], _ = value(r, c).(string)
			}
			out[c] = list
		}
	}
	return out
}

// ints is a column of numbers, some of which may be null.
func ints(list []any) []*int64 {
	out := make([]*int64, len(list))
	for i, v := range list {
		if n, ok := v.(int64); ok {
			out[i] = &n
		}
	}
	return out
}

// do records one.
func (r *recordRow) do(q querier) error {
	n, err := q.exec(insertRecord, r.values...)
	switch {
	case err != nil:
		return err
	case n == 0:
		return conflict(q, r.v, r.request)
	}
	return r.log.store(q)
}

// fewRecords are written one by one.
const fewRecords = 3

// recordAll writes the records of a group. Codes come in one order, so that two groups that hold the
// same ones do not wait for each other. An error it returns ends the transaction.
func recordAll(s *pgSession, group []*ticket, answers []error) (changed bool, err error) {
	var all []int
	for i, t := range group {
		if t.work.record != nil {
			all = append(all, i)
		}
	}
	if len(all) < fewRecords {
		for _, i := range all {
			if answers[i] = group[i].work.record.do(s); s.broken() {
				return false, cmp.Or(answers[i], errBroken)
			}
			changed = changed || answers[i] == nil
		}
		return changed, nil
	}
	row := func(i int) *recordRow { return group[all[i]].work.record }
	slices.SortStableFunc(all, func(a, b int) int {
		x, y := group[a].work.record.v, group[b].work.record.v
		return cmp.Or(cmp.Compare(x.ShowID, y.ShowID), cmp.Compare(x.Challenge, y.Challenge), cmp.Compare(x.ID, y.ID))
	})
	stored := make(map[string]bool, len(all))
	err = s.rows(insertRecords, arrays(recordColumns, len(all), func(r, c int) any { return row(r).values[c] }), func(r scanner) error {
		var id string
		err := r.Scan(&id)
		stored[id] = true
		return err
	})
	if err != nil {
		return false, err
	}
	var log entries
	for i, at := range all {
		if r := row(i); stored[r.v.ID] {
			delete(stored, r.v.ID) // of two of one id the second is not
			log = append(log, r.log...)
			answers[at] = nil
		} else if answers[at] = conflict(s, r.v, r.request); s.broken() {
			return false, answers[at]
		}
	}
	return len(log) > 0, log.storeAll(s)
}

// storeAll writes entries with one statement.
func (l entries) storeAll(s *pgSession) error {
	if len(l) == 0 {
		return nil
	}
	_, err := s.exec(insertEntries, arrays(entryColumns, len(l), func(r, c int) any {
		return []any{l[r].ID, micros(l[r].At), l[r].Holder, l[r].Leaf, l[r].Opening}[c]
	})...)
	if err != nil {
		return unlogged{err}
	}
	return nil
}
