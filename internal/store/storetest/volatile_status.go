package storetest

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/issuer"
)

// FullList is the size of the lists that the issuer keeps: with two bits each, and a header,
// they fill a memory class of Redis and do not fall into the next one.
const FullList = 1<<20 - 256

var asOf0 = time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC)

// VolatileStatus is the suite of issuer.StatusCache and verifier.StatusCache over one cache.
func VolatileStatus(t *testing.T, open func(t *testing.T) VolatileSubject) {
	ctx := t.Context()
	cases := map[string]func(t *testing.T, s VolatileSubject){
		"unknown, never valid": func(t *testing.T, s VolatileSubject) {
			for _, name := range []string{"", "1", "{", "a}b", string(make([]byte, 1<<12))} {
				requireUnknown(t, s.Store, name)
				require.ErrorIs(t, s.Store.Apply(ctx, name, 0, 0, nil, asOf0), issuer.ErrCacheGap)
				require.ErrorIs(t, s.Store.Apply(ctx, name, 0, 1, []issuer.StatusChange{{Seq: 1}}, asOf0), issuer.ErrCacheGap)
				requireUnknown(t, s.Store, name)
			}
		},
		"as the standard draws it": func(t *testing.T, s VolatileSubject) {
			// draft-ietf-oauth-status-list §4.1, the example of two bits:
			// status[0..11] = 1 2 0 3 0 1 0 1 1 2 3 3 is 0xC9 0x44 0xF9.
			want := []uint8{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3}
			replace(t, s.Store, "1", 12, 7, []byte{0xc9, 0x44, 0xf9}, asOf0)
			for i, st := range want {
				requireStatus(t, s.Store, "1", uint64(i), st, asOf0)
			}
			seq, ok, err := s.Store.Applied(ctx, "1")
			require.NoError(t, err)
			require.True(t, ok)
			require.EqualValues(t, 7, seq)
			requireUnknown(t, s.Store, "2")
		},
		"past the end": func(t *testing.T, s VolatileSubject) {
			for size := uint64(1); size <= 9; size++ {
				replace(t, s.Store, "1", size, 0, make([]byte, (size+3)/4), asOf0)
				requireStatus(t, s.Store, "1", size-1, 0, asOf0)
				for _, index := range []uint64{size, size + 3, 1 << 20, 1 << 31, 1 << 40, 1 << 62, 1<<64 - 1} {
					_, _, known, err := s.Store.Lookup(ctx, "1", index)
					require.ErrorIs(t, err, statuslist.ErrIndex, "%d of %d", index, size)
					require.False(t, known)
					change := []issuer.StatusChange{{Seq: 1, Index: 0, Status: 1}, {Seq: 2, Index: index, Status: 1}}
					require.ErrorIs(t, s.Store.Apply(ctx, "1", 0, 2, change, asOf0), statuslist.ErrIndex)
				}
				requireStatus(t, s.Store, "1", 0, 0, asOf0)
			}
		},
		"changes": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 8, 10, []byte{0, 0}, asOf0)
			later := asOf0.Add(time.Second)
			require.NoError(t, s.Store.Apply(ctx, "1", 10, 13, []issuer.StatusChange{
				{Seq: 11, Index: 5, Status: statuslist.Suspended}, {Seq: 12, Index: 0, Status: statuslist.Invalid}, {Seq: 13, Index: 5, Status: statuslist.Valid},
			}, later))
			for i, st := range []uint8{1, 0, 0, 0, 0, 0, 0, 0} {
				requireStatus(t, s.Store, "1", uint64(i), st, later)
			}
			require.NoError(t, s.Store.Apply(ctx, "1", 13, 14, []issuer.StatusChange{{Seq: 14, Index: 7, Status: 3}}, later))
			requireStatus(t, s.Store, "1", 7, 3, later)
			seq, _, err := s.Store.Applied(ctx, "1")
			require.NoError(t, err)
			require.EqualValues(t, 14, seq)
		},
		"heartbeat": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 4, 3, []byte{0x02}, asOf0)
			require.NoError(t, s.Store.Apply(ctx, "1", 3, 3, nil, asOf0.Add(time.Minute)))
			requireStatus(t, s.Store, "1", 0, 2, asOf0.Add(time.Minute))
		},
		"as-of never moves back": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 4, 3, []byte{0}, asOf0)
			require.NoError(t, s.Store.Apply(ctx, "1", 3, 3, nil, asOf0.Add(-time.Hour)))
			requireStatus(t, s.Store, "1", 0, 0, asOf0)
			require.NoError(t, s.Store.Apply(ctx, "1", 3, 4, []issuer.StatusChange{{Seq: 4, Index: 0, Status: 1}}, asOf0.Add(-time.Hour)))
			requireStatus(t, s.Store, "1", 0, 1, asOf0)
			replace(t, s.Store, "1", 4, 5, []byte{0x02}, asOf0.Add(-time.Hour))
			requireStatus(t, s.Store, "1", 0, 2, asOf0)
		},
		"at another number": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 4, 3, []byte{0}, asOf0)
			later := asOf0.Add(time.Minute)
			for _, from := range []uint64{0, 2, 4, 1 << 50} {
				require.ErrorIs(t, s.Store.Apply(ctx, "1", from, from, nil, later), issuer.ErrCacheGap)
				require.ErrorIs(t, s.Store.Apply(ctx, "1", from, from+1, []issuer.StatusChange{{Seq: from + 1, Index: 0, Status: 1}}, later), issuer.ErrCacheGap)
			}
			requireStatus(t, s.Store, "1", 0, 0, asOf0)
			seq, _, err := s.Store.Applied(ctx, "1")
			require.NoError(t, err)
			require.EqualValues(t, 3, seq)
		},
		"bad changes change nothing": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 4, 3, []byte{0}, asOf0)
			later := asOf0.Add(time.Minute)
			for name, call := range map[string]func() error{
				"too few":    func() error { return s.Store.Apply(ctx, "1", 3, 5, []issuer.StatusChange{{Seq: 4, Status: 1}}, later) },
				"too many":   func() error { return s.Store.Apply(ctx, "1", 3, 3, []issuer.StatusChange{{Seq: 4, Status: 1}}, later) },
				"backwards":  func() error { return s.Store.Apply(ctx, "1", 3, 2, nil, later) },
				"a hole":     func() error { return s.Store.Apply(ctx, "1", 3, 4, []issuer.StatusChange{{Seq: 5, Status: 1}}, later) },
				"three bits": func() error { return s.Store.Apply(ctx, "1", 3, 4, []issuer.StatusChange{{Seq: 4, Status: 4}}, later) },
				"no as-of": func() error {
					return s.Store.Apply(ctx, "1", 3, 4, []issuer.StatusChange{{Seq: 4, Status: 1}}, time.Time{})
				},
				"no as-of, II": func() error {
					return s.Store.Replace(ctx, issuer.ListHead{Name: "1", Size: 4, Seq: 4}, []byte{1}, time.Time{})
				},
				"no name":    func() error { return s.Store.Replace(ctx, issuer.ListHead{Size: 4, Seq: 4}, []byte{1}, later) },
				"no entries": func() error { return s.Store.Replace(ctx, issuer.ListHead{Name: "1", Seq: 4}, nil, later) },
				"short": func() error {
					return s.Store.Replace(ctx, issuer.ListHead{Name: "1", Size: 5, Seq: 4}, []byte{1}, later)
				},
				"over-long": func() error {
					return s.Store.Replace(ctx, issuer.ListHead{Name: "1", Size: 4, Seq: 4}, []byte{1, 1}, later)
				},
				"huge": func() error {
					return s.Store.Replace(ctx, issuer.ListHead{Name: "1", Size: 1 << 63, Seq: 4}, nil, later)
				},
			} {
				require.Error(t, call(), name)
				requireStatus(t, s.Store, "1", 0, 0, asOf0)
			}
		},
		"a snapshot that was overtaken": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 4, 9, []byte{0x01}, asOf0)
			stale := issuer.ListHead{Name: "1", Size: 4, Seq: 8}
			for _, at := range []time.Time{asOf0.Add(-time.Hour), asOf0, asOf0.Add(2 * time.Second)} {
				require.ErrorIs(t, s.Store.Replace(ctx, stale, []byte{0}, at), issuer.ErrCacheGap)
				requireStatus(t, s.Store, "1", 0, 1, asOf0)
			}
			// Nobody has kept it alive since: the record itself went back.
			require.NoError(t, s.Store.Replace(ctx, stale, []byte{0}, asOf0.Add(time.Minute)))
			requireStatus(t, s.Store, "1", 0, 0, asOf0.Add(time.Minute))
		},
		"another size": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 4, 1, []byte{0}, asOf0)
			replace(t, s.Store, "1", 16, 1, []byte{0, 0, 0, 0x80}, asOf0)
			requireStatus(t, s.Store, "1", 15, 2, asOf0)
			replace(t, s.Store, "1", 4, 1, []byte{0x03}, asOf0)
			requireStatus(t, s.Store, "1", 0, 3, asOf0)
			_, _, _, err := s.Store.Lookup(ctx, "1", 4)
			require.ErrorIs(t, err, statuslist.ErrIndex)
		},
		"a full list": func(t *testing.T, s VolatileSubject) {
			l, err := statuslist.New(2, FullList)
			require.NoError(t, err)
			rnd := rand.New(rand.NewPCG(1, 2))
			for range 5000 {
				require.NoError(t, l.Set(rnd.Uint64N(FullList), statuslist.Status(rnd.Uint64N(4))))
			}
			require.NoError(t, l.Set(FullList-1, statuslist.Suspended))
			replace(t, s.Store, "1", FullList, 5000, l.Raw(), asOf0)
			var changes []issuer.StatusChange
			for i := range uint64(5000) { // more than one batch of any kind
				c := issuer.StatusChange{Seq: 5001 + i, Index: rnd.Uint64N(FullList), Status: statuslist.Status(rnd.Uint64N(4))}
				require.NoError(t, l.Set(c.Index, c.Status))
				changes = append(changes, c)
			}
			require.NoError(t, s.Store.Apply(ctx, "1", 5000, 10_000, changes, asOf0))
			check := func(i uint64) {
				want, err := l.Get(i)
				require.NoError(t, err)
				requireStatus(t, s.Store, "1", i, uint8(want), asOf0)
			}
			check(0)
			check(FullList - 1)
			for _, c := range changes[:1000] {
				check(c.Index)
				check((c.Index + 1) % FullList)
			}
			for range 1000 {
				check(rnd.Uint64N(FullList))
			}
		},
		"two publishers": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 400, 0, make([]byte, 100), asOf0)
			for seq := range uint64(5) {
				require.EqualValues(t, 1, race(20, func(i int) bool {
					c := issuer.StatusChange{Seq: seq + 1, Index: uint64(i) + 20*seq, Status: statuslist.Invalid}
					err := s.Store.Apply(ctx, "1", seq, seq+1, []issuer.StatusChange{c}, asOf0)
					if err != nil {
						require.ErrorIs(t, err, issuer.ErrCacheGap)
					}
					return err == nil
				}))
			}
			marked := 0
			for i := range uint64(100) {
				st, _, _, err := s.Store.Lookup(ctx, "1", i)
				require.NoError(t, err)
				marked += int(st)
			}
			require.Equal(t, 5, marked, "the losers changed nothing")
		},
		"readers see a status no older than its as-of": func(t *testing.T, s VolatileSubject) {
			replace(t, s.Store, "1", 64, 0, make([]byte, 16), asOf0)
			const steps = 60
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for {
						// At step n, entry n becomes invalid and as-of is n seconds later.
						for i := uint64(1); i <= steps; i++ {
							st, at, known, err := s.Store.Lookup(ctx, "1", i)
							if err != nil || !known || (st == 0 && at.Sub(asOf0) >= time.Duration(i)*time.Second) {
								t.Errorf("entry %d: status %d as of %v, known %v, %v", i, st, at, known, err)
								return
							}
							if i == steps && st == 1 {
								return
							}
						}
					}
				})
			}
			raw := make([]byte, 16)
			for i := uint64(1); i <= steps; i++ {
				at := asOf0.Add(time.Duration(i) * time.Second)
				raw[i/4] |= 1 << (i % 4 * 2)
				if i%7 == 0 {
					replace(t, s.Store, "1", 64, i, raw, at)
					continue
				}
				require.NoError(t, s.Store.Apply(ctx, "1", i-1, i, []issuer.StatusChange{{Seq: i, Index: i, Status: 1}}, at))
			}
			wg.Wait()
		},
	}
	runCases(t, open, cases)
}

func replace(t *testing.T, s VolatileStore, name string, size, seq uint64, raw []byte, asOf time.Time) {
	t.Helper()
	require.NoError(t, s.Replace(t.Context(), issuer.ListHead{Name: name, Size: size, Seq: seq}, raw, asOf))
}

func requireStatus(t *testing.T, s VolatileStore, list string, index uint64, want uint8, asOf time.Time) {
	t.Helper()
	got, at, known, err := s.Lookup(t.Context(), list, index)
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, want, got, "entry %d", index)
	require.Equal(t, asOf, at)
}

func requireUnknown(t *testing.T, s VolatileStore, list string) {
	t.Helper()
	_, at, known, err := s.Lookup(t.Context(), list, 0)
	require.NoError(t, err)
	require.False(t, known)
	require.Zero(t, at)
	_, ok, err := s.Applied(t.Context(), list)
	require.NoError(t, err)
	require.False(t, ok)
}
