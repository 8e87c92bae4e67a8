package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// patience is for what a test waits for that must come.
const patience = 30 * time.Second

// VolatileBell is the suite of wallet.Bell and wallet.ShowIndex.
func VolatileBell(t *testing.T, open func(t *testing.T) VolatileSubject) {
	ctx := t.Context()
	ids := func(t *testing.T, s VolatileSubject, person string) []string {
		t.Helper()
		shows, err := s.Store.OpenShows(ctx, person)
		require.NoError(t, err)
		found := make([]string, len(shows))
		for i, one := range shows {
			found[i] = one.ID
		}
		slices.Sort(found)
		return found
	}
	of := func(id, person string) wallet.Show {
		sh := aShow(id)
		sh.PersonID = person
		return sh
	}
	cases := map[string]func(t *testing.T, s VolatileSubject){
		"shows by person": func(t *testing.T, s VolatileSubject) {
			require.Empty(t, ids(t, s, "p"))
			require.Empty(t, ids(t, s, ""))
			for _, sh := range []wallet.Show{of("a", "p"), of("b", "p"), of("c", "q"), of("a", "p")} {
				require.NoError(t, s.Store.PutShow(ctx, sh, long))
			}
			require.Equal(t, []string{"a", "b"}, ids(t, s, "p"))
			require.Equal(t, []string{"c"}, ids(t, s, "q"))
			shows, err := s.Store.OpenShows(ctx, "q")
			require.NoError(t, err)
			require.Equal(t, []wallet.Show{of("c", "q")}, shows)
		},
		"closed and ended ones are not open": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, of("a", "p"), long))
			require.NoError(t, s.Store.PutShow(ctx, of("b", "p"), brief))
			require.NoError(t, s.Store.PutShow(ctx, of("c", "p"), long))
			require.NoError(t, s.Store.Close(ctx, "a", long))
			s.Advance(brief)
			require.Equal(t, []string{"c"}, ids(t, s, "p"))
			require.NoError(t, s.Store.PutShow(ctx, of("a", "p"), long), "says why it was closed")
			require.NoError(t, s.Store.PutShow(ctx, of("d", "p"), long))
			require.Equal(t, []string{"c", "d"}, ids(t, s, "p"))
		},
		"many at once": func(t *testing.T, s VolatileSubject) {
			require.EqualValues(t, 50, race(50, func(i int) bool {
				id := fmt.Sprintf("s%02d", i)
				return s.Store.PutShow(ctx, of(id, "p"), long) == nil && slices.Contains(ids(t, s, "p"), id)
			}), "a show is found as soon as it is put")
			require.Len(t, ids(t, s, "p"), 50)
		},
		"rung and heard": func(t *testing.T, s VolatileSubject) {
			want := wallet.Event{
				Kind: wallet.EventScanned, ShowID: "s", AskID: "a", Answer: "yes", Verification: "v", At: time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC),
				PartyName: schemas.Text{ZH: "银行", EN: "bank"}, Purpose: "account-opening", Fields: []string{"name"}, Outcome: "valid",
			}
			require.NoError(t, s.Store.Ring(ctx, "t", wallet.Event{Kind: "before anybody listens"}))
			one, stopOne, err := s.Store.Listen(ctx, "t")
			require.NoError(t, err)
			defer stopOne()
			two, stopTwo, err := s.Store.Listen(ctx, "t")
			require.NoError(t, err)
			defer stopTwo()
			other, stopOther, err := s.Store.Listen(ctx, "{t}\x00 other")
			require.NoError(t, err)
			defer stopOther()
			require.NoError(t, s.Store.Ring(ctx, "t", want))
			require.Equal(t, want, hear(t, one))
			require.Equal(t, want, hear(t, two))
			require.NoError(t, s.Store.Ring(ctx, "{t}\x00 other", wallet.Event{Kind: "x"}))
			require.Equal(t, "x", hear(t, other).Kind, "topics are apart")
		},
		"who has left hears no more, and who comes hears at once": func(t *testing.T, s VolatileSubject) {
			for range 20 {
				events, stop, err := s.Store.Listen(ctx, "t")
				require.NoError(t, err)
				require.NoError(t, s.Store.Ring(ctx, "t", wallet.Event{Kind: "x"}))
				require.Equal(t, "x", hear(t, events).Kind)
				stop()
				stop()
			}
		},
		"who does not keep up is told to look again": func(t *testing.T, s VolatileSubject) {
			events, stop, err := s.Store.Listen(ctx, "t")
			require.NoError(t, err)
			defer stop()
			for range 100 {
				require.NoError(t, s.Store.Ring(ctx, "t", wallet.Event{Kind: "x"}))
			}
			require.NoError(t, s.Store.Ring(ctx, "t", wallet.Event{Kind: "last"}))
			seen := map[string]bool{}
			for !seen["last"] && !seen[wallet.EventResync] {
				seen[hear(t, events).Kind] = true
			}
			require.True(t, seen[wallet.EventResync] || seen["last"])
		},
		"many listeners come and go": func(t *testing.T, s VolatileSubject) {
			var group sync.WaitGroup
			for i := range 40 {
				group.Go(func() {
					topic := fmt.Sprint("t", i%4)
					for range 5 {
						events, stop, err := s.Store.Listen(ctx, topic)
						if err != nil {
							t.Error(err)
							return
						}
						if err := s.Store.Ring(ctx, topic, wallet.Event{Kind: "x"}); err != nil {
							t.Error(err)
						}
						select {
						case <-events:
						case <-time.After(patience):
							t.Error("nothing heard")
						}
						stop()
					}
				})
			}
			group.Wait()
		},
	}
	runCases(t, open, cases)
}

func hear(t *testing.T, events <-chan wallet.Event) wallet.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(patience):
		require.FailNow(t, "nothing heard")
		return wallet.Event{}
	}
}
