package storetest

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
)

// durableBulk are changes of state in batches, and uploads that go on where another broke off.
func durableBulk(t *testing.T, open OpenDurable) {
	const authority = "hunan-police"
	change := func(line int64, identifier string, to issuer.State, once string, from ...issuer.State) issuer.BulkChange {
		return issuer.BulkChange{Line: line, Once: once, Change: issuer.Change{Authority: authority, Identifier: identifier, From: from, To: to, Reason: "list of March", By: "client", At: durableStart}}
	}
	begin := func(t *testing.T, s DurableStore, start issuer.JobStart) (issuer.Job, error) {
		start.Authority, start.At, start.Lease = authority, durableStart, time.Minute
		return s.BeginJob(t.Context(), start)
	}
	results := func(changes []issuer.BulkChange) (all []issuer.Result) {
		for _, c := range changes {
			all = append(all, issuer.Result{Line: c.Line, Identifier: c.Identifier})
		}
		return all
	}

	t.Run("each is refused or made on its own", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		all := store(t, s, person("k1", "h"), person("k2", "h"))
		one, two := all[0].Identifier, all[1].Identifier
		changes := []issuer.BulkChange{
			change(1, one, issuer.Suspended, "a", issuer.Valid), change(2, one, issuer.Valid, "b", issuer.Suspended),
			change(3, one, issuer.Suspended, "a", issuer.Valid), // has been made, and taken back since
			change(4, two, issuer.Revoked, "", issuer.Valid, issuer.Suspended),
			change(5, two, issuer.Lapsed, "", issuer.Valid, issuer.Suspended),
			change(6, "no such", issuer.Lapsed, "", issuer.Valid),
			change(7, two, issuer.Revoked, "", issuer.Valid, issuer.Suspended), // stands
		}
		for _, job := range []string{"j1", "j2"} {
			_, err := begin(t, s, issuer.JobStart{ID: job, Holder: job, Kind: issuer.KindStates})
			require.NoError(t, err)
			_, err = s.Commit(ctx, issuer.Batch{Authority: authority, By: "client", Job: job, JobHolder: job, Changes: changes, Results: results(changes)})
			require.NoError(t, err)
			got, err := s.Results(ctx, job, authority, 0, 10)
			require.NoError(t, err)
			codes := map[int64]string{}
			for _, r := range got {
				codes[r.Line] = r.Code
			}
			require.Equal(t, map[int64]string{1: "", 2: "", 3: "", 4: "", 5: issuer.CodeStateRefused, 6: issuer.CodeUnknown, 7: ""}, codes)
		}
		events, err := s.Events(ctx, one)
		require.NoError(t, err)
		require.Len(t, events, 3, "issued, suspended, reinstated; once each")
		require.Equal(t, "list of March", events[1].Reason)
		c, err := s.Certificate(ctx, two)
		require.NoError(t, err)
		require.Equal(t, issuer.Revoked, c.State)
	})

	t.Run("batches with certificates in common, in another order", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		ctx := background(t)
		const n = 40
		var people []issuer.NewCertificate
		for i := range n {
			people = append(people, person("k"+strconv.Itoa(i), "h"))
		}
		all := store(t, subject.Store, people...)
		answers := make([]error, 4)
		together(len(answers), func(i int) {
			job := "j" + strconv.Itoa(i)
			if _, answers[i] = begin(t, stores[i%2], issuer.JobStart{ID: job, Holder: job, Kind: issuer.KindStates}); answers[i] != nil {
				return
			}
			var changes []issuer.BulkChange
			for k, c := range all {
				changes = append(changes, change(int64(k+1), c.Identifier, issuer.Revoked, "", issuer.Valid))
			}
			if i%2 == 1 {
				slices.Reverse(changes)
			}
			_, answers[i] = stores[i%2].Commit(ctx, issuer.Batch{Authority: authority, By: "client", Job: job, JobHolder: job, Changes: changes, Results: results(changes)})
		})
		for _, err := range answers {
			require.NoError(t, err)
		}
		for _, c := range all {
			events, err := subject.Store.Events(ctx, c.Identifier)
			require.NoError(t, err)
			require.Len(t, events, 2, "one of them made it, and the others found it made")
		}
	})

	t.Run("an upload goes on", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		start := issuer.JobStart{ID: "j", Holder: "one", Kind: issuer.KindStates, Content: "digest"}
		_, err := begin(t, s, start)
		require.NoError(t, err)
		b := issuer.Batch{Authority: authority, Job: "j", JobHolder: "one", Bytes: 10}
		for line := range int64(5) {
			b.Results = append(b.Results, issuer.Result{Line: line + 1, Code: []string{"", "x"}[line%2]})
		}
		_, err = s.Commit(ctx, b)
		require.NoError(t, err)
		_, err = s.EndJob(ctx, "j", "one", false, durableStart)
		require.NoError(t, err)

		start.Holder, start.From = "two", 7
		_, err = begin(t, s, start)
		require.ErrorIs(t, err, issuer.ErrJobResume, "row 6 would be left out")
		for _, wrong := range []issuer.JobStart{
			{ID: "j", Kind: issuer.KindStates, Content: "other"}, {ID: "j", Kind: issuer.KindStates}, {ID: "j", Kind: issuer.KindCertificates, Content: "digest"},
			{ID: "new", Kind: issuer.KindStates, Content: "digest"},
		} {
			wrong.Holder, wrong.From = "two", 4
			_, err = begin(t, s, wrong)
			require.ErrorIs(t, err, issuer.ErrJobResume)
		}
		start.From = 4
		job, err := begin(t, s, start)
		require.NoError(t, err)
		require.Equal(t, []int64{3, 2, 1}, []int64{job.Rows, job.Accepted, job.Rejected})
		got, err := s.Results(ctx, "j", authority, 0, 10)
		require.NoError(t, err)
		require.Len(t, got, 3, "answers from row 4 on are forgotten")
		_, err = s.Job(ctx, "new", authority)
		require.ErrorIs(t, err, issuer.ErrJobUnknown, "a refusal leaves no job behind")
	})
}
