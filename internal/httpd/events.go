package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// Events answers 200 with server-sent events (WHATWG HTML §9.2). It runs until it returns, its
// peer leaves, the server drains, the caller's credentials do not hold any more, or
// Config.EventsFor is over; then ctx ends, and the browser comes again by itself. send writes one
// event with a JSON text. Credentials are looked at before each event, so that who was signed out
// is told nothing more. The route should say Streaming and belong to ClassEvents.
type Events func(ctx context.Context, send func(name string, data any) error) error

var errSignedOut = errors.New("credentials ended")

// eventWriter writes events and heartbeats in turn.
type eventWriter struct {
	mu     sync.Mutex
	server *Server
	c      *gin.Context
	out    *patientWriter
	caller Caller
	end    context.CancelFunc
	failed error
}

func (s *Server) respondEvents(c *gin.Context, run Events) error {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.Status(http.StatusOK)
	if c.Request.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.eventsFor)
	defer cancel()
	caller, _ := CallerFrom(c)
	w := &eventWriter{server: s, c: c, caller: caller, end: cancel, out: &patientWriter{c: c, conn: http.NewResponseController(c.Writer), idle: s.streamIdle}}
	// How long a browser waits before it comes again: after a restart a city does not come at once.
	if err := w.write(fmt.Sprintf("retry: %d\n\n", comeBack(RankRenew).Milliseconds()), false); err != nil {
		return err
	}
	var beats sync.WaitGroup
	beats.Go(func() {
		tick := time.NewTicker(s.eventsBeat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = w.write(":\n\n", true) // a failure ends ctx
			case <-s.draining:
				cancel()
				return
			case <-ctx.Done():
				return
			}
		}
	})
	err := run(ctx, w.send)
	cancel()
	beats.Wait()
	if ctx.Err() != nil && w.failed == nil {
		return nil // the end of its time, of the peer's patience, or of the server
	}
	if errors.Is(w.failed, errSignedOut) {
		return nil // all that is told is that there is no more; coming again gives 401
	}
	return errors.Join(w.failed, err)
}

func (w *eventWriter) send(name string, data any) error {
	body, err := json.Marshal(data) // no line feeds inside
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	return w.write("event: "+name+"\ndata: "+string(body)+"\n\n", true)
}

func (w *eventWriter) write(text string, check bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return w.failed
	}
	if check && w.server.auth != nil {
		now, err := w.server.auth.Authenticate(w.c.Request)
		if err != nil || now.ID != w.caller.ID || now.Session != w.caller.Session {
			w.failed = errSignedOut
			w.end()
			return w.failed
		}
	}
	if _, err := w.out.Write([]byte(text)); err != nil {
		w.failed = errors.Join(errPeerGone, err)
		w.end()
		return w.failed
	}
	w.c.Writer.Flush()
	return nil
}

// Patience is for a request that is about to wait for a person. It moves the request to
// ClassWait, so that it does not keep a place from work, and returns a channel that is closed
// when the time is over, the caller is gone or the server drains: then the request answers with
// what it has. nil means that no more may wait; do not wait. stop MUST be called.
func Patience(c *gin.Context, wait time.Duration) (over <-chan struct{}, stop func()) {
	p := placeOf(c)
	if p == nil || wait <= 0 {
		return nil, func() {}
	}
	if !p.move(p.server.gates[ClassWait]) {
		return nil, func() {}
	}
	recordOf(c).waited = true
	ctx, cancel := context.WithTimeout(c.Request.Context(), wait)
	go func() {
		select {
		case <-p.server.draining:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx.Done(), cancel
}
