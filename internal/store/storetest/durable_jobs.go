package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
)

// clock is a clock that a case moves.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(durableStart.UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

func durableJobs(t *testing.T, open OpenDurable) {
	const lease = 30 * time.Second

	t.Run("a push from begin to end", func(t *testing.T) {
		c := newClock()
		s := open(t, DurableConfig{Now: c.now, ListSize: 4096}).Store
		ctx := t.Context()
		job, err := s.BeginJob(ctx, issuer.JobStart{ID: "job-1", Authority: "hunan-police", Holder: "upload-1", At: c.now(), Lease: lease})
		require.NoError(t, err)
		require.Equal(t, issuer.Job{ID: "job-1", Authority: "hunan-police", Kind: issuer.KindCertificates, State: issuer.JobRunning, StartedAt: durableStart, UpdatedAt: durableStart}, job)

		first := store(t, s, person("taken", "h"))[0]
		r, err := s.Reserve(ctx, "hunan-police", nil, 3)
		require.NoError(t, err)
		good, repeat, contradiction := person("k1", "h"), person("taken", "h"), person("taken", "h")
		repeat.Identifier, contradiction.Identifier = "r", "c"
		contradiction.RowDigest[0]++
		batch := []issuer.NewCertificate{good, repeat, contradiction}
		for i := range batch {
			batch[i].Slot = issuer.Slot{List: r.List, Index: r.Counters[i]}
			batch[i].Line = int64(i + 1)
		}
		c.advance(time.Second)
		_, err = s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Job: "job-1", JobHolder: "upload-1", Bytes: 1000, Certificates: batch, Results: []issuer.Result{
			{Line: 1, Key: "k1", Identifier: good.Identifier, Warnings: []string{"id-number-checksum"}},
			{Line: 2, Key: "taken", Identifier: repeat.Identifier},
			// The third certificate's line has no result yet: Commit makes it.
			{Line: 4, Key: "k4", Code: "field-missing", Pointer: "/claims/name", Detail: "the member is required"},
		}})
		require.NoError(t, err)
		c.advance(time.Second)
		_, err = s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Job: "job-1", JobHolder: "upload-1", Bytes: 50, Results: []issuer.Result{{Line: 5, Code: "row-malformed"}}})
		require.NoError(t, err)

		want := []issuer.Result{
			{Line: 1, Key: "k1", Identifier: good.Identifier, Warnings: []string{"id-number-checksum"}},
			{Line: 2, Key: "taken", Identifier: first.Identifier},
			{Line: 3, Key: "taken", Code: "row-key-reused", Pointer: "/key"},
			{Line: 4, Key: "k4", Code: "field-missing", Pointer: "/claims/name", Detail: "the member is required"},
			{Line: 5, Code: "row-malformed"},
		}
		got, err := s.Results(ctx, "job-1", "hunan-police", 0, 100)
		require.NoError(t, err)
		require.Equal(t, want, got)
		got, err = s.Results(ctx, "job-1", "hunan-police", 1, 2)
		require.NoError(t, err)
		require.Equal(t, want[1:3], got)

		c.advance(time.Second)
		job, err = s.EndJob(ctx, "job-1", "upload-1", true, c.now())
		require.NoError(t, err)
		require.Equal(t, issuer.Job{
			ID: "job-1", Authority: "hunan-police", Kind: issuer.KindCertificates, State: issuer.JobDone, Rows: 5, Accepted: 2, Rejected: 3, Bytes: 1050,
			StartedAt: durableStart, UpdatedAt: c.now(), FinishedAt: c.now(),
		}, job)
		again, err := s.Job(ctx, "job-1", "hunan-police")
		require.NoError(t, err)
		require.Equal(t, job, again)
	})

	t.Run("one upload at a time", func(t *testing.T) {
		c := newClock()
		subject := open(t, DurableConfig{Now: c.now, ListSize: 4096})
		s := subject.Store
		ctx := t.Context()
		begin := func(authority, holder string) error {
			_, err := s.BeginJob(ctx, issuer.JobStart{ID: "job-1", Authority: authority, Holder: holder, At: c.now(), Lease: lease})
			return err
		}
		batch := func(holder string) error {
			_, err := s.Commit(ctx, issuer.Batch{Authority: "a", Job: "job-1", JobHolder: holder, Results: []issuer.Result{{Line: 1, Code: "x"}}})
			return err
		}
		require.NoError(t, begin("a", "one"))
		require.ErrorIs(t, begin("b", "two"), issuer.ErrJobConflict)
		require.ErrorIs(t, begin("a", "two"), issuer.ErrJobConflict)
		c.advance(lease - time.Second)
		require.NoError(t, batch("one"))
		c.advance(lease - time.Second)
		require.ErrorIs(t, begin("a", "two"), issuer.ErrJobConflict, "the batch renewed the lease")
		job, err := s.Job(ctx, "job-1", "a")
		require.NoError(t, err)
		require.Equal(t, issuer.JobRunning, job.State)

		c.advance(2 * time.Second)
		job, err = s.Job(ctx, "job-1", "a")
		require.NoError(t, err)
		require.Equal(t, issuer.JobInterrupted, job.State, "its process has died")
		require.NoError(t, begin("a", "two"))
		require.ErrorIs(t, batch("one"), issuer.ErrJobConflict, "the job went to another upload")
		_, err = s.EndJob(ctx, "job-1", "one", true, c.now())
		require.ErrorIs(t, err, issuer.ErrJobConflict)
		job, err = s.EndJob(ctx, "job-1", "two", false, c.now())
		require.NoError(t, err)
		require.Equal(t, issuer.JobInterrupted, job.State)
		require.Zero(t, job.FinishedAt)
		require.NoError(t, begin("a", "three"), "an ended upload holds nothing")

		_, err = s.Job(ctx, "job-1", "b")
		require.ErrorIs(t, err, issuer.ErrJobUnknown)
		_, err = s.Results(ctx, "job-1", "b", 0, 1)
		require.ErrorIs(t, err, issuer.ErrJobUnknown)
		_, err = s.Job(ctx, "job-2", "a")
		require.ErrorIs(t, err, issuer.ErrJobUnknown)
		_, err = s.EndJob(ctx, "job-2", "one", true, c.now())
		require.ErrorIs(t, err, issuer.ErrJobUnknown)
		_, err = s.Commit(ctx, issuer.Batch{Authority: "a", Job: "job-2"})
		require.ErrorIs(t, err, issuer.ErrJobUnknown)
	})

	t.Run("one of many uploads wins", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		ctx := background(t)
		var answers tally
		together(16, func(i int) {
			_, err := stores[i%2].BeginJob(ctx, issuer.JobStart{ID: "job-1", Authority: "a", Holder: numbered("upload", i), At: durableStart, Lease: lease})
			if err != nil {
				answers.add("refused")
			} else {
				answers.add("won")
			}
		})
		require.Equal(t, map[string]int{"won": 1, "refused": 15}, answers.counts)
	})

	t.Run("uploading again", func(t *testing.T) {
		c := newClock()
		s := open(t, DurableConfig{Now: c.now, ListSize: 4096}).Store
		ctx := t.Context()
		lines := func() (lines []int64) {
			results, err := s.Results(ctx, "job-1", "a", 0, 10)
			require.NoError(t, err)
			for _, r := range results {
				lines = append(lines, r.Line)
			}
			return lines
		}
		upload := func(holder string, lines ...int64) {
			_, err := s.BeginJob(ctx, issuer.JobStart{ID: "job-1", Authority: "a", Holder: holder, At: c.now(), Lease: lease})
			require.NoError(t, err)
			b := issuer.Batch{Authority: "a", Job: "job-1", JobHolder: holder}
			for _, l := range lines {
				b.Results = append(b.Results, issuer.Result{Line: l, Code: "x"})
			}
			_, err = s.Commit(ctx, b)
			require.NoError(t, err)
		}
		upload("one", 1, 2, 3, 4)
		_, err := s.EndJob(ctx, "job-1", "one", false, c.now())
		require.NoError(t, err)
		require.Equal(t, []int64{1, 2, 3, 4}, lines())
		upload("two", 1, 2)
		require.Equal(t, []int64{1, 2}, lines(), "what the first upload said of later lines may be mended")
		job, err := s.EndJob(ctx, "job-1", "two", true, c.now())
		require.NoError(t, err)
		require.EqualValues(t, 2, job.Rows)
		require.Equal(t, []int64{1, 2}, lines())
	})
}

