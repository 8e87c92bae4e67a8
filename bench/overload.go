package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// What comes in the mix of an overload, and how much of each: so that scans alone fit at twice the
// capacity, and the rest does not.
const (
	kindScan = iota
	kindRenew
	kindShow
	kindReport
	kinds
)

var (
	kindNames = [kinds]string{"scan", "renewal", "new show", "report"}
	mix       = [10]int{kindScan, kindRenew, kindScan, kindShow, kindRenew, kindScan, kindRenew, kindReport, kindScan, kindRenew}
)

// Point is one step of the overload curve.
type Point struct {
	Offered float64            `json:"offered"` // times the capacity
	Rate    float64            `json:"rate"`    // requests a second
	Good    float64            `json:"good"`    // answered as wanted within a second
	Refused float64            `json:"refused"` // 429 and 503, a second
	Lost    float64            `json:"lost"`    // neither
	Kinds   [kinds]KindOfPoint `json:"kinds"`
	// RefusalP99 is how long a refusal took, in milliseconds; Unsaid are refusals without Retry-After.
	RefusalP99 float64 `json:"refusal_p99_ms"`
	Unsaid     int     `json:"unsaid"`
}

// KindOfPoint is a kind of request in a step.
type KindOfPoint struct {
	Good float64 `json:"good"` // share that was answered as wanted
	P99  float64 `json:"p99_ms"`
}

// overload finds what the service can do, offers it from a quarter to three times as much, and holds
// what it does then against what it did.
func overload(ctx context.Context, cfg Config) (_ []Metric, err error) {
	s, err := startStores(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	database, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	t, err := startTarget(ctx, s.folder, cfg.profile("overload"), "bench-target", "--data", filepath.Join(s.folder, "ours"), "--database", database, "--volatile", s.redis(1))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	steps, length := []float64{.25, .5, .75, 1, 1.25, 1.5, 2, 2.5, 3}, 8*time.Second
	if cfg.Quick {
		steps, length = []float64{.5, 1, 2, 3}, 1500*time.Millisecond
	}
	capacity, err := t.capacity(ctx, length)
	if err != nil {
		return nil, err
	}
	costs, err := t.costs(ctx, capacity, length)
	if err != nil {
		return nil, err
	}
	points := make([]Point, len(steps))
	var at, twice Point
	for i, offered := range steps {
		if points[i], err = t.step(ctx, offered, capacity, length); err != nil {
			return nil, err
		}
		switch offered {
		case 1:
			at = points[i]
		case 2:
			twice = points[i]
		}
	}
	if cfg.Curve != nil {
		cfg.Curve(points)
	}
	return overloadMetrics(capacity, costs, at, twice), nil
}

func overloadMetrics(capacity float64, costs [kinds]float64, at, twice Point) []Metric {
	best := max(at.Good, 1)
	metrics := []Metric{
		Metric{Name: "overload_goodput_ratio", Value: round(twice.Good / best), Unit: "x", Baseline: fmt.Sprintf("at capacity: %.0f good answers/s", at.Good), Ours: fmt.Sprintf("at twice: %.0f good, %.0f refused/s", twice.Good, twice.Refused)}.atLeast(.9),
		{Name: "overload_capacity", Value: round(capacity), Unit: "requests/s", Ours: "mixed, as many as are answered"},
		{Name: "overload_refusal_p99_ms", Value: twice.RefusalP99, Unit: "ms", Ours: fmt.Sprintf("at twice the capacity; %d without Retry-After, %.0f/s lost", twice.Unsaid, twice.Lost)},
		{Name: "overload_scans_kept", Value: round(100 * twice.Kinds[kindScan].Good), Unit: "%", Baseline: fmt.Sprintf("renewals %.0f %%, new shows %.0f %%, reports %.0f %%", 100*twice.Kinds[kindRenew].Good, 100*twice.Kinds[kindShow].Good, 100*twice.Kinds[kindReport].Good), Ours: "of the scans are answered at twice the capacity"},
		{Name: "overload_scan_p99_ms", Value: twice.Kinds[kindScan].P99, Unit: "ms", Baseline: fmt.Sprintf("at capacity %g ms", at.Kinds[kindScan].P99), Ours: "of scans, at twice the capacity"},
	}
	// Scans come first and cost the most, so at twice the capacity the same work is fewer answers.
	var each []string
	for kind, cost := range costs {
		each = append(each, fmt.Sprintf("%s %.2f ms", kindNames[kind], 1e3*cost))
	}
	metrics = append(metrics, Metric{Name: "overload_work_ratio", Value: round(twice.work(costs) / max(at.work(costs), 1e-9)), Unit: "x",
		Baseline: "the work in good answers at capacity, each kind by what it takes alone", Ours: "at twice: " + strings.Join(each, ", ")})
	quick := twice.RefusalP99 < 50 && twice.Unsaid == 0
	metrics[2].Goal, metrics[2].Met = "< 50", &quick
	kept := twice.Kinds[kindScan].Good >= twice.Kinds[kindRenew].Good && twice.Kinds[kindRenew].Good >= twice.Kinds[kindReport].Good
	metrics[3].Goal, metrics[3].Met = "before renewals", &kept
	return metrics
}

// mixed are n requests in the mix.
func (t *Target) mixed(n int) ([]shot, error) { return t.shots(n, mix[:]) }

// shots are n requests whose kinds come round and round.
func (t *Target) shots(n int, round []int) ([]shot, error) {
	scans := 0
	for i := range n {
		if round[i%len(round)] == kindScan {
			scans++
		}
	}
	codes, err := t.mint(false, scans)
	if err != nil {
		return nil, err
	}
	checks, err := t.checks(codes, false)
	if err != nil {
		return nil, err
	}
	shots := make([]shot, n)
	for i := range shots {
		kind := round[i%len(round)]
		p := t.People[i%len(t.People)]
		switch kind {
		case kindScan:
			shots[i], checks = checks[0], checks[1:]
		case kindRenew:
			shots[i].text = post(t.Address, "/v1/wallet/shows/"+p.Shows[i/len(t.People)%len(p.Shows)]+"/codes", p.Token, "", nil)
		case kindShow:
			body, err := json.Marshal(map[string]string{"identifier": p.Identifier, "view": "identity"})
			if err != nil {
				return nil, fmt.Errorf("bench: %w", err)
			}
			shots[i].text = post(t.Address, "/v1/wallet/shows", p.Token, "", body)
		case kindReport:
			shots[i].text = get(t.Address, "/v1/disputes", t.Operator)
		}
		shots[i].kind = kind
	}
	return shots, nil
}

// capacity is how many requests of the mix are answered a second when as many come as are answered.
func (t *Target) capacity(ctx context.Context, length time.Duration) (float64, error) {
	best := 0.0
	n := 1000
	for range 3 {
		shots, err := t.mixed(n)
		if err != nil {
			return 0, err
		}
		replies, took, err := volley(ctx, t.Address, 32, shots, nil)
		if err != nil {
			return 0, err
		}
		good := 0
		for _, r := range replies {
			if r.good {
				good++
			}
		}
		best = max(best, float64(good)/took.Seconds())
		n = int(best * length.Seconds() / 2)
	}
	return best, nil
}

// costs is what a request of each kind takes of the whole machine, in seconds: one over how many of it
// alone are answered a second.
func (t *Target) costs(ctx context.Context, capacity float64, length time.Duration) (costs [kinds]float64, err error) {
	for kind := range kinds {
		shots, err := t.shots(max(100, int(capacity*length.Seconds()/8)), []int{kind})
		if err != nil {
			return costs, err
		}
		replies, took, err := volley(ctx, t.Address, 32, shots, nil)
		if err != nil {
			return costs, err
		}
		good := 0
		for _, r := range replies {
			if r.good {
				good++
			}
		}
		costs[kind] = took.Seconds() / float64(max(good, 1))
	}
	return costs, nil
}

// work is how much of the machine's second the good answers of a step took.
func (p Point) work(costs [kinds]float64) (sum float64) {
	for _, kind := range mix {
		sum += p.Rate / float64(len(mix)) * p.Kinds[kind].Good * costs[kind]
	}
	return sum
}

// step offers some of the capacity for a while.
func (t *Target) step(ctx context.Context, offered, capacity float64, length time.Duration) (Point, error) {
	p := Point{Offered: offered, Rate: round(offered * capacity)}
	shots, err := t.mixed(int(p.Rate * length.Seconds()))
	if err != nil {
		return p, err
	}
	replies, err := barrage(ctx, t.Address, 512, p.Rate, shots, nil)
	if err != nil {
		return p, err
	}
	var took [kinds][]time.Duration
	var sent, good [kinds]int
	var refusals []time.Duration
	for _, r := range replies {
		sent[r.kind]++
		whole := r.late + r.took
		switch {
		case r.status == 429 || r.status == 503:
			p.Refused++
			refusals = append(refusals, r.took)
			if !r.retryAfter {
				p.Unsaid++
			}
		case r.good && whole <= time.Second:
			good[r.kind]++
			p.Good++
			took[r.kind] = append(took[r.kind], whole)
		default:
			p.Lost++
		}
	}
	for k := range kinds {
		p.Kinds[k] = KindOfPoint{Good: float64(good[k]) / float64(max(sent[k], 1)), P99: milliseconds(quantile(took[k], .99))}
	}
	p.RefusalP99 = milliseconds(quantile(refusals, .99))
	seconds := length.Seconds()
	p.Good, p.Refused, p.Lost = round(p.Good/seconds), round(p.Refused/seconds), round(p.Lost/seconds)
	return p, nil
}
