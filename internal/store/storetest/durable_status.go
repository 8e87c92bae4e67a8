package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/issuer"
)

func durableSlots(t *testing.T, open OpenDurable) {
	t.Run("never twice, among processes and lists", func(t *testing.T) {
		const size, writers, each = 100, 24, 7
		subject := open(t, DurableConfig{ListSize: size})
		stores := []DurableStore{subject.Store, subject.Again(t)}
		ctx := background(t)
		var seen tally
		together(writers, func(i int) {
			for n := range each {
				r, err := stores[i%2].Reserve(ctx, "a", nil, n+1)
				if err != nil {
					seen.add(err.Error())
					return
				}
				for _, c := range r.Counters {
					if c >= size {
						seen.add("past the end")
					}
					seen.add(numbered(r.List+"/", int(c)))
				}
			}
		})
		for slot, n := range seen.counts {
			require.Equal(t, 1, n, slot)
		}
		require.Len(t, seen.counts, writers*each*(each+1)/2)
		heads, err := subject.Store.Lists(t.Context())
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(heads), 6)
		for _, h := range heads {
			require.EqualValues(t, size, h.Size)
			require.Zero(t, h.Seq)
		}
		_, err = subject.Store.Reserve(t.Context(), "a", nil, size+1)
		require.Error(t, err)
	})

	t.Run("a slot that is used is refused", func(t *testing.T) {
		s := openDurable(t, open).Store
		c := store(t, s, person("k1", "h"))[0]
		n := person("k2", "h")
		n.Slot = c.Slot
		_, err := s.Commit(t.Context(), issuer.Batch{Authority: "hunan-police", Certificates: []issuer.NewCertificate{n}})
		require.Error(t, err)
		require.Error(t, s.AddCopy(t.Context(), issuer.Copy{Identifier: c.Identifier, Slot: c.Slot}))
		_, err = s.Certificate(t.Context(), n.Identifier)
		require.ErrorIs(t, err, issuer.ErrUnknown)
	})
}

