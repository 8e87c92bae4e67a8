package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/review"
)

// reviewed makes a review of a check, so long after the start.
func reviewed(id, check, person, party string, level int, after time.Duration) review.Review {
	at := durableStart.Add(after)
	r := review.Review{
		ID: id, PersonID: person, Check: review.Check{ID: check, Party: party, PartyName: "银行" + party, Purpose: "look", Type: "resident-id"},
		Level: level, At: at, State: review.Closed, EndedAt: at, Text: "等了两个小时 " + id,
	}
	if level <= review.Dissatisfied {
		r.State, r.EndedAt, r.DueAt = review.Open, time.Time{}, at.Add(24*time.Hour)
	}
	return r
}

func reviewIDs(t *testing.T) func(all []review.Review, err error) []string {
	return func(all []review.Review, err error) (ids []string) {
		t.Helper()
		require.NoError(t, err)
		for _, r := range all {
			ids = append(ids, r.ID)
		}
		return ids
	}
}

func durableReviews(t *testing.T, open OpenDurable) {
	t.Run("kept", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx, ids := subject.Store, t.Context(), reviewIDs(t)
		_, err := s.Review(ctx, "a")
		require.ErrorIs(t, err, review.ErrUnknown)
		a, b := reviewed("a", "v-a", "p", "bank", 1, 0), reviewed("b", "v-b", "p", "bank", 5, time.Minute)
		b.Text = ""
		require.NoError(t, s.PutReview(ctx, a))
		require.ErrorIs(t, s.PutReview(ctx, a), review.ErrExists)
		require.ErrorIs(t, s.PutReview(ctx, reviewed("another", "v-a", "q", "bank", 5, 0)), review.ErrReviewed, "whoever comes second")
		require.NoError(t, s.PutReview(ctx, b))
		// Four that share a moment, of another party; the last is the earliest due.
		for i, level := range []int{2, 3, 4, 2} {
			r := reviewed(fmt.Sprint("c", i), fmt.Sprint("v-c", i), "q", "shop", level, time.Hour)
			if i == 3 {
				r.DueAt = durableStart.Add(time.Minute)
			}
			require.NoError(t, s.PutReview(ctx, r))
		}
		again := subject.Again(t)
		for _, want := range []review.Review{a, b} {
			got, err := again.Review(ctx, want.ID)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}

		require.Equal(t, []string{"b", "a"}, ids(s.ReviewsOf(ctx, "p", review.Place{}, 5)))
		require.Equal(t, []string{"b"}, ids(s.ReviewsOf(ctx, "p", review.Place{}, 1)))
		require.Equal(t, []string{"a"}, ids(s.ReviewsOf(ctx, "p", review.Place{At: b.At, ID: "b"}, 5)))
		require.Empty(t, ids(s.ReviewsOf(ctx, "", review.Place{}, 5)))
		for name, want := range map[string]struct {
			f   review.Filter
			ids []string
		}{
			"all":          {review.Filter{}, []string{"c3", "c2", "c1", "c0", "b", "a"}},
			"of one":       {review.Filter{Party: "shop"}, []string{"c3", "c2", "c1", "c0"}},
			"open":         {review.Filter{State: review.Open}, []string{"c3", "a", "c0"}},
			"open of one":  {review.Filter{State: review.Open, Party: "shop"}, []string{"c3", "c0"}},
			"answered":     {review.Filter{State: review.Answered}, nil},
			"closed of no": {review.Filter{State: review.Closed, Party: "none"}, nil},
		} {
			require.Equal(t, want.ids, ids(s.Reviews(ctx, want.f, review.Place{}, 10)), name)
			var after review.Place
			var paged []string
			for range want.ids {
				one, err := s.Reviews(ctx, want.f, after, 1)
				require.NoError(t, err)
				paged = append(paged, ids(one, nil)...)
				if after = (review.Place{At: one[0].At, ID: one[0].ID}); want.f.State == review.Open {
					after.At = one[0].DueAt
				}
			}
			require.Equal(t, want.ids, paged, name)
			require.Empty(t, ids(s.Reviews(ctx, review.Filter{State: want.f.State, Party: "none"}, after, 1)))
		}

		now := durableStart.Add(2 * time.Hour)
		all, err := s.TallyReviews(ctx, "", durableStart.Add(time.Second), now)
		require.NoError(t, err)
		require.Equal(t, []review.Tally{
			{Party: "shop", PartyName: "银行shop", Levels: [6]int{2: 2, 3: 1, 4: 1}, Open: 2, Overdue: 1},
			{Party: "bank", PartyName: "银行bank", Levels: [6]int{5: 1}, Open: 1}, // the open one is older
		}, all)
		one, err := s.TallyReviews(ctx, "bank", durableStart, now)
		require.NoError(t, err)
		require.Equal(t, []review.Tally{{Party: "bank", PartyName: "银行bank", Levels: [6]int{1: 1, 5: 1}, Open: 1}}, one)
	})

	t.Run("at once", func(t *testing.T) {
		subject := openDurable(t, open)
		stores, ctx := []DurableStore{subject.Store, subject.Again(t)}, t.Context()
		for round := range 5 {
			check := fmt.Sprint("v", round)
			errs := make([]error, 6)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					errs[i] = stores[i%2].PutReview(ctx, reviewed(fmt.Sprint(check, "-", i), check, "p", "bank", 1+i%5, 0))
				})
			}
			wg.Wait()
			stand := 0
			for _, err := range errs {
				if err == nil {
					stand++
				} else {
					require.ErrorIs(t, err, review.ErrReviewed)
				}
			}
			require.Equal(t, 1, stand, check)
		}
		require.Len(t, reviewIDs(t)(subject.Store.ReviewsOf(ctx, "p", review.Place{}, 100)), 5)
	})

	t.Run("followed up", func(t *testing.T) {
		subject := openDurable(t, open)
		s, again, ctx := subject.Store, subject.Again(t), t.Context()
		at := durableStart.Add(time.Hour)
		claim := func(by string, at time.Time) review.Change {
			return review.Change{By: by, At: at, Stale: at.Add(-time.Hour)}
		}
		answer := func(by string) review.Change {
			return review.Change{By: by, At: at, Answer: "已加开窗口", Measure: "加开一个窗口"}
		}
		require.ErrorIs(t, s.ChangeReview(ctx, "a", claim("op", at)), review.ErrUnknown)
		require.NoError(t, s.PutReview(ctx, reviewed("a", "v-a", "p", "bank", 2, 0)))
		require.ErrorIs(t, s.ChangeReview(ctx, "a", answer("op")), review.ErrNotClaimed)
		var wg sync.WaitGroup
		var one, two error
		wg.Go(func() { one = s.ChangeReview(ctx, "a", claim("op", at)) })
		wg.Go(func() { two = again.ChangeReview(ctx, "a", claim("other", at)) })
		wg.Wait()
		require.NotEqual(t, one == nil, two == nil)
		require.ErrorIs(t, errors.Join(one, two), review.ErrClaimed)
		winner, loser := "op", "other"
		if one != nil {
			winner, loser = loser, winner
		}
		require.NoError(t, s.ChangeReview(ctx, "a", claim(winner, at.Add(time.Minute))), "once more is no harm, and makes it no younger")
		require.ErrorIs(t, s.ChangeReview(ctx, "a", answer(loser)), review.ErrNotClaimed)
		require.NoError(t, s.ChangeReview(ctx, "a", claim(loser, at.Add(time.Hour))), "an old claim may be taken over")
		require.ErrorIs(t, s.ChangeReview(ctx, "a", answer(winner)), review.ErrNotClaimed)
		require.NoError(t, again.ChangeReview(ctx, "a", answer(loser)))
		require.ErrorIs(t, s.ChangeReview(ctx, "a", answer(loser)), review.ErrAnswered)
		require.ErrorIs(t, s.ChangeReview(ctx, "a", claim("op", at)), review.ErrAnswered)
		got, err := s.Review(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, review.Answered, got.State)
		require.Equal(t, []string{"已加开窗口", "加开一个窗口", loser}, []string{got.Answer, got.Measure, got.AnsweredBy})
		require.Equal(t, at, got.EndedAt)
		ids := reviewIDs(t)
		require.Equal(t, []string{"a"}, ids(s.Reviews(ctx, review.Filter{State: review.Answered}, review.Place{}, 5)))
		require.Empty(t, ids(s.Reviews(ctx, review.Filter{State: review.Open}, review.Place{}, 5)))

		require.NoError(t, s.PutReview(ctx, reviewed("good", "v-good", "p", "bank", 5, 0)))
		require.NoError(t, s.ChangeReview(ctx, "good", claim("op", at)), "to read it")
		require.ErrorIs(t, s.ChangeReview(ctx, "good", answer("op")), review.ErrClosed)
	})

	t.Run("forgotten", func(t *testing.T) {
		s, ctx, ids := openDurable(t, open).Store, t.Context(), reviewIDs(t)
		for _, r := range []review.Review{reviewed("open", "1", "p", "bank", 1, 0), reviewed("said", "2", "p", "bank", 2, 0), reviewed("old", "3", "p", "bank", 4, 0), reviewed("hers", "4", "q", "bank", 1, time.Hour)} {
			require.NoError(t, s.PutReview(ctx, r))
		}
		later := durableStart.Add(10 * time.Hour)
		for _, c := range []review.Change{{By: "op", At: later}, {By: "op", At: later, Answer: "抱歉"}} {
			require.NoError(t, s.ChangeReview(ctx, "said", c))
		}
		require.NoError(t, s.PrepareErasure(ctx, "q", "token", later))
		_, err := s.Erase(ctx, "q", "token", durableStart)
		require.NoError(t, err)
		got, err := s.Review(ctx, "hers")
		require.NoError(t, err)
		require.Equal(t, review.Closed, got.State, "nobody waits for the answer")
		require.Empty(t, got.PersonID+got.Text)
		require.Equal(t, 1, got.Level, "the party keeps it")
		require.ErrorIs(t, s.PutReview(ctx, reviewed("again", "4", "q", "bank", 5, 0)), review.ErrReviewed)

		n, err := s.SweepReviews(ctx, durableStart.Add(2*time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		require.Equal(t, []string{"said", "open"}, ids(s.Reviews(ctx, review.Filter{}, review.Place{}, 5)), "one waits for an answer, one was answered lately")
	})
}
