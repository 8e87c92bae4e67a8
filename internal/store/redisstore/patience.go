package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/showcard/showcard/internal/retry"
)

const (
	// So often, and with such pauses, a call is repeated: a quarter of a second in all, which is the
	// time in which a promoted replica is found, and not that in which it is promoted.
	repetitions  = 6
	firstPause   = 5 * time.Millisecond
	longestPause = 80 * time.Millisecond
	// When nothing has worked for so long, it is tried once a call: who waits for a Redis that is
	// away waits in vain, and keeps a place that another could use.
	hopeless = 2 * time.Second
	// So often a client of a cluster asks who serves what, even when nothing tells it to.
	clusterLook = 10 * time.Second
)

// unavailable is an error of a Redis that cannot be reached, or cannot now. It is a net.Error, as
// those of other stores are, so that callers answer "again, later" and not "our fault".
type unavailable struct{ error }

func (u unavailable) Unwrap() error { return u.error }

// Timeout implements net.Error.
func (u unavailable) Timeout() bool { return false }

// Temporary implements net.Error.
func (u unavailable) Temporary() bool { return true }

// patience repeats what may work a moment later, within the time of the call: connections that the
// server has closed meanwhile, servers that start (LOADING), that were masters until a moment ago
// (READONLY, MASTERDOWN), and clusters that move keys or vote (MOVED, ASK, TRYAGAIN, CLUSTERDOWN).
// Every call of the store may be repeated: see the comments on them. It implements redis.Hook.
type patience struct {
	look  func(context.Context) // who serves what; nil when there is one server
	since atomic.Int64          // in ms; when it began to fail, 0 while it works
	now   func() time.Time
}

var _ redis.Hook = (*patience)(nil)

// DialHook implements redis.Hook.
func (p *patience) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook. Beats and bursts of changes go by pipelines, and are made
// again by the publisher's next round; the library sends the greeting of a connection by them.
func (p *patience) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (p *patience) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch cmd.Name() {
		case "hello", "auth", "select", "client": // of a connection that the call behind it is waiting for
			return next(ctx, cmd)
		}
		for try, pause := 0, firstPause; ; try, pause = try+1, min(2*pause, longestPause) {
			err := next(ctx, cmd)
			kind := judgeError(err)
			if kind == answered {
				p.since.Store(0)
				return err
			}
			if p.look != nil {
				p.look(ctx) // also when time is over: a server that hangs tells nobody that it was replaced
			}
			if kind == over || ctx.Err() != nil {
				return err
			}
			if kind == refused || try == repetitions || p.hopeless() || !rest(ctx, pause) {
				return unavailable{stripNil(err)}
			}
		}
	}
}

// hopeless says whether it has failed for long, and remembers since when.
func (p *patience) hopeless() bool {
	now := p.now().UnixMilli()
	if p.since.CompareAndSwap(0, now) {
		return false
	}
	return now-p.since.Load() > hopeless.Milliseconds()
}

// rest waits half to all of the pause, so that those who failed together do not come back together.
// It is false when the call's time would be over.
func rest(ctx context.Context, pause time.Duration) bool {
	pause -= time.Duration(time.Now().UnixNano()) % (pause / 2) // spreads load, is no secret
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false
	}
	return retry.Wait(ctx, pause) == nil
}

// What an error means for a call.
type errorKind int

const (
	answered errorKind = iota // by the server, for good
	passing                   // may be otherwise in a moment
	refused                   // not in a moment, but when somebody has seen to it
	over                      // the call's time
)

func judgeError(err error) errorKind {
	var said redis.Error
	switch {
	case err == nil, err == redis.Nil: //nolint:errorlint // a Nil inside another error is no answer, see stripNil
		return answered
	case errors.Is(err, redis.ErrClosed):
		return answered // Shutdown
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return over
	case errors.Is(err, redis.Nil), !errors.As(err, &said):
		return passing // the network, or no sentinel that knows
	}
	for _, prefix := range []string{"LOADING ", "READONLY ", "MASTERDOWN ", "NOREPLICAS ", "CLUSTERDOWN ", "TRYAGAIN ", "MOVED ", "ASK ", "BUSY ", "max number of clients"} {
		if redis.HasErrorPrefix(err, prefix) {
			return passing
		}
	}
	for _, prefix := range []string{"OOM ", "MISCONF "} {
		if redis.HasErrorPrefix(err, prefix) {
			return refused
		}
	}
	return answered
}

// stripNil makes sure that an error is not taken for "no such key": a sentinel that does not know the
// master's name says nil, and the library passes that on as the reason why it could not connect.
func stripNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return errors.New(err.Error())
	}
	return err
}
