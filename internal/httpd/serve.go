package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// What Serve may end with, beside the errors of the network.
var (
	ErrServed       = errors.New("httpd: Serve was called before")
	ErrDrainTimeout = errors.New("httpd: requests still in progress when the time to drain was over")
)

// errStopped is the cause that a request sees which outlasted the drain.
var errStopped = errors.New("server stopped")

// After the connections are cut, handlers get this long to notice, so that the stores are not closed
// under their hands.
const stopPatience = 2 * time.Second

// Serve answers on all listeners until ctx ends or one of them fails, and closes them. With a TLS
// configuration all of them speak TLS; a listener may also bring TLS of its own.
//
// The end is orderly: /readyz turns 503, the door stays open for Config.DrainDelay so that load
// balancers look elsewhere, then it closes and requests in progress get Config.DrainTimeout. A
// request that was accepted is answered. nil means that all of them were.
func (s *Server) Serve(ctx context.Context, tlsConfig *tls.Config, listeners ...net.Listener) error {
	if len(listeners) == 0 {
		return errors.New("httpd: Serve without a listener")
	}
	if !s.phase.CompareAndSwap(phaseNew, phaseServing) {
		return ErrServed
	}
	defer s.phase.Store(phaseStopped)

	// Requests outlive ctx: its end begins the drain, it does not cut what is being answered.
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(errStopped)
	server := &http.Server{
		Handler: s.handler, TLSConfig: tlsConfig,
		ReadHeaderTimeout: s.readHeaderTimeout, IdleTimeout: s.idleTimeout, MaxHeaderBytes: 32 << 10,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelInfo), // handshakes of port scanners
	}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() {
			if tlsConfig != nil {
				ended <- server.ServeTLS(l, "", "")
			} else {
				ended <- server.Serve(l)
			}
		}()
	}
	running := len(listeners)
	var failure error
	select {
	case <-ctx.Done():
	case err := <-ended:
		running--
		failure = fmt.Errorf("httpd: listener: %w", err)
	}

	s.phase.Store(phaseDraining)
	close(s.draining)
	if failure == nil && s.drainDelay > 0 {
		timer := time.NewTimer(s.drainDelay)
		select {
		case <-timer.C:
		case err := <-ended:
			running--
			failure = fmt.Errorf("httpd: listener: %w", err)
		}
		timer.Stop()
	}
	err := s.shutdown(server, stop)
	for range running {
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, fmt.Errorf("httpd: listener: %w", e))
		}
	}
	return errors.Join(failure, err)
}

func (s *Server) shutdown(server *http.Server, stop context.CancelCauseFunc) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.drainTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = ErrDrainTimeout
	}
	stop(errStopped)
	err = errors.Join(err, server.Close())
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-s.busy.idle():
	case <-timer.C:
	}
	return err
}

// tracker counts the requests in progress and tells when there are none.
type tracker struct {
	mu      sync.Mutex
	count   int
	waiting []chan struct{}
}

func (t *tracker) add() {
	t.mu.Lock()
	t.count++
	t.mu.Unlock()
}

func (t *tracker) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count--; t.count == 0 {
		for _, w := range t.waiting {
			close(w)
		}
		t.waiting = nil
	}
}

func (t *tracker) inside() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// idle is closed as soon as nothing is in progress.
func (t *tracker) idle() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := make(chan struct{})
	if t.count == 0 {
		close(w)
	} else {
		t.waiting = append(t.waiting, w)
	}
	return w
}
