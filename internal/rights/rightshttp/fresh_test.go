package rightshttp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// A session that a provider opened without asking anybody anything is not fresh: who finds a
// phone could otherwise take or erase all that is known of its owner.
func TestSilentSignInIsNotFresh(t *testing.T) {
	now := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	require.Zero(t, freshAt(httpd.Caller{VerifiedAt: now}))
	require.Equal(t, now, freshAt(httpd.Caller{VerifiedAt: now, AuthTime: now, StepUp: now.Add(-time.Hour)}))
	require.Equal(t, now, freshAt(httpd.Caller{VerifiedAt: now.Add(-time.Hour), AuthTime: now.Add(-time.Hour), StepUp: now}))
}
