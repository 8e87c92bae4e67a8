package issuer

import (
	"context"
	"time"
)

// Requests remembers how requests with an Idempotency-Key were answered, so that a caller who
// lost the answer can ask again. It MUST be durable when it returns nil, and MUST seal the
// answers: they hold certificates.
type Requests interface {
	// BeginRequest enters a request. It returns the answer of an earlier one with the same
	// digest, or ErrRequestReused when the digest differs. Status 0 says that there is no
	// answer yet: the request is new, or was cut off, and is to be carried out (again).
	BeginRequest(ctx context.Context, caller, key string, digest [32]byte, now time.Time) (status int, response []byte, err error)
	// EndRequest keeps the answer. The first one stands.
	EndRequest(ctx context.Context, caller, key string, status int, response []byte) error
	// SweepRequests forgets requests that began before a time.
	SweepRequests(ctx context.Context, before time.Time) (int64, error)
}
