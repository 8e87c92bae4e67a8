package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/access"
)

func session(id, holder string) access.Session {
	return access.Session{
		ID: id, Holder: holder, Name: "张示例", Method: "oidc:demo", Assurance: access.AssuranceSubstantial,
		At: durableStart.Add(-time.Minute), SignedInAt: durableStart, Expires: durableStart.Add(8 * time.Hour),
	}
}

func durableSessions(t *testing.T, open OpenDurable) {
	t.Run("opened and ended", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		_, err := s.Session(ctx, "s1")
		require.ErrorIs(t, err, access.ErrSessionEnded)
		want := session("s1", "h")
		require.NoError(t, s.OpenSession(ctx, want))
		other := subject.Again(t)
		got, err := other.Session(ctx, "s1")
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Error(t, s.OpenSession(ctx, session("s1", "another")), "an id is used once")
		nameless := session("s2", "h")
		nameless.Name = ""
		require.NoError(t, s.OpenSession(ctx, nameless))
		require.NoError(t, other.EndSession(ctx, "s1"))
		require.NoError(t, s.EndSession(ctx, "s1"), "ending what has ended")
		_, err = s.Session(ctx, "s1")
		require.ErrorIs(t, err, access.ErrSessionEnded)
		got, err = s.Session(ctx, "s2")
		require.NoError(t, err)
		require.Equal(t, nameless, got)
	})

	t.Run("stepped up", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		require.NoError(t, s.OpenSession(ctx, session("s1", "h")))
		require.NoError(t, s.OpenSession(ctx, session("s2", "h")))
		at := durableStart.Add(time.Second)
		require.NoError(t, s.StepUpSession(ctx, "s1", at))
		got, err := s.Session(ctx, "s1")
		require.NoError(t, err)
		require.Equal(t, at, got.StepUp)
		got, err = s.Session(ctx, "s2")
		require.NoError(t, err)
		require.Zero(t, got.StepUp, "the other device has not")
		require.ErrorIs(t, s.StepUpSession(ctx, "s3", at), access.ErrSessionEnded)
	})

	t.Run("everywhere", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		for id, holder := range map[string]string{"s1": "h", "s2": "h", "s3": "another"} {
			require.NoError(t, s.OpenSession(ctx, session(id, holder)))
		}
		old := session("s4", "h")
		old.Expires = durableStart
		require.NoError(t, s.OpenSession(ctx, old))
		n, err := s.EndSessions(ctx, "h")
		require.NoError(t, err)
		require.Equal(t, 2, n)
		n, err = s.EndSessions(ctx, "h")
		require.NoError(t, err)
		require.Zero(t, n)
		for _, id := range []string{"s1", "s2", "s4"} {
			_, err = s.Session(ctx, id)
			require.ErrorIs(t, err, access.ErrSessionEnded)
		}
		_, err = s.Session(ctx, "s3")
		require.NoError(t, err)
	})

	t.Run("expired", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		old, young := session("s1", "h"), session("s2", "h")
		old.Expires, young.Expires = durableStart, durableStart.Add(time.Microsecond)
		require.NoError(t, s.OpenSession(ctx, old))
		require.NoError(t, s.OpenSession(ctx, young))
		_, err := s.Session(ctx, "s1")
		require.ErrorIs(t, err, access.ErrSessionEnded)
		require.ErrorIs(t, s.StepUpSession(ctx, "s1", durableStart), access.ErrSessionEnded)
		n, err := s.SweepSessions(ctx, durableStart)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		_, err = s.Session(ctx, "s2")
		require.NoError(t, err)
	})
}
