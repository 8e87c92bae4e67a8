package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/sm/comb"
)

// sm2 compares verification of one signature under a key without a table, that is gmsm as it is
// shipped, with the same under a known issuer's key and under a returning device's. Both sides hash
// the same short message; the public key and its Z_A stand ready on both.
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
	known := tables.Known(k.Public())
	tables.Returning(device.Public())
	returning := tables.Returning(device.Public())

	var out []Metric
	var failed error
	verify := func(private *sm.PrivateKey, public *sm.PublicKey) func() {
		message := []byte("a message of one block of SM3, like a digest")
		signature, err := private.Sign(message)
		failed = errors.Join(failed, err)
		return func() {
			if err := public.Verify(message, signature); err != nil {
				failed = errors.Join(failed, err)
			}
		}
	}
	for _, one := range []struct {
		name    string
		goal    float64
		private *sm.PrivateKey
		fast    *sm.PublicKey
		what    string
	}{
		{"sm2_issuer_ratio", 3.5, k, known, "table of a known key"},
		{"sm2_returning_ratio", 1.8, device, returning, "table of a returning key"},
	} {
		p, err := compare(ctx, cfg, verify(one.private, one.private.Public()), verify(one.private, one.fast))
		if err = errors.Join(err, failed); err != nil {
			return out, err
		}
		out = append(out, Metric{
			Name: one.name, Value: round(p.ratio), Unit: "x",
			Baseline: "gmsm as shipped: " + micros(p.baseline), Ours: one.what + ": " + micros(p.ours),
		}.atLeast(one.goal))
	}
	all, err := onAllCores(ctx, cfg, k, known)
	if err != nil {
		return out, err
	}
	out = append(out, all)

	point := k.Public().Bytes()
	x, y := [32]byte(point[1:33]), [32]byte(point[33:])
	wide := each(100*time.Millisecond, func() { _, err = comb.NewTable(&x, &y, 8) })
	small := each(100*time.Millisecond, func() { _, err = comb.NewSmallTable(&x, &y) })
	base, baseErr := comb.NewBase(10)
	if err = errors.Join(err, baseErr); err != nil {
		return out, err
	}
	return append(out,
		Metric{Name: "sm2_issuer_table_build_ms", Value: round(wide / 1e6), Unit: "ms"},
		Metric{Name: "sm2_issuer_table_kb", Value: float64(comb.WideBytes(8)) / 1024, Unit: "KB", Ours: "windows of 8 bits; and one of " + number(float64(base.Bytes())/1024) + " KB for the generator in each process"},
		Metric{Name: "sm2_returning_table_build_us", Value: round(small / 1e3), Unit: "µs"},
		Metric{Name: "sm2_returning_table_kb", Value: 4, Unit: "KB"},
	), nil
}

// onAllCores counts verifications a second on every core at once.
func onAllCores(ctx context.Context, cfg Config, private *sm.PrivateKey, known *sm.PublicKey) (Metric, error) {
	message := []byte("a message of one block of SM3, like a digest")
	signature, err := private.Sign(message)
	if err != nil {
		return Metric{}, err
	}
	rounds, slice := cfg.rounds()
	cores := runtime.GOMAXPROCS(0)
	perSecond := func(k *sm.PublicKey) float64 {
		var mu sync.Mutex
		var wait sync.WaitGroup
		total := 0.0
		for range cores {
			wait.Go(func() {
				nanos := each(slice, func() { _ = k.Verify(message, signature) }) // checked above, once
				mu.Lock()
				defer mu.Unlock()
				total += 1e9 / nanos
			})
		}
		wait.Wait()
		return total
	}
	if err := errors.Join(known.Verify(message, signature), private.Public().Verify(message, signature)); err != nil {
		return Metric{}, err
	}
	var b, o, r []float64
	for range rounds / 2 {
		if err := ctx.Err(); err != nil {
			return Metric{}, err
		}
		x, y := perSecond(private.Public()), perSecond(known)
		b, o, r = append(b, x), append(o, y), append(r, y/x)
	}
	return Metric{
		Name: "sm2_issuer_all_cores_ratio", Value: round(median(r)), Unit: "x",
		Baseline: fmt.Sprintf("gmsm as shipped on %d cores: %.0f/s", cores, median(b)), Ours: fmt.Sprintf("%.0f/s", median(o)),
	}, nil
}

func micros(nanos float64) string { return number(round(nanos/1e3)) + " µs" }

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
