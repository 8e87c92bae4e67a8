package sqlstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// resealRows bounds what one transaction of Reseal writes, so that it delays nobody for long.
const resealRows = 128

// Reseal seals every value anew that is not sealed under the newest data key, in small transactions
// beside everything else that happens. What others change meanwhile is theirs: a value is replaced
// only while it is still the one that was read. Killed half way, it has done half; calling again does
// the rest. report, if not nil, is told after each batch.
func (s *Store) Reseal(ctx context.Context, report func(table string, values int64)) (total int64, err error) {
	newest, err := s.sealer.NewestKey(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range sealedPlaces() {
		for _, c := range p.columns {
			var cursor []any
			for {
				found, err := s.page(ctx, p, []string{c}, cursor, resealRows, notUnder(c, newest))
				if err != nil {
					return total, fmt.Errorf("sqlstore: reseal %s: %w", p.table, err)
				}
				if len(found) == 0 {
					break
				}
				cursor = found[len(found)-1].key
				n, err := s.resealBatch(ctx, p, c, found)
				total += n
				if err != nil {
					return total, fmt.Errorf("sqlstore: reseal %s.%s: %w", p.table, c, err)
				}
				if report != nil {
					report(p.table, n)
				}
			}
		}
	}
	return total, nil
}

func (s *Store) resealBatch(ctx context.Context, p sealedPlace, column string, found []placed) (n int64, err error) {
	fresh := make([][]byte, len(found))
	err = inChunks(len(found), func(i int) error {
		plain, err := s.sealer.Open(p.table, found[i].row, column, found[i].values[0])
		if err != nil {
			return err
		}
		fresh[i], err = s.sealer.Seal(p.table, found[i].row, column, plain)
		return err
	})
	if err != nil {
		return 0, err
	}
	update := `UPDATE ` + p.table + ` SET ` + column + ` = $1 WHERE ` + equals(p.key, 3) + ` AND ` + column + ` = $2`
	err = s.write(ctx, len(found), func(q querier) error {
		n = 0
		for i, f := range found {
			changed, err := q.exec(update, append([]any{fresh[i], f.values[0]}, f.key...)...)
			if err != nil {
				return err
			}
			n += changed
		}
		return nil
	})
	return n, err
}

// placed is a row of a place: its key, its name to the sealer, and some columns.
type placed struct {
	key    []any
	row    string
	values [][]byte
}

// condition is a part of WHERE with one argument.
type condition struct {
	text string // with %s for the placeholder
	arg  any
}

func notUnder(column string, id uint32) condition {
	return condition{`length(` + column + `) > 4 AND substr(` + column + `, 1, 4) <> %s`, binary.BigEndian.AppendUint32(nil, id)}
}

// page reads the next rows of a place after a key.
func (s *Store) page(ctx context.Context, p sealedPlace, columns []string, after []any, limit int, where condition) ([]placed, error) {
	row := p.rowColumns()
	args := append([]any{}, after...)
	var text []string
	if len(after) > 0 {
		text = append(text, `(`+strings.Join(p.key, ", ")+`) > (`+placeholders(1, len(after))+`)`)
	}
	if where.text != "" {
		args = append(args, where.arg)
		text = append(text, fmt.Sprintf(where.text, "$"+strconv.Itoa(len(args))))
	}
	query := `SELECT ` + strings.Join(append(append(append([]string{}, p.key...), row...), columns...), ", ") + ` FROM ` + p.table
	if len(text) > 0 {
		query += ` WHERE ` + strings.Join(text, " AND ")
	}
	args = append(args, limit)
	query += ` ORDER BY ` + strings.Join(p.key, ", ") + ` LIMIT $` + strconv.Itoa(len(args))
	var out []placed
	err := s.read(ctx, func(q querier) error {
		out = nil
		return q.rows(query, args, func(r scanner) error {
			f := placed{key: make([]any, len(p.key)), values: make([][]byte, len(columns))}
			name := make([]any, len(row))
			dest := make([]any, 0, len(p.key)+len(row)+len(columns))
			for i := range f.key {
				dest = append(dest, &f.key[i])
			}
			for i := range name {
				dest = append(dest, &name[i])
			}
			for i := range f.values {
				dest = append(dest, &f.values[i])
			}
			if err := r.Scan(dest...); err != nil {
				return err
			}
			f.row = rowName(name)
			out = append(out, f)
			return nil
		})
	})
	return out, err
}

// rowName is how the sealer knows a row: its columns, divided by NUL.
func rowName(parts []any) string {
	text := make([]string, len(parts))
	for i, p := range parts {
		switch v := p.(type) {
		case string:
			text[i] = v
		case []byte:
			text[i] = string(v)
		default:
			text[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(text, "\x00")
}

func equals(columns []string, from int) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c + " = $" + strconv.Itoa(from+i)
	}
	return strings.Join(list, " AND ")
}

// sealedUnder counts the values of a column under a data key.
func (s *Store) sealedUnder(ctx context.Context, p sealedPlace, column string, id uint32) (n int64, err error) {
	err = s.read(ctx, func(q querier) error {
		return q.row(`SELECT COUNT(*) FROM `+p.table+` WHERE length(`+column+`) > 4 AND substr(`+column+`, 1, 4) = $1`, binary.BigEndian.AppendUint32(nil, id)).Scan(&n)
	})
	return n, err
}
