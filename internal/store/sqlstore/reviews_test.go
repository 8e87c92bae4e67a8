package sqlstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/review"
	"github.com/showcard/showcard/internal/store/sqlstore"
)

// badReview is one that is to be followed up, with words that must lie sealed.
func badReview(id, check string) review.Review {
	now := time.Now()
	return review.Review{
		ID: id, PersonID: "blind-one", Check: review.Check{ID: check, Party: "bank", PartyName: "bank", Purpose: "look"}, Level: review.Dissatisfied,
		At: now, State: review.Open, DueAt: now.Add(time.Hour), Text: secretName + secretNumber,
	}
}

// eachReviewStatement runs them all, for whoever looks at their plans.
func eachReviewStatement(t *testing.T, s *sqlstore.Store, now time.Time) {
	t.Helper()
	ctx := t.Context()
	for _, r := range []review.Review{badReview("plan", "plan"), badReview("plan", "other"), badReview("other", "plan")} {
		_ = s.PutReview(ctx, r) // the first stands
	}
	_, err := s.ReviewsOf(ctx, "blind-one", review.Place{}, 10)
	require.NoError(t, err)
	for _, state := range []review.State{"", review.Open, review.Answered} {
		for _, party := range []string{"", "bank"} {
			_, err = s.Reviews(ctx, review.Filter{State: state, Party: party}, review.Place{}, 10)
			require.NoError(t, err)
		}
	}
	for _, party := range []string{"", "bank"} {
		_, err = s.TallyReviews(ctx, party, now, now)
		require.NoError(t, err)
	}
	require.NoError(t, s.ChangeReview(ctx, "plan", review.Change{By: "op", At: now}))
	require.NoError(t, s.ChangeReview(ctx, "plan", review.Change{By: "op", At: now, Answer: "x"}))
}
