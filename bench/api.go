package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// apiConnections is how many requests are under way at once, for ours and for the baseline: no more than
// admission always lets in on two processors, for what is refused is not measured here.
const apiConnections = 32

// apiRun is what one check over HTTP takes, of ours and of the baseline.
type apiRun struct {
	stores      *stores
	ours, plain *Target
}

// api measures the whole service path of a check over HTTP on loopback, against plain code with the same
// duties (bench/plain/api): the code is looked up and spent, the holder's proof is signed and
// checked, the certificate, its dates and its state are checked, the answer comes with a signed
// receipt, and the record and its entry in the audit log are durable before it leaves. Warm: of
// certificates that were shown before. Cold: each of a certificate that nobody has seen.
func api(ctx context.Context, cfg Config) (_ []Metric, err error) {
	r, err := startAPI(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	var metrics []Metric
	for _, kind := range []struct {
		name  string
		fresh bool
		goal  float64
	}{{"warm", false, 3}, {"cold", true, 2}} {
		m, err := r.measure(ctx, cfg, kind.name, kind.fresh, kind.goal)
		if err != nil {
			return nil, err
		}
		metrics = append(metrics, m...)
	}
	return metrics, nil
}

func startAPI(ctx context.Context, cfg Config) (_ *apiRun, err error) {
	r := &apiRun{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.stores, err = startStores(ctx); err != nil {
		return nil, err
	}
	database, err := r.stores.database(ctx)
	if err != nil {
		return nil, err
	}
	if r.ours, err = startTarget(ctx, r.stores.folder, cfg.profile("api"), "bench-target", "--data", filepath.Join(r.stores.folder, "ours"), "--database", database, "--volatile", r.stores.redis(1)); err != nil {
		return nil, err
	}
	text, err := json.Marshal(r.ours.Sample)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	sample := filepath.Join(r.stores.folder, "sample.json")
	if err := os.WriteFile(sample, text, 0o600); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if database, err = r.stores.database(ctx); err != nil {
		return nil, err
	}
	r.plain, err = startTarget(ctx, r.stores.folder, "", "bench-plain", "--data", filepath.Join(r.stores.folder, "plain"), "--database", database, "--volatile", r.stores.redis(2), "--sample", sample)
	return r, err
}

func (r *apiRun) close() error {
	var errs []error
	for _, t := range []*Target{r.ours, r.plain} {
		if t != nil {
			errs = append(errs, t.close())
		}
	}
	if r.stores != nil {
		errs = append(errs, r.stores.close())
	}
	return errors.Join(errs...)
}

// checks are requests for codes.
func (t *Target) checks(codes []string, receipt bool) ([]shot, error) {
	out := make([]shot, len(codes))
	for i, code := range codes {
		body, err := json.Marshal(map[string]any{"code": code, "purpose": t.Purpose, "receipt": receipt})
		if err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		out[i].text = post(t.Address, "/v1/verifications", t.Token, "", body)
	}
	return out, nil
}

var valid = []byte(`"outcome":"valid"`)

// round sends n checks and returns how many a second were answered, all of them valid.
func (r *apiRun) round(ctx context.Context, t *Target, fresh bool, n int) (perSecond float64, took []time.Duration, cpu time.Duration, err error) {
	codes, err := t.mint(fresh, n)
	if err != nil {
		return 0, nil, 0, err
	}
	shots, err := t.checks(codes, true)
	if err != nil {
		return 0, nil, 0, err
	}
	processes := []int{t.cmd.Process.Pid, r.stores.postgres.PID(), r.stores.volatile.PID()}
	before, _ := cpuTime(processes...)
	replies, all, err := volley(ctx, t.Address, apiConnections, shots, valid)
	if err != nil {
		return 0, nil, 0, err
	}
	after, _ := cpuTime(processes...)
	for _, reply := range replies {
		if !reply.good {
			return 0, nil, 0, fmt.Errorf("bench: a check was answered %d %s: %w", reply.status, reply.said, errors.Join(errNotValid, reply.err))
		}
		took = append(took, reply.took)
	}
	return float64(n) / all.Seconds(), took, after - before, nil
}

var errNotValid = errors.New("not a valid certificate")

func (r *apiRun) measure(ctx context.Context, cfg Config, name string, fresh bool, goal float64) ([]Metric, error) {
	rounds, n := 9, 3000
	if cfg.Quick {
		rounds, n = 2, 400
	}
	var ratios, ours, plain []float64
	var took, plainTook []time.Duration
	var cpu, plainCPU time.Duration
	for i := range rounds + 1 {
		p, pt, pc, err := r.round(ctx, r.plain, fresh, n)
		if err != nil {
			return nil, err
		}
		o, ot, oc, err := r.round(ctx, r.ours, fresh, n)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			continue // pools fill, tables are made
		}
		ratios, ours, plain = append(ratios, o/p), append(ours, o), append(plain, p)
		took, plainTook = append(took, ot...), append(plainTook, pt...)
		cpu, plainCPU = cpu+oc, plainCPU+pc
	}
	metrics := []Metric{Metric{
		Name: "verify_api_" + name + "_ratio", Value: round(median(ratios)), Unit: "x",
		Baseline: fmt.Sprintf("plain handler: %.0f checks/s", median(plain)), Ours: fmt.Sprintf("%.0f checks/s, %d under way", median(ours), apiConnections),
	}.atLeast(goal)}
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", .5}, {"p99", .99}} {
		b, o := milliseconds(quantile(plainTook, q.at)), milliseconds(quantile(took, q.at))
		metrics = append(metrics, Metric{Name: "verify_api_" + name + "_" + q.name + "_ms", Value: o, Unit: "ms", Baseline: fmt.Sprintf("%g ms", b), Ours: fmt.Sprintf("%g ms", o)})
	}
	if cpu > 0 && plainCPU > 0 {
		each := func(d time.Duration) float64 { return round(d.Seconds() * 1e6 / float64(rounds*n)) }
		metrics = append(metrics, Metric{Name: "verify_api_" + name + "_cpu_ratio", Value: round(float64(plainCPU) / float64(cpu)), Unit: "x",
			Baseline: number(each(plainCPU)) + " µs of processor a check, with PostgreSQL and Redis", Ours: number(each(cpu)) + " µs"})
	}
	return metrics, nil
}
