package sqlstore

import (
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/issuer"
)

// Many certificates at once. On SQLite a statement for each row costs a few microseconds, on
// PostgreSQL a trip to the server: there a batch is copied in, table by table (COPY), which is about
// ten trips whatever its size. COPY knows no ON CONFLICT; whom a batch collides with is rare,
// because Reserve told before which keys are taken, and then the rows go in by INSERT.

// bulk is a querier to whose server rows are better sent many at a time.
type bulk interface {
	querier
	// into copies rows into a table. What collides is an error.
	into(table string, columns [][2]string, n int, value func(row, column int) any) error
	// attempt does something, and takes it back when it collides with what is there: ok is false then.
	attempt(do func() error) (ok bool, err error)
}

// planAnew, before the arguments of a statement about many rows of a large table, has PostgreSQL plan it
// each time. The plan of a prepared statement may have been made over an empty table, and would go on
// reading the whole of it when it has grown. For what names one row there is no plan but its index.
const planAnew = pgx.QueryExecModeCacheDescribe

// fewRows are written one by one.
const fewRows = 4

var (
	certificateRow = [][2]string{
		{"identifier", "text"}, {"authority", "text"}, {"row_key", "bytea"}, {"row_digest", "bytea"}, {"type", "text"}, {"type_version", "bigint"}, {"holder_id", "text"},
		{"status_list", "text"}, {"status_index", "bigint"}, {"state", "text"}, {"state_at", "bigint"}, {"changes", "bigint"}, {"replaces", "text"}, {"replaced_by", "text"},
		{"issued_by", "text"}, {"created_at", "bigint"}, {"row_data", "bytea"}, {"credential", "bytea"},
	}
	slotColumns = [][2]string{
		{"list", "text"}, {"idx", "bigint"}, {"identifier", "text"}, {"copy", "bigint"}, {"status", "bigint"}, {"key_id", "text"}, {"expires_at", "bigint"}, {"created_at", "bigint"},
	}
	portraitColumns       = [][2]string{{"identifier", "text"}, {"image", "bytea"}}
	representativeColumns = [][2]string{{"person_id", "text"}, {"company_id", "text"}, {"identifier", "text"}}
	resultColumns         = [][2]string{{"job", "text"}, {"line", "bigint"}, {"upload", "bigint"}, {"identifier", "text"}, {"code", "text"}, {"pointer", "text"}, {"detail", "bytea"}}

	changeColumns = [][2]string{{"list", "text"}, {"seq", "bigint"}, {"idx", "bigint"}, {"status", "bigint"}, {"at", "bigint"}}

	insertChanges      = unnested("status_changes", changeColumns, ``)
	insertCertificate  = `INSERT INTO certificates (` + columnNames(certificateRow) + `) VALUES (` + placeholders(1, len(certificateRow)) + `) ON CONFLICT DO NOTHING`
	insertCertificates = unnested("certificates", certificateRow, ` ON CONFLICT DO NOTHING RETURNING identifier`)

	putResult = ` ON CONFLICT (job, line) DO UPDATE SET upload = excluded.upload, identifier = excluded.identifier, code = excluded.code,
		pointer = excluded.pointer, detail = excluded.detail`
	insertResult  = `INSERT INTO push_results (` + columnNames(resultColumns) + `) VALUES (` + placeholders(1, len(resultColumns)) + `)` + putResult
	insertResults = unnested("push_results", resultColumns, putResult)
)

// certificateValues are the values of certificateRow.
func certificateValues(b issuer.Batch, n issuer.NewCertificate, sealed sealedBatch) []any {
	state, stateAt := stateOf(n)
	return []any{
		n.Identifier, b.Authority, sealed.rowKey, sealed.digest, n.Row.Type, int64(n.TypeVer), n.HolderID,
		n.Slot.List, int64(n.Slot.Index), string(state), micros(stateAt), int64(0), n.Replaces, "",
		b.By, micros(n.CreatedAt), sealed.row, sealed.credential,
	}
}

