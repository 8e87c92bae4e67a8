package monitor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/httpd/problem"
)

// Part is something that the process stands on.
type Part struct {
	Kind  string // such as postgres
	Check func(context.Context) error
	// Lag is how far the standby that is furthest behind is behind; false when there is none. nil: none.
	Lag func() (time.Duration, bool)
}

// Statuses tells of the copy of the status lists in this process.
type Statuses struct {
	Lists                int
	Age                  time.Duration // of the list that was heard of the longest time ago
	Bytes                int64
	Gaps, Reads, Applied int64
}

// Config says what is looked at.
type Config struct {
	Traffic      *Traffic
	Version      string
	Now          func() time.Time
	Load         func() httpd.Load
	Statuses     func() Statuses
	MaxStatusAge time.Duration
	Database     Part
	Volatile     Part
	// TrustList is from when to when the trust list in use is good; zero times: there is none yet.
	TrustList func() (issued, expires time.Time)
	// Disagreements counts signatures on which two implementations disagreed.
	Disagreements func() int64
}

// Monitor is safe for concurrent use.
type Monitor struct {
	cfg     Config
	process string

	looking sync.Mutex // one look at a time
	mu      sync.Mutex // what follows
	probes  probes
	raised  map[string]*raised
}

// probes are what the parts answered at the last look.
type probes struct {
	looked             bool
	database, volatile bool
	databaseTook       time.Duration
	slowLooks          int // one after another in which the database was slow
}

// raised is an alert that is told.
type raised struct{ since, last time.Time }

const (
	lookEvery  = 2 * time.Second
	lookAtMost = 2 * time.Second // what does not answer by then does not answer
	slowPing   = 250 * time.Millisecond
	slowLooks  = 3
	calmFor    = 30 * time.Second // an alert stays for so long after its cause: no flickering
)

// New makes a monitor. Run makes it look.
func New(cfg Config) (*Monitor, error) {
	if cfg.Traffic == nil || cfg.Load == nil || cfg.Statuses == nil || cfg.Database.Check == nil || cfg.Volatile.Check == nil || cfg.TrustList == nil || cfg.Disagreements == nil {
		return nil, errors.New("monitor: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Monitor{cfg: cfg, process: strings.ToLower(rand.Text()), raised: map[string]*raised{}}, nil
}

// Run looks until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		m.Look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look asks the parts how they are and raises alerts, or lets them go.
func (m *Monitor) Look(ctx context.Context) {
	m.looking.Lock()
	defer m.looking.Unlock()
	began := m.cfg.Now()
	ctx, cancel := context.WithTimeout(ctx, lookAtMost)
	defer cancel()
	var database, volatile error
	var took time.Duration
	var both sync.WaitGroup
	both.Go(func() {
		database = m.cfg.Database.Check(ctx)
		took = m.cfg.Now().Sub(began)
	})
	both.Go(func() { volatile = m.cfg.Volatile.Check(ctx) })
	both.Wait()
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // the end of the process, or of who asked: it says nothing of the parts
	}

	m.mu.Lock()
	slow := 0
	if took >= slowPing {
		slow = m.probes.slowLooks + 1
	}
	m.probes = probes{looked: true, database: database == nil, volatile: volatile == nil, databaseTook: took, slowLooks: slow}
	m.mu.Unlock()
	m.raise(m.view())
}

// Picture is what operators see. Rates are over the last minute.
type Picture struct {
	Process       string        `json:"process"`
	StartedAt     time.Time     `json:"started_at"`
	Version       string        `json:"version"`
	At            time.Time     `json:"at"`
	Classes       []Class       `json:"classes"`
	History       []Point       `json:"history"`
	Refusals      []Refusals    `json:"refusals"`
	Places        int           `json:"places"`
	PlacesTaken   int           `json:"places_taken"`
	Waiting       int           `json:"waiting"`
	InFlight      int           `json:"in_flight"`
	Status        Status        `json:"status"`
	Replica       Replica       `json:"replica"`
	Database      Database      `json:"database"`
	Volatile      Volatile      `json:"volatile"`
	TrustList     *TrustList    `json:"trust_list,omitempty"` // absent until there is one
	Verifications Verifications `json:"verifications"`
	Alerts        []Alert       `json:"alerts"`
}

// Class is the requests of a class.
type Class struct {
	Class            string  `json:"class"`
	PerSecond        float64 `json:"per_second"` // refused ones included
	P50              float64 `json:"p50_ms"`     // 0: none were answered
	P99              float64 `json:"p99_ms"`
	RefusedPerSecond float64 `json:"refused_per_second"`
	ErrorsPerSecond  float64 `json:"errors_per_second"`
}

// Point is ten seconds of the history.
type Point struct {
	At               time.Time `json:"at"` // of the beginning
	PerSecond        float64   `json:"per_second"`
	P99              float64   `json:"p99_ms"`
	RefusedPerSecond float64   `json:"refused_per_second"`
}

// Refusals counts a code.
type Refusals struct {
	Code  string `json:"code"`
	Count uint64 `json:"count"`
}

// Status is how old the statuses are that checks go by.
type Status struct {
	Age    float64 `json:"age_s"`
	MaxAge float64 `json:"max_age_s"` // older makes a check indeterminate
	Lists  int     `json:"lists"`
}

// Replica is the copy of the status lists in this process.
type Replica struct {
	Lag     float64 `json:"lag_s"`
	Bytes   int64   `json:"bytes"`
	Reads   int64   `json:"reads"`
	Gaps    int64   `json:"gaps"`
	Applied int64   `json:"applied"`
}

// Database is the durable record.
type Database struct {
	Kind       string   `json:"kind"`
	OK         bool     `json:"ok"`
	Took       float64  `json:"ping_ms"`
	ReplicaLag *float64 `json:"replica_lag_s,omitempty"` // of the standby that is furthest behind
}

// Volatile is what may be lost.
type Volatile struct {
	Kind string `json:"kind"`
	OK   bool   `json:"ok"`
}

// TrustList is the signed list that this process goes by.
type TrustList struct {
	Expires time.Time `json:"expires_at"`
}

// Verifications counts outcomes of the last minute.
type Verifications struct {
	Valid         uint64 `json:"valid"`
	Invalid       uint64 `json:"invalid"`
	Indeterminate uint64 `json:"indeterminate"`
}

// Alert is something that somebody should look at.
type Alert struct {
	Code  string       `json:"code"`
	Since time.Time    `json:"since"`
	Title problem.Text `json:"title"`
	Next  problem.Text `json:"next"`
}

// Picture draws what is known now.
func (m *Monitor) Picture(ctx context.Context) Picture {
	m.mu.Lock()
	looked := m.probes.looked
	m.mu.Unlock()
	if !looked {
		m.Look(ctx)
	}
	v := m.view()
	v.Alerts = m.told()
	return v.Picture
}

// view is a picture and what alerts go by besides.
type view struct {
	Picture
	minute      *sum   // all requests
	scans       *sum   // those that a queue waits behind
	uncounted   uint64 // let through because the limiter failed
	overloaded  uint64
	slowLooks   int
	trustIssued time.Time
	differences int64
}

func seconds(d time.Duration) float64 { return rounded(d.Seconds()) }

func rounded(f float64) float64 { return math.Round(f*1000) / 1000 }

func (m *Monitor) view() *view {
	t, now := m.cfg.Traffic, m.cfg.Now()
	slot := t.slot(now)
	first := slot - minuteSlots + 1
	// Of the current slot and five full ones, or of what there is of them since the start.
	covered := max(now.Sub(t.started)-time.Duration(max(first, 0))*slotLength, time.Second)
	per := func(n uint64, d time.Duration) float64 { return rounded(float64(n) / d.Seconds()) }

	v := &view{minute: total(t.all, first, slot), scans: &sum{}}
	v.Process, v.StartedAt, v.Version, v.At = m.process, t.started.UTC(), m.cfg.Version, now.UTC()
	v.Classes, v.History, v.Refusals = []Class{}, []Point{}, []Refusals{}
	for class, r := range t.classes.rings() {
		s := total(r, first, slot)
		if class == string(httpd.ClassScan) {
			v.scans = s
		}
		v.Classes = append(v.Classes, Class{Class: class, PerSecond: per(s.count, covered), P50: s.percentile(.5), P99: s.percentile(.99),
			RefusedPerSecond: per(s.refused, covered), ErrorsPerSecond: per(s.failed, covered)})
	}
	slices.SortFunc(v.Classes, func(a, b Class) int { return strings.Compare(a.Class, b.Class) })
	for i := max(slot-points, 0); i < slot; i++ {
		s := total(t.all, i, i)
		v.History = append(v.History, Point{At: t.started.Add(time.Duration(i) * slotLength).UTC(), PerSecond: per(s.count, slotLength), P99: s.percentile(.99), RefusedPerSecond: per(s.refused, slotLength)})
	}
	for code, r := range t.codes.rings() {
		if n := count(r, first, slot); n > 0 {
			v.Refusals = append(v.Refusals, Refusals{code, n})
		}
		if code == httpd.CodeOverloaded {
			v.overloaded = count(r, first, slot)
		}
	}
	slices.SortFunc(v.Refusals, func(a, b Refusals) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Code, b.Code))
	})
	v.uncounted = count(t.uncounted, first, slot)
	t.verifications.each(first, slot, func(o *outcomes) {
		v.Verifications.Valid += o.valid.Load()
		v.Verifications.Invalid += o.invalid.Load()
		v.Verifications.Indeterminate += o.indeterminate.Load()
	})
	m.parts(v)
	return v
}

// parts tells of what the process stands on.
func (m *Monitor) parts(v *view) {
	load, status := m.cfg.Load(), m.cfg.Statuses()
	v.Places, v.PlacesTaken, v.Waiting, v.InFlight = load.Places, load.Taken, load.Waiting, load.InFlight
	v.Status = Status{Age: seconds(status.Age), MaxAge: seconds(m.cfg.MaxStatusAge), Lists: status.Lists}
	v.Replica = Replica{Lag: seconds(status.Age), Bytes: status.Bytes, Reads: status.Reads, Gaps: status.Gaps, Applied: status.Applied}
	m.mu.Lock()
	p := m.probes
	m.mu.Unlock()
	v.Database = Database{Kind: m.cfg.Database.Kind, OK: p.database, Took: rounded(p.databaseTook.Seconds() * 1000)}
	if m.cfg.Database.Lag != nil {
		if lag, ok := m.cfg.Database.Lag(); ok {
			s := seconds(lag)
			v.Database.ReplicaLag = &s
		}
	}
	v.Volatile = Volatile{Kind: m.cfg.Volatile.Kind, OK: p.volatile}
	v.slowLooks, v.differences = p.slowLooks, m.cfg.Disagreements()
	if issued, expires := m.cfg.TrustList(); !expires.IsZero() {
		v.TrustList, v.trustIssued = &TrustList{Expires: expires.UTC()}, issued
	}
}
