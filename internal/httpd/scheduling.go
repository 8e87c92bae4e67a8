package httpd

import (
	runtimemetrics "runtime/metrics"
	"time"
)

// schedulingDelay tells how long goroutines that were ready waited for a processor: nine of ten
// waited no longer. It is the queue in front of the processors, measured where it stands, whatever
// work fills it.
type schedulingDelay struct {
	sample [1]runtimemetrics.Sample
	before []uint64
}

func newSchedulingDelay() *schedulingDelay {
	d := &schedulingDelay{}
	d.sample[0].Name = "/sched/latencies:seconds"
	d.since()
	return d
}

// since covers the time from the last call.
func (d *schedulingDelay) since() time.Duration {
	runtimemetrics.Read(d.sample[:])
	if d.sample[0].Value.Kind() != runtimemetrics.KindFloat64Histogram {
		return 0 // a runtime that does not tell: the other signal remains
	}
	h := d.sample[0].Value.Float64Histogram()
	if len(d.before) != len(h.Counts) {
		d.before = make([]uint64, len(h.Counts))
	}
	var total uint64
	for i, n := range h.Counts {
		total += n - d.before[i]
	}
	var seconds float64
	var seen uint64
	found := false
	for i, n := range h.Counts {
		seen += n - d.before[i]
		if !found && total > 0 && seen*10 >= total*9 {
			seconds, found = max(h.Buckets[i], 0), true // the lower bound: the last bucket has no upper one
		}
		d.before[i] = n
	}
	return time.Duration(seconds * float64(time.Second))
}