// insertAll stores the certificates of a batch. An error it returns ends the batch; one in an answer
// concerns that certificate.
func (s *Store) insertAll(q querier, b issuer.Batch, sealed []sealedBatch) ([]issuer.Committed, error) {
	out := make([]issuer.Committed, len(b.Certificates))
	var plain, single []int
	for i, n := range b.Certificates {
		if n.Replaces == "" {
			plain = append(plain, i)
		} else {
			single = append(single, i)
		}
	}
	many, ok := q.(bulk)
	if !ok || len(plain) < fewRows {
		single, plain = nil, nil
		for i := range out {
			single = append(single, i)
		}
	}
	if len(plain) > 0 {
		rest, err := s.insertMany(many, b, sealed, plain, out)
		if err != nil {
			return nil, err
		}
		single = append(single, rest...)
		slices.Sort(single)
	}
	for _, i := range single {
		var err error
		if out[i], err = s.insert(q, b, b.Certificates[i], sealed[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// insertMany stores new certificates and answers them. It returns those that collide with something,
// which need a closer look. Row keys come in one order, so that two batches with the same ones do not
// wait for each other.
func (s *Store) insertMany(q bulk, b issuer.Batch, sealed []sealedBatch, which []int, out []issuer.Committed) (rest []int, err error) {
	slices.SortFunc(which, func(x, y int) int { return slices.Compare(sealed[x].rowKey, sealed[y].rowKey) })
	values := make([][]any, len(which))
	for i, at := range which {
		values[i] = certificateValues(b, b.Certificates[at], sealed[at])
	}
	value := func(r, c int) any { return values[r][c] }
	copied, err := q.attempt(func() error { return q.into("certificates", certificateRow, len(values), value) })
	if err != nil {
		return nil, err
	}
	if !copied {
		stored := make(map[string]bool, len(values))
		err := q.rows(insertCertificates, arrays(certificateRow, len(values), value), func(r scanner) error {
			var identifier string
			err := r.Scan(&identifier)
			stored[identifier] = true
			return err
		})
		if err != nil {
			return nil, err
		}
		which = slices.DeleteFunc(which, func(at int) bool {
			id := b.Certificates[at].Identifier
			if !stored[id] {
				rest = append(rest, at)
				return true
			}
			delete(stored, id) // of two of one identifier the second is not
			return false
		})
	}
	return rest, s.insertParts(q, b, sealed, which, out)
}

// insertParts stores what belongs to certificates that were just stored.
func (s *Store) insertParts(q bulk, b issuer.Batch, sealed []sealedBatch, which []int, out []issuer.Committed) error {
	var slots, portraits, people [][]any
	var log entries
	changed := map[statuslist.Status]map[string][]uint64{}
	for _, at := range which {
		n, sl := b.Certificates[at], sealed[at]
		state, _ := stateOf(n)
		status := state.Public()
		slots = append(slots, []any{n.Slot.List, int64(n.Slot.Index), n.Identifier, int64(0), int64(status), "", nil, micros(n.CreatedAt)})
		if status != statuslist.Valid {
			if changed[status] == nil {
				changed[status] = map[string][]uint64{}
			}
			changed[status][n.Slot.List] = append(changed[status][n.Slot.List], n.Slot.Index)
		}
		if sl.image != nil {
			portraits = append(portraits, []any{n.Identifier, sl.image})
		}
		for _, person := range slices.Compact(slices.Sorted(slices.Values(n.RepresentativeIDs))) {
			people = append(people, []any{person, n.HolderID, n.Identifier})
		}
		log = append(log, sl.log...)
		out[at] = issuer.Committed{Identifier: n.Identifier, Credential: n.Credential}
	}
	logged := make([][]any, len(log))
	for i, e := range log {
		logged[i] = []any{e.ID, micros(e.At), e.Holder, e.Leaf, e.Opening}
	}
	for _, part := range []struct {
		table   string
		columns [][2]string
		rows    [][]any
	}{
		{"slots", slotColumns, slots}, {"portraits", portraitColumns, portraits},
		{"representatives", representativeColumns, people}, {"audit_entries", entryColumns, logged},
	} {
		if len(part.rows) == 0 {
			continue
		}
		err := q.into(part.table, part.columns, len(part.rows), func(r, c int) any { return part.rows[r][c] })
		if part.table == "slots" && collided(err) {
			err = errors.Join(ErrSlotTaken, err)
		}
		if err != nil {
			return err
		}
	}
	for status, lists := range changed {
		if err := s.appendChanges(q, lists, status, micros(s.cfg.Now())); err != nil {
			return err
		}
	}
	return nil
}

// answerAll writes the answers of a batch to its job's rows. Uploads overwrite each other's line by line.
func (j *openJob) answerAll(q querier, results []issuer.Result, details [][]byte) error {
	values := make([][]any, 0, len(results))
	at := make(map[int64]int, len(results)) // one statement may not write a line twice: the last answer stands
	for i, r := range results {
		j.Rows++
		if r.Code == "" {
			j.Accepted++
		} else {
			j.Rejected++
		}
		row := []any{j.ID, r.Line, j.upload, r.Identifier, r.Code, r.Pointer, details[i]}
		if before, ok := at[r.Line]; ok {
			values[before] = row
			continue
		}
		at[r.Line] = len(values)
		values = append(values, row)
	}
	if many, ok := q.(bulk); ok && len(values) >= fewRows {
		if j.upload == 1 { // the first to answer these lines
			copied, err := many.attempt(func() error {
				return many.into("push_results", resultColumns, len(values), func(r, c int) any { return values[r][c] })
			})
			if copied || err != nil {
				return err
			}
		}
		_, err := q.exec(insertResults, arrays(resultColumns, len(values), func(r, c int) any { return values[r][c] })...)
		return err
	}
	for _, row := range values {
		if _, err := q.exec(insertResult, row...); err != nil {
			return err
		}
	}
	return nil
}

var _ bulk = (*pgSession)(nil)

func (s *pgSession) into(table string, columns [][2]string, n int, value func(row, column int) any) error {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c[0]
	}
	row := make([]any, len(columns))
	_, err := s.conn.CopyFrom(s.ctx, pgx.Identifier{table}, names, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		for c := range row {
			row[c] = value(i, c)
		}
		return row, nil
	}))
	return err
}

func (s *pgSession) attempt(do func() error) (ok bool, err error) {
	if _, err := s.conn.Exec(s.ctx, "SAVEPOINT attempt", pgx.QueryExecModeSimpleProtocol); err != nil {
		return false, err
	}
	failed := do()
	switch {
	case failed == nil:
		_, err := s.conn.Exec(s.ctx, "RELEASE attempt", pgx.QueryExecModeSimpleProtocol)
		return true, err
	case !collided(failed):
		return false, failed
	}
	_, err = s.conn.Exec(s.ctx, "ROLLBACK TO attempt; RELEASE attempt", pgx.QueryExecModeSimpleProtocol)
	return false, err
}

// collided says that a row was there already.
func collided(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == "23505"
}
