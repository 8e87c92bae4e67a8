package rights

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Sweep erases what was kept long enough, of one kind. It works in small transactions, so that
// it delays nobody, and returns how many rows went.
type Sweep struct {
	Name string
	Run  func(ctx context.Context, now time.Time) (int64, error)
}

// Retention runs sweeps for as long as a process serves. Several processes may: a sweep that
// finds nothing costs a look at an index.
type Retention struct {
	Sweeps []Sweep
	Every  time.Duration // default 30 s; each pause is up to a fifth shorter or longer
	Now    func() time.Time
	Logger *slog.Logger
}

// Run sweeps until ctx ends. A sweep that fails is told and tried again at the next turn.
func (r Retention) Run(ctx context.Context) error {
	if r.Every <= 0 {
		r.Every = 30 * time.Second
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	for {
		// Apart, so that processes that started together do not sweep together.
		pause := r.Every*4/5 + rand.N(r.Every*2/5+1) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		if err := r.Once(ctx); err != nil && ctx.Err() == nil && r.Logger != nil {
			r.Logger.WarnContext(ctx, "sweep failed", "error", err)
		}
	}
}

// Once runs every sweep. One that fails does not keep the others from running.
func (r Retention) Once(ctx context.Context) error {
	var errs []error
	for _, s := range r.Sweeps {
		n, err := s.Run(ctx, r.Now())
		if err != nil {
			errs = append(errs, fmt.Errorf("rights: sweep of %s: %w", s.Name, err))
		}
		if n > 0 && r.Logger != nil {
			r.Logger.InfoContext(ctx, "swept", "what", s.Name, "rows", n)
		}
	}
	return errors.Join(errs...)
}
