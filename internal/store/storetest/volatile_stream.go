package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/issuer"
)

// VolatileStream is the suite of replica.Source: what followers of the status lists are told, and
// in what order.
func VolatileStream(t *testing.T, open func(t *testing.T) VolatileSubject) {
	ctx := t.Context()
	later := asOf0.Add(time.Second)
	one := func(list string, seq uint64) []replica.Head { return []replica.Head{{List: list, Seq: seq}} }
	cases := map[string]func(t *testing.T, s VolatileSubject){
		"nothing yet": func(t *testing.T, s VolatileSubject) {
			position, beat, err := s.Store.StatusTail(ctx)
			require.NoError(t, err)
			require.Zero(t, beat)
			entries, next, err := s.Store.StatusEntries(ctx, position, brief)
			require.NoError(t, err)
			require.Empty(t, entries)
			require.Equal(t, position, next)
			for _, name := range []string{"", "1", "{", string(make([]byte, 1<<12))} {
				_, ok, err := s.Store.StatusSnapshot(ctx, name, nil)
				require.NoError(t, err)
				require.False(t, ok)
			}
		},
		"what is written is told": func(t *testing.T, s VolatileSubject) {
			position, _, err := s.Store.StatusTail(ctx)
			require.NoError(t, err)
			replace(t, s.Store, "1", 8, 10, []byte{0, 0}, asOf0)
			require.NoError(t, s.Store.Apply(ctx, "1", 10, 12, []issuer.StatusChange{{Seq: 11, Index: 5, Status: 2}, {Seq: 12, Index: 0, Status: 1}}, later))
			require.NoError(t, s.Store.Apply(ctx, "1", 12, 12, nil, later))
			require.ErrorIs(t, s.Store.Apply(ctx, "1", 11, 12, []issuer.StatusChange{{Seq: 12}}, later), issuer.ErrCacheGap)
			behind, err := s.Store.Beat(ctx, []issuer.ListHead{{Name: "1", Seq: 12}}, later)
			require.NoError(t, err)
			require.Empty(t, behind)
			got, end := entries(t, s, position, 4)
			require.Equal(t, []replica.Entry{
				{Kind: replica.Replaced, AsOf: asOf0, Heads: one("1", 10)},
				{Kind: replica.Changes, AsOf: later, Heads: one("1", 10), Changes: []statuslist.Change{5<<2 | 2, 1}},
				{Kind: replica.Changes, AsOf: later, Heads: one("1", 12), Changes: got[2].Changes},
				{Kind: replica.Beat, AsOf: later, Heads: one("1", 12)},
			}, got)
			require.Empty(t, got[2].Changes)
			tail, beat, err := s.Store.StatusTail(ctx)
			require.NoError(t, err)
			require.Equal(t, end, tail)
			require.Equal(t, got[3], beat)
		},
		"a beat of many lists": func(t *testing.T, s VolatileSubject) {
			for _, name := range []string{"a", "b", "c"} {
				replace(t, s.Store, name, 4, 3, []byte{1}, asOf0)
			}
			position, _, err := s.Store.StatusTail(ctx)
			require.NoError(t, err)
			heads := []issuer.ListHead{{Name: "a", Seq: 3}, {Name: "b", Seq: 4}, {Name: "missing", Seq: 3}, {Name: "c", Seq: 3}}
			behind, err := s.Store.Beat(ctx, heads, later)
			require.NoError(t, err)
			require.Equal(t, []string{"b", "missing"}, behind)
			requireStatus(t, s.Store, "a", 0, 1, later)
			requireStatus(t, s.Store, "b", 0, 1, asOf0)
			requireStatus(t, s.Store, "c", 0, 1, later)
			got, _ := entries(t, s, position, 1)
			require.Equal(t, []replica.Head{{List: "a", Seq: 3}, {List: "c", Seq: 3}}, got[0].Heads)
			_, err = s.Store.Beat(ctx, heads, time.Time{})
			require.Error(t, err)
			// As-of never moves back.
			_, err = s.Store.Beat(ctx, heads, asOf0)
			require.NoError(t, err)
			requireStatus(t, s.Store, "a", 0, 1, later)
		},
		"a beat without lists": func(t *testing.T, s VolatileSubject) {
			_, err := s.Store.Beat(ctx, nil, later)
			require.NoError(t, err)
			_, beat, err := s.Store.StatusTail(ctx)
			require.NoError(t, err)
			require.Equal(t, replica.Beat, beat.Kind)
			require.Empty(t, beat.Heads)
		},
		"a snapshot": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 9, 10, []byte{1, 2, 3}, asOf0)
			for _, buf := range [][]byte{nil, make([]byte, 1), make([]byte, 1<<18+64)} {
				got, ok, err := s.Store.StatusSnapshot(ctx, "1", buf)
				require.NoError(t, err)
				require.True(t, ok)
				require.Equal(t, replica.Snapshot{Size: 9, Seq: 10, AsOf: asOf0, Raw: []byte{1, 2, 3}}, got)
			}
		},
		"who waits is woken": func(t *testing.T, s VolatileSubject) {
			position, _, err := s.Store.StatusTail(ctx)
			require.NoError(t, err)
			done := make(chan []replica.Entry)
			go func() {
				got, _, err := s.Store.StatusEntries(ctx, position, long)
				if err != nil {
					t.Error(err)
				}
				done <- got
			}()
			replace(t, s.Store, "1", 4, 1, []byte{0}, asOf0)
			require.Len(t, <-done, 1)
		},
	}
	runCases(t, open, cases)
}

// entries reads until there are n.
func entries(t *testing.T, s VolatileSubject, after string, n int) (all []replica.Entry, position string) {
	t.Helper()
	for len(all) < n {
		some, next, err := s.Store.StatusEntries(t.Context(), after, long)
		require.NoError(t, err)
		require.NotEqual(t, after, next)
		all, after = append(all, some...), next
	}
	require.Len(t, all, n)
	return all, after
}
