package retry_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/retry"
)

func TestAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "7": 7 * time.Second, "soon": 0, "1.5": 0, "99999999999": 0, // more would not fit a Duration
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, retry.After(header, now), header)
	}
}

func TestPause(t *testing.T) {
	for range 100 {
		for n, most := range map[int]time.Duration{1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 7: 16 * time.Second, 8: 20 * time.Second, 1000: 20 * time.Second} {
			got := retry.Pause(n, 0)
			require.GreaterOrEqual(t, got, most/2)
			require.Less(t, got, most)
		}
		got := retry.Pause(3, time.Minute)
		require.GreaterOrEqual(t, got, time.Minute, "never sooner than asked")
		require.Less(t, got, time.Minute+250*time.Millisecond)
	}
}

func TestWait(t *testing.T) {
	require.NoError(t, retry.Wait(t.Context(), 0))
	ended, end := context.WithCancel(t.Context())
	end()
	require.ErrorIs(t, retry.Wait(ended, time.Hour), context.Canceled)
}

func TestPassing(t *testing.T) {
	for status, want := range map[int]bool{200: false, 400: false, 401: false, 429: true, 500: false, 502: true, 503: true, 504: true} {
		require.Equal(t, want, retry.Passing(status), status)
	}
}
