package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/correction"
)

func filed(id, person string, after time.Duration) correction.Request {
	return correction.Request{
		ID: id, PersonID: person, Kind: correction.AboutVerification, About: "v", RecordedBy: "bank", State: correction.Open,
		FiledAt: durableStart.Add(after), DueAt: durableStart.Add(after + 24*time.Hour), Field: "name", Says: "姓名有误", Contact: "13800000000",
	}
}

func durableCorrections(t *testing.T, open OpenDurable) {
	t.Run("filed", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		_, err := s.Correction(ctx, "a")
		require.ErrorIs(t, err, correction.ErrUnknown)
		a, b := filed("a", "p", 0), filed("b", "p", time.Minute)
		long := durableStart.Add(-time.Hour)
		require.NoError(t, s.FileCorrection(ctx, a, long, 2))
		require.ErrorIs(t, s.FileCorrection(ctx, a, long, 2), correction.ErrExists)
		require.NoError(t, s.FileCorrection(ctx, b, long, 2))
		require.ErrorIs(t, s.FileCorrection(ctx, filed("c", "p", time.Hour), long, 2), correction.ErrLimit)
		_, err = s.Correction(ctx, "c")
		require.ErrorIs(t, err, correction.ErrUnknown)
		require.NoError(t, s.FileCorrection(ctx, filed("c", "p", time.Hour), durableStart, 2), "the first lies outside of the day")
		require.NoError(t, s.FileCorrection(ctx, filed("d", "q", -time.Hour), long, 2))
		got, err := subject.Again(t).Correction(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, a, got)
		mine, err := s.CorrectionsOf(ctx, "p", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"c", "b"}, correctionIDs(mine))
		due, err := s.CorrectionsDue(ctx, 10)
		require.NoError(t, err)
		require.Equal(t, []string{"d", "a", "b", "c"}, correctionIDs(due))
	})

	t.Run("answered", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		again := subject.Again(t)
		at := durableStart.Add(time.Hour)
		require.ErrorIs(t, s.ClaimCorrection(ctx, "a", "op", at, durableStart), correction.ErrUnknown)
		require.NoError(t, s.FileCorrection(ctx, filed("a", "p", 0), durableStart, 5))
		require.ErrorIs(t, s.AnswerCorrection(ctx, "a", "op", correction.Refused, "no", at), correction.ErrNotClaimed)
		var wg sync.WaitGroup
		var one, two error
		wg.Go(func() { one = s.ClaimCorrection(ctx, "a", "op", at, durableStart) })
		wg.Go(func() { two = again.ClaimCorrection(ctx, "a", "other", at, durableStart) })
		wg.Wait()
		require.True(t, (one == nil) != (two == nil))
		require.ErrorIs(t, errors.Join(one, two), correction.ErrClaimed)
		winner, loser := "op", "other"
		if one != nil {
			winner, loser = loser, winner
		}
		require.NoError(t, s.ClaimCorrection(ctx, "a", winner, at, durableStart), "once more is no harm")
		require.ErrorIs(t, s.AnswerCorrection(ctx, "a", loser, correction.Refused, "no", at), correction.ErrNotClaimed)
		require.NoError(t, s.ClaimCorrection(ctx, "a", loser, at.Add(time.Hour), at), "an old claim may be taken over")
		require.ErrorIs(t, s.AnswerCorrection(ctx, "a", winner, correction.Refused, "no", at), correction.ErrNotClaimed)
		require.NoError(t, again.AnswerCorrection(ctx, "a", loser, correction.Forwarded, "已转公安机关", at))
		require.ErrorIs(t, s.AnswerCorrection(ctx, "a", loser, correction.Refused, "no", at), correction.ErrAnswered)
		require.ErrorIs(t, s.ClaimCorrection(ctx, "a", "op", at, durableStart), correction.ErrAnswered)
		got, err := s.Correction(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, correction.Answered, got.State)
		require.Equal(t, correction.Forwarded, got.Outcome)
		require.Equal(t, "已转公安机关", got.Answer)
		require.Equal(t, loser, got.AnsweredBy)
		require.Equal(t, at, got.AnsweredAt)
		due, err := s.CorrectionsDue(ctx, 10)
		require.NoError(t, err)
		require.Empty(t, due)
	})
}

func correctionIDs(all []correction.Request) (ids []string) {
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}
