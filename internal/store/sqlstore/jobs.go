package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/showcard/showcard/issuer"
)

// openJob is a push job inside a transaction.
type openJob struct {
	issuer.Job
	holder                                string
	lease, until, upload, started, update int64
	finished                              *int64
}

const jobColumns = `id, authority, kind, content, state, holder, lease, lease_until, upload, taken, accepted, rejected, bytes, started_at, updated_at, finished_at`

// aboutJob names works that hold the row of a job.
func aboutJob(id string) string { return "push " + id }

// selectJob reads a job; found is false when there is none.
func selectJob(q querier, id, lock string) (j openJob, found bool, err error) {
	err = j.scan(q.row(`SELECT `+jobColumns+` FROM push_jobs WHERE id = $1`+lock, id))
	if errors.Is(err, sql.ErrNoRows) {
		return j, false, nil
	}
	return j, err == nil, err
}

func (j *openJob) scan(row scanner) error {
	err := row.Scan(&j.ID, &j.Authority, &j.Kind, &j.Content, &j.State, &j.holder, &j.lease, &j.until, &j.upload,
		&j.Rows, &j.Accepted, &j.Rejected, &j.Bytes, &j.started, &j.update, &j.finished)
	j.StartedAt, j.UpdatedAt, j.FinishedAt = moment(j.started), moment(j.update), optionalMoment(j.finished)
	return err
}

// now is the job as others see it: one whose lease ran out without an end is interrupted, for its
// process died.
func (j *openJob) now(at int64) issuer.Job {
	if j.State == issuer.JobRunning && j.until <= at {
		j.State = issuer.JobInterrupted
	}
	return j.Job
}

// BeginJob implements [issuer.Jobs].
func (s *Store) BeginJob(ctx context.Context, b issuer.JobStart) (issuer.Job, error) {
	log, err := s.audited(jobEvent("push.begun", b.At, issuer.Job{ID: b.ID, Authority: b.Authority}))
	if err != nil {
		return issuer.Job{}, err
	}
	b.Kind = cmp.Or(b.Kind, issuer.KindCertificates)
	var out issuer.Job
	err = s.writeAbout(ctx, aboutJob(b.ID), 2, func(q querier) error {
		at := micros(b.At)
		// Whether it is there or not, afterwards it is, and is ours to look at.
		if _, err := q.exec(`INSERT INTO push_jobs (`+jobColumns+`) VALUES ($1, $2, $3, '', $4, '', 0, 0, 0, 0, 0, 0, 0, $5, $5, NULL) ON CONFLICT (id) DO NOTHING`,
			b.ID, b.Authority, string(b.Kind), string(issuer.JobInterrupted), at); err != nil {
			return err
		}
		j, _, err := selectJob(q, b.ID, s.db.lock())
		if err != nil {
			return err
		}
		if j.Authority != b.Authority || j.State == issuer.JobRunning && j.holder != b.Holder && j.until > at {
			return fmt.Errorf("%w: %s", issuer.ErrJobConflict, b.ID)
		}
		if b.From > 1 {
			err = j.goOn(q, b)
		} else {
			j.Rows, j.Accepted, j.Rejected, j.Bytes, j.started = 0, 0, 0, 0, at
			j.upload++
		}
		if err != nil {
			return err
		}
		if _, err := q.exec(`UPDATE push_jobs SET state = $2, holder = $3, lease = $4, lease_until = $5, upload = $6, taken = $7, accepted = $8, rejected = $9,
				bytes = $10, started_at = $11, updated_at = $12, kind = $13, content = $14, finished_at = NULL WHERE id = $1`,
			b.ID, string(issuer.JobRunning), b.Holder, b.Lease.Microseconds(), micros(b.At.Add(b.Lease)), j.upload, j.Rows, j.Accepted, j.Rejected,
			j.Bytes, j.started, at, string(b.Kind), b.Content); err != nil {
			return err
		}
		if err := log.store(q); err != nil {
			return err
		}
		j, _, err = selectJob(q, b.ID, "")
		out = j.Job
		return err
	})
	return out, err
}

