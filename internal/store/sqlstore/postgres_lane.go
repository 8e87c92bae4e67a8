package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// counters is what works are about that only count something up: slots, values sealed. They hold one
// row each, briefly, and everybody waits for it.
const counters = "counters"

// auditTree is what works are about that let the audit log's tree grow.
const auditTree = "audit tree"

// sequel is done at the end of a transaction.
type sequel struct {
	order string // all sequels of a transaction are done in this order
	do    func(querier) error
}

// pgWriter writes for a lane: one group, one transaction, one flush. Several write side by side, in
// one process and in others, and hold rows until they commit. That they never wait for each other in
// a ring follows from three rules:
//
// Works about one certificate, ticket or job go through one lane, so no two lanes of a process hold
// rows of that kind against each other.
//
// The heads of status lists, which every change of any certificate counts up, come last in a
// transaction, in the order of their names.
//
// What only counts goes through a lane of its own and holds nothing else.
//
// Other processes keep the rules too, but their lanes are not ours: two of them may hold a
// certificate each and want the other's. PostgreSQL notices and ends one; it did not commit for
// certain, and is tried again.
type pgWriter struct {
	cfg  *pgx.ConnConfig
	conn *pgx.Conn
}

const (
	// tries is how often a group is begun before its callers are told, and trying how long it is; they wait
	// meanwhile. A failover that is quicker goes by unnoticed.
	tries  = 5
	trying = 3 * time.Second
	// groupTimeout ends a transaction: what takes longer has lost its server.
	groupTimeout = time.Minute
)

func newPgWriter(cfg *pgx.ConnConfig) *pgWriter { return &pgWriter{cfg: cfg} }

// run carries out a group and answers its tickets after the commit.
func (w *pgWriter) run(group []*ticket) {
	answers := make([]error, len(group))
	careful := false // a savepoint for each work
	begun := time.Now()
	for try := 1; ; try++ {
		committing, err := w.transact(group, answers, careful)
		if err == nil {
			break
		}
		again := !committing && try < tries && time.Since(begun) < trying
		switch {
		case again && lost(err):
			w.drop()
		case again && repeatable(err):
		case again && !careful && len(group) > 0:
			// The fault of one of them: which one shows when each has a savepoint.
			careful = true
		default:
			if lost(err) {
				w.drop()
			}
			err = fmt.Errorf("sqlstore: transaction: %w", troubled(err, committing))
			for i := range answers {
				answers[i] = err
			}
			again = false
		}
		if !again {
			break
		}
	}
	for i, t := range group {
		t.err <- troubled(answers[i], false)
	}
}

// repeatable says that the server ended a transaction because another was in its way.
func repeatable(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && (answer.Code == "40001" || answer.Code == "40P01" || answer.Code == "55P03")
}

// networked says that an error is of the network.
func networked(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// connect makes sure that there is a connection.
func (w *pgWriter) connect(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, trying)
	defer cancel()
	pause := 20 * time.Millisecond
	for {
		conn, err := pgx.ConnectConfig(ctx, w.cfg)
		if err == nil {
			w.conn = conn
			return nil
		}
		select {
		case <-ctx.Done():
			return trouble{ErrUnreachable, err}
		case <-time.After(pause):
			pause = min(2*pause, 250*time.Millisecond)
		}
	}
}

func (w *pgWriter) drop() {
	if w.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = w.conn.Close(ctx)
		w.conn = nil
	}
}

func (w *pgWriter) close() { w.drop() }

