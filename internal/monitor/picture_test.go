package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// bench is a monitor over parts that do as they are told, by a clock that is set.
type bench struct {
	*Monitor
	now                time.Time
	database, volatile error
	slow               time.Duration // that the database takes
	lag                time.Duration
	standby            bool
	status             Statuses
	issued, expires    time.Time
	differences        int64
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), status: Statuses{Lists: 1, Age: time.Second}}
	b.issued, b.expires = b.now, b.now.Add(24*time.Hour)
	clock := func() time.Time { return b.now }
	m, err := New(Config{
		Traffic: NewTraffic(clock), Version: "v1", Now: clock, MaxStatusAge: 10 * time.Second,
		Load:     func() httpd.Load { return httpd.Load{Places: 64, Taken: 3, Waiting: 1, InFlight: 9} },
		Statuses: func() Statuses { return b.status },
		Database: Part{Kind: "sqlite", Check: func(context.Context) error {
			b.now = b.now.Add(b.slow)
			return b.database
		}, Lag: func() (time.Duration, bool) { return b.lag, b.standby }},
		Volatile:      Part{Kind: "memory", Check: func(context.Context) error { return b.volatile }},
		TrustList:     func() (time.Time, time.Time) { return b.issued, b.expires },
		Disagreements: func() int64 { return b.differences },
	})
	require.NoError(t, err)
	b.Monitor = m
	return b
}

func (b *bench) observe(n int, o httpd.Observed) {
	for range n {
		o.At = b.now
		b.cfg.Traffic.Observe(o)
	}
}

func (b *bench) codes(t *testing.T) (codes []string) {
	t.Helper()
	b.Look(t.Context())
	for _, a := range b.Picture(t.Context()).Alerts {
		codes = append(codes, a.Code)
	}
	return codes
}

func TestPicture(t *testing.T) {
	b := newBench(t)
	started := b.now
	b.now = b.now.Add(5 * time.Second)
	b.observe(90, httpd.Observed{Class: httpd.ClassScan, Status: 200, Took: 20 * time.Millisecond})
	b.observe(10, httpd.Observed{Class: httpd.ClassScan, Status: 429, Code: httpd.CodeRateLimited, Took: time.Millisecond})
	b.observe(5, httpd.Observed{Class: httpd.ClassWait, Status: 200, Took: 40 * time.Second, Waited: true})
	b.observe(9, httpd.Observed{Class: httpd.ClassScan, Status: 200, Took: 30 * time.Second, Waited: true}) // her holder was asked for more
	b.observe(50, httpd.Observed{Class: httpd.ClassOps, Status: 200})
	b.observe(1, httpd.Observed{Status: 404, Code: httpd.CodeNotFound})
	for _, outcome := range []string{"valid", "valid", "invalid", "indeterminate", "refused"} {
		b.cfg.Traffic.Answered(outcome)
	}
	p := b.Picture(t.Context())
	require.Equal(t, started, p.StartedAt)
	require.Equal(t, b.now, p.At)
	require.Equal(t, []int{64, 3, 1, 9}, []int{p.Places, p.PlacesTaken, p.Waiting, p.InFlight})
	require.Equal(t, Verifications{2, 1, 1}, p.Verifications)
	require.Equal(t, []Refusals{{"rate-limited", 10}, {"not-found", 1}}, p.Refusals)
	require.Equal(t, Status{1, 10, 1}, p.Status)
	require.Equal(t, Database{Kind: "sqlite", OK: true}, p.Database)
	require.Equal(t, Volatile{"memory", true}, p.Volatile)
	require.Equal(t, b.expires, p.TrustList.Expires)
	require.Empty(t, p.History, "no full slot yet")
	require.Empty(t, p.Alerts)
	rows := map[string]Class{}
	for _, c := range p.Classes {
		rows[c.Class] = c
	}
	require.Len(t, rows, 4)
	scan := rows["scan"]
	require.InDelta(t, 21.8, scan.PerSecond, 0, "109 in five seconds")
	require.InDelta(t, 2, scan.RefusedPerSecond, 0)
	require.InEpsilon(t, 20, scan.P99, .13, "refusals are quick, and no answers")
	require.InEpsilon(t, 20, scan.P50, .13, "who waits for a person is not slow")
	require.InEpsilon(t, 40_000, rows["wait"].P50, .13)
	require.Contains(t, rows, "unmatched")

	// A minute later it is history.
	b.now = started.Add(69 * time.Second)
	p = b.Picture(t.Context())
	require.Len(t, p.History, 6)
	require.Equal(t, started, p.History[0].At)
	require.InDelta(t, 11.5, p.History[0].PerSecond, 0, "probes are not counted")
	require.InDelta(t, 1, p.History[0].RefusedPerSecond, 0)
	require.InEpsilon(t, 20, p.History[0].P99, .13, "who waits for a person is not slow")
	require.Zero(t, p.History[5].PerSecond)
	require.Empty(t, p.Refusals)
	require.Zero(t, p.Verifications)
	for _, c := range p.Classes {
		require.Zero(t, c.PerSecond)
	}
	b.now = started.Add(time.Hour)
	p = b.Picture(t.Context())
	require.Len(t, p.History, 60)
	require.Equal(t, b.now.Add(-10*time.Minute), p.History[0].At)
	require.Equal(t, b.now.Add(-10*time.Second), p.History[59].At)

	data, err := json.Marshal(p)
	require.NoError(t, err)
	for _, member := range []string{`"alerts":[]`, `"refusals":[]`, `"process":"` + p.Process} {
		require.Contains(t, string(data), member)
	}
}

