package verifier

import "time"

// SetNow gives the sources a clock that tests can turn.
func (t *RemoteTrust) SetNow(now func() time.Time) { t.now = now }

// SetNow gives the sources a clock that tests can turn.
func (s *RemoteStatus) SetNow(now func() time.Time) { s.now = now }

// StatusCode is the code of why a status is not known.
func StatusCode(err error) string { code, _ := statusCode(err); return code }
