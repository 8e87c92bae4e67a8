package storetest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
)

// crashRows is how many rows every run pushes, the same ones from the start, as a department
// does that uploads its file again.
const crashRows = 3000

// DurableWork writes without end until ctx ends or something fails, and says what was acknowledged: one
// line each, and only after the store returned. A test runs it in a process of its own, which it
// kills; run names the process.
func DurableWork(ctx context.Context, s DurableStore, run string, say func(line string)) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, job := range []func(context.Context, DurableStore, string, func(string)) error{crashPush, crashRecord, crashChange} {
		g.Go(func() error { return job(ctx, s, run, say) })
	}
	return g.Wait()
}

func crashCertificate(i int, run string) issuer.NewCertificate {
	n := person(numbered("row-", i), "holder-"+strconv.Itoa(i))
	n.Identifier = fmt.Sprintf("certificate %d of %s", i, run)
	n.Line = int64(i + 1)
	return n
}

func crashPush(ctx context.Context, s DurableStore, run string, say func(string)) error {
	job := "job-" + run
	if _, err := s.BeginJob(ctx, issuer.JobStart{ID: job, Authority: "hunan-police", Holder: run, At: durableStart, Lease: time.Hour}); err != nil {
		return err
	}
	const batch = 20
	for from := 0; from < crashRows; from += batch {
		b := issuer.Batch{Authority: "hunan-police", Job: job, JobHolder: run, Bytes: 100}
		var keys []string
		for i := range batch {
			keys = append(keys, numbered("row-", from+i))
		}
		r, err := s.Reserve(ctx, "hunan-police", keys, batch)
		if err != nil {
			return err
		}
		for i, c := range r.Counters {
			say(fmt.Sprintf("slot %s %d", r.List, c))
			if taken, ok := r.Taken[keys[i]]; ok {
				say(fmt.Sprintf("row %d %s", from+i, taken.Identifier))
				b.Results = append(b.Results, issuer.Result{Line: int64(from + i + 1), Key: keys[i], Identifier: taken.Identifier})
				continue
			}
			n := crashCertificate(from+i, run)
			n.Slot = issuer.Slot{List: r.List, Index: c}
			b.Certificates = append(b.Certificates, n)
		}
		done, err := s.Commit(ctx, b)
		if err != nil {
			return err
		}
		for i, d := range done {
			if d.Err != nil {
				return d.Err
			}
			say(fmt.Sprintf("row %d %s", int(b.Certificates[i].Line)-1, d.Identifier))
		}
		say(fmt.Sprintf("lines %s %d", job, from+batch))
	}
	return nil
}

func crashRecord(ctx context.Context, s DurableStore, run string, say func(string)) error {
	for i := 0; ctx.Err() == nil; i++ {
		v := verification(fmt.Sprintf("verification %d of %s", i, run))
		if err := s.Record(ctx, v); err != nil {
			return err
		}
		say("spent " + v.ID)
	}
	return nil
}

func crashChange(ctx context.Context, s DurableStore, run string, say func(string)) error {
	r, err := s.Reserve(ctx, "hunan-police", nil, 1)
	if err != nil {
		return err
	}
	n := person("changing "+run, "holder "+run)
	n.Identifier, n.Slot = "changing "+run, issuer.Slot{List: r.List, Index: r.Counters[0]}
	if _, err := s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Certificates: []issuer.NewCertificate{n}}); err != nil {
		return err
	}
	for i := 0; ctx.Err() == nil; i++ {
		r, err := s.Reserve(ctx, "hunan-police", nil, 1)
		if err != nil {
			return err
		}
		say(fmt.Sprintf("slot %s %d", r.List, r.Counters[0]))
		slot := issuer.Slot{List: r.List, Index: r.Counters[0]}
		if err := s.AddCopy(ctx, issuer.Copy{Identifier: n.Identifier, Slot: slot}); err != nil {
			return err
		}
		to, from := issuer.Suspended, issuer.Valid
		if i%2 == 1 {
			to, from = from, to
		}
		c, err := s.ChangeState(ctx, change(n, to, from))
		if err != nil {
			return err
		}
		say(fmt.Sprintf("state %d %s %s", i, c.State, n.Identifier))
	}
	return nil
}

// DurableJournal gathers what processes said before they were killed.
type DurableJournal struct {
	slots  map[string]bool
	rows   map[string]string // row -> identifier
	lines  map[string]int
	spent  []string
	states map[string]int // certificate -> number of its last acknowledged change
	Twice  []string       // slots handed out twice, rows with two certificates
}

// Add takes one whole line.
func (j *DurableJournal) Add(line string) error {
	if j.slots == nil {
		j.slots, j.rows, j.lines, j.states = map[string]bool{}, map[string]string{}, map[string]int{}, map[string]int{}
	}
	what, rest, _ := strings.Cut(line, " ")
	first, second, _ := strings.Cut(rest, " ")
	switch what {
	case "slot":
		if j.slots[rest] {
			j.Twice = append(j.Twice, line)
		}
		j.slots[rest] = true
	case "row":
		if old, ok := j.rows[first]; ok && old != second {
			j.Twice = append(j.Twice, line+", before "+old)
		}
		j.rows[first] = second
	case "lines":
		n, err := strconv.Atoi(second)
		j.lines[first] = n
		return err
	case "spent":
		j.spent = append(j.spent, rest)
	case "state":
		n, err := strconv.Atoi(first)
		_, id, _ := strings.Cut(second, " ")
		j.states[id] = n + 1
		return err
	default:
		return fmt.Errorf("storetest: %q", line)
	}
	return nil
}

// Len is how many rows, verifications and changes were acknowledged.
func (j *DurableJournal) Len() (rows, verifications, changes int) {
	for _, n := range j.states {
		changes += n
	}
	return len(j.rows), len(j.spent), changes
}

// Verify requires that everything acknowledged is in the store, once.
func (j *DurableJournal) Verify(t *testing.T, s DurableStore) {
	t.Helper()
	ctx := t.Context()
	require.Empty(t, j.Twice)
	for row, identifier := range j.rows {
		held, err := s.Held(ctx, []string{"holder-" + row}, 10)
		require.NoError(t, err)
		require.Len(t, held, 1, "row %s", row)
		require.Equal(t, identifier, held[0].Identifier, "row %s", row)
	}
	for _, id := range j.spent {
		v, err := s.ByID(ctx, id)
		require.NoError(t, err, id)
		require.Equal(t, verification(id).Answer, v.Answer)
		again := verification("again " + id)
		again.ShowID = v.ShowID
		require.ErrorIs(t, s.Record(ctx, again), verifier.ErrSpent)
	}
	for job, lines := range j.lines {
		results, err := s.Results(ctx, job, "hunan-police", 0, crashRows)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(results), lines, job)
		seen, err := s.Job(ctx, job, "hunan-police")
		require.NoError(t, err)
		require.EqualValues(t, len(results), seen.Rows)
	}
	for id, changes := range j.states {
		events, err := s.Events(ctx, id)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(events)-1, changes, "the first event is the issuing")
		c, err := s.Certificate(ctx, id)
		require.NoError(t, err)
		require.Equal(t, events[len(events)-1].To, c.State)
	}
	requireConsistent(t, s)
	// The next slot is one that nobody ever had, whatever was in flight.
	r, err := s.Reserve(ctx, "hunan-police", nil, 3)
	require.NoError(t, err)
	for _, c := range r.Counters {
		require.NoError(t, j.Add(fmt.Sprintf("slot %s %d", r.List, c)))
	}
	require.Empty(t, j.Twice)
}
