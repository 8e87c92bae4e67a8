package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/sm/comb"
)

// sm2 compares verification of one signature under a key without a table, that is gmsm as it is
// shipped, with the same under a known issuer's key and under a returning device's. Both sides hash
// the same short message; the public key and its Z_A stand ready on both. Ours finds the key among
// the tables each time, as the verifier does.
func sm2(ctx context.Context, cfg Config) ([]Metric, error) {
	k, err := sm.GenerateKey()
	if err != nil {
		return nil, err
	}
	device, err := sm.GenerateKey()
	if err != nil {
		return nil, err
	}
	tables, err := sm.NewTables(sm.TablesConfig{})
	if err != nil {
		return nil, err
	}
	tables.Returning(device.Public())

	var out []Metric
	var failed atomic.Int64
	var gmsm string
	message := []byte("what a signature of a certificate or of a holder's proof covers")
	for _, one := range []struct {
		name    string
		goal    float64
		private *sm.PrivateKey
		meet    func(*sm.PublicKey) *sm.PublicKey
		what    string
	}{
		{"sm2_issuer", 3.5, k, tables.Known, "table of a known key"},
		{"sm2_returning", 1.8, device, tables.Returning, "table of a returning key"},
	} {
		signature, err := one.private.Sign(message)
		if err != nil {
			return out, err
		}
		public := one.private.Public()
		verify := func(meet func(*sm.PublicKey) *sm.PublicKey) func() {
			return func() {
				if meet(public).Verify(message, signature) != nil {
					failed.Add(1)
				}
			}
		}
		baseline, ours := verify(func(k *sm.PublicKey) *sm.PublicKey { return k }), verify(one.meet)
		p, err := compare(ctx, cfg, baseline, ours)
		if err != nil {
			return out, err
		}
		all, err := onAllCores(ctx, cfg, one.name+"_all_cores_ratio", baseline, ours)
		if err != nil {
			return out, err
		}
		if failed.Load() > 0 {
			return out, errors.New("bench: a good signature was refused")
		}
		gmsm = "one verification by gmsm as shipped: " + micros(p.baseline)
		out = append(out, Metric{
			Name: one.name + "_ratio", Value: round(p.ratio), Unit: "x",
			Baseline: "gmsm as shipped: " + micros(p.baseline), Ours: one.what + ": " + micros(p.ours),
		}.atLeast(one.goal), all)
	}

	point := k.Public().Bytes()
	x, y := [32]byte(point[1:33]), [32]byte(point[33:])
	var wideErr, smallErr error
	wide := each(100*time.Millisecond, func() { _, wideErr = comb.NewTable(&x, &y, 8) })
	small := each(100*time.Millisecond, func() { _, smallErr = comb.NewSmallTable(&x, &y) })
	if err := errors.Join(wideErr, smallErr); err != nil {
		return out, err
	}
	return append(out,
		Metric{Name: "sm2_issuer_table_build_ms", Value: round(wide / 1e6), Unit: "ms", Baseline: gmsm},
		Metric{Name: "sm2_issuer_table_kb", Value: float64(comb.WideBytes(8)) / 1024, Unit: "KB", Ours: "windows of 8 bits; and one of " + number(float64(comb.WideBytes(10))/1024) + " KB for the generator in each process"},
		Metric{Name: "sm2_returning_table_build_us", Value: round(small / 1e3), Unit: "µs", Baseline: gmsm},
		Metric{Name: "sm2_returning_table_kb", Value: 4, Unit: "KB"},
	), nil
}

// onAllCores counts verifications a second on every core at once.
func onAllCores(ctx context.Context, cfg Config, name string, baseline, ours func()) (Metric, error) {
	rounds, slice := cfg.rounds()
	cores := runtime.GOMAXPROCS(0)
	perSecond := func(work func()) float64 {
		var wait sync.WaitGroup
		rates := make([]float64, cores)
		for i := range rates {
			wait.Go(func() { rates[i] = 1e9 / each(slice, work) })
		}
		wait.Wait()
		total := 0.0
		for _, rate := range rates {
			total += rate
		}
		return total
	}
	var b, o, r []float64
	for range rounds / 2 {
		if err := ctx.Err(); err != nil {
			return Metric{}, err
		}
		x, y := perSecond(baseline), perSecond(ours)
		b, o, r = append(b, x), append(o, y), append(r, y/x)
	}
	return Metric{
		Name: name, Value: round(median(r)), Unit: "x",
		Baseline: fmt.Sprintf("gmsm as shipped on %d cores: %.0f/s", cores, median(b)), Ours: fmt.Sprintf("%.0f/s", median(o)),
	}, nil
}

func micros(nanos float64) string { return number(round(nanos/1e3)) + " µs" }

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
