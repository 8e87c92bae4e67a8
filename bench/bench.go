// Package bench measures showcard against plain code that does the same duties, in the same run on
// the same machine. Absolute figures move from machine to machine; a ratio of two figures that were
// taken in turn, a few milliseconds each, holds even on a machine that does other things meanwhile.
//
// A measurement is one function that returns metrics. A metric names its goal, so that a reader
// sees at once what was promised and what was found; nothing here fails because of a clock.
package bench

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Metric is one figure. Every entry has all its fields, empty where nothing was promised or compared.
type Metric struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Goal     string  `json:"goal"`          // such as ">= 3.5"
	Met      *bool   `json:"met,omitempty"` // whether it was reached
	Baseline string  `json:"baseline"`      // what it is measured against, and what that took
	Ours     string  `json:"ours"`
}

// atLeast states a goal and holds the value against it.
func (m Metric) atLeast(goal float64) Metric {
	met := m.Value >= goal
	m.Goal, m.Met = ">= "+number(goal), &met
	return m
}

// atMost states a goal that is a bound.
func (m Metric) atMost(goal float64) Metric {
	met := m.Value <= goal
	m.Goal, m.Met = "<= "+number(goal), &met
	return m
}

// Machine is what a run was made on.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Go    string `json:"go"`
	Load  string `json:"load,omitempty"` // of the last minute, where the system tells
}

// Report is one run.
type Report struct {
	At      time.Time `json:"at"`
	Quick   bool      `json:"quick"`
	Machine Machine   `json:"machine"`
	Metrics []Metric  `json:"metrics"`
}

// Config says how long to measure.
type Config struct {
	Quick bool
	Only  []string // names of parts; empty: all
	// Profile is a folder for CPU profiles of the servers that are measured; empty: none.
	Profile string
	Curve   func([]Point) // gets the overload curve; nil: nobody
	Now     func() time.Time
}

// Run measures everything.
func Run(ctx context.Context, cfg Config) (Report, error) {
	r := report(cfg)
	for _, one := range measurements {
		if len(cfg.Only) > 0 && !slices.Contains(cfg.Only, one.name) {
			continue
		}
		metrics, err := one.measure(ctx, cfg)
		r.Metrics = append(r.Metrics, metrics...)
		if err != nil {
			return r, fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return r, nil
}

func report(cfg Config) Report {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return Report{At: cfg.Now().UTC().Truncate(time.Second), Quick: cfg.Quick, Machine: ThisMachine()}
}

// measurements in the order of the report.
var measurements = [...]struct {
	name    string
	measure func(context.Context, Config) ([]Metric, error)
}{
	{"sm2", sm2},
	{"core", core},
	{"qr", draw},
	{"push", push},
	{"api", api},
	{"overload", overload},
	{"status", status},
}

// ThisMachine is where this process runs.
func ThisMachine() Machine {
	m := Machine{CPU: "unknown", Cores: runtime.GOMAXPROCS(0), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version()}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	return m
}

// rounds of a comparison, each of two slices.
func (c Config) rounds() (n int, slice time.Duration) {
	if c.Quick {
		return 25, 20 * time.Millisecond
	}
	return 101, 50 * time.Millisecond
}

// pair is a comparison: nanoseconds for each piece of work, and how many times as fast ours is.
type pair struct {
	baseline, ours, ratio float64
}

// compare runs baseline and ours in turn and takes the medians.
func compare(ctx context.Context, cfg Config, baseline, ours func()) (pair, error) {
	rounds, slice := cfg.rounds()
	var b, o, r []float64
	for range rounds {
		if err := ctx.Err(); err != nil {
			return pair{}, err
		}
		x, y := each(slice, baseline), each(slice, ours)
		b, o, r = append(b, x), append(o, y), append(r, x/y)
	}
	return pair{median(b), median(o), median(r)}, nil
}

// each is how many nanoseconds a piece of work takes, over about a slice.
func each(slice time.Duration, work func()) float64 {
	begin := time.Now()
	n := 0
	for time.Since(begin) < slice {
		for range 8 {
			work()
		}
		n += 8
	}
	return float64(time.Since(begin).Nanoseconds()) / float64(n)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func round(v float64) float64 { return math.Round(v*100) / 100 }

// profile is the file for a server's CPU profile.
func (c Config) profile(name string) string {
	if c.Profile == "" {
		return ""
	}
	return filepath.Join(c.Profile, name+".pprof")
}
