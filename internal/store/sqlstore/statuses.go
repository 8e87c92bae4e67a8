package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/issuer"
)

// Lists implements [issuer.Statuses].
func (s *Store) Lists(ctx context.Context) ([]issuer.ListHead, error) {
	var out []issuer.ListHead
	err := s.read(ctx, func(q querier) error {
		return q.rows(`SELECT name, size, seq FROM status_lists ORDER BY ordinal`, nil, func(row scanner) error {
			h, err := scanHead(row)
			out = append(out, h)
			return err
		})
	})
	return out, err
}

func scanHead(row scanner) (issuer.ListHead, error) {
	var h issuer.ListHead
	var size, seq int64
	err := row.Scan(&h.Name, &size, &seq)
	h.Size, h.Seq = uint64(size), uint64(seq)
	return h, err
}

func selectHead(q querier, list string) (issuer.ListHead, error) {
	h, err := scanHead(q.row(`SELECT name, size, seq FROM status_lists WHERE name = $1`, list))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %q", issuer.ErrListUnknown, list)
	}
	return h, err
}

func scanChange(row scanner) (issuer.StatusChange, error) {
	var seq, index, status int64
	err := row.Scan(&seq, &index, &status)
	return issuer.StatusChange{Seq: uint64(seq), Index: uint64(index), Status: statuslist.Status(status)}, err
}

// Changes implements [issuer.Statuses].
func (s *Store) Changes(ctx context.Context, list string, after uint64, limit int) ([]issuer.StatusChange, error) {
	var out []issuer.StatusChange
	err := s.read(ctx, func(q querier) error {
		err := q.rows(`SELECT seq, idx, status FROM status_changes WHERE list = $1 AND seq > $2 ORDER BY seq LIMIT $3`, []any{list, int64(after), limit}, func(row scanner) error {
			c, err := scanChange(row)
			out = append(out, c)
			return err
		})
		if err == nil && len(out) == 0 {
			_, err = selectHead(q, list)
		}
		return err
	})
	return out, err
}

// Snapshot implements [issuer.Statuses].
func (s *Store) Snapshot(ctx context.Context, list string) (issuer.ListHead, []issuer.StatusChange, error) {
	var head issuer.ListHead
	var out []issuer.StatusChange
	err := s.snapshot(ctx, func(q querier) (err error) {
		if head, err = selectHead(q, list); err != nil {
			return err
		}
		return q.rows(`SELECT 0, idx, status FROM slots WHERE list = $1 AND status <> 0 ORDER BY idx`, []any{list}, func(row scanner) error {
			c, err := scanChange(row)
			out = append(out, c)
			return err
		})
	})
	return head, out, err
}

// SweepStatusChanges forgets changes of status lists from before a moment, and of each list only
// such that the cache has had: up to where published says. Who comes later than that, or asks from
// further back, takes the list whole: the entries themselves stay.
func (s *Store) SweepStatusChanges(ctx context.Context, before time.Time, published func(list string) (seq uint64, ok bool)) (int64, error) {
	var lists []string
	err := s.read(ctx, func(q querier) error {
		// The oldest change of each list, by its key.
		return q.rows(`SELECT name FROM status_lists WHERE (SELECT at FROM status_changes WHERE list = name ORDER BY seq LIMIT 1) < $1 ORDER BY name`,
			[]any{micros(before)}, func(row scanner) error {
				var list string
				err := row.Scan(&list)
				lists = append(lists, list)
				return err
			})
	})
	if err != nil {
		return 0, fmt.Errorf("sqlstore: sweep: %w", err)
	}
	var total int64
	for _, list := range lists {
		seq, ok := published(list)
		if !ok {
			continue
		}
		// In the order of their numbers: what is left has no hole. Those of a list are about in the
		// order of time, so the oldest few tell whether there is more.
		n, err := s.sweep(ctx, `DELETE FROM status_changes WHERE list = $1 AND seq IN (SELECT seq FROM
			(SELECT seq, at FROM status_changes WHERE list = $1 AND seq <= $2 ORDER BY seq LIMIT $3) AS oldest WHERE at < $4)`,
			list, int64(seq), sweepRows, micros(before))
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
