package main

import (
	"context"
	"errors"
	"time"

	"github.com/showcard/showcard/internal/bundles"
	"github.com/showcard/showcard/internal/bundles/bundleshttp"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/internal/replica/replicahttp"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/verifier"
)

// openReplica makes the copy of all status lists that this process looks statuses up in.
func (a *app) openReplica() (err error) {
	a.replica, err = replica.New(replica.Config{Source: a.volatile, Logger: a.log, MaxAge: a.cfg.StatusMaxAge})
	return err
}

// statusCache is where checks look statuses up. In one process the lists themselves are at hand,
// and a change is in them before it is acknowledged; the copy then only feeds those who follow.
func (a *app) statusCache() verifier.StatusCache {
	if _, here := a.volatile.(*memstore.Store); here {
		return a.volatile
	}
	return a.replica
}

// statusTurn lets one process beat at a time, of those that share the volatile store.
func (a *app) statusTurn(ctx context.Context, keep time.Duration) (bool, error) {
	return a.volatile.Once(ctx, "status-beat", keep)
}

// warmReplica waits a while for the lists: before that every answer would be asked for over the
// network, or be "indeterminate". /readyz says "status" until they are here.
func (a *app) warmReplica(ctx context.Context) {
	warm, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := a.replica.Warm(warm); err != nil && ctx.Err() == nil {
		a.log.Warn("status lists not here yet", "error", err)
	}
}

// replicaMetrics shows at /metrics what the copy holds, and how old it is.
func (a *app) replicaMetrics() error {
	return errors.Join(
		a.server.Gauge("showcard_status_lists", "Status lists held in this process.", func() float64 { return float64(a.replica.Stats().Lists) }),
		a.server.Gauge("showcard_status_bytes", "Memory of the status lists in this process.", func() float64 { return float64(a.replica.Stats().Bytes) }),
		a.server.Gauge("showcard_status_lag_seconds", "Age of the status list that was heard of the longest time ago: beyond status_max_age its certificates are indeterminate.", func() float64 { return a.replica.Stats().Lag.Seconds() }),
		a.server.Gauge("showcard_status_gaps", "Status lists read anew because entries of the stream were missing.", func() float64 { return float64(a.replica.Stats().Gaps) }),
	)
}

// mountStatus serves the changes of the status lists to relying parties.
func (a *app) mountStatus() error {
	api, err := replicahttp.New(a.replica)
	if err != nil {
		return err
	}
	return a.server.Mount(api.Routes(), nil)
}

// mountBundles serves offline checkers what they take along.
func (a *app) mountBundles() error {
	maker, err := bundles.New(bundles.Config{
		Issuer: a.cfg.PublicURL, Statuses: a.store, Serials: a.store, Trust: a.registry.TrustList, Roots: a.registry.RootsVersion,
		Signer: statusSigner(a.registry, a.keys, a.cfg.Domain.Code),
	})
	if err != nil {
		return err
	}
	api, err := bundleshttp.New(maker)
	if err != nil {
		return err
	}
	return a.server.Mount(api.Routes(), bundleshttp.Errors())
}
