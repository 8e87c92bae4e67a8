package replica_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/replica"
)

var moment = time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC)

func good() []replica.Entry {
	return []replica.Entry{
		{Kind: replica.Changes, AsOf: moment, Heads: []replica.Head{{List: "17", Seq: 1 << 52}}, Changes: []statuslist.Change{0, 3, 1<<26 - 1}},
		{Kind: replica.Changes, AsOf: moment, Heads: []replica.Head{{List: strings.Repeat("n", 256), Seq: 0}}},
		{Kind: replica.Replaced, AsOf: moment, Heads: []replica.Head{{List: "1", Seq: 127}}},
		{Kind: replica.Beat, AsOf: moment, Heads: []replica.Head{{List: "1", Seq: 128}, {List: "政", Seq: 1<<64 - 1}}},
		{Kind: replica.Beat, AsOf: moment, Heads: []replica.Head{}},
	}
}

func TestEntryComesBack(t *testing.T) {
	for _, want := range good() {
		got, err := replica.ParseEntry(string(want.Append(nil)))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	burst := replica.Entry{Kind: replica.Changes, AsOf: moment, Heads: []replica.Head{{List: "17", Seq: 1}}, Changes: make([]statuslist.Change, 1000)}
	require.Less(t, len(burst.Append(nil)), 4100)
}

// Whatever is cut off, added or of another kind is no entry.
func TestEntryRefuses(t *testing.T) {
	for i, e := range good() {
		text := string(e.Append(nil))
		for n := range len(text) {
			if e.Kind == replica.Changes && n >= len(text)-4*len(e.Changes) && (len(text)-n)%4 == 0 {
				continue // fewer changes are an entry, too: Redis cuts nothing off
			}
			_, err := replica.ParseEntry(text[:n])
			require.ErrorIs(t, err, replica.ErrEntry, "%d cut to %d", i, n)
		}
		_, err := replica.ParseEntry(text + "x")
		require.ErrorIs(t, err, replica.ErrEntry)
		for _, other := range []string{"\x00", "\x02"} {
			_, err = replica.ParseEntry(other + text[1:])
			require.ErrorIs(t, err, replica.ErrEntry, "another version")
		}
		for _, kind := range []string{"\x00", "\x04", "\xff"} {
			_, err = replica.ParseEntry(text[:1] + kind + text[2:])
			require.ErrorIs(t, err, replica.ErrEntry)
		}
		_, err = replica.ParseEntry(text[:2] + strings.Repeat("\x00", 8) + text[10:])
		require.ErrorIs(t, err, replica.ErrEntry, "no as-of")
	}
	many := replica.Entry{Kind: replica.Beat, AsOf: moment}.Append(nil)
	_, err := replica.ParseEntry(string(many[:10]) + "\xff\xff\xff\xff\x7f")
	require.ErrorIs(t, err, replica.ErrEntry, "memory for heads that are not there")
}

func FuzzParseEntry(f *testing.F) {
	for _, e := range good() {
		f.Add(string(e.Append(nil)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := replica.ParseEntry(text)
		if err != nil {
			require.ErrorIs(t, err, replica.ErrEntry)
			return
		}
		again, err := replica.ParseEntry(string(e.Append(nil)))
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
