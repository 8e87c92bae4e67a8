package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
)

// session is one connection and its prepared statements. Preparing costs more than most of
// our statements do. It is used by one goroutine at a time.
//
// Statements run without the caller's context: each is short, and a transaction that several
// callers share must not die with one of them.
type session struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, statements: map[string]*sql.Stmt{}}, nil
}

func (s *session) prepare(query string) (*sql.Stmt, error) {
	if st, ok := s.statements[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: prepare: %w", err)
	}
	s.statements[query] = st
	return st, nil
}

func (s *session) exec(query string, args ...any) (int64, error) {
	st, err := s.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := st.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *session) row(query string, args ...any) scanner {
	st, err := s.prepare(query)
	if err != nil {
		return failed{err}
	}
	return st.QueryRow(args...)
}

func (s *session) rows(query string, args []any, each func(scanner) error) error {
	st, err := s.prepare(query)
	if err != nil {
		return err
	}
	rows, err := st.Query(args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// alone has nothing to do: writers are alone.
func (s *session) alone(string) error { return nil }

// finally does it at once.
func (s *session) finally(_ string, do func(querier) error) error { return do(s) }

func (s *session) close() error {
	for _, st := range s.statements {
		_ = st.Close()
	}
	return s.conn.Close()
}

// failed is a row that could not be asked for.
type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }
