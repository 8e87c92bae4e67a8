package main

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/showcard/showcard/verifier"
)

// offlineCodes wires checks of offline codes: those that are made here, and those that settle.
func (a *app) offlineCodes() *verifier.CodesConfig {
	return &verifier.CodesConfig{
		Codes: a.store, Trust: a.registry, Types: a.types, Tables: a.tables, ShutsOut: a.wallet.ShutsOut,
		SettleWithin: a.cfg.Retention.OfflineChecks, Settled: a.tellSettled,
	}
}

// settledFigures count what became of checks that were made offline.
type settledFigures struct{ recorded, refused, conflicts atomic.Int64 }

// settledMetrics shows them at /metrics.
func (a *app) settledMetrics() error {
	count := func(name, help string, of *atomic.Int64) error {
		return a.server.Gauge(name, help, func() float64 { return float64(of.Load()) })
	}
	return errors.Join(
		count("showcard_settled_checks", "Checks made offline that were recorded, since the start.", &a.settled.recorded),
		count("showcard_settled_refused", "Checks made offline that were refused, since the start.", &a.settled.refused),
		count("showcard_settled_conflicts", "Checks made offline that were at odds when they came, since the start: the log names them.", &a.settled.conflicts),
	)
}

// tellSettled counts a row, and tells the log of one that is at odds. Codes and ids only.
func (a *app) tellSettled(ctx context.Context, c verifier.Caller, row verifier.SettledCheck) {
	switch row.State {
	case verifier.StateRecorded:
		a.settled.recorded.Add(1)
	case verifier.StateRefused:
		a.settled.refused.Add(1)
	}
	if len(row.Conflicts) == 0 {
		return
	}
	if row.State != verifier.StateRepeated { // it was counted when it came first
		a.settled.conflicts.Add(1)
	}
	a.log.WarnContext(ctx, "a check that was made offline is at odds", "party", c.Party, "client", c.Client, "verification", row.ID, "state", row.State,
		"outcome", row.Outcome, "reasons", row.Reasons, "conflicts", row.Conflicts)
}
