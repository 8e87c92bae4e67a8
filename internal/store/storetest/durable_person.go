package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

func notSame() verifier.Comparison {
	return verifier.Comparison{
		At: durableStart.Add(time.Minute), Outcome: "invalid", Reasons: []string{verifier.CodePersonNotSame},
		Answer: []byte(`{"outcome":"invalid"}`), Receipt: []byte(`{"receipt":{"outcome":"invalid"}}`),
	}
}

func durableComparisons(t *testing.T, open OpenDurable) {
	t.Run("not the same", func(t *testing.T) {
		subject := openDurable(t, open)
		s := subject.Store
		ctx := t.Context()
		require.ErrorIs(t, s.Compared(ctx, "v1", notSame()), verifier.ErrNoRecord)
		want := verification("v1")
		require.NoError(t, s.Record(ctx, want))
		w := notSame()
		require.NoError(t, s.Compared(ctx, "v1", w))
		want.PersonAt, want.Found, want.Outcome, want.Reasons, want.Answer, want.Receipt = w.At, "valid", w.Outcome, w.Reasons, w.Answer, w.Receipt
		got, err := subject.Again(t).ByID(ctx, "v1")
		require.NoError(t, err)
		require.Equal(t, want, got)
		other := w
		other.Same, other.Outcome, other.Reasons = true, "valid", []string{}
		for _, again := range []verifier.Comparison{w, other} {
			require.ErrorIs(t, s.Compared(ctx, "v1", again), verifier.ErrPersonRecorded, "one word, for good")
		}
		got, err = s.ByID(ctx, "v1")
		require.NoError(t, err)
		require.Equal(t, want, got)

		looks, err := s.Looks(ctx, "h", wallet.Cursor{At: durableStart.Add(time.Hour)}, 1)
		require.NoError(t, err)
		require.Equal(t, "invalid", looks[0].Outcome)
		require.Equal(t, w.Reasons, looks[0].Reasons)
		require.Equal(t, w.At, looks[0].ComparedAt)
		require.False(t, looks[0].ComparedSame)
	})

	t.Run("the same", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		want := verification("v1")
		require.NoError(t, s.Record(ctx, want))
		w := verifier.Comparison{At: durableStart.Add(time.Second), Same: true, Outcome: "valid", Reasons: []string{}, Answer: want.Answer, Receipt: want.Receipt}
		require.NoError(t, s.Compared(ctx, "v1", w))
		want.PersonAt, want.PersonSame, want.Found = w.At, true, "valid"
		got, err := s.ByID(ctx, "v1")
		require.NoError(t, err)
		require.Equal(t, want, got)
	})

	t.Run("what was erased stays erased", func(t *testing.T) {
		s := openDurable(t, open).Store
		ctx := t.Context()
		v := verification("v1")
		v.Receipt = nil
		require.NoError(t, s.Record(ctx, v))
		_, _, err := s.Sweep(ctx, durableStart.Add(2*time.Minute), durableStart.AddDate(-1, 0, 0))
		require.NoError(t, err)
		require.NoError(t, s.Compared(ctx, "v1", notSame()))
		got, err := s.ByID(ctx, "v1")
		require.NoError(t, err)
		require.Nil(t, got.Answer)
		require.Nil(t, got.Receipt)
		require.Equal(t, "invalid", got.Outcome)
	})

	t.Run("many words at once", func(t *testing.T) {
		subject := openDurable(t, open)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		ctx := background(t)
		require.NoError(t, stores[0].Record(ctx, verification("v1")))
		var answers tally
		together(40, func(i int) {
			w := notSame()
			if i%2 == 0 {
				w.Same, w.Outcome, w.Reasons = true, "valid", []string{}
			}
			switch err := stores[i/2%2].Compared(ctx, "v1", w); {
			case err == nil:
				answers.add("won")
			case errors.Is(err, verifier.ErrPersonRecorded):
				answers.add("late")
			default:
				answers.add(err.Error())
			}
		})
		require.Equal(t, map[string]int{"won": 1, "late": 39}, answers.counts)
		got, err := stores[1].ByID(ctx, "v1")
		require.NoError(t, err)
		require.Equal(t, got.PersonSame, got.Outcome == "valid")
	})
}
