// Package retry is how those who ask a deployment, tools and the SDK alike, ask it again: after as long as
// it says, or after growing pauses of which no two are alike, so that a thousand clients of a restarted
// server do not come back in step. What may be asked again at all is for the caller to know.
package retry

import (
	"context"
	"math/rand/v2" //nolint:depguard // jitter of a pause is no secret
	"net/http"
	"strconv"
	"time"
)

// MaxAfter bounds what a server may ask us to wait; beyond it a person decides.
const MaxAfter = 5 * time.Minute

// Passing says that a refusal of this HTTP status may go away by itself.
func Passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// After reads Retry-After, seconds or a date (RFC 9110 §10.2.3); 0: it says nothing.
func After(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// Pause is how long to wait after the n-th try, from 1; after is what the server said, or 0.
func Pause(n int, after time.Duration) time.Duration {
	if after > 0 {
		return after + rand.N(250*time.Millisecond) //nolint:gosec // spreads load, keeps no secret
	}
	ceiling := min(250*time.Millisecond<<min(n-1, 16), 20*time.Second)
	return ceiling/2 + rand.N(ceiling/2) //nolint:gosec // as above
}

// Wait waits, or until ctx ends and then says why.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