func durableRequests(t *testing.T, open OpenDurable) {
	digest := [32]byte{1}

	t.Run("a repeat gets the answer", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		for range 2 { // new, then cut off
			status, response, err := s.BeginRequest(ctx, "client", "key", digest, durableStart)
			require.NoError(t, err)
			require.Zero(t, status)
			require.Empty(t, response)
		}
		require.NoError(t, s.EndRequest(ctx, "client", "key", 201, []byte(`{"identifier":"x"}`)))
		require.NoError(t, s.EndRequest(ctx, "client", "key", 500, nil), "the first answer stands")
		status, response, err := s.BeginRequest(ctx, "client", "key", digest, durableStart)
		require.NoError(t, err)
		require.Equal(t, 201, status)
		require.Equal(t, `{"identifier":"x"}`, string(response))

		_, _, err = s.BeginRequest(ctx, "client", "key", [32]byte{2}, durableStart)
		require.ErrorIs(t, err, issuer.ErrRequestReused)
		status, _, err = s.BeginRequest(ctx, "another", "key", [32]byte{2}, durableStart)
		require.NoError(t, err)
		require.Zero(t, status, "keys are each caller's own")
	})

	t.Run("swept", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		for i := range 1200 {
			if i%100 == 0 {
				_, _, err := s.BeginRequest(ctx, "client", numbered("new", i), digest, durableStart)
				require.NoError(t, err)
			}
		}
		_, _, err := s.BeginRequest(ctx, "client", "old", digest, durableStart.Add(-25*time.Hour))
		require.NoError(t, err)
		n, err := s.SweepRequests(ctx, durableStart.Add(-24*time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		_, _, err = s.BeginRequest(ctx, "client", "old", [32]byte{2}, durableStart)
		require.NoError(t, err, "forgotten")
		_, _, err = s.BeginRequest(ctx, "client", "new000", [32]byte{2}, durableStart)
		require.ErrorIs(t, err, issuer.ErrRequestReused)
	})
}
