package verifier

import "time"

// SetClock gives tests the time.
func (t *RemoteTrust) SetClock(now func() time.Time) { t.now = now }
