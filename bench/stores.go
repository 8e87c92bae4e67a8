package bench

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/showcard/showcard/internal/backing"
)

// stores are the database and the Redis that a measurement of the service runs over: a PostgreSQL that
// flushes as it is installed to, and a Redis, both its own and empty. This is the one place that says
// which.
type stores struct {
	folder   string
	postgres *backing.Postgres
	volatile *backing.Redis
	made     int
}

func startStores(ctx context.Context) (_ *stores, err error) {
	s := &stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.folder, err = os.MkdirTemp("", "showcard-bench"); err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	if s.postgres, err = backing.StartPostgres(ctx, backing.PostgresConfig{}); err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	if s.volatile, err = backing.StartRedis(ctx, backing.RedisConfig{}); err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	return s, nil
}

// database makes an empty one and returns its URL.
func (s *stores) database(ctx context.Context) (string, error) {
	s.made++
	name := fmt.Sprintf("bench%d", s.made)
	if err := s.postgres.SQL(ctx, "postgres", "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	return s.postgres.Database(name), nil
}

// redis is a database of the one server, apart from the others.
func (s *stores) redis(n int) string { return fmt.Sprintf("%s?db=%d", s.volatile.URL, n) }

func (s *stores) close() error {
	var errs []error
	if s.volatile != nil {
		errs = append(errs, s.volatile.Close())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.folder))...)
}
