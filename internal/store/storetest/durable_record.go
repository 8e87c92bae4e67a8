package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/issuer"
)

func durableRecord(t *testing.T, open OpenDurable) {
	t.Run("what was stored comes back", func(t *testing.T) {
		s := openDurable(t, open).Store
		want := store(t, s, person("k1", "holder-1"))[0].Certificate
		got, err := s.Certificate(t.Context(), want.Identifier)
		require.NoError(t, err)
		require.Equal(t, want.Row.Claims["exact"], got.Row.Claims["exact"], "numbers are exact")
		require.True(t, want.Row.Portrait != nil && string(want.Row.Portrait) == string(got.Row.Portrait))
		require.Equal(t, want, got)

		_, err = s.Certificate(t.Context(), "no such")
		require.ErrorIs(t, err, issuer.ErrUnknown)
	})

	t.Run("a certificate without the optional parts", func(t *testing.T) {
		s := openDurable(t, open).Store
		n := person("k1", "holder-1")
		n.Row.Portrait, n.Row.Representatives, n.Salt, n.Row.Number, n.Row.ValidUntil = nil, nil, nil, "", ""
		want := store(t, s, n)[0].Certificate
		got, err := s.Certificate(t.Context(), want.Identifier)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})

	t.Run("row keys stand for one certificate", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		first := store(t, s, person("k1", "holder-1"))[0]

		r, err := s.Reserve(ctx, "hunan-police", []string{"k0", "k1"}, 1)
		require.NoError(t, err)
		require.Equal(t, map[string]issuer.Taken{"k1": {Identifier: first.Identifier, RowDigest: first.RowDigest, Credential: first.Credential}}, r.Taken)
		r2, err := s.Reserve(ctx, "another", []string{"k1"}, 0)
		require.NoError(t, err)
		require.Empty(t, r2.Taken, "keys are each authority's own")
		require.Empty(t, r2.Counters)

		again := person("k1", "holder-1")
		again.Identifier, again.Credential = "fresh", "fresh"
		again.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}
		done, err := s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Certificates: []issuer.NewCertificate{again}})
		require.NoError(t, err)
		require.Equal(t, []issuer.Committed{{Identifier: first.Identifier, Credential: first.Credential, Existing: true}}, done)

		other := again
		other.RowDigest = sm.Sum([]byte("another row"))
		done, err = s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Certificates: []issuer.NewCertificate{other}})
		require.NoError(t, err)
		require.ErrorIs(t, done[0].Err, issuer.ErrRowReused)
		_, err = s.Certificate(ctx, "fresh")
		require.ErrorIs(t, err, issuer.ErrUnknown)
	})

	t.Run("many keys", func(t *testing.T) {
		s := openDurable(t, open).Store
		var batch []issuer.NewCertificate
		var keys []string
		for i := range 300 {
			k := numbered("k", i)
			keys = append(keys, k)
			if i%2 == 0 {
				batch = append(batch, person(k, "holder-1"))
			}
		}
		store(t, s, batch...)
		r, err := s.Reserve(t.Context(), "hunan-police", keys, 0)
		require.NoError(t, err)
		require.Len(t, r.Taken, 150)
		for _, c := range batch {
			require.Equal(t, c.Identifier, r.Taken[c.Row.Key].Identifier)
		}
	})

	t.Run("a key that stands twice in one batch", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		r, err := s.Reserve(ctx, "hunan-police", nil, 3)
		require.NoError(t, err)
		a, b, c := person("k1", "h"), person("k1", "h"), person("k1", "h")
		b.Identifier, c.Identifier = "b", "c"
		c.RowDigest[0]++
		batch := []issuer.NewCertificate{a, b, c}
		for i := range batch {
			batch[i].Slot = issuer.Slot{List: r.List, Index: r.Counters[i]}
		}
		done, err := s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Certificates: batch})
		require.NoError(t, err)
		require.Equal(t, issuer.Committed{Identifier: a.Identifier, Credential: a.Credential}, done[0])
		require.Equal(t, issuer.Committed{Identifier: a.Identifier, Credential: a.Credential, Existing: true}, done[1])
		require.ErrorIs(t, done[2].Err, issuer.ErrRowReused)
	})

	t.Run("64 writers of one key make one certificate", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		ctx := background(t)
		var answers tally
		together(64, func(i int) {
			s := stores[i%2]
			r, err := s.Reserve(ctx, "hunan-police", []string{"k1"}, 1)
			if err != nil {
				answers.add(err.Error())
				return
			}
			n := person("k1", "holder-1")
			n.Identifier, n.Credential = numbered("id", i), numbered("credential", i)
			n.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}
			done, err := s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Certificates: []issuer.NewCertificate{n}})
			if err != nil || done[0].Err != nil {
				answers.add("failed")
				return
			}
			answers.add(done[0].Identifier + done[0].Credential)
		})
		require.Len(t, answers.counts, 1, "all got one certificate: %v", answers.counts)
		held, err := subject.Store.Held(t.Context(), []string{"holder-1"}, 10)
		require.NoError(t, err)
		require.Len(t, held, 1)
	})

	t.Run("held", func(t *testing.T) {
		s := openDurable(t, open).Store
		var batch []issuer.NewCertificate
		for i, holder := range []string{"a", "a", "b", "a", "c"} {
			n := person(numbered("k", i), holder)
			n.CreatedAt = durableStart.Add(time.Duration(i) * time.Minute)
			n.StateAt = n.CreatedAt
			batch = append(batch, n)
		}
		batch = store(t, s, batch...)
		_, err := s.ChangeState(t.Context(), change(batch[1], issuer.Revoked, issuer.Valid))
		require.NoError(t, err)

		one, err := s.Held(t.Context(), []string{"a", "b"}, 10, batch[3].Identifier, batch[4].Identifier)
		require.NoError(t, err)
		require.Len(t, one, 1, "another's is not among them")
		require.Equal(t, "k003", one[0].Row.Key)

		keys := func(limit int, holders ...string) (keys []string) {
			held, err := s.Held(t.Context(), holders, limit)
			require.NoError(t, err)
			for _, c := range held {
				require.Nil(t, c.Row.Portrait)
				require.NotEmpty(t, c.Row.Claims)
				require.NotEmpty(t, c.Credential)
				require.Equal(t, c.Row.Key == "k001", c.State == issuer.Revoked)
				keys = append(keys, c.Row.Key)
			}
			return keys
		}
		require.Equal(t, []string{"k003", "k001", "k000"}, keys(10, "a"))
		require.Equal(t, []string{"k003", "k002", "k001", "k000"}, keys(10, "b", "a", "a"))
		require.Equal(t, []string{"k004", "k003"}, keys(1, "a", "c"))
		require.Empty(t, keys(10, "nobody"))
		require.Empty(t, keys(10))
	})

	t.Run("live data", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		c := store(t, s, person("k1", "h"))[0]
		at := durableStart.Add(time.Hour)
		require.NoError(t, s.SetLive(ctx, "hunan-police", c.Identifier, map[string]any{"points": 3, "licence_state": "A"}, at))
		require.NoError(t, s.SetLive(ctx, "hunan-police", c.Identifier, map[string]any{"points": 6}, at))
		got, err := s.Certificate(ctx, c.Identifier)
		require.NoError(t, err)
		require.Len(t, got.Live, 1)
		require.EqualValues(t, "6", got.Live["points"])
		require.Equal(t, at, got.LiveAt)
		require.ErrorIs(t, s.SetLive(ctx, "another", c.Identifier, nil, at), issuer.ErrUnknown)
		require.ErrorIs(t, s.SetLive(ctx, "hunan-police", "no such", nil, at), issuer.ErrUnknown)
		require.NoError(t, s.SetLive(ctx, "hunan-police", c.Identifier, nil, at))
		got, err = s.Certificate(ctx, c.Identifier)
		require.NoError(t, err)
		require.Nil(t, got.Live)
	})
}