// transact runs a group once. committing says that COMMIT was sent: when there is an error too, nobody
// knows what became of it. An error of one work is its answer; one that it returns is of all.
func (w *pgWriter) transact(group []*ticket, answers []error, careful bool) (committing bool, err error) {
	// The works do not share their callers' contexts: a transaction that several share must not die
	// with one of them.
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	if err := w.connect(ctx); err != nil {
		return false, err
	}
	s := &pgSession{ctx: ctx, conn: w.conn}
	if _, err := s.conn.Exec(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED", pgx.QueryExecModeSimpleProtocol); err != nil {
		return false, w.abort(err)
	}
	changed, err := w.works(s, group, answers, careful)
	if err != nil {
		return false, w.abort(err)
	}
	if !changed {
		_, err := s.conn.Exec(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol)
		return false, err
	}
	if err := s.sequels(0); err != nil {
		return false, w.abort(err)
	}
	tag, err := s.conn.Exec(ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol)
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("COMMIT was answered with %s", tag)
		return false, err
	}
	var answer *pgconn.PgError
	if errors.As(err, &answer) && !lost(err) {
		return false, w.abort(err) // a refusal: it did not happen
	}
	return err != nil, err
}

// works does the works of a group in a transaction.
func (w *pgWriter) works(s *pgSession, group []*ticket, answers []error, careful bool) (changed bool, err error) {
	if !careful {
		if changed, err = recordAll(s, group, answers); err != nil {
			return false, err
		}
	}
	for i, t := range group {
		if t.work.record != nil && !careful {
			continue // done
		}
		// Alone, nothing needs to be kept from it: the transaction is its own.
		if (t.work.clean || len(group) == 1) && !careful {
			switch answers[i] = t.work.do(s); {
			case s.broken() && (len(group) > 1 || answers[i] == nil || lost(answers[i]) || repeatable(answers[i])), errors.As(answers[i], &unlogged{}):
				return false, errors.Join(errBroken, answers[i])
			case answers[i] != nil && len(group) == 1:
				return false, nil // with what it did
			}
			changed = changed || answers[i] == nil
			continue
		}
		done, err := w.savepoint(s, &answers[i], careful, t.work.do)
		if err != nil {
			return false, err
		}
		changed = changed || done
	}
	return changed, nil
}

// errBroken ends a transaction in which a statement failed.
var errBroken = errors.New("sqlstore: a statement of the transaction failed")

// savepoint does one work, and takes it back when it fails.
func (w *pgWriter) savepoint(s *pgSession, answer *error, careful bool, do func(querier) error) (done bool, err error) {
	if _, err := s.conn.Exec(s.ctx, "SAVEPOINT work", pgx.QueryExecModeSimpleProtocol); err != nil {
		return false, err
	}
	before := len(s.last)
	if *answer = do(s); *answer == nil && careful {
		*answer = s.sequels(before) // here they fail for this work only
	}
	if *answer == nil && !s.broken() {
		_, err := s.conn.Exec(s.ctx, "RELEASE work", pgx.QueryExecModeSimpleProtocol)
		return true, err
	}
	s.last = s.last[:before]
	if *answer == nil {
		*answer = errBroken
	}
	if lost(*answer) || repeatable(*answer) || s.conn.IsClosed() {
		return false, *answer // the whole of it is to be tried again
	}
	_, err = s.conn.Exec(s.ctx, "ROLLBACK TO work; RELEASE work", pgx.QueryExecModeSimpleProtocol)
	return false, err
}

// sequels does what was to be done last, from one on.
func (s *pgSession) sequels(from int) error {
	last := s.last[from:]
	s.last = s.last[:from]
	slices.SortStableFunc(last, func(a, b sequel) int { return strings.Compare(a.order, b.order) })
	for _, l := range last {
		if err := l.do(s); err != nil {
			return err
		}
	}
	return nil
}

// broken says that a statement failed, so that the server takes no more of this transaction.
func (s *pgSession) broken() bool { return s.conn.IsClosed() || s.conn.PgConn().TxStatus() == 'E' }

// abort ends a transaction.
func (w *pgWriter) abort(cause error) error {
	if w.conn == nil || w.conn.IsClosed() || lost(cause) {
		return cause
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := w.conn.Exec(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol); err != nil {
		w.drop()
	}
	return cause
}