// Each alert has its cause, and nothing else raises it.
func TestAlerts(t *testing.T) {
	ok, scan := httpd.Observed{Class: httpd.ClassRead, Status: 200}, httpd.Observed{Class: httpd.ClassScan, Status: 200}
	refused := httpd.Observed{Class: httpd.ClassScan, Status: 503, Code: httpd.CodeOverloaded}
	failed := httpd.Observed{Class: httpd.ClassRead, Status: 500, Code: httpd.CodeInternal}
	cause := map[string]func(*bench){
		"database-away":           func(b *bench) { b.database = errors.New("away") },
		"database-replica-behind": func(b *bench) { b.standby, b.lag = true, 6*time.Second },
		"volatile-away":           func(b *bench) { b.volatile = errors.New("away") },
		"status-old":              func(b *bench) { b.status.Age = 11 * time.Second },
		"overloaded":              func(b *bench) { b.observe(10, refused); b.observe(990, ok) },
		"errors-rising":           func(b *bench) { b.observe(5, failed); b.observe(495, ok) },
		"scans-slow":              func(b *bench) { scan.Took = time.Second; b.observe(20, scan) },
		"indeterminate-rising": func(b *bench) {
			for range 5 {
				b.cfg.Traffic.Answered("indeterminate")
			}
		},
		"limiter-broken":    func(b *bench) { b.observe(1, httpd.Observed{Class: httpd.ClassRead, Status: 200, LimiterFailed: true}) },
		"trust-list-ending": func(b *bench) { b.issued, b.expires = b.now.Add(-19*time.Hour), b.now.Add(5*time.Hour) },
		"sm2-disagreement":  func(b *bench) { b.differences = 1 },
		"database-slow": func(b *bench) {
			b.slow = 300 * time.Millisecond
			b.Look(context.Background())
			b.Look(context.Background()) // the third is the test's
		},
	}
	for _, r := range rules() {
		require.Contains(t, cause, r.code)
	}
	require.Len(t, cause, len(rules()))
	for code, raise := range cause {
		b := newBench(t)
		require.Empty(t, b.codes(t), code)
		b.now = b.now.Add(time.Second)
		raise(b)
		require.Equal(t, []string{code}, b.codes(t))
	}
	for name, calm := range map[string]func(*bench){
		"few refused":          func(b *bench) { b.observe(9, refused) },
		"refused among many":   func(b *bench) { b.observe(10, refused); b.observe(991, ok) },
		"few errors":           func(b *bench) { b.observe(4, failed) },
		"few scans":            func(b *bench) { b.observe(19, scan) },
		"no lists":             func(b *bench) { b.status = Statuses{Age: time.Hour} },
		"no trust list yet":    func(b *bench) { b.issued, b.expires = time.Time{}, time.Time{} },
		"slow for a moment":    func(b *bench) { b.slow = 300 * time.Millisecond; b.Look(context.Background()); b.slow = 0 },
		"a standby that is up": func(b *bench) { b.standby, b.lag = true, time.Second },
	} {
		b := newBench(t)
		calm(b)
		require.Empty(t, b.codes(t), name)
	}
}

// An alert stays a while after its cause, tells since when, and the oldest comes first.
func TestAlertsComeAndGo(t *testing.T) {
	b := newBench(t)
	b.volatile = errors.New("away")
	first := b.now
	require.Equal(t, []string{"volatile-away"}, b.codes(t))
	b.now = b.now.Add(10 * time.Second)
	b.database = errors.New("away")
	require.Equal(t, []string{"volatile-away", "database-away"}, b.codes(t))
	require.Equal(t, first, b.Picture(t.Context()).Alerts[0].Since)
	b.volatile, b.database = nil, nil
	b.now = b.now.Add(29 * time.Second)
	require.Equal(t, []string{"volatile-away", "database-away"}, b.codes(t), "not calm for long enough")
	require.True(t, b.Picture(t.Context()).Database.OK)
	b.volatile = errors.New("again")
	b.now = b.now.Add(2 * time.Second)
	require.Equal(t, []string{"volatile-away"}, b.codes(t))
	require.Equal(t, first, b.Picture(t.Context()).Alerts[0].Since, "the same one")
	b.volatile = nil
	b.now = b.now.Add(30 * time.Second)
	require.Empty(t, b.codes(t))

	// Who asks and goes, or a process that ends, says nothing of the parts.
	over, cancel := context.WithCancel(t.Context())
	cancel()
	b.database = context.Canceled
	b.Look(over)
	require.True(t, b.Picture(t.Context()).Database.OK)
}

// Sentences are like those of problems, and docs/operations.md has each alert.
func TestAlertsAreToldPlainly(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n### The picture of a process\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	seen := map[string]bool{}
	for _, r := range rules() {
		require.False(t, seen[r.code])
		seen[r.code] = true
		for _, text := range []string{r.title.EN, r.next.EN} {
			require.Less(t, len(text), 90, text)
			require.True(t, strings.HasSuffix(text, "."), text)
			require.NotContains(t, strings.Map(func(r rune) rune {
				if r > unicode.MaxASCII {
					return '?'
				}
				return r
			}, text), "?", text)
		}
		for _, text := range []string{r.title.ZH, r.next.ZH} {
			require.True(t, strings.HasSuffix(text, "。"), text)
		}
		require.Contains(t, section, "| `"+r.code+"` |")
	}
	require.Equal(t, len(seen), strings.Count(section, "\n| `"))
}