// next makes the version that replaces a certificate.
func next(c issuer.NewCertificate, rowKey, version string) issuer.NewCertificate {
	n := person(rowKey, c.HolderID)
	n.Identifier, n.Replaces = c.Identifier+version, c.Identifier
	n.CreatedAt = durableStart.Add(time.Minute)
	n.StateAt = n.CreatedAt
	return n
}

func durableReplace(t *testing.T, open OpenDurable) {
	commit := func(t *testing.T, s DurableStore, authority string, n issuer.NewCertificate) issuer.Committed {
		t.Helper()
		r, err := s.Reserve(t.Context(), authority, nil, 1)
		require.NoError(t, err)
		n.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}
		done, err := s.Commit(t.Context(), issuer.Batch{Authority: authority, Certificates: []issuer.NewCertificate{n}, By: "replacer"})
		require.NoError(t, err)
		return done[0]
	}

	t.Run("ends the old one in the same transaction", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		old := store(t, s, person("k1", "h"))[0]
		n := next(old, "k2", "-2")
		require.NoError(t, commit(t, s, "hunan-police", n).Err)

		got, err := s.Certificate(ctx, old.Identifier)
		require.NoError(t, err)
		require.Equal(t, issuer.Lapsed, got.State)
		require.Equal(t, n.Identifier, got.ReplacedBy)
		require.Equal(t, n.CreatedAt, got.StateAt)
		held, err := s.Held(ctx, []string{"h"}, 10)
		require.NoError(t, err)
		require.Len(t, held, 1)
		require.Equal(t, n.Identifier, held[0].Identifier)
		statuses, _ := replay(t, s, old.Slot.List)
		require.Equal(t, map[uint64]uint8{old.Slot.Index: 1}, statuses)
		events, err := s.Events(ctx, old.Identifier)
		require.NoError(t, err)
		require.Equal(t, []issuer.Event{
			{Identifier: old.Identifier, At: durableStart, To: issuer.Valid, By: "police-client"},
			{Identifier: old.Identifier, At: n.CreatedAt, From: issuer.Valid, To: issuer.Lapsed, By: "replacer", ReplacedBy: n.Identifier},
		}, events)

		// The same row again is the same certificate; another row comes too late.
		require.Equal(t, issuer.Committed{Identifier: n.Identifier, Credential: n.Credential, Existing: true}, commit(t, s, "hunan-police", n))
		require.ErrorIs(t, commit(t, s, "hunan-police", next(old, "k3", "-3")).Err, issuer.ErrReplaced)
		require.ErrorIs(t, commit(t, s, "hunan-police", next(old, "k3", "-2")).Err, issuer.ErrReplaced, "both want the next version")
		requireConsistent(t, s)
	})

	t.Run("refused", func(t *testing.T) {
		s := openDurable(t, open).Store
		batch := store(t, s, person("k1", "h"), person("k2", "h"), person("k3", "h"))
		_, err := s.ChangeState(t.Context(), change(batch[0], issuer.Cancelled, issuer.Valid))
		require.NoError(t, err)
		require.ErrorIs(t, commit(t, s, "hunan-police", next(batch[0], "k4", "-2")).Err, issuer.ErrTransition)
		stranger := next(batch[1], "k5", "-2")
		require.ErrorIs(t, commit(t, s, "another", stranger).Err, issuer.ErrUnknown, "not theirs to replace")
		missing := next(batch[1], "k6", "-2")
		missing.Replaces = "no such"
		require.ErrorIs(t, commit(t, s, "hunan-police", missing).Err, issuer.ErrUnknown)
		_, err = s.Certificate(t.Context(), missing.Identifier)
		require.ErrorIs(t, err, issuer.ErrUnknown, "nothing of it stays")
		_, err = s.ChangeState(t.Context(), change(batch[2], issuer.Suspended, issuer.Valid))
		require.NoError(t, err)
		require.ErrorIs(t, commit(t, s, "hunan-police", next(batch[2], "k7", "-2")).Err, issuer.ErrTransition, "its successor would be valid, and the suspension forgotten")
		requireConsistent(t, s)
	})

	t.Run("one of many replacements wins", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		old := store(t, subject.Store, person("k1", "h"))[0]
		ctx := background(t)
		var answers tally
		together(16, func(i int) {
			s := stores[i%2]
			r, err := s.Reserve(ctx, "hunan-police", nil, 1)
			if err != nil {
				answers.add(err.Error())
				return
			}
			n := next(old, numbered("k", i), "-2")
			n.RowDigest[0] = byte(i)
			n.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}
			done, err := s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Certificates: []issuer.NewCertificate{n}})
			switch {
			case err != nil:
				answers.add(err.Error())
			case done[0].Err != nil:
				answers.add(done[0].Err.Error())
			default:
				answers.add("won")
			}
		})
		require.Equal(t, map[string]int{"won": 1, issuer.ErrReplaced.Error(): 15}, answers.counts)
		requireConsistent(t, subject.Store)
	})
}
