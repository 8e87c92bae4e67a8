package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// SweepPushes erases push jobs, and the results of their rows, that nobody has touched since
// before. Results come first: a job whose results are not all gone is found again.
func (s *Store) SweepPushes(ctx context.Context, before time.Time) (int64, error) {
	total := int64(0)
	for {
		var n int64
		var id string
		err := s.write(ctx, sweepRows, func(q querier) error {
			n, id = 0, ""
			// The job is held meanwhile: an upload that begins it anew waits, and writes its results afterwards.
			err := q.row(`SELECT id FROM push_jobs WHERE updated_at < $1 AND lease_until < $1 ORDER BY id LIMIT 1`+s.db.lock(), micros(before)).Scan(&id)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			if n, err = q.exec(`DELETE FROM push_results WHERE job = $1 AND line IN (SELECT line FROM push_results WHERE job = $1 ORDER BY line LIMIT $2)`, id, sweepRows); err != nil || n == sweepRows {
				return err
			}
			jobs, err := q.exec(`DELETE FROM push_jobs WHERE id = $1`, id)
			n += jobs
			return err
		})
		if err != nil {
			return total, fmt.Errorf("sqlstore: sweep pushes: %w", err)
		}
		if total += n; id == "" {
			return total, nil
		}
	}
}

// SweepExports forgets when people exported, and erasures that were never confirmed.
func (s *Store) SweepExports(ctx context.Context, now, before time.Time) (int64, error) {
	exports, err := s.sweep(ctx, `DELETE FROM exports WHERE id IN (SELECT id FROM exports WHERE at < $1 ORDER BY at LIMIT $2)`, micros(before), sweepRows)
	if err != nil {
		return exports, err
	}
	erasures, err := s.sweep(ctx, `DELETE FROM erasures WHERE holder_id IN (SELECT holder_id FROM erasures WHERE until < $1 ORDER BY until LIMIT $2)`, micros(now), sweepRows)
	return exports + erasures, err
}

// SweepCorrections forgets requests to correct a result that were answered before.
func (s *Store) SweepCorrections(ctx context.Context, before time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM corrections WHERE id IN (SELECT id FROM corrections WHERE state = 'answered' AND answered_at < $1 ORDER BY answered_at LIMIT $2)`, micros(before), sweepRows)
}
