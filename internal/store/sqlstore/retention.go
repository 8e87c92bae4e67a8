package sqlstore

import (
	"context"
	"time"
)

// SweepPushes erases push jobs, and the results of their rows, that nobody has touched since
// before. Results come first: a job whose results are not all gone is found again.
func (s *Store) SweepPushes(ctx context.Context, before time.Time) (int64, error) {
	results, err := s.sweep(ctx, `DELETE FROM push_results WHERE (job, line) IN (SELECT job, line FROM push_results
		WHERE job IN (SELECT id FROM push_jobs WHERE updated_at < $1 AND lease_until < $1) ORDER BY job, line LIMIT $2)`, micros(before), sweepRows)
	if err != nil {
		return results, err
	}
	jobs, err := s.sweep(ctx, `DELETE FROM push_jobs WHERE id IN (SELECT id FROM push_jobs WHERE updated_at < $1 AND lease_until < $1
		AND NOT EXISTS (SELECT 1 FROM push_results WHERE push_results.job = push_jobs.id) ORDER BY id LIMIT $2)`, micros(before), sweepRows)
	return results + jobs, err
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
