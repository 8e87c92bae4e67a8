package storetest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/wallet"
)

// VolatileShows is the suite of wallet.Shows.
func VolatileShows(t *testing.T, open func(t *testing.T) VolatileSubject) {
	ctx := t.Context()
	cases := map[string]func(t *testing.T, s VolatileSubject){
		"comes back as it went": func(t *testing.T, s VolatileSubject) {
			want := aShow("a")
			require.NoError(t, s.Store.PutShow(ctx, want, long))
			got, closed, err := s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.False(t, closed)
			require.Equal(t, want, got)
			empty := wallet.Show{ID: "{b}", Fields: []string{"name"}}
			require.NoError(t, s.Store.PutShow(ctx, empty, long))
			got, _, err = s.Store.Show(ctx, "{b}")
			require.NoError(t, err)
			require.Equal(t, empty, got)
		},
		"belongs to nobody else's memory": func(t *testing.T, s VolatileSubject) {
			in := aShow("a")
			require.NoError(t, s.Store.PutShow(ctx, in, long))
			in.Fields[0] = "address"
			out, _, err := s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.Equal(t, "name", out.Fields[0])
			out.Fields[0] = "address"
			again, _, err := s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.Equal(t, "name", again.Fields[0])
		},
		"never made": func(t *testing.T, s VolatileSubject) {
			for _, id := range []string{"", "a", "{", "}", "\x00", string(make([]byte, 1<<16))} {
				_, _, err := s.Store.Show(ctx, id)
				require.ErrorIs(t, err, wallet.ErrShowUnknown)
				require.ErrorIs(t, s.Store.Claim(ctx, id, "x", long), wallet.ErrShowUnknown)
			}
			_, err := s.Store.Ticket(ctx, [32]byte{})
			require.ErrorIs(t, err, wallet.ErrTicketUnknown)
		},
		"bad use": func(t *testing.T, s VolatileSubject) {
			for _, keep := range []time.Duration{0, -time.Second} {
				require.Error(t, s.Store.PutShow(ctx, aShow("a"), keep))
				require.Error(t, s.Store.PutTicket(ctx, [32]byte{1}, wallet.Ticket{ShowID: "a"}, keep))
				require.Error(t, s.Store.Close(ctx, "a", keep))
			}
			require.Error(t, s.Store.PutShow(ctx, wallet.Show{}, long))
			require.Error(t, s.Store.PutTicket(ctx, [32]byte{1}, wallet.Ticket{}, long))
			require.Error(t, s.Store.Close(ctx, "", long))
			huge := string(make([]byte, 1<<16))
			require.Error(t, s.Store.PutShow(ctx, wallet.Show{ID: huge}, long))
			require.Error(t, s.Store.PutTicket(ctx, [32]byte{1}, wallet.Ticket{ShowID: huge}, long))
			require.Error(t, s.Store.Close(ctx, huge, long))
			_, _, err := s.Store.Show(ctx, "a")
			require.ErrorIs(t, err, wallet.ErrShowUnknown)
			_, err = s.Store.Ticket(ctx, [32]byte{1})
			require.ErrorIs(t, err, wallet.ErrTicketUnknown)
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			for _, lease := range []time.Duration{0, -time.Second} {
				require.Error(t, s.Store.Claim(ctx, "a", "x", lease))
			}
			require.Error(t, s.Store.Claim(ctx, "a", "", long))
			require.NoError(t, s.Store.Claim(ctx, "a", "y", long), "the failed ones left no claim")
		},
		"ends": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), brief))
			require.NoError(t, s.Store.PutTicket(ctx, [32]byte{1}, wallet.Ticket{ShowID: "a"}, brief))
			s.Advance(brief)
			_, _, err := s.Store.Show(ctx, "a")
			require.ErrorIs(t, err, wallet.ErrShowUnknown)
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "x", long), wallet.ErrShowUnknown)
			_, err = s.Store.Ticket(ctx, [32]byte{1})
			require.ErrorIs(t, err, wallet.ErrTicketUnknown)
		},
		"tickets": func(t *testing.T, s VolatileSubject) {
			// Expired long ago, and still there: a late scan is told "expired", not "unknown".
			want := wallet.Ticket{ShowID: "a", ExpiresAt: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)}
			require.NoError(t, s.Store.PutTicket(ctx, [32]byte{1}, want, long))
			require.NoError(t, s.Store.PutTicket(ctx, [32]byte{31: 1}, wallet.Ticket{ShowID: "b", ExpiresAt: want.ExpiresAt}, long))
			got, err := s.Store.Ticket(ctx, [32]byte{1})
			require.NoError(t, err)
			require.Equal(t, want, got)
			got, err = s.Store.Ticket(ctx, [32]byte{31: 1})
			require.NoError(t, err)
			require.Equal(t, "b", got.ShowID)
			_, err = s.Store.Ticket(ctx, [32]byte{2})
			require.ErrorIs(t, err, wallet.ErrTicketUnknown)
		},
		"the first claimant has it, and may come again": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			require.NoError(t, s.Store.PutShow(ctx, aShow("b"), long))
			require.NoError(t, s.Store.Claim(ctx, "a", "bank:1", long))
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "bank:2", long), wallet.ErrTicketTaken)
			require.NoError(t, s.Store.Claim(ctx, "a", "bank:1", long))
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "bank:2", long), wallet.ErrTicketTaken)
			require.NoError(t, s.Store.Claim(ctx, "b", "bank:2", long), "shows are claimed apart")
			_, closed, err := s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.False(t, closed, "claimed is not spent")
		},
		"a lease ends": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			require.NoError(t, s.Store.Claim(ctx, "a", "bank:1", brief))
			s.Advance(brief)
			require.NoError(t, s.Store.Claim(ctx, "a", "bank:2", long))
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "bank:1", long), wallet.ErrTicketTaken)
		},
		"a repeated claim starts the lease anew": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			require.NoError(t, s.Store.Claim(ctx, "a", "bank:1", brief))
			require.NoError(t, s.Store.Claim(ctx, "a", "bank:1", long))
			s.Advance(brief)
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "bank:2", long), wallet.ErrTicketTaken)
		},
		"a lease does not prolong the show": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), 10*brief))
			_ = s.Store.Claim(ctx, "a", "bank:1", long) // unknown where the time was already over
			s.Advance(10 * brief)
			_, _, err := s.Store.Show(ctx, "a")
			require.ErrorIs(t, err, wallet.ErrShowUnknown)
		},
		"closed for good": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			require.NoError(t, s.Store.Claim(ctx, "a", "bank:1", long))
			require.NoError(t, s.Store.Close(ctx, "a", long))
			require.NoError(t, s.Store.Close(ctx, "a", long))
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "bank:1", long), wallet.ErrTicketTaken, "who spent it, too")
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "bank:2", long), wallet.ErrTicketTaken)
			got, closed, err := s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.True(t, closed)
			require.Equal(t, aShow("a"), got)
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			_, closed, err = s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.True(t, closed, "putting it again does not open it")
		},
		"closed outlives a short keep": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			require.NoError(t, s.Store.Close(ctx, "a", brief))
			s.Advance(brief)
			_, closed, err := s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.True(t, closed)
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "x", long), wallet.ErrTicketTaken)
		},
		"put again it lasts as long as before": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			again := aShow("a")
			again.Fields = []string{"name"}
			require.NoError(t, s.Store.PutShow(ctx, again, brief))
			s.Advance(brief)
			got, _, err := s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.Equal(t, again, got)
		},
		"closed prolongs the show": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), brief))
			require.NoError(t, s.Store.Close(ctx, "a", long))
			s.Advance(brief)
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "x", long), wallet.ErrTicketTaken)
		},
		"closed before it is known": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.Close(ctx, "a", long))
			_, _, err := s.Store.Show(ctx, "a")
			require.ErrorIs(t, err, wallet.ErrShowUnknown)
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "x", long), wallet.ErrTicketTaken)
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			_, closed, err := s.Store.Show(ctx, "a")
			require.NoError(t, err)
			require.True(t, closed)
		},
		"raced for by strangers": func(t *testing.T, s VolatileSubject) {
			for _, id := range []string{"a", "b", "c"} {
				require.NoError(t, s.Store.PutShow(ctx, aShow(id), long))
				var odd atomic.Int64
				require.EqualValues(t, 1, race(crowd, func(i int) bool {
					err := s.Store.Claim(ctx, id, fmt.Sprintf("scanner:%d", i), long)
					if err != nil && !slices.Contains([]error{wallet.ErrTicketTaken}, err) {
						odd.Add(1)
					}
					return err == nil
				}))
				require.Zero(t, odd.Load())
			}
		},
		"raced for by one who repeats": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			require.EqualValues(t, crowd, race(crowd, func(int) bool { return s.Store.Claim(ctx, "a", "bank:1", long) == nil }))
		},
		"closed in the middle of a race": func(t *testing.T, s VolatileSubject) {
			require.NoError(t, s.Store.PutShow(ctx, aShow("a"), long))
			require.LessOrEqual(t, race(crowd, func(i int) bool {
				if i == crowd/2 {
					require.NoError(t, s.Store.Close(ctx, "a", long))
					return false
				}
				return s.Store.Claim(ctx, "a", fmt.Sprintf("scanner:%d", i), long) == nil
			}), int64(1))
			require.ErrorIs(t, s.Store.Claim(ctx, "a", "late", long), wallet.ErrTicketTaken)
		},
	}
	runCases(t, open, cases)
}
