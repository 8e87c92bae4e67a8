package main

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/monitor"
	"github.com/showcard/showcard/verifier"
)

// mountMonitor makes the picture of this process.
func (a *app) mountMonitor() (err error) {
	var last atomic.Pointer[trustlist.List] // one that has ended is told of no more
	a.monitor, err = monitor.New(monitor.Config{
		Traffic: a.traffic, Version: version, Load: a.server.Load, MaxStatusAge: a.cfg.StatusMaxAge,
		Statuses: func() monitor.Statuses {
			s := a.replica.Stats()
			return monitor.Statuses{Lists: s.Lists, Age: s.Lag, Bytes: s.Bytes, Gaps: s.Gaps, Reads: s.Reads, Applied: s.Applied}
		},
		Database: monitor.Part{Kind: a.store.Kind(), Check: a.store.Ping, Lag: a.store.ReplicaLag},
		Volatile: monitor.Part{Kind: volatileKind(a.cfg.Volatile), Check: a.ready},
		TrustList: func() (issued, expires time.Time) {
			if l, err := a.registry.Current(context.Background()); err == nil { // asks nobody
				last.Store(l)
			}
			if l := last.Load(); l != nil {
				issued, expires = l.IssuedAt, l.Expires
			}
			return issued, expires
		},
		Disagreements: func() int64 { return a.tables.Stats().Differences },
	})
	if err != nil {
		return err
	}
	return a.server.Mount(a.monitor.Routes(), nil)
}

// volatileKind is the kind of a volatile store's URL, without who, where and how.
func volatileKind(url string) string {
	switch scheme, _, _ := strings.Cut(url, "://"); {
	case strings.HasSuffix(scheme, "+sentinel"):
		return "redis-sentinel"
	case strings.HasSuffix(scheme, "+cluster"):
		return "redis-cluster"
	case scheme == "memory":
		return "memory"
	}
	return "redis"
}

// answered counts the outcome of a check.
func (a *app) answered(o verifier.Outcome) { a.traffic.Answered(string(o)) }
