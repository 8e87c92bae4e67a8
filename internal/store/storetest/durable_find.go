package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
)

// found asks page after page, and returns row keys in order.
func found(t *testing.T, s DurableStore, q issuer.Question) (keys []string) {
	t.Helper()
	for {
		page, err := s.FindCertificates(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Certificates), q.Limit)
		for _, c := range page.Certificates {
			part := strings.Split(c.Identifier, ".")
			keys = append(keys, strings.ToLower(part[len(part)-3]))
		}
		if page.Next == (issuer.Place{}) {
			return keys
		}
		require.NotEqual(t, q.After, page.Next, "it goes on")
		q.After = page.Next
	}
}

func durableFind(t *testing.T, open OpenDurable) {
	t.Run("certificates", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		at := func(n issuer.NewCertificate, minutes int, typ string) issuer.NewCertificate {
			n.CreatedAt = durableStart.Add(time.Duration(minutes) * time.Minute)
			n.StateAt, n.Row.Type = n.CreatedAt, typ
			return n
		}
		all := store(t, s, at(person("a1", "h1"), 1, "resident-id"), at(person("a2", "h2"), 2, "drivers-licence"), at(person("a3", "h1"), 3, "resident-id"),
			at(person("a4", "h3"), 3, "resident-id"), at(person("a5", "h1"), 5, "resident-id"))
		r, err := s.Reserve(ctx, "other", nil, 1)
		require.NoError(t, err)
		other := at(person("b1", "h1"), 4, "resident-id")
		other.Authority, other.Slot = "other", issuer.Slot{List: r.List, Index: r.Counters[0]}
		_, err = s.Commit(ctx, issuer.Batch{Authority: "other", Certificates: []issuer.NewCertificate{other}})
		require.NoError(t, err)
		change := func(n issuer.NewCertificate, to issuer.State, when time.Time) {
			_, err := s.ChangeState(ctx, issuer.Change{Authority: "hunan-police", Identifier: n.Identifier, From: []issuer.State{issuer.Valid}, To: to, By: "c", At: when})
			require.NoError(t, err)
		}
		change(all[1], issuer.Suspended, durableStart.Add(time.Hour))
		change(all[2], issuer.Suspended, durableStart.Add(time.Hour))

		one, both := []string{"hunan-police"}, []string{"other", "hunan-police", "other"}
		for name, c := range map[string]struct {
			q    issuer.Question
			want []string
		}{
			"all of an authority, newest first":  {issuer.Question{Authorities: one}, []string{"a5", "a4", "a3", "a2", "a1"}},
			"of two authorities together":        {issuer.Question{Authorities: both}, []string{"a5", "b1", "a4", "a3", "a2", "a1"}},
			"of a type":                          {issuer.Question{Authorities: both, Type: "resident-id"}, []string{"a5", "b1", "a4", "a3", "a1"}},
			"suspended":                          {issuer.Question{Authorities: both, State: issuer.Suspended}, []string{"a3", "a2"}},
			"suspended of a type":                {issuer.Question{Authorities: both, State: issuer.Suspended, Type: "drivers-licence"}, []string{"a2"}},
			"valid":                              {issuer.Question{Authorities: both, State: issuer.Valid}, []string{"a5", "b1", "a4", "a1"}},
			"of a holder":                        {issuer.Question{Authorities: both, HolderID: "h1"}, []string{"a5", "b1", "a3", "a1"}},
			"of a holder, not of others' making": {issuer.Question{Authorities: one, HolderID: "h1"}, []string{"a5", "a3", "a1"}},
			"of a holder, in a state":            {issuer.Question{Authorities: one, HolderID: "h1", State: issuer.Suspended}, []string{"a3"}},
			"of nobody":                          {issuer.Question{Authorities: one, HolderID: "nobody"}, nil},
			"of no authority":                    {issuer.Question{}, nil},
			"one":                                {issuer.Question{Authorities: one, Identifier: all[0].Identifier}, []string{"a1"}},
			"one of another authority":           {issuer.Question{Authorities: one, Identifier: other.Identifier}, nil},
			"one of another holder":              {issuer.Question{Authorities: one, Identifier: all[0].Identifier, HolderID: "h2"}, nil},
			"none":                               {issuer.Question{Authorities: one, Identifier: "none"}, nil},
		} {
			for _, limit := range []int{1, 2, 3, 100} {
				c.q.Limit = limit
				require.Equal(t, c.want, found(t, s, c.q), "%s, %d at a time", name, limit)
			}
		}
		page, err := s.FindCertificates(ctx, issuer.Question{Authorities: one, Identifier: all[1].Identifier, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, []issuer.Found{{Identifier: all[1].Identifier, Authority: "hunan-police", Type: "drivers-licence", TypeVer: 1, State: issuer.Suspended,
			Region: "430102", ValidFrom: "2020-05-18", ValidUntil: "2040-05-18", CreatedAt: all[1].CreatedAt}}, page.Certificates)

		change(all[4], issuer.Cancelled, durableStart.AddDate(-6, 0, 0))
		require.NoError(t, s.EraseContent(ctx, issuer.Erasure{Authority: "hunan-police", Identifier: all[4].Identifier, EndedBefore: durableStart.AddDate(-5, 0, 0), By: "c", At: durableStart}))
		require.Equal(t, []string{"a4", "a3", "a2", "a1"}, found(t, s, issuer.Question{Authorities: one, Limit: 2}), "what was erased is not found")
		require.Empty(t, found(t, s, issuer.Question{Authorities: one, Identifier: all[4].Identifier, Limit: 2}))
	})

	t.Run("a needle", func(t *testing.T) {
		s := openDurable(t, open).Store
		var batch []issuer.NewCertificate
		for i := range 600 {
			n := person(numbered("n", i), "h")
			n.CreatedAt = durableStart.Add(time.Duration(i) * time.Second)
			if i == 3 {
				n.Row.Type = "drivers-licence"
			}
			batch = append(batch, n)
		}
		store(t, s, batch...)
		require.Equal(t, []string{"n003"}, found(t, s, issuer.Question{Authorities: []string{"hunan-police"}, Type: "drivers-licence", Limit: 1}))
		require.Len(t, found(t, s, issuer.Question{Authorities: []string{"hunan-police"}, Limit: 100}), 600)

		// For who acts for many, the share of each is smaller, and pages end before there is anything in them.
		many := []string{"hunan-police"}
		for i := range 20 {
			many = append(many, numbered("a", i))
		}
		q := issuer.Question{Authorities: many, Type: "drivers-licence", Limit: 1}
		page, err := s.FindCertificates(t.Context(), q)
		require.NoError(t, err)
		require.Empty(t, page.Certificates)
		require.NotZero(t, page.Next)
		require.Equal(t, []string{"n003"}, found(t, s, q))
	})

	t.Run("pushes", func(t *testing.T) {
		c := newClock()
		s := open(t, DurableConfig{Now: c.now, ListSize: 4096}).Store
		ctx := t.Context()
		for _, j := range []struct{ id, authority string }{{"j1", "a"}, {"j2", "b"}, {"j3", "a"}, {"j4", "c"}} {
			_, err := s.BeginJob(ctx, issuer.JobStart{ID: j.id, Authority: j.authority, Holder: "u", At: c.now(), Lease: time.Minute})
			require.NoError(t, err)
			if j.id != "j2" { // two begin in one moment
				c.advance(time.Second)
			}
		}
		_, err := s.EndJob(ctx, "j1", "u", true, c.now())
		require.NoError(t, err)
		ids := func(after issuer.Place, limit int, authorities ...string) (ids []string) {
			jobs, err := s.JobsOf(ctx, authorities, after, limit)
			require.NoError(t, err)
			for _, j := range jobs {
				ids = append(ids, j.ID)
				same, err := s.Job(ctx, j.ID, j.Authority)
				require.NoError(t, err)
				require.Equal(t, same, j)
			}
			return ids
		}
		require.Equal(t, []string{"j3", "j2", "j1"}, ids(issuer.Place{}, 10, "b", "a", "a"))
		require.Equal(t, []string{"j3", "j2"}, ids(issuer.Place{}, 2, "b", "a"))
		second, err := s.Job(ctx, "j2", "b")
		require.NoError(t, err)
		require.Equal(t, []string{"j1"}, ids(issuer.Place{At: second.StartedAt, ID: "j2"}, 2, "b", "a"))
		require.Empty(t, ids(issuer.Place{}, 10))
		c.advance(time.Hour)
		jobs, err := s.JobsOf(ctx, []string{"a"}, issuer.Place{}, 10)
		require.NoError(t, err)
		require.Equal(t, issuer.JobInterrupted, jobs[0].State, "its lease ran out")
		require.Equal(t, issuer.JobDone, jobs[1].State)
	})
}
