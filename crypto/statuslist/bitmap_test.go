package statuslist_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
)

var moment = time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC)

func change(t testing.TB, index uint64, s statuslist.Status) statuslist.Change {
	t.Helper()
	c, err := statuslist.NewChange(index, s)
	require.NoError(t, err)
	require.Equal(t, index, c.Index())
	require.Equal(t, s, c.Status())
	return c
}

func bitmap(t testing.TB, size, seq uint64, raw []byte) *statuslist.Bitmap {
	t.Helper()
	b, err := statuslist.NewBitmap(size, seq, raw, moment)
	require.NoError(t, err)
	return b
}

// The example of §4.1, and every size of a last word.
func TestBitmapIsDrawnAsTheStandardDraws(t *testing.T) {
	b := bitmap(t, 12, 7, []byte{0xc9, 0x44, 0xf9})
	for i, want := range []statuslist.Status{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3} {
		got, at, err := b.Get(uint64(i))
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, moment, at)
	}
	for size := uint64(1); size < 140; size++ {
		l, err := statuslist.New(2, size)
		require.NoError(t, err)
		for i := range size {
			require.NoError(t, l.Set(i, statuslist.Status(rand.IntN(4))))
		}
		b := bitmap(t, size, 0, l.Raw())
		for i := range size {
			want, err := l.Get(i)
			require.NoError(t, err)
			got, _, err := b.Get(i)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		_, _, err = b.Get(size)
		require.ErrorIs(t, err, statuslist.ErrIndex)
		raw, seq, at := b.AppendRaw([]byte{9})
		require.Equal(t, append([]byte{9}, l.Raw()...), raw)
		require.Zero(t, seq)
		require.Equal(t, moment, at)
	}
}

func TestBitmapAdvances(t *testing.T) {
	later := moment.Add(time.Second)
	for name, c := range map[string]struct {
		from    uint64
		changes []statuslist.Change
		err     error
		seq     uint64
		asOf    time.Time
		first   statuslist.Status // of entry 0
	}{
		"the next":               {10, []statuslist.Change{change(t, 0, 1)}, nil, 11, later, 1},
		"a heartbeat":            {10, nil, nil, 10, later, 2},
		"a gap":                  {11, []statuslist.Change{change(t, 0, 1)}, statuslist.ErrGap, 10, moment, 2},
		"a heartbeat of a gap":   {11, nil, statuslist.ErrGap, 10, moment, 2},
		"known already":          {8, []statuslist.Change{change(t, 0, 1)}, nil, 10, moment, 2},
		"an old heartbeat":       {9, nil, nil, 10, moment, 2},
		"known to the last":      {9, []statuslist.Change{change(t, 0, 1)}, nil, 10, later, 2},
		"known in part":          {9, []statuslist.Change{change(t, 0, 3), change(t, 0, 1)}, nil, 11, later, 1},
		"past the end":           {10, []statuslist.Change{change(t, 0, 1), change(t, 8, 1)}, statuslist.ErrIndex, 10, moment, 2},
		"twice the same, in row": {10, []statuslist.Change{change(t, 0, 1), change(t, 0, 3)}, nil, 12, later, 3},
	} {
		b := bitmap(t, 8, 10, []byte{0x02, 0x00})
		require.ErrorIs(t, b.Advance(c.from, c.changes, later), c.err, name)
		seq, asOf := b.Place()
		require.Equal(t, c.seq, seq, name)
		require.Equal(t, c.asOf, asOf, name)
		got, _, err := b.Get(0)
		require.NoError(t, err)
		require.Equal(t, c.first, got, name)
	}
	b := bitmap(t, 8, 10, []byte{0, 0})
	require.NoError(t, b.Advance(10, nil, moment.Add(-time.Hour)))
	_, asOf := b.Place()
	require.Equal(t, moment, asOf, "as-of never moves back")
	require.ErrorIs(t, b.Advance(10, nil, time.Time{}), statuslist.ErrMalformed)
}

func TestBitmapGoesBackOnlyWhenAbandoned(t *testing.T) {
	b := bitmap(t, 4, 9, []byte{0x01})
	require.ErrorIs(t, b.Load(8, []byte{0}, moment.Add(9*time.Second)), statuslist.ErrGap)
	got, _, _ := b.Get(0)
	require.Equal(t, statuslist.Invalid, got)
	require.NoError(t, b.Load(8, []byte{0}, moment.Add(10*time.Second)))
	got, asOf, _ := b.Get(0)
	require.Equal(t, statuslist.Valid, got)
	require.Equal(t, moment.Add(10*time.Second), asOf)
}

func TestBitmapRefuses(t *testing.T) {
	_, err := statuslist.NewBitmap(0, 0, nil, moment)
	require.ErrorIs(t, err, statuslist.ErrTooLarge)
	_, err = statuslist.NewBitmap(statuslist.MaxEntries+1, 0, nil, moment)
	require.ErrorIs(t, err, statuslist.ErrTooLarge)
	for _, raw := range [][]byte{nil, {1}, {1, 2, 3}} {
		_, err = statuslist.NewBitmap(5, 0, raw, moment)
		require.ErrorIs(t, err, statuslist.ErrMalformed)
	}
	_, err = statuslist.NewBitmap(4, 0, []byte{1}, time.Time{})
	require.ErrorIs(t, err, statuslist.ErrMalformed)
	_, err = statuslist.NewChange(statuslist.MaxEntries, 0)
	require.ErrorIs(t, err, statuslist.ErrIndex)
	_, err = statuslist.NewChange(0, 4)
	require.ErrorIs(t, err, statuslist.ErrStatus)
}

// At step n entry n becomes invalid, and as-of is n seconds later: a reader that sees the as-of
// sees the entry.
func TestBitmapReadersSeeNothingOlderThanAsOf(t *testing.T) {
	const steps = 3000
	b := bitmap(t, steps+1, 0, make([]byte, (steps+4)/4))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := uint64(1); i <= steps; {
				s, at, err := b.Get(i)
				if err != nil || s == statuslist.Valid && at.Sub(moment) >= time.Duration(i)*time.Second {
					t.Errorf("entry %d: %v as of %v, %v", i, s, at, err)
					return
				}
				if s == statuslist.Invalid {
					i++
				}
			}
		})
	}
	for i := range uint64(steps) {
		require.NoError(t, b.Advance(i, []statuslist.Change{change(t, i+1, statuslist.Invalid)}, moment.Add(time.Duration(i+1)*time.Second)))
	}
	wg.Wait()
}