func durableStates(t *testing.T, open OpenDurable) {
	t.Run("transitions", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		V, S, R, C := issuer.Valid, issuer.Suspended, issuer.Revoked, issuer.Cancelled
		for i, tc := range []struct {
			path []issuer.State // after valid; each from both that are not terminal
			ok   bool           // of the last step
		}{
			{[]issuer.State{S}, true}, {[]issuer.State{S, V}, true}, {[]issuer.State{S, V, S}, true}, {[]issuer.State{R}, true},
			{[]issuer.State{S, R}, true}, {[]issuer.State{C, R}, false}, {[]issuer.State{R, V}, false}, {[]issuer.State{R, S}, false},
			{[]issuer.State{V}, false}, {[]issuer.State{S, S}, true}, {[]issuer.State{R, R}, true}, {[]issuer.State{S, V, V}, true},
			{[]issuer.State{"unheard-of"}, false}, {[]issuer.State{issuer.Withdrawn}, true}, {[]issuer.State{issuer.Transferred}, true}, {[]issuer.State{issuer.Lapsed}, true},
		} {
			c := store(t, s, person(numbered("k", i), "h"))[0]
			for n, to := range tc.path {
				got, err := s.ChangeState(ctx, change(c, to, V, S))
				if n == len(tc.path)-1 && !tc.ok {
					require.ErrorIs(t, err, issuer.ErrTransition, "%v", tc.path)
					continue
				}
				require.NoError(t, err, "%v", tc.path)
				require.Equal(t, to, got.State)
				require.Equal(t, "because of "+string(to), got.Reason)
				require.Equal(t, durableStart.Add(time.Hour), got.StateAt)
				require.Equal(t, c.Row, got.Row)
			}
		}
		requireConsistent(t, s)

		c := store(t, s, person("last", "h"))[0]
		_, err := s.ChangeState(ctx, change(c, V, S))
		require.ErrorIs(t, err, issuer.ErrTransition, "only a suspended one can be reinstated")
		foreign := change(c, R, V)
		foreign.Authority = "another"
		_, err = s.ChangeState(ctx, foreign)
		require.ErrorIs(t, err, issuer.ErrUnknown)
		foreign = change(c, R, V)
		foreign.Identifier = "no such"
		_, err = s.ChangeState(ctx, foreign)
		require.ErrorIs(t, err, issuer.ErrUnknown)
		_, err = s.Events(ctx, "no such")
		require.ErrorIs(t, err, issuer.ErrUnknown)
	})

	t.Run("a repeat changes nothing", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		c := store(t, s, person("k1", "h"))[0]
		first, err := s.ChangeState(ctx, change(c, issuer.Suspended, issuer.Valid))
		require.NoError(t, err)
		again := change(c, issuer.Suspended, issuer.Valid)
		again.At, again.Reason, again.By = again.At.Add(time.Hour), "another", "another"
		got, err := s.ChangeState(ctx, again)
		require.NoError(t, err)
		require.Equal(t, first, got)
		_, seq := replay(t, s, c.Slot.List)
		require.EqualValues(t, 1, seq)
		events, err := s.Events(ctx, c.Identifier)
		require.NoError(t, err)
		require.Equal(t, []issuer.Event{
			{Identifier: c.Identifier, At: durableStart, To: issuer.Valid, By: "police-client"},
			{Identifier: c.Identifier, At: durableStart.Add(time.Hour), From: issuer.Valid, To: issuer.Suspended, By: "police-client", Reason: "because of suspended"},
		}, events)
	})

	t.Run("changes that the cache has had are forgotten", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		c := store(t, s, person("k1", "h"))[0]
		for i := range 6 { // at the first hour, the second, …
			one := change(c, issuer.Suspended, issuer.Valid)
			if i%2 == 1 {
				one = change(c, issuer.Valid, issuer.Suspended)
			}
			one.At = durableStart.Add(time.Duration(i+1) * time.Hour)
			_, err := s.ChangeState(ctx, one)
			require.NoError(t, err)
		}
		for _, step := range []struct {
			before, published uint64
			known             bool
			left              uint64
		}{{1, 6, true, 6}, {9, 0, false, 6}, {9, 2, true, 4}, {4, 6, true, 3}, {4, 6, true, 3}, {9, 6, true, 0}} {
			before := durableStart.Add(time.Duration(step.before) * time.Hour)
			_, err := s.SweepStatusChanges(ctx, before, func(list string) (uint64, bool) {
				require.Equal(t, c.Slot.List, list)
				return step.published, step.known
			})
			require.NoError(t, err)
			left, err := s.Changes(ctx, c.Slot.List, 0, 100)
			require.NoError(t, err)
			require.Len(t, left, int(step.left), step)
			if len(left) > 0 {
				require.EqualValues(t, 6, left[len(left)-1].Seq, "the newest stay")
				require.Equal(t, 7-step.left, left[0].Seq)
			}
		}
		head, _, err := s.Snapshot(ctx, c.Slot.List)
		require.NoError(t, err)
		require.EqualValues(t, 6, head.Seq)
		_, err = s.ChangeState(ctx, change(c, issuer.Suspended, issuer.Valid))
		require.NoError(t, err)
		next, err := s.Changes(ctx, c.Slot.List, 6, 9)
		require.NoError(t, err)
		require.EqualValues(t, 7, next[0].Seq, "the sequence goes on")
	})

	t.Run("issued suspended", func(t *testing.T) {
		s := openDurable(t, open).Store
		n := person("k1", "h")
		n.State = issuer.Suspended
		c := store(t, s, n)[0]
		statuses, _ := replay(t, s, c.Slot.List)
		require.Equal(t, map[uint64]uint8{c.Slot.Index: 2}, statuses)
		_, err := s.ChangeState(t.Context(), change(c, issuer.Valid, issuer.Suspended))
		require.NoError(t, err)
		events, err := s.Events(t.Context(), c.Identifier)
		require.NoError(t, err)
		require.Len(t, events, 2)
		require.Equal(t, issuer.Suspended, events[0].To)
		requireConsistent(t, s)
	})

	t.Run("copies follow", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		c := store(t, s, person("k1", "h"))[0]
		r, err := s.Reserve(ctx, "hunan-police", nil, 3)
		require.NoError(t, err)
		copyOf := func(i int) issuer.Copy {
			return issuer.Copy{Identifier: c.Identifier, Slot: issuer.Slot{List: r.List, Index: r.Counters[i]}, KeyID: "k", ExpiresAt: durableStart.AddDate(0, 6, 0), CreatedAt: durableStart}
		}
		status := func() (got []uint8) {
			statuses, _ := replay(t, s, r.List)
			for _, i := range append([]uint64{c.Slot.Index}, r.Counters...) {
				got = append(got, statuses[i])
			}
			return got
		}
		require.NoError(t, s.AddCopy(ctx, copyOf(0)))
		require.Equal(t, []uint8{0, 0, 0, 0}, status())
		_, err = s.ChangeState(ctx, change(c, issuer.Suspended, issuer.Valid))
		require.NoError(t, err)
		require.Equal(t, []uint8{2, 2, 0, 0}, status())
		require.NoError(t, s.AddCopy(ctx, copyOf(1)))
		require.Equal(t, []uint8{2, 2, 2, 0}, status(), "a copy of a suspended certificate is suspended")
		_, err = s.ChangeState(ctx, change(c, issuer.Valid, issuer.Suspended))
		require.NoError(t, err)
		require.Equal(t, []uint8{0, 0, 0, 0}, status())
		_, err = s.ChangeState(ctx, change(c, issuer.Revoked, issuer.Valid))
		require.NoError(t, err)
		require.Equal(t, []uint8{1, 1, 1, 0}, status())
		require.ErrorIs(t, s.AddCopy(ctx, copyOf(2)), issuer.ErrTransition)
		require.Equal(t, []uint8{1, 1, 1, 0}, status())
		unknown := copyOf(2)
		unknown.Identifier = "no such"
		require.ErrorIs(t, s.AddCopy(ctx, unknown), issuer.ErrUnknown)
		requireConsistent(t, s)
	})

	t.Run("a key takes so many copies and no more", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		c := store(t, s, person("k1", "h"))[0]
		const limit, tries = 5, 20
		r, err := s.Reserve(ctx, "hunan-police", nil, tries+1)
		require.NoError(t, err)
		copyOf := func(i int, key string) issuer.Copy {
			return issuer.Copy{Identifier: c.Identifier, Slot: issuer.Slot{List: r.List, Index: r.Counters[i]}, KeyID: key, KeyLimit: limit}
		}
		var bound atomic.Int32
		var wg sync.WaitGroup
		for i := range tries {
			wg.Go(func() {
				switch err := s.AddCopy(ctx, copyOf(i, "k")); {
				case err == nil:
					bound.Add(1)
				case !errors.Is(err, issuer.ErrKeyFull):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, limit, bound.Load())
		require.NoError(t, s.AddCopy(ctx, copyOf(tries, "another")))
		requireConsistent(t, s)
	})
}

func durableSequence(t *testing.T, open OpenDurable) {
	t.Run("gapless under concurrent writers", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		var batch []issuer.NewCertificate
		for i := range 24 {
			batch = append(batch, person(numbered("k", i), "h"))
		}
		batch = store(t, subject.Store, batch...)
		ctx := background(t)
		var answers tally
		together(24, func(i int) {
			s := stores[i%2]
			for round := range 6 {
				to, from := issuer.Suspended, issuer.Valid
				if round%2 == 1 {
					to, from = from, to
				}
				if _, err := s.ChangeState(ctx, change(batch[i], to, from)); err != nil {
					answers.add(err.Error())
				}
				r, err := s.Reserve(ctx, "hunan-police", nil, 1)
				if err == nil {
					err = s.AddCopy(ctx, issuer.Copy{Identifier: batch[i].Identifier, Slot: issuer.Slot{List: r.List, Index: r.Counters[0]}})
				}
				if err != nil {
					answers.add(err.Error())
				}
				// Whoever reads meanwhile sees no gap either.
				head, _, err := s.Snapshot(ctx, r.List)
				if err != nil {
					answers.add(err.Error())
				}
				changes, err := s.Changes(ctx, r.List, 0, 10_000)
				if err != nil || uint64(len(changes)) < head.Seq || changes[len(changes)-1].Seq != uint64(len(changes)) {
					answers.add("gap")
				}
			}
		})
		require.Empty(t, answers.counts)
		requireConsistent(t, subject.Store)
		statuses, _ := replay(t, subject.Store, batch[0].Slot.List)
		require.Empty(t, statuses, "all were reinstated, with their copies")
	})

	t.Run("a race of a copy and an ending", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		var batch []issuer.NewCertificate
		for i := range 16 {
			batch = append(batch, person(numbered("k", i), "h"))
		}
		batch = store(t, subject.Store, batch...)
		ctx := background(t)
		var answers tally
		var copies [16]issuer.Slot
		together(32, func(i int) {
			c, s := batch[i/2], stores[i%2]
			if i%2 == 0 {
				if _, err := s.ChangeState(ctx, change(c, issuer.Revoked, issuer.Valid)); err != nil {
					answers.add(err.Error())
				}
				return
			}
			r, err := s.Reserve(ctx, "hunan-police", nil, 1)
			if err != nil {
				answers.add(err.Error())
				return
			}
			slot := issuer.Slot{List: r.List, Index: r.Counters[0]}
			if s.AddCopy(ctx, issuer.Copy{Identifier: c.Identifier, Slot: slot}) == nil {
				copies[i/2] = slot
			}
		})
		require.Empty(t, answers.counts)
		statuses, _ := replay(t, subject.Store, batch[0].Slot.List)
		for _, slot := range copies {
			if slot.List != "" {
				require.EqualValues(t, statuslist.Invalid, statuses[slot.Index], "a copy escaped its certificate's end")
			}
		}
		requireConsistent(t, subject.Store)
	})

	t.Run("unknown lists", func(t *testing.T) {
		s := openDurable(t, open).Store
		_, err := s.Changes(t.Context(), "no such", 0, 10)
		require.ErrorIs(t, err, issuer.ErrListUnknown)
		_, _, err = s.Snapshot(t.Context(), "no such")
		require.ErrorIs(t, err, issuer.ErrListUnknown)
		heads, err := s.Lists(t.Context())
		require.NoError(t, err)
		require.Empty(t, heads)
	})
}