// goOn takes an upload up again: answers from the row on are forgotten, those in front stay.
func (j *openJob) goOn(q querier, b issuer.JobStart) error {
	if j.Kind != b.Kind || b.Content == "" || j.Content != b.Content || b.From > j.Rows+1 {
		return fmt.Errorf("%w: %s", issuer.ErrJobResume, b.ID)
	}
	var rows, refused int64
	if err := q.row(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN code = '' THEN 0 ELSE 1 END), 0) FROM push_results WHERE job = $1 AND line >= $2 AND upload = $3`,
		b.ID, b.From, j.upload).Scan(&rows, &refused); err != nil {
		return err
	}
	j.Rows, j.Accepted, j.Rejected = j.Rows-rows, j.Accepted-(rows-refused), j.Rejected-refused
	_, err := q.exec(`DELETE FROM push_results WHERE job = $1 AND line >= $2 AND upload = $3`, b.ID, b.From, j.upload)
	return err
}

// continueJob checks that a batch belongs to the upload that holds the job.
func (s *Store) continueJob(q querier, b issuer.Batch) (openJob, error) {
	j, found, err := selectJob(q, b.Job, s.db.lock())
	switch {
	case err != nil:
		return j, err
	case !found || j.Authority != b.Authority:
		return j, fmt.Errorf("%w: %s", issuer.ErrJobUnknown, b.Job)
	case j.State != issuer.JobRunning || b.JobHolder != "" && j.holder != b.JobHolder:
		return j, fmt.Errorf("%w: %s", issuer.ErrJobConflict, b.Job)
	}
	return j, nil
}

// save writes the counters after a batch and renews the lease.
func (j *openJob) save(q querier, bytes int64, now time.Time) error {
	_, err := q.exec(`UPDATE push_jobs SET taken = $2, accepted = $3, rejected = $4, bytes = $5, updated_at = $6, lease_until = $7 WHERE id = $1`,
		j.ID, j.Rows, j.Accepted, j.Rejected, j.Bytes+bytes, micros(now), max(j.until, micros(now)+j.lease))
	return err
}

// EndJob implements [issuer.Jobs]. What the log says of the counters is sealed before the
// transaction; should they have changed since, it is made anew.
func (s *Store) EndJob(ctx context.Context, id, holder string, done bool, now time.Time) (issuer.Job, error) {
	for {
		var was openJob
		err := s.read(ctx, func(q querier) (err error) {
			was, _, err = selectJob(q, id, "")
			return err
		})
		if err != nil {
			return issuer.Job{}, err
		}
		log, err := s.audited(endedEvent(now, was.Job, done))
		if err != nil {
			return issuer.Job{}, err
		}
		out, err := s.endJob(ctx, was, log, id, holder, done, now)
		if !errors.Is(err, errJobMoved) {
			return out, err
		}
	}
}

var errJobMoved = errors.New("sqlstore: the job has moved on meanwhile")

func (s *Store) endJob(ctx context.Context, was openJob, log entries, id, holder string, done bool, now time.Time) (issuer.Job, error) {
	var out issuer.Job
	err := s.writeAbout(ctx, aboutJob(id), 2, func(q querier) error {
		j, found, err := selectJob(q, id, s.db.lock())
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("%w: %s", issuer.ErrJobUnknown, id)
		case j.holder != holder:
			return fmt.Errorf("%w: %s", issuer.ErrJobConflict, id)
		case j.Authority != was.Authority || j.Rows != was.Rows || j.Accepted != was.Accepted || j.Rejected != was.Rejected:
			return errJobMoved
		}
		state, finished := issuer.JobInterrupted, any(nil)
		if done {
			state, finished = issuer.JobDone, micros(now)
			// Lines that an earlier, longer upload had and this one has not.
			if _, err := q.exec(`DELETE FROM push_results WHERE job = $1 AND upload < $2`, id, j.upload); err != nil {
				return err
			}
		}
		if _, err := q.exec(`UPDATE push_jobs SET state = $2, lease_until = 0, updated_at = $3, finished_at = $4 WHERE id = $1`,
			id, string(state), micros(now), finished); err != nil {
			return err
		}
		if err := log.store(q); err != nil {
			return err
		}
		j, _, err = selectJob(q, id, "")
		out = j.Job
		return err
	})
	return out, err
}

// Job implements [issuer.Jobs].
func (s *Store) Job(ctx context.Context, id, authority string) (issuer.Job, error) {
	var j openJob
	err := s.read(ctx, func(q querier) (err error) {
		j, err = ownJob(q, id, authority)
		return err
	})
	if err != nil {
		return issuer.Job{}, err
	}
	return j.now(micros(s.cfg.Now())), nil
}

func ownJob(q querier, id, authority string) (openJob, error) {
	j, found, err := selectJob(q, id, "")
	if err == nil && (!found || j.Authority != authority) {
		err = fmt.Errorf("%w: %s", issuer.ErrJobUnknown, id)
	}
	return j, err
}

// resultDetail is what of a result may be personal: keys often are citizens' numbers.
type resultDetail struct {
	Key      string   `json:"key,omitempty"`
	Pointer  string   `json:"pointer,omitempty"`
	Detail   string   `json:"detail,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

func resultRow(job string, line int64) string { return job + "\x00" + strconv.FormatInt(line, 10) }

func (s *Store) sealResult(job string, r issuer.Result) ([]byte, error) {
	return s.sealJSON("push_results", resultRow(job, r.Line), "detail", resultDetail{Key: r.Key, Pointer: r.Pointer, Detail: r.Detail, Warnings: r.Warnings})
}

// Results implements [issuer.Jobs].
func (s *Store) Results(ctx context.Context, id, authority string, after int64, limit int) ([]issuer.Result, error) {
	var out []issuer.Result
	var details [][]byte
	err := s.snapshot(ctx, func(q querier) error {
		j, err := ownJob(q, id, authority)
		if err != nil {
			return err
		}
		// Of the present upload only: what an earlier one said of a line may be mended.
		return q.rows(`SELECT line, identifier, code, pointer, detail FROM push_results WHERE job = $1 AND line > $2 AND upload = $3 ORDER BY line LIMIT $4`,
			[]any{id, after, j.upload, limit}, func(row scanner) error {
				var r issuer.Result
				var detail []byte
				err := row.Scan(&r.Line, &r.Identifier, &r.Code, &r.Pointer, &detail)
				out, details = append(out, r), append(details, detail)
				return err
			})
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		var d resultDetail
		if err := s.openJSON("push_results", resultRow(id, out[i].Line), "detail", details[i], &d); err != nil {
			return nil, err
		}
		out[i].Key, out[i].Detail, out[i].Warnings = d.Key, d.Detail, d.Warnings
		if out[i].Pointer == "" {
			out[i].Pointer = d.Pointer
		}
	}
	return out, nil
}
